import { type Generator, show, type Tensor, ValueError } from "@tapegrad/core";
import {
  type Batch,
  DataLoader,
  type Dataset,
  type IterableDataset,
  type WritingFs,
} from "@tapegrad/data";
import type { Json, Module } from "@tapegrad/nn";
import type { OptimizerState, ReduceLROnPlateauOptions, Schedule } from "@tapegrad/optim";
import type { Output } from "./progress.ts";
import type { TrainingState } from "./state.ts";
import type { WatchOptions } from "./watch.ts";

/** What the Solver asks of an optimizer; every one of `@tapegrad/optim` has it. */
export interface Updates {
  lr: number;
  readonly groups: readonly { lr: number }[];
  step(): void;
  zeroGrad(): void;
  /** Checkpoints need these two. */
  stateDict?(): OptimizerState;
  loadStateDict?(state: OptimizerState): void;
}

/** Something measured over many batches. */
export interface Metric {
  readonly name: string;
  reset(): void;
  update(scores: Tensor, y: Tensor): void;
  compute(): number | object;
}

/** A batch's mean, which is averaged over all examples. */
export type MetricFunction = (scores: Tensor, y: Tensor) => number | Tensor;

/** What a dataset gives: inputs and what the model should make of them, whatever these are. */
export interface Example {
  readonly x: unknown;
  readonly y: unknown;
}

/** Where examples come from. */
export type Source<B> =
  | Dataset<B | Promise<B>>
  | IterableDataset<B | Promise<B>>
  | DataLoader<B>
  | DataLoader<Promise<B>>;

/**
 * What tells a better epoch from a worse one: "loss" (of training), "trainAcc", "valLoss", "valAcc"; or
 * a metric by its name, or a number in one ("report.macroF1"), with the direction that is better.
 */
export type Monitor =
  | "loss"
  | "trainAcc"
  | "valLoss"
  | "valAcc"
  | { readonly name: string; readonly mode: "min" | "max" };

export interface EarlyStopping {
  /** Ends after so many epochs in a row without improvement. */
  patience: number;
  /** Improvements by no more than this don't count. Default 0. */
  minDelta?: number;
  /** By default the Solver's own; without that, "loss". */
  monitor?: Monitor;
}

export interface CheckpointOptions {
  /** Save after each so many updates. */
  everySteps?: number;
  /** Save when so many seconds have passed since the last time. */
  everySeconds?: number;
  /** Save after each so many epochs. Default 1, unless one of the others is given. */
  everyEpochs?: number;
  /** Delete all but so many of the latest. Default 3. */
  keepLast?: number;
  /** Keep the best epoch's apart, as `best.safetensors`. Default true. */
  keepBest?: boolean;
  /** Writes the files; by default `node:fs/promises`. */
  fs?: WritingFs;
}

const progressModes = ["auto", "bar", "lines", "silent"] as const;
export type ProgressMode = (typeof progressModes)[number];

const periods = ["epoch", "step"] as const;

export interface SolverOptions<S = Tensor, B extends Example = Batch> {
  /** Turns inputs [B, …] into scores, such as [B, C]. */
  model: Module<never[], S>;
  /** A dataset, which is shuffled and cut into batches; or a loader, which says how itself. */
  train: Source<B>;
  /** Examples that say which epoch was best. Without them the last weights stay. */
  validation?: Source<B>;
  /** Holds the model's parameters. */
  optimizer: Updates;
  /** Scores and targets → the mean loss of a batch, one number. Default `crossEntropy`. */
  loss?: (scores: S, y: B["y"]) => Tensor;
  /**
   * Instead of `loss`, for models with a loss of their own: a batch → its mean loss, or that and the
   * scores for accuracy and metrics. `({ x }) => model.loss(x)`
   */
  objective?: (batch: B) => Tensor | { readonly loss: Tensor; readonly scores: Tensor };
  /** L2 penalty: ½·reg·ΣW² over parameters of two or more axes joins the training loss. Default 0. */
  reg?: number;
  /** Measured on the validation examples after each epoch; an array, or by names of one's own. */
  metrics?: readonly Metric[] | Readonly<Record<string, Metric | MetricFunction>>;
  /** Whether to measure accuracy. By default, where scores are [N, C] and targets are classes [N]. */
  accuracy?: boolean;
  /** What tells the best epoch. By default, with validation examples, "valAcc" if there are classes, else "valLoss". */
  monitor?: Monitor;
  /** Puts the best epoch's weights back at the end. Default true. */
  keepBest?: boolean;
  earlyStopping?: EarlyStopping;
  /** The learning rate over time, for all groups or one for each; `optim.cosineAnnealing(epochs)`. */
  schedule?: Schedule | readonly Schedule[];
  /** What the schedule counts. Default "epoch". */
  schedulePer?: (typeof periods)[number];
  /** Lowers the rate when what is monitored (or "loss") no longer improves. */
  reduceOnPlateau?: Readonly<Partial<Omit<ReduceLROnPlateauOptions, "mode">>>;
  /** What every learning rate is multiplied by after each epoch. Default 1. */
  lrDecay?: number;
  /** Passes over the training examples. Default 10. */
  epochs?: number;
  /** Default 100. */
  batchSize?: number;
  /** Batches whose gradients make one update, as one batch of all their examples would. Default 1. */
  accumulateSteps?: number;
  /** Largest norm of all gradients together. */
  clipNorm?: number;
  /** Largest size of a gradient's elements. */
  clipValue?: number;
  /** Fixes the order of the examples; by default drawn from the shared generator. */
  seed?: number;
  /** Generators that training draws from, besides the shared one and those in fields of layers. */
  generators?: readonly Generator[];
  /** Stops after so many updates, if the epochs haven't ended before. */
  maxSteps?: number;
  /** How many training examples, equally spaced, tell the training accuracy. Default 1000. */
  accuracySamples?: number;
  /** "auto": a bar on a terminal, lines elsewhere, nothing in a page. */
  progress?: ProgressMode;
  /** Where progress and warnings go. Default `process.stdout`. */
  output?: Output;
  /** Aborting it ends the training after the running update. */
  signal?: AbortSignal;
  /** Ctrl-C and SIGTERM end the training after the running update; a second one ends the program. Default false. */
  handleSignals?: boolean;
  /** Called after each update with a frozen snapshot; awaited. */
  onBatch?: (state: TrainingState) => void | Promise<void>;
  /** Called after each epoch's validation with a frozen snapshot; awaited. */
  onEpoch?: (state: TrainingState) => void | Promise<void>;
  /** Where config, metrics and checkpoints of this run go; made if need be. Node only. */
  runFolder?: string;
  /** When and what the run folder keeps. */
  checkpoints?: CheckpointOptions;
  /** Goes on from the run folder's latest checkpoint, if there is one. Default false: the folder must be new. */
  resume?: boolean;
  /** Kept in the run folder's config.json. */
  config?: Json;
  /** A line in metrics.jsonl after each so many updates, besides one per epoch. Default 50. */
  logSteps?: number;
  /**
   * Looks inside now and then: norms of weights and gradients, update ratios, activations, and the confusion
   * matrix of the validation examples. They are in `solver.record` and the run folder. Default false.
   */
  watch?: boolean | WatchOptions;
}

export type Check = (value: unknown) => boolean;
/** Each option's test, and what its error says would work. */
export type Rules<O> = Readonly<Record<keyof O & string, readonly [Check, string]>>;

const atLeast =
  (least: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= least;
const isCount = atLeast(1);
const isPositive: Check = (value) => Number.isFinite(value) && Number(value) > 0;
const isNotNegative: Check = (value) => Number.isFinite(value) && Number(value) >= 0;
const isFlag: Check = (value) => typeof value === "boolean";
const isFunction: Check = (value) => typeof value === "function";
const isObject: Check = (value) => typeof value === "object" && value !== null;
const isOneOf =
  (list: readonly unknown[]): Check =>
  (value) =>
    list.includes(value);
const has =
  (...methods: string[]): Check =>
  (value) =>
    value !== null &&
    value !== undefined &&
    methods.every((name) => isFunction((value as Record<string, unknown>)[name]));
const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every(check);
const isSource: Check = (value) =>
  has("iterate")(value) ||
  ((has("batch")(value) || value instanceof DataLoader) && Number((value as Dataset).length) >= 1);

const isMetric: Check = (value) =>
  has("reset", "update", "compute")(value) && typeof (value as Metric).name === "string";
const isMetrics: Check = (value) =>
  Array.isArray(value)
    ? value.every(isMetric)
    : isObject(value) &&
      Object.values(value as object).every(
        (one) => isFunction(one) || has("reset", "update", "compute")(one),
      );

const knownMonitors: readonly unknown[] = ["loss", "trainAcc", "valLoss", "valAcc"];
const isMonitor: Check = (value) =>
  knownMonitors.includes(value) ||
  (isObject(value) &&
    typeof (value as { name: unknown }).name === "string" &&
    isOneOf(["min", "max"])((value as { mode: unknown }).mode));
const monitorWish =
  'loss, trainAcc, valLoss, valAcc, or a metric such as { name: "f1", mode: "max" }';

const count = [isCount, "a whole number from 1"] as const;
const flag = [isFlag, "true or false"] as const;
const source = [isSource, "a dataset or DataLoader with at least one example"] as const;
const group = [isObject, "an object of options"] as const;

const rules: Rules<SolverOptions> = {
  model: [has("stateDict", "train", "eval"), "a Module, such as sequential([…])"],
  train: source,
  validation: source,
  optimizer: [has("step", "zeroGrad"), "an optimizer, such as new Adam(model.parameters())"],
  loss: [isFunction, "a function of scores and targets, such as crossEntropy"],
  objective: [isFunction, "a function of a batch, such as ({ x }) => model.loss(x)"],
  reg: [isNotNegative, "a finite number from 0"],
  metrics: [isMetrics, "an array of metrics, or metrics and functions by name"],
  accuracy: flag,
  monitor: [isMonitor, monitorWish],
  keepBest: flag,
  earlyStopping: group,
  schedule: [
    (value) => isFunction(value) || isListOf(isFunction)(value),
    "a schedule, such as optim.cosineAnnealing(10), or one for each group",
  ],
  schedulePer: [isOneOf(periods), `one of ${periods.join(", ")}`],
  reduceOnPlateau: group,
  lrDecay: [isPositive, "a finite number above 0"],
  epochs: count,
  batchSize: count,
  accumulateSteps: count,
  clipNorm: [isPositive, "a finite number above 0"],
  clipValue: [isPositive, "a finite number above 0"],
  seed: [atLeast(0), "a whole number from 0 to 2^53 - 1"],
  generators: [
    (value) => Array.isArray(value) && value.every((one) => "state" in Object(one)),
    "an array of generators",
  ],
  maxSteps: count,
  accuracySamples: count,
  progress: [isOneOf(progressModes), `one of ${progressModes.join(", ")}`],
  output: [has("write"), "a stream with write(text), such as process.stderr"],
  signal: [has("addEventListener"), "an AbortSignal, such as new AbortController().signal"],
  handleSignals: flag,
  onBatch: [isFunction, "a function"],
  onEpoch: [isFunction, "a function"],
  runFolder: [
    (value) => typeof value === "string" && value.trim() !== "",
    "the path of a folder, such as runs/first",
  ],
  checkpoints: group,
  resume: flag,
  config: [(value) => value !== undefined, "JSON"],
  logSteps: count,
  watch: [
    (value) => isFlag(value) || isObject(value),
    "true, false or options such as { everySteps: 50 }",
  ],
};

const watchRules: Rules<WatchOptions> = { everySteps: count };

const stoppingRules: Rules<EarlyStopping> = {
  patience: count,
  minDelta: [isNotNegative, "a finite number from 0"],
  monitor: [isMonitor, monitorWish],
};

const checkpointRules: Rules<CheckpointOptions> = {
  everySteps: count,
  everySeconds: [isPositive, "a finite number above 0"],
  everyEpochs: count,
  keepLast: count,
  keepBest: flag,
  fs: [has("open", "rename", "unlink", "stat", "realpath"), "an object like node:fs/promises"],
};

/** @throws ValueError for the first option that is missing, unknown or makes no sense */
export function checkGroup<O>(
  where: string,
  prefix: string,
  table: Rules<O>,
  required: readonly (keyof O & string)[],
  options: O,
): void {
  const known: Record<string, readonly [Check, string]> = table;
  const unknown = Object.keys(options as object).find((name) => !Object.hasOwn(known, name));
  if (unknown !== undefined) {
    throw new ValueError(
      `${where}: unknown option "${prefix}${unknown}"; known are ${Object.keys(known).join(", ")}.`,
    );
  }
  for (const [name, [check, expected]] of Object.entries(known)) {
    const value = options[name as keyof O];
    if (value === undefined ? (required as readonly string[]).includes(name) : !check(value)) {
      throw new ValueError(
        `${where}: ${prefix}${name} is ${shown(value)}; it must be ${expected}.`,
      );
    }
  }
}

function shown(value: unknown): string {
  const { batch, length } = (value ?? {}) as Partial<Dataset>;
  return isFunction(batch) ? `${show(value)} of ${length} examples` : show(value);
}

const defaults = {
  reg: 0,
  keepBest: true,
  schedulePer: "epoch",
  lrDecay: 1,
  epochs: 10,
  batchSize: 100,
  accumulateSteps: 1,
  generators: [] as readonly Generator[],
  maxSteps: Number.POSITIVE_INFINITY,
  accuracySamples: 1000,
  progress: "auto",
  handleSignals: false,
  resume: false,
  logSteps: 50,
  watch: false,
} as const;

/** The options with every default in its place. */
export type Settings<S, B extends Example> = SolverOptions<S, B> &
  Required<Pick<SolverOptions<S, B>, keyof typeof defaults>>;

/** @throws ValueError for options that make no sense, alone or together */
export function settleOptions<S, B extends Example>(options: SolverOptions<S, B>): Settings<S, B> {
  const where = "Solver";
  checkGroup(
    where,
    "",
    rules as Rules<SolverOptions<S, B>>,
    ["model", "train", "optimizer"],
    options,
  );
  if (options.earlyStopping !== undefined) {
    checkGroup(where, "earlyStopping.", stoppingRules, ["patience"], options.earlyStopping);
  }
  if (options.checkpoints !== undefined) {
    checkGroup(where, "checkpoints.", checkpointRules, [], options.checkpoints);
  }
  if (typeof options.watch === "object") {
    checkGroup(where, "watch.", watchRules, [], options.watch);
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings = { ...defaults, ...Object.fromEntries(given) } as Settings<S, B>;
  checkTogether(settings, new Set(given.map(([name]) => name as keyof SolverOptions)));
  return settings;
}

function checkTogether<S, B extends Example>(
  { train, validation, monitor, earlyStopping, optimizer }: Settings<S, B>,
  given: ReadonlySet<keyof SolverOptions>,
): void {
  const refuse = (one: keyof SolverOptions, other: keyof SolverOptions, why: string) => {
    if (given.has(one) && given.has(other)) {
      throw new ValueError(`Solver: ${one} and ${other} are both given; ${why}.`);
    }
  };
  refuse("loss", "objective", "one of them computes the loss");
  refuse("schedule", "lrDecay", "one of them says the rate (optim.exponentialDecay is that decay)");
  refuse("schedule", "reduceOnPlateau", "a schedule would undo the reductions");
  for (const name of ["batchSize", "seed"] as const) {
    if (train instanceof DataLoader && given.has(name)) {
      throw new ValueError(
        `Solver: train is a DataLoader and ${name} is given; the loader has its own.`,
      );
    }
  }
  for (const name of ["checkpoints", "resume", "config", "logSteps"] as const) {
    if (given.has(name) && !given.has("runFolder")) {
      throw new ValueError(`Solver: ${name} is given without runFolder; say where it goes.`);
    }
  }
  if (given.has("runFolder") && !has("stateDict", "loadStateDict")(optimizer)) {
    throw new ValueError(
      `Solver: ${show(optimizer)} has no stateDict and loadStateDict; a runFolder needs an optimizer whose state can be saved.`,
    );
  }
  const watched: [string, Monitor | undefined][] = [
    ["monitor", monitor],
    ["earlyStopping.monitor", earlyStopping?.monitor],
  ];
  for (const [name, what] of watched) {
    if (validation === undefined && what !== undefined && what !== "loss" && what !== "trainAcc") {
      throw new ValueError(
        `Solver: ${name} is ${typeof what === "string" ? `"${what}"` : `the metric "${what.name}"`}, measured on validation examples; give some as validation.`,
      );
    }
  }
}
