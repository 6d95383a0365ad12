/** The circuits that pages play: written as JSON by scripts/circuits.mjs, and as pictures by a test. */
import { formula, maximum, type Tensor, tensor, viz } from "tapegrad";

type Inputs = Record<string, number | number[]>;

/** The graph of f on these inputs, as doubles. */
function circuit(
  title: string,
  inputs: Inputs,
  f: (x: Record<string, Tensor>) => Tensor,
  dy?: number[],
): viz.Graph {
  const names = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      name,
      tensor(value, { dtype: "float64" }).requiresGrad_(),
    ]),
  );
  const backward =
    dy === undefined ? { gradients: true } : { dy: tensor(dy, { dtype: "float64" }) };
  return viz.graph(() => f(names), { title, names, source: false, id: title, ...backward });
}

const neuronInputs = { w0: 2, x0: -1, w1: -3, x1: -2, w2: -3 };
const dot = ({ w0, x0, w1, x1, w2 }: Record<string, Tensor>) =>
  w0!.mul(x0!).add(w1!.mul(x1!)).add(w2!);

export const circuits: Readonly<Record<string, () => viz.Graph>> = {
  neuron: () =>
    circuit("Sigmoid neuron", neuronInputs, (x) => dot(x).mul(-1).exp().add(1).reciprocal()),
  "one-gate": () => circuit("Sigmoid in one gate", neuronInputs, (x) => dot(x).sigmoid()),
  "two-gates": () =>
    circuit("Two gates", { x: -2, y: 5, z: -4 }, ({ x, y, z }) => x!.add(y!).mul(z!)),
  patterns: () =>
    circuit("Add, max and multiply", { x: 3, y: -4, z: 2, w: -1 }, ({ x, y, z, w }) =>
      x!.mul(y!).add(maximum(z!, w!)).mul(2),
    ),
  staged: () =>
    circuit("In stages", { x: 3, y: -4 }, ({ x, y }) =>
      x!.add(y!.sigmoid()).div(x!.sigmoid().add(x!.add(y!).square())),
    ),
  "one-op": () => {
    const silly = formula("(x + sigmoid(y)) / (sigmoid(x) + (x + y)^2)");
    return circuit("One op", { x: 3, y: -4 }, ({ x, y }) => silly(x!, y!));
  },
  svm: () =>
    circuit("SVM loss of one image", { cat: 3.2, car: 5.1, frog: -1.7 }, ({ cat, car, frog }) => {
      const margin = (s: Tensor) => maximum(s.sub(cat!).add(1), 0);
      return margin(car!).add(margin(frog!));
    }),
  "batch-norm": () =>
    circuit(
      "Batch norm of one feature",
      { x: [1, 2, 4, 9], gamma: 2, beta: 1 },
      ({ x, gamma, beta }) => {
        const centred = x!.sub(x!.mean());
        const inverse = centred.square().mean().add(1e-5).sqrt().reciprocal();
        return centred.mul(inverse).mul(gamma!).add(beta!);
      },
      [1, 0, 0, 0],
    ),
  recurrent: () =>
    circuit(
      "Three steps of a recurrent net",
      { w: 0.5, h0: 0, x1: 1, x2: -0.5, x3: 0.25 },
      ({ w, h0, x1, x2, x3 }) => [x1!, x2!, x3!].reduce((h, x) => w!.mul(h).add(x).tanh(), h0!),
    ),
};
