/** Golden calls of layout and indexing ops. */
import {
  chunk,
  diagonal,
  embedding,
  flip,
  indexAdd,
  maskedFill,
  pad,
  repeat,
  roll,
  scatterAdd,
  split,
  type Tensor,
  takeAlongAxis,
  tril,
  unfold,
} from "../../src/index.ts";

type Call = (args: never[], kwargs: Record<string, never>) => Tensor | Tensor[];

export const layoutCalls: Record<string, Call> = {
  flip: ([x, axes]) => flip(x!, axes!),
  roll: ([x, shifts, axes]) => roll(x!, shifts!, axes),
  tril: ([x, offset]) => tril(x!, offset),
  diagonal: ([x], { offset }) => diagonal(x!, offset),
  repeat: ([x, counts]) => repeat(x!, counts!),
  chunk: ([x, count, axis]) => chunk(x!, count!, axis),
  split: ([x, sizes, axis]) => split(x!, sizes!, axis),
  scatter_add: ([x, axis, at, source]) => scatterAdd(x!, axis!, at!, source!),
  index_add: ([x, axis, at, source]) => indexAdd(x!, axis!, at!, source!),
  masked_fill: ([x, mask, value]) => maskedFill(x!, mask!, value!),
  take_along_dim: ([x, at, axis]) => takeAlongAxis(x!, at!, axis),
  "nn.functional.pad": ([x, pads], options) => pad(x!, pads!, options),
  "nn.functional.unfold": ([x, size], options) => unfold(x!, size!, options),
  "nn.functional.embedding": ([at, weight], { padding_idx }) =>
    embedding(at!, weight!, padding_idx === undefined ? {} : { paddingIdx: padding_idx }),
};
