/** Activation functions of one tensor; relu, sigmoid and tanh are in elementwise.ts. Kinks follow PyTorch. */
import { checkAtLeast, checkNumber } from "../check.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { defineOp, type TensorLike } from "../op.ts";
import { formatShape, normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { asBeside, asInput } from "./arguments.ts";
import { ge, gt, le, where } from "./compare.ts";
import { abs, div, exp, mul, sigmoid, sub, tanh } from "./elementwise.ts";
import { narrow, reshape } from "./layout.ts";
import { expm1 } from "./math.ts";
import { clamp } from "./rounding.ts";

/** y = log(1 + eˣ), without overflow; see {@link softplus}. */
export const softplusOp = defineOp({
  name: "softplus",
  inputs: ["x"],
  elementwise: "softplus",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(sigmoid(x)) },
  tex: { y: "\\ln(1 + e^x)", x: "\\sigma(x)" },
});

/** y = −log(1 + e⁻ˣ), without overflow. */
export function logSigmoid(x: TensorLike): Tensor {
  return softplusOp(asInput("logSigmoid", "x", x).neg()).neg();
}

/** Options of {@link softplus}. */
export interface SoftplusOptions {
  /** Sharpness. Default 1. */
  beta?: number;
  /** Where beta·x exceeds it, y = x. Default 20. */
  threshold?: number;
}

/** From here on log(1 + eˣ) rounds to x in float32. */
const SAME_SINGLES = 17;

/** y = log(1 + e^(beta·x)) / beta, and x where beta·x is above the threshold. */
export function softplus(
  x: TensorLike,
  { beta = 1, threshold: limit = 20 }: SoftplusOptions = {},
): Tensor {
  checkAtLeast("softplus", "beta", beta, 0, true);
  checkNumber("softplus", "threshold", limit);
  const input = asInput("softplus", "x", x);
  const scaled = beta === 1 ? input : input.mul(beta);
  const soft = softplusOp(scaled);
  if (beta === 1 && limit >= SAME_SINGLES && soft.dtype === "float32") return soft;
  return where(gt(scaled, limit), input, beta === 1 ? soft : soft.div(beta));
}

/** y = x for positive x, else negativeSlope·x; the slope at 0 is `negativeSlope`. */
export function leakyRelu(x: TensorLike, negativeSlope = 0.01): Tensor {
  checkNumber("leakyRelu", "negativeSlope", negativeSlope);
  const input = asInput("leakyRelu", "x", x);
  return where(gt(input, 0), input, input.mul(negativeSlope));
}

/**
 * y = x for positive x, else weight·x.
 *
 * @param weight  one number, or [C] for x [N, C, …] (for x [C] too)
 * @throws ShapeError if the weight has another length
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const input = asInput("prelu", "x", x);
  const slope = asBeside("prelu", "weight", weight, input);
  const axis = input.rank > 1 ? 1 : 0;
  const channels = input.shape[axis] ?? 1;
  if (slope.rank > 1 || (slope.size !== 1 && slope.size !== channels)) {
    throw new ShapeError(
      `prelu: weight is ${formatShape(slope.shape)} and x ${formatShape(input.shape)}; the weight must have 1 element or [${channels}], one for each channel.`,
    );
  }
  const shape = input.shape.map((_, i) => (i === axis ? slope.size : 1));
  return where(gt(input, 0), input, input.mul(reshape(slope, shape)));
}

/** y = x for positive x, else scale·(e^(x/width) − 1). Positive x are left out of the power, which overflows. */
function exponentialBelow0(input: Tensor, width: number, scale: number): Tensor {
  const positive = gt(input, 0);
  const below = where(positive, 0, input);
  const power = expm1(width === 1 ? below : below.div(width));
  return where(positive, input, scale === 1 ? power : power.mul(scale));
}

/** y = x for positive x, else alpha·(eˣ − 1); the slope at 0 is alpha. */
export function elu(x: TensorLike, alpha = 1): Tensor {
  checkNumber("elu", "alpha", alpha);
  return exponentialBelow0(asInput("elu", "x", x), 1, alpha);
}

/** y = x for positive x, else alpha·(e^(x/alpha) − 1). */
export function celu(x: TensorLike, alpha = 1): Tensor {
  checkNumber("celu", "alpha", alpha);
  if (alpha === 0) throw new ValueError("celu: alpha is 0, by which x is divided; give another.");
  return exponentialBelow0(asInput("celu", "x", x), alpha, alpha);
}

/** The fixed point of mean 0 and variance 1 (G. Klambauer et al., "Self-Normalizing Neural Networks", 2017). */
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/** y = scale·elu(x, alpha), with the constants that keep mean 0 and variance 1. */
export function selu(x: TensorLike): Tensor {
  return exponentialBelow0(asInput("selu", "x", x), 1, SELU_ALPHA).mul(SELU_SCALE);
}

/** Options of {@link gelu}. */
export interface GeluOptions {
  /** "tanh" for the approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))). Default "none". */
  approximate?: "none" | "tanh";
}

/** The exact gelu as one op; see {@link gelu}. */
export const geluOp = defineOp({
  name: "gelu",
  inputs: ["x"],
  elementwise: "gelu",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }): Tensor => geluGradOp(dy, x) },
  tex: { y: "x\\,\\Phi(x)", x: "\\Phi(x) + x\\,\\varphi(x)" },
});

/** The slope of gelu at x, times g. With φ′ = −xφ its own slope is φ(x)·(2 − x²). */
export const geluGradOp = defineOp({
  name: "geluGrad",
  inputs: ["g", "x"],
  elementwise: "geluGrad",
  domain: "float",
  saves: ["g", "x"],
  grad: {
    g: (dy, { x }): Tensor => geluGradOp(dy, x),
    x: (dy, { g, x }) => {
      const density = exp(x.square().mul(-0.5)).mul(1 / Math.sqrt(2 * Math.PI));
      return dy.mul(g).mul(density.mul(x.square().neg().add(2)));
    },
  },
  tex: {
    y: "g \\left( \\Phi(x) + x\\,\\varphi(x) \\right)",
    g: "\\Phi(x) + x\\,\\varphi(x)",
    x: "g\\,\\varphi(x) (2 - x^2)",
  },
});

/** y = x·Φ(x), Φ the normal distribution (D. Hendrycks and K. Gimpel, 2016). */
export function gelu(x: TensorLike, { approximate = "none" }: GeluOptions = {}): Tensor {
  const input = asInput("gelu", "x", x);
  if (approximate === "none") return geluOp(input);
  if (approximate !== "tanh") {
    throw new ValueError(
      `gelu: approximate is ${String(approximate)}; it must be "none" or "tanh".`,
    );
  }
  const cubic = input.add(input.mul(input.square()).mul(0.044715));
  return mul(input.mul(0.5), tanh(cubic.mul(Math.sqrt(2 / Math.PI))).add(1));
}

/** y = x·σ(x). */
export const siluOp = defineOp({
  name: "silu",
  inputs: ["x"],
  elementwise: "silu",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }): Tensor => siluGradOp(dy, x) },
  tex: { y: "x\\,\\sigma(x)", x: "\\sigma + x\\,\\sigma (1 - \\sigma)" },
});

/** The slope of silu at x, times g. With σ′ = σ(1 − σ) its own slope is σ′·(2 + x(1 − 2σ)). */
export const siluGradOp = defineOp({
  name: "siluGrad",
  inputs: ["g", "x"],
  elementwise: "siluGrad",
  domain: "float",
  saves: ["g", "x"],
  grad: {
    g: (dy, { x }): Tensor => siluGradOp(dy, x),
    x: (dy, { g, x }) => {
      const s = sigmoid(x);
      const bend = x.mul(s.mul(-2).add(1)).add(2);
      return dy
        .mul(g)
        .mul(s.mul(s.neg().add(1)))
        .mul(bend);
    },
  },
  tex: {
    y: "g \\left( \\sigma + x\\,\\sigma (1 - \\sigma) \\right)",
    g: "\\sigma + x\\,\\sigma (1 - \\sigma)",
    x: "g\\,\\sigma (1 - \\sigma) (2 + x (1 - 2 \\sigma))",
  },
});

/** y = x·σ(x). */
export function silu(x: TensorLike): Tensor {
  return siluOp(asInput("silu", "x", x));
}

/** y = x·t with t = tanh(log(1 + eˣ)). */
export const mishOp = defineOp({
  name: "mish",
  inputs: ["x"],
  elementwise: "mish",
  domain: "float",
  saves: ["x"],
  grad: { x: (dy, { x }): Tensor => mishGradOp(dy, x) },
  tex: { y: "x \\tanh(\\ln(1 + e^x)) = x\\,t", x: "t + x\\,\\sigma(x) (1 - t^2)" },
});

/** The slope of mish at x, times g. With t′ = σ(1 − t²) its own slope is t′·(2 + x(1 − σ − 2σt)). */
export const mishGradOp = defineOp({
  name: "mishGrad",
  inputs: ["g", "x"],
  elementwise: "mishGrad",
  domain: "float",
  saves: ["g", "x"],
  grad: {
    g: (dy, { x }): Tensor => mishGradOp(dy, x),
    x: (dy, { g, x }) => {
      const [s, t] = [sigmoid(x), tanh(softplusOp(x))];
      const bend = x.mul(s.mul(t.mul(-2).sub(1)).add(1)).add(2);
      return dy
        .mul(g)
        .mul(s.mul(t.square().neg().add(1)))
        .mul(bend);
    },
  },
  tex: {
    y: "g \\left( t + x\\,\\sigma (1 - t^2) \\right),\\ t = \\tanh(\\ln(1 + e^x))",
    g: "t + x\\,\\sigma (1 - t^2)",
    x: "g\\,\\sigma (1 - t^2) (2 + x (1 - \\sigma - 2 \\sigma t))",
  },
});

/** y = x·tanh(log(1 + eˣ)). */
export function mish(x: TensorLike): Tensor {
  return mishOp(asInput("mish", "x", x));
}

/** Options of {@link hardtanh}. */
export interface HardtanhOptions {
  /** Default −1. */
  min?: number;
  /** Default 1. */
  max?: number;
}

/** y = x held between min and max. Unlike clamp's, the gradient is 0 at the bounds. */
export function hardtanh(x: TensorLike, { min = -1, max = 1 }: HardtanhOptions = {}): Tensor {
  return heldBetween("hardtanh", x, min, max);
}

function heldBetween(op: string, x: TensorLike, min: number, max: number): Tensor {
  checkNumber(op, "min", min);
  checkNumber(op, "max", max);
  if (min > max) throw new ValueError(`${op}: min ${min} is above max ${max}.`);
  const input = asInput(op, "x", x);
  return where(le(input, min), min, where(ge(input, max), max, input));
}

/** y = min(max(x, 0), 6); the gradient is 0 at 0 and 6. */
export function relu6(x: TensorLike): Tensor {
  return heldBetween("relu6", x, 0, 6);
}

/** y = relu6(x + 3)/6. */
export function hardsigmoid(x: TensorLike): Tensor {
  return relu6(asInput("hardsigmoid", "x", x).add(3)).div(6);
}

/** y = x·relu6(x + 3)/6. At ±3 the slopes are PyTorch's, −½ and 3/2. */
export function hardswish(x: TensorLike): Tensor {
  const input = asInput("hardswish", "x", x);
  return mul(input, clamp(input.add(3), 0, 6)).div(6);
}

/** y = x where |x| > lambda, else 0. */
export function hardshrink(x: TensorLike, lambda = 0.5): Tensor {
  checkNumber("hardshrink", "lambda", lambda);
  const input = asInput("hardshrink", "x", x);
  return where(le(abs(input), lambda), 0, input);
}

/** y = x moved towards 0 by lambda, and 0 where |x| ≤ lambda. */
export function softshrink(x: TensorLike, lambda = 0.5): Tensor {
  checkAtLeast("softshrink", "lambda", lambda, 0);
  const input = asInput("softshrink", "x", x);
  return sub(input, clamp(input, -lambda, lambda));
}

/** y = x − tanh x. */
export function tanhshrink(x: TensorLike): Tensor {
  const input = asInput("tanhshrink", "x", x);
  return sub(input, tanh(input));
}

/** y = x / (1 + |x|). */
export function softsign(x: TensorLike): Tensor {
  const input = asInput("softsign", "x", x);
  return div(input, abs(input).add(1));
}

/** y = x where x > limit, else value. */
export function threshold(x: TensorLike, limit: number, value: number): Tensor {
  checkNumber("threshold", "threshold", limit);
  checkNumber("threshold", "value", value);
  const input = asInput("threshold", "x", x);
  return where(le(input, limit), value, input);
}

/**
 * y = a·σ(b), where a and b are the halves of x along the axis.
 *
 * @throws ShapeError if that axis has an odd length
 */
export function glu(x: Tensor, axis = -1): Tensor {
  const input = asInput("glu", "x", x);
  const at = normalizeAxis("glu", axis, input.rank);
  const size = input.shape[at]!;
  if (size % 2 !== 0) {
    throw new ShapeError(
      `glu: x is ${formatShape(input.shape)}, whose axis ${axis} has ${size} elements; an even number is needed for two halves.`,
    );
  }
  return mul(narrow(input, at, 0, size / 2), sigmoid(narrow(input, at, size / 2, size / 2)));
}
