/** What a run records for pictures. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { Generator, manualSeed, noGrad, randn, tensor } from "@tapegrad/core";
import { TensorDataset } from "@tapegrad/data";
import {
  conv2d,
  dropout,
  embedding,
  flatten,
  linear,
  Module,
  relu,
  sequential,
} from "@tapegrad/nn";
import { LBFGS, SGD } from "@tapegrad/optim";
import {
  confusionMatrix,
  firstLayerFilters,
  type LayersLine,
  type MetricsLine,
  RunFolder,
  readRecord,
  Solver,
  type SolverOptions,
  sparkline,
} from "@tapegrad/train";
import fc from "fast-check";
import { isDue } from "../src/watch.ts";

const root = mkdtempSync(join(tmpdir(), "tapegrad-watch-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const fresh = () => join(root, `run-${folders++}`);

const x = randn([40, 3], { generator: new Generator(1) });
const train = new TensorDataset(x, x.sum(1).gt(0).to("int32"));

function solver(options: Partial<SolverOptions> = {}): Solver {
  manualSeed(5);
  const model = options.model ?? sequential([linear(3, 6), relu(), dropout(0.2), linear(6, 2)]);
  return new Solver({
    model,
    train,
    validation: train,
    optimizer: new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    batchSize: 8,
    epochs: 3,
    seed: 1,
    progress: "silent",
    ...options,
  });
}

const layersOf = (lines: readonly MetricsLine[]) =>
  lines.filter((line): line is LayersLine => line.type === "layers");
const norm = (values: Iterable<number>) =>
  Math.sqrt([...values].reduce((sum, v) => sum + v * v, 0));

describe("watch", () => {
  it("changes no bit of the training", async () => {
    const results = [];
    for (const watch of [false, true, { everySteps: 1 }] as const) {
      const one = solver({ watch, accumulateSteps: 2, clipNorm: 1, reg: 0.01 });
      const { lossHistory, valLossHistory } = await one.fit();
      const weights = [...one.model.stateDict()].map(([, w]) => [...w.data()]);
      results.push({ lossHistory, valLossHistory, weights });
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it("tells the norms of weights and gradients, and how far the update went", async () => {
    const model = linear(3, 2);
    const before = [...model.weight.data()];
    const one = solver({
      model,
      optimizer: new SGD(model.parameters(), { lr: 0.5 }),
      maxSteps: 1,
      watch: true,
      keepBest: false,
    });
    await one.fit();
    const [line] = layersOf(one.record.lines);
    const [weight, bias] = line.parameters;
    const after = [...model.weight.data()];
    const moved = norm(after.map((w, i) => w - before[i]));
    expect([line.step, line.epoch, weight.name, bias.name]).toEqual([1, 1, "weight", "bias"]);
    expect(weight.norm).toBe(norm(before));
    expect(weight.updateRatio).toBeCloseTo(moved / norm(before), 12);
    // Plain SGD moves by lr times the gradient.
    expect(weight.gradNorm!).toBeCloseTo(moved / 0.5, 5);
  });

  it("has no ratio for weights of 0, and no gradient where none arrived", async () => {
    const model = linear(3, 2);
    noGrad(() => model.bias!.copy_(tensor([0, 0])));
    model.weight.requiresGrad_(false);
    const one = solver({
      model,
      optimizer: new SGD([model.bias!], { lr: 0.5 }),
      maxSteps: 1,
      watch: true,
    });
    await one.fit();
    const [weight, bias] = layersOf(one.record.lines)[0].parameters;
    expect([weight.gradNorm, weight.updateRatio]).toEqual([null, 0]);
    expect([typeof bias.gradNorm, bias.updateRatio]).toEqual(["number", null]);
  });

  it("describes what the innermost modules give", async () => {
    const model = sequential([linear(3, 4), relu()]);
    const [first] = model.modules().slice(1) as [ReturnType<typeof linear>];
    // The first unit is dead: far below 0 for every example.
    noGrad(() => first.bias!.copy_(tensor([-1e3, 0, 0, 1e3])));
    const one = solver({ model, watch: true, maxSteps: 1 });
    await one.fit();
    const { activations } = layersOf(one.record.lines)[0];
    expect(activations.map(({ name, kind }) => [name, kind])).toEqual([
      ["0", "Linear"],
      ["1", "ReLU"],
    ]);
    const [, relued] = activations;
    expect(relued.dead).toBe(0.25);
    expect(relued.min).toBe(0);
    expect(relued.max).toBeGreaterThan(990);
    expect(relued.histogram).toHaveLength(24);
    expect(relued.histogram.reduce((sum, n) => sum + n, 0)).toBe(8 * 4);
    expect(relued.mean).toBeGreaterThan(240);
    expect(relued.std).toBeGreaterThan(400);
  });

  it("looks once at a module that runs several times, and at the first evaluation of LBFGS", async () => {
    class Twice extends Module {
      readonly cell = linear(3, 3);
      readonly out = linear(3, 2);
      forward(x: ReturnType<typeof tensor>) {
        return this.out(this.cell(this.cell(x)));
      }
    }
    const model = new Twice();
    const optimizer = new LBFGS(model.parameters(), { maxIter: 4 });
    const one = solver({ model, optimizer, maxSteps: 1, watch: true });
    await one.fit();
    const { activations } = layersOf(one.record.lines)[0];
    expect(activations.map(({ name }) => name)).toEqual(["cell", "out"]);
  });

  it("leaves no hooks behind", async () => {
    const model = linear(3, 2);
    let calls = 0;
    const one = solver({ model, watch: { everySteps: 1 } });
    await one.fit();
    const { length } = one.record.lines;
    model.registerForwardHook(() => {
      calls++;
    });
    model(x);
    expect([calls, one.record.lines.length]).toEqual([1, length]);
  });

  it("adds a confusion matrix of the validation examples, where there are classes", async () => {
    const one = solver({ watch: true });
    await one.fit();
    const { confusion } = one.state.metrics as unknown as { confusion: { counts: number[][] } };
    expect(confusion.counts.flat().reduce((sum, n) => sum + n, 0)).toBe(40);
    const named = solver({
      watch: true,
      metrics: [confusionMatrix({ classNames: ["low", "high"] })],
    });
    await named.fit();
    expect(named.state.metrics.confusion).toMatchObject({ classNames: ["low", "high"] });
    const model = linear(3, 1);
    const regression = solver({
      model,
      train: new TensorDataset(x, x.sum(1, { keepdim: true })),
      validation: new TensorDataset(x, x.sum(1, { keepdim: true })),
      optimizer: new SGD(model.parameters(), { lr: 0.01 }),
      loss: (scores, y) => scores.sub(y).square().mean(),
      watch: true,
    });
    await regression.fit();
    expect(regression.state.metrics).toEqual({});
  });

  it("refuses options that make no sense", () => {
    expect(() => solver({ watch: 3 as never })).toThrow(
      "Solver: watch is 3; it must be true, false or options such as { everySteps: 50 }.",
    );
    expect(() => solver({ watch: { everySteps: 0 } })).toThrow(
      "Solver: watch.everySteps is 0; it must be a whole number from 1.",
    );
    expect(() => solver({ watch: { every: 1 } as never })).toThrow(
      'Solver: unknown option "watch.every"; known are everySteps.',
    );
  });
});

describe("isDue", () => {
  it("takes the first step and each n-th, and half as many whenever a run gets twice as long", () => {
    const due = Array.from({ length: 100 }, (_, i) => i + 1).filter((step) => isDue(step, 2, 5));
    expect(due).toEqual([1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96]);
  });

  it("keeps records few however long the run", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 50 }),
        (every, most) => {
          for (const steps of [10, 1000, 20_000]) {
            let count = 0;
            for (let step = 1; step <= steps; step++) if (isDue(step, every, most)) count++;
            const doublings = Math.max(0, Math.ceil(Math.log2(steps / (every * most))));
            expect(count).toBeLessThanOrEqual(1 + most + (doublings * (most + 1)) / 2 + doublings);
          }
        },
      ),
      { seed: 1, numRuns: 20 },
    );
  });
});

describe("a run's record", () => {
  it("is in memory what the folder gives back", async () => {
    const runFolder = fresh();
    const one = solver({ runFolder, logSteps: 1, watch: { everySteps: 4 } });
    await one.fit();
    const read = await readRecord(runFolder);
    expect(read).toEqual(JSON.parse(JSON.stringify(one.record)));
    expect(read.name).toBe(runFolder.split("/").at(-1));
    expect(layersOf(read.lines).map(({ step }) => step)).toEqual([1, 4, 8, 12]);
  });

  it("goes on where a resumed run does", async () => {
    const [runFolder, whole] = [fresh(), fresh()];
    const watch = { everySteps: 2 };
    const plain = (lines: readonly MetricsLine[]) =>
      JSON.parse(JSON.stringify(lines.map((line) => ({ ...line, seconds: 0 }))));
    const expected = solver({ runFolder: whole, logSteps: 1, watch });
    await expected.fit();
    await solver({ runFolder, logSteps: 1, watch, maxSteps: 7 }).fit();
    const second = solver({ runFolder, logSteps: 1, watch, resume: true });
    await second.fit();
    expect(plain(second.record.lines)).toEqual(plain(expected.record.lines));
    expect(plain(await new RunFolder(runFolder).metrics())).toEqual(plain(expected.record.lines));
  });

  it("begins anew with a new run", async () => {
    const one = solver({ epochs: 1 });
    await one.fit();
    const first = one.record;
    await one.fit();
    expect(one.record.lines).toHaveLength(first.lines.length);
    expect(one.record.runId).not.toBe(first.runId);
    expect(one.record.name).toBe(one.record.runId.slice(-8));
  });
});

describe("firstLayerFilters", () => {
  it("are those of a convolution on grey or coloured images", () => {
    const model = sequential([conv2d(3, 70, 5), relu()]);
    const { name, shape, values } = firstLayerFilters(model)!;
    expect([name, shape, values.length]).toEqual(["0.weight", [64, 3, 5, 5], 64 * 75]);
    const [, weight] = model.namedParameters()[0];
    expect(values[7]).toBe(Number(weight.data()[7].toPrecision(3)));
    expect(firstLayerFilters(conv2d(16, 4, 3))).toBeNull();
    expect(firstLayerFilters(conv2d(3, 4, 1))).toBeNull();
  });

  it("are those of a linear layer on images", () => {
    const model = sequential([flatten(), linear(784, 10)]);
    expect(firstLayerFilters(model)!.shape).toEqual([10, 1, 28, 28]);
    expect(firstLayerFilters(linear(3072, 10))!.shape).toEqual([10, 3, 32, 32]);
    expect(firstLayerFilters(linear(18, 4), [2, 9])!.shape).toEqual([4, 1, 2, 9]);
    expect(firstLayerFilters(linear(18, 4), [18])).toBeNull();
    expect(firstLayerFilters(linear(18, 4), [3, 2, 3])!.shape).toEqual([4, 3, 2, 3]);
    expect(firstLayerFilters(linear(18, 4), [2, 3, 3])).toBeNull();
    expect(firstLayerFilters(linear(4, 4))).toBeNull();
    expect(firstLayerFilters(sequential([embedding(64, 64), linear(64, 4)]))).toBeNull();
    expect(firstLayerFilters(relu())).toBeNull();
  });
});

describe("sparkline", () => {
  it("draws values from the lowest to the highest", () => {
    expect(sparkline([8, 4, 2, 1])).toBe("█▄▂▁");
    expect(sparkline([3, 3])).toBe("▁▁");
    expect(sparkline([])).toBe("");
    expect(sparkline([1, Number.NaN, 2, Number.POSITIVE_INFINITY])).toBe("▁ █ ");
    expect(sparkline([0, 2, 10, 10], { width: 2 })).toBe("▁█");
  });
});
