import { noGrad, show, type Tensor, ValueError } from "@tapegrad/core";
import { type Batch, type Dataset, Pacer } from "@tapegrad/data";
import type { Module } from "@tapegrad/nn";
import { Adam } from "@tapegrad/optim";
import { countCorrect } from "./accuracy.ts";
import { outcomeOf } from "./objective.ts";
import type { Updates } from "./options.ts";
import { remember } from "./restore.ts";

export interface OverfitOptions {
  /** How many examples, the dataset's first. Default 50. */
  examples?: number;
  /** Scores and targets → mean loss. Default `crossEntropy`. */
  loss?: (scores: Tensor, y: Tensor) => Tensor;
  /** Makes the optimizer. Default Adam with a rate of 1e-2. */
  optimizer?: (parameters: Tensor[]) => Updates;
  /** Updates at most. Default 500. */
  maxSteps?: number;
  /**
   * What counts as learnt by heart: a share of the classes, or a loss. Default `{ accuracy: 1 }`; for
   * other targets than classes name a loss.
   */
  goal?: { readonly accuracy: number } | { readonly loss: number };
}

/** What an attempt to learn a few examples by heart came to. */
export interface OverfitResult {
  /** Whether the goal was reached. */
  readonly passed: boolean;
  /** In evaluation mode at the end; NaN where the goal is a loss. */
  readonly accuracy: number;
  /** In evaluation mode at the end. */
  readonly loss: number;
  /** Loss of every update. */
  readonly lossHistory: readonly number[];
}

/** Updates between two looks at the goal. */
const lookEvery = 10;

/**
 * The sanity check before any long training: can the model learn a few examples by heart? If not, the
 * model, the loss or the data are wrong, or the rate is
 * (https://cs231n.github.io/neural-networks-3/#sanitycheck). Regularisation should be off.
 *
 * The model is as before afterwards: weights, buffers, modes, random numbers.
 */
export async function overfitSmall(
  model: Module,
  dataset: Dataset<Batch | Promise<Batch>>,
  {
    examples = 50,
    loss,
    optimizer: makeOptimizer = (parameters) => new Adam(parameters, { lr: 1e-2 }),
    maxSteps = 500,
    goal = { accuracy: 1 },
  }: OverfitOptions = {},
): Promise<OverfitResult> {
  checkOptions({ examples, maxSteps }, goal);
  if (dataset.length === 0) throw new ValueError("overfitSmall: the dataset has no examples.");
  const restore = remember(model);
  try {
    const count = Math.min(examples, dataset.length);
    const batch = await dataset.batch(Int32Array.from({ length: count }, (_, i) => i));
    const options = { model, ...(loss === undefined ? {} : { loss }) };
    const optimizer = makeOptimizer(model.parameters());
    const lossHistory: number[] = [];
    const pacer = new Pacer();
    let seen = look(options, batch, goal);
    while (!seen.passed && lossHistory.length < maxSteps) {
      model.train();
      optimizer.zeroGrad();
      const { loss } = outcomeOf(options, batch);
      lossHistory.push(loss.item());
      loss.backward();
      optimizer.step();
      const { length } = lossHistory;
      if (length % lookEvery === 0 || length === maxSteps) seen = look(options, batch, goal);
      const pause = pacer.pause();
      if (pause !== null) await pause;
    }
    return { ...seen, lossHistory };
  } finally {
    restore();
  }
}

function checkOptions(
  counts: { examples: number; maxSteps: number },
  goal: NonNullable<OverfitOptions["goal"]>,
): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ValueError(
      `overfitSmall: ${name} is ${show(value)}; it must be a whole number from 1.`,
    );
  }
  const [name, value] = Object.entries(goal)[0] ?? [];
  if (
    (name === "accuracy" && value > 0 && value <= 1) ||
    (name === "loss" && Number.isFinite(value))
  ) {
    return;
  }
  throw new ValueError(
    `overfitSmall: goal is { ${name ?? ""}${name === undefined ? "" : `: ${show(value)}`} }; it must be { accuracy } above 0 and up to 1, or { loss }.`,
  );
}

/** Loss and accuracy in evaluation mode, and whether that will do. */
function look(
  options: { model: Module; loss?: (scores: Tensor, y: Tensor) => Tensor },
  batch: Batch,
  goal: NonNullable<OverfitOptions["goal"]>,
): Omit<OverfitResult, "lossHistory"> {
  options.model.eval();
  return noGrad(() => {
    const { loss, scores } = outcomeOf(options, batch);
    const value = loss.item();
    if ("loss" in goal) return { passed: value <= goal.loss, accuracy: Number.NaN, loss: value };
    const accuracy = countCorrect(scores!, batch.y) / batch.x.shape[0];
    return { passed: accuracy >= goal.accuracy, accuracy, loss: value };
  });
}
