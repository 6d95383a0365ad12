/**
 * Batch and instance normalization; the functions, with their formulas, are core's. As in PyTorch, weights start at 1
 * and biases at 0, and statistics are buffers under its names.
 */
import {
  batchNorm as batchNormOf,
  type DType,
  formatShape,
  instanceNorm as instanceNormOf,
  noGrad,
  ones,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@tapegrad/core";
import { flag, floatType, inferred, optional, probability } from "../fields.ts";
import { declareLayer, typeOf } from "../layer.ts";
import type { AnyModule } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import { nonNegative } from "./kinds.ts";

/** Options of {@link BatchNorm2d}, {@link InstanceNorm2d} and their kin. */
export interface ChannelNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /**
   * running = (1 − momentum)·running + momentum·batch; CS231n's momentum is 1 minus this. null: the average over
   * all batches so far. Default 0.1.
   */
  momentum?: number | null;
  /** Whether there is a weight and a bias per channel. Default true; false for instance norm. */
  affine?: boolean;
  /**
   * Whether running statistics are kept in training, and used in eval mode; otherwise each input's own are used.
   * Default true; false for instance norm.
   */
  trackRunningStats?: boolean;
  /** dtype of parameters and statistics. Default float32. */
  dtype?: DType;
}

/** What batch and instance norms keep: scale and shift, and running statistics under PyTorch's names. */
abstract class ChannelNorm extends Configured {
  declare readonly numFeatures: number | null;
  declare readonly eps: number;
  declare momentum: number | null;
  declare readonly affine: boolean;
  declare readonly trackRunningStats: boolean;
  declare readonly dtype: DType;
  weight: Parameter | null = null;
  bias: Parameter | null = null;
  declare readonly running_mean?: Tensor;
  declare readonly running_var?: Tensor;
  declare readonly num_batches_tracked?: Tensor;

  protected readonly axes: number;

  constructor(axes: number, numFeatures: number | null, options: ChannelNormOptions = {}) {
    super({ ...options, numFeatures });
    this.axes = axes;
    if (numFeatures !== null) this.build();
  }

  protected override build(): void {
    const { dtype } = this;
    const shape = [this.numFeatures!];
    if (this.affine) {
      this.weight = new Parameter(ones(shape, { dtype }));
      this.bias = new Parameter(zeros(shape, { dtype }));
    }
    if (this.trackRunningStats) {
      this.registerBuffer("running_mean", zeros(shape, { dtype }));
      this.registerBuffer("running_var", ones(shape, { dtype }));
      this.registerBuffer("num_batches_tracked", tensor(0, { dtype: "int32" }));
    }
  }

  /** @throws ShapeError unless x has one of some shapes, with as many channels as the layer */
  protected checkInput(x: Tensor, ...layouts: readonly string[][]): void {
    const channels = String(this.numFeatures);
    const shapes = layouts.map((layout) => layout.map((name) => (name === "C" ? channels : name)));
    const fits = (shape: readonly string[]) =>
      x.rank === shape.length && String(x.shape[shape.indexOf(channels)]) === channels;
    if (!shapes.some(fits)) {
      const wanted = shapes.map((shape) => `[${shape.join(", ")}]`).join(" or ");
      throw new ShapeError(`${typeOf(this)}: x is ${formatShape(x.shape)}; it must be ${wanted}.`);
    }
  }

  /** Mean of each channel over the batches seen; null unless tracked. */
  get runningMean(): Tensor | null {
    return this.running_mean ?? null;
  }

  /** Unbiased variance of each channel over the batches seen; null unless tracked. */
  get runningVar(): Tensor | null {
    return this.running_var ?? null;
  }

  /** How many batches the running statistics have seen; null unless tracked. */
  get numBatchesTracked(): number | null {
    return this.num_batches_tracked?.item() ?? null;
  }

  /** Forgets the running statistics. */
  resetRunningStats(): void {
    noGrad(() => {
      this.running_mean?.zero_();
      this.running_var?.fill_(1);
      this.num_batches_tracked?.zero_();
    });
  }
}

/** Names of the last axes. */
const spatial = [["L"], ["H", "W"], ["D", "H", "W"]];

type ChannelCreate = (numFeatures: number | null, options: ChannelNormOptions) => AnyModule;

const eps = nonNegative({ fallback: 1e-5, quiet: true });

function batchNormLayer(type: string, axes: number, create: ChannelCreate) {
  return declareLayer(
    type,
    {
      numFeatures: inferred({
        input: (x) =>
          x.rank === axes + 2 || (axes === 1 && x.rank === 2) ? x.shape[1] : undefined,
        state: ({ weight, running_mean }) => (weight ?? running_mean)?.shape[0],
      }),
      eps,
      momentum: optional(probability(), { fallback: 0.1, quiet: true }),
      affine: flag({ fallback: true, quiet: true }),
      trackRunningStats: flag({ fallback: true, quiet: true }),
      dtype: floatType,
    },
    ({ numFeatures, ...options }) => create(numFeatures, options),
  );
}

abstract class BatchNorm extends ChannelNorm {
  forward(x: Tensor): Tensor {
    const lead = ["N", "C"];
    this.checkInput(x, [...lead, ...spatial[this.axes - 1]!], ...(this.axes === 1 ? [lead] : []));
    const { weight, bias, eps, runningMean, runningVar, trackRunningStats } = this;
    const updates = this.training && trackRunningStats;
    const seen = this.numBatchesTracked ?? 0;
    const y = batchNormOf(x, {
      weight,
      bias,
      eps,
      runningMean,
      runningVar,
      momentum: this.momentum ?? 1 / (seen + 1),
      training: this.training || !trackRunningStats,
    });
    if (updates) noGrad(() => this.num_batches_tracked!.add_(1));
    return y;
  }
}

/**
 * y = (x − μ)/√(σ² + ε)·weight + bias per channel. In training μ and σ² are the batch's mean and biased variance, and
 * the running statistics move towards its mean and unbiased variance; in eval mode they are the running ones.
 *
 * State: weight, bias, running_mean, running_var [C] and num_batches_tracked. Input [N, C] or [N, C, L].
 *
 * Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithms 1 and 2.
 */
export class BatchNorm1d extends BatchNorm {
  static override readonly layer = batchNormLayer(
    "batchNorm1d",
    1,
    (...args) => new BatchNorm1d(...args),
  );

  /** @param numFeatures  channels; null: from the first input */
  constructor(numFeatures: number | null, options?: ChannelNormOptions) {
    super(1, numFeatures, options);
  }
}

/** See {@link BatchNorm1d}. */
export function batchNorm1d(numFeatures: number | null, options?: ChannelNormOptions): BatchNorm1d {
  return new BatchNorm1d(numFeatures, options);
}

/** {@link BatchNorm1d} over images [N, C, H, W]: CS231n's spatial batch norm. */
export class BatchNorm2d extends BatchNorm {
  static override readonly layer = batchNormLayer(
    "batchNorm2d",
    2,
    (...args) => new BatchNorm2d(...args),
  );

  /** @param numFeatures  channels; null: from the first input */
  constructor(numFeatures: number | null, options?: ChannelNormOptions) {
    super(2, numFeatures, options);
  }
}

/** See {@link BatchNorm2d}. */
export function batchNorm2d(numFeatures: number | null, options?: ChannelNormOptions): BatchNorm2d {
  return new BatchNorm2d(numFeatures, options);
}

/** {@link BatchNorm1d} over volumes [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNorm {
  static override readonly layer = batchNormLayer(
    "batchNorm3d",
    3,
    (...args) => new BatchNorm3d(...args),
  );

  /** @param numFeatures  channels; null: from the first input */
  constructor(numFeatures: number | null, options?: ChannelNormOptions) {
    super(3, numFeatures, options);
  }
}

/** See {@link BatchNorm3d}. */
export function batchNorm3d(numFeatures: number | null, options?: ChannelNormOptions): BatchNorm3d {
  return new BatchNorm3d(numFeatures, options);
}

function instanceNormLayer(type: string, axes: number, create: ChannelCreate) {
  return declareLayer(
    type,
    {
      numFeatures: inferred({
        input: (x) =>
          x.rank === axes + 1 || x.rank === axes + 2 ? x.shape.at(-axes - 1) : undefined,
        state: ({ weight, running_mean }) => (weight ?? running_mean)?.shape[0],
      }),
      eps,
      momentum: probability({ fallback: 0.1, quiet: true }),
      affine: flag({ fallback: false, quiet: true }),
      trackRunningStats: flag({ fallback: false, quiet: true }),
      dtype: floatType,
    },
    ({ numFeatures, ...options }) => create(numFeatures, options),
  );
}

abstract class InstanceNorm extends ChannelNorm {
  forward(x: Tensor): Tensor {
    const one = ["C", ...spatial[this.axes - 1]!];
    this.checkInput(x, ["N", ...one], one);
    const { weight, bias, eps, runningMean, runningVar } = this;
    const isBatch = x.rank === this.axes + 2;
    const y = instanceNormOf(isBatch ? x : x.unsqueeze(0), {
      weight,
      bias,
      eps,
      runningMean,
      runningVar,
      momentum: this.momentum!,
      useInputStats: this.training || !this.trackRunningStats,
    });
    return isBatch ? y : y.squeeze(0);
  }
}

/**
 * {@link BatchNorm1d} with mean and variance of each channel of each image by itself; by default without parameters
 * and running statistics, so that training and eval mode are the same. Input [N, C, L] or [C, L].
 *
 * As in PyTorch, num_batches_tracked stays 0, and momentum is not null.
 *
 * Ulyanov et al., Instance Normalization: The Missing Ingredient for Fast Stylization, 2016.
 */
export class InstanceNorm1d extends InstanceNorm {
  static override readonly layer = instanceNormLayer(
    "instanceNorm1d",
    1,
    (...args) => new InstanceNorm1d(...args),
  );

  /** @param numFeatures  channels; null: from the first input */
  constructor(numFeatures: number | null, options?: ChannelNormOptions) {
    super(1, numFeatures, options);
  }
}

/** See {@link InstanceNorm1d}. */
export function instanceNorm1d(
  numFeatures: number | null,
  options?: ChannelNormOptions,
): InstanceNorm1d {
  return new InstanceNorm1d(numFeatures, options);
}

/** {@link InstanceNorm1d} over images [N, C, H, W] or [C, H, W]. */
export class InstanceNorm2d extends InstanceNorm {
  static override readonly layer = instanceNormLayer(
    "instanceNorm2d",
    2,
    (...args) => new InstanceNorm2d(...args),
  );

  /** @param numFeatures  channels; null: from the first input */
  constructor(numFeatures: number | null, options?: ChannelNormOptions) {
    super(2, numFeatures, options);
  }
}

/** See {@link InstanceNorm2d}. */
export function instanceNorm2d(
  numFeatures: number | null,
  options?: ChannelNormOptions,
): InstanceNorm2d {
  return new InstanceNorm2d(numFeatures, options);
}

/** {@link InstanceNorm1d} over volumes [N, C, D, H, W] or [C, D, H, W]. */
export class InstanceNorm3d extends InstanceNorm {
  static override readonly layer = instanceNormLayer(
    "instanceNorm3d",
    3,
    (...args) => new InstanceNorm3d(...args),
  );

  /** @param numFeatures  channels; null: from the first input */
  constructor(numFeatures: number | null, options?: ChannelNormOptions) {
    super(3, numFeatures, options);
  }
}

/** See {@link InstanceNorm3d}. */
export function instanceNorm3d(
  numFeatures: number | null,
  options?: ChannelNormOptions,
): InstanceNorm3d {
  return new InstanceNorm3d(numFeatures, options);
}
