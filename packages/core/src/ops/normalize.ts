/** Normalizations: zero mean and unit variance over a batch, a layer, a group or an instance. */
import type { Channels, Slices } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import { checkAtLeast, checkFinite, checkFlag } from "../check.ts";
import { ones, zeros } from "../create.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape, sameShape, sizeOf } from "../shape.ts";
import { noGrad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { directly, runsDirectly, withPacked } from "./direct.ts";
import { add, div, mul, pow, reciprocal, sqrt, square, sub } from "./elementwise.ts";
import { expand, permute, reshape } from "./layout.ts";
import { pad } from "./pad.ts";
import { mean, sum } from "./reduce.ts";
import { perAxis, windowsOp } from "./windows.ts";

/** How an array is normalized: slice by slice, then scaled by channels. */
interface Normalized extends Slices, Channels {
  /** Whose mean and rstd these are: x's own, those of x about 0 ("root"), or others that are given. */
  statistics: "own" | "root" | "given";
  eps: number;
}

/** Mean and biased variance of every slice, and 1/√(variance + eps): constants to the tape. */
export const momentsOp = defineOp({
  name: "moments",
  inputs: ["x"],
  outputs: ["mean", "variance", "rstd"],
  domain: "float",
  shapes: (_, { b }: Slices & Pick<Normalized, "statistics" | "eps">) => {
    const each = { shape: [b] };
    return { mean: each, variance: each, rstd: each };
  },
  forwardAll: ({ x }, out, kernels, how) => {
    const centered = how.statistics === "own";
    withPacked([x], ([packed]) => kernels.moments(packed!, how, { centered, eps: how.eps }, out));
  },
  batch: ({ call, inputs, attrs, size }) => {
    const together = { ...attrs, b: size * attrs.b };
    const found = call([slicesOf(inputs[0]!, size, attrs)], together) as Record<string, Tensor>;
    return Object.fromEntries(
      Object.entries(found).map(([name, y]) => [name, reshape(y, [size, attrs.b])]),
    );
  },
  grad: { x: null },
  tex: { y: "\\mu,\\ \\sigma^2,\\ 1 / \\sqrt{\\sigma^2 + \\varepsilon}" },
});

/** All samples' slices side by side: [size, a·b·c] → [a, size·b, c]. */
function slicesOf(x: Tensor, size: number, { a, b, c }: Slices): Tensor {
  return reshape(permute(reshape(x, [size, a, b, c]), [1, 0, 2, 3]), [a, size * b, c]);
}

/**
 * The op y = z·weight + bias with z = (x − mean)·rstd under one of its names. In its rules mean and rstd are x's
 * own unless they are given: one kernel for the first derivative; tensor ops, from x on, for further ones.
 */
function normalizationOp(name: string) {
  return defineOp({
    name,
    inputs: ["x", "mean", "rstd", "weight", "bias"],
    domain: "float",
    shape: ({ x }) => x.shape,
    forward: ({ x, mean, rstd, weight, bias }, y, kernels, how: Normalized) => {
      withPacked([x, mean, rstd, weight, bias], ([v, m, r, w, shift]) =>
        kernels.normalize(v!, how, { mean: m!, rstd: r!, weight: w!, bias: shift! }, y),
      );
    },
    saves: ["x", "mean", "rstd", "weight"],
    batch: ({ call, inputs: [x, mean, rstd, weight, bias], batched, attrs, size }) => {
      const { b, channels, inner } = attrs;
      const statistics = [mean!, rstd!].map((t, i) =>
        reshape(batched[i + 1] ? t : expand(t, [size, b]), [size * b]),
      );
      const all = batched[0] ? x! : expand(x!, [size, ...x!.shape]);
      const shared = !batched[3] && !batched[4];
      const like = { dtype: all.dtype };
      const by = shared ? [weight!, bias!] : [ones([channels], like), zeros([channels], like)];
      const z = call([slicesOf(all, size, attrs), ...statistics, ...by], {
        ...attrs,
        b: size * b,
      }) as Tensor;
      const { a, c } = attrs;
      const parts = reshape(permute(reshape(z, [a, size, b, c]), [1, 0, 2, 3]), all.shape);
      if (shared) return parts;
      const [own, shift] = [weight!, bias!].map((t) => reshape(t, [-1, 1, channels, 1]));
      const channelwise = reshape(parts, [size, -1, channels, inner]);
      return reshape(add(mul(channelwise, own!), shift!), all.shape);
    },
    grad: {
      // z = (x − μ)/s over n elements: ∂zᵢ/∂xⱼ = ([i = j] − 1/n − zᵢzⱼ/n)/s, so with g = dy·weight
      // dx = (g − mean g − z·mean(g·z))/s. A μ that is 0, and given μ and s, don't depend on x.
      x: (dy, { x, mean, rstd, weight }, how) => {
        const centers = how.statistics === "own";
        const stretches = how.statistics !== "given";
        if (runsDirectly(dy, x, weight)) {
          return directly(x.form.fresh, (dx, kernels) =>
            withPacked([dy, x, weight], ([upstream, v, w]) => {
              const by = { mean, rstd, weight: w! };
              kernels.normalizeGrad(upstream!, v!, { ...how, centers, stretches }, by, dx);
            }),
          );
        }
        const { z, s } = standardized(x, mean, rstd, how);
        const scaled = mul(byChannel(dy, how), reshape(weight, [how.channels, 1]));
        const g = reshape(scaled, z.shape);
        const centred = centers ? sub(g, sliceMean(g)) : g;
        const rest = stretches ? sub(centred, mul(z, sliceMean(mul(g, z)))) : centred;
        return reshape(div(rest, s), x.shape);
      },
      mean: null,
      rstd: null,
      weight: (dy, { x, mean, rstd }, how) => {
        if (!runsDirectly(dy, x)) {
          const { z } = standardized(x, mean, rstd, how);
          return channelSum(mul(dy, reshape(z, x.shape)), how);
        }
        const product = directly(x.form.fresh, (y, kernels) =>
          withPacked([x, dy], ([v, upstream]) => {
            const each = { ...how, channels: x.size, inner: 1 };
            kernels.normalize(v!, each, { mean, rstd, weight: upstream!, bias: null }, y);
          }),
        );
        return channelSum(product, how);
      },
      bias: (dy, _, how) => channelSum(dy, how),
    },
    tex: {
      y: "z\\,w + b,\\ z = (x - \\mu) / \\sqrt{\\sigma^2 + \\varepsilon}",
      x: "w\\,([i = j] - 1/n - z_i z_j / n) / \\sqrt{\\sigma^2 + \\varepsilon}",
      weight: "z",
      bias: "1",
    },
  });
}

export const batchNormOp = normalizationOp("batchNorm");
export const layerNormOp = normalizationOp("layerNorm");
export const rmsNormOp = normalizationOp("rmsNorm");
export const groupNormOp = normalizationOp("groupNorm");
export const instanceNormOp = normalizationOp("instanceNorm");

/** Means of slices. */
function sliceMean(x: Tensor): Tensor {
  return mean(x, [0, 2], { keepdim: true });
}

/** z and √(variance + eps) by slices, in tensor ops. */
function standardized(
  x: Tensor,
  given: Tensor,
  rstd: Tensor,
  { a, b, c, statistics, eps }: Normalized,
): { z: Tensor; s: Tensor } {
  const slices = reshape(x, [a, b, c]);
  const each = (t: Tensor) => reshape(t, [b, 1]);
  const d = sub(slices, statistics === "own" ? sliceMean(slices) : each(given));
  if (statistics === "given") return { z: mul(d, each(rstd)), s: reciprocal(each(rstd)) };
  const s = sqrt(add(sliceMean(square(d)), eps));
  return { z: div(d, s), s };
}

/** [.., channels, inner]: what shares scale and shift. */
function byChannel(x: Tensor, { channels, inner }: Channels): Tensor {
  return reshape(x, [x.size / (channels * inner) || 0, channels, inner]);
}

function channelSum(x: Tensor, how: Channels): Tensor {
  return sum(byChannel(x, how), [0, 2]);
}

/** Normalizes by x's own statistics, or by given ones. */
function normalized(
  op: typeof batchNormOp,
  x: Tensor,
  how: Normalized,
  { weight, bias }: Affine,
  { mean, rstd, variance }: Record<"mean" | "rstd", Tensor> & { variance?: Tensor } = momentsOp(
    x,
    how,
  ),
): { y: Tensor; mean: Tensor; variance?: Tensor | undefined } {
  const like = { dtype: x.dtype };
  const flat = (part: Tensor) => reshape(part, [how.channels]);
  const scale = weight ? flat(weight) : ones([how.channels], like);
  const shift = bias ? flat(bias) : zeros([how.channels], like);
  return { y: op(x, mean, rstd, scale, shift, how), mean, variance };
}

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

/** Slices and channels of x [N, C, …] whose channels have statistics of their own. */
function channelSlices(x: Tensor): Slices & Channels {
  const [a, b] = x.shape as [number, number];
  const c = sizeOf(x.shape.slice(2));
  return { a, b, c, channels: b, inner: c };
}

/** By the running statistics, per channel. */
function byRunning(
  op: typeof batchNormOp,
  x: Tensor,
  options: RunningStatistics & Affine,
  flag: string,
): Tensor {
  const { runningMean, runningVar, eps = 1e-5 } = options;
  if (!runningMean || !runningVar) {
    throw new ValueError(
      `${op.op.name}: runningMean and runningVar are needed unless ${flag}; give both, or set it.`,
    );
  }
  const rstd = reciprocal(sqrt(add(runningVar, eps)));
  const how = { ...channelSlices(x), statistics: "given" as const, eps };
  return normalized(op, x, how, options, { mean: runningMean, rstd }).y;
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
    return byRunning(batchNormOp, x, options, "training is true");
  }
  const slices = channelSlices(x);
  const count = slices.a * slices.c;
  if (count === 1) {
    throw new ShapeError(
      `batchNorm: x is ${formatShape(x.shape)}, one element per channel, which has no variance to train on; use a larger batch or training: false.`,
    );
  }
  const found = normalized(batchNormOp, x, { ...slices, statistics: "own", eps }, options);
  if (count > 0) updateRunning(options, found.mean, found.variance!, count);
  return found.y;
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
    return byRunning(instanceNormOp, x, options, "useInputStats is true");
  }
  const { a, b, c: count, ...places } = channelSlices(x);
  if (count === 1) {
    throw new ShapeError(
      `instanceNorm: x is ${formatShape(x.shape)}, one element per channel, which has no variance; use useInputStats: false.`,
    );
  }
  const how = { a: 1, b: a * b, c: count, ...places, statistics: "own" as const, eps };
  const found = normalized(instanceNormOp, x, how, options);
  if (x.size > 0 && (options.runningMean || options.runningVar)) {
    const overBatch = (t: Tensor) => mean(reshape(t, [a, channels]), 0);
    updateRunning(options, overBatch(found.mean), overBatch(found.variance!), count);
  }
  return found.y;
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
  const { a, b, c, ...places } = channelSlices(x);
  const slices = { a: 1, b: a * groups, c: (b / groups) * c, ...places };
  return normalized(groupNormOp, x, { ...slices, statistics: "own", eps }, options).y;
}

/** The last sizes of x, which `shape` must be. */
function lastSizes(op: string, x: Tensor, shape: number | readonly number[]): number[] {
  const sizes = perAxis(op, "normalizedShape", shape, Array.isArray(shape) ? shape.length : 1, 0);
  const lead = x.rank - sizes.length;
  if (sizes.length === 0 || lead < 0 || !sameShape(x.shape.slice(lead), sizes)) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)} and normalizedShape ${formatShape(sizes)}; it must be x's last sizes.`,
    );
  }
  return sizes;
}

/** Slices and channels where the last sizes are normalized together. */
function lastSlices(x: Tensor, sizes: Shape): Slices & Channels {
  const c = sizeOf(sizes);
  const b = sizeOf(x.shape.slice(0, x.rank - sizes.length));
  return { a: 1, b, c, channels: c, inner: 1 };
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
  const sizes = lastSizes(op, x, normalizedShape);
  checkAtLeast(op, "eps", eps, 0);
  checkPart(op, "weight", weight, sizes, "the normalized shape");
  checkPart(op, "bias", bias, sizes, "the normalized shape");
  return normalized(layerNormOp, x, { ...lastSlices(x, sizes), statistics: "own", eps }, options).y;
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
  const sizes = lastSizes(op, x, normalizedShape);
  const { weight, eps = x.dtype === "float64" ? Number.EPSILON : 2 ** -23 } = options;
  checkAtLeast(op, "eps", eps, 0);
  checkPart(op, "weight", weight, sizes, "the normalized shape");
  const how = { ...lastSlices(x, sizes), statistics: "root" as const, eps };
  return normalized(rmsNormOp, x, how, { weight: weight ?? null }).y;
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
