/**
 * Factorisations of matrices and batches of them, [..., M, N]. They are computed by the loops of
 * `matrix-loops.ts`, in float64 whatever the dtype; rules are tensor math, so they differentiate again.
 */
import { eye, zeros } from "../create.ts";
import { GradError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import { isGradEnabled, needsGrad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { floated } from "./arguments.ts";
import { withFrontAxis } from "./batching.ts";
import { where } from "./compare.ts";
import { diagEmbed, tril } from "./diagonal.ts";
import { concat } from "./layout.ts";
import { matmulOp } from "./matmul.ts";
import {
  batchOf,
  checkMatrix,
  checkSquare,
  columnsOf,
  eachMatrix,
  flipped,
  rowsOf,
  whichMatrix,
  write,
} from "./matrices.ts";
import {
  choleskyFactor,
  complement,
  householderQr,
  singularValues,
  symmetricEigen,
} from "./matrix-loops.ts";
import { triangularSolveOp } from "./solve.ts";

/** Results of a batch, each put behind the one before. */
function collector(size: number): { put: (part: Float64Array) => void; all: Float64Array } {
  const all = new Float64Array(size);
  let at = 0;
  return {
    all,
    put: (part) => {
      all.set(part, at);
      at += part.length;
    },
  };
}

// ---------------------------------------------------------------------------------------------
// Cholesky

export const choleskyOp = defineOp({
  name: "cholesky",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => {
    const n = rowsOf(x);
    const { all, put } = collector(x.size);
    eachMatrix(x, (matrix, i) => {
      const { factor, failedAt } = choleskyFactor(matrix, n);
      if (failedAt >= 0) {
        throw new ValueError(
          `cholesky: ${whichMatrix(x, i)} is not positive definite: pivot ${failedAt} is not above 0; add a small multiple of the identity.`,
        );
      }
      put(factor);
    });
    write(kernels, all, y);
  },
  saves: ["y"],
  batch: withFrontAxis(),
  grad: {
    // dA = dL·Lᵀ + L·dLᵀ  ⇒  Ā = ½(S + Sᵀ), S = L⁻ᵀ·Φ(LᵀL̄)·L⁻¹, Φ the lower triangle with half the diagonal
    // (I. Murray, Differentiation of the Cholesky decomposition, 2016, eq. 8–10).
    x: (dy, { y }) => {
      const product = matmulOp(flipped(y), tril(dy));
      const phi = tril(product).add(tril(product, -1)).mul(0.5);
      const left = triangularSolveOp(flipped(y), phi, { upper: true, unitriangular: false });
      const s = triangularSolveOp(flipped(y), flipped(left), {
        upper: true,
        unitriangular: false,
      });
      return s.add(flipped(s)).mul(0.5);
    },
  },
  tex: { y: "L,\\ L L^\\top = X", x: "\\operatorname{sym}(L^{-\\top} \\Phi(L^\\top dL)\\,L^{-1})" },
  kinks: "Symmetric: both triangles of X count as one.",
});

/**
 * Lower triangular L with L·Lᵀ = x (with `upper`, its transpose). x counts as symmetric and only its lower
 * triangle is read; the gradient is symmetric.
 *
 * @param x  float, [..., N, N], symmetric and positive definite
 * @throws   ValueError if a matrix is not positive definite
 */
export function cholesky(x: Tensor, options: { upper?: boolean } = {}): Tensor {
  checkSquare("cholesky", "x", x);
  // With `upper` it is the upper triangle that is read, as in PyTorch.
  return options.upper === true ? flipped(choleskyOp(flipped(x))) : choleskyOp(x);
}

// ---------------------------------------------------------------------------------------------
// QR

export const qrOp = defineOp({
  name: "qr",
  inputs: ["x"],
  outputs: ["q", "r"],
  domain: "float",
  shapes: ({ x }) => ({
    q: { shape: x.shape },
    r: { shape: [...batchOf(x), columnsOf(x), columnsOf(x)] },
  }),
  forwardAll: ({ x }, { q, r }, kernels) => {
    const [m, n] = [rowsOf(x), columnsOf(x)];
    const [allQ, allR] = [collector(q.size), collector(r.size)];
    eachMatrix(x, (matrix) => {
      const factors = householderQr(matrix, m, n, n);
      allQ.put(factors.q);
      allR.put(factors.r);
    });
    write(kernels, allQ.all, q);
    write(kernels, allR.all, r);
  },
  saves: ["q", "r"],
  batch: withFrontAxis(),
  grad: {
    // Ā = (Q̄ + Q·sym(M))·R⁻ᵀ with M = R·R̄ᵀ − Q̄ᵀ·Q and sym(M) = tril(M) mirrored
    // (H.-J. Liao et al., Differentiable programming tensor networks, 2019, eq. 5).
    x: (dy, { q, r }) => {
      const m = matmulOp(r, flipped(dy.r)).sub(matmulOp(flipped(dy.q), q));
      const mirrored = tril(m).add(flipped(tril(m, -1)));
      const right = dy.q.add(matmulOp(q, mirrored));
      return flipped(triangularSolveOp(r, flipped(right), { upper: true, unitriangular: false }));
    },
  },
  tex: {
    y: "Q R = X,\\ Q^\\top Q = I",
    x: "(dQ + Q \\operatorname{sym} M)\\,R^{-\\top},\\ M = R\\,dR^\\top - dQ^\\top Q",
  },
});

/** The last columns of an orthonormal basis whose first ones are q's; a choice, so without gradient. */
export const complementOp = defineOp({
  name: "orthogonalComplement",
  inputs: ["q"],
  domain: "float",
  shape: ({ q }) => [...batchOf(q), rowsOf(q), rowsOf(q) - columnsOf(q)],
  forward: ({ q }, y, kernels) => {
    const [m, n] = [rowsOf(q), columnsOf(q)];
    const { all, put } = collector(y.size);
    eachMatrix(q, (matrix) => put(complement(matrix, m, n, m)));
    write(kernels, all, y);
  },
  batch: withFrontAxis(),
  grad: { q: null },
  tex: { y: "Q_\\perp,\\ Q^\\top Q_\\perp = 0" },
});

/** Orthonormal columns filled up to a square matrix. */
function completed(q: Tensor): Tensor {
  return rowsOf(q) === columnsOf(q) ? q : concat([q, complementOp(q)], -1);
}

/**
 * x = q·r with orthonormal columns in q and upper triangular r, signs as LAPACK's.
 *
 * @param x     float, [..., M, N]; K = min(M, N)
 * @param mode  "reduced": q [..., M, K], r [..., K, N]; "complete": q [..., M, M], r [..., M, N], which has no
 *              gradient when M > N; "r": q is empty
 * @throws      ValueError for another mode, GradError for a gradient that doesn't exist
 */
export function qr(
  x: Tensor,
  options: { mode?: "reduced" | "complete" | "r" } = {},
): { q: Tensor; r: Tensor } {
  checkMatrix("qr", "x", x);
  const { mode = "reduced" } = options;
  if (mode !== "reduced" && mode !== "complete" && mode !== "r") {
    throw new ValueError(`qr: unknown mode "${mode}"; known are reduced, complete and r.`);
  }
  const [m, n] = [rowsOf(x), columnsOf(x)];
  const a = floated(x);
  if (mode === "complete" && m > n && isGradEnabled() && needsGrad(a)) {
    throw new GradError(
      `qr: mode "complete" has no gradient for ${formatShape(x.shape)}, which has more rows than columns; use mode "reduced", or detach().`,
    );
  }
  // Of a wide x = [X | Y], X = q·u alone fixes q; then r = [u | qᵀ·Y].
  const left = qrOp(m < n ? a.narrow(-1, 0, m) : a) as { q: Tensor; r: Tensor };
  const r =
    m < n ? concat([left.r, matmulOp(flipped(left.q), a.narrow(-1, m, n - m))], -1) : left.r;
  if (mode === "r") return { q: left.q.narrow(-1, 0, 0), r };
  if (mode === "reduced" || m <= n) return { q: left.q, r };
  const below = zeros([...batchOf(a), m - n, n], { dtype: a.dtype });
  return { q: completed(left.q), r: concat([r, below], -2) };
}

// ---------------------------------------------------------------------------------------------
// Singular values

const skew = (x: Tensor) => x.sub(flipped(x));

export const svdOp = defineOp({
  name: "svd",
  inputs: ["x"],
  outputs: ["u", "s", "vh"],
  domain: "float",
  shapes: ({ x }) => {
    const [m, n] = [rowsOf(x), columnsOf(x)];
    const k = Math.min(m, n);
    return {
      u: { shape: [...batchOf(x), m, k] },
      s: { shape: [...batchOf(x), k] },
      vh: { shape: [...batchOf(x), k, n] },
    };
  },
  forwardAll: ({ x }, { u, s, vh }, kernels) => {
    const [allU, allS, allV] = [collector(u.size), collector(s.size), collector(vh.size)];
    eachMatrix(x, (matrix) => {
      const factors = singularValues(matrix, rowsOf(x), columnsOf(x));
      allU.put(factors.u);
      allS.put(factors.s);
      allV.put(factors.vh);
    });
    write(kernels, allU.all, u);
    write(kernels, allS.all, s);
    write(kernels, allV.all, vh);
  },
  saves: ["u", "s", "vh"],
  batch: withFrontAxis(),
  grad: {
    // With Eᵢⱼ = sⱼ² − sᵢ² (1 on the diagonal) and skew(X) = X − Xᵀ:
    //   Ā = U·(skew(UᵀŪ)/E · S + S · skew(VᵀV̄)/E + diag s̄)·Vᵀ
    //       + (I − UUᵀ)·Ū·S⁻¹·Vᵀ + U·S⁻¹·V̄ᵀ·(I − VVᵀ)
    // (J. Townsend, Differentiating the singular value decomposition, 2016; the last two terms vanish where
    // U or V is square). Equal singular values give infinities: their vectors are not unique.
    x: (dy, { u, s, vh }) => {
      const [row, column] = [s.unsqueeze(-2), s.unsqueeze(-1)];
      // sⱼ² − sᵢ² as a product: the difference of squares would lose digits.
      const e = row
        .sub(column)
        .mul(row.add(column))
        .add(eye(columnsOf(u), { dtype: s.dtype }));
      const [ut, v] = [flipped(u), flipped(vh)];
      const left = skew(matmulOp(ut, dy.u)).div(e).mul(row);
      const right = skew(matmulOp(vh, flipped(dy.vh)))
        .div(e)
        .mul(column);
      const inner = left.add(right).add(diagEmbed(dy.s));
      let dx = matmulOp(matmulOp(u, inner), vh);
      if (rowsOf(u) > columnsOf(u)) {
        const outside = dy.u.sub(matmulOp(u, matmulOp(ut, dy.u)));
        dx = dx.add(matmulOp(outside.div(row), vh));
      }
      if (columnsOf(vh) > rowsOf(vh)) {
        const outside = dy.vh.sub(matmulOp(matmulOp(dy.vh, v), vh));
        dx = dx.add(matmulOp(u, outside.div(column)));
      }
      return dx;
    },
  },
  tex: {
    y: "U \\operatorname{diag}(s)\\,V^\\top = X",
    x: "U (F \\circ (U^\\top dU - dU^\\top U)\\,S + S\\,F \\circ (V^\\top dV - dV^\\top V) + dS)\\,V^\\top,\\ F_{ij} = 1 / (s_j^2 - s_i^2),\\ X \\text{ square}",
  },
  kinks: "NaN through U and V where singular values are equal, since their vectors are not unique.",
});

/** What {@link svd} returns: x = u·diag(s)·vh. */
export interface SVDResult {
  /** Columns orthonormal. */
  u: Tensor;
  /** Descending. */
  s: Tensor;
  /** Rows orthonormal: the transposed V. */
  vh: Tensor;
}

/**
 * x = u·diag(s)·vh. The signs of pairs of vectors are arbitrary; gradients through u and vh exist where
 * the singular values differ. For s alone, {@link svdvals} has gradients everywhere.
 *
 * @param x             float, [..., M, N]; K = min(M, N)
 * @param fullMatrices  default true: u [..., M, M] and vh [..., N, N], where no gradient flows through the
 *                      vectors beyond K; false: u [..., M, K] and vh [..., K, N]
 */
export function svd(x: Tensor, options: { fullMatrices?: boolean } = {}): SVDResult {
  checkMatrix("svd", "x", x);
  const { u, s, vh } = svdOp(x) as unknown as SVDResult;
  if (options.fullMatrices === false) return { u, s, vh };
  return { u: completed(u), s, vh: flipped(completed(flipped(vh))) };
}

export const svdvalsOp = defineOp({
  name: "svdvals",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => [...batchOf(x), Math.min(rowsOf(x), columnsOf(x))],
  forward: ({ x }, y, kernels) => {
    const { all, put } = collector(y.size);
    eachMatrix(x, (matrix) => put(singularValues(matrix, rowsOf(x), columnsOf(x)).s));
    write(kernels, all, y);
  },
  saves: ["x"],
  batch: withFrontAxis(),
  grad: {
    // ∂sₖ/∂A = uₖ·vₖᵀ: no difference of singular values divides.
    x: (dy, { x }) => {
      const { u, vh } = svdOp(x) as unknown as SVDResult;
      return matmulOp(u.mul(dy.unsqueeze(-2)), vh);
    },
  },
  tex: { y: "s_k", x: "u_k v_k^\\top" },
  kinks: "Of equal singular values, by the vectors that were found.",
});

/** Singular values of [..., M, N], descending: [..., min(M, N)]. */
export function svdvals(x: Tensor): Tensor {
  checkMatrix("svdvals", "x", x);
  return svdvalsOp(x);
}

// ---------------------------------------------------------------------------------------------
// Eigenvalues of symmetric matrices

/** Eᵢⱼ = vⱼ − vᵢ, and 1 on the diagonal, where rules divide zeros. */
function gaps(values: Tensor): Tensor {
  const n = values.shape[values.rank - 1]!;
  return values
    .unsqueeze(-2)
    .sub(values.unsqueeze(-1))
    .add(eye(n, { dtype: values.dtype }));
}

export const eighOp = defineOp({
  name: "eigh",
  inputs: ["x"],
  outputs: ["eigenvalues", "eigenvectors"],
  domain: "float",
  shapes: ({ x }) => ({
    eigenvalues: { shape: x.shape.slice(0, -1) },
    eigenvectors: { shape: x.shape },
  }),
  forwardAll: ({ x }, { eigenvalues, eigenvectors }, kernels) => {
    const [values, vectors] = [collector(eigenvalues.size), collector(eigenvectors.size)];
    eachMatrix(x, (matrix) => {
      const found = symmetricEigen(matrix, rowsOf(x));
      values.put(found.values);
      vectors.put(found.vectors);
    });
    write(kernels, values.all, eigenvalues);
    write(kernels, vectors.all, eigenvectors);
  },
  saves: ["eigenvalues", "eigenvectors"],
  batch: withFrontAxis(),
  grad: {
    // Ā = V·(diag λ̄ + (VᵀV̄)/E off the diagonal)·Vᵀ, E as in `gaps` (M. Giles, Collected matrix derivative
    // results, 2008, §3.1).
    x: (dy, { eigenvalues, eigenvectors: v }) => {
      const inner = matmulOp(flipped(v), dy.eigenvectors).div(gaps(eigenvalues));
      const diagonal = eye(rowsOf(v), { dtype: "bool" });
      const both = where(diagonal, diagEmbed(dy.eigenvalues), inner);
      return matmulOp(matmulOp(v, both), flipped(v));
    },
  },
  tex: {
    y: "V \\operatorname{diag}(\\lambda)\\,V^\\top = X",
    x: "V (\\operatorname{diag} d\\lambda + E)\\,V^\\top,\\ E_{ij} = (V^\\top dV)_{ij} / (\\lambda_j - \\lambda_i)",
  },
  kinks: "NaN through V where eigenvalues are equal, since their vectors are not unique.",
});

export const eigvalshOp = defineOp({
  name: "eigvalsh",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape.slice(0, -1),
  forward: ({ x }, y, kernels) => {
    const { all, put } = collector(y.size);
    eachMatrix(x, (matrix) => put(symmetricEigen(matrix, rowsOf(x)).values));
    write(kernels, all, y);
  },
  saves: ["x"],
  batch: withFrontAxis(),
  grad: {
    // ∂λₖ/∂A = vₖ·vₖᵀ.
    x: (dy, { x }) => {
      const { eigenvectors: v } = eighOp(x) as unknown as EighResult;
      return matmulOp(v.mul(dy.unsqueeze(-2)), flipped(v));
    },
  },
  tex: { y: "\\lambda_k", x: "v_k v_k^\\top" },
  kinks: "Of equal eigenvalues, by the vectors that were found.",
});

/** What {@link eigh} returns. */
export interface EighResult {
  /** Ascending. */
  eigenvalues: Tensor;
  /** Orthonormal, as columns. */
  eigenvectors: Tensor;
}

/** Options of {@link eigh} and {@link eigvalsh}. */
export interface SymmetricOptions {
  /** The triangle that is read: "L" (default) or "U". */
  uplo?: "L" | "U";
}

function triangleRead(op: string, x: Tensor, { uplo = "L" }: SymmetricOptions): Tensor {
  checkSquare(op, "x", x);
  if (uplo !== "L" && uplo !== "U") {
    throw new ValueError(`${op}: unknown uplo "${uplo}"; it names the triangle to read: L or U.`);
  }
  return uplo === "U" ? flipped(x) : x;
}

/**
 * x = V·diag(λ)·Vᵀ for symmetric x, of which one triangle is read. The signs of vectors are arbitrary;
 * gradients through them exist where the eigenvalues differ. For values alone, {@link eigvalsh} has
 * gradients everywhere.
 *
 * @param x  float, [..., N, N], symmetric
 */
export function eigh(x: Tensor, options: SymmetricOptions = {}): EighResult {
  return eighOp(triangleRead("eigh", x, options)) as unknown as EighResult;
}

/** Eigenvalues of symmetric [..., N, N], ascending: [..., N]. */
export function eigvalsh(x: Tensor, options: SymmetricOptions = {}): Tensor {
  return eigvalshOp(triangleRead("eigvalsh", x, options));
}
