/** How composed functions take their arguments. */
import { asTensor, describe } from "../apply.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ValueError } from "../errors.ts";
import type { TensorLike } from "../op.ts";
import type { Tensor } from "../tensor.ts";
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
