/**
 * A network of two layers, of CS231n's assignments 1 and 2: affine – relu – affine – softmax. Its toy check with the
 * published scores and loss, its gradients, then CIFAR-10.
 *
 * Notes: https://cs231n.github.io/neural-networks-case-study/
 */
import {
  checkAccuracy,
  crossEntropy,
  gradcheck,
  linspace,
  manualSeed,
  nn,
  optim,
  Solver,
  type Tensor,
  tensor,
} from "tapegrad";
import {
  cifarFolder,
  expectPublished,
  lesson,
  loadCifar,
  lossCurve,
  main,
  number,
  type Print,
  percent,
  whole,
} from "./common.ts";

const spaced = (from: number, to: number, ...shape: number[]) =>
  linspace(
    from,
    to,
    shape.reduce((size, n) => size * n, 1),
    { dtype: "float64" },
  ).reshape(shape);

/** scores = relu(X·W1 + b1)·W2 + b2, with the course's weights [in, out]. */
export function scores(X: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor): Tensor {
  return X.matmul(W1).add(b1).relu().matmul(W2).add(b2);
}

/** The notebook's toy network: every number is given, so every digit can be compared. */
function checkToyNetwork(print: Print): void {
  const [inputs, hidden, classes] = [5, 50, 7];
  const X = spaced(-5.5, 4.5, inputs, 3).transpose();
  const y = tensor([0, 5, 1], { dtype: "int32" });
  const parameters = [
    spaced(-0.7, 0.3, inputs, hidden),
    spaced(-0.1, 0.9, hidden),
    spaced(-0.3, 0.4, hidden, classes),
    spaced(-0.9, 0.1, classes),
  ] as const;
  expectPublished(
    print,
    "scores",
    scores(X, ...parameters),
    [
      11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096,
      12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143,
      12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319,
    ],
  );
  const [W1, b1, W2, b2] = parameters;
  const loss = (reg: number) => {
    const penalty = W1.square()
      .sum()
      .add(W2.square().sum())
      .mul(0.5 * reg);
    return crossEntropy(scores(X, W1, b1, W2, b2), y).add(penalty);
  };
  expectPublished(print, "loss without regularization", loss(0), [3.4702243556], 1e-10);
  expectPublished(print, "loss with reg 1", loss(1), [26.5948426952], 1e-10);
  const leaves = parameters.map((p) => p.clone().requiresGrad_());
  gradcheck((...[W1, b1, W2, b2]) => crossEntropy(scores(X, W1, b1, W2, b2), y), leaves);
  print("gradients of W1, b1, W2, b2 agree with central differences");
}

export const twoLayerNet = lesson({
  about: "A two-layer network: published scores and loss, then CIFAR-10.",
  options: {
    data: cifarFolder,
    seed: whole(1, "fixes every random number", 0),
    train: whole(9000, "training images"),
    validation: whole(1000, "images that choices are made by"),
    test: whole(2000, "test images"),
    hidden: whole(200, "hidden units"),
    epochs: whole(15, "passes over the training images"),
    lr: number(0.01, "learning rate"),
    decay: number(0.9, "what the learning rate is multiplied by after each epoch"),
    reg: number(0.01, "regularization"),
  },
  async run(options, print) {
    const { hidden, epochs, seed, lr, reg, decay: lrDecay } = options;
    checkToyNetwork(print);

    manualSeed(seed);
    const { train, validation, test } = await loadCifar(options.data, options);
    const model = nn.twoLayerNet({ hiddenDim: hidden, weightScale: 1e-2, seed });
    print(`\n${epochs} epochs over ${train.length} images`);
    const solver = new Solver({
      model,
      train,
      validation,
      optimizer: new optim.Momentum(model.parameters(), { lr, momentum: 0.9 }),
      reg,
      epochs,
      lrDecay,
      seed,
      progress: "silent",
    });
    const result = await solver.fit();
    const { lossHistory, trainAccHistory, valAccHistory, bestEpoch } = result;
    print(`loss ${lossCurve(lossHistory)}`);
    valAccHistory.forEach((accuracy, epoch) => {
      const training = percent(trainAccHistory[epoch]);
      print(`epoch ${epoch + 1}: training ${training}, validation ${percent(accuracy)}`);
    });

    const testAccuracy = await checkAccuracy(model, test);
    print(
      `\nTest accuracy ${percent(testAccuracy)} of epoch ${bestEpoch}, on ${test.length} images`,
    );
    return { ...result, testAccuracy };
  },
});

await main(import.meta.url, twoLayerNet);
