/** Reductions beyond sums and extremes: products, truth, counts, log-sum-exp, and sums that skip NaN. */
import { checkTensor } from "../apply.ts";
import { isFloat } from "../dtype.ts";
import { defineOp } from "../op.ts";
import { normalizeAxes, reducedShape, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { floated } from "./arguments.ts";
import { overNext } from "./batching.ts";
import { eq, lt, ne, where } from "./compare.ts";
import { abs, add, div, exp, log, mul, sub } from "./elementwise.ts";
import { detach, permute, reshape, reversed, to } from "./layout.ts";
import { amax, amin, kept, mean, type ReduceOptions, spread, sum } from "./reduce.ts";
import { cumprodOp, shifted } from "./scan.ts";

type Axes = number | readonly number[];

interface Reduced {
  axes: readonly number[];
  keepdim: boolean;
}

export const prodOp = defineOp({
  name: "prod",
  inputs: ["x"],
  shape: ({ x }, { axes, keepdim }: Reduced) => reducedShape(x.shape, axes, keepdim),
  forward: ({ x }, y, kernels, { axes }) => kernels.reduce("prod", x, kept(y, x.shape, axes)),
  saves: ["x"],
  batch: overNext(),
  grad: {
    x: (dy, { x }, { axes }): Tensor => mul(spread(dy, x.shape, axes), otherFactors(x, axes)),
  },
  symbol: "Π",
  tex: { y: "\\prod_i x_i", x: "\\prod_{j \\ne i} x_j" },
  kinks: "Right with any number of zeros, since nothing is divided.",
});

/**
 * Π_{j ≠ i} xⱼ over the axes: the product of all before times that of all after, and no division, so
 * that zeros need no care.
 */
function otherFactors(x: Tensor, axes: readonly number[]): Tensor {
  const order = [...x.shape.keys()].filter((axis) => !axes.includes(axis)).concat(axes);
  const turned = permute(x, order);
  const axis = x.rank - axes.length;
  const rows = reshape(turned, [...turned.shape.slice(0, axis), sizeOf(turned.shape.slice(axis))]);
  const before = shifted(cumprodOp(rows, axis), axis, 1);
  const after = reversed(shifted(cumprodOp(reversed(rows, [axis]), axis), axis, 1), [axis]);
  return permute(
    reshape(mul(before, after), turned.shape),
    order.map((_, i) => order.indexOf(i)),
  );
}

/**
 * y = Π x over the axes, 1 over no elements. Bool and uint8 are multiplied as int32. The gradient is right
 * with any number of zeros.
 */
export function prod(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  checkTensor("prod", "x", x);
  const list = normalizeAxes("prod", axes, x.rank);
  const factors = x.dtype === "uint8" ? to(x, "int32") : x;
  return prodOp(factors, { axes: list, keepdim: options.keepdim ?? false });
}

function truth(name: "any" | "all", tex: string) {
  return defineOp({
    name,
    inputs: ["x"],
    domain: "any",
    dtype: () => "bool",
    shape: ({ x }, { axes, keepdim }: Reduced) => reducedShape(x.shape, axes, keepdim),
    forward: ({ x }, y, kernels, { axes }) => kernels.reduce(name, x, kept(y, x.shape, axes)),
    batch: overNext(),
    grad: { x: null },
    tex: { y: tex },
  });
}

export const anyOp = truth("any", "\\exists i: x_i \\ne 0");
export const allOp = truth("all", "\\forall i: x_i \\ne 0");

/** Whether any element over the axes is not 0 (NaN is not), as bool; false over no elements. */
export function any(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  checkTensor("any", "x", x);
  const list = normalizeAxes("any", axes, x.rank);
  return anyOp(to(x, "bool"), { axes: list, keepdim: options.keepdim ?? false });
}

/** Whether every element over the axes is not 0 (NaN is not), as bool; true over no elements. */
export function all(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  checkTensor("all", "x", x);
  const list = normalizeAxes("all", axes, x.rank);
  return allOp(to(x, "bool"), { axes: list, keepdim: options.keepdim ?? false });
}

/** How many elements over the axes are not 0 (NaN is not), as int32. */
export function countNonzero(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  checkTensor("countNonzero", "x", x);
  const list = normalizeAxes("countNonzero", axes, x.rank);
  return sum(ne(x, 0), list, options);
}

/** The smallest and the largest element, along an axis or over all; tied ones share the gradient evenly. */
export function aminmax(
  x: Tensor,
  options: ReduceOptions & { axis?: number } = {},
): { min: Tensor; max: Tensor } {
  checkTensor("aminmax", "x", x);
  const { axis, keepdim = false } = options;
  const at = normalizeAxes("aminmax", axis, x.rank);
  return { min: amin(x, at, { keepdim }), max: amax(x, at, { keepdim }) };
}

/** Σ x over the axes, NaN counting as 0; NaN gets no gradient. */
export function nansum(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  checkTensor("nansum", "x", x);
  const list = normalizeAxes("nansum", axes, x.rank);
  return sum(isFloat(x.dtype) ? where(ne(x, x), 0, x) : x, list, options);
}

/** The mean over the axes of what is not NaN; NaN where nothing is left. */
export function nanmean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  checkTensor("nanmean", "x", x);
  const list = normalizeAxes("nanmean", axes, x.rank);
  if (!isFloat(x.dtype)) return mean(x, list, options);
  return div(nansum(x, list, options), sum(eq(x, x), list, options));
}

/**
 * y = ln Σ eˣ over the axes; the maximum is subtracted first. −∞ over no elements and where all are −∞.
 */
export function logsumexp(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  checkTensor("logsumexp", "x", x);
  const list = normalizeAxes("logsumexp", axes, x.rank);
  const v = floated(x);
  const shape: Shape = reducedShape(v.shape, list, options.keepdim ?? false);
  if (list.some((axis) => v.shape[axis] === 0)) return log(sum(exp(v), list, options));
  const largest = amax(detach(v), list, { keepdim: true });
  // An infinite maximum would make ∞ − ∞ of its own element; eˣ is right without its help.
  const offset = where(lt(abs(largest), Infinity), largest, 0);
  const y = add(log(sum(exp(sub(v, offset)), list, { keepdim: true })), offset);
  return reshape(y, shape);
}
