/**
 * GFLOPS of matrix products on one thread, a·b, aᵀ·b and a·bᵀ, of batches of them, and of convolutions: medians of
 * interleaved rounds.
 *
 *   node bench/children/gemm.mjs ROUNDS
 */
import { summarize } from "../report.mjs";
import { referenceLoop } from "./reference-loop.mjs";

const source = new URL("../../packages/kernels/", import.meta.url);
const { gemm, gemmScratchBytes } = await import(new URL("dist/matmul.js", source));
const { moduleBytes } = await import(new URL("dist/module.js", source));

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
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()), {
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
        gemm(
          exports,
          null,
          dtype,
          m,
          n,
          k,
          a,
          aRow,
          aCol,
          b,
          bRow,
          bCol,
          out,
          n,
          1,
          0,
          0,
          0,
          scratch,
        );
      }
      rates.push((flops * repeat) / (performance.now() - started) / 1e6);
    },
  };
}

const { adopt, setThreads, wasmKernels } = await import(new URL("dist/index.js", source));
setThreads(1);

const elementsOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** A contiguous operand of small numbers. */
function operand(dtype, shape) {
  const size = elementsOf(shape);
  const array = dtype === "float32" ? new Float32Array(size) : new Float64Array(size);
  const storage = adopt(array.map((_, i) => Math.sin(i)));
  const strides = shape.map((_, axis) => elementsOf(shape.slice(axis + 1)));
  return { storage, value: 0, dtype, shape, strides, offset: 0 };
}

/** One timed call of the kernels' interface, repeated to about a millisecond. */
function timed(flops, run) {
  const rates = [];
  const repeat = Math.max(1, Math.round(targetFlops / flops));
  return {
    rates,
    round() {
      const started = performance.now();
      for (let i = 0; i < repeat; i++) run();
      rates.push((flops * repeat) / (performance.now() - started) / 1e6);
    },
  };
}

/** [matrices, m, k, n]: attention's scores and values in W5, and small ones. */
const batches = [
  [32, 64, 16, 64],
  [32, 64, 64, 16],
  [256, 16, 16, 16],
];

function batchCase(dtype, [count, m, k, n]) {
  const [a, b, out] = [
    [m, k],
    [k, n],
    [m, n],
  ].map((shape) => operand(dtype, [count, ...shape]));
  return timed(2 * count * m * k * n, () => kernels.matmul(a, b, out));
}

/** Name, images, channels in and out, groups, sides of the image and of the window, stride; padded to keep the size. */
const convs = [
  ["W4's first", 32, 3, 32, 1, 32, 3, 1],
  ["W4's second", 32, 32, 64, 1, 16, 3, 1],
  ["ResNet 3×3", 1, 64, 64, 1, 56, 3, 1],
  ["ResNet 3×3 by 2", 1, 128, 128, 1, 56, 3, 2],
  ["ResNet 3×3, deep", 1, 512, 512, 1, 7, 3, 1],
  ["ResNet 1×1", 1, 256, 64, 1, 56, 1, 1],
  ["depthwise 3×3", 1, 96, 96, 96, 56, 3, 1],
  ["depthwise 3×3 by 2", 1, 96, 96, 96, 56, 3, 2],
];

/** y = w ∗ x, and the gradients of x and of w. */
function convCases(dtype, [, images, channels, outChannels, groups, side, window, stride]) {
  const output = Math.ceil(side / stride);
  const g = {
    kernel: [window, window],
    stride: [stride, stride],
    dilation: [1, 1],
    before: [(window - 1) / 2, (window - 1) / 2],
    input: [side, side],
    output: [output, output],
    groups,
  };
  const x = operand(dtype, [images, channels, side, side]);
  const weight = operand(dtype, [outChannels, channels / groups, window, window]);
  const y = operand(dtype, [images, outChannels, output, output]);
  const flops = (2 * elementsOf(y.shape) * channels * window ** 2) / groups;
  return [
    timed(flops, () => kernels.conv(g, x, weight, y)),
    timed(flops, () => kernels.convInput(g, x, weight, y)),
    timed(flops, () => kernels.convWeight(g, x, weight, y)),
  ];
}

const kernels = wasmKernels();
const kinds = ["AB", "AᵀB", "ABᵀ"];
const warmUp = 3; // until V8's optimising compiler has replaced the first code

const loops = [];

/** The median rate of each case, in turns. */
function medians(cases) {
  for (let i = 0; i < warmUp + rounds; i++) {
    for (const x of cases) x.round();
    const started = performance.now();
    referenceLoop();
    loops.push(performance.now() - started);
  }
  return cases.map((x) => summarize(x.rates.slice(warmUp)).median);
}

const [rows, batched, convolved] = [[], [], []];
for (const dtype of ["float32", "float64"]) {
  for (const shape of sizes) {
    const [ab, atb, abt] = medians(kinds.map((kind) => prepare(dtype, shape, kind)));
    rows.push({ dtype, shape, ab, atb, abt });
  }
  for (const shape of batches) {
    const [rate] = medians([batchCase(dtype, shape)]);
    batched.push({ dtype, shape, rate });
  }
}
for (const conv of convs) {
  const [forward, input, weight] = medians(convCases("float32", conv));
  convolved.push({ name: conv[0], forward, input, weight });
}
console.log(JSON.stringify({ rows, batched, convolved, loop: summarize(loops).median }));
