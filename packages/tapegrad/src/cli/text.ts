/** Results in words. */
import type { TrainingResult } from "@tapegrad/train";
import type { Learner, Measured } from "./experiment.ts";

export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** As a shell takes it. */
export const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/** 12,345, alike in every locale. */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** "loss 0.0712 on 10,000 examples · accuracy 0.9780". */
export function measuredText({ loss, examples, metrics }: Measured, learner: Learner): string {
  const values = learner.metrics.map(
    ({ metric: { name }, format }) => `${name} ${format(metrics[name])}`,
  );
  return [`loss ${loss.toFixed(4)} on ${grouped(examples)} examples`, ...values].join(" · ");
}

/** What a run came to, for programs. */
export function resultDocument(result: TrainingResult): object {
  const { runId, stopped, steps, seconds, best, bestEpoch, bestValAcc } = result;
  const { trainLossHistory, trainAccHistory, valLossHistory, valAccHistory } = result;
  return {
    runId,
    stopped,
    epochs: trainLossHistory.length,
    steps,
    seconds,
    best,
    bestEpoch,
    bestValAcc,
    trainLossHistory,
    trainAccHistory,
    valLossHistory,
    valAccHistory,
    metricHistory: result.metricHistory,
  };
}

const endings = {
  finished: "Done",
  early: "Stopped early, no more improvement",
  aborted: "Stopped",
} as const;

export function resultText(result: TrainingResult, folder: string): string {
  const { stopped, steps, seconds, bestEpoch, bestValAcc, best, trainLossHistory } = result;
  const loss = trainLossHistory.at(-1);
  const facts = [
    `${endings[stopped]} after ${grouped(steps)} steps in ${seconds.toFixed(1)} s`,
    ...(loss === undefined ? [] : [`training loss ${loss.toFixed(4)}`]),
    ...(bestEpoch === 0
      ? []
      : [
          Number.isNaN(bestValAcc)
            ? `best epoch ${bestEpoch} (${best.toFixed(4)})`
            : `best epoch ${bestEpoch} (validation accuracy ${percent(bestValAcc)})`,
        ]),
  ];
  return `${facts.join(" · ")}\nRun: ${folder}`;
}
