import { linear as linearOf, type Tensor } from "@tapegrad/core";
import { choice, flag, floatType, inferred, optional, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import { type StartOptions, uniformStart } from "./start.ts";

/** Options of {@link Linear}. */
export interface LinearOptions extends StartOptions {
  /** Whether to add b. Default true. */
  bias?: boolean;
  /**
   * "relu": max(y, 0), which the product's kernel computes without writing y. Other activations, and one that hooks and
   * pictures are to see apart, are layers of their own. Default null.
   */
  activation?: "relu" | null;
}

/**
 * y = x·Wᵀ + b, or max(y, 0).
 *
 * State: weight W [out, in] and bias b [out]; both start uniform in ±1/√in. Input [..., in], output [..., out].
 */
export class Linear extends Configured {
  static override readonly layer = declareLayer(
    "linear",
    {
      inFeatures: inferred({
        input: (x) => x.shape.at(-1),
        state: ({ weight }) => weight?.shape[1],
      }),
      outFeatures: size(),
      bias: flag({ fallback: true }),
      activation: optional(choice(["relu"]), { quiet: true }),
      dtype: floatType,
    },
    ({ inFeatures, outFeatures, ...options }) => new Linear(inFeatures, outFeatures, options),
  );

  declare readonly inFeatures: number | null;
  declare readonly outFeatures: number;
  declare readonly activation: "relu" | null;
  weight!: Parameter;
  bias: Parameter | null = null;
  readonly #start: StartOptions & { biases: number };

  /** @param inFeatures  null: from the first input */
  constructor(inFeatures: number | null, outFeatures: number, options: LinearOptions = {}) {
    const { generator: _, ...given } = options;
    super({ ...given, inFeatures, outFeatures });
    this.#start = { ...options, biases: options.bias === false ? 0 : outFeatures };
    if (inFeatures !== null) this.build();
  }

  protected override build(): void {
    Object.assign(this, uniformStart([this.outFeatures, this.inFeatures!], this.#start));
  }

  forward(x: Tensor): Tensor {
    return linearOf(x, this.weight, this.bias, { activation: this.activation });
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
