import { describe, expect, it } from "@jest/globals";
import { conv2d, Generator, ones, randn, type Tensor, tensor, zeros } from "@tapegrad/core";
import { expectClose } from "../../core/test/golden.ts";
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
      'calculateGain: unknown nonlinearity "gelu"; known are linear, conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d, sigmoid, tanh, relu, leakyRelu, selu.',
    );
    expect(() => init.normal_(tensor(new Int32Array(2)))).toThrow(
      "normal_: the tensor is int32; random initial values need float32 or float64.",
    );
  });
});

describe("truncNormal_", () => {
  /** Mean and variance of a standard normal variable between a and b, by Simpson's rule. */
  function moments(a: number, b: number) {
    const steps = 2000;
    const h = (b - a) / steps;
    const sums = [0, 0, 0];
    for (let i = 0; i <= steps; i++) {
      const z = a + i * h;
      const weight = (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp((-z * z) / 2);
      for (const k of [0, 1, 2]) sums[k]! += weight * z ** k;
    }
    const mean = sums[1]! / sums[0]!;
    return { mean, std: Math.sqrt(sums[2]! / sums[0]! - mean * mean) };
  }

  it.each([
    { mean: 0, std: 1, a: -2, b: 2 },
    { mean: 1, std: 0.02, a: 0.98, b: 1.01 },
    { mean: 0, std: 1, a: 0, b: Infinity },
    { mean: -3, std: 2, a: 1, b: 3 },
    { mean: 2, std: 0.5, a: -Infinity, b: -1 },
  ])("has the moments of the cut distribution: %j", (options) => {
    const { mean, std, a, b } = options;
    const drawn = init.truncNormal_(x(), { ...options, generator: generator() });
    const data = Array.from(drawn.data());
    expect(data.every((value) => value >= Math.fround(a) && value <= Math.fround(b))).toBe(true);
    const expected = moments(Math.max((a - mean) / std, -12), Math.min((b - mean) / std, 12));
    const got = spread(drawn);
    expect(Math.abs((got.mean - mean) / std - expected.mean)).toBeLessThan(0.01);
    expect(Math.abs(got.std / std / expected.std - 1)).toBeLessThan(0.01);
  });

  it("has PyTorch's defaults", () => {
    const same = { mean: 0, std: 1, a: -2, b: 2, generator: generator() };
    expect(init.truncNormal_(x(), { generator: generator() }).data()).toEqual(
      init.truncNormal_(x(), same).data(),
    );
  });

  it("refuses bounds that leave nothing, and no spread", () => {
    expect(() => init.truncNormal_(x(), { a: 1, b: 1 })).toThrow(
      "truncNormal_: a is 1 and b 1; a must be below b.",
    );
    expect(() => init.truncNormal_(x(), { std: 0 })).toThrow(
      "truncNormal_: mean is 0 and std 0; both must be finite, std above 0.",
    );
  });
});

describe("orthogonal_", () => {
  it.each([
    [5, 5],
    [3, 7],
    [7, 3],
    [70, 100],
    [66, 66],
  ])("makes rows or columns of [%d, %d] orthonormal", (rows, columns) => {
    const w = zeros([rows, columns], { dtype: "float64" });
    init.orthogonal_(w, { gain: 3, generator: generator() });
    const [least, product] =
      rows < columns ? [rows, w.matmul(w.transpose())] : [columns, w.transpose().matmul(w)];
    const identity = init.eye_(zeros([least, least], { dtype: "float64" })).mul(9);
    expectClose(product, identity);
  });

  it("takes the axes after the first as one", () => {
    const w = init.orthogonal_(zeros([4, 2, 3, 3]), { generator: generator() }).reshape([4, 18]);
    expectClose(w.matmul(w.transpose()), init.eye_(zeros([4, 4])));
  });

  it("prefers no sign", () => {
    const first = Array.from(
      { length: 40 },
      (_, seed) =>
        init
          .orthogonal_(zeros([2, 2]), { generator: new Generator(seed) })
          .data()
          .at(0)!,
    );
    const positive = first.filter((value) => value > 0).length;
    expect(positive).toBeGreaterThan(10);
    expect(positive).toBeLessThan(30);
  });

  it("refuses vectors", () => {
    expect(() => init.orthogonal_(zeros([3]))).toThrow(
      "orthogonal_: the tensor is [3]; it must be [out, in, ...], with at least 2 axes.",
    );
  });
});

describe("sparse_", () => {
  it("empties as much of every column", () => {
    const w = init.sparse_(zeros([50, 40]), { sparsity: 0.33, generator: generator() });
    const perColumn = w.eq(0).to("int32").sum(0).toArray();
    expect(perColumn).toEqual(Array.from({ length: 40 }, () => 17));
    const others = Array.from(w.data()).filter((value) => value !== 0);
    const std = Math.sqrt(others.reduce((sum, value) => sum + value ** 2, 0) / others.length);
    expect(Math.abs(std / 0.01 - 1)).toBeLessThan(0.05);
    const perRow = w.eq(0).to("int32").sum(1).toArray() as number[];
    expect(new Set(perRow).size).toBeGreaterThan(3);
  });

  it("refuses other shapes and parts", () => {
    expect(() => init.sparse_(zeros([3]), { sparsity: 0.5 })).toThrow(
      "sparse_: the tensor is [3]; it must be a matrix, [out, in].",
    );
    expect(() => init.sparse_(x(), {} as never)).toThrow(
      "sparse_: sparsity is undefined; it must be from 0 to 1.",
    );
  });
});

describe("dirac_ and eye_", () => {
  it("hand channels on", () => {
    const images = randn([2, 3, 5, 6], { generator: generator() });
    const w = init.dirac_(zeros([3, 3, 3, 5]));
    expect(conv2d(images, w, { padding: [1, 2] }).toArray()).toEqual(images.toArray());
    const grouped = init.dirac_(zeros([4, 1, 3, 3]), { groups: 2 });
    expect(grouped.sum([2, 3]).toArray()).toEqual([[1], [0], [1], [0]]);
    expect(init.dirac_(zeros([2, 2, 4])).toArray()).toEqual([
      [
        [0, 0, 1, 0],
        [0, 0, 0, 0],
      ],
      [
        [0, 0, 0, 0],
        [0, 0, 1, 0],
      ],
    ]);
  });

  it("fill what a matrix has of the identity", () => {
    expect(init.eye_(ones([2, 3])).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    const { weight } = linear(2, 2);
    expect(init.eye_(weight)).toBe(weight);
    expect([weight.toArray(), weight.requiresGrad, weight.isLeaf]).toEqual([
      [
        [1, 0],
        [0, 1],
      ],
      true,
      true,
    ]);
  });

  it("refuse other shapes", () => {
    expect(() => init.dirac_(zeros([3, 3]))).toThrow(
      "dirac_: the tensor is [3, 3]; it must be [out, in, …kernel] with 3 to 5 axes.",
    );
    expect(() => init.dirac_(zeros([3, 3, 1]), { groups: 2 })).toThrow(
      "dirac_: groups is 2; it must be a whole number that divides the 3 output channels.",
    );
    expect(() => init.eye_(zeros([3]))).toThrow(
      "eye_: the tensor is [3]; it must be a matrix, [out, in].",
    );
  });
});
