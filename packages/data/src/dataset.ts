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
import { whenReady } from "./checks.ts";
import { mergeBatches } from "./collate.ts";
import { spreadClasses } from "./samplers.ts";

/** B examples: inputs [B, …] and what the model should make of them [B, …]. */
export interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** Which pass over the data a batch belongs to: what random transforms draw depends on it. */
export interface EpochContext {
  readonly seed: number;
  readonly epoch: number;
}

/** The context of a batch that nobody's epoch asked for. */
export const noEpoch: EpochContext = { seed: 0, epoch: 0 };

/**
 * Examples that can be fetched by position, many at a time. Where B is a promise (files, workers), a
 * loader over it is read with `for await`.
 */
export interface Dataset<B = Batch> {
  /** Number of examples. */
  readonly length: number;
  /** The examples at the given positions, in that order; each position from 0 to length − 1. */
  batch(indices: Int32Array, context?: EpochContext): B;
  /**
   * Starts threads that read batches; absent where the examples can't be read elsewhere. An abort while
   * they start ends them.
   */
  startWorkers?(count: number, signal?: AbortSignal): Promise<BatchReader<B>>;
}

/** Reads batches in threads of its own. */
export interface BatchReader<B> {
  batch(indices: Int32Array, context: EpochContext): Promise<Awaited<B>>;
  /** Ends the threads; batches under way fail. */
  close(): Promise<void>;
}

/** Examples that come one after the other, of unknown number: a stream, a generator. */
export interface IterableDataset<B = Batch> {
  /** A new pass. Equal contexts must give equal examples where a run is to be resumed exactly. */
  iterate(context: EpochContext): Iterable<unknown> | AsyncIterable<unknown>;
  /** A batch of consecutive examples. */
  collate(items: unknown[]): B;
}

/** Threads for a dataset, or an error that says what can have them. */
export function startWorkers<B>(
  dataset: Dataset<B>,
  count: number,
  signal?: AbortSignal,
): Promise<BatchReader<B>> {
  if (dataset.startWorkers === undefined) {
    throw new ValueError(
      `DataLoader: workers is ${count}, but this dataset can only be read here; use openWorkerDataset({ module, export }).`,
    );
  }
  return dataset.startWorkers(count, signal);
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

  batch(indices: Int32Array, context?: EpochContext): B {
    return this.dataset.batch(this.translate(indices), context);
  }

  async startWorkers(count: number, signal?: AbortSignal): Promise<BatchReader<B>> {
    const reader = await startWorkers(this.dataset, count, signal);
    return {
      batch: (indices, context) => reader.batch(this.translate(indices), context),
      close: () => reader.close(),
    };
  }

  private translate(indices: Int32Array): Int32Array {
    return indices.map((i) => this.indices[i]);
  }
}

/** Shorthand for `new Subset(dataset, indices)`. */
export function subset<B>(dataset: Dataset<B>, indices: ArrayLike<number>): Subset<B> {
  return new Subset(dataset, indices);
}

/** The examples of several datasets, one dataset after the other. Their batches must look alike. */
export class ConcatDataset<B = Batch> implements Dataset<B> {
  readonly datasets: readonly Dataset<B>[];
  readonly length: number;
  /** Position of each dataset's first example. */
  private readonly starts: readonly number[];

  constructor(datasets: readonly Dataset<B>[]) {
    if (datasets.length === 0) {
      throw new ValueError("concatDatasets: there are no datasets; give at least one.");
    }
    this.datasets = datasets;
    let length = 0;
    this.starts = datasets.map((dataset) => {
      length += dataset.length;
      return length - dataset.length;
    });
    this.length = length;
  }

  batch(indices: Int32Array, context?: EpochContext): B {
    return this.gather(indices, (part, own) => this.datasets[part].batch(own, context));
  }

  async startWorkers(count: number, signal?: AbortSignal): Promise<BatchReader<B>> {
    const starts = await Promise.allSettled(
      this.datasets.map(async (dataset) => startWorkers(dataset, count, signal)),
    );
    const readers = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
    const close = async () => {
      await Promise.all(readers.map((reader) => reader.close()));
    };
    const failure = starts.find((start) => start.status === "rejected");
    if (failure !== undefined) {
      await close();
      throw failure.reason;
    }
    return {
      batch: async (indices, context): Promise<Awaited<B>> =>
        await (this.gather(indices, (part, own) => readers[part].batch(own, context)) as B),
      close,
    };
  }

  /** One batch from each dataset concerned, its rows then put where they were asked for. */
  private gather<R>(indices: Int32Array, read: (part: number, own: Int32Array) => R): R {
    const rowsOf = this.starts.map((): number[] => []);
    indices.forEach((index, row) => {
      rowsOf[this.starts.findLastIndex((start) => start <= index)].push(row);
    });
    const used = rowsOf.flatMap((rows, part) => (rows.length > 0 ? [part] : []));
    if (used.length === 0) return read(0, indices);
    const batches = used.map((part) =>
      read(
        part,
        Int32Array.from(rowsOf[part], (row) => indices[row] - this.starts[part]),
      ),
    );
    if (batches.length === 1) return batches[0];
    const order = new Int32Array(indices.length);
    used
      .flatMap((part) => rowsOf[part])
      .forEach((row, at) => {
        order[row] = at;
      });
    const merge = (parts: unknown[]) => mergeBatches(parts, order) as R;
    return batches.some((batch) => batch instanceof Promise)
      ? (Promise.all(batches).then(merge) as R)
      : merge(batches);
  }
}

/** Shorthand for `new ConcatDataset(datasets)`. */
export function concatDatasets<B>(datasets: readonly Dataset<B>[]): ConcatDataset<B> {
  return new ConcatDataset(datasets);
}

/** What is known about a batch beside its examples. */
export interface BatchInfo extends EpochContext {
  /** Positions of the examples in the dataset. */
  readonly indices: Int32Array;
}

/**
 * A dataset whose batches are those of another one, changed by `change`, which runs in this thread.
 *
 * ```ts
 * const hot = mapBatches(digits, ({ x, y }) => ({ x, y: oneHot(y, 10).to("float32") }));
 * ```
 */
export function mapBatches<B, C>(
  dataset: Dataset<B>,
  change: (batch: Awaited<B>, info: BatchInfo) => C,
): Dataset<B extends Promise<unknown> ? Promise<C> : C> {
  type Result = B extends Promise<unknown> ? Promise<C> : C;
  const applied = (batch: B | Promise<B>, indices: Int32Array, context: EpochContext) =>
    whenReady(batch, (ready) => change(ready as Awaited<B>, { ...context, indices }));
  return {
    length: dataset.length,
    batch: (indices, context = noEpoch) =>
      applied(dataset.batch(indices, context), indices, context) as Result,
    async startWorkers(count, signal) {
      const reader = await startWorkers(dataset, count, signal);
      return {
        batch: async (indices, context): Promise<Awaited<Result>> =>
          change(await reader.batch(indices, context), { ...context, indices }) as Awaited<Result>,
        close: () => reader.close(),
      };
    },
  };
}

/**
 * Deals all examples out to disjoint parts of the given sizes, in random order.
 *
 * ```ts
 * const [train, validation] = split(digits, [55_000, 5_000]);
 * ```
 *
 * @param options.shuffle    false keeps the order: the first part gets the first examples
 * @param options.stratify   a class per example: each part gets the classes in their proportions
 * @param options.generator  by default the shared one, which `manualSeed` seeds
 * @throws ValueError unless the sizes are whole and add up to the dataset's length
 */
export function split<B>(
  dataset: Dataset<B>,
  sizes: readonly number[],
  {
    shuffle = true,
    stratify,
    generator,
  }: { shuffle?: boolean; stratify?: ArrayLike<number>; generator?: Generator } = {},
): Subset<B>[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 0) || total !== dataset.length) {
    throw new ValueError(
      `split: sizes [${sizes.join(", ")}] add up to ${total}; they must be whole and add up to the dataset's ${dataset.length} examples.`,
    );
  }
  if (stratify !== undefined && (!shuffle || stratify.length !== dataset.length)) {
    throw new ValueError(
      `split: stratify has ${stratify.length} classes and shuffle is ${shuffle}; it needs one class for each of the ${dataset.length} examples, and shuffling.`,
    );
  }
  const positions = shuffle
    ? (randperm(dataset.length, generator === undefined ? {} : { generator }).data() as Int32Array)
    : Int32Array.from({ length: dataset.length }, (_, i) => i);
  const order = stratify === undefined ? positions : spreadClasses(positions, stratify);
  let start = 0;
  return sizes.map((size) => {
    start += size;
    return new Subset(dataset, order.subarray(start - size, start));
  });
}
