/**
 * The mean, or a p-norm, of every window, in one, two or three spatial axes: of a batch [N, C, …spatial] or of one
 * image [C, …spatial].
 */
import { checkTensor } from "../apply.ts";
import { checkAtLeast, checkFlag } from "../check.ts";
import { ones } from "../create.ts";
import { ValueError } from "../errors.ts";
import { type Shape, sameShape, sizeOf } from "../shape.ts";
import { adoptArray, type Tensor } from "../tensor.ts";
import { convOp } from "./conv-ops.ts";
import { div, mul, pow } from "./elementwise.ts";
import { type Pool, type PoolOptions, poolOf } from "./pool-windows.ts";
import { sum } from "./reduce.ts";
import { asBatch, likeGiven, type PerAxis } from "./windows.ts";

/** Options of {@link avgPool1d} and its kin. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether zeros of the padding count in the mean. Default true. */
  countIncludePad?: boolean;
  /** Divides the sums in place of the number of elements. */
  divisorOverride?: number | null;
}

/** Sums of every window, the padding counting as zeros: a convolution of each channel with ones. */
function windowSums(images: Tensor, { kernel, stride, padding, dilation, output }: Pool): Tensor {
  const [channels, input] = [images.shape[1]!, images.shape.slice(2)];
  if (padding.every((count) => count === 0) && sameShape(kernel, input)) {
    return sum(images, [...images.shape.keys()].slice(2), { keepdim: true });
  }
  const dtype = images.dtype === "float64" ? "float64" : "float32";
  const weight = ones([channels, 1, ...kernel], { dtype });
  const geometry = { kernel, stride, dilation, before: padding, input, output, groups: channels };
  return convOp(images, weight, geometry);
}

/** By how many elements each window's sum is divided: [1, 1, …output]; a number where all are equal. */
function divisors(spatial: Shape, pool: Pool, includePad: boolean, like: Tensor): Tensor | number {
  const { kernel, stride, padding, output } = pool;
  const counts = spatial.map((size, i) =>
    Array.from({ length: output[i]! }, (_, o) => {
      const start = o * stride[i]! - padding[i]!;
      // A window that reaches beyond the padding, as ceilMode allows, doesn't count that part.
      const end = Math.min(start + kernel[i]!, size + padding[i]!);
      return includePad ? end - start : Math.min(end, size) - Math.max(start, 0);
    }),
  );
  const all = counts.reduce((lines, line) => lines.flatMap((a) => line.map((b) => a * b)), [1]);
  if (all.every((count) => count === all[0])) return all[0]!;
  const array = like.dtype === "float64" ? Float64Array.from(all) : Float32Array.from(all);
  return adoptArray(array, like.dtype === "float64" ? "float64" : "float32", output);
}

/** @internal The mean over windows of any number of axes. */
export function avgPool(
  op: string,
  axes: number,
  x: Tensor,
  kernelSize: PerAxis,
  options: AvgPoolOptions,
): Tensor {
  checkTensor(op, "x", x);
  const { countIncludePad = true, divisorOverride = null } = options;
  checkFlag(op, "countIncludePad", countIncludePad);
  if (divisorOverride !== null && (!Number.isFinite(divisorOverride) || divisorOverride === 0)) {
    throw new ValueError(
      `${op}: divisorOverride is ${divisorOverride}; it must be a finite number that is not 0.`,
    );
  }
  const images = asBatch(op, x, axes);
  const spatial = images.shape.slice(2);
  const pool = poolOf(op, spatial, kernelSize, options);
  const by = divisorOverride ?? divisors(spatial, pool, countIncludePad, images);
  return likeGiven(div(windowSums(images, pool), by), x, axes);
}

/**
 * The mean of every window along one axis.
 *
 * @param x       [N, C, L] or [C, L]
 * @param kernel  size of a window
 * @returns       [N, C, (L + 2·padding − kernel) / stride + 1], rounded down (or up)
 * @throws        ShapeError if no window fits, ValueError for options that make no sense
 */
export function avgPool1d(x: Tensor, kernel: PerAxis, options: AvgPoolOptions = {}): Tensor {
  return avgPool("avgPool1d", 1, x, kernel, options);
}

/** {@link avgPool1d} over images: x [N, C, H, W] or [C, H, W]. */
export function avgPool2d(x: Tensor, kernel: PerAxis, options: AvgPoolOptions = {}): Tensor {
  return avgPool("avgPool2d", 2, x, kernel, options);
}

/** {@link avgPool1d} over volumes: x [N, C, D, H, W] or [C, D, H, W]. */
export function avgPool3d(x: Tensor, kernel: PerAxis, options: AvgPoolOptions = {}): Tensor {
  return avgPool("avgPool3d", 3, x, kernel, options);
}

/** Options of {@link lpPool1d} and its kin. */
export interface LpPoolOptions extends Omit<PoolOptions, "padding"> {
  /** Default 2. */
  p?: number;
}

function lpPool(op: string, axes: number, x: Tensor, kernel: PerAxis, options: LpPoolOptions) {
  checkTensor(op, "x", x);
  const { p = 2 } = options;
  checkAtLeast(op, "p", p, 0, true);
  const images = asBatch(op, x, axes);
  const spatial = images.shape.slice(2);
  const pool = poolOf(op, spatial, kernel, { ...options, padding: 0 });
  const sums = windowSums(pow(images, p), pool);
  // As PyTorch: a window that ceilMode cut short stands for a whole one.
  const counted = divisors(spatial, pool, true, images);
  const whole = sizeOf(pool.kernel);
  const total = counted === whole ? sums : mul(div(sums, counted), whole);
  return likeGiven(pow(total, 1 / p), x, axes);
}

/**
 * (Σ xᵖ)^(1/p) over every window along one axis; as PyTorch's, of x itself, not of |x|, so that an odd p may
 * meet a negative sum, whose root is NaN.
 *
 * @param x       [N, C, L] or [C, L]
 * @param kernel  size of a window
 */
export function lpPool1d(x: Tensor, kernel: PerAxis, options: LpPoolOptions = {}): Tensor {
  return lpPool("lpPool1d", 1, x, kernel, options);
}

/** {@link lpPool1d} over images. */
export function lpPool2d(x: Tensor, kernel: PerAxis, options: LpPoolOptions = {}): Tensor {
  return lpPool("lpPool2d", 2, x, kernel, options);
}

/** {@link lpPool1d} over volumes. */
export function lpPool3d(x: Tensor, kernel: PerAxis, options: LpPoolOptions = {}): Tensor {
  return lpPool("lpPool3d", 3, x, kernel, options);
}
