/** Layers that rearrange elements; the functions are core's. */
import {
  flatten as flattenOf,
  fold as foldOf,
  type Pair,
  pixelShuffle as pixelShuffleOf,
  pixelUnshuffle as pixelUnshuffleOf,
  type Tensor,
  type UnfoldOptions,
  unflatten as unflattenOf,
  unfold as unfoldOf,
} from "@tapegrad/core";
import { integer, list, perAxis, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";
import { Configured } from "./configured.ts";

/** y = x. */
export class Identity extends Module {
  static override readonly layer = declareLayer("identity", {}, () => new Identity());

  forward(x: Tensor): Tensor {
    return x;
  }
}

/** See {@link Identity}. */
export function identity(): Identity {
  return new Identity();
}

/** Joins the axes from startAxis to endAxis, both included; by default all but the first, the batch. */
export class Flatten extends Configured {
  static override readonly layer = declareLayer(
    "flatten",
    { startAxis: integer({ fallback: 1 }), endAxis: integer({ fallback: -1 }) },
    ({ startAxis, endAxis }) => new Flatten(startAxis, endAxis),
  );

  declare readonly startAxis: number;
  declare readonly endAxis: number;

  constructor(startAxis?: number, endAxis?: number) {
    super({ startAxis, endAxis });
  }

  forward(x: Tensor): Tensor {
    return flattenOf(x, this.startAxis, this.endAxis);
  }
}

/** See {@link Flatten}. */
export function flatten(startAxis?: number, endAxis?: number): Flatten {
  return new Flatten(startAxis, endAxis);
}

/** One axis as several, of which one size may be −1: what remains. */
export class Unflatten extends Configured {
  static override readonly layer = declareLayer(
    "unflatten",
    { axis: integer(), sizes: list(integer()) },
    ({ axis, sizes }) => new Unflatten(axis, sizes),
  );

  declare readonly axis: number;
  declare readonly sizes: readonly number[];

  constructor(axis: number, sizes: readonly number[]) {
    super({ axis, sizes });
  }

  forward(x: Tensor): Tensor {
    return unflattenOf(x, this.axis, this.sizes);
  }
}

/** See {@link Unflatten}. */
export function unflatten(axis: number, sizes: readonly number[]): Unflatten {
  return new Unflatten(axis, sizes);
}

/**
 * Channels become pixels: […, C·r², H, W] → […, C, H·r, W·r], r the factor.
 *
 * Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
 * Network, CVPR 2016.
 */
export class PixelShuffle extends Configured {
  static override readonly layer = declareLayer(
    "pixelShuffle",
    { upscaleFactor: size() },
    ({ upscaleFactor }) => new PixelShuffle(upscaleFactor),
  );

  declare readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super({ upscaleFactor });
  }

  forward(x: Tensor): Tensor {
    return pixelShuffleOf(x, this.upscaleFactor);
  }
}

/** See {@link PixelShuffle}. */
export function pixelShuffle(upscaleFactor: number): PixelShuffle {
  return new PixelShuffle(upscaleFactor);
}

/** Pixels become channels: […, C, H·r, W·r] → […, C·r², H, W], r the factor. */
export class PixelUnshuffle extends Configured {
  static override readonly layer = declareLayer(
    "pixelUnshuffle",
    { downscaleFactor: size() },
    ({ downscaleFactor }) => new PixelUnshuffle(downscaleFactor),
  );

  declare readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super({ downscaleFactor });
  }

  forward(x: Tensor): Tensor {
    return pixelUnshuffleOf(x, this.downscaleFactor);
  }
}

/** See {@link PixelUnshuffle}. */
export function pixelUnshuffle(downscaleFactor: number): PixelUnshuffle {
  return new PixelUnshuffle(downscaleFactor);
}

const windowFields = {
  kernelSize: perAxis(2),
  dilation: perAxis(2, { fallback: 1, quiet: true }),
  padding: perAxis(2, { least: 0, fallback: 0, quiet: true }),
  stride: perAxis(2, { fallback: 1, quiet: true }),
};

/** The windows of images as columns (im2col): [N, C, H, W] → [N, C·k₁·k₂, windows]. */
export class Unfold extends Configured {
  static override readonly layer = declareLayer(
    "unfold",
    windowFields,
    ({ kernelSize, ...options }) => new Unfold(kernelSize as Pair, options as UnfoldOptions),
  );

  declare readonly kernelSize: Pair;
  declare readonly dilation: Pair;
  declare readonly padding: Pair;
  declare readonly stride: Pair;

  constructor(kernelSize: Pair, options: UnfoldOptions = {}) {
    super({ ...options, kernelSize });
  }

  forward(x: Tensor): Tensor {
    return unfoldOf(x, this.kernelSize, this);
  }
}

/** See {@link Unfold}. */
export function unfold(kernelSize: Pair, options?: UnfoldOptions): Unfold {
  return new Unfold(kernelSize, options);
}

/** Images as the sum of their windows (col2im), the transpose of {@link Unfold}: [N, C·k₁·k₂, windows] → [N, C, H, W]. */
export class Fold extends Configured {
  static override readonly layer = declareLayer(
    "fold",
    { outputSize: perAxis(2), ...windowFields },
    ({ outputSize, kernelSize, ...options }) =>
      new Fold(outputSize as Pair, kernelSize as Pair, options as UnfoldOptions),
  );

  declare readonly outputSize: Pair;
  declare readonly kernelSize: Pair;
  declare readonly dilation: Pair;
  declare readonly padding: Pair;
  declare readonly stride: Pair;

  /** @param outputSize  height and width of the images */
  constructor(outputSize: Pair, kernelSize: Pair, options: UnfoldOptions = {}) {
    super({ ...options, outputSize, kernelSize });
  }

  forward(x: Tensor): Tensor {
    return foldOf(x, this.outputSize, this);
  }
}

/** See {@link Fold}. */
export function fold(outputSize: Pair, kernelSize: Pair, options?: UnfoldOptions): Fold {
  return new Fold(outputSize, kernelSize, options);
}
