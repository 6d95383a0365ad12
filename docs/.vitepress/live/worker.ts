/** Runs one cell, away from the page. A worker serves one run: the next one starts afresh. */
import { execute } from "./execute.ts";
import type { Job, Report } from "./protocol.ts";

const report = (message: Report) => self.postMessage(message);

self.addEventListener("message", ({ data: job }: MessageEvent<Job>) => {
  void execute(job, report);
});

report({ type: "ready" });
