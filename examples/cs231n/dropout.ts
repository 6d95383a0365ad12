/**
 * Dropout, of CS231n's assignment 2: what it does to numbers, and that it keeps a network from learning a few
 * images by heart.
 *
 * Notes: https://cs231n.github.io/neural-networks-2/#reg; Srivastava et al., 2014. The course's p is the
 * probability of keeping, ours (as PyTorch's) that of dropping.
 */
import { Adam, dropout, Generator, gradcheck, nn, randn, Solver, type Tensor } from "tapegrad";
import {
  cifarFolder,
  lesson,
  loadCifar,
  lossCurve,
  main,
  percent,
  table,
  whole,
} from "./common.ts";

export interface DropoutStatistics {
  keep: number;
  mean: number;
  /** The share of zeros in training. */
  zeros: number;
  /** Whether evaluation leaves the input as it is. */
  untouched: boolean;
}

/** "Dropout: forward": what is kept is divided by the probability of keeping, so that the mean stays. */
export function dropoutStatistics(keeps: readonly number[], seed: number): DropoutStatistics[] {
  const generator = new Generator(seed);
  const x = randn([500, 500], { generator }).add(10);
  return keeps.map((keep) => {
    const layer = nn.dropout(1 - keep, { generator });
    const y = layer(x);
    layer.eval();
    return {
      keep,
      mean: y.mean().item(),
      zeros: y.eq(0).to("float32").mean().item(),
      untouched: layer(x).sub(x).abs().max().item() === 0,
    };
  });
}

/** "Dropout: backward": with the same mask each time, the gradient agrees with differences. */
function checkBackward(seed: number): void {
  const x = randn([10, 10], { dtype: "float64", generator: new Generator(seed) }).requiresGrad_();
  gradcheck((t: Tensor) => dropout(t, { p: 0.8, generator: new Generator(seed) }), [x]);
}

export const dropoutLesson = lesson({
  about: "Dropout: statistics, gradient, and less learning by heart",
  options: {
    data: cifarFolder,
    train: whole(500, "images to train on"),
    validation: whole(1000, "images that the networks don't see"),
    epochs: whole(25, "passes over the images"),
    seed: whole(231, "of weights, order and masks", 0),
  },
  async run({ data: folder, train, validation, epochs, seed }, print) {
    const statistics = dropoutStatistics([0.25, 0.4, 0.7], seed);
    print("an input of mean 10:");
    print(
      table([
        ["kept", "mean", "zeros", "evaluated"],
        ...statistics.map(({ keep, mean, zeros, untouched }) => [
          keep,
          mean.toFixed(2),
          percent(zeros),
          untouched ? "as it is" : "changed",
        ]),
      ]),
    );
    checkBackward(seed);
    print("the gradient agrees with differences");

    // "Regularization experiment": two layers of 500, with and without.
    const { test: _, ...parts } = await loadCifar(folder, { train, validation });
    const results = [];
    for (const drop of [0, 0.75]) {
      const model = nn.fullyConnectedNet({ hiddenDims: [500], dropout: drop, seed });
      const optimizer = new Adam(model.parameters(), { lr: 5e-4 });
      const result = await new Solver({
        model,
        optimizer,
        epochs,
        seed,
        progress: "silent",
        ...parts,
      }).fit();
      results.push({ drop, ...result });
    }
    print(`${train} images, ${epochs} epochs, two layers:`);
    for (const { drop, trainAccHistory, valAccHistory, lossHistory } of results) {
      const [training, unseen] = [trainAccHistory.at(-1)!, Math.max(...valAccHistory)];
      print(
        `  dropout ${drop.toFixed(2)}: training ${percent(training)}, best validation ${percent(unseen)}, loss ${lossCurve(lossHistory, 40)}`,
      );
    }
    return { statistics, results };
  },
});

await main(import.meta.url, dropoutLesson);
