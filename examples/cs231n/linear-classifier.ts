/**
 * What the support vector machine and the softmax classifier of CS231n's assignment 1 have in common: scores
 * X·W, the check of their gradients, stochastic gradient descent, the choice of rate and regularization.
 *
 * Notes: https://cs231n.github.io/linear-classify/ and https://cs231n.github.io/optimization-1/
 */
import {
  argmax,
  concat,
  Generator,
  indexSelect,
  matmul,
  noGrad,
  numericalGradient,
  ones,
  randint,
  randn,
  relativeError,
  type Tensor,
} from "tapegrad";
import {
  asRows,
  cifarFolder,
  type Lesson,
  lesson,
  loadCifar,
  lossCurve,
  type Option,
  type Print,
  percent,
  table,
  whole,
} from "./common.ts";

/** X [N, D] and its classes y [N]. */
export interface Labelled {
  readonly x: Tensor;
  readonly y: Tensor;
}

/**
 * A classifier's loss: the mean over the rows of X [N, D] plus reg·ΣW², with W [D, C] multiplied from the right
 * as in the course; and its gradient [D, C].
 */
export type LossAndGradient = (
  W: Tensor,
  { x, y }: Labelled,
  reg: number,
) => { loss: number; dW: Tensor };

/** The same loss in three ways. */
export interface LinearClassifier {
  /** Loops over rows, classes and features, in plain numbers. */
  readonly naive: LossAndGradient;
  /** Matrix products; the gradient derived by hand. */
  readonly vectorized: LossAndGradient;
  /** Only the mean loss; the gradient is the tape's. */
  readonly loss: (scores: Tensor, y: Tensor) => Tensor;
}

/** Loss and gradient from the tape. */
export function byTape(loss: LinearClassifier["loss"]): LossAndGradient {
  return (W, { x, y }, reg) => {
    const leaf = W.clone().requiresGrad_();
    const total = loss(matmul(x, leaf), y).add(leaf.square().sum().mul(reg));
    total.backward();
    return { loss: total.item(), dW: leaf.grad! };
  };
}

/**
 * "Image data preprocessing" and "bias trick": pixels from 0 to 255 minus the training images' mean image, and a
 * last feature that is always 1, so that the last row of W is the bias.
 */
export async function loadRows(
  folder: string,
  sizes: { train?: number; validation?: number; test?: number },
): Promise<Record<"train" | "validation" | "test", Labelled>> {
  const parts = await loadCifar(folder, sizes, { mean: 0, std: 1 / 255 });
  const train = asRows(parts.train);
  const mean = train.x.mean(0);
  const prepare = ({ x, y }: Labelled) => ({
    x: concat([x.sub(mean), ones([x.shape[0], 1])], 1),
    y,
  });
  return {
    train: prepare(train),
    validation: prepare(asRows(parts.validation)),
    test: prepare(asRows(parts.test)),
  };
}

/**
 * "Gradient check" (https://cs231n.github.io/neural-networks-3/#gradcheck), in float64: the naive loss and gradient,
 * the vectorized and the tape's must agree with each other, and with central differences at some elements.
 *
 * @returns  the largest relative errors, of gradients to each other and to central differences
 */
export function checkGradients(
  { naive, vectorized, loss }: LinearClassifier,
  few: Labelled,
  reg: number,
  print: Print,
): { loss: number; between: number; numeric: number } {
  const generator = new Generator(231);
  const batch = { x: few.x.to("float64"), y: few.y };
  const W = randn([few.x.shape[1], 10], { dtype: "float64", generator }).mul(1e-5);
  const expected = naive(W, batch, reg);
  const others = { vectorized: vectorized(W, batch, reg), tape: byTape(loss)(W, batch, reg) };
  const errors = Object.entries(others).map(([name, got]) => ({
    name,
    loss: relativeError([got.loss], [expected.loss]),
    gradient: relativeError(got.dW.data(), expected.dW.data()),
  }));
  // All 30,730 elements would take as many losses; a column of ten features tells as much.
  const [first, count] = [1000, 10];
  const numeric = numericalGradient(
    (part) => {
      const moved = W.clone();
      moved.narrow(0, first, count).copy_(part);
      return vectorized(moved, batch, reg).loss;
    },
    W.narrow(0, first, count),
    1e-6,
  );
  const error = relativeError(expected.dW.narrow(0, first, count).data(), numeric);
  print(
    table([
      [`reg ${reg}: loss ${expected.loss.toFixed(4)}; relative errors of`, "loss", "gradient"],
      ...errors.map(({ name, loss, gradient }) => [
        `  ${name}`,
        loss.toExponential(1),
        gradient.toExponential(1),
      ]),
      ["  central differences", "", error.toExponential(1)],
    ]),
  );
  const between = Math.max(...errors.flatMap(({ loss, gradient }) => [loss, gradient]));
  return { loss: expected.loss, between, numeric: error };
}

export interface SgdOptions {
  lr: number;
  reg: number;
  steps: number;
  batchSize: number;
  seed: number;
}

/** "Stochastic Gradient Descent": W ← W − lr·dW, each step on a random batch. */
export function trainSgd(
  loss: LossAndGradient,
  { x, y }: Labelled,
  { lr, reg, steps, batchSize, seed }: SgdOptions,
): { W: Tensor; lossHistory: number[] } {
  const generator = new Generator(seed);
  const W = randn([x.shape[1], 10], { generator }).mul(1e-3);
  const lossHistory: number[] = [];
  for (let step = 0; step < steps; step++) {
    const rows = randint(0, x.shape[0], [batchSize], { generator });
    const batch = { x: indexSelect(x, 0, rows), y: indexSelect(y, 0, rows) };
    const result = loss(W, batch, reg);
    lossHistory.push(result.loss);
    W.sub_(result.dW.mul(lr));
  }
  return { W, lossHistory };
}

/** Share of rows whose largest score is the right class's. */
export function accuracy(W: Tensor, { x, y }: Labelled): number {
  return noGrad(() => argmax(matmul(x, W), 1).eq(y).sum().item() / y.size);
}

interface LinearOptions extends Record<string, Option<string> | Option<number>> {
  data: Option<string>;
  train: Option<number>;
  test: Option<number>;
  steps: Option<number>;
  batchSize: Option<number>;
  seed: Option<number>;
}

export interface LinearResult {
  checks: { loss: number; between: number; numeric: number }[];
  lossHistory: number[];
  best: { lr: number; reg: number; validation: number };
  testAccuracy: number;
}

/** The whole lesson of a linear classifier: check, train for each rate and regularization, test the best. */
export function linearLesson(
  about: string,
  classifier: LinearClassifier,
  { lrs, regs }: { lrs: readonly number[]; regs: readonly number[] },
): Lesson<LinearOptions, LinearResult> {
  return lesson({
    about,
    options: {
      data: cifarFolder,
      train: whole(9000, "training images"),
      test: whole(2000, "test images"),
      steps: whole(1500, "steps of each training"),
      batchSize: whole(200, "images of a step"),
      seed: whole(1, "fixes every random number", 0),
    },
    async run({ data: folder, train: images, test: testImages, ...options }, print) {
      const { train, validation, test } = await loadRows(folder, {
        train: images,
        test: testImages,
      });
      print("Gradient check");
      const few = { x: train.x.narrow(0, 0, 20), y: train.y.narrow(0, 0, 20) };
      const checks = [0, 2.5e4].map((reg) => checkGradients(classifier, few, reg, print));

      print(`\nTraining on ${images} images, ${options.steps} steps each`);
      const runs = lrs.flatMap((lr) =>
        regs.map((reg) => {
          const run = trainSgd(classifier.vectorized, train, { ...options, lr, reg });
          const found = { lr, reg, ...run, validation: accuracy(run.W, validation) };
          print(
            `lr ${lr.toExponential()}, reg ${reg.toExponential()}: ${lossCurve(run.lossHistory, 40)} training ${percent(accuracy(run.W, train))}, validation ${percent(found.validation)}`,
          );
          return found;
        }),
      );
      const best = runs.reduce((a, b) => (b.validation > a.validation ? b : a));
      const testAccuracy = accuracy(best.W, test);
      print(
        `\nTest accuracy ${percent(testAccuracy)} with lr ${best.lr.toExponential()}, reg ${best.reg.toExponential()}, on ${testImages} images`,
      );
      return { checks, lossHistory: best.lossHistory, best, testAccuracy };
    },
  });
}
