import { Generator, randint, randperm, ValueError } from "@tapegrad/core";
import type { Batch, Dataset } from "./dataset.ts";
import { Pacer } from "./pause.ts";

export interface LoaderOptions {
  /** Examples per batch; the last batch may have fewer. Default 1. */
  batchSize?: number;
  /** A new order in every epoch. Default false: the dataset's own order. */
  shuffle?: boolean;
  /** Fixes every epoch's order. By default drawn from `generator`. */
  seed?: number;
  /** Where the seed is drawn from; by default the shared generator, which `manualSeed` seeds. */
  generator?: Generator;
  /** Leaves out a last batch with fewer examples. Default false. */
  dropLast?: boolean;
}

/** Where a loader is. Plain JSON: with it, another loader of the same data goes on exactly there. */
export interface LoaderState {
  seed: number;
  /** Epochs begun before this one. */
  epoch: number;
  /** Batches of this epoch already handed out. */
  cursor: number;
}

/**
 * Cuts a dataset into batches. Each `for … of` is one epoch; `for await` is the same and lets the
 * event loop turn now and then.
 *
 * The order of epoch e depends on the seed and e alone, so the whole state is three numbers.
 */
export class DataLoader<B = Batch> implements Iterable<B>, AsyncIterable<B> {
  readonly dataset: Dataset<B>;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  private seed: number;
  private epoch = -1;
  private cursor = 0;
  /** Whether the next iteration continues the epoch of a state that was set, rather than begin one. */
  private resumes = false;

  /** @throws ValueError for a batch size that isn't a whole number from 1 */
  constructor(
    dataset: Dataset<B>,
    { batchSize = 1, shuffle = false, seed, generator, dropLast = false }: LoaderOptions = {},
  ) {
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ValueError(
        `DataLoader: batchSize is ${batchSize}; it must be a whole number from 1.`,
      );
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    if (seed !== undefined) this.seed = new Generator(seed).state.seed;
    else if (!shuffle) this.seed = 0;
    else this.seed = randint(0, 2 ** 31, [], generator === undefined ? {} : { generator }).item();
  }

  /** Batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  get state(): LoaderState {
    return { seed: this.seed, epoch: Math.max(0, this.epoch), cursor: this.cursor };
  }

  /** The next iteration goes on in the middle of the state's epoch. */
  set state({ seed, epoch, cursor }: LoaderState) {
    if (!Number.isSafeInteger(epoch) || epoch < 0) {
      throw new ValueError(`DataLoader: the state's epoch is ${epoch}; it must be whole, from 0.`);
    }
    if (!Number.isInteger(cursor) || cursor < 0 || cursor > this.length) {
      throw new ValueError(
        `DataLoader: the state's cursor is ${cursor}; this loader has batches 0 to ${this.length}. Is it the same data and batch size?`,
      );
    }
    this.seed = new Generator(seed).state.seed;
    this.epoch = epoch;
    this.cursor = cursor;
    this.resumes = true;
  }

  *[Symbol.iterator](): IterableIterator<B, void, undefined> {
    if (!this.resumes) {
      this.epoch++;
      this.cursor = 0;
    }
    this.resumes = false;
    const order = this.order();
    const { epoch, length } = this;
    for (let next = this.cursor; next < length; next++) {
      const start = next * this.batchSize;
      const batch = this.dataset.batch(order.slice(start, start + this.batchSize));
      // Another loop over this loader may have begun meanwhile; the state follows the latest.
      if (this.epoch === epoch) this.cursor = next + 1;
      yield batch;
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<B, void, undefined> {
    const pacer = new Pacer();
    for (const batch of this) {
      const pause = pacer.pause();
      if (pause !== null) await pause;
      yield batch;
    }
  }

  private order(): Int32Array {
    const n = this.dataset.length;
    if (!this.shuffle) return Int32Array.from({ length: n }, (_, i) => i);
    const generator = new Generator(this.seed);
    // A permutation of n consumes at most n blocks of the stream: epochs don't overlap.
    generator.state = { seed: this.seed, position: this.epoch * n };
    return randperm(n, { generator }).data() as Int32Array;
  }
}
