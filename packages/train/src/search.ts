/** Hyper-parameter search: grid and random, one trial after the other. */
import { randint, show, TapegradError, ValueError } from "@tapegrad/core";
import type { Json } from "@tapegrad/nn";
import type { Pruner } from "./pruning.ts";
import { readLog, type SearchHeader, type TrialRecord, writeLog } from "./search-log.ts";
import { dimensionsOf, gridPoints, type Params, randomPoint, type Space } from "./search-space.ts";
import { formatNumber, formatTable } from "./table.ts";
import { DivergedError } from "./update.ts";

const methods = ["random", "grid"] as const;
const modes = ["max", "min"] as const;

export interface SearchOptions<P = Record<string, Json>> {
  /** "random" draws points, "grid" takes all. Default "random". */
  method?: (typeof methods)[number];
  /** Number of trials; for a grid, at most so many of its first. Default 20, or the whole grid. */
  trials?: number;
  /** Whether larger or smaller values are better. Default "max". */
  mode?: (typeof modes)[number];
  /** Fixes the points and the trials' seeds. By default drawn from the shared generator; with `file`, 0. */
  seed?: number;
  /** Keeps every trial as a line of JSON; if it is there, the search goes on where it stopped. Node only. */
  file?: string;
  /** Ends hopeless trials early: `medianRule()` or `successiveHalving()`. */
  pruning?: Pruner;
  /** Ends the search: the running trial doesn't count. */
  signal?: AbortSignal;
  /** Called after each trial, not for those read from the file; awaited. */
  onTrial?: (trial: Trial<P>) => void | Promise<void>;
}

/** One point that was tried. */
export interface Trial<P = Record<string, Json>> extends Omit<TrialRecord, "params"> {
  readonly params: P;
}

/** What a trial's function gets besides its point. */
export interface TrialContext {
  /** From 0. */
  readonly number: number;
  /** For `manualSeed`: fixed by the search's seed and the trial's number. */
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
  /**
   * Tells how the trial does so far, in the unit of its result: once an epoch, say.
   *
   * @throws PrunedError if the trial is hopeless; let it pass
   */
  report(value: number): void;
}

/** A trial ended early by the search's `pruning`. */
export class PrunedError extends TapegradError {}

/** Every trial, and the best. */
export class SearchResult<P = Record<string, Json>> {
  readonly trials: readonly Trial<P>[];
  /** The finished trial with the best value, the first of equal ones; null if there is none. */
  readonly best: Trial<P> | null;
  readonly #mode: "max" | "min";

  constructor(trials: readonly Trial<P>[], mode: "max" | "min") {
    this.trials = trials;
    this.#mode = mode;
    this.best = this.ranked().find(isCandidate) ?? null;
  }

  /** Finished trials, the best first; then those pruned or diverged, in their order. */
  ranked(): Trial<P>[] {
    const sign = this.#mode === "max" ? 1 : -1;
    return [...this.trials].sort((a, b) => {
      const [first, second] = [Number(isCandidate(a)), Number(isCandidate(b))];
      if (first !== second) return second - first;
      return first === 1 ? sign * (b.value - a.value) || a.number - b.number : a.number - b.number;
    });
  }

  /** A table of all trials, the best first. */
  toString(): string {
    const names = Object.keys(this.trials[0]?.params ?? {});
    return formatTable(
      [
        ["trial", "value", ...names, "reports", "seconds", ""],
        ...this.ranked().map(({ number, value, params, reports, seconds, status }) => [
          String(number),
          formatNumber(value),
          ...names.map((name) => cell((params as Record<string, Json>)[name])),
          String(reports.length),
          seconds.toFixed(1),
          status,
        ]),
      ],
      { left: 0 },
    );
  }
}

const isCandidate = ({ status, value }: Pick<TrialRecord, "status" | "value">) =>
  status === "finished" && !Number.isNaN(value);

const cell = (value: Json) =>
  typeof value === "number"
    ? formatNumber(value)
    : typeof value === "string"
      ? value
      : JSON.stringify(value);

/**
 * Tries points of a space, one after the other.
 *
 * ```ts
 * const result = await search(
 *   async ({ lr, hidden }, trial) => {
 *     manualSeed(trial.seed);
 *     const model = sequential([linear(784, hidden), relu(), linear(hidden, 10)]);
 *     const { bestValAcc } = await new Solver({
 *       model, train, validation,
 *       optimizer: new Adam(model.parameters(), { lr }),
 *       onEpoch: ({ valAccHistory }) => trial.report(valAccHistory.at(-1)!),
 *     }).fit();
 *     return bestValAcc;
 *   },
 *   { lr: logUniform(1e-4, 1e-1), hidden: [32, 64, 128] },
 *   { trials: 20, seed: 1, file: "search.jsonl", pruning: medianRule() },
 * );
 * console.log(String(result));
 * ```
 *
 * Point number i depends on the seed and i alone, so a search that is resumed, or given more trials, tries
 * the same points. A trial whose training diverges (DivergedError) counts as such; other errors end the
 * search, and the trial is tried again when it is resumed.
 *
 * @param f  the value of a point
 * @throws ValueError for options and spaces that make no sense, and a file of another search
 */
export async function search<const S extends Space>(
  f: (params: Params<S>, trial: TrialContext) => number | Promise<number>,
  space: S,
  options: SearchOptions<Params<S>> = {},
): Promise<SearchResult<Params<S>>> {
  checkOptions(options);
  const { method = "random", mode = "max", file, pruning, signal, onTrial } = options;
  const dimensions = dimensionsOf("search", space);
  const grid = method === "grid" ? gridPoints("search", dimensions) : null;
  const count = Math.min(options.trials ?? grid?.length ?? 20, grid?.length ?? Infinity);
  const seed = options.seed ?? (file === undefined ? randint(0, 2 ** 31, []).item() : 0);
  const header: SearchHeader = {
    search: 1,
    method,
    mode,
    seed,
    space: Object.fromEntries(dimensions.map(([name, { description }]) => [name, description])),
  };
  const trials: TrialRecord[] = file === undefined ? [] : await readLog(file, header);
  const sign = mode === "max" ? 1 : -1;
  while (trials.length < count && !signal?.aborted) {
    const number = trials.length;
    const params = grid?.[number] ?? randomPoint(dimensions, seed, number);
    const trial = await attempt(
      (context) =>
        f(params as Params<S>, { ...context, number, seed: seedOf(seed, number), signal }),
      {
        prunes: (reports) =>
          pruning?.(
            reports,
            trials.map((one) => comparable(one.reports, sign)),
          ) ?? false,
        sign,
      },
    );
    // What was cut short says nothing.
    if (signal?.aborted) break;
    const record: TrialRecord = { number, params, ...trial };
    trials.push(record);
    if (file !== undefined) await writeLog(file, header, trials);
    await onTrial?.(record as Trial<Params<S>>);
  }
  return new SearchResult(trials as Trial<Params<S>>[], mode);
}

/** Trials' seeds are far from each other's, and from the search's own. */
const seedOf = (seed: number, number: number) =>
  (seed + 1 + number * 7_919) % Number.MAX_SAFE_INTEGER;

/** Reports so that larger is better. */
const comparable = (reports: readonly number[], sign: number) =>
  reports.map((value) => (Number.isNaN(value) ? -Infinity : sign * value));

async function attempt(
  f: (context: Pick<TrialContext, "report">) => number | Promise<number>,
  { prunes, sign }: { prunes: (reports: readonly number[]) => boolean; sign: number },
): Promise<Omit<TrialRecord, "number" | "params">> {
  const reports: number[] = [];
  const started = performance.now();
  const over = (status: TrialRecord["status"], value: number) => ({
    status,
    value,
    reports,
    seconds: (performance.now() - started) / 1000,
  });
  const report = (value: number) => {
    if (typeof value !== "number") {
      throw new ValueError(`search: the report is ${show(value)}; it must be a number.`);
    }
    reports.push(value);
    if (!prunes(comparable(reports, sign))) return;
    throw new PrunedError(`search: pruned after report ${reports.length} (${value}).`);
  };
  try {
    const value = await f({ report });
    if (typeof value !== "number") {
      throw new ValueError(`search: the function gave ${show(value)}; it must give a number.`);
    }
    return over("finished", value);
  } catch (error) {
    if (error instanceof PrunedError) return over("pruned", reports.at(-1)!);
    if (error instanceof DivergedError) return over("diverged", Number.NaN);
    throw error;
  }
}

function checkOptions({ method, trials, mode, seed, file }: SearchOptions<never>): void {
  const refuse = (name: string, value: unknown, wanted: string): never => {
    throw new ValueError(`search: ${name} is ${show(value)}; it must be ${wanted}.`);
  };
  if (method !== undefined && !methods.includes(method)) {
    refuse("method", method, `one of ${methods.join(", ")}`);
  }
  if (mode !== undefined && !modes.includes(mode))
    refuse("mode", mode, `one of ${modes.join(", ")}`);
  if (trials !== undefined && !(Number.isSafeInteger(trials) && trials >= 1)) {
    refuse("trials", trials, "a whole number from 1");
  }
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    refuse("seed", seed, "a whole number from 0 to 2^53 - 1");
  }
  if (file !== undefined && (typeof file !== "string" || file.trim() === "")) {
    refuse("file", file, "the path of a file, such as search.jsonl");
  }
}
