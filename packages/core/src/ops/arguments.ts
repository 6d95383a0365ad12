/** How composed functions take their arguments. */
import { asTensor, describe } from "../apply.ts";
import { isFloat, meetingDType } from "../dtype.ts";
import { DTypeError, ValueError } from "../errors.ts";
import type { TensorLike } from "../op.ts";
import { Tensor } from "../tensor.ts";
import { to } from "./layout.ts";

/** The input as a tensor of floats; integers become float32. @throws ValueError for what is no tensor or number */
export function asInput(op: string, input: string, x: TensorLike): Tensor {
  const given = asTensor(op, input, x);
  return isFloat(given.dtype) ? given : to(given, "float32");
}

/** As {@link asInput}, for a second input: a number takes the first one's dtype. */
export function asBeside(op: string, input: string, x: TensorLike, first: Tensor): Tensor {
  const given = asTensor(op, input, x, first.dtype);
  return isFloat(given.dtype) ? given : to(given, "float32");
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

/** @throws ValueError unless the number is finite and at least (or, if `above`, more than) `low` */
export function checkAtLeast(
  op: string,
  argument: string,
  value: number,
  low: number,
  above = false,
): void {
  const fits = Number.isFinite(value) && (above ? value > low : value >= low);
  if (!fits) {
    const shown = typeof value === "number" ? value : describe(value);
    throw new ValueError(
      `${op}: ${argument} is ${shown}; it must be a finite number ${above ? "above" : "of at least"} ${low}.`,
    );
  }
}
