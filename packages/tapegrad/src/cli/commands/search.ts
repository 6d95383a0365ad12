/** `tapegrad search`: a config with a `search` part, tried at many points. */
import { basename, dirname } from "node:path";
import { checkWritable, makeFolder } from "@tapegrad/data";
import type { Json } from "@tapegrad/nn";
import { formatNumber, search as runSearch, type Trial, type TrialContext } from "@tapegrad/train";
import { type ChosenMonitor, type Config, keysOf, readConfig, setAt, settle } from "../config.ts";
import { applyThreads, makeLearner, makeSolver, openParts, type Parts } from "../experiment.ts";
import { exitCodes, type Io, report, UsageError } from "../io.ts";
import { makeSpace, pruners } from "../spaces.ts";
import { quoted } from "../text.ts";

export interface SearchOptions {
  readonly set: readonly string[];
  /** Where every trial is kept; a search that is there goes on. */
  readonly out?: string;
  readonly trials?: number;
  readonly json: boolean;
}

type Point = Readonly<Record<string, Json>>;

export async function search(path: string, options: SearchOptions, io: Io): Promise<number> {
  const json = await readConfig(path, options.set);
  const config = settle(json);
  if (config.search === undefined) {
    throw new UsageError(
      `"${path}" has no search; say what to vary, such as "search": { "space": { "optimizer.lr": [0.1, 0.01] } }.`,
    );
  }
  const { space: chosen, method = "random", seed, pruning } = config.search;
  const { trials = config.search.trials } = options;
  const space = makeSpace(chosen);
  const at = (point: Point): Config => {
    const copy = structuredClone(json);
    for (const [place, value] of Object.entries(point)) {
      setAt(copy, keysOf(place), value, "search.space");
    }
    return settle(copy);
  };
  // Each dimension's first value, so that a place or value that can't be is found before the first trial.
  for (const [place, dimension] of Object.entries(space)) at({ [place]: dimension.at(0) });
  const parts = await openParts(config);
  const monitor = monitorOf(config, parts);
  const reopens = Object.keys(space).some((place) => /^(data|transforms|seed)\b/.test(place));
  const file = options.out ?? `runs/${config.name ?? basename(path, ".json")}-search.jsonl`;
  await makeFolder("--out", dirname(file));
  await checkWritable("--out", file);
  applyThreads(config);
  const ending = interruption(io);
  try {
    const tryAt = async (point: Point, trial: TrialContext) => {
      const own = at(point);
      return attempt(own, reopens ? await openParts(own) : parts, monitor, trial);
    };
    const result = await runSearch(tryAt, space, {
      method,
      seed,
      file,
      signal: ending.signal,
      ...(trials === undefined ? {} : { trials }),
      ...(pruning === undefined ? {} : { pruning: pruners[pruning]() }),
      mode: modeOf(monitor),
      onTrial: (trial) => void io.errors.write(`${lineOf(trial)}\n`),
    });
    const { best } = result;
    const command = best === null ? null : commandOf(path, best.params as Point);
    const stopped = ending.signal.aborted;
    report(
      io,
      options.json,
      { file, stopped, trials: result.trials, best, command },
      [
        String(result),
        ...(command === null ? [] : [`Train with the best: ${command}`]),
        ...(stopped ? [`Interrupted; the same command goes on. Trials so far: ${file}`] : []),
      ].join("\n"),
    );
    return stopped ? exitCodes.interrupted : exitCodes.done;
  } finally {
    ending.forget();
  }
}

/** What trials are judged by: the config's monitor, else what the Solver takes with such data. */
function monitorOf({ monitor }: Config, { facts }: Parts): ChosenMonitor {
  return monitor ?? (facts.targets === "classes" ? "valAcc" : "valLoss");
}

const modeOf = (monitor: ChosenMonitor): "min" | "max" =>
  typeof monitor === "object" ? monitor.mode : /Acc$/.test(monitor) ? "max" : "min";

/** Trains at one point, without a folder. @returns the best epoch's value */
async function attempt(
  config: Config,
  parts: Parts,
  monitor: ChosenMonitor,
  { report, signal }: TrialContext,
): Promise<number> {
  const learner = await makeLearner(config, parts);
  const { checkpoints: _, logSteps: __, ...rest } = config;
  const solver = makeSolver(rest, parts, learner, {
    monitor,
    progress: "silent",
    onEpoch: ({ best }) => report(best),
    ...(signal === undefined ? {} : { signal }),
  });
  return (await solver.fit()).best;
}

function lineOf({ number, status, value, params, seconds }: Trial<Point>): string {
  const point = Object.entries(params).map(([place, at]) => `${place}=${JSON.stringify(at)}`);
  return `trial ${number}: ${formatNumber(value)} · ${point.join(" ")} · ${seconds.toFixed(1)} s · ${status}`;
}

function commandOf(path: string, point: Point): string {
  const sets = Object.entries(point).map(
    ([place, value]) => ` --set ${quoted(`${place}=${JSON.stringify(value)}`)}`,
  );
  return `tapegrad train ${quoted(path)}${sets.join("")}`;
}

/** Ctrl-C, once, and the signal of whoever called. */
function interruption({ signal }: Io): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once("SIGINT", stop);
  signal?.addEventListener("abort", stop);
  return {
    signal: controller.signal,
    forget() {
      process.removeListener("SIGINT", stop);
      signal?.removeEventListener("abort", stop);
    },
  };
}
