/**
 * Finding, grouping and counting values. Results are positions, counts and copies: nothing here is followed
 * by the tape.
 */
import { checkTensor } from "../apply.ts";
import { refuseShaping } from "../batched.ts";
import { tensor } from "../create.ts";
import { newArray } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import type { TensorLike } from "../op.ts";
import { formatShape, normalizeAxis, sameShape, sizeOf } from "../shape.ts";
import { adoptArray, numberTensor, Tensor } from "../tensor.ts";
import { eachSample } from "./batching.ts";
import { indexSelect, maskPositions } from "./indexing.ts";
import { detach, narrow, permute, reshape } from "./layout.ts";
import { argsortOp } from "./sort.ts";

/**
 * Positions of the elements that are not 0 (NaN is not), in row-major order.
 *
 * @returns  int32 [K, rank]: one row for each; with `asTuple` one int32 [K] for each axis, such as
 *   integer indexing takes
 */
export function nonzero(x: Tensor): Tensor;
export function nonzero(x: Tensor, options: { asTuple: true }): Tensor[];
export function nonzero(x: Tensor, options?: { asTuple?: boolean }): Tensor | Tensor[];
export function nonzero(x: Tensor, options: { asTuple?: boolean } = {}): Tensor | Tensor[] {
  checkTensor("nonzero", "x", x);
  refuseShaping("nonzero", x);
  const flat = maskPositions(x).data();
  const count = flat.length;
  // A number is a list of one for PyTorch's tuple.
  const shape = options.asTuple && x.rank === 0 ? [1] : x.shape;
  const rank = shape.length;
  const rows = new Int32Array(count * rank);
  for (let i = 0; i < count; i++) {
    // The flat position's digits, the last axis first.
    for (let axis = rank - 1, rest = flat[i]!; axis >= 0; axis--) {
      rows[i * rank + axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
  }
  const positions = adoptArray(rows, "int32", [count, rank]);
  if (!options.asTuple) return positions;
  return shape.map((_, axis) => reshape(narrow(positions, 1, axis, 1), [count]));
}

/** What {@link unique} returns. */
export interface Unique {
  /** The different elements in ascending order, or the different slices in lexicographic order. */
  values: Tensor;
  /** Which of them each element (or slice) is: int32. */
  inverse: Tensor;
  /** How often each occurs: int32. */
  counts: Tensor;
}

/**
 * The different elements of x; with an axis, the different slices along it. Every NaN differs from every
 * other. As in PyTorch, `values` carry no gradient.
 */
export function unique(x: Tensor, options: { axis?: number } = {}): Unique {
  checkTensor("unique", "x", x);
  refuseShaping("unique", x);
  const { axis } = options;
  const at = axis === undefined ? 0 : normalizeAxis("unique", axis, x.rank);
  const lined = detach(axis === undefined ? reshape(x, [x.size]) : x);
  const { order, differ } = axis === undefined ? orderOfElements(lined) : orderOfSlices(lined, at);
  const firsts: number[] = [];
  const counts: number[] = [];
  const inverse = new Int32Array(order.length);
  order.forEach((i, rank) => {
    if (rank === 0 || differ(order[rank - 1]!, i)) {
      firsts.push(i);
      counts.push(0);
    }
    counts[counts.length - 1]!++;
    inverse[i] = firsts.length - 1;
  });
  return {
    values: indexSelect(lined, at, wholes(firsts)),
    inverse: adoptArray(inverse, "int32", axis === undefined ? x.shape : [order.length]),
    counts: wholes(counts),
  };
}

function wholes(list: readonly number[]): Tensor {
  return adoptArray(Int32Array.from(list), "int32", [list.length]);
}

/** The positions of slices in their order, and whether two of them differ. */
interface SliceOrder {
  order: readonly number[];
  differ: (i: number, j: number) => boolean;
}

function orderOfElements(x: Tensor): SliceOrder {
  const data = x.data();
  const order = argsortOp(x, { axis: 0, descending: false }).data();
  return { order: Array.from(order), differ: (i, j) => data[i] !== data[j] };
}

/** Slices along the axis in lexicographic order, NaN last. */
function orderOfSlices(x: Tensor, axis: number): SliceOrder {
  const rows = permute(x, [axis, ...[...x.shape.keys()].filter((i) => i !== axis)]);
  const data = rows.data();
  const width = sizeOf(rows.shape.slice(1));
  const compare = (i: number, j: number): number => {
    for (let k = 0; k < width; k++) {
      const [a, b] = [data[i * width + k]!, data[j * width + k]!];
      if (a < b) return -1;
      if (a > b) return 1;
      // Of two NaN, which differ, the earlier stands first.
      if (a !== b) return Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || i - j;
    }
    return 0;
  };
  const order = Array.from({ length: x.shape[axis]! }, (_, i) => i).sort(compare);
  return { order, differ: (i, j) => compare(i, j) !== 0 };
}

/** Options of {@link searchsorted} and {@link bucketize}. */
export interface SearchOptions {
  /** Behind elements that are equal, rather than before them. Default false. */
  right?: boolean;
}

/**
 * Where values would go into sorted sequences so that they stay sorted: how many elements are smaller (not
 * larger, with `right`). NaN goes last.
 *
 * @param sorted  ascending along the last axis: [N] for all values, or [..., N]
 * @param values  [..., M] with the same leading axes; any shape or a number where `sorted` is [N]
 * @returns       int32, of the shape of `values`
 */
export function searchsorted(
  sorted: Tensor,
  values: TensorLike,
  options: SearchOptions = {},
): Tensor {
  checkTensor("searchsorted", "sorted", sorted);
  if (typeof values !== "number") checkTensor("searchsorted", "values", values);
  const shape = values instanceof Tensor ? values.shape : [];
  const fits =
    sorted.rank === 1 ||
    (sorted.rank > 1 &&
      sorted.rank === shape.length &&
      sameShape(sorted.shape.slice(0, -1), shape.slice(0, -1)));
  if (!fits) {
    throw new ShapeError(
      `searchsorted: sorted is ${formatShape(sorted.shape)} and values ${formatShape(shape)}; sorted must have one axis, or all axes but the last must be equal.`,
    );
  }
  const { right = false } = options;
  const wanted = values instanceof Tensor ? values : tensor(values, { dtype: "float64" });
  return eachSample([sorted, wanted], ([keys, sought]) => insertionPoints(keys!, sought!, right));
}

function insertionPoints(sorted: Tensor, values: Tensor, right: boolean): Tensor {
  const { shape } = values;
  const n = sorted.shape[sorted.rank - 1]!;
  const [keys, wanted] = [sorted.data(), values.data()];
  const perRow = sorted.rank === 1 ? wanted.length : shape[shape.length - 1]!;
  const found = new Int32Array(wanted.length);
  for (let i = 0; i < found.length; i++) {
    const start = sorted.rank === 1 ? 0 : Math.floor(i / perRow) * n;
    found[i] = insertionPoint(keys, start, n, wanted[i]!, right);
  }
  return shape.length === 0
    ? numberTensor(found[0]!, "int32")
    : adoptArray(found, "int32", [...shape]);
}

function insertionPoint(
  keys: ArrayLike<number>,
  start: number,
  n: number,
  value: number,
  right: boolean,
): number {
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >> 1;
    const key = keys[start + middle]!;
    // Against NaN both comparisons fail, which sends it to the end.
    if (right ? key > value : key >= value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** For each element of x, the bucket it falls into between ascending boundaries; see {@link searchsorted}. */
export function bucketize(x: TensorLike, boundaries: Tensor, options: SearchOptions = {}): Tensor {
  checkTensor("bucketize", "boundaries", boundaries);
  if (boundaries.rank !== 1) {
    throw new ShapeError(
      `bucketize: boundaries are ${formatShape(boundaries.shape)}; they must have one axis.`,
    );
  }
  if (typeof x !== "number") checkTensor("bucketize", "x", x);
  return searchsorted(boundaries, x, options);
}

/**
 * How often each whole number 0, 1, … occurs in x; with weights, their sums.
 *
 * @param x  int32 or uint8, [N], no element negative
 * @returns  int32 (or the weights' float type), of max(x) + 1 elements, at least `minLength`
 */
export function bincount(
  x: Tensor,
  options: { weights?: Tensor; minLength?: number } = {},
): Tensor {
  checkTensor("bincount", "x", x);
  refuseShaping("bincount", x);
  const { weights, minLength = 0 } = options;
  if (weights !== undefined) checkTensor("bincount", "weights", weights);
  if (x.dtype !== "int32" && x.dtype !== "uint8") {
    throw new DTypeError(`bincount: x is ${x.dtype}; it must be int32 or uint8: whole numbers.`);
  }
  if (x.rank !== 1) {
    throw new ShapeError(`bincount: x is ${formatShape(x.shape)}; it must have one axis.`);
  }
  if (weights !== undefined && !sameShape(weights.shape, x.shape)) {
    throw new ShapeError(
      `bincount: x is ${formatShape(x.shape)} and weights ${formatShape(weights.shape)}; they must be equal.`,
    );
  }
  if (!Number.isInteger(minLength) || minLength < 0) {
    throw new ValueError(
      `bincount: minLength is ${String(minLength)}; it must be a whole number, 0 or more.`,
    );
  }
  const data = x.data();
  let length = minLength;
  for (const value of data) {
    if (value < 0) {
      throw new ValueError(`bincount: x has ${value}; it can count from 0 on only.`);
    }
    if (value >= length) length = value + 1;
  }
  const dtype =
    weights === undefined ? "int32" : weights.dtype === "float32" ? "float32" : "float64";
  const share = weights?.data();
  const totals = new Float64Array(length);
  for (let i = 0; i < data.length; i++) totals[data[i]!]! += share === undefined ? 1 : share[i]!;
  const counts = newArray(dtype, length);
  counts.set(totals);
  return adoptArray(counts, dtype, [length]);
}

/**
 * How many elements fall into each of `bins` equally wide bins between min and max (in the last, max
 * included); others, and NaN, are not counted. Where min = max, x's own extremes take their place.
 *
 * @param x  float, any shape
 * @returns  [bins], of x's dtype
 */
export function histc(
  x: Tensor,
  options: { bins?: number; min?: number; max?: number } = {},
): Tensor {
  checkTensor("histc", "x", x);
  const { bins = 100, min = 0, max = 0 } = options;
  if (x.dtype !== "float32" && x.dtype !== "float64") {
    throw new DTypeError(
      `histc: x is ${x.dtype}; it must be float; bincount counts whole numbers.`,
    );
  }
  if (!Number.isInteger(bins) || bins < 1) {
    throw new ValueError(`histc: bins is ${String(bins)}; it must be a whole number, 1 or more.`);
  }
  return eachSample([x], ([sample]) => histogram(sample!, bins, min, max));
}

function histogram(x: Tensor, bins: number, min: number, max: number): Tensor {
  const data = x.data();
  let [low, high] = [min, max];
  if (min === max && data.length > 0) {
    [low, high] = [Infinity, -Infinity];
    for (const value of data) {
      // Math.min and Math.max keep a NaN.
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low === high) [low, high] = [low - 1, high + 1];
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high) {
    throw new ValueError(
      `histc: the range from ${low} to ${high} makes no bins; both ends must be finite and max not below min.`,
    );
  }
  const counts = newArray(x.dtype, bins);
  for (const value of data) {
    if (!(value >= low && value <= high)) continue;
    const bin = Math.floor(((value - low) * bins) / (high - low));
    counts[Math.min(bin, bins - 1)]!++;
  }
  return adoptArray(counts, x.dtype, [bins]);
}
