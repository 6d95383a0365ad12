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
export class WorkerError extends TapegradError {}

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
 * @throws ValueError if the module has no such export or it gives no `length` and `item`
 */
export async function openWorkerDataset<I = { x: TypedArray; y: number }>({
  module,
  export: name,
  options,
  ...collating
}: WorkerDatasetOptions): Promise<Dataset<Promise<Collated<I>>>> {
  const url = String(module);
  const where = `${url}, "${name}"`;
  const exports = (await import(url)) as Record<string, unknown>;
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
    async startWorkers(count) {
      const pool = new WorkerPool(count, { module: url, name, options }, where);
      await pool.ready();
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
  readonly thread: Thread;
  readonly indices: Int32Array;
  resolve(items: unknown[]): void;
  reject(error: Error): void;
}

/** Some threads that read examples. Each request goes to the one with the fewest under way. */
class WorkerPool {
  private readonly where: string;
  private readonly tasks = new Map<number, Task>();
  private readonly threads: Promise<Thread[]>;
  private lastId = 0;
  private closed = false;

  constructor(
    count: number,
    opening: { module: string; name: string; options: unknown },
    where: string,
  ) {
    this.where = where;
    this.threads = this.start(count, opening);
  }

  async ready(): Promise<void> {
    await this.threads;
  }

  private async start(count: number, opening: object): Promise<Thread[]> {
    const started: Thread[] = [];
    const opened = Array.from({ length: count }, async () => {
      const { promise, resolve, reject } = withResolvers<void>();
      const thread: Thread = await startThread<Answer>("DataLoader", workerSource, {
        message: (answer) => {
          if ("id" in answer) this.settle(answer);
          else if (answer.opened) resolve();
          else
            reject(
              new WorkerError(
                `DataLoader: a worker can't open ${this.where}: ${answer.error.message}`,
              ),
            );
        },
        failed: (reason) => {
          const error = (indices?: Int32Array) =>
            new WorkerError(
              `DataLoader: a worker of ${this.where} ${reason}${indices === undefined ? "" : `; it had the examples ${[...indices].join(", ")} to read`}.`,
            );
          reject(error());
          for (const [id, task] of this.tasks) {
            if (task.thread !== thread) continue;
            this.tasks.delete(id);
            task.reject(error(task.indices));
          }
          this.gone.add(thread);
        },
      });
      started.push(thread);
      thread.post(opening);
      await promise;
      thread.hold(false);
      return thread;
    });
    const outcomes = await Promise.allSettled(opened);
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) {
      await Promise.all(started.map((thread) => thread.end()));
      throw failure.reason;
    }
    return started;
  }

  private readonly gone = new Set<Thread>();

  async read(indices: Int32Array, context: EpochContext): Promise<unknown[]> {
    const threads = (await this.threads).filter((thread) => !this.gone.has(thread));
    if (this.closed || threads.length === 0) {
      throw new WorkerError(`DataLoader: the workers of ${this.where} have ended.`);
    }
    const load = (thread: Thread) =>
      [...this.tasks.values()].filter((task) => task.thread === thread).length;
    const thread = threads.reduce((best, next) => (load(next) < load(best) ? next : best));
    const id = ++this.lastId;
    const { promise, resolve, reject } = withResolvers<unknown[]>();
    this.tasks.set(id, { thread, indices, resolve, reject });
    thread.hold(true);
    thread.post({ id, indices, context });
    return promise;
  }

  private settle(answer: Extract<Answer, { id: number }>): void {
    const task = this.tasks.get(answer.id);
    if (task === undefined) return;
    this.tasks.delete(answer.id);
    if (![...this.tasks.values()].some(({ thread }) => thread === task.thread)) {
      task.thread.hold(false);
    }
    if ("items" in answer) task.resolve(answer.items.map(unpack));
    else task.reject(this.failure(answer.error));
  }

  private failure({ index, name, message, stack }: TellingError & { index: number | null }): Error {
    const cause = Object.assign(new Error(message), { name, stack });
    if (index !== null) return itemError(this.where, index, cause);
    return new WorkerError(
      `DataLoader: a worker of ${this.where} can't send its examples: ${message}`,
      {
        cause,
      },
    );
  }

  async close(): Promise<void> {
    this.closed = true;
    // A pool that never opened has ended its threads itself.
    const threads = await this.threads.catch(() => []);
    await Promise.all(threads.map((thread) => thread.end()));
    for (const task of this.tasks.values()) {
      task.reject(new WorkerError(`DataLoader: the workers of ${this.where} have ended.`));
    }
    this.tasks.clear();
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
