import { argmax, formatShape, isFloat, noGrad, ShapeError, type Tensor } from "@tapegrad/core";
import { DataLoader, type Dataset, Pacer } from "@tapegrad/data";
import type { Module } from "@tapegrad/nn";

/**
 * Rows whose largest score is the right class.
 *
 * @param scores  [N, C]
 * @param y       classes [N], or probabilities [N, C]
 * @throws ShapeError unless there are at least two scores a row
 */
export function countCorrect(scores: Tensor, y: Tensor): number {
  if (scores.rank !== 2 || scores.shape[1] < 2) {
    throw new ShapeError(
      `accuracy: scores are ${formatShape(scores.shape)}; they must be [N, C]: a score for each of at least 2 classes.`,
    );
  }
  const classes = isFloat(y.dtype) ? argmax(y, 1) : y;
  return noGrad(() => argmax(scores, 1).eq(classes).sum().item());
}

/**
 * Share of a dataset's examples that the model classifies correctly, in evaluation mode and off the
 * tape. Every module's mode is as before afterwards. Lets the event loop turn now and then.
 *
 * @returns  from 0 to 1; NaN for a dataset without examples
 */
export async function checkAccuracy(
  model: Module,
  dataset: Dataset,
  { batchSize = 256 }: { batchSize?: number } = {},
): Promise<number> {
  // Not only the model's own mode: parts of it may be frozen in evaluation mode.
  const modes = model.modules().map((module) => ({ module, training: module.training }));
  const pacer = new Pacer();
  let correct = 0;
  model.eval();
  try {
    for (const { x, y } of new DataLoader(dataset, { batchSize })) {
      correct += countCorrect(
        noGrad(() => model(x)),
        y,
      );
      const pause = pacer.pause();
      if (pause !== null) await pause;
    }
  } finally {
    for (const { module, training } of modes) module.training = training;
  }
  return correct / dataset.length;
}
