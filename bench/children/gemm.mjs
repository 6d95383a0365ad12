/**
 * GFLOPS of matrix products alone on one thread, a·b, aᵀ·b and a·bᵀ: medians of interleaved rounds.
 *
 *   node bench/children/gemm.mjs ROUNDS
 */
import { readFileSync } from "node:fs";
import { summarize } from "../report.mjs";
import { referenceLoop } from "./reference-loop.mjs";

const source = new URL("../../packages/kernels/", import.meta.url);
const { gemm, gemmScratchBytes } = await import(new URL("dist/matmul.js", source));
// The generated module is one string; reading it spares a build of everything else.
const generated = readFileSync(new URL("src/generated/binary.ts", source), "utf8");
const [, hex] = /"([0-9a-f]+)"/.exec(generated);

const rounds = Number(process.argv[2]);
const targetFlops = 2e7; // one round of one case: about a millisecond
const sizes = [
  [10, 10, 10],
  [64, 64, 64],
  [128, 128, 128],
  [256, 256, 256],
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
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(hex, "hex")), {
  env: { memory },
});

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

const kinds = ["AB", "AᵀB", "ABᵀ"];
const warmUp = 3; // until V8's optimising compiler has replaced the first code

const loops = [];
const rows = [];
for (const dtype of ["float32", "float64"]) {
  for (const shape of sizes) {
    const cases = kinds.map((kind) => prepare(dtype, shape, kind));
    for (let i = 0; i < warmUp + rounds; i++) {
      for (const x of cases) x.round();
      const started = performance.now();
      referenceLoop();
      loops.push(performance.now() - started);
    }
    const [ab, atb, abt] = cases.map((x) => summarize(x.rates.slice(warmUp)).median);
    rows.push({ dtype, shape, ab, atb, abt });
  }
}
console.log(JSON.stringify({ rows, loop: summarize(loops).median }));
