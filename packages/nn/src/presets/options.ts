import { type DType, defaultGenerator, Generator } from "@tapegrad/core";

/** Options that all presets take. */
export interface PresetOptions {
  /** dtype of the parameters. Default float32. */
  dtype?: DType;
  /** Where initial values and dropout come from: a generator, or the seed of one. Default: the shared one. */
  generator?: Generator;
  seed?: number;
}

/** What layers are to be given. */
export function startOf({ dtype = "float32", generator, seed }: PresetOptions) {
  const source = generator ?? (seed === undefined ? defaultGenerator() : new Generator(seed));
  return { dtype, generator: source };
}
