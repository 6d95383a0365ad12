/** Dropout and its variants. Masks come from a seeded generator: the same seed drops the same elements. */
import { checkTensor } from "../apply.ts";
import { openLevels } from "../batched.ts";
import { checkFlag } from "../check.ts";
import { ones } from "../create.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { bernoulli, defaultGenerator, type Generator } from "../random.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { withPacked } from "./direct.ts";
import { add, mul } from "./elementwise.ts";
import { asBatch, likeGiven } from "./windows.ts";

/** Options of {@link dropout} and its kin. */
export interface DropoutOptions {
  /** Probability of dropping. Default 0.5. CS231n's p is that of keeping. */
  p?: number;
  /** Whether anything is dropped. Default true. */
  training?: boolean;
  /** Where the random numbers come from. Default: the shared generator. */
  generator?: Generator;
}

/** @internal @throws ValueError unless the number is from 0 to 1 */
export function checkProbability(op: string, name: string, p: number): void {
  if (!(p >= 0 && p <= 1)) {
    throw new ValueError(`${op}: ${name} is ${p}; a probability is from 0 to 1.`);
  }
}

/** Whether there is anything to do; checks the arguments. */
function drops(op: string, x: Tensor, { p = 0.5, training = true }: DropoutOptions): boolean {
  checkTensor(op, "x", x);
  checkProbability(op, "p", p);
  checkFlag(op, "training", training);
  if (!isFloat(x.dtype)) {
    throw new DTypeError(`${op}: x is ${x.dtype}; it must be float32 or float64.`);
  }
  return training && p > 0;
}

/** 1 for what stays, 0 for what goes. */
function stays(x: Tensor, shape: Shape, options: DropoutOptions): Tensor {
  const { p = 0.5, generator = defaultGenerator() } = options;
  return bernoulli(1 - p, shape, { dtype: x.dtype, generator });
}

/** x times a mask of the given shape, scaled so that the expectation stays. */
function dropped(x: Tensor, shape: Shape, options: DropoutOptions): Tensor {
  const { p = 0.5 } = options;
  const mask = stays(x, shape, options);
  // At p = 1 nothing is left to scale up, and 0 · 1/0 would be NaN.
  return mul(x, p === 1 ? mask : mask.mul_(1 / (1 - p)));
}

interface Draw {
  /** Where the random numbers are; see {@link Generator.reserve}. */
  key: readonly [number, number];
  counter: number;
  /** Probability of staying. */
  keep: number;
}

/**
 * y = x/keep for elements that stay, x·0 for others. The rule draws the same numbers once more, so nothing is kept
 * for it.
 */
export const dropoutOp = defineOp({
  name: "dropout",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels, { key, counter, keep }: Draw) =>
    withPacked([x], ([packed]) => {
      // At keep = 0 nothing is left to scale up, and 0 · 1/0 would be NaN.
      kernels.dropout(packed!, y, key, counter, keep, keep === 0 ? 1 : 1 / keep);
    }),
  // What one sample's place keeps, every sample's does.
  batch: ({ call, inputs: [x], attrs }) =>
    mul(x!, call([ones(x!.shape.slice(1), { dtype: x!.dtype })], attrs) as Tensor),
  grad: { x: (dy, _, attrs): Tensor => dropoutOp(dy, attrs) },
  tex: { y: "x\\,m / (1 - p),\\ m \\in \\{0, 1\\}", x: "m / (1 - p)" },
});

/** SELU's value far below 0, −λα: what alpha dropout puts in place of dropped elements. */
const SATURATED = -1.0507009873554805 * 1.6732632423543772;

/** Dropped elements become SELU's saturation value; then mean 0 and variance 1 are restored. */
function alphaDropped(x: Tensor, shape: Shape, options: DropoutOptions): Tensor {
  const { p = 0.5 } = options;
  if (p === 1) return mul(x, 0);
  const mask = stays(x, shape, options);
  const a = 1 / Math.sqrt((1 - p) * (1 + p * SATURATED ** 2));
  // a·(x·mask + saturated·(1 − mask)) + b with b = −a·p·saturated
  const rest = add(mul(mask, -a * SATURATED), a * SATURATED * (1 - p));
  return add(mul(x, mul(mask, a)), rest);
}

/** [N, C, 1, …]: one decision for each channel of each image. */
function channels(op: string, x: Tensor): number[] {
  if (x.rank < 2) {
    throw new ShapeError(`${op}: x is ${formatShape(x.shape)}; it must be [N, C, …].`);
  }
  return x.shape.map((size, i) => (i < 2 ? size : 1));
}

/**
 * In training each element becomes 0 with probability p, and the others x/(1 − p), which keeps the expectation
 * (inverted dropout); otherwise y = x.
 *
 * Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, JMLR 2014.
 */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  if (!drops("dropout", x, options)) return x;
  // Inside vmap, samples may have masks of their own.
  if (openLevels > 0 || x.rank === 0) return dropped(x, x.shape, options);
  const { p = 0.5, generator = defaultGenerator() } = options;
  const perBlock = x.dtype === "float64" ? 2 : 4;
  const place = generator.reserve(Math.ceil(x.size / perBlock));
  return dropoutOp(x, { ...place, keep: 1 - p });
}

/**
 * {@link dropout} of whole channels of x [N, C, …].
 *
 * Tompson et al., Efficient Object Localization Using Convolutional Networks, CVPR 2015.
 */
export function featureDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  const op = "featureDropout";
  return drops(op, x, options) ? dropped(x, channels(op, x), options) : x;
}

function dropoutOf(op: string, axes: number, x: Tensor, options: DropoutOptions): Tensor {
  if (!drops(op, x, options)) return x;
  const images = asBatch(op, x, axes);
  return likeGiven(dropped(images, channels(op, images), options), x, axes);
}

/** {@link featureDropout} of x [N, C, L] or [C, L]. */
export function dropout1d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return dropoutOf("dropout1d", 1, x, options);
}

/** {@link featureDropout} of x [N, C, H, W] or [C, H, W]. */
export function dropout2d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return dropoutOf("dropout2d", 2, x, options);
}

/** {@link featureDropout} of x [N, C, D, H, W] or [C, D, H, W]. */
export function dropout3d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return dropoutOf("dropout3d", 3, x, options);
}

/**
 * Dropout that keeps mean 0 and variance 1, for networks of SELUs.
 *
 * Klambauer et al., Self-Normalizing Neural Networks, NeurIPS 2017.
 */
export function alphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  return drops("alphaDropout", x, options) ? alphaDropped(x, x.shape, options) : x;
}

/** {@link alphaDropout} of whole channels of x [N, C, …]. */
export function featureAlphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  const op = "featureAlphaDropout";
  return drops(op, x, options) ? alphaDropped(x, channels(op, x), options) : x;
}
