/** Layers that compare two inputs row by row. */
import { cosineSimilarity as cosineSimilarityOf, norm, type Tensor } from "@tapegrad/core";
import { flag, integer, number } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Configured } from "./configured.ts";
import { nonNegative } from "./kinds.ts";

/** Options of {@link CosineSimilarity}. */
export interface CosineSimilarityOptions {
  /** Default 1: rows of matrices. */
  axis?: number;
  /** Norms count as at least this. Default 1e-8. */
  eps?: number;
}

/** a·b / (max(‖a‖, eps)·max(‖b‖, eps)) along an axis. Inputs of shapes that broadcast; output without the axis. */
export class CosineSimilarity extends Configured<[a: Tensor, b: Tensor]> {
  static override readonly layer = declareLayer(
    "cosineSimilarity",
    {
      axis: integer({ fallback: 1, quiet: true }),
      eps: nonNegative({ fallback: 1e-8, quiet: true }),
    },
    (options) => new CosineSimilarity(options),
  );

  declare readonly axis: number;
  declare readonly eps: number;

  constructor(options: CosineSimilarityOptions = {}) {
    super({ ...options });
  }

  forward(a: Tensor, b: Tensor): Tensor {
    return cosineSimilarityOf(a, b, this);
  }
}

/** See {@link CosineSimilarity}. */
export function cosineSimilarity(options?: CosineSimilarityOptions): CosineSimilarity {
  return new CosineSimilarity(options);
}

/** Options of {@link PairwiseDistance}. */
export interface PairwiseDistanceOptions {
  /** Which norm. Default 2. */
  p?: number;
  /** Added to each difference, so that the distance has a derivative where rows are equal. Default 1e-6. */
  eps?: number;
  /** Whether the last axis stays, with size 1. Default false. */
  keepdim?: boolean;
}

/** ‖a − b + eps‖ₚ over the last axis. Inputs [..., D] of shapes that broadcast, output [...]. */
export class PairwiseDistance extends Configured<[a: Tensor, b: Tensor]> {
  static override readonly layer = declareLayer(
    "pairwiseDistance",
    {
      p: number({ fallback: 2, quiet: true }),
      eps: number({ fallback: 1e-6, quiet: true }),
      keepdim: flag({ fallback: false, quiet: true }),
    },
    (options) => new PairwiseDistance(options),
  );

  declare readonly p: number;
  declare readonly eps: number;
  declare readonly keepdim: boolean;

  constructor(options: PairwiseDistanceOptions = {}) {
    super({ ...options });
  }

  forward(a: Tensor, b: Tensor): Tensor {
    return norm(a.sub(b).add(this.eps), this.p, { axis: -1, keepdim: this.keepdim });
  }
}

/** See {@link PairwiseDistance}. */
export function pairwiseDistance(options?: PairwiseDistanceOptions): PairwiseDistance {
  return new PairwiseDistance(options);
}
