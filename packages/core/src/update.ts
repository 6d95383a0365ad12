import { defaultKernels, release, type UpdateName } from "@tapegrad/kernels";
import { isFloat } from "./dtype.ts";
import { DTypeError, ShapeError } from "./errors.ts";
import { formatShape, sameShape } from "./shape.ts";
import { changeInPlace, emptyTensor, type Tensor } from "./tensor.ts";

/**
 * One fused optimizer step, in place and off the tape: `tensors` are the parameter, its gradient, and
 * what the optimizer remembers, all of one shape and dtype; `hyper` are the numbers that the kernel
 * lists (see `Kernels.update`). All but the gradient are written, and their versions move.
 *
 * @param changedBy  who to name when a rule finds its saved value changed, such as "SGD.step"
 * @throws ShapeError, DTypeError if the tensors don't match; nothing is written then
 */
export function updateInPlace(
  name: UpdateName,
  tensors: readonly Tensor[],
  hyper: readonly number[],
  changedBy: string,
): void {
  const parameter = tensors[0]!;
  if (!isFloat(parameter.dtype)) {
    throw new DTypeError(
      `${changedBy}: the parameter is ${parameter.dtype}; it must be float32 or float64.`,
    );
  }
  tensors.forEach((x, i) => {
    checkOperand(changedBy, x, parameter, i === 1 ? "the gradient" : "the optimizer's state");
  });
  // The kernel walks plain arrays; a strided operand takes part as a packed copy.
  const packed = tensors.map((x) => (x.isContiguous ? x : packedCopy(x)));
  const run = () => defaultKernels().update(name, packed, hyper);
  const written = tensors.filter((_, i) => i !== 1);
  // Each written operand's version moves around the one call.
  written.reduceRight<() => void>((inner, x) => () => changeInPlace(x, changedBy, inner), run)();
  tensors.forEach((x, i) => {
    const copy = packed[i]!;
    if (copy === x) return;
    if (i !== 1) defaultKernels().copy(copy, x);
    release(copy.storage!);
  });
}

function packedCopy(x: Tensor): Tensor {
  const copy = emptyTensor(x.shape, x.dtype);
  defaultKernels().copy(x, copy);
  return copy;
}

function checkOperand(by: string, x: Tensor, parameter: Tensor, what: string): void {
  if (!sameShape(x.shape, parameter.shape)) {
    throw new ShapeError(
      `${by}: ${what} has shape ${formatShape(x.shape)} and the parameter ${formatShape(parameter.shape)}; they must be equal.`,
    );
  }
  if (x.dtype !== parameter.dtype) {
    throw new DTypeError(
      `${by}: ${what} is ${x.dtype} and the parameter ${parameter.dtype}; they must be equal.`,
    );
  }
  if (x === parameter && x.shape.some((size, i) => size > 1 && x.strides[i] === 0)) {
    throw new ShapeError(
      `${by}: the parameter, an expanded tensor of shape ${formatShape(x.shape)}, shows the same element at several places; make it of a clone().`,
    );
  }
}
