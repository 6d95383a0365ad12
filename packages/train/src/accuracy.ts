import { argmax, formatShape, isFloat, noGrad, ShapeError, type Tensor } from "@tapegrad/core";
import { type Batch, DataLoader } from "@tapegrad/data";
import type { Module } from "@tapegrad/nn";
import { inEvaluation } from "./objective.ts";
import type { Metric, Source } from "./options.ts";

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

/** Calls `see` with the model's scores of every batch, in evaluation mode and off the tape. */
async function overBatches(
  model: Module,
  data: Source<Batch>,
  batchSize: number,
  see: (scores: Tensor, y: Tensor) => void,
): Promise<void> {
  const loader =
    data instanceof DataLoader
      ? (data as DataLoader<Batch | Promise<Batch>>)
      : new DataLoader<Batch | Promise<Batch>>(data, { batchSize });
  await inEvaluation(model, async () => {
    for await (const { x, y } of loader) noGrad(() => see(model(x), y));
  });
}

/**
 * Share of the examples that the model classifies correctly, in evaluation mode and off the tape. Every
 * module's mode is as before afterwards. Lets the event loop turn now and then.
 *
 * @param data  a dataset, or a loader, which knows its batch size
 * @returns     from 0 to 1; NaN without examples
 */
export async function checkAccuracy(
  model: Module,
  data: Source<Batch>,
  { batchSize = 256 }: { batchSize?: number } = {},
): Promise<number> {
  let [correct, rows] = [0, 0];
  await overBatches(model, data, batchSize, (scores, y) => {
    correct += countCorrect(scores, y);
    rows += scores.shape[0];
  });
  return correct / rows;
}

/**
 * Metrics over all examples, as {@link checkAccuracy} measures accuracy.
 *
 * ```ts
 * const { share, report } = await evaluate(model, test, {
 *   metrics: { share: accuracy(), report: classificationReport() },
 * });
 * ```
 *
 * @returns what each metric computes
 */
export async function evaluate<M extends Readonly<Record<string, Metric>>>(
  model: Module,
  data: Source<Batch>,
  { metrics, batchSize = 256 }: { metrics: M; batchSize?: number },
): Promise<{ [K in keyof M]: ReturnType<M[K]["compute"]> }> {
  const list = Object.entries(metrics);
  for (const [, metric] of list) metric.reset();
  await overBatches(model, data, batchSize, (scores, y) => {
    for (const [, metric] of list) metric.update(scores, y);
  });
  return Object.fromEntries(list.map(([name, metric]) => [name, metric.compute()])) as {
    [K in keyof M]: ReturnType<M[K]["compute"]>;
  };
}
