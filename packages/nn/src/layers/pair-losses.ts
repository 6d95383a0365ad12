/** Losses on pairs and triples, as modules; the functions, with their formulas, are core's. */
import {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  type LossOptions,
  marginRankingLoss,
  type Tensor,
  tripletMarginLoss,
} from "@tapegrad/core";
import { flag, number, positive } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Loss, reduction } from "./loss.ts";

/** Options of {@link HingeEmbeddingLoss}. */
export interface HingeEmbeddingLossOptions extends LossOptions {
  /** Default 1. */
  margin?: number;
}

/** Distances x where target is 1, max(0, margin − x) where it is −1. */
export class HingeEmbeddingLoss extends Loss<[x: Tensor, target: Tensor]> {
  static override readonly layer = declareLayer(
    "hingeEmbeddingLoss",
    { reduction, margin: number({ fallback: 1, quiet: true }) },
    (options) => new HingeEmbeddingLoss(options),
  );

  declare readonly margin: number;

  constructor(options: HingeEmbeddingLossOptions = {}) {
    super({ ...options });
  }

  forward(x: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(x, target, this);
  }
}

/** Options of {@link MarginRankingLoss}. */
export interface MarginRankingLossOptions extends LossOptions {
  /** Default 0. */
  margin?: number;
}

/** max(0, −target·(a − b) + margin): a should be larger where target is 1, b where it is −1. */
export class MarginRankingLoss extends Loss<[a: Tensor, b: Tensor, target: Tensor]> {
  static override readonly layer = declareLayer(
    "marginRankingLoss",
    { reduction, margin: number({ fallback: 0, quiet: true }) },
    (options) => new MarginRankingLoss(options),
  );

  declare readonly margin: number;

  constructor(options: MarginRankingLossOptions = {}) {
    super({ ...options });
  }

  forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(a, b, target, this);
  }
}

/** Options of {@link CosineEmbeddingLoss}. */
export interface CosineEmbeddingLossOptions extends LossOptions {
  /** Default 0. */
  margin?: number;
}

/** 1 − cos(a, b) where target is 1, max(0, cos(a, b) − margin) where it is −1; rows [N, D] and targets [N]. */
export class CosineEmbeddingLoss extends Loss<[a: Tensor, b: Tensor, target: Tensor]> {
  static override readonly layer = declareLayer(
    "cosineEmbeddingLoss",
    { reduction, margin: number({ fallback: 0, quiet: true }) },
    (options) => new CosineEmbeddingLoss(options),
  );

  declare readonly margin: number;

  constructor(options: CosineEmbeddingLossOptions = {}) {
    super({ ...options });
  }

  forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(a, b, target, this);
  }
}

/** Options of {@link TripletMarginLoss}. */
export interface TripletMarginLossOptions extends LossOptions {
  /** Default 1. */
  margin?: number;
  /** Default 2. */
  p?: number;
  /** Measure the negative from whichever of anchor and positive is nearer. Default false. */
  swap?: boolean;
  /** Added to each difference. Default 1e-6. */
  eps?: number;
}

/**
 * max(0, d(anchor, positive) − d(anchor, negative) + margin), d the p-norm of the difference over the last axis.
 *
 * Balntas et al., Learning local feature descriptors with triplets, BMVC 2016.
 */
export class TripletMarginLoss extends Loss<[anchor: Tensor, positive: Tensor, negative: Tensor]> {
  static override readonly layer = declareLayer(
    "tripletMarginLoss",
    {
      reduction,
      margin: number({ fallback: 1, quiet: true }),
      p: positive({ fallback: 2, quiet: true }),
      swap: flag({ fallback: false, quiet: true }),
      eps: number({ fallback: 1e-6, quiet: true }),
    },
    (options) => new TripletMarginLoss(options),
  );

  declare readonly margin: number;
  declare readonly p: number;
  declare readonly swap: boolean;
  declare readonly eps: number;

  constructor(options: TripletMarginLossOptions = {}) {
    super({ ...options });
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this);
  }
}
