/** What of a run goes to its folder, and when. */
import type { Checkpoint } from "./checkpoint.ts";
import type { CheckpointOptions } from "./options.ts";
import type { RunConfig, RunFolder } from "./run-folder.ts";
import type { TrainingState } from "./state.ts";

type Capture = () => Checkpoint;

export class Recorder {
  private readonly folder: RunFolder;
  private readonly options: CheckpointOptions;
  private readonly everyEpochs: number;
  private readonly logSteps: number;
  private lastSaved = "";
  private lastSavedMs = 0;

  constructor(
    folder: RunFolder,
    { logSteps, ...options }: CheckpointOptions & { logSteps: number },
  ) {
    this.folder = folder;
    this.options = options;
    this.logSteps = logSteps;
    const { everySteps, everySeconds } = options;
    const byDefault = everySteps === undefined && everySeconds === undefined ? 1 : Infinity;
    this.everyEpochs = options.everyEpochs ?? byDefault;
  }

  /** Makes the folder ready for a run that stands at `state`. @throws FileError before anything is trained */
  async begin(state: TrainingState, config: RunConfig): Promise<void> {
    if (await this.folder.exists()) {
      await this.folder.open();
      await this.folder.cutMetrics(state.step, state.epochsDone);
    } else {
      await this.folder.create(config);
    }
    this.lastSavedMs = performance.now();
  }

  async afterStep(state: TrainingState, capture: Capture): Promise<void> {
    const { step, epoch, loss, learningRate, seconds } = state;
    if (step % this.logSteps === 0) {
      await this.folder.append({ type: "step", step, epoch, loss, learningRate, seconds });
    }
    const { everySteps = Infinity, everySeconds = Infinity } = this.options;
    const due =
      step % everySteps === 0 || performance.now() - this.lastSavedMs >= 1000 * everySeconds;
    if (due) await this.save(capture());
  }

  async logEpoch(state: TrainingState): Promise<void> {
    const { step, epoch, meanLoss: loss, metrics, learningRate, seconds } = state;
    // A history that no longer grows has no number for this epoch.
    const last = (name: string, history: readonly number[]) =>
      history.length === 0 ? {} : { [name]: history.at(-1)! };
    await this.folder.append({
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
    });
  }

  /** @param improved  whether this epoch is the best so far */
  async afterEpoch(state: TrainingState, improved: boolean, capture: Capture): Promise<void> {
    const due = state.epochsDone % this.everyEpochs === 0;
    const best = improved && this.options.keepBest !== false;
    if (!due && !best) return;
    const checkpoint = capture();
    if (best) await this.folder.saveBest(checkpoint);
    if (due) await this.save(checkpoint);
  }

  /** The last position, unless it was saved already. */
  async end(checkpoint: Checkpoint): Promise<void> {
    if (positionOf(checkpoint) !== this.lastSaved) await this.save(checkpoint);
  }

  private async save(checkpoint: Checkpoint): Promise<void> {
    await this.folder.save(checkpoint);
    await this.folder.keepLast(this.options.keepLast ?? 3);
    this.lastSaved = positionOf(checkpoint);
    this.lastSavedMs = performance.now();
  }
}

const positionOf = ({ progress: { state } }: Checkpoint) => `${state.step}/${state.epochsDone}`;
