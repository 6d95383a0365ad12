/** `npm start` end to end from a built tree: time, peak resident memory, test accuracy. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { atLeast, atMost } from "./report.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const program = join(root, "examples/dist/mnist/main.js");
const preload = fileURLToPath(new URL("children/peak-memory.mjs", import.meta.url));

/** Runs the MNIST example with its defaults; the weights go to a temporary folder. */
export function measureStart() {
  if (!existsSync(program))
    throw new Error(`bench: ${program} is missing; npm run build makes it.`);
  const folder = mkdtempSync(join(tmpdir(), "tapegrad-bench-"));
  try {
    const peak = join(folder, "peak");
    const started = performance.now();
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        "--import",
        pathToFileURL(preload).href,
        program,
        "--output",
        join(folder, "mnist.safetensors"),
      ],
      { cwd: root, encoding: "utf8", env: { ...process.env, TAPEGRAD_BENCH_PEAK: peak } },
    );
    const seconds = (performance.now() - started) / 1000;
    if (status !== 0) throw new Error(`bench: the MNIST example failed.\n${stdout}${stderr}`);
    const accuracy = /test accuracy[^\d\n]*([\d.]+) ?%/i.exec(stdout);
    if (accuracy === null) {
      throw new Error(`bench: the MNIST example printed no "test accuracy … %".\n${stdout}`);
    }
    const peakBytes = Number(readFileSync(peak, "utf8"));
    return { seconds, peakBytes, testAccuracy: Number(accuracy[1]) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function startFigures({ seconds, peakBytes, testAccuracy }) {
  return [
    atMost("npm start, seconds", seconds, 60),
    atMost("npm start, peak resident MB", peakBytes / 1e6, 600),
    atLeast("npm start, test accuracy in %", testAccuracy, 97.5),
  ];
}

export function startText({ seconds, peakBytes, testAccuracy }) {
  const megabytes = (peakBytes / 1e6).toFixed(0);
  return [
    "start: the MNIST example with its defaults, from a built tree",
    `  ${seconds.toFixed(1)} s, peak resident memory ${megabytes} MB, test accuracy ${testAccuracy.toFixed(2)} %`,
  ].join("\n");
}
