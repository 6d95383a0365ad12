/**
 * Linear classifiers with the multiclass SVM's or softmax's loss, as in CS231n's first assignment
 * (https://cs231n.github.io/linear-classify/): scores are X·W, X [N, D], W [D, C]. A bias is a column of
 * ones in X. Both losses come in two forms that must agree: loops with the gradient written out, and whole
 * matrices with the gradient from the tape.
 */
import {
  crossEntropy,
  DTypeError,
  defaultGenerator,
  formatShape,
  Generator,
  grad,
  IndexError,
  indexSelect,
  isFloat,
  multiclassSvmLoss,
  noGrad,
  randint,
  randn,
  ShapeError,
  show,
  Tensor,
  tensor,
  ValueError,
} from "@tapegrad/core";
import { DivergedError } from "./update.ts";

export interface LossAndGradient {
  readonly loss: number;
  /** ∂loss/∂W, [D, C] */
  readonly dW: Tensor;
}

export interface RegOptions {
  /** Penalty reg·ΣW² (without ½, as in that assignment). Default 0. */
  reg?: number;
}

/** Mean loss over the rows plus the penalty, and its gradient. */
export type LinearLoss = (W: Tensor, X: Tensor, y: Tensor, options?: RegOptions) => LossAndGradient;

function checkExamples(where: string, X: unknown, y: unknown): asserts X is Tensor {
  if (!(X instanceof Tensor) || X.rank !== 2 || X.shape[0] === 0) {
    throw new ShapeError(
      `${where}: X is ${X instanceof Tensor ? formatShape(X.shape) : show(X)}; it must be [N, D], at least one row.`,
    );
  }
  if (!isFloat(X.dtype)) {
    throw new DTypeError(`${where}: X is ${X.dtype}; it must be float32 or float64.`);
  }
  if (!(y instanceof Tensor) || y.rank !== 1 || y.shape[0] !== X.shape[0]) {
    throw new ShapeError(
      `${where}: X is ${formatShape(X.shape)} and y ${y instanceof Tensor ? formatShape(y.shape) : show(y)}; y must be [${X.shape[0]}], a class per row.`,
    );
  }
  if (isFloat(y.dtype) || y.dtype === "bool") {
    throw new DTypeError(`${where}: y is ${y.dtype}; it must be int32 or uint8: classes.`);
  }
}

function checkWeights(where: string, W: unknown, X: Tensor): asserts W is Tensor {
  if (W instanceof Tensor && W.rank === 2 && W.shape[0] === X.shape[1] && W.shape[1] >= 2) return;
  throw new ShapeError(
    `${where}: W is ${W instanceof Tensor ? formatShape(W.shape) : show(W)} and X ${formatShape(X.shape)}; W must be [${X.shape[1]}, C], a column for each of at least 2 classes.`,
  );
}

function checkReg(where: string, reg: number): void {
  if (Number.isFinite(reg) && reg >= 0) return;
  throw new ValueError(`${where}: reg is ${show(reg)}; it must be a finite number from 0.`);
}

// ---- Loops

/** A row's loss; writes the gradient for its scores into `ds`. */
type RowLoss = (scores: Float64Array, y: number, ds: Float64Array) => number;

function loops(where: string, rowLoss: RowLoss): LinearLoss {
  return (W, X, y, { reg = 0 } = {}) => {
    checkExamples(where, X, y);
    checkWeights(where, W, X);
    checkReg(where, reg);
    const [rows, columns] = X.shape;
    const classes = W.shape[1];
    const [w, x, truth] = [W.data(), X.data(), y.data()];
    const dW = new Float64Array(w.length);
    const [scores, ds] = [new Float64Array(classes), new Float64Array(classes)];
    let loss = 0;
    for (let i = 0; i < rows; i++) {
      if (truth[i] < 0 || truth[i] >= classes) {
        throw new IndexError(
          `${where}: target ${truth[i]} of row ${i} is no class; ${classes} columns of W make classes 0 to ${classes - 1}.`,
        );
      }
      for (let c = 0; c < classes; c++) {
        scores[c] = 0;
        for (let d = 0; d < columns; d++) scores[c] += x[i * columns + d] * w[d * classes + c];
      }
      loss += rowLoss(scores, truth[i], ds) / rows;
      for (let d = 0; d < columns; d++) {
        for (let c = 0; c < classes; c++) {
          dW[d * classes + c] += (x[i * columns + d] * ds[c]) / rows;
        }
      }
    }
    w.forEach((weight: number, i: number) => {
      loss += reg * weight * weight;
      dW[i] += 2 * reg * weight;
    });
    return { loss, dW: tensor(dW, { shape: W.shape, dtype: W.dtype }) };
  };
}

/**
 * Σ over j ≠ y of max(0, s_j − s_y + 1), in loops: each class over the margin pulls its own column of W
 * one way and that of the right class the other.
 */
export const svmLossNaive: LinearLoss = loops("svmLossNaive", (scores, y, ds) => {
  let loss = 0;
  ds.fill(0);
  scores.forEach((score, j) => {
    const margin = score - scores[y] + 1;
    if (j === y || margin <= 0) return;
    loss += margin;
    ds[j] += 1;
    ds[y] -= 1;
  });
  return loss;
});

/** −ln softmax(s)_y, in loops: the gradient for the scores is softmax(s) − onehot(y). */
export const softmaxLossNaive: LinearLoss = loops("softmaxLossNaive", (scores, y, ds) => {
  // Less the largest, so that exp can't overflow; softmax is the same.
  const largest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  let total = 0;
  scores.forEach((score, c) => {
    ds[c] = Math.exp(score - largest);
    total += ds[c];
  });
  ds.forEach((e, c) => {
    ds[c] = e / total - Number(c === y);
  });
  return Math.log(total) - (scores[y] - largest);
});

// ---- Whole matrices

function matrices(where: string, lossOf: (scores: Tensor, y: Tensor) => Tensor): LinearLoss {
  return (W, X, y, { reg = 0 } = {}) => {
    checkExamples(where, X, y);
    checkWeights(where, W, X);
    checkReg(where, reg);
    const w = W.detach().requiresGrad_();
    const loss = lossOf(X.detach().matmul(w), y).add(w.square().sum().mul(reg));
    return { loss: loss.item(), dW: grad(loss, [w])[0]! };
  };
}

/** {@link svmLossNaive} without loops. */
export const svmLossVectorized: LinearLoss = matrices("svmLossVectorized", (scores, y) =>
  multiclassSvmLoss(scores, y),
);

/** {@link softmaxLossNaive} without loops. */
export const softmaxLossVectorized: LinearLoss = matrices("softmaxLossVectorized", (scores, y) =>
  // No target is NaN: none is left out of the mean.
  crossEntropy(scores, y, { ignoreIndex: Number.NaN }),
);

// ---- Classifiers

export interface LinearTrainOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** Penalty reg·ΣW². Default 1e-5. */
  reg?: number;
  /** Default 100. */
  steps?: number;
  /** Examples drawn for each step, with replacement. Default 200. */
  batchSize?: number;
  /** Number of classes. By default one more than the largest in the first training's y. */
  classes?: number;
  /** Fixes the first weights and the batches; by default drawn from the shared generator. */
  seed?: number;
  /** Called after each step with its loss. */
  onStep?: (step: number, loss: number) => void;
}

/** A linear classifier trained by stochastic gradient descent. */
export class LinearClassifier {
  readonly #loss: LinearLoss;
  /** Weights [D, C]; null before the first training. */
  W: Tensor | null = null;
  /** Loss of every step so far. */
  readonly lossHistory: number[] = [];

  constructor(loss: LinearLoss) {
    this.#loss = loss;
  }

  /**
   * Takes steps down the gradient on random batches; trained again, it goes on with the weights it has.
   *
   * @param X  float, [N, D]
   * @param y  int32 or uint8 classes [N]
   * @returns  the loss of every step of this training
   * @throws DivergedError when the loss is NaN or infinite
   */
  train(X: Tensor, y: Tensor, options: LinearTrainOptions = {}): number[] {
    const where = `${this.constructor.name}.train`;
    const { lr = 1e-3, reg = 1e-5, steps = 100, batchSize = 200, seed, onStep } = options;
    checkExamples(where, X, y);
    checkReg(where, reg);
    if (!(Number.isFinite(lr) && lr > 0)) {
      throw new ValueError(`${where}: lr is ${show(lr)}; it must be a finite number above 0.`);
    }
    for (const [name, value] of Object.entries({ steps, batchSize })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new ValueError(
        `${where}: ${name} is ${show(value)}; it must be a whole number from 1.`,
      );
    }
    const generator = seed === undefined ? defaultGenerator() : new Generator(seed);
    this.W ??= firstWeights(where, X, {
      classes: options.classes ?? classesIn(y),
      generator,
    });
    checkWeights(where, this.W, X);
    const history: number[] = [];
    for (let step = 0; step < steps; step++) {
      const rows = randint(0, X.shape[0], [batchSize], { generator });
      const [x, classes] = noGrad(() => [indexSelect(X, 0, rows), indexSelect(y, 0, rows)]);
      const { loss, dW } = this.#loss(this.W, x, classes, { reg });
      if (!Number.isFinite(loss)) {
        throw new DivergedError(
          `${where}: the loss is ${loss} at step ${step + 1} (learning rate ${lr}); lower the learning rate, or look for NaN or huge numbers in X.`,
        );
      }
      this.W.sub_(dW.mul_(lr));
      history.push(loss);
      this.lossHistory.push(loss);
      onStep?.(step, loss);
    }
    return history;
  }

  /** Scores X·W, [N, C]. */
  scores(X: Tensor): Tensor {
    if (this.W === null) {
      throw new ValueError(
        `${this.constructor.name}: there are no weights yet; call train before.`,
      );
    }
    const { W } = this;
    return noGrad(() => X.matmul(W));
  }

  /** Class of each row: of its largest score, the first of equal ones. int32 [N] */
  predict(X: Tensor): Tensor {
    return this.scores(X).argmax(1);
  }
}

const classesIn = (y: Tensor) =>
  Int32Array.from(y.data()).reduce((most, c) => Math.max(most, c), 0) + 1;

function firstWeights(
  where: string,
  X: Tensor,
  { classes, generator }: { classes: number; generator: Generator },
): Tensor {
  if (!Number.isSafeInteger(classes) || classes < 2) {
    throw new ValueError(
      `${where}: the number of classes is ${show(classes)}; it must be a whole number from 2: name it as classes.`,
    );
  }
  return randn([X.shape[1], classes], { std: 1e-3, dtype: X.dtype, generator });
}

/** With the loss of the multiclass support vector machine. */
export class LinearSVM extends LinearClassifier {
  constructor() {
    super(svmLossVectorized);
  }
}

/** With the softmax cross-entropy. */
export class SoftmaxClassifier extends LinearClassifier {
  constructor() {
    super(softmaxLossVectorized);
  }
}
