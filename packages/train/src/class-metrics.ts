/**
 * Metrics by class: the confusion matrix, precision, recall, F1. Definitions, 0/0 included, are
 * scikit-learn's (https://scikit-learn.org/stable/modules/model_evaluation.html).
 */
import { show, ValueError } from "@tapegrad/core";
import { accumulate, type ClassOptions, decisionsOf, type MetricOf } from "./metrics.ts";
import { formatTable } from "./table.ts";

export interface NamedClassOptions extends ClassOptions {
  /** Names for tables, one per class. Default "0", "1", … */
  classNames?: readonly string[];
}

/** Class by class, numbered from 0 if they have no names. */
function namesOf(where: string, classes: number, names: readonly string[] | undefined): string[] {
  if (names !== undefined && names.length !== classes) {
    throw new ValueError(
      `${where}: there are ${names.length} classNames and ${classes} classes; there must be one for each.`,
    );
  }
  return Array.from({ length: classes }, (_, c) => names?.[c] ?? String(c));
}

/** Once the number of classes is known, it stays. */
function sameClasses(where: string, before: number, now: number): void {
  if (before !== 0 && before !== now) {
    throw new ValueError(
      `${where}: these scores have ${now} classes and those before ${before}; reset() between models.`,
    );
  }
}

// ---- Confusion matrix

/** How often which class was taken for which. Plain data. */
export interface ConfusionMatrix {
  readonly classNames: string[];
  /** counts[actual][predicted]. Without examples there are no classes. */
  readonly counts: number[][];
}

/** Counts of (actual, predicted); {@link formatConfusionMatrix} prints it. */
export function confusionMatrix(options: NamedClassOptions = {}): MetricOf<ConfusionMatrix> {
  const { name = "confusion", classNames } = options;
  return accumulate(name, {
    start: () => ({ counts: [] as number[][] }),
    add(sums, scores, y) {
      const { predicted, actual, classes } = decisionsOf(name, scores, y, options);
      sameClasses(name, sums.counts.length, classes);
      if (sums.counts.length === 0) {
        namesOf(name, classes, classNames);
        sums.counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
      }
      actual.forEach((c, i) => {
        sums.counts[c][predicted[i]]++;
      });
    },
    value: ({ counts }) => ({
      classNames: counts.length === 0 ? [] : namesOf(name, counts.length, classNames),
      counts: counts.map((row) => [...row]),
    }),
  });
}

/** A row for each actual class, a column for each predicted one. */
export function formatConfusionMatrix({ classNames, counts }: ConfusionMatrix): string {
  return formatTable([
    ["actual \\ predicted", ...classNames],
    ...counts.map((row, c) => [classNames[c], ...row.map(String)]),
  ]);
}

// ---- Precision, recall, F1

/** Numbers of one class, or of an average of classes. */
export interface ClassScores {
  /** TP / (TP + FP): of those decided so, how many are. */
  readonly precision: number;
  /** TP / (TP + FN): of those that are so, how many were found. */
  readonly recall: number;
  /** 2 TP / (2 TP + FP + FN), the harmonic mean of both. */
  readonly f1: number;
}

/**
 * How classes make one number: the mean over classes ("macro"), over classes by their examples
 * ("weighted"), or of all decisions together ("micro", which is the accuracy). "none": a list by class.
 */
export type Average = "macro" | "micro" | "weighted" | "none";

export interface AverageOptions extends NamedClassOptions {
  /** Default "macro". */
  average?: Average;
  /** What 0/0 is: 0, 1 or NaN. NaN is left out of averages. Default 0. */
  zeroDivision?: number;
}

/** What precision, recall and F1 are made of: O(C), unlike a confusion matrix. */
interface Counts {
  /** Right decisions for each class. */
  right: number[];
  predicted: number[];
  actual: number[];
}

type Ratio = (right: number, predicted: number, actual: number) => [number, number];
const ratios: Readonly<Record<keyof ClassScores, Ratio>> = {
  precision: (right, predicted) => [right, predicted],
  recall: (right, _, actual) => [right, actual],
  f1: (right, predicted, actual) => [2 * right, predicted + actual],
};

function counting<V extends number | object>(
  name: string,
  options: NamedClassOptions,
  value: (counts: Counts) => V,
): MetricOf<V> {
  return accumulate(name, {
    start: (): Counts => ({ right: [], predicted: [], actual: [] }),
    add(counts, scores, y) {
      const { predicted, actual, classes } = decisionsOf(name, scores, y, options);
      sameClasses(name, counts.actual.length, classes);
      if (counts.actual.length === 0) {
        namesOf(name, classes, options.classNames);
        for (const list of Object.values(counts)) list.push(...new Array<number>(classes).fill(0));
      }
      actual.forEach((c, i) => {
        counts.actual[c]++;
        counts.predicted[predicted[i]]++;
        if (predicted[i] === c) counts.right[c]++;
      });
    },
    value,
  });
}

const total = (list: readonly number[]) => list.reduce((sum, n) => sum + n, 0);

function byClass({ right, predicted, actual }: Counts, ratio: Ratio, zero: number): number[] {
  return right.map((r, c) => divide(ratio(r, predicted[c], actual[c]), zero));
}

function divide([above, below]: readonly [number, number], zero: number): number {
  return below === 0 ? zero : above / below;
}

/** Weighted mean of what is not NaN. */
function weightedMean(values: readonly number[], weights: readonly number[], zero: number): number {
  const kept = weights.map((weight, c) => (Number.isNaN(values[c]) ? 0 : weight));
  const sum = total(values.map((value, c) => (kept[c] === 0 ? 0 : kept[c] * value)));
  return divide([sum, total(kept)], zero);
}

function averaged(counts: Counts, what: keyof ClassScores, average: Average, zero: number): number {
  const { right, predicted, actual } = counts;
  if (total(actual) === 0) return Number.NaN;
  const ratio = ratios[what];
  if (average === "micro") {
    return divide(ratio(total(right), total(predicted), total(actual)), zero);
  }
  const weights =
    average === "weighted"
      ? actual
      : // Classes that neither occur nor were ever decided tell nothing about the model.
        actual.map((n, c) => Number(n + predicted[c] > 0));
  return weightedMean(byClass(counts, ratio, zero), weights, zero);
}

const averages: readonly Average[] = ["macro", "micro", "weighted", "none"];

function checkAverage(where: string, average: unknown, zero: unknown): void {
  if (!averages.includes(average as Average)) {
    throw new ValueError(
      `${where}: average is ${show(average)}; it must be one of ${averages.join(", ")}.`,
    );
  }
  checkZero(where, zero);
}

function checkZero(where: string, zero: unknown): void {
  if (zero === 0 || zero === 1 || Number.isNaN(zero)) return;
  throw new ValueError(`${where}: zeroDivision is ${show(zero)}; it must be 0, 1 or NaN.`);
}

type Averaged<A> = A extends "none" ? number[] : number;

function share<A extends Average>(
  what: keyof ClassScores,
  options: AverageOptions & { average?: A },
): MetricOf<Averaged<A>> {
  const { name = what, average = "macro", zeroDivision = 0 } = options;
  checkAverage(name, average, zeroDivision);
  return counting(
    name,
    options,
    (counts) =>
      (average === "none"
        ? byClass(counts, ratios[what], zeroDivision)
        : averaged(counts, what, average, zeroDivision)) as Averaged<A>,
  );
}

/** TP / (TP + FP): of the decisions for a class, the share that is right. */
export function precision<A extends Average = "macro">(
  options: AverageOptions & { average?: A } = {},
): MetricOf<Averaged<A>> {
  return share<A>("precision", options);
}

/** TP / (TP + FN): of a class's examples, the share that was found. */
export function recall<A extends Average = "macro">(
  options: AverageOptions & { average?: A } = {},
): MetricOf<Averaged<A>> {
  return share<A>("recall", options);
}

/** 2 TP / (2 TP + FP + FN): the harmonic mean of precision and recall. */
export function f1Score<A extends Average = "macro">(
  options: AverageOptions & { average?: A } = {},
): MetricOf<Averaged<A>> {
  return share<A>("f1", options);
}

// ---- Report

/** Everything by class. Plain data. */
export interface ClassificationReport {
  readonly accuracy: number;
  readonly macro: ClassScores;
  readonly micro: ClassScores;
  readonly weighted: ClassScores;
  readonly perClass: (ClassScores & { readonly name: string; readonly support: number })[];
  /** Number of examples. */
  readonly support: number;
}

/**
 * Precision, recall and F1 of every class and their averages; {@link formatReport} prints it. In the
 * Solver, one of its numbers can be monitored: `{ name: "report.macro.f1", mode: "max" }`.
 */
export function classificationReport(
  options: Omit<AverageOptions, "average"> = {},
): MetricOf<ClassificationReport> {
  const { name = "report", zeroDivision = 0, classNames } = options;
  checkZero(name, zeroDivision);
  return counting(name, options, (counts) => {
    const { right, actual } = counts;
    const all = (average: Average): ClassScores => ({
      precision: averaged(counts, "precision", average, zeroDivision),
      recall: averaged(counts, "recall", average, zeroDivision),
      f1: averaged(counts, "f1", average, zeroDivision),
    });
    const lists = {
      precision: byClass(counts, ratios.precision, zeroDivision),
      recall: byClass(counts, ratios.recall, zeroDivision),
      f1: byClass(counts, ratios.f1, zeroDivision),
    };
    const names = actual.length === 0 ? [] : namesOf(name, actual.length, classNames);
    return {
      accuracy: total(right) / total(actual),
      macro: all("macro"),
      micro: all("micro"),
      weighted: all("weighted"),
      perClass: names.map((className, c) => ({
        name: className,
        precision: lists.precision[c],
        recall: lists.recall[c],
        f1: lists.f1[c],
        support: actual[c],
      })),
      support: total(actual),
    };
  });
}

/** A row for each class, then the accuracy and the averages. */
export function formatReport(report: ClassificationReport): string {
  const digits = (value: number) => value.toFixed(3);
  const line = (name: string, { precision, recall, f1 }: ClassScores, support: number) => [
    name,
    digits(precision),
    digits(recall),
    digits(f1),
    String(support),
  ];
  const { accuracy, macro, weighted, perClass, support } = report;
  return formatTable([
    ["", "precision", "recall", "f1", "support"],
    ...perClass.map((one) => line(one.name, one, one.support)),
    ["accuracy", "", "", digits(accuracy), String(support)],
    line("macro average", macro, support),
    line("weighted average", weighted, support),
  ]);
}
