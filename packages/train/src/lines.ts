/** Lines of metrics.jsonl, and a run as pictures take it. In JSON, numbers that are NaN or infinite become null. */
import type { Filters } from "./filters.ts";
import type { MetricValue, TrainingState } from "./state.ts";
import type { LayersLine } from "./watch.ts";

export type MetricsLine = StepLine | EpochLine | LayersLine;

export interface StepLine {
  type: "step";
  step: number;
  epoch: number;
  loss: number;
  learningRate: number;
  seconds: number;
}

export interface EpochLine {
  type: "epoch";
  step: number;
  epoch: number;
  /** Mean of the epoch's updates. */
  loss: number;
  trainAcc?: number;
  valLoss?: number;
  valAcc?: number;
  metrics: Record<string, MetricValue>;
  learningRate: number;
  seconds: number;
}

/** What a run told: all that curves, reports and dashboards of `viz` are made of. Plain data. */
export interface RunRecord {
  readonly runId: string;
  /** The run's folder without those around it; else the last digits of its id. */
  readonly name: string;
  /** In the order of time. */
  readonly lines: readonly MetricsLine[];
  readonly filters: Filters | null;
}

export function stepLine({ step, epoch, loss, learningRate, seconds }: TrainingState): StepLine {
  return { type: "step", step, epoch, loss, learningRate, seconds };
}

export function epochLine(state: TrainingState): EpochLine {
  const { step, epoch, meanLoss: loss, metrics, learningRate, seconds } = state;
  // A history that no longer grows has no number for this epoch.
  const last = (name: string, history: readonly number[]) =>
    history.length === 0 ? {} : { [name]: history.at(-1)! };
  return {
    type: "epoch",
    step,
    epoch,
    loss,
    ...last("trainAcc", state.trainAccHistory),
    ...last("valLoss", state.valLossHistory),
    ...last("valAcc", state.valAccHistory),
    metrics,
    learningRate,
    seconds,
  };
}

/** The lines of a run that stood at this step and had so many epochs behind it. */
export function linesUntil(
  lines: readonly MetricsLine[],
  step: number,
  epochsDone: number,
): MetricsLine[] {
  return lines.filter((line) =>
    line.type === "epoch" ? line.epoch <= epochsDone : line.step <= step,
  );
}

/** What people call a run. */
export function nameOfRun(runId: string, folder: string | undefined): string {
  const last = folder?.split(/[\\/]/).findLast((part) => part !== "");
  return last ?? runId.slice(-8);
}
