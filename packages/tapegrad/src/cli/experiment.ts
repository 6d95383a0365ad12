/** From a config to everything that training and measuring need. */
import {
  defaultGenerator,
  Generator,
  manualSeed,
  noGrad,
  setThreads,
  TapegradError,
  ValueError,
} from "@tapegrad/core";
import { type Batch, DataLoader, split, transform } from "@tapegrad/data";
import type { AnyModule } from "@tapegrad/nn";
import { confusionMatrix, type Metric, Solver, type SolverOptions } from "@tapegrad/train";
import type { Config } from "./config.ts";
import { makeMetric, type ShownMetric } from "./metrics.ts";
import { buildModel } from "./models.ts";
import type { Examples, Facts } from "./opened.ts";
import { makeOptimizer } from "./optimizers.ts";
import { makeSchedule } from "./schedules.ts";
import { ConfigError, inPlace, placed } from "./schema.ts";
import { countOf, openSource } from "./sources.ts";
import { type Task, taskOf } from "./task.ts";
import { type Fitted, fit, transformsFor } from "./transforms.ts";

/** What was learned from the data: kept in the run's folder, so that predictions need no training data. */
export interface Learned {
  readonly facts: Facts;
  readonly fitted: Fitted;
}

export type PartName = "train" | "validation" | "test";

/** The examples, cut into parts. */
export interface Parts extends Learned {
  /** With random changes, for training. */
  readonly augmented: Examples;
  /** Without. */
  readonly train: Examples;
  readonly validation: Examples | null;
  readonly test: Examples | null;
}

/** @param known  what a run learned before; by default it is learned now */
export async function openParts(config: Config, known: Learned | null = null): Promise<Parts> {
  const { seed, data, transforms } = config;
  try {
    const opened = await openSource(data, { seed, known: known?.facts ?? null });
    const { facts } = opened;
    const [first, validation, test] =
      opened.validation === undefined
        ? cut(opened.train, { ...data, seed, labels: opened.labels, own: opened.test })
        : [opened.train, opened.validation, opened.test];
    const fitted = known?.fitted ?? (await fit(transforms, first));
    const changed = (examples: Examples, where: "train" | "eval"): Examples => {
      const list = transformsFor(transforms, fitted, where);
      return list.length === 0 ? examples : transform(examples, list);
    };
    return {
      facts,
      fitted,
      augmented: changed(first, "train"),
      train: changed(first, "eval"),
      validation: validation && changed(validation, "eval"),
      test: test && changed(test, "eval"),
    };
  } catch (error) {
    if (!(error instanceof TapegradError)) throw error;
    throw new ConfigError(placed("data", error.message));
  }
}

interface Cut {
  readonly limit?: number;
  readonly validation: number;
  readonly test: number;
  readonly seed: number;
  readonly labels: ArrayLike<number> | null;
  /** Test examples that the source has of its own. */
  readonly own: Examples | null;
}

type Trio = [train: Examples, validation: Examples | null, test: Examples | null];

/** Deals examples out at random, the classes in their shares where they are known. */
function cut(
  all: Examples,
  { limit = all.length, validation, test, seed, labels, own }: Cut,
): Trio {
  if (own !== null && test > 0) {
    throw new ValueError(
      `test is ${test}, and this source has ${own.length} test examples of its own; leave it out.`,
    );
  }
  if (limit > all.length) {
    throw new ValueError(`limit is ${limit}, and there are ${all.length} training examples.`);
  }
  const [held, tested] = [countOf(validation, limit), countOf(test, limit)];
  if (held + tested >= limit) {
    throw new ValueError(
      `validation is ${validation} and test ${test}, of ${limit} examples; some must be left for training.`,
    );
  }
  const sizes = [limit - held - tested, held, tested, all.length - limit];
  const parts = split(all, sizes, {
    generator: new Generator(seed),
    ...(labels === null ? {} : { stratify: labels }),
  });
  const part = (i: number) => (sizes[i] === 0 ? null : parts[i]);
  return [parts[0], part(1), own ?? part(2)];
}

/** Batches of a part in its own order. */
export function inOrder(
  examples: Examples,
  { batchSize, data }: Config,
): DataLoader<Batch | Promise<Batch>> {
  return new DataLoader(examples, { batchSize, workers: data.workers });
}

/** @throws ConfigError for more threads than there can be */
export function applyThreads({ threads }: Config): void {
  if (threads === undefined) return;
  try {
    setThreads(threads);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError([error.message.replace("setThreads: count", "threads")]);
  }
}

// ---- The model

export interface Learner {
  readonly model: AnyModule;
  readonly task: Task;
  readonly metrics: readonly ShownMetric[];
}

/**
 * The model, its task and metrics, tried out on some examples: what doesn't fit is found before anything
 * is written or trained.
 *
 * @throws ConfigError
 */
export async function makeLearner(config: Config, parts: Parts): Promise<Learner> {
  const { seed, model: chosen, loss, batchSize } = config;
  manualSeed(seed);
  const model = buildModel(chosen, parts.facts);
  const task = taskOf(model, loss, parts.facts);
  const metrics = makeMetrics(config, parts.facts, task);
  const { length } = parts.train;
  const some = Int32Array.from({ length: Math.min(batchSize, length) }, (_, i) => i);
  await tryOut({ model, task, metrics }, await parts.augmented.batch(some));
  return { model, task, metrics };
}

export function makeMetrics(
  { metrics }: Pick<Config, "metrics">,
  { classNames }: Facts,
  { hasScores }: Task,
): ShownMetric[] {
  if (metrics.length > 0 && !hasScores) {
    throw new ConfigError([
      "metrics need scores of a model, and this one has only its loss; leave them out.",
    ]);
  }
  return metrics.map((one) => makeMetric(one, classNames));
}

/** The learner's metrics, and accuracy where a classifier's config doesn't name it: the Solver tells it anyway. */
export function withAccuracy(
  { metrics, task }: Learner,
  { targets }: Facts,
): readonly ShownMetric[] {
  const told = metrics.some(({ metric }) => metric.name === "accuracy");
  if (told || targets !== "classes" || !task.hasScores) return metrics;
  return [makeMetric({ type: "accuracy" }, null), ...metrics];
}

/** One pass forward, which leaves no trace but sizes that the model took from its first input. */
async function tryOut({ model, task, metrics }: Learner, batch: Batch): Promise<void> {
  inPlace("model", () => {
    if (!model.isInitialized) model.initialize(batch.x);
  });
  const { state } = defaultGenerator();
  model.eval();
  try {
    noGrad(() => {
      const { scores } = inPlace("model, given a batch of the data", () => task.outcome(batch));
      for (const { metric } of metrics) {
        inPlace("metrics", () => {
          metric.update(scores!, batch.y);
          metric.compute();
          metric.reset();
        });
      }
    });
  } finally {
    model.train();
    defaultGenerator().state = state;
  }
}

// ---- Training

/** What of a config the Solver takes as it is. */
const passed = [
  "reg",
  "lrDecay",
  "reduceOnPlateau",
  "epochs",
  "maxSteps",
  "accumulateSteps",
  "clipNorm",
  "clipValue",
  "monitor",
  "keepBest",
  "earlyStopping",
  "accuracySamples",
  "checkpoints",
  "logSteps",
] as const satisfies readonly (keyof Config & keyof SolverOptions)[];

/** @throws ConfigError for options that don't go together */
export function makeSolver(
  config: Config,
  parts: Parts,
  learner: Learner,
  surroundings: Partial<SolverOptions>,
): Solver {
  const {
    seed,
    batchSize,
    data,
    schedule,
    accumulateSteps = 1,
    epochs,
    maxSteps = Infinity,
    watch,
  } = config;
  const { model, task } = learner;
  const order = { batchSize, seed, shuffle: true, workers: data.workers };
  const train = new DataLoader(parts.augmented, order);
  const steps = Math.min(maxSteps, epochs * Math.ceil(train.length / accumulateSteps));
  const timed =
    schedule === undefined
      ? {}
      : {
          schedule: inPlace("schedule", () =>
            makeSchedule(schedule, schedule.per === "step" ? steps : epochs),
          ),
          schedulePer: schedule.per,
        };
  const options = {
    model,
    train,
    ...(parts.validation === null ? {} : { validation: inOrder(parts.validation, config) }),
    optimizer: inPlace("optimizer", () => makeOptimizer(config.optimizer, model)),
    objective: (batch: Batch) => {
      const { loss, scores } = task.outcome(batch);
      return scores === null ? loss : { loss, scores };
    },
    metrics: metricsOf(config, parts.facts, learner),
    ...(watch === undefined ? {} : { watch: { everySteps: watch } }),
    ...timed,
    ...Object.fromEntries(passed.map((name) => [name, config[name]])),
    ...surroundings,
  };
  try {
    return new Solver(options as unknown as SolverOptions);
  } catch (error) {
    if (!(error instanceof TapegradError)) throw error;
    // The Solver's names are the config's.
    throw new ConfigError([error.message.replace(/^Solver: /, "")]);
  }
}

/** The matrix of more classes would make long files. */
const mostNamed = 100;

/** A run that is watched records a confusion matrix of its own; this one has the classes' names. */
function metricsOf({ watch }: Config, { classNames }: Facts, { metrics, task }: Learner): Metric[] {
  const list = metrics.map(({ metric }) => metric);
  const isMissing = !list.some(({ name }) => name === "confusion");
  const hasClasses = task.hasScores && classNames !== null && classNames.length <= mostNamed;
  if (watch === undefined || !isMissing || !hasClasses) return list;
  return [...list, confusionMatrix({ classNames })];
}

// ---- Measuring

export interface Measured {
  /** Mean over the examples. */
  readonly loss: number;
  readonly examples: number;
  readonly metrics: Readonly<Record<string, number | object>>;
}

/** Loss and metrics over a part, in evaluation mode and off the tape. */
export async function measure(
  { model, task, metrics }: Learner,
  examples: Examples,
  config: Config,
): Promise<Measured> {
  for (const { metric } of metrics) metric.reset();
  let [sum, seen] = [0, 0];
  model.eval();
  for await (const batch of inOrder(examples, config)) {
    noGrad(() => {
      const { loss, scores } = task.outcome(batch);
      const rows = batch.x.shape[0];
      sum += rows * loss.item();
      seen += rows;
      for (const { metric } of metrics) metric.update(scores!, batch.y);
    });
  }
  const results = metrics.map(({ metric }) => [metric.name, metric.compute()]);
  return { loss: sum / seen, examples: seen, metrics: Object.fromEntries(results) };
}
