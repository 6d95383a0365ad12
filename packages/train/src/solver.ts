import { clone, Tensor, ValueError } from "@tapegrad/core";
import { type Batch, Pacer } from "@tapegrad/data";
import type { Module } from "@tapegrad/nn";
import { type Checkpoint, loadCheckpoint } from "./checkpoint.ts";
import { firstLayerFilters } from "./filters.ts";
import {
  epochLine,
  linesUntil,
  type MetricsLine,
  nameOfRun,
  type RunRecord,
  stepLine,
} from "./lines.ts";
import { type Example, type Settings, type SolverOptions, settleOptions } from "./options.ts";
import { openProgress, type Progress, warner } from "./progress.ts";
import { Recorder } from "./recorder.ts";
import { cloned, Run } from "./run.ts";
import { RunFolder } from "./run-folder.ts";
import { onSignals } from "./signals.ts";
import { type Ending, resultOf, type TrainingResult, type TrainingState } from "./state.ts";
import { Updater } from "./update.ts";
import { isDue, type LayersLine, Watcher } from "./watch.ts";
import { type Port, serve } from "./worker.ts";

/** What has just happened: an update, the end of an epoch, or that training was paused, resumed or ended. */
export type TrainingEvent = "batch" | "epoch" | "pause" | "resume" | "end";
export type Listener = (state: TrainingState, event: TrainingEvent) => void;

/** `solver.record` has every step of a run up to this one, of longer runs fewer. */
const mostSteps = 1000;

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
  private readonly run: Run<S, B>;
  private readonly updater: Updater<S, B>;
  private readonly watcher: Watcher | null;
  private readonly listeners = new Set<Listener>();
  private lines: MetricsLine[] = [];
  /** Of one example; known when the first batch is. */
  private inputShape: readonly number[] | undefined;
  private readonly pacer = new Pacer();
  /** Where the run ended, before the best weights were put back; "lost" after an error. */
  private ended: Checkpoint | "lost" | null = null;
  private running = false;
  private stopping = false;
  /** Lets a paused run go on. */
  private release: (() => void) | null = null;
  private pausing: Promise<void> | null = null;

  /** @throws ValueError for options that are missing, unknown or make no sense, alone or together */
  constructor(options: SolverOptions<S, B>) {
    this.options = settleOptions(options);
    this.run = new Run(this.options);
    this.updater = new Updater(this.options);
    const { model, watch } = this.options;
    this.watcher = watch ? new Watcher(model, watch === true ? {} : watch) : null;
  }

  get model(): Module<never[], S> {
    return this.options.model;
  }

  /** How far the run is: a frozen snapshot. */
  get state(): TrainingState {
    return this.run.state;
  }

  /** What the run told so far: for the plots, reports and dashboards of `viz`. */
  get record(): RunRecord {
    const { inputShape, lines, state } = this;
    const { model, runFolder } = this.options;
    return {
      runId: state.runId,
      name: nameOfRun(state.runId, runFolder),
      lines,
      /** Made when asked for: they are long. */
      get filters() {
        return model.isInitialized ? firstLayerFilters(model, inputShape) : null;
      },
    };
  }

  /** Loss of every update so far. */
  get lossHistory(): readonly number[] {
    return this.run.losses.slice();
  }

  /**
   * The learning rate of the first group. Setting it, while training too, changes the others' by the same
   * factor, and so all that a schedule gives from then on.
   */
  get learningRate(): number {
    return this.options.optimizer.lr;
  }

  set learningRate(lr: number) {
    this.run.rates.set(lr);
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
    const { model, signal, handleSignals, progress: mode, output, keepBest } = this.options;
    this.stopping = signal?.aborted ?? false;
    const stop = () => this.stop();
    signal?.addEventListener("abort", stop);
    let forgetSignals = () => {};
    let progress: Progress | null = null;
    try {
      if (handleSignals) forgetSignals = onSignals(stop);
      const recorder = await this.begin();
      progress = await openProgress(mode, output);
      model.train();
      const ending = await this.train(recorder, progress);
      this.ended ??= this.lastPlace();
      await recorder?.end(this.ended as Checkpoint);
      this.tell("end");
      return resultOf(this.state, this.lossHistory, ending);
    } catch (error) {
      this.ended = "lost";
      throw error;
    } finally {
      if (keepBest && this.run.best !== null) model.loadStateDict(this.run.best);
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

  /** Takes up the run; gets the folder ready, if there is one. */
  private async begin(): Promise<Recorder | null> {
    const { runFolder, checkpoints = {}, logSteps } = this.options;
    const folder = runFolder === undefined ? null : new RunFolder(runFolder, checkpoints);
    if (folder !== null && !this.run.isRestored && (await folder.exists())) {
      await this.takeUp(folder);
    }
    this.run.begin();
    this.ended = null;
    this.lines = linesUntil(this.lines, this.state.step, this.state.epochsDone);
    if (folder === null) return null;
    const recorder = new Recorder(folder, { ...checkpoints, logSteps });
    this.lines = await recorder.begin(this.state, {
      runId: this.state.runId,
      created: new Date().toISOString(),
      model: this.run.spec(),
      optimizer: this.options.optimizer.stateDict!().optimizer,
      epochs: this.options.epochs,
      batchSize: this.run.loader.batchSize,
      config: this.options.config ?? null,
    });
    return recorder;
  }

  /** Goes on with the run that a folder holds, if it is to be resumed and has a checkpoint. */
  private async takeUp(folder: RunFolder): Promise<void> {
    if (!this.options.resume) folder.refuse();
    const latest = await folder.latest({ warn: warner(this.options.output) });
    if (latest !== null) this.run.restore(latest.checkpoint);
  }

  private async train(recorder: Recorder | null, progress: Progress): Promise<Ending> {
    const { run, options } = this;
    for (;;) {
      if (this.stopping) return "aborted";
      if (run.ending !== null) return run.ending;
      run.enterEpoch();
      if (!(await this.runEpoch(recorder, progress))) return "aborted";
      if (this.state.step >= options.maxSteps && this.state.batch < run.loader.length) {
        // An epoch cut short is validated, but a resumed run ends it properly.
        this.ended = this.lastPlace();
      }
      const improved = await run.endEpoch();
      progress.epoch(this.state);
      this.lines.push(epochLine(this.state));
      await recorder?.logEpoch(this.state);
      this.tell("epoch");
      await options.onEpoch?.(this.state);
      if (this.ended === null) {
        await recorder?.afterEpoch(this.state, improved, () => run.capture());
      }
      await this.breathe();
    }
  }

  /** @returns whether it came to its end: of the epoch, or of all steps */
  private async runEpoch(recorder: Recorder | null, progress: Progress): Promise<boolean> {
    const { run } = this;
    for await (const batches of this.groups()) {
      if (this.stopping) return false;
      const { step, epoch } = this.state;
      const update = () => this.updater.take(batches, `step ${step + 1} (epoch ${epoch}`);
      const seen = this.watcher?.isDue(step + 1) ? this.watcher.look(update) : null;
      run.count(batches.length, seen === null ? update() : seen.result);
      const layers: LayersLine | null = seen && {
        type: "layers",
        step: step + 1,
        epoch,
        ...seen.facts,
      };
      if (isDue(step + 1, 1, mostSteps)) this.lines.push(stepLine(this.state));
      if (layers !== null) this.lines.push(layers);
      progress.batch(this.state);
      this.tell("batch");
      await this.options.onBatch?.(this.state);
      await recorder?.afterStep(this.state, layers, () => run.capture());
      await this.breathe();
      if (this.state.step >= this.options.maxSteps) return true;
      if (this.stopping && this.state.batch < run.loader.length) return false;
    }
    return true;
  }

  /** Batches for one update each. */
  private async *groups(): AsyncIterable<B[]> {
    let group: B[] = [];
    for await (const batch of this.run.loader) {
      if (batch.x instanceof Tensor) this.inputShape ??= batch.x.shape.slice(1);
      group.push(batch as B);
      if (group.length < this.options.accumulateSteps) continue;
      yield group;
      group = [];
    }
    if (group.length > 0) yield group;
  }

  /** Lets the event loop turn if it is time, and waits while training is paused. */
  private async breathe(): Promise<void> {
    // The loaders do so too, but each epoch starts their clocks anew.
    const turn = this.pacer.pause();
    if (turn !== null) await turn;
    if (this.pausing === null || this.stopping) return;
    this.run.setPaused(true);
    this.tell("pause");
    await this.pausing;
    this.run.setPaused(false);
    this.tell("resume");
  }

  private tell(event: TrainingEvent): void {
    for (const listener of this.listeners) listener(this.state, event);
  }

  // ---- Checkpoints

  /** Where the run stands, between two updates; it stays as it is when training goes on. */
  checkpoint(): Checkpoint {
    if (this.ended === "lost") {
      throw new ValueError(
        "Solver: the run ended by an error, so there is no place to go on from; take an earlier checkpoint.",
      );
    }
    const { weights, optimizer, ...rest } = this.ended ?? this.run.capture();
    const state = optimizer.state.map(
      (one) =>
        one &&
        Object.fromEntries(
          Object.entries(one).map(([name, x]) => [name, typeof x === "number" ? x : clone(x)]),
        ),
    );
    return { ...rest, weights: cloned(weights), optimizer: { ...optimizer, state } };
  }

  /**
   * The place before validation or the best weights change what is seen of it; of the rest only the weights
   * need copies for that. null with an optimizer whose state nobody can save.
   */
  private lastPlace(): Checkpoint | null {
    if (this.options.optimizer.stateDict === undefined) return null;
    const place = this.run.capture();
    return { ...place, weights: cloned(place.weights) };
  }

  /**
   * Makes the next `fit` go on where the checkpoint was taken. The options must be those of its run, but
   * for what says how long it goes on (epochs, maxSteps) and what is told.
   *
   * @throws ValueError, ShapeError if it is of another model, optimizer or data; nothing is changed then
   */
  restore(checkpoint: Checkpoint): void {
    if (this.running) throw new ValueError("Solver: fit is running; stop it before restore.");
    this.run.restore(checkpoint);
    this.ended = null;
  }

  /** {@link restore} from a file. @throws FileError, FormatError if it can't be read */
  async restoreFrom(path: string): Promise<void> {
    this.restore(await loadCheckpoint(path));
  }
}
