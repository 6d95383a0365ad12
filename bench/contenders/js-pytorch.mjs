/**
 * js-pytorch: nested arrays of plain JavaScript. Its own ReLU leaks and its Adam leaves out the corrections
 * for the moments' start, so that the ReLU here is a mask and the step is written out.
 */
import { torch } from "js-pytorch";
import { serve } from "../serve.mjs";

/** [2, 3] and six numbers as two arrays of three. */
function nested({ data, shape }, start = 0) {
  const [length, ...rest] = shape;
  const size = rest.reduce((a, b) => a * b, 1);
  return Array.from({ length }, (_, i) =>
    rest.length === 0 ? data[start + i] : nested({ data, shape: rest }, start + i * size),
  );
}

const value = ({ data: [first] }) => (Array.isArray(first) ? first[0] : first);

/** p ← p − lr·(g + weightDecay·p); then no gradient. */
function descend(params, { lr, weightDecay = 0 }) {
  for (const p of params) {
    const moved = p.mul(1 - lr * weightDecay).sub(torch.tensor(p.grad).mul(lr));
    p._data = moved.data;
  }
}

const forget = (params) => {
  for (const p of params) p.zero_grad();
};

function mlp({ x, labels, ...state }, options) {
  const [w1, w2] = ["0", "2"].map((name) => {
    // It multiplies x·W with W [in, out]; ours and PyTorch's is [out, in].
    const weight = torch.tensor(nested(state[`${name}.weight`])).transpose(0, 1);
    return torch.tensor(weight.data, true);
  });
  const [b1, b2] = ["0", "2"].map((name) => torch.tensor(nested(state[`${name}.bias`]), true));
  const params = [w1, b1, w2, b2];
  const [images, classes] = [torch.tensor(nested(x)), torch.tensor([...labels.data])];
  const crossEntropy = new torch.nn.CrossEntropyLoss();
  const relu = (x) => x.masked_fill(x, (element) => element <= 0, 0);
  const train = () => {
    const scores = relu(images.matmul(w1).add(b1)).matmul(w2).add(b2);
    const loss = crossEntropy.forward(scores, classes);
    loss.backward();
    descend(params, options);
    forget(params);
    return value(loss);
  };
  return { train, step: train };
}

/** (e²ˣ − 1)/(e²ˣ + 1): it has no tanh. */
function tanh(x) {
  const power = torch.exp(x.mul(2));
  return power.sub(1).div(power.add(1));
}

function circuit(arrays, options) {
  const numbers = ({ data }, requiresGrad) =>
    Array.from(data, (element) => torch.tensor([element], requiresGrad));
  const layers = [0, 1, 2].map((i) => ({
    w: numbers(arrays[`${i}.weight`], true),
    b: numbers(arrays[`${i}.bias`], true),
  }));
  const xs = numbers(arrays.x, false);
  const targets = numbers(arrays.target, false);
  const params = layers.flatMap(({ w, b }) => [...w, ...b]);

  const neuron = ({ w, b }, i, inputs) => {
    let sum = w[i * inputs.length].mul(inputs[0]);
    for (let k = 1; k < inputs.length; k++) sum = sum.add(w[i * inputs.length + k].mul(inputs[k]));
    return sum.add(b[i]);
  };
  const run = () => {
    let loss = null;
    for (let p = 0; p < targets.length; p++) {
      let values = [xs[2 * p], xs[2 * p + 1]];
      for (const layer of layers.slice(0, -1))
        values = layer.b.map((_, i) => tanh(neuron(layer, i, values)));
      const error = neuron(layers.at(-1), 0, values).sub(targets[p]);
      const square = error.mul(error);
      loss = loss === null ? square : loss.add(square);
    }
    loss.backward();
    return value(loss);
  };
  const step = () => {
    forget(params);
    return run();
  };
  const train = () => {
    const loss = step();
    descend(params, options);
    return loss;
  };
  return { train, step };
}

function elementwise(arrays, options) {
  const params = [arrays.x, arrays.a, arrays.b].map((array) => torch.tensor(nested(array), true));
  const [x, a, b] = params;
  const step = () => {
    forget(params);
    const loss = tanh(x.mul(a).add(b)).pow(2).sum();
    loss.backward();
    return value(loss);
  };
  const train = () => {
    const loss = step();
    descend(params, options);
    return loss;
  };
  return { train, step };
}

await serve({ w1: mlp, w6: circuit, w8: elementwise });
