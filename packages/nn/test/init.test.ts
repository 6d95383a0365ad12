import { describe, expect, it } from "@jest/globals";
import { Generator, ones, type Tensor, tensor, zeros } from "@tapegrad/core";
import { init, linear } from "../src/index.ts";

const generator = () => new Generator(17);
const x = () => zeros([200, 300]);

function spread(x: Tensor) {
  const data = Array.from(x.data());
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return {
    mean,
    std: Math.sqrt(variance),
    most: data.reduce((a, b) => Math.max(a, Math.abs(b)), 0),
  };
}

describe("initialisers", () => {
  it("fill with constants", () => {
    expect(init.zeros_(ones([2])).toArray()).toEqual([0, 0]);
    expect(init.ones_(zeros([2])).toArray()).toEqual([1, 1]);
    expect(init.constant_(zeros([2]), 1.5).toArray()).toEqual([1.5, 1.5]);
  });

  it.each<[string, Tensor, number, number]>([
    ["normal_", init.normal_(x(), { mean: 2, std: 0.5, generator: generator() }), 2, 0.5],
    [
      "normal_ by weightScale",
      init.normal_(x(), { weightScale: 1e-2, generator: generator() }),
      0,
      1e-2,
    ],
    ["xavierNormal_", init.xavierNormal_(x(), { generator: generator() }), 0, Math.sqrt(2 / 500)],
    ["kaimingNormal_", init.kaimingNormal_(x(), { generator: generator() }), 0, Math.sqrt(2 / 300)],
    [
      "kaimingNormal_ by fan out, for tanh",
      init.kaimingNormal_(x(), { mode: "fanOut", nonlinearity: "tanh", generator: generator() }),
      0,
      5 / 3 / Math.sqrt(200),
    ],
  ])("%s has its mean and standard deviation", (_, drawn, mean, std) => {
    const got = spread(drawn);
    expect(Math.abs(got.mean - mean)).toBeLessThan(0.02 * std);
    expect(Math.abs(got.std / std - 1)).toBeLessThan(0.01);
  });

  it.each<[string, Tensor, number]>([
    ["uniform_", init.uniform_(x(), { low: -3, high: 3, generator: generator() }), 3],
    [
      "xavierUniform_",
      init.xavierUniform_(x(), { gain: 2, generator: generator() }),
      2 * Math.sqrt(6 / 500),
    ],
    ["kaimingUniform_", init.kaimingUniform_(x(), { generator: generator() }), Math.sqrt(6 / 300)],
    [
      "linear's default",
      init.kaimingUniform_(x(), { a: Math.sqrt(5), generator: generator() }),
      1 / Math.sqrt(300),
    ],
  ])("%s fills its range", (_, drawn, bound) => {
    const { most, mean } = spread(drawn);
    expect(most).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(most).toBeGreaterThan(0.999 * bound);
    expect(Math.abs(mean)).toBeLessThan(0.02 * bound);
  });

  it("count receptive fields", () => {
    const weights = init.kaimingUniform_(zeros([64, 4, 5, 5]), { generator: generator() });
    expect(spread(weights).most).toBeLessThanOrEqual(Math.sqrt(6 / 100));
  });

  it("work on parameters, in place and off the tape", () => {
    const { weight } = linear(3, 2);
    expect(init.normal_(weight, { generator: generator() })).toBe(weight);
    expect([weight.isLeaf, weight.requiresGrad]).toEqual([true, true]);
  });

  it("know the gains", () => {
    expect(init.calculateGain("relu")).toBeCloseTo(Math.sqrt(2), 12);
    expect(init.calculateGain("leakyRelu", 1)).toBe(1);
    expect(init.calculateGain("selu")).toBe(0.75);
  });

  it("refuse what they can't do", () => {
    expect(() => init.xavierUniform_(zeros([3]))).toThrow(
      "xavierUniform_: the tensor is [3]; fan in and fan out need at least 2 axes, [out, in, ...].",
    );
    expect(() => init.kaimingNormal_(x(), { mode: "fan_in" as never })).toThrow(
      'kaimingNormal_: mode is "fan_in"; it must be "fanIn" or "fanOut".',
    );
    expect(() => init.calculateGain("gelu" as never)).toThrow(
      'calculateGain: unknown nonlinearity "gelu"; known are linear, conv, sigmoid, tanh, relu, leakyRelu, selu.',
    );
    expect(() => init.normal_(tensor(new Int32Array(2)))).toThrow(
      "normal_: the tensor is int32; random initial values need float32 or float64.",
    );
  });
});
