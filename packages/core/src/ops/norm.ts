/** Lengths of vectors, and what is measured against them. */
import { checkTensor } from "../apply.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { broadcastShapes, formatShape, normalizeAxes, reducedShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { floated } from "./arguments.ts";
import { eq, lt, ne, where } from "./compare.ts";
import { abs, div, mul, pow, sign, square } from "./elementwise.ts";
import { expand, reshape } from "./layout.ts";
import { nuclearNorm } from "./linalg.ts";
import { amax, amin, checkNotEmpty, type ReduceOptions, sum } from "./reduce.ts";
import { movedim } from "./reorder.ts";
import { rootOrZero } from "./statistics.ts";

/** Options of {@link norm}. */
export interface NormOptions extends ReduceOptions {
  /** One axis or several; all by default. */
  axis?: number | readonly number[];
}

/**
 * The p-norm over the axes, all elements counting as one vector.
 *
 * - p > 0 (2 by default, also called "fro"): (Σ |x|ᵖ)^(1/p)
 * - p = 0: how many are not 0
 * - p = ∞, −∞: the largest, smallest |x|; tied ones share the gradient evenly
 * - p < 0: (Σ |x|ᵖ)^(1/p), 0 where any x is
 *
 * The derivative where x is 0 is 0. One norm sees its two axes as a matrix, "nuc": the sum of the singular
 * values. So 2 over two axes is the Frobenius norm, as in torch.norm; the largest singular value is
 * `spectralNorm`.
 *
 * @throws ValueError for any other p, DTypeError for integers, ShapeError for an infinite p over no elements
 *         and for "nuc" over other than two axes
 */
export function norm(x: Tensor, p: number | "fro" | "nuc" = 2, options: NormOptions = {}): Tensor {
  checkTensor("norm", "x", x);
  const { axis, keepdim = false } = options;
  if (p !== "fro" && p !== "nuc" && (typeof p !== "number" || Number.isNaN(p))) {
    throw new ValueError(
      `norm: p is ${typeof p === "string" ? `"${p}"` : String(p)}; it must be a number, an infinity, "fro" or "nuc".`,
    );
  }
  if (!isFloat(x.dtype)) {
    throw new DTypeError(`norm: x is ${x.dtype}; it must be float: convert it with to("float32").`);
  }
  const axes = normalizeAxes("norm", axis, x.rank);
  const over = { keepdim };
  if (p === "nuc") return nuclear(x, axes, keepdim);
  if (p === "fro" || p === 2) return rootOrZero(sum(square(x), axes, over));
  if (p === 1) return sum(abs(x), axes, over);
  // sign² counts and has the derivative 0; NaN is not 0.
  if (p === 0) return sum(where(ne(x, x), 1, square(sign(x))), axes, over);
  if (p === Infinity || p === -Infinity) {
    checkNotEmpty("norm", x, axes, p > 0 ? "largest" : "smallest");
    return p > 0 ? amax(abs(x), axes, over) : amin(abs(x), axes, over);
  }
  const total = sum(powerOrConstant(abs(x), p), axes, over);
  return powerOrConstant(total, 1 / p);
}

function nuclear(x: Tensor, axes: readonly number[], keepdim: boolean): Tensor {
  if (axes.length !== 2) {
    throw new ShapeError(
      `norm: "nuc" is a norm of matrices, and these are axes [${axes.join(", ")}] of ${formatShape(x.shape)}; name two axes.`,
    );
  }
  const y = nuclearNorm(movedim(x, axes, [-2, -1]));
  return keepdim ? reshape(y, reducedShape(x.shape, axes, true)) : y;
}

/** xᵖ whose derivative at 0 is 0 whatever p. */
function powerOrConstant(x: Tensor, p: number): Tensor {
  const zero = eq(x, 0);
  return where(zero, 0 ** p, pow(where(zero, 1, x), p));
}

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** Which norm becomes 1. Default 2. */
  p?: number;
  /** Default 1: rows of a matrix. */
  axis?: number | readonly number[];
  /** Shorter vectors are divided by this instead of their norm. Default 1e-12. */
  eps?: number;
}

/** y = x / max(‖x‖ₚ, eps) along the axis. */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  const { p = 2, axis = 1, eps = 1e-12 } = options;
  checkTensor("normalize", "x", x);
  checkEps("normalize", eps);
  const axes = normalizeAxes("normalize", axis, x.rank);
  const length = norm(floated(x), p, { axis: axes, keepdim: true });
  return div(x, where(lt(length, eps), eps, length));
}

function checkEps(op: string, eps: number): void {
  if (typeof eps !== "number" || !(eps >= 0)) {
    throw new ValueError(`${op}: eps is ${String(eps)}; it must be a number, 0 or more.`);
  }
}

/**
 * The cosine of the angle between a and b along the axis: a·b / (max(‖a‖, eps)·max(‖b‖, eps)).
 *
 * @param a  shape S
 * @param b  shape R, broadcastable with S
 * @returns  shape broadcast(S, R) without the axis
 */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  options: { axis?: number; eps?: number } = {},
): Tensor {
  checkTensor("cosineSimilarity", "a", a);
  checkTensor("cosineSimilarity", "b", b);
  const { axis = 1, eps = 1e-8 } = options;
  checkEps("cosineSimilarity", eps);
  const shape = broadcastShapes("cosineSimilarity", a.shape, b.shape);
  const axes = normalizeAxes("cosineSimilarity", axis, shape.length);
  const [p, q] = [a, b].map((x) => normalize(expand(x, shape), { axis: axes, eps }));
  return sum(mul(p!, q!), axes);
}
