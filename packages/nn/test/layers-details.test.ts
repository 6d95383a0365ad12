/** What is particular to single layers: initial values, sizes from the first input, statistics, indices, masks. */
import { describe, expect, it } from "@jest/globals";
import {
  defaultGenerator,
  Generator,
  maxPool2d as maxPool2dOf,
  ones,
  randn,
  type Tensor,
  tensor,
  zeros,
} from "@tapegrad/core";
import { expectClose } from "../../core/test/golden.ts";
import * as nn from "../src/index.ts";
import { float64, wave, whole } from "./tables/case.ts";

const seeded = (seed = 1) => ({ generator: new Generator(seed) });

function extremes(x: Tensor): [least: number, most: number] {
  return [x.min().item(), x.max().item()];
}

describe("initial values", () => {
  it.each<[string, { weight: Tensor; bias: Tensor | null }, number]>([
    ["conv1d", nn.conv1d(8, 64, 5, seeded()), 8 * 5],
    ["conv2d with groups", nn.conv2d(8, 64, [3, 5], { groups: 2, ...seeded() }), 4 * 15],
    ["conv3d", nn.conv3d(2, 64, 3, seeded()), 2 * 27],
    ["convTranspose2d", nn.convTranspose2d(64, 8, 3, { groups: 2, ...seeded() }), 4 * 9],
    ["bilinear", nn.bilinear(9, 20, 30, seeded()), 9],
    ["affine", nn.affine(50, 60, seeded()), 50],
  ])("of %s fill ±1/√fanIn", (_, { weight, bias }, fanIn) => {
    const bound = 1 / Math.sqrt(fanIn);
    for (const x of [weight, bias!]) {
      const [least, most] = extremes(x);
      expect(least).toBeGreaterThanOrEqual(-bound * (1 + 1e-6));
      expect(most).toBeLessThanOrEqual(bound * (1 + 1e-6));
    }
    const [least, most] = extremes(weight);
    expect(most).toBeGreaterThan(0.97 * bound);
    expect(least).toBeLessThan(-0.97 * bound);
  });

  it("come from the generator that is given", () => {
    const make = (seed: number) => nn.conv2d(2, 3, 3, seeded(seed)).weight.toArray();
    expect(make(4)).toEqual(make(4));
    expect(make(4)).not.toEqual(make(5));
  });

  it("of affine are CS231n's with weightScale", () => {
    const { weight, bias } = nn.affine(200, 300, { weightScale: 1e-2, ...seeded() });
    expect(Math.abs(weight.std().item() / 1e-2 - 1)).toBeLessThan(0.01);
    expect(bias!.toArray()).toEqual(zeros([300]).toArray());
  });

  it("of tables are standard normal, but for the padding", () => {
    const { weight } = nn.embedding(300, 200, { paddingIdx: -1, ...seeded() });
    const rows = weight.narrow(0, 0, 299);
    expect(Math.abs(rows.std().item() - 1)).toBeLessThan(0.01);
    expect(weight.select(0, 299).toArray()).toEqual(zeros([200]).toArray());
    expect(weight.isLeaf).toBe(true);
  });

  it("of norms are 1 and 0, of prelu ¼", () => {
    const { weight, bias } = nn.batchNorm2d(2);
    expect([weight!.toArray(), bias!.toArray()]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    expect(nn.prelu({ numParameters: 2 }).weight.toArray()).toEqual([0.25, 0.25]);
    expect(nn.prelu({ init: 0.5 }).weight.toArray()).toEqual([0.5]);
  });
});

describe("sizes from the first input", () => {
  it.each<[string, () => nn.Module, number[], Record<string, number>]>([
    ["affine", () => nn.affine(null, 4), [2, 3, 2, 2], { inFeatures: 12 }],
    ["conv1d", () => nn.conv1d(null, 4, 3), [2, 3, 8], { inChannels: 3 }],
    ["conv2d", () => nn.conv2d(null, 4, 3, { groups: 2 }), [2, 6, 8, 8], { inChannels: 6 }],
    ["conv2d of one image", () => nn.conv2d(null, 4, 3), [6, 8, 8], { inChannels: 6 }],
    ["conv3d", () => nn.conv3d(null, 4, 2), [1, 3, 2, 2, 2], { inChannels: 3 }],
    ["convTranspose1d", () => nn.convTranspose1d(null, 4, 3), [2, 3, 8], { inChannels: 3 }],
    [
      "convTranspose2d",
      () => nn.convTranspose2d(null, 4, 3, { groups: 2 }),
      [2, 6, 3, 3],
      { inChannels: 6 },
    ],
    ["convTranspose3d", () => nn.convTranspose3d(null, 4, 2), [1, 3, 2, 2, 2], { inChannels: 3 }],
    ["batchNorm1d", () => nn.batchNorm1d(null), [4, 3], { numFeatures: 3 }],
    [
      "batchNorm2d",
      () => nn.batchNorm2d(null, { affine: false }),
      [2, 3, 2, 2],
      { numFeatures: 3 },
    ],
    ["batchNorm3d", () => nn.batchNorm3d(null), [2, 3, 2, 2, 2], { numFeatures: 3 }],
    ["instanceNorm1d", () => nn.instanceNorm1d(null, { affine: true }), [3, 5], { numFeatures: 3 }],
    [
      "instanceNorm2d",
      () => nn.instanceNorm2d(null, { trackRunningStats: true }),
      [2, 3, 2, 2],
      { numFeatures: 3 },
    ],
    [
      "instanceNorm3d",
      () => nn.instanceNorm3d(null, { affine: true }),
      [2, 3, 2, 2, 2],
      { numFeatures: 3 },
    ],
  ])("%s", (_, make, shape, sizes) => {
    const layer = make();
    expect(() => layer.parameters()).toThrow("before it knows its");
    const twin = nn.fromSpec(layer.spec);
    layer(randn(shape, seeded()));
    expect(layer.spec).toMatchObject(sizes);
    expect({ ...layer }).toMatchObject(sizes);
    // Another one learns them from the first one's state.
    twin.loadStateDict(layer.stateDict());
    expect(twin.spec).toEqual(layer.spec);
  });

  it("refuse inputs that don't tell them", () => {
    expect(() => nn.conv2d(null, 4, 3)(ones([3, 3]))).toThrow(
      "conv2d: inChannels can't be told from an input of shape [3, 3]; give another input, or the size itself.",
    );
    expect(() => nn.conv2d(null, 4, 3, { groups: 2 })(ones([3, 3, 3]))).toThrow(
      "conv2d: groups is 2; it must divide inChannels (3) and outChannels (4).",
    );
  });
});

describe("running statistics", () => {
  // PyTorch 1.13 after three batches.
  it.each([
    [0.3, [0.033724803248832695, 0.07596661032816698], [1.301808916390807, 1.370461293021713]],
    [null, [0.015103255561754292, 0.12568505893048162], [1.5465569877554841, 1.4134577040919623]],
  ])("with momentum %p are PyTorch's", (momentum, mean, variance) => {
    const layer = nn.batchNorm1d(2, { momentum, ...float64 });
    for (const k of [0, 1, 2]) layer(wave([4, 2], k));
    expect(layer.numBatchesTracked).toBe(3);
    expectClose(layer.runningMean!, tensor(mean, float64));
    expectClose(layer.runningVar!, tensor(variance, float64));
    layer.resetRunningStats();
    expect([
      layer.runningMean!.toArray(),
      layer.runningVar!.toArray(),
      layer.numBatchesTracked,
    ]).toEqual([[0, 0], [1, 1], 0]);
  });

  it("of instances are PyTorch's", () => {
    const layer = nn.instanceNorm1d(2, { trackRunningStats: true, ...float64 });
    for (const k of [0, 1, 2]) layer(wave([2, 2, 3], k));
    expectClose(layer.runningMean!, tensor([0.025005925302278492, 0.01740597685097184], float64));
    expectClose(layer.runningVar!, tensor([1.160456698723351, 1.1637450029162675], float64));
    expect(layer.numBatchesTracked).toBe(0);
  });

  it("normalize in eval mode, and stay", () => {
    const layer = nn.batchNorm1d(2, float64);
    for (const k of [0, 1]) layer(wave([8, 2], k));
    const before = [...layer.stateDict()].map(([name, x]) => [name, x.toArray()]);
    const x = wave([3, 2], 5);
    const { runningMean, runningVar } = layer;
    const expected = x.sub(runningMean!).div(runningVar!.add(1e-5).sqrt());
    expectClose(layer.eval()(x).detach(), expected);
    // One row is enough here.
    expect(layer(x.narrow(0, 0, 1)).shape).toEqual([1, 2]);
    expect([...layer.stateDict()].map(([name, y]) => [name, y.toArray()])).toEqual(before);
  });

  it("are not counted for a batch that is refused", () => {
    const layer = nn.batchNorm1d(2, float64);
    expect(() => layer(wave([1, 2]))).toThrow("one element per channel");
    expect(layer.numBatchesTracked).toBe(0);
  });

  it("are absent unless tracked", () => {
    const layer = nn.batchNorm2d(3, { trackRunningStats: false });
    expect([layer.runningMean, layer.runningVar, layer.numBatchesTracked]).toEqual([
      null,
      null,
      null,
    ]);
    expect([...layer.stateDict().keys()]).toEqual(["weight", "bias"]);
  });
});

describe("pooling", () => {
  it("gives indices, which unpooling takes", () => {
    const x = wave([1, 2, 5, 4]);
    const { values, indices } = nn.maxPool2d(2, { returnIndices: true })(x);
    const expected = maxPool2dOf(x, 2, { returnIndices: true });
    expect(values.toArray()).toEqual(expected.values.toArray());
    expect(indices.toArray()).toEqual(expected.indices.toArray());
    const back = nn.maxUnpool2d(2)(values, indices, [5, 4]);
    expect(back.shape).toEqual(x.shape);
    expectClose(back.mul(back.sub(x)), zeros([1, 2, 5, 4], float64));
    expect(back.ne(0).to("int32").sum().item()).toBe(values.size);
    expect(nn.adaptiveMaxPool2d(2, { returnIndices: true })(x).indices.shape).toEqual([1, 2, 2, 2]);
  });

  it("strides by its kernel unless told otherwise", () => {
    expect(nn.maxPool2d([2, 3]).stride).toEqual([2, 3]);
    expect(nn.maxPool2d(3, { stride: 2 }).stride).toBe(2);
    expect(nn.avgPool2d(3).spec).toEqual({ type: "avgPool2d", kernelSize: 3 });
  });
});

describe("embedding", () => {
  it("shortens long rows that are looked up", () => {
    const layer = nn.embedding(4, 3, { maxNorm: 1.2, normType: 1, ...float64 });
    layer.loadStateDict({ weight: wave([4, 3]) });
    const y = layer(whole([1, 3, 1]));
    // PyTorch 1.13
    expectClose(
      y.detach(),
      tensor(
        [
          [-0.4444046846447232, 0.41921861266876, 0.33637666434756697],
          [0.10283428630363865, -0.9541309077701668, 0.14303474230311577],
          [-0.4444046846447232, 0.41921861266876, 0.33637666434756697],
        ],
        float64,
      ),
      { rtol: 1e-9, atol: 1e-9 },
    );
    expectClose(
      layer.weight.detach(),
      tensor(
        [
          [0.4432803099920093, 1.3639461402385225, -0.7947542113627395],
          [-0.4444046846447232, 0.41921861266876, 0.33637666434756697],
          [-1.3195436399575051, -0.5373439233552406, 1.458011252092464],
          [0.10283428630363865, -0.9541309077701668, 0.14303474230311577],
        ],
        float64,
      ),
      { rtol: 1e-9, atol: 1e-9 },
    );
    y.sum().backward();
    expect(layer.weight.grad!.toArray()).toEqual([
      [0, 0, 0],
      [2, 2, 2],
      [0, 0, 0],
      [1, 1, 1],
    ]);
  });

  it("takes a table that exists", () => {
    const table = wave([4, 3]);
    const layer = nn.Embedding.fromPretrained(table, { paddingIdx: 1 });
    expect(layer(whole([2])).toArray()).toEqual(table.narrow(0, 2, 1).toArray());
    expect(layer.weight.requiresGrad).toBe(false);
    const { position } = defaultGenerator().state;
    nn.Embedding.fromPretrained(table);
    expect(defaultGenerator().state.position).toBe(position);
    expect(nn.Embedding.fromPretrained(table, { freeze: false }).weight.requiresGrad).toBe(true);
    expect(() => nn.Embedding.fromPretrained(ones([3]))).toThrow(
      "embedding: the table is [3]; it must be [rows, D].",
    );
    expect(() => nn.Embedding.fromPretrained(whole([1, 2], [1, 2]))).toThrow(
      "embedding: the table is int32; it must be float32 or float64.",
    );
  });
});

describe("dropout", () => {
  it.each<[string, nn.Module, number[]]>([
    ["dropout1d", nn.dropout1d(0.5, seeded()), [50, 20, 3]],
    ["dropout2d", nn.dropout2d(0.5, seeded()), [50, 20, 3, 2]],
    ["dropout3d", nn.dropout3d(0.5, seeded()), [50, 20, 2, 2, 2]],
  ])("%s drops whole channels", (_, layer, shape) => {
    const y = layer(ones(shape)).reshape([1000, -1]);
    expect(extremes(y.max(1).values.sub(y.min(1).values))).toEqual([0, 0]);
    expect(Math.abs(y.mean().item() - 1)).toBeLessThan(0.1);
    expect(new Set(y.data())).toEqual(new Set([0, 2]));
  });

  it.each<[string, nn.Module]>([
    ["alphaDropout", nn.alphaDropout(0.3, seeded(3))],
    ["featureAlphaDropout", nn.featureAlphaDropout(0.3, seeded(3))],
  ])("%s keeps mean and variance", (_, layer) => {
    const y = layer(randn([400, 400, 1], seeded(2)));
    expect(Math.abs(y.mean().item())).toBeLessThan(0.02);
    expect(Math.abs(y.std().item() - 1)).toBeLessThan(0.02);
  });

  it("rrelu draws slopes from its range", () => {
    const layer = nn.rrelu({ lower: 0.2, upper: 0.6, ...seeded() });
    const slopes = layer(ones([5000]).neg()).neg();
    const [least, most] = extremes(slopes);
    expect(least).toBeGreaterThanOrEqual(0.2);
    expect(least).toBeLessThan(0.21);
    expect(most).toBeLessThanOrEqual(0.6);
    expect(most).toBeGreaterThan(0.59);
    expect(
      layer
        .eval()(tensor([-1, 2], float64))
        .toArray(),
    ).toEqual([-0.4, 2]);
  });
});

describe("losses with weights", () => {
  it("keep them in their state and meet logits of any dtype", () => {
    const loss = new nn.CrossEntropyLoss({ weight: [1, 2, 3] });
    expect(loss.stateDict().get("weight")!.toArray()).toEqual([1, 2, 3]);
    const logits = wave([2, 3]);
    const target = whole([0, 2]);
    const single = loss(logits.to("float32"), target);
    expect(single.dtype).toBe("float32");
    expect(single.item()).toBeCloseTo(loss(logits, target).item(), 6);
    loss.loadStateDict({ weight: tensor([1, 1, 1]) });
    expectClose(loss(logits, target), new nn.CrossEntropyLoss()(logits, target));
    expect(loss.spec).toEqual({ type: "crossEntropyLoss", reduction: "mean", weight: [1, 1, 1] });
  });

  it("take tensors, too", () => {
    const posWeight = tensor([0.1, 3], float64);
    const loss = new nn.BCEWithLogitsLoss({ posWeight });
    expect(loss.spec).toEqual({
      type: "bceWithLogitsLoss",
      reduction: "mean",
      posWeight: [0.1, 3],
    });
    expect([...loss.stateDict().keys()]).toEqual(["pos_weight"]);
  });

  it("refuse specs with other things", () => {
    expect(() => nn.fromSpec({ type: "nllLoss", weight: ["a"] })).toThrow(
      "fromSpec: weight is no array of numbers, and not null.",
    );
  });
});

describe("transposed convolutions", () => {
  it("stand in a sequential, as pools do", () => {
    const model = nn.sequential([
      nn.convTranspose2d(2, 3, 3, { stride: 2, padding: 1 }),
      nn.maxPool2d(2),
      nn.adaptiveMaxPool2d(1),
    ]);
    expect(model(ones([1, 2, 4, 4])).shape).toEqual([1, 3, 1, 1]);
  });

  it("reach a size that is asked for", () => {
    const layer = nn.convTranspose2d(2, 3, 3, { stride: 2, padding: 1 });
    expect(layer(ones([1, 2, 4, 4])).shape).toEqual([1, 3, 7, 7]);
    expect(layer(ones([1, 2, 4, 4]), [8, 7]).shape).toEqual([1, 3, 8, 7]);
  });
});
