/** The parent's side of a contest: one process per contender, kept alive, rounds interleaved. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The first python that imports torch, with torch's version; null where there is none. */
function findTorch() {
  for (const python of ["python3", "/usr/bin/python3"]) {
    const code = "import torch; print(torch.__version__)";
    const { status, stdout } = spawnSync(python, ["-c", code], { encoding: "utf8" });
    if (status === 0) return { python, version: stdout.trim() };
  }
  return null;
}

function findPython() {
  const { status, stdout } = spawnSync("python3", ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

/** Who can take part on this machine: name → { command, version }, or { missing: what to do }. */
export function findContenders() {
  const torch = findTorch();
  const python = findPython();
  const jax = path("node_modules/@jax-js/jax/package.json");
  const { version } = JSON.parse(readFileSync(path("../packages/core/package.json"), "utf8"));
  return {
    tapegrad: { version, command: [process.execPath, path("contenders/tapegrad.mjs")] },
    pytorch: torch
      ? { version: torch.version, command: [torch.python, path("contenders/pytorch.py")] }
      : { missing: "no python3 here imports torch" },
    "jax-js": existsSync(jax)
      ? {
          version: JSON.parse(readFileSync(jax, "utf8")).version,
          command: [process.execPath, path("contenders/jax-js.mjs")],
        }
      : { missing: "not installed; npm ci --prefix bench does that" },
    micrograd: python
      ? { version: python, command: ["python3", path("contenders/micrograd.py")] }
      : { missing: "no python3 here" },
  };
}

/** A running contender: ask(request) gives its answer. */
function start(name, [file, ...args]) {
  // PyTorch's own setting does not bind the libraries below it.
  const oneThread = { OPENBLAS_NUM_THREADS: "1", OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };
  const child = spawn(file, args, {
    env: { ...process.env, ...oneThread },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done)
        throw new Error(`bench: ${name} ended during "${request.do}"; see its output above.`);
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
}

/** Writes the arrays into one file, each at a multiple of 8 bytes, and says where they are. */
function writeArrays(file, data) {
  const chunks = [];
  const arrays = {};
  let start = 0;
  for (const [name, { data: values, shape }] of Object.entries(data)) {
    const bytes = Buffer.alloc(Math.ceil(values.byteLength / 8) * 8);
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    chunks.push(bytes);
    const dtype = values instanceof Int32Array ? "int32" : "float32";
    arrays[name] = { dtype, shape, start, end: start + values.byteLength };
    start += bytes.length;
  }
  writeFileSync(file, Buffer.concat(chunks));
  return arrays;
}

/**
 * Runs a workload: every contender trains for `lossSteps` steps from the same weights, then `rounds`
 * rounds of `ms` milliseconds go around, so that a slow moment of the machine hits all alike.
 *
 * @returns name → { losses, times }, times in the workload's unit, one per round
 */
export async function contest(name, workload, contenders, { rounds, warmUp, ms, lossSteps }) {
  const folder = mkdtempSync(join(tmpdir(), "tapegrad-bench-"));
  const running = [];
  try {
    const file = join(folder, "arrays.bin");
    const arrays = writeArrays(file, workload.data());
    for (const who of workload.contenders) {
      const { command } = contenders[who];
      if (command === undefined) continue;
      const { ask, end } = start(who, command);
      running.push({ who, ask, end, losses: [], times: [] });
      await ask({ do: "setup", workload: name, file, arrays, options: workload.options });
    }
    for (const one of running) {
      one.losses = (await one.ask({ do: "losses", steps: lossSteps })).losses;
    }
    for (let round = -warmUp; round < rounds; round++) {
      for (const { ask, times } of running) {
        const answer = await ask({ do: "round", ms });
        if (round >= 0) times.push((answer.ms / answer.steps) * workload.perStep);
      }
    }
    return Object.fromEntries(running.map(({ who, losses, times }) => [who, { losses, times }]));
  } finally {
    for (const { end } of running) end();
    rmSync(folder, { recursive: true });
  }
}
