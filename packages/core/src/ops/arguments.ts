/** How composed functions take their arguments. */
import { asTensor } from "../apply.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError } from "../errors.ts";
import type { TensorLike } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { to } from "./layout.ts";

/** x itself, or as float32 if it has whole numbers: where results are fractions. */
export function floated(x: Tensor): Tensor {
  return isFloat(x.dtype) ? x : to(x, "float32");
}

/** The input as {@link floated}. @throws ValueError for what is no tensor or number */
export function asInput(op: string, input: string, x: TensorLike): Tensor {
  return floated(asTensor(op, input, x));
}

/** As {@link asInput}, for a second input: a number takes the first one's dtype. */
export function asBeside(op: string, input: string, x: TensorLike, first: Tensor): Tensor {
  return floated(asTensor(op, input, x, first.dtype));
}

/** @throws DTypeError unless both are whole numbers or bools */
export function checkWhole(op: string, ...inputs: readonly Tensor[]): void {
  const float = inputs.find((x) => isFloat(x.dtype));
  if (float !== undefined) {
    throw new DTypeError(
      `${op}: an input is ${float.dtype}; it works on int32, uint8 and bool, so convert with to("int32") first.`,
    );
  }
}
