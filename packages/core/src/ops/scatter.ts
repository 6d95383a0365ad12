/** Writing to given positions: scatter and its kin. Each exists as a function and, as `name_`, in place. */
import { applyInPlace, asTensor, checkTensor, describe } from "../apply.ts";
import { everyElement, firstOutside } from "../batched.ts";
import { onesLike } from "../create.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../errors.ts";
import type { TensorLike } from "../op.ts";
import { broadcastShapes, formatShape, normalizeAxis, type Shape, sameShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { alongside } from "./batching.ts";
import { add, div, mul, sub } from "./elementwise.ts";
import { arranged, type Index, integerIndex, selection } from "./indexing.ts";
import { clone, copyOp, expand, lined, narrow, reshape, to } from "./layout.ts";
import {
  scatterAddOp,
  scatterAmaxOp,
  scatterAminOp,
  scatterOp,
  scatterProdOp,
} from "./scatter-ops.ts";
import { unique } from "./search.ts";

// ---------------------------------------------------------------------------------------------
// Arguments

type ScatterFunction = typeof scatterOp;

/** A checked write, ready to be made on x or on a copy of it. */
interface Write {
  op: ScatterFunction;
  index: Tensor;
  source: Tensor;
  axis: number;
}

function copied(x: Tensor, { op, index, source, axis }: Write): Tensor {
  const y = op(lined(x), index, source, { axis });
  return x.rank === 0 ? reshape(y, []) : y;
}

function inPlace(name: string, x: Tensor, { op, index, source, axis }: Write): Tensor {
  applyInPlace(op.op, lined(x), [index, source], { axis }, name);
  return x;
}

/** Before anything is written: in place, half a write would be worse than none. */
function checkRange(op: string, index: Tensor, x: Tensor, axis: number): void {
  const size = x.shape[axis]!;
  const wrong = firstOutside(index, 0, size - 1);
  if (wrong >= 0) {
    throw new IndexError(
      `${op}: index ${everyElement(index)[wrong]} at position ${wrong} is outside axis ${axis} of ${formatShape(x.shape)}; valid are 0 to ${size - 1}.`,
    );
  }
}

/** @internal The values in x's dtype. @throws DTypeError if that would lose their kind */
export function fitting(op: string, input: string, value: TensorLike, x: Tensor): Tensor {
  const values = asTensor(op, input, value, x.dtype);
  if (isFloat(values.dtype) && !isFloat(x.dtype)) {
    throw new DTypeError(
      `${op}: ${input} is ${values.dtype} and can't be stored in a tensor of ${x.dtype}; convert one of them.`,
    );
  }
  return to(values, x.dtype);
}

/** Only replacing makes sense of truth values. */
function checkNumbers(op: string, kind: ScatterFunction, x: Tensor): void {
  if (x.dtype !== "bool" || kind === scatterOp) return;
  throw new DTypeError(`${op}: x is bool; adding and comparing need numbers: x.to("int32").`);
}

function scatterWrite(
  op: string,
  kind: ScatterFunction,
  x: Tensor,
  axis: number,
  index: Tensor,
  source: TensorLike,
): Write {
  checkTensor(op, "x", x);
  checkNumbers(op, kind, x);
  const target = lined(x);
  const at = normalizeAxis(op, axis, target.rank);
  const whole = lined(integerIndex(op, index));
  const values = lined(fitting(op, "the source", source, x));
  const small = (size: number, i: number) =>
    (i === at || size <= target.shape[i]!) &&
    (typeof source === "number" || size <= values.shape[i]!);
  const { rank } = target;
  const ranks = whole.rank === rank && (typeof source === "number" || values.rank === rank);
  if (!ranks || !whole.shape.every(small)) {
    const shown = source instanceof Tensor ? ` and source ${formatShape(source.shape)}` : "";
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)}, index ${formatShape(index.shape)}${shown}; all need the same rank, and index may be larger than no other, but than x along axis ${at}.`,
    );
  }
  checkRange(op, whole, target, at);
  const used =
    typeof source === "number"
      ? expand(values, whole.shape)
      : whole.shape.reduce(
          (part, size, i) => (size === part.shape[i] ? part : narrow(part, i, 0, size)),
          values,
        );
  return { op: kind, index: whole, source: used, axis: at };
}

/** A write to whole slices along the axis: index is [n], the source has n there. */
function sliceWrite(
  op: string,
  kind: ScatterFunction,
  x: Tensor,
  axis: number,
  index: Tensor,
  source: TensorLike,
): Write {
  checkTensor(op, "x", x);
  checkNumbers(op, kind, x);
  const { shape } = lined(x);
  const at = normalizeAxis(op, axis, shape.length);
  const whole = integerIndex(op, index);
  if (whole.rank > 1) {
    throw new ShapeError(`${op}: index is ${formatShape(index.shape)}; it must have one axis.`);
  }
  const values = fitting(op, "the source", source, x);
  const target = shape.with(at, whole.size);
  if (values.rank > 0 && !sameShape(values.shape, target)) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)}, index ${formatShape(index.shape)} and source ${formatShape(values.shape)}; the source must be ${formatShape(target)}.`,
    );
  }
  checkRange(op, whole, lined(x), at);
  return {
    op: kind,
    index: along(whole, at, target),
    source: expand(values, target),
    axis: at,
  };
}

/** Positions along an axis, repeated over the others. */
function along(index: Tensor, axis: number, shape: Shape): Tensor {
  const line = shape.map((_, i) => (i === axis ? index.size : 1));
  return expand(reshape(index, line), shape);
}

// ---------------------------------------------------------------------------------------------
// Scatter

/**
 * x with y[i][index[i][j][k]][k] = source[i][j][k] for axis 1, and so on. Where several elements go to one
 * place, the last one stays.
 *
 * @param index   int32, of x's rank; no larger than x along the other axes
 * @param source  a number, or a tensor at least as large as the index
 * @throws IndexError naming the first index outside the axis, ShapeError if the shapes don't fit
 */
export function scatter(x: Tensor, axis: number, index: Tensor, source: TensorLike): Tensor {
  return copied(x, scatterWrite("scatter", scatterOp, x, axis, index, source));
}

/** {@link scatter} in place. */
export function scatter_(x: Tensor, axis: number, index: Tensor, source: TensorLike): Tensor {
  return inPlace("scatter_", x, scatterWrite("scatter_", scatterOp, x, axis, index, source));
}

/** As {@link scatter}, adding to what is there: several elements that go to one place add up. */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: TensorLike): Tensor {
  return copied(x, scatterWrite("scatterAdd", scatterAddOp, x, axis, index, source));
}

/** {@link scatterAdd} in place. */
export function scatterAdd_(x: Tensor, axis: number, index: Tensor, source: TensorLike): Tensor {
  const write = scatterWrite("scatterAdd_", scatterAddOp, x, axis, index, source);
  return inPlace("scatterAdd_", x, write);
}

/** Options of {@link scatterReduce}. */
export interface ScatterReduceOptions {
  reduce: "sum" | "prod" | "mean" | "amax" | "amin";
  /** Whether x's own element at a place takes part. Default true. */
  includeSelf?: boolean;
}

const reducers: Record<ScatterReduceOptions["reduce"], { op: ScatterFunction; neutral: number }> = {
  sum: { op: scatterAddOp, neutral: 0 },
  mean: { op: scatterAddOp, neutral: 0 },
  prod: { op: scatterProdOp, neutral: 1 },
  amax: { op: scatterAmaxOp, neutral: -Infinity },
  amin: { op: scatterAminOp, neutral: Infinity },
};

/** The number that leaves every other one as it is, in an integer dtype the last one there is. */
function neutralOf(reduce: ScatterReduceOptions["reduce"], x: Tensor): number {
  const { neutral } = reducers[reduce];
  if (Number.isFinite(neutral) || isFloat(x.dtype)) return neutral;
  if (x.dtype === "int32") return neutral > 0 ? 2 ** 31 - 1 : -(2 ** 31);
  return neutral > 0 ? 255 : 0;
}

/**
 * As {@link scatter}, joining what arrives at a place with what is there: by sum, product, mean (whole
 * numbers are rounded down), largest or smallest, whose ties share the gradient. Places that nothing goes
 * to keep x's element.
 */
export function scatterReduce(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  options: ScatterReduceOptions,
): Tensor {
  return reduced("scatterReduce", x, axis, index, source, options);
}

/** {@link scatterReduce} in place. */
export function scatterReduce_(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  options: ScatterReduceOptions,
): Tensor {
  checkTensor("scatterReduce_", "x", x);
  // The rules read x as it was.
  const y = reduced("scatterReduce_", clone(x), axis, index, source, options);
  return applyInPlace(copyOp.op, x, [y], undefined, "scatterReduce_");
}

function reduced(
  name: string,
  x: Tensor,
  axis: number,
  given: Tensor,
  values: Tensor,
  options: ScatterReduceOptions,
): Tensor {
  checkTensor(name, "x", x);
  if (x.rank === 0) return reshape(reduced(name, lined(x), axis, given, values, options), []);
  const { reduce, includeSelf = true } = options ?? {};
  if (typeof reduce !== "string" || !Object.hasOwn(reducers, reduce)) {
    throw new ValueError(
      `${name}: reduce is ${typeof reduce === "string" ? `"${reduce}"` : describe(reduce)}; known are ${Object.keys(reducers).join(", ")}.`,
    );
  }
  const write = scatterWrite(name, reducers[reduce].op, x, axis, given, values);
  const { index, axis: at } = write;
  const fill = (y: Tensor, value: number) =>
    scatterOp(y, index, expand(fitting(name, "x", value, y), index.shape), { axis: at });
  const start = includeSelf ? x : fill(x, neutralOf(reduce, x));
  const y = copied(start, write);
  if (reduce !== "mean") return y;
  const dtype = isFloat(x.dtype) ? x.dtype : "float64";
  const own = onesLike(x, { dtype });
  const one = expand(asTensor(name, "1", 1, dtype), index.shape);
  const count = scatterAddOp(includeSelf ? own : fill(own, 0), index, one, { axis: at });
  // Only float64 holds every int32 quotient; going back cuts fractions, and a shift rounds down.
  if (isFloat(x.dtype)) return div(y, count);
  const exact = to(y, dtype);
  const cut = to(div(exact, count), x.dtype);
  return sub(cut, to(to(cut, dtype).mul(count).gt(exact), x.dtype));
}

/**
 * x with `alpha`·source added to the slices at the given positions of the axis; a position may come twice.
 *
 * @param index   int32 [n]
 * @param source  x's shape with n along the axis
 */
export function indexAdd(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  options: { alpha?: number } = {},
): Tensor {
  return copied(x, addWrite("indexAdd", x, axis, index, source, options.alpha ?? 1));
}

/** {@link indexAdd} in place. */
export function indexAdd_(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  options: { alpha?: number } = {},
): Tensor {
  return inPlace("indexAdd_", x, addWrite("indexAdd_", x, axis, index, source, options.alpha ?? 1));
}

function addWrite(
  op: string,
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  alpha: number,
): Write {
  checkTensor(op, "the source", source);
  return sliceWrite(op, scatterAddOp, x, axis, index, alpha === 1 ? source : mul(source, alpha));
}

/** x with its slices at the given positions of the axis replaced by the source's. */
export function indexCopy(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  checkTensor("indexCopy", "the source", source);
  return copied(x, sliceWrite("indexCopy", scatterOp, x, axis, index, source));
}

/** {@link indexCopy} in place. */
export function indexCopy_(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  checkTensor("indexCopy_", "the source", source);
  return inPlace("indexCopy_", x, sliceWrite("indexCopy_", scatterOp, x, axis, index, source));
}

/** x with its slices at the given positions of the axis filled with a number (or a tensor without axes). */
export function indexFill(x: Tensor, axis: number, index: Tensor, value: TensorLike): Tensor {
  return copied(x, fillWrite("indexFill", x, axis, index, value));
}

/** {@link indexFill} in place. */
export function indexFill_(x: Tensor, axis: number, index: Tensor, value: TensorLike): Tensor {
  return inPlace("indexFill_", x, fillWrite("indexFill_", x, axis, index, value));
}

function fillWrite(op: string, x: Tensor, axis: number, index: Tensor, value: TensorLike): Write {
  if (value instanceof Tensor && value.rank > 0) {
    throw new ShapeError(
      `${op}: the value is ${formatShape(value.shape)}; it must be a number or a tensor without axes.`,
    );
  }
  // A position that comes twice is filled once, and counts once in the value's gradient.
  const once = value instanceof Tensor && index instanceof Tensor && index.rank === 1;
  return sliceWrite(op, scatterOp, x, axis, once ? unique(index).values : index, value);
}

// ---------------------------------------------------------------------------------------------
// Assignment

/** Options of {@link indexPut}. */
export interface IndexPutOptions {
  /** Add to what is there; several values for one place add up. Default false: the last one stays. */
  accumulate?: boolean;
}

/**
 * NumPy's `x[parts] = value`, or `+=` with `accumulate`, in place; parts as for {@link index}. The gradient
 * goes to the value, and to x's elements that were not replaced.
 *
 * @param value  a number, or a tensor that broadcasts to what `index(x, ...parts)` would give; axes of size 1
 *   in front of those don't matter
 */
export function indexPut_(
  x: Tensor,
  parts: readonly Index[],
  value: TensorLike,
  options: IndexPutOptions = {},
): Tensor {
  assign("indexPut_", x, parts, value, options);
  return x;
}

/** {@link indexPut_} on a copy of x. */
export function indexPut(
  x: Tensor,
  parts: readonly Index[],
  value: TensorLike,
  options: IndexPutOptions = {},
): Tensor {
  checkTensor("indexPut", "x", x);
  const y = clone(alongside(x, [value, ...parts]));
  assign("indexPut", y, parts, value, options);
  return y;
}

function assign(
  name: string,
  x: Tensor,
  parts: readonly Index[],
  value: TensorLike,
  { accumulate = false }: IndexPutOptions,
): void {
  checkTensor(name, "x", x);
  if (!Array.isArray(parts)) {
    throw new ValueError(
      `${name}: parts are ${describe(parts)}; they must be an array, such as [0, slice(1, 3)].`,
    );
  }
  checkNumbers(name, accumulate ? scatterAddOp : scatterOp, x);
  const { view, picked } = selection(name, x, parts);
  const given = fitting(name, "the value", value, x);
  const target = picked?.shape ?? view.shape;
  // As in NumPy, further axes in front don't matter if their size is 1.
  const further = given.shape.slice(0, Math.max(0, given.rank - target.length));
  const values = further.every((size) => size === 1)
    ? reshape(given, given.shape.slice(further.length))
    : given;
  if (!sameShape(broadcastShapes(name, values.shape, target), target)) {
    throw new ShapeError(
      `${name}: the value is ${formatShape(values.shape)}, and the index selects ${formatShape(target)}; the value must broadcast to that.`,
    );
  }
  if (picked === null) {
    applyInPlace((accumulate ? add : copyOp).op, view, [values], undefined, name);
    return;
  }
  const { order, merged, axis, positions } = picked;
  const slices = merged.with(axis, positions.size);
  const write: Write = {
    op: accumulate ? scatterAddOp : scatterOp,
    index: along(positions, axis, slices),
    source: reshape(expand(values, target), slices),
    axis,
  };
  const moved = arranged(view, order);
  const flat = reshape(moved, merged);
  if (flat.storage === x.storage) {
    inPlace(name, flat, write);
  } else {
    // Strides that no view can merge: write to a copy, and copy back.
    const y = reshape(copied(flat, write), moved.shape);
    applyInPlace(copyOp.op, moved, [y], undefined, name);
  }
}
