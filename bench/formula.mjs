/**
 * What a formula costs beside the op that one would write by hand for it, and beside the same composed of the
 * library's ops: forward and backward, in turns.
 */
import { defineOp, Generator, logaddexp, rand, tensor } from "@tapegrad/core";
import { formula } from "@tapegrad/formula";
import { computed } from "./computed.mjs";
import { atMost, summarize, table } from "./report.mjs";

const swish = defineOp({
  name: "swishByHand",
  inputs: ["x", "b"],
  shape: ({ x }) => x.shape,
  forward: ({ x, b }, y, kernels) => {
    kernels.binary("mul", x, b, y);
    kernels.unary("sigmoid", y, y);
    kernels.binary("mul", x, y, y);
  },
  saves: ["x", "b"],
  grad: {
    // σ + b·x·σ(1 − σ)
    x: (dy, { x, b }) => {
      const s = x.mul(b).sigmoid();
      return dy.mul(s.mul(x.mul(b).mul(s.neg().add(1)).add(1)));
    },
    // x²·σ(1 − σ)
    b: (dy, { x, b }) => {
      const s = x.mul(b).sigmoid();
      return dy.mul(x.square().mul(s.mul(s.neg().add(1))));
    },
  },
});

const c = Math.sqrt(2 / Math.PI);
const gelu = defineOp({
  name: "geluByHand",
  inputs: ["x"],
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => {
    const constant = (value) => tensor(value, { dtype: x.dtype });
    kernels.unary("square", x, y);
    kernels.binary("mul", y, constant(0.044715 * c), y);
    kernels.binary("add", y, constant(c), y);
    kernels.binary("mul", y, x, y);
    kernels.unary("tanh", y, y);
    kernels.binary("add", y, constant(1), y);
    kernels.binary("mul", y, x, y);
    kernels.binary("mul", y, constant(0.5), y);
  },
  saves: ["x"],
  grad: {
    // ½(1 + t) + ½x(1 − t²)·c(1 + 3·0.044715x²)
    x: (dy, { x }) => {
      const square = x.square();
      const t = square
        .mul(0.044715 * c)
        .add(c)
        .mul(x)
        .tanh();
      const inner = square.mul(3 * 0.044715 * c).add(c);
      const slope = t.square().neg().add(1).mul(inner).mul(x);
      return dy.mul(t.add(1).add(slope).mul(0.5));
    },
  },
});

const polynomial = defineOp({
  name: "polynomialByHand",
  inputs: ["x"],
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => {
    const constant = (value) => tensor(value, { dtype: x.dtype });
    kernels.binary("mul", x, constant(2), y);
    kernels.binary("add", y, constant(-3), y);
    kernels.binary("mul", y, x, y);
    kernels.binary("add", y, constant(1), y);
    kernels.binary("mul", y, x, y);
  },
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(x.mul(6).sub(6).mul(x).add(1)) },
});

const softplus = defineOp({
  name: "softplusByHand",
  inputs: ["x"],
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels) => kernels.binary("logaddexp", x, tensor(0, { dtype: x.dtype }), y),
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(x.sigmoid()) },
});

const cases = [
  {
    text: "x * sigmoid(b * x)",
    byHand: swish,
    composed: (x, b) => x.mul(x.mul(b).sigmoid()),
  },
  {
    text: "0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))",
    byHand: gelu,
    composed: (x) => {
      const inner = x
        .square()
        .mul(0.044715 * c)
        .add(c);
      return x.mul(0.5).mul(inner.mul(x).tanh().add(1));
    },
  },
  {
    text: "2 * x^3 - 3 * x^2 + x",
    byHand: polynomial,
    composed: (x) => x.mul(2).sub(3).mul(x).add(1).mul(x),
  },
  {
    text: "log(1 + exp(x))",
    byHand: softplus,
    composed: (x) => logaddexp(x, 0),
  },
];
const sizes = [
  ["a number", [], 5_000],
  ["[1000]", [1000], 500],
  ["[1000000]", [1_000_000], 2],
];

function leaves(shape, count) {
  const generator = new Generator(3);
  return Array.from({ length: count }, (_, i) =>
    i === 0
      ? rand(shape, { low: -3, high: 3, generator }).requiresGrad_()
      : tensor(1.3, { requiresGrad: true }),
  );
}

/** µs of one forward and backward. */
function time(f, inputs, dy, times) {
  const start = performance.now();
  for (let i = 0; i < times; i++) {
    computed(f(...inputs)).backward(dy);
    for (const x of inputs) x.grad = null;
  }
  return ((performance.now() - start) * 1000) / times;
}

/** Every case on every size, rounds of the three in turns. */
export function measureFormulas({ rounds }) {
  return cases.flatMap(({ text, byHand, composed }) => {
    const ours = formula(text);
    return sizes.map(([size, shape, times]) => {
      const inputs = leaves(shape, ours.inputs.length);
      const dy = tensor(rand(shape, { generator: new Generator(4) }));
      const found = { formula: [], byHand: [], composed: [] };
      for (let round = -2; round < rounds; round++) {
        for (const [name, f] of Object.entries({ formula: ours, byHand, composed })) {
          const took = time(f, inputs, dy, times);
          if (round >= 0) found[name].push(took);
        }
      }
      const medians = Object.entries(found).map(([name, times]) => [name, summarize(times).median]);
      return { text, size, ...Object.fromEntries(medians) };
    });
  });
}

export function formulaText(results) {
  const times = (a, b) => `${(a / b).toFixed(2)}×`;
  const rows = results.map(({ text, size, formula: ours, byHand, composed }) => [
    text,
    size,
    ...[ours, byHand, composed].map((took) => took.toFixed(1)),
    times(ours, byHand),
    times(ours, composed),
  ]);
  const head = ["", "size", "formula", "by hand", "composed", "/ by hand", "/ composed"];
  return `formula: an op from a formula, the same op by hand, and composed of ops: forward + backward, µs\n${table([head, ...rows])}`;
}

export function formulaFigures(results) {
  const most = (list, name) =>
    Math.max(...list.map(({ formula: ours, [name]: other }) => ours / other));
  const large = results.filter(({ size }) => size === "[1000000]");
  return [
    atMost("formula, times the op by hand, at most", most(results, "byHand"), 2),
    atMost("formula of a million, times composed ops, at most", most(large, "composed"), 1),
  ];
}
