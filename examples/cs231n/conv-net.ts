/**
 * Convolutional networks, of CS231n's assignment 2: the convolution's published numbers, a small network that is
 * checked and overfitted on purpose, and a deeper one that is trained to classify CIFAR-10.
 *
 * Notes: https://cs231n.github.io/convolutional-networks/
 */
import {
  AdamW,
  conv2d,
  data,
  gradcheck,
  linspace,
  type Module,
  manualSeed,
  maxPool2d,
  nn,
  noGrad,
  Solver,
  type Tensor,
} from "tapegrad";
import {
  cifarFolder,
  expectPublished,
  lesson,
  loadCifar,
  lossCurve,
  main,
  type Print,
  percent,
  range,
  whole,
} from "./common.ts";
import { trainImages } from "./train-images.ts";

const classes = 10;

/** The output that the notebook prints for conv_forward_naive: [2, 3, 2, 2]. */
const publishedConvolution = [
  -0.08759809, -0.10987781, -0.18387192, -0.2109216, 0.21027089, 0.21661097, 0.22847626, 0.23004637,
  0.50813986, 0.54309974, 0.64082444, 0.67101435, -0.98053589, -1.03143541, -1.19128892,
  -1.24695841, 0.69108355, 0.66880383, 0.59480972, 0.56776003, 2.36270298, 2.36904306, 2.38090835,
  2.38247847,
];

/** "Convolution: forward and backward pass": published values, and the gradients against differences. */
function checkLayers(print: Print): void {
  const leaf = (from: number, to: number, shape: number[]) => {
    const size = shape.reduce((product, side) => product * side, 1);
    const values = linspace(from, to, size, { dtype: "float64" });
    return values.reshape(shape).requiresGrad_();
  };
  const x = leaf(-0.1, 0.5, [2, 3, 4, 4]);
  const w = leaf(-0.2, 0.3, [3, 3, 4, 4]);
  const b = leaf(-0.1, 0.2, [3]);
  const convolution = (images: Tensor, weight: Tensor, bias: Tensor) =>
    conv2d(images, weight, { bias, stride: 2, padding: 1 });
  expectPublished(print, "convolution, forward", convolution(x, w, b), publishedConvolution);
  gradcheck(convolution, [x, w, b]);
  gradcheck((images: Tensor) => maxPool2d(images, 2), [x]);
  print("convolution and max pooling, backward: the gradients agree with differences");
}

/**
 * "Sanity check loss" and "Overfit small data": the three-layer network starts at a loss of ln 10, and learns
 * a few images by heart.
 */
async function checkSmallNet(
  tiny: data.Dataset,
  epochs: number,
  print: Print,
): Promise<{ initialLoss: number; overfitted: number }> {
  const model = nn.threeLayerConvNet({ weightScale: 1e-2, numFilters: 16, filterSize: 3, seed: 1 });
  const { x, y } = tiny.batch(Int32Array.from(range(0, tiny.length)));
  const initialLoss = noGrad(() => model.loss(x, y)).item();
  print(`three layers: initial loss ${initialLoss.toFixed(3)} (ln 10 = ${Math.LN10.toFixed(3)})`);
  const optimizer = new AdamW(model.parameters(), { lr: 2e-3 });
  const solver = new Solver({
    model,
    train: tiny,
    optimizer,
    epochs,
    batchSize: 25,
    seed: 1,
    progress: "silent",
  });
  const { lossHistory, trainAccHistory } = await solver.fit();
  const overfitted = trainAccHistory.at(-1)!;
  print(
    `${tiny.length} images by heart: ${lossCurve(lossHistory)} accuracy ${percent(overfitted)}`,
  );
  return { initialLoss, overfitted };
}

/**
 * {[conv – batch norm – relu] – pool} × 3 – affine, after the notes' "layer patterns": small filters, more of
 * them as the picture shrinks. Biases before a batch norm would have no effect.
 *
 * @param width  filters of the first layer; then twice and four times as many
 */
export function deepConvNet(width: number): Module {
  const stage = (from: number, to: number) => [
    nn.conv2d(from, to, 3, { padding: 1, bias: false }),
    nn.batchNorm2d(to),
    nn.relu(),
    nn.maxPool2d(2),
  ];
  const [channels, side] = [3, 32];
  return nn.sequential([
    ...stage(channels, width),
    ...stage(width, 2 * width),
    ...stage(2 * width, 4 * width),
    nn.flatten(),
    nn.linear(4 * width * (side / 8) ** 2, classes),
  ]);
}

export const convNet = lesson({
  about: "Convolutional networks: checks, then CIFAR-10",
  options: {
    data: cifarFolder,
    train: whole(9000, "images to train on"),
    validation: whole(1000, "images to choose the best epoch"),
    test: whole(2000, "images for the test"),
    epochs: whole(12, "passes over the training images"),
    batchSize: whole(32, "images per step"),
    width: whole(32, "filters of the first layer"),
    seed: whole(231, "of weights, order and augmentation", 0),
  },
  async run({ data: folder, epochs, batchSize, width, seed, ...sizes }, print) {
    checkLayers(print);
    const parts = await loadCifar(folder, sizes);
    const tiny = data.subset(parts.train, range(0, Math.min(50, sizes.train)));
    const small = await checkSmallNet(tiny, 20, print);

    manualSeed(seed);
    const model = deepConvNet(width);
    // "Data augmentation" (neural-networks-2/#reg): a mirrored or moved picture shows the same thing.
    const augmented = data.transform(parts.train, [
      data.randomHorizontalFlip(),
      data.randomCrop(32, { padding: 2 }),
    ]);
    const result = await trainImages(
      { ...parts, model, train: augmented, lr: 3e-3, weightDecay: 0.05, epochs, batchSize, seed },
      print,
    );
    return { ...small, ...result };
  },
});

await main(import.meta.url, convNet);
