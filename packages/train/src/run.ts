import { clone, type Generator, type GeneratorState, show, ValueError } from "@tapegrad/core";
import {
  DataLoader,
  type Dataset,
  type IterableDataset,
  type LoaderState,
  subset,
} from "@tapegrad/data";
import type { Spec, StateDict } from "@tapegrad/nn";
import { freeze, produce } from "immer";
import { v7 as uuid } from "uuid";
import type { Checkpoint } from "./checkpoint.ts";
import { checkStates, generatorsOf, setStates, statesOf } from "./generators.ts";
import { measure, type NamedMetric, settleMetrics, watchedConfusion } from "./measure.ts";
import { isBetter, numberOf, type Watched, watch } from "./monitor.ts";
import type { Example, Monitor, Settings, Source } from "./options.ts";
import { Rates } from "./rates.ts";
import { type Ending, initialState, type TrainingState } from "./state.ts";
import type { UpdateFacts } from "./update.ts";

const noSums = { loss: 0, correct: 0, samples: 0 };
const noPatience = { best: Number.NaN, bad: 0 };

/**
 * Where a run stands, how each update and epoch moves it on, and how it is put down and taken up again.
 * The Solver drives it.
 */
export class Run<S, B extends Example> {
  readonly loader: DataLoader<B | Promise<B>>;
  readonly rates: Rates;
  /** A frozen snapshot, replaced at each change. */
  state: TrainingState;
  /** Of every update. */
  losses: number[] = [];
  /** The best epoch's weights. */
  best: StateDict | null = null;
  private readonly options: Settings<S, B>;
  /** Some training examples, which tell the training accuracy; null for a stream. */
  private readonly sample: DataLoader<B | Promise<B>> | null;
  private readonly validation: DataLoader<B | Promise<B>> | null;
  private readonly metrics: readonly NamedMetric[];
  private sums = noSums;
  private patience = noPatience;
  /** What the loader calls the epoch that is the run's first. */
  private firstEpoch = 0;
  /** Where the generators stand when a restored run goes on; null for a new run. */
  private restored: Readonly<Record<string, GeneratorState>> | null = null;
  private clock = { started: 0, before: 0, epoch: 0, samples: 0 };

  constructor(options: Settings<S, B>) {
    this.options = options;
    const { train, validation, seed, accuracySamples } = options;
    this.loader = loaderOf(train, {
      batchSize: options.batchSize,
      ...("iterate" in train ? {} : { shuffle: true }),
      ...(seed === undefined ? {} : { seed }),
    });
    const { dataset, batchSize } = this.loader;
    this.sample =
      "iterate" in dataset ? null : new DataLoader(spread(dataset, accuracySamples), { batchSize });
    this.validation = validation === undefined ? null : loaderOf(validation, { batchSize });
    const metrics = settleMetrics(options.metrics);
    const hasConfusion = metrics.some(([name]) => name === "confusion");
    this.metrics = options.watch && !hasConfusion ? [...metrics, watchedConfusion()] : metrics;
    this.rates = new Rates(options.optimizer, options);
    this.state = this.freshState();
  }

  /** Whether a checkpoint says where the next `begin` goes on. */
  get isRestored(): boolean {
    return this.restored !== null;
  }

  // ---- Moving on

  /** Where the restored run stands; otherwise a new run from the weights as they are. */
  begin(): void {
    if (this.restored === null) this.restart();
    else setStates(this.generators(), this.restored);
    this.restored = null;
    this.clock = { ...this.clock, started: performance.now(), before: this.state.seconds };
  }

  private restart(): void {
    // A loader that was used before goes on with its next epoch.
    const { epoch, cursor } = this.loader.state;
    this.firstEpoch = cursor > 0 ? epoch + 1 : epoch;
    this.sums = noSums;
    this.patience = noPatience;
    this.losses = [];
    this.best = null;
    this.rates.restart();
    if (this.state.epoch > 0) this.state = this.freshState();
  }

  /** Why it is over; null if it isn't. */
  get ending(): Ending | null {
    const { epochs, maxSteps, earlyStopping } = this.options;
    if (earlyStopping !== undefined && this.patience.bad >= earlyStopping.patience) return "early";
    const { epochsDone, step } = this.state;
    return epochsDone >= epochs || step >= maxSteps ? "finished" : null;
  }

  /** Sets the loader to the next batch, in a new epoch if the last one is done. */
  enterEpoch(): void {
    if (this.state.epochsDone === this.state.epoch) {
      this.sums = noSums;
      this.state = produce(this.state, (draft) => {
        draft.epoch++;
        draft.batch = 0;
        draft.learningRate = this.options.optimizer.lr;
      });
    }
    this.clock.epoch = this.seconds();
    this.clock.samples = 0;
    this.loader.state = this.place();
  }

  count(batches: number, { loss, rows, correct }: UpdateFacts): void {
    this.losses.push(loss);
    const { sums } = this;
    this.sums = {
      loss: sums.loss + loss,
      correct: sums.correct + (correct ?? 0),
      samples: sums.samples + rows,
    };
    this.clock.samples += rows;
    const seconds = this.seconds();
    const updates = Math.ceil((this.state.batch + batches) / this.options.accumulateSteps);
    this.state = produce(this.state, (draft) => {
      draft.batch += batches;
      draft.step++;
      draft.loss = loss;
      draft.meanLoss = this.sums.loss / updates;
      draft.accuracy = correct === null ? Number.NaN : this.sums.correct / this.sums.samples;
      draft.learningRate = this.options.optimizer.lr;
      draft.seconds = seconds;
      draft.samplesPerSecond = this.clock.samples / (seconds - this.clock.epoch);
      draft.secondsLeft = (seconds / draft.step) * (draft.steps - draft.step);
    });
    this.rates.afterStep();
  }

  /** Measures, keeps the best weights so far, settles the next epoch's rates. @returns whether it is the best */
  async endEpoch(): Promise<boolean> {
    const { options, sample, validation } = this;
    const classes = !Number.isNaN(this.state.accuracy);
    const onTrain = classes && sample !== null ? await measure(options, sample, []) : null;
    const onValidation =
      validation === null ? null : await measure(options, validation, this.metrics);
    this.state = produce(this.state, (draft) => {
      draft.epochsDone++;
      draft.seconds = this.seconds();
      draft.trainLossHistory.push(draft.meanLoss);
      if (classes) draft.trainAccHistory.push(onTrain?.accuracy ?? draft.accuracy);
      if (onValidation === null) return;
      draft.valLossHistory.push(onValidation.loss);
      if (onValidation.accuracy !== null) draft.valAccHistory.push(onValidation.accuracy);
      draft.metrics = onValidation.metrics;
      for (const [name, value] of Object.entries(onValidation.metrics)) {
        draft.metricHistory[name] ??= [];
        draft.metricHistory[name].push(value);
      }
    });
    this.losePatience();
    const improved = this.keepBest();
    const { mode, value } = this.watched(options.monitor);
    this.rates.afterEpoch({ value, mode });
    return improved;
  }

  /** What tells this epoch's worth; the training loss where there is nothing else. */
  private watched(monitor: Monitor | undefined): Watched & { value: number } {
    const watched = watch(monitor, this.state) ?? watch("loss", this.state)!;
    return { ...watched, value: numberOf(watched, this.state) };
  }

  private losePatience(): void {
    const { monitor, earlyStopping } = this.options;
    if (earlyStopping === undefined) return;
    const { mode, value } = this.watched(earlyStopping.monitor ?? monitor);
    const { best, bad } = this.patience;
    this.patience = isBetter(value, best, { mode, minDelta: earlyStopping.minDelta ?? 0 })
      ? { best: value, bad: 0 }
      : { best, bad: bad + 1 };
  }

  /** @returns whether this epoch is the best so far */
  private keepBest(): boolean {
    const watched = watch(this.options.monitor, this.state);
    if (watched === null) return false;
    const value = numberOf(watched, this.state);
    if (!isBetter(value, this.state.best, watched)) return false;
    if (this.options.keepBest) this.best = cloned(this.options.model.stateDict());
    this.state = produce(this.state, (draft) => {
      draft.best = value;
      draft.bestEpoch = draft.epoch;
      draft.bestValAcc = draft.valAccHistory.at(-1) ?? Number.NaN;
    });
    return true;
  }

  setPaused(paused: boolean): void {
    this.state = produce(this.state, (draft) => {
      draft.paused = paused;
      draft.seconds = this.seconds();
    });
  }

  private seconds(): number {
    return this.clock.before + (performance.now() - this.clock.started) / 1000;
  }

  private freshState(): TrainingState {
    const learningRate = this.options.optimizer.lr;
    return initialState({ runId: uuid(), ...this.extent(), learningRate });
  }

  private extent(): Pick<TrainingState, "epochs" | "batches" | "steps"> {
    const { epochs, maxSteps, accumulateSteps } = this.options;
    const batches = this.loader.length;
    const steps = Math.min(maxSteps, epochs * Math.ceil(batches / accumulateSteps));
    return { epochs, batches, steps };
  }

  // ---- Putting down and taking up

  /** Where the run stands, between two updates; shares its tensors with the run. */
  capture(): Checkpoint {
    const { model, optimizer } = this.options;
    if (optimizer.stateDict === undefined) {
      throw new ValueError(
        `Solver: ${show(optimizer)} has no stateDict; a checkpoint needs an optimizer whose state can be saved.`,
      );
    }
    return {
      weights: model.stateDict(),
      best: this.best,
      spec: this.spec(),
      optimizer: optimizer.stateDict(),
      lossHistory: this.losses.slice(),
      progress: {
        state: this.state,
        sums: this.sums,
        patience: this.patience,
        loader: this.place(),
        validationSeed: this.validation?.state.seed ?? 0,
        generators: this.restored ?? statesOf(this.generators()),
        rates: this.rates.stateDict(),
      },
    };
  }

  /** @throws ValueError, ShapeError if it is of another model, optimizer or data; nothing is changed then */
  restore(checkpoint: Checkpoint): void {
    const { weights, best, optimizer: optimizerState, lossHistory, progress } = checkpoint;
    const { model, optimizer } = this.options;
    const { batches } = progress.state;
    if (batches !== this.loader.length) {
      throw new ValueError(
        `Solver: the checkpoint's epochs have ${batches} batches and this run's ${this.loader.length}; give the same data and batch size.`,
      );
    }
    checkStates(this.generators(), progress.generators);
    const [weightsBefore, ratesBefore] = [cloned(model.stateDict()), this.rates.stateDict()];
    try {
      this.rates.loadStateDict(progress.rates);
      model.loadStateDict(weights);
      optimizer.loadStateDict?.(optimizerState);
    } catch (error) {
      model.loadStateDict(weightsBefore);
      this.rates.loadStateDict(ratesBefore);
      throw error;
    }
    const { epoch, epochsDone } = progress.state;
    this.firstEpoch = progress.loader.epoch - (epochsDone === epoch ? epoch : epoch - 1);
    this.loader.state = progress.loader;
    if (this.validation !== null) {
      this.validation.state = { seed: progress.validationSeed, epoch: 0, cursor: 0 };
    }
    this.restored = progress.generators;
    this.best = best;
    this.sums = progress.sums;
    this.patience = progress.patience;
    this.losses = [...lossHistory];
    this.state = freeze({ ...progress.state, ...this.extent(), paused: false }, true);
  }

  /** The next batch, as the loader counts. */
  private place(): LoaderState {
    const { epoch, epochsDone, batch } = this.state;
    const { seed } = this.loader.state;
    return epochsDone === epoch
      ? { seed, epoch: this.firstEpoch + epoch, cursor: 0 }
      : { seed, epoch: this.firstEpoch + epoch - 1, cursor: batch };
  }

  private generators(): Map<string, Generator> {
    return generatorsOf(this.options.model, this.options.generators);
  }

  /** null for models that nothing describes: classes of the user's own. */
  spec(): Spec | null {
    try {
      return this.options.model.spec;
    } catch (error) {
      if (error instanceof ValueError) return null;
      throw error;
    }
  }
}

function loaderOf<B>(
  source: Source<B>,
  options: { batchSize: number; shuffle?: boolean; seed?: number },
): DataLoader<B | Promise<B>> {
  return source instanceof DataLoader
    ? (source as DataLoader<B | Promise<B>>)
    : new DataLoader(source as Dataset<B> | IterableDataset<B>, options);
}

/** Up to `count` examples, equally spaced. */
function spread<B>(dataset: Dataset<B>, count: number): Dataset<B> {
  const samples = Math.min(count, dataset.length);
  const positions = Array.from({ length: samples }, (_, i) =>
    Math.floor((i * dataset.length) / samples),
  );
  return subset(dataset, positions);
}

/** A copy that stays as it is when training goes on. */
export function cloned(state: StateDict): StateDict {
  return new Map([...state].map(([name, x]) => [name, clone(x)]));
}
