import type { GeneratorState } from "@tapegrad/core";
import { clone, type Generator, type Tensor, ValueError } from "@tapegrad/core";
import {
  type Batch,
  DataLoader,
  type Dataset,
  type IterableDataset,
  Pacer,
  subset,
} from "@tapegrad/data";
import type { Module, Spec, StateDict } from "@tapegrad/nn";
import { freeze, produce } from "immer";
import { v7 as uuid } from "uuid";
import { type Checkpoint, loadCheckpoint } from "./checkpoint.ts";
import { checkStates, generatorsOf, setStates, statesOf } from "./generators.ts";
import { measure, type NamedMetric, settleMetrics } from "./measure.ts";
import { isBetter, numberOf, watch } from "./monitor.ts";
import {
  type Example,
  type Settings,
  type SolverOptions,
  type Source,
  settleOptions,
} from "./options.ts";
import { openProgress, type Progress, warner } from "./progress.ts";
import { Rates } from "./rates.ts";
import { Recorder } from "./recorder.ts";
import { RunFolder } from "./run-folder.ts";
import { onSignals } from "./signals.ts";
import {
  type Ending,
  initialState,
  resultOf,
  type TrainingResult,
  type TrainingState,
} from "./state.ts";
import { type UpdateFacts, Updater } from "./update.ts";
import { type Port, serve } from "./worker.ts";

/** What has just happened: an update, the end of an epoch, or that training was paused, resumed or ended. */
export type TrainingEvent = "batch" | "epoch" | "pause" | "resume" | "end";
export type Listener = (state: TrainingState, event: TrainingEvent) => void;

const noSums = { loss: 0, correct: 0, samples: 0 };
const noPatience = { best: Number.NaN, bad: 0 };

/**
 * Trains a model and keeps the weights of the epoch that did best on the validation examples. The shape
 * of the loop and its histories are those of CS231n's Solver (https://cs231n.github.io, assignment 2).
 *
 * ```ts
 * const solver = new Solver({
 *   model, train, validation, optimizer: new Adam(model.parameters()), epochs: 5, batchSize: 128,
 * });
 * const { bestValAcc } = await solver.fit();
 * ```
 *
 * A run is fixed by the model's weights, the seeds and the data: the same again gives the same bits. So
 * does a run that is stopped at any update and resumed from its checkpoint.
 */
export class Solver<S = Tensor, B extends Example = Batch> {
  private readonly options: Settings<S, B>;
  private readonly loader: DataLoader<B | Promise<B>>;
  /** Some training examples, which tell the training accuracy; null for a stream. */
  private readonly sample: DataLoader<B | Promise<B>> | null;
  private readonly validation: DataLoader<B | Promise<B>> | null;
  private readonly metrics: readonly NamedMetric[];
  private readonly rates: Rates;
  private readonly updater: Updater<S, B>;
  private readonly listeners = new Set<Listener>();
  private current: TrainingState;
  private sums = noSums;
  private patience = noPatience;
  private losses: number[] = [];
  private best: StateDict | null = null;
  /** What the loader calls the epoch that is the run's first. */
  private firstEpoch = 0;
  /** Where the generators stand when a restored run goes on; null for a new run. */
  private restored: Readonly<Record<string, GeneratorState>> | null = null;
  /** Where the run ended, before the best weights were put back; "lost" after an error. */
  private ended: Checkpoint | "lost" | null = null;
  private readonly pacer = new Pacer();
  private running = false;
  private stopping = false;
  /** Lets a paused run go on. */
  private release: (() => void) | null = null;
  private pausing: Promise<void> | null = null;
  private clock = { started: 0, before: 0, epoch: 0, samples: 0 };

  /** @throws ValueError for options that are missing, unknown or make no sense, alone or together */
  constructor(options: SolverOptions<S, B>) {
    this.options = settleOptions(options);
    const { train, validation, batchSize, seed, accuracySamples, optimizer } = this.options;
    const order = "iterate" in train ? {} : { shuffle: true };
    this.loader = loaderOf(train, {
      batchSize,
      ...order,
      ...(seed === undefined ? {} : { seed }),
    });
    const { dataset } = this.loader;
    this.sample =
      "iterate" in dataset
        ? null
        : new DataLoader(spread(dataset, accuracySamples), { batchSize: this.loader.batchSize });
    this.validation =
      validation === undefined ? null : loaderOf(validation, { batchSize: this.loader.batchSize });
    this.metrics = settleMetrics(this.options.metrics);
    this.rates = new Rates(optimizer, this.options);
    this.updater = new Updater(this.options);
    this.current = this.freshState();
  }

  get model(): Module<never[], S> {
    return this.options.model;
  }

  /** How far the run is: a frozen snapshot. */
  get state(): TrainingState {
    return this.current;
  }

  /** Loss of every update so far. */
  get lossHistory(): readonly number[] {
    return this.losses.slice();
  }

  /**
   * The learning rate of the first group. Setting it, while training too, changes the others' by the same
   * factor, and so all that a schedule gives from then on.
   */
  get learningRate(): number {
    return this.options.optimizer.lr;
  }

  set learningRate(lr: number) {
    this.rates.set(lr);
  }

  /** Calls the listener with each new snapshot. @returns a function that ends it */
  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Holds training after the running update, until `resume`. */
  pause(): void {
    this.pausing ??= new Promise((resolve) => {
      this.release = resolve;
    });
  }

  resume(): void {
    this.release?.();
    this.pausing = null;
    this.release = null;
  }

  /** Ends training after the running update, as aborting the signal does. */
  stop(): void {
    this.stopping = true;
    this.resume();
  }

  /**
   * Trains until the epochs (or `maxSteps`) are over, early stopping strikes, or it is stopped; then puts
   * back the best weights, also when it ends by an error. Goes on where a checkpoint was restored;
   * otherwise it is a new run from the weights as they are.
   *
   * @throws DivergedError when the loss is NaN or infinite; ValueError if this Solver is already at it;
   *   FileError if the run folder can't be used
   */
  async fit(): Promise<TrainingResult> {
    if (this.running) throw new ValueError("Solver: fit is already running; await it first.");
    this.running = true;
    this.stopping = this.options.signal?.aborted ?? false;
    const { model, signal, handleSignals, progress: mode, output, keepBest } = this.options;
    const stop = () => this.stop();
    signal?.addEventListener("abort", stop);
    const forgetSignals = handleSignals ? onSignals(stop) : () => {};
    let progress: Progress | null = null;
    try {
      const recorder = await this.begin();
      progress = await openProgress(mode, output);
      model.train();
      const ending = await this.train(recorder, progress);
      this.ended ??= this.checkpoint();
      await recorder?.end(this.ended as Checkpoint);
      this.tell("end");
      return resultOf(this.current, this.losses.slice(), ending);
    } catch (error) {
      this.ended = "lost";
      throw error;
    } finally {
      if (keepBest && this.best !== null) model.loadStateDict(this.best);
      progress?.stop();
      signal?.removeEventListener("abort", stop);
      forgetSignals();
      this.resume();
      this.running = false;
    }
  }

  /** Answers the `WorkerSolver` whose worker this Solver was made in. */
  serve(port: Port): void {
    serve(this as unknown as Solver<never, never>, port);
  }

  // ---- The loop

  /** A new run, or where the restored one stands; the folder ready, if there is one. */
  private async begin(): Promise<Recorder | null> {
    const { runFolder, resume, checkpoints = {}, logSteps, output } = this.options;
    let folder: RunFolder | null = null;
    if (runFolder !== undefined) {
      folder = new RunFolder(runFolder, checkpoints);
      if (resume && this.restored === null && (await folder.exists())) {
        const latest = await folder.latest({ warn: warner(output) });
        if (latest !== null) this.adopt(latest.checkpoint);
      } else if (this.restored === null && (await folder.exists())) {
        folder.refuse();
      }
    }
    if (this.restored === null) this.restart();
    else setStates(this.generators(), this.restored);
    this.restored = null;
    this.ended = null;
    this.clock = { ...this.clock, started: performance.now(), before: this.current.seconds };
    if (folder === null) return null;
    const recorder = new Recorder(folder, { ...checkpoints, logSteps });
    await recorder.begin(this.current, {
      runId: this.current.runId,
      created: new Date().toISOString(),
      model: this.spec(),
      optimizer: this.options.optimizer.stateDict!().optimizer,
      epochs: this.options.epochs,
      batchSize: this.loader.batchSize,
      config: this.options.config ?? null,
    });
    return recorder;
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
    if (this.current.epoch > 0) this.current = this.freshState();
  }

  private async train(recorder: Recorder | null, progress: Progress): Promise<Ending> {
    for (;;) {
      if (this.stopping) return "aborted";
      const over = this.isOver();
      if (over !== null) return over;
      if (this.current.epochsDone === this.current.epoch) this.beginEpoch();
      if (!(await this.runEpoch(recorder, progress))) return "aborted";
      if (this.current.step >= this.options.maxSteps && this.current.batch < this.loader.length) {
        // An epoch cut short is validated, but a resumed run ends it properly.
        this.ended = this.checkpoint();
      }
      const improved = await this.endEpoch();
      progress.epoch(this.current);
      await recorder?.logEpoch(this.current);
      this.tell("epoch");
      await this.options.onEpoch?.(this.current);
      if (this.ended === null) {
        await recorder?.afterEpoch(this.current, improved, () => this.capture());
      }
      await this.breathe();
    }
  }

  private isOver(): Ending | null {
    const { epochs, maxSteps, earlyStopping } = this.options;
    const { epochsDone, step } = this.current;
    if (earlyStopping !== undefined && this.patience.bad >= earlyStopping.patience) return "early";
    return epochsDone >= epochs || step >= maxSteps ? "finished" : null;
  }

  private beginEpoch(): void {
    this.sums = noSums;
    this.current = produce(this.current, (draft) => {
      draft.epoch++;
      draft.batch = 0;
      draft.learningRate = this.learningRate;
    });
  }

  /** @returns whether it came to its end: of the epoch, or of all steps */
  private async runEpoch(recorder: Recorder | null, progress: Progress): Promise<boolean> {
    this.clock.epoch = this.seconds();
    this.clock.samples = 0;
    this.loader.state = this.place();
    for await (const batches of this.groups()) {
      if (this.stopping) return false;
      const { step, epoch } = this.current;
      const facts = this.updater.take(batches, `step ${step + 1} (epoch ${epoch}`);
      this.count(batches.length, facts);
      this.rates.afterStep();
      progress.batch(this.current);
      this.tell("batch");
      await this.options.onBatch?.(this.current);
      await recorder?.afterStep(this.current, () => this.capture());
      await this.breathe();
      if (this.current.step >= this.options.maxSteps) return true;
      if (this.stopping && this.current.batch < this.loader.length) return false;
    }
    return true;
  }

  /** Batches for one update each. */
  private async *groups(): AsyncIterable<B[]> {
    const { accumulateSteps } = this.options;
    let group: B[] = [];
    for await (const batch of this.loader) {
      group.push(batch as B);
      if (group.length < accumulateSteps) continue;
      yield group;
      group = [];
    }
    if (group.length > 0) yield group;
  }

  private count(batches: number, { loss, rows, correct }: UpdateFacts): void {
    this.losses.push(loss);
    const { loss: lossSum, correct: correctSum, samples } = this.sums;
    this.sums = {
      loss: lossSum + loss,
      correct: correctSum + (correct ?? 0),
      samples: samples + rows,
    };
    this.clock.samples += rows;
    const seconds = this.seconds();
    const updates = Math.ceil((this.current.batch + batches) / this.options.accumulateSteps);
    this.current = produce(this.current, (draft) => {
      draft.batch += batches;
      draft.step++;
      draft.loss = loss;
      draft.meanLoss = this.sums.loss / updates;
      draft.accuracy = correct === null ? Number.NaN : this.sums.correct / this.sums.samples;
      draft.learningRate = this.learningRate;
      draft.seconds = seconds;
      draft.samplesPerSecond = this.clock.samples / (seconds - this.clock.epoch);
      draft.secondsLeft = (seconds / draft.step) * (draft.steps - draft.step);
    });
  }

  /** Measures, keeps the best weights so far, settles the next epoch's rates. @returns whether it is the best */
  private async endEpoch(): Promise<boolean> {
    const { options, metrics } = this;
    const classes = !Number.isNaN(this.current.accuracy);
    const onTrain =
      classes && this.sample !== null ? await measure(options, this.sample, []) : null;
    const onValidation =
      this.validation === null ? null : await measure(options, this.validation, metrics);
    this.current = produce(this.current, (draft) => {
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
    const improved = this.judge();
    const monitored = watch(options.monitor, this.current) ?? watch("loss", this.current)!;
    this.rates.afterEpoch({ value: numberOf(monitored, this.current), mode: monitored.mode });
    return improved;
  }

  /** Whether the epoch is the best so far; if so, its weights are kept. Early stopping counts. */
  private judge(): boolean {
    const { monitor, earlyStopping, model, keepBest } = this.options;
    if (earlyStopping !== undefined) {
      const { mode, ...watched } =
        watch(earlyStopping.monitor ?? monitor, this.current) ?? watch("loss", this.current)!;
      const value = numberOf({ mode, ...watched }, this.current);
      const { best, bad } = this.patience;
      const { minDelta = 0 } = earlyStopping;
      this.patience = isBetter(value, best, { mode, minDelta })
        ? { best: value, bad: 0 }
        : { best, bad: bad + 1 };
    }
    const watched = watch(monitor, this.current);
    if (watched === null) return false;
    const value = numberOf(watched, this.current);
    if (!isBetter(value, this.current.best, watched)) return false;
    if (keepBest) this.best = cloned(model.stateDict());
    this.current = produce(this.current, (draft) => {
      draft.best = value;
      draft.bestEpoch = draft.epoch;
      draft.bestValAcc = draft.valAccHistory.at(-1) ?? Number.NaN;
    });
    return true;
  }

  /** Lets the event loop turn if it is time, and waits while training is paused. */
  private async breathe(): Promise<void> {
    // The loaders do so too, but each epoch starts their clocks anew.
    const turn = this.pacer.pause();
    if (turn !== null) await turn;
    if (this.pausing === null || this.stopping) return;
    this.set("pause", true);
    await this.pausing;
    this.set("resume", false);
  }

  private set(event: TrainingEvent, paused: boolean): void {
    this.current = produce(this.current, (draft) => {
      draft.paused = paused;
      draft.seconds = this.seconds();
    });
    this.tell(event);
  }

  private tell(event: TrainingEvent): void {
    for (const listener of this.listeners) listener(this.current, event);
  }

  private seconds(): number {
    return this.clock.before + (performance.now() - this.clock.started) / 1000;
  }

  private freshState(): TrainingState {
    return initialState({ runId: uuid(), ...this.extent(), learningRate: this.learningRate });
  }

  private extent(): Pick<TrainingState, "epochs" | "batches" | "steps"> {
    const { epochs, maxSteps, accumulateSteps } = this.options;
    const batches = this.loader.length;
    return {
      epochs,
      batches,
      steps: Math.min(maxSteps, epochs * Math.ceil(batches / accumulateSteps)),
    };
  }

  // ---- Checkpoints

  /** Where the run stands, between two updates; it stays as it is when training goes on. */
  checkpoint(): Checkpoint {
    if (this.ended === "lost") {
      throw new ValueError(
        "Solver: the run ended by an error, so there is no place to go on from; take an earlier checkpoint.",
      );
    }
    if (this.ended !== null) return this.ended;
    const { weights, optimizer, ...rest } = this.capture();
    const state = optimizer.state.map(
      (one) =>
        one &&
        Object.fromEntries(
          Object.entries(one).map(([name, x]) => [name, typeof x === "number" ? x : clone(x)]),
        ),
    );
    return { ...rest, weights: cloned(weights), optimizer: { ...optimizer, state } };
  }

  /** The same, sharing its tensors with the run. */
  private capture(): Checkpoint {
    const { model, optimizer } = this.options;
    if (optimizer.stateDict === undefined) {
      throw new ValueError("Solver: the optimizer has no stateDict; a checkpoint needs one.");
    }
    return {
      weights: model.stateDict(),
      best: this.best,
      spec: this.spec(),
      optimizer: optimizer.stateDict(),
      lossHistory: this.losses.slice(),
      progress: {
        state: this.current,
        sums: this.sums,
        patience: this.patience,
        loader: this.place(),
        validationSeed: this.validation?.state.seed ?? 0,
        generators: this.restored ?? statesOf(this.generators()),
        rates: this.rates.stateDict(),
      },
    };
  }

  /** The next batch, as the loader counts. */
  private place() {
    const { epoch, epochsDone, batch } = this.current;
    const { seed } = this.loader.state;
    return epochsDone === epoch
      ? { seed, epoch: this.firstEpoch + epoch, cursor: 0 }
      : { seed, epoch: this.firstEpoch + epoch - 1, cursor: batch };
  }

  /**
   * Makes the next `fit` go on where the checkpoint was taken. The options must be those of its run, but
   * for what says how long it goes on (epochs, maxSteps) and what is told.
   *
   * @throws ValueError, ShapeError if it is of another model, optimizer or data; nothing is changed then
   */
  restore(checkpoint: Checkpoint): void {
    if (this.running) throw new ValueError("Solver: fit is running; stop it before restore.");
    this.adopt(checkpoint);
  }

  private adopt(checkpoint: Checkpoint): void {
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
    const { seed, epoch: loaderEpoch } = progress.loader;
    const { epoch, epochsDone } = progress.state;
    this.firstEpoch = loaderEpoch - (epochsDone === epoch ? epoch : epoch - 1);
    this.loader.state = { seed, epoch: loaderEpoch, cursor: progress.loader.cursor };
    if (this.validation !== null) {
      this.validation.state = { seed: progress.validationSeed, epoch: 0, cursor: 0 };
    }
    this.restored = progress.generators;
    this.best = best;
    this.sums = progress.sums;
    this.patience = progress.patience;
    this.losses = [...lossHistory];
    this.ended = null;
    this.current = freeze({ ...progress.state, ...this.extent(), paused: false }, true);
  }

  /** {@link restore} from a file. @throws FileError, FormatError if it can't be read */
  async restoreFrom(path: string): Promise<void> {
    this.restore(await loadCheckpoint(path));
  }

  private generators(): Map<string, Generator> {
    return generatorsOf(this.options.model, this.options.generators);
  }

  private spec(): Spec | null {
    try {
      return this.options.model.spec;
    } catch (error) {
      // Models may be classes of the user's own that nothing describes.
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

const cloned = (state: StateDict): StateDict =>
  new Map([...state].map(([name, x]) => [name, clone(x)]));
