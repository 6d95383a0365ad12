/** Reductions over one axis, several, or all (when none is named). */
import type { ArgReduceName } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import { engineOps } from "../engine-ops.ts";
import { ShapeError } from "../errors.ts";
import { Form } from "../form.ts";
import { defineOp } from "../op.ts";
import {
  contiguousStrides,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  reducedShape,
  type Shape,
  sameShape,
  sizeOf,
} from "../shape.ts";
import { Tensor, viewTensor } from "../tensor.ts";
import { floated } from "./arguments.ts";
import { alongNext, overNext } from "./batching.ts";
import { eq } from "./compare.ts";
import { runsDirectly } from "./direct.ts";
import { div, mul } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { expand, reshape, squeeze, to } from "./layout.ts";

/** Options that reductions share. */
export interface ReduceOptions {
  /** Keep reduced axes with size 1. Default false. */
  keepdim?: boolean;
}

interface Reduced {
  axes: readonly number[];
  keepdim: boolean;
}

/** y as the kernels want it: every reduced axis present with size 1. */
export function kept(y: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  const full = reducedShape(shape, axes, true);
  return new Tensor(y.storage, y.value, new Form(y.dtype, full, contiguousStrides(full), y.offset));
}

/** What was reduced, back over the shape that it was reduced from. */
export function spread(y: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  if (runsDirectly(y)) {
    let next = 0;
    const strides = shape.map((_, i) => {
      const isReduced = axes.includes(i);
      const stride = isReduced ? 0 : y.strides[next]!;
      if (!isReduced || y.rank === shape.length) next++;
      return stride;
    });
    return viewTensor(y, shape, strides, y.offset);
  }
  return expand(reshape(y, reducedShape(shape, axes, true)), shape);
}

export const sumOp = defineOp({
  name: "sum",
  inputs: ["x"],
  shape: ({ x }, { axes, keepdim }: Reduced) => reducedShape(x.shape, axes, keepdim),
  forward: ({ x }, y, kernels, { axes }) => kernels.reduce("sum", x, kept(y, x.shape, axes)),
  saves: ["xShape"],
  batch: overNext(),
  grad: { x: (dy, { xShape }, { axes }) => spread(dy, xShape, axes) },
  symbol: "Σ",
  tex: { y: "\\sum_i x_i", x: "1" },
});

/**
 * y = Σ x over the axes. Bool and uint8 are summed as int32. Float32 sums in many accumulators, so that
 * a million terms keep six digits.
 */
export function sum(
  x: Tensor,
  axes?: number | readonly number[],
  options: ReduceOptions = {},
): Tensor {
  checkTensor("sum", "x", x);
  const list = normalizeAxes("sum", axes, x.rank);
  const terms = x.dtype === "uint8" ? to(x, "int32") : x;
  return sumOp(terms, { axes: list, keepdim: options.keepdim ?? false });
}

/** Sums x over what broadcasting `shape` to x's shape repeated. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const axes = x.shape
    .map((_, i) => i)
    .filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return reshape(axes.length === 0 ? x : sumOp(x, { axes, keepdim: true }), shape);
}
engineOps.sumTo = sumTo;

/** y = Σ x / n over the axes, n the number of elements that meet in one. Integers give float32. */
export function mean(
  x: Tensor,
  axes?: number | readonly number[],
  options: ReduceOptions = {},
): Tensor {
  checkTensor("mean", "x", x);
  const list = normalizeAxes("mean", axes, x.rank);
  const count = sizeOf(list.map((axis) => x.shape[axis]!));
  return div(sum(floated(x), list, options), count);
}

function extreme(name: "amax" | "amin", kernel: "max" | "min") {
  return defineOp({
    name,
    inputs: ["x"],
    shape: ({ x }, { axes, keepdim }: Reduced) => reducedShape(x.shape, axes, keepdim),
    forward: ({ x }, y, kernels, { axes }) => kernels.reduce(kernel, x, kept(y, x.shape, axes)),
    saves: ["x", "y"],
    batch: overNext(),
    grad: {
      // Tied elements share the gradient evenly.
      x: (dy, { x, y }, { axes }) => {
        const winners = to(eq(x, spread(y, x.shape, axes)), x.dtype);
        return mul(winners, spread(div(dy, reshape(sum(winners, axes), dy.shape)), x.shape, axes));
      },
    },
    symbol: kernel,
    tex: { y: `\\${kernel}_i x_i`, x: `[x_i = y] / \\#\\{x_j = y\\}` },
    kinks: "Tied elements share it evenly.",
  });
}

export const amaxOp = extreme("amax", "max");
export const aminOp = extreme("amin", "min");

/** @throws ShapeError if a reduced axis is empty: over no elements there is no extreme one */
export function checkNotEmpty(
  name: string,
  x: Tensor,
  axes: readonly number[],
  extreme = name.includes("min") ? "smallest" : "largest",
): void {
  const empty = axes.find((axis) => x.shape[axis] === 0);
  if (empty !== undefined) {
    throw new ShapeError(
      `${name}: axis ${empty} of ${formatShape(x.shape)} is empty, and nothing has no ${extreme} element.`,
    );
  }
}

/** The largest element over the axes; tied ones share the gradient evenly; NaN wins. */
export function amax(
  x: Tensor,
  axes?: number | readonly number[],
  options: ReduceOptions = {},
): Tensor {
  checkTensor("amax", "x", x);
  const list = normalizeAxes("amax", axes, x.rank);
  checkNotEmpty("amax", x, list);
  return amaxOp(x, { axes: list, keepdim: options.keepdim ?? false });
}

/** The smallest element over the axes; tied ones share the gradient evenly; NaN wins. */
export function amin(
  x: Tensor,
  axes?: number | readonly number[],
  options: ReduceOptions = {},
): Tensor {
  checkTensor("amin", "x", x);
  const list = normalizeAxes("amin", axes, x.rank);
  checkNotEmpty("amin", x, list);
  return aminOp(x, { axes: list, keepdim: options.keepdim ?? false });
}

function argExtreme(name: ArgReduceName) {
  return defineOp({
    name,
    inputs: ["x"],
    dtype: () => "int32",
    shape: ({ x }, { axis, keepdim }: { axis: number; keepdim: boolean }) =>
      reducedShape(x.shape, [axis], keepdim),
    forward: ({ x }, y, kernels, { axis }) =>
      kernels.argReduce(name, x, axis, kept(y, x.shape, [axis])),
    batch: alongNext(),
    grad: { x: null },
    tex: { y: `\\min \\{i : x_i = \\${name.slice(3)}_j x_j\\}` },
  });
}

export const argmaxOp = argExtreme("argmax");
export const argminOp = argExtreme("argmin");

function argReduce(
  op: typeof argmaxOp,
  name: ArgReduceName,
  x: Tensor,
  axis: number | undefined,
  keepdim: boolean,
): Tensor {
  checkTensor(name, "x", x);
  // A tensor without axes counts as one element along axis 0 (or −1), as in PyTorch.
  const v = axis === undefined || x.rank === 0 ? reshape(x, [x.size]) : x;
  const at = normalizeAxis(name, axis ?? 0, v.rank);
  checkNotEmpty(name, v, [at]);
  return op(v, { axis: at, keepdim: keepdim && axis !== undefined && x.rank > 0 });
}

/** Position of the largest element (the first of equals; NaN wins) along the axis, or in row-major order over all. int32. */
export function argmax(x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor {
  return argReduce(argmaxOp, "argmax", x, axis, options.keepdim ?? false);
}

/** Position of the smallest element (the first of equals; NaN wins) along the axis, or in row-major order over all. int32. */
export function argmin(x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor {
  return argReduce(argminOp, "argmin", x, axis, options.keepdim ?? false);
}

/** What is found along an axis, and where: indices are int32. */
export interface ValuesAndIndices {
  values: Tensor;
  /** int32. */
  indices: Tensor;
}

function alongAxis(
  find: typeof argmax,
  x: Tensor,
  axis: number,
  keepdim: boolean,
): ValuesAndIndices {
  const v = x.rank === 0 ? reshape(x, [1]) : x;
  const indices = find(v, axis, { keepdim: true });
  const values = gather(v, axis, indices);
  if (keepdim && x.rank > 0) return { values, indices };
  return { values: squeeze(values, axis), indices: squeeze(indices, axis) };
}

/**
 * The largest element: of all, with ties sharing the gradient; or along an axis, with its position, where
 * the gradient goes to that one element.
 */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
export function max(
  x: Tensor,
  axis?: number,
  options: ReduceOptions = {},
): Tensor | ValuesAndIndices {
  checkTensor("max", "x", x);
  if (axis === undefined) return amax(x);
  return alongAxis(argmax, x, axis, options.keepdim ?? false);
}

/** The smallest element; see {@link max}. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
export function min(
  x: Tensor,
  axis?: number,
  options: ReduceOptions = {},
): Tensor | ValuesAndIndices {
  checkTensor("min", "x", x);
  if (axis === undefined) return amin(x);
  return alongAxis(argmin, x, axis, options.keepdim ?? false);
}
