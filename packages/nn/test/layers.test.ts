import { describe, expect, it } from "@jest/globals";
import { Generator, ones, randn, tensor, zeros } from "@tapegrad/core";
import {
  CrossEntropyLoss,
  crossEntropy,
  dropout,
  flatten,
  fromSpec,
  identity,
  type Linear,
  linear,
  logSoftmax,
  MSELoss,
  mseLoss,
  relu,
  sequential,
  sigmoid,
  softmax,
  tanh,
} from "../src/index.ts";

describe("linear", () => {
  it("starts uniform in ±1/√in, weight and bias", () => {
    const { weight, bias } = linear(100, 50, { generator: new Generator(1) });
    expect([weight.shape, bias!.shape]).toEqual([[50, 100], [50]]);
    const values = [...weight.data()];
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.1);
    expect(Math.max(...values)).toBeGreaterThan(0.0995);
    expect(Math.min(...values)).toBeLessThan(-0.0995);
    expect(bias!.data().every((b) => Math.abs(b) <= 0.1)).toBe(true);
  });

  it("does without a bias, and in float64", () => {
    const layer = linear(3, 2, { bias: false, dtype: "float64" });
    expect(layer.bias).toBeNull();
    expect(layer.namedParameters().map(([name]) => name)).toEqual(["weight"]);
    expect(layer(ones([4, 3], { dtype: "float64" })).dtype).toBe("float64");
  });

  it("keeps leading axes", () => {
    expect(linear(3, 2)(zeros([4, 5, 3])).shape).toEqual([4, 5, 2]);
  });
  it("has a relu if asked, also from its spec", () => {
    const layer = linear(3, 50, { activation: "relu", generator: new Generator(1) });
    const { weight, bias } = layer;
    const x = ones([2, 3]);
    expect(layer(x).toArray()).toEqual(x.matmul(weight.transpose()).add(bias!).relu().toArray());
    const copy = fromSpec<Linear>(layer.spec);
    expect(String(copy)).toContain('activation="relu"');
    expect(copy(x).min().item()).toBe(0);
  });

  it.each<[unknown[], string]>([
    [[784, -1], "linear: outFeatures is -1; it must be a whole number of at least 1."],
    [
      ["784", 10],
      'linear: inFeatures is "784"; it must be a whole number of at least 1, or null to take it from the first input.',
    ],
    [
      [2.5, 10],
      "linear: inFeatures is 2.5; it must be a whole number of at least 1, or null to take it from the first input.",
    ],
    [[784], "linear: outFeatures is undefined; it must be a whole number of at least 1."],
    [[2, 3, { bias: 1 }], "linear: bias is 1; it must be true or false."],
    [[2, 3, { dtype: "int32" }], 'linear: dtype is "int32"; it must be "float32" or "float64".'],
  ])("refuses %j", (args, message) => {
    expect(() => linear(...(args as [number, number]))).toThrow(message);
  });
});

describe("dropout", () => {
  const x = ones([500, 500]);

  it.each([0, 0.2, 0.5, 0.9])("drops with probability %d and keeps the mean", (p) => {
    const y = Array.from(dropout(p, { generator: new Generator(11) })(x).data());
    const zeroed = y.filter((value) => value === 0).length / y.length;
    expect(Math.abs(zeroed - p)).toBeLessThan(0.005);
    expect(new Set(y)).toEqual(new Set(p === 0 ? [1] : [0, Math.fround(1 / (1 - p))]));
    expect(Math.abs(y.reduce((sum, value) => sum + value, 0) / y.length - 1)).toBeLessThan(0.02);
  });

  it("repeats itself from the same seed, and not otherwise", () => {
    const layer = dropout(0.5, { generator: new Generator(3) });
    const [first, second] = [layer(x).data(), layer(x).data()];
    expect(first).not.toEqual(second);
    layer.generator.manualSeed(3);
    expect(layer(x).data()).toEqual(first);
  });

  it("is the identity in eval mode, and nothing at p = 1", () => {
    expect(dropout(0.5).eval()(x)).toBe(x);
    expect(dropout(1)(tensor([1, 2])).toArray()).toEqual([0, 0]);
  });

  it("hands its gradient to what it kept", () => {
    const w = ones([4, 5], { requiresGrad: true });
    const y = dropout(0.5, { generator: new Generator(5) })(w);
    y.sum().backward();
    expect(w.grad!.toArray()).toEqual(y.toArray());
  });

  it.each([1.5, -0.1, Number.NaN, "0.5"])("refuses p = %p", (p) => {
    const shown = typeof p === "string" ? JSON.stringify(p) : p;
    expect(() => dropout(p as number)).toThrow(
      `dropout: p is ${shown}; it must be a probability from 0 to 1.`,
    );
  });
});

describe("layers without parameters", () => {
  const x = randn([2, 3, 4], { generator: new Generator(1) });

  it.each([
    ["relu", relu(), x.relu()],
    ["sigmoid", sigmoid(), x.sigmoid()],
    ["tanh", tanh(), x.tanh()],
    ["softmax", softmax(), x.softmax(-1)],
    ["softmax along 1", softmax(1), x.softmax(1)],
    ["logSoftmax", logSoftmax(), x.logSoftmax(-1)],
    ["flatten", flatten(), x.flatten(1)],
    ["flatten up to 1", flatten(0, 1), x.flatten(0, 1)],
    ["identity", identity(), x],
  ])("%s", (_, layer, expected) => {
    const y = layer(x);
    expect(y.shape).toEqual(expected.shape);
    expect(y.toArray()).toEqual(expected.toArray());
  });

  it("refuse axes that are none", () => {
    expect(() => softmax(0.5)).toThrow("softmax: axis is 0.5; it must be a whole number.");
    expect(() => flatten("1" as never)).toThrow(
      'flatten: startAxis is "1"; it must be a whole number.',
    );
  });
});

describe("losses", () => {
  const logits = randn([3, 4], { generator: new Generator(2) });

  it("are the functions", () => {
    const target = tensor(new Int32Array([0, 3, 1]));
    expect(new CrossEntropyLoss()(logits, target).item()).toBe(crossEntropy(logits, target).item());
    const ignoring = new CrossEntropyLoss({ reduction: "sum", ignoreIndex: 3 });
    expect(ignoring(logits, target).item()).toBe(
      crossEntropy(logits, target, { reduction: "sum", ignoreIndex: 3 }).item(),
    );
    const other = zeros([3, 4]);
    expect(new MSELoss({ reduction: "none" })(logits, other).toArray()).toEqual(
      mseLoss(logits, other, { reduction: "none" }).toArray(),
    );
  });

  it("refuse unknown reductions", () => {
    expect(() => new MSELoss({ reduction: "max" as never })).toThrow(
      'mseLoss: reduction is "max"; it must be one of "mean", "sum", "none".',
    );
  });
});

describe("sequential", () => {
  it("takes modules, pairs, and an object", () => {
    const [a, b] = [linear(2, 3), relu()];
    const x = randn([4, 2]);
    const expected = a(x).relu().toArray();
    for (const model of [
      sequential([a, b]),
      sequential([
        ["first", a],
        ["act", b],
      ]),
      sequential({ first: a, act: b }),
    ])
      expect(model(x).toArray()).toEqual(expected);
    expect(sequential([])(x)).toBe(x);
  });

  it("runs the layer that took another's place", () => {
    const model = sequential({ act: relu() });
    Object.assign(model, { act: tanh() });
    expect(model(tensor([-1, 1])).toArray()).toEqual(tensor([-1, 1]).tanh().toArray());
    expect(model.spec).toEqual({ type: "sequential", layers: { act: { type: "tanh" } } });
  });

  it.each<[unknown, string]>([
    [
      undefined,
      "sequential: got undefined; it takes an array of modules, such as [linear(2, 3), relu()], or an object of them by name.",
    ],
    [
      relu(),
      "sequential: got a ReLU; it takes an array of modules, such as [linear(2, 3), relu()], or an object of them by name.",
    ],
    [
      [relu(), relu],
      "sequential: layers[1] is a function; it must be a module, such as linear(2, 3) or relu().",
    ],
    [
      { act: 3 },
      "sequential: layers.act is 3; it must be a module, such as linear(2, 3) or relu().",
    ],
    [
      { train: relu() },
      'sequential: layers has a module named "train"; a name must be a word without dots that no member of modules has.',
    ],
    [
      { "a.b": relu() },
      'sequential: layers has a module named "a.b"; a name must be a word without dots that no member of modules has.',
    ],
    [
      { 3: relu() },
      'sequential: layers has a module named "3"; a name must be a word without dots that no member of modules has.',
    ],
    [
      [
        ["a", relu()],
        ["a", tanh()],
      ],
      'sequential: layers has two modules named "a"; names must differ.',
    ],
  ])("refuses %#", (blocks, message) => {
    expect(() => sequential(blocks as never)).toThrow(message);
  });
});
