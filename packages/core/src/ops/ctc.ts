/** Connectionist temporal classification. */
import { checkTensor } from "../apply.ts";
import { checkFlag } from "../check.ts";
import { full } from "../create.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import { adoptArray, Tensor } from "../tensor.ts";
import { eachSample } from "./batching.ts";
import { lt, where } from "./compare.ts";
import { add, div, exp, log, maximum, neg, sub } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { concat, detach, narrow, reshape, to, unsqueeze } from "./layout.ts";
import { checkReduction, type LossOptions, type Reduction, reduced } from "./reduction.ts";

/** ln 0, finite: differences of it are numbers, and any probability outweighs it. */
const IMPOSSIBLE = -1e30;

/** Whole numbers, given as an array or as an integer tensor. */
export type Lengths = readonly number[] | Tensor;

interface Batch {
  steps: number;
  /** Each sequence's labels. */
  labels: number[][];
  lengths: number[];
}

/** ln(eᵃ + eᵇ + …), elementwise. */
function logAddExp(...terms: Tensor[]): Tensor {
  const top = detach(terms.reduce((a, b) => maximum(a, b)));
  return add(log(terms.map((x) => exp(sub(x, top))).reduce((a, b) => add(a, b))), top);
}

/** A table of numbers over sequences and states: [N, S]. */
function table(rows: readonly number[][], dtype: "int32" | "bool"): Tensor {
  const flat = rows.flat();
  const data = dtype === "int32" ? Int32Array.from(flat) : Uint8Array.from(flat);
  return adoptArray(data, dtype, [rows.length, rows[0]?.length ?? 0]);
}

/** x [N, S] with states moved `by` places up, impossible ones coming in. */
function shifted(x: Tensor, by: number): Tensor {
  const [count, states] = x.shape as [number, number];
  const entering = full([count, Math.min(by, states)], IMPOSSIBLE, { dtype: x.dtype });
  return states <= by ? entering : concat([entering, narrow(x, 1, 0, states - by)], 1);
}

interface CtcOptions {
  inputLengths?: Lengths;
  targetLengths?: Lengths;
  blank?: number;
  zeroInfinity?: boolean;
}

/**
 * −ln of the probability that a sequence of frames spells the labels, summed over all alignments: frames emit a
 * label or blank, repeats are merged, blanks dropped.
 *
 * Graves et al., Connectionist Temporal Classification, ICML 2006, section 4.1; the forward recursion in
 * logarithms. Differentiable to any order.
 *
 * @param logProbs               float, [T, N, C] or [T, C]: logSoftmax over the classes of each frame
 * @param targets                int32 labels: [N, S], [S], or all sequences' one after the other
 * @param options.inputLengths   frames of each sequence. Default: T.
 * @param options.targetLengths  labels of each sequence. Default: S.
 * @param options.blank          the class that stands for no label. Default 0.
 * @param options.zeroInfinity   0 in place of ∞ where no alignment exists. Default false.
 * @returns  the mean of the losses, each divided by its number of labels; their sum; or [N]
 * @throws   ShapeError, DTypeError, ValueError if the arguments don't meet
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  options: LossOptions & CtcOptions = {},
): Tensor {
  const op = "ctcLoss";
  checkTensor(op, "logProbs", logProbs);
  checkTensor(op, "targets", targets);
  const { reduction = "mean", blank = 0, zeroInfinity = false } = options;
  checkReduction(op, reduction);
  checkFlag(op, "zeroInfinity", zeroInfinity);
  if (logProbs.rank !== 2 && logProbs.rank !== 3) {
    throw new ShapeError(
      `${op}: logProbs are ${formatShape(logProbs.shape)}; they must be [T, N, C], or [T, C] for one sequence.`,
    );
  }
  if (!isFloat(logProbs.dtype) || isFloat(targets.dtype) || targets.dtype === "bool") {
    throw new DTypeError(
      `${op}: logProbs are ${logProbs.dtype} and targets ${targets.dtype}; they must be float and int32.`,
    );
  }
  const frames = logProbs.rank === 3 ? logProbs : unsqueeze(logProbs, 1);
  const classes = frames.shape[2]!;
  if (frames.size === 0) {
    throw new ShapeError(
      `${op}: logProbs are ${formatShape(logProbs.shape)}; they must not be empty.`,
    );
  }
  if (!Number.isInteger(blank) || blank < 0 || blank >= classes) {
    throw new ValueError(`${op}: blank is ${blank}; it must be a class, 0 to ${classes - 1}.`);
  }
  return eachSample([logProbs, targets], ([sample, labels]) =>
    lossOf(sample!, labels!, options, reduction),
  );
}

function lossOf(
  logProbs: Tensor,
  targets: Tensor,
  { blank = 0, zeroInfinity = false, ...lengths }: CtcOptions,
  reduction: Reduction,
): Tensor {
  const frames = logProbs.rank === 3 ? logProbs : unsqueeze(logProbs, 1);
  const batch = checkBatch("ctcLoss", frames, targets, lengths, blank);
  const losses = neg(logLikelihood(frames, batch, blank));
  const impossible = lt(detach(neg(losses)), IMPOSSIBLE / 2);
  const finite = where(impossible, zeroInfinity ? 0 : Infinity, losses);
  const shaped = logProbs.rank === 3 ? finite : reshape(finite, []);
  if (reduction !== "mean") return reduced(shaped, reduction);
  const counts = Float64Array.from(batch.labels, (labels) => Math.max(1, labels.length));
  return reduced(
    div(finite, to(adoptArray(counts, "float64", [counts.length]), finite.dtype)),
    "mean",
  );
}

function wholeNumbers(
  op: string,
  name: string,
  given: Lengths | undefined,
  count: number,
  least: number,
  most: number,
): number[] {
  const list =
    given === undefined
      ? new Array<number>(count).fill(most)
      : [...(given instanceof Tensor ? given.data() : given)];
  const fits =
    list.length === count && list.every((n) => Number.isInteger(n) && n >= least && n <= most);
  if (!fits) {
    throw new ValueError(
      `${op}: ${name} are [${list.join(", ")}]; they must be ${count} whole numbers from ${least} to ${most}.`,
    );
  }
  return list;
}

function checkBatch(
  op: string,
  frames: Tensor,
  targets: Tensor,
  { inputLengths, targetLengths }: { inputLengths?: Lengths; targetLengths?: Lengths },
  blank: number,
): Batch {
  const [steps, count, classes] = frames.shape as [number, number, number];
  const lengths = wholeNumbers(op, "inputLengths", inputLengths, count, 1, steps);
  const joined = targets.rank === 1 && count !== 1;
  if (
    (targets.rank !== 1 && targets.rank !== 2) ||
    (targets.rank === 2 && targets.shape[0] !== count)
  ) {
    throw new ShapeError(
      `${op}: targets are ${formatShape(targets.shape)}; they must be [${count}, S], or all ${count} sequences' labels in one axis.`,
    );
  }
  if (joined && targetLengths === undefined) {
    throw new ValueError(`${op}: targets of several sequences in one axis need targetLengths.`);
  }
  const width = targets.shape[targets.rank - 1]!;
  const sizes = wholeNumbers(op, "targetLengths", targetLengths, count, 0, width);
  const data = targets.data();
  const total = sizes.reduce((a, b) => a + b, 0);
  if (joined && total !== width) {
    throw new ValueError(
      `${op}: targetLengths [${sizes.join(", ")}] sum to ${total}, and targets have ${width} labels; they must be equal.`,
    );
  }
  let start = 0;
  const labels = sizes.map((size, n) => {
    const from = joined ? start : n * width;
    start += size;
    return [...data.slice(from, from + size)];
  });
  const wrong = labels.flat().find((label) => label < 0 || label >= classes || label === blank);
  if (wrong !== undefined) {
    throw new ValueError(
      `${op}: target ${wrong} is no label; labels are 0 to ${classes - 1} without the blank ${blank}.`,
    );
  }
  return { steps, labels, lengths };
}

/** ln of each sequence's probability: [N]. */
function logLikelihood(frames: Tensor, { steps, labels, lengths }: Batch, blank: number): Tensor {
  const count = labels.length;
  const states = 2 * labels.reduce((most, list) => Math.max(most, list.length), 0) + 1;
  // Blanks around every label: blank, l₁, blank, l₂, …, blank.
  const symbols = labels.map((list) =>
    Array.from({ length: states }, (_, s) => (s % 2 === 1 ? (list[(s - 1) / 2] ?? blank) : blank)),
  );
  // The blank between two different labels may be left out.
  const skips = symbols.map((row) =>
    row.map((symbol, s) => Number(s >= 2 && symbol !== blank && symbol !== row[s - 2])),
  );
  const starts = labels.map((list) =>
    Array.from({ length: states }, (_, s) => Number(s === 0 || (s === 1 && list.length > 0))),
  );
  const at = table(symbols, "int32");
  const maySkip = table(skips, "bool");
  // The last state, and the one before it where there is any label.
  const ends = (back: number) =>
    table(
      labels.map((list) => [Math.max(0, 2 * list.length - back)]),
      "int32",
    );
  const emitted = (t: number) => {
    const row = gather(reshape(narrow(frames, 0, t, 1), [count, frames.shape[2]!]), 1, at);
    return where(lt(row, IMPOSSIBLE), IMPOSSIBLE, row);
  };
  let alpha = where(table(starts, "bool"), emitted(0), IMPOSSIBLE);
  for (let t = 1; t < steps; t++) {
    const skipped = where(maySkip, shifted(alpha, 2), IMPOSSIBLE);
    const next = add(logAddExp(alpha, shifted(alpha, 1), skipped), emitted(t));
    const runs = lengths.map((length) => [Number(t < length)]);
    alpha = runs.every(([run]) => run === 1) ? next : where(table(runs, "bool"), next, alpha);
  }
  const last = gather(alpha, 1, ends(0));
  const before = where(
    table(
      labels.map((list) => [Number(list.length > 0)]),
      "bool",
    ),
    gather(alpha, 1, ends(1)),
    IMPOSSIBLE,
  );
  return reshape(logAddExp(last, before), [count]);
}
