/** The lessons on convolution, normalization, dropout and invention, each shortened to seconds. */
import { existsSync } from "node:fs";
import { describe, expect, it, jest } from "@jest/globals";
import { relativeError, type Tensor } from "tapegrad";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  type GoldenValue,
  toTensor,
} from "../../packages/core/test/golden.ts";
import { batchNormLesson, statistics } from "../cs231n/batch-norm.ts";
import { convNet } from "../cs231n/conv-net.ts";
import { dropoutLesson, dropoutStatistics } from "../cs231n/dropout.ts";
import { layerNormLesson } from "../cs231n/layer-norm.ts";
import { mnistConvNet } from "../cs231n/mnist-conv-net.ts";
import { fromParts, gradientByHand } from "../cs231n/normalization.ts";
import { pictures, vae } from "../cs231n/vae.ts";

/** Collects what a lesson prints. */
function paper() {
  const lines: string[] = [];
  return { print: (line: string) => lines.push(line), text: () => lines.join("\n") };
}

const hasCifar = existsSync(process.env.CIFAR10_DIR ?? "../shared/data/cifar10");
const describeCifar = hasCifar
  ? describe
  : (title: string, body: () => void) =>
      describe.skip(`${title}: skipped, CIFAR-10 is neither in CIFAR10_DIR nor beside`, body);

/** Seconds on an idle machine; trainings take their time on a busy one. */
jest.setTimeout(300_000);

describeCifar("on CIFAR-10", () => {
  it("convolutional networks: published numbers, sanity checks, training", async () => {
    const { print, text } = paper();
    const sizes = { train: 160, validation: 50, test: 100 };
    const result = await convNet.run({ ...sizes, epochs: 2, width: 8 }, print);
    expect(text()).toMatch(/^convolution, forward: relative error \d\.\de-\d+ to the published/);
    expect(text()).toContain("backward: the gradients agree with differences");
    expect(result.initialLoss).toBeCloseTo(Math.LN10, 2);
    expect(result.overfitted).toBeGreaterThan(0.9);
    expect(result.steps).toBe(10);
    expect(result.trainLossHistory[1]).toBeLessThan(result.trainLossHistory[0]);
    expect(text()).toMatch(/test accuracy \d+\.\d\d % on 100 images after \d+ s; the weights of/);
  });

  it("batch norm: three ways back, scales of weights, sizes of batches", async () => {
    const { print, text } = paper();
    const sizes = { train: 100, validation: 20 };
    const result = await batchNormLesson.run({ ...sizes, epochs: 6 }, print);
    expect(result.forward.means).toBeLessThan(1e-13);
    expect(result.forward.stds).toBeLessThan(1e-4); // ε's part
    expect(result.forward.evaluated).toBeLessThan(1);
    expect(result.errors.parts).toBeLessThan(1e-8);
    expect(result.errors.hand).toBeLessThan(1e-8);
    // Weights so small that nothing comes through: the loss stays at ln 10, but with batch norm it doesn't.
    const [tiny] = result.scales;
    expect(tiny.without.loss).toBeGreaterThan(2.29);
    expect(tiny.with.loss).toBeLessThan(2.28);
    expect(result.training.with.loss).toBeLessThan(result.training.without.loss);
    const [five, , fifty] = result.batchSizes;
    expect([five.batchSize, fifty.batchSize]).toEqual([5, 50]);
    // Statistics of five samples are noise.
    expect(fifty.with.loss).toBeLessThan(five.with.loss);
    expect(text()).toContain("eight layers, by the scale of their weights: batchNorm, and without");
  });

  it("layer norm: needs no other examples, and small batches do no harm", async () => {
    const { print, text } = paper();
    const sizes = { train: 100, validation: 20 };
    const result = await layerNormLesson.run({ ...sizes, epochs: 3 }, print);
    expect(result.forward.alone).toBe(true);
    expect(result.forward.means).toBeLessThan(1e-13);
    expect(result.errors.parts).toBeLessThan(1e-8);
    expect(result.errors.hand).toBeLessThan(1e-8);
    const [tiny] = result.scales;
    expect(tiny.with.loss).toBeLessThan(tiny.without.loss);
    expect(text()).toContain("six layers, by the size of batches: layerNorm, and without");
  });

  it("dropout: less is learnt by heart", async () => {
    const { print, text } = paper();
    const { results } = await dropoutLesson.run({ train: 200, validation: 50, epochs: 8 }, print);
    const [without, dropped] = results;
    expect([without.drop, dropped.drop]).toEqual([0, 0.75]);
    expect(dropped.lossHistory.at(-1)!).toBeGreaterThan(without.lossHistory.at(-1)!);
    expect(text()).toContain("the gradient agrees with differences");
  });
});

describe("on MNIST", () => {
  it("a convolutional network reads digits, and shows what it can't read", async () => {
    const { print, text } = paper();
    const sizes = { train: 1280, validation: 100, test: 200 };
    const result = await mnistConvNet.run({ ...sizes, epochs: 1, batchSize: 32 }, print);
    expect(result.testAccuracy).toBeGreaterThan(0.8);
    expect(text()).toMatch(/[▄▀█]/);
    expect(text()).toMatch(/\d, is \d/);
  });

  it("a variational autoencoder invents digits", async () => {
    const { print, text } = paper();
    const sizes = { train: 1000, validation: 100, hidden: 64 };
    const { samples, trainLossHistory } = await vae.run({ ...sizes, epochs: 3, lr: 4e-3 }, print);
    expect(samples.shape).toEqual([8, 784]);
    expect(samples.min().item()).toBeGreaterThanOrEqual(0);
    expect(samples.max().item()).toBeLessThanOrEqual(1);
    // 784·ln 2 is what a coin knows; a blank page has about 260.
    expect(trainLossHistory.at(-1)!).toBeLessThan(240);
    expect(text()).toContain("Invented:");
    expect(pictures(samples).split("\n")).toHaveLength(13);
  });
});

interface Case {
  id: string;
  inputs: Record<string, GoldenValue>;
  params: {
    keep_probabilities: number[];
    mean_abs_tolerance: number;
    fraction_abs_tolerance: number;
  };
  published: Record<string, GoldenTensor> & { mean_of_input: number };
  computed: Record<string, GoldenTensor>;
  rel_error_limit_for_published: number;
}

describeGolden<Case>("the course's own numbers", "cs231n.json", (cases) => {
  const find = (id: string) => {
    const golden = cases.find((one) => one.id === id)!;
    const entries = Object.entries(golden.inputs).map(([name, value]) => [name, toTensor(value)]);
    return { ...golden, inputs: Object.fromEntries(entries) as Record<string, Tensor> };
  };

  it("batchnorm_train_stats: activations before batch normalization", () => {
    const {
      inputs,
      published,
      rel_error_limit_for_published: limit,
    } = find("batchnorm_train_stats");
    const { means, stds } = statistics(inputs.a);
    expect(relativeError(means, toTensor(published.before_means))).toBeLessThan(limit);
    expect(relativeError(stds, toTensor(published.before_stds))).toBeLessThan(limit);
  });

  it("batchnorm_backward: out of parts, and by hand", () => {
    const { inputs, computed } = find("batchnorm_backward");
    const { x, gamma, beta, dout: dy } = inputs;
    const given = {
      x: x.requiresGrad_(),
      gamma: gamma.requiresGrad_(),
      beta: beta.requiresGrad_(),
      dy,
    };
    const out = fromParts(given, 0);
    out.backward(dy);
    expectClose(out.detach(), computed.out);
    expectClose(x.grad!, computed.dx);
    expectClose(gamma.grad!, computed.dgamma);
    expectClose(beta.grad!, computed.dbeta);
    expectClose(gradientByHand(given, 0), computed.dx);
  });

  it("dropout_statistics", () => {
    const { params, published } = find("dropout_statistics");
    const statistics = dropoutStatistics(params.keep_probabilities, 231);
    const zeros = published.fraction_zero_train.data.map(Number);
    for (const [i, one] of statistics.entries()) {
      expect(Math.abs(one.mean - published.mean_of_input)).toBeLessThan(params.mean_abs_tolerance);
      expect(Math.abs(one.zeros - zeros[i])).toBeLessThan(params.fraction_abs_tolerance);
      expect(one.untouched).toBe(true);
    }
  });
});
