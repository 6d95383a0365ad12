import { clone, crossEntropy, TapegradError, type Tensor, ValueError } from "@tapegrad/core";
import { type Batch, DataLoader, type Dataset, Pacer, subset } from "@tapegrad/data";
import { freeze, produce } from "immer";
import { v7 as uuid } from "uuid";
import { checkAccuracy, countCorrect } from "./accuracy.ts";
import { checkOptions, type SolverOptions } from "./options.ts";
import { openProgress } from "./progress.ts";
import type { TrainingResult, TrainingState } from "./state.ts";

/** Training can't go on: the loss is no longer a number. */
export class DivergedError extends TapegradError {}

type Defaulted =
  | "loss"
  | "epochs"
  | "batchSize"
  | "lrDecay"
  | "maxSteps"
  | "accuracySamples"
  | "progress";
type Settings = SolverOptions & Required<Pick<SolverOptions, Defaulted>>;

const defaults: Pick<Settings, Defaulted> = {
  loss: crossEntropy,
  epochs: 10,
  batchSize: 100,
  lrDecay: 1,
  maxSteps: Number.POSITIVE_INFINITY,
  accuracySamples: 1000,
  progress: "auto",
};

/**
 * Trains a classifier and keeps the weights of the epoch that did best on the validation examples.
 * The shape of the loop and its histories are those of CS231n's Solver
 * (https://cs231n.github.io, assignment 2).
 *
 * ```ts
 * const solver = new Solver({
 *   model, train, validation, optimizer: new Adam(model.parameters()), epochs: 5, batchSize: 128,
 * });
 * const { bestValAcc } = await solver.fit();
 * ```
 *
 * A run is fixed by the model's weights, the seeds and the data: the same again gives the same bits.
 */
export class Solver {
  private readonly options: Settings;
  private readonly loader: DataLoader<Batch>;
  private readonly trainSample: Dataset<Batch>;
  private current: TrainingState;
  private lossHistory: number[] = [];
  private best: Map<string, Tensor> | null = null;
  private running = false;

  /** @throws ValueError for an option that is missing, unknown or makes no sense */
  constructor(options: SolverOptions) {
    checkOptions(options);
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.options = { ...defaults, ...(Object.fromEntries(given) as unknown as SolverOptions) };
    const { train, batchSize, seed, accuracySamples } = this.options;
    this.loader = new DataLoader(train, {
      batchSize,
      shuffle: true,
      ...(seed === undefined ? {} : { seed }),
    });
    const samples = Math.min(accuracySamples, train.length);
    this.trainSample = subset(
      train,
      Array.from({ length: samples }, (_, i) => Math.floor((i * train.length) / samples)),
    );
    this.current = this.initialState();
  }

  /** How far the run is: a frozen snapshot. */
  get state(): TrainingState {
    return this.current;
  }

  /**
   * Trains until the epochs (or `maxSteps`) are over or the signal is aborted, then puts back the best
   * weights, also when it ends by an error. The learning rate stays as decayed.
   *
   * @throws DivergedError when the loss is NaN or infinite; ValueError if this Solver is already at it
   */
  async fit(): Promise<TrainingResult> {
    if (this.running) throw new ValueError("Solver: fit is already running; await it first.");
    this.running = true;
    this.current = this.initialState();
    this.lossHistory = [];
    this.best = null;
    const { model, epochs, progress: mode, output } = this.options;
    let finished = true;
    const progress = await openProgress(mode, output);
    const started = performance.now();
    const secondsSince = () => (performance.now() - started) / 1000;
    try {
      model.train();
      const pacer = new Pacer();
      for (let epoch = 1; finished && epoch <= epochs && !this.isOver(); epoch++) {
        this.beginEpoch(epoch);
        const epochStarted = secondsSince();
        const sums = { loss: 0, correct: 0, samples: 0 };
        for (const { x, y } of this.loader) {
          if (this.options.signal?.aborted) {
            finished = false;
            break;
          }
          const { loss, correct } = this.trainOn(x, y);
          sums.loss += loss;
          sums.correct += correct;
          sums.samples += x.shape[0];
          this.countBatch(loss, sums, secondsSince(), epochStarted);
          progress.batch(this.current);
          await this.options.onBatch?.(this.current);
          const pause = pacer.pause();
          if (pause !== null) await pause;
          if (this.isOver()) break;
        }
        if (!finished) break;
        await this.endEpoch();
        this.current = produce(this.current, (draft) => {
          draft.seconds = secondsSince();
        });
        progress.epoch(this.current);
        await this.options.onEpoch?.(this.current);
      }
    } finally {
      if (this.best !== null) model.loadStateDict(this.best);
      progress.stop();
      this.running = false;
    }
    const { runId, trainAccHistory, valAccHistory, bestValAcc, bestEpoch, step } = this.current;
    return {
      runId,
      lossHistory: this.lossHistory,
      trainAccHistory,
      valAccHistory,
      bestValAcc,
      bestEpoch,
      steps: step,
      seconds: secondsSince(),
      stopped: finished ? "finished" : "aborted",
    };
  }

  private isOver(): boolean {
    return this.current.step >= this.options.maxSteps;
  }

  private initialState(): TrainingState {
    const { epochs, maxSteps, optimizer } = this.options;
    const batches = this.loader.length;
    return freeze<TrainingState>(
      {
        runId: uuid(),
        epoch: 0,
        epochs,
        batch: 0,
        batches,
        step: 0,
        steps: Math.min(maxSteps, epochs * batches),
        loss: Number.NaN,
        meanLoss: Number.NaN,
        accuracy: Number.NaN,
        learningRate: optimizer.lr,
        seconds: 0,
        samplesPerSecond: 0,
        secondsLeft: Number.NaN,
        trainAccHistory: [],
        valAccHistory: [],
        bestValAcc: Number.NaN,
        bestEpoch: 0,
      },
      true,
    );
  }

  private beginEpoch(epoch: number): void {
    this.current = produce(this.current, (draft) => {
      draft.epoch = epoch;
      draft.batch = 0;
      draft.learningRate = this.options.optimizer.lr;
    });
  }

  /** One step down the gradient. */
  private trainOn(x: Tensor, y: Tensor): { loss: number; correct: number } {
    const { model, optimizer, loss: lossOf } = this.options;
    optimizer.zeroGrad();
    const scores = model(x);
    const loss = lossOf(scores, y);
    const value = loss.item();
    if (!Number.isFinite(value)) {
      const { step, epoch } = this.current;
      throw new DivergedError(
        `Solver: the loss is ${value} at step ${step + 1} (epoch ${epoch}, learning rate ${optimizer.lr}); lower the learning rate, or look for NaN or huge numbers in the data.`,
      );
    }
    loss.backward();
    optimizer.step();
    return { loss: value, correct: countCorrect(scores, y) };
  }

  private countBatch(
    loss: number,
    sums: { loss: number; correct: number; samples: number },
    seconds: number,
    epochStarted: number,
  ): void {
    this.lossHistory.push(loss);
    this.current = produce(this.current, (draft) => {
      draft.batch++;
      draft.step++;
      draft.loss = loss;
      draft.meanLoss = sums.loss / draft.batch;
      draft.accuracy = sums.correct / sums.samples;
      draft.learningRate = this.options.optimizer.lr;
      draft.seconds = seconds;
      draft.samplesPerSecond = sums.samples / (seconds - epochStarted);
      draft.secondsLeft = (seconds / draft.step) * (draft.steps - draft.step);
    });
  }

  /** Accuracies, the best weights so far, the next epoch's learning rate. */
  private async endEpoch(): Promise<void> {
    const { model, validation, batchSize, optimizer, lrDecay } = this.options;
    const trainAcc = await checkAccuracy(model, this.trainSample, { batchSize });
    const valAcc =
      validation === undefined ? Number.NaN : await checkAccuracy(model, validation, { batchSize });
    // Not `valAcc > best`, which the first best, NaN, would never let through.
    const better = validation !== undefined && !(valAcc <= this.current.bestValAcc);
    if (better) {
      this.best = new Map([...model.stateDict()].map(([name, value]) => [name, clone(value)]));
    }
    this.current = produce(this.current, (draft) => {
      draft.trainAccHistory.push(trainAcc);
      if (validation !== undefined) draft.valAccHistory.push(valAcc);
      if (!better) return;
      draft.bestValAcc = valAcc;
      draft.bestEpoch = draft.epoch;
    });
    for (const group of optimizer.groups) group.lr *= lrDecay;
  }
}
