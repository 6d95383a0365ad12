/** The parent's side of a contest: one process per contender, kept alive, rounds interleaved. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
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

const notInstalled = { missing: "not installed; npm ci --prefix bench does that" };

/** A contender in JavaScript whose package is one of bench/package.json. */
function fromNpm(packageName, file, ...args) {
  const manifest = path(`node_modules/${packageName}/package.json`);
  if (!existsSync(manifest)) return notInstalled;
  const { version } = JSON.parse(readFileSync(manifest, "utf8"));
  return { version, command: [process.execPath, path(`contenders/${file}`), ...args] };
}

function tapegrad(threads) {
  if (availableParallelism() < threads)
    return { missing: "this machine runs one thread at a time" };
  const { version } = JSON.parse(readFileSync(path("../packages/core/package.json"), "utf8"));
  return {
    version: threads === 1 ? version : `${version}, ${threads} threads`,
    command: [process.execPath, path("contenders/tapegrad.mjs"), String(threads)],
  };
}

/** With `setNumerics("fast")`, for which Node 20 wants a flag. */
function tapegradFast() {
  const { version, command } = tapegrad(1);
  const [node, ...rest] = command;
  const flags = /^20\./.test(process.versions.node) ? ["--experimental-wasm-relaxed-simd"] : [];
  return { version: `${version}, numerics "fast"`, command: [node, ...flags, ...rest, "fast"] };
}

/** Who can take part on this machine: name → { version, command }, or { missing: why }. */
export function findContenders() {
  const torch = findTorch();
  const python = findPython();
  return {
    tapegrad: tapegrad(1),
    "tapegrad-2": tapegrad(2),
    "tapegrad-fast": tapegradFast(),
    pytorch: torch
      ? { version: torch.version, command: [torch.python, path("contenders/pytorch.py")] }
      : { missing: "no python3 here imports torch" },
    "jax-js": fromNpm("@jax-js/jax", "jax-js.mjs"),
    "tfjs-wasm": fromNpm("@tensorflow/tfjs-backend-wasm", "tfjs.mjs", "wasm"),
    "tfjs-cpu": fromNpm("@tensorflow/tfjs", "tfjs.mjs", "cpu"),
    "js-pytorch": fromNpm("js-pytorch", "js-pytorch.mjs"),
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

/** Starts contenders on a workload, lets `f` ask them, and ends them. */
export async function withContenders(name, workload, contenders, taking, f) {
  const folder = mkdtempSync(join(tmpdir(), "tapegrad-bench-"));
  const running = [];
  try {
    const file = join(folder, "arrays.bin");
    const arrays = writeArrays(file, workload.data());
    for (const who of taking) {
      const { ask, end } = start(who, contenders[who].command);
      running.push({ who, ask, end });
      await ask({ do: "setup", workload: name, file, arrays, options: workload.options });
    }
    return await f(running);
  } finally {
    for (const { end } of running) end();
    rmSync(folder, { recursive: true });
  }
}

/**
 * Runs a workload: every contender trains for `lossSteps` steps from the same weights, as far as it gets in
 * `lossMs`. Then `rounds` rounds of `ms` milliseconds go around, so that a slow moment of the machine hits all
 * alike. Who has had `budgetMs` leaves after the first round that counts.
 *
 * @param taking  names of those who take part
 * @returns name → { losses, times }, times in the workload's unit, one per round
 */
export function contest(name, workload, contenders, taking, pace) {
  return withContenders(name, workload, contenders, taking, async (running) => {
    for (const one of running) {
      const { losses } = await one.ask({ do: "losses", steps: pace.lossSteps, ms: pace.lossMs });
      Object.assign(one, { losses, times: [], spentMs: 0 });
    }
    for (let round = -pace.warmUp; round < pace.rounds; round++) {
      for (const one of running) {
        if (one.spentMs > pace.budgetMs && (round < 0 || one.times.length > 0)) continue;
        const { ms, steps } = await one.ask({ do: "round", ms: pace.ms });
        one.spentMs += ms;
        if (round >= 0) one.times.push((ms / steps) * workload.perStep);
      }
    }
    return Object.fromEntries(running.map(({ who, losses, times }) => [who, { losses, times }]));
  });
}
