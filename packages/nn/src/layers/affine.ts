import { flatten, linear as linearOf, type Tensor } from "@tapegrad/core";
import { flag, floatType, inferred, optional, positive, size } from "../fields.ts";
import { normal_, zeros_ } from "../init.ts";
import { declareLayer } from "../layer.ts";
import type { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import { type StartOptions, uniformStart } from "./start.ts";

/** Options of {@link Affine}. */
export interface AffineOptions extends StartOptions {
  /** Whether to add b. Default true. */
  bias?: boolean;
  /** As CS231n starts: W normal with this standard deviation, b 0. Default null: both uniform as {@link Linear}'s. */
  weightScale?: number | null;
}

/**
 * CS231n's affine layer: every input (d1, …, dk) becomes a row x of D = d1·…·dk numbers, and y = x·Wᵀ + b.
 *
 * State as PyTorch's linear: weight [out, D], bias [out]; CS231n's own w is the transpose, [D, out]. Input
 * [N, d1, …, dk], output [N, out].
 */
export class Affine extends Configured {
  static override readonly layer = declareLayer(
    "affine",
    {
      inFeatures: inferred({
        input: (x) => (x.rank > 1 ? x.size / x.shape[0]! : undefined),
        state: ({ weight }) => weight?.shape[1],
      }),
      outFeatures: size(),
      bias: flag({ fallback: true, quiet: true }),
      weightScale: optional(positive(), { quiet: true }),
      dtype: floatType,
    },
    ({ inFeatures, outFeatures, ...options }) => new Affine(inFeatures, outFeatures, options),
  );

  declare readonly inFeatures: number | null;
  declare readonly outFeatures: number;
  weight!: Parameter;
  bias: Parameter | null = null;
  readonly #options: AffineOptions;

  /** @param inFeatures  D; null: from the first input */
  constructor(inFeatures: number | null, outFeatures: number, options: AffineOptions = {}) {
    const { generator: _, ...given } = options;
    super({ ...given, inFeatures, outFeatures });
    this.#options = options;
    if (inFeatures !== null) this.build();
  }

  protected override build(): void {
    const { outFeatures, inFeatures } = this;
    const { bias = true, weightScale = null, generator } = this.#options;
    const options = { ...this.#options, biases: bias ? outFeatures : 0 };
    Object.assign(this, uniformStart([outFeatures, inFeatures!], options));
    if (weightScale === null) return;
    normal_(this.weight, { weightScale, ...(generator === undefined ? {} : { generator }) });
    if (this.bias) zeros_(this.bias);
  }

  forward(x: Tensor): Tensor {
    return linearOf(x.rank > 1 ? flatten(x, 1) : x, this.weight, this.bias);
  }
}

/** CS231n's affine layer, which flattens its inputs; see {@link Affine}. */
export function affine(
  inFeatures: number | null,
  outFeatures: number,
  options?: AffineOptions,
): Affine {
  return new Affine(inFeatures, outFeatures, options);
}
