/** Picking elements by position. */

import { checkTensor, describe } from "../apply.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { formatShape, normalizeAxis } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { lt, where } from "./compare.ts";
import { add } from "./elementwise.ts";
import { expand, reshape, sliceOp, to } from "./layout.ts";

interface AlongAxis {
  axis: number;
}

export const gatherOp = defineOp({
  name: "gather",
  inputs: ["x", "index"],
  domain: "any",
  dtype: ({ x }) => x.dtype,
  shape: ({ index }) => index.shape,
  forward: ({ x, index }, y, kernels, { axis }: AlongAxis) => {
    checkIndex("gather", kernels.gather(x, axis, index, y), x, axis, index);
  },
  saves: ["index", "xShape"],
  grad: {
    x: (dy, { index, xShape }, { axis }): Tensor =>
      scatterZeros(dy, index, { axis, shape: xShape }),
    index: null,
  },
});

/** Zeros of a shape, to which dy is added at the indices: the backward of gather. */
export const scatterZeros = defineOp({
  name: "scatterZeros",
  inputs: ["source", "index"],
  domain: "any",
  dtype: ({ source }) => source.dtype,
  shape: (_, { shape }: AlongAxis & { shape: readonly number[] }) => shape,
  forward: ({ source, index }, y, kernels, { axis }) => {
    kernels.fill(0, y);
    checkIndex("scatterAdd", kernels.scatterAdd(y, axis, index, source), y, axis, index);
  },
  saves: ["index"],
  grad: {
    source: (dy, { index }, { axis }): Tensor => gatherOp(dy, index, { axis }),
    index: null,
  },
});

function checkIndex(name: string, wrong: number, x: Tensor, axis: number, index: Tensor): void {
  if (wrong < 0) return;
  throw new IndexError(
    `${name}: index ${index.data()[wrong]} at position ${wrong} is outside axis ${axis} of ${formatShape(x.shape)}; valid are 0 to ${x.shape[axis]! - 1}.`,
  );
}

function integerIndex(name: string, index: Tensor): Tensor {
  if (!(index instanceof Tensor))
    throw new ValueError(`${name}: the index is ${describe(index)}; it must be an int32 Tensor.`);
  if (index.dtype !== "int32" && index.dtype !== "uint8") {
    throw new DTypeError(
      `${name}: the index is ${index.dtype}; it must be int32, such as tensor([0, 2], { dtype: "int32" }).`,
    );
  }
  return to(index, "int32");
}

/**
 * y[i][j][k] = x[i][index[i][j][k]][k] for axis 1, and so on: y has the index's shape.
 *
 * @param index  int32, of x's rank; no larger than x along the other axes
 * @throws IndexError naming the first index outside the axis
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  checkTensor("gather", "x", x);
  const at = normalizeAxis("gather", axis, x.rank);
  const whole = integerIndex("gather", index);
  if (whole.rank !== x.rank || whole.shape.some((size, i) => i !== at && size > x.shape[i]!)) {
    throw new ShapeError(
      `gather: x is ${formatShape(x.shape)} and index ${formatShape(index.shape)}; both need the same rank, and index may be larger only along axis ${at}.`,
    );
  }
  // The kernel walks equal sizes along the other axes.
  const ranges = x.shape.map((size, i) => ({
    start: 0,
    step: 1,
    length: i === at ? size : whole.shape[i]!,
  }));
  const window = ranges.every(({ length }, i) => length === x.shape[i]) ? x : sliceOp(x, ranges);
  return gatherOp(window, whole, { axis: at });
}

/** Rows (or whatever the axis counts) at the given positions: y.shape[axis] = index.shape[0]. */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  checkTensor("indexSelect", "x", x);
  const at = normalizeAxis("indexSelect", axis, x.rank);
  const whole = integerIndex("indexSelect", index);
  if (whole.rank !== 1) {
    throw new ShapeError(
      `indexSelect: index is ${formatShape(index.shape)}; it must have one axis.`,
    );
  }
  const along = reshape(
    whole,
    x.shape.map((_, i) => (i === at ? whole.size : 1)),
  );
  return gather(
    x,
    at,
    expand(
      along,
      x.shape.map((size, i) => (i === at ? whole.size : size)),
    ),
  );
}

/** Start, stop (not included) and step of one axis, as Python's slice. */
export class Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;

  constructor(start: number | null, stop: number | null, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/**
 * For {@link index}: `slice(1, 3)` is Python's `1:3`, `slice(null, null, -1)` reverses. Negative positions
 * count from the end.
 */
export function slice(start: number | null = null, stop: number | null = null, step = 1): Slice {
  for (const part of [start, stop, step]) {
    if (part !== null && !Number.isInteger(part)) {
      throw new ValueError(`slice: (${start}, ${stop}, ${step}) must be whole numbers or null.`);
    }
  }
  if (step === 0) throw new ValueError("slice: the step is 0; it must not be.");
  return new Slice(start, stop, step);
}

/** A position, a slice, all axes up to here ("..."), a new axis (null), or positions (an integer tensor). */
export type Index = number | Slice | "..." | null | Tensor;

/**
 * NumPy's indexing: `index(x, 0, slice(1, 3))` is `x[0, 1:3]`. A view, except where an integer tensor picks.
 *
 * @throws IndexError for a position outside its axis, ShapeError for more indices than axes
 */
export function index(x: Tensor, ...parts: Index[]): Tensor {
  checkTensor("index", "x", x);
  const full = completed(x, parts);
  const picks = full.filter((part) => part instanceof Tensor);
  if (picks.length > 1) {
    throw new ValueError(
      `index: ${picks.length} integer tensors were given; one at a time is supported.`,
    );
  }
  const ranges: { start: number; step: number; length: number }[] = [];
  const shape: number[] = [];
  let pickAt = -1;
  for (const part of full) {
    if (part === null) {
      shape.push(1);
      continue;
    }
    const axis = ranges.length;
    const size = x.shape[axis]!;
    if (typeof part === "number") {
      ranges.push({ start: position(part, axis, x), step: 1, length: 1 });
    } else if (part instanceof Slice) {
      const range = resolve(part, size);
      ranges.push(range);
      shape.push(range.length);
    } else {
      if (part instanceof Tensor) pickAt = shape.length;
      ranges.push({ start: 0, step: 1, length: size });
      shape.push(size);
    }
  }
  const whole = ranges.every(({ step, length }, i) => step === 1 && length === x.shape[i]);
  const view = reshape(whole ? x : sliceOp(x, ranges), shape);
  if (pickAt < 0) return view;
  const pick = integerIndex("index", picks[0] as Tensor);
  const rows = indexSelect(view, pickAt, wrapped(reshape(pick, [pick.size]), view.shape[pickAt]!));
  return reshape(rows, [...shape.slice(0, pickAt), ...pick.shape, ...shape.slice(pickAt + 1)]);
}

/** One part per axis (and per new axis): the ellipsis, or the end, filled up with full slices. */
function completed(x: Tensor, parts: Index[]): Exclude<Index, "...">[] {
  for (const part of parts) {
    const fits =
      part === null ||
      part === "..." ||
      typeof part === "number" ||
      part instanceof Slice ||
      part instanceof Tensor;
    if (!fits) {
      throw new ValueError(
        `index: ${describe(part)} is no index; use a number, slice(…), "...", null or an int32 Tensor.`,
      );
    }
  }
  const used = parts.filter((part) => part !== null && part !== "...").length;
  if (used > x.rank || parts.filter((part) => part === "...").length > 1) {
    throw new ShapeError(
      `index: ${used} axes are indexed${used > x.rank ? "" : " with more than one ellipsis"}, and the tensor of shape ${formatShape(x.shape)} has ${x.rank}.`,
    );
  }
  const rest = Array.from({ length: x.rank - used }, () => new Slice(null, null, 1));
  const at = parts.indexOf("...");
  const list =
    at < 0 ? [...parts, ...rest] : [...parts.slice(0, at), ...rest, ...parts.slice(at + 1)];
  return list as Exclude<Index, "...">[];
}

function position(i: number, axis: number, x: Tensor): number {
  const size = x.shape[axis]!;
  if (!Number.isInteger(i) || i < -size || i >= size) {
    throw new IndexError(
      `index: ${i} is outside axis ${axis} of ${formatShape(x.shape)}; valid are ${-size} to ${size - 1}.`,
    );
  }
  return i < 0 ? i + size : i;
}

/** Python's rule: out-of-range ends are clipped. */
function resolve(
  { start, stop, step }: Slice,
  size: number,
): { start: number; step: number; length: number } {
  const clip = (i: number | null, fallback: number) => {
    if (i === null) return fallback;
    const at = i < 0 ? i + size : i;
    return step > 0 ? Math.min(Math.max(at, 0), size) : Math.min(Math.max(at, -1), size - 1);
  };
  const from = clip(start, step > 0 ? 0 : size - 1);
  const to = clip(stop, step > 0 ? size : -1);
  const length = Math.max(0, Math.ceil((to - from) / step));
  return { start: length === 0 ? 0 : from, step, length };
}

/** Negative positions count from the end. */
function wrapped(pick: Tensor, size: number): Tensor {
  return where(lt(pick, 0), add(pick, size), pick);
}
