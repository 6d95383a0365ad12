/**
 * TensorFlow.js, eager, in plain JavaScript or on WebAssembly (one thread: it has no more in Node).
 *
 *   node bench/contenders/tfjs.mjs cpu|wasm
 */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { serve } from "../serve.mjs";

await tf.setBackend(process.argv[2]);
await tf.ready();

const floats = (x) => tf.cast(x, "float32");

const of = ({ data, shape }) =>
  tf.tensor(data, shape, data instanceof Int32Array ? "int32" : "float32");

/** The optimizers, as far as tfjs has them, take gradients by name. */
const sgd =
  ({ lr, weightDecay = 0 }) =>
  (params, grads) => {
    for (const [name, p] of Object.entries(params))
      p.assign(tf.tidy(() => p.mul(1 - lr * weightDecay).sub(grads[name].mul(lr))));
  };

const momentumSgd = ({ lr, momentum }) => {
  const optimizer = tf.train.momentum(lr, momentum);
  return (_, grads) => optimizer.applyGradients(grads);
};

const adam = ({ lr, weightDecay = 0 }) => {
  const optimizer = tf.train.adam(lr, 0.9, 0.999, 1e-8);
  return (params, grads) => {
    if (weightDecay > 0)
      for (const p of Object.values(params)) p.assign(tf.tidy(() => p.mul(1 - lr * weightDecay)));
    optimizer.applyGradients(grads);
  };
};

/** One step down the loss of the variables; its value before. */
function descend(params, update, lossOf) {
  const { value, grads } = tf.variableGrads(lossOf);
  update(params, grads);
  const [loss] = value.dataSync();
  tf.dispose([value, grads]);
  return loss;
}

const variables = (arrays) =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [name, tf.variable(of(array), true, name)]),
  );

/** Trains on the one batch; the other arrays are the parameters. */
function training(scoresOf, update, { x, labels, ...state }, classes) {
  const params = variables(state);
  const inputs = of(x);
  const targets = floats(tf.oneHot(tf.tensor1d(labels.data, "int32"), classes));
  const lossOf = () => tf.losses.softmaxCrossEntropy(targets, scoresOf(params, inputs));
  const train = () => descend(params, update, lossOf);
  return { train, step: train };
}

/** x·Wᵀ + b, over the last axis. */
function product(x, weight) {
  const flat = tf.matMul(x.reshape([-1, x.shape.at(-1)]), weight, false, true);
  return flat.reshape([...x.shape.slice(0, -1), weight.shape[0]]);
}
const linear = (p, name, x) => product(x, p[`${name}.weight`]).add(p[`${name}.bias`]);

function mlp(makeOptimizer) {
  return (arrays, { widths, ...hyper }) => {
    const last = widths.length - 2;
    const scoresOf = (p, x) => {
      for (let i = 0; i < last; i++) x = linear(p, String(2 * i), x).relu();
      return linear(p, String(2 * last), x);
    };
    return training(scoresOf, makeOptimizer(hyper), arrays, widths.at(-1));
  };
}

function normed(p, name, x, axis) {
  const { mean, variance } = tf.moments(x, axis, true);
  const standard = x.sub(mean).div(variance.add(1e-5).sqrt());
  return standard.mul(p[`${name}.weight`]).add(p[`${name}.bias`]);
}

function batchNormMlp(arrays, { widths, ...hyper }) {
  const last = widths.length - 2;
  const scoresOf = (p, x) => {
    for (let i = 0; i < last; i++)
      x = normed(p, String(3 * i + 1), linear(p, String(3 * i), x), 0).relu();
    return linear(p, String(3 * last), x);
  };
  return training(scoresOf, adam(hyper), arrays, widths.at(-1));
}

/** Channels last, as its kernels want them; the weights keep their names and take the other order once. */
function convNet({ x, labels, ...arrays }, hyper) {
  const moved = ({ data, shape }, order) => {
    const y = tf.transpose(of({ data, shape }), order);
    return { data: y.dataSync(), shape: y.shape };
  };
  const last = moved({ data: arrays["7.weight"].data, shape: [10, 64, 8, 8] }, [0, 2, 3, 1]);
  const state = {
    ...arrays,
    "0.weight": moved(arrays["0.weight"], [2, 3, 1, 0]),
    "3.weight": moved(arrays["3.weight"], [2, 3, 1, 0]),
    "7.weight": { data: last.data, shape: [10, 64 * 8 * 8] },
  };
  const conv = (p, name, x) =>
    tf.conv2d(x, p[`${name}.weight`], 1, "same").add(p[`${name}.bias`]).relu();
  const scoresOf = (p, x) => {
    const features = conv(p, "3", conv(p, "0", x).maxPool(2, 2, "valid")).maxPool(2, 2, "valid");
    return linear(p, "7", features.reshape([x.shape[0], -1]));
  };
  const images = moved(x, [0, 2, 3, 1]);
  return training(scoresOf, momentumSgd(hyper), { x: images, labels, ...state }, 10);
}

/** x·Φ(x) */
const gelu = (x) =>
  x
    .mul(Math.SQRT1_2)
    .erf()
    .add(1)
    .mul(x)
    .mul(1 / 2);

function gpt({ x: tokens, ...arrays }, { vocabSize, length, features, heads, layers, ...hyper }) {
  const size = features / heads;
  const later = tf.linalg
    .bandPart(tf.ones([length, length]), -1, 0)
    .sub(1)
    .mul(1e30); // 0 up to the diagonal, far below any score behind it
  const part = (x, i) =>
    x
      .slice([0, 0, i * features], [-1, -1, features])
      .reshape([-1, length, heads, size])
      .transpose([0, 2, 1, 3]);
  const attention = (p, name, x) => {
    const all = product(x, p[`${name}.in_proj_weight`]).add(p[`${name}.in_proj_bias`]);
    const [q, k, v] = [part(all, 0), part(all, 1), part(all, 2)];
    const scores = tf
      .matMul(q, k, false, true)
      .mul(1 / Math.sqrt(size))
      .add(later);
    const y = tf.matMul(tf.softmax(scores), v).transpose([0, 2, 1, 3]);
    return linear(p, `${name}.out_proj`, y.reshape([-1, length, features]));
  };
  // A product with rows of 0 and 1: the gradient of a look-up needs a kernel that WebAssembly has not.
  const chosen = floats(tf.oneHot(of(tokens), vocabSize)).dataSync();
  const scoresOf = (p, chosen) => {
    const table = p["tokens.weight"];
    const rows = tf.matMul(chosen.reshape([-1, vocabSize]), table);
    let x = rows.reshape([-1, length, features]).add(p["positions.weight"]);
    for (let i = 0; i < layers; i++) {
      const name = `blocks.layers.${i}`;
      x = x.add(attention(p, `${name}.self_attn`, normed(p, `${name}.norm1`, x, -1)));
      const hidden = linear(p, `${name}.linear1`, normed(p, `${name}.norm2`, x, -1));
      x = x.add(linear(p, `${name}.linear2`, gelu(hidden)));
    }
    return product(normed(p, "blocks.norm", x, -1), table).reshape([-1, vocabSize]);
  };
  const inputs = { data: chosen, shape: [...tokens.shape, vocabSize] };
  return training(scoresOf, adam(hyper), { x: inputs, ...arrays }, vocabSize);
}

function circuit(arrays, { lr }) {
  const names = [0, 1, 2].flatMap((i) => [`${i}.weight`, `${i}.bias`]);
  const params = {};
  for (const name of names)
    arrays[name].data.forEach((value, i) => {
      const key = `${name}.${i}`;
      params[key] = tf.variable(tf.scalar(value), true, key);
    });
  const xs = Array.from(arrays.x.data, (value) => tf.scalar(value));
  const targets = Array.from(arrays.target.data, (value) => tf.scalar(value));
  const widths = names.filter((name) => name.endsWith("bias")).map((name) => arrays[name].shape[0]);
  const neuron = (layer, i, inputs) => {
    const at = (k) => params[`${layer}.weight.${i * inputs.length + k}`].mul(inputs[k]);
    let sum = at(0);
    for (let k = 1; k < inputs.length; k++) sum = sum.add(at(k));
    return sum.add(params[`${layer}.bias.${i}`]);
  };
  const lossOf = () => {
    let loss = null;
    for (let p = 0; p < targets.length; p++) {
      let values = [xs[2 * p], xs[2 * p + 1]];
      for (const layer of [0, 1])
        values = Array.from({ length: widths[layer] }, (_, i) => neuron(layer, i, values).tanh());
      const error = neuron(2, 0, values).sub(targets[p]);
      const square = error.mul(error);
      loss = loss === null ? square : loss.add(square);
    }
    return loss;
  };
  const step = () => descend(params, () => {}, lossOf);
  return { train: () => descend(params, sgd({ lr }), lossOf), step };
}

function square(arrays) {
  const [a, b] = [of(arrays.a), of(arrays.b)];
  const train = () => tf.tidy(() => tf.matMul(a, b).square().mean().dataSync()[0]);
  return { train, step: () => tf.matMul(a, b).dispose() };
}

function elementwise(arrays, { lr }) {
  const params = variables(arrays);
  const { x, a, b } = params;
  const lossOf = () => x.mul(a).add(b).tanh().square().sum();
  const step = () => descend(params, () => {}, lossOf);
  return { train: () => descend(params, sgd({ lr }), lossOf), step };
}

await serve({
  w1: mlp(sgd),
  w2: batchNormMlp,
  w3: mlp(adam),
  w4: convNet,
  w5: gpt,
  w6: circuit,
  w7: square,
  w8: elementwise,
});
