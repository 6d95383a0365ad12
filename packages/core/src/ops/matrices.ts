/** What the linear algebra ops share: checks, reading and writing batches, constant matrices. */
import type { Kernels } from "@tapegrad/kernels";
import { checkTensor, describe } from "../apply.ts";
import { type DType, isFloat, newArray } from "../dtype.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { adoptArray, type Tensor } from "../tensor.ts";
import { contiguous, expand, takeRegion, to, transpose } from "./layout.ts";

/** Transposed in the last two axes: a view. */
export const flipped = (x: Tensor) => transpose(x, -2, -1);

/** Integers become float32, as everywhere that results are fractions. */
export const floated = (x: Tensor) => (isFloat(x.dtype) ? x : to(x, "float32"));

/** Sizes of the last two axes. */
export const rowsOf = (x: Tensor) => x.shape[x.rank - 2]!;
export const columnsOf = (x: Tensor) => x.shape[x.rank - 1]!;
export const batchOf = (x: Tensor) => x.shape.slice(0, -2);

/** @throws ShapeError unless x has two axes or more, [..., M, N] */
export function checkMatrix(op: string, input: string, x: unknown): asserts x is Tensor {
  checkTensor(op, input, x);
  if (x.rank < 2) {
    throw new ShapeError(
      `${op}: ${input} is ${formatShape(x.shape)}; it must be a matrix, or several: [..., M, N].`,
    );
  }
}

/** @throws ShapeError unless x is [..., N, N] */
export function checkSquare(op: string, input: string, x: unknown): asserts x is Tensor {
  checkMatrix(op, input, x);
  if (rowsOf(x) !== columnsOf(x)) {
    throw new ShapeError(
      `${op}: ${input} is ${formatShape(x.shape)}; its last two axes must be equal: [..., N, N].`,
    );
  }
}

/** @throws ValueError unless the argument is a number (not NaN) */
export function checkNumber(op: string, name: string, x: unknown): asserts x is number {
  if (typeof x !== "number" || Number.isNaN(x)) {
    throw new ValueError(
      `${op}: ${name} is ${typeof x === "number" ? x : describe(x)}; it must be a number.`,
    );
  }
}

/** x's elements in row-major order, in float64. */
export function elements(x: Tensor): Float64Array {
  return new Float64Array(x.data());
}

/** Writes row-major elements into y, rounding to its dtype. */
export function write(kernels: Kernels, data: Float64Array, y: Tensor): void {
  kernels.copy(adoptArray(data, "float64", y.shape), y);
}

/** Calls `each` with every matrix of x's batch, as a row-major array, and its number. */
export function eachMatrix(x: Tensor, each: (matrix: Float64Array, i: number) => void): void {
  const data = elements(x);
  const size = rowsOf(x) * columnsOf(x);
  const count = sizeOf(batchOf(x));
  for (let i = 0; i < count; i++) each(data.subarray(i * size, (i + 1) * size), i);
}

/** "the matrix", or "matrix 3 of [5, 2, 2]". */
export function whichMatrix(x: Tensor, i: number): string {
  return x.rank === 2 ? "the matrix" : `matrix ${i} of ${formatShape(x.shape)}`;
}

/** A constant [rows, columns] of 0 and 1: 1 where `belongs`. */
function pattern(
  rows: number,
  columns: number,
  dtype: DType,
  belongs: (i: number, j: number) => boolean,
): Tensor {
  const data = newArray(dtype, rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) data[i * columns + j] = belongs(i, j) ? 1 : 0;
  return adoptArray(data, dtype, [rows, columns]);
}

export const identity = (n: number, dtype: DType) => pattern(n, n, dtype, (i, j) => i === j);

/** The lower triangle of square matrices without (−1) or with (0) the diagonal, zeros elsewhere. */
export const lower = (x: Tensor, diagonal: 0 | -1 = 0) =>
  x.mul(pattern(rowsOf(x), columnsOf(x), x.dtype, (i, j) => j <= i + diagonal));

/** The upper triangle of square matrices without (1) or with (0) the diagonal, zeros elsewhere. */
export const upper = (x: Tensor, diagonal: 0 | 1 = 0) =>
  x.mul(pattern(rowsOf(x), columnsOf(x), x.dtype, (i, j) => j >= i + diagonal));

/** [..., N] as the diagonals of [..., N, N]. */
export const diagonalMatrix = (x: Tensor) =>
  x.unsqueeze(-1).mul(identity(x.shape[x.rank - 1]!, x.dtype));

/** The elements of x at equal positions of two axes, which become one at the first one's place. */
export function diagonalOf(x: Tensor, axis0: number, axis1: number): Tensor {
  const whole = contiguous(x);
  const length = Math.min(x.shape[axis0]!, x.shape[axis1]!);
  const kept = x.shape.map((_, i) => i).filter((i) => i !== axis1);
  return takeRegion(whole, {
    whole: x.shape,
    shape: kept.map((i) => (i === axis0 ? length : x.shape[i]!)),
    strides: kept.map((i) =>
      i === axis0 ? whole.strides[axis0]! + whole.strides[axis1]! : whole.strides[i]!,
    ),
    offset: 0,
  });
}

/** x with the given axes in front of its last `tail` ones. */
export function withBatch(x: Tensor, batch: Shape, tail: number): Tensor {
  return expand(x, [...batch, ...x.shape.slice(x.rank - tail)]);
}
