/** Training of image classifiers as the convolutional lessons do it. */
import { AdamW, checkAccuracy, type data, type Module, optim, Solver, type train } from "tapegrad";
import { lossCurve, type Print, percent } from "./common.ts";

export interface ImageTraining {
  model: Module;
  train: data.Dataset;
  /** Says which epoch's weights are kept. */
  validation: data.Dataset;
  /** Looked at once, at the end. */
  test: data.Dataset;
  /** The highest learning rate. */
  lr: number;
  weightDecay: number;
  epochs: number;
  batchSize: number;
  seed: number;
}

export interface ImageResult extends train.TrainingResult {
  testAccuracy: number;
}

/**
 * AdamW on one cycle of learning rates: up in the first fifth of all steps, then down to nearly nothing
 * (Smith, "Super-convergence", 2018), which gets most out of a few epochs. A line per epoch.
 */
export async function trainImages(
  { model, test, lr, weightDecay, epochs, batchSize, ...rest }: ImageTraining,
  print: Print,
): Promise<ImageResult> {
  const steps = epochs * Math.ceil(rest.train.length / batchSize);
  const result = await new Solver({
    model,
    optimizer: new AdamW(model.parameters(), { lr, weightDecay }),
    schedule: optim.oneCycle(steps, { maxLr: lr, pctStart: 0.2 }),
    schedulePer: "step",
    epochs,
    batchSize,
    progress: "silent",
    onEpoch: ({ epoch, meanLoss, trainAccHistory, valAccHistory, seconds }) =>
      print(
        `epoch ${epoch}/${epochs}: loss ${meanLoss.toFixed(3)}, training ${percent(trainAccHistory.at(-1)!)}, validation ${percent(valAccHistory.at(-1)!)}, ${seconds.toFixed(0)} s`,
      ),
    ...rest,
  }).fit();
  const testAccuracy = await checkAccuracy(model, test);
  print(`loss ${lossCurve(result.lossHistory)}`);
  print(
    `test accuracy ${(100 * testAccuracy).toFixed(2)} % on ${test.length} images after ${result.seconds.toFixed(0)} s; the weights of epoch ${result.bestEpoch}, best of ${epochs} on the ${rest.validation.length} validation images`,
  );
  return { ...result, testAccuracy };
}
