/**
 * The neuron of CS231n's notes on backpropagation (https://cs231n.github.io/optimization-2/):
 * f(w, x) = 1/(1 + exp(−(w0·x0 + w1·x1 + w2))), forward and backward.
 */
import { pathToFileURL } from "node:url";
import { div, exp, neg, tensor } from "tapegrad";

export function sigmoidNeuron() {
  const w = [2, -3, -3].map((value) => tensor(value, { requiresGrad: true }));
  const x = [-1, -2].map((value) => tensor(value, { requiresGrad: true }));
  const dot = w[0].mul(x[0]).add(w[1].mul(x[1])).add(w[2]);
  const f = div(1, exp(neg(dot)).add(1));
  f.backward();
  return {
    f: f.item(),
    dw: w.map(({ grad }) => grad!.item()),
    dx: x.map(({ grad }) => grad!.item()),
  };
}

const rounded = (values: number[]) => values.map((value) => value.toFixed(2)).join(", ");

/** What the program prints. */
export function report(): string {
  const { f, dw, dx } = sigmoidNeuron();
  return [`f     = ${rounded([f])}`, `df/dw = (${rounded(dw)})`, `df/dx = (${rounded(dx)})`].join(
    "\n",
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) console.log(report());
