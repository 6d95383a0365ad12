/**
 * Order along an axis. NaN is larger than every number; equal elements keep their order; values carry their
 * gradient to the positions that `indices` names. A tensor without axes counts as one element.
 */
import { ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { alongNext } from "./batching.ts";
import { gather } from "./indexing.ts";
import { reshape, squeeze } from "./layout.ts";
import type { ReduceOptions, ValuesAndIndices } from "./reduce.ts";
import { alongAxis } from "./scan.ts";

interface Order {
  axis: number;
  descending: boolean;
  /** The ranks wanted, all by default: a few are found without sorting all. */
  ranks?: { first: number; count: number };
}

export const argsortOp = defineOp({
  name: "argsort",
  inputs: ["x"],
  domain: "any",
  dtype: () => "int32",
  shape: ({ x }, { axis, ranks }: Order) =>
    ranks === undefined ? x.shape : x.shape.with(axis, ranks.count),
  forward: ({ x }, y, kernels, { axis, descending, ranks }: Order) =>
    kernels.argsort(x, axis, descending, y, ranks?.first),
  batch: alongNext(),
  grad: { x: null },
  tex: { y: "\\pi,\\ x_{\\pi(1)} \\le x_{\\pi(2)} \\le \\dots" },
});

/** Options of {@link sort} and {@link argsort}. */
export interface SortOptions {
  /** Largest first. Default false. */
  descending?: boolean;
}

/** Positions (int32) of the elements in ascending order along the axis (the last by default); stable. */
export function argsort(x: Tensor, axis = -1, options: SortOptions = {}): Tensor {
  const [v, at] = alongAxis("argsort", x, axis);
  return reshape(argsortOp(v, { axis: at, descending: options.descending ?? false }), x.shape);
}

/** The elements in ascending order along the axis (the last by default), and where they were; stable. */
export function sort(x: Tensor, axis = -1, options: SortOptions = {}): ValuesAndIndices {
  const [v, at] = alongAxis("sort", x, axis);
  const indices = argsortOp(v, { axis: at, descending: options.descending ?? false });
  return {
    values: reshape(gather(v, at, indices), x.shape),
    indices: reshape(indices, x.shape),
  };
}

/**
 * The k largest elements along the axis, largest first, and where they are.
 *
 * @throws ValueError unless k is a whole number from 0 to the axis' size
 */
export function topk(
  x: Tensor,
  k: number,
  options: { axis?: number; largest?: boolean } = {},
): ValuesAndIndices {
  const { axis = -1, largest = true } = options;
  const [v, at] = alongAxis("topk", x, axis);
  checkCount("topk", k, 0, v, at);
  const indices = argsortOp(v, { axis: at, descending: largest, ranks: { first: 0, count: k } });
  const shape = x.rank === 0 && k === 1 ? x.shape : indices.shape;
  return {
    values: reshape(gather(v, at, indices), shape),
    indices: reshape(indices, shape),
  };
}

function checkCount(op: string, k: number, least: number, x: Tensor, axis: number): void {
  if (Number.isInteger(k) && k >= least && k <= x.shape[axis]!) return;
  throw new ValueError(
    `${op}: k is ${String(k)}; along axis ${axis} of ${formatShape(x.shape)} it must be a whole number from ${least} to ${x.shape[axis]}.`,
  );
}

/** The values at one position per line along the axis of v, which is x with at least one axis. */
export function picked(
  x: Tensor,
  v: Tensor,
  axis: number,
  indices: Tensor,
  { keepdim = false }: ReduceOptions,
): ValuesAndIndices {
  const values = gather(v, axis, indices);
  if (x.rank === 0) return { values: reshape(values, []), indices: reshape(indices, []) };
  if (keepdim) return { values, indices };
  return { values: squeeze(values, axis), indices: squeeze(indices, axis) };
}

/** The k-th smallest element along the axis (k = 1 is the smallest), and where it is. */
export function kthvalue(
  x: Tensor,
  k: number,
  options: ReduceOptions & { axis?: number } = {},
): ValuesAndIndices {
  const [v, at] = alongAxis("kthvalue", x, options.axis ?? -1);
  checkCount("kthvalue", k, 1, v, at);
  const ranks = { first: k - 1, count: 1 };
  return picked(x, v, at, argsortOp(v, { axis: at, descending: false, ranks }), options);
}
