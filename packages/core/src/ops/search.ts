/**
 * Finding, grouping and counting values. Results are positions, counts and copies: nothing here is followed
 * by the tape.
 */
import { defaultKernels } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import { firstOutside, refuseShaping } from "../batched.ts";
import { full, ones, tensor, zeros } from "../create.ts";
import { type DType, isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { Form } from "../form.ts";
import type { TensorLike } from "../op.ts";
import { formatShape, normalizeAxis, sameShape, sizeOf } from "../shape.ts";
import { adoptArray, emptyTensor, settle, Tensor } from "../tensor.ts";
import { eachSample } from "./batching.ts";
import { ge, le, ne, where } from "./compare.ts";
import { div, minimum, mul, sub } from "./elementwise.ts";
import { gather, indexSelect, maskPositions } from "./indexing.ts";
import {
  concat,
  contiguous,
  detach,
  expand,
  narrow,
  permute,
  reshape,
  stack,
  to,
} from "./layout.ts";
import { bitwiseAnd } from "./logic.ts";
import { amax, amin } from "./reduce.ts";
import { floor, floorDivide, remainder } from "./rounding.ts";
import { cumsum, diff } from "./scan.ts";
import { scatter, scatterAdd } from "./scatter.ts";
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
  const flat = maskPositions(x);
  // A number is a list of one for PyTorch's tuple.
  const shape = options.asTuple && x.rank === 0 ? [1] : x.shape;
  const digits = shape.map((size, axis) =>
    remainder(floorDivide(flat, sizeOf(shape.slice(axis + 1))), size),
  );
  if (options.asTuple) return digits;
  return digits.length === 0 ? zeros([flat.size, 0], { dtype: "int32" }) : stack(digits, 1);
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
  if (axis === undefined) return uniqueElements(detach(x));
  const at = normalizeAxis("unique", axis, x.rank);
  const { order, differ } = orderOfSlices(detach(x), at);
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
    values: indexSelect(detach(x), at, wholes(firsts)),
    inverse: adoptArray(inverse, "int32", [order.length]),
    counts: wholes(counts),
  };
}

function uniqueElements(x: Tensor): Unique {
  const flat = reshape(x, [x.size]);
  const order = argsortOp(flat, { axis: 0, descending: false });
  const sorted = gather(flat, 0, order);
  const begins = runBegins(sorted);
  const firsts = maskPositions(begins);
  const runs = sub(cumsum(begins, 0), 1);
  return {
    values: indexSelect(sorted, 0, firsts),
    inverse: reshape(scatter(runs, 0, order, runs), x.shape),
    counts: diff(concat([firsts, full([1], x.size, { dtype: "int32" })])),
  };
}

/** @internal Where, along the last axis, an element differs from the one before it; the first does. */
export function runBegins(sorted: Tensor): Tensor {
  const axis = sorted.rank - 1;
  const n = sorted.shape[axis]!;
  const first = ones(sorted.shape.with(axis, Math.min(n, 1)), { dtype: "bool" });
  const others = Math.max(n - 1, 0);
  return concat(
    [first, ne(narrow(sorted, axis, n - others, others), narrow(sorted, axis, 0, others))],
    axis,
  );
}

function wholes(list: readonly number[]): Tensor {
  return adoptArray(Int32Array.from(list), "int32", [list.length]);
}

/** The positions of slices in their order, and whether two of them differ. */
interface SliceOrder {
  order: readonly number[];
  differ: (i: number, j: number) => boolean;
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
  const isKnown =
    sorted.dtype === values.dtype && (isFloat(sorted.dtype) || sorted.dtype === "int32");
  const dtype = isKnown ? sorted.dtype : "float64";
  const [keys, wanted] = [sorted, values].map((x) => contiguous(to(detach(x), dtype)));
  const found = emptyTensor(new Form("int32", values.shape));
  defaultKernels().searchsorted(keys!, wanted!, right, found);
  return settle(found);
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
  const wrong = firstOutside(x, 0, Infinity);
  if (wrong >= 0) {
    throw new ValueError(`bincount: x has ${x.data()[wrong]}; it can count from 0 on only.`);
  }
  const length = Math.max(minLength, x.size === 0 ? 0 : amax(x).item() + 1);
  if (weights === undefined) return countsOf(x, length, "int32");
  const sums = zeros([length], { dtype: "float64" });
  const totals = scatterAdd(sums, 0, x, to(detach(weights), "float64"));
  return to(totals, weights.dtype === "float32" ? "float32" : "float64");
}

/** @internal How often each of 0, 1, …, length − 1 occurs. */
export function countsOf(x: Tensor, length: number, dtype: DType): Tensor {
  return scatterAdd(zeros([length], { dtype }), 0, x, expand(ones([1], { dtype }), [x.size]));
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
  const values = to(reshape(detach(x), [x.size]), "float64");
  let [low, high] = [min, max];
  // Both keep a NaN.
  if (min === max && x.size > 0) [low, high] = [amin(values).item(), amax(values).item()];
  if (low === high) [low, high] = [low - 1, high + 1];
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high) {
    throw new ValueError(
      `histc: the range from ${low} to ${high} makes no bins; both ends must be finite and max not below min.`,
    );
  }
  const bin = floor(div(mul(sub(values, low), bins), high - low));
  const isInside = bitwiseAnd(ge(values, low), le(values, high));
  // One more bin takes what is outside.
  const chosen = to(where(isInside, minimum(bin, bins - 1), bins), "int32");
  return narrow(countsOf(chosen, bins + 1, x.dtype), 0, 0, bins);
}
