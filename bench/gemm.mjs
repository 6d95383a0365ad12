#!/usr/bin/env node
/**
 * Matrix products alone, one thread: GFLOPS of a·b, aᵀ·b and a·bᵀ, medians of interleaved rounds.
 *
 *   node scripts/build.mjs && node bench/gemm.mjs [rounds]
 */
import { readFileSync } from "node:fs";

const source = new URL("../packages/kernels/", import.meta.url);
const { gemm, gemmScratchBytes } = await import(new URL("dist/matmul.js", source));
// The generated module is one string; reading it spares a build of everything else.
const generated = readFileSync(new URL("src/generated/binary.ts", source), "utf8");
const [, base64] = /"([A-Za-z0-9+/=]+)"/.exec(generated);

const rounds = Number(process.argv[2] ?? 15);
const targetFlops = 2e7; // one round of one case: about a millisecond
const sizes = [
  [10, 10, 10],
  [64, 64, 64],
  [128, 128, 128],
  [512, 512, 512],
  [1024, 1024, 1024],
  [100, 3072, 100],
  [3072, 100, 100],
  [128, 784, 1024],
  [100, 100, 10],
  [2, 1024, 1024],
  [1, 1024, 1024],
  [1024, 1024, 1],
];

const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536 });
const { exports } = new WebAssembly.Instance(
  new WebAssembly.Module(Buffer.from(base64, "base64")),
  { env: { memory } },
);

/** One timed case: `repeat` products per round, operands laid out one after another. */
function prepare(dtype, [m, k, n], kind) {
  const size = dtype === "float32" ? 4 : 8;
  const array = (dtype === "float32" ? Float32Array : Float64Array).from(
    { length: m * k + k * n },
    (_, i) => Math.sin(i),
  );
  const a = 4096;
  const b = a + m * k * size;
  const out = b + k * n * size;
  const scratch = (out + m * n * size + 63) & ~63;
  const missing = scratch + gemmScratchBytes(dtype, m, n, k, 1) - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));
  const [aRow, aCol] = kind === "AᵀB" ? [1, m] : [k, 1];
  const [bRow, bCol] = kind === "ABᵀ" ? [1, k] : [n, 1];
  const flops = 2 * m * n * k;
  const repeat = Math.max(1, Math.round(targetFlops / flops));
  const rates = [];
  return {
    rates,
    round() {
      new array.constructor(memory.buffer, a, array.length).set(array);
      const started = performance.now();
      for (let i = 0; i < repeat; i++) {
        gemm(exports, null, dtype, m, n, k, a, aRow, aCol, b, bRow, bCol, out, n, 1, 0, 0, scratch);
      }
      rates.push((flops * repeat) / (performance.now() - started) / 1e6);
    },
  };
}

const median = (x) => x.toSorted((a, b) => a - b)[x.length >> 1];
const kinds = ["AB", "AᵀB", "ABᵀ"];

console.log(`GFLOPS, Node ${process.versions.node}, ${rounds} rounds`);
console.log(`${"M×K×N".padEnd(22)}${kinds.map((x) => x.padStart(8)).join("")}   AB µs`);
for (const dtype of ["float32", "float64"]) {
  for (const shape of sizes) {
    const cases = kinds.map((kind) => prepare(dtype, shape, kind));
    const warmUp = 3; // until V8's optimising compiler has replaced the first code
    for (let i = 0; i < warmUp + rounds; i++) for (const x of cases) x.round();
    const rates = cases.map((x) => median(x.rates.slice(warmUp)));
    const micros = (2e-3 * shape[0] * shape[1] * shape[2]) / rates[0];
    console.log(
      `${dtype} ${shape.join("×")}`.padEnd(22) +
        rates.map((x) => x.toFixed(1).padStart(8)).join("") +
        micros.toFixed(micros < 10 ? 2 : 0).padStart(8),
    );
  }
}
