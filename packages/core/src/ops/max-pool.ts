/**
 * The largest element of every window, in one, two or three spatial axes: of a batch [N, C, …spatial] or of one
 * image [C, …spatial].
 */
import type { Boxes } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import { checkFlag } from "../check.ts";
import { IndexError, ShapeError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { adoptArray, type Tensor } from "../tensor.ts";
import { amongFirst, eachSample } from "./batching.ts";
import { where } from "./compare.ts";
import { gatherOp, scatterZeros } from "./indexing.ts";
import { reshape } from "./layout.ts";
import { type PoolOptions, poolOf } from "./pool-windows.ts";
import type { ValuesAndIndices } from "./reduce.ts";
import { asBatch, dense, likeGiven, type PerAxis, packed, perAxis } from "./windows.ts";

/** Where in its image the largest element of every window is: the first of equals in the window; NaN wins. */
export const maxPoolIndices = defineOp({
  name: "maxPoolIndices",
  inputs: ["x"],
  dtype: () => "int32",
  shape: ({ x }, { output }: Boxes) => [...x.shape.slice(0, 2), ...output],
  forward: ({ x }, y, kernels, boxes) => {
    const images = x.shape[0]! * x.shape[1]!;
    packed(kernels, [x], (x) => {
      kernels.windowArgmax(
        boxes,
        dense(x, [images, ...boxes.input]),
        dense(y, [images, ...boxes.output]),
      );
    });
  },
  batch: amongFirst(),
  grad: { x: null },
  tex: { y: "\\operatorname{arg\\,max}_{j \\in \\mathrm{window}} x_j" },
});

/** @internal The maxima and where they are, for x as it was given. */
export function pooledMax(x: Tensor, images: Tensor, boxes: Boxes): ValuesAndIndices {
  const axes = boxes.output.length;
  const found = maxPoolIndices(images, boxes);
  const lead = images.shape.slice(0, 2);
  const flat = reshape(images, [...lead, sizeOf(images.shape.slice(2))]);
  const at = reshape(found, [...lead, sizeOf(boxes.output)]);
  const values = reshape(gatherOp(flat, at, { axis: 2 }), found.shape);
  return { values: likeGiven(values, x, axes), indices: likeGiven(found, x, axes) };
}

/** Options of {@link maxPool1d} and its kin. */
export interface MaxPoolOptions extends PoolOptions {
  /** Distance between the elements of a window. Default 1. */
  dilation?: PerAxis;
  /** Give the positions of the maxima too, row-major within an image, as int32. Default false. */
  returnIndices?: boolean;
}

function maxPool(
  op: string,
  axes: number,
  x: Tensor,
  kernelSize: PerAxis,
  options: MaxPoolOptions,
): Tensor | ValuesAndIndices {
  checkTensor(op, "x", x);
  const both = options.returnIndices ?? false;
  checkFlag(op, "returnIndices", both);
  const images = asBatch(op, x, axes);
  const spatial = images.shape.slice(2);
  const { kernel, stride, padding, dilation, output } = poolOf(op, spatial, kernelSize, options);
  const axisBoxes = spatial.map((size, axis) => {
    const [k, apart] = [kernel[axis]!, dilation[axis]!];
    const first = Array.from(
      { length: output[axis]! },
      (_, o) => o * stride[axis]! - padding[axis]!,
    );
    // What lies in the padding never wins.
    const skipped = first.map((at) => Math.ceil(Math.max(0, -at) / apart));
    const starts = Int32Array.from(first, (at, o) => at + skipped[o]! * apart);
    const lengths = Int32Array.from(first, (at, o) => {
      const length = Math.min(k, Math.ceil((size - at) / apart)) - skipped[o]!;
      if (length > 0) return length;
      throw new ShapeError(
        `${op}: a window of ${k} elements, ${apart} apart, sees none of the ${size} along spatial axis ${axis}; use less padding or dilation.`,
      );
    });
    return { starts, lengths };
  });
  const result = pooledMax(x, images, {
    input: spatial,
    output,
    dilation,
    starts: axisBoxes.map(({ starts }) => starts),
    lengths: axisBoxes.map(({ lengths }) => lengths),
  });
  return both ? result : result.values;
}

type WithIndices = MaxPoolOptions & { returnIndices: true };

/**
 * The largest element of every window along one axis. The gradient goes to it, the first among equals; NaN wins.
 *
 * @param x       [N, C, L] or [C, L]
 * @param kernel  size of a window
 * @returns       [N, C, (L + 2·padding − dilation·(kernel − 1) − 1) / stride + 1], rounded down (or up); with
 *                `returnIndices` values and indices
 * @throws        ShapeError if no window fits, ValueError for options that make no sense
 */
export function maxPool1d(x: Tensor, kernel: PerAxis, options: WithIndices): ValuesAndIndices;
export function maxPool1d(x: Tensor, kernel: PerAxis, options?: MaxPoolOptions): Tensor;
export function maxPool1d(x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}) {
  return maxPool("maxPool1d", 1, x, kernel, options);
}

/** {@link maxPool1d} over images: x [N, C, H, W] or [C, H, W]. */
export function maxPool2d(x: Tensor, kernel: PerAxis, options: WithIndices): ValuesAndIndices;
export function maxPool2d(x: Tensor, kernel: PerAxis, options?: MaxPoolOptions): Tensor;
export function maxPool2d(x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}) {
  return maxPool("maxPool2d", 2, x, kernel, options);
}

/** {@link maxPool1d} over volumes: x [N, C, D, H, W] or [C, D, H, W]. */
export function maxPool3d(x: Tensor, kernel: PerAxis, options: WithIndices): ValuesAndIndices;
export function maxPool3d(x: Tensor, kernel: PerAxis, options?: MaxPoolOptions): Tensor;
export function maxPool3d(x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}) {
  return maxPool("maxPool3d", 3, x, kernel, options);
}

/** Options of {@link maxUnpool1d} and its kin. */
export interface MaxUnpoolOptions {
  /** Default: the kernel. */
  stride?: PerAxis;
  /** What the pooling assumed. Default 0. */
  padding?: PerAxis;
  /** Spatial sizes of the result, where several map to x's. Default (size − 1)·stride − 2·padding + kernel. */
  outputSize?: readonly number[];
}

function maxUnpool(
  op: string,
  axes: number,
  x: Tensor,
  indices: Tensor,
  kernelSize: PerAxis,
  options: MaxUnpoolOptions,
): Tensor {
  checkTensor(op, "x", x);
  checkTensor(op, "indices", indices);
  return eachSample([x, indices], ([sample, at]) =>
    unpooled(op, axes, sample!, at!, kernelSize, options),
  );
}

function unpooled(
  op: string,
  axes: number,
  x: Tensor,
  indices: Tensor,
  kernelSize: PerAxis,
  options: MaxUnpoolOptions,
): Tensor {
  const images = asBatch(op, x, axes);
  if (indices.dtype !== "int32" || formatShape(indices.shape) !== formatShape(x.shape)) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)} and indices ${indices.dtype} ${formatShape(indices.shape)}; they must be int32 of x's shape, as maxPool with returnIndices gives them.`,
    );
  }
  const kernel = perAxis(op, "kernel", kernelSize, axes, 1);
  const stride = perAxis(op, "stride", options.stride ?? kernel, axes, 1);
  const padding = perAxis(op, "padding", options.padding ?? 0, axes, 0);
  const natural = images.shape
    .slice(2)
    .map((size, i) => (size - 1) * stride[i]! - 2 * padding[i]! + kernel[i]!);
  const spatial = perAxis(op, "outputSize", options.outputSize ?? natural, axes, 1);
  const [lead, places] = [images.shape.slice(0, 2), sizeOf(spatial)];
  const rows = sizeOf(images.shape.slice(2));
  const chosen = indices.data() as Int32Array;
  const last = new Map<number, number>();
  chosen.forEach((at, i) => {
    if (at < 0 || at >= places) {
      throw new IndexError(
        `${op}: index ${at} at position ${i} is outside the result's spatial sizes ${formatShape(spatial)}; valid are 0 to ${places - 1}.`,
      );
    }
    last.set(Math.floor(i / rows) * places + at, i);
  });
  // Overlapping windows may share a maximum: the last one writes it.
  const shared = last.size < chosen.length;
  const writes = new Uint8Array(chosen.length);
  for (const i of last.values()) writes[i] = 1;
  const flat = reshape(images, [...lead, rows]);
  const kept = shared ? where(adoptArray(writes, "bool", flat.shape), flat, 0) : flat;
  const at = reshape(indices, flat.shape);
  const y = scatterZeros(kept, at, { axis: 2, shape: [...lead, places] });
  return likeGiven(reshape(y, [...lead, ...spatial]), x, axes);
}

/**
 * Undoes {@link maxPool1d} as far as possible: maxima back where `indices` say, zeros elsewhere.
 *
 * @param x        [N, C, L] or [C, L]: the maxima
 * @param indices  int32, of x's shape
 * @throws         ShapeError, IndexError, ValueError if the arguments don't meet
 */
export function maxUnpool1d(
  x: Tensor,
  indices: Tensor,
  options: MaxUnpoolOptions & { kernel: PerAxis },
): Tensor {
  return maxUnpool("maxUnpool1d", 1, x, indices, options.kernel, options);
}

/** {@link maxUnpool1d} over images. */
export function maxUnpool2d(
  x: Tensor,
  indices: Tensor,
  options: MaxUnpoolOptions & { kernel: PerAxis },
): Tensor {
  return maxUnpool("maxUnpool2d", 2, x, indices, options.kernel, options);
}

/** {@link maxUnpool1d} over volumes. */
export function maxUnpool3d(
  x: Tensor,
  indices: Tensor,
  options: MaxUnpoolOptions & { kernel: PerAxis },
): Tensor {
  return maxUnpool("maxUnpool3d", 3, x, indices, options.kernel, options);
}
