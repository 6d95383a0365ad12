/**
 * A convolutional network reads MNIST's handwritten digits, right in 99 of 100 cases after a few minutes.
 *
 * Notes: https://cs231n.github.io/convolutional-networks/#conv
 */
import { data, loadMnist, type Module, manualSeed, nn, noGrad } from "tapegrad";
import { drawImage, sideBySide } from "../mnist/art.ts";
import { lesson, main, range, whole } from "./common.ts";
import { trainImages } from "./train-images.ts";

const [side, classes] = [28, 10];

/**
 * {convolution – batch norm – relu} × 3 – linear: 28 × 28 pixels become 14 × 14, then 7 × 7, by strides of 2
 * instead of pooling ("getting rid of pooling" in the notes), at a quarter of the work.
 */
export function digitNet(): Module {
  const stage = (from: number, to: number, size: number, stride: number) => [
    nn.conv2d(from, to, size, { stride, padding: (size - 1) / 2, bias: false }),
    nn.batchNorm2d(to),
    nn.relu(),
  ];
  return nn.sequential([
    ...stage(1, 16, 5, 2),
    ...stage(16, 32, 5, 2),
    ...stage(32, 32, 3, 1),
    nn.flatten(),
    nn.linear(32 * (side / 4) ** 2, classes),
  ]);
}

/** The first digits that the model reads wrongly, as text. */
function mistakes(model: Module, digits: data.ImageDataset, looked: number, shown = 4): string {
  model.eval();
  const indices = Int32Array.from(range(0, looked));
  const guesses: number[] = [];
  for (const { x } of new data.DataLoader(data.subset(digits, indices), { batchSize: 256 })) {
    guesses.push(...noGrad(() => model(x).argmax(1)).data());
  }
  const wrong = range(0, looked).filter((i) => guesses[i] !== digits.labels[i]);
  return sideBySide(
    wrong.slice(0, shown).map((i) => ({
      lines: drawImage(digits.pixels(i), side, side),
      caption: `${guesses[i]}, is ${digits.labels[i]}`,
    })),
  );
}

export const mnistConvNet = lesson({
  about: "A convolutional network for MNIST",
  options: {
    train: whole(55_000, "digits to train on"),
    validation: whole(5000, "digits to choose the best epoch"),
    test: whole(10_000, "digits for the test"),
    epochs: whole(3, "passes over the training digits"),
    batchSize: whole(64, "digits per step"),
    seed: whole(231, "of weights and order", 0),
  },
  async run({ train, validation, test, epochs, batchSize, seed }, print) {
    const mnist = await loadMnist();
    manualSeed(seed);
    const model = digitNet();
    const result = await trainImages(
      {
        model,
        train: data.subset(mnist.train, range(0, train)),
        validation: data.subset(mnist.train, range(train, train + validation)),
        test: data.subset(mnist.test, range(0, test)),
        lr: 4e-3,
        weightDecay: 0.01,
        epochs,
        batchSize,
        seed,
      },
      print,
    );
    if (result.testAccuracy < 1) print(`\n${mistakes(model, mnist.test, test)}`);
    return result;
  },
});

await main(import.meta.url, mnistConvNet);
