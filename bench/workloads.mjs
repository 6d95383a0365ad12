/** What is timed: each workload's data, the same for every contender, and the figures to reach. */
import { atMost } from "./report.mjs";

/** Uniform numbers in [0, 1) from a linear congruential generator: any fixed stream does here. */
function stream(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' constants
    return state / 2 ** 32;
  };
}

const floats = (shape, next) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next),
});

/** Weight [out, in] and bias [out], uniform in ±1/√in. */
function dense(inputs, outputs, uniform) {
  const bound = 1 / Math.sqrt(inputs);
  const next = () => (2 * uniform() - 1) * bound;
  return [floats([outputs, inputs], next), floats([outputs], next)];
}

function mlpData([inputs, hidden, outputs], batch) {
  const uniform = stream(1);
  const x = floats([batch, inputs], () => 2 * uniform() - 1);
  const labels = {
    shape: [batch],
    data: Int32Array.from({ length: batch }, () => Math.floor(uniform() * outputs)),
  };
  const [w1, b1] = dense(inputs, hidden, uniform);
  const [w2, b2] = dense(hidden, outputs, uniform);
  return { x, labels, w1, b1, w2, b2 };
}

function circuitData(width, points) {
  const uniform = stream(6);
  const x = floats([points, 2], () => 2 * uniform() - 1);
  const target = floats([points], (_, i) => Math.sin(3 * x.data[2 * i]) * x.data[2 * i + 1]);
  const [w1, b1] = dense(2, width, uniform);
  const [w2, b2] = dense(width, width, uniform);
  const [w3, b3] = dense(width, 1, uniform);
  return { x, target, w1, b1, w2, b2, w3, b3 };
}

/** Products, sums with the bias, and tanh except at the output; then error, square and sum. */
function circuitGates(width, points) {
  const neuron = (inputs) => 2 * inputs;
  const perPoint = width * (neuron(2) + 1) + width * (neuron(width) + 1) + neuron(width) + 3;
  return points * perPoint - 1; // the first point's square is not added to anything
}

const gates = circuitGates(16, 100);

export const workloads = {
  w1: {
    title: "W1: one training step of an MLP 3072-100-10, batch 100, weight decay, SGD",
    contenders: ["tapegrad", "pytorch", "jax-js"],
    data: () => mlpData([3072, 100, 10], 100),
    options: { lr: 0.01, weightDecay: 1e-3 },
    unit: "ms per step",
    perStep: 1,
    digits: 2,
    figures: ({ tapegrad, pytorch, "jax-js": jax }) => [
      pytorch && atMost("W1, times PyTorch's step", tapegrad.median / pytorch.median, 3),
      jax && atMost("W1, times the step of jax-js's jit", tapegrad.median / jax.median, 1),
    ],
  },
  w6: {
    title: `W6: circuit of ${gates} scalar gates (MLP 2-16-16-1 on 100 points), forward + backward`,
    contenders: ["tapegrad", "pytorch", "micrograd"],
    data: () => circuitData(16, 100),
    options: { lr: 0.001 },
    unit: "ns per gate",
    perStep: 1e6 / gates, // ms per step → ns per gate
    digits: 0,
    // The mean, since a median could leave out the rounds in which the garbage collector worked.
    figures: ({ tapegrad }) => [atMost("W6, µs per gate, mean", tapegrad.mean / 1000, 0.5)],
  },
};
