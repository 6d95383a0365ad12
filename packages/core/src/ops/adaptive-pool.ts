/** Pooling into a given number of windows, in one, two or three spatial axes. */
import { checkTensor } from "../apply.ts";
import { checkFlag } from "../check.ts";
import { ShapeError } from "../errors.ts";
import { formatShape, type Shape } from "../shape.ts";
import { adoptArray, type Tensor } from "../tensor.ts";
import { avgPool } from "./avg-pool.ts";
import { where } from "./compare.ts";
import { div } from "./elementwise.ts";
import { indexSelect } from "./indexing.ts";
import { reshape } from "./layout.ts";
import { pooledMax } from "./max-pool.ts";
import { sum, type ValuesAndIndices } from "./reduce.ts";
import { asBatch, likeGiven, type PerAxis, perAxis } from "./windows.ts";

/** Sizes of the result; null keeps x's. */
export type OutputSize = number | readonly (number | null)[];

function outputSizes(op: string, given: OutputSize, spatial: Shape): number[] {
  const list = Array.isArray(given) ? given.map((size, i) => size ?? spatial[i]!) : given;
  const sizes = perAxis(op, "outputSize", list as PerAxis, spatial.length, 1);
  if (spatial.includes(0)) {
    throw new ShapeError(
      `${op}: x's spatial sizes are ${formatShape(spatial)}; none may be 0, for there is nothing to pool.`,
    );
  }
  return sizes;
}

/** Window o of `count` over `size` elements goes from ⌊o·size/count⌋ to ⌈(o + 1)·size/count⌉. */
function adaptiveBounds(size: number, count: number): [start: number, end: number][] {
  return Array.from({ length: count }, (_, o) => [
    Math.floor((o * size) / count),
    Math.ceil(((o + 1) * size) / count),
  ]);
}

/** Positions of windows as rows of the longest one's length; shorter ones repeat their last. */
function rowsOfBounds(bounds: readonly [number, number][]): { at: Int32Array; longest: number } {
  const longest = bounds.reduce((most, [start, end]) => Math.max(most, end - start), 1);
  const at = bounds.flatMap(([start, end]) =>
    Array.from({ length: longest }, (_, k) => Math.min(start + k, end - 1)),
  );
  return { at: Int32Array.from(at), longest };
}

/** Means over the windows of one axis. */
function adaptiveMean(x: Tensor, axis: number, count: number): Tensor {
  if (x.shape[axis] === count) return x;
  const bounds = adaptiveBounds(x.shape[axis]!, count);
  const { at, longest } = rowsOfBounds(bounds);
  const seen = reshape(indexSelect(x, axis, adoptArray(at, "int32", [at.length])), [
    ...x.shape.slice(0, axis),
    count,
    longest,
    ...x.shape.slice(axis + 1),
  ]);
  const ones = x.shape.slice(axis + 1).map(() => 1);
  const lengths = bounds.map(([start, end]) => end - start);
  const real = Uint8Array.from(at, (_, i) =>
    i % longest < lengths[Math.floor(i / longest)]! ? 1 : 0,
  );
  const sums = sum(where(adoptArray(real, "bool", [count, longest, ...ones]), seen, 0), axis + 1);
  const by = x.dtype === "float64" ? Float64Array.from(lengths) : Float32Array.from(lengths);
  return div(sums, adoptArray(by, x.dtype === "float64" ? "float64" : "float32", [count, ...ones]));
}

function adaptiveAvgPool(op: string, axes: number, x: Tensor, outputSize: OutputSize): Tensor {
  checkTensor(op, "x", x);
  const images = asBatch(op, x, axes);
  const spatial = images.shape.slice(2);
  const output = outputSizes(op, outputSize, spatial);
  if (spatial.every((size, i) => size % output[i]! === 0)) {
    const kernel = spatial.map((size, i) => size / output[i]!);
    return avgPool(op, axes, x, kernel, {});
  }
  // The mean over a box is the mean of means along its axes.
  const y = output.reduce((means, count, i) => adaptiveMean(means, i + 2, count), images);
  return likeGiven(y, x, axes);
}

/**
 * Means of `outputSize` windows that share x's axis as evenly as whole elements allow.
 *
 * @param x  [N, C, L] or [C, L]
 * @throws   ShapeError, ValueError if sizes make no sense
 */
export function adaptiveAvgPool1d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAvgPool("adaptiveAvgPool1d", 1, x, outputSize);
}

/** {@link adaptiveAvgPool1d} over images: x [N, C, H, W] or [C, H, W]; null keeps a size. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAvgPool("adaptiveAvgPool2d", 2, x, outputSize);
}

/** {@link adaptiveAvgPool1d} over volumes: x [N, C, D, H, W] or [C, D, H, W]; null keeps a size. */
export function adaptiveAvgPool3d(x: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveAvgPool("adaptiveAvgPool3d", 3, x, outputSize);
}

/** Options of {@link adaptiveMaxPool1d} and its kin. */
export interface AdaptiveMaxOptions {
  /** Give the positions of the maxima too, as {@link maxPool1d} does. Default false. */
  returnIndices?: boolean;
}

function adaptiveMaxPool(
  op: string,
  axes: number,
  x: Tensor,
  outputSize: OutputSize,
  { returnIndices = false }: AdaptiveMaxOptions,
): Tensor | ValuesAndIndices {
  checkTensor(op, "x", x);
  checkFlag(op, "returnIndices", returnIndices);
  const images = asBatch(op, x, axes);
  const spatial = images.shape.slice(2);
  const output = outputSizes(op, outputSize, spatial);
  const bounds = spatial.map((size, i) => adaptiveBounds(size, output[i]!));
  const result = pooledMax(x, images, {
    input: spatial,
    output,
    dilation: spatial.map(() => 1),
    starts: bounds.map((list) => Int32Array.from(list, ([start]) => start)),
    lengths: bounds.map((list) => Int32Array.from(list, ([start, end]) => end - start)),
  });
  return returnIndices ? result : result.values;
}

type AdaptiveWithIndices = AdaptiveMaxOptions & { returnIndices: true };

/** The largest elements of the windows of {@link adaptiveAvgPool1d}. */
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveWithIndices,
): ValuesAndIndices;
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): Tensor;
export function adaptiveMaxPool1d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveMaxOptions = {},
) {
  return adaptiveMaxPool("adaptiveMaxPool1d", 1, x, outputSize, options);
}

/** {@link adaptiveMaxPool1d} over images; null keeps a size. */
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveWithIndices,
): ValuesAndIndices;
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): Tensor;
export function adaptiveMaxPool2d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveMaxOptions = {},
) {
  return adaptiveMaxPool("adaptiveMaxPool2d", 2, x, outputSize, options);
}

/** {@link adaptiveMaxPool1d} over volumes; null keeps a size. */
export function adaptiveMaxPool3d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveWithIndices,
): ValuesAndIndices;
export function adaptiveMaxPool3d(
  x: Tensor,
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): Tensor;
export function adaptiveMaxPool3d(
  x: Tensor,
  outputSize: OutputSize,
  options: AdaptiveMaxOptions = {},
) {
  return adaptiveMaxPool("adaptiveMaxPool3d", 3, x, outputSize, options);
}
