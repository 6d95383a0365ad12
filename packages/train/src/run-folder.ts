/**
 * The folder of a run:
 *
 * ```
 * config.json                       what was asked for
 * metrics.jsonl                     a line per epoch, and after each so many updates
 * checkpoints/step-00001200.safetensors
 * checkpoints/best.safetensors      the best epoch so far
 * ```
 */
import { TapegradError, ValueError } from "@tapegrad/core";
import {
  checkWritable,
  FileError,
  FormatError,
  listFolder,
  makeFolder,
  nodeModule,
  readBytes,
  type WritingFs,
  writeFileAtomic,
} from "@tapegrad/data";
import { type AnyModule, fromSpec, type Json, type Spec, type StateDict } from "@tapegrad/nn";
import { type Checkpoint, decodeCheckpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { firstLayerFilters } from "./filters.ts";
import {
  type EpochLine,
  linesUntil,
  type MetricsLine,
  nameOfRun,
  type RunRecord,
} from "./lines.ts";

/** What config.json holds. */
export interface RunConfig {
  runId: string;
  /** When the run began, ISO 8601. */
  created: string;
  /** The model's spec; null if it can't be described. */
  model: Spec | null;
  optimizer: string;
  epochs: number;
  batchSize: number;
  /** The Solver's `config`: whatever the program wants to know later. */
  config: Json;
}

/** A run as a list shows it. */
export interface RunSummary {
  path: string;
  config: RunConfig;
  /** The last line of an epoch; null before the first. */
  last: EpochLine | null;
  /** Mean loss of each epoch. */
  losses: number[];
}

/** The part of `node:fs/promises` that is used here; users' type checks don't need Node's types. */
interface Files {
  appendFile(path: string, text: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

const where = "RunFolder";
const files = () => nodeModule<Files>(where, "node:fs/promises");
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const encode = (text: string) => new TextEncoder().encode(text);
const bestFile = "best.safetensors";
const stepFile = /^step-(\d+)\.safetensors$/;
const stepDigits = 8;
/** A file that was being written when the program was killed. */
const temporary = /\.[0-9a-f-]{36}\.tmp$/;

/** A run's config, metrics and checkpoints on disk. Node only. */
export class RunFolder {
  readonly path: string;
  private readonly fs: WritingFs | undefined;

  /** @param fs  writes the files; by default `node:fs/promises` */
  constructor(path: string, { fs }: { fs?: WritingFs } = {}) {
    this.path = path.length > 1 ? path.replace(/\/+$/, "") : path;
    this.fs = fs;
  }

  get configPath(): string {
    return `${this.path}/config.json`;
  }

  get metricsPath(): string {
    return `${this.path}/metrics.jsonl`;
  }

  get checkpointsPath(): string {
    return `${this.path}/checkpoints`;
  }

  /** Whether a run began here. */
  async exists(): Promise<boolean> {
    return readBytes(where, this.configPath).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return false;
        throw error;
      },
    );
  }

  /**
   * Begins a run here. Makes sure that checkpoints can be written before anything is trained.
   *
   * @throws FileError if a run is here already, and if the folder can't be made or written
   */
  async create(config: RunConfig): Promise<void> {
    if (await this.exists()) this.refuse();
    await this.open();
    await writeFileAtomic(
      where,
      this.configPath,
      encode(`${JSON.stringify(config, null, 2)}\n`),
      this.fs,
    );
  }

  /** @throws FileError that says that the folder isn't free */
  refuse(): never {
    throw new FileError(
      `${where}: "${this.path}" holds a run already; resume it, or choose another folder.`,
    );
  }

  /** Makes sure that the folder is there and can be written, and clears what a crash left. @throws FileError */
  async open(): Promise<void> {
    await makeFolder(where, this.checkpointsPath);
    const fs = this.fs ?? (await files());
    for (const folder of [this.path, this.checkpointsPath]) {
      const { files: names } = await listFolder(where, folder);
      // On a file system that is read-only the checks below say so.
      for (const name of names.filter((one) => temporary.test(one))) {
        await fs.unlink(`${folder}/${name}`).catch(() => {});
      }
    }
    await checkWritable(where, `${this.checkpointsPath}/best.safetensors`, this.fs);
    await checkWritable(where, this.metricsPath, this.fs);
  }

  /** @throws FileError if there is none, FormatError if it is damaged */
  async config(): Promise<RunConfig> {
    const text = decode(await readBytes(where, this.configPath));
    let config: unknown;
    try {
      config = JSON.parse(text);
    } catch (error) {
      throw new FormatError(
        `${where}: "${this.configPath}" is no JSON (${(error as Error).message}).`,
      );
    }
    if (typeof (config as RunConfig | null)?.runId !== "string") {
      throw new FormatError(
        `${where}: "${this.configPath}" has no runId; it must be a run's config.json.`,
      );
    }
    return config as RunConfig;
  }

  // ---- Metrics

  async append(line: MetricsLine): Promise<void> {
    try {
      await (await files()).appendFile(this.metricsPath, `${JSON.stringify(line)}\n`);
    } catch (error) {
      throw new FileError(
        `${where}: can't write "${this.metricsPath}": ${(error as Error).message}.`,
        { cause: error },
      );
    }
  }

  /** The lines so far; a last one that a crash cut off is left out. @throws FormatError naming a damaged one */
  async metrics(): Promise<MetricsLine[]> {
    let text: string;
    try {
      text = decode(await readBytes(where, this.metricsPath));
    } catch (error) {
      if (codeOf(error) === "ENOENT") return [];
      throw error;
    }
    // Whole lines end with a line break, so that what follows the last one is cut off.
    return text
      .split("\n")
      .slice(0, -1)
      .map((line, i) => {
        try {
          return JSON.parse(line) as MetricsLine;
        } catch (error) {
          throw new FormatError(
            `${where}: "${this.metricsPath}", line ${i + 1} is no JSON (${(error as Error).message}).`,
          );
        }
      });
  }

  /** Leaves out what was written after a step, since a resumed run writes it again. @returns the rest */
  async cutMetrics(step: number, epochsDone: number): Promise<MetricsLine[]> {
    const kept = linesUntil(await this.metrics(), step, epochsDone);
    const text = kept.map((line) => `${JSON.stringify(line)}\n`).join("");
    await writeFileAtomic(where, this.metricsPath, encode(text), this.fs);
    return kept;
  }

  // ---- Checkpoints

  get bestPath(): string {
    return `${this.checkpointsPath}/${bestFile}`;
  }

  /** The checkpoints by step, latest first. */
  async checkpoints(): Promise<{ step: number; path: string }[]> {
    const { files: names } = await listFolder(where, this.checkpointsPath);
    return names
      .flatMap((name) => {
        const step = name.match(stepFile)?.[1];
        return step === undefined
          ? []
          : [{ step: Number(step), path: `${this.checkpointsPath}/${name}` }];
      })
      .sort((a, b) => b.step - a.step);
  }

  /** @throws FileError; older checkpoints stay as they were */
  async save(checkpoint: Checkpoint): Promise<string> {
    const step = String(checkpoint.progress.state.step).padStart(stepDigits, "0");
    const path = `${this.checkpointsPath}/step-${step}.safetensors`;
    await saveCheckpoint(path, checkpoint, this.writing());
    return path;
  }

  async saveBest(checkpoint: Checkpoint): Promise<void> {
    await saveCheckpoint(this.bestPath, checkpoint, this.writing());
  }

  /** The best epoch's weights; those of the latest checkpoint where there is no best; null before the first. */
  async weights(): Promise<StateDict | null> {
    const { files: names } = await listFolder(where, this.checkpointsPath);
    if (names.includes(bestFile)) return (await loadCheckpoint(this.bestPath)).weights;
    return (await this.latest({ warn: () => {} }))?.checkpoint.weights ?? null;
  }

  private writing(): { fs?: WritingFs } {
    return this.fs === undefined ? {} : { fs: this.fs };
  }

  /** Deletes all but the latest `count`. */
  async keepLast(count: number): Promise<void> {
    const fs = this.fs ?? (await files());
    for (const { path } of (await this.checkpoints()).slice(count)) await fs.unlink(path);
  }

  /**
   * The latest checkpoint that can be read. Damaged ones are passed over, each with a warning.
   *
   * @returns null if none was ever saved
   * @throws FormatError if all are damaged
   */
  async latest({ warn }: { warn: (message: string) => void }): Promise<{
    path: string;
    checkpoint: Checkpoint;
  } | null> {
    const all = await this.checkpoints();
    const problems: string[] = [];
    for (const { path } of all) {
      try {
        return { path, checkpoint: decodeCheckpoint(await readBytes(where, path), path) };
      } catch (error) {
        if (!(error instanceof TapegradError)) throw error;
        problems.push(error.message);
        warn(`skipped the damaged checkpoint "${path}": ${error.message}`);
      }
    }
    if (all.length === 0) return null;
    throw new FormatError(
      `${where}: none of the ${all.length} checkpoints in "${this.checkpointsPath}" can be read:\n  ${problems.join("\n  ")}`,
    );
  }
}

/**
 * A run as `viz` draws it: what its folder tells, and the first layer's filters of its best weights, else its
 * latest. These are null where no checkpoint is there yet, or nothing here can make the model from its spec.
 *
 * @param options.inputShape  of one example; see {@link firstLayerFilters}
 * @throws FileError if there is no run; FormatError if something is damaged
 */
export async function readRecord(
  path: string,
  { inputShape }: { inputShape?: readonly number[] } = {},
): Promise<RunRecord> {
  const folder = new RunFolder(path);
  const { runId, model: spec } = await folder.config();
  const weights = await folder.weights();
  const model = spec === null || weights === null ? null : modelOf(spec);
  model?.loadStateDict(weights!);
  return {
    runId,
    name: nameOfRun(runId, path),
    lines: await folder.metrics(),
    filters: model && firstLayerFilters(model, inputShape),
  };
}

/** null for a layer of a program's own. */
function modelOf(spec: Spec): AnyModule | null {
  try {
    return fromSpec<AnyModule>(spec);
  } catch (error) {
    if (error instanceof ValueError) return null;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return ((error as Error).cause as { code?: string } | undefined)?.code;
}

/** The runs in the folders directly inside `folder`, oldest first; what is no run is left out. */
export async function listRuns(folder: string): Promise<RunSummary[]> {
  const { folders } = await listFolder("listRuns", folder);
  const runs: RunSummary[] = [];
  for (const name of folders) {
    const run = new RunFolder(`${folder}/${name}`);
    if (!(await run.exists())) continue;
    const lines = await run.metrics();
    const epochs = lines.filter((line) => line.type === "epoch");
    const losses = epochs.map(({ loss }) => loss);
    runs.push({ path: run.path, config: await run.config(), last: epochs.at(-1) ?? null, losses });
  }
  return runs.sort((a, b) => (a.config.created < b.config.created ? -1 : 1));
}
