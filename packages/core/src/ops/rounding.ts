/** Rounding, remainders, bounds, and what else chooses among values. Kinks and ties follow PyTorch. */
import { asTensor } from "../apply.ts";
import { bottomOf } from "../batched.ts";
import { checkNumber } from "../check.ts";
import { isFloat } from "../dtype.ts";
import { ValueError } from "../errors.ts";
import { defineOp, type OpFunction, type TensorLike } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import { show } from "../show.ts";
import type { Tensor } from "../tensor.ts";
import { any } from "./aggregate.ts";
import { asBeside, asInput, asPair } from "./arguments.ts";
import { eq, ge, gt, lt, where } from "./compare.ts";
import { add, div, mul, sub } from "./elementwise.ts";
import { clone, to } from "./layout.ts";
import { bitwiseOr, isnan } from "./logic.ts";
import { withScratch } from "./windows.ts";

/** A step function: flat, so its gradient is 0. */
function steps(name: "floor" | "ceil" | "round" | "trunc", tex: string) {
  return defineOp({
    name,
    inputs: ["x"],
    elementwise: name,
    domain: "float",
    grad: { x: (dy) => dy.mul(0) },
    tex: { y: tex, x: "0" },
    kinks: "0 everywhere, at the steps, too.",
  });
}

export const floorOp = steps("floor", "\\lfloor x \\rfloor");
export const ceilOp = steps("ceil", "\\lceil x \\rceil");
export const roundOp = steps("round", "\\operatorname{round} x");
export const truncOp = steps("trunc", "\\operatorname{trunc} x");

/** Whole numbers are rounded already. */
function unlessWhole(f: OpFunction<[x: TensorLike]>, x: TensorLike): Tensor {
  const input = asTensor(f.op.name, "x", x);
  return isFloat(input.dtype) ? f(input) : clone(input);
}

/** The largest whole number not above x. */
export function floor(x: TensorLike): Tensor {
  return unlessWhole(floorOp, x);
}

/** The smallest whole number not below x. */
export function ceil(x: TensorLike): Tensor {
  return unlessWhole(ceilOp, x);
}

/** x without its fraction. */
export function trunc(x: TensorLike): Tensor {
  return unlessWhole(truncOp, x);
}

/** Options of {@link round}. */
export interface RoundOptions {
  /** Digits after the point; negative for tens, hundreds, …. Default 0. */
  decimals?: number;
}

/** The nearest whole number (or with so many decimals), halves to the even one. */
export function round(x: TensorLike, { decimals = 0 }: RoundOptions = {}): Tensor {
  if (!Number.isInteger(decimals)) {
    throw new ValueError(`round: decimals is ${decimals}; it must be a whole number.`);
  }
  if (decimals === 0) return unlessWhole(roundOp, x);
  const input = asInput("round", "x", x);
  const power = 10 ** Math.abs(decimals);
  if (decimals > 0) return roundOp(input.mul(power)).div(power);
  return roundOp(input.div(power)).mul(power);
}

/** The fraction x − trunc(x), with x's sign. */
export function frac(x: TensorLike): Tensor {
  const input = asInput("frac", "x", x);
  return sub(input, truncOp(input));
}

function hasZero(x: Tensor): boolean {
  return any(eq(bottomOf(x), 0)).item() === 1;
}

/** @throws ValueError for whole numbers divided by 0, which have no answer */
function checkDivisor(op: string, a: Tensor, b: Tensor): void {
  if (!isFloat(a.dtype) && !isFloat(b.dtype) && hasZero(b)) {
    throw new ValueError(
      `${op}: the divisor has a 0, by which whole numbers can't be divided; convert to float first.`,
    );
  }
}

function division(
  op: string,
  f: OpFunction<[a: TensorLike, b: TensorLike]>,
  a: TensorLike,
  b: TensorLike,
): Tensor {
  const [first, second] = asPair(op, a, b);
  checkDivisor(op, first, second);
  return f(first, second);
}

export const fmodOp = defineOp({
  name: "fmod",
  inputs: ["a", "b"],
  elementwise: "fmod",
  saves: ["a", "b"],
  grad: {
    a: (dy) => dy,
    b: (dy, { a, b }) => dy.mul(trunc(a.div(b))).neg(),
  },
  tex: { y: "a - b \\operatorname{trunc}(a / b)", a: "1", b: "-\\operatorname{trunc}(a / b)" },
  kinks: "At a jump, that of the quotient there.",
});

/** a − b·trunc(a/b), exactly: the remainder with a's sign, C's fmod. @throws ValueError for whole numbers by 0 */
export function fmod(a: TensorLike, b: TensorLike): Tensor {
  return division("fmod", fmodOp, a, b);
}

export const remainderOp = defineOp({
  name: "remainder",
  inputs: ["a", "b"],
  elementwise: "remainder",
  saves: ["a", "b"],
  grad: {
    a: (dy) => dy,
    b: (dy, { a, b }): Tensor => dy.mul(floorDivideOp(a, b)).neg(),
  },
  tex: { y: "a - b \\lfloor a / b \\rfloor", a: "1", b: "-\\lfloor a / b \\rfloor" },
  kinks: "At a jump, that of the quotient there.",
});

/** a − b·floor(a/b): the remainder with b's sign, Python's %. @throws ValueError for whole numbers by 0 */
export function remainder(a: TensorLike, b: TensorLike): Tensor {
  return division("remainder", remainderOp, a, b);
}

/** How a quotient becomes whole. */
export type RoundingMode = "trunc" | "floor";

/** a / b, rounded: whole numbers stay whole. Flat, so its gradient is 0. */
export const roundedDivideOp = defineOp({
  name: "roundedDivide",
  inputs: ["a", "b"],
  batch: "broadcast",
  shape: ({ a, b }) => broadcastShapes("div", a.shape, b.shape),
  forward: ({ a, b }, y, kernels, mode: RoundingMode) => {
    if (mode === "floor") {
      kernels.binary("floorDivide", a, b, y);
    } else if (isFloat(y.dtype)) {
      kernels.binary("div", a, b, y);
      kernels.unary("trunc", y, y);
    } else {
      // In float64, quotients of 32-bit numbers are far enough from the next whole number.
      withScratch(y.shape, "float64", (quotient) => {
        withScratch(y.shape, "float64", (divisor) => {
          kernels.copy(a, quotient);
          kernels.copy(b, divisor);
          kernels.binary("div", quotient, divisor, quotient);
          kernels.copy(quotient, y);
        });
      });
    }
  },
  grad: { a: (dy) => dy.mul(0), b: (dy) => dy.mul(0) },
  tex: { y: "\\operatorname{trunc}(a / b),\\ \\lfloor a / b \\rfloor", a: "0", b: "0" },
  kinks: "0 everywhere, at the steps, too.",
});

/** @internal The mode of `div`, if it has one. @throws ValueError for an unknown one, or whole numbers by 0 */
export function checkedRounding(
  op: string,
  mode: RoundingMode,
  a: TensorLike,
  b: TensorLike,
): [a: Tensor, b: Tensor] {
  if (mode !== "trunc" && mode !== "floor") {
    throw new ValueError(
      `${op}: roundingMode is ${show(mode)}; it must be "trunc" or "floor", or null for none.`,
    );
  }
  const [first, second] = asPair(op, a, b);
  checkDivisor(op, first, second);
  return [first, second];
}

export const floorDivideOp = defineOp({
  name: "floorDivide",
  inputs: ["a", "b"],
  elementwise: "floorDivide",
  grad: { a: null, b: null },
  tex: { y: "\\lfloor a / b \\rfloor" },
});

/** floor(a/b), Python's //; no gradient passes. @throws ValueError for whole numbers by 0 */
export function floorDivide(a: TensorLike, b: TensorLike): Tensor {
  return division("floorDivide", floorDivideOp, a, b);
}

/** max(x, min), NaN if either is. The gradient is x's at the bound. */
export const clampMin = defineOp({
  name: "clampMin",
  inputs: ["x", "min"],
  elementwise: "maximum",
  saves: ["x", "min"],
  grad: {
    x: (dy, { x, min }) => where(ge(x, min), dy, 0),
    min: (dy, { x, min }) => where(lt(x, min), dy, 0),
  },
  tex: { y: "\\max(x, m)", x: "[x \\ge m]", min: "[x < m]" },
  kinks: "All of it is x’s where x = m.",
});

/** min(x, max), NaN if either is. The gradient is x's at the bound. */
export const clampMax = defineOp({
  name: "clampMax",
  inputs: ["x", "max"],
  elementwise: "minimum",
  saves: ["x", "max"],
  grad: {
    x: (dy, { x, max }) => where(ge(max, x), dy, 0),
    max: (dy, { x, max }) => where(lt(max, x), dy, 0),
  },
  tex: { y: "\\min(x, m)", x: "[x \\le m]", max: "[x > m]" },
  kinks: "All of it is x’s where x = m.",
});

/**
 * y = min(max(x, min), max): `max` where the two cross. At the bounds the gradient is x's.
 *
 * @param min  number or tensor; null or undefined for none
 * @throws ValueError if there is neither
 */
export function clamp(x: TensorLike, min?: TensorLike | null, max?: TensorLike | null): Tensor {
  const input = asTensor("clamp", "x", x);
  const [low, high] = [min ?? null, max ?? null];
  if (low === null && high === null) {
    throw new ValueError("clamp: there is neither min nor max; give at least one of them.");
  }
  const above = low === null ? input : clampMin(input, asTensor("clamp", "min", low, input.dtype));
  return high === null ? above : clampMax(above, asTensor("clamp", "max", high, above.dtype));
}

/** max(a, b), of NaN and a number the number. Equal values: the gradient goes to a. */
export function fmax(a: TensorLike, b: TensorLike): Tensor {
  const [first, second] = asPair("fmax", a, b);
  return where(bitwiseOr(ge(first, second), isnan(second)), first, second);
}

/** min(a, b), of NaN and a number the number. Equal values: the gradient goes to a. */
export function fmin(a: TensorLike, b: TensorLike): Tensor {
  const [first, second] = asPair("fmin", a, b);
  return where(bitwiseOr(ge(second, first), isnan(second)), first, second);
}

/** y = a + weight·(b − a), computed from b's end where weight ≥ ½, so that it meets both ends exactly. */
export function lerp(a: Tensor, b: Tensor, weight: TensorLike): Tensor {
  const first = asInput("lerp", "a", a);
  const second = asBeside("lerp", "b", b, first);
  const part = asBeside("lerp", "weight", weight, first);
  const way = sub(second, first);
  const fromA = add(first, mul(part, way));
  const fromB = sub(second, mul(way, sub(1, part)));
  if (typeof weight === "number") return weight < 0.5 ? fromA : fromB;
  return where(lt(part, 0.5), fromA, fromB);
}

/** Options of {@link addcmul} and {@link addcdiv}. */
export interface ValueOptions {
  /** Factor of the product or quotient. Default 1. */
  value?: number;
}

/** y = x + value·a·b. */
export function addcmul(
  x: Tensor,
  a: TensorLike,
  b: TensorLike,
  { value = 1 }: ValueOptions = {},
): Tensor {
  checkNumber("addcmul", "value", value);
  const first = asTensor("addcmul", "x", x);
  const product = mul(
    asTensor("addcmul", "a", a, first.dtype),
    asTensor("addcmul", "b", b, first.dtype),
  );
  return add(first, product, { alpha: value });
}

/** y = x + value·a/b. */
export function addcdiv(
  x: Tensor,
  a: TensorLike,
  b: TensorLike,
  { value = 1 }: ValueOptions = {},
): Tensor {
  checkNumber("addcdiv", "value", value);
  const first = asTensor("addcdiv", "x", x);
  const quotient = div(
    asTensor("addcdiv", "a", a, first.dtype),
    asTensor("addcdiv", "b", b, first.dtype),
  );
  return add(first, quotient, { alpha: value });
}

/** Options of {@link nanToNum}. */
export interface NanToNumOptions {
  /** In place of NaN. Default 0. */
  nan?: number;
  /** In place of ∞. Default: the largest finite number of the dtype. */
  posinf?: number;
  /** In place of −∞. Default: the least finite number of the dtype. */
  neginf?: number;
}

const largest = { float32: (2 - 2 ** -23) * 2 ** 127, float64: Number.MAX_VALUE };

/** x with numbers in place of NaN, ∞ and −∞, where the gradient is 0. */
export function nanToNum(x: Tensor, { nan = 0, posinf, neginf }: NanToNumOptions = {}): Tensor {
  const input = asTensor("nanToNum", "x", x);
  if (!isFloat(input.dtype)) return clone(input);
  const most = largest[input.dtype as keyof typeof largest];
  const number = where(isnan(input), nan, input);
  const below = where(eq(input, Infinity), posinf ?? most, number);
  return where(eq(input, -Infinity), neginf ?? -most, below);
}

/** y = |a| with b's sign, that of −0 too. ∂y/∂a = y/a, and 0 at a = 0; none to b. */
export const copysign = defineOp({
  name: "copysign",
  inputs: ["a", "b"],
  elementwise: "copysign",
  domain: "float",
  saves: ["a", "y"],
  grad: {
    a: (dy, { a, y }) => dy.mul(a.sign().mul(y.sign())),
    b: (dy) => dy.mul(0),
  },
  tex: { y: "|a| \\operatorname{sign} b", a: "y / a", b: "0" },
  kinks: "0 where a = 0.",
});

/** 0 for negative x, 1 for positive, and `value` where x = 0 (NaN gives 0). The gradient is `value`'s, where x = 0. */
export function heaviside(x: TensorLike, value: TensorLike): Tensor {
  const input = asTensor("heaviside", "x", x);
  const chosen = asTensor("heaviside", "value", value, input.dtype);
  return where(eq(input, 0), chosen, to(gt(input, 0), input.dtype));
}
