/** Masks: choosing elements by a bool tensor. */
import { applyInPlace, checkTensor } from "../apply.ts";
import { refuseShaping } from "../batched.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { TensorLike } from "../op.ts";
import { broadcastShapes, formatShape, sameShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { eachSample } from "./batching.ts";
import { where } from "./compare.ts";
import { indexSelect, maskPositions } from "./indexing.ts";
import { copyOp, expand, narrow, reshape } from "./layout.ts";
import { fitting, scatter } from "./scatter.ts";

function checkMask(op: string, x: Tensor, mask: Tensor): void {
  checkTensor(op, "x", x);
  checkTensor(op, "the mask", mask);
  if (mask.dtype !== "bool") {
    throw new DTypeError(`${op}: the mask is ${mask.dtype}; it must be bool, such as x.gt(0).`);
  }
  broadcastShapes(op, x.shape, mask.shape);
}

/**
 * x with the value where the mask is true.
 *
 * @param mask   bool, broadcastable with x
 * @param value  a number or a tensor without axes
 */
export function maskedFill(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  return filled("maskedFill", x, mask, value);
}

/** {@link maskedFill} in place. */
export function maskedFill_(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  return applyInPlace(
    copyOp.op,
    x,
    [filled("maskedFill_", x, mask, value)],
    undefined,
    "maskedFill_",
  );
}

function filled(op: string, x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  checkMask(op, x, mask);
  const one = fitting(op, "the value", value, x);
  if (one.rank > 0) {
    throw new ShapeError(
      `${op}: the value is ${formatShape(one.shape)}; it must be a number or a tensor without axes. Use where to choose between tensors.`,
    );
  }
  return where(mask, one, x);
}

/** The elements where the mask is true, in row-major order: [n]. x and mask broadcast. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  checkMask("maskedSelect", x, mask);
  refuseShaping("maskedSelect", mask);
  const shape = broadcastShapes("maskedSelect", x.shape, mask.shape);
  const flat = reshape(expand(x, shape), [sizeOf(shape)]);
  return indexSelect(flat, 0, maskPositions(expand(mask, shape)));
}

/**
 * x with its elements where the mask is true replaced by the source's, both in row-major order.
 *
 * @param mask    bool, broadcastable to x
 * @param source  with at least as many elements as the mask has true ones
 */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  return scattered("maskedScatter", x, mask, source);
}

/** {@link maskedScatter} in place. */
export function maskedScatter_(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  return applyInPlace(
    copyOp.op,
    x,
    [scattered("maskedScatter_", x, mask, source)],
    undefined,
    "maskedScatter_",
  );
}

function scattered(op: string, x: Tensor, mask: Tensor, source: Tensor): Tensor {
  checkMask(op, x, mask);
  checkTensor(op, "the source", source);
  const values = fitting(op, "the source", source, x);
  if (!sameShape(broadcastShapes(op, x.shape, mask.shape), x.shape)) {
    throw new ShapeError(
      `${op}: the mask is ${formatShape(mask.shape)}; it must broadcast to x's shape ${formatShape(x.shape)}.`,
    );
  }
  return eachSample([x, expand(mask, x.shape), values], ([sample, chosen, from]) =>
    filledIn(op, sample!, chosen!, from!),
  );
}

function filledIn(op: string, x: Tensor, mask: Tensor, source: Tensor): Tensor {
  const positions = maskPositions(mask);
  if (positions.size > source.size) {
    throw new ShapeError(
      `${op}: the mask asks for ${positions.size} elements, and the source of shape ${formatShape(source.shape)} has ${source.size}.`,
    );
  }
  const taken = narrow(reshape(source, [source.size]), 0, 0, positions.size);
  return reshape(scatter(reshape(x, [x.size]), 0, positions, taken), x.shape);
}
