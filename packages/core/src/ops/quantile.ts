/** What stands at given places of the sorted elements: medians and quantiles; and the most frequent element. */
import { checkTensor, describe } from "../apply.ts";
import { everyElement } from "../batched.ts";
import { arange, tensor } from "../create.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { any } from "./aggregate.ts";
import { floated } from "./arguments.ts";
import { eachSample } from "./batching.ts";
import { eq, gt, ne, where } from "./compare.ts";
import { add, div, maximum, minimum, mul, sub } from "./elementwise.ts";
import { gather, indexSelect } from "./indexing.ts";
import { detach, expand, permute, reshape, to } from "./layout.ts";
import {
  amax,
  argmax,
  checkNotEmpty,
  mean,
  type ReduceOptions,
  sum,
  type ValuesAndIndices,
} from "./reduce.ts";
import { lerp, roundOp } from "./rounding.ts";
import { alongAxis, cummax } from "./scan.ts";
import { nonzero, runBegins } from "./search.ts";
import { argsortOp, picked, sort } from "./sort.ts";

/** Positions of the lower median along the axis, which stays with size 1. */
function medianAt(v: Tensor, axis: number, skipNaN: boolean): Tensor {
  if (!skipNaN || !isFloat(v.dtype)) {
    const ranks = { first: (v.shape[axis]! - 1) >> 1, count: 1 };
    const middle = argsortOp(v, { axis, descending: false, ranks });
    if (!isFloat(v.dtype)) return middle;
    const spoilt = any(ne(v, v), axis, { keepdim: true });
    return where(spoilt, argmax(v, axis, { keepdim: true }), middle);
  }
  // NaN comes last, so the median of the others is nearer to the front.
  const order = argsortOp(v, { axis, descending: false });
  const last = maximum(sub(sum(eq(v, v), axis, { keepdim: true }), 1), 0);
  return gather(order, axis, to(div(to(last, "float64"), 2), "int32"));
}

function medianOf(
  op: string,
  skipNaN: boolean,
  x: Tensor,
  axis: number | undefined,
  options: ReduceOptions,
): Tensor | ValuesAndIndices {
  checkTensor(op, "x", x);
  if (axis !== undefined) {
    const [v, at] = alongAxis(op, x, axis);
    checkFilled(op, v, at);
    return picked(x, v, at, medianAt(v, at, skipNaN), options);
  }
  if (x.size === 0 && isFloat(x.dtype)) return tensor(Number.NaN, { dtype: x.dtype });
  const flat = reshape(x, [x.size]);
  checkFilled(op, flat, 0);
  return eachSample([flat], ([sample]) => medianOfAll(sample!, skipNaN));
}

function medianOfAll(flat: Tensor, skipNaN: boolean): Tensor {
  const value = gather(flat, 0, medianAt(flat, 0, skipNaN)).item();
  // Equal elements share the gradient evenly, as those of max over everything do.
  const spoilt = Number.isNaN(value);
  const same = nonzero(spoilt ? ne(flat, flat) : eq(flat, value));
  const tied = indexSelect(flat, 0, reshape(same, [same.size]));
  return spoilt ? mean(tied) : amax(tied);
}

function checkFilled(op: string, x: Tensor, axis: number): void {
  if (x.shape[axis] !== 0) return;
  throw new ShapeError(
    `${op}: axis ${axis} of ${formatShape(x.shape)} is empty, and nothing has no middle; reduce an axis with elements.`,
  );
}

/**
 * The lower median: of all, with ties sharing the gradient (NaN of no elements); or along an axis, with its
 * position, where the gradient goes to that one element. NaN if any element is.
 */
export function median(x: Tensor): Tensor;
export function median(x: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
export function median(
  x: Tensor,
  axis?: number,
  options: ReduceOptions = {},
): Tensor | ValuesAndIndices {
  return medianOf("median", false, x, axis, options);
}

/** The lower median of what is not NaN; see {@link median}. */
export function nanmedian(x: Tensor): Tensor;
export function nanmedian(x: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
export function nanmedian(
  x: Tensor,
  axis?: number,
  options: ReduceOptions = {},
): Tensor | ValuesAndIndices {
  return medianOf("nanmedian", true, x, axis, options);
}

const interpolations = ["linear", "lower", "higher", "midpoint", "nearest"] as const;

/** Options of {@link quantile} and {@link nanquantile}. */
export interface QuantileOptions extends ReduceOptions {
  /** What stands between two elements. "nearest" takes the even position of two. Default "linear". */
  interpolation?: (typeof interpolations)[number];
}

/**
 * The q-quantiles along the axis, or of all elements: the value at position q·(n − 1) of the sorted ones.
 * NaN if any element is.
 *
 * @param q  in [0, 1]; an array or a tensor of one axis gives y a first axis of that size
 */
export function quantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis?: number,
  options: QuantileOptions = {},
): Tensor {
  return quantileOf("quantile", false, x, q, axis, options);
}

/** The q-quantiles of what is not NaN; see {@link quantile}. */
export function nanquantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis?: number,
  options: QuantileOptions = {},
): Tensor {
  return quantileOf("nanquantile", true, x, q, axis, options);
}

function quantileOf(
  op: string,
  skipNaN: boolean,
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis: number | undefined,
  { keepdim = false, interpolation = "linear" }: QuantileOptions,
): Tensor {
  checkTensor(op, "x", x);
  if (!interpolations.includes(interpolation)) {
    throw new ValueError(
      `${op}: unknown interpolation "${interpolation}"; known are ${interpolations.join(", ")}.`,
    );
  }
  const float = floated(x);
  const qs = quantilesOf(op, q, float);
  const [v, at] = axis === undefined ? [reshape(float, [x.size]), 0] : alongAxis(op, float, axis);
  checkFilled(op, v, at);
  const rows = permute(v, lastOrder(v, at));
  const [n, last] = [v.shape[at]!, rows.rank - 1];
  const sorted = sort(rows).values;

  // Positions in the sorted rows: [..., 1] · [Q] → [..., Q].
  let highest: Tensor | number = n - 1;
  if (skipNaN)
    highest = to(maximum(sub(sum(eq(rows, rows), last, { keepdim: true }), 1), 0), v.dtype);
  let ranks = mul(reshape(qs, [qs.size]), highest);
  // NaN is sorted last: that is where a spoilt row looks.
  if (!skipNaN) ranks = where(any(ne(rows, rows), last, { keepdim: true }), n - 1, ranks);
  ranks = expand(ranks, [...rows.shape.slice(0, last), qs.size]);
  const below = to(interpolation === "nearest" ? roundOp(ranks) : ranks, "int32");
  const above = where(gt(ranks, below), minimum(add(below, 1), n - 1), below);
  let y = gather(sorted, last, interpolation === "higher" ? above : below);
  if (interpolation === "linear" || interpolation === "midpoint") {
    const weight = interpolation === "linear" ? sub(ranks, below) : 0.5;
    y = lerp(y, gather(sorted, last, above), weight);
  }

  const outer = permute(y, [last, ...Array.from({ length: last }, (_, i) => i)]);
  const rest = axis === undefined || x.rank === 0 ? [] : x.shape.filter((_, i) => i !== at);
  const kept = x.shape.map((size, i) => (axis === undefined || i === at ? 1 : size));
  return reshape(outer, [...qs.shape, ...(keepdim ? kept : rest)]);
}

/** Axes with the given one moved to the end. */
function lastOrder(x: Tensor, axis: number): number[] {
  return [...x.shape.keys()].filter((i) => i !== axis).concat(axis);
}

function quantilesOf(op: string, q: number | readonly number[] | Tensor, x: Tensor): Tensor {
  const known = typeof q === "number" || Array.isArray(q) || q instanceof Tensor;
  if (!known) {
    throw new ValueError(
      `${op}: q is ${describe(q)}; it must be a number in [0, 1], an array of such, or a Tensor.`,
    );
  }
  const qs = q instanceof Tensor ? q : tensor(q as number | number[], { dtype: x.dtype });
  if (qs.rank > 1) {
    throw new ShapeError(`${op}: q is ${formatShape(qs.shape)}; it must have one axis or none.`);
  }
  if (qs.dtype !== x.dtype) {
    throw new DTypeError(`${op}: q is ${qs.dtype} and x ${x.dtype}; they must be equal.`);
  }
  const wrong = everyElement(qs).find((value) => !(value >= 0 && value <= 1));
  if (wrong !== undefined) {
    throw new ValueError(`${op}: q has ${wrong}; every quantile must be in [0, 1].`);
  }
  return qs;
}

/**
 * The most frequent element along the axis (the smallest of equally frequent ones), and the last position
 * where it stands.
 */
export function mode(x: Tensor, axis = -1, options: ReduceOptions = {}): ValuesAndIndices {
  const [v, at] = alongAxis("mode", x, axis);
  checkNotEmpty("mode", v, [at], "most frequent");
  const rows = permute(detach(v), lastOrder(v, at));
  const indices = reshape(modeAt(rows), v.shape.with(at, 1));
  return picked(x, v, at, indices, options);
}

/** Where the most frequent element of each row is: the last of its run in the sorted row. */
function modeAt(rows: Tensor): Tensor {
  const last = rows.rank - 1;
  const order = argsortOp(rows, { axis: last, descending: false });
  const begins = runBegins(gather(rows, last, order));
  const ranks = expand(arange(rows.shape[last]!), rows.shape);
  const lengths = sub(ranks, cummax(where(begins, ranks, 0), last).values);
  return gather(order, last, argmax(lengths, last, { keepdim: true }));
}
