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

  velocity:
    ([p, g, v], [lr, weightDecay, momentum, nesterov]) =>
    (i) => {
      const push = lr * (g[i] + weightDecay * p[i]);
      const next = momentum * v[i] - push;
      v[i] = next;
      p[i] += nesterov ? momentum * next - push : next;
    },

  lion:
    ([p, g, m], [lr, weightDecay, beta1, beta2]) =>
    (i) => {
      const step = lr * signOf(beta1 * m[i] + (1 - beta1) * g[i]);
      m[i] = beta2 * m[i] + (1 - beta2) * g[i];
      p[i] = (1 - lr * weightDecay) * p[i] - step;
    },

  rprop:
    ([p, g, before, size], [shrink, grow, low, high]) =>
    (i) => {
      const agreement = signOf(g[i] * before[i]);
      const factor = agreement > 0 ? grow : agreement < 0 ? shrink : 1;
      size[i] = Math.min(Math.max(size[i] * factor, low), high);
      before[i] = agreement < 0 ? 0 : g[i];
      p[i] -= signOf(before[i]) * size[i];
    },

  lerp:
    ([y, x], [weight]) =>
    (i) => {
      y[i] += weight * (x[i] - y[i]);
    },

  rmsprop: ([p, g, v], hyper) => rootMeanSquare(p, g, v, null, null, hyper),
  rmspropCentered: ([p, g, v, mean], hyper) => rootMeanSquare(p, g, v, mean, null, hyper),
  rmspropMomentum: ([p, g, v, buf], hyper) => rootMeanSquare(p, g, v, null, buf, hyper),
  rmspropCenteredMomentum: ([p, g, v, mean, buf], hyper) =>
    rootMeanSquare(p, g, v, mean, buf, hyper),

  adadelta:
    ([p, g, v, u], [lr, weightDecay, rho, eps]) =>
    (i) => {
      const slope = g[i] + weightDecay * p[i];
      const square = rho * v[i] + (1 - rho) * slope * slope;
      v[i] = square;
      const step = (Math.sqrt(u[i] + eps) / Math.sqrt(square + eps)) * slope;
      u[i] = rho * u[i] + (1 - rho) * step * step;
      p[i] -= lr * step;
    },

  adam: ([p, g, m, v], hyper) => moments(p, g, m, v, null, hyper),
  amsgrad: ([p, g, m, v, top], hyper) => moments(p, g, m, v, top, hyper),

  adamax:
    ([p, g, m, u], [rate, weightDecay, beta1, beta2, eps]) =>
    (i) => {
      const slope = g[i] + weightDecay * p[i];
      const mean = beta1 * m[i] + (1 - beta1) * slope;
      const most = Math.max(beta2 * u[i], Math.abs(slope) + eps);
      m[i] = mean;
      u[i] = most;
      p[i] -= (rate * mean) / most;
    },
};

/** 0 at NaN. */
function signOf(x: number): number {
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}

function rootMeanSquare(
  p: TypedArray,
  g: TypedArray,
  v: TypedArray,
  mean: TypedArray | null,
  buf: TypedArray | null,
  [lr, weightDecay, keep, gain, eps, momentum]: readonly number[],
): (i: number) => void {
  return (i) => {
    const slope = g[i] + weightDecay * p[i];
    const square = keep * v[i] + gain * slope * slope;
    v[i] = square;
    let spread = square;
    if (mean !== null) {
      const center = keep * mean[i] + gain * slope;
      mean[i] = center;
      spread -= center * center;
    }
    const step = slope / (Math.sqrt(spread) + eps);
    if (buf === null) {
      p[i] -= lr * step;
      return;
    }
    const velocity = momentum * buf[i] + step;
    buf[i] = velocity;
    p[i] -= lr * velocity;
  };
}

function moments(
  p: TypedArray,
  g: TypedArray,
  m: TypedArray,
  v: TypedArray,
  top: TypedArray | null,
  [weightDecay, beta1, beta2, eps, shrink, gradRate, meanRate, scale]: readonly number[],
): (i: number) => void {
  return (i) => {
    const slope = g[i] + weightDecay * p[i];
    const mean = beta1 * m[i] + (1 - beta1) * slope;
    let square = beta2 * v[i] + (1 - beta2) * slope * slope;
    m[i] = mean;
    v[i] = square;
    if (top !== null) {
      square = Math.max(top[i], square);
      top[i] = square;
    }
    p[i] = shrink * p[i] - (gradRate * slope + meanRate * mean) / (Math.sqrt(square) * scale + eps);
  };
}
