/** Functions of matrices: determinants, pseudo-inverse, least squares, exponential, powers, rank, norms. */
import { checkTensor } from "../apply.ts";
import { everyElement } from "../batched.ts";
import { checkAtLeast } from "../check.ts";
import { eye, zerosLike } from "../create.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes, formatShape, reducedShape } from "../shape.ts";
import { noGrad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { all } from "./aggregate.ts";
import { floated } from "./arguments.ts";
import { withFrontAxis } from "./batching.ts";
import { gt, where } from "./compare.ts";
import { qrOp, type SVDResult, svdOp, svdvals } from "./decompositions.ts";
import { concat, expand, reshape, to } from "./layout.ts";
import { matmul, matmulOp } from "./matmul.ts";
import {
  batchOf,
  checkMatrix,
  checkSquare,
  columnsOf,
  eachMatrix,
  flipped,
  mainDiagonal,
  rowsOf,
  withBatch,
  write,
} from "./matrices.ts";
import { exponential, luFactor } from "./matrix-loops.ts";
import { amax, type ReduceOptions, sum } from "./reduce.ts";
import { inv, invOp, triangularSolve } from "./solve.ts";

// ---------------------------------------------------------------------------------------------
// Determinants

export const detOp = defineOp({
  name: "det",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => batchOf(x),
  forward: ({ x }, y, kernels) => {
    const n = rowsOf(x);
    const result = new Float64Array(y.size);
    eachMatrix(x, (matrix, i) => {
      const { factors, sign } = luFactor(matrix, n);
      result[i] = sign;
      for (let k = 0; k < n; k++) result[i]! *= factors[k * n + k]!;
    });
    write(kernels, result, y);
  },
  saves: ["x", "y"],
  batch: withFrontAxis(),
  grad: {
    // Jacobi's formula: X̄ = ȳ·cof(X), which is det(X)·X⁻ᵀ where X has an inverse.
    x: (dy, { x, y }) => {
      const isRegular = all(y).item() === 1;
      const cofactors = isRegular
        ? flipped(invOp(x)).mul(y.unsqueeze(-1).unsqueeze(-1))
        : cofactorMatrix(x);
      return cofactors.mul(dy.unsqueeze(-1).unsqueeze(-1));
    },
  },
  tex: { y: "\\det X", x: "\\det(X)\\,X^{-\\top}" },
  kinks: "The cofactors where X is singular.",
});

/** cof(U·S·Vᵀ) = det(U)·det(V) · U·diag(Π over j ≠ i of sⱼ)·Vᵀ, also for singular matrices. */
function cofactorMatrix(x: Tensor): Tensor {
  const { u, s, vh } = svdOp(x) as unknown as SVDResult;
  const n = rowsOf(x);
  const diagonal = eye(n, { dtype: "bool" });
  const others = where(diagonal, 1, s.unsqueeze(-2));
  let products = others.narrow(-1, 0, 1);
  for (let j = 1; j < n; j++) products = products.mul(others.narrow(-1, j, 1));
  // ±1, constant.
  const sign = noGrad(() => detOp(u).mul(detOp(vh)));
  return matmulOp(u.mul(flipped(products)), vh).mul(sign.unsqueeze(-1).unsqueeze(-1));
}

/** The determinant of each matrix: [..., N, N] → [...]. That of [0, 0] is 1. */
export function det(x: Tensor): Tensor {
  checkSquare("det", "x", x);
  return detOp(x);
}

export const slogdetOp = defineOp({
  name: "slogdet",
  inputs: ["x"],
  outputs: ["sign", "logabsdet"],
  domain: "float",
  shapes: ({ x }) => ({ sign: { shape: batchOf(x) }, logabsdet: { shape: batchOf(x) } }),
  forwardAll: ({ x }, outputs, kernels) => {
    const n = rowsOf(x);
    const signs = new Float64Array(outputs.sign.size);
    const logs = new Float64Array(outputs.sign.size);
    eachMatrix(x, (matrix, i) => {
      const { factors, sign } = luFactor(matrix, n);
      signs[i] = sign;
      for (let k = 0; k < n; k++) {
        signs[i]! *= Math.sign(factors[k * n + k]!);
        logs[i]! += Math.log(Math.abs(factors[k * n + k]!));
      }
    });
    write(kernels, signs, outputs.sign);
    write(kernels, logs, outputs.logabsdet);
  },
  saves: ["x"],
  batch: withFrontAxis(),
  grad: {
    // d ln|det X| = tr(X⁻¹·dX); the sign is constant.
    x: (dy, { x }) => flipped(invOp(x)).mul(dy.logabsdet.unsqueeze(-1).unsqueeze(-1)),
  },
  tex: { y: "\\operatorname{sign} \\det X,\\ \\ln |\\det X|", x: "X^{-\\top}" },
  kinks: "An error where X is singular; the sign has none.",
});

/**
 * det(x) = sign·exp(logabsdet), without overflow. A singular matrix gives sign 0 and −∞, and has no gradient.
 *
 * @param x  float, [..., N, N]
 */
export function slogdet(x: Tensor): { sign: Tensor; logabsdet: Tensor } {
  checkSquare("slogdet", "x", x);
  const { sign, logabsdet } = slogdetOp(x) as { sign: Tensor; logabsdet: Tensor };
  return { sign: sign.detach(), logabsdet };
}

// ---------------------------------------------------------------------------------------------
// Rank, pseudo-inverse, least squares

/** Which singular values count as 0. */
export interface ToleranceOptions {
  /** Singular values up to this count as 0. Default 0. */
  atol?: number;
  /** … or up to this times the largest. Default max(M, N)·ε of the dtype, or 0 when `atol` is given. */
  rtol?: number;
}

function checkTolerances(op: string, options: ToleranceOptions): void {
  for (const name of ["atol", "rtol"] as const) {
    const value = options[name];
    if (value === undefined) continue;
    checkAtLeast(op, name, value, 0);
  }
}

/** For each matrix, which singular values count as more than 0: bool, s's shape. */
function significant(x: Tensor, s: Tensor, { atol, rtol }: ToleranceOptions): Tensor {
  const epsilon = s.dtype === "float32" ? 2 ** -23 : 2 ** -52;
  const relative =
    rtol ?? (atol === undefined || atol === 0 ? Math.max(rowsOf(x), columnsOf(x)) * epsilon : 0);
  if (s.shape[s.rank - 1] === 0) return gt(s, 0);
  return gt(
    s,
    amax(s, -1, { keepdim: true })
      .mul(relative)
      .maximum(atol ?? 0),
  );
}

/**
 * How many singular values are above the tolerance, max(atol, rtol·largest): [..., M, N] → [...], int32.
 *
 * @throws ValueError for a negative tolerance
 */
export function matrixRank(x: Tensor, options: ToleranceOptions = {}): Tensor {
  checkMatrix("matrixRank", "x", x);
  checkTolerances("matrixRank", options);
  return noGrad(() => {
    const s = svdvals(x);
    return sum(to(significant(x, s, options), "int32"), -1);
  });
}

export const pinvOp = defineOp({
  name: "pinv",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => [...batchOf(x), columnsOf(x), rowsOf(x)],
  forward: ({ x }, y, kernels, options: ToleranceOptions) => {
    const inverse = noGrad(() => {
      const { u, s, vh } = svdOp(x.detach()) as unknown as SVDResult;
      const keep = significant(x, s, options);
      const factors = where(keep, where(keep, s, 1).reciprocal(), 0);
      return matmulOp(flipped(vh).mul(factors.unsqueeze(-2)), flipped(u));
    });
    kernels.copy(inverse, y);
  },
  saves: ["x", "y"],
  batch: withFrontAxis(),
  grad: {
    // For constant rank, with P = X⁺ (G. Golub, V. Pereyra, The differentiation of pseudo-inverses, 1973):
    //   dP = −P·dX·P + P·Pᵀ·dXᵀ·(I − X·P) + (I − P·X)·dXᵀ·Pᵀ·P, and so
    //   X̄ = −Pᵀ·P̄·Pᵀ + (I − X·P)·P̄ᵀ·P·Pᵀ + Pᵀ·P·P̄ᵀ·(I − P·X)
    x: (dy, { x, y }) => {
      const [pt, dyt] = [flipped(y), flipped(dy)];
      const first = matmulOp(pt, matmulOp(dy, pt));
      const right = matmulOp(matmulOp(dyt, y), pt);
      const left = matmulOp(pt, matmulOp(y, dyt));
      const outsideColumns = right.sub(matmulOp(x, matmulOp(y, right)));
      const outsideRows = left.sub(matmulOp(matmulOp(left, y), x));
      return outsideColumns.add(outsideRows).sub(first);
    },
  },
  tex: {
    y: "X^+",
    x: "-Y^\\top dY\\,Y^\\top + (I - X Y)\\,dY^\\top Y Y^\\top + Y^\\top Y\\,dY^\\top (I - Y X)",
  },
  kinks: "As if the rank did not change.",
});

/**
 * The Moore–Penrose inverse: [..., M, N] → [..., N, M]. Singular values up to max(atol, rtol·largest) count
 * as 0; the gradient holds while the rank stays the same.
 */
export function pinv(x: Tensor, options: ToleranceOptions = {}): Tensor {
  checkMatrix("pinv", "x", x);
  checkTolerances("pinv", options);
  return pinvOp(x, options);
}

/** What {@link lstsq} returns. */
export interface LstsqResult {
  /** [..., N, K]; the shortest one where several minimise. */
  solution: Tensor;
  /** Σ (a·x − b)² per column, [..., K], where M > N and every matrix has rank N; else [0]. */
  residuals: Tensor;
  /** int32, [...]. */
  rank: Tensor;
}

/**
 * x that minimises ‖a·x − b‖²: by QR where all matrices have full rank, else by the pseudo-inverse.
 *
 * @param a        float, [..., M, N]
 * @param b        float, [..., M, K], or [M] for a single matrix; leading axes broadcast
 * @param options  tolerances that decide the rank
 * @throws         ShapeError if sizes don't meet
 */
export function lstsq(a: Tensor, b: Tensor, options: ToleranceOptions = {}): LstsqResult {
  checkMatrix("lstsq", "a", a);
  checkTensor("lstsq", "b", b);
  if (a.rank === 2 && b.rank === 1) {
    const found = lstsq(a, b.unsqueeze(-1), options);
    return { ...found, solution: found.solution.squeeze(-1) };
  }
  checkMatrix("lstsq", "b", b);
  if (rowsOf(a) !== rowsOf(b)) {
    throw new ShapeError(
      `lstsq: a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}; both need as many rows.`,
    );
  }
  const batch = broadcastShapes("lstsq", batchOf(a), batchOf(b));
  const left = withBatch(floated(a), batch, 2);
  const right = withBatch(floated(b), batch, 2);
  const [m, n] = [rowsOf(a), columnsOf(a)];
  const rank = matrixRank(left, options);
  const hasFullRank = everyElement(rank).every((r) => r === Math.min(m, n));
  const solution = hasFullRank
    ? fullRankSolution(left, right)
    : matmulOp(pinv(left, options), right);
  const residuals =
    hasFullRank && m > n
      ? sum(matmulOp(left, solution).sub(right).square(), -2)
      : reshape(right, [-1]).narrow(0, 0, 0);
  return { solution, residuals, rank };
}

function fullRankSolution(a: Tensor, b: Tensor): Tensor {
  // Tall: a = Q·R  ⇒  x = R⁻¹·Qᵀ·b. Wide: aᵀ = Q·R  ⇒  the shortest x is Q·R⁻ᵀ·b.
  if (rowsOf(a) >= columnsOf(a)) {
    const { q, r } = qrOp(a) as { q: Tensor; r: Tensor };
    return triangularSolve(matmulOp(flipped(q), b), r);
  }
  const { q, r } = qrOp(flipped(a)) as { q: Tensor; r: Tensor };
  return matmulOp(q, triangularSolve(b, r, { transpose: true }));
}

// ---------------------------------------------------------------------------------------------
// Exponential, powers, trace, norms

export const matrixExpOp = defineOp({
  name: "matrixExp",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => {
    const n = rowsOf(x);
    const result = new Float64Array(x.size);
    eachMatrix(x, (matrix, i) => result.set(exponential(matrix, n), i * n * n));
    write(kernels, result, y);
  },
  saves: ["x"],
  batch: withFrontAxis(),
  grad: {
    // The derivative L(X, D) is the upper right block of exp [[X, D], [0, X]], and its adjoint is L(Xᵀ, ·)
    // (N. J. Higham, Functions of matrices, 2008, eq. 3.16).
    x: (dy, { x }): Tensor => {
      const [n, xt] = [rowsOf(x), flipped(x)];
      const above = concat([xt, dy], -1);
      const below = concat([zerosLike(xt), xt], -1);
      const both = matrixExpOp(concat([above, below], -2));
      return both.narrow(-2, 0, n).narrow(-1, n, n);
    },
  },
  tex: { y: "e^X", x: "L(X^\\top, dY)" },
});

/** e^x = Σ xᵏ/k!, the exponential of each matrix (not of its elements). [..., N, N] */
export function matrixExp(x: Tensor): Tensor {
  checkSquare("matrixExp", "x", x);
  return matrixExpOp(x);
}

/**
 * xⁿ, the product of n matrices, by squaring; a negative n means the inverse's power, 0 the identity.
 *
 * @param x  float, [..., N, N]
 * @throws   ValueError unless n is whole, or if the inverse doesn't exist
 */
export function matrixPower(x: Tensor, n: number): Tensor {
  checkSquare("matrixPower", "x", x);
  if (!Number.isSafeInteger(n)) {
    throw new ValueError(`matrixPower: the exponent is ${n}; it must be a whole number.`);
  }
  const a = floated(x);
  if (n === 0) return expand(eye(rowsOf(a), { dtype: a.dtype }), a.shape).clone();
  let square = n < 0 ? inv(a) : a;
  let rest = Math.abs(n);
  let result: Tensor | null = null;
  for (;;) {
    if (rest % 2 === 1) result = result === null ? square : matmul(result, square);
    rest = Math.floor(rest / 2);
    if (rest === 0) return result!;
    square = matmul(square, square);
  }
}

/** Σ xᵢᵢ of each matrix: [..., M, N] → [...]. */
export function trace(x: Tensor): Tensor {
  checkMatrix("trace", "x", x);
  return sum(mainDiagonal(x), -1);
}

function kept(norm: Tensor, x: Tensor, { keepdim = false }: ReduceOptions): Tensor {
  return keepdim ? reshape(norm, reducedShape(x.shape, [x.rank - 2, x.rank - 1], true)) : norm;
}

/** The sum of the singular values of each matrix: [..., M, N] → [...]. */
export function nuclearNorm(x: Tensor, options: ReduceOptions = {}): Tensor {
  checkMatrix("nuclearNorm", "x", x);
  return kept(sum(svdvals(x), -1), x, options);
}

/** The largest singular value of each matrix: [..., M, N] → [...]. Equal ones share the gradient. */
export function spectralNorm(x: Tensor, options: ReduceOptions = {}): Tensor {
  checkMatrix("spectralNorm", "x", x);
  if (rowsOf(x) === 0 || columnsOf(x) === 0) {
    throw new ShapeError(
      `spectralNorm: x is ${formatShape(x.shape)}; a matrix without elements has no largest singular value.`,
    );
  }
  return kept(amax(svdvals(x), -1), x, options);
}
