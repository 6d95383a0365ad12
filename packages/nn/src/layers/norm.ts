/**
 * Layer, group, RMS and local response normalization; the functions, with formulas and sources, are core's. As in
 * PyTorch, weights start at 1 and biases at 0.
 */
import {
  type DType,
  groupNorm as groupNormOf,
  layerNorm as layerNormOf,
  localResponseNorm as localResponseNormOf,
  ones,
  rmsNorm as rmsNormOf,
  type Tensor,
  ValueError,
  zeros,
} from "@tapegrad/core";
import { flag, floatType, number, optional, size, sizes } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import { nonNegative } from "./kinds.ts";

/** Sizes of the last axes, that are normalized together: [8, 8], or 8 for [8]. */
export type NormalizedShape = number | readonly number[];

/** Options of {@link LayerNorm}. */
export interface LayerNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether there is a weight of the normalized shape, and a bias. Default true. */
  elementwiseAffine?: boolean;
  /** Whether the bias is there, too. Default true. */
  bias?: boolean;
  /** dtype of the parameters. Default float32. */
  dtype?: DType;
}

const eps = nonNegative({ fallback: 1e-5, quiet: true });
const yes = flag({ fallback: true, quiet: true });

/**
 * y = (x − μ)/√(σ² + ε)·weight + bias, mean and biased variance over the last axes.
 *
 * State: weight and bias of the normalized shape. Input [..., …normalizedShape].
 *
 * Ba, Kiros and Hinton, Layer Normalization, 2016.
 */
export class LayerNorm extends Configured {
  static override readonly layer = declareLayer(
    "layerNorm",
    { normalizedShape: sizes(), eps, elementwiseAffine: yes, bias: yes, dtype: floatType },
    ({ normalizedShape, ...options }) => new LayerNorm(normalizedShape, options),
  );

  declare readonly normalizedShape: NormalizedShape;
  declare readonly eps: number;
  declare readonly elementwiseAffine: boolean;
  weight: Parameter | null = null;
  bias: Parameter | null = null;

  constructor(normalizedShape: NormalizedShape, options: LayerNormOptions = {}) {
    super({ ...options, normalizedShape });
    const { bias = true, dtype = "float32" } = options;
    if (!this.elementwiseAffine) return;
    const shape = [normalizedShape].flat();
    this.weight = new Parameter(ones(shape, { dtype }));
    if (bias) this.bias = new Parameter(zeros(shape, { dtype }));
  }

  forward(x: Tensor): Tensor {
    return layerNormOf(x, this.normalizedShape, this);
  }
}

/** See {@link LayerNorm}. */
export function layerNorm(normalizedShape: NormalizedShape, options?: LayerNormOptions): LayerNorm {
  return new LayerNorm(normalizedShape, options);
}

/** Options of {@link GroupNorm}. */
export interface GroupNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether there is a weight and a bias per channel. Default true. */
  affine?: boolean;
  /** dtype of the parameters. Default float32. */
  dtype?: DType;
}

/**
 * y = (x − μ)/√(σ² + ε)·weight + bias, mean and biased variance per image and group of channels.
 *
 * State: weight and bias [C]. Input [N, C, …].
 *
 * Wu and He, Group Normalization, ECCV 2018.
 */
export class GroupNorm extends Configured {
  static override readonly layer = declareLayer(
    "groupNorm",
    { numGroups: size(), numChannels: size(), eps, affine: yes, dtype: floatType },
    ({ numGroups, numChannels, ...options }) => new GroupNorm(numGroups, numChannels, options),
  );

  declare readonly numGroups: number;
  declare readonly numChannels: number;
  declare readonly eps: number;
  declare readonly affine: boolean;
  weight: Parameter | null = null;
  bias: Parameter | null = null;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super({ ...options, numGroups, numChannels });
    if (numChannels % numGroups !== 0) {
      throw new ValueError(
        `groupNorm: numGroups is ${numGroups}; it must divide numChannels (${numChannels}).`,
      );
    }
    const { dtype = "float32" } = options;
    if (!this.affine) return;
    this.weight = new Parameter(ones([numChannels], { dtype }));
    this.bias = new Parameter(zeros([numChannels], { dtype }));
  }

  forward(x: Tensor): Tensor {
    return groupNormOf(x, this.numGroups, this);
  }
}

/** See {@link GroupNorm}. */
export function groupNorm(
  numGroups: number,
  numChannels: number,
  options?: GroupNormOptions,
): GroupNorm {
  return new GroupNorm(numGroups, numChannels, options);
}

/** Options of {@link RMSNorm}. */
export interface RMSNormOptions {
  /** Added to the mean square. Default null: the distance from 1 to the next number of x's dtype. */
  eps?: number | null;
  /** Whether there is a weight of the normalized shape. Default true. */
  elementwiseAffine?: boolean;
  /** dtype of the weight. Default float32. */
  dtype?: DType;
}

/**
 * y = x/√(mean(x²) + ε)·weight over the last axes: layer normalization without centring.
 *
 * State: weight of the normalized shape. Input [..., …normalizedShape].
 *
 * Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019.
 */
export class RMSNorm extends Configured {
  static override readonly layer = declareLayer(
    "rmsNorm",
    {
      normalizedShape: sizes(),
      eps: optional(nonNegative(), { quiet: true }),
      elementwiseAffine: yes,
      dtype: floatType,
    },
    ({ normalizedShape, ...options }) => new RMSNorm(normalizedShape, options),
  );

  declare readonly normalizedShape: NormalizedShape;
  declare readonly eps: number | null;
  declare readonly elementwiseAffine: boolean;
  weight: Parameter | null = null;

  constructor(normalizedShape: NormalizedShape, options: RMSNormOptions = {}) {
    super({ ...options, normalizedShape });
    const { dtype = "float32" } = options;
    if (this.elementwiseAffine) {
      this.weight = new Parameter(ones([normalizedShape].flat(), { dtype }));
    }
  }

  forward(x: Tensor): Tensor {
    const { weight, eps } = this;
    return rmsNormOf(x, this.normalizedShape, eps === null ? { weight } : { weight, eps });
  }
}

/** See {@link RMSNorm}. */
export function rmsNorm(normalizedShape: NormalizedShape, options?: RMSNormOptions): RMSNorm {
  return new RMSNorm(normalizedShape, options);
}

/** Options of {@link LocalResponseNorm}. */
export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

/**
 * y = x/(k + α·m)^β, with m the mean of x² over `size` neighbouring channels. Input [N, C, …].
 *
 * Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012.
 */
export class LocalResponseNorm extends Configured {
  static override readonly layer = declareLayer(
    "localResponseNorm",
    {
      size: size(),
      alpha: number({ fallback: 1e-4, quiet: true }),
      beta: number({ fallback: 0.75, quiet: true }),
      k: number({ fallback: 1, quiet: true }),
    },
    ({ size, ...options }) => new LocalResponseNorm(size, options),
  );

  declare readonly size: number;
  declare readonly alpha: number;
  declare readonly beta: number;
  declare readonly k: number;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super({ ...options, size });
  }

  forward(x: Tensor): Tensor {
    return localResponseNormOf(x, this.size, this);
  }
}

/** See {@link LocalResponseNorm}. */
export function localResponseNorm(
  size: number,
  options?: LocalResponseNormOptions,
): LocalResponseNorm {
  return new LocalResponseNorm(size, options);
}
