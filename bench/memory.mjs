/** Resident memory over a long training run in which nobody disposes of anything. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { atMost } from "./report.mjs";

const child = fileURLToPath(new URL("children/training-loop.mjs", import.meta.url));
const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

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
    const [early, late] = [points[0], points.at(-1)];
    const name = `memory, ${mode} loop: resident at step ${late.step} / at step ${early.step}`;
    return atMost(name, late.rss / early.rss, 1.1);
  });
}

export function printMemory(runs) {
  console.log("\nmemory: training an MLP 784-256-10, batch 64, nothing disposed");
  for (const { mode, points, msPerStep, memory } of runs) {
    const rss = points.map(({ step, rss }) => `${step}: ${mebibytes(rss)}`).join(", ");
    console.log(`  ${mode}, ${msPerStep.toFixed(2)} ms per step; resident after step ${rss}`);
    const { liveBytes, cachedBytes, evictedBytes, restoredBytes, wasmBytes } = memory;
    console.log(
      `    memory(): live ${mebibytes(liveBytes)}, cached ${mebibytes(cachedBytes)}, WebAssembly ${mebibytes(wasmBytes)}; evicted ${mebibytes(evictedBytes)}, restored ${mebibytes(restoredBytes)} since the start`,
    );
  }
}
