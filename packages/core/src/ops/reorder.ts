/** Other shapes, other orders and repetitions of the same elements. */
import { checkTensor, describe } from "../apply.ts";
import { firstOutside, refuseShaping } from "../batched.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import {
  checkShape,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  type Shape,
  sizeOf,
} from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { indexSelect } from "./indexing.ts";
import {
  clone,
  concat,
  expand,
  flatten,
  narrow,
  permute,
  reshape,
  resolveShape,
  reversed,
  takeRegion,
  to,
  transpose,
  unsqueeze,
  viewOp,
  viewStrides,
} from "./layout.ts";
import { cumsum } from "./scan.ts";
import { countsOf } from "./search.ts";

/**
 * The same elements in row-major order under another shape, always as a view.
 *
 * @param shape  sizes, of which one may be −1: what remains
 * @throws ShapeError if the number of elements differs, or x's strides allow no such view
 */
export function view(x: Tensor, shape: Shape): Tensor {
  checkTensor("view", "x", x);
  const target = resolveShape("view", x, shape);
  const strides = viewStrides(x.shape, x.strides, target);
  if (strides === null) {
    throw new ShapeError(
      `view: no view of ${formatShape(x.shape)} with strides ${formatShape(x.strides)} has shape ${formatShape(target)}; use reshape, which copies where it must.`,
    );
  }
  return viewOp(x, { shape: target, strides });
}

/**
 * A view of x's elements under any shape and strides.
 *
 * @param x        contiguous
 * @param shape    sizes of the view
 * @param strides  steps between neighbours along each axis, in elements of x
 * @param offset   position in x, in row-major order, of the view's first element (PyTorch counts from the
 *   start of the storage, which is the same unless x is itself a part of something)
 * @throws ShapeError if x is not contiguous, or if the view would leave it
 */
export function asStrided(x: Tensor, shape: Shape, strides: Shape, offset = 0): Tensor {
  checkTensor("asStrided", "x", x);
  checkShape("asStrided", shape);
  const whole = (list: unknown): boolean => Array.isArray(list) && list.every(Number.isInteger);
  if (!whole(strides) || strides.length !== shape.length || !Number.isInteger(offset)) {
    throw new ValueError(
      `asStrided: strides ${describeList(strides)} and offset ${offset} for shape ${formatShape(shape)}; give one whole stride per axis, and a whole offset.`,
    );
  }
  if (!x.isContiguous) {
    throw new ShapeError(
      `asStrided: x of shape ${formatShape(x.shape)} has strides ${formatShape(x.strides)}; it must be contiguous: x.contiguous().`,
    );
  }
  const reach = shape.map((size, i) => (size - 1) * strides[i]!);
  const low = reach.reduce((sum, step) => sum + Math.min(step, 0), offset);
  const high = reach.reduce((sum, step) => sum + Math.max(step, 0), offset);
  if (sizeOf(shape) > 0 && (low < 0 || high >= x.size)) {
    throw new ShapeError(
      `asStrided: shape ${formatShape(shape)} with strides ${formatShape(strides)} from ${offset} reaches elements ${low} to ${high}; x of shape ${formatShape(x.shape)} has 0 to ${x.size - 1}.`,
    );
  }
  return takeRegion(x, { whole: x.shape, shape, strides, offset });
}

function describeList(list: unknown): string {
  return Array.isArray(list) ? formatShape(list) : describe(list);
}

/**
 * One axis as several: the inverse of {@link flatten}.
 *
 * @param sizes  their product is the axis' size; one may be −1: what remains
 * @example unflatten(x, 1, [C, -1])  // [N, C·K] → [N, C, K]
 */
export function unflatten(x: Tensor, axis: number, sizes: Shape): Tensor {
  checkTensor("unflatten", "x", x);
  const at = normalizeAxis("unflatten", axis, x.rank);
  checkWhole("unflatten", "sizes", sizes, -1);
  const size = x.shape[at]!;
  const open = sizes.indexOf(-1);
  const known = sizes.reduce((product, n, i) => (i === open ? product : product * n), 1);
  const filled = sizes.map((n, i) => (i === open ? size / known : n));
  if (
    sizes.length === 0 ||
    !filled.every((n) => Number.isInteger(n) && n >= 0) ||
    sizeOf(filled) !== size
  ) {
    throw new ShapeError(
      `unflatten: ${formatShape(sizes)} does not hold the ${size} elements of axis ${at} of ${formatShape(x.shape)}; the product of the sizes is the axis' size, and at most one may be -1.`,
    );
  }
  return reshape(x, [...x.shape.slice(0, at), ...filled, ...x.shape.slice(at + 1)]);
}

function checkWhole(op: string, name: string, list: unknown, least: number): void {
  if (!Array.isArray(list) || !list.every((n) => Number.isInteger(n) && n >= least)) {
    throw new ValueError(
      `${op}: ${name} ${Array.isArray(list) ? `are ${formatShape(list)}` : `is ${describe(list)}`}; needed is an array of whole numbers, at least ${least}.`,
    );
  }
}

/** Axes moved from their places to others; the rest keep their order. A view. */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  checkTensor("movedim", "x", x);
  // Of a tensor without axes, PyTorch lets axis 0 (or −1) move to 0.
  const rank = Math.max(1, x.rank);
  const from = [source].flat().map((axis) => normalizeAxis("movedim", axis, rank));
  const to = [destination].flat().map((axis) => normalizeAxis("movedim", axis, rank));
  if (
    from.length !== to.length ||
    new Set(from).size < from.length ||
    new Set(to).size < to.length
  ) {
    throw new ShapeError(
      `movedim: axes [${[source].flat().join(", ")}] can't move to [${[destination].flat().join(", ")}]; name as many places as axes, and each once.`,
    );
  }
  if (x.rank === 0) return permute(x, []);
  const order = new Array<number>(x.rank).fill(-1);
  to.forEach((place, i) => {
    order[place] = from[i]!;
  });
  const rest = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
  return permute(
    x,
    order.map((axis) => (axis < 0 ? rest.shift()! : axis)),
  );
}

/** With two axes swapped; NumPy's name of {@link transpose}. A view. */
export function swapaxes(x: Tensor, axis0: number, axis1: number): Tensor {
  return transpose(x, axis0, axis1);
}

/** x repeated to a shape that it broadcasts to; NumPy's name of {@link expand}. A view. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return expand(x, shape);
}

/**
 * x laid out `counts[i]` times along each axis i; more counts than axes add axes in front.
 *
 * @throws ShapeError for fewer counts than axes
 */
export function repeat(x: Tensor, counts: readonly number[]): Tensor {
  checkTensor("repeat", "x", x);
  checkWhole("repeat", "counts", counts, 0);
  if (counts.length < x.rank) {
    throw new ShapeError(
      `repeat: [${counts.join(", ")}] are ${counts.length} counts for the ${x.rank} axes of ${formatShape(x.shape)}; give at least one per axis.`,
    );
  }
  return repeated(x, counts);
}

/** As {@link repeat}; missing counts in front are 1. */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  checkTensor("tile", "x", x);
  checkWhole("tile", "counts", counts, 0);
  return repeated(x, [
    ...new Array<number>(Math.max(0, x.rank - counts.length)).fill(1),
    ...counts,
  ]);
}

function repeated(x: Tensor, counts: readonly number[]): Tensor {
  const sizes = [...new Array<number>(counts.length - x.rank).fill(1), ...x.shape];
  const target = sizes.map((size, i) => size * counts[i]!);
  checkShape("repeat", target);
  // [1, s₀, 1, s₁, …] expanded to [c₀, s₀, c₁, s₁, …]
  const apart = reshape(
    x,
    sizes.flatMap((size) => [1, size]),
  );
  const wide = expand(
    apart,
    sizes.flatMap((size, i) => [counts[i]!, size]),
  );
  return unshared(reshape(wide, target), x);
}

/** y, or a copy if it shows x's storage where PyTorch would have copied. */
function unshared(y: Tensor, x: Tensor): Tensor {
  return y === x || (y.storage !== null && y.storage === x.storage) ? clone(y) : y;
}

/**
 * Each element (of the flattened x, or each slice along the axis) several times in a row.
 *
 * @param counts  how often, or an int32 tensor with a count for each
 */
export function repeatInterleave(x: Tensor, counts: number | Tensor, axis?: number): Tensor {
  checkTensor("repeatInterleave", "x", x);
  const from = axis === undefined ? flatten(x) : x;
  const at = axis === undefined ? 0 : normalizeAxis("repeatInterleave", axis, x.rank);
  const size = from.shape[at]!;
  if (typeof counts === "number") {
    checkWhole("repeatInterleave", "counts", [counts], 0);
    const wide = [...from.shape.slice(0, at + 1), counts, ...from.shape.slice(at + 1)];
    const target = from.shape.map((n, i) => (i === at ? n * counts : n));
    checkShape("repeatInterleave", target);
    return unshared(reshape(expand(unsqueeze(from, at + 1), wide), target), x);
  }
  checkTensor("repeatInterleave", "counts", counts);
  if (counts.dtype !== "int32" && counts.dtype !== "uint8") {
    throw new DTypeError(`repeatInterleave: counts are ${counts.dtype}; they must be int32.`);
  }
  refuseShaping("repeatInterleave", counts);
  if (counts.rank > 1 || (counts.size !== 1 && counts.size !== size)) {
    throw new ShapeError(
      `repeatInterleave: counts are ${formatShape(counts.shape)}; they must be [${size}], one for each element of axis ${at}.`,
    );
  }
  const wrong = firstOutside(counts, 0, Infinity);
  if (wrong >= 0) {
    throw new ValueError(
      `repeatInterleave: count ${counts.data()[wrong]} at position ${wrong} is negative; it must not be.`,
    );
  }
  // Element i is repeated up to place ends[i]: at each place stands the number of ends up to there.
  const ends = cumsum(expand(reshape(to(counts, "int32"), [counts.size]), [size]), 0);
  const total = size === 0 ? 0 : narrow(ends, 0, size - 1, 1).item();
  const passed = cumsum(countsOf(ends, total + 1, "int32"), 0);
  return indexSelect(from, at, narrow(passed, 0, 0, total));
}

/** Read backwards along the axes. A copy, as PyTorch's. */
export function flip(x: Tensor, axes: number | readonly number[]): Tensor {
  checkTensor("flip", "x", x);
  return clone(reversed(x, normalizeAxes("flip", axes, x.rank)));
}

/**
 * Moved along the axes by `shifts` places; what leaves at one end enters at the other. Without axes, in
 * row-major order over all elements.
 */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  axes?: number | readonly number[],
): Tensor {
  checkTensor("roll", "x", x);
  const by = [shifts].flat() as number[];
  const bad = by.find((shift) => !Number.isInteger(shift));
  if (bad !== undefined) {
    throw new ValueError(`roll: shift ${bad} is not a whole number; it must be.`);
  }
  if (axes === undefined) {
    if (by.length !== 1) {
      throw new ShapeError(
        `roll: ${by.length} shifts without axes; give one shift, or as many axes.`,
      );
    }
    return reshape(roll(reshape(x, [x.size]), by, 0), x.shape);
  }
  const along = [axes].flat().map((axis) => normalizeAxis("roll", axis, x.rank));
  if (along.length !== by.length) {
    throw new ShapeError(
      `roll: ${by.length} shifts for ${along.length} axes; give one shift per axis.`,
    );
  }
  let y = x;
  along.forEach((axis, i) => {
    const size = x.shape[axis]!;
    const shift = size === 0 ? 0 : ((by[i]! % size) + size) % size;
    if (shift === 0) return;
    y = concat([narrow(y, axis, size - shift, shift), narrow(y, axis, 0, size - shift)], axis);
  });
  return y === x ? clone(x) : y;
}

/** Turned `turns` times by 90° in the plane of two axes, from the first towards the second. */
export function rot90(x: Tensor, turns = 1, axes: readonly [number, number] = [0, 1]): Tensor {
  checkTensor("rot90", "x", x);
  if (!Number.isInteger(turns)) {
    throw new ValueError(`rot90: turns is ${turns}; it must be a whole number.`);
  }
  const [a, b] = axes.map((axis) => normalizeAxis("rot90", axis, x.rank)) as [number, number];
  if (axes.length !== 2 || a === b) {
    throw new ShapeError(`rot90: axes are [${axes.join(", ")}]; name two different ones.`);
  }
  const quarter = ((turns % 4) + 4) % 4;
  if (quarter === 0) return clone(x);
  if (quarter === 1) return transpose(flip(x, b), a, b);
  if (quarter === 2) return flip(x, [a, b]);
  return flip(transpose(x, a, b), b);
}
