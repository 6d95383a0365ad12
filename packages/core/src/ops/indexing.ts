/** Picking elements by position. */
import { defaultKernels } from "@tapegrad/kernels";
import { checkTensor, describe } from "../apply.ts";
import { everyElement, firstOutside, isBatched, refuseShaping } from "../batched.ts";
import { tensor } from "../create.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../errors.ts";
import { Form } from "../form.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes, formatShape, normalizeAxis, sameShape, sizeOf } from "../shape.ts";
import { adoptArray, emptyTensor, type NestedArray, Tensor } from "../tensor.ts";
import { alongNext, withFrontAxis } from "./batching.ts";
import { lt, where } from "./compare.ts";
import { add, mul } from "./elementwise.ts";
import {
  clone,
  contiguous,
  detach,
  expand,
  lined,
  narrow,
  permute,
  type Range,
  reshape,
  sliceOp,
  to,
} from "./layout.ts";

export interface AlongAxis {
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
  batch: alongNext(),
  grad: {
    x: (dy, { index, xShape }, { axis }): Tensor =>
      scatterZeros(dy, index, { axis, shape: xShape }),
    index: null,
  },
  tex: { y: "y_k = x_{i_k}", x: "\\sum_{i_k = j} dY_k" },
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
  batch: withFrontAxis(({ axis, shape }, { size }) => ({
    axis: axis + 1,
    shape: [size, ...shape],
  })),
  grad: {
    source: (dy, { index }, { axis }): Tensor => gatherOp(dy, index, { axis }),
    index: null,
  },
  tex: { y: "y_j = \\sum_{i_k = j} s_k", source: "1" },
});

export function checkIndex(
  name: string,
  wrong: number,
  x: Tensor,
  axis: number,
  index: Tensor,
): void {
  if (wrong < 0) return;
  throw new IndexError(
    `${name}: index ${index.data()[wrong]} at position ${wrong} is outside axis ${axis} of ${formatShape(x.shape)}; valid are 0 to ${x.shape[axis]! - 1}.`,
  );
}

export function integerIndex(name: string, index: Tensor): Tensor {
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
 * y[i][j][k] = x[i][index[i][j][k]][k] for axis 1, and so on: y has the index's shape. Tensors without axes count
 * as one element along an axis.
 *
 * @param index  int32, of x's rank; no larger than x along the other axes
 * @throws IndexError naming the first index outside the axis
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  checkTensor("gather", "x", x);
  const v = lined(x);
  const at = normalizeAxis("gather", axis, v.rank);
  const whole = lined(integerIndex("gather", index));
  if (whole.rank !== v.rank || whole.shape.some((size, i) => i !== at && size > v.shape[i]!)) {
    throw new ShapeError(
      `gather: x is ${formatShape(x.shape)} and index ${formatShape(index.shape)}; both need the same rank, and index may be larger only along axis ${at}.`,
    );
  }
  // The kernel walks equal sizes along the other axes.
  const ranges = v.shape.map((size, i) => ({
    start: 0,
    step: 1,
    length: i === at ? size : whole.shape[i]!,
  }));
  const window = ranges.every(({ length }, i) => length === v.shape[i]) ? v : sliceOp(v, ranges);
  const y = gatherOp(window, whole, { axis: at });
  return index.rank === 0 ? reshape(y, []) : y;
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

/**
 * A position, a slice, all axes up to here ("..."), a new axis (null), positions (an integer tensor or a
 * list), or a mask (a bool tensor, or a list of booleans), which covers as many axes as it has.
 */
export type Index = number | Slice | "..." | null | Tensor | NestedArray;

/**
 * NumPy's indexing: `index(x, 0, slice(1, 3))` is `x[0, 1:3]`. A view, except where tensors or lists pick:
 * these broadcast together, and their axes stand where they stood if they were neighbours, else in front.
 * As in PyTorch, and other than in NumPy, numbers (integer tensors without axes, too) are applied first and
 * don't count among them.
 *
 * @throws IndexError for a position outside its axis or a mask that doesn't fit, ShapeError for more
 *   indices than axes
 */
export function index(x: Tensor, ...parts: Index[]): Tensor {
  checkTensor("index", "x", x);
  const { view, picked } = selection("index", x, parts);
  if (picked === null) return view;
  const { order, merged, axis, positions, shape } = picked;
  return reshape(indexSelect(reshape(arranged(view, order), merged), axis, positions), shape);
}

/** What the parts of an index select: a view, and positions on it. */
interface Selection {
  /** x after numbers, slices and new axes. */
  view: Tensor;
  /** What tensors pick from the view; null if there are none. */
  picked: {
    /** Brings the picked axes together. */
    order: number[];
    /** Shape then, with the picked axes as one. */
    merged: number[];
    /** Which axis that is. */
    axis: number;
    /** int32 [n]: positions along it. */
    positions: Tensor;
    /** Shape of the result. */
    shape: number[];
  } | null;
}

/** An index tensor, the axis of x from which it picks, and where the view has that axis. */
interface Pick {
  index: Tensor;
  axis: number;
  at: number;
  /** How many axes it covers: its positions count over them in row-major order. */
  span: number;
}

/** @internal Reads and checks the parts of an index. */
export function selection(op: string, x: Tensor, parts: readonly Index[]): Selection {
  const ranges: Range[] = [];
  const shape: number[] = [];
  const picks: Pick[] = [];
  const pick = (index: Tensor, span: number) => {
    const axis = ranges.length;
    picks.push({ index, axis, at: shape.length, span });
    for (const length of x.shape.slice(axis, axis + span)) {
      ranges.push({ start: 0, step: 1, length });
      shape.push(length);
    }
  };
  for (const part of completed(op, x, parts)) {
    const axis = ranges.length;
    if (part === null) {
      shape.push(1);
    } else if (typeof part === "number") {
      ranges.push({ start: position(op, part, axis, x), step: 1, length: 1 });
    } else if (part instanceof Slice) {
      const range = resolve(part, x.shape[axis]!);
      ranges.push(range);
      shape.push(range.length);
    } else if (part.dtype !== "bool") {
      pick(integerIndex(op, part), 1);
    } else if (part.rank === 0) {
      // A lone true or false: a new axis of length 1 or 0.
      const kept = part.item() === 0 ? 0 : 1;
      picks.push({ index: positionsTensor(new Int32Array(kept)), axis, at: shape.length, span: 1 });
      shape.push(1);
    } else {
      checkMask(op, part, axis, x);
      refuseShaping(op, part);
      pick(maskPositions(part), part.rank);
    }
  }
  const whole = ranges.every(({ step, length }, i) => step === 1 && length === x.shape[i]);
  const view = reshape(whole ? x : sliceOp(x, ranges), shape);
  return { view, picked: picks.length === 0 ? null : pickedFrom(op, x, view, picks) };
}

function pickedFrom(op: string, x: Tensor, view: Tensor, picks: readonly Pick[]) {
  const common = broadcastShapes(op, ...picks.map(({ index }) => index.shape));
  const places = picks.flatMap(({ at, span }) => Array.from({ length: span }, (_, i) => at + i));
  const rest = view.shape.map((_, i) => i).filter((i) => !places.includes(i));
  // Lone positions, which get here inside vmap only, don't count for where the axes stand.
  const wide = picks.filter(({ index }) => index.rank > 0);
  const counting = wide.length > 0 ? wide : picks;
  const last = counting[counting.length - 1]!;
  const before = rest.filter((i) => i < counting[0]!.at).length;
  const neighbours = rest.filter((i) => i < last.at + last.span - 1).length === before;
  const axis = neighbours ? before : 0;
  const order = [...rest.slice(0, axis), ...places, ...rest.slice(axis)];
  const lead = rest.slice(0, axis).map((i) => view.shape[i]!);
  const trail = rest.slice(axis).map((i) => view.shape[i]!);
  const sizes = picks.map(({ at, span }) => sizeOf(view.shape.slice(at, at + span)));
  const lists = picks.map(({ index }) => reshape(expand(index, common), [sizeOf(common)]));
  picks.forEach(({ axis }, i) => {
    const size = sizes[i]!;
    const wrong = firstOutside(lists[i]!, -size, size - 1);
    if (wrong < 0) return;
    throw new IndexError(
      `${op}: ${everyElement(lists[i]!)[wrong]} at position ${wrong} of an index tensor is outside axis ${axis} of ${formatShape(x.shape)}; valid are ${-size} to ${size - 1}.`,
    );
  });
  return {
    order,
    merged: [...lead, sizeOf(sizes), ...trail],
    axis,
    positions: rowMajor(lists, sizes),
    shape: [...lead, ...common, ...trail],
  };
}

/** Positions along several axes (negative ones from the end) as row-major ones over all of them. */
function rowMajor(positions: readonly Tensor[], sizes: readonly number[]): Tensor {
  return positions
    .map((list, i) => where(lt(list, 0), add(list, sizes[i]!), list))
    .reduce((flat, list, i) => add(mul(flat, sizes[i]!), list));
}

/** @internal The view with its picked axes together: itself if they are. */
export function arranged(view: Tensor, order: readonly number[]): Tensor {
  return order.every((axis, i) => axis === i) ? view : permute(view, order);
}

function positionsTensor(list: Int32Array): Tensor {
  return adoptArray(list, "int32", [list.length]);
}

/** @internal Where the mask is true (a number: not 0), in row-major order: int32 [n]. */
export function maskPositions(mask: Tensor): Tensor {
  const places = emptyTensor(new Form("int32", [mask.size]));
  const count = defaultKernels().nonzero(contiguous(to(detach(mask), "bool")), places);
  return clone(narrow(places, 0, 0, count));
}

function checkMask(op: string, mask: Tensor, axis: number, x: Tensor): void {
  const covered = x.shape.slice(axis, axis + mask.rank);
  if (!sameShape(mask.shape, covered)) {
    throw new IndexError(
      `${op}: the mask is ${formatShape(mask.shape)}, and from axis ${axis} on x is ${formatShape(covered)} (shape ${formatShape(x.shape)}); they must be equal.`,
    );
  }
}

/** One part per axis (and per new axis): lists as tensors, the ellipsis or the end filled up with full slices. */
function completed(
  op: string,
  x: Tensor,
  given: readonly Index[],
): (number | Slice | null | Tensor)[] {
  const parts = given.map((part) => {
    // Inside vmap, a number that differs between samples picks as any other index tensor does.
    const isLone =
      part instanceof Tensor && part.rank === 0 && part.dtype !== "bool" && !isBatched(part);
    if (isLone) return integerIndex(op, part).item();
    if (Array.isArray(part) || typeof part === "boolean") return listIndex(op, part);
    const fits =
      part === null ||
      part === "..." ||
      typeof part === "number" ||
      part instanceof Slice ||
      part instanceof Tensor;
    if (!fits) {
      throw new ValueError(
        `${op}: ${describe(part)} is no index; use a number, slice(…), "...", null, a list, or an int32 or bool Tensor.`,
      );
    }
    return part as number | Slice | "..." | null | Tensor;
  });
  const used = parts.reduce<number>((sum, part) => {
    if (part === null || part === "...") return sum;
    return sum + (part instanceof Tensor && part.dtype === "bool" ? part.rank : 1);
  }, 0);
  if (used > x.rank || parts.filter((part) => part === "...").length > 1) {
    throw new ShapeError(
      `${op}: ${used} axes are indexed${used > x.rank ? "" : " with more than one ellipsis"}, and the tensor of shape ${formatShape(x.shape)} has ${x.rank}.`,
    );
  }
  const rest = Array.from({ length: x.rank - used }, () => new Slice(null, null, 1));
  const at = parts.indexOf("...");
  const list =
    at < 0 ? [...parts, ...rest] : [...parts.slice(0, at), ...rest, ...parts.slice(at + 1)];
  return list as (number | Slice | null | Tensor)[];
}

/** A list of positions as int32, of booleans as a mask. */
function listIndex(op: string, list: NestedArray): Tensor {
  const given = tensor(list);
  if (given.dtype === "bool") return given;
  const wrong = given.data().findIndex((i) => !Number.isInteger(i));
  if (wrong >= 0) {
    throw new IndexError(
      `${op}: ${given.data()[wrong]} in a list of positions is not a whole number.`,
    );
  }
  return to(given, "int32");
}

function position(op: string, i: number, axis: number, x: Tensor): number {
  const size = x.shape[axis]!;
  if (!Number.isInteger(i) || i < -size || i >= size) {
    throw new IndexError(
      `${op}: ${i} is outside axis ${axis} of ${formatShape(x.shape)}; valid are ${-size} to ${size - 1}.`,
    );
  }
  return i < 0 ? i + size : i;
}

/** Python's rule: out-of-range ends are clipped. */
function resolve({ start, stop, step }: Slice, size: number): Range {
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
