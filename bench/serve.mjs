/**
 * The child's side of a contest: answers the requests of contest.mjs, one line of JSON each.
 *
 *   {"do": "setup", "workload": "w1", "file": …, "arrays": …, "options": …}  → {}
 *   {"do": "losses", "steps": 10, "ms": 20000}  → {"losses": […]}, the loss of each training step; fewer,
 *     at least one, if the time is over before
 *   {"do": "round", "ms": 200}      → {"steps": 31, "ms": 203.4}, steps until the time is over
 *   {"do": "peak"}                  → {"bytes": 123456}, the most that tensors hold in a training step
 *
 * contenders/serve.py is its twin in Python.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** The arrays of a workload by name, read from the file that contest.mjs wrote for all contenders. */
function readArrays(file, arrays) {
  const bytes = readFileSync(file);
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { dtype, shape, start, end }]) => {
      const view = new Uint8Array(bytes.subarray(start, end)).buffer;
      const data = dtype === "int32" ? new Int32Array(view) : new Float32Array(view);
      return [name, { data, shape }];
    }),
  );
}

/**
 * @param workloads  name → (arrays, options) → { train, step }: `train` is a whole training step that
 *   returns its loss, `step` what is timed; either may be async
 * @param peakBytes  the most that tensors have held since the start, for those who can tell
 */
export async function serve(workloads, peakBytes) {
  let running;
  const answers = {
    async setup({ workload, file, arrays, options }) {
      running = await workloads[workload](readArrays(file, arrays), options);
      return {};
    },
    async losses({ steps, ms }) {
      const losses = [];
      const started = performance.now();
      while (losses.length < steps && performance.now() - started < ms)
        losses.push(await running.train());
      return { losses };
    },
    async peak() {
      for (let i = 0; i < 3; i++) await running.train();
      return { bytes: peakBytes() };
    },
    async round({ ms }) {
      const started = performance.now();
      let steps = 0;
      let passed = 0;
      while (passed < ms) {
        // A contender that never waits isn't made to: an await would turn the event loop for it.
        const waiting = running.step();
        if (waiting instanceof Promise) await waiting;
        steps++;
        passed = performance.now() - started;
      }
      return { steps, ms: passed };
    },
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    console.log(JSON.stringify(await answers[request.do](request)));
  }
}
