/**
 * The softmax classifier, of CS231n's assignment 1.
 *
 * Notes: https://cs231n.github.io/linear-classify/#softmax
 */
import { logSoftmax, matmul, oneHot, tensor, train } from "tapegrad";
import { main } from "./common.ts";
import { type LossForms, linearLesson } from "./linear-classifier.ts";

/**
 * Lᵢ = −log p_yᵢ with pⱼ = exp sⱼ / Σ exp sₖ, hence ∂Lᵢ/∂sⱼ = pⱼ − 1(j = yᵢ). The largest score is subtracted first
 * ("Practical issues: Numeric stability"): it changes no probability, and exp can't overflow.
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
    const largest = Math.max(...scores);
    const exps = scores.map((score) => Math.exp(score - largest));
    const sum = exps.reduce((total, e) => total + e, 0);
    loss -= Math.log(exps[labels[i]] / sum);
    for (let c = 0; c < classes; c++) {
      const dScore = exps[c] / sum - (c === labels[i] ? 1 : 0);
      for (let d = 0; d < features; d++) {
        gradient[d * classes + c] += rows[i * features + d] * dScore;
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

/** The same as a few matrix expressions: dW = Xᵀ·(P − Y)/N. */
const vectorized: train.LinearLoss = (W, x, y, { reg = 0 } = {}) => {
  const n = y.size;
  const logP = logSoftmax(matmul(x, W), 1); // [N, C]
  const right = oneHot(y, W.shape[1]).to(W.dtype); // [N, C], 1 at each row's class
  const dScores = logP.exp().sub(right).div(n);
  return {
    loss: -logP.mul(right).sum().item() / n + reg * W.square().sum().item(),
    dW: matmul(x.transpose(), dScores).add(W.mul(2 * reg)),
  };
};

export const forms: LossForms = { naive, vectorized, taped: train.softmaxLossVectorized };

export const softmax = linearLesson(
  "A linear softmax classifier on CIFAR-10: naive, vectorized and by the tape; trained by SGD.",
  forms,
  { lrs: [1e-7, 2e-7], regs: [1e4, 2.5e4] },
);

await main(import.meta.url, softmax);
