/** Dropout and its variants; the functions are core's. In eval mode all of them are the identity. */
import {
  alphaDropout as alphaDropoutOf,
  defaultGenerator,
  dropout1d as dropout1dOf,
  dropout2d as dropout2dOf,
  dropout3d as dropout3dOf,
  dropout as dropoutOf,
  featureAlphaDropout as featureAlphaDropoutOf,
  type Generator,
  type Tensor,
} from "@tapegrad/core";
import { probability } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { AnyModule } from "../module.ts";
import { Configured } from "./configured.ts";

/** Options of {@link Dropout} and its kin. */
export interface DropoutOptions {
  /** Where the random numbers come from. Default: the shared generator. */
  generator?: Generator;
}

const dropoutLayer = (type: string, create: (p: number) => AnyModule) =>
  declareLayer(type, { p: probability({ fallback: 0.5 }) }, ({ p }) => create(p));

abstract class Dropping extends Configured {
  declare readonly p: number;
  readonly generator: Generator;

  /** @param p  probability of dropping. Default 0.5 */
  constructor(p?: number, { generator = defaultGenerator() }: DropoutOptions = {}) {
    super({ p });
    this.generator = generator;
  }
}

/**
 * In training each element becomes 0 with probability p, and the others x/(1 − p), which keeps the expectation (inverted
 * dropout); in eval mode y = x.
 *
 * Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, JMLR 2014. Note that p is the
 * probability of dropping, as in PyTorch; CS231n's is that of keeping.
 */
export class Dropout extends Dropping {
  static override readonly layer = dropoutLayer("dropout", (p) => new Dropout(p));

  forward(x: Tensor): Tensor {
    return dropoutOf(x, this);
  }
}

/** See {@link Dropout}. */
export function dropout(p?: number, options?: DropoutOptions): Dropout {
  return new Dropout(p, options);
}

/**
 * {@link Dropout} of whole channels (spatial dropout): input [N, C, L] or [C, L].
 *
 * Tompson et al., Efficient Object Localization Using Convolutional Networks, CVPR 2015.
 */
export class Dropout1d extends Dropping {
  static override readonly layer = dropoutLayer("dropout1d", (p) => new Dropout1d(p));

  forward(x: Tensor): Tensor {
    return dropout1dOf(x, this);
  }
}

/** See {@link Dropout1d}. */
export function dropout1d(p?: number, options?: DropoutOptions): Dropout1d {
  return new Dropout1d(p, options);
}

/** {@link Dropout1d} of images [N, C, H, W] or [C, H, W]. */
export class Dropout2d extends Dropping {
  static override readonly layer = dropoutLayer("dropout2d", (p) => new Dropout2d(p));

  forward(x: Tensor): Tensor {
    return dropout2dOf(x, this);
  }
}

/** See {@link Dropout2d}. */
export function dropout2d(p?: number, options?: DropoutOptions): Dropout2d {
  return new Dropout2d(p, options);
}

/** {@link Dropout1d} of volumes [N, C, D, H, W] or [C, D, H, W]. */
export class Dropout3d extends Dropping {
  static override readonly layer = dropoutLayer("dropout3d", (p) => new Dropout3d(p));

  forward(x: Tensor): Tensor {
    return dropout3dOf(x, this);
  }
}

/** See {@link Dropout3d}. */
export function dropout3d(p?: number, options?: DropoutOptions): Dropout3d {
  return new Dropout3d(p, options);
}

/**
 * In training dropped elements take the value of SELU far below 0, and mean 0 and variance 1 are restored.
 *
 * Klambauer et al., Self-Normalizing Neural Networks, NeurIPS 2017.
 */
export class AlphaDropout extends Dropping {
  static override readonly layer = dropoutLayer("alphaDropout", (p) => new AlphaDropout(p));

  forward(x: Tensor): Tensor {
    return alphaDropoutOf(x, this);
  }
}

/** See {@link AlphaDropout}. */
export function alphaDropout(p?: number, options?: DropoutOptions): AlphaDropout {
  return new AlphaDropout(p, options);
}

/** {@link AlphaDropout} of whole channels: input [N, C, …]. */
export class FeatureAlphaDropout extends Dropping {
  static override readonly layer = dropoutLayer(
    "featureAlphaDropout",
    (p) => new FeatureAlphaDropout(p),
  );

  forward(x: Tensor): Tensor {
    return featureAlphaDropoutOf(x, this);
  }
}

/** See {@link FeatureAlphaDropout}. */
export function featureAlphaDropout(p?: number, options?: DropoutOptions): FeatureAlphaDropout {
  return new FeatureAlphaDropout(p, options);
}
