/** The page's side of live cells: workers that run them, and an end to those that don't stop. */
import type { Job, Report } from "./protocol.ts";

export interface Run {
  /** Ends the run now; it reports nothing more. */
  stop(): void;
}

export interface RunOptions {
  timeoutMs: number;
  onReport(report: Report): void;
}

const start = () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });

/** A worker that has loaded the library and waits, so that a run starts at once. */
let spare: Worker | null = null;

/** Gets ready for a run; the first is asked for when a cell comes into view. */
export function warmUp(): void {
  spare ??= start();
}

export function run(job: Job, { timeoutMs, onReport }: RunOptions): Run {
  const worker = spare ?? start();
  spare = null;
  const finish = () => {
    clearTimeout(timer);
    worker.terminate();
    warmUp();
  };
  const fail = (text: string) => {
    finish();
    onReport({ type: "error", text, line: null });
    onReport({ type: "done", ms: timeoutMs });
  };
  const timer = setTimeout(() => fail(`Stopped after ${timeoutMs / 1000} seconds.`), timeoutMs);
  worker.onmessage = ({ data }: MessageEvent<Report>) => {
    if (data.type === "ready") return;
    if (data.type === "done") finish();
    onReport(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.message ?? "The worker could not be loaded.");
  };
  worker.postMessage(job);
  return { stop: finish };
}
