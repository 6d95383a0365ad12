/** What of a run goes to its folder, and when. */
import type { Checkpoint } from "./checkpoint.ts";
import { epochLine, type MetricsLine, stepLine } from "./lines.ts";
import type { CheckpointOptions } from "./options.ts";
import type { RunConfig, RunFolder } from "./run-folder.ts";
import type { TrainingState } from "./state.ts";
import type { LayersLine } from "./watch.ts";

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

  /**
   * Makes the folder ready for a run that stands at `state`.
   *
   * @returns the lines that the run has written so far
   * @throws FileError before anything is trained
   */
  async begin(state: TrainingState, config: RunConfig): Promise<MetricsLine[]> {
    const isThere = await this.folder.exists();
    if (isThere) await this.folder.open();
    else await this.folder.create(config);
    this.lastSavedMs = performance.now();
    return isThere ? this.folder.cutMetrics(state.step, state.epochsDone) : [];
  }

  /** @param layers  what was seen inside the model, if it was looked at */
  async afterStep(
    state: TrainingState,
    layers: LayersLine | null,
    capture: Capture,
  ): Promise<void> {
    const { step } = state;
    if (step % this.logSteps === 0) await this.folder.append(stepLine(state));
    if (layers !== null) await this.folder.append(layers);
    const { everySteps = Infinity, everySeconds = Infinity } = this.options;
    const due =
      step % everySteps === 0 || performance.now() - this.lastSavedMs >= 1000 * everySeconds;
    if (due) await this.save(capture());
  }

  async logEpoch(state: TrainingState): Promise<void> {
    await this.folder.append(epochLine(state));
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
