/** Resident memory over a long training run in which nobody disposes of anything. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { atMost } from "./report.mjs";

const child = fileURLToPath(new URL("children/training-loop.mjs", import.meta.url));
/** What compiles and fills caches at first is in place after so many steps. */
const warmUpSteps = 1000;

const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(0);

/** Trains in a synchronous loop and in one that awaits, each in a process of its own. */
export function measureMemory({ steps }) {
  return ["sync", "async"].map((mode) => {
    const args = [child, mode, String(steps), String(steps / 10)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`bench: the ${mode} training loop failed.\n${stderr}`);
    return JSON.parse(stdout);
  });
}

export function memoryFigures(runs) {
  return runs.map(({ mode, points }) => {
    const early = points.find(({ step }) => step >= warmUpSteps);
    const late = points.at(-1);
    const name = `memory, ${mode} loop: resident at step ${late.step} / at step ${early.step}`;
    return atMost(name, late.rss / early.rss, 1.1);
  });
}

export function memoryText(runs) {
  const lines = runs.flatMap(({ mode, points, msPerStep, memory }) => {
    const rss = points.map((point) => mebibytes(point.rss)).join(", ");
    const { liveBytes, cachedBytes, evictedBytes, restoredBytes, wasmBytes } = memory;
    return [
      `  ${mode}, ${msPerStep.toFixed(2)} ms per step; resident MiB every ${points[0].step} steps: ${rss}`,
      `    memory() in MiB: live ${mebibytes(liveBytes)}, cached ${mebibytes(cachedBytes)}, WebAssembly ${mebibytes(wasmBytes)}; since the start evicted ${mebibytes(evictedBytes)}, restored ${mebibytes(restoredBytes)}`,
    ];
  });
  return ["memory: training an MLP 784-256-10, batch 64, nothing disposed", ...lines].join("\n");
}
