/** Numbers without chance for tests, and the checks that all layers with parameters share. */
import { gradcheck, gradgradcheck, type Tensor, tensor } from "@tapegrad/core";
import type { AnyModule } from "../src/index.ts";

/** sin(phase), sin(phase + 1), …: float64, easily made in any language. */
export function waves(shape: readonly number[], phase: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const data = Float64Array.from({ length: size }, (_, i) => Math.sin(phase + i));
  return tensor(data, { shape });
}

/** Fills the k-th entry of the state (from 0) with half a wave of phase k + 1. */
export function fillWithWaves<M extends AnyModule>(module: M): M {
  const entries = [...module.stateDict()];
  module.loadStateDict(
    new Map(entries.map(([name, x], k) => [name, waves(x.shape, k + 1).mul(0.5)] as const)),
  );
  return module;
}

/** Runs with tensors in place of the parameters, in their order. */
function withParameters<R>(module: AnyModule, values: readonly Tensor[], run: () => R): R {
  const named = module.namedParameters();
  const put = (tensors: readonly Tensor[]) => {
    for (const [i, [path]] of named.entries()) {
      const keys = path.split(".");
      const last = keys.pop()!;
      type Fields = Record<string, unknown>;
      const owner = keys.reduce((at, key) => at[key] as Fields, module as unknown as Fields);
      owner[last] = tensors[i]!;
    }
  };
  put(values);
  try {
    return run();
  } finally {
    put(named.map(([, parameter]) => parameter));
  }
}

/** Checks the gradients of a float64 module in its inputs and all its parameters, and those of the gradients. */
export function checkGradients(
  module: AnyModule,
  inputs: readonly Tensor[],
  run: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  { twice = true } = {},
): void {
  const leaves = [...inputs, ...module.parameters()].map((x) => tensor(x, { requiresGrad: true }));
  const f = (...all: Tensor[]) =>
    withParameters(module, all.slice(inputs.length), () => run(...all.slice(0, inputs.length)));
  const names = [
    ...inputs.map((_, i) => `input ${i}`),
    ...module.namedParameters().map(([name]) => name),
  ];
  gradcheck(f, leaves, { names });
  if (twice) gradgradcheck(f, leaves, { names });
}
