/**
 * FullyConnectedNets, of CS231n's assignment 2: networks of any depth, checked, overfitted on purpose, trained
 * by every update rule, and at last trained as well as they can be.
 *
 * Notes: https://cs231n.github.io/neural-networks-2/ and -3/
 */
import {
  Adam,
  AdamW,
  checkAccuracy,
  data,
  Generator,
  type Module,
  manualSeed,
  nn,
  noGrad,
  numericalGradient,
  optim,
  RMSProp,
  randint,
  randn,
  relativeError,
  Solver,
  type Tensor,
  type train,
} from "tapegrad";
import {
  cifarFolder,
  lesson,
  loadCifar,
  lossCurve,
  main,
  number,
  type Print,
  percent,
  range,
  table,
  whole,
} from "./common.ts";

/** Only the result is of interest. */
const quiet = { progress: "silent", accuracySamples: 1000 } as const;

/**
 * "Sanity checks" (neural-networks-3/#sanitycheck): with small weights the loss of 10 classes is ln 10, more
 * with regularization; and every parameter's gradient agrees with central differences.
 *
 * @returns  the worst relative error over all parameters
 */
export function checkGradients(reg: number, print: Print): number {
  const generator = new Generator(231);
  const dtype = "float64"; // so that differences of the loss are exact enough
  const [inputs, rows, classes] = [15, 2, 10];
  const model = nn.fullyConnectedNet({
    inputDim: inputs,
    hiddenDims: [20, 30],
    numClasses: classes,
    weightScale: 5e-2,
    reg,
    dtype,
    generator,
  });
  const x = randn([rows, inputs], { dtype, generator });
  const y = randint(0, classes, [rows], { generator });
  const loss = model.loss(x, y);
  loss.backward();
  const errors = model.namedParameters().map(([name, p]) => {
    const numeric = numericalGradient((moved) => lossWith(model, p, moved, x, y), p, 1e-5);
    return [name, relativeError(p.grad!.data(), numeric)] as const;
  });
  print(`reg ${reg}: initial loss ${loss.item().toFixed(4)} (ln 10 = ${Math.log(10).toFixed(4)})`);
  print(table(errors.map(([name, error]) => [`  ${name}`, error.toExponential(1)])));
  return Math.max(...errors.map(([, error]) => error));
}

/** The loss if a parameter had other values. */
function lossWith(model: nn.Classifier, p: Tensor, values: Tensor, x: Tensor, y: Tensor): number {
  return noGrad(() => {
    const own = p.clone();
    p.copy_(values);
    const loss = model.loss(x, y).item();
    p.copy_(own);
    return loss;
  });
}

/** "Overfit a tiny subset of data": a network that can't learn 50 images by heart has a mistake in it. */
async function overfit(tiny: data.Dataset, hiddenDims: number[], print: Print): Promise<number> {
  const model = nn.fullyConnectedNet({ hiddenDims, weightScale: 5e-2, seed: 231 });
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-2, momentum: 0.9 });
  const solver = new Solver({ model, train: tiny, optimizer, epochs: 20, batchSize: 25, ...quiet });
  const { lossHistory, trainAccHistory } = await solver.fit();
  const accuracy = trainAccHistory.at(-1)!;
  print(`${hiddenDims.length + 1} layers: ${lossCurve(lossHistory)} accuracy ${percent(accuracy)}`);
  return accuracy;
}

type Rule = (params: nn.Parameter[]) => train.SolverOptions["optimizer"];

/** "Update rules" (neural-networks-3/#update), with the notebook's learning rates. */
export const rules: Record<string, Rule> = {
  sgd: (params) => new optim.SGD(params, { lr: 5e-3 }),
  momentum: (params) => new optim.Momentum(params, { lr: 5e-3, momentum: 0.9 }),
  rmsprop: (params) => new RMSProp(params, { lr: 1e-4 }),
  adam: (params) => new Adam(params, { lr: 1e-3 }),
};

/** The same six-layer network, from the same weights, by each rule. */
async function compareRules(
  parts: { train: data.Dataset; validation: data.Dataset },
  { epochs, seed }: { epochs: number; seed: number },
  print: Print,
): Promise<Record<string, train.TrainingResult>> {
  const results: Record<string, train.TrainingResult> = {};
  const rows: string[][] = [["", "loss", "training", "validation"]];
  for (const [name, rule] of Object.entries(rules)) {
    const hiddenDims = [100, 100, 100, 100, 100];
    const model = nn.fullyConnectedNet({ hiddenDims, weightScale: 5e-2, seed });
    const optimizer = rule(model.parameters());
    const solver = new Solver({ model, ...parts, optimizer, epochs, seed, ...quiet });
    const result = await solver.fit();
    results[name] = result;
    const { lossHistory, trainAccHistory, valAccHistory } = result;
    const best = (history: readonly number[]) => percent(Math.max(...history));
    rows.push([name, lossCurve(lossHistory, 40), best(trainAccHistory), best(valAccHistory)]);
  }
  print(table(rows));
  return results;
}

interface GoodModelOptions {
  hidden: number;
  dropout: number;
  lr: number;
  decay: number;
  epochs: number;
  seed: number;
}

/**
 * "Train a good model!": batch norm and dropout, so that a wide network neither stalls nor learns the images
 * by heart; mirrored images, since a mirrored cat is a cat; AdamW with a rate that a cosine brings to 0.
 * The epoch is chosen by the validation images.
 */
async function trainGoodModel(
  parts: { train: data.Dataset; validation: data.Dataset },
  { hidden, dropout, lr, decay, epochs, seed }: GoodModelOptions,
  print: Print,
): Promise<Module> {
  const model = nn.fullyConnectedNet({
    hiddenDims: [hidden, hidden / 2],
    normalization: "batchNorm",
    dropout,
    weightScale: Math.sqrt(2 / (3 * 32 * 32)),
    seed,
  });
  const batchSize = 100;
  const optimizer = new AdamW(model.parameters(), { lr, weightDecay: decay });
  const scheduler = new optim.Scheduler(
    optimizer,
    optim.cosineAnnealing(epochs * Math.ceil(parts.train.length / batchSize)),
  );
  const solver = new Solver({
    model,
    train: data.transform(parts.train, [data.randomHorizontalFlip()]),
    validation: parts.validation,
    optimizer,
    epochs,
    batchSize,
    seed,
    progress: "silent",
    onBatch: () => scheduler.step(),
    onEpoch: ({ epoch, meanLoss, trainAccHistory, valAccHistory, seconds }) =>
      print(
        `epoch ${epoch}/${epochs}: loss ${meanLoss.toFixed(3)}, training ${percent(trainAccHistory.at(-1)!)}, validation ${percent(valAccHistory.at(-1)!)}, ${seconds.toFixed(0)} s`,
      ),
  });
  const { bestEpoch, bestValAcc } = await solver.fit();
  print(`best: epoch ${bestEpoch}, validation ${percent(bestValAcc)}`);
  return model;
}

export const fullyConnected = lesson({
  about: "FullyConnectedNets: every update rule compared, and a network of 45 % on CIFAR-10.",
  options: {
    data: cifarFolder,
    seed: whole(1, "fixes every random number", 0),
    ruleImages: whole(4000, "images that the update rules are compared on"),
    ruleEpochs: whole(5, "their epochs"),
    images: whole(9000, "images that the good network trains on"),
    epochs: whole(30, "its epochs"),
    hidden: whole(1024, "units of its first hidden layer; the second has half as many", 2),
    dropout: number(0.5, "share of hidden units switched off"),
    lr: number(1e-3, "learning rate"),
    decay: number(0.05, "weight decay"),
    test: whole(2000, "test images"),
  },
  async run(options, print) {
    manualSeed(options.seed);
    print("Gradient check");
    const gradientError = Math.max(checkGradients(0, print), checkGradients(3.14, print));

    const { train, validation, test } = await loadCifar(options.data, {
      train: options.images,
      test: options.test,
    });
    print("\nOverfitting 50 images");
    const tiny = data.subset(train, range(0, 50));
    const overfitted = [
      await overfit(tiny, [100, 100], print),
      await overfit(tiny, [100, 100, 100, 100], print),
    ];

    print(`\nUpdate rules on ${options.ruleImages} images, ${options.ruleEpochs} epochs`);
    const part = data.subset(train, range(0, options.ruleImages));
    const { seed, ruleEpochs: epochs } = options;
    const compared = await compareRules({ train: part, validation }, { epochs, seed }, print);

    print(`\nA good network on ${train.length} images`);
    const model = await trainGoodModel({ train, validation }, options, print);
    const testAccuracy = await checkAccuracy(model, test);
    print(`Test accuracy ${percent(testAccuracy)} on ${test.length} images`);
    return { gradientError, overfitted, compared, testAccuracy };
  },
});

await main(import.meta.url, fullyConnected);
