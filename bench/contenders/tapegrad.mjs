/** Ours, eager, as a user writes it: nothing compiled, nothing disposed. */
import { tensor } from "@tapegrad/core";
import { crossEntropy, linear, relu, sequential } from "@tapegrad/nn";
import { SGD } from "@tapegrad/optim";
import { serve } from "../serve.mjs";

function mlp({ x, labels, w1, b1, w2, b2 }, { lr, weightDecay }) {
  const of = ({ data, shape }) => tensor(data, { shape });
  const [hidden, inputs] = w1.shape;
  const [outputs] = w2.shape;
  const model = sequential([linear(inputs, hidden), relu(), linear(hidden, outputs)]);
  model.loadStateDict({
    "0.weight": of(w1),
    "0.bias": of(b1),
    "2.weight": of(w2),
    "2.bias": of(b2),
  });
  const optimizer = new SGD(model.parameters(), { lr, weightDecay });
  const [images, classes] = [of(x), of(labels)];
  const train = () => {
    optimizer.zeroGrad();
    const loss = crossEntropy(model(images), classes);
    loss.backward();
    optimizer.step();
    return loss.item();
  };
  return { train, step: train };
}

function circuit({ x, target, w1, b1, w2, b2, w3, b3 }, { lr }) {
  const numbers = ({ data }, requiresGrad) =>
    Array.from(data, (value) => tensor(value, { requiresGrad }));
  const layers = [
    [w1, b1],
    [w2, b2],
    [w3, b3],
  ].map(([w, b]) => ({ w: numbers(w, true), b: numbers(b, true) }));
  const xs = numbers(x, false);
  const targets = numbers(target, false);
  const parameters = layers.flatMap(({ w, b }) => [...w, ...b]);
  const optimizer = new SGD(parameters, { lr });

  const neuron = ({ w, b }, i, inputs) => {
    let sum = w[i * inputs.length].mul(inputs[0]);
    for (let k = 1; k < inputs.length; k++) sum = sum.add(w[i * inputs.length + k].mul(inputs[k]));
    return sum.add(b[i]);
  };
  const step = () => {
    optimizer.zeroGrad();
    let loss = null;
    for (let p = 0; p < targets.length; p++) {
      let values = [xs[2 * p], xs[2 * p + 1]];
      for (const layer of layers.slice(0, -1))
        values = layer.b.map((_, i) => neuron(layer, i, values).tanh());
      const error = neuron(layers.at(-1), 0, values).sub(targets[p]);
      const square = error.mul(error);
      loss = loss === null ? square : loss.add(square);
    }
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

await serve({ w1: mlp, w6: circuit });
