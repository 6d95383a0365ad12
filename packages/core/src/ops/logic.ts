/** Truth values and bits: what has no gradient. */
import type { BinaryName } from "@tapegrad/kernels";
import { asTensor } from "../apply.ts";
import { checkAtLeast } from "../check.ts";
import { DTypeError } from "../errors.ts";
import { defineOp, type TensorLike } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { all } from "./aggregate.ts";
import { checkWhole, floated } from "./arguments.ts";
import { eq, le, lt, ne } from "./compare.ts";
import { abs, sub } from "./elementwise.ts";
import { detach, to } from "./layout.ts";

function bits(name: BinaryName, symbol: string, tex: string, shifts = false) {
  return defineOp({
    name,
    inputs: ["a", "b"],
    bools: shifts ? "refuse" : true,
    shape: ({ a, b }) => {
      checkWhole(name, a, b);
      return broadcastShapes(name, a.shape, b.shape);
    },
    forward: ({ a, b }, y, kernels) => kernels.binary(name, a, b, y),
    batch: "broadcast",
    grad: { a: null, b: null },
    symbol,
    tex: { y: tex },
  });
}

/** Bit by bit, 1 where both have it; of bools, "and". @throws DTypeError for floats, as the others here */
export const bitwiseAnd = bits("bitwiseAnd", "&", "a \\land b");
/** Bit by bit, 1 where either has it; of bools, "or". */
export const bitwiseOr = bits("bitwiseOr", "|", "a \\lor b");
/** Bit by bit, 1 where just one has it; of bools, "exclusive or". */
export const bitwiseXor = bits("bitwiseXor", "^", "a \\oplus b");
/** a·2ᵇ; bits that leave the type are dropped, and all do where b is negative or not below their number. */
export const bitwiseLeftShift = bits("shiftLeft", "<<", "a \\cdot 2^b", true);
/** a/2ᵇ rounded down; where b is no place of a bit, 0 or (of negative a) −1. */
export const bitwiseRightShift = bits("shiftRight", ">>", "\\lfloor a / 2^b \\rfloor", true);

/** Every bit the other way; of bools, "not". */
export function bitwiseNot(x: Tensor): Tensor {
  const input = asTensor("bitwiseNot", "x", x);
  checkWhole("bitwiseNot", input);
  const ones = input.dtype === "uint8" ? 255 : -1;
  return input.dtype === "bool" ? logicalNot(input) : bitwiseXor(input, ones);
}

/** x as truth values: what is not 0 (NaN too) is true. */
function truth(op: string, input: string, x: TensorLike): Tensor {
  const given = asTensor(op, input, x);
  return given.dtype === "bool" ? given : to(given, "bool");
}

/** Whether both are true; any dtype, what is not 0 is true. Result: bool. */
export function logicalAnd(a: TensorLike, b: TensorLike): Tensor {
  return bitwiseAnd(truth("logicalAnd", "a", a), truth("logicalAnd", "b", b));
}

/** Whether either is true. */
export function logicalOr(a: TensorLike, b: TensorLike): Tensor {
  return bitwiseOr(truth("logicalOr", "a", a), truth("logicalOr", "b", b));
}

/** Whether just one is true. */
export function logicalXor(a: TensorLike, b: TensorLike): Tensor {
  return bitwiseXor(truth("logicalXor", "a", a), truth("logicalXor", "b", b));
}

/** Whether x is 0. */
export function logicalNot(x: TensorLike): Tensor {
  return eq(asTensor("logicalNot", "x", x), 0);
}

/** Whether x is NaN. */
export function isnan(x: TensorLike): Tensor {
  const input = asTensor("isnan", "x", x);
  return ne(input, input);
}

/** Whether x is ∞ or −∞. */
export function isinf(x: TensorLike): Tensor {
  return eq(magnitude("isinf", x), Infinity);
}

/** Whether x is neither infinite nor NaN. */
export function isfinite(x: TensorLike): Tensor {
  return lt(magnitude("isfinite", x), Infinity);
}

function magnitude(op: string, x: TensorLike): Tensor {
  const input = asTensor(op, "x", x);
  // Whole numbers are finite; their own magnitude may not fit their type.
  return abs(floated(input));
}

/** Options of {@link isclose} and {@link allclose}. */
export interface CloseOptions {
  /** Allowed difference as a part of |b|. Default 1e-5. */
  rtol?: number;
  /** Allowed difference besides. Default 1e-8. */
  atol?: number;
  /** Whether NaN is close to NaN. Default false. */
  equalNan?: boolean;
}

/** Whether a = b, or both are finite and |a − b| ≤ atol + rtol·|b|. @throws DTypeError unless the dtypes are equal */
export function isclose(
  a: Tensor,
  b: TensorLike,
  { rtol = 1e-5, atol = 1e-8, equalNan = false }: CloseOptions = {},
): Tensor {
  checkAtLeast("isclose", "rtol", rtol, 0);
  checkAtLeast("isclose", "atol", atol, 0);
  const left = asTensor("isclose", "a", a);
  const right = asTensor("isclose", "b", b, left.dtype);
  if (typeof b !== "number" && left.dtype !== right.dtype) {
    throw new DTypeError(
      `isclose: a is ${left.dtype} and b is ${right.dtype}; convert one with to(…).`,
    );
  }
  const first = to(detach(left), "float64");
  const second = to(detach(right), "float64");
  const near = le(abs(sub(first, second)), abs(second).mul(rtol).add(atol));
  const finite = bitwiseAnd(isfinite(first), isfinite(second));
  const close = bitwiseOr(eq(first, second), bitwiseAnd(near, finite));
  return equalNan ? bitwiseOr(close, bitwiseAnd(isnan(first), isnan(second))) : close;
}

/** Whether all of a is close to b; see {@link isclose}. */
export function allclose(a: Tensor, b: TensorLike, options?: CloseOptions): boolean {
  return all(isclose(a, b, options)).item() === 1;
}
