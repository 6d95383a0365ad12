import {
  linear as affine,
  type DType,
  defaultGenerator,
  type Generator,
  rand,
  type Tensor,
} from "@tapegrad/core";
import { flag, floatType, size } from "../fields.ts";
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
      inFeatures: size(),
      outFeatures: size(),
      bias: flag({ fallback: true }),
      dtype: floatType,
    },
    ({ inFeatures, outFeatures, ...options }) => new Linear(inFeatures, outFeatures, options),
  );

  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    const { bias = true, dtype = "float32", generator = defaultGenerator() } = options;
    super({ inFeatures, outFeatures, bias, dtype });
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    const bound = 1 / Math.sqrt(inFeatures);
    const start = { low: -bound, high: bound, dtype, generator };
    this.weight = new Parameter(rand([outFeatures, inFeatures], start));
    this.bias = bias ? new Parameter(rand([outFeatures], start)) : null;
  }

  forward(x: Tensor): Tensor {
    return affine(x, this.weight, this.bias);
  }
}

/** A dense layer; see {@link Linear}. */
export function linear(inFeatures: number, outFeatures: number, options?: LinearOptions): Linear {
  return new Linear(inFeatures, outFeatures, options);
}
