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
  optim,
  RMSProp,
  randint,
  randn,
  Solver,
  train,
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

/**
 * "Sanity checks" (neural-networks-3/#sanitycheck): with small weights the loss of 10 classes is ln 10, more
 * with regularization; and every parameter's gradient agrees with central differences.
 *
 * @returns  the loss, and the worst relative error of a gradient
 */
function checkGradients(reg: number, print: Print): { loss: number; error: number } {
  const generator = new Generator(231);
  // In float64, so that differences of the loss are exact enough.
  const float64 = { dtype: "float64", generator } as const;
  const [rows, inputDim, numClasses] = [2, 15, 10];
  const sizes = { inputDim, hiddenDims: [20, 30], numClasses };
  const model = nn.fullyConnectedNet({ ...sizes, weightScale: 5e-2, reg, ...float64 });
  const x = randn([rows, inputDim], float64);
  const y = randint(0, numClasses, [rows], { generator });
  const loss = model.loss(x, y).item();
  const check = train.checkModel(
    model,
    { x, y },
    { objective: () => model.loss(x, y), samples: 100 },
  );
  print(`reg ${reg}: initial loss ${loss.toFixed(4)}, ln 10 is ${Math.log(10).toFixed(4)}`);
  print(train.formatModelCheck(check));
  return { loss, error: Math.max(...check.parameters.map(({ relativeError }) => relativeError)) };
}

/** "Overfit a tiny subset of data": a network that can't learn 50 images by heart has a mistake in it. */
async function overfit(images: data.Dataset, hiddenDims: number[], print: Print) {
  const model = nn.fullyConnectedNet({ hiddenDims, weightScale: 5e-2, seed: 231 });
  const result = await train.overfitSmall(model, images, {
    examples: 50,
    optimizer: (params) => new optim.SGD(params, { lr: 5e-3, momentum: 0.9 }),
  });
  const { accuracy, lossHistory } = result;
  print(
    `${hiddenDims.length + 1} layers: ${lossCurve(lossHistory, 40)} accuracy ${percent(accuracy)} after ${lossHistory.length} steps`,
  );
  return result;
}

interface Parts {
  train: data.Dataset;
  validation: data.Dataset;
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
  { train, validation }: Parts,
  { epochs, seed }: { epochs: number; seed: number },
  print: Print,
): Promise<Record<string, train.TrainingResult>> {
  const results: Record<string, train.TrainingResult> = {};
  const rows: string[][] = [["", "loss", "training", "validation"]];
  for (const [name, rule] of Object.entries(rules)) {
    const hiddenDims = [100, 100, 100, 100, 100];
    const model = nn.fullyConnectedNet({ hiddenDims, weightScale: 5e-2, seed });
    const optimizer = rule(model.parameters());
    const solver = new Solver({
      model,
      train,
      validation,
      optimizer,
      epochs,
      seed,
      progress: "silent",
    });
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
  parts: Parts,
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
  const optimizer = new AdamW(model.parameters(), { lr, weightDecay: decay });
  const solver = new Solver({
    model,
    train: data.transform(parts.train, [data.randomHorizontalFlip()]),
    validation: parts.validation,
    optimizer,
    epochs,
    seed,
    schedule: optim.cosineAnnealing(epochs),
    progress: "silent",
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
    epochs: whole(20, "its epochs"),
    hidden: whole(512, "units of its first hidden layer; the second has half as many", 2),
    dropout: number(0.4, "share of hidden units switched off"),
    lr: number(1e-3, "learning rate"),
    decay: number(0.05, "weight decay"),
    validation: whole(1000, "images that choices are made by"),
    test: whole(2000, "test images"),
  },
  async run(options, print) {
    manualSeed(options.seed);
    print("Gradient check");
    const checks = [checkGradients(0, print), checkGradients(3.14, print)];

    const parts = await loadCifar(options.data, { ...options, train: options.images });
    print("\nOverfitting 50 images");
    const overfitted = [
      await overfit(parts.train, [100, 100], print),
      await overfit(parts.train, [100, 100, 100, 100], print),
    ];

    print(`\nUpdate rules on ${options.ruleImages} images, ${options.ruleEpochs} epochs`);
    const some = { ...parts, train: data.subset(parts.train, range(0, options.ruleImages)) };
    const { seed, ruleEpochs: epochs } = options;
    const compared = await compareRules(some, { epochs, seed }, print);

    print(`\nA good network on ${options.images} images`);
    const model = await trainGoodModel(parts, options, print);
    const testAccuracy = await checkAccuracy(model, parts.test);
    print(`Test accuracy ${percent(testAccuracy)} on ${options.test} images`);
    return { checks, overfitted, compared, testAccuracy };
  },
});

await main(import.meta.url, fullyConnected);
