import { bilinear as bilinearOf, type Tensor } from "@tapegrad/core";
import { flag, floatType, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import { type StartOptions, uniformStart } from "./start.ts";

/** Options of {@link Bilinear}. */
export interface BilinearOptions extends StartOptions {
  /** Default true. */
  bias?: boolean;
}

/**
 * yₒ = Σᵢⱼ aᵢ·Wₒᵢⱼ·bⱼ + biasₒ.
 *
 * State: weight [out, in1, in2] and bias [out]; as in PyTorch both start uniform in ±1/√in1. Inputs a [..., in1] and
 * b [..., in2], output [..., out].
 */
export class Bilinear extends Configured<[a: Tensor, b: Tensor]> {
  static override readonly layer = declareLayer(
    "bilinear",
    {
      in1Features: size(),
      in2Features: size(),
      outFeatures: size(),
      bias: flag({ fallback: true, quiet: true }),
      dtype: floatType,
    },
    ({ in1Features, in2Features, outFeatures, ...options }) =>
      new Bilinear(in1Features, in2Features, outFeatures, options),
  );

  declare readonly in1Features: number;
  declare readonly in2Features: number;
  declare readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    options: BilinearOptions = {},
  ) {
    const { generator: _, ...given } = options;
    super({ ...given, in1Features, in2Features, outFeatures });
    const shape = [outFeatures, in1Features, in2Features];
    const biases = options.bias === false ? 0 : outFeatures;
    const { weight, bias } = uniformStart(shape, { ...options, biases, fanIn: in1Features });
    this.weight = weight;
    this.bias = bias;
  }

  forward(a: Tensor, b: Tensor): Tensor {
    return bilinearOf(a, b, this.weight, { bias: this.bias });
  }
}

/** See {@link Bilinear}. */
export function bilinear(
  in1Features: number,
  in2Features: number,
  outFeatures: number,
  options?: BilinearOptions,
): Bilinear {
  return new Bilinear(in1Features, in2Features, outFeatures, options);
}
