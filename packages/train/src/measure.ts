/** Measuring a model on examples. */
import { noGrad, Tensor, ValueError } from "@tapegrad/core";
import type { DataLoader } from "@tapegrad/data";
import { confusionMatrix } from "./class-metrics.ts";
import { correctIn, inEvaluation, outcomeOf, rowsOf } from "./objective.ts";
import type { Example, Metric, MetricFunction, SolverOptions } from "./options.ts";
import type { MetricValue } from "./state.ts";

export interface Measured {
  /** Mean over the examples. */
  readonly loss: number;
  /** null where there are no classes. */
  readonly accuracy: number | null;
  readonly metrics: Record<string, MetricValue>;
}

/** A metric under the name that the user gave it. */
export type NamedMetric = readonly [
  name: string,
  metric: Pick<Metric, "reset" | "update" | "compute"> & {
    /** Whether it is about such a batch. By default it is about all. @param correct  null without classes */
    applies?(scores: Tensor | null, correct: number | null): boolean;
  },
];

/** A matrix of more classes says little in a picture, and is long in a file. */
const mostClasses = 100;

/** The confusion matrix, where there are classes and not too many. */
export function watchedConfusion(): NamedMetric {
  const applies = (scores: Tensor | null, correct: number | null) =>
    correct !== null && scores!.shape[1] <= mostClasses;
  return ["confusion", Object.assign(confusionMatrix(), { applies })];
}

/** Metrics of any form by name. @throws ValueError for a name that occurs twice */
export function settleMetrics(metrics: SolverOptions["metrics"] = []): readonly NamedMetric[] {
  const list: NamedMetric[] = Array.isArray(metrics)
    ? (metrics as readonly Metric[]).map((metric) => [metric.name, metric])
    : Object.entries(metrics as Readonly<Record<string, Metric | MetricFunction>>).map(
        ([name, one]) => [name, typeof one === "function" ? meanOf(one) : one],
      );
  const names = list.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    throw new ValueError(
      `Solver: two metrics are named "${twice}"; give them as an object with a name for each.`,
    );
  }
  return list;
}

/** A batch's mean, averaged over all examples. */
function meanOf(f: MetricFunction): NamedMetric[1] {
  let [sum, rows] = [0, 0];
  return {
    reset() {
      [sum, rows] = [0, 0];
    },
    update(scores, y) {
      const value = f(scores, y);
      const count = rowsOf({ x: scores, y });
      sum += count * (value instanceof Tensor ? value.item() : value);
      rows += count;
    },
    compute: () => sum / rows,
  };
}

/**
 * Loss, accuracy and metrics over all of a loader's examples, in evaluation mode and off the tape. Lets
 * the event loop turn now and then.
 */
export async function measure<S, B extends Example>(
  options: Pick<SolverOptions<S, B>, "model" | "loss" | "objective" | "accuracy">,
  loader: DataLoader<B | Promise<B>>,
  metrics: readonly NamedMetric[],
): Promise<Measured> {
  for (const [, metric] of metrics) metric.reset();
  // Always the same order, so that sums are the same to the bit.
  loader.state = { ...loader.state, epoch: 0, cursor: 0 };
  const sums = { loss: 0, correct: 0, rows: 0, classified: false };
  const updated = new Set<string>();
  await inEvaluation(options.model, async () => {
    for await (const batch of loader) {
      noGrad(() => {
        const { loss, scores } = outcomeOf(options, batch as B);
        const rows = rowsOf(batch as B);
        sums.loss += rows * loss.item();
        sums.rows += rows;
        const { y } = batch as B;
        const correct = correctIn(scores, y, options.accuracy);
        if (correct !== null) {
          sums.correct += correct;
          sums.classified = true;
        }
        const concerned = metrics.filter(([, metric]) => metric.applies?.(scores, correct) ?? true);
        if (concerned.length === 0) return;
        if (scores === null || !(y instanceof Tensor)) {
          throw new ValueError(
            "Solver: metrics need scores and targets that are tensors; let the objective give { loss, scores }.",
          );
        }
        for (const [name, metric] of concerned) {
          metric.update(scores, y);
          updated.add(name);
        }
      });
    }
  });
  return {
    loss: sums.loss / sums.rows,
    accuracy: sums.classified ? sums.correct / sums.rows : null,
    metrics: Object.fromEntries(
      metrics
        .filter(([name, { applies }]) => applies === undefined || updated.has(name))
        .map(([name, metric]) => [name, plain(metric.compute())]),
    ),
  };
}

/** Plain data, as a checkpoint brings it back: without prototypes and methods. */
function plain(value: MetricValue): MetricValue {
  if (typeof value !== "object") return value;
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (Array.isArray(value)) return value.map((part) => plain(part as MetricValue));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => typeof part !== "function")
      .map(([name, part]) => [name, part === null ? null : plain(part as MetricValue)]),
  );
}
