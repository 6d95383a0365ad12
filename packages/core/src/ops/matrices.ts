/** What the linear algebra ops share: checks, reading and writing batches, the main diagonal. */
import type { Kernels } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import { ShapeError } from "../errors.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import { adoptArray, type Tensor } from "../tensor.ts";
import { diagonal } from "./diagonal.ts";
import { expand, transpose } from "./layout.ts";

/** Transposed in the last two axes: a view. */
export const flipped = (x: Tensor) => transpose(x, -2, -1);

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

/** The main diagonal of each matrix, [..., M, N] → [..., min(M, N)]: a view. */
export const mainDiagonal = (x: Tensor) => diagonal(x, 0, { axis1: -2, axis2: -1 });

/** x with the given axes in front of its last `tail` ones. */
export function withBatch(x: Tensor, batch: Shape, tail: number): Tensor {
  return expand(x, [...batch, ...x.shape.slice(x.rank - tail)]);
}
