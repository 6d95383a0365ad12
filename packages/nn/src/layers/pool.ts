/**
 * Pooling; the functions, with their formulas, are core's. Inputs are N images of C channels, [N, C, L], [N, C, H, W]
 * or [N, C, D, H, W], or one image without N. The stride is the kernel unless given.
 */
import {
  avgPool1d as avgPool1dOf,
  avgPool2d as avgPool2dOf,
  avgPool3d as avgPool3dOf,
  lpPool1d as lpPool1dOf,
  lpPool2d as lpPool2dOf,
  lpPool3d as lpPool3dOf,
  maxPool1d as maxPool1dOf,
  maxPool2d as maxPool2dOf,
  maxPool3d as maxPool3dOf,
  maxUnpool1d as maxUnpool1dOf,
  maxUnpool2d as maxUnpool2dOf,
  maxUnpool3d as maxUnpool3dOf,
  type PerAxis,
  type Tensor,
  type ValuesAndIndices,
} from "@tapegrad/core";
import { flag, number, optional, perAxis, positive } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { AnyModule } from "../module.ts";
import { Configured } from "./configured.ts";

/** What all poolings take. */
interface PoolOptions {
  /** Default null: the kernel, so that windows touch without overlapping. */
  stride?: PerAxis | null;
}

/** What all poolings keep. */
abstract class Pool<
  Options extends PoolOptions,
  Args extends unknown[] = [x: Tensor],
  R = Tensor,
> extends Configured<Args, R> {
  declare readonly kernelSize: PerAxis;
  declare readonly stride: PerAxis;

  constructor(kernelSize: PerAxis, options?: Options) {
    super({ ...options, kernelSize });
    this.stride ??= kernelSize;
  }
}

type Create<Options> = (kernelSize: PerAxis, options: Options) => AnyModule;

const windowFields = (axes: number) => ({
  kernelSize: perAxis(axes),
  stride: optional(perAxis(axes), { quiet: true }),
});
const paddingField = (axes: number) => perAxis(axes, { least: 0, fallback: 0, quiet: true });
const no = flag({ fallback: false, quiet: true });

// ---- Maxima

/** Options of {@link MaxPool2d} and its kin. */
export interface MaxPoolOptions extends PoolOptions {
  /** Elements assumed around each axis, at most half a window; they never win. Default 0. */
  padding?: PerAxis;
  /** Distance between the elements of a window. Default 1. */
  dilation?: PerAxis;
  /** Windows may reach beyond the end, as long as they start inside. Default false. */
  ceilMode?: boolean;
  /** Give { values, indices }, as {@link MaxUnpool2d} takes them. Default false. */
  returnIndices?: boolean;
}

type WithIndices<Options> = Options & { returnIndices: true };

abstract class MaxPool<R> extends Pool<MaxPoolOptions, [x: Tensor], R> {
  declare readonly padding: PerAxis;
  declare readonly dilation: PerAxis;
  declare readonly ceilMode: boolean;
  declare readonly returnIndices: boolean;
}

const maxPoolLayer = (type: string, axes: number, create: Create<MaxPoolOptions>) =>
  declareLayer(
    type,
    {
      ...windowFields(axes),
      padding: paddingField(axes),
      dilation: perAxis(axes, { fallback: 1, quiet: true }),
      ceilMode: no,
      returnIndices: no,
    },
    ({ kernelSize, ...options }) => create(kernelSize, options),
  );

/**
 * The largest element of every window along one axis. Input [N, C, L] or [C, L], output [N, C, (L + 2·padding −
 * dilation·(kernel − 1) − 1)/stride + 1], rounded down (or up, see ceilMode).
 */
export class MaxPool1d<R extends Tensor | ValuesAndIndices = Tensor> extends MaxPool<R> {
  static override readonly layer = maxPoolLayer(
    "maxPool1d",
    1,
    (...args) => new MaxPool1d(...args),
  );

  forward(x: Tensor): R {
    return maxPool1dOf(x, this.kernelSize, this) as R;
  }
}

/** See {@link MaxPool1d}. With returnIndices its result is { values, indices }. */
export function maxPool1d(
  kernelSize: PerAxis,
  options: WithIndices<MaxPoolOptions>,
): MaxPool1d<ValuesAndIndices>;
export function maxPool1d(kernelSize: PerAxis, options?: MaxPoolOptions): MaxPool1d;
export function maxPool1d(
  kernelSize: PerAxis,
  options?: MaxPoolOptions,
): MaxPool1d<Tensor | ValuesAndIndices> {
  return new MaxPool1d(kernelSize, options);
}

/** {@link MaxPool1d} over images, [N, C, H, W] or [C, H, W]. */
export class MaxPool2d<R extends Tensor | ValuesAndIndices = Tensor> extends MaxPool<R> {
  static override readonly layer = maxPoolLayer(
    "maxPool2d",
    2,
    (...args) => new MaxPool2d(...args),
  );

  forward(x: Tensor): R {
    return maxPool2dOf(x, this.kernelSize, this) as R;
  }
}

/** See {@link MaxPool2d}. With returnIndices its result is { values, indices }. */
export function maxPool2d(
  kernelSize: PerAxis,
  options: WithIndices<MaxPoolOptions>,
): MaxPool2d<ValuesAndIndices>;
export function maxPool2d(kernelSize: PerAxis, options?: MaxPoolOptions): MaxPool2d;
export function maxPool2d(
  kernelSize: PerAxis,
  options?: MaxPoolOptions,
): MaxPool2d<Tensor | ValuesAndIndices> {
  return new MaxPool2d(kernelSize, options);
}

/** {@link MaxPool1d} over volumes, [N, C, D, H, W] or [C, D, H, W]. */
export class MaxPool3d<R extends Tensor | ValuesAndIndices = Tensor> extends MaxPool<R> {
  static override readonly layer = maxPoolLayer(
    "maxPool3d",
    3,
    (...args) => new MaxPool3d(...args),
  );

  forward(x: Tensor): R {
    return maxPool3dOf(x, this.kernelSize, this) as R;
  }
}

/** See {@link MaxPool3d}. With returnIndices its result is { values, indices }. */
export function maxPool3d(
  kernelSize: PerAxis,
  options: WithIndices<MaxPoolOptions>,
): MaxPool3d<ValuesAndIndices>;
export function maxPool3d(kernelSize: PerAxis, options?: MaxPoolOptions): MaxPool3d;
export function maxPool3d(
  kernelSize: PerAxis,
  options?: MaxPoolOptions,
): MaxPool3d<Tensor | ValuesAndIndices> {
  return new MaxPool3d(kernelSize, options);
}

/** Options of {@link MaxUnpool2d} and its kin. */
export interface MaxUnpoolOptions extends PoolOptions {
  /** What the pooling assumed. Default 0. */
  padding?: PerAxis;
}

abstract class MaxUnpool extends Pool<
  MaxUnpoolOptions,
  [maxima: Tensor, indices: Tensor, outputSize?: readonly number[]]
> {
  declare readonly padding: PerAxis;

  /** What core's functions take. */
  protected window(outputSize: readonly number[] | undefined) {
    const { kernelSize: kernel, stride, padding } = this;
    return { kernel, stride, padding, ...(outputSize === undefined ? {} : { outputSize }) };
  }
}

const maxUnpoolLayer = (type: string, axes: number, create: Create<MaxUnpoolOptions>) =>
  declareLayer(
    type,
    { ...windowFields(axes), padding: paddingField(axes) },
    ({ kernelSize, ...options }) => create(kernelSize, options),
  );

/**
 * Undoes {@link MaxPool1d} as far as possible: maxima back where `indices` say, zeros elsewhere. Called with maxima,
 * indices and, where several sizes map to the maxima's, the spatial sizes of the result.
 */
export class MaxUnpool1d extends MaxUnpool {
  static override readonly layer = maxUnpoolLayer(
    "maxUnpool1d",
    1,
    (...args) => new MaxUnpool1d(...args),
  );

  forward(maxima: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool1dOf(maxima, indices, this.window(outputSize));
  }
}

/** See {@link MaxUnpool1d}. */
export function maxUnpool1d(kernelSize: PerAxis, options?: MaxUnpoolOptions): MaxUnpool1d {
  return new MaxUnpool1d(kernelSize, options);
}

/** {@link MaxUnpool1d} over images. */
export class MaxUnpool2d extends MaxUnpool {
  static override readonly layer = maxUnpoolLayer(
    "maxUnpool2d",
    2,
    (...args) => new MaxUnpool2d(...args),
  );

  forward(maxima: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool2dOf(maxima, indices, this.window(outputSize));
  }
}

/** See {@link MaxUnpool2d}. */
export function maxUnpool2d(kernelSize: PerAxis, options?: MaxUnpoolOptions): MaxUnpool2d {
  return new MaxUnpool2d(kernelSize, options);
}

/** {@link MaxUnpool1d} over volumes. */
export class MaxUnpool3d extends MaxUnpool {
  static override readonly layer = maxUnpoolLayer(
    "maxUnpool3d",
    3,
    (...args) => new MaxUnpool3d(...args),
  );

  forward(maxima: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    return maxUnpool3dOf(maxima, indices, this.window(outputSize));
  }
}

/** See {@link MaxUnpool3d}. */
export function maxUnpool3d(kernelSize: PerAxis, options?: MaxUnpoolOptions): MaxUnpool3d {
  return new MaxUnpool3d(kernelSize, options);
}

// ---- Means and norms

/** Options of {@link AvgPool2d} and its kin. */
export interface AvgPoolOptions extends PoolOptions {
  /** Zeros around each axis, at most half a window. Default 0. */
  padding?: PerAxis;
  /** Windows may reach beyond the end, as long as they start inside. Default false. */
  ceilMode?: boolean;
  /** Whether zeros of the padding count in the mean. Default true. */
  countIncludePad?: boolean;
  /** Divides the sums in place of the number of elements. Default null. */
  divisorOverride?: number | null;
}

abstract class AvgPool extends Pool<AvgPoolOptions> {
  declare readonly padding: PerAxis;
  declare readonly ceilMode: boolean;
  declare readonly countIncludePad: boolean;
  declare readonly divisorOverride: number | null;
}

const avgPoolLayer = (type: string, axes: number, create: Create<AvgPoolOptions>) =>
  declareLayer(
    type,
    {
      ...windowFields(axes),
      padding: paddingField(axes),
      ceilMode: no,
      countIncludePad: flag({ fallback: true, quiet: true }),
      divisorOverride: optional(number(), { quiet: true }),
    },
    ({ kernelSize, ...options }) => create(kernelSize, options),
  );

/**
 * The mean of every window along one axis. Input [N, C, L] or [C, L], output [N, C, (L + 2·padding − kernel)/stride
 * + 1], rounded down (or up, see ceilMode).
 */
export class AvgPool1d extends AvgPool {
  static override readonly layer = avgPoolLayer(
    "avgPool1d",
    1,
    (...args) => new AvgPool1d(...args),
  );

  forward(x: Tensor): Tensor {
    return avgPool1dOf(x, this.kernelSize, this);
  }
}

/** See {@link AvgPool1d}. */
export function avgPool1d(kernelSize: PerAxis, options?: AvgPoolOptions): AvgPool1d {
  return new AvgPool1d(kernelSize, options);
}

/** {@link AvgPool1d} over images, [N, C, H, W] or [C, H, W]. */
export class AvgPool2d extends AvgPool {
  static override readonly layer = avgPoolLayer(
    "avgPool2d",
    2,
    (...args) => new AvgPool2d(...args),
  );

  forward(x: Tensor): Tensor {
    return avgPool2dOf(x, this.kernelSize, this);
  }
}

/** See {@link AvgPool2d}. */
export function avgPool2d(kernelSize: PerAxis, options?: AvgPoolOptions): AvgPool2d {
  return new AvgPool2d(kernelSize, options);
}

/** {@link AvgPool1d} over volumes, [N, C, D, H, W] or [C, D, H, W]. */
export class AvgPool3d extends AvgPool {
  static override readonly layer = avgPoolLayer(
    "avgPool3d",
    3,
    (...args) => new AvgPool3d(...args),
  );

  forward(x: Tensor): Tensor {
    return avgPool3dOf(x, this.kernelSize, this);
  }
}

/** See {@link AvgPool3d}. */
export function avgPool3d(kernelSize: PerAxis, options?: AvgPoolOptions): AvgPool3d {
  return new AvgPool3d(kernelSize, options);
}

/** Options of {@link LpPool2d} and its kin. */
export interface LpPoolOptions extends PoolOptions {
  /** PyTorch's norm_type. Default 2. */
  p?: number;
  /** Windows may reach beyond the end, as long as they start inside. Default false. */
  ceilMode?: boolean;
}

abstract class LpPool extends Pool<LpPoolOptions> {
  declare readonly p: number;
  declare readonly ceilMode: boolean;
}

const lpPoolLayer = (type: string, axes: number, create: Create<LpPoolOptions>) =>
  declareLayer(
    type,
    { ...windowFields(axes), p: positive({ fallback: 2 }), ceilMode: no },
    ({ kernelSize, ...options }) => create(kernelSize, options),
  );

/**
 * (Σ xᵖ)^(1/p) over every window along one axis; as in PyTorch of x itself, not of |x|. Input
 * [N, C, L] or [C, L].
 */
export class LpPool1d extends LpPool {
  static override readonly layer = lpPoolLayer("lpPool1d", 1, (...args) => new LpPool1d(...args));

  forward(x: Tensor): Tensor {
    return lpPool1dOf(x, this.kernelSize, this);
  }
}

/** See {@link LpPool1d}. */
export function lpPool1d(kernelSize: PerAxis, options?: LpPoolOptions): LpPool1d {
  return new LpPool1d(kernelSize, options);
}

/** {@link LpPool1d} over images, [N, C, H, W] or [C, H, W]. */
export class LpPool2d extends LpPool {
  static override readonly layer = lpPoolLayer("lpPool2d", 2, (...args) => new LpPool2d(...args));

  forward(x: Tensor): Tensor {
    return lpPool2dOf(x, this.kernelSize, this);
  }
}

/** See {@link LpPool2d}. */
export function lpPool2d(kernelSize: PerAxis, options?: LpPoolOptions): LpPool2d {
  return new LpPool2d(kernelSize, options);
}

/** {@link LpPool1d} over volumes, [N, C, D, H, W] or [C, D, H, W]. */
export class LpPool3d extends LpPool {
  static override readonly layer = lpPoolLayer("lpPool3d", 3, (...args) => new LpPool3d(...args));

  forward(x: Tensor): Tensor {
    return lpPool3dOf(x, this.kernelSize, this);
  }
}

/** See {@link LpPool3d}. */
export function lpPool3d(kernelSize: PerAxis, options?: LpPoolOptions): LpPool3d {
  return new LpPool3d(kernelSize, options);
}
