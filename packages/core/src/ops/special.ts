/** Special functions: error function, gamma function and their kin, and logarithms of sums. */
import { checkAtLeast } from "../check.ts";
import { ValueError } from "../errors.ts";
import { defineOp, type TensorLike } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { asFloats, asInput } from "./arguments.ts";
import { where } from "./compare.ts";
import { exp, log, mul, neg, sub } from "./elementwise.ts";
import { bitwiseAnd, bitwiseOr } from "./logic.ts";
import { log1p } from "./math.ts";
import { clamp } from "./rounding.ts";

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** y = 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = defineOp({
  name: "erf",
  inputs: ["x"],
  elementwise: "erf",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(exp(x.square().neg()).mul(TWO_OVER_SQRT_PI)) },
  tex: { y: "\\operatorname{erf} x", x: "2 e^{-x^2} / \\sqrt\\pi" },
});

/** y = 1 − erf x, accurate where that is small. */
export const erfc = defineOp({
  name: "erfc",
  inputs: ["x"],
  elementwise: "erfc",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(exp(x.square().neg()).mul(-TWO_OVER_SQRT_PI)) },
  tex: { y: "\\operatorname{erfc} x", x: "-2 e^{-x^2} / \\sqrt\\pi" },
});

/** The y with erf y = x; ±∞ at ±1, NaN beyond. dy/dx = √π/2 · e^(y²). */
export const erfinv = defineOp({
  name: "erfinv",
  inputs: ["x"],
  elementwise: "erfinv",
  domain: "float",
  saves: ["y"],
  grad: { x: (dy, { y }) => dy.mul(exp(y.square()).mul(1 / TWO_OVER_SQRT_PI)) },
  tex: { y: "\\operatorname{erf}^{-1} x", x: "\\sqrt\\pi e^{y^2} / 2" },
  kinks: "∞ at ±1.",
});

/** y = log |Γ(x)|; dy/dx = ψ(x). */
export const lgamma = defineOp({
  name: "lgamma",
  inputs: ["x"],
  elementwise: "lgamma",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }): Tensor => dy.mul(digamma(x)) },
  tex: { y: "\\ln |\\Gamma(x)|", x: "\\psi(x)" },
});

/** y = ψ(x) = d/dx log Γ(x). */
export const digamma = defineOp({
  name: "digamma",
  inputs: ["x"],
  elementwise: "digamma",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }): Tensor => dy.mul(polygamma(1, x)) },
  tex: { y: "\\psi(x)", x: "\\psi'(x)" },
});

export const polygammaOp = defineOp({
  name: "polygamma",
  inputs: ["order", "x"],
  elementwise: "polygamma",
  domain: "float",
  saves: ["order", "x"],
  grad: {
    order: null,
    x: (dy, { order, x }): Tensor => dy.mul(polygammaOp(order.add(1), x)),
  },
  tex: { y: "\\psi^{(n)}(x)", x: "\\psi^{(n+1)}(x)" },
});

/**
 * The n-th derivative of ψ at x.
 *
 * @param order  n, whole, 0 to 170
 */
export function polygamma(order: number, x: TensorLike): Tensor {
  if (!(Number.isInteger(order) && order >= 0 && order <= 170)) {
    throw new ValueError(`polygamma: order is ${order}; it must be a whole number from 0 to 170.`);
  }
  return polygammaOp(order, asInput("polygamma", "x", x));
}

/** y = log(eᵃ + eᵇ), without overflow. ∂y/∂a = σ(a − b). */
export const logaddexp = defineOp({
  name: "logaddexp",
  inputs: ["a", "b"],
  elementwise: "logaddexp",
  domain: "float",
  saves: ["a", "b"],
  grad: {
    a: (dy, { a, b }) => dy.mul(a.sub(b).sigmoid()),
    b: (dy, { a, b }) => dy.mul(b.sub(a).sigmoid()),
  },
  tex: { y: "\\ln(e^a + e^b)", a: "\\sigma(a - b)", b: "\\sigma(b - a)" },
  kinks: "½ each where a = b; NaN where both are the same infinity.",
});

/** y = log₂(2ᵃ + 2ᵇ), without overflow. */
export function logaddexp2(a: TensorLike, b: TensorLike): Tensor {
  const [first, second] = asFloats("logaddexp2", a, b);
  return logaddexp(first.mul(Math.LN2), second.mul(Math.LN2)).mul(Math.LOG2E);
}

/** y = a·log b, and 0 where a = 0, unless b is NaN. Where a = 0 the gradient to a is log b for 0 < b < ∞, else 0. */
export function xlogy(a: TensorLike, b: TensorLike): Tensor {
  const [first, second] = asFloats("xlogy", a, b);
  // There log b is infinite or NaN, which 0 would not silence.
  const outside = bitwiseOr(second.le(0), second.eq(Infinity));
  const inside = where(bitwiseAnd(first.eq(0), outside), 1, second);
  return mul(first, log(inside));
}

/** Options of {@link logit}. */
export interface LogitOptions {
  /** x is held in [eps, 1 − eps] first. Default: it is not. */
  eps?: number;
}

/** y = log(x / (1 − x)), the inverse of the sigmoid; NaN outside [0, 1] unless `eps` is given. */
export function logit(x: TensorLike, { eps }: LogitOptions = {}): Tensor {
  let input = asInput("logit", "x", x);
  if (eps !== undefined) {
    checkAtLeast("logit", "eps", eps, 0);
    input = clamp(input, eps, 1 - eps);
  }
  return sub(log(input), log1p(neg(input)));
}
