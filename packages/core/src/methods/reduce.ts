/** Reductions, scans and sorting as methods; see the functions of the same names. */
import {
  all,
  aminmax,
  any,
  countNonzero,
  logsumexp,
  nanmean,
  nansum,
  prod,
} from "../ops/aggregate.ts";
import { type NormOptions, norm } from "../ops/norm.ts";
import {
  median,
  mode,
  nanmedian,
  nanquantile,
  type QuantileOptions,
  quantile,
} from "../ops/quantile.ts";
import {
  amax,
  amin,
  argmax,
  argmin,
  max,
  mean,
  min,
  type ReduceOptions,
  sum,
  type ValuesAndIndices,
} from "../ops/reduce.ts";
import {
  cummax,
  cummin,
  cumprod,
  cumprodOp,
  cumsum,
  cumsumOp,
  type DiffOptions,
  diff,
  logcumsumexp,
  scanInPlace,
} from "../ops/scan.ts";
import { bincount, histc, nonzero, type Unique, unique } from "../ops/search.ts";
import { argsort, kthvalue, type SortOptions, sort, topk } from "../ops/sort.ts";
import { std, type VarianceOptions, variance } from "../ops/statistics.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";

type Axes = number | readonly number[];

class ReduceMethods {
  sum(this: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
    return sum(this, axes, options);
  }

  mean(this: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
    return mean(this, axes, options);
  }

  amax(this: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
    return amax(this, axes, options);
  }

  amin(this: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
    return amin(this, axes, options);
  }

  max(this: Tensor): Tensor;
  max(this: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
  max(this: Tensor, axis?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return axis === undefined ? max(this) : max(this, axis, options);
  }

  min(this: Tensor): Tensor;
  min(this: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
  min(this: Tensor, axis?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return axis === undefined ? min(this) : min(this, axis, options);
  }

  argmax(this: Tensor, axis?: number, options?: ReduceOptions): Tensor {
    return argmax(this, axis, options);
  }

  argmin(this: Tensor, axis?: number, options?: ReduceOptions): Tensor {
    return argmin(this, axis, options);
  }

  prod(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return prod(this, axes, options);
  }

  any(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return any(this, axes, options);
  }

  all(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return all(this, axes, options);
  }

  countNonzero(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return countNonzero(this, axes, options);
  }

  aminmax(this: Tensor, options?: ReduceOptions & { axis?: number }): { min: Tensor; max: Tensor } {
    return aminmax(this, options);
  }

  nansum(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return nansum(this, axes, options);
  }

  nanmean(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return nanmean(this, axes, options);
  }

  logsumexp(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return logsumexp(this, axes, options);
  }

  var(this: Tensor, axes?: Axes, options?: VarianceOptions): Tensor {
    return variance(this, axes, options);
  }

  std(this: Tensor, axes?: Axes, options?: VarianceOptions): Tensor {
    return std(this, axes, options);
  }

  norm(this: Tensor, p?: number | "fro" | "nuc", options?: NormOptions): Tensor {
    return norm(this, p, options);
  }

  cumsum(this: Tensor, axis: number): Tensor {
    return cumsum(this, axis);
  }

  cumprod(this: Tensor, axis: number): Tensor {
    return cumprod(this, axis);
  }

  cumsum_(this: Tensor, axis: number): Tensor {
    return scanInPlace(cumsumOp.op, this, axis);
  }

  cumprod_(this: Tensor, axis: number): Tensor {
    return scanInPlace(cumprodOp.op, this, axis);
  }

  logcumsumexp(this: Tensor, axis: number): Tensor {
    return logcumsumexp(this, axis);
  }

  cummax(this: Tensor, axis: number): ValuesAndIndices {
    return cummax(this, axis);
  }

  cummin(this: Tensor, axis: number): ValuesAndIndices {
    return cummin(this, axis);
  }

  diff(this: Tensor, options?: DiffOptions): Tensor {
    return diff(this, options);
  }

  sort(this: Tensor, axis?: number, options?: SortOptions): ValuesAndIndices {
    return sort(this, axis, options);
  }

  argsort(this: Tensor, axis?: number, options?: SortOptions): Tensor {
    return argsort(this, axis, options);
  }

  topk(this: Tensor, k: number, options?: { axis?: number; largest?: boolean }): ValuesAndIndices {
    return topk(this, k, options);
  }

  kthvalue(this: Tensor, k: number, options?: ReduceOptions & { axis?: number }): ValuesAndIndices {
    return kthvalue(this, k, options);
  }

  median(this: Tensor): Tensor;
  median(this: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
  median(this: Tensor, axis?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return axis === undefined ? median(this) : median(this, axis, options);
  }

  nanmedian(this: Tensor): Tensor;
  nanmedian(this: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
  nanmedian(this: Tensor, axis?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return axis === undefined ? nanmedian(this) : nanmedian(this, axis, options);
  }

  quantile(
    this: Tensor,
    q: number | readonly number[] | Tensor,
    axis?: number,
    options?: QuantileOptions,
  ): Tensor {
    return quantile(this, q, axis, options);
  }

  nanquantile(
    this: Tensor,
    q: number | readonly number[] | Tensor,
    axis?: number,
    options?: QuantileOptions,
  ): Tensor {
    return nanquantile(this, q, axis, options);
  }

  mode(this: Tensor, axis?: number, options?: ReduceOptions): ValuesAndIndices {
    return mode(this, axis, options);
  }

  unique(this: Tensor, options?: { axis?: number }): Unique {
    return unique(this, options);
  }

  nonzero(this: Tensor): Tensor;
  nonzero(this: Tensor, options: { asTuple: true }): Tensor[];
  nonzero(this: Tensor, options?: { asTuple?: boolean }): Tensor | Tensor[] {
    return nonzero(this, options);
  }

  bincount(this: Tensor, options?: { weights?: Tensor; minLength?: number }): Tensor {
    return bincount(this, options);
  }

  histc(this: Tensor, options?: { bins?: number; min?: number; max?: number }): Tensor {
    return histc(this, options);
  }
}

declare module "../tensor.ts" {
  interface Tensor extends ReduceMethods {}
}

install(ReduceMethods);
