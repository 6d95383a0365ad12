/** How far a run is, and what it came to. */
import { freeze } from "immer";

/** What a metric computes: a number, or plain data with numbers in it such as a confusion matrix. */
export type MetricValue = number | object;

/** How far a training run is. Callbacks get it frozen: each call a new object, the old ones stay. */
export interface TrainingState {
  /** A uuid, ordered by time. */
  readonly runId: string;
  /** The running epoch, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Epochs that are over, validation included. */
  readonly epochsDone: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  /** Batches in an epoch; Infinity for a stream, whose end nobody knows. */
  readonly batches: number;
  /** Updates of the weights since the start: one per batch, or per `accumulateSteps` batches. */
  readonly step: number;
  /** Updates that the whole run takes. */
  readonly steps: number;
  /** Of the last update, the L2 penalty included. */
  readonly loss: number;
  /** Mean over this epoch's updates so far. */
  readonly meanLoss: number;
  /** Share of this epoch's examples so far that were classified correctly when seen; NaN without classes. */
  readonly accuracy: number;
  /** Metrics on the validation examples after the last epoch that is over. */
  readonly metrics: Readonly<Record<string, MetricValue>>;
  /** That the last update used; of the first group. */
  readonly learningRate: number;
  readonly paused: boolean;
  /** Since the start, pauses included; a resumed run counts on. */
  readonly seconds: number;
  /** In this epoch, validation not counted. */
  readonly samplesPerSecond: number;
  /** A guess from the time so far. */
  readonly secondsLeft: number;
  /** Mean loss of each epoch's updates. */
  readonly trainLossHistory: readonly number[];
  /** Training accuracy after each epoch; empty without classes. */
  readonly trainAccHistory: readonly number[];
  /** Loss on the validation examples after each epoch, without the L2 penalty; empty without them. */
  readonly valLossHistory: readonly number[];
  /** Validation accuracy after each epoch; empty without validation examples, or classes. */
  readonly valAccHistory: readonly number[];
  /** Each metric after each epoch. */
  readonly metricHistory: Readonly<Record<string, readonly MetricValue[]>>;
  /** What is monitored, in the best epoch; NaN while there is none. */
  readonly best: number;
  /** The epoch of `best`, from 1; 0 while there is none. */
  readonly bestEpoch: number;
  /** Validation accuracy in the best epoch; NaN while there is none. */
  readonly bestValAcc: number;
}

/** Why training ended: all done, no more improvement, or somebody stopped it. */
export type Ending = "finished" | "early" | "aborted";

/** What a run came to. */
export interface TrainingResult
  extends Pick<
    TrainingState,
    | "runId"
    | "trainLossHistory"
    | "trainAccHistory"
    | "valLossHistory"
    | "valAccHistory"
    | "metricHistory"
    | "best"
    | "bestEpoch"
    | "bestValAcc"
    | "seconds"
  > {
  /** Loss of every update. */
  readonly lossHistory: readonly number[];
  /** Updates of the weights. */
  readonly steps: number;
  readonly stopped: Ending;
}

/** A run before its first step. */
export function initialState(
  run: Pick<TrainingState, "runId" | "epochs" | "batches" | "steps" | "learningRate">,
): TrainingState {
  return freeze<TrainingState>(
    {
      ...run,
      epoch: 0,
      epochsDone: 0,
      batch: 0,
      step: 0,
      loss: Number.NaN,
      meanLoss: Number.NaN,
      accuracy: Number.NaN,
      metrics: {},
      paused: false,
      seconds: 0,
      samplesPerSecond: 0,
      secondsLeft: Number.NaN,
      trainLossHistory: [],
      trainAccHistory: [],
      valLossHistory: [],
      valAccHistory: [],
      metricHistory: {},
      best: Number.NaN,
      bestEpoch: 0,
      bestValAcc: Number.NaN,
    },
    true,
  );
}

export function resultOf(
  state: TrainingState,
  lossHistory: readonly number[],
  stopped: Ending,
): TrainingResult {
  const { runId, trainLossHistory, trainAccHistory, valLossHistory, valAccHistory } = state;
  const { metricHistory, best, bestEpoch, bestValAcc, seconds, step } = state;
  return {
    runId,
    lossHistory,
    trainLossHistory,
    trainAccHistory,
    valLossHistory,
    valAccHistory,
    metricHistory,
    best,
    bestEpoch,
    bestValAcc,
    seconds,
    steps: step,
    stopped,
  };
}
