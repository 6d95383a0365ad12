/** Gradients of whole models, to inputs and every parameter, against central differences. */
import { expect, it } from "@jest/globals";
import { Generator, gradcheck, randint, randn, softplus, type Tensor } from "@tapegrad/core";
import {
  type AnyModule,
  autoencoder,
  BasicBlock,
  batchNorm1d,
  charGpt,
  fullyConnectedNet,
  gan,
  linear,
  lstmLanguageModel,
  type Merge,
  parallel,
  residual,
  sequential,
  tanh,
  threeLayerConvNet,
  twoLayerNet,
  vae,
} from "../src/index.ts";

const float64 = { dtype: "float64" } as const;
const generator = new Generator(31);
const options = { ...float64, generator };
const input = (...shape: number[]) => randn(shape, { ...options, requiresGrad: true });
const whole = (below: number, ...shape: number[]) => randint(0, below, shape, { generator });

/** Checks f(model, x) as a function of x (if that is a float) and of all parameters. */
function expectGradients<M extends AnyModule>(
  model: M,
  x: Tensor | null,
  f: (model: M, x: Tensor) => Tensor,
): void {
  const places = model.namedParameters().map(([name]) => {
    const dot = name.lastIndexOf(".");
    const owner = model.getSubmodule<AnyModule>(name.slice(0, Math.max(dot, 0)));
    return [owner as unknown as Record<string, Tensor>, name.slice(dot + 1)] as const;
  });
  const run = (...all: Tensor[]) => {
    const parameters = all.slice(x === null ? 0 : 1);
    for (const [i, [owner, field]] of places.entries()) owner[field] = parameters[i]!;
    return f(model, all[0]!);
  };
  const parameters = model.parameters();
  expect(gradcheck(run, x === null ? parameters : [x, ...parameters])).toBe(true);
}

const dense = () => linear(3, 3, options);
const call = (model: (x: Tensor) => Tensor, x: Tensor) => model(x);

it.each<Merge>(["concat", "sum", "mean", "mul"])("parallel, %s", (merge) => {
  expectGradients(parallel([dense(), tanh()], { merge }), input(2, 3), call);
});

it("residual", () => {
  expectGradients(residual([dense(), tanh()]), input(2, 3), call);
  expectGradients(residual(dense(), [dense(), batchNorm1d(3, float64)]), input(4, 3), call);
});

it("sequential, with a layer that is used twice", () => {
  const shared = dense();
  expectGradients(sequential({ a: shared, act: tanh() }), input(2, 3), (model, x) =>
    model(model(x)),
  );
});

it.each([1, 2])("basicBlock, stride %d", (stride) => {
  const block = new BasicBlock(2, stride === 1 ? 2 : 3, { stride, ...options });
  expectGradients(block, input(2, 2, 4, 4), call);
  expectGradients(block.eval(), input(1, 2, 4, 4), call);
});

it("CS231n's losses with regularization", () => {
  const small = { numClasses: 3, weightScale: 0.4, reg: 0.7, ...options };
  const labels = whole(3, 5);
  for (const normalization of ["batchNorm", "layerNorm", null] as const) {
    const net = fullyConnectedNet({ inputDim: 6, hiddenDims: [4, 5], normalization, ...small });
    expectGradients(net, input(5, 2, 3), (model, x) => model.loss(x, labels));
  }
  expectGradients(twoLayerNet({ inputDim: 6, hiddenDim: 4, ...small }), input(5, 6), (model, x) =>
    model.loss(x, labels),
  );
  const shape = { inputDim: [2, 4, 4], numFilters: 2, filterSize: 3, hiddenDim: 4 } as const;
  expectGradients(threeLayerConvNet({ ...shape, ...small }), input(5, 2, 4, 4), (model, x) =>
    model.loss(x, labels),
  );
});

it("losses of language models", () => {
  const [tokens, targets] = [whole(4, 2, 3), whole(4, 2, 3)];
  const lstm = lstmLanguageModel({ vocabSize: 4, embeddingDim: 3, hiddenSize: 2, ...options });
  expectGradients(lstm, null, (model) => model.loss(tokens, targets));
  const shape = { vocabSize: 4, contextLength: 3, dModel: 4, nhead: 2, numLayers: 1 };
  expectGradients(charGpt({ ...shape, ...options }), null, (model) => model.loss(tokens, targets));
});

it("losses of autoencoders and of a GAN", () => {
  const small = { inputDim: 4, latentDim: 2, hiddenDims: [3], ...float64 };
  expectGradients(autoencoder({ ...small, generator }), input(3, 4), (model, x) => model.loss(x));
  for (const likelihood of ["bernoulli", "normal"] as const) {
    expectGradients(vae({ ...small, likelihood, seed: 3 }), input(3, 4), (model, x) => {
      model.generator.manualSeed(3);
      return model.loss(x);
    });
  }
  const pair = gan({ dataDim: 2, noiseDim: 2, hiddenDims: [3], ...float64, seed: 4 });
  const noise = randn([4, 2], { ...float64, generator: pair.source.manualSeed(5) });
  const fooled = (model: typeof pair) =>
    softplus(model.discriminator(model.generator(noise)).neg());
  pair.source.manualSeed(5);
  // −ln σ(d) = softplus(−d).
  expect(pair.generatorLoss(4).item()).toBeCloseTo(fooled(pair).mean().item(), 12);
  expectGradients(pair, null, (model) => fooled(model).mean());
});
