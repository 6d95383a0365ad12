/** Whole architectures: what they are made of, that they learn, and that they come back from their specs. */
import { describe, expect, it } from "@jest/globals";
import { equal, Generator, ones, rand, randint, randn, type Tensor, tensor } from "@tapegrad/core";
import {
  type AnyModule,
  autoencoder,
  type BasicBlock,
  charGpt,
  type FullyConnectedNetOptions,
  fromSpec,
  fullyConnectedNet,
  gan,
  lstmLanguageModel,
  type Module,
  type Parameter,
  resNet,
  resNet18,
  summary,
  threeLayerConvNet,
  twoLayerNet,
  vae,
} from "../src/index.ts";

const seed = 7;
const draws = () => new Generator(11);
const float64 = { dtype: "float64" } as const;
const tokens = () => randint(0, 5, [2, 6], { generator: draws() });

/** Steps of plain gradient descent; the losses before each. */
function descend(parameters: readonly Parameter[], loss: () => Tensor, lr: number, steps = 30) {
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    for (const p of parameters) p.grad = null;
    const value = loss();
    value.backward();
    losses.push(value.item());
    for (const p of parameters) {
      if (p.grad === null) continue;
      const dp = p.grad;
      p.requiresGrad_(false).sub_(dp.mul(lr)).requiresGrad_();
    }
  }
  return losses;
}

/** A model and its twin from the spec, with the same weights, give the same. */
function expectRoundTrip(model: AnyModule, run: (model: never) => Tensor): void {
  const json = JSON.stringify(model.spec);
  const twin = fromSpec<AnyModule>(JSON.parse(json));
  expect(JSON.stringify(twin.spec)).toBe(json);
  expect(twin.constructor).toBe(model.constructor);
  twin.loadStateDict(model.stateDict());
  for (const one of [model, twin]) one.eval();
  expect(equal(run(twin as never), run(model as never))).toBe(true);
  for (const one of [model, twin]) one.train();
}

const parametersOf = (model: AnyModule) => model.parameters().reduce((sum, p) => sum + p.size, 0);

describe("CS231n's networks", () => {
  const small = { inputDim: 12, hiddenDims: [8, 7], numClasses: 3, seed };
  const images = randn([6, 3, 2, 2], { generator: draws() });
  const labels = randint(0, 3, [6], { generator: draws() });

  it.each<[string, Partial<FullyConnectedNetOptions>, string[]]>([
    ["plain", {}, ["affine1", "relu1", "affine2", "relu2", "affine3"]],
    [
      "batch norm",
      { normalization: "batchNorm" },
      ["affine1", "norm1", "relu1", "affine2", "norm2", "relu2", "affine3"],
    ],
    [
      "layer norm and dropout",
      { normalization: "layerNorm", dropout: 0.25, reg: 0.1, ...float64 },
      [
        ...["affine1", "norm1", "relu1", "dropout1"],
        ...["affine2", "norm2", "relu2", "dropout2", "affine3"],
      ],
    ],
  ])("fullyConnectedNet, %s", (_, options, names) => {
    const make = () => fullyConnectedNet({ ...small, ...options });
    const net = make();
    expect(net.namedChildren().map(([name]) => name)).toEqual(names);
    const x = images.to(options.dtype ?? "float32");
    expect(net(x).shape).toEqual([6, 3]);
    expect(net(x).dtype).toBe(options.dtype ?? "float32");
    expectRoundTrip(net, (model: Module) => model(x));
    // The same seed gives the same weights and the same dropout.
    const losses = [make(), make()].map((one) => one.loss(x, labels).item());
    expect(losses[0]).toBe(losses[1]);
    const [first, ...rest] = descend(net.parameters(), () => net.loss(x, labels), 0.5, 60);
    expect(rest.at(-1)!).toBeLessThan(first! * 0.9);
  });

  it("start with weights of the given scale, zero biases, and a loss of ln(classes)", () => {
    const net = fullyConnectedNet({ hiddenDims: [50], weightScale: 5e-2, seed });
    const weight = net.parameters()[0]!;
    expect(weight.shape).toEqual([50, 3072]);
    expect(Math.abs(weight.std().item() - 5e-2)).toBeLessThan(5e-4);
    expect(net.parameters()[1]!.toArray()).toEqual(new Array(50).fill(0));
    const conv = threeLayerConvNet({ seed });
    const x = randn([50, 3, 32, 32], { generator: draws() });
    const y = randint(0, 10, [50], { generator: draws() });
    // As the notebook says: about 2.3 without regularization, and a bit more with it.
    const loss = conv.loss(x, y).item();
    expect(Math.abs(loss - Math.log(10))).toBeLessThan(0.01);
    expect(threeLayerConvNet({ seed, reg: 0.5 }).loss(x, y).item()).toBeGreaterThan(loss);
  });

  it("add ½·reg·Σ W², of weights alone", () => {
    const options = { ...small, normalization: "batchNorm", ...float64 } as const;
    const [bare, net] = [fullyConnectedNet(options), fullyConnectedNet({ ...options, reg: 3 })];
    const x = images.to("float64");
    const squares = bare
      .parameters()
      .filter(({ rank }) => rank === 2)
      .reduce((sum, w) => sum + w.square().sum().item(), 0);
    expect(net.loss(x, labels).item()).toBeCloseTo(bare.loss(x, labels).item() + 1.5 * squares, 12);
  });

  it("twoLayerNet and threeLayerConvNet", () => {
    const two = twoLayerNet({ inputDim: 12, hiddenDim: 5, numClasses: 3, seed, ...float64 });
    expect([...two.stateDict()].map(([name, x]) => [name, ...x.shape])).toEqual([
      ["affine1.weight", 5, 12],
      ["affine1.bias", 5],
      ["affine2.weight", 3, 5],
      ["affine2.bias", 3],
    ]);
    expectRoundTrip(two, (model: Module) => model(images.to("float64")));
    const conv = threeLayerConvNet({
      inputDim: [3, 4, 6],
      numFilters: 4,
      filterSize: 3,
      hiddenDim: 5,
      numClasses: 3,
      weightScale: 0.3,
      seed,
    });
    const x = randn([4, 3, 4, 6], { generator: draws() });
    expect([...conv.stateDict()].map(([name, s]) => [name, ...s.shape])).toEqual([
      ["conv1.weight", 4, 3, 3, 3],
      ["conv1.bias", 4],
      ["affine1.weight", 5, 24],
      ["affine1.bias", 5],
      ["affine2.weight", 3, 5],
      ["affine2.bias", 3],
    ]);
    expectRoundTrip(conv, (model: Module) => model(x));
    const y = tensor(new Int32Array([0, 1, 2, 0]));
    const losses = descend(conv.parameters(), () => conv.loss(x, y), 0.1);
    expect(losses.at(-1)!).toBeLessThan(0.2);
  });

  it("may take the input's size from the first one", () => {
    const net = fullyConnectedNet({ ...small, inputDim: null });
    expect(net(images).shape).toEqual([6, 3]);
  });

  it.each<[() => unknown, string]>([
    [
      () => fullyConnectedNet({} as never),
      "fullyConnectedNet: hiddenDims must be an array of the hidden layers' sizes, such as [100, 100].",
    ],
    [
      () => fullyConnectedNet({ ...small, normalization: "batchnorm" as never }),
      'fullyConnectedNet: normalization is "batchnorm"; it must be "batchNorm", "layerNorm" or null.',
    ],
    [
      () => fullyConnectedNet({ ...small, hiddenDims: [0] }),
      "affine: outFeatures is 0; it must be a whole number of at least 1.",
    ],
    [
      () => fullyConnectedNet({ ...small, dropout: 2 }),
      "dropout: p is 2; it must be a probability from 0 to 1.",
    ],
    [
      () => fullyConnectedNet({ ...small, reg: -1 }),
      "classifier: reg is -1; it must be a finite number of at least 0.",
    ],
    [
      () => threeLayerConvNet({ filterSize: 4 }),
      "threeLayerConvNet: filterSize is 4; it must be odd, so that the convolution can keep the size.",
    ],
    [
      () => threeLayerConvNet({ inputDim: [3, 7, 8] }),
      "threeLayerConvNet: inputDim is [3, 7, 8]; height and width must be even, so that the pooling halves them.",
    ],
  ])("refuse %#", (make, message) => {
    expect(make).toThrow(message);
  });
});

describe("resNet", () => {
  const x = randn([2, 3, 8, 8], { generator: draws() });

  it("is the ResNet-20 for CIFAR by default", () => {
    const model = resNet({ seed });
    // The paper's 0.27 M, and 2 projections with their norms: 16·32 + 64 and 32·64 + 128.
    expect(parametersOf(model)).toBe(269_722 + 512 + 64 + 2048 + 128);
    expect(
      model.namedModules().filter(([, one]) => one.constructor.name === "BasicBlock"),
    ).toHaveLength(9);
    const { root } = summary(model, [1, 3, 32, 32]);
    expect(root.children.map(({ name, outputShapes }) => [name, ...outputShapes[0]!])).toEqual([
      ["conv1", 1, 16, 32, 32],
      ["bn1", 1, 16, 32, 32],
      ["relu", 1, 16, 32, 32],
      ["layer1", 1, 16, 32, 32],
      ["layer2", 1, 32, 16, 16],
      ["layer3", 1, 64, 8, 8],
      ["avgpool", 1, 64, 1, 1],
      ["flatten", 1, 64],
      ["fc", 1, 10],
    ]);
  });

  it("is torchvision's resnet18, by names, shapes and size", () => {
    const model = resNet18({ seed });
    expect(parametersOf(model)).toBe(11_689_512);
    const names = [...model.stateDict().keys()];
    expect(names).toHaveLength(122);
    expect(names.slice(0, 9)).toEqual([
      "conv1.weight",
      "bn1.weight",
      "bn1.bias",
      "bn1.running_mean",
      "bn1.running_var",
      "bn1.num_batches_tracked",
      "layer1.0.conv1.weight",
      "layer1.0.bn1.weight",
      "layer1.0.bn1.bias",
    ]);
    expect(names.filter((name) => name.includes("layer4.0.downsample"))).toEqual([
      "layer4.0.downsample.0.weight",
      "layer4.0.downsample.1.weight",
      "layer4.0.downsample.1.bias",
      "layer4.0.downsample.1.running_mean",
      "layer4.0.downsample.1.running_var",
      "layer4.0.downsample.1.num_batches_tracked",
    ]);
    expect(names.slice(-2)).toEqual(["fc.weight", "fc.bias"]);
  });

  it("goes round and learns", () => {
    const model = resNet({ blocks: [1, 1], width: 4, numClasses: 2, seed });
    expectRoundTrip(model, (one: Module) => one(x));
    const target = tensor([
      [1, -1],
      [-1, 1],
    ]);
    const losses = descend(model.parameters(), () => model(x).sub(target).square().sum(), 0.05);
    expect(losses.at(-1)!).toBeLessThan(0.1 * losses[0]!);
    const again = resNet({ blocks: [1, 1], width: 4, numClasses: 2, seed });
    expect(
      equal(again.parameters()[0]!, resNet({ blocks: [1, 1], width: 4, seed }).parameters()[0]!),
    ).toBe(true);
  });

  it("adds the input where shapes are kept", () => {
    const model = resNet({ blocks: [1], width: 3, seed, ...float64 }).eval();
    const block = model.getSubmodule("layer1.0") as BasicBlock;
    for (const p of [block.bn2.weight!, block.bn2.bias!]) p.requiresGrad_(false).zero_();
    const input = rand([1, 3, 4, 4], float64);
    expect(block(input).toArray()).toEqual(input.toArray());
    expect(block.downsample).toBeNull();
  });

  it("refuses depths and stems that are none", () => {
    expect(() => resNet({ depth: 21 })).toThrow(
      "resNet: depth is 21; it must be 6n + 2, such as 20, 32, 44, 56 or 110, or give the blocks of each stage.",
    );
    expect(() => resNet({ stem: "vgg" as never })).toThrow(
      'resNet: stem is "vgg"; it must be "cifar" or "imageNet".',
    );
  });
});

describe("language models", () => {
  const small = { vocabSize: 5, seed } as const;
  const makeLstm = (options = {}) =>
    lstmLanguageModel({ ...small, embeddingDim: 6, hiddenSize: 8, ...options });
  const makeGpt = (options = {}) =>
    charGpt({ ...small, contextLength: 8, dModel: 8, nhead: 2, numLayers: 2, ...options });

  it.each([
    ["lstmLanguageModel", makeLstm, 2],
    ["charGpt", makeGpt, 0.3],
  ] as const)("%s goes round, starts even and learns a cycle", (_, make, lr) => {
    const model = make(float64);
    const { logits } = model(tokens());
    expect([logits.shape, logits.dtype]).toEqual([[2, 6, 5], "float64"]);
    expectRoundTrip(model, (one: typeof model) => one(tokens()).logits);
    expect(equal(make().parameters()[0]!, make().parameters()[0]!)).toBe(true);

    const cycle = (start: number) => Int32Array.from({ length: 8 }, (__, i) => (start + i) % 5);
    const batch = (shift: number) =>
      tensor(Int32Array.from([...cycle(shift), ...cycle(2 + shift)])).reshape([2, 8]);
    const losses = descend(model.parameters(), () => model.loss(batch(0), batch(1)), lr, 80);
    expect(Math.abs(losses[0]! - Math.log(5))).toBeLessThan(0.2);
    expect(losses.at(-1)!).toBeLessThan(0.1);
    const made = model.generate([3], { length: 20, temperature: 0 });
    expect(made).toEqual(Array.from({ length: 21 }, (__, i) => (3 + i) % 5));
    expect(model.training).toBe(true);
  });

  it("an LSTM goes on from its state", () => {
    const model = makeLstm({ dropout: 0.5 }).eval();
    const whole = model(tokens());
    const first = model(tokens().narrow(1, 0, 4));
    const rest = model(tokens().narrow(1, 4, 2), first);
    expect(rest.logits.allclose(whole.logits.narrow(1, 4, 2))).toBe(true);
    expect(rest.hidden.allclose(whole.hidden)).toBe(true);
  });

  it("a GPT sees nothing of the future", () => {
    const model = makeGpt();
    const other = tokens().contiguous().clone();
    other.select(1, 5).fill_(0);
    const [a, b] = [model(tokens()).logits, model(other).logits];
    expect(a.narrow(1, 0, 5).allclose(b.narrow(1, 0, 5))).toBe(true);
  });

  it("a GPT generates the same with its cache and without", () => {
    const model = makeGpt({ ...float64, contextLength: 6 });
    for (const p of model.parameters()) p.requiresGrad_(false).mul_(8);
    const made = model.generate([1, 2], { length: 12, temperature: 0 });
    const plain = [1, 2];
    while (plain.length < 14) {
      const seen = tensor(Int32Array.from(plain.slice(-6))).reshape([1, -1]);
      plain.push(model(seen).logits.select(1, -1).argmax().item());
    }
    expect(made).toEqual(plain);
    expect(new Set(made).size).toBeGreaterThan(1);
  });

  it("scores are products with the embeddings, and start as GPT-2's", () => {
    const model = charGpt({ vocabSize: 50, dModel: 64, seed });
    expect(model.namedParameters().map(([name]) => name)).not.toContain("head.weight");
    const std = (name: string) => (model.stateDict().get(name) as Tensor).std().item();
    expect(std("tokens.weight")).toBeCloseTo(0.02, 3);
    expect(std("blocks.layers.0.self_attn.in_proj_weight")).toBeCloseTo(0.02, 3);
    expect(std("blocks.layers.0.linear2.weight")).toBeCloseTo(0.02 / Math.sqrt(8), 3);
  });

  it("draw by their scores", () => {
    const model = makeLstm();
    for (const p of model.parameters()) p.requiresGrad_(false).zero_();
    model.output.bias!.copy_(tensor([0, 1, 2, 3, 0].map((n) => Math.log(n))));
    const count = (options: object) => {
      const made = model.generate([0], { length: 300, generator: draws(), ...options }).slice(1);
      return [0, 1, 2, 3, 4].map((token) => made.filter((one) => one === token).length / 300);
    };
    const expectNear = (got: number[], expected: number[]) => {
      for (const [i, p] of expected.entries()) expect(Math.abs(got[i]! - p)).toBeLessThan(0.09);
    };
    const plain = count({});
    expectNear(plain, [0, 1 / 6, 2 / 6, 3 / 6, 0]);
    expectNear(count({ temperature: 0.5 }), [0, 1 / 14, 4 / 14, 9 / 14, 0]);
    expectNear(count({ topK: 2 }), [0, 0, 2 / 5, 3 / 5, 0]);
    expect(count({})).toEqual(plain);
  });

  it.each<[() => unknown, string]>([
    [
      () => makeGpt()(tensor([1, 2])),
      "charGpt: tokens is [2]; it must be a Tensor of whole numbers, [B, T].",
    ],
    [
      () => makeGpt()(randint(0, 5, [1, 9])),
      "charGpt: tokens has 9 steps from position 0; contextLength is 8.",
    ],
    [
      () => makeLstm()([[1]] as never),
      "lstmLanguageModel: tokens is object; it must be a Tensor of whole numbers, [B, T].",
    ],
    [
      () => makeLstm().loss(tokens(), ones([2, 5])),
      "loss: targets is [2, 5] and tokens [2, 6]; the shapes must be equal.",
    ],
    [
      () => makeLstm().generate([], { length: 1 }),
      "generate: the prompt must be an array of at least one token, each a whole number from 0 to 4.",
    ],
    [
      () => makeLstm().generate([1, 5], { length: 1 }),
      "generate: the prompt must be an array of at least one token, each a whole number from 0 to 4.",
    ],
    [
      () => makeLstm().generate([1], { length: 1.5 }),
      "generate: length is 1.5; it must be a whole number of at least 0.",
    ],
    [
      () => makeLstm().generate([1], { length: 1, temperature: -1 }),
      "generate: temperature is -1; it must be a finite number of at least 0.",
    ],
    [
      () => makeLstm().generate([1], { length: 1, topK: 6 }),
      "generate: topK is 6; it must be a whole number from 1 to 5.",
    ],
  ])("refuse %#", (run, message) => {
    expect(run).toThrow(message);
  });
});

describe("autoencoders", () => {
  const x = rand([8, 6], { generator: draws() });
  const small = { inputDim: 6, latentDim: 2, hiddenDims: [7, 5], seed };

  it("autoencoder: down to the code and back", () => {
    const model = autoencoder(small);
    expect(model.encoder(x).shape).toEqual([8, 2]);
    expect(model(x).shape).toEqual([8, 6]);
    const widths = [...model.stateDict()].filter(([name]) => name.endsWith("weight"));
    expect(widths.map(([, w]) => w.shape)).toEqual([
      [7, 6],
      [5, 7],
      [2, 5],
      [5, 2],
      [7, 5],
      [6, 7],
    ]);
    expectRoundTrip(model, (one: typeof model) => one(x));
    const losses = descend(model.parameters(), () => model.loss(x), 0.5, 100);
    expect(losses.at(-1)!).toBeLessThan(0.3 * losses[0]!);
  });

  it("vae: the bound is what the formula says, in closed form and by drawing", () => {
    const model = vae({ ...small, likelihood: "normal", ...float64 });
    const input = x.to("float64");
    model.eval();
    const { reconstruction, mean, logVariance } = model(input);
    const [m, s] = [mean.data(), logVariance.data()];
    const divergence = Array.from(m).reduce(
      (sum, mu, i) => sum + 0.5 * (mu ** 2 + Math.exp(s[i]!) - 1 - s[i]!),
      0,
    );
    const misfit = 0.5 * reconstruction.sub(input).square().sum().item();
    expect(model.loss(input).item()).toBeCloseTo((misfit + divergence) / 8, 12);
    expectRoundTrip(model, (one: typeof model) => one(input).reconstruction);
  });

  it("vae: draws the code in training, from its generator", () => {
    const model = vae({ ...small, seed: 3 });
    const twin = vae({ ...small, seed: 3 });
    const [a, b] = [model(x), model(x)];
    expect(equal(a.mean, b.mean)).toBe(true);
    expect(equal(a.reconstruction, b.reconstruction)).toBe(false);
    expect(equal(a.reconstruction, twin(x).reconstruction)).toBe(true);
    expect(model.sample(4).shape).toEqual([4, 6]);
    expect(model.sample(4).toArray()).not.toEqual(model.sample(4).toArray());
    const samples = model.sample(50);
    expect(samples.min().item() >= 0 && samples.max().item() <= 1).toBe(true);
    const losses = descend(model.parameters(), () => model.loss(x), 0.05, 100);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    expect(model.parameters().every((p) => p.grad !== null)).toBe(true);
  });

  it("refuse what does not fit", () => {
    expect(() => autoencoder({ inputDim: 0 })).toThrow("linear: inFeatures is 0;");
    expect(() => autoencoder({ inputDim: 2, hiddenDims: 8 as never })).toThrow(
      "autoencoder: hiddenDims must be an array of the hidden layers' sizes, such as [128].",
    );
    const model = vae(small);
    model.encoder = model.decoder;
    expect(() => model(rand([3, 2]))).toThrow(
      "vae: the encoder gave [3, 6]; it must be [N, 4], mean and log variance of 2 features each.",
    );
  });
});

describe("gan", () => {
  it("trains its halves apart, and learns where the data are", () => {
    const model = gan({ dataDim: 2, noiseDim: 3, hiddenDims: [8], seed });
    expect(model(5).shape).toEqual([5, 2]);
    const real = randn([64, 2], { mean: 3, std: 0.1, generator: draws() });
    const of = (part: string) =>
      model
        .namedParameters()
        .filter(([name]) => name.startsWith(part))
        .map(([, p]) => p);
    const [makers, judges] = [of("generator."), of("discriminator.")];
    model.discriminatorLoss(real).backward();
    expect(makers.every((p) => p.grad === null)).toBe(true);
    expect(judges.every((p) => p.grad !== null)).toBe(true);
    const before = model(64).mean().item();
    for (let round = 0; round < 40; round++) {
      descend(judges, () => model.discriminatorLoss(real), 0.1, 1);
      descend(makers, () => model.generatorLoss(64), 0.1, 1);
    }
    expect(model(64).mean().item()).toBeGreaterThan(before + 1);
    const noise = randn([4, 3], { generator: draws() });
    expectRoundTrip(model, (one: typeof model) => one.generator(noise));
  });
});
