/** Losses on pairs and triples: which of two is larger, nearer, alike. */
import { checkTensor } from "../apply.ts";
import { checkFinite, checkFlag } from "../check.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { eq, ne, where } from "./compare.ts";
import { abs, add, div, minimum, mul, neg, pow, sqrt, square, sub } from "./elementwise.ts";
import { amax, sum } from "./reduce.ts";
import { checkReduction, checkSameShape, type LossOptions, reduced } from "./reduction.ts";
import { clamp } from "./rounding.ts";

/** x where target is 1, max(0, margin − x) where it is −1. As PyTorch's, the derivative at the kink is −1. */
export function hingeEmbeddingLoss(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor {
  const op = "hingeEmbeddingLoss";
  const { reduction = "mean", margin = 1 } = options;
  checkSameShape(op, "x", x, "target", target);
  checkReduction(op, reduction);
  checkFinite(op, "margin", margin);
  const apart = where(ne(target, 1), clamp(sub(margin, x), 0), 0);
  return reduced(add(apart, where(ne(target, -1), x, 0)), reduction);
}

/**
 * max(0, −target·(a − b) + margin): a should be larger where target is 1, b where it is −1.
 *
 * @throws ShapeError unless the three shapes broadcast
 */
export function marginRankingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor {
  const op = "marginRankingLoss";
  const { reduction = "mean", margin = 0 } = options;
  checkTensor(op, "a", a);
  checkTensor(op, "b", b);
  checkTensor(op, "target", target);
  broadcastShapes(op, a.shape, b.shape, target.shape);
  checkReduction(op, reduction);
  checkFinite(op, "margin", margin);
  return reduced(clamp(add(mul(neg(target), sub(a, b)), margin), 0), reduction);
}

/**
 * 1 − cos(a, b) where target is 1, max(0, cos(a, b) − margin) where it is −1.
 *
 * @param a       float, [N, D] or [D]
 * @param b       of a's shape
 * @param target  1 or −1: [N] or []
 */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor {
  const op = "cosineEmbeddingLoss";
  const { reduction = "mean", margin = 0 } = options;
  checkSameShape(op, "a", a, "b", b);
  checkTensor(op, "target", target);
  if ((a.rank !== 1 && a.rank !== 2) || !sameShape(target.shape, a.shape.slice(0, -1))) {
    throw new ShapeError(
      `${op}: a is ${formatShape(a.shape)} and target ${formatShape(target.shape)}; they must be [N, D] and [N], or [D] and [].`,
    );
  }
  checkReduction(op, reduction);
  checkFinite(op, "margin", margin);
  // As PyTorch's: keeps the quotient finite for zeros.
  const eps = 1e-12;
  const squares = mul(add(sum(square(a), -1), eps), add(sum(square(b), -1), eps));
  const cosine = div(sum(mul(a, b), -1), sqrt(squares));
  const alike = where(eq(target, 1), sub(1, cosine), 0);
  return reduced(add(alike, where(eq(target, -1), clamp(sub(cosine, margin), 0), 0)), reduction);
}

/** ‖a − b + ε‖ₚ over the last axis. */
function distance(a: Tensor, b: Tensor, p: number, eps: number): Tensor {
  const d = add(sub(a, b), eps);
  if (p === 1) return sum(abs(d), -1);
  if (p === 2) return sqrt(sum(square(d), -1));
  if (p === Infinity) return amax(abs(d), -1);
  return pow(sum(pow(abs(d), p), -1), 1 / p);
}

/**
 * max(0, d(anchor, positive) − d(anchor, negative) + margin), with d the p-norm of the difference over the last axis.
 *
 * Balntas et al., Learning local feature descriptors with triplets, BMVC 2016.
 *
 * @param options.p     above 0, or Infinity. Default 2.
 * @param options.swap  measure the negative from whichever of anchor and positive is nearer. Default false.
 * @param options.eps   added to each difference. Default 1e-6.
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: LossOptions & { margin?: number; p?: number; swap?: boolean; eps?: number } = {},
): Tensor {
  const op = "tripletMarginLoss";
  const { reduction = "mean", margin = 1, p = 2, swap = false, eps = 1e-6 } = options;
  checkSameShape(op, "anchor", anchor, "positive", positive);
  checkSameShape(op, "anchor", anchor, "negative", negative);
  if (anchor.rank === 0) throw new ShapeError(`${op}: anchor is []; it must be [..., D].`);
  checkReduction(op, reduction);
  checkFinite(op, "margin", margin);
  checkFinite(op, "eps", eps);
  checkFlag(op, "swap", swap);
  if (!(p > 0)) throw new ValueError(`${op}: p is ${p}; it must be above 0.`);
  const near = distance(anchor, positive, p, eps);
  const far = distance(anchor, negative, p, eps);
  const nearest = swap ? minimum(far, distance(positive, negative, p, eps)) : far;
  return reduced(clamp(add(sub(near, nearest), margin), 0), reduction);
}
