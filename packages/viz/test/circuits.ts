/** Graphs that several tests draw. */
import { crossEntropy, manualSeed, ones, randn, type Tensor, tensor } from "@tapegrad/core";
import { batchNorm1d, linear, relu, residual, sequential } from "@tapegrad/nn";
import { type Graph, graph } from "../src/index.ts";

/** A leaf of doubles. */
export const leaf = (value: number | number[]): Tensor =>
  tensor(value, { dtype: "float64" }).requiresGrad_();

/** The neuron of CS231n's notes on backpropagation, f = 1 / (1 + exp(−(w0·x0 + w1·x1 + w2))), gate by gate. */
export function neuron(): Graph {
  const [w0, x0, w1, x1, w2] = [leaf(2), leaf(-1), leaf(-3), leaf(-2), leaf(-3)];
  return graph(
    () => {
      const dot = w0.mul(x0).add(w1.mul(x1)).add(w2);
      return dot.mul(-1).exp().add(1).reciprocal();
    },
    {
      names: { w0, x0, w1, x1, w2 },
      gradients: true,
      title: "Sigmoid neuron",
      source: false,
      id: "00000000-0000-7000-8000-000000000001",
    },
  );
}

/** A multi-layer perceptron with batch norm and its loss. */
export function perceptron(): Graph {
  manualSeed(1);
  const model = sequential([linear(8, 16), batchNorm1d(16), relu(), linear(16, 3)]);
  const [x, labels] = [randn([5, 8]), tensor([0, 1, 2, 0, 1], { dtype: "int32" })];
  return graph(() => crossEntropy(model(x), labels), {
    model,
    names: { x, labels },
    gradients: true,
    title: "Perceptron with batch norm",
    source: false,
    id: "00000000-0000-7000-8000-000000000002",
  });
}

/** Two layers around which the input goes straight on. */
export function residualNet(): Graph {
  manualSeed(2);
  const body = sequential([linear(6, 6), relu(), linear(6, 6)]);
  const model = sequential([linear(4, 6), residual(body), relu(), linear(6, 2)]);
  return graph(model, {
    input: [3, 4],
    dy: ones([3, 2]),
    title: "Residual net",
    source: false,
    id: "00000000-0000-7000-8000-000000000003",
  });
}
