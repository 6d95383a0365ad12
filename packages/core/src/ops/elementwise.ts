/**
 * Elementwise arithmetic. Each op: shape broadcast(a, b), dtype as PyTorch promotes; integers become
 * float32 where the result is not whole. Kinks and ties follow PyTorch and are noted beside the rule.
 */

import { checkNumber } from "../check.ts";
import { isFloat } from "../dtype.ts";
import { engineOps } from "../engine-ops.ts";
import { ValueError } from "../errors.ts";
import { defineOp, type OpFunction, type TensorLike } from "../op.ts";
import { Tensor } from "../tensor.ts";
import { where } from "./compare.ts";
import { checkedRounding, type RoundingMode, roundedDivideOp } from "./rounding.ts";

/** How much of b `add` and `sub` take. */
export interface AlphaOptions {
  /** Factor of b. Default 1. */
  alpha?: number;
}

type WithAlpha = OpFunction<[a: TensorLike, b: TensorLike, options?: AlphaOptions]>;

/** f(a, b) as f(a, alpha·b) where an alpha is given. */
function withAlpha(f: OpFunction<[a: TensorLike, b: TensorLike]>): WithAlpha {
  const { op } = f;
  const called = (a: TensorLike, b: TensorLike, options?: AlphaOptions): Tensor => {
    const alpha = options?.alpha;
    if (alpha === undefined || alpha === 1) return f(a, b);
    checkNumber(op.name, "alpha", alpha);
    return f(a, mul(b, alpha));
  };
  return Object.assign(called, { op });
}

const addOp = defineOp({
  name: "add",
  inputs: ["a", "b"],
  elementwise: "add",
  bools: true,
  grad: {
    a: (dy) => dy,
    b: (dy) => dy,
  },
  symbol: "+",
  tex: { y: "a + b", a: "1", b: "1" },
});
engineOps.add = addOp;

/** y = a + alpha·b; of two bools, "or". */
export const add: WithAlpha = withAlpha(addOp);

const subOp = defineOp({
  name: "sub",
  inputs: ["a", "b"],
  elementwise: "sub",
  bools: "refuse",
  grad: {
    a: (dy) => dy,
    b: (dy) => dy.neg(),
  },
  symbol: "−",
  tex: { y: "a - b", a: "1", b: "-1" },
});

/** y = a − alpha·b. @throws DTypeError for two bools */
export const sub: WithAlpha = withAlpha(subOp);

/** y = a · b; of two bools, "and". */
export const mul = defineOp({
  name: "mul",
  inputs: ["a", "b"],
  elementwise: "mul",
  bools: true,
  saves: ["a", "b"],
  grad: {
    a: (dy, { b }) => dy.mul(b),
    b: (dy, { a }) => dy.mul(a),
  },
  symbol: "×",
  tex: { y: "a \\cdot b", a: "b", b: "a" },
});

const divOp = defineOp({
  name: "div",
  inputs: ["a", "b"],
  elementwise: "div",
  domain: "float",
  // As PyTorch: the quotient may change in place afterwards.
  saves: ["a", "b"],
  grad: {
    a: (dy, { b }) => dy.div(b),
    // ∂y/∂b = −a/b², without squaring b, which may overflow
    b: (dy, { a, b }) => dy.mul(a.div(b).div(b)).neg(),
  },
  symbol: "÷",
  tex: { y: "a / b", a: "1 / b", b: "-a / b^2" },
  kinks: "Where b = 0, what IEEE division gives: ±∞ or NaN.",
});

/** Options of {@link div}. */
export interface DivideOptions {
  /** Rounds the quotient, towards 0 or downwards; its gradient is 0 then. Default null: not at all. */
  roundingMode?: RoundingMode | null;
}

/**
 * y = a / b; integers are divided as float32, and stay integers with a `roundingMode`.
 *
 * @throws ValueError for an unknown mode, or whole numbers divided by 0 with one
 */
export const div: OpFunction<[a: TensorLike, b: TensorLike, options?: DivideOptions]> =
  Object.assign(
    (a: TensorLike, b: TensorLike, options?: DivideOptions): Tensor => {
      const mode = options?.roundingMode;
      if (mode === undefined || mode === null) return divOp(a, b);
      return roundedDivideOp(...checkedRounding("div", mode, a, b), mode);
    },
    { op: divOp.op },
  );

/** y = −x. */
export const neg = defineOp({
  name: "neg",
  inputs: ["x"],
  elementwise: "neg",
  bools: "refuse",
  grad: { x: (dy) => dy.neg() },
  symbol: "−",
  tex: { y: "-x", x: "-1" },
});

export const powOp = defineOp({
  name: "pow",
  inputs: ["a", "b"],
  elementwise: "pow",
  domain: "float",
  saves: ["a", "b", "y"],
  grad: {
    a: (dy, { a, b }) => where(b.eq(0), 0, dy.mul(b.mul(a.pow(b.sub(1))))),
    b: (dy, { a, b, y }) => {
      const db = dy.mul(y.mul(a.log()));
      return where(a.eq(0), where(b.ge(0), 0, db), db);
    },
  },
  symbol: "^",
  tex: { y: "a^b", a: "b\\,a^{b-1}", b: "a^b \\ln a" },
  kinks: "∂y/∂a is 0 where b = 0; ∂y/∂b is 0 where a = 0 and b ≥ 0.",
});

export const wholePow = defineOp({
  name: "wholePow",
  inputs: ["a", "b"],
  elementwise: "pow",
  grad: { a: null, b: null },
  tex: { y: "a^b" },
});

const isWhole = (x: TensorLike): boolean =>
  x instanceof Tensor ? !isFloat(x.dtype) : Number.isInteger(x);

/**
 * y = aᵇ, with C's special cases: a⁰ = 1 for every a; a negative base with a fractional exponent is NaN.
 * As in PyTorch, ∂y/∂a is 0 where b = 0, and ∂y/∂b is 0 where a = 0 and b ≥ 0. Whole numbers stay whole:
 * they wrap, and negative exponents in a tensor give what 1/a^|b| is without its fraction.
 *
 * @throws ValueError for a tensor of whole numbers and a negative whole number b
 */
export const pow: OpFunction<[a: TensorLike, b: TensorLike]> = Object.assign(
  (a: TensorLike, b: TensorLike): Tensor => {
    if ((typeof a === "number" && typeof b === "number") || !isWhole(a) || !isWhole(b)) {
      return powOp(a, b);
    }
    checkExponent("pow", b);
    return wholePow(a, b);
  },
  { op: powOp.op },
);

/** @throws ValueError for a negative number, whose powers of whole numbers are not whole */
export function checkExponent(op: string, b: TensorLike): void {
  if (typeof b === "number" && b < 0) {
    throw new ValueError(
      `${op}: the exponent is ${b} and the base whole; convert the base with to("float32") first.`,
    );
  }
}

/** y = x². */
export const square = defineOp({
  name: "square",
  inputs: ["x"],
  elementwise: "square",
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(x.mul(2)) },
  symbol: "x²",
  tex: { y: "x^2", x: "2x" },
});

/** y = 1 / x. */
export const reciprocal = defineOp({
  name: "reciprocal",
  inputs: ["x"],
  elementwise: "reciprocal",
  domain: "float",
  saves: ["y"],
  grad: { x: (dy, { y }) => dy.mul(y.square()).neg() },
  symbol: "1/x",
  tex: { y: "1 / x", x: "-1 / x^2" },
});

/** y = eˣ. */
export const exp = defineOp({
  name: "exp",
  inputs: ["x"],
  elementwise: "exp",
  domain: "float",
  saves: ["y"],
  grad: { x: (dy, { y }) => dy.mul(y) },
  tex: { y: "e^x", x: "e^x" },
});

/** y = ln x; −∞ at 0, NaN below. */
export const log = defineOp({
  name: "log",
  inputs: ["x"],
  elementwise: "log",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.div(x) },
  tex: { y: "\\ln x", x: "1 / x" },
  kinks: "∞ at 0.",
});

/** y = √x; NaN below 0. The derivative at 0 is infinite. */
export const sqrt = defineOp({
  name: "sqrt",
  inputs: ["x"],
  elementwise: "sqrt",
  domain: "float",
  saves: ["y"],
  grad: { x: (dy, { y }) => dy.div(y.mul(2)) },
  symbol: "√",
  tex: { y: "\\sqrt{x}", x: "1 / (2\\sqrt{x})" },
  kinks: "∞ at 0, and 0 · ∞ is NaN, through where, too.",
});

/** y = sin x, x in radians. */
export const sin = defineOp({
  name: "sin",
  inputs: ["x"],
  elementwise: "sin",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(x.cos()) },
  tex: { y: "\\sin x", x: "\\cos x" },
});

/** y = cos x, x in radians. */
export const cos = defineOp({
  name: "cos",
  inputs: ["x"],
  elementwise: "cos",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(x.sin()).neg() },
  tex: { y: "\\cos x", x: "-\\sin x" },
});

/** y = −1, 0 or 1 as x is negative, zero (or NaN) or positive. Flat, so its gradient is 0. */
export const sign = defineOp({
  name: "sign",
  inputs: ["x"],
  elementwise: "sign",
  grad: { x: (dy) => dy.mul(0) },
  tex: { y: "\\operatorname{sign} x", x: "0" },
  kinks: "0 everywhere, at 0, too.",
});

/** y = |x|. The derivative at 0 is 0. */
export const abs = defineOp({
  name: "abs",
  inputs: ["x"],
  elementwise: "abs",
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(x.sign()) },
  symbol: "|x|",
  tex: { y: "|x|", x: "\\operatorname{sign} x" },
  kinks: "0 at 0.",
});

/** y = tanh x. */
export const tanh = defineOp({
  name: "tanh",
  inputs: ["x"],
  elementwise: "tanh",
  domain: "float",
  saves: ["y"],
  grad: { x: (dy, { y }) => tanhGrad(dy, y) },
  tex: { y: "\\tanh x", x: "1 - \\tanh^2 x" },
});

/** dy · (1 − y²): the backward of tanh in one pass, an op in its own right. */
export const tanhGrad = defineOp({
  name: "tanhGrad",
  inputs: ["dy", "out"],
  domain: "float",
  elementwise: "tanhGrad",
  saves: ["dy", "out"],
  grad: {
    dy: (g, { out }): Tensor => tanhGrad(g, out),
    out: (g, { dy, out }) => g.mul(dy).mul(out.mul(-2)),
  },
  tex: { y: "dy\\,(1 - t^2)", dy: "1 - t^2", out: "-2 t\\,dy" },
});

/** y = 1 / (1 + e⁻ˣ), without overflow. */
export const sigmoid = defineOp({
  name: "sigmoid",
  inputs: ["x"],
  elementwise: "sigmoid",
  domain: "float",
  saves: ["y"],
  grad: { x: (dy, { y }) => sigmoidGrad(dy, y) },
  symbol: "σ",
  tex: { y: "\\sigma(x)", x: "\\sigma(x)(1 - \\sigma(x))" },
});

/** dy · y · (1 − y): the backward of sigmoid in one pass. */
export const sigmoidGrad = defineOp({
  name: "sigmoidGrad",
  inputs: ["dy", "out"],
  domain: "float",
  elementwise: "sigmoidGrad",
  saves: ["dy", "out"],
  grad: {
    dy: (g, { out }): Tensor => sigmoidGrad(g, out),
    // d/dy [y − y²] = 1 − 2y
    out: (g, { dy, out }) => g.mul(dy).mul(out.mul(-2).add(1)),
  },
  tex: { y: "dy\\,s (1 - s)", dy: "s (1 - s)", out: "dy\\,(1 - 2 s)" },
});

/** y = max(x, 0). The derivative at 0 is 0. */
export const relu = defineOp({
  name: "relu",
  inputs: ["x"],
  elementwise: "relu",
  saves: ["y"],
  grad: { x: (dy, { y }) => reluGrad(dy, y) },
  tex: { y: "\\max(x, 0)", x: "[x > 0]" },
  kinks: "0 at 0.",
});

/** 0 where y ≤ 0, else dy (for NaN too, as PyTorch): the backward of relu in one pass. */
export const reluGrad = defineOp({
  name: "reluGrad",
  inputs: ["dy", "out"],
  domain: "float",
  elementwise: "reluGrad",
  saves: ["out"],
  grad: {
    dy: (g, { out }): Tensor => reluGrad(g, out),
    out: null,
  },
  tex: { y: "dy\\,[r > 0]", dy: "[r > 0]", out: "0" },
  kinks: "0 where r = 0.",
});

/** y = max(a, b), NaN if either is. Equal values take half of the gradient each. */
export const maximum = defineOp({
  name: "maximum",
  inputs: ["a", "b"],
  elementwise: "maximum",
  bools: true,
  saves: ["a", "b"],
  grad: {
    a: (dy, { a, b }) => dy.mul(winner(a, b)),
    b: (dy, { a, b }) => dy.mul(winner(b, a)),
  },
  symbol: "max",
  tex: { y: "\\max(a, b)", a: "[a > b] + \\tfrac12[a = b]", b: "[b > a] + \\tfrac12[a = b]" },
  kinks: "½ each where a = b. Where either is NaN, both get all of it.",
});

/** y = min(a, b), NaN if either is. Equal values take half of the gradient each. */
export const minimum = defineOp({
  name: "minimum",
  inputs: ["a", "b"],
  elementwise: "minimum",
  bools: true,
  saves: ["a", "b"],
  grad: {
    a: (dy, { a, b }) => dy.mul(winner(b, a)),
    b: (dy, { a, b }) => dy.mul(winner(a, b)),
  },
  symbol: "min",
  tex: { y: "\\min(a, b)", a: "[a < b] + \\tfrac12[a = b]", b: "[b < a] + \\tfrac12[a = b]" },
  kinks: "½ each where a = b. Where either is NaN, both get all of it.",
});

/** 0 where a < b, ½ where they are equal, else 1; as in PyTorch, both pass the gradient where either is NaN. */
function winner(a: Tensor, b: Tensor): Tensor {
  return where(a.eq(b), 0.5, a.lt(b).eq(0).to(a.dtype));
}
