import { Generator, randint, ValueError } from "@tapegrad/core";
import { type Abortion, abortionBy, ahead, type Task } from "./ahead.ts";
import { checkWhole } from "./checks.ts";
import {
  type Batch,
  type BatchReader,
  type Dataset,
  type EpochContext,
  type IterableDataset,
  startWorkers,
} from "./dataset.ts";
import { Pacer } from "./pause.ts";
import { randomSampler, type Sampler, sequentialSampler } from "./samplers.ts";

export interface LoaderOptions {
  /** Examples per batch; the last batch may have fewer. Default 1. */
  batchSize?: number;
  /** A new order in every epoch. Default false: the dataset's own order. */
  shuffle?: boolean;
  /** The order, instead of `shuffle`. */
  sampler?: Sampler;
  /** Fixes every epoch's order and what random transforms draw. By default drawn from `generator`. */
  seed?: number;
  /** Where the seed is drawn from; by default the shared generator, which `manualSeed` seeds. */
  generator?: Generator;
  /** Leaves out a last batch with fewer examples. Default false. */
  dropLast?: boolean;
  /** Threads that read the examples, for datasets of `openWorkerDataset`. Default 0: this one. */
  workers?: number;
  /** Batches prepared ahead of the one in use, in order; for `for await`. Default 2 per worker. */
  prefetch?: number;
  /** Ends a loop with the signal's reason. */
  signal?: AbortSignal;
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
 * Cuts a dataset into batches. Each `for … of` is one epoch; `for await` is the same, lets the event
 * loop turn now and then, waits for datasets that read files, and can have workers read ahead. However
 * it ends (done, `break`, an error, the signal), the workers end with it.
 *
 * The order of epoch e depends on the seed and e alone, so the whole state is three numbers.
 */
export class DataLoader<B = Batch> implements Iterable<B>, AsyncIterable<Awaited<B>> {
  readonly dataset: Dataset<B> | IterableDataset<B>;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly workers: number;
  readonly prefetch: number;
  /** The order of the examples; null for a stream, which has its own. */
  readonly sampler: Sampler | null;
  private readonly signal: AbortSignal | undefined;
  private seed: number;
  private epoch = -1;
  private cursor = 0;
  /** Whether the next iteration continues the epoch of a state that was set, rather than begin one. */
  private resumes = false;

  /** @throws ValueError for options that make no sense, alone or together */
  constructor(
    dataset: Dataset<B> | IterableDataset<B>,
    {
      batchSize = 1,
      shuffle = false,
      sampler,
      seed,
      generator,
      dropLast = false,
      workers = 0,
      prefetch = 2 * workers,
      signal,
    }: LoaderOptions = {},
  ) {
    checkWhole("DataLoader", "batchSize", batchSize, 1);
    checkWhole("DataLoader", "workers", workers);
    checkWhole("DataLoader", "prefetch", prefetch);
    if (shuffle && sampler !== undefined) {
      throw new ValueError(
        "DataLoader: shuffle and sampler both say the order; give one of them (randomSampler shuffles).",
      );
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
    this.workers = workers;
    this.prefetch = prefetch;
    this.signal = signal;
    if ("iterate" in dataset) {
      if (shuffle || sampler !== undefined || workers > 0) {
        throw new ValueError(
          "DataLoader: a stream comes in its own order and is read here; shuffle, sampler and workers need a dataset with positions.",
        );
      }
      this.sampler = null;
    } else {
      const byDefault = shuffle ? randomSampler : sequentialSampler;
      this.sampler = sampler ?? byDefault(dataset.length);
    }
    if (seed !== undefined) this.seed = new Generator(seed).state.seed;
    else if (this.sampler !== null && !shuffle && sampler === undefined) this.seed = 0;
    else this.seed = randint(0, 2 ** 31, [], generator === undefined ? {} : { generator }).item();
  }

  /** Batches in an epoch; Infinity for a stream, whose end nobody knows. */
  get length(): number {
    if (this.sampler === null) return Infinity;
    const batches = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  get state(): LoaderState {
    return { seed: this.seed, epoch: Math.max(0, this.epoch), cursor: this.cursor };
  }

  /** The next iteration goes on in the middle of the state's epoch; a stream is read again up to there. */
  set state({ seed, epoch, cursor }: LoaderState) {
    if (!Number.isSafeInteger(epoch) || epoch < 0) {
      throw new ValueError(`DataLoader: the state's epoch is ${epoch}; it must be whole, from 0.`);
    }
    if (!Number.isSafeInteger(cursor) || cursor < 0 || cursor > this.length) {
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
    const context = this.begin();
    let handedOut = this.cursor;
    for (const read of this.reads(context)) {
      this.signal?.throwIfAborted();
      const batch = read();
      this.count(++handedOut, context);
      yield batch;
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Awaited<B>, void, undefined> {
    const context = this.begin();
    let handedOut = this.cursor;
    const pacer = new Pacer();
    const abortion = abortionBy(this.signal);
    let reader: BatchReader<B> | null = null;
    try {
      if (this.workers > 0) reader = await this.startWorkers(abortion);
      const tasks = this.tasks(context, reader);
      for await (const batch of ahead(tasks, this.prefetch, abortion)) {
        const pause = pacer.pause();
        if (pause !== null) await pause;
        this.count(++handedOut, context);
        yield batch;
      }
    } finally {
      abortion.forget();
      await reader?.close();
    }
  }

  /** Settles which epoch begins, and at which batch. */
  private begin(): EpochContext {
    if (!this.resumes) {
      this.epoch++;
      this.cursor = 0;
    }
    this.resumes = false;
    return { seed: this.seed, epoch: this.epoch };
  }

  /** Another loop over this loader may have begun meanwhile; the state follows the latest. */
  private count(handedOut: number, { epoch }: EpochContext): void {
    if (this.epoch === epoch) this.cursor = handedOut;
  }

  private async startWorkers(abortion: Abortion): Promise<BatchReader<B>> {
    const starting = startWorkers(this.dataset as Dataset<B>, this.workers, this.signal);
    try {
      return await abortion.or(starting);
    } catch (error) {
      // Aborted while they start: they don't outlive the loop.
      await starting.then((late) => late.close()).catch(() => {});
      throw error;
    }
  }

  /** The positions of each batch still to come. */
  private *requests(context: EpochContext, sampler: Sampler): Iterable<Int32Array> {
    const order = sampler.indices(context);
    const positions = (this.dataset as Dataset<B>).length;
    const wrong = order.findIndex((position) => position < 0 || position >= positions);
    if (order.length !== sampler.length || wrong >= 0) {
      throw new ValueError(
        `DataLoader: the sampler gave ${order.length} positions${wrong < 0 ? "" : `, number ${wrong} of which is ${order[wrong]}`}; it must give as many as its length, ${sampler.length}, from 0 to ${positions - 1}.`,
      );
    }
    const { length, batchSize } = this;
    for (let next = this.cursor; next < length; next++) {
      yield order.slice(next * batchSize, (next + 1) * batchSize);
    }
  }

  private *reads(context: EpochContext): Iterable<() => B> {
    const { dataset, sampler } = this;
    if (!("iterate" in dataset)) {
      for (const indices of this.requests(context, sampler!)) {
        yield () => dataset.batch(indices, context);
      }
      return;
    }
    const items = dataset.iterate(context);
    if (!(Symbol.iterator in items)) {
      throw new ValueError("DataLoader: this stream is asynchronous; use `for await`.");
    }
    const groups = new Groups(this.cursor, this.batchSize);
    for (const item of items) {
      const group = groups.add(item);
      if (group !== null) yield () => dataset.collate(group);
    }
    const rest = groups.end(this.dropLast);
    if (rest !== null) yield () => dataset.collate(rest);
  }

  private async *tasks(
    context: EpochContext,
    reader: BatchReader<B> | null,
  ): AsyncIterable<Task<Awaited<B>>> {
    const { dataset, sampler } = this;
    if (reader !== null) {
      for (const indices of this.requests(context, sampler!)) {
        yield () => reader.batch(indices, context);
      }
    } else if ("iterate" in dataset) {
      const groups = new Groups(this.cursor, this.batchSize);
      for await (const item of dataset.iterate(context)) {
        const group = groups.add(item);
        if (group !== null) yield async (): Promise<Awaited<B>> => await dataset.collate(group);
      }
      const rest = groups.end(this.dropLast);
      if (rest !== null) yield async (): Promise<Awaited<B>> => await dataset.collate(rest);
    } else {
      for (const read of this.reads(context)) yield async (): Promise<Awaited<B>> => await read();
    }
  }
}

/** Gathers a stream's examples to batches, leaving out those that were handed out before. */
class Groups {
  private readonly size: number;
  private skip: number;
  private items: unknown[] = [];

  constructor(batchesBefore: number, size: number) {
    this.size = size;
    this.skip = batchesBefore * size;
  }

  /** The batch that this example completes. */
  add(item: unknown): unknown[] | null {
    if (this.skip > 0) {
      this.skip--;
      return null;
    }
    this.items.push(item);
    if (this.items.length < this.size) return null;
    const group = this.items;
    this.items = [];
    return group;
  }

  /** The last, short batch. */
  end(dropLast: boolean): unknown[] | null {
    return this.items.length === 0 || dropLast ? null : this.items;
  }
}
