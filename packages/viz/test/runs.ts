/** Runs that several tests draw. */
import { Generator, manualSeed } from "@tapegrad/core";
import { spirals, split } from "@tapegrad/data";
import { linear, relu, type Sequential, sequential } from "@tapegrad/nn";
import { Adam } from "@tapegrad/optim";
import { Solver, type SolverOptions } from "@tapegrad/train";
import type { RunRecord } from "../src/index.ts";

export const points = spirals({ samples: 100, noise: 0.1, generator: new Generator(1) });

/** The spirals of CS231n, three classes of points in the plane. */
export function spiralSolver(options: Partial<SolverOptions> = {}): {
  model: Sequential;
  solver: Solver;
} {
  manualSeed(2);
  const model = sequential([linear(2, 32), relu(), linear(32, 32), relu(), linear(32, 3)]);
  const [train, validation] = split(points, [240, 60], { generator: new Generator(3) });
  const solver = new Solver({
    model,
    train,
    validation,
    optimizer: new Adam(model.parameters(), { lr: 0.02 }),
    lrDecay: 0.97,
    epochs: 30,
    batchSize: 20,
    seed: 4,
    watch: { everySteps: 6 },
    keepBest: false,
    progress: "silent",
    ...options,
  });
  return { model, solver };
}

/** A run by hand: two epochs of two updates. */
export const small: RunRecord = {
  name: "small",
  lines: [
    { type: "step", step: 1, loss: 2, learningRate: 0.1 },
    {
      type: "layers",
      step: 1,
      parameters: [
        { name: "0.weight", norm: 2, gradNorm: 1, updateRatio: 0.01 },
        { name: "0.bias", norm: 0, gradNorm: null, updateRatio: null },
      ],
      activations: [
        { name: "0", kind: "ReLU", mean: 1, std: 1, min: 0, max: 3, dead: 0.5, histogram: [3, 1] },
      ],
    },
    { type: "step", step: 2, loss: 1, learningRate: 0.1 },
    {
      type: "epoch",
      step: 2,
      epoch: 1,
      loss: 1.5,
      trainAcc: 0.5,
      valLoss: 1.25,
      valAcc: 0.25,
      metrics: { f1: 0.5, report: { macro: { f1: 0.75 } } },
      learningRate: 0.1,
      seconds: 1,
    },
    { type: "step", step: 3, loss: null, learningRate: 0.05 },
    { type: "step", step: 4, loss: 0.5, learningRate: 0.05 },
    {
      type: "epoch",
      step: 4,
      epoch: 2,
      loss: 0.75,
      trainAcc: 1,
      valLoss: 1,
      valAcc: 0.75,
      metrics: {
        f1: 0.75,
        confusion: {
          classNames: ["cat", "dog"],
          counts: [
            [3, 1],
            [0, 4],
          ],
        },
      },
      learningRate: 0.05,
      seconds: 2.04,
    },
  ],
  filters: { name: "0.weight", shape: [2, 1, 2, 2], values: [0, 1, 2, 3, 5, 5, 5, 5] },
};
