/** Borders around a tensor, windows on it, and the trade of channels for pixels. */
import { checkTensor, describe } from "../apply.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { Form } from "../form.ts";
import { defineOp } from "../op.ts";
import { checkShape, formatShape, normalizeAxis, type Shape } from "../shape.ts";
import { adoptArray, Tensor } from "../tensor.ts";
import { alongNext, withFrontAxis } from "./batching.ts";
import { indexSelect } from "./indexing.ts";
import { all, narrow, permute, type Range, reshape, sliceOp } from "./layout.ts";

export const padOp = defineOp({
  name: "pad",
  inputs: ["x"],
  domain: "any",
  shape: (_, { shape }: { shape: Shape; ranges: readonly Range[]; value: number }) => shape,
  forward: ({ x }, y, kernels, { ranges, value }) => {
    kernels.fill(value, y);
    const offset = y.strides.reduce((sum, stride, i) => sum + stride * ranges[i]!.start, 0);
    kernels.copy(x, new Tensor(y.storage, 0, new Form(y.dtype, x.shape, y.strides, offset)));
  },
  batch: withFrontAxis(({ shape, ranges, value }, { size }) => ({
    shape: [size, ...shape],
    ranges: [all(size), ...ranges],
    value,
  })),
  grad: { x: (dy, _, { ranges }) => sliceOp(dy, ranges) },
  tex: { y: "y_{i + b} = x_i", x: "1" },
});

/** Options of {@link pad}. */
export interface PadOptions {
  /**
   * "constant": `value`; "reflect": mirrored at the edge element, which is not repeated; "replicate": the
   * edge element; "circular": from the other side. Default "constant"
   */
  mode?: PadMode;
  /** Default 0. */
  value?: number;
}

/** What {@link pad} puts beyond the edge. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** Which element of 0 … size − 1 stands at position i, outside of them. */
const sources: Record<Exclude<PadMode, "constant">, (i: number, size: number) => number> = {
  reflect: (i, size) => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i),
  replicate: (i, size) => Math.min(Math.max(i, 0), size - 1),
  circular: (i, size) => ((i % size) + size) % size,
};

/** The most that a side of an axis can grow. */
const limits: Record<Exclude<PadMode, "constant">, (size: number) => number> = {
  reflect: (size) => size - 1,
  replicate: (size) => (size === 0 ? 0 : Infinity),
  circular: (size) => size,
};

/**
 * x with elements added around it.
 *
 * @param pads  for the last axis, how many before and after; then for the one before it, and so on:
 *   [left, right, top, bottom, …]. Negative ones take away
 * @throws ShapeError for more pads than axes, or more than the mode can take from the axis
 */
export function pad(x: Tensor, pads: readonly number[], options: PadOptions = {}): Tensor {
  checkTensor("pad", "x", x);
  const { mode = "constant", value = 0 } = options;
  if (mode !== "constant" && sources[mode] === undefined) {
    throw new ValueError(
      `pad: unknown mode "${mode}"; known are constant, reflect, replicate and circular.`,
    );
  }
  if (!Array.isArray(pads) || !pads.every(Number.isInteger)) {
    throw new ValueError(
      `pad: pads are ${Array.isArray(pads) ? formatShape(pads) : describe(pads)}; they must be an array of whole numbers: [left, right, top, bottom, …].`,
    );
  }
  if (pads.length % 2 === 1 || pads.length > 2 * x.rank) {
    throw new ShapeError(
      `pad: ${pads.length} pads for x of shape ${formatShape(x.shape)}; give two for each of the last axes, at most ${2 * x.rank}.`,
    );
  }
  if (typeof value !== "number") {
    throw new ValueError(`pad: the value is ${describe(value)}; it must be a number.`);
  }
  const sides = x.shape.map((_, axis) => {
    const at = 2 * (x.rank - 1 - axis);
    return { before: pads[at] ?? 0, after: pads[at + 1] ?? 0 };
  });
  const target = x.shape.map((size, i) => size + sides[i]!.before + sides[i]!.after);
  const wrong = target.findIndex((size) => size < 0);
  if (wrong >= 0) {
    throw new ShapeError(
      `pad: [${pads.join(", ")}] takes more from axis ${wrong} than the ${x.shape[wrong]} elements that ${formatShape(x.shape)} has there.`,
    );
  }
  checkShape("pad", target);
  if (mode !== "constant") return padFrom(x, mode, sides, target);
  let kept = x;
  sides.forEach(({ before, after }, axis) => {
    if (before >= 0 && after >= 0) return;
    const start = Math.max(0, -before);
    // Taking away may go past what is there where the other side adds.
    const length = Math.max(0, x.shape[axis]! - start + Math.min(after, 0));
    kept = narrow(kept, axis, Math.min(start, x.shape[axis]!), length);
  });
  const ranges = sides.map(({ before }, i) => ({
    start: Math.min(Math.max(before, 0), target[i]!),
    step: 1,
    length: kept.shape[i]!,
  }));
  return padOp(kept, { shape: target, ranges, value });
}

function padFrom(
  x: Tensor,
  mode: Exclude<PadMode, "constant">,
  sides: readonly { before: number; after: number }[],
  target: Shape,
): Tensor {
  sides.forEach(({ before, after }, axis) => {
    const most = limits[mode](x.shape[axis]!);
    if (Math.max(before, after) > most) {
      throw new ShapeError(
        `pad: ${mode} padding of ${Math.max(before, after)} on axis ${axis} of ${formatShape(x.shape)}; at most ${Math.max(most, 0)} is possible there.`,
      );
    }
  });
  let y = x;
  sides.forEach(({ before, after }, axis) => {
    if (before === 0 && after === 0) return;
    const source = sources[mode];
    const size = x.shape[axis]!;
    const positions = Int32Array.from({ length: target[axis]! }, (_, i) =>
      source(i - before, size),
    );
    y = indexSelect(y, axis, adoptArray(positions, "int32", [positions.length]));
  });
  return y;
}

// ---------------------------------------------------------------------------------------------
// Windows

interface Windows {
  axis: number;
  size: number;
  step: number;
  dilation: number;
}

export const unfoldAxisOp = defineOp({
  name: "unfoldAxis",
  inputs: ["x"],
  domain: "any",
  view: (x, { axis, size, step, dilation }: Windows) => {
    const stride = x.strides[axis]!;
    return {
      shape: [...x.shape.with(axis, windowCount(x.shape[axis]!, size, step, dilation)), size],
      strides: [...x.strides.with(axis, stride * step), stride * dilation],
      offset: x.offset,
    };
  },
  saves: ["xShape"],
  batch: alongNext(),
  grad: {
    x: (dy, { xShape }, attrs: Windows): Tensor =>
      foldAxis(dy, { ...attrs, length: xShape[attrs.axis]! }),
  },
  tex: { y: "y_{w, k} = x_{w s + k d}", x: "\\sum_{w s + k d = j} dY_{w, k}" },
});

/** The sum of overlapping windows, as an axis of the given length: the backward of unfoldAxis. */
export const foldAxis = defineOp({
  name: "foldAxis",
  inputs: ["x"],
  domain: "any",
  shape: ({ x }, { axis, length }: Windows & { length: number }) =>
    x.shape.slice(0, -1).with(axis, length),
  forward: ({ x }, y, kernels, { axis, size, step, dilation }) => {
    kernels.fill(0, y);
    const last = x.rank - 1;
    const shape = x.shape.slice(0, -1);
    if (shape.includes(0)) return;
    const strides = y.strides.with(axis, y.strides[axis]! * step);
    // Element k of all windows at once: they don't overlap one another.
    for (let k = 0; k < size; k++) {
      const at = k * dilation * y.strides[axis]!;
      const target = new Tensor(y.storage, 0, new Form(y.dtype, shape, strides, at));
      const from = x.offset + k * x.strides[last]!;
      const part = new Tensor(x.storage, 0, new Form(x.dtype, shape, x.strides.slice(0, -1), from));
      kernels.binary("add", target, part, target);
    }
  },
  batch: alongNext(),
  grad: {
    x: (dy, _, { axis, size, step, dilation }): Tensor =>
      unfoldAxisOp(dy, { axis, size, step, dilation }),
  },
  tex: { y: "y_j = \\sum_{w s + k d = j} x_{w, k}", x: "1" },
});

function windowCount(length: number, size: number, step: number, dilation: number): number {
  return Math.floor((length - dilation * (size - 1) - 1) / step) + 1;
}

/**
 * Windows of `size` elements along the axis, `step` apart, as a new last axis: PyTorch's
 * `Tensor.unfold`. A view.
 *
 * @example unfoldAxis(x, 0, 3, 2)  // [7] → [3, 3]: x[0:3], x[2:5], x[4:7]
 */
export function unfoldAxis(x: Tensor, axis: number, size: number, step: number): Tensor {
  checkTensor("unfoldAxis", "x", x);
  const at = normalizeAxis("unfoldAxis", axis, x.rank);
  if (![size, step].every((n) => Number.isInteger(n) && n >= 1)) {
    throw new ValueError(
      `unfoldAxis: size ${size} and step ${step} must be whole numbers, at least 1.`,
    );
  }
  if (size > x.shape[at]!) {
    throw new ShapeError(
      `unfoldAxis: a window of ${size} doesn't fit on axis ${at} of ${formatShape(x.shape)}, which has ${x.shape[at]} elements.`,
    );
  }
  return unfoldAxisOp(x, { axis: at, size, step, dilation: 1 });
}

/** One number for both spatial axes, or one for each: [vertical, horizontal]. */
export type Pair = number | readonly [number, number];

/** Options of {@link unfold} and {@link fold}. */
export interface UnfoldOptions {
  /** Distance between neighbouring elements of a window. Default 1. */
  dilation?: Pair;
  /** Zeros on every side. Default 0. */
  padding?: Pair;
  /** Distance between neighbouring windows. Default 1. */
  stride?: Pair;
}

function pair(op: string, name: string, given: Pair, least: number): [number, number] {
  const both = typeof given === "number" ? [given, given] : given;
  if (
    !Array.isArray(both) ||
    both.length !== 2 ||
    !both.every((n) => Number.isInteger(n) && n >= least)
  ) {
    throw new ValueError(
      `${op}: ${name} is ${Array.isArray(given) ? formatShape(given) : typeof given === "number" ? given : describe(given)}; it must be a whole number or a pair of them, at least ${least}.`,
    );
  }
  return both as [number, number];
}

/** The windows of an image of the given size. */
function geometry(
  op: string,
  size: readonly [number, number],
  kernelSize: Pair,
  options: UnfoldOptions,
) {
  const kernel = pair(op, "kernelSize", kernelSize, 1);
  const dilation = pair(op, "dilation", options.dilation ?? 1, 1);
  const padding = pair(op, "padding", options.padding ?? 0, 0);
  const stride = pair(op, "stride", options.stride ?? 1, 1);
  const counts = size.map((n, i) =>
    windowCount(n + 2 * padding[i]!, kernel[i]!, stride[i]!, dilation[i]!),
  ) as [number, number];
  if (counts.some((count) => count < 1)) {
    throw new ShapeError(
      `${op}: a window of ${formatShape(kernel)} with dilation ${formatShape(dilation)} doesn't fit on an image of ${formatShape(size)} with padding ${formatShape(padding)}.`,
    );
  }
  const windows = ([axis, i]: readonly [number, 0 | 1]): Windows => ({
    axis,
    size: kernel[i],
    step: stride[i],
    dilation: dilation[i],
  });
  return { kernel, padding, counts, vertical: windows([2, 0]), horizontal: windows([3, 1]) };
}

/**
 * The windows of images as columns (im2col).
 *
 * @param x           [N, C, H, W] or [C, H, W]
 * @param kernelSize  height and width of a window, k₁ and k₂
 * @returns           [N, C·k₁·k₂, L], L the number of windows in row-major order
 */
export function unfold(x: Tensor, kernelSize: Pair, options: UnfoldOptions = {}): Tensor {
  checkTensor("unfold", "x", x);
  if (x.rank === 3) return reshape0(unfold(reshape(x, [1, ...x.shape]), kernelSize, options));
  if (x.rank !== 4) {
    throw new ShapeError(
      `unfold: x is ${formatShape(x.shape)}; it must be [N, C, H, W] or [C, H, W].`,
    );
  }
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const { kernel, padding, counts, vertical, horizontal } = geometry(
    "unfold",
    [height, width],
    kernelSize,
    options,
  );
  const [top, left] = padding;
  const framed = top + left === 0 ? x : pad(x, [left, left, top, top]);
  // [N, C, L₁, L₂, k₁, k₂] → [N, C, k₁, k₂, L₁, L₂]
  const windows = permute(
    unfoldAxisOp(unfoldAxisOp(framed, vertical), horizontal),
    [0, 1, 4, 5, 2, 3],
  );
  return reshape(windows, [n, c * kernel[0] * kernel[1], counts[0] * counts[1]]);
}

/** Without the first axis, which has size 1. */
function reshape0(x: Tensor): Tensor {
  return reshape(x, x.shape.slice(1));
}

/**
 * Images as the sum of their windows (col2im): the transpose of {@link unfold}.
 *
 * @param x           [N, C·k₁·k₂, L] or [C·k₁·k₂, L]
 * @param outputSize  height and width of the images
 * @returns           [N, C, H, W] or [C, H, W]
 */
export function fold(
  x: Tensor,
  outputSize: Pair,
  options: UnfoldOptions & { kernelSize: Pair },
): Tensor {
  checkTensor("fold", "x", x);
  if (x.rank === 2) return reshape0(fold(reshape(x, [1, ...x.shape]), outputSize, options));
  if (x.rank !== 3) {
    throw new ShapeError(
      `fold: x is ${formatShape(x.shape)}; it must be [N, C·k₁·k₂, L] or [C·k₁·k₂, L].`,
    );
  }
  const [height, width] = pair("fold", "outputSize", outputSize, 1);
  const { kernel, padding, counts, vertical, horizontal } = geometry(
    "fold",
    [height, width],
    options.kernelSize,
    options,
  );
  const [n, rows, columns] = x.shape as [number, number, number];
  const each = kernel[0] * kernel[1];
  if (rows % each !== 0 || columns !== counts[0] * counts[1]) {
    throw new ShapeError(
      `fold: x is ${formatShape(x.shape)}; windows of ${formatShape(kernel)} on an image of ${formatShape([height, width])} ask for a multiple of ${each} rows and ${counts[0] * counts[1]} columns.`,
    );
  }
  const apart = reshape(x, [n, rows / each, ...kernel, ...counts]);
  const [top, left] = padding;
  const across = foldAxis(permute(apart, [0, 1, 4, 5, 2, 3]), {
    ...horizontal,
    length: width + 2 * left,
  });
  const y = foldAxis(across, { ...vertical, length: height + 2 * top });
  return top + left === 0 ? y : narrow(narrow(y, 2, top, height), 3, left, width);
}

function checkFactor(op: string, x: Tensor, factor: number): void {
  if (!Number.isInteger(factor) || factor < 1) {
    throw new ValueError(`${op}: the factor is ${factor}; it must be a whole number, at least 1.`);
  }
  if (x.rank < 3) {
    throw new ShapeError(`${op}: x is ${formatShape(x.shape)}; it must be […, C, H, W].`);
  }
}

/** Channels become pixels: […, C·r², H, W] → […, C, H·r, W·r] with factor r. */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  checkTensor("pixelShuffle", "x", x);
  checkFactor("pixelShuffle", x, factor);
  const [c, h, w] = x.shape.slice(-3) as [number, number, number];
  if (c % (factor * factor) !== 0) {
    throw new ShapeError(
      `pixelShuffle: x is ${formatShape(x.shape)}; its ${c} channels must be a multiple of ${factor * factor}.`,
    );
  }
  const lead = x.shape.slice(0, -3);
  const at = lead.length;
  const channels = c / (factor * factor);
  const apart = reshape(x, [...lead, channels, factor, factor, h, w]);
  const order = [at, at + 3, at + 1, at + 4, at + 2];
  const mixed = permute(apart, [...lead.map((_, i) => i), ...order]);
  return reshape(mixed, [...lead, channels, h * factor, w * factor]);
}

/** Pixels become channels: […, C, H·r, W·r] → […, C·r², H, W] with factor r. */
export function pixelUnshuffle(x: Tensor, factor: number): Tensor {
  checkTensor("pixelUnshuffle", "x", x);
  checkFactor("pixelUnshuffle", x, factor);
  const [c, h, w] = x.shape.slice(-3) as [number, number, number];
  if (h % factor !== 0 || w % factor !== 0) {
    throw new ShapeError(
      `pixelUnshuffle: x is ${formatShape(x.shape)}; height and width must be multiples of ${factor}.`,
    );
  }
  const lead = x.shape.slice(0, -3);
  const at = lead.length;
  const apart = reshape(x, [...lead, c, h / factor, factor, w / factor, factor]);
  const order = [at, at + 2, at + 4, at + 1, at + 3];
  const mixed = permute(apart, [...lead.map((_, i) => i), ...order]);
  return reshape(mixed, [...lead, c * factor * factor, h / factor, w / factor]);
}
