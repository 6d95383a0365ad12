/** A thread with a program given as text: a worker of Node's or of a page, by one interface. */
import { inNode, nodeModule } from "./files.ts";

/** What the library needs of a worker, in Node and in pages. */
export interface Thread {
  post(message: unknown): void;
  /** Whether the process has to wait for this thread. Pages don't end. */
  hold(needed: boolean): void;
  end(): Promise<void>;
}

export interface ThreadEvents<M> {
  message(message: M): void;
  /** The thread is gone, or what it sent can't be read. */
  failed(reason: string): void;
}

/**
 * Starts a thread that runs `source`, an ES module or script that is the same in Node and in pages.
 *
 * @param where  what errors call the caller
 */
export function startThread<M>(
  where: string,
  source: string,
  events: ThreadEvents<M>,
): Promise<Thread> {
  return inNode() ? startNodeThread(where, source, events) : startPageThread(source, events);
}

const unreadable = "sent a message that can't be read here";

/** The part of `node:worker_threads` that is used here; users' type checks don't need Node's types. */
interface NodeThreads {
  Worker: new (
    source: string,
    options: { eval: boolean },
  ) => {
    on(event: string, listener: (value: never) => void): void;
    postMessage(message: unknown): void;
    ref(): void;
    unref(): void;
    terminate(): Promise<number>;
  };
}

async function startNodeThread<M>(
  where: string,
  source: string,
  { message, failed }: ThreadEvents<M>,
): Promise<Thread> {
  const { Worker } = await nodeModule<NodeThreads>(where, "node:worker_threads");
  const worker = new Worker(source, { eval: true });
  let ended = false;
  worker.on("message", message as (value: never) => void);
  worker.on("messageerror", () => failed(unreadable));
  worker.on("error", (error: Error) => failed(`failed: ${error.message}`));
  worker.on("exit", (code: number) => {
    if (!ended) failed(`ended with exit code ${code}`);
  });
  return {
    post: (value) => worker.postMessage(value),
    hold: (needed) => (needed ? worker.ref() : worker.unref()),
    async end() {
      ended = true;
      await worker.terminate();
    },
  };
}

async function startPageThread<M>(
  source: string,
  { message, failed }: ThreadEvents<M>,
): Promise<Thread> {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.addEventListener("message", ({ data }) => message(data as M));
  worker.addEventListener("messageerror", () => failed(unreadable));
  worker.addEventListener("error", (event) => {
    failed(
      `failed: ${event.message || "it could not start; the page's Content-Security-Policy must allow worker-src blob:"}`,
    );
  });
  return {
    post: (value) => worker.postMessage(value),
    hold: () => {},
    async end() {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}
