/**
 * Losses for classes: scores (or log-probabilities) [N, C, …] against classes [N, …]. The places after C,
 * pixels for instance, are independent; a single row is [C] against a lone class.
 */
import { checkTensor } from "../apply.ts";
import { everyElement, firstOutside } from "../batched.ts";
import { checkFinite } from "../check.ts";
import { arange, zeros } from "../create.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../errors.ts";
import { defineOp } from "../op.ts";
import { scope } from "../scope.ts";
import { formatShape, type Shape, sameShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { floated } from "./arguments.ts";
import { eachSample, withFrontAxis } from "./batching.ts";
import { eq, ne, where } from "./compare.ts";
import { directly, runsDirectly, withPacked } from "./direct.ts";
import { add, div, mul, neg, relu, square, sub } from "./elementwise.ts";
import { gather, scatterZeros } from "./indexing.ts";
import { reshape, to, unsqueeze } from "./layout.ts";
import { mean, sum } from "./reduce.ts";
import { checkReduction, checkSameShape, type LossOptions, reduced } from "./reduction.ts";
import { cumprod } from "./scan.ts";
import { scatterAdd } from "./scatter.ts";
import { logSoftmax, softmax } from "./softmax.ts";
import { logaddexp } from "./special.ts";

/** Options of {@link nllLoss}. */
export interface NllOptions extends LossOptions {
  /** float, [C]: multiplies the losses of each class; the mean divides by the sum of the targets' weights. */
  weight?: Tensor | null;
  /** Places with this target count neither in the sum nor in the mean. Default −100. */
  ignoreIndex?: number;
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends NllOptions {
  /** From 0 to 1: so much of each target is spread evenly over the classes. Default 0. */
  labelSmoothing?: number;
}

/** The classes' axis of scores, and the shape of what is left without it. */
function classAxis(op: string, name: string, scores: Tensor): { axis: number; places: Shape } {
  checkTensor(op, name, scores);
  if (scores.rank === 0) {
    throw new ShapeError(
      `${op}: ${name} are []; they must be [C], [N, C] or [N, C, …]: scores of the classes.`,
    );
  }
  const axis = scores.rank === 1 ? 0 : 1;
  return { axis, places: scores.shape.filter((_, i) => i !== axis) };
}

function checkClassWeight(op: string, weight: Tensor | null | undefined, classes: number): void {
  if (weight === null || weight === undefined) return;
  checkTensor(op, "weight", weight);
  if (weight.rank !== 1 || weight.shape[0] !== classes) {
    throw new ShapeError(
      `${op}: weight is ${formatShape(weight.shape)}; it must be [${classes}], one number per class.`,
    );
  }
}

interface Targets {
  /** int32, of the places' shape, ignored ones replaced by class 0. */
  classes: Tensor;
  /** Which places count; null if all do. */
  keeps: Tensor | null;
  /** How many are not ignored. */
  counted: Tensor | number;
}

function checkTargets(
  op: string,
  name: string,
  scores: Tensor,
  target: Tensor,
  ignoreIndex: number | null,
): Targets {
  const { axis, places } = classAxis(op, name, scores);
  const classes = scores.shape[axis]!;
  if (target.dtype === "bool" || isFloat(target.dtype)) {
    throw new DTypeError(`${op}: the target is ${target.dtype}; it must be int32 classes.`);
  }
  if (!sameShape(target.shape, places)) {
    const wanted = scores.rank === 2 ? `[${places[0]}], one per row` : formatShape(places);
    throw new ShapeError(
      `${op}: ${name} are ${formatShape(scores.shape)} and target ${formatShape(target.shape)}; target classes must be ${wanted}.`,
    );
  }
  const chosen = to(target, "int32");
  const check = (list: Tensor): void => {
    const row = firstOutside(list, 0, classes - 1);
    if (row < 0) return;
    throw new IndexError(
      `${op}: target ${everyElement(list)[row]} of row ${row} is no class; ${classes} scores a row make classes 0 to ${classes - 1}.`,
    );
  };
  const mayIgnore =
    ignoreIndex !== null &&
    (firstOutside(chosen, 0, classes - 1) >= 0 || (ignoreIndex >= 0 && ignoreIndex < classes));
  if (!mayIgnore) {
    check(chosen);
    return { classes: chosen, keeps: null, counted: chosen.size };
  }
  const keeps = ne(chosen, ignoreIndex);
  const classesOrZero = where(keeps, chosen, 0);
  check(classesOrZero);
  return { classes: classesOrZero, keeps, counted: to(sum(keeps), scores.dtype) };
}

/** x at each place's class. */
function atClasses(x: Tensor, axis: number, classes: Tensor): Tensor {
  return reshape(gather(x, axis, unsqueeze(classes, axis)), classes.shape);
}

/**
 * −ln softmax(x)[class] of every row along the axis, in one pass; for the gradient it keeps the row's largest
 * score, and the logarithm of the sum relative to it, so that large scores lose no digits.
 */
export const crossEntropyOp = defineOp({
  name: "crossEntropy",
  inputs: ["x", "classes"],
  extras: ["top", "logSum"],
  domain: "any",
  shapes: ({ x, classes }, _: number) => {
    const each = { shape: classes.shape, dtype: x.dtype };
    return { y: each, top: each, logSum: each };
  },
  forwardAll: ({ x, classes }, { y, top, logSum }, kernels, axis) =>
    withPacked([classes], ([packed]) =>
      kernels.crossEntropy(x, axis, packed!, { loss: y, top, logSum }),
    ),
  saves: ["x", "classes"],
  batch: withFrontAxis((axis) => axis + 1),
  grad: {
    // ∂y/∂xⱼ = softmax(x)ⱼ − [j = class]
    x: (dy, saved, axis): Tensor => {
      const { x, classes } = saved;
      if (runsDirectly(dy, x, classes)) {
        const { top, logSum } = saved;
        return directly(x.form.fresh, (dx, kernels) =>
          withPacked([dy, classes], ([upstream, chosen]) => {
            const rows = { classes: chosen!, dy: upstream!, top, logSum };
            kernels.crossEntropyGrad(x, axis, rows, dx);
          }),
        );
      }
      const each = unsqueeze(dy, axis);
      const own = scatterZeros(each, unsqueeze(classes, axis), { axis, shape: x.shape });
      return sub(mul(softmax(x, axis), each), own);
    },
    classes: null,
  },
  tex: { y: "-\\ln \\mathrm{softmax}(x)_c", x: "\\mathrm{softmax}(x)_j - [j = c]" },
});

/** Each place's class weight. */
function weightsOf(weight: Tensor, classes: Tensor): Tensor {
  return reshape(gather(weight, 0, reshape(classes, [classes.size])), classes.shape);
}

/** [C] beside scores. */
function beside(weight: Tensor, scores: Tensor, axis: number): Tensor {
  return reshape(
    weight,
    scores.shape.map((size, i) => (i === axis ? size : 1)),
  );
}

/**
 * −weight[c]·x[c] at each place's class c, mixed with the mean over all classes by `smoothing`. x are the
 * log-probabilities of `scores`, or where there are scores only, what {@link crossEntropyOp} makes of them.
 */
function likelihood(
  op: string,
  name: string,
  scores: Tensor,
  target: Tensor,
  { weight, ignoreIndex = -100, reduction = "mean" }: NllOptions,
  x: Tensor | null = null,
  smoothing = 0,
): Tensor {
  const axis = scores.rank === 1 ? 0 : 1;
  const { classes, keeps, counted } = checkTargets(op, name, scores, target, ignoreIndex);
  const kept = (losses: Tensor) => (keeps === null ? losses : where(keeps, losses, 0));
  const weights = weight ? kept(weightsOf(weight, classes)) : null;
  const picked =
    x === null ? crossEntropyOp(scores, classes, axis) : neg(atClasses(x, axis, classes));
  let losses = kept(weights === null ? picked : mul(picked, weights));
  if (x !== null && smoothing > 0) {
    const all = neg(sum(weight ? mul(x, beside(weight, x, axis)) : x, axis));
    losses = add(mul(losses, 1 - smoothing), mul(kept(all), smoothing / x.shape[axis]!));
  }
  if (reduction !== "mean") return reduced(losses, reduction);
  return div(sum(losses), weights === null ? counted : sum(weights));
}

/**
 * Negative log-likelihood: −x[class], per place.
 *
 * @param x       float, [N, C, …] or [C]: log-probabilities
 * @param target  int32 or uint8, [N, …] or []: classes in [0, C)
 * @returns       the mean over the places that are not ignored (weighted, see `weight`; NaN if none is), their
 *                sum, or [N, …] with 0 for ignored ones
 * @throws        ShapeError if the shapes don't meet, IndexError for a class outside [0, C)
 */
export function nllLoss(x: Tensor, target: Tensor, options: NllOptions = {}): Tensor {
  const op = "nllLoss";
  const { axis } = classAxis(op, "scores", x);
  checkTensor(op, "target", target);
  checkReduction(op, options.reduction ?? "mean");
  checkClassWeight(op, options.weight, x.shape[axis]!);
  return likelihood(op, "scores", x, target, options, x);
}

/**
 * Softmax cross-entropy: −ln softmax(logits)[target] per place.
 *
 * @param logits  float, [N, C, …] or [C]: unnormalised scores
 * @param target  int32 or uint8, [N, …] or []: a class in [0, C) per place; or float of the logits' shape:
 *                probabilities, whose mean is over all places
 * @returns       the mean over the places that are not ignored (weighted, see `weight`; NaN if none is), their
 *                sum, or [N, …]
 * @throws        ShapeError if the shapes don't meet, IndexError for a class outside [0, C)
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const op = "crossEntropy";
  const { reduction = "mean", weight, labelSmoothing = 0 } = options;
  const { axis, places } = classAxis(op, "logits", logits);
  const classes = logits.shape[axis]!;
  checkTensor(op, "target", target);
  checkReduction(op, reduction);
  checkClassWeight(op, weight, classes);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ValueError(`${op}: labelSmoothing is ${labelSmoothing}; it must be from 0 to 1.`);
  }
  if (target.dtype === "bool") {
    throw new DTypeError(
      `${op}: the target is bool; it must be int32 classes or float probabilities.`,
    );
  }
  const soft = isFloat(target.dtype);
  if (soft && !sameShape(target.shape, logits.shape)) {
    throw new ShapeError(
      `${op}: logits are ${formatShape(logits.shape)} and target probabilities ${formatShape(target.shape)}; they must be equal.`,
    );
  }
  // What is computed on the way goes back as soon as backward has used it.
  return scope(() => {
    const scores = floated(logits);
    if (!soft && labelSmoothing === 0) return likelihood(op, "logits", scores, target, options);
    const logProbabilities = logSoftmax(scores, axis);
    if (!soft) {
      const x = logProbabilities;
      return likelihood(op, "logits", scores, target, options, x, labelSmoothing);
    }
    const smooth =
      labelSmoothing > 0 ? add(mul(target, 1 - labelSmoothing), labelSmoothing / classes) : target;
    const terms = mul(to(smooth, logits.dtype), logProbabilities);
    const losses = neg(sum(weight ? mul(terms, beside(weight, logits, axis)) : terms, axis));
    return reduction === "mean" ? div(sum(losses), sizeOf(places)) : reduced(losses, reduction);
  });
}

// ---------------------------------------------------------------------------------------------
// Margins

/** 1 everywhere but at each row's class: bool [N, C]. */
function others(classes: Tensor, count: number): Tensor {
  return ne(unsqueeze(classes, 1), arange(count));
}

/** Rows [N, C] and their classes [N]; a single row [C] becomes one of them. */
function asRows(op: string, scores: Tensor, target: Tensor): { rows: Tensor; classes: Tensor } {
  checkTensor(op, "scores", scores);
  checkTensor(op, "target", target);
  if (scores.rank !== 1 && scores.rank !== 2) {
    throw new ShapeError(
      `${op}: scores are ${formatShape(scores.shape)}; they must be [N, C], or [C] for one row.`,
    );
  }
  const { classes } = checkTargets(op, "scores", scores, target, null);
  const rows = scores.rank === 1 ? unsqueeze(scores, 0) : scores;
  return { rows, classes: reshape(classes, [rows.shape[0]!]) };
}

/** max(0, s_j − s_y + margin) for every class but the row's own, 0 there: [N, C]. */
function margins(rows: Tensor, classes: Tensor, margin: number): Tensor {
  const own = unsqueeze(atClasses(rows, 1, classes), 1);
  const over = relu(add(sub(rows, own), margin));
  return where(others(classes, rows.shape[1]!), over, 0);
}

/**
 * The multiclass support vector machine's loss: Σ over j ≠ y of max(0, s_j − s_y + margin), per row. Its
 * derivative at 0 is 0.
 *
 * Weston and Watkins, Support Vector Machines for Multi-Class Pattern Recognition, 1999; CS231n, Linear
 * classification (https://cs231n.github.io/linear-classify/#svm).
 *
 * @param scores  float, [N, C] or [C]
 * @param target  int32 or uint8, [N] or []
 * @returns       the mean over the rows, their sum, or [N]
 */
export function multiclassSvmLoss(
  scores: Tensor,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor {
  const op = "multiclassSvmLoss";
  const { reduction = "mean", margin = 1 } = options;
  checkReduction(op, reduction);
  checkFinite(op, "margin", margin);
  const { rows, classes } = asRows(op, scores, target);
  const losses = sum(margins(rows, classes, margin), 1);
  return reduced(scores.rank === 1 ? reshape(losses, []) : losses, reduction);
}

/**
 * Σ over j ≠ y of max(0, margin − s_y + s_j)ᵖ / C, per row: PyTorch's multi-class hinge, which also divides by the
 * number of classes. See {@link multiclassSvmLoss} for CS231n's.
 *
 * @param options.p       1 or 2. Default 1.
 * @param options.weight  float, [C]: multiplies the losses of rows of each class
 */
export function multiMarginLoss(
  scores: Tensor,
  target: Tensor,
  options: LossOptions & { p?: 1 | 2; margin?: number; weight?: Tensor | null } = {},
): Tensor {
  const op = "multiMarginLoss";
  const { reduction = "mean", p = 1, margin = 1, weight } = options;
  checkReduction(op, reduction);
  checkFinite(op, "margin", margin);
  if (p !== 1 && p !== 2) throw new ValueError(`${op}: p is ${p}; it must be 1 or 2.`);
  const { rows, classes } = asRows(op, scores, target);
  checkClassWeight(op, weight, rows.shape[1]!);
  const over = margins(rows, classes, margin);
  const summed = div(sum(p === 2 ? square(over) : over, 1), rows.shape[1]!);
  const losses = weight ? mul(summed, weightsOf(weight, classes)) : summed;
  return reduced(scores.rank === 1 ? reshape(losses, []) : losses, reduction);
}

/**
 * Σ over targets j and other classes i of max(0, 1 − (s_j − s_i)) / C, per row.
 *
 * @param scores  float, [N, C] or [C]
 * @param target  int32, of the scores' shape: each row's classes, ended by −1
 */
export function multilabelMarginLoss(
  scores: Tensor,
  target: Tensor,
  options: LossOptions = {},
): Tensor {
  const op = "multilabelMarginLoss";
  const { reduction = "mean" } = options;
  checkReduction(op, reduction);
  checkSameShape(op, "scores", scores, "target", target);
  if (scores.rank !== 1 && scores.rank !== 2) {
    throw new ShapeError(
      `${op}: scores are ${formatShape(scores.shape)}; they must be [N, C], or [C] for one row.`,
    );
  }
  if (target.dtype !== "int32") {
    throw new DTypeError(`${op}: the target is ${target.dtype}; it must be int32 classes.`);
  }
  const losses = eachSample([scores, target], ([sample, named]) => labelMargins(sample!, named!));
  return reduced(losses, reduction);
}

/** The losses of {@link multilabelMarginLoss}, per row. */
function labelMargins(scores: Tensor, target: Tensor): Tensor {
  const op = "multilabelMarginLoss";
  const rows = scores.rank === 1 ? unsqueeze(scores, 0) : scores;
  const [count, classes] = rows.shape as [number, number];
  const given = reshape(target, [count, classes]);
  const isNamed = cumprod(ne(given, -1), 1);
  const list = where(to(isNamed, "bool"), given, 0);
  const wrong = firstOutside(list, 0, classes - 1);
  if (wrong >= 0) {
    throw new IndexError(
      `${op}: target ${list.data()[wrong]} of row ${Math.floor(wrong / classes)} is no class; valid are 0 to ${classes - 1}, and -1 as the end.`,
    );
  }
  // How often each class is named in its row; a class named twice counts twice.
  const isTarget = scatterAdd(
    zeros([count, classes], { dtype: scores.dtype }),
    1,
    list,
    to(isNamed, scores.dtype),
  );
  const isOther = to(unsqueeze(eq(isTarget, 0), 1), scores.dtype);
  // Axis 1 counts targets j, axis 2 other classes i.
  const over = relu(add(sub(unsqueeze(rows, 1), unsqueeze(rows, 2)), 1));
  const pairs = mul(mul(over, unsqueeze(isTarget, 2)), isOther);
  const losses = div(sum(pairs, [1, 2]), classes);
  return scores.rank === 1 ? reshape(losses, []) : losses;
}

/**
 * The mean over classes of the binary cross-entropy with logits, per row: each class is a yes or no of its own.
 *
 * @param logits          float, [..., C]
 * @param target          of the same shape, 0 or 1
 * @param options.weight  float, [C]
 */
export function multilabelSoftMarginLoss(
  logits: Tensor,
  target: Tensor,
  options: LossOptions & { weight?: Tensor | null } = {},
): Tensor {
  const op = "multilabelSoftMarginLoss";
  const { reduction = "mean", weight } = options;
  checkReduction(op, reduction);
  checkSameShape(op, "logits", logits, "target", target);
  if (logits.rank === 0) throw new ShapeError(`${op}: logits are []; they must be [..., C].`);
  checkClassWeight(op, weight, logits.shape[logits.rank - 1]!);
  // ln(1 + e^−x) = ln(1 + eˣ) − x
  const terms = sub(logaddexp(logits, 0), mul(target, logits));
  return reduced(mean(weight ? mul(terms, weight) : terms, -1), reduction);
}
