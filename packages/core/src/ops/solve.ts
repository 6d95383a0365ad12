/** Linear systems: solve, triangular systems, inverse. Loops in float64 whatever the dtype. */
import { checkTensor } from "../apply.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { withFrontAxis } from "./batching.ts";
import { tril, triu } from "./diagonal.ts";
import { matmulOp } from "./matmul.ts";
import {
  batchOf,
  checkMatrix,
  checkSquare,
  columnsOf,
  eachMatrix,
  elements,
  flipped,
  rowsOf,
  whichMatrix,
  withBatch,
  write,
} from "./matrices.ts";
import { luFactor, luSolve, type Triangle, triangleSolve } from "./matrix-loops.ts";

/** Factors a matrix. @throws ValueError if it has no inverse */
function regular(op: string, x: Tensor, matrix: Float64Array, i: number) {
  const lu = luFactor(matrix, rowsOf(x));
  if (lu.singularAt >= 0) {
    throw new ValueError(
      `${op}: ${whichMatrix(x, i)} is singular (pivot ${lu.singularAt} is 0); use pinv or lstsq where that may happen.`,
    );
  }
  return lu;
}

export const invOp = defineOp({
  name: "inv",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => {
    const n = rowsOf(x);
    const result = new Float64Array(x.size);
    const one = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
    eachMatrix(x, (matrix, i) => {
      result.set(luSolve(regular("inv", x, matrix, i), one, n), i * n * n);
    });
    write(kernels, result, y);
  },
  saves: ["y"],
  batch: withFrontAxis(),
  grad: {
    // Y·X = I  ⇒  dY = −Y·dX·Y  ⇒  X̄ = −Yᵀ·Ȳ·Yᵀ
    x: (dy, { y }) => matmulOp(flipped(y), matmulOp(dy, flipped(y))).neg(),
  },
  tex: { y: "X^{-1}", x: "-Y^\\top dY\\,Y^\\top" },
});

/**
 * The inverse of each matrix. To solve a system, {@link solve} is faster and more accurate.
 *
 * @param x  float, [..., N, N]
 * @throws   ValueError if a matrix is singular
 */
export function inv(x: Tensor): Tensor {
  checkSquare("inv", "x", x);
  return invOp(x);
}

export const solveOp = defineOp({
  name: "solve",
  inputs: ["a", "b"],
  domain: "float",
  shape: ({ b }) => b.shape,
  forward: ({ a, b }, y, kernels) => {
    const [n, columns] = [rowsOf(b), columnsOf(b)];
    const right = elements(b);
    eachMatrix(a, (matrix, i) => {
      const part = right.subarray(i * n * columns, (i + 1) * n * columns);
      part.set(luSolve(regular("solve", a, matrix, i), part, columns));
    });
    write(kernels, right, y);
  },
  saves: ["a", "y"],
  batch: withFrontAxis(),
  grad: {
    // A·Y = B  ⇒  B̄ = A⁻ᵀ·Ȳ and Ā = −B̄·Yᵀ
    a: (dy, { a, y }): Tensor => matmulOp(solveOp(flipped(a), dy), flipped(y)).neg(),
    b: (dy, { a }): Tensor => solveOp(flipped(a), dy),
  },
  tex: { y: "A^{-1} B", b: "A^{-\\top} dY", a: "-A^{-\\top} dY\\,Y^\\top" },
});

/** Both with their common leading axes. @throws ShapeError if sizes don't meet */
function aligned(op: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  if (columnsOf(a) !== rowsOf(b)) {
    throw new ShapeError(
      `${op}: a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}; b needs as many rows as a, ${rowsOf(a)}.`,
    );
  }
  const batch = broadcastShapes(op, batchOf(a), batchOf(b));
  return [withBatch(a, batch, 2), withBatch(b, batch, 2)];
}

/**
 * x with a·x = b.
 *
 * @param a  float, [..., N, N]
 * @param b  float, [..., N, K]; or one vector [N], or a vector for each matrix, of a's shape without its last axis
 * @returns  of b's shape; leading axes broadcast
 * @throws   ShapeError if sizes don't meet, ValueError if a matrix is singular
 */
export function solve(a: Tensor, b: Tensor): Tensor {
  checkSquare("solve", "a", a);
  checkTensor("solve", "b", b);
  const isVector =
    b.rank === 1 || (b.rank === a.rank - 1 && sameShape(b.shape, a.shape.slice(0, -1)));
  if (isVector) return solve(a, b.unsqueeze(-1)).squeeze(-1);
  checkMatrix("solve", "b", b);
  return solveOp(...aligned("solve", a, b));
}

export const triangularSolveOp = defineOp({
  name: "triangularSolve",
  inputs: ["a", "b"],
  domain: "float",
  shape: ({ b }) => b.shape,
  forward: ({ a, b }, y, kernels, triangle: Triangle) => {
    const [n, columns] = [rowsOf(b), columnsOf(b)];
    const right = elements(b);
    eachMatrix(a, (matrix, i) => {
      const part = right.subarray(i * n * columns, (i + 1) * n * columns);
      part.set(triangleSolve(matrix, part, n, columns, triangle));
    });
    write(kernels, right, y);
  },
  saves: ["a", "y"],
  batch: withFrontAxis(),
  grad: {
    // As solve's, and only the triangle that was read has a gradient.
    a: (dy, { a, y }, triangle) => {
      const da = matmulOp(transposedSolve(a, dy, triangle), flipped(y)).neg();
      if (triangle.upper) return triu(da, triangle.unitriangular ? 1 : 0);
      return tril(da, triangle.unitriangular ? -1 : 0);
    },
    b: (dy, { a }, triangle): Tensor => transposedSolve(a, dy, triangle),
  },
  tex: { y: "A^{-1} B", a: "-A^{-\\top} dY\\,Y^\\top", b: "A^{-\\top} dY" },
});

function transposedSolve(a: Tensor, b: Tensor, { upper, unitriangular }: Triangle): Tensor {
  return triangularSolveOp(flipped(a), b, { upper: !upper, unitriangular });
}

/** Options of {@link triangularSolve}. */
export interface TriangularSolveOptions {
  /** Which triangle of a is read. Default true. */
  upper?: boolean;
  /** Solve with a transposed. Default false. */
  transpose?: boolean;
  /** a's diagonal is not read and counts as 1. Default false. */
  unitriangular?: boolean;
}

/**
 * x with a·x = b (or aᵀ·x = b) for triangular a, by substitution. A 0 on the diagonal gives infinities or NaN.
 *
 * @param b  float, [..., N, K]
 * @param a  float, [..., N, N]; the other triangle is not read
 * @returns  [..., N, K]; leading axes broadcast
 */
export function triangularSolve(
  b: Tensor,
  a: Tensor,
  options: TriangularSolveOptions = {},
): Tensor {
  checkMatrix("triangularSolve", "b", b);
  checkSquare("triangularSolve", "a", a);
  const { upper = true, transpose = false, unitriangular = false } = options;
  const [left, right] = aligned("triangularSolve", a, b);
  return transpose
    ? triangularSolveOp(flipped(left), right, { upper: !upper, unitriangular })
    : triangularSolveOp(left, right, { upper, unitriangular });
}
