/** What the sources of data give, whatever they are. */
import type { Batch, Dataset, Statistics, TensorDataset } from "@tapegrad/data";

export type Examples = Dataset<Batch | Promise<Batch>>;

/** What is known about examples beside themselves: plain JSON, kept in the run's folder for predictions. */
export interface Facts {
  /** What x is, and so what predictions take. */
  readonly inputs: "images" | "rows" | "text" | "arrays";
  readonly targets: "classes" | "numbers" | "tokens";
  /** Shape of one x. */
  readonly shape: readonly number[];
  /** By class; null where targets are no classes. */
  readonly classNames: readonly string[] | null;
  /** How the source turned pixels from 0 to 1 into x; null where it left them. */
  readonly pixels: Statistics | null;
  /** The columns of x, where they have names. */
  readonly featureNames: readonly string[] | null;
  /** Characters by number. */
  readonly vocabulary: readonly string[] | null;
}

export const noFacts = { classNames: null, pixels: null, featureNames: null, vocabulary: null };

/** What a source gives before it is cut into parts. */
export interface Opened {
  readonly train: Examples;
  /** A class per training example, where they are known: parts get the classes in their shares. */
  readonly labels: ArrayLike<number> | null;
  /** From a source that cuts its examples itself. */
  readonly validation?: Examples | null;
  /** null where there is no test part that the source knows of. */
  readonly test: Examples | null;
  readonly facts: Facts;
}

/** What opening needs beside the source's own options. */
export interface Context {
  readonly seed: number;
  /** Threads that read files. */
  readonly workers: number;
  /** Shares or counts, for sources that cut their examples themselves. */
  readonly validation: number;
  readonly test: number;
  /** What a run learned before: classes and characters keep their numbers. */
  readonly known: Facts | null;
}

/** Classes without names. */
export const numbered = (classes: number): string[] =>
  Array.from({ length: classes }, (_, i) => String(i));

/** Rows of numbers, each of a class. */
export function classified(dataset: TensorDataset, facts: Partial<Facts> = {}): Opened {
  const labels = Int32Array.from(dataset.y.data());
  const classes = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  return {
    train: dataset,
    labels,
    test: null,
    facts: {
      ...noFacts,
      inputs: "rows",
      targets: "classes",
      shape: dataset.x.shape.slice(1),
      classNames: numbered(classes),
      ...facts,
    },
  };
}
