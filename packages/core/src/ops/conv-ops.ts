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
import { defineOp } from "../op.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { type Tensor, viewTensor } from "../tensor.ts";
import { everySample, joined, parted } from "./batching.ts";
import { reshape, transpose } from "./layout.ts";
import { addWindows, dense, rowsOf, type Windows, windowsOf, withScratch } from "./windows.ts";

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

// ---------------------------------------------------------------------------------------------
// For vmap: samples with a weight of their own are groups of channels of their own.

/** [B, N, C, …] → [N, B·C, …]. */
function channelsJoined(x: Tensor): Tensor {
  const turned = transpose(x, 0, 1);
  return reshape(turned, [x.shape[1]!, x.shape[0]! * x.shape[2]!, ...x.shape.slice(3)]);
}

/** [N, B·C, …] → [B, N, C, …]. */
function channelsParted(y: Tensor, size: number, channels: number): Tensor {
  return transpose(reshape(y, [y.shape[0]!, size, channels, ...y.shape.slice(2)]), 0, 1);
}

function grouped(g: Geometry, size: number): Geometry {
  return { ...g, groups: g.groups * size };
}

// ---------------------------------------------------------------------------------------------
// The ops

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
  batch: (batch) => {
    const { call, inputs, batched, attrs, size } = batch;
    if (!batched[1])
      return parted(
        call([joined(inputs[0]!), inputs[1]!], attrs) as Tensor,
        size,
        inputs[0]!.shape[1]!,
      );
    const [x, weight] = everySample(batch) as [Tensor, Tensor];
    const y = call([channelsJoined(x), joined(weight)], grouped(attrs, size));
    return channelsParted(y as Tensor, size, weight.shape[1]!);
  },
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
  batch: (batch) => {
    const { call, inputs, batched, attrs, size } = batch;
    if (!batched[1])
      return parted(
        call([joined(inputs[0]!), inputs[1]!], attrs) as Tensor,
        size,
        inputs[0]!.shape[1]!,
      );
    const [dy, weight] = everySample(batch) as [Tensor, Tensor];
    const x = call([channelsJoined(dy), joined(weight)], grouped(attrs, size));
    return channelsParted(x as Tensor, size, weight.shape[2]! * attrs.groups);
  },
  grad: {
    dy: (dx, { weight }, g): Tensor => convOp(dx, weight, g),
    weight: (dx, { dy }, g): Tensor => convWeightOp(dx, dy, g),
  },
  tex: { y: "w \\star dY", dy: "w * dX", weight: "dX * dY" },
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
  batch: (batch) => {
    const { call, attrs, size } = batch;
    const [x, dy] = everySample(batch) as [Tensor, Tensor];
    const weight = call([channelsJoined(x), channelsJoined(dy)], grouped(attrs, size));
    return parted(weight as Tensor, size, dy.shape[2]!);
  },
  grad: {
    x: (dw, { dy }, g): Tensor => convInputOp(dy, dw, g),
    dy: (dw, { x }, g): Tensor => convOp(x, dw, g),
  },
  tex: { y: "x * dY", x: "dW \\star dY", dy: "dW * x" },
});
