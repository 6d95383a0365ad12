/** Resizing: each axis by itself, as a weighted sum of a few neighbours. */
import { release } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import { type DType, isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape } from "../shape.ts";
import { adoptArray, type Tensor } from "../tensor.ts";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./adaptive-pool.ts";
import { alongNext } from "./batching.ts";
import { indexSelect } from "./indexing.ts";
import { type PerAxis, packed, perAxis } from "./windows.ts";

/** How {@link interpolate} finds values between elements. */
export type InterpolationMode =
  | "nearest"
  | "nearest-exact"
  | "linear"
  | "bilinear"
  | "bicubic"
  | "trilinear"
  | "area";

/** Options of {@link interpolate}. */
export interface InterpolateOptions {
  /** Spatial sizes of the result; this or `scaleFactor`. */
  size?: PerAxis;
  /** Sizes of the result in those of x, rounded down. */
  scaleFactor?: PerAxis;
  /**
   * linear, bilinear and trilinear are for one, two and three spatial axes, bicubic for two. Default "nearest".
   */
  mode?: InterpolationMode;
  /**
   * For the linear and cubic modes: whether the first and last elements stay where they are, rather than the
   * outer edges of elements. Default false.
   */
  alignCorners?: boolean;
}

/** Spatial axes for which a mode is made; the others fit any. */
const axesOf: Partial<Record<InterpolationMode, number>> = {
  linear: 1,
  bilinear: 2,
  bicubic: 2,
  trilinear: 3,
};

/** Along one axis, element o of the result is Σ weights[i][o] · x[positions[i][o]]. */
interface Taps {
  positions: number[][];
  weights: number[][] | null;
}

/** What {@link resampleOp} does along `axis`: `taps` times `count` positions and weights, and x's length there. */
interface Resampling {
  axis: number;
  length: number;
  count: number;
  positions: Int32Array;
  weights: Float64Array;
}

/** Runs a kernel with the tables as tensors, which go back at once. */
function withTables(
  { count, positions, weights }: Resampling,
  dtype: DType,
  run: (positions: Tensor, weights: Tensor) => void,
): void {
  const shape = [positions.length / count, count];
  const at = adoptArray(positions.slice(), "int32", shape);
  const by = dtype === "float64" ? weights.slice() : Float32Array.from(weights);
  const factors = adoptArray(by, dtype, shape);
  run(at, factors);
  release(at.storage!);
  release(factors.storage!);
}

/** One axis resized: every element of y is a weighted sum of a few of x's. */
export const resampleOp = defineOp({
  name: "resample",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }, { axis, count }: Resampling) => x.shape.with(axis, count),
  forward: ({ x }, y, kernels, attrs) => {
    packed(kernels, [x], (x) =>
      withTables(attrs, x.dtype, (at, by) => kernels.resample(x, at, by, attrs.axis, y)),
    );
  },
  batch: alongNext(),
  grad: { x: (dy, _, attrs): Tensor => resampleInputOp(dy, attrs) },
  tex: { y: "y_o = \\sum_t w_{t, o} x_{i_{t, o}}", x: "\\sum_{i_{t, o} = j} w_{t, o} dY_o" },
});

/** The transpose of {@link resampleOp}: its backward. */
export const resampleInputOp = defineOp({
  name: "resampleInput",
  inputs: ["dy"],
  domain: "float",
  shape: ({ dy }, { axis, length }: Resampling) => dy.shape.with(axis, length),
  forward: ({ dy }, x, kernels, attrs) => {
    packed(kernels, [dy], (dy) =>
      withTables(attrs, x.dtype, (at, by) => kernels.resampleInput(x, at, by, attrs.axis, dy)),
    );
  },
  batch: alongNext(),
  grad: { dy: (dx, _, attrs): Tensor => resampleOp(dx, attrs) },
  tex: { y: "y_j = \\sum_{i_{t, o} = j} w_{t, o} x_o", dy: "\\sum_t w_{t, o} dX_{i_{t, o}}" },
});

/** Keys, Cubic convolution interpolation, 1981, with PyTorch's a = −¾. */
function cubicWeights(t: number): [number, number, number, number] {
  const a = -0.75;
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

function taps(
  mode: InterpolationMode,
  size: number,
  count: number,
  ratio: number,
  align: boolean,
): Taps {
  const all = Array.from({ length: count }, (_, o) => o);
  const inside = (i: number) => Math.min(Math.max(i, 0), size - 1);
  if (mode === "nearest" || mode === "nearest-exact") {
    const shift = mode === "nearest" ? 0 : 0.5;
    // Rounded to float32 as PyTorch does: 23 · (26/46) must not fall short of 13.
    const source = all.map((o) => Math.floor(Math.fround((o + shift) * ratio)));
    return { positions: [source.map(inside)], weights: null };
  }
  // Where element o of the result lies among x's.
  const step = align ? (count > 1 ? (size - 1) / (count - 1) : 0) : ratio;
  const source = all.map((o) => (align ? o * step : (o + 0.5) * step - 0.5));
  if (mode === "bicubic") {
    const base = source.map(Math.floor);
    const weights = source.map((at, o) => cubicWeights(at - base[o]!));
    return {
      positions: [-1, 0, 1, 2].map((k) => base.map((i) => inside(i + k))),
      weights: [0, 1, 2, 3].map((k) => weights.map((list) => list[k]!)),
    };
  }
  const clipped = source.map((at) => Math.max(at, 0));
  const low = clipped.map((at) => inside(Math.floor(at)));
  const part = clipped.map((at, o) => Math.min(at - low[o]!, 1));
  return {
    positions: [low, low.map((i) => inside(i + 1))],
    weights: [part.map((t) => 1 - t), part],
  };
}

function resized(x: Tensor, axis: number, { positions, weights }: Taps): Tensor {
  const count = positions[0]!.length;
  const at = Int32Array.from(positions.flat());
  if (weights === null) return indexSelect(x, axis, adoptArray(at, "int32", [count]));
  const length = x.shape[axis]!;
  const by = Float64Array.from(weights.flat());
  return resampleOp(x, { axis, length, count, positions: at, weights: by });
}

function outputSize(
  op: string,
  spatial: Shape,
  { size, scaleFactor }: InterpolateOptions,
): { output: number[]; ratios: number[] } {
  const axes = spatial.length;
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new ValueError(`${op}: give either size or scaleFactor.`);
  }
  if (size !== undefined) {
    const output = perAxis(op, "size", size, axes, 1);
    return { output, ratios: spatial.map((n, i) => n / output[i]!) };
  }
  const given = scaleFactor!;
  const factors = typeof given === "number" ? spatial.map(() => given) : given;
  const fits = Array.isArray(factors) && factors.length === axes;
  if (!fits || !factors.every((factor) => Number.isFinite(factor) && factor > 0)) {
    throw new ValueError(
      `${op}: scaleFactor is ${Array.isArray(given) ? `[${given.join(", ")}]` : given}; it must be a number above 0, or ${axes} of them, one per spatial axis.`,
    );
  }
  const output = spatial.map((n, i) => Math.floor(n * factors[i]!));
  if (output.includes(0)) {
    throw new ShapeError(
      `${op}: scaleFactor [${factors.join(", ")}] leaves nothing of x's spatial sizes ${formatShape(spatial)}.`,
    );
  }
  // As PyTorch: the factor itself places the elements, not the rounded sizes.
  return { output, ratios: factors.map((factor) => 1 / factor) };
}

/**
 * x at another spatial size.
 *
 * "nearest" takes element ⌊o·r⌋ with r the ratio of sizes (or 1/scaleFactor), "nearest-exact" ⌊(o + ½)·r⌋. The linear
 * modes weigh two neighbours along each axis, "bicubic" four (Keys 1981, a = −¾), of position (o + ½)·r − ½, or
 * o·(size − 1)/(result − 1) with `alignCorners`. "area" is adaptive average pooling.
 *
 * @param x  [N, C, …] with one to three spatial axes, float for all modes but the nearest ones
 * @returns  [N, C, …size]
 * @throws   ShapeError, DTypeError, ValueError if the arguments don't meet
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const op = "interpolate";
  checkTensor(op, "x", x);
  const { mode = "nearest", alignCorners } = options;
  const axes = x.rank - 2;
  if (axes < 1 || axes > 3) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)}; it must be [N, C, L], [N, C, H, W] or [N, C, D, H, W].`,
    );
  }
  const modes = ["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"];
  if (!modes.includes(mode)) {
    throw new ValueError(`${op}: unknown mode "${mode}"; known are ${modes.join(", ")}.`);
  }
  const wanted = axesOf[mode];
  if (wanted !== undefined && wanted !== axes) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)} with ${axes} spatial axes, and mode "${mode}" is for ${wanted}.`,
    );
  }
  if (alignCorners !== undefined && wanted === undefined) {
    throw new ValueError(
      `${op}: alignCorners is for linear, bilinear, bicubic and trilinear; mode "${mode}" has no use for it.`,
    );
  }
  const nearest = mode === "nearest" || mode === "nearest-exact";
  if (!nearest && !isFloat(x.dtype)) {
    throw new DTypeError(`${op}: x is ${x.dtype}; mode "${mode}" needs float32 or float64.`);
  }
  const spatial = x.shape.slice(2);
  const { output, ratios } = outputSize(op, spatial, options);
  if (spatial.includes(0)) {
    throw new ShapeError(
      `${op}: x's spatial sizes are ${formatShape(spatial)}; none may be 0, for there is nothing to enlarge.`,
    );
  }
  if (mode === "area") {
    return [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d][axes - 1]!(x, output);
  }
  return output.reduce((y, count, i) => {
    const size = spatial[i]!;
    // As in PyTorch, float32 elements are placed by a float32 ratio.
    const ratio = nearest && x.dtype === "float32" ? Math.fround(ratios[i]!) : ratios[i]!;
    return resized(y, i + 2, taps(mode, size, count, ratio, alignCorners ?? false));
  }, x);
}
