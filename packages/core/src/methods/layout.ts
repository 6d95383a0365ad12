/** Layout and indexing as methods; see the functions of the same names. */
import type { DType } from "../dtype.ts";
import type { TensorLike } from "../op.ts";
import { type DiagonalOptions, diag, diagEmbed, diagonal, tril, triu } from "../ops/diagonal.ts";
import { gather, type Index, index, indexSelect } from "../ops/indexing.ts";
import {
  clone,
  contiguous,
  expand,
  flatten,
  narrow,
  permute,
  reshape,
  squeeze,
  to,
  transpose,
  unsqueeze,
} from "../ops/layout.ts";
import { take, takeAlongAxis } from "../ops/lookup.ts";
import {
  maskedFill,
  maskedFill_,
  maskedScatter,
  maskedScatter_,
  maskedSelect,
} from "../ops/masked.ts";
import { type PadOptions, pad, unfoldAxis } from "../ops/pad.ts";
import {
  asStrided,
  broadcastTo,
  flip,
  movedim,
  repeat,
  repeatInterleave,
  roll,
  rot90,
  swapaxes,
  tile,
  unflatten,
  view,
} from "../ops/reorder.ts";
import {
  type IndexPutOptions,
  indexAdd,
  indexAdd_,
  indexCopy,
  indexCopy_,
  indexFill,
  indexFill_,
  indexPut,
  indexPut_,
  type ScatterReduceOptions,
  scatter,
  scatter_,
  scatterAdd,
  scatterAdd_,
  scatterReduce,
  scatterReduce_,
} from "../ops/scatter.ts";
import { chunk, select, split, tensorSplit, unbind } from "../ops/split.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";
import { replace } from "./replace.ts";

class LayoutMethods {
  reshape(this: Tensor, shape: Shape): Tensor {
    return reshape(this, shape);
  }

  flatten(this: Tensor, startAxis?: number, endAxis?: number): Tensor {
    return flatten(this, startAxis, endAxis);
  }

  squeeze(this: Tensor, axes?: number | readonly number[]): Tensor {
    return squeeze(this, axes);
  }

  unsqueeze(this: Tensor, axis: number): Tensor {
    return unsqueeze(this, axis);
  }

  transpose(this: Tensor, axis0?: number, axis1?: number): Tensor {
    return transpose(this, axis0, axis1);
  }

  permute(this: Tensor, order: readonly number[]): Tensor {
    return permute(this, order);
  }

  expand(this: Tensor, shape: Shape): Tensor {
    return expand(this, shape);
  }

  narrow(this: Tensor, axis: number, start: number, length: number): Tensor {
    return narrow(this, axis, start, length);
  }

  index(this: Tensor, ...parts: Index[]): Tensor {
    return index(this, ...parts);
  }

  gather(this: Tensor, axis: number, at: Tensor): Tensor {
    return gather(this, axis, at);
  }

  indexSelect(this: Tensor, axis: number, at: Tensor): Tensor {
    return indexSelect(this, axis, at);
  }

  contiguous(this: Tensor): Tensor {
    return contiguous(this);
  }

  clone(this: Tensor): Tensor {
    return clone(this);
  }

  to(this: Tensor, dtype: DType): Tensor {
    return to(this, dtype);
  }

  view(this: Tensor, shape: Shape): Tensor {
    return view(this, shape);
  }

  asStrided(this: Tensor, shape: Shape, strides: Shape, offset?: number): Tensor {
    return asStrided(this, shape, strides, offset);
  }

  unflatten(this: Tensor, axis: number, sizes: Shape): Tensor {
    return unflatten(this, axis, sizes);
  }

  movedim(
    this: Tensor,
    source: number | readonly number[],
    destination: number | readonly number[],
  ): Tensor {
    return movedim(this, source, destination);
  }

  swapaxes(this: Tensor, axis0: number, axis1: number): Tensor {
    return swapaxes(this, axis0, axis1);
  }

  broadcastTo(this: Tensor, shape: Shape): Tensor {
    return broadcastTo(this, shape);
  }

  repeat(this: Tensor, counts: readonly number[]): Tensor {
    return repeat(this, counts);
  }

  tile(this: Tensor, counts: readonly number[]): Tensor {
    return tile(this, counts);
  }

  repeatInterleave(this: Tensor, counts: number | Tensor, axis?: number): Tensor {
    return repeatInterleave(this, counts, axis);
  }

  flip(this: Tensor, axes: number | readonly number[]): Tensor {
    return flip(this, axes);
  }

  roll(
    this: Tensor,
    shifts: number | readonly number[],
    axes?: number | readonly number[],
  ): Tensor {
    return roll(this, shifts, axes);
  }

  rot90(this: Tensor, turns?: number, axes?: readonly [number, number]): Tensor {
    return rot90(this, turns, axes);
  }

  split(this: Tensor, sizes: number | readonly number[], axis?: number): Tensor[] {
    return split(this, sizes, axis);
  }

  chunk(this: Tensor, count: number, axis?: number): Tensor[] {
    return chunk(this, count, axis);
  }

  tensorSplit(this: Tensor, sections: number | readonly number[], axis?: number): Tensor[] {
    return tensorSplit(this, sections, axis);
  }

  unbind(this: Tensor, axis?: number): Tensor[] {
    return unbind(this, axis);
  }

  select(this: Tensor, axis: number, position: number): Tensor {
    return select(this, axis, position);
  }

  diagonal(this: Tensor, offset?: number, options?: DiagonalOptions): Tensor {
    return diagonal(this, offset, options);
  }

  diagEmbed(this: Tensor, offset?: number, options?: DiagonalOptions): Tensor {
    return diagEmbed(this, offset, options);
  }

  diag(this: Tensor, offset?: number): Tensor {
    return diag(this, offset);
  }

  tril(this: Tensor, offset?: number): Tensor {
    return tril(this, offset);
  }

  triu(this: Tensor, offset?: number): Tensor {
    return triu(this, offset);
  }

  tril_(this: Tensor, offset?: number): Tensor {
    return replace(this, "tril", (x) => tril(x, offset));
  }

  triu_(this: Tensor, offset?: number): Tensor {
    return replace(this, "triu", (x) => triu(x, offset));
  }

  pad(this: Tensor, pads: readonly number[], options?: PadOptions): Tensor {
    return pad(this, pads, options);
  }

  unfold(this: Tensor, axis: number, size: number, step: number): Tensor {
    return unfoldAxis(this, axis, size, step);
  }

  scatter(this: Tensor, axis: number, at: Tensor, source: TensorLike): Tensor {
    return scatter(this, axis, at, source);
  }

  scatter_(this: Tensor, axis: number, at: Tensor, source: TensorLike): Tensor {
    return scatter_(this, axis, at, source);
  }

  scatterAdd(this: Tensor, axis: number, at: Tensor, source: TensorLike): Tensor {
    return scatterAdd(this, axis, at, source);
  }

  scatterAdd_(this: Tensor, axis: number, at: Tensor, source: TensorLike): Tensor {
    return scatterAdd_(this, axis, at, source);
  }

  scatterReduce(
    this: Tensor,
    axis: number,
    at: Tensor,
    source: Tensor,
    options: ScatterReduceOptions,
  ): Tensor {
    return scatterReduce(this, axis, at, source, options);
  }

  scatterReduce_(
    this: Tensor,
    axis: number,
    at: Tensor,
    source: Tensor,
    options: ScatterReduceOptions,
  ): Tensor {
    return scatterReduce_(this, axis, at, source, options);
  }

  indexAdd(
    this: Tensor,
    axis: number,
    at: Tensor,
    source: Tensor,
    options?: { alpha?: number },
  ): Tensor {
    return indexAdd(this, axis, at, source, options);
  }

  indexAdd_(
    this: Tensor,
    axis: number,
    at: Tensor,
    source: Tensor,
    options?: { alpha?: number },
  ): Tensor {
    return indexAdd_(this, axis, at, source, options);
  }

  indexCopy(this: Tensor, axis: number, at: Tensor, source: Tensor): Tensor {
    return indexCopy(this, axis, at, source);
  }

  indexCopy_(this: Tensor, axis: number, at: Tensor, source: Tensor): Tensor {
    return indexCopy_(this, axis, at, source);
  }

  indexFill(this: Tensor, axis: number, at: Tensor, value: TensorLike): Tensor {
    return indexFill(this, axis, at, value);
  }

  indexFill_(this: Tensor, axis: number, at: Tensor, value: TensorLike): Tensor {
    return indexFill_(this, axis, at, value);
  }

  indexPut(
    this: Tensor,
    parts: readonly Index[],
    value: TensorLike,
    options?: IndexPutOptions,
  ): Tensor {
    return indexPut(this, parts, value, options);
  }

  indexPut_(
    this: Tensor,
    parts: readonly Index[],
    value: TensorLike,
    options?: IndexPutOptions,
  ): Tensor {
    return indexPut_(this, parts, value, options);
  }

  maskedFill(this: Tensor, mask: Tensor, value: TensorLike): Tensor {
    return maskedFill(this, mask, value);
  }

  maskedFill_(this: Tensor, mask: Tensor, value: TensorLike): Tensor {
    return maskedFill_(this, mask, value);
  }

  maskedSelect(this: Tensor, mask: Tensor): Tensor {
    return maskedSelect(this, mask);
  }

  maskedScatter(this: Tensor, mask: Tensor, source: Tensor): Tensor {
    return maskedScatter(this, mask, source);
  }

  maskedScatter_(this: Tensor, mask: Tensor, source: Tensor): Tensor {
    return maskedScatter_(this, mask, source);
  }

  take(this: Tensor, at: Tensor): Tensor {
    return take(this, at);
  }

  takeAlongAxis(this: Tensor, at: Tensor, axis?: number): Tensor {
    return takeAlongAxis(this, at, axis);
  }
}

declare module "../tensor.ts" {
  interface Tensor extends LayoutMethods {}
}

install(LayoutMethods);
