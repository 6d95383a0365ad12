import { describe, expect, it } from "@jest/globals";
import { crossEntropy, Generator, mseLoss, oneHot, randint, randn, tensor } from "@tapegrad/core";
import { DataLoader, TensorDataset } from "@tapegrad/data";
import { linear } from "@tapegrad/nn";
import { SGD } from "@tapegrad/optim";
import {
  accuracy,
  checkAccuracy,
  classificationReport,
  confusionMatrix,
  evaluate,
  f1Score,
  formatConfusionMatrix,
  formatReport,
  type Metric,
  meanAbsoluteError,
  meanLoss,
  meanSquaredError,
  perplexity,
  precision,
  recall,
  Solver,
  topKAccuracy,
} from "@tapegrad/train";
import fc from "fast-check";

const int32 = { dtype: "int32" } as const;
const float64 = { dtype: "float64" } as const;

// Class 3 is decided and never occurs; class 5 neither. Reference numbers: scikit-learn 1.9.
const actual = [0, 0, 1, 1, 1, 2, 2, 4, 4, 0, 2, 1];
const predicted = [0, 1, 1, 1, 3, 2, 0, 4, 2, 0, 2, 3];
const scores = oneHot(tensor(predicted, int32), 6).to("float32");
const y = tensor(actual, int32);

/** All at once, and in two batches of different sizes. */
function measured<M extends Metric>(metric: M): ReturnType<M["compute"]> {
  metric.update(scores, y);
  const whole = metric.compute();
  metric.reset();
  metric.update(scores.narrow(0, 0, 5), y.narrow(0, 0, 5));
  metric.update(scores.narrow(0, 5, 7), y.narrow(0, 5, 7));
  expect(metric.compute()).toEqual(whole);
  return whole as ReturnType<M["compute"]>;
}

describe("metrics by class", () => {
  it("count which class was taken for which", () => {
    const matrix = measured(confusionMatrix());
    expect(matrix.counts).toEqual([
      [2, 1, 0, 0, 0, 0],
      [0, 2, 0, 2, 0, 0],
      [1, 0, 2, 0, 0, 0],
      [0, 0, 0, 0, 0, 0],
      [0, 0, 1, 0, 1, 0],
      [0, 0, 0, 0, 0, 0],
    ]);
    const small = confusionMatrix({ classNames: ["cat", "dog"] });
    small.update(tensor([[2, 1], [0, 3], [4, 1]]), tensor([0, 1, 1], int32)); // biome-ignore format: rows
    expect(formatConfusionMatrix(small.compute())).toBe(
      [
        "actual \\ predicted  cat  dog",
        "cat                   1    0",
        "dog                   1    1",
      ].join("\n"),
    );
    expect(JSON.parse(JSON.stringify(small.compute()))).toEqual(small.compute());
  });

  const third = 2 / 3;
  const { NaN: none } = Number;
  const expected = [
    ["precision", 0, 0.6, 0.7222222222222222, [third, third, third, 0, 1, 0]],
    ["precision", 1, 0.6, 0.7222222222222222, [third, third, third, 0, 1, 1]],
    ["precision", none, 0.6, 0.7222222222222222, [third, third, third, 0, 1, none]],
    ["recall", 0, 0.4666666666666666, 0.5833333333333334, [third, 0.5, third, 0, 0.5, 0]],
    ["recall", 1, third, 0.5833333333333334, [third, 0.5, third, 1, 0.5, 1]],
    ["recall", none, 0.5833333333333333, 0.5833333333333334, [third, 0.5, third, none, 0.5, none]],
    ["f1", 0, 0.5142857142857142, 0.6349206349206349, [third, 4 / 7, third, 0, third, 0]],
    ["f1", 1, 0.5142857142857142, 0.6349206349206349, [third, 4 / 7, third, 0, third, 1]],
    ["f1", none, 0.5142857142857142, 0.6349206349206349, [third, 4 / 7, third, 0, third, none]],
  ] as const;
  const makers = { precision, recall, f1: f1Score };

  it.each(expected)(
    "%s where 0/0 is %d, as scikit-learn",
    (what, zeroDivision, macro, weighted, list) => {
      const make = makers[what];
      expect(measured(make({ zeroDivision }))).toBeCloseTo(macro, 14);
      expect(measured(make({ zeroDivision, average: "weighted" }))).toBeCloseTo(weighted, 14);
      expect(measured(make({ zeroDivision, average: "micro" }))).toBeCloseTo(7 / 12, 14);
      const byClass = measured(make({ zeroDivision, average: "none" }));
      expect(byClass).toHaveLength(6);
      byClass.forEach((value, c) => {
        if (Number.isNaN(list[c])) expect(value).toBeNaN();
        else expect(value).toBeCloseTo(list[c], 14);
      });
    },
  );

  it("report all of it, printed as scikit-learn does", () => {
    const report = measured(classificationReport());
    expect(report.accuracy).toBe(7 / 12);
    expect(report.support).toBe(12);
    expect(report.macro.f1).toBeCloseTo(0.5142857142857142, 14);
    expect(report.weighted.precision).toBeCloseTo(0.7222222222222222, 14);
    expect(report.micro).toEqual({ precision: 7 / 12, recall: 7 / 12, f1: 14 / 24 });
    expect(report.perClass[1]).toEqual({
      name: "1",
      precision: 2 / 3,
      recall: 0.5,
      f1: 4 / 7,
      support: 4,
    });
    expect(formatReport(report).split("\n")).toEqual([
      "                  precision  recall     f1  support",
      "0                     0.667   0.667  0.667        3",
      "1                     0.667   0.500  0.571        4",
      "2                     0.667   0.667  0.667        3",
      "3                     0.000   0.000  0.000        0",
      "4                     1.000   0.500  0.667        2",
      "5                     0.000   0.000  0.000        0",
      "accuracy                             0.583       12",
      "macro average         0.600   0.467  0.514       12",
      "weighted average      0.722   0.583  0.635       12",
    ]);
  });

  it("are NaN, or empty, without examples", () => {
    const before = [accuracy(), topKAccuracy(2), precision(), recall(), f1Score(), perplexity()];
    for (const metric of [...before, meanSquaredError(), meanAbsoluteError(), meanLoss()]) {
      expect(metric.compute()).toBeNaN();
    }
    expect(confusionMatrix().compute()).toEqual({ classNames: [], counts: [] });
    expect(precision({ average: "none" }).compute()).toEqual([]);
    const report = classificationReport().compute();
    expect([report.accuracy, report.macro.f1, report.perClass]).toEqual([NaN, NaN, []]);
  });

  it("obey the laws that tie them together", () => {
    const cases = fc.record({
      classes: fc.integer({ min: 2, max: 5 }),
      rows: fc.integer({ min: 1, max: 30 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ classes, rows, seed }) => {
        const generator = new Generator(seed);
        const x = randn([rows, classes], { generator });
        const t = randint(0, classes, [rows], { generator });
        const all = {
          accuracy: accuracy(),
          top: topKAccuracy(1),
          every: topKAccuracy(classes),
          micro: f1Score({ average: "micro" }),
          weighted: recall({ average: "weighted" }),
          matrix: confusionMatrix(),
        };
        for (const metric of Object.values(all)) metric.update(x, t);
        const share = all.accuracy.compute();
        const { counts } = all.matrix.compute();
        expect(all.top.compute()).toBe(share);
        expect(all.every.compute()).toBe(1);
        expect(all.micro.compute()).toBeCloseTo(share, 12);
        // Recall by support is Σ (n_c/N)·(right_c/n_c): the accuracy.
        expect(all.weighted.compute()).toBeCloseTo(share, 12);
        expect(counts.reduce((sum, row, c) => sum + row[c], 0) / rows).toBeCloseTo(share, 12);
        expect(counts.flat().reduce((a, b) => a + b)).toBe(rows);
      }),
      { seed: 1, numRuns: 50 },
    );
  });
});

describe("accuracies", () => {
  it("decide for the first of equal scores", () => {
    const ties = tensor([[1, 1, 0], [0, 2, 2], [3, 3, 3]]); // biome-ignore format: rows
    const shares = (k: number) => {
      const metric = topKAccuracy(k);
      return [0, 1, 2].map((c) => {
        metric.reset();
        metric.update(ties, tensor([c, c, c], int32));
        return Math.round(3 * metric.compute());
      });
    };
    expect(shares(1)).toEqual([2, 1, 0]);
    expect(shares(2)).toEqual([2, 3, 1]);
    expect(shares(3)).toEqual([3, 3, 3]);
    const metric = accuracy();
    metric.update(ties, tensor([0, 1, 0], int32));
    expect(metric.compute()).toBe(1);
  });

  it("take places, ignored targets, probabilities and two classes by a threshold", () => {
    const places = tensor([[[1, 0, 5], [0, 2, 4]]]); // biome-ignore format: [1, 2, 3]
    const metric = accuracy();
    metric.update(places, tensor([[0, 1, 1]], int32));
    expect(metric.compute()).toBe(2 / 3);
    metric.update(places, tensor([[-100, 1, -100]], int32));
    expect(metric.compute()).toBe(3 / 4);
    const top = topKAccuracy(1, { ignoreIndex: 7 });
    top.update(places, tensor([[0, 7, 1]], int32));
    expect(top.compute()).toBe(1 / 2);
    const soft = accuracy();
    soft.update(tensor([[1, 2]]), tensor([[0.3, 0.7]]));
    expect(soft.compute()).toBe(1);
    const binary = classificationReport({ threshold: 0 });
    binary.update(tensor([[1.5], [-1], [0], [3]]), tensor([[1], [1], [0], [0]]));
    const { accuracy: share, perClass } = binary.compute();
    expect([share, perClass[1].precision, perClass[1].recall]).toEqual([0.5, 0.5, 0.5]);
  });

  it("refuse what makes no sense", () => {
    const three = tensor([[1, 2, 3]]);
    const one = tensor([0], int32);
    expect(() => accuracy().update(tensor([[1], [2]]), tensor([0, 0], int32))).toThrow(
      "accuracy: scores are [2, 1]; they must be [N, C] or [N, C, …], with a score for each of at least 2 classes (or, with threshold, one per decision).",
    );
    expect(() => accuracy().update(three, tensor([0, 1], int32))).toThrow(
      "accuracy: scores are [1, 3] and targets int32 [2]; they must be [1], a class for each decision.",
    );
    expect(() => f1Score().update(three, tensor([3], int32))).toThrow(
      "f1: target 3 at position 0 is no class; 3 classes are 0 to 2.",
    );
    expect(() => topKAccuracy(0)).toThrow(
      "topKAccuracy: k is 0; it must be a whole number from 1.",
    );
    expect(() => topKAccuracy(4).update(three, one)).toThrow(
      "top4: k is 4 and there are 3 classes; it can be at most that.",
    );
    expect(() => f1Score({ average: "median" as never })).toThrow(
      'f1: average is "median"; it must be one of macro, micro, weighted, none.',
    );
    expect(() => recall({ zeroDivision: 0.5 })).toThrow(
      "recall: zeroDivision is 0.5; it must be 0, 1 or NaN.",
    );
    expect(() => confusionMatrix({ classNames: ["a"] }).update(three, one)).toThrow(
      "confusion: there are 1 classNames and 3 classes; there must be one for each.",
    );
    const grown = precision();
    grown.update(three, one);
    expect(() => grown.update(tensor([[1, 2]]), one)).toThrow(
      "precision: these scores have 2 classes and those before 3; reset() between models.",
    );
    expect(() => meanSquaredError().update(tensor([[1], [2]]), tensor([1, 2]))).toThrow(
      "mse: scores are [2, 1] and targets [2]; they must be equal.",
    );
  });
});

describe("means", () => {
  it("agree with PyTorch", () => {
    const ids = tensor([[1, -100], [0, 2]], int32); // biome-ignore format: rows
    const logits = tensor(
      [[[0.1, 0.2], [1, -1], [0.5, 2]], [[2, 0], [-1, 3], [0.3, 0.3]]], // biome-ignore format: [2, 3, 2]
      float64,
    );
    const metric = perplexity();
    metric.update(logits, ids);
    // math.exp(cross_entropy(logits, ids))
    expect(metric.compute()).toBeCloseTo(3.45484942788506, 13);
    const [a, b] = [tensor([[1.5, -2], [0.25, 4]]), tensor([[1, 1], [0, 3.5]])]; // biome-ignore format: rows
    const [squared, absolute] = [meanSquaredError(), meanAbsoluteError()];
    squared.update(a, b);
    absolute.update(a, b);
    expect([squared.compute(), absolute.compute()]).toEqual([2.390625, 1.0625]);
  });

  it("of a uniform model: the number of classes", () => {
    const metric = perplexity();
    metric.update(tensor(new Float64Array(40), { shape: [5, 8] }), tensor([0, 1, 2, 3, 4], int32));
    expect(metric.compute()).toBeCloseTo(8, 12);
  });

  it("do not depend on how the examples are cut into batches", () => {
    const generator = new Generator(3);
    const x = randn([11, 4], { generator, ...float64 });
    const t = randint(0, 4, [11], { generator });
    const z = randn([11, 4], { generator, ...float64 });
    const cut = (metric: Metric, target: typeof t) => {
      for (const [start, size] of [[0, 4], [4, 0], [4, 6], [10, 1]]) // biome-ignore format: pairs
        metric.update(x.narrow(0, start, size), target.narrow(0, start, size));
      return metric.compute();
    };
    const entropy = crossEntropy(x, t).item();
    expect(cut(meanLoss(), t)).toBeCloseTo(entropy, 12);
    expect(cut(perplexity(), t)).toBeCloseTo(Math.exp(entropy), 11);
    expect(cut(meanLoss(mseLoss), z)).toBeCloseTo(mseLoss(x, z).item(), 12);
    expect(cut(meanSquaredError(), z)).toBeCloseTo(mseLoss(x, z).item(), 12);
  });
});

describe("metrics of a model", () => {
  const data = new TensorDataset(
    randn([20, 3], { generator: new Generator(1) }),
    randint(0, 3, [20], { generator: new Generator(2) }),
  );

  it("in evaluate, from a dataset or a loader", async () => {
    const model = linear(3, 3);
    const share = await checkAccuracy(model, data);
    const metrics = { share: accuracy(), report: classificationReport(), loss: meanLoss() };
    const found = await evaluate(model, data, { metrics, batchSize: 6 });
    expect(found.share).toBe(share);
    expect(found.report.accuracy).toBe(share);
    expect(found.loss).toBeCloseTo(crossEntropy(model(data.x), data.y).item(), 5);
    const loader = new DataLoader(data, { batchSize: 7, shuffle: true, seed: 1 });
    expect(await checkAccuracy(model, loader)).toBe(share);
    expect((await evaluate(model, loader, { metrics })).report).toEqual(found.report);
    expect(model.training).toBe(true);
    const none = new TensorDataset(data.x.narrow(0, 0, 0), data.y.narrow(0, 0, 0));
    expect(await checkAccuracy(model, none)).toBeNaN();
  });

  it("in the Solver, where one can say which epoch is best", async () => {
    const model = linear(3, 3);
    const solver = new Solver({
      model,
      train: data,
      validation: data,
      optimizer: new SGD(model.parameters(), { lr: 0.1 }),
      epochs: 2,
      batchSize: 5,
      seed: 1,
      progress: "silent",
      metrics: [topKAccuracy(2), classificationReport(), confusionMatrix()],
      monitor: { name: "report.macro.f1", mode: "max" },
    });
    const result = await solver.fit();
    const reports = result.metricHistory.report as ReturnType<
      ReturnType<typeof classificationReport>["compute"]
    >[];
    expect(reports.map((report) => report.accuracy)).toEqual(result.valAccHistory);
    expect(result.best).toBe(Math.max(...reports.map((report) => report.macro.f1)));
    expect(result.metricHistory.top2).toHaveLength(2);
    const found = await evaluate(model, data, { metrics: { f1: f1Score() } });
    expect(found.f1).toBe(result.best);
  });
});
