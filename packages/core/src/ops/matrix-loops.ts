/**
 * Dense factorisations of one matrix: plain loops over row-major arrays, always in float64. Nothing here
 * knows tensors; `linalg.ts` and `decompositions.ts` call these for each matrix of a batch.
 *
 * Sources: Golub & Van Loan, Matrix Computations, 4th ed. (LU §3.4, Cholesky §4.2, Householder QR §5.2,
 * Jacobi for symmetric matrices §8.5, one-sided Jacobi SVD §8.6).
 */

export interface LU {
  /** L below the diagonal (its own diagonal is 1) and U on and above it. */
  factors: Float64Array;
  /** Row i of L·U is row order[i] of the matrix. */
  order: Int32Array;
  /** Determinant of the row order. */
  sign: number;
  /** The first column without a pivot, −1 if the matrix is regular. */
  singularAt: number;
}

/** P·A = L·U with partial pivoting, A [n, n]. */
export function luFactor(a: Float64Array, n: number): LU {
  const factors = a.slice();
  const order = Int32Array.from({ length: n }, (_, i) => i);
  let sign = 1;
  let singularAt = -1;
  for (let k = 0; k < n; k++) {
    let p = k;
    for (let i = k + 1; i < n; i++) {
      if (Math.abs(factors[i * n + k]!) > Math.abs(factors[p * n + k]!)) p = i;
    }
    if (p !== k) {
      const row = factors.slice(k * n, (k + 1) * n);
      factors.copyWithin(k * n, p * n, (p + 1) * n);
      factors.set(row, p * n);
      [order[k], order[p]] = [order[p]!, order[k]!];
      sign = -sign;
    }
    const pivot = factors[k * n + k]!;
    if (pivot === 0) {
      if (singularAt < 0) singularAt = k;
      continue;
    }
    for (let i = k + 1; i < n; i++) {
      const factor = factors[i * n + k]! / pivot;
      factors[i * n + k] = factor;
      for (let j = k + 1; j < n; j++) factors[i * n + j]! -= factor * factors[k * n + j]!;
    }
  }
  return { factors, order, sign, singularAt };
}

/** X with A·X = B, from A's LU; B and X are [n, columns]. */
export function luSolve({ factors, order }: LU, b: Float64Array, columns: number): Float64Array {
  const n = order.length;
  const permuted = new Float64Array(b.length);
  for (let i = 0; i < n; i++) {
    const row = order[i]! * columns;
    permuted.set(b.subarray(row, row + columns), i * columns);
  }
  const y = triangleSolve(factors, permuted, n, columns, { upper: false, unitriangular: true });
  return triangleSolve(factors, y, n, columns, { upper: true, unitriangular: false });
}

export interface Triangle {
  /** Which triangle is read; the other one counts as 0. */
  upper: boolean;
  /** The diagonal is not read and counts as 1. */
  unitriangular: boolean;
}

/** X with T·X = B by substitution, T [n, n] triangular, B and X [n, columns]. */
export function triangleSolve(
  t: Float64Array,
  b: Float64Array,
  n: number,
  columns: number,
  { upper, unitriangular }: Triangle,
): Float64Array {
  const x = b.slice();
  for (let step = 0; step < n; step++) {
    const i = upper ? n - 1 - step : step;
    const from = upper ? i + 1 : 0;
    const to = upper ? n : i;
    for (let j = from; j < to; j++) {
      const factor = t[i * n + j]!;
      for (let c = 0; c < columns; c++) x[i * columns + c]! -= factor * x[j * columns + c]!;
    }
    if (unitriangular) continue;
    for (let c = 0; c < columns; c++) x[i * columns + c]! /= t[i * n + i]!;
  }
  return x;
}

/** Lower L with A = L·Lᵀ from A's lower triangle; `failedAt` is the first column whose pivot is not above 0, or −1. */
export function choleskyFactor(
  a: Float64Array,
  n: number,
): { factor: Float64Array; failedAt: number } {
  const factor = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    let pivot = a[j * n + j]!;
    for (let k = 0; k < j; k++) pivot -= factor[j * n + k]! ** 2;
    // Also for NaN.
    if (!(pivot > 0)) return { factor, failedAt: j };
    const root = Math.sqrt(pivot);
    factor[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let entry = a[i * n + j]!;
      for (let k = 0; k < j; k++) entry -= factor[i * n + k]! * factor[j * n + k]!;
      factor[i * n + j] = entry / root;
    }
  }
  return { factor, failedAt: -1 };
}

/**
 * A = Q·R by Householder reflections, A [m, n] with m ≥ n; Q [m, columns] with n ≤ columns ≤ m, R [n, n].
 * Signs as LAPACK's: R's diagonal is not made positive.
 */
export function householderQr(
  a: Float64Array,
  m: number,
  n: number,
  columns: number,
): { q: Float64Array; r: Float64Array } {
  // Reflection k is I − scale[k]·v·vᵀ with v = (1, work[k + 1.., k]).
  const work = a.slice();
  const scale = new Float64Array(n);
  const reflect = (target: Float64Array, width: number, k: number, from: number) => {
    for (let j = from; j < width; j++) {
      let along = target[k * width + j]!;
      for (let i = k + 1; i < m; i++) along += work[i * n + k]! * target[i * width + j]!;
      along *= scale[k]!;
      target[k * width + j]! -= along;
      for (let i = k + 1; i < m; i++) target[i * width + j]! -= work[i * n + k]! * along;
    }
  };
  for (let k = 0; k < n; k++) {
    let tail = 0;
    for (let i = k + 1; i < m; i++) tail = Math.hypot(tail, work[i * n + k]!);
    if (tail === 0) continue;
    const head = work[k * n + k]!;
    // The sign that adds, so that no digits cancel.
    const diagonal = (head < 0 ? 1 : -1) * Math.hypot(head, tail);
    scale[k] = (diagonal - head) / diagonal;
    for (let i = k + 1; i < m; i++) work[i * n + k]! /= head - diagonal;
    work[k * n + k] = diagonal;
    reflect(work, n, k, k + 1);
  }
  const r = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) r[i * n + j] = work[i * n + j]!;
  const q = new Float64Array(m * columns);
  for (let i = 0; i < columns; i++) q[i * columns + i] = 1;
  for (let k = n - 1; k >= 0; k--) reflect(q, columns, k, 0);
  return { q, r };
}

const maxSweeps = 60;

/** Tangent of the angle of the Jacobi rotation for ζ = cot 2φ: the smaller root of t² + 2ζt − 1 = 0. */
function jacobiTangent(zeta: number): number {
  return (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
}

/** Rows p and q of a [·, length]: p ← c·p − s·q, q ← s·p + c·q. */
function rotateRows(
  a: Float64Array,
  length: number,
  p: number,
  q: number,
  cosine: number,
  sine: number,
): void {
  for (let i = 0; i < length; i++) {
    const x = a[p * length + i]!;
    const y = a[q * length + i]!;
    a[p * length + i] = cosine * x - sine * y;
    a[q * length + i] = sine * x + cosine * y;
  }
}

function identityRows(n: number): Float64Array {
  const rows = new Float64Array(n * n);
  for (let i = 0; i < n; i++) rows[i * n + i] = 1;
  return rows;
}

/** Largest magnitude; NaN or an infinity if there is one. */
function largest(a: Float64Array): number {
  return a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}

/**
 * Eigenvalues, ascending, and orthonormal eigenvectors (as columns) of the symmetric matrix whose lower
 * triangle is a's, by cyclic Jacobi rotations. NaN throughout for input that is not finite.
 */
export function symmetricEigen(
  a: Float64Array,
  n: number,
): { values: Float64Array; vectors: Float64Array } {
  const scale = largest(a);
  if (!Number.isFinite(scale)) {
    return {
      values: new Float64Array(n).fill(Number.NaN),
      vectors: new Float64Array(n * n).fill(Number.NaN),
    };
  }
  const work = a.slice();
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) work[j * n + i] = work[i * n + j]!;
  const rows = identityRows(n);
  // Convergence is quadratic, so going far below the rounding error costs one sweep at most.
  const negligible = scale * 2 ** -64;
  for (let sweep = 0, rotated = true; rotated && sweep < maxSweeps; sweep++) {
    rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = work[p * n + q]!;
        if (Math.abs(off) <= negligible) continue;
        rotated = true;
        const t = jacobiTangent((work[q * n + q]! - work[p * n + p]!) / (2 * off));
        const cosine = 1 / Math.sqrt(1 + t * t);
        const sine = t * cosine;
        const [atP, atQ] = [work[p * n + p]! - t * off, work[q * n + q]! + t * off];
        rotateRows(work, n, p, q, cosine, sine);
        for (let i = 0; i < n; i++) {
          work[i * n + p] = work[p * n + i]!;
          work[i * n + q] = work[q * n + i]!;
        }
        work[p * n + p] = atP;
        work[q * n + q] = atQ;
        work[p * n + q] = 0;
        work[q * n + p] = 0;
        rotateRows(rows, n, p, q, cosine, sine);
      }
    }
  }
  const diagonal = (i: number) => work[i * n + i]!;
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => diagonal(i) - diagonal(j));
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors[i * n + to] = rows[from * n + i]!;
  });
  return { values: Float64Array.from(order, diagonal), vectors };
}

/** Orthonormal columns [m, total − n] that, behind those of q [m, n], make [m, total] orthonormal. */
export function complement(q: Float64Array, m: number, n: number, total: number): Float64Array {
  // The reflections that turn q into the first unit vectors turn the further ones into these.
  const full = householderQr(q, m, n, total).q;
  return full.filter((_, i) => i % total >= n);
}

export interface SVD {
  /** [m, k] with k = min(m, n), columns orthonormal. */
  u: Float64Array;
  /** [k], descending. */
  s: Float64Array;
  /** [k, n], rows orthonormal. */
  vh: Float64Array;
}

function transposed(a: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(a.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) result[j * rows + i] = a[i * columns + j]!;
  return result;
}

/**
 * A = U·diag(s)·Vᵀ, A [m, n], by one-sided Jacobi rotations (Hestenes): columns are rotated in pairs until
 * all are orthogonal; their lengths are the singular values. Small ones keep their relative accuracy.
 * NaN throughout for input that is not finite.
 */
export function singularValues(a: Float64Array, m: number, n: number): SVD {
  if (m < n) {
    const { u, s, vh } = singularValues(transposed(a, m, n), n, m);
    return { u: transposed(vh, m, m), s, vh: transposed(u, n, m) };
  }
  const scale = largest(a);
  if (!Number.isFinite(scale)) {
    const nan = (length: number) => new Float64Array(length).fill(Number.NaN);
    return { u: nan(m * n), s: nan(n), vh: nan(n * n) };
  }
  // Row j of `columns` is column j of A, scaled so that no square overflows.
  const columns = transposed(a, m, n);
  if (scale > 0) for (let i = 0; i < columns.length; i++) columns[i]! /= scale;
  const v = identityRows(n);
  const product = (p: number, q: number) => {
    let sum = 0;
    for (let i = 0; i < m; i++) sum += columns[p * m + i]! * columns[q * m + i]!;
    return sum;
  };
  // The rounding error of a scalar product of m terms, beneath which columns count as orthogonal.
  const tolerance = 2 ** -52 * Math.sqrt(m);
  for (let sweep = 0, rotated = true; rotated && sweep < maxSweeps; sweep++) {
    rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const [pp, qq, pq] = [product(p, p), product(q, q), product(p, q)];
        if (!(Math.abs(pq) > tolerance * Math.sqrt(pp) * Math.sqrt(qq))) continue;
        rotated = true;
        const t = jacobiTangent((qq - pp) / (2 * pq));
        const cosine = 1 / Math.sqrt(1 + t * t);
        rotateRows(columns, m, p, q, cosine, t * cosine);
        rotateRows(v, n, p, q, cosine, t * cosine);
      }
    }
  }
  const lengths = Float64Array.from({ length: n }, (_, j) => Math.sqrt(product(j, j)));
  const order = Array.from({ length: n }, (_, j) => j).sort((i, j) => lengths[j]! - lengths[i]!);
  const rank = order.findLastIndex((j) => lengths[j]! > 0) + 1;
  const left = new Float64Array(m * rank);
  const vh = new Float64Array(n * n);
  order.forEach((from, to) => {
    vh.set(v.subarray(from * n, (from + 1) * n), to * n);
    if (to >= rank) return;
    for (let i = 0; i < m; i++) left[i * rank + to] = columns[from * m + i]! / lengths[from]!;
  });
  const rest = complement(left, m, rank, n);
  const u = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    u.set(left.subarray(i * rank, (i + 1) * rank), i * n);
    u.set(rest.subarray(i * (n - rank), (i + 1) * (n - rank)), i * n + rank);
  }
  return { u, s: Float64Array.from(order, (j) => lengths[j]! * scale), vh };
}

/** C = A·B, all [n, n]. */
function multiply(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k]!;
      for (let j = 0; j < n; j++) c[i * n + j]! += factor * b[k * n + j]!;
    }
  }
  return c;
}

const padeDegree = 13;
/** cₖ of the Padé approximant N(A)/N(−A) of e^A, N(A) = Σ cₖAᵏ: cₖ = cₖ₋₁·(d − k + 1) / ((2d − k + 1)·k). */
const pade = [1];
for (let k = 1; k <= padeDegree; k++) {
  pade.push((pade[k - 1]! * (padeDegree - k + 1)) / ((2 * padeDegree - k + 1) * k));
}
/** The norm up to which that approximant is exact to float64 rounding (Higham 2005, table 2.3, m = 13). */
const padeReach = 5.371920351148152;

/**
 * e^A, A [n, n], by scaling and squaring: e^A = (e^(A/2^s))^(2^s), with the Padé approximant of degree 13.
 *
 * @see N. J. Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix
 *   Anal. Appl. 26 (2005), algorithm 2.3
 */
export function exponential(a: Float64Array, n: number): Float64Array {
  let norm = 0;
  for (let j = 0; j < n; j++) {
    let column = 0;
    for (let i = 0; i < n; i++) column += Math.abs(a[i * n + j]!);
    norm = Math.max(norm, column);
  }
  if (!Number.isFinite(norm)) return new Float64Array(n * n).fill(Number.NaN);
  const squarings = Math.max(0, Math.ceil(Math.log2(norm / padeReach)));
  const scaled = a.map((x) => x / 2 ** squarings);
  const a2 = multiply(scaled, scaled, n);
  const a4 = multiply(a2, a2, n);
  const a6 = multiply(a4, a2, n);
  const one = identityRows(n);
  // The even powers c₀ + c₂A² + … of one parity: from k = 0 the even part, from k = 1 the odd one over A.
  const half = (k: number) => {
    const low = one.map(
      (x, i) =>
        pade[k]! * x + pade[k + 2]! * a2[i]! + pade[k + 4]! * a4[i]! + pade[k + 6]! * a6[i]!,
    );
    const top = k + 12 <= padeDegree ? pade[k + 12]! : 0;
    const high = a2.map((x, i) => pade[k + 8]! * x + pade[k + 10]! * a4[i]! + top * a6[i]!);
    return multiply(a6, high, n).map((x, i) => x + low[i]!);
  };
  const even = half(0);
  const odd = multiply(scaled, half(1), n);
  const numerator = even.map((x, i) => x + odd[i]!);
  const denominator = even.map((x, i) => x - odd[i]!);
  let y = luSolve(luFactor(denominator, n), numerator, n);
  for (let i = 0; i < squarings; i++) y = multiply(y, y, n);
  return y;
}
