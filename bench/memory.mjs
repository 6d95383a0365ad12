/** Memory: whether it stays flat where nobody disposes of anything, and how much a training step takes. */
import { withContenders } from "./contest.mjs";
import { measureChild } from "./dispatch.mjs";
import { atMost, table } from "./report.mjs";
import { workloads } from "./workloads.mjs";

const loops = [
  { name: "w1", steps: 10_000 },
  { name: "w5", steps: 2_000 },
];
/** What compiles and fills caches at first is in place after this part of the steps. */
const warmUp = 1 / 10;

const mebibytes = (bytes, digits = 0) => (bytes / 2 ** 20).toFixed(digits);

/** Trains in a synchronous loop and in one that awaits, each in a process of its own. */
export function measureMemory({ part }) {
  return loops.flatMap(({ name, steps }) =>
    ["sync", "async"].map((mode) =>
      measureChild("training-loop", name, mode, steps * part, steps * part * warmUp),
    ),
  );
}

export function memoryFigures(runs) {
  return runs.map(({ name, mode, points }) => {
    const [early, late] = [points[0], points.at(-1)];
    const where = `resident up to step ${late.step} / up to step ${early.step}`;
    return atMost(
      `memory, ${name.toUpperCase()}, ${mode} loop: ${where}`,
      late.rss / early.rss,
      1.1,
    );
  });
}

export function memoryText(runs) {
  const lines = runs.flatMap(({ name, mode, points, msPerStep, memory }) => {
    const rss = points.map((point) => mebibytes(point.rss)).join(", ");
    const { liveBytes, cachedBytes, evictedBytes, restoredBytes, wasmBytes } = memory;
    return [
      `  ${name.toUpperCase()}, ${mode}, ${msPerStep.toFixed(2)} ms per step; most resident MiB of every ${points[0].step} steps: ${rss}`,
      `    memory() in MiB: live ${mebibytes(liveBytes)}, cached ${mebibytes(cachedBytes)}, WebAssembly ${mebibytes(wasmBytes)}; since the start evicted ${mebibytes(evictedBytes)}, restored ${mebibytes(restoredBytes)}`,
    ];
  });
  return ["memory: training loops in which nothing is disposed", ...lines].join("\n");
}

const measured = ["w1", "w2", "w3", "w4", "w5", "w8"];

/** [{ name, tapegrad, pytorch }]: the most bytes that tensors hold in a training step; PyTorch's where it is found. */
export async function measurePeaks(contenders) {
  const taking = ["tapegrad", "pytorch"].filter((who) => contenders[who].missing === undefined);
  const rows = [];
  for (const name of measured) {
    const row = { name };
    await withContenders(name, workloads[name], contenders, taking, async (running) => {
      for (const { who, ask } of running) row[who] = (await ask({ do: "peak" })).bytes;
    });
    rows.push(row);
  }
  return rows;
}

export function peakText(rows) {
  const cells = rows.map(({ name, tapegrad, pytorch }) => [
    name.toUpperCase(),
    mebibytes(tapegrad, 1),
    ...(pytorch ? [mebibytes(pytorch, 1), `${(tapegrad / pytorch).toFixed(2)}×`] : []),
  ]);
  const head = ["", "tapegrad", "pytorch", "ours / theirs"].slice(0, cells[0].length);
  return `peak: the most that tensors hold in a training step, MiB\n${table([head, ...cells])}`;
}

export function peakFigures(rows) {
  return rows
    .filter(({ pytorch }) => pytorch)
    .map(({ name, tapegrad, pytorch }) =>
      atMost(`peak, ${name.toUpperCase()}, times PyTorch's`, tapegrad / pytorch, 1.3),
    );
}
