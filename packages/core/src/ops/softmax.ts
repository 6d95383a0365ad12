/** Softmax and the losses built on it. */
import { checkTensor } from "../apply.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes, formatShape, normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { ne, where } from "./compare.ts";
import { div, exp, mul, neg, square, sub } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { reshape, to } from "./layout.ts";
import { mean, sum } from "./reduce.ts";

export const softmaxOp = defineOp({
  name: "softmax",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels, axis: number) => kernels.softmax("softmax", x, axis, y),
  saves: ["y"],
  grad: {
    // ∂yᵢ/∂xⱼ = yᵢ([i = j] − yⱼ)  ⇒  dx = y ⊙ (dy − Σ dy ⊙ y)
    x: (dy, { y }, axis) => mul(y, sub(dy, sum(mul(dy, y), axis, { keepdim: true }))),
  },
  tex: { y: "e^{x_i} / \\sum_j e^{x_j}", x: "y_i([i=j] - y_j)" },
});

/** yᵢ = eˣⁱ / Σⱼ eˣʲ along the axis (the last by default); the maximum is subtracted first. */
export function softmax(x: Tensor, axis = -1): Tensor {
  checkTensor("softmax", "x", x);
  if (x.rank === 0) return reshape(softmax(reshape(x, [1]), axis), []);
  return softmaxOp(x, normalizeAxis("softmax", axis, x.rank));
}

export const logSoftmaxOp = defineOp({
  name: "logSoftmax",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels, axis: number) => kernels.softmax("logSoftmax", x, axis, y),
  saves: ["y"],
  grad: {
    // ∂yᵢ/∂xⱼ = [i = j] − softmax(x)ⱼ
    x: (dy, { y }, axis) => sub(dy, mul(exp(y), sum(dy, axis, { keepdim: true }))),
  },
  tex: { y: "x_i - \\ln\\sum_j e^{x_j}", x: "[i=j] - \\mathrm{softmax}(x)_j" },
});

/** yᵢ = xᵢ − ln Σⱼ eˣʲ along the axis (the last by default), without overflow. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  checkTensor("logSoftmax", "x", x);
  if (x.rank === 0) return reshape(logSoftmax(reshape(x, [1]), axis), []);
  return logSoftmaxOp(x, normalizeAxis("logSoftmax", axis, x.rank));
}

/** yᵢ = e⁻ˣⁱ / Σⱼ e⁻ˣʲ along the axis (the last by default): softmax(−x). */
export function softmin(x: Tensor, axis = -1): Tensor {
  checkTensor("softmin", "x", x);
  return softmax(neg(x), axis);
}

export type Reduction = "mean" | "sum" | "none";

function reduced(name: string, losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === "mean") return mean(losses);
  if (reduction === "sum") return sum(losses);
  if (reduction === "none") return losses;
  throw new ValueError(`${name}: unknown reduction "${reduction}"; known are mean, sum and none.`);
}

export interface CrossEntropyOptions {
  /** Default "mean". */
  reduction?: Reduction;
  /** Rows with this target count neither in the sum nor in the mean. Default −100. */
  ignoreIndex?: number;
}

/**
 * Softmax cross-entropy: −ln softmax(logits)[target] per row.
 *
 * @param logits  float, [N, C]: unnormalised scores
 * @param target  int32 or uint8, [N]: a class in [0, C) per row; or float [N, C]: probabilities
 * @returns       the mean over the rows (over those not ignored), their sum, or [N]
 * @throws        ShapeError if the shapes don't meet, IndexError for a class outside [0, C)
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  checkTensor("crossEntropy", "logits", logits);
  checkTensor("crossEntropy", "target", target);
  const { reduction = "mean", ignoreIndex = -100 } = options;
  if (logits.rank !== 2) {
    throw new ShapeError(
      `crossEntropy: logits are ${formatShape(logits.shape)}; they must be [N, C]: rows of class scores.`,
    );
  }
  const [rows, classes] = logits.shape as [number, number];
  const logProbabilities = logSoftmax(logits, 1);
  if (isFloat(target.dtype)) {
    if (target.rank !== 2 || target.shape[0] !== rows || target.shape[1] !== classes) {
      throw new ShapeError(
        `crossEntropy: logits are ${formatShape(logits.shape)} and target probabilities ${formatShape(target.shape)}; they must be equal.`,
      );
    }
    return reduced(
      "crossEntropy",
      neg(sum(mul(to(target, logits.dtype), logProbabilities), 1)),
      reduction,
    );
  }
  if (target.dtype === "bool")
    throw new DTypeError(
      "crossEntropy: the target is bool; it must be int32 classes or float probabilities.",
    );
  if (target.rank !== 1 || target.shape[0] !== rows) {
    throw new ShapeError(
      `crossEntropy: logits are ${formatShape(logits.shape)} and target ${formatShape(target.shape)}; target classes must be [${rows}], one per row.`,
    );
  }
  const chosen = to(target, "int32");
  const list = chosen.data();
  const wrong = list.findIndex((c) => c !== ignoreIndex && (c < 0 || c >= classes));
  if (wrong >= 0) {
    throw new IndexError(
      `crossEntropy: target ${list[wrong]} of row ${wrong} is no class; ${classes} scores a row make classes 0 to ${classes - 1}.`,
    );
  }
  let counted = 0;
  for (const c of list) if (c !== ignoreIndex) counted++;
  const keeps = ne(chosen, ignoreIndex);
  const safe = counted === rows ? chosen : where(keeps, chosen, 0);
  const picked = neg(reshape(gather(logProbabilities, 1, reshape(safe, [rows, 1])), [rows]));
  const losses = counted === rows ? picked : where(keeps, picked, 0);
  return reduction === "mean"
    ? div(sum(losses), counted)
    : reduced("crossEntropy", losses, reduction);
}

/**
 * Squared error (prediction − target)², elementwise.
 *
 * @returns  the mean over all elements, their sum, or the elements
 * @throws   ShapeError unless the shapes are equal
 */
export function mseLoss(
  prediction: Tensor,
  target: Tensor,
  options: { reduction?: Reduction } = {},
): Tensor {
  checkTensor("mseLoss", "prediction", prediction);
  checkTensor("mseLoss", "target", target);
  if (formatShape(prediction.shape) !== formatShape(target.shape)) {
    broadcastShapes("mseLoss", prediction.shape, target.shape);
    throw new ShapeError(
      `mseLoss: prediction is ${formatShape(prediction.shape)} and target ${formatShape(target.shape)}; they must be equal: reshape or expand one of them.`,
    );
  }
  return reduced("mseLoss", square(sub(prediction, target)), options.reduction ?? "mean");
}
