/**
 * A Solver in a thread of its own, so that a page or server stays responsive whatever a step takes. The
 * user's module makes the Solver there; here is its face, and the few messages between the two.
 */
import {
  type DType,
  DTypeError,
  type Shape,
  ShapeError,
  type Tensor,
  type TypedArray,
  tensor,
  ValueError,
} from "@tapegrad/core";
import {
  FileError,
  FormatError,
  startThread,
  type Thread,
  type ThreadEvents,
  WorkerError,
} from "@tapegrad/data";
import type { StateDict } from "@tapegrad/nn";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import type { Listener, Solver, TrainingEvent } from "./solver.ts";
import type { TrainingResult, TrainingState } from "./state.ts";
import { DivergedError } from "./update.ts";

// ---- In the worker

/** The worker's side of the line. */
export interface Port {
  post(message: unknown): void;
  listen(handler: (message: never) => void): void;
}

/**
 * The worker's program, as text: nothing has to be found beside a bundle, and it is the same in Node and
 * in pages. Everything else is behind the `serve` of the Solver that the user's module makes.
 */
const workerSource = `
(async () => {
  const inNode = typeof process === "object" && typeof process.versions?.node === "string";
  const port = inNode ? (await import("node:worker_threads")).parentPort : globalThis;
  let handle = async ({ module, name, options }) => {
    try {
      const exports = await import(module);
      if (typeof exports[name] !== "function") {
        throw new Error('its export "' + name + '" is ' + typeof exports[name] + "; it must be a function that makes a Solver");
      }
      const solver = await exports[name](options);
      if (typeof solver?.serve !== "function") {
        throw new Error('its export "' + name + '" made no Solver');
      }
      solver.serve({
        post: (message) => port.postMessage(message),
        listen: (handler) => {
          handle = handler;
        },
      });
    } catch (error) {
      const { name = "Error", message = String(error), stack = "" } = error ?? {};
      port.postMessage({ id: 0, error: { kind: -1, name, message, stack } });
    }
  };
  if (inNode) port.on("message", (message) => handle(message));
  else port.addEventListener("message", ({ data }) => handle(data));
})();
`;

interface PlainTensor {
  readonly data: TypedArray;
  readonly dtype: DType;
  readonly shape: Shape;
}

interface TellingError {
  /** Place in {@link errorClasses}; −1 for others. Names don't tell: bundlers change them. */
  readonly kind: number;
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

interface Request {
  readonly id: number;
  readonly call: keyof ReturnType<typeof callsOf>;
  readonly argument?: unknown;
}

/** Errors that arrive as what they were. */
const errorClasses = [ValueError, ShapeError, DTypeError, FileError, FormatError, DivergedError];

/** Request 0 is the opening. */
type Answer =
  | { readonly id: number; readonly value: unknown; readonly state?: TrainingState }
  | { readonly id: number; readonly error: TellingError }
  | { readonly state: TrainingState; readonly event: TrainingEvent };

/** Snapshots of batches are sent no more often than people can look at them. */
const batchesEveryMs = 50;

/** What can be asked of a Solver from outside. */
function callsOf(solver: Solver<never, never>) {
  return {
    fit: () => solver.fit(),
    pause: () => solver.pause(),
    resume: () => solver.resume(),
    stop: () => solver.stop(),
    setLearningRate: (lr: unknown) => {
      solver.learningRate = lr as number;
    },
    stateDict: () =>
      [...solver.model.stateDict()].map(([name, x]): [string, PlainTensor] => [name, packed(x)]),
    checkpoint: () => encodeCheckpoint(solver.checkpoint()),
    restore: (bytes: unknown) => {
      solver.restore(decodeCheckpoint(bytes as Uint8Array));
    },
  };
}

const packed = (x: Tensor): PlainTensor => ({
  data: x.data(),
  dtype: x.dtype,
  shape: [...x.shape],
});

/** Answers a {@link WorkerSolver} at the other end of the port. */
export function serve(solver: Solver<never, never>, port: Port): void {
  const calls = callsOf(solver);
  let lastMs = 0;
  solver.subscribe((state, event) => {
    const now = performance.now();
    if (event === "batch" && now - lastMs < batchesEveryMs) return;
    lastMs = now;
    port.post({ state, event });
  });
  port.listen(async ({ id, call, argument }: Request) => {
    try {
      const value = await calls[call](argument);
      port.post({ id, value, state: solver.state });
    } catch (error) {
      const { name, message, stack = "" } = error as Error;
      const kind = errorClasses.findIndex((one) => error instanceof one);
      port.post({ id, error: { kind, name, message, stack } });
    }
  });
  port.post({ id: 0, value: null, state: solver.state });
}

// ---- Here

export interface WorkerSolverOptions {
  /** The module to import in the worker: a `file:` URL in Node, an absolute URL in a page. */
  module: URL | string;
  /** Its exported function that, given `options`, makes the Solver. Default "default". */
  export?: string;
  /** Handed to that function; it must survive a structured clone. */
  options?: unknown;
  /** Aborting it ends the training after the running update. */
  signal?: AbortSignal;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const where = "WorkerSolver";
/**
 * A Solver that trains in a worker.
 *
 * ```js
 * // training.js
 * export default ({ epochs }) => new Solver({ model, train, optimizer, epochs });
 *
 * // the page or server
 * const solver = await WorkerSolver.open({
 *   module: new URL("./training.js", import.meta.url), options: { epochs: 5 },
 * });
 * solver.subscribe((state) => draw(state));
 * const result = await solver.fit();
 * model.loadStateDict(await solver.stateDict());
 * await solver.close();
 * ```
 *
 * Callbacks such as `onBatch` run in the worker; here `subscribe` tells, of batches about 20 a second.
 */
export class WorkerSolver {
  private readonly where: string;
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Set<Listener>();
  private readonly signal: AbortSignal | undefined;
  private readonly onAbort = () => this.stop();
  private thread: Thread | null = null;
  private failure: WorkerError | null = null;
  private lastId = 0;
  private current!: TrainingState;

  private constructor(place: string, signal: AbortSignal | undefined) {
    this.where = place;
    this.signal = signal;
  }

  /**
   * Starts the worker and makes the Solver there.
   *
   * @throws WorkerError if the module can't be imported or makes no Solver
   */
  static async open({
    module,
    export: name = "default",
    options,
    signal,
  }: WorkerSolverOptions): Promise<WorkerSolver> {
    const solver = new WorkerSolver(`${where}: "${module}"`, signal);
    const opened = new Promise((resolve, reject) => {
      solver.waiting.set(0, { resolve, reject });
    });
    solver.thread = await startThread<Answer>(where, workerSource, solver.events());
    solver.thread.post({ module: String(module), name, options });
    try {
      await opened;
    } catch (error) {
      await solver.close();
      throw new WorkerError(`${solver.where} can't be opened: ${(error as Error).message}.`, {
        cause: error,
      });
    }
    signal?.addEventListener("abort", solver.onAbort);
    return solver;
  }

  private events(): ThreadEvents<Answer> {
    return {
      message: (answer) => {
        if ("state" in answer && answer.state !== undefined) this.current = answer.state;
        if ("event" in answer) {
          for (const listener of this.listeners) listener(answer.state, answer.event);
        } else {
          this.settle(answer);
        }
      },
      failed: (reason) => {
        this.failure = new WorkerError(`${this.where}: the worker ${reason}.`);
        for (const { reject } of this.waiting.values()) reject(this.failure);
        this.waiting.clear();
      },
    };
  }

  private settle(answer: Exclude<Answer, { event: TrainingEvent }>): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (this.waiting.size === 0) this.thread?.hold(false);
    if ("error" in answer) waiting?.reject(revived(answer.error));
    else waiting?.resolve(answer.value);
  }

  private ask<T>(call: Request["call"], argument?: unknown): Promise<T> {
    if (this.failure !== null || this.thread === null) {
      return Promise.reject(this.failure ?? new WorkerError(`${this.where} is closed.`));
    }
    const id = ++this.lastId;
    const answered = new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    });
    this.thread.hold(true);
    this.thread.post({ id, call, argument });
    return answered;
  }

  /** What needs no answer: an error reaches whoever waits for `fit`. */
  private tell(call: Request["call"]): void {
    this.ask(call).catch(() => {});
  }

  /** The last snapshot that arrived. */
  get state(): TrainingState {
    return this.current;
  }

  /** Calls the listener with snapshots as they arrive. @returns a function that ends it */
  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** See the Solver's `fit`. @throws WorkerError if the worker ends on its own */
  async fit(): Promise<TrainingResult> {
    const running = this.ask<TrainingResult>("fit");
    // After the request, so that it finds the training under way.
    if (this.signal?.aborted) this.stop();
    return running;
  }

  pause(): void {
    this.tell("pause");
  }

  resume(): void {
    this.tell("resume");
  }

  stop(): void {
    this.tell("stop");
  }

  /** Resolves when the worker has it. @throws ValueError as the Solver's */
  async setLearningRate(lr: number): Promise<void> {
    await this.ask("setLearningRate", lr);
  }

  /** A copy of the weights as they are now. */
  async stateDict(): Promise<StateDict> {
    const state = await this.ask<[string, PlainTensor][]>("stateDict");
    return new Map(state.map(([name, { data, ...own }]) => [name, tensor(data, own)]));
  }

  async checkpoint(): Promise<Checkpoint> {
    return decodeCheckpoint(await this.ask<Uint8Array>("checkpoint"), "the worker's checkpoint");
  }

  /** Makes the next `fit` go on there. */
  async restore(checkpoint: Checkpoint): Promise<void> {
    await this.ask("restore", encodeCheckpoint(checkpoint));
  }

  /** Ends the worker, whatever it is at; a running `fit` is rejected. */
  async close(): Promise<void> {
    const { thread } = this;
    this.thread = null;
    this.signal?.removeEventListener("abort", this.onAbort);
    await thread?.end();
    for (const { reject } of this.waiting.values()) {
      reject(new WorkerError(`${this.where} is closed.`));
    }
    this.waiting.clear();
  }
}

function revived({ kind, name, message, stack }: TellingError): Error {
  const known = errorClasses[kind];
  return known === undefined
    ? Object.assign(new Error(message), { name, stack })
    : Object.assign(new known(message), { stack });
}
