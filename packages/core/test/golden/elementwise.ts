/** Golden cases of the elementwise family: our calls, and programs for the edge semantics. */

import type { Tensor } from "../../src/index.ts";
import * as core from "../../src/index.ts";

type Call = (args: never[], kwargs: Record<string, never>) => Tensor | Tensor[];

/** Called with the positional arguments as they are. */
const direct = (name: string): Call => {
  const f = (core as unknown as Record<string, (...args: unknown[]) => Tensor>)[name]!;
  return (args) => f(...args);
};

export const elementwiseCalls: Record<string, Call> = {
  ...Object.fromEntries(
    "expm1 floor erf rsqrt log1p atan2 lerp".split(" ").map((name) => [name, direct(name)]),
  ),
  add: ([a, b], { alpha }) => core.add(a!, b!, { alpha: alpha ?? 1 }),
  sub: ([a, b], { alpha }) => core.sub(a!, b!, { alpha: alpha ?? 1 }),
  clamp: ([x, low, high], { min, max }) => core.clamp(x!, low ?? min, high ?? max),
  addcmul: ([x, a, b], { value }) => core.addcmul(x!, a!, b!, { value: value! }),
  "nn.functional.gelu": ([x], { approximate }) =>
    core.gelu(x!, approximate === undefined ? {} : { approximate }),
  "nn.functional.silu": direct("silu"),
  "nn.functional.softplus": direct("softplus"),
  "nn.functional.leaky_relu": direct("leakyRelu"),
  "nn.functional.elu": direct("elu"),
  "nn.functional.hardtanh": direct("hardtanh"),
  "nn.functional.mish": direct("mish"),
  "nn.functional.hardswish": direct("hardswish"),
  "nn.functional.logsigmoid": direct("logSigmoid"),
  "nn.functional.prelu": direct("prelu"),
  "nn.functional.glu": direct("glu"),
};

type Program = (inputs: Record<string, Tensor>) => Record<string, Tensor | (() => unknown)>;

export const elementwisePrograms: Record<string, Program> = {
  kinks_at_zero: () => {
    const gradient = (f: (x: Tensor) => Tensor) => {
      const x = core.zeros([2], { dtype: "float64", requiresGrad: true });
      f(x).sum().backward();
      return x.grad!;
    };
    return {
      relu: gradient(core.relu),
      abs: gradient(core.abs),
      leaky_relu: gradient((x) => core.leakyRelu(x, 0.2)),
      norm: gradient((x) => core.norm(x)),
    };
  },
  clamp_limits: ({ x }) => {
    core.clamp(x!, -0.5, 2).sum().backward();
    return { grad: x!.grad! };
  },
};
