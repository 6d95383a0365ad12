/**
 * Layer normalization, of CS231n's assignment 2: the same formula along the other axis, so that an example needs
 * no others beside it.
 *
 * Ba, Kiros and Hinton, "Layer normalization", 2016
 */
import { Generator, layerNorm, randn, type Tensor } from "tapegrad";
import { cifarFolder, lesson, loadCifar, main, type Print, whole } from "./common.ts";
import { compareBatchSizes, compareScales, compareWays } from "./normalization.ts";

const dtype = "float64";

/** "Layer normalization: forward": every example's features get mean 0 and deviation 1, whatever the others are. */
function showForward(generator: Generator, print: Print): { means: number; alone: boolean } {
  const x = randn([4, 50], { dtype, generator }).mul(5).add(12);
  const y = layerNorm(x, 50);
  const means = y.mean(1).abs().max().item();
  const first = (t: Tensor) => t.narrow(0, 0, 1);
  const alone = layerNorm(first(x), 50).sub(first(y)).abs().max().item() === 0;
  print(
    `largest mean of an example's features: ${means.toExponential(0)}; an example alone gives ${alone ? "the same" : "something else"}`,
  );
  return { means, alone };
}

export const layerNormLesson = lesson({
  about: "Layer normalization: forward, backward, and what it is good for",
  options: {
    data: cifarFolder,
    train: whole(1000, "images to train on"),
    validation: whole(500, "images that the networks don't see"),
    epochs: whole(8, "passes over the images, for each of 16 networks"),
    seed: whole(231, "of weights and order", 0),
  },
  async run({ data: folder, train, validation, epochs, seed }, print) {
    const generator = new Generator(seed);
    const forward = showForward(generator, print);
    const random = (...shape: number[]) => randn(shape, { dtype, generator });
    const errors = compareWays(
      {
        x: random(100, 50).mul(5).add(12),
        gamma: random(50),
        beta: random(50),
        dy: random(100, 50),
      },
      1,
      ({ x, gamma, beta }) => layerNorm(x, 50, { weight: gamma, bias: beta }),
      print,
    );
    const { test: _, ...parts } = await loadCifar(folder, { train, validation });
    const scales = await compareScales(parts, "layerNorm", { epochs, seed }, print);
    const batchSizes = await compareBatchSizes(parts, "layerNorm", { epochs, seed }, print);
    return { forward, errors, scales, batchSizes };
  },
});

await main(import.meta.url, layerNormLesson);
