/** Softmax and its logarithm. */
import { checkTensor } from "../apply.ts";
import { defineOp } from "../op.ts";
import { normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { withFrontAxis } from "./batching.ts";
import { directly, runsDirectly } from "./direct.ts";
import { exp, mul, neg, sub } from "./elementwise.ts";
import { reshape } from "./layout.ts";
import { sum } from "./reduce.ts";

export const softmaxOp = defineOp({
  name: "softmax",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels, axis: number) => kernels.softmax("softmax", x, axis, y),
  saves: ["y"],
  batch: withFrontAxis((axis) => axis + 1),
  grad: {
    // ∂yᵢ/∂xⱼ = yᵢ([i = j] − yⱼ)  ⇒  dx = y ⊙ (dy − Σ dy ⊙ y)
    x: (dy, { y }, axis) =>
      runsDirectly(dy, y)
        ? directly(y.form.fresh, (dx, kernels) => kernels.softmaxGrad("softmax", y, axis, dy, dx))
        : mul(y, sub(dy, sum(mul(dy, y), axis, { keepdim: true }))),
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
  batch: withFrontAxis((axis) => axis + 1),
  grad: {
    // ∂yᵢ/∂xⱼ = [i = j] − softmax(x)ⱼ
    x: (dy, { y }, axis) =>
      runsDirectly(dy, y)
        ? directly(y.form.fresh, (dx, kernels) =>
            kernels.softmaxGrad("logSoftmax", y, axis, dy, dx),
          )
        : sub(dy, mul(exp(y), sum(dy, axis, { keepdim: true }))),
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
