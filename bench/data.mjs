/** The arrays of the workloads, the same for every contender. Weights carry PyTorch's names and layouts. */

/** Uniform numbers in [0, 1) from a linear congruential generator: any fixed stream does here. */
function stream(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' constants
    return state / 2 ** 32;
  };
}

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

const floats = (shape, next) => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, next),
});
const wholes = (shape, next) => ({
  shape,
  data: Int32Array.from({ length: sizeOf(shape) }, next),
});

/** Weight [out, ...in] and bias [out], uniform in ±1/√(number of inputs), as PyTorch starts them. */
function weighted(name, shape, uniform) {
  const bound = 1 / Math.sqrt(sizeOf(shape.slice(1)));
  const next = () => (2 * uniform() - 1) * bound;
  return {
    [`${name}.weight`]: floats(shape, next),
    [`${name}.bias`]: floats([shape[0]], next),
  };
}

/** A normalization's weight and bias at its start. */
const normed = (name, features) => ({
  [`${name}.weight`]: floats([features], () => 1),
  [`${name}.bias`]: floats([features], () => 0),
});

/** Inputs in ±1 and labels that have nothing to do with them. */
function examples(batch, shape, classes, uniform) {
  return {
    x: floats([batch, ...shape], () => 2 * uniform() - 1),
    labels: wholes([batch], () => Math.floor(uniform() * classes)),
  };
}

/** W1, W3: linear – ReLU – … – linear, as a `Sequential`. */
export function mlpData(widths, batch) {
  const uniform = stream(1);
  const layers = widths
    .slice(1)
    .map((outputs, i) => weighted(String(2 * i), [outputs, widths[i]], uniform));
  return Object.assign(examples(batch, [widths[0]], widths.at(-1), uniform), ...layers);
}

/**
 * W2: linear – batch norm – ReLU – … – linear, as a `Sequential`. With this seed no input of a ReLU
 * comes so near to 0 that float32's rounding decides on which side it falls. With about every second one some
 * does, which moves the losses of all later steps by some 1e-5: for us and jax-js alike, where PyTorch sums
 * the 3072 products in more parts.
 */
export function batchNormData(widths, batch) {
  const uniform = stream(5);
  const layers = widths.slice(1).flatMap((outputs, i) => {
    const linear = weighted(String(3 * i), [outputs, widths[i]], uniform);
    const isLast = i === widths.length - 2;
    return isLast ? [linear] : [linear, normed(String(3 * i + 1), outputs)];
  });
  return Object.assign(examples(batch, [widths[0]], widths.at(-1), uniform), ...layers);
}

/** W4: convolution – ReLU – pooling, twice – flatten – linear, as a `Sequential`; images [3, 32, 32]. */
export function convNetData(batch) {
  const uniform = stream(4);
  return {
    ...examples(batch, [3, 32, 32], 10, uniform),
    ...weighted("0", [32, 3, 3, 3], uniform),
    ...weighted("3", [64, 32, 3, 3], uniform),
    ...weighted("7", [10, 64 * 8 * 8], uniform),
  };
}

/** W5: tokens that mostly follow a rule, and a GPT's weights as GPT-2 starts them. */
export function charGptData({ vocabSize, length, features, layers, batch }) {
  const uniform = stream(15);
  const text = wholes([batch * (length + 1)], () => 0);
  for (let i = 1, token = 1; i < text.data.length; i++) {
    token = uniform() < 0.9 ? (token * 7 + 3) % vocabSize : Math.floor(uniform() * vocabSize);
    text.data[i] = token;
  }
  const windowed = (shift) =>
    wholes([batch, length], (_, i) => text.data[i + Math.floor(i / length) + shift]);
  // The sum of three uniform numbers has the variance 1/4: near enough to normal ones.
  const normal = (shape, std) =>
    floats(shape, () => 2 * std * (uniform() + uniform() + uniform() - 1.5));
  const zeros = (size) => floats([size], () => 0);
  const toStream = 0.02 / Math.sqrt(2 * layers);
  const layer = (name) => ({
    [`${name}.self_attn.in_proj_weight`]: normal([3 * features, features], 0.02),
    [`${name}.self_attn.in_proj_bias`]: zeros(3 * features),
    [`${name}.self_attn.out_proj.weight`]: normal([features, features], toStream),
    [`${name}.self_attn.out_proj.bias`]: zeros(features),
    [`${name}.linear1.weight`]: normal([4 * features, features], 0.02),
    [`${name}.linear1.bias`]: zeros(4 * features),
    [`${name}.linear2.weight`]: normal([features, 4 * features], toStream),
    [`${name}.linear2.bias`]: zeros(features),
    ...normed(`${name}.norm1`, features),
    ...normed(`${name}.norm2`, features),
  });
  return Object.assign(
    {
      x: windowed(0),
      labels: windowed(1),
      "tokens.weight": normal([vocabSize, features], 0.02),
      "positions.weight": normal([length, features], 0.02),
    },
    ...Array.from({ length: layers }, (_, i) => layer(`blocks.layers.${i}`)),
    normed("blocks.norm", features),
  );
}

/** W6: the weights of an MLP 2-width-width-1 and points of a smooth function. */
export function circuitData(width, points) {
  const uniform = stream(6);
  const x = floats([points, 2], () => 2 * uniform() - 1);
  const target = floats([points], (_, i) => Math.sin(3 * x.data[2 * i]) * x.data[2 * i + 1]);
  return Object.assign(
    { x, target },
    weighted("0", [width, 2], uniform),
    weighted("1", [width, width], uniform),
    weighted("2", [1, width], uniform),
  );
}

/** Gates of the circuit: products, sums with the bias, tanh except at the output; error, square and sum. */
export function circuitGates(width, points) {
  const neuron = (inputs) => 2 * inputs;
  const perPoint = width * (neuron(2) + 1) + width * (neuron(width) + 1) + neuron(width) + 3;
  return points * perPoint - 1; // the first point's square is not added to anything
}

/** W7: two square matrices in ±1. */
export function productData(size) {
  const uniform = stream(7);
  const next = () => 2 * uniform() - 1;
  return { a: floats([size, size], next), b: floats([size, size], next) };
}

/** W8: three vectors in ±1. */
export function elementwiseData(size) {
  const uniform = stream(8);
  const next = () => 2 * uniform() - 1;
  return { x: floats([size], next), a: floats([size], next), b: floats([size], next) };
}
