/** How a thread comes to life in Node and in a page; see threads.ts. */
import { threadSource } from "./thread-source.ts";

export interface Thread {
  /** Stops it wherever it is. */
  terminate(): unknown;
}

/** What this file needs of Node's `process`, reached without importing Node. */
interface NodeProcess {
  getBuiltinModule?(name: "node:worker_threads"): {
    Worker: new (
      source: string,
      options: { eval: true; workerData: unknown; execArgv: string[] },
    ) => Thread & { unref(): void; on(event: "error", f: () => void): void };
  };
  getBuiltinModule?(name: "node:os"): { availableParallelism(): number };
}

const nodeProcess = (globalThis as { process?: NodeProcess }).process;

/** Whether memory can be shared here: always in Node, in pages only when cross-origin isolated. */
export function canShareMemory(): boolean {
  return (
    typeof SharedArrayBuffer === "function" &&
    (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false
  );
}

/** Threads that the machine runs at once. */
export function availableThreads(): number {
  return (
    nodeProcess?.getBuiltinModule?.("node:os").availableParallelism() ??
    (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator
      ?.hardwareConcurrency ??
    1
  );
}

/**
 * Starts a thread with `data`; null where threads can't be had. One that fails later, as under a
 * Content-Security-Policy without blob workers, never reports that it is ready, and is not missed.
 */
export function startThread(data: unknown): Thread | null {
  try {
    const node = nodeProcess?.getBuiltinModule?.("node:worker_threads");
    if (node !== undefined) {
      const source = `${threadSource}\nrun(require("node:worker_threads").workerData);`;
      const worker = new node.Worker(source, { eval: true, workerData: data, execArgv: [] });
      worker.on("error", () => {});
      worker.unref(); // the program ends when its own work is done
      return worker;
    }
    const source = `${threadSource}\nonmessage = ({ data }) => { run(data); close(); };`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.onerror = (event) => event.preventDefault();
    worker.postMessage(data);
    return worker;
  } catch {
    return null;
  }
}
