import { show, type Tensor, ValueError } from "@tapegrad/core";
import type { Batch, Dataset } from "@tapegrad/data";
import type { Module } from "@tapegrad/nn";
import type { Output } from "./progress.ts";
import type { TrainingState } from "./state.ts";

/** What the Solver asks of an optimizer; every one of `@tapegrad/optim` has it. */
export interface Updates {
  readonly lr: number;
  readonly groups: readonly { lr: number }[];
  step(): void;
  zeroGrad(): void;
}

const progressModes = ["auto", "bar", "lines", "silent"] as const;
export type ProgressMode = (typeof progressModes)[number];

export interface SolverOptions {
  /** Turns inputs [B, …] into scores [B, C]. */
  model: Module;
  train: Dataset<Batch>;
  /** Examples that say which epoch was best. Without them the last weights stay. */
  validation?: Dataset<Batch>;
  /** Holds the model's parameters. */
  optimizer: Updates;
  /** Scores and targets → one number. Default `crossEntropy`. */
  loss?: (scores: Tensor, y: Tensor) => Tensor;
  /** Passes over the training examples. Default 10. */
  epochs?: number;
  /** Default 100. */
  batchSize?: number;
  /** What every learning rate is multiplied by after each epoch. Default 1. */
  lrDecay?: number;
  /** Fixes the order of the examples; by default drawn from the shared generator. */
  seed?: number;
  /** Stops after so many steps, if the epochs haven't ended before. */
  maxSteps?: number;
  /** How many training examples, equally spaced, tell the training accuracy. Default 1000. */
  accuracySamples?: number;
  /** "auto": a bar on a terminal, lines elsewhere, nothing in a page. */
  progress?: ProgressMode;
  /** Where progress goes. Default `process.stdout`. */
  output?: Output;
  /** Aborting it ends the training after the running batch. */
  signal?: AbortSignal;
  /** Called after each batch with a frozen snapshot; awaited. */
  onBatch?: (state: TrainingState) => void | Promise<void>;
  /** Called after each epoch's accuracies are known; awaited. */
  onEpoch?: (state: TrainingState) => void | Promise<void>;
}

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 1;
const isFunction: Check = (value) => typeof value === "function";
const has =
  (...methods: string[]): Check =>
  (value) =>
    value !== null &&
    value !== undefined &&
    methods.every((name) => isFunction((value as Record<string, unknown>)[name]));
const isDataset: Check = (value) => has("batch")(value) && isCount((value as Dataset).length);

/** Each option's test, and what its error says would work. */
const rules: Record<keyof SolverOptions, readonly [Check, string]> = {
  model: [has("stateDict", "train", "eval"), "a Module, such as sequential([…])"],
  train: [isDataset, "a dataset with at least one example"],
  validation: [isDataset, "a dataset with at least one example"],
  optimizer: [has("step", "zeroGrad"), "an optimizer, such as new Adam(model.parameters())"],
  loss: [isFunction, "a function of scores and targets, such as crossEntropy"],
  epochs: [isCount, "a whole number from 1"],
  batchSize: [isCount, "a whole number from 1"],
  lrDecay: [(value) => Number.isFinite(value) && Number(value) > 0, "a finite number above 0"],
  seed: [
    (value) => Number.isSafeInteger(value) && Number(value) >= 0,
    "a whole number from 0 to 2^53 - 1",
  ],
  maxSteps: [isCount, "a whole number from 1"],
  accuracySamples: [isCount, "a whole number from 1"],
  progress: [
    (value) => progressModes.includes(value as ProgressMode),
    `one of ${progressModes.join(", ")}`,
  ],
  output: [has("write"), "a stream with write(text), such as process.stderr"],
  signal: [has("addEventListener"), "an AbortSignal, such as new AbortController().signal"],
  onBatch: [isFunction, "a function"],
  onEpoch: [isFunction, "a function"],
};
const required: readonly string[] = ["model", "train", "optimizer"];

/** @throws ValueError for the first option that is missing, unknown or makes no sense */
export function checkOptions(options: SolverOptions): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(rules, name));
  if (unknown !== undefined) {
    throw new ValueError(
      `Solver: unknown option "${unknown}"; known are ${Object.keys(rules).join(", ")}.`,
    );
  }
  for (const [name, [check, expected]] of Object.entries(rules)) {
    const value = options[name as keyof SolverOptions];
    if (value === undefined ? required.includes(name) : !check(value)) {
      throw new ValueError(`Solver: ${name} is ${shown(value)}; it must be ${expected}.`);
    }
  }
}

function shown(value: unknown): string {
  const { batch, length } = (value ?? {}) as Partial<Dataset>;
  return isFunction(batch) ? `${show(value)} of ${length} examples` : show(value);
}
