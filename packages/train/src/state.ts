/** How far a training run is. Callbacks get it frozen: each call a new object, the old ones stay. */
export interface TrainingState {
  /** A uuid, ordered by time. */
  readonly runId: string;
  /** The running epoch, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  /** Batches in an epoch. */
  readonly batches: number;
  /** Batches done since the start. */
  readonly step: number;
  /** Batches that the whole run takes. */
  readonly steps: number;
  /** Of the last batch. */
  readonly loss: number;
  /** Mean over this epoch's batches so far. */
  readonly meanLoss: number;
  /** Share of this epoch's training examples so far that were classified correctly when seen. */
  readonly accuracy: number;
  readonly learningRate: number;
  /** Since the start. */
  readonly seconds: number;
  /** In this epoch, validation not counted. */
  readonly samplesPerSecond: number;
  /** A guess from the time so far. */
  readonly secondsLeft: number;
  /** Training accuracy after each epoch. */
  readonly trainAccHistory: readonly number[];
  /** Validation accuracy after each epoch; empty without validation examples. */
  readonly valAccHistory: readonly number[];
  /** NaN before the first epoch's end and without validation examples. */
  readonly bestValAcc: number;
  /** The epoch of `bestValAcc`, from 1; 0 while there is none. */
  readonly bestEpoch: number;
}

/** What a run came to. */
export interface TrainingResult {
  readonly runId: string;
  /** Loss of every batch. */
  readonly lossHistory: readonly number[];
  readonly trainAccHistory: readonly number[];
  readonly valAccHistory: readonly number[];
  readonly bestValAcc: number;
  readonly bestEpoch: number;
  readonly steps: number;
  readonly seconds: number;
  readonly stopped: "finished" | "aborted";
}
