/** Losses that compare a prediction with a target element by element. */
import { checkTensor } from "../apply.ts";
import { everyElement, firstOutside } from "../batched.ts";
import { checkAtLeast, checkFlag } from "../check.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import { numberTensor, type Tensor } from "../tensor.ts";
import { eq, gt, lt, where } from "./compare.ts";
import { abs, add, div, exp, log, maximum, mul, neg, square, sub } from "./elementwise.ts";
import { detach, unsqueeze } from "./layout.ts";
import { sum } from "./reduce.ts";
import {
  checkReduction,
  checkSameShape,
  type LossOptions,
  type Reduction,
  reduced,
} from "./reduction.ts";
import { logaddexp } from "./special.ts";
import { withScratch } from "./windows.ts";

/**
 * Squared error (prediction − target)², elementwise.
 *
 * @returns  the mean over all elements, their sum, or the elements
 * @throws   ShapeError unless the shapes are equal
 */
export function mseLoss(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction = "mean" } = options;
  checkSameShape("mseLoss", "prediction", prediction, "target", target);
  checkReduction("mseLoss", reduction);
  return reduced(square(sub(prediction, target)), reduction);
}

/** Absolute error |prediction − target|, elementwise; its derivative at 0 is 0. As {@link mseLoss}. */
export function l1Loss(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction = "mean" } = options;
  checkSameShape("l1Loss", "prediction", prediction, "target", target);
  checkReduction("l1Loss", reduction);
  return reduced(abs(sub(prediction, target)), reduction);
}

/**
 * d²/(2β) where d = |prediction − target| is below β, else d − β/2: a parabola whose arms go on straight.
 *
 * Girshick, Fast R-CNN, ICCV 2015, equation 3. β = 0 is {@link l1Loss}.
 */
export function smoothL1Loss(
  prediction: Tensor,
  target: Tensor,
  options: LossOptions & { beta?: number } = {},
): Tensor {
  const { reduction = "mean", beta = 1 } = options;
  checkSameShape("smoothL1Loss", "prediction", prediction, "target", target);
  checkReduction("smoothL1Loss", reduction);
  checkAtLeast("smoothL1Loss", "beta", beta, 0);
  if (beta === 0) return l1Loss(prediction, target, options);
  return reduced(div(huber(prediction, target, beta), beta), reduction);
}

/** d²/2 where d = |prediction − target| is at most δ, else δ(d − δ/2): δ times {@link smoothL1Loss}. */
export function huberLoss(
  prediction: Tensor,
  target: Tensor,
  options: LossOptions & { delta?: number } = {},
): Tensor {
  const { reduction = "mean", delta = 1 } = options;
  checkSameShape("huberLoss", "prediction", prediction, "target", target);
  checkReduction("huberLoss", reduction);
  checkAtLeast("huberLoss", "delta", delta, 0, true);
  return reduced(huber(prediction, target, delta), reduction);
}

function huber(prediction: Tensor, target: Tensor, delta: number): Tensor {
  const difference = sub(prediction, target);
  const distance = abs(difference);
  const inner = mul(square(difference), 0.5);
  return where(lt(distance, delta), inner, mul(sub(distance, delta / 2), delta));
}

// ---------------------------------------------------------------------------------------------
// Binary cross-entropy

/** Logarithms no lower than this, as PyTorch's: the loss of a certain, wrong prediction is 100. */
const LOWEST_LOG = -100;
/** Bounds the derivative at the predictions 0 and 1, as PyTorch's. */
const LEAST_VARIANCE = 1e-12;

export const binaryCrossEntropyOp = defineOp({
  name: "binaryCrossEntropy",
  inputs: ["prediction", "target"],
  domain: "float",
  shape: ({ prediction, target }) =>
    broadcastShapes("binaryCrossEntropy", prediction.shape, target.shape),
  forward: ({ prediction, target }, y, kernels) => {
    const lowest = numberTensor(LOWEST_LOG, y.dtype);
    const one = numberTensor(1, y.dtype);
    // y = −t·ln p − (1 − t)·ln(1 − p), the second part first.
    withScratch(y.shape, y.dtype, (part) => {
      kernels.binary("sub", one, prediction, y);
      kernels.unary("log", y, y);
      kernels.binary("maximum", y, lowest, y);
      kernels.binary("sub", target, one, part);
      kernels.binary("mul", y, part, y);
      kernels.unary("log", prediction, part);
      kernels.binary("maximum", part, lowest, part);
      kernels.binary("mul", part, target, part);
      kernels.binary("sub", y, part, y);
    });
  },
  saves: ["prediction", "target"],
  batch: "broadcast",
  grad: {
    prediction: (dy, { prediction: p, target }) =>
      dy.mul(p.sub(target)).div(maximum(p.mul(p.neg().add(1)), LEAST_VARIANCE)),
    target: (dy, { prediction: p }) =>
      dy.mul(maximum(p.neg().add(1).log(), LOWEST_LOG).sub(maximum(p.log(), LOWEST_LOG))),
  },
  tex: {
    y: "-t\\ln p - (1-t)\\ln(1-p)",
    prediction: "(p - t) / (p(1 - p))",
    target: "\\ln(1-p) - \\ln p",
  },
  kinks: "At p = 0 or 1 the divisor is 10⁻¹²; the logarithms stop at −100.",
});

/** Options of {@link binaryCrossEntropy} and {@link binaryCrossEntropyWithLogits}. */
export interface BinaryOptions extends LossOptions {
  /** Multiplies the losses; broadcastable with them. */
  weight?: Tensor | null;
}

function weighted(losses: Tensor, weight: Tensor | null | undefined): Tensor {
  if (!weight) return losses;
  return mul(losses, weight);
}

function checkFactor(op: string, name: string, factor: Tensor | null | undefined, x: Tensor): void {
  if (factor === null || factor === undefined) return;
  checkTensor(op, name, factor);
  if (!sameShape(broadcastShapes(op, factor.shape, x.shape), x.shape)) {
    throw new ShapeError(
      `${op}: ${name} is ${formatShape(factor.shape)}; it must broadcast to the prediction's ${formatShape(x.shape)}.`,
    );
  }
}

/**
 * −target·ln(prediction) − (1 − target)·ln(1 − prediction), the logarithms no lower than −100.
 *
 * @param prediction  float, probabilities from 0 to 1
 * @param target      of the same shape, 0 to 1
 * @throws ShapeError unless the shapes are equal, ValueError for a prediction outside [0, 1]
 */
export function binaryCrossEntropy(
  prediction: Tensor,
  target: Tensor,
  options: BinaryOptions = {},
): Tensor {
  const op = "binaryCrossEntropy";
  const { reduction = "mean", weight } = options;
  checkSameShape(op, "prediction", prediction, "target", target);
  checkReduction(op, reduction);
  checkFactor(op, "weight", weight, prediction);
  const outside = firstOutside(prediction, 0, 1);
  if (outside >= 0) {
    throw new ValueError(
      `${op}: prediction ${everyElement(prediction)[outside]} at position ${outside} is no probability; it must be from 0 to 1. For logits use binaryCrossEntropyWithLogits.`,
    );
  }
  return reduced(weighted(binaryCrossEntropyOp(prediction, target), weight), reduction);
}

/**
 * Binary cross-entropy of p = σ(logits), without overflow:
 * posWeight·target·ln(1 + e^−x) + (1 − target)·ln(1 + eˣ).
 *
 * @param logits             float
 * @param target             of the same shape, 0 to 1
 * @param options.posWeight  weighs positive targets; broadcastable with the logits
 */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  options: BinaryOptions & { posWeight?: Tensor | null } = {},
): Tensor {
  const op = "binaryCrossEntropyWithLogits";
  const { reduction = "mean", weight, posWeight } = options;
  checkSameShape(op, "logits", logits, "target", target);
  checkReduction(op, reduction);
  checkFactor(op, "weight", weight, logits);
  checkFactor(op, "posWeight", posWeight, logits);
  // With ln(1 + eˣ) = x + ln(1 + e^−x): (1 − t)·x + (1 + (posWeight − 1)·t)·ln(1 + e^−x).
  const soft = logaddexp(neg(logits), 0);
  const factor = posWeight ? add(mul(sub(posWeight, 1), target), 1) : null;
  const losses = add(mul(sub(1, target), logits), factor === null ? soft : mul(factor, soft));
  return reduced(weighted(losses, weight), reduction);
}

/** ln(1 + e^(−target·x)) with targets −1 and 1. */
export function softMarginLoss(x: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction = "mean" } = options;
  checkSameShape("softMarginLoss", "x", x, "target", target);
  checkReduction("softMarginLoss", reduction);
  return reduced(logaddexp(neg(mul(x, target)), 0), reduction);
}

// ---------------------------------------------------------------------------------------------
// Likelihoods and divergences

/**
 * Kullback–Leibler divergence, elementwise: target·(ln target − x), with x = ln of the prediction; 0 where target is 0.
 *
 * @param x                  float: log-probabilities
 * @param target             of the same shape: probabilities, or their logarithms with `logTarget`
 * @param options.reduction  also "batchmean", the sum over the first axis' size: the divergence itself. Default "mean".
 */
export function klDiv(
  x: Tensor,
  target: Tensor,
  options: { reduction?: Reduction | "batchmean"; logTarget?: boolean } = {},
): Tensor {
  const { reduction = "mean", logTarget = false } = options;
  checkSameShape("klDiv", "x", x, "target", target);
  checkReduction("klDiv", reduction, ["mean", "batchmean", "sum", "none"]);
  checkFlag("klDiv", "logTarget", logTarget);
  const losses = logTarget
    ? mul(exp(target), sub(target, x))
    : sub(entropy(target), mul(target, x));
  if (reduction !== "batchmean") return reduced(losses, reduction);
  return div(sum(losses), x.rank === 0 ? 1 : x.shape[0]!);
}

/** t·ln t, and 0 at 0, where the gradient is 0 too; that of xlogy(t, t) is infinite. */
function entropy(t: Tensor): Tensor {
  const isZero = eq(t, 0);
  return where(isZero, 0, mul(t, log(where(isZero, 1, t))));
}

/**
 * Negative log-likelihood of counts from a Poisson distribution with rate eˣ (or x): eˣ − target·x, or
 * x − target·ln(x + ε).
 *
 * @param options.logInput  whether x is the rate's logarithm. Default true.
 * @param options.full      add Stirling's approximation of ln(target!) for targets above 1. Default false.
 */
export function poissonNllLoss(
  x: Tensor,
  target: Tensor,
  options: LossOptions & { logInput?: boolean; full?: boolean; eps?: number } = {},
): Tensor {
  const op = "poissonNllLoss";
  const { reduction = "mean", logInput = true, full = false, eps = 1e-8 } = options;
  checkSameShape(op, "x", x, "target", target);
  checkReduction(op, reduction);
  checkFlag(op, "logInput", logInput);
  checkFlag(op, "full", full);
  checkAtLeast(op, "eps", eps, 0);
  const losses = logInput ? sub(exp(x), mul(target, x)) : sub(x, mul(target, log(add(x, eps))));
  if (!full) return reduced(losses, reduction);
  // ln t! ≈ t·ln t − t + ½ ln(2πt)
  const large = gt(target, 1);
  const t = where(large, target, 1);
  const stirling = add(sub(mul(t, log(t)), t), mul(log(mul(t, 2 * Math.PI)), 0.5));
  return reduced(add(losses, where(large, stirling, 0)), reduction);
}

/**
 * Negative log-likelihood of a normal distribution: ½(ln v + (x − target)²/v) with v = max(variance, ε).
 *
 * @param variance      of x's shape, or with last size 1, or without the last axis
 * @param options.full  add ½ ln 2π. Default false.
 * @throws ShapeError, ValueError for a negative variance
 */
export function gaussianNllLoss(
  x: Tensor,
  target: Tensor,
  variance: Tensor,
  options: LossOptions & { full?: boolean; eps?: number } = {},
): Tensor {
  const op = "gaussianNllLoss";
  const { reduction = "mean", full = false, eps = 1e-6 } = options;
  checkSameShape(op, "x", x, "target", target);
  checkTensor(op, "variance", variance);
  checkReduction(op, reduction);
  checkFlag(op, "full", full);
  checkAtLeast(op, "eps", eps, 0, true);
  const lead = x.shape.slice(0, -1);
  const perRow = x.rank > 0 && sameShape(variance.shape, lead) && !sameShape(lead, x.shape);
  const given = perRow ? unsqueeze(variance, -1) : variance;
  if (!sameShape(given.shape, x.shape) && !sameShape(given.shape, [...lead, 1])) {
    throw new ShapeError(
      `${op}: variance is ${formatShape(variance.shape)} and x ${formatShape(x.shape)}; variance must have x's shape, that with last size 1, or that without the last axis.`,
    );
  }
  if (!isFloat(variance.dtype)) {
    throw new DTypeError(`${op}: variance is ${variance.dtype}; it must be float32 or float64.`);
  }
  const negative = firstOutside(variance, 0, Infinity);
  if (negative >= 0) {
    throw new ValueError(
      `${op}: variance ${everyElement(variance)[negative]} at position ${negative} is negative; it must not be.`,
    );
  }
  // Raised to ε without touching its gradient.
  const plain = detach(given);
  const v = add(given, sub(maximum(plain, eps), plain));
  const losses = mul(add(log(v), div(square(sub(x, target)), v)), 0.5);
  return reduced(full ? add(losses, Math.log(2 * Math.PI) / 2) : losses, reduction);
}
