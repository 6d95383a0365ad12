/**
 * The search for a learning rate and a regularization strength on CIFAR-10, as the notes describe it: random
 * points rather than a grid, drawn on a log scale, first over many orders of magnitude and for an epoch, then
 * closer around the best and for longer, with one validation set.
 *
 * Notes: https://cs231n.github.io/neural-networks-3/#hyper
 */
import { checkAccuracy, data, manualSeed, nn, optim, Solver, train } from "tapegrad";
import {
  cifarFolder,
  lesson,
  loadCifar,
  main,
  type Print,
  percent,
  range,
  whole,
} from "./common.ts";

interface Parts {
  train: data.Dataset;
  validation: data.Dataset;
}

interface Point {
  lr: number;
  reg: number;
}

/** Trains a two-layer network at one point. */
async function trainAt(parts: Parts, point: Point, epochs: number, trial?: train.TrialContext) {
  const model = nn.twoLayerNet({ hiddenDim: 100, weightScale: 1e-2, seed: 1 });
  const solver = new Solver({
    model,
    train: parts.train,
    validation: parts.validation,
    optimizer: new optim.Momentum(model.parameters(), { lr: point.lr, momentum: 0.9 }),
    reg: point.reg,
    lrDecay: 0.9,
    epochs,
    seed: 1,
    progress: "silent",
    // Lets the search give up a trial that does worse than the others did by then.
    onEpoch: ({ valAccHistory }) => trial?.report(valAccHistory.at(-1)!),
  });
  const { bestValAcc } = await solver.fit();
  return { model, bestValAcc };
}

/** One stage: its best points first. */
async function stage(
  title: string,
  parts: Parts,
  space: { lr: train.Dimension<number>; reg: train.Dimension<number> },
  options: { trials: number; epochs: number; seed: number },
  print: Print,
): Promise<train.SearchResult<Point>> {
  const { trials, epochs, seed } = options;
  print(`${title}: ${trials} points, ${epochs} epochs on ${parts.train.length} images`);
  const found = await train.search(
    async (point, trial) => (await trainAt(parts, point, epochs, trial)).bestValAcc,
    space,
    { trials, seed, mode: "max", pruning: train.medianRule() },
  );
  print(`${found}\n`);
  return found;
}

/** The range of some values, and a little beyond, on a log scale. */
function around(values: readonly number[]): train.Dimension<number> {
  const margin = 2;
  return train.logUniform(Math.min(...values) / margin, Math.max(...values) * margin);
}

export const hyperparameterSearch = lesson({
  about: "Random search for learning rate and regularization on CIFAR-10, coarse to fine.",
  options: {
    data: cifarFolder,
    images: whole(2000, "training images of the coarse stage; the fine one has twice as many"),
    coarse: whole(16, "points of the coarse stage", 4),
    fine: whole(8, "points of the fine stage"),
    epochs: whole(2, "epochs of the coarse stage; the fine one has twice as many"),
    finalEpochs: whole(8, "epochs of the final training"),
    train: whole(9000, "images of the final training"),
    validation: whole(1000, "images that choices are made by"),
    test: whole(2000, "test images"),
    seed: whole(1, "fixes every random number", 0),
  },
  async run(options, print) {
    const { seed } = options;
    manualSeed(seed);
    const all = await loadCifar(options.data, options);
    const some = (count: number) => ({
      train: data.subset(all.train, range(0, Math.min(count, all.train.length))),
      validation: all.validation,
    });

    const space = { lr: train.logUniform(1e-5, 1), reg: train.logUniform(1e-5, 1e1) };
    const { coarse: trials, epochs } = options;
    const coarse = await stage(
      "Coarse",
      some(options.images),
      space,
      { trials, epochs, seed },
      print,
    );

    // "Prefer random search … stage your search from coarse to fine"
    const best = coarse.ranked().slice(0, 3);
    const closer = {
      lr: around(best.map(({ params }) => params.lr)),
      reg: around(best.map(({ params }) => params.reg)),
    };
    const fine = await stage(
      "Fine",
      some(2 * options.images),
      closer,
      { trials: options.fine, epochs: 2 * epochs, seed: seed + 1 },
      print,
    );

    const chosen = fine.best!.params;
    print(`Chosen: lr ${chosen.lr.toExponential(2)}, reg ${chosen.reg.toExponential(2)}`);
    const { model, bestValAcc } = await trainAt(some(options.train), chosen, options.finalEpochs);
    const testAccuracy = await checkAccuracy(model, all.test);
    print(
      `Validation accuracy ${percent(bestValAcc)}, test accuracy ${percent(testAccuracy)} on ${options.test} images`,
    );
    return { coarse, fine, chosen, testAccuracy };
  },
});

await main(import.meta.url, hyperparameterSearch);
