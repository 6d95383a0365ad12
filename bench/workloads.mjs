/** What is timed: each workload's data, who takes part, and the figures to reach. */
import {
  batchNormData,
  charGptData,
  circuitData,
  circuitGates,
  convNetData,
  elementwiseData,
  mlpData,
  productData,
} from "./data.mjs";
import { atLeast, atMost } from "./report.mjs";

const all = ["tapegrad", "tapegrad-2", "pytorch", "jax-js", "tfjs-wasm", "tfjs-cpu", "js-pytorch"];
const except = (...names) => all.filter((name) => !names.includes(name));

const tooSlow = (seconds) => `a step takes it about ${seconds} seconds`;

/**
 * The figures of a workload: our time at one thread and at two as a part of PyTorch's at one, and how many times
 * faster than jax-js, which starts no threads in Node, we are. Figures whose peers did not run are left out.
 */
function targets(name, { oneThread, twoThreads, fast, jax, by = "median" }) {
  return (results) => {
    const ours = results.tapegrad[by];
    const two = results["tapegrad-2"]?.[by];
    const relaxed = results["tapegrad-fast"]?.[by];
    const [torch, theirs] = [results.pytorch?.[by], results["jax-js"]?.[by]];
    return [
      torch && atMost(`${name}, times PyTorch's`, ours / torch, oneThread),
      torch && two && atMost(`${name}, 2 threads, times PyTorch's at one`, two / torch, twoThreads),
      torch &&
        relaxed &&
        atMost(`${name}, numerics "fast", times PyTorch's`, relaxed / torch, fast),
      theirs && atLeast(`${name}, times faster than jax-js`, theirs / ours, jax),
      theirs && two && atLeast(`${name}, 2 threads, times faster than jax-js`, theirs / two, jax),
    ].filter(Boolean);
  };
}

const gates = circuitGates(16, 100);
const gpt = { vocabSize: 65, length: 64, features: 64, heads: 4, layers: 2, batch: 8 };

/**
 * - `contenders`: who takes part; `slow`: who sits out a quick run
 * - `absent`: who doesn't take part, and why
 * - `data`, `options`: what they get; `unit`, `perStep`: factor from milliseconds per step to that unit
 */
export const workloads = {
  w1: {
    title: "W1: one training step of an MLP 3072-100-10, batch 100, weight decay, SGD",
    contenders: [...all, "tapegrad-fast"],
    slow: ["tfjs-wasm", "tfjs-cpu", "js-pytorch"],
    data: () => mlpData([3072, 100, 10], 100),
    options: { widths: [3072, 100, 10], lr: 0.01, weightDecay: 1e-3 },
    figures: targets("W1", { oneThread: 2.2, twoThreads: 1.3, fast: 1.7, jax: 2.5 }),
  },
  w2: {
    title: "W2: one training step of an MLP 3072-100-100-100-100-10, batch norm, batch 100, Adam",
    contenders: [...except("js-pytorch"), "tapegrad-fast"],
    slow: ["tfjs-wasm", "tfjs-cpu"],
    absent: { "js-pytorch": "it has no batch norm, and its Adam leaves out the corrections" },
    data: () => batchNormData([3072, 100, 100, 100, 100, 10], 100),
    options: { widths: [3072, 100, 100, 100, 100, 10], lr: 1e-3 },
    figures: targets("W2", { oneThread: 2.2, twoThreads: 1.3, fast: 1.7, jax: 2.5 }),
  },
  w3: {
    title: "W3: one training step of an MLP 784-1024-1024-10, batch 128, Adam",
    contenders: [...except("js-pytorch"), "tapegrad-fast"],
    slow: ["tfjs-wasm", "tfjs-cpu"],
    absent: { "js-pytorch": tooSlow(11) },
    data: () => mlpData([784, 1024, 1024, 10], 128),
    options: { widths: [784, 1024, 1024, 10], lr: 1e-3 },
    figures: targets("W3", { oneThread: 2.2, twoThreads: 1.3, fast: 1.7, jax: 2.5 }),
  },
  w4: {
    title: "W4: one training step of a ConvNet on 3×32×32, batch 32, momentum",
    contenders: except("tfjs-wasm", "tfjs-cpu", "js-pytorch"),
    slow: ["jax-js"],
    absent: {
      "tfjs-wasm": "it has no gradient of a convolution's weights",
      "tfjs-cpu": tooSlow(27),
      "js-pytorch": "it has no convolution",
    },
    data: () => convNetData(32),
    options: { lr: 0.01, momentum: 0.9 },
    figures: targets("W4", { oneThread: 3, twoThreads: 1.8, jax: 60 }),
  },
  w5: {
    title: `W5: one training step of a character GPT: ${gpt.features} features, ${gpt.heads} heads, ${gpt.length} tokens, ${gpt.layers} layers, batch ${gpt.batch}, AdamW`,
    contenders: except("js-pytorch"),
    slow: ["tfjs-wasm", "tfjs-cpu"],
    absent: { "js-pytorch": "it has no GELU and no AdamW" },
    data: () => charGptData(gpt),
    options: { ...gpt, lr: 1e-3, weightDecay: 0.01 },
    figures: targets("W5", { oneThread: 2.2, twoThreads: 1.5, jax: 2.5 }),
  },
  w6: {
    title: `W6: circuit of ${gates} scalar gates (MLP 2-16-16-1 on 100 points), forward + backward`,
    contenders: [...except("tapegrad-2"), "micrograd"],
    slow: ["jax-js", "tfjs-wasm", "tfjs-cpu", "js-pytorch"],
    data: () => circuitData(16, 100),
    options: { lr: 0.001 },
    unit: "ns per gate",
    perStep: 1e6 / gates,
    digits: 0,
    // The mean, since a median could leave out the rounds in which the garbage collector worked.
    figures: targets("W6, mean", { oneThread: 0.04, jax: 150, by: "mean" }),
  },
  w7: {
    title: "W7: product of two matrices [1024, 1024]; the loss is the mean square of its elements",
    contenders: except("tfjs-cpu", "js-pytorch"),
    slow: ["tfjs-wasm"],
    absent: { "tfjs-cpu": tooSlow(3), "js-pytorch": tooSlow(12) },
    data: () => productData(1024),
    options: {},
    figures: targets("W7", { oneThread: 2.4, twoThreads: 1.4, jax: 2 }),
  },
  w8: {
    title: "W8: sum of tanh(x·a + b)² over a million elements, forward + backward to x, a and b",
    contenders: all,
    slow: ["tfjs-wasm", "tfjs-cpu", "js-pytorch"],
    data: () => elementwiseData(1_000_000),
    options: { lr: 0.01 },
    figures: targets("W8", { oneThread: 0.6, twoThreads: 0.4, jax: 2 }),
  },
};

for (const workload of Object.values(workloads)) {
  workload.unit ??= "ms per step";
  workload.perStep ??= 1;
  workload.digits ??= 2;
  workload.absent ??= {};
}
