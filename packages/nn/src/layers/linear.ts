import {
  linear as affine,
  type DType,
  defaultGenerator,
  type Generator,
  rand,
  type Tensor,
} from "@tapegrad/core";
import { flag, floatType, inferred, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";

export interface LinearOptions {
  /** Whether to add b. Default true. */
  bias?: boolean;
  /** dtype of the parameters. Default float32. */
  dtype?: DType;
  generator?: Generator;
}

/**
 * y = x·Wᵀ + b, with W [out, in] and b [out].
 *
 * Both start uniform in ±1/√in, as PyTorch's: kaimingUniform_ with a = √5 has the bound
 * √3·√(2/(1 + 5))/√in = 1/√in.
 *
 * Input [..., in], output [..., out].
 */
export class Linear extends Module {
  static override readonly layer = declareLayer(
    "linear",
    {
      inFeatures: inferred({
        input: (x) => x.shape.at(-1),
        state: ({ weight }) => weight?.shape[1],
      }),
      outFeatures: size(),
      bias: flag({ fallback: true }),
      dtype: floatType,
    },
    ({ inFeatures, outFeatures, ...options }) => new Linear(inFeatures, outFeatures, options),
  );

  inFeatures: number | null;
  readonly outFeatures: number;
  weight!: Parameter;
  bias: Parameter | null;
  readonly #options: Required<LinearOptions>;

  /** @param inFeatures  null: from the first input */
  constructor(inFeatures: number | null, outFeatures: number, options: LinearOptions = {}) {
    const { bias = true, dtype = "float32", generator = defaultGenerator() } = options;
    super({ inFeatures, outFeatures, bias, dtype });
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.bias = null;
    this.#options = { bias, dtype, generator };
    if (inFeatures !== null) this.build();
  }

  protected override build(): void {
    const { inFeatures, outFeatures } = this as { inFeatures: number; outFeatures: number };
    const { bias, ...draw } = this.#options;
    const bound = 1 / Math.sqrt(inFeatures);
    const start = { low: -bound, high: bound, ...draw };
    this.weight = new Parameter(rand([outFeatures, inFeatures], start));
    this.bias = bias ? new Parameter(rand([outFeatures], start)) : null;
  }

  forward(x: Tensor): Tensor {
    return affine(x, this.weight, this.bias);
  }
}

/** A dense layer; see {@link Linear}. */
export function linear(
  inFeatures: number | null,
  outFeatures: number,
  options?: LinearOptions,
): Linear {
  return new Linear(inFeatures, outFeatures, options);
}
