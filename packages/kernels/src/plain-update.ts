/** The optimizer steps of the plain twin; formulas in {@link Kernels.update}. */
import type { TypedArray, UpdateName } from "./interface.ts";

export function update(
  name: UpdateName,
  arrays: readonly TypedArray[],
  length: number,
  hyper: readonly number[],
): void {
  const step = steps[name](arrays, hyper);
  for (let i = 0; i < length; i++) step(i);
}

const steps: Readonly<
  Record<
    UpdateName,
    (arrays: readonly TypedArray[], hyper: readonly number[]) => (i: number) => void
  >
> = {
  sgd:
    ([p, g], [lr, weightDecay]) =>
    (i) => {
      p[i] -= lr * (g[i] + weightDecay * p[i]);
    },

  sgdMomentum:
    ([p, g, buf], [lr, weightDecay, momentum, dampening, nesterov, first]) =>
    (i) => {
      const slope = g[i] + weightDecay * p[i];
      const velocity = first ? slope : momentum * buf[i] + (1 - dampening) * slope;
      buf[i] = velocity;
      p[i] -= lr * (nesterov ? slope + momentum * velocity : velocity);
    },

  rmsprop:
    ([p, g, v], [lr, weightDecay, alpha, eps]) =>
    (i) => {
      const slope = g[i] + weightDecay * p[i];
      const square = alpha * v[i] + (1 - alpha) * slope * slope;
      v[i] = square;
      p[i] -= (lr * slope) / (Math.sqrt(square) + eps);
    },

  adam:
    ([p, g, m, v], [lr, weightDecay, beta1, beta2, eps, correction1, correction2, decoupled]) =>
    (i) => {
      const start = decoupled ? p[i] * (1 - lr * weightDecay) : p[i];
      const slope = decoupled ? g[i] : g[i] + weightDecay * p[i];
      const mean = beta1 * m[i] + (1 - beta1) * slope;
      const square = beta2 * v[i] + (1 - beta2) * slope * slope;
      m[i] = mean;
      v[i] = square;
      const deviation = Math.sqrt(square) / Math.sqrt(correction2) + eps;
      p[i] = start - ((lr / correction1) * mean) / deviation;
    },
};
