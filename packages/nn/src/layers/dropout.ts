import {
  defaultGenerator,
  dropout as dropoutOf,
  type Generator,
  type Tensor,
} from "@tapegrad/core";
import { probability } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";

export interface DropoutOptions {
  /** Where the random numbers come from. Default: the shared generator. */
  generator?: Generator;
}

/**
 * In training each element becomes 0 with probability p, and the others x/(1 − p), which keeps the
 * expectation (inverted dropout); in eval mode y = x.
 *
 * Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, JMLR 2014.
 * Note that p is the probability of dropping, as in PyTorch; CS231n's is that of keeping.
 */
export class Dropout extends Module {
  static override readonly layer = declareLayer(
    "dropout",
    { p: probability({ fallback: 0.5 }) },
    ({ p }) => new Dropout(p),
  );

  readonly p: number;
  readonly generator: Generator;

  constructor(p = 0.5, { generator = defaultGenerator() }: DropoutOptions = {}) {
    super({ p });
    this.p = p;
    this.generator = generator;
  }

  forward(x: Tensor): Tensor {
    return dropoutOf(x, { p: this.p, training: this.training, generator: this.generator });
  }
}

export function dropout(p?: number, options?: DropoutOptions): Dropout {
  return new Dropout(p, options);
}
