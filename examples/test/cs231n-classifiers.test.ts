/** The lessons of CS231n that train classifiers, each run on few images that are easy. */
import { beforeAll, describe, expect, it } from "@jest/globals";
import { setThreads } from "tapegrad";
import { fullyConnected } from "../cs231n/fully-connected.ts";
import { hyperparameterSearch } from "../cs231n/hyperparameter-search.ts";
import { iris } from "../cs231n/iris.ts";
import { knn } from "../cs231n/knn.ts";
import { softmax } from "../cs231n/softmax.ts";
import { svm } from "../cs231n/svm.ts";
import { twoLayerNet } from "../cs231n/two-layer-net.ts";
import { fakeCifar } from "./fake-cifar.ts";

const data = fakeCifar({ train: 400, test: 100 });
const validation = 100;
const chance = 0.1;

// The operations are small, and threads shared with other tests would make each wait.
beforeAll(() => setThreads(1));

/** What a lesson prints. */
function recorder() {
  const lines: string[] = [];
  return { lines, print: (line: string) => lines.push(...line.split("\n")) };
}

describe("k nearest neighbours", () => {
  it("has the same distances in two loops, one and none, and the library's classes", async () => {
    const { lines, print } = recorder();
    const result = await knn.run(
      { data, train: 200, test: 50, compareTest: 4, compareTrain: 60 },
      print,
    );
    expect(result.methods.map(({ name }) => name)).toEqual(["two loops", "one loop", "no loops"]);
    for (const { difference } of result.methods) expect(difference).toBeLessThan(1e-6);
    expect(result.agreement).toBe(1);
    expect(result.testAccuracy).toBeGreaterThan(0.9);
    expect(result.mean[`k = ${result.bestK}`]).toBe(Math.max(...Object.values(result.mean)));
    expect(lines.at(-2)).toMatch(/^Test accuracy \d+\.\d % with k = \d+, on 50 images$/);
  });
});

describe.each([
  { name: "svm", lesson: svm, atZero: 9 },
  { name: "softmax", lesson: softmax, atZero: Math.log(10) },
])("the linear $name", ({ lesson, atZero }) => {
  it("agrees in all its forms, and learns", async () => {
    const { lines, print } = recorder();
    const options = { data, train: 300, validation, test: 100, steps: 60, batchSize: 50 };
    const { checks, lossHistory, testAccuracy } = await lesson.run(options, print);
    // Without regularization: 9 margins of 1, or ten equal probabilities.
    expect(Math.abs(checks[0].loss - atZero)).toBeLessThan(0.15);
    for (const { between, numeric } of checks) {
      expect(between).toBeLessThan(1e-6);
      expect(numeric).toBeLessThan(1e-6);
    }
    expect(lossHistory.at(-1)).toBeLessThan(lossHistory[0]);
    expect(testAccuracy).toBeGreaterThan(5 * chance);
    expect(lines.filter((line) => line.startsWith("lr "))).toHaveLength(4);
  });
});

describe("the two-layer network", () => {
  it("has the published scores and losses, and learns", async () => {
    const { lines, print } = recorder();
    const options = { data, train: 300, validation, test: 100, hidden: 30, epochs: 4 };
    const { testAccuracy, valAccHistory } = await twoLayerNet.run(options, print);
    expect(lines[0]).toMatch(/^scores: relative error .* to the published digits$/);
    expect(valAccHistory).toHaveLength(4);
    expect(testAccuracy).toBeGreaterThan(5 * chance);
  });
});

describe("fully connected networks", () => {
  it("pass the checks, learn 50 images by heart, and learn by every rule", async () => {
    const { lines, print } = recorder();
    const result = await fullyConnected.run(
      {
        data,
        ruleImages: 300,
        ruleEpochs: 2,
        images: 300,
        epochs: 4,
        hidden: 32,
        validation,
        test: 100,
      },
      print,
    );
    for (const { error } of result.checks) expect(error).toBeLessThan(1e-5);
    expect(Math.abs(result.checks[0].loss - Math.log(10))).toBeLessThan(0.05);
    expect(result.checks[1].loss).toBeGreaterThan(result.checks[0].loss);
    expect(result.overfitted.map(({ accuracy }) => accuracy)).toEqual([1, 1]);
    expect(Object.keys(result.compared)).toEqual(["sgd", "momentum", "rmsprop", "adam"]);
    const firstLosses = Object.values(result.compared).map(({ lossHistory }) => lossHistory[0]);
    expect(new Set(firstLosses).size).toBe(1); // the same weights and batches
    for (const { lossHistory } of Object.values(result.compared)) {
      expect(lossHistory).toHaveLength(6);
    }
    expect(result.testAccuracy).toBeGreaterThan(5 * chance);
    expect(lines.at(-1)).toMatch(/^Test accuracy \d+\.\d % on 100 images$/);
  });
});

describe("the search", () => {
  it("goes from coarse to fine", async () => {
    const { coarse, fine, chosen, testAccuracy } = await hyperparameterSearch.run(
      {
        data,
        images: 100,
        coarse: 6,
        fine: 3,
        epochs: 1,
        finalEpochs: 4,
        train: 300,
        validation,
        test: 100,
      },
      recorder().print,
    );
    expect([coarse.trials.length, fine.trials.length]).toEqual([6, 3]);
    const best = coarse.ranked().slice(0, 3);
    for (const name of ["lr", "reg"] as const) {
      const values = best.map(({ params }) => params[name]);
      for (const { params } of fine.trials) {
        expect(params[name]).toBeGreaterThanOrEqual(Math.min(...values) / 2);
        expect(params[name]).toBeLessThanOrEqual(Math.max(...values) * 2);
      }
    }
    expect(fine.best!.params).toEqual(chosen);
    expect(testAccuracy).toBeGreaterThan(2 * chance);
  });
});

describe("iris", () => {
  it("is right for at least 95 % of the flowers", async () => {
    const { lines, print } = recorder();
    const { folds, mean } = await iris.run({}, print);
    expect(folds).toHaveLength(5);
    expect(mean).toBeGreaterThanOrEqual(0.95);
    expect(lines.at(-1)).toMatch(/^Accuracy 9\d\.\d % ± \d\.\d % over 5 folds$/);
  });
});
