/** How composed functions take their arguments. */
import { asTensor } from "../apply.ts";
import { isFloat, meetingDType } from "../dtype.ts";
import { DTypeError } from "../errors.ts";
import type { TensorLike } from "../op.ts";
import { Tensor } from "../tensor.ts";
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

/** Both as tensors; a number takes the other's dtype where that keeps its kind. */
export function asPair(op: string, a: TensorLike, b: TensorLike): [a: Tensor, b: Tensor] {
  const first = asTensor(op, "a", a, b instanceof Tensor ? b.dtype : undefined);
  return [first, asTensor(op, "b", b, first.dtype)];
}

/** As {@link asPair}, of the float dtype in which they meet; integers become float32. */
export function asFloats(op: string, a: TensorLike, b: TensorLike): [a: Tensor, b: Tensor] {
  const [first, second] = asPair(op, a, b);
  const met = meetingDType([first, second]);
  const dtype = isFloat(met) ? met : "float32";
  return [to(first, dtype), to(second, dtype)];
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
