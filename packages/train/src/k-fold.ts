/** Cross-validation: every example is validation for one model and training for the others. */
import { defaultGenerator, Generator, randperm, show, ValueError } from "@tapegrad/core";
import { type Dataset, type Subset, subset } from "@tapegrad/data";

export interface KFoldOptions {
  /** Number of folds, at least 2. Default 5. */
  k?: number;
  /** Whether chance deals the examples out. Default true; false: the first fold has the first examples. */
  shuffle?: boolean;
  /** Fixes the folds; by default drawn from the shared generator, which `manualSeed` seeds. */
  seed?: number;
  /** A class per example: each fold gets the classes in their proportions. */
  stratify?: ArrayLike<number>;
}

/** Positions of a fold's examples, ascending. */
export interface Fold {
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/**
 * Deals positions 0 … length − 1 out to k folds whose sizes differ by one at most (the first are the
 * larger ones, as NumPy's `array_split`). With `stratify`, so do the numbers of each class.
 *
 * @throws ValueError unless 2 ≤ k ≤ length, and for another number of classes than examples
 */
export function kFold(
  length: number,
  { k = 5, shuffle = true, seed, stratify }: KFoldOptions = {},
): Fold[] {
  if (!Number.isSafeInteger(length) || length < 2) {
    throw new ValueError(`kFold: length is ${show(length)}; there must be at least 2 examples.`);
  }
  if (!Number.isSafeInteger(k) || k < 2 || k > length) {
    throw new ValueError(
      `kFold: k is ${show(k)}; it must be a whole number from 2 to the ${length} examples.`,
    );
  }
  if (stratify !== undefined && stratify.length !== length) {
    throw new ValueError(
      `kFold: stratify has ${stratify.length} classes; it needs one for each of the ${length} examples.`,
    );
  }
  if (!shuffle && seed !== undefined) {
    throw new ValueError(
      "kFold: seed is given and shuffle is false; without it there is no chance.",
    );
  }
  const generator = seed === undefined ? defaultGenerator() : new Generator(seed);
  const order = shuffle
    ? (randperm(length, { generator }).data() as Int32Array)
    : Int32Array.from({ length }, (_, i) => i);
  const foldOf = stratify === undefined ? contiguous(order, k) : dealt(byClass(order, stratify), k);
  const all = Int32Array.from({ length }, (_, i) => i);
  return Array.from({ length: k }, (_, fold) => ({
    train: all.filter((i) => foldOf[i] !== fold),
    validation: all.filter((i) => foldOf[i] === fold),
  }));
}

/** The fold of each position: stretches of the order. */
function contiguous(order: Int32Array, k: number): Int32Array {
  const foldOf = new Int32Array(order.length);
  const [size, larger] = [Math.floor(order.length / k), order.length % k];
  let next = 0;
  for (let fold = 0; fold < k; fold++) {
    const end = next + size + Number(fold < larger);
    while (next < end) foldOf[order[next++]] = fold;
  }
  return foldOf;
}

/** The order with each class's members together: dealt out in turn, they are spread evenly. */
function byClass(order: Int32Array, classes: ArrayLike<number>): Int32Array {
  return order.slice().sort((a, b) => classes[a] - classes[b]);
}

function dealt(order: Int32Array, k: number): Int32Array {
  const foldOf = new Int32Array(order.length);
  order.forEach((position, i) => {
    foldOf[position] = i % k;
  });
  return foldOf;
}

/** What one fold comes to: a number, or several by name. */
export type FoldScore = number | Readonly<Record<string, number>>;

/** Each fold's scores, their mean and standard deviation (over the k folds, as NumPy's `std`). */
export interface CrossValidation<S extends FoldScore> {
  readonly folds: S[];
  readonly mean: S;
  readonly std: S;
}

/** One fold's examples. */
export interface FoldData<B> {
  readonly train: Subset<B>;
  readonly validation: Subset<B>;
  /** From 0. */
  readonly fold: number;
}

/**
 * Runs `f` on every fold, one after the other, and summarises what it returns.
 *
 * ```ts
 * const { mean, std } = await crossValidate(
 *   async ({ train, validation }) => {
 *     const model = sequential([linear(4, 16), relu(), linear(16, 3)]);
 *     await new Solver({ model, train, optimizer: new Adam(model.parameters()) }).fit();
 *     return checkAccuracy(model, validation);
 *   },
 *   iris, { k: 5, stratify: iris.y.data(), seed: 0 },
 * );
 * ```
 *
 * @param f  trains anew on `train` and says how well it does on `validation`
 * @throws ValueError as {@link kFold}, and when `f` gives anything but numbers, or other names than before
 */
export async function crossValidate<B, S extends FoldScore>(
  f: (data: FoldData<B>) => S | Promise<S>,
  data: Dataset<B>,
  options: KFoldOptions = {},
): Promise<CrossValidation<Widened<S>>> {
  const scores: FoldScore[] = [];
  for (const [fold, { train, validation }] of kFold(data.length, options).entries()) {
    const score = await f({
      train: subset(data, train),
      validation: subset(data, validation),
      fold,
    });
    checkScore(score, fold, scores[0]);
    scores.push(score);
  }
  return {
    folds: scores as Widened<S>[],
    mean: combine(scores, mean) as Widened<S>,
    std: combine(scores, std) as Widened<S>,
  };
}

/** Literal numbers as numbers. */
type Widened<S extends FoldScore> = S extends number ? number : { [K in keyof S]: number };

const namesIn = (score: FoldScore) =>
  typeof score === "number" ? "" : Object.keys(score).sort().join(", ");

function checkScore(score: unknown, fold: number, first: FoldScore | undefined): void {
  const isRecord = typeof score === "object" && score !== null && !Array.isArray(score);
  const parts = isRecord ? Object.values(score) : [score];
  if (!parts.every((part) => typeof part === "number")) {
    throw new ValueError(
      `crossValidate: f gave ${show(score)} for fold ${fold}; it must be a number, or an object of numbers.`,
    );
  }
  if (first !== undefined && namesIn(score as FoldScore) !== namesIn(first)) {
    throw new ValueError(
      `crossValidate: f gave { ${namesIn(score as FoldScore)} } for fold ${fold} and { ${namesIn(first)} } before; the names must be equal.`,
    );
  }
}

function combine(scores: readonly FoldScore[], f: (list: readonly number[]) => number): FoldScore {
  const [first] = scores;
  if (typeof first === "number") return f(scores as readonly number[]);
  return Object.fromEntries(
    Object.keys(first).map((name) => [
      name,
      f(scores.map((score) => (score as Record<string, number>)[name])),
    ]),
  );
}

function mean(list: readonly number[]): number {
  return list.reduce((sum, value) => sum + value, 0) / list.length;
}

function std(list: readonly number[]): number {
  const center = mean(list);
  return Math.sqrt(mean(list.map((value) => (value - center) ** 2)));
}
