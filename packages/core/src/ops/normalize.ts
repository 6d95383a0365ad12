/** Normalizations: zero mean and unit variance over a batch, a layer, a group or an instance. */
import { checkTensor } from "../apply.ts";
import { checkAtLeast, checkFinite, checkFlag } from "../check.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { formatShape, reducedShape, type Shape, sameShape, sizeOf } from "../shape.ts";
import { noGrad } from "../tape.ts";
import { numberTensor, type Tensor } from "../tensor.ts";
import { overNext } from "./batching.ts";
import { add, div, mul, pow, sqrt, square, sub } from "./elementwise.ts";
import { reshape } from "./layout.ts";
import { pad } from "./pad.ts";
import { mean, sum } from "./reduce.ts";
import { perAxis, windowsOp, withScratch } from "./windows.ts";

interface Standardized {
  /** What meets in one mean. */
  axes: readonly number[];
  eps: number;
}

/**
 * normalized = (x − μ) / √(σ² + ε), with μ and the biased variance σ² over some axes, which they keep with
 * size 1. Two passes over x: no digits are lost where μ is much larger than σ.
 */
export const standardize = defineOp({
  name: "standardize",
  inputs: ["x"],
  outputs: ["normalized", "mean", "variance"],
  domain: "float",
  shapes: ({ x }, { axes }: Standardized) => {
    const small = { shape: reducedShape(x.shape, axes, true) };
    return { normalized: { shape: x.shape }, mean: small, variance: small };
  },
  forwardAll: ({ x }, { normalized, mean, variance }, kernels, { axes, eps }) => {
    const count = numberTensor(sizeOf(axes.map((axis) => x.shape[axis]!)), x.dtype);
    kernels.reduce("sum", x, mean);
    kernels.binary("div", mean, count, mean);
    kernels.binary("sub", x, mean, normalized);
    withScratch(x.shape, x.dtype, (squares) => {
      kernels.unary("square", normalized, squares);
      kernels.reduce("sum", squares, variance);
    });
    kernels.binary("div", variance, count, variance);
    withScratch(variance.shape, x.dtype, (deviation) => {
      kernels.binary("add", variance, numberTensor(eps, x.dtype), deviation);
      kernels.unary("sqrt", deviation, deviation);
      kernels.binary("div", normalized, deviation, normalized);
    });
  },
  saves: ["normalized", "variance"],
  batch: overNext(),
  grad: {
    // With z = (x − μ)/s and s = √(σ² + ε), over n elements: ∂μ/∂xⱼ = 1/n, ∂σ²/∂xⱼ = 2(xⱼ − μ)/n = 2s·zⱼ/n,
    // ∂zᵢ/∂xⱼ = ([i = j] − 1/n − zᵢzⱼ/n)/s. Sums over i are means; what μ and σ² receive joins them.
    x: (dy, { normalized, variance }, { axes, eps }) => {
      const count = sizeOf(axes.map((axis) => normalized.shape[axis]!));
      const average = (t: Tensor) => mean(t, axes, { keepdim: true });
      const s = variance.add(eps).sqrt();
      const shift = average(dy.normalized).sub(dy.mean.mul(s).div(count));
      const stretch = average(dy.normalized.mul(normalized)).sub(
        dy.variance.mul(s.square()).mul(2 / count),
      );
      return dy.normalized.sub(shift).sub(normalized.mul(stretch)).div(s);
    },
  },
  tex: {
    y: "z = (x - \\mu) / \\sqrt{\\sigma^2 + \\varepsilon},\\ \\mu,\\ \\sigma^2",
    x: "([i = j] - 1/n - z_i z_j / n) / \\sqrt{\\sigma^2 + \\varepsilon}",
  },
});

/** An optional float tensor of a given shape. */
function checkPart(
  op: string,
  name: string,
  part: Tensor | null | undefined,
  shape: Shape,
  why: string,
): void {
  if (part === null || part === undefined) return;
  checkTensor(op, name, part);
  if (!sameShape(part.shape, shape)) {
    throw new ShapeError(
      `${op}: ${name} is ${formatShape(part.shape)}; it must be ${formatShape(shape)}, ${why}.`,
    );
  }
  if (!isFloat(part.dtype)) {
    throw new DTypeError(`${op}: ${name} is ${part.dtype}; it must be float32 or float64.`);
  }
}

/** Scale and shift of what was normalized. */
export interface Affine {
  /** Multiplies the normalized values. */
  weight?: Tensor | null;
  /** Is added last. */
  bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

/** y · weight + bias, both reshaped to `shape`. */
function affine(y: Tensor, { weight, bias }: Affine, shape: Shape): Tensor {
  const scaled = weight ? mul(y, reshape(weight, shape)) : y;
  return bias ? add(scaled, reshape(bias, shape)) : scaled;
}

/** [1, C, 1, …]: numbers per channel beside x. */
function perChannel(x: Tensor): number[] {
  return x.shape.map((size, i) => (i === 1 ? size : 1));
}

function checkChannels(op: string, x: Tensor, rank: number): number {
  if (x.rank < rank) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)}; it must be [N, C, …] with at least ${rank} axes.`,
    );
  }
  return x.shape[1]!;
}

/** What {@link batchNorm} and {@link instanceNorm} remember between calls, and change in place. */
export interface RunningStatistics {
  /** float, [C]: estimates of mean and (unbiased) variance, updated in place in training. */
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** PyTorch's: running = (1 − momentum)·running + momentum·batch. CS231n's is 1 minus this. Default 0.1. */
  momentum?: number;
}

/** Options of {@link batchNorm}. */
export interface BatchNormOptions extends Affine, RunningStatistics {
  /** Whether the batch's own statistics normalize (and move the running ones). Default false. */
  training?: boolean;
}

function checkRunning(
  op: string,
  { runningMean, runningVar, momentum = 0.1 }: RunningStatistics,
  channels: number,
): void {
  checkPart(op, "runningMean", runningMean, [channels], "one number per channel");
  checkPart(op, "runningVar", runningVar, [channels], "one number per channel");
  if (!(momentum >= 0 && momentum <= 1)) {
    throw new ValueError(`${op}: momentum is ${momentum}; it must be from 0 to 1.`);
  }
}

/** Moves the running statistics towards the batch's; `count` elements met in each of its means. */
function updateRunning(
  { runningMean, runningVar, momentum = 0.1 }: RunningStatistics,
  batchMean: Tensor,
  variance: Tensor,
  count: number,
): void {
  noGrad(() => {
    if (runningMean) runningMean.mul_(1 - momentum).add_(batchMean.mul(momentum));
    if (runningVar) {
      runningVar.mul_(1 - momentum).add_(variance.mul((momentum * count) / (count - 1)));
    }
  });
}

/** (x − runningMean) / √(runningVar + ε), per channel. */
function byRunning(op: string, x: Tensor, options: RunningStatistics & Affine, flag: string) {
  const { runningMean, runningVar, eps = 1e-5 } = options;
  if (!runningMean || !runningVar) {
    throw new ValueError(
      `${op}: runningMean and runningVar are needed unless ${flag}; give both, or set it.`,
    );
  }
  const shape = perChannel(x);
  const deviation = sqrt(add(runningVar, eps));
  return div(sub(x, reshape(runningMean, shape)), reshape(deviation, shape));
}

/**
 * Batch normalization: y = (x − μ) / √(σ² + ε) · weight + bias, with μ and σ² per channel. In training they are
 * the batch's mean and biased variance, and the running statistics move towards its mean and unbiased variance;
 * otherwise they are the running statistics.
 *
 * Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithms 1 and 2.
 *
 * @param x  float, [N, C, …]
 * @returns  x's shape
 * @throws   ShapeError, DTypeError, ValueError; in training if each channel has one element only
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  const op = "batchNorm";
  checkTensor(op, "x", x);
  const { training = false, weight, bias, eps = 1e-5 } = options;
  const channels = checkChannels(op, x, 2);
  checkFlag(op, "training", training);
  checkAtLeast(op, "eps", eps, 0);
  checkPart(op, "weight", weight, [channels], "one number per channel");
  checkPart(op, "bias", bias, [channels], "one number per channel");
  checkRunning(op, options, channels);
  if (!training) {
    return affine(byRunning(op, x, options, "training is true"), options, perChannel(x));
  }
  const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const count = sizeOf(axes.map((axis) => x.shape[axis]!));
  if (count === 1) {
    throw new ShapeError(
      `batchNorm: x is ${formatShape(x.shape)}, one element per channel, which has no variance to train on; use a larger batch or training: false.`,
    );
  }
  const { normalized, mean: batchMean, variance } = standardize(x, { axes, eps });
  if (count > 0) {
    updateRunning(options, reshape(batchMean, [channels]), reshape(variance, [channels]), count);
  }
  return affine(normalized, options, perChannel(x));
}

/** Options of {@link instanceNorm}. */
export interface InstanceNormOptions extends Affine, RunningStatistics {
  /** Whether the instances' own statistics normalize, not the running ones. Default true. */
  useInputStats?: boolean;
}

/**
 * Instance normalization: as {@link batchNorm}, but each image's every channel has its own mean and variance.
 * Running statistics, if given, move towards the averages over the batch.
 *
 * Ulyanov et al., Instance Normalization: The Missing Ingredient for Fast Stylization, 2016.
 *
 * @param x  float, [N, C, …] with at least one spatial axis
 */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  const op = "instanceNorm";
  checkTensor(op, "x", x);
  const { useInputStats = true, weight, bias, eps = 1e-5 } = options;
  const channels = checkChannels(op, x, 3);
  checkFlag(op, "useInputStats", useInputStats);
  checkAtLeast(op, "eps", eps, 0);
  checkPart(op, "weight", weight, [channels], "one number per channel");
  checkPart(op, "bias", bias, [channels], "one number per channel");
  checkRunning(op, options, channels);
  if (!useInputStats) {
    return affine(byRunning(op, x, options, "useInputStats is true"), options, perChannel(x));
  }
  const axes = x.shape.map((_, i) => i).slice(2);
  const count = sizeOf(x.shape.slice(2));
  if (count === 1) {
    throw new ShapeError(
      `instanceNorm: x is ${formatShape(x.shape)}, one element per channel, which has no variance; use useInputStats: false.`,
    );
  }
  const { normalized, mean: means, variance } = standardize(x, { axes, eps });
  if (x.size > 0 && (options.runningMean || options.runningVar)) {
    const overBatch = (t: Tensor) => mean(reshape(t.detach(), [x.shape[0]!, channels]), 0);
    updateRunning(options, overBatch(means), overBatch(variance), count);
  }
  return affine(normalized, options, perChannel(x));
}

/**
 * Group normalization: as {@link batchNorm}, with mean and variance per image and group of channels.
 *
 * Wu and He, Group Normalization, ECCV 2018.
 *
 * @param x       float, [N, C, …]
 * @param groups  divides C; 1 normalizes all channels together
 */
export function groupNorm(x: Tensor, groups: number, options: Affine = {}): Tensor {
  const op = "groupNorm";
  checkTensor(op, "x", x);
  const { weight, bias, eps = 1e-5 } = options;
  const channels = checkChannels(op, x, 2);
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw new ValueError(
      `${op}: groups is ${groups}; it must be a whole number that divides x's ${channels} channels.`,
    );
  }
  checkAtLeast(op, "eps", eps, 0);
  checkPart(op, "weight", weight, [channels], "one number per channel");
  checkPart(op, "bias", bias, [channels], "one number per channel");
  const together = reshape(x, [x.shape[0]!, groups, sizeOf(x.shape.slice(1)) / groups]);
  const { normalized } = standardize(together, { axes: [2], eps });
  return affine(reshape(normalized, x.shape), options, perChannel(x));
}

/** The last axes of x, which `shape` must be. */
function lastAxes(op: string, x: Tensor, shape: number | readonly number[]): number[] {
  const sizes = perAxis(op, "normalizedShape", shape, Array.isArray(shape) ? shape.length : 1, 0);
  const lead = x.rank - sizes.length;
  if (sizes.length === 0 || lead < 0 || !sameShape(x.shape.slice(lead), sizes)) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)} and normalizedShape ${formatShape(sizes)}; it must be x's last sizes.`,
    );
  }
  return sizes.map((_, i) => lead + i);
}

/**
 * Layer normalization: y = (x − μ) / √(σ² + ε) · weight + bias, mean and biased variance over the last axes.
 *
 * Ba, Kiros and Hinton, Layer Normalization, 2016.
 *
 * @param x                float, [..., …normalizedShape]
 * @param normalizedShape  sizes of the axes that are normalized together; weight and bias have this shape
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  options: Affine = {},
): Tensor {
  const op = "layerNorm";
  checkTensor(op, "x", x);
  const { weight, bias, eps = 1e-5 } = options;
  const axes = lastAxes(op, x, normalizedShape);
  const shape = axes.map((axis) => x.shape[axis]!);
  checkAtLeast(op, "eps", eps, 0);
  checkPart(op, "weight", weight, shape, "the normalized shape");
  checkPart(op, "bias", bias, shape, "the normalized shape");
  return affine(standardize(x, { axes, eps }).normalized, options, shape);
}

/**
 * y = x / √(mean(x²) + ε) · weight over the last axes: layer normalization without centring.
 *
 * Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019.
 *
 * @param options.eps  default: the distance from 1 to the next number of x's dtype, as PyTorch's
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  options: Omit<Affine, "bias"> = {},
): Tensor {
  const op = "rmsNorm";
  checkTensor(op, "x", x);
  const axes = lastAxes(op, x, normalizedShape);
  const shape = axes.map((axis) => x.shape[axis]!);
  const { weight, eps = x.dtype === "float64" ? Number.EPSILON : 2 ** -23 } = options;
  checkAtLeast(op, "eps", eps, 0);
  checkPart(op, "weight", weight, shape, "the normalized shape");
  const root = sqrt(add(mean(square(x), axes, { keepdim: true }), eps));
  return affine(div(x, root), { weight: weight ?? null }, shape);
}

/**
 * y = x / (k + α·m)^β, with m the mean of x² over `size` neighbouring channels, zeros beyond the ends.
 *
 * Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012,
 * section 3.3; as PyTorch's, α scales the mean, not the sum.
 *
 * @param x  float, [N, C, …] with at least one spatial axis
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: { alpha?: number; beta?: number; k?: number } = {},
): Tensor {
  const op = "localResponseNorm";
  checkTensor(op, "x", x);
  const channels = checkChannels(op, x, 3);
  if (!Number.isInteger(size) || size < 1) {
    throw new ValueError(`${op}: size is ${size}; it must be a whole number of at least 1.`);
  }
  for (const [name, value] of Object.entries({ alpha, beta, k })) checkFinite(op, name, value);
  const places = sizeOf(x.shape.slice(2));
  const squares = reshape(square(x), [x.shape[0]!, 1, channels, places]);
  const around = pad(squares, [0, 0, Math.floor(size / 2), Math.floor((size - 1) / 2)]);
  const windows = windowsOp(around, {
    kernel: [size, 1],
    stride: [1, 1],
    dilation: [1, 1],
    output: [channels, places],
  });
  const means = reshape(div(sum(windows, [4, 5]), size), x.shape);
  return div(x, pow(add(mul(means, alpha), k), beta));
}
