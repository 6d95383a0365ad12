/** Elementary functions beyond those in elementwise.ts. Each: any shape; integers become float32. */
import type { UnaryName } from "@tapegrad/kernels";
import { defineOp, type TensorLike } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { asInput } from "./arguments.ts";
import { where } from "./compare.ts";
import { reciprocal, sin, sqrt } from "./elementwise.ts";

interface Tex {
  y: string;
  x: string;
}

/** y = f(x) by the kernel of that name, the rule in terms of x. */
function ofInput(name: UnaryName, tex: Tex, rule: (dy: Tensor, x: Tensor) => Tensor, kinks = "") {
  return defineOp({
    name,
    inputs: ["x"],
    elementwise: name,
    domain: "float",
    saves: ["x"],
    grad: { x: (dy, { x }) => rule(dy, x) },
    tex,
    kinks,
  });
}

/** y = f(x) by the kernel of that name, the rule in terms of y: x may change afterwards. */
function ofOutput(name: UnaryName, tex: Tex, rule: (dy: Tensor, y: Tensor) => Tensor, kinks = "") {
  return defineOp({
    name,
    inputs: ["x"],
    elementwise: name,
    domain: "float",
    saves: ["y"],
    grad: { x: (dy, { y }) => rule(dy, y) },
    tex,
    kinks,
  });
}

/** y = 2ˣ; dy/dx = 2ˣ ln 2. */
export const exp2 = ofOutput("exp2", { y: "2^x", x: "2^x \\ln 2" }, (dy, y) =>
  dy.mul(y.mul(Math.LN2)),
);

/** y = eˣ − 1, accurate for small x; dy/dx = eˣ = y + 1. */
export const expm1 = ofOutput("expm1", { y: "e^x - 1", x: "e^x" }, (dy, y) => dy.mul(y.add(1)));

/** y = log₂ x; dy/dx = 1/(x ln 2). */
export const log2 = ofInput(
  "log2",
  { y: "\\log_2 x", x: "1 / (x \\ln 2)" },
  (dy, x) => dy.div(x.mul(Math.LN2)),
  "∞ at 0.",
);

/** y = log₁₀ x; dy/dx = 1/(x ln 10). */
export const log10 = ofInput(
  "log10",
  { y: "\\log_{10} x", x: "1 / (x \\ln 10)" },
  (dy, x) => dy.div(x.mul(Math.LN10)),
  "∞ at 0.",
);

/** y = log(1 + x), accurate for small x; dy/dx = 1/(1 + x). */
export const log1p = ofInput(
  "log1p",
  { y: "\\ln(1 + x)", x: "1 / (1 + x)" },
  (dy, x) => dy.div(x.add(1)),
  "∞ at −1.",
);

/** y = ∛x, real also for negative x; dy/dx = 1/(3y²), infinite at 0. */
export const cbrt = ofOutput(
  "cbrt",
  { y: "\\sqrt[3]{x}", x: "1 / (3 y^2)" },
  (dy, y) => dy.div(y.square().mul(3)),
  "∞ at 0.",
);

/** y = tan x; dy/dx = 1 + y². */
export const tan = ofOutput("tan", { y: "\\tan x", x: "1 + \\tan^2 x" }, (dy, y) =>
  dy.mul(y.square().add(1)),
);

/** y = asin x; dy/dx = 1/√(1 − x²). NaN beyond ±1. */
export const asin = ofInput(
  "asin",
  { y: "\\arcsin x", x: "1 / \\sqrt{1 - x^2}" },
  (dy, x) => dy.div(sqrt(x.square().neg().add(1))),
  "∞ at ±1.",
);

/** y = acos x; dy/dx = −1/√(1 − x²). NaN beyond ±1. */
export const acos = ofInput(
  "acos",
  { y: "\\arccos x", x: "-1 / \\sqrt{1 - x^2}" },
  (dy, x) => dy.div(sqrt(x.square().neg().add(1))).neg(),
  "−∞ at ±1.",
);

/** y = atan x; dy/dx = 1/(1 + x²). */
export const atan = ofInput("atan", { y: "\\arctan x", x: "1 / (1 + x^2)" }, (dy, x) =>
  dy.div(x.square().add(1)),
);

/** y = sinh x; dy/dx = cosh x. */
export const sinh = ofInput(
  "sinh",
  { y: "\\sinh x", x: "\\cosh x" },
  (dy, x): Tensor => dy.mul(cosh(x)),
);

/** y = cosh x; dy/dx = sinh x. */
export const cosh = ofInput(
  "cosh",
  { y: "\\cosh x", x: "\\sinh x" },
  (dy, x): Tensor => dy.mul(sinh(x)),
);

/** y = asinh x; dy/dx = 1/√(x² + 1). */
export const asinh = ofInput(
  "asinh",
  { y: "\\operatorname{arsinh} x", x: "1 / \\sqrt{x^2 + 1}" },
  (dy, x) => dy.div(sqrt(x.square().add(1))),
);

/** y = acosh x; dy/dx = 1/√(x² − 1). NaN below 1. */
export const acosh = ofInput(
  "acosh",
  { y: "\\operatorname{arcosh} x", x: "1 / \\sqrt{x^2 - 1}" },
  (dy, x) => dy.div(sqrt(x.square().sub(1))),
  "∞ at 1.",
);

/** y = atanh x; dy/dx = 1/(1 − x²). NaN beyond ±1. */
export const atanh = ofInput(
  "atanh",
  { y: "\\operatorname{artanh} x", x: "1 / (1 - x^2)" },
  (dy, x) => dy.div(x.square().neg().add(1)),
  "∞ at ±1.",
);

/** The angle of the point (b, a), in (−π, π]. ∂y/∂a = b/(a² + b²), ∂y/∂b = −a/(a² + b²); NaN at the origin. */
export const atan2 = defineOp({
  name: "atan2",
  inputs: ["a", "b"],
  elementwise: "atan2",
  domain: "float",
  saves: ["a", "b"],
  grad: {
    a: (dy, { a, b }) => dy.mul(b.div(a.square().add(b.square()))),
    b: (dy, { a, b }) => dy.mul(a.div(a.square().add(b.square()))).neg(),
  },
  tex: { y: "\\operatorname{atan2}(a, b)", a: "b / (a^2 + b^2)", b: "-a / (a^2 + b^2)" },
  kinks: "NaN at the origin.",
});

/** y = √(a² + b²), without overflow. ∂y/∂a = a/y: NaN at the origin, as in PyTorch. */
export const hypot = defineOp({
  name: "hypot",
  inputs: ["a", "b"],
  elementwise: "hypot",
  domain: "float",
  saves: ["a", "b", "y"],
  grad: {
    a: (dy, { a, y }) => dy.mul(a.div(y)),
    b: (dy, { b, y }) => dy.mul(b.div(y)),
  },
  tex: { y: "\\sqrt{a^2 + b^2}", a: "a / y", b: "b / y" },
  kinks: "NaN at the origin.",
});

/** y = 1/√x. */
export function rsqrt(x: TensorLike): Tensor {
  return reciprocal(sqrt(asInput("rsqrt", "x", x)));
}

/** y = sin(πx)/(πx), and 1 at 0, where the derivative is 0. */
export function sinc(x: TensorLike): Tensor {
  const input = asInput("sinc", "x", x);
  const zero = input.eq(0);
  // The quotient is taken where it exists, so that no NaN reaches the gradient.
  const angle = where(zero, 1, input).mul(Math.PI);
  return where(zero, 1, sin(angle).div(angle));
}
