import {
  formatShape,
  type Generator,
  indexSelect,
  noGrad,
  randperm,
  ShapeError,
  type Tensor,
  tensor,
  ValueError,
} from "@tapegrad/core";

/** B examples: inputs [B, …] and what the model should make of them [B, …]. */
export interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** Examples that can be fetched by position, many at a time. */
export interface Dataset<B = Batch> {
  /** Number of examples. */
  readonly length: number;
  /** The examples at the given positions, in that order; each position from 0 to length − 1. */
  batch(indices: Int32Array): B;
}

/** Examples that lie in two tensors: x [N, …] and y [N, …]. */
export class TensorDataset implements Dataset {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly length: number;

  /** @throws ShapeError unless both tensors have the same number of rows */
  constructor(x: Tensor, y: Tensor) {
    if (x.rank === 0 || y.rank === 0 || x.shape[0] !== y.shape[0]) {
      throw new ShapeError(
        `TensorDataset: x is ${formatShape(x.shape)} and y ${formatShape(y.shape)}; both need the same first axis, one row per example.`,
      );
    }
    this.x = x;
    this.y = y;
    this.length = x.shape[0];
  }

  batch(indices: Int32Array): Batch {
    const rows = tensor(indices);
    return noGrad(() => ({ x: indexSelect(this.x, 0, rows), y: indexSelect(this.y, 0, rows) }));
  }
}

/** Some examples of another dataset, in the given order. */
export class Subset<B = Batch> implements Dataset<B> {
  readonly dataset: Dataset<B>;
  readonly indices: Int32Array;
  readonly length: number;

  /** @throws ValueError for a position that the dataset doesn't have */
  constructor(dataset: Dataset<B>, indices: ArrayLike<number>) {
    for (let i = 0; i < indices.length; i++) {
      if (!Number.isInteger(indices[i]) || indices[i] < 0 || indices[i] >= dataset.length) {
        throw new ValueError(
          `Subset: index ${indices[i]} at position ${i} is outside the dataset; valid are 0 to ${dataset.length - 1}.`,
        );
      }
    }
    this.dataset = dataset;
    this.indices = Int32Array.from(indices);
    this.length = indices.length;
  }

  batch(indices: Int32Array): B {
    return this.dataset.batch(indices.map((i) => this.indices[i]));
  }
}

/** Shorthand for `new Subset(dataset, indices)`. */
export function subset<B>(dataset: Dataset<B>, indices: ArrayLike<number>): Subset<B> {
  return new Subset(dataset, indices);
}

/**
 * Deals all examples out to disjoint parts of the given sizes, in random order.
 *
 * ```ts
 * const [train, validation] = split(digits, [55_000, 5_000]);
 * ```
 *
 * @param options.shuffle    false keeps the order: the first part gets the first examples
 * @param options.generator  by default the shared one, which `manualSeed` seeds
 * @throws ValueError unless the sizes are whole and add up to the dataset's length
 */
export function split<B>(
  dataset: Dataset<B>,
  sizes: readonly number[],
  { shuffle = true, generator }: { shuffle?: boolean; generator?: Generator } = {},
): Subset<B>[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 0) || total !== dataset.length) {
    throw new ValueError(
      `split: sizes [${sizes.join(", ")}] add up to ${total}; they must be whole and add up to the dataset's ${dataset.length} examples.`,
    );
  }
  const order = shuffle
    ? randperm(dataset.length, generator === undefined ? {} : { generator }).data()
    : Int32Array.from({ length: dataset.length }, (_, i) => i);
  let start = 0;
  return sizes.map((size) => {
    start += size;
    return new Subset(dataset, order.subarray(start - size, start));
  });
}
