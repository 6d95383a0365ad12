/** Runs and checkpoints on disk, as the commands name them. */
import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { FormatError, loadSafetensors } from "@tapegrad/data";
import { type AnyModule, fromSpec, type Json, type StateDict } from "@tapegrad/nn";
import { type RunConfig, RunFolder } from "@tapegrad/train";
import { type Config, settle } from "./config.ts";
import type { Learned } from "./experiment.ts";
import { UsageError } from "./io.ts";
import { ConfigError } from "./schema.ts";

/** What `tapegrad train` keeps in the run's config.json, under `config`. */
export interface RunRecord extends Learned {
  readonly version: typeof version;
  readonly config: Config;
}

const version = 1;

export function recordOf({ search: _, ...config }: Config, { facts, fitted }: Learned): Json {
  return { version, config, facts, fitted } as unknown as Json;
}

export interface Run extends RunRecord {
  readonly folder: RunFolder;
  readonly run: RunConfig;
}

/** @throws UsageError for a folder without a run, and a run of another program */
export async function openRun(path: string): Promise<Run> {
  const folder = new RunFolder(path);
  if (!(await folder.exists())) {
    throw new UsageError(
      `there is no run in "${path}"; give the folder that tapegrad train wrote.`,
    );
  }
  const run = await folder.config();
  const record = run.config as unknown as Partial<RunRecord> | null;
  if (record?.version !== version || record.config === undefined) {
    throw new UsageError(`the run in "${path}" was not made by this version of tapegrad train.`);
  }
  try {
    return { ...(record as RunRecord), config: settle(record.config), folder, run };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new FormatError(`"${folder.configPath}" is damaged: ${error.mistakes.join(" ")}`);
  }
}

export interface Trained {
  /** The checkpoint's file. */
  readonly path: string;
  readonly model: AnyModule;
}

/** The model in a checkpoint, with its weights. @throws FormatError for a file without a spec */
export async function loadModel(path: string): Promise<Trained> {
  const { tensors, metadata } = await loadSafetensors(path);
  if (metadata.model === undefined) {
    throw new FormatError(`"${path}" doesn't say what model its weights belong to.`);
  }
  const model = fromSpec<AnyModule>(JSON.parse(metadata.model));
  const weights: StateDict = new Map(
    [...tensors].filter(([name]) => !name.startsWith("training.")),
  );
  model.loadStateDict(weights);
  model.eval();
  return { path, model };
}

/** The folder of the run that a checkpoint lies in; null if it was put elsewhere. */
export async function ownerOf(checkpoint: string): Promise<string | null> {
  const folder = dirname(resolve(checkpoint));
  const inside = basename(folder) === "checkpoints";
  return inside && (await new RunFolder(dirname(folder)).exists()) ? dirname(folder) : null;
}

/** A run and the model in it: the best epoch's, else the last one; or that of a checkpoint. */
export async function openTrained(
  path: string,
  { run: runPath, warn }: { readonly run?: string; warn: (message: string) => void },
): Promise<Run & Trained> {
  if (await isFile(path)) {
    const owner = runPath ?? (await ownerOf(path));
    if (owner !== null) return { ...(await openRun(owner)), ...(await loadModel(path)) };
    throw new UsageError(`"${path}" is in no run's folder; say with --run which run it is from.`);
  }
  const run = await openRun(path);
  const { bestPath } = run.folder;
  if (await isFile(bestPath)) return { ...run, ...(await loadModel(bestPath)) };
  const latest = await run.folder.latest({ warn });
  if (latest !== null) return { ...run, ...(await loadModel(latest.path)) };
  throw new FormatError(`the run in "${path}" has no checkpoint yet.`);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
