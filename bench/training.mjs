/** The workloads as our user writes them, eager: nothing compiled, nothing disposed. */
import { crossEntropy, tensor } from "@tapegrad/core";
import {
  batchNorm1d,
  charGpt,
  conv2d,
  flatten,
  linear,
  maxPool2d,
  relu,
  sequential,
} from "@tapegrad/nn";
import { Adam, AdamW, SGD } from "@tapegrad/optim";

const of = ({ data, shape }, requiresGrad = false) => tensor(data, { shape, requiresGrad });

/** Trains the model on the one batch; the other arrays are its state. */
function training(model, optimizerOf, { x, labels, ...state }, scoresOf = (x) => model(x)) {
  const weights = Object.entries(state).map(([name, array]) => [name, of(array)]);
  model.loadStateDict(Object.fromEntries(weights), { strict: false }); // without running statistics
  const optimizer = optimizerOf(model.parameters());
  const [inputs, targets] = [of(x), of(labels)];
  const train = () => {
    optimizer.zeroGrad();
    const loss = crossEntropy(scoresOf(inputs), targets);
    loss.backward();
    optimizer.step();
    return loss.item();
  };
  return { train, step: train, model };
}

/** Linear layers with ReLU between them. */
function mlp(widths) {
  const layers = widths.slice(1).map((outputs, i) => linear(widths[i], outputs));
  return sequential(layers.flatMap((layer, i) => (i === 0 ? [layer] : [relu(), layer])));
}

function sgdMlp(arrays, { widths, lr, weightDecay }) {
  return training(mlp(widths), (params) => new SGD(params, { lr, weightDecay }), arrays);
}

function adamMlp(arrays, { widths, lr }) {
  return training(mlp(widths), (params) => new Adam(params, { lr }), arrays);
}

function batchNormMlp(arrays, { widths, lr }) {
  const hidden = widths
    .slice(1, -1)
    .flatMap((outputs, i) => [linear(widths[i], outputs), batchNorm1d(outputs), relu()]);
  const model = sequential([...hidden, linear(...widths.slice(-2))]);
  return training(model, (params) => new Adam(params, { lr }), arrays);
}

function convNet(arrays, { lr, momentum }) {
  const model = sequential([
    conv2d(3, 32, 3, { padding: 1 }),
    relu(),
    maxPool2d(2),
    conv2d(32, 64, 3, { padding: 1 }),
    relu(),
    maxPool2d(2),
    flatten(),
    linear(64 * 8 * 8, 10),
  ]);
  return training(model, (params) => new SGD(params, { lr, momentum }), arrays);
}

function gpt({ labels, ...arrays }, { vocabSize, length, features, heads, layers, ...hyper }) {
  const model = charGpt({
    vocabSize,
    contextLength: length,
    dModel: features,
    nhead: heads,
    numLayers: layers,
  });
  const { lr, weightDecay } = hyper;
  const flat = { data: labels.data, shape: [labels.data.length] };
  return training(
    model,
    (params) => new AdamW(params, { lr, weightDecay }),
    { ...arrays, labels: flat },
    (tokens) => model(tokens).logits.reshape([-1, vocabSize]),
  );
}

/** What is timed are both ways through the graph, without the optimizer's step. */
function withoutUpdate(optimizer, forward) {
  const step = () => {
    optimizer.zeroGrad();
    const loss = forward();
    loss.backward();
    return loss.item();
  };
  const train = () => {
    const loss = step();
    optimizer.step();
    return loss;
  };
  return { train, step };
}

function circuit(arrays, { lr }) {
  const numbers = ({ data }, requiresGrad) =>
    Array.from(data, (value) => tensor(value, { requiresGrad }));
  const layers = [0, 1, 2].map((i) => ({
    w: numbers(arrays[`${i}.weight`], true),
    b: numbers(arrays[`${i}.bias`], true),
  }));
  const xs = numbers(arrays.x, false);
  const targets = numbers(arrays.target, false);
  const optimizer = new SGD(
    layers.flatMap(({ w, b }) => [...w, ...b]),
    { lr },
  );

  const neuron = ({ w, b }, i, inputs) => {
    let sum = w[i * inputs.length].mul(inputs[0]);
    for (let k = 1; k < inputs.length; k++) sum = sum.add(w[i * inputs.length + k].mul(inputs[k]));
    return sum.add(b[i]);
  };
  return withoutUpdate(optimizer, () => {
    let loss = null;
    for (let p = 0; p < targets.length; p++) {
      let values = [xs[2 * p], xs[2 * p + 1]];
      for (const layer of layers.slice(0, -1))
        values = layer.b.map((_, i) => neuron(layer, i, values).tanh());
      const error = neuron(layers.at(-1), 0, values).sub(targets[p]);
      const square = error.mul(error);
      loss = loss === null ? square : loss.add(square);
    }
    return loss;
  });
}

function product(arrays) {
  const [a, b] = [of(arrays.a), of(arrays.b)];
  return { train: () => a.matmul(b).square().mean().item(), step: () => a.matmul(b) };
}

function elementwise(arrays, { lr }) {
  const [x, a, b] = [arrays.x, arrays.a, arrays.b].map((array) => of(array, true));
  const optimizer = new SGD([x, a, b], { lr });
  return withoutUpdate(optimizer, () => x.mul(a).add(b).tanh().square().sum());
}

/** Name → (arrays, options) → { train, step }: see serve.mjs; those that train a model have it as `model`. */
export const trainings = {
  w1: sgdMlp,
  w2: batchNormMlp,
  w3: adamMlp,
  w4: convNet,
  w5: gpt,
  w6: circuit,
  w7: product,
  w8: elementwise,
};
