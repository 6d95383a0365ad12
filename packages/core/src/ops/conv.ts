/**
 * Convolutions of any number of spatial axes, as cross-correlations (the kernel is not flipped).
 *
 * Three ops, each linear in either input, are the derivatives of each other, so that any order of
 * differentiation stays among them. With x [N, C, …], w [O, C/groups, …kernel], y [N, O, …]:
 *
 *     conv:        y[n, o, p] = Σ_{c, k} w[o, c, k] · x[n, c, p·stride + k·dilation − padding]
 *     convInput:   the same sum read for x: what reaches x from y (a transposed convolution)
 *     convWeight:  the same sum read for w
 *
 * Each copies windows to the columns of a matrix (Chellapilla et al., High Performance Convolutional Neural
 * Networks for Document Processing, 2006) and is one matrix product per group and batch of images.
 */
import type { Kernels } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { type Tensor, viewTensor } from "../tensor.ts";
import { add } from "./elementwise.ts";
import { reshape } from "./layout.ts";
import {
  addWindows,
  asBatch,
  dense,
  likeGiven,
  type PerAxis,
  perAxis,
  rowsOf,
  span,
  type Windows,
  windowsOf,
  withScratch,
} from "./windows.ts";

interface Geometry extends Windows {
  /** Spatial sizes of x. */
  input: Shape;
  /** Zeros around x. */
  before: Shape;
  after: Shape;
  groups: number;
}

/** Images are taken together until their columns have this many elements: a few MB stay in the cache. */
const COLUMN_ELEMENTS = 2 ** 20;

/** Sizes of the matrices: per group, `inner` rows of windows' elements and `out` channels. */
function sizes(g: Geometry, channels: number, outChannels: number) {
  const [inGroup, out] = [channels / g.groups, outChannels / g.groups];
  return {
    inGroup,
    out,
    inner: inGroup * sizeOf(g.kernel),
    places: sizeOf(g.output),
  };
}

/** Calls `run` for batches of images whose columns fit the budget. */
function inBatches(images: number, perImage: number, run: (start: number, count: number) => void) {
  const most = Math.max(1, Math.floor(COLUMN_ELEMENTS / Math.max(1, perImage)));
  for (let start = 0; start < images; start += most) run(start, Math.min(most, images - start));
}

/** x with its zeros around it, off the tape; x itself where there are none. */
function padded<T>(kernels: Kernels, x: Tensor, g: Geometry, use: (x: Tensor) => T): T {
  if (!isPadded(g)) return use(x);
  return withScratch(paddedShape(x.shape, g), x.dtype, (whole) => {
    kernels.fill(0, whole);
    kernels.copy(x, inside(whole, x.shape, g));
    return use(whole);
  });
}

function isPadded({ before, after }: Geometry): boolean {
  return before.some((count) => count > 0) || after.some((count) => count > 0);
}

function paddedShape(shape: Shape, { before, after }: Geometry): number[] {
  return shape.map((size, i) => (i < 2 ? size : size + before[i - 2]! + after[i - 2]!));
}

function inside(whole: Tensor, shape: Shape, { before }: Geometry): Tensor {
  const offset = before.reduce(
    (sum, count, i) => sum + count * whole.strides[i + 2]!,
    whole.offset,
  );
  return viewTensor(whole, shape, whole.strides, offset);
}

/** x with its axes in the given order, off the tape. */
function reordered(x: Tensor, order: readonly number[]): Tensor {
  return viewTensor(
    x,
    order.map((axis) => x.shape[axis]!),
    order.map((axis) => x.strides[axis]!),
    x.offset,
  );
}

/** Axes of [N, C, …output, …kernel] as [C, …kernel, N, …output]: a matrix of columns. */
function columnOrder(axes: number): number[] {
  const range = (from: number) => Array.from({ length: axes }, (_, i) => from + i);
  return [1, ...range(2 + axes), 0, ...range(2)];
}

/** The windows of a batch as the columns of a matrix [groups, inner, N·places]. */
function columns<T>(kernels: Kernels, x: Tensor, g: Geometry, use: (columns: Tensor) => T): T {
  return padded(kernels, x, g, (whole) => {
    const windows = reordered(windowsOf(whole, g), columnOrder(g.kernel.length));
    return withScratch(windows.shape, x.dtype, (matrix) => {
      kernels.copy(windows, matrix);
      const inner = (x.shape[1]! / g.groups) * sizeOf(g.kernel);
      return use(dense(matrix, [g.groups, inner, x.shape[0]! * sizeOf(g.output)]));
    });
  });
}

/** The channels of a batch [N, O, …output] as rows of a matrix [groups, O/groups, N·places]. */
function channelRows<T>(kernels: Kernels, y: Tensor, g: Geometry, use: (rows: Tensor) => T): T {
  const places = y.shape.map((_, i) => i).slice(2);
  return withScratch([y.shape[1]!, y.shape[0]!, ...g.output], y.dtype, (rows) => {
    kernels.copy(reordered(y, [1, 0, ...places]), rows);
    return use(dense(rows, [g.groups, y.shape[1]! / g.groups, y.shape[0]! * sizeOf(g.output)]));
  });
}

function flipped(matrix: Tensor): Tensor {
  return reordered(matrix, [0, 2, 1]);
}

/** The weight as matrices [groups, O/groups, inner]. */
function weightMatrix<T>(kernels: Kernels, w: Tensor, g: Geometry, use: (w: Tensor) => T): T {
  const shape = [g.groups, w.shape[0]! / g.groups, sizeOf(w.shape.slice(1))];
  if (w.isContiguous) return use(dense(w, shape));
  return withScratch(w.shape, w.dtype, (packed) => {
    kernels.copy(w, packed);
    return use(dense(packed, shape));
  });
}

export const convOp = defineOp({
  name: "conv",
  inputs: ["x", "weight"],
  domain: "float",
  shape: ({ x, weight }, g: Geometry) => [x.shape[0]!, weight.shape[0]!, ...g.output],
  forward: ({ x, weight }, y, kernels, g) => {
    const { out, inner, places } = sizes(g, x.shape[1]!, weight.shape[0]!);
    weightMatrix(kernels, weight, g, (w) => {
      inBatches(x.shape[0]!, g.groups * inner * places, (start, count) => {
        columns(kernels, rowsOf(x, start, count), g, (matrix) => {
          const target = rowsOf(y, start, count);
          if (count === 1) {
            kernels.matmul(w, matrix, dense(target, [g.groups, out, places]));
            return;
          }
          withScratch([g.groups, out, count * places], y.dtype, (product) => {
            kernels.matmul(w, matrix, product);
            const rows = dense(product, [g.groups * out, count, places]);
            kernels.copy(
              reordered(rows, [1, 0, 2]),
              dense(target, [count, g.groups * out, places]),
            );
          });
        });
      });
    });
  },
  saves: ["x", "weight"],
  grad: {
    x: (dy, { weight }, g): Tensor => convInputOp(dy, weight, g),
    weight: (dy, { x }, g): Tensor => convWeightOp(x, dy, g),
  },
  symbol: "∗",
  tex: { y: "w * x", x: "w \\star dY", weight: "x * dY" },
});

export const convInputOp = defineOp({
  name: "convInput",
  inputs: ["dy", "weight"],
  domain: "float",
  shape: ({ dy, weight }, g: Geometry) => [dy.shape[0]!, weight.shape[1]! * g.groups, ...g.input],
  forward: ({ dy, weight }, x, kernels, g) => {
    const { inner, places, inGroup } = sizes(g, x.shape[1]!, weight.shape[0]!);
    weightMatrix(kernels, weight, g, (w) => {
      inBatches(dy.shape[0]!, g.groups * inner * places, (start, count) => {
        channelRows(kernels, rowsOf(dy, start, count), g, (rows) => {
          withScratch([g.groups, inner, count * places], x.dtype, (matrix) => {
            kernels.matmul(flipped(w), rows, matrix);
            const full = dense(matrix, [g.groups * inGroup, ...g.kernel, count, ...g.output]);
            const axes = g.kernel.length;
            const order = columnOrder(axes);
            const windows = reordered(
              full,
              order.map((_, i) => order.indexOf(i)),
            );
            const target = rowsOf(x, start, count);
            if (!isPadded(g)) {
              kernels.fill(0, target);
              addWindows(kernels, windows, target, g);
              return;
            }
            withScratch(paddedShape(target.shape, g), x.dtype, (whole) => {
              kernels.fill(0, whole);
              addWindows(kernels, windows, whole, g);
              kernels.copy(inside(whole, target.shape, g), target);
            });
          });
        });
      });
    });
  },
  saves: ["dy", "weight"],
  grad: {
    dy: (dx, { weight }, g): Tensor => convOp(dx, weight, g),
    weight: (dx, { dy }, g): Tensor => convWeightOp(dx, dy, g),
  },
});

export const convWeightOp = defineOp({
  name: "convWeight",
  inputs: ["x", "dy"],
  domain: "float",
  shape: ({ x, dy }, g: Geometry) => [dy.shape[1]!, x.shape[1]! / g.groups, ...g.kernel],
  forward: ({ x, dy }, w, kernels, g) => {
    const { out, inner, places } = sizes(g, x.shape[1]!, dy.shape[1]!);
    const shape = [g.groups, out, inner];
    const total = dense(w, shape);
    kernels.fill(0, w);
    inBatches(x.shape[0]!, g.groups * inner * places, (start, count) => {
      columns(kernels, rowsOf(x, start, count), g, (matrix) => {
        channelRows(kernels, rowsOf(dy, start, count), g, (rows) => {
          withScratch(shape, w.dtype, (product) => {
            kernels.matmul(rows, flipped(matrix), product);
            kernels.binary("add", total, product, total);
          });
        });
      });
    });
  },
  saves: ["x", "dy"],
  grad: {
    x: (dw, { dy }, g): Tensor => convInputOp(dy, dw, g),
    dy: (dw, { x }, g): Tensor => convOp(x, dw, g),
  },
});

// ---------------------------------------------------------------------------------------------
// Public functions

export interface ConvOptions {
  /** float, [O]. */
  bias?: Tensor | null;
  /** Default 1. */
  stride?: PerAxis;
  /** Zeros at both ends of each axis; "same" keeps the size (stride 1 only), "valid" is 0. Default 0. */
  padding?: PerAxis | "same" | "valid";
  /** Distance between the elements of a window. Default 1. */
  dilation?: PerAxis;
  /** Channels are split into groups that don't see each other. Default 1. */
  groups?: number;
}

function checkGroups(op: string, groups: number): void {
  if (!Number.isInteger(groups) || groups < 1) {
    throw new ValueError(`${op}: groups is ${groups}; it must be a whole number of at least 1.`);
  }
}

function withBias(y: Tensor, bias: Tensor | null | undefined): Tensor {
  return bias ? add(y, reshape(bias, [-1, ...y.shape.slice(2).map(() => 1)])) : y;
}

function checkBias(op: string, bias: Tensor | null | undefined, channels: number): void {
  if (!bias) return;
  checkTensor(op, "bias", bias);
  if (bias.rank !== 1 || bias.shape[0] !== channels) {
    throw new ShapeError(
      `${op}: bias is ${formatShape(bias.shape)}; it must be [${channels}], one number per output channel.`,
    );
  }
}

function checkWeight(op: string, weight: Tensor, axes: number, layout: string): void {
  if (weight.rank !== axes + 2 || weight.shape.slice(2).includes(0)) {
    const letters = ["kL", "kH, kW", "kD, kH, kW"][axes - 1];
    throw new ShapeError(
      `${op}: weight is ${formatShape(weight.shape)}; it must be [${layout}, ${letters}] with a kernel that is not empty.`,
    );
  }
}

/** Zeros before and after each axis. */
function paddings(
  op: string,
  padding: PerAxis | "same" | "valid",
  windows: Pick<Windows, "kernel" | "stride" | "dilation">,
): { before: number[]; after: number[] } {
  const { kernel, stride, dilation } = windows;
  if (padding === "same") {
    if (stride.some((step) => step !== 1)) {
      throw new ValueError(
        `${op}: padding "same" keeps sizes, which stride [${stride.join(", ")}] does not; use stride 1 or a number.`,
      );
    }
    const total = kernel.map((k, i) => span(k, dilation[i]!) - 1);
    const before = total.map((count) => Math.floor(count / 2));
    return { before, after: total.map((count, i) => count - before[i]!) };
  }
  if (typeof padding === "string" && padding !== "valid") {
    throw new ValueError(
      `${op}: padding is "${padding}"; it must be a number, one per axis, "same" or "valid".`,
    );
  }
  const both = perAxis(op, "padding", padding === "valid" ? 0 : padding, kernel.length, 0);
  return { before: both, after: both };
}

function conv(op: string, axes: number, x: Tensor, weight: Tensor, options: ConvOptions): Tensor {
  checkTensor(op, "x", x);
  checkTensor(op, "weight", weight);
  const { bias, groups = 1 } = options;
  const images = asBatch(op, x, axes);
  checkWeight(op, weight, axes, "O, C/groups");
  checkGroups(op, groups);
  const [channels, outChannels] = [images.shape[1]!, weight.shape[0]!];
  if (channels !== weight.shape[1]! * groups || outChannels % groups !== 0) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)}, weight is ${formatShape(weight.shape)} and groups is ${groups}; ` +
        `weight is [O, C/groups, …], so x needs ${weight.shape[1]! * groups} channels (it has ${channels}), and O must be a multiple of groups.`,
    );
  }
  checkBias(op, bias, outChannels);
  const kernel = weight.shape.slice(2);
  const stride = perAxis(op, "stride", options.stride ?? 1, axes, 1);
  const dilation = perAxis(op, "dilation", options.dilation ?? 1, axes, 1);
  const { before, after } = paddings(op, options.padding ?? 0, { kernel, stride, dilation });
  const input = images.shape.slice(2);
  const output = input.map((size, i) => {
    const room = size + before[i]! + after[i]! - span(kernel[i]!, dilation[i]!);
    return Math.floor(room / stride[i]!) + 1;
  });
  if (output.some((size) => size < 1)) {
    throw new ShapeError(
      `${op}: a kernel ${formatShape(kernel)} with dilation [${dilation.join(", ")}] spans more than x's ${formatShape(input)} and its padding.`,
    );
  }
  const y = convOp(images, weight, {
    kernel,
    stride,
    dilation,
    output,
    input,
    before,
    after,
    groups,
  });
  return likeGiven(withBias(y, bias), x, axes);
}

/**
 * Cross-correlation along one axis: y[n, o, p] = bias[o] + Σ w[o, c, k] · x[n, c, p·stride + k·dilation − padding].
 *
 * @param x       float, [N, C, L] or [C, L]
 * @param weight  float, [O, C/groups, kL]
 * @returns       [N, O, (L + 2·padding − dilation·(kL − 1) − 1) / stride + 1], rounded down
 * @throws        ShapeError, ValueError if sizes don't meet or the kernel spans more than the padded x
 */
export function conv1d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv1d", 1, x, weight, options);
}

/** {@link conv1d} over images: x [N, C, H, W] or [C, H, W], weight [O, C/groups, kH, kW]. */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv2d", 2, x, weight, options);
}

/** {@link conv1d} over volumes: x [N, C, D, H, W] or [C, D, H, W], weight [O, C/groups, kD, kH, kW]. */
export function conv3d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv3d", 3, x, weight, options);
}

export interface ConvTransposeOptions extends Omit<ConvOptions, "padding"> {
  /** What the convolution padded: cut off both ends of each axis of the result. Default 0. */
  padding?: PerAxis;
  /** Chooses among the sizes that the convolution maps to x's; less than stride or dilation. Default 0. */
  outputPadding?: PerAxis;
}

function convTranspose(
  op: string,
  axes: number,
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions,
): Tensor {
  checkTensor(op, "x", x);
  checkTensor(op, "weight", weight);
  const { bias, groups = 1 } = options;
  const images = asBatch(op, x, axes);
  checkWeight(op, weight, axes, "C, O/groups");
  checkGroups(op, groups);
  const channels = images.shape[1]!;
  if (channels !== weight.shape[0] || channels % groups !== 0) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)}, weight is ${formatShape(weight.shape)} and groups is ${groups}; ` +
        `weight is [C, O/groups, …], so x needs ${weight.shape[0]} channels (it has ${channels}), a multiple of groups.`,
    );
  }
  checkBias(op, bias, weight.shape[1]! * groups);
  const kernel = weight.shape.slice(2);
  const stride = perAxis(op, "stride", options.stride ?? 1, axes, 1);
  const dilation = perAxis(op, "dilation", options.dilation ?? 1, axes, 1);
  const padding = perAxis(op, "padding", options.padding ?? 0, axes, 0);
  const extra = perAxis(op, "outputPadding", options.outputPadding ?? 0, axes, 0);
  extra.forEach((count, i) => {
    if (count >= Math.max(stride[i]!, dilation[i]!)) {
      throw new ValueError(
        `${op}: outputPadding is ${count} along spatial axis ${i}; it must be smaller than stride (${stride[i]}) or dilation (${dilation[i]}).`,
      );
    }
  });
  const output = images.shape.slice(2);
  const input = output.map(
    (size, i) =>
      (size - 1) * stride[i]! - 2 * padding[i]! + span(kernel[i]!, dilation[i]!) + extra[i]!,
  );
  if (input.some((size) => size < 1)) {
    throw new ShapeError(
      `${op}: padding [${padding.join(", ")}] leaves nothing of the result, whose spatial sizes would be ${formatShape(input)}.`,
    );
  }
  const y = convInputOp(images, weight, {
    kernel,
    stride,
    dilation,
    output,
    input,
    before: padding,
    after: padding,
    groups,
  });
  return likeGiven(withBias(y, bias), x, axes);
}

/**
 * The transpose of {@link conv1d} as a linear map, which enlarges by its stride: what the convolution with this
 * weight sends back from its output to its input.
 *
 * @param x       float, [N, C, L] or [C, L]
 * @param weight  float, [C, O/groups, kL]
 * @returns       [N, O, (L − 1)·stride − 2·padding + dilation·(kL − 1) + outputPadding + 1]
 * @throws        ShapeError, ValueError if sizes don't meet
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose1d", 1, x, weight, options);
}

/** {@link convTranspose1d} over images: x [N, C, H, W] or [C, H, W], weight [C, O/groups, kH, kW]. */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose2d", 2, x, weight, options);
}

/** {@link convTranspose1d} over volumes: x [N, C, D, H, W] or [C, D, H, W], weight [C, O/groups, kD, kH, kW]. */
export function convTranspose3d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose3d", 3, x, weight, options);
}
