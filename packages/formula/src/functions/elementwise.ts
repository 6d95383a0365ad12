/**
 * The elementwise functions of the op catalogue, each with its derivative. Kinks follow PyTorch, as
 * those ops do: abs′(0) = 0, relu′(0) = 0, bounds of clamp pass the gradient, ties share it.
 */
import { type Expression, isNumber } from "../expression.ts";
import { abbreviate, make, type Primitive } from "../functions.ts";
import { binary, unary } from "./kernel-functions.ts";

const named =
  (command: string) =>
  (...args: string[]): string =>
    `${command}\\left(${args.join(", ")}\\right)`;
const operator = (name: string) => named(`\\operatorname{${name}}`);

/** Worth keeping for the backward pass. */
const costly = (tex: Primitive["tex"], rest: Partial<Primitive> = {}) => ({
  costly: true,
  ...(tex === undefined ? {} : { tex }),
  ...rest,
});

unary("abs", "sign(x)", { tex: (x) => `\\left|${x}\\right|` });
unary("sign", null);
unary("relu", "where(y <= 0, 0, 1)");
unary("floor", null, { tex: (x) => `\\left\\lfloor ${x}\\right\\rfloor` });
unary("ceil", null, { tex: (x) => `\\left\\lceil ${x}\\right\\rceil` });
unary("round", null);
unary("trunc", null);

unary(
  "exp",
  "y",
  costly((x) => `e^{${x}}`),
);
unary(
  "exp2",
  "y * log(2)",
  costly((x) => `2^{${x}}`),
);
unary(
  "expm1",
  "y + 1",
  costly((x) => `\\left(e^{${x}} - 1\\right)`),
);
unary("log", "1 / x", costly(named("\\ln")));
unary(
  "log1p",
  "1 / (1 + x)",
  costly((x) => `\\ln\\left(1 + ${x}\\right)`),
);
unary("log2", "1 / (x * log(2))", costly(named("\\log_2")));
unary("log10", "1 / (x * log(10))", costly(named("\\log_{10}")));
unary(
  "sqrt",
  "1 / (2 * y)",
  costly((x) => `\\sqrt{${x}}`),
);
unary(
  "cbrt",
  "1 / (3 * y^2)",
  costly((x) => `\\sqrt[3]{${x}}`),
);

unary("sin", "cos(x)", costly(named("\\sin")));
unary("cos", "-sin(x)", costly(named("\\cos")));
unary("tan", "1 + y^2", costly(named("\\tan")));
unary("asin", "1 / sqrt(1 - x^2)", costly(named("\\arcsin")));
unary("acos", "-1 / sqrt(1 - x^2)", costly(named("\\arccos")));
unary("atan", "1 / (1 + x^2)", costly(named("\\arctan")));
unary("sinh", "cosh(x)", costly(named("\\sinh")));
unary("cosh", "sinh(x)", costly(named("\\cosh")));
unary("tanh", "1 - y^2", costly(named("\\tanh")));
unary("asinh", "1 / sqrt(x^2 + 1)", costly(operator("arsinh")));
unary("acosh", "1 / sqrt(x^2 - 1)", costly(operator("arcosh")));
unary("atanh", "1 / (1 - x^2)", costly(operator("artanh")));

unary("sigmoid", "y * (1 - y)", costly(named("\\sigma")));
// Φ(x) + x·φ(x)
unary(
  "gelu",
  "0.5 * erfc(-sqrt(1 / 2) * x) + x * exp(-x^2 / 2) / sqrt(2 * pi)",
  costly(operator("gelu")),
);
unary("erf", "2 / sqrt(pi) * exp(-x^2)", costly(operator("erf")));
unary("erfc", "-2 / sqrt(pi) * exp(-x^2)", costly(operator("erfc")));
unary("erfinv", "sqrt(pi) / 2 * exp(y^2)", costly(named("\\operatorname{erf}^{-1}")));
unary(
  "lgamma",
  "digamma(x)",
  costly((x) => `\\ln\\left|\\Gamma\\left(${x}\\right)\\right|`),
);
unary("digamma", "polygamma(1, x)", costly(named("\\psi")));

// 0 where the other wins, ½ at a tie; where either is NaN, both pass the gradient.
binary(
  "maximum",
  ["where(a == b, 0.5, where(a < b, 0, 1))", "where(a == b, 0.5, where(b < a, 0, 1))"],
  { commutes: true, tex: named("\\max") },
);
binary(
  "minimum",
  ["where(a == b, 0.5, where(b < a, 0, 1))", "where(a == b, 0.5, where(a < b, 0, 1))"],
  { commutes: true, tex: named("\\min") },
);
// clamp's halves: the gradient is x's at the bound.
binary("clampMin", ["where(a >= b, 1, 0)", "where(a < b, 1, 0)"], {
  kernel: "maximum",
  tex: named("\\max"),
});
binary("clampMax", ["where(a <= b, 1, 0)", "where(a > b, 1, 0)"], {
  kernel: "minimum",
  tex: named("\\min"),
});

binary("atan2", ["b / (a^2 + b^2)", "-a / (a^2 + b^2)"], costly(operator("atan2")));
binary(
  "hypot",
  ["a / y", "b / y"],
  costly((a, b) => `\\sqrt{{${a}}^2 + {${b}}^2}`),
);
binary(
  "logaddexp",
  ["sigmoid(a - b)", "sigmoid(b - a)"],
  costly((a, b) => `\\ln\\left(e^{${a}} + e^{${b}}\\right)`, { commutes: true }),
);
binary("copysign", ["sign(a) * sign(y)", null]);
binary("fmod", ["1", "-trunc(a / b)"], costly(operator("fmod")));
binary("remainder", ["1", "-floorDivide(a, b)"], {
  costly: true,
  operator: ["mod", "mod", 8],
});
binary("floorDivide", [null, null], { tex: (a, b) => `\\left\\lfloor ${a} / ${b}\\right\\rfloor` });
binary(
  "polygamma",
  [null, "polygamma(a + 1, b)"],
  costly((order, x) => `\\psi^{(${order})}\\left(${x}\\right)`, {
    simplify: (e, [order, x]: readonly Expression[]) =>
      isNumber(order!, 0) ? make(e, "digamma", x!) : null,
  }),
);

// Written as the functions of the same name are composed, so that they give the same numbers.
abbreviate("square(x)", "x^2");
abbreviate("reciprocal(x)", "1 / x");
abbreviate("rsqrt(x)", "1 / sqrt(x)");
abbreviate("frac(x)", "x - trunc(x)");
abbreviate("sinc(x)", "where(x == 0, 1, sin(pi * x) / (pi * x))");
abbreviate("logit(x)", "log(x) - log1p(-x)");
abbreviate("xlogy(a, b)", "a * log(where(a == 0 and (b <= 0 or b == Infinity), 1, b))");
abbreviate("logaddexp2(a, b)", "logaddexp(a * log(2), b * log(2)) / log(2)");
abbreviate("clamp(x, low, high)", "clampMax(clampMin(x, low), high)");
abbreviate("fmax(a, b)", "where(a >= b or isnan(b), a, b)");
abbreviate("fmin(a, b)", "where(b >= a or isnan(b), a, b)");
abbreviate(
  "lerp(a, b, weight)",
  "where(weight < 0.5, a + weight * (b - a), b - (b - a) * (1 - weight))",
);
abbreviate("addcmul(x, a, b, value = 1)", "x + value * (a * b)");
abbreviate("addcdiv(x, a, b, value = 1)", "x + value * (a / b)");
abbreviate("heaviside(x, value)", "where(x == 0, value, x > 0)");
abbreviate(
  "nanToNum(x, nan, posinf, neginf)",
  "where(isnan(x), nan, where(x == Infinity, posinf, where(x == -Infinity, neginf, x)))",
);
abbreviate("isnan(x)", "x != x");
abbreviate("isinf(x)", "abs(x) == Infinity");
abbreviate("isfinite(x)", "abs(x) < Infinity");
abbreviate("logicalAnd(a, b)", "a and b");
abbreviate("logicalOr(a, b)", "a or b");
abbreviate("logicalXor(a, b)", "a xor b");
abbreviate("logicalNot(x)", "not x");

abbreviate("logSigmoid(x)", "-logaddexp(-x, 0)");
abbreviate(
  "softplus(x, beta = 1, threshold = 20)",
  "where(beta * x > threshold, x, logaddexp(beta * x, 0) / beta)",
);
abbreviate("leakyRelu(x, slope = 0.01)", "where(x > 0, x, slope * x)");
abbreviate("prelu(x, weight)", "where(x > 0, x, weight * x)");
abbreviate("elu(x, alpha = 1)", "where(x > 0, x, alpha * expm1(where(x > 0, 0, x)))");
abbreviate("celu(x, alpha = 1)", "where(x > 0, x, alpha * expm1(where(x > 0, 0, x) / alpha))");
// The fixed point of mean 0 and variance 1 (G. Klambauer et al., "Self-Normalizing Neural Networks", 2017).
abbreviate("selu(x)", "1.0507009873554805 * elu(x, 1.6732632423543772)");
abbreviate("geluTanh(x)", "0.5 * x * (tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)) + 1)");
abbreviate("silu(x)", "x * sigmoid(x)");
abbreviate("mish(x)", "x * tanh(softplus(x))");
abbreviate("hardtanh(x, low = -1, high = 1)", "where(x <= low, low, where(x >= high, high, x))");
abbreviate("relu6(x)", "hardtanh(x, 0, 6)");
abbreviate("hardsigmoid(x)", "relu6(x + 3) / 6");
abbreviate("hardswish(x)", "x * clamp(x + 3, 0, 6) / 6");
abbreviate("hardshrink(x, lambda = 0.5)", "where(abs(x) <= lambda, 0, x)");
abbreviate("softshrink(x, lambda = 0.5)", "x - clamp(x, -lambda, lambda)");
abbreviate("tanhshrink(x)", "x - tanh(x)");
abbreviate("softsign(x)", "x / (abs(x) + 1)");
abbreviate("threshold(x, limit, value)", "where(x <= limit, value, x)");
