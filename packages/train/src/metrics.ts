/**
 * Metrics: what a model's scores are worth, measured batch by batch. Each works alone (`update` with every
 * batch, then `compute`), in `evaluate`, and in the Solver's `metrics`.
 *
 * Scores of classes are [N, C], or [N, C, …] with one decision at each place, as `crossEntropy` takes
 * them; targets are classes [N, …], or probabilities of the scores' shape, whose largest is the class.
 * With `threshold` there are two classes and one score for each decision. Of equal scores the first is
 * the decision, as `argmax` has it. Without examples every metric is NaN.
 */
import {
  argmax,
  crossEntropy,
  formatShape,
  IndexError,
  isFloat,
  noGrad,
  ShapeError,
  show,
  type Tensor,
  topk,
  ValueError,
} from "@tapegrad/core";
import type { Metric } from "./options.ts";

/** A metric whose result has a known type. */
export interface MetricOf<V extends number | object> extends Metric {
  /** The result over all batches since the last reset; asking changes nothing. */
  compute(): V;
}

export interface NameOptions {
  /** What the result is called in records and histories. */
  name?: string;
}

export interface ClassOptions extends NameOptions {
  /** Places with this target don't count. Default −100, as for `crossEntropy`. */
  ignoreIndex?: number;
  /**
   * For two classes and one score each: class 1 where the score is above it (0 for logits, ½ for
   * probabilities). Targets then have the scores' shape.
   */
  threshold?: number;
}

/** What a metric adds up, and what it makes of the sums. */
interface Rules<S, V> {
  start(): S;
  add(sums: S, scores: Tensor, y: Tensor): void;
  value(sums: S): V;
}

/** A metric by its rules. */
export function accumulate<S, V extends number | object>(
  name: string,
  rules: Rules<S, V>,
): MetricOf<V> {
  if (typeof name !== "string" || name === "") {
    throw new ValueError(`metric: the name is ${show(name)}; it must be a text such as "f1".`);
  }
  let sums = rules.start();
  return {
    name,
    reset() {
      sums = rules.start();
    },
    update(scores, y) {
      noGrad(() => rules.add(sums, scores, y));
    },
    compute: () => rules.value(sums),
  };
}

// ---- Decisions

/** Decisions and truth at the places that count. */
export interface Decisions {
  readonly predicted: Int32Array;
  readonly actual: Int32Array;
  /** Number of classes. */
  readonly classes: number;
}

function checkScores(where: string, scores: Tensor): void {
  if (scores.rank >= 2 && scores.shape[1] >= 2) return;
  throw new ShapeError(
    `${where}: scores are ${formatShape(scores.shape)}; they must be [N, C] or [N, C, …], with a score for each of at least 2 classes (or, with threshold, one per decision).`,
  );
}

/** The classes that targets say: as they are, or the largest of probabilities. */
function targetsOf(where: string, scores: Tensor, y: Tensor): Tensor {
  const soft = isFloat(y.dtype);
  const wanted = soft ? scores.shape : scores.shape.toSpliced(1, 1);
  if (formatShape(y.shape) !== formatShape(wanted)) {
    throw new ShapeError(
      `${where}: scores are ${formatShape(scores.shape)} and targets ${y.dtype} ${formatShape(y.shape)}; they must be ${formatShape(wanted)}, ${soft ? "a probability for each score" : "a class for each decision"}.`,
    );
  }
  return soft ? argmax(y, 1) : y;
}

/**
 * What scores decide, and what would be right.
 *
 * @throws ShapeError if scores and targets don't meet, IndexError for a target that is no class
 */
export function decisionsOf(
  where: string,
  scores: Tensor,
  y: Tensor,
  { ignoreIndex = -100, threshold }: ClassOptions = {},
): Decisions {
  let [chosen, truth, classes] = [scores, y, 2];
  if (threshold === undefined) {
    checkScores(where, scores);
    truth = targetsOf(where, scores, y);
    classes = scores.shape[1];
    chosen = argmax(scores, 1);
  } else {
    checkSameShape(where, scores, y);
    chosen = scores.gt(threshold);
  }
  const [predicted, actual] = [chosen.data(), truth.data()];
  const counted: number[] = [];
  actual.forEach((c: number, i: number) => {
    if (c === ignoreIndex) return;
    if (!Number.isInteger(c) || c < 0 || c >= classes) {
      throw new IndexError(
        `${where}: target ${c} at position ${i} is no class; ${classes} classes are 0 to ${classes - 1}.`,
      );
    }
    counted.push(i);
  });
  return {
    predicted: Int32Array.from(counted, (i) => predicted[i]),
    actual: Int32Array.from(counted, (i) => actual[i]),
    classes,
  };
}

function checkSameShape(where: string, scores: Tensor, y: Tensor): void {
  if (formatShape(scores.shape) === formatShape(y.shape)) return;
  throw new ShapeError(
    `${where}: scores are ${formatShape(scores.shape)} and targets ${formatShape(y.shape)}; they must be equal.`,
  );
}

// ---- Accuracy

/** Share of the decisions that are right. */
export function accuracy(options: ClassOptions = {}): MetricOf<number> {
  const { name = "accuracy" } = options;
  return accumulate(name, {
    start: () => ({ right: 0, all: 0 }),
    add(sums, scores, y) {
      const { predicted, actual } = decisionsOf(name, scores, y, options);
      sums.all += actual.length;
      actual.forEach((c, i) => {
        if (predicted[i] === c) sums.right++;
      });
    },
    value: ({ right, all }) => right / all,
  });
}

/**
 * Share of the examples whose class is among the k largest scores. Of equal scores the first classes
 * come first, so that k = 1 is {@link accuracy}.
 *
 * @param k  from 1 to the number of classes
 */
export function topKAccuracy(
  k: number,
  options: Omit<ClassOptions, "threshold"> = {},
): MetricOf<number> {
  const { name = `top${k}`, ignoreIndex = -100 } = options;
  if (!Number.isSafeInteger(k) || k < 1) {
    throw new ValueError(`topKAccuracy: k is ${show(k)}; it must be a whole number from 1.`);
  }
  return accumulate(name, {
    start: () => ({ right: 0, all: 0 }),
    add(sums, scores, y) {
      const { actual } = decisionsOf(name, scores, y, options);
      if (k > scores.shape[1]) {
        throw new ValueError(
          `${name}: k is ${k} and there are ${scores.shape[1]} classes; it can be at most that.`,
        );
      }
      const classes = targetsOf(name, scores, y);
      const among = topk(scores, k, { axis: 1 }).indices.eq(classes.unsqueeze(1)).sum(1);
      sums.all += actual.length;
      sums.right += among.mul(classes.ne(ignoreIndex)).sum().item();
    },
    value: ({ right, all }) => right / all,
  });
}

// ---- Means

/**
 * exp(mean negative log-likelihood): between how many equally likely classes the model wavers.
 *
 * @see Jurafsky and Martin, Speech and Language Processing, chapter 3
 */
export function perplexity(options: Omit<ClassOptions, "threshold"> = {}): MetricOf<number> {
  const { name = "perplexity", ignoreIndex = -100 } = options;
  return accumulate(name, {
    start: () => ({ loss: 0, places: 0 }),
    add(sums, scores, y) {
      checkScores(name, scores);
      sums.loss += crossEntropy(scores, y, { reduction: "sum", ignoreIndex }).item();
      sums.places += isFloat(y.dtype) ? y.size / y.shape[1] : y.ne(ignoreIndex).sum().item();
    },
    value: ({ loss, places }) => Math.exp(loss / places),
  });
}

/** Mean of f(score − target) over all elements. */
function meanDeviation(name: string, f: (deviation: Tensor) => Tensor): MetricOf<number> {
  return accumulate(name, {
    start: () => ({ total: 0, elements: 0 }),
    add(sums, scores, y) {
      checkSameShape(name, scores, y);
      // In float64, so that the sum over many batches loses no digits.
      sums.total += f(scores.to("float64").sub(y.to("float64")))
        .sum()
        .item();
      sums.elements += scores.size;
    },
    value: ({ total, elements }) => total / elements,
  });
}

/** Mean of (score − target)² over all elements. */
export function meanSquaredError({ name = "mse" }: NameOptions = {}): MetricOf<number> {
  return meanDeviation(name, (deviation) => deviation.square());
}

/** Mean of |score − target| over all elements. */
export function meanAbsoluteError({ name = "mae" }: NameOptions = {}): MetricOf<number> {
  return meanDeviation(name, (deviation) => deviation.abs());
}

/**
 * Mean of a loss over the examples: batches count by their rows.
 *
 * @param loss  gives a batch's mean, one number
 */
export function meanLoss(
  loss: (scores: Tensor, y: Tensor) => Tensor = crossEntropy,
  { name = "loss" }: NameOptions = {},
): MetricOf<number> {
  return accumulate(name, {
    start: () => ({ total: 0, rows: 0 }),
    add(sums, scores, y) {
      const rows = scores.shape[0] ?? 1;
      // A mean over no rows is NaN, and would make the others' so.
      if (rows === 0) return;
      sums.total += rows * loss(scores, y).item();
      sums.rows += rows;
    },
    value: ({ total, rows }) => total / rows,
  });
}
