/** Views, copies and conversions: where the elements are, not what they are. */
import { defaultKernels } from "@tapegrad/kernels";
import { checkTensor, describe } from "../apply.ts";
import { mapBottom } from "../batched.ts";
import type { Layout } from "../definition.ts";
import { checkDType, type DType, promote } from "../dtype.ts";
import { engineOps } from "../engine-ops.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { Form } from "../form.ts";
import type { Node } from "../node.ts";
import { defineOp } from "../op.ts";
import {
  broadcastShapes,
  broadcastStrides,
  contiguousStrides,
  formatShape,
  isContiguous,
  normalizeAxes,
  normalizeAxis,
  overlaps,
  type Shape,
  sameShape,
  sizeOf,
} from "../shape.ts";
import { edgeOf, enableGrad, needsGrad } from "../tape.ts";
import { adoptArray, emptyTensor, Tensor, viewTensor } from "../tensor.ts";
import { aligned, alongNext, everySample, withFrontAxis } from "./batching.ts";

// ---------------------------------------------------------------------------------------------
// Copies

export const cloneOp = defineOp({
  name: "clone",
  inputs: ["x"],
  domain: "any",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => kernels.copy(x, y),
  batch: withFrontAxis(),
  grad: { x: (dy) => dy },
  tex: { y: "x", x: "1" },
});

/** A copy of x in memory of its own. */
export function clone(x: Tensor): Tensor {
  checkTensor("clone", "x", x);
  return cloneOp(x);
}
engineOps.clone = clone;

/** The value in place of x: what `copy_`, `fill_` and `zero_` write. */
export const copyOp = defineOp({
  name: "copy",
  inputs: ["x", "value"],
  domain: "any",
  shape: ({ x, value }) => broadcastShapes("copy_", x.shape, value.shape),
  forward: ({ value }, y, kernels) => kernels.copy(value, y),
  batch: "broadcast",
  grad: {
    x: (dy) => zeros(dy.shape, dy.dtype),
    value: (dy) => dy,
  },
  tex: { y: "v", x: "0", value: "1" },
});

/** @internal A tensor without axes as one of a single element along an axis, as PyTorch takes it. */
export function lined(x: Tensor): Tensor {
  return x.rank === 0 ? reshape(x, [1]) : x;
}

/** x itself if its elements lie in row-major order without gaps, else a copy that does. */
export function contiguous(x: Tensor): Tensor {
  checkTensor("contiguous", "x", x);
  return x.isContiguous ? x : clone(x);
}

export const toOp = defineOp({
  name: "to",
  inputs: ["x"],
  domain: "any",
  dtype: (_, { to }: { from: DType; to: DType }) => to,
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => kernels.copy(x, y),
  batch: withFrontAxis(),
  grad: { x: (dy, _, { from }: { from: DType; to: DType }) => to(dy, from) },
  tex: { y: "x", x: "1" },
});

/** x as another dtype: floats are truncated to integers, anything but 0 is true. x itself if it has it. */
export function to(x: Tensor, dtype: DType): Tensor {
  checkTensor("to", "x", x);
  checkDType("to", dtype);
  return x.dtype === dtype ? x : toOp(x, { from: x.dtype, to: dtype });
}
engineOps.to = to;

/** The same elements off the tape: shares x's storage, requires no gradient. */
export function detach(x: Tensor): Tensor {
  checkTensor("detach", "x", x);
  return mapBottom(x, (bottom) => viewTensor(bottom, bottom.shape, bottom.strides, bottom.offset));
}

// ---------------------------------------------------------------------------------------------
// Reshape

export const viewOp = defineOp({
  name: "view",
  inputs: ["x"],
  domain: "any",
  view: (x, { shape, strides }: { shape: Shape; strides: Shape }) => ({
    shape,
    strides,
    offset: x.offset,
  }),
  saves: ["xShape"],
  batch: ({ inputs, attrs, size }) => reshape(inputs[0]!, [size, ...attrs.shape]),
  grad: { x: (dy, { xShape }) => reshape(dy, xShape) },
  tex: { y: "y_{[i]} = x_{[i]}", x: "1" },
});

/**
 * The same elements in row-major order under another shape: a view where strides allow, else a copy.
 *
 * @param shape  sizes, of which one may be −1: what remains
 * @throws ShapeError if the number of elements differs
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensor("reshape", "x", x);
  const target = resolveShape("reshape", x, shape);
  if (sameShape(target, x.shape)) return x;
  const strides = viewStrides(x.shape, x.strides, target);
  if (strides !== null) return viewOp(x, { shape: target, strides });
  return viewOp(clone(x), { shape: target, strides: contiguousStrides(target) });
}

/** The shape with its −1 filled in. */
export function resolveShape(op: string, x: Tensor, shape: Shape): number[] {
  if (!Array.isArray(shape)) {
    throw new ValueError(
      `${op}: the shape is ${describe(shape)}; it must be an array of sizes, such as [2, -1].`,
    );
  }
  const open = shape.indexOf(-1);
  const known = shape.reduce((product, size, i) => (i === open ? product : product * size), 1);
  const target = [...shape];
  if (open >= 0 && known > 0 && x.size % known === 0) target[open] = x.size / known;
  if (target.some((size) => !Number.isInteger(size) || size < 0) || sizeOf(target) !== x.size) {
    throw new ShapeError(
      `${op}: ${formatShape(shape)} does not hold the ${x.size} elements of ${formatShape(x.shape)}; ` +
        "sizes are whole, their product is the number of elements, and at most one may be -1.",
    );
  }
  return target;
}

/** Strides that show the same row-major order under `target`; null if only a copy can. */
export function viewStrides(shape: Shape, strides: Shape, target: Shape): number[] | null {
  if (isContiguous(shape, strides)) return contiguousStrides(target);
  // From the right: each run of x's axes that could be merged into one is cut into the target's axes.
  const result = new Array<number>(target.length);
  let to = target.length - 1;
  let unit = strides[shape.length - 1]!;
  let run = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    run *= shape[axis]!;
    const merges = axis > 0 && (shape[axis - 1] === 1 || strides[axis - 1] === run * unit);
    if (merges) continue;
    let covered = 1;
    while (to >= 0 && (covered < run || target[to] === 1)) {
      result[to] = covered * unit;
      covered *= target[to--]!;
    }
    if (covered !== run) return null;
    if (axis > 0) unit = strides[axis - 1]!;
    run = 1;
  }
  return to < 0 ? result : null;
}

/**
 * Axes start to end (both included) as one.
 *
 * @example flatten(x, 1)  // [N, C, H, W] → [N, C·H·W]
 */
export function flatten(x: Tensor, startAxis = 0, endAxis = -1): Tensor {
  checkTensor("flatten", "x", x);
  if (x.rank === 0) return reshape(x, [1]);
  const start = normalizeAxis("flatten", startAxis, x.rank);
  const end = normalizeAxis("flatten", endAxis, x.rank);
  if (start > end) {
    throw new ShapeError(
      `flatten: startAxis ${startAxis} comes after endAxis ${endAxis}; it must not.`,
    );
  }
  const middle = sizeOf(x.shape.slice(start, end + 1));
  return reshape(x, [...x.shape.slice(0, start), middle, ...x.shape.slice(end + 1)]);
}

/** Without those of the axes that have size 1; without all such axes when none is named. */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  checkTensor("squeeze", "x", x);
  const list = normalizeAxes("squeeze", axes, x.rank);
  return reshape(
    x,
    x.shape.filter((size, i) => size !== 1 || !list.includes(i)),
  );
}

/** With an axis of size 1 at the place. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  checkTensor("unsqueeze", "x", x);
  const at = normalizeAxis("unsqueeze", axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

// ---------------------------------------------------------------------------------------------
// Order of axes

export const permuteOp = defineOp({
  name: "permute",
  inputs: ["x"],
  domain: "any",
  view: (x, order: readonly number[]) => ({
    shape: order.map((axis) => x.shape[axis]!),
    strides: order.map((axis) => x.strides[axis]!),
    offset: x.offset,
  }),
  batch: withFrontAxis((order) => [0, ...order.map((axis) => axis + 1)]),
  grad: {
    x: (dy, _, order: readonly number[]): Tensor =>
      permuteOp(
        dy,
        order.map((_, i) => order.indexOf(i)),
      ),
  },
  tex: { y: "y_{i_{\\pi(1)}, i_{\\pi(2)}, \\dots} = x_{i_1, i_2, \\dots}", x: "1" },
});

/**
 * Axes in the given order: y's axis i is x's axis order[i]. A view.
 *
 * @throws ShapeError if `order` is not an order of x's axes
 */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  checkTensor("permute", "x", x);
  if (!Array.isArray(order)) {
    throw new ValueError(
      `permute: the order is ${describe(order)}; it must be an array of axes, such as [1, 0].`,
    );
  }
  const axes = order.map((axis) => normalizeAxis("permute", axis, x.rank));
  if (axes.length !== x.rank || new Set(axes).size !== x.rank) {
    throw new ShapeError(
      `permute: [${order.join(", ")}] is not an order of the ${x.rank} axes of ${formatShape(x.shape)}; name each axis once.`,
    );
  }
  return permuteOp(x, axes);
}

/** With two axes swapped; the last two by default. A view. */
export function transpose(x: Tensor, axis0 = -2, axis1 = -1): Tensor {
  checkTensor("transpose", "x", x);
  const a = normalizeAxis("transpose", axis0, x.rank);
  const b = normalizeAxis("transpose", axis1, x.rank);
  const order = x.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return permuteOp(x, order);
}

// ---------------------------------------------------------------------------------------------
// Broadcasting

export const expandOp = defineOp({
  name: "expand",
  inputs: ["x"],
  domain: "any",
  view: (x, shape: Shape) => ({
    shape,
    strides: broadcastStrides(x.shape, x.strides, shape),
    offset: x.offset,
  }),
  // The tape sums over what broadcasting repeated.
  batch: ({ inputs, attrs, size }) => expand(aligned(inputs[0]!, attrs.length), [size, ...attrs]),
  grad: { x: (dy) => dy },
  tex: { y: "y_{j,i} = x_i", x: "\\sum_j dY_{j,i}" },
});

/**
 * Axes of size 1 repeated to the given sizes, new axes in front; −1 keeps a size. A view: nothing is copied.
 *
 * @throws ShapeError if an axis that is not 1 would change
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkTensor("expand", "x", x);
  if (!Array.isArray(shape)) {
    throw new ValueError(
      `expand: the shape is ${describe(shape)}; it must be an array of sizes, such as [2, -1].`,
    );
  }
  const lead = shape.length - x.rank;
  const target = shape.map((size, i) => (size === -1 && i >= lead ? x.shape[i - lead]! : size));
  const fits = lead >= 0 && x.shape.every((size, i) => size === target[i + lead] || size === 1);
  if (!fits || target.some((size) => !Number.isInteger(size) || size < 0)) {
    throw new ShapeError(
      `expand: ${formatShape(x.shape)} does not expand to ${formatShape(shape)}; aligned at the right, every axis must be equal or 1.`,
    );
  }
  return sameShape(target, x.shape) ? x : expandOp(x, target);
}

// ---------------------------------------------------------------------------------------------
// Joining

export const concatOp = defineOp({
  name: "concat",
  inputs: ["tensors"],
  variadic: true,
  domain: "any",
  shape: (tensors, { axis }: { axis: number; starts: number[]; lengths: number[] }) => {
    const total = tensors.reduce((sum, x) => sum + x.shape[axis]!, 0);
    return tensors[0]!.shape.map((size, i) => (i === axis ? total : size));
  },
  forward: (tensors, y, kernels, { axis, starts }) => {
    tensors.forEach((x, i) => {
      kernels.copy(
        x,
        new Tensor(
          y.storage,
          0,
          new Form(y.dtype, x.shape, y.strides, starts[i]! * y.strides[axis]!),
        ),
      );
    });
  },
  batch: alongNext(),
  grad: {
    tensors: (dy, _, { axis, starts, lengths }, i) => narrow(dy, axis, starts[i]!, lengths[i]!),
  },
  tex: { y: "(x^{(1)}, x^{(2)}, \\dots)", tensors: "1" },
});

/**
 * Tensors one after the other along an axis; all other sizes are equal.
 *
 * @throws ShapeError naming the first tensor that doesn't fit
 */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (
    !Array.isArray(tensors) ||
    tensors.length === 0 ||
    !tensors.every((x) => x instanceof Tensor)
  ) {
    throw new ValueError(
      "concat: needs an array of at least one Tensor, such as concat([a, b], 0).",
    );
  }
  const first = tensors[0] as Tensor;
  const at = normalizeAxis("concat", axis, first.rank);
  tensors.forEach((x: Tensor, i) => {
    if (x.rank !== first.rank || x.shape.some((size, k) => k !== at && size !== first.shape[k])) {
      throw new ShapeError(
        `concat: tensor 0 is ${formatShape(first.shape)} and tensor ${i} is ${formatShape(x.shape)}; ` +
          `all sizes but that of axis ${at} must be equal.`,
      );
    }
  });
  const dtype = tensors.reduce((meeting, x) => promote(meeting, x.dtype), first.dtype);
  const lengths = tensors.map((x) => x.shape[at]!);
  const starts = lengths.map((_, i) =>
    lengths.slice(0, i).reduce((sum, length) => sum + length, 0),
  );
  return concatOp(
    tensors.map((x) => to(x, dtype)),
    { axis: at, starts, lengths },
  );
}

/** PyTorch's name of {@link concat}. */
export const cat = concat;

/**
 * Tensors of one shape along a new axis.
 *
 * @throws ShapeError naming the first tensor of another shape
 */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  if (!Array.isArray(tensors) || tensors.length === 0) {
    throw new ValueError("stack: needs an array of at least one Tensor, such as stack([a, b], 0).");
  }
  tensors.forEach((x: Tensor, i) => {
    checkTensor("stack", `tensor ${i}`, x);
    if (!sameShape(x.shape, tensors[0].shape)) {
      throw new ShapeError(
        `stack: tensor 0 is ${formatShape(tensors[0].shape)} and tensor ${i} is ${formatShape(x.shape)}; the shapes must be equal.`,
      );
    }
  });
  const at = normalizeAxis("stack", axis, tensors[0].rank + 1);
  return concat(
    tensors.map((x) => unsqueeze(x, at)),
    at,
  );
}

// ---------------------------------------------------------------------------------------------
// Regions

export interface Region extends Layout {
  /** Shape of the whole. */
  whole: Shape;
}

/** The region in each of several wholes that lie one behind the other. */
function everyRegion({ whole, shape, strides, offset }: Region, size: number): Region {
  return {
    whole: [size, ...whole],
    shape: [size, ...shape],
    strides: [sizeOf(whole), ...strides],
    offset,
  };
}

/** The elements of a contiguous whole that a region shows. */
export const takeRegion = defineOp({
  name: "takeRegion",
  inputs: ["x"],
  domain: "any",
  view: (x, { shape, strides, offset }: Region) => ({ shape, strides, offset: x.offset + offset }),
  batch: ({ call, inputs, attrs, size }) =>
    call([contiguous(inputs[0]!)], everyRegion(attrs, size)),
  grad: {
    x: (dy, _, region: Region): Tensor =>
      overlaps(region)
        ? addRegion(contiguous(dy), region)
        : putRegion(zeros(region.whole, dy.dtype), dy, region),
  },
  tex: { y: "y_i = x_{p(i)}", x: "\\sum_{p(i) = j} dY_i" },
});

/** Zeros of the whole, to which x is added in an overlapping region; x is contiguous. */
export const addRegion = defineOp({
  name: "addRegion",
  inputs: ["x"],
  domain: "any",
  shape: (_, { whole }: Region) => whole,
  forward: ({ x }, y, kernels, region) => {
    kernels.fill(0, y);
    const flat = (t: Tensor, shape: Shape) =>
      new Tensor(t.storage, t.value, new Form(t.dtype, shape, contiguousStrides(shape), t.offset));
    const at = positionsOf(region);
    kernels.scatterAdd(flat(y, [y.size]), 0, at, flat(x, at.shape));
  },
  batch: ({ call, inputs, attrs, size }) =>
    call([contiguous(inputs[0]!)], everyRegion(attrs, size)),
  grad: { x: (dy, _, region): Tensor => takeRegion(contiguous(dy), region) },
  tex: { y: "y_j = \\sum_{p(i) = j} x_i", x: "1" },
});

/** Where in the whole each element of the region lies, in row-major order. */
function positionsOf({ shape, strides, offset }: Layout): Tensor {
  let at = [offset];
  shape.forEach((size, axis) => {
    const steps = Array.from({ length: size }, (_, i) => i * strides[axis]!);
    at = at.flatMap((start) => steps.map((step) => start + step));
  });
  return adoptArray(Int32Array.from(at), "int32", [at.length]);
}

/** A copy of the whole in which the region shows `value`. */
export const putRegion = defineOp({
  name: "putRegion",
  inputs: ["x", "value"],
  domain: "any",
  shape: ({ x }) => x.shape,
  forward: ({ x, value }, y, kernels, { shape, strides, offset }: Region) => {
    kernels.copy(x, y);
    kernels.copy(value, new Tensor(y.storage, 0, new Form(y.dtype, shape, strides, offset)));
  },
  batch: (batch) => {
    const [x, value] = everySample(batch);
    return batch.call([contiguous(x!), value!], everyRegion(batch.attrs, batch.size));
  },
  grad: {
    x: (dy, _, region: Region): Tensor =>
      putRegion(contiguous(dy), zeros(region.shape, dy.dtype), region),
    value: (dy, _, region: Region): Tensor => takeRegion(contiguous(dy), region),
  },
  tex: { y: "x,\\ y_{p(i)} = v_i", x: "[j \\notin p]", value: "1" },
});

function zeros(shape: Shape, dtype: DType): Tensor {
  const y = emptyTensor(new Form(dtype, shape));
  defaultKernels().fill(0, y);
  return y;
}
engineOps.zeros = zeros;

function regionOf(x: Tensor): Region {
  const { base } = x.viewOf!;
  return { whole: base.shape, shape: x.shape, strides: x.strides, offset: x.offset - base.offset };
}

// A view changed in place by `node`: from now on the base is what it was, with the view's region put in.
engineOps.rebaseView = (x: Tensor, node: Node) => {
  const { base } = x.viewOf!;
  if (!base.isContiguous) {
    throw new ShapeError(
      `in-place change of a view: the base of shape ${formatShape(base.shape)} is not contiguous; clone() it before taking views.`,
    );
  }
  // Stand-ins at the right places on the tape; the values were written already.
  const whole = standIn(base, needsGrad(base) ? edgeOf(base) : null);
  const value = standIn(x, node);
  const merged = putRegion(whole, value, regionOf(x));
  base.node = merged.node;
  x.viewOf!.node = base.node;
};

engineOps.reviewNode = (x: Tensor) => {
  const { base } = x.viewOf!;
  if (!needsGrad(base)) return null;
  return enableGrad(() => takeRegion(standIn(base, edgeOf(base)), regionOf(x)).node);
};

function standIn(x: Tensor, node: Node | null): Tensor {
  const result = viewTensor(x, x.shape, x.strides, x.offset);
  result.node = node;
  return result;
}

// ---------------------------------------------------------------------------------------------
// Basic indexing

export interface Range {
  start: number;
  step: number;
  length: number;
}

/** A whole axis. */
export function all(length: number): Range {
  return { start: 0, step: 1, length };
}

export const sliceOp = defineOp({
  name: "slice",
  inputs: ["x"],
  domain: "any",
  view: (x, ranges: readonly Range[]) => ({
    shape: ranges.map(({ length }) => length),
    strides: x.strides.map((stride, i) => stride * ranges[i]!.step),
    offset: x.strides.reduce((offset, stride, i) => offset + stride * ranges[i]!.start, x.offset),
  }),
  saves: ["xShape"],
  batch: withFrontAxis((ranges, { size }) => [all(size), ...ranges]),
  grad: {
    x: (dy, { xShape }, ranges: readonly Range[]): Tensor => unslice(dy, { shape: xShape, ranges }),
  },
  tex: { y: "y_i = x_{a + i s}", x: "1" },
});

/** A view of x that runs backwards along the axes. */
export function reversed(x: Tensor, axes: readonly number[]): Tensor {
  return sliceOp(
    x,
    x.shape.map((length, i) =>
      axes.includes(i) && length > 0
        ? { start: length - 1, step: -1, length }
        : { start: 0, step: 1, length },
    ),
  );
}

/** Zeros of the given shape with x in the slice: the backward of slice. */
export const unslice = defineOp({
  name: "unslice",
  inputs: ["x"],
  domain: "any",
  shape: (_, { shape }: { shape: Shape; ranges: readonly Range[] }) => shape,
  forward: ({ x }, y, kernels, { ranges }) => {
    kernels.fill(0, y);
    const offset = y.strides.reduce((sum, stride, i) => sum + stride * ranges[i]!.start, 0);
    const strides = y.strides.map((stride, i) => stride * ranges[i]!.step);
    kernels.copy(x, new Tensor(y.storage, 0, new Form(y.dtype, x.shape, strides, offset)));
  },
  batch: withFrontAxis(({ shape, ranges }, { size }) => ({
    shape: [size, ...shape],
    ranges: [all(size), ...ranges],
  })),
  grad: { x: (dy, _, { ranges }): Tensor => sliceOp(dy, ranges) },
  tex: { y: "y_{a + i s} = x_i", x: "1" },
});

/** `length` elements of an axis from `start`. A view. */
export function narrow(x: Tensor, axis: number, start: number, length: number): Tensor {
  checkTensor("narrow", "x", x);
  const at = normalizeAxis("narrow", axis, x.rank);
  const size = x.shape[at]!;
  const from = start < 0 ? start + size : start;
  if (
    !Number.isInteger(from) ||
    !Number.isInteger(length) ||
    from < 0 ||
    length < 0 ||
    from + length > size
  ) {
    throw new ShapeError(
      `narrow: start ${start} and length ${length} leave axis ${at}, which has ${size} elements (shape ${formatShape(x.shape)}).`,
    );
  }
  return sliceOp(
    x,
    x.shape.map((s, i) =>
      i === at ? { start: from, step: 1, length } : { start: 0, step: 1, length: s },
    ),
  );
}
