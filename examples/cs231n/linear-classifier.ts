/**
 * What the support vector machine and the softmax classifier of CS231n's assignment 1 have in common: scores
 * X·W, the check of their gradients, stochastic gradient descent, the choice of rate and regularization.
 *
 * Notes: https://cs231n.github.io/linear-classify/ and https://cs231n.github.io/optimization-1/
 */
import {
  concat,
  Generator,
  numericalGradient,
  ones,
  randn,
  relativeError,
  type Tensor,
  train,
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
 * A classifier's loss in three ways: the mean over the rows of X [N, D] plus reg·ΣW², with W [D, C] multiplied from
 * the right as in the course; and its gradient [D, C].
 */
export interface LossForms {
  /** Loops over rows, classes and features, in plain numbers. */
  readonly naive: train.LinearLoss;
  /** Matrix products; the gradient derived by hand. */
  readonly vectorized: train.LinearLoss;
  /** The gradient is the tape's. */
  readonly taped: train.LinearLoss;
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
  const training = asRows(parts.train);
  const mean = training.x.mean(0);
  const prepare = ({ x, y }: Labelled) => ({
    x: concat([x.sub(mean), ones([x.shape[0], 1])], 1),
    y,
  });
  return {
    train: prepare(training),
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
  { naive, vectorized, taped }: LossForms,
  few: Labelled,
  reg: number,
  print: Print,
): { loss: number; between: number; numeric: number } {
  const generator = new Generator(231);
  const x = few.x.to("float64");
  const W = randn([few.x.shape[1], 10], { dtype: "float64", generator }).mul(1e-5);
  const by = (form: train.LinearLoss, weights = W) => form(weights, x, few.y, { reg });
  const expected = by(naive);
  const others = { vectorized: by(vectorized), tape: by(taped) };
  const errors = Object.entries(others).map(([name, got]) => ({
    name,
    loss: relativeError([got.loss], [expected.loss]),
    gradient: relativeError(got.dW.data(), expected.dW.data()),
  }));
  // All 30,730 elements would take twice as many losses; those of two pixels tell as much.
  const [first, count] = [1000, 2];
  const numeric = numericalGradient(
    (part) => {
      const moved = W.clone();
      moved.narrow(0, first, count).copy_(part);
      return by(vectorized, moved).loss;
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

/** Share of rows whose largest score is the right class's. */
function accuracy(classifier: train.LinearClassifier, { x, y }: Labelled): number {
  return classifier.predict(x).eq(y).sum().item() / y.size;
}

export interface LinearOptions extends Record<string, Option<string> | Option<number>> {
  data: Option<string>;
  train: Option<number>;
  validation: Option<number>;
  test: Option<number>;
  steps: Option<number>;
  batchSize: Option<number>;
  seed: Option<number>;
}

export interface LinearResult {
  checks: { loss: number; between: number; numeric: number }[];
  /** Of the best run. */
  lossHistory: readonly number[];
  testAccuracy: number;
}

/** The whole lesson of a linear classifier: check, train for each rate and regularization, test the best. */
export function linearLesson(
  about: string,
  forms: LossForms,
  { lrs, regs }: { lrs: readonly number[]; regs: readonly number[] },
): Lesson<LinearOptions, LinearResult> {
  return lesson({
    about,
    options: {
      data: cifarFolder,
      train: whole(9000, "training images"),
      validation: whole(1000, "images that choices are made by"),
      test: whole(2000, "test images"),
      steps: whole(1500, "steps of each training"),
      batchSize: whole(200, "images of a step"),
      seed: whole(1, "fixes every random number", 0),
    },
    async run(options, print) {
      const parts = await loadRows(options.data, options);
      print("Gradient check");
      const { x, y } = parts.train;
      const few = { x: x.narrow(0, 0, 20), y: y.narrow(0, 0, 20) };
      const checks = [0, 2.5e4].map((reg) => checkGradients(forms, few, reg, print));

      // "Stochastic Gradient Descent": W ← W − lr·dW, each step on a random batch.
      print(`\nTraining on ${options.train} images, ${options.steps} steps each`);
      const runs = lrs.flatMap((lr) =>
        regs.map((reg) => {
          const classifier = new train.LinearClassifier(forms.vectorized);
          const { steps, batchSize, seed } = options;
          const { x, y } = parts.train;
          classifier.train(x, y, { lr, reg, steps, batchSize, seed, classes: 10 });
          const validation = accuracy(classifier, parts.validation);
          const training = accuracy(classifier, parts.train);
          const curve = lossCurve(classifier.lossHistory, 40);
          print(
            `lr ${lr.toExponential()}, reg ${reg.toExponential()}: ${curve} training ${percent(training)}, validation ${percent(validation)}`,
          );
          return { lr, reg, classifier, validation };
        }),
      );
      const best = runs.reduce((a, b) => (b.validation > a.validation ? b : a));
      const testAccuracy = accuracy(best.classifier, parts.test);
      print(
        `\nTest accuracy ${percent(testAccuracy)} with lr ${best.lr.toExponential()}, reg ${best.reg.toExponential()}, on ${options.test} images`,
      );
      return { checks, lossHistory: best.classifier.lossHistory, testAccuracy };
    },
  });
}
