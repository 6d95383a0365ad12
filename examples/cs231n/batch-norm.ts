/**
 * Batch normalization, of CS231n's assignment 2: what it does to activations, its gradient in three ways, and
 * what it is good for: deep networks train faster, from weights of nearly any scale.
 *
 * Notes: https://cs231n.github.io/neural-networks-2/#batchnorm; Ioffe and Szegedy, 2015
 */
import { batchNorm, Generator, nn, noGrad, randn, type Tensor, tensor } from "tapegrad";
import { cifarFolder, lesson, loadCifar, main, type Print, table, whole } from "./common.ts";
import { compareBatchSizes, compareScales, compareTraining, compareWays } from "./normalization.ts";

const dtype = "float64";
const numbers = (values: Tensor) => [...values.data()].map((value) => value.toFixed(2)).join(", ");

/** Means and (biased) deviations of each column. */
export function statistics(x: Tensor): { means: Tensor; stds: Tensor } {
  return { means: x.mean(0), stds: x.std(0, { correction: 0 }) };
}

/**
 * "Batch normalization: forward": a two-layer network's activations before and after, with γ = 1, β = 0 and
 * with γ = [1, 2, 3], β = [11, 12, 13]; then, in evaluation mode, with the running averages.
 */
function showForward(print: Print): { means: number; stds: number; evaluated: number } {
  const generator = new Generator(231);
  const random = (...shape: number[]) => randn(shape, { dtype, generator });
  const activations = (x: Tensor) => x.matmul(w1).relu().matmul(w2);
  const [w1, w2] = [random(50, 60), random(60, 3)];
  const a = activations(random(200, 50));
  const layer = nn.batchNorm1d(3, { dtype });
  const row = (name: string, x: Tensor) => {
    const { means, stds } = statistics(x.detach());
    return [name, numbers(means), numbers(stds)];
  };
  const y = layer(a).detach();
  const rows = [["", "means", "deviations"], row("before", a), row("γ 1, β 0", y)];
  const [gamma, beta] = [tensor([1, 2, 3], { dtype }), tensor([11, 12, 13], { dtype })];
  noGrad(() => {
    layer.weight!.copy_(gamma);
    layer.bias!.copy_(beta);
  });
  rows.push(row("γ 1 2 3, β 11 12 13", layer(a)));
  for (let i = 0; i < 50; i++) layer(activations(random(200, 50)));
  layer.eval();
  const evaluated = layer(activations(random(200, 50))).detach();
  rows.push(row("the same, evaluating", evaluated));
  print(table(rows));
  const { means, stds } = statistics(y);
  return {
    means: means.abs().max().item(),
    stds: stds.sub(1).abs().max().item(),
    evaluated: statistics(evaluated).means.sub(beta).abs().max().item(),
  };
}

export const batchNormLesson = lesson({
  about: "Batch normalization: forward, backward, and what it is good for",
  options: {
    data: cifarFolder,
    train: whole(1000, "images to train on"),
    validation: whole(500, "images that the networks don't see"),
    epochs: whole(8, "passes over the images, for each of 18 networks"),
    seed: whole(231, "of weights and order", 0),
  },
  async run({ data: folder, train, validation, epochs, seed }, print) {
    const forward = showForward(print);
    const generator = new Generator(seed);
    const random = (...shape: number[]) => randn(shape, { dtype, generator });
    const errors = compareWays(
      {
        x: random(100, 50).mul(5).add(12),
        gamma: random(50),
        beta: random(50),
        dy: random(100, 50),
      },
      0,
      ({ x, gamma, beta }) => batchNorm(x, { training: true, weight: gamma, bias: beta }),
      print,
    );
    const { test: _, ...parts } = await loadCifar(folder, { train, validation });
    const options = { epochs, seed };
    const training = await compareTraining(parts, "batchNorm", options, print);
    const scales = await compareScales(parts, "batchNorm", options, print);
    const batchSizes = await compareBatchSizes(parts, "batchNorm", options, print);
    return { forward, errors, training, scales, batchSizes };
  },
});

await main(import.meta.url, batchNormLesson);
