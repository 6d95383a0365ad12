/** Spread around the mean. */
import { checkTensor } from "../apply.ts";
import { checkFinite } from "../check.ts";
import { ValueError } from "../errors.ts";
import { normalizeAxes, reducedShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { floated } from "./arguments.ts";
import { eq, where } from "./compare.ts";
import { div, sqrt, square, sub } from "./elementwise.ts";
import { reshape } from "./layout.ts";
import { mean, type ReduceOptions, sum } from "./reduce.ts";

/** Options of {@link variance}, {@link std} and their kin. */
export interface VarianceOptions extends ReduceOptions {
  /** What is taken off the number of elements before dividing. Default 1 (Bessel's correction). */
  correction?: number;
  /** PyTorch's older word: true is correction 1, false is correction 0. */
  unbiased?: boolean;
}

function correctionOf(op: string, { correction, unbiased }: VarianceOptions): number {
  if (correction !== undefined && unbiased !== undefined) {
    throw new ValueError(`${op}: both correction and unbiased are given; name one of them.`);
  }
  const c = correction ?? (unbiased === false ? 0 : 1);
  checkFinite(op, "correction", c);
  return c;
}

/** Variance and mean, by two passes: deviations from the mean lose no digits to its size. */
function moments(
  op: string,
  x: Tensor,
  axes: number | readonly number[] | undefined,
  options: VarianceOptions,
): { variance: Tensor; mean: Tensor } {
  checkTensor(op, "x", x);
  const list = normalizeAxes(op, axes, x.rank);
  const correction = correctionOf(op, options);
  const v = floated(x);
  const count = sizeOf(list.map((axis) => v.shape[axis]!));
  const center = mean(v, list, { keepdim: true });
  const squares = sum(square(sub(v, center)), list, options);
  return {
    variance: div(squares, Math.max(0, count - correction)),
    mean: reshape(center, reducedShape(v.shape, list, options.keepdim ?? false)),
  };
}

/**
 * y = Σ (x − x̄)² / (n − correction) over the axes; NaN where n is not larger than the correction. Integers
 * give float32. Also exported as `var`, its name in PyTorch, which JavaScript allows only as a property.
 */
export function variance(
  x: Tensor,
  axes?: number | readonly number[],
  options: VarianceOptions = {},
): Tensor {
  return moments("var", x, axes, options).variance;
}

/** The square root of the variance; where that is 0, so is the gradient. */
export function std(
  x: Tensor,
  axes?: number | readonly number[],
  options: VarianceOptions = {},
): Tensor {
  return rootOrZero(moments("std", x, axes, options).variance);
}

/** Variance and mean in one go. */
export function varMean(
  x: Tensor,
  axes?: number | readonly number[],
  options: VarianceOptions = {},
): { var: Tensor; mean: Tensor } {
  const { variance, mean } = moments("varMean", x, axes, options);
  return { var: variance, mean };
}

/** Standard deviation and mean in one go. */
export function stdMean(
  x: Tensor,
  axes?: number | readonly number[],
  options: VarianceOptions = {},
): { std: Tensor; mean: Tensor } {
  const { variance, mean } = moments("stdMean", x, axes, options);
  return { std: rootOrZero(variance), mean };
}

/** √x whose derivative at 0 is 0 instead of ∞: the root of a sum of squares that all are 0. */
export function rootOrZero(x: Tensor): Tensor {
  const zero = eq(x, 0);
  return where(zero, 0, sqrt(where(zero, 1, x)));
}
