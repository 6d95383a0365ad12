/** `tapegrad train`: a config, or a run that goes on. */
import { basename } from "node:path";
import { RunFolder } from "@tapegrad/train";
import { serve } from "@tapegrad/viz";
import { type Config, readConfig, settle } from "../config.ts";
import {
  applyThreads,
  makeLearner,
  makeSolver,
  measure,
  openParts,
  type Parts,
  withAccuracy,
} from "../experiment.ts";
import { exitCodes, type Io, report, UsageError } from "../io.ts";
import { openRun, recordOf } from "../runs.ts";
import { measuredText, quoted, resultDocument, resultText } from "../text.ts";

export interface TrainOptions {
  readonly set: readonly string[];
  readonly out?: string;
  readonly resume?: string;
  readonly epochs?: number;
  readonly maxSteps?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly progress: "auto" | "bar" | "lines" | "silent";
  /** Port of the dashboard. */
  readonly serve?: number;
  readonly json: boolean;
}

/** What the command line says beside the config. */
function adjusted(json: unknown, { epochs, seed, threads }: TrainOptions): unknown {
  if (typeof json !== "object" || json === null) return json;
  const given = Object.entries({ epochs, seed, threads });
  return {
    ...json,
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  };
}

export async function train(
  path: string | undefined,
  options: TrainOptions,
  io: Io,
): Promise<number> {
  if ((path === undefined) === (options.resume === undefined)) {
    throw new UsageError("train needs either a config, or --resume with the folder of a run.");
  }
  return path === undefined ? resume(options, io) : begin(path, options, io);
}

async function begin(path: string, options: TrainOptions, io: Io): Promise<number> {
  const config = settle(adjusted(await readConfig(path, options.set), options));
  const folder = await freeFolder(
    options.out,
    config.name ?? basename(path).replace(/\.json$/, ""),
  );
  const parts = await openParts(config);
  return run(config, parts, { folder, resume: false, options, io });
}

async function resume(options: TrainOptions, io: Io): Promise<number> {
  const { out, seed, set } = options;
  const changed = Object.entries({ "--out": out, "--seed": seed, "--set": set[0] }).find(
    ([, value]) => value !== undefined,
  );
  if (changed !== undefined) {
    throw new UsageError(
      `--resume goes on with the run's own config; only --epochs, --max-steps and --threads can change, not ${changed[0]}.`,
    );
  }
  const { folder, config: before, facts, fitted } = await openRun(options.resume!);
  const config = settle(adjusted(before, options));
  const parts = await openParts(config, { facts, fitted });
  return run(config, parts, { folder, resume: true, options, io });
}

/** The folder that was asked for; by default a new one in runs/. @throws UsageError if a run is there */
async function freeFolder(out: string | undefined, name: string): Promise<RunFolder> {
  if (out !== undefined) {
    const folder = new RunFolder(out);
    if (!(await folder.exists())) return folder;
    throw new UsageError(
      `"${out}" holds a run already; go on with it (tapegrad train --resume ${quoted(out)}), or give another --out.`,
    );
  }
  for (let i = 1; ; i++) {
    const folder = new RunFolder(`runs/${name}${i === 1 ? "" : `-${i}`}`);
    if (!(await folder.exists())) return folder;
  }
}

interface Setting {
  readonly folder: RunFolder;
  readonly resume: boolean;
  readonly options: TrainOptions;
  readonly io: Io;
}

async function run(config: Config, parts: Parts, setting: Setting): Promise<number> {
  const { folder, resume, options, io } = setting;
  applyThreads(config);
  const learner = await makeLearner(config, parts);
  // An end of this program, not of the run: it is no part of the config that a later one goes on with.
  const { maxSteps } = options;
  const solver = makeSolver(config, parts, learner, {
    ...(maxSteps === undefined
      ? {}
      : { maxSteps: Math.min(maxSteps, config.maxSteps ?? Infinity) }),
    runFolder: folder.path,
    resume,
    config: recordOf(config, parts),
    progress: options.progress,
    output: io.errors,
    handleSignals: true,
    ...(io.signal === undefined ? {} : { signal: io.signal }),
  });
  const { train, validation, test } = parts;
  const examples = [
    `${train.length} to train on`,
    ...(validation === null ? [] : [`${validation.length} for validation`]),
    ...(test === null ? [] : [`${test.length} for the test`]),
  ];
  if (options.progress !== "silent") {
    io.errors.write(`${folder.path}: ${examples.join(", ")}\n`);
  }
  const dashboard =
    options.serve === undefined ? null : await serve(solver, { port: options.serve });
  if (dashboard !== null) io.errors.write(`plots: ${dashboard.url}\n`);
  const result = await solver.fit().finally(() => dashboard?.close());
  const stopped = result.stopped === "aborted";
  const judge = { ...learner, metrics: withAccuracy(learner, parts.facts) };
  const tested = stopped || test === null ? null : await measure(judge, test, config);
  const resumeWith = `tapegrad train --resume ${quoted(folder.path)}`;
  report(
    io,
    options.json,
    {
      run: folder.path,
      ...resultDocument(result),
      test: tested,
      ...(stopped ? { resume: resumeWith } : {}),
    },
    [
      resultText(result, folder.path),
      ...(tested === null ? [] : [`Test: ${measuredText(tested, judge)}`]),
      ...(stopped ? [`Interrupted, state saved. Go on with: ${resumeWith}`] : []),
    ].join("\n"),
  );
  return stopped ? exitCodes.interrupted : exitCodes.done;
}
