/** jax-js on WebAssembly: a whole training step, its update included, is one jitted function. */
import { serve } from "../serve.mjs";

globalThis.navigator ??= { userAgent: "node", hardwareConcurrency: 1 }; // Node 20 has none
const jax = await import("@jax-js/jax");
const { jit, lax, nn, numpy: np, tree, valueAndGrad } = jax;
await jax.init("wasm");
jax.defaultDevice("wasm");

// Functions take over the references that they are given; `.ref` keeps one for later use.

const of = ({ data, shape }) => {
  const values =
    data instanceof Int32Array ? np.array([...data], { dtype: np.int32 }) : np.array(data);
  return values.reshape(shape);
};

const sgd = ({ lr, weightDecay = 0 }) => ({
  state: () => ({}),
  update(params, grads, state) {
    const next = tree.map((p, g) => p.mul(1 - lr * weightDecay).sub(g.mul(lr)), params, grads);
    return [next, state];
  },
});

const momentumSgd = ({ lr, momentum }) => ({
  state: (params) => tree.map((p) => np.zeros(p.shape), params),
  update(params, grads, velocity) {
    const next = tree.map((v, g) => v.mul(momentum).add(g), velocity, grads);
    return [tree.map((p, v) => p.sub(v.mul(lr)), params, tree.ref(next)), next];
  },
});

/** Adam; with weightDecay AdamW. The step count is data, so that the jitted function stays the same. */
const adam = ({ lr, weightDecay = 0 }) => ({
  state: (params) => ({
    m: tree.map((p) => np.zeros(p.shape), params),
    v: tree.map((p) => np.zeros(p.shape), params),
    powers: np.array([1, 1]),
  }),
  update(params, grads, { m, v, powers }) {
    const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];
    const next = powers.mul(np.array([beta1, beta2])); // β₁ᵗ and β₂ᵗ
    const rate = np.array(lr).div(np.array(1).sub(next.ref.slice(0)));
    const scale = np.sqrt(np.array(1).sub(next.ref.slice(1)));
    const means = tree.map((m, g) => m.mul(beta1).add(g.mul(1 - beta1)), m, tree.ref(grads));
    const squares = tree.map((v, g) => v.mul(beta2).add(np.square(g).mul(1 - beta2)), v, grads);
    const step = (p, m, v) => {
      const root = np.sqrt(v).div(scale.ref).add(eps);
      return p.mul(1 - lr * weightDecay).sub(m.mul(rate.ref).div(root));
    };
    const moved = tree.map(step, params, tree.ref(means), tree.ref(squares));
    rate.dispose();
    scale.dispose();
    return [moved, { m: means, v: squares, powers: next }];
  },
});

/** Mean of −log softmax at the targets, which are given as rows of 0 and 1. */
function crossEntropy(scores, targets) {
  const [rows] = scores.shape;
  return nn
    .logSoftmax(scores)
    .mul(targets)
    .sum()
    .mul(-1 / rows);
}

/** Trains on the one batch; the other arrays are the parameters. */
function training(scoresOf, optimizer, { x, labels, ...state }, classes) {
  let params = Object.fromEntries(Object.entries(state).map(([name, array]) => [name, of(array)]));
  let moments = optimizer.state(params);
  const flat = { data: labels.data, shape: [labels.data.length] };
  const [inputs, targets] = [of(x), nn.oneHot(of(flat), classes)];
  const lossOf = (p, inputs, targets) => crossEntropy(scoresOf(p, inputs), targets);
  const update = jit((p, moments, inputs, targets) => {
    const [loss, grads] = valueAndGrad(lossOf)(tree.ref(p), inputs, targets);
    return [loss, ...optimizer.update(p, grads, moments)];
  });
  const train = () => {
    const [loss, next, nextMoments] = update(params, moments, inputs.ref, targets.ref);
    [params, moments] = [next, nextMoments];
    return loss.item();
  };
  return { train, step: train };
}

/** x·Wᵀ + b */
const linear = (p, name, x) => np.matmul(x, p[`${name}.weight`].transpose()).add(p[`${name}.bias`]);

function mlp(makeOptimizer) {
  return (arrays, { widths, ...hyper }) => {
    const last = widths.length - 2;
    const scoresOf = (p, x) => {
      for (let i = 0; i < last; i++) x = nn.relu(linear(p, String(2 * i), x));
      return linear(p, String(2 * last), x);
    };
    return training(scoresOf, makeOptimizer(hyper), arrays, widths.at(-1));
  };
}

/** (x − mean)/√(variance + 1e-5), over `axis`. */
function standardize(x, axis) {
  const centred = x.ref.sub(np.mean(x, axis, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), axis, { keepdims: true });
  return centred.div(np.sqrt(variance.add(1e-5)));
}

const normed = (p, name, x, axis) =>
  standardize(x, axis).mul(p[`${name}.weight`]).add(p[`${name}.bias`]);

function batchNormMlp(arrays, { widths, ...hyper }) {
  const last = widths.length - 2;
  const scoresOf = (p, x) => {
    for (let i = 0; i < last; i++)
      x = nn.relu(normed(p, String(3 * i + 1), linear(p, String(3 * i), x), 0));
    return linear(p, String(3 * last), x);
  };
  return training(scoresOf, adam(hyper), arrays, widths.at(-1));
}

function convNet(arrays, hyper) {
  const conv = (p, name, x) => {
    const bias = p[`${name}.bias`].reshape([-1, 1, 1]);
    return lax.conv(x, p[`${name}.weight`], [1, 1], "SAME").add(bias);
  };
  const pool = (x) => {
    const [n, c, h, w] = x.shape;
    return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
  };
  const scoresOf = (p, x) => {
    const features = pool(nn.relu(conv(p, "3", pool(nn.relu(conv(p, "0", x))))));
    return linear(p, "7", features.reshape([x.shape[0], -1]));
  };
  return training(scoresOf, momentumSgd(hyper), arrays, 10);
}

function gpt(arrays, { vocabSize, length, features, heads, layers, ...hyper }) {
  // Its own dotProductAttention needs iterator helpers, which Node 20 has not.
  const size = features / heads;
  const past = () => np.tri(length, length, 0, { dtype: np.bool });
  const part = (x, i) =>
    x
      .slice([], [], [i * features, (i + 1) * features])
      .reshape([-1, length, heads, size])
      .transpose([0, 2, 1, 3]);
  const attention = (p, name, x) => {
    const all = np
      .matmul(x, p[`${name}.in_proj_weight`].transpose())
      .add(p[`${name}.in_proj_bias`]);
    const [q, k, v] = [part(all.ref, 0), part(all.ref, 1), part(all, 2)];
    const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(size));
    const weights = nn.softmax(np.where(past(), scores, -Infinity), -1);
    const y = np.matmul(weights, v).transpose([0, 2, 1, 3]);
    return linear(p, `${name}.out_proj`, y.reshape([-1, length, features]));
  };
  const scoresOf = (p, tokens) => {
    const table = p["tokens.weight"];
    const chosen = nn.oneHot(tokens, vocabSize); // a product has the faster gradient
    let x = np.matmul(chosen, table.ref).add(p["positions.weight"]);
    for (let i = 0; i < layers; i++) {
      const name = `blocks.layers.${i}`;
      x = x.ref.add(attention(p, `${name}.self_attn`, normed(p, `${name}.norm1`, x, -1)));
      const hidden = linear(p, `${name}.linear1`, normed(p, `${name}.norm2`, x.ref, -1));
      x = x.add(linear(p, `${name}.linear2`, nn.gelu(hidden, { approximate: false })));
    }
    const y = normed(p, "blocks.norm", x, -1);
    return np.matmul(y, table.transpose()).reshape([-1, vocabSize]);
  };
  return training(scoresOf, adam(hyper), arrays, vocabSize);
}

function product(arrays) {
  const [a, b] = [of(arrays.a), of(arrays.b)];
  const multiply = jit((a, b) => np.matmul(a, b));
  const step = async () => {
    const y = multiply(a.ref, b.ref);
    await y.blockUntilReady();
    y.dispose();
  };
  return { train: () => np.mean(np.square(multiply(a.ref, b.ref))).item(), step };
}

function elementwise(arrays, { lr }) {
  let params = { x: of(arrays.x), a: of(arrays.a), b: of(arrays.b) };
  const lossOf = ({ x, a, b }) => np.square(np.tanh(x.mul(a).add(b))).sum();
  const both = jit(valueAndGrad(lossOf));
  const descend = jit((p, grads) => tree.map((q, g) => q.sub(g.mul(lr)), p, grads));
  const step = async () => {
    const [loss, grads] = both(tree.ref(params));
    await jax.blockUntilReady(tree.ref(grads));
    tree.dispose(grads);
    return loss.item();
  };
  const train = () => {
    const [loss, grads] = both(tree.ref(params));
    params = descend(params, grads);
    return loss.item();
  };
  return { train, step };
}

/** Not jitted: compiling sixty thousand gates takes it minutes. */
function circuit(arrays, { lr }) {
  const numbers = ({ data }) => Array.from(data, (value) => np.array(value));
  let params = [0, 1, 2].map((i) => ({
    w: numbers(arrays[`${i}.weight`]),
    b: numbers(arrays[`${i}.bias`]),
  }));
  const xs = [...arrays.x.data];
  const targets = [...arrays.target.data];
  const neuron = ({ w, b }, i, inputs) => {
    const at = (k) => w[i * inputs.length + k].ref.mul(keep(inputs[k]));
    let sum = at(0);
    for (let k = 1; k < inputs.length; k++) sum = sum.add(at(k));
    return sum.add(b[i].ref);
  };
  const keep = (x) => (typeof x === "number" ? x : x.ref);
  const lossOf = (layers) => {
    let loss = null;
    for (let p = 0; p < targets.length; p++) {
      let values = [xs[2 * p], xs[2 * p + 1]];
      for (const layer of layers.slice(0, -1))
        values = layer.b.map((_, i) => np.tanh(neuron(layer, i, values)));
      const error = neuron(layers.at(-1), 0, values).sub(targets[p]);
      const square = np.square(error);
      loss = loss === null ? square : loss.add(square);
    }
    return loss;
  };
  const both = () => {
    const [loss, grads] = valueAndGrad(lossOf)(tree.ref(params));
    return [loss.item(), grads];
  };
  const step = () => {
    const [loss, grads] = both();
    tree.dispose(grads);
    return loss;
  };
  const train = () => {
    const [loss, grads] = both();
    params = tree.map((p, g) => p.sub(g.mul(lr)), params, grads);
    return loss;
  };
  return { train, step };
}

await serve({
  w1: mlp(sgd),
  w2: batchNormMlp,
  w3: mlp(adam),
  w4: convNet,
  w5: gpt,
  w6: circuit,
  w7: product,
  w8: elementwise,
});
