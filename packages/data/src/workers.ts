/** Datasets whose examples are read and decoded in other threads: Node's or a page's, by one interface. */
import {
  type DType,
  type Shape,
  TapegradError,
  type TypedArray,
  tensor,
  ValueError,
} from "@tapegrad/core";
import { checkWhole } from "./checks.ts";
import { type Collated, type CollateOptions, collate } from "./collate.ts";
import { type Dataset, type EpochContext, noEpoch } from "./dataset.ts";
import { type ItemSource, itemError, readItems } from "./items.ts";
import { startThread, type Thread } from "./thread.ts";
import { workerSource } from "./worker-source.ts";

/** A worker that could not start, or that ended on its own. */
export class WorkerError extends TapegradError {
  override get name(): string {
    return "WorkerError";
  }
}

export interface WorkerDatasetOptions extends CollateOptions {
  /** The module to import in each thread: a `file:` URL in Node, an absolute URL in a page. */
  module: URL | string;
  /** Its exported function that, given `options`, opens the examples: `{ length, item(index, context) }`. */
  export: string;
  /** Handed to that function in each thread; it must survive a structured clone. */
  options?: unknown;
}

/**
 * A dataset that workers can read: `new DataLoader(dataset, { workers: 4 })`. The module is imported here
 * too, to learn the length; without workers it is read here, with the same results.
 *
 * ```js
 * // photos.mjs
 * export const open = ({ folder }) => ({ length: 1000, item: async (index) => ({ x: …, y: … }) });
 * ```
 *
 * Examples may hold what {@link collate} takes, tensors included; they are joined to batches here.
 *
 * @throws WorkerError if the module can't be imported, ValueError if it has no such export or it gives no `length` and `item`
 */
export async function openWorkerDataset<I = { x: TypedArray; y: number }>({
  module,
  export: name,
  options,
  ...collating
}: WorkerDatasetOptions): Promise<Dataset<Promise<Collated<I>>>> {
  const url = String(module);
  const where = `${url}, "${name}"`;
  const exports = (await import(url).catch((error: unknown) => {
    throw new WorkerError(
      `openWorkerDataset: can't import ${url}: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  })) as Record<string, unknown>;
  const open = exports[name];
  if (typeof open !== "function") {
    throw new ValueError(
      `openWorkerDataset: ${where} is ${typeof open}; the export must be a function that gives { length, item }. The module exports ${Object.keys(exports).join(", ") || "nothing"}.`,
    );
  }
  const source = (await open(options)) as ItemSource<I | Promise<I>>;
  if (typeof source?.item !== "function") {
    throw new ValueError(
      `openWorkerDataset: ${where} gave ${source === null ? "null" : `a ${typeof source}`} without a function "item"; it must give { length, item }.`,
    );
  }
  checkWhole("openWorkerDataset", `the length that ${where} gave`, source.length);
  const join = (items: unknown[]) => collate(items as I[], collating) as Awaited<Collated<I>>;
  return {
    length: source.length,
    batch: async (indices, context = noEpoch) =>
      join((await readItems(where, source, indices, context)) as unknown[]),
    async startWorkers(count, signal) {
      const pool = new WorkerPool(count, where);
      await pool.open({ module: url, name, options }, signal);
      return {
        batch: async (indices, context): Promise<Awaited<Collated<I>>> =>
          join(await pool.read(indices, context)),
        close: () => pool.close(),
      };
    },
  };
}

interface TellingError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

type Answer =
  | { opened: true }
  | { opened: false; error: TellingError }
  | { id: number; items: unknown[] }
  | { id: number; error: TellingError & { index: number | null } };

interface Task {
  readonly indices: Int32Array;
  resolve(items: unknown[]): void;
  reject(error: Error): void;
}

/** One thread, and what it has been asked for. */
class PoolWorker {
  private readonly where: string;
  private readonly tasks = new Map<number, Task>();
  private readonly opened = withResolvers<void>();
  private thread: Thread | null = null;
  private lastId = 0;
  /** Why it takes no more requests. */
  private over: string | null = null;

  constructor(where: string) {
    this.where = where;
    // It may fail before anybody waits for it.
    this.opened.promise.catch(() => {});
  }

  get alive(): boolean {
    return this.over === null;
  }

  get load(): number {
    return this.tasks.size;
  }

  async open(opening: object): Promise<void> {
    const thread = await startThread<Answer>("DataLoader", workerSource, {
      message: (answer) => this.receive(answer),
      failed: (reason) => this.finish(reason),
    });
    this.thread = thread;
    if (this.alive) thread.post(opening);
    else await thread.end();
    await this.opened.promise;
    thread.hold(false);
  }

  read(indices: Int32Array, context: EpochContext): Promise<unknown[]> {
    const id = ++this.lastId;
    const { promise, resolve, reject } = withResolvers<unknown[]>();
    this.tasks.set(id, { indices, resolve, reject });
    // The process waits for an answer, and for nothing else of a worker.
    this.thread!.hold(true);
    this.thread!.post({ id, indices, context });
    return promise;
  }

  async end(): Promise<void> {
    this.finish("was ended");
    await this.thread?.end();
  }

  private receive(answer: Answer): void {
    if ("id" in answer) this.settle(answer);
    else if (answer.opened) this.opened.resolve();
    else {
      const error = `DataLoader: a worker can't open ${this.where}: ${answer.error.message}`;
      this.opened.reject(new WorkerError(error));
    }
  }

  private settle(answer: Extract<Answer, { id: number }>): void {
    const task = this.tasks.get(answer.id);
    if (task === undefined) return;
    this.tasks.delete(answer.id);
    if (this.tasks.size === 0) this.thread!.hold(false);
    if ("items" in answer) task.resolve(answer.items.map(unpack));
    else task.reject(this.failure(answer.error));
  }

  private failure({ index, name, message, stack }: TellingError & { index: number | null }): Error {
    const cause = Object.assign(new Error(message), { name, stack });
    if (index !== null) return itemError(this.where, index, cause);
    const error = `DataLoader: a worker of ${this.where} can't send its examples: ${message}`;
    return new WorkerError(error, { cause });
  }

  /** Nothing more comes from it: whoever waits is told why, the first reason. */
  private finish(reason: string): void {
    this.over ??= reason;
    const error = `DataLoader: a worker of ${this.where} ${this.over}`;
    this.opened.reject(new WorkerError(`${error}.`));
    for (const { indices, reject } of this.tasks.values()) {
      reject(new WorkerError(`${error}; it had the examples ${indices.join(", ")} to read.`));
    }
    this.tasks.clear();
  }
}

/** Some threads that read examples. Each request goes to the one with the fewest under way. */
class WorkerPool {
  private readonly where: string;
  private readonly workers: readonly PoolWorker[];

  constructor(count: number, where: string) {
    this.where = where;
    this.workers = Array.from({ length: count }, () => new PoolWorker(where));
  }

  /** Starts all; if one can't, or the signal is aborted, all are ended. */
  async open(opening: object, signal: AbortSignal | undefined): Promise<void> {
    const abort = () => void this.close();
    signal?.addEventListener("abort", abort);
    try {
      await Promise.all(this.workers.map((worker) => worker.open(opening)));
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async read(indices: Int32Array, context: EpochContext): Promise<unknown[]> {
    const alive = this.workers.filter((worker) => worker.alive);
    if (alive.length === 0) {
      throw new WorkerError(`DataLoader: the workers of ${this.where} have ended.`);
    }
    const idlest = alive.reduce((best, next) => (next.load < best.load ? next : best));
    return idlest.read(indices, context);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end()));
  }
}

/** Tensors as workers send them, made into tensors of this thread. */
function unpack(value: unknown): unknown {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(unpack);
  if ("$tensor" in value) {
    const { $tensor, shape, dtype } = value as { $tensor: TypedArray; shape: Shape; dtype: DType };
    return tensor($tensor, { shape, dtype });
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unpack(part)]));
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
