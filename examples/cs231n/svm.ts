/**
 * The multiclass support vector machine, of CS231n's assignment 1.
 *
 * Notes: https://cs231n.github.io/linear-classify/#svm and https://cs231n.github.io/optimization-1/#analytic
 */
import { matmul, oneHot, tensor, train } from "tapegrad";
import { main } from "./common.ts";
import { type LossForms, linearLesson } from "./linear-classifier.ts";

/** Each wrong class's score should be below the right one's by at least this. */
const delta = 1;

/**
 * Lᵢ = Σ over j ≠ yᵢ of max(0, sⱼ − s_yᵢ + 1). Where a margin is violated, xᵢ is added to the gradient of the
 * wrong class's column and taken from that of the right one's.
 */
const naive: train.LinearLoss = (W, x, y, { reg = 0 } = {}) => {
  const [features, classes] = W.shape;
  const [w, rows, labels] = [W.data(), x.data(), y.data()];
  const gradient = new Float64Array(w.length);
  let loss = 0;
  for (let i = 0; i < labels.length; i++) {
    const scores = new Float64Array(classes);
    for (let d = 0; d < features; d++) {
      for (let c = 0; c < classes; c++) scores[c] += rows[i * features + d] * w[d * classes + c];
    }
    for (let c = 0; c < classes; c++) {
      const margin = scores[c] - scores[labels[i]] + delta;
      if (c === labels[i] || margin <= 0) continue;
      loss += margin;
      for (let d = 0; d < features; d++) {
        gradient[d * classes + c] += rows[i * features + d];
        gradient[d * classes + labels[i]] -= rows[i * features + d];
      }
    }
  }
  loss /= labels.length;
  for (let i = 0; i < w.length; i++) {
    loss += reg * w[i] * w[i];
    gradient[i] = gradient[i] / labels.length + 2 * reg * w[i];
  }
  return { loss, dW: tensor(gradient, { shape: W.shape, dtype: W.dtype }) };
};

/** The same as a few matrix expressions: dW = Xᵀ·dS, where dS counts violated margins. */
const vectorized: train.LinearLoss = (W, x, y, { reg = 0 } = {}) => {
  const n = y.size;
  const scores = matmul(x, W); // [N, C]
  const right = oneHot(y, W.shape[1]).to(W.dtype); // [N, C], 1 at each row's class
  const rightScore = scores.mul(right).sum(1, { keepdim: true }); // [N, 1]
  const margins = scores.sub(rightScore).add(delta).relu().mul(right.neg().add(1));
  const violated = margins.gt(0).to(W.dtype);
  const dScores = violated.sub(right.mul(violated.sum(1, { keepdim: true }))).div(n);
  return {
    loss: margins.sum().item() / n + reg * W.square().sum().item(),
    dW: matmul(x.transpose(), dScores).add(W.mul(2 * reg)),
  };
};

export const forms: LossForms = { naive, vectorized, taped: train.svmLossVectorized };

export const svm = linearLesson(
  "A linear support vector machine on CIFAR-10: naive, vectorized and by the tape; trained by SGD.",
  forms,
  { lrs: [5e-8, 1e-7], regs: [1e4, 2.5e4] },
);

await main(import.meta.url, svm);
