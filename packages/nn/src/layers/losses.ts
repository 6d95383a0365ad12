/** Losses that compare predictions with targets element by element, as modules; the functions are core's. */
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  gaussianNllLoss,
  huberLoss,
  klDiv,
  type LossOptions,
  l1Loss,
  mseLoss,
  poissonNllLoss,
  type Reduction,
  smoothL1Loss,
  softMarginLoss,
  type Tensor,
} from "@tapegrad/core";
import { choice, flag, positive } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Configured } from "./configured.ts";
import { nonNegative, optionalTensor, toTensor, type Values } from "./kinds.ts";
import { Loss, reduction } from "./loss.ts";

const no = flag({ fallback: false, quiet: true });

/** |prediction − target|; its derivative at 0 is 0. */
export class L1Loss extends Loss {
  static override readonly layer = declareLayer(
    "l1Loss",
    { reduction },
    (options) => new L1Loss(options),
  );

  forward(prediction: Tensor, target: Tensor): Tensor {
    return l1Loss(prediction, target, this);
  }
}

/** (prediction − target)². */
export class MSELoss extends Loss {
  static override readonly layer = declareLayer(
    "mseLoss",
    { reduction },
    (options) => new MSELoss(options),
  );

  forward(prediction: Tensor, target: Tensor): Tensor {
    return mseLoss(prediction, target, this);
  }
}

/** Options of {@link SmoothL1Loss}. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the parabola ends. Default 1; 0 makes it {@link L1Loss}. */
  beta?: number;
}

/**
 * d²/(2β) where d = |prediction − target| is below β, else d − β/2.
 *
 * Girshick, Fast R-CNN, ICCV 2015.
 */
export class SmoothL1Loss extends Loss {
  static override readonly layer = declareLayer(
    "smoothL1Loss",
    { reduction, beta: nonNegative({ fallback: 1, quiet: true }) },
    (options) => new SmoothL1Loss(options),
  );

  declare readonly beta: number;

  constructor(options: SmoothL1LossOptions = {}) {
    super({ ...options });
  }

  forward(prediction: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(prediction, target, this);
  }
}

/** Options of {@link HuberLoss}. */
export interface HuberLossOptions extends LossOptions {
  /** Where the parabola ends. Default 1. */
  delta?: number;
}

/** d²/2 where d = |prediction − target| is at most δ, else δ(d − δ/2). */
export class HuberLoss extends Loss {
  static override readonly layer = declareLayer(
    "huberLoss",
    { reduction, delta: positive({ fallback: 1, quiet: true }) },
    (options) => new HuberLoss(options),
  );

  declare readonly delta: number;

  constructor(options: HuberLossOptions = {}) {
    super({ ...options });
  }

  forward(prediction: Tensor, target: Tensor): Tensor {
    return huberLoss(prediction, target, this);
  }
}

/** ln(1 + e^(−target·x)) with targets −1 and 1. */
export class SoftMarginLoss extends Loss {
  static override readonly layer = declareLayer(
    "softMarginLoss",
    { reduction },
    (options) => new SoftMarginLoss(options),
  );

  forward(prediction: Tensor, target: Tensor): Tensor {
    return softMarginLoss(prediction, target, this);
  }
}

/** Options of {@link KLDivLoss}. */
export interface KLDivLossOptions {
  /** "batchmean" is the sum over the size of the first axis, the divergence itself. Default "mean". */
  reduction?: Reduction | "batchmean";
  /** Whether targets are logarithms, too. Default false. */
  logTarget?: boolean;
}

/** Kullback–Leibler divergence target·(ln target − x), x being the logarithm of the prediction. */
export class KLDivLoss extends Configured<[logPrediction: Tensor, target: Tensor]> {
  static override readonly layer = declareLayer(
    "klDivLoss",
    {
      reduction: choice<Reduction | "batchmean">(["mean", "batchmean", "sum", "none"], {
        fallback: "mean",
      }),
      logTarget: no,
    },
    (options) => new KLDivLoss(options),
  );

  declare readonly reduction: Reduction | "batchmean";
  declare readonly logTarget: boolean;

  constructor(options: KLDivLossOptions = {}) {
    super({ ...options });
  }

  forward(logPrediction: Tensor, target: Tensor): Tensor {
    return klDiv(logPrediction, target, this);
  }
}

/** Options of {@link PoissonNLLLoss}. */
export interface PoissonNLLLossOptions extends LossOptions {
  /** Whether inputs are the rates' logarithms. Default true. */
  logInput?: boolean;
  /** Add Stirling's approximation of ln(target!). Default false. */
  full?: boolean;
  /** Added to rates in ln, without logInput. Default 1e-8. */
  eps?: number;
}

/** −ln of the probability of counts under a Poisson distribution with rate eˣ (or x): eˣ − target·x. */
export class PoissonNLLLoss extends Loss {
  static override readonly layer = declareLayer(
    "poissonNllLoss",
    {
      reduction,
      logInput: flag({ fallback: true, quiet: true }),
      full: no,
      eps: nonNegative({ fallback: 1e-8, quiet: true }),
    },
    (options) => new PoissonNLLLoss(options),
  );

  declare readonly logInput: boolean;
  declare readonly full: boolean;
  declare readonly eps: number;

  constructor(options: PoissonNLLLossOptions = {}) {
    super({ ...options });
  }

  forward(prediction: Tensor, target: Tensor): Tensor {
    return poissonNllLoss(prediction, target, this);
  }
}

/** Options of {@link GaussianNLLLoss}. */
export interface GaussianNLLLossOptions extends LossOptions {
  /** Add ½ ln 2π. Default false. */
  full?: boolean;
  /** Variances count as at least this. Default 1e-6. */
  eps?: number;
}

/**
 * −ln of the density of a normal distribution: ½(ln v + (prediction − target)²/v), v = max(variance, eps).
 * Called with mean, target and variance.
 */
export class GaussianNLLLoss extends Loss<[mean: Tensor, target: Tensor, variance: Tensor]> {
  static override readonly layer = declareLayer(
    "gaussianNllLoss",
    { reduction, full: no, eps: positive({ fallback: 1e-6, quiet: true }) },
    (options) => new GaussianNLLLoss(options),
  );

  declare readonly full: boolean;
  declare readonly eps: number;

  constructor(options: GaussianNLLLossOptions = {}) {
    super({ ...options });
  }

  forward(mean: Tensor, target: Tensor, variance: Tensor): Tensor {
    return gaussianNllLoss(mean, target, variance, this);
  }
}

/** Options of {@link BCELoss}. */
export interface BCELossOptions extends LossOptions {
  /** Multiplies the losses; broadcastable with them. Default null. */
  weight?: Values | null;
}

/**
 * −target·ln p − (1 − target)·ln(1 − p) of probabilities p, the logarithms no lower than −100.
 *
 * State: weight, if given.
 */
export class BCELoss extends Loss {
  static override readonly layer = declareLayer(
    "bceLoss",
    { reduction, weight: optionalTensor },
    (options) => new BCELoss(options),
  );

  declare readonly weight?: Tensor;

  constructor(options: BCELossOptions = {}) {
    const weight = toTensor(options.weight);
    super({ ...options, weight });
    if (weight) this.registerBuffer("weight", weight);
  }

  forward(prediction: Tensor, target: Tensor): Tensor {
    const { reduction, weight } = this;
    return binaryCrossEntropy(prediction, target, {
      reduction,
      weight: weight?.to(prediction.dtype) ?? null,
    });
  }
}

/** Options of {@link BCEWithLogitsLoss}. */
export interface BCEWithLogitsLossOptions extends BCELossOptions {
  /** Weighs positive targets; broadcastable with the logits. Default null. */
  posWeight?: Values | null;
}

/**
 * {@link BCELoss} of p = σ(logits), without overflow.
 *
 * State: weight and pos_weight, if given.
 */
export class BCEWithLogitsLoss extends Loss {
  static override readonly layer = declareLayer(
    "bceWithLogitsLoss",
    { reduction, weight: optionalTensor, posWeight: optionalTensor },
    (options) => new BCEWithLogitsLoss(options),
  );

  declare readonly weight?: Tensor;
  declare readonly pos_weight?: Tensor;

  constructor(options: BCEWithLogitsLossOptions = {}) {
    const weight = toTensor(options.weight);
    const posWeight = toTensor(options.posWeight);
    super({ ...options, weight, posWeight });
    if (weight) this.registerBuffer("weight", weight);
    if (posWeight) this.registerBuffer("pos_weight", posWeight);
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    const { reduction, weight, pos_weight: posWeight } = this;
    return binaryCrossEntropyWithLogits(logits, target, {
      reduction,
      weight: weight?.to(logits.dtype) ?? null,
      posWeight: posWeight?.to(logits.dtype) ?? null,
    });
  }
}
