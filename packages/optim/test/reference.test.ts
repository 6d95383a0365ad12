/** Trajectories and rates beside PyTorch's; reference.py says how those were computed. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { cat, type Tensor, tensor, zeros } from "@tapegrad/core";
import * as optim from "../src/index.ts";
import {
  chained,
  constantFactor,
  cosineAnnealing,
  cosineWarmRestarts,
  cyclic,
  exponentialDecay,
  lambda,
  linearFactor,
  multiStepDecay,
  oneCycle,
  polynomialDecay,
  type Schedule,
  Scheduler,
  sequence,
  stepDecay,
  swaAnnealing,
} from "../src/index.ts";

type Options = Record<string, unknown>;
type Nested = number | Nested[];

interface Reference {
  start: Nested[];
  shift: Nested[];
  /** The steps after which parameters were noted. */
  kept: number[];
  optimizers: { optimizer: string; options: Options; after: number[][] }[];
  lbfgs: {
    options: Options;
    losses: number[];
    after: number[][];
    evaluations: number;
    iterations: number;
  }[];
  schedules: Record<string, number[][]>;
  metrics: number[];
  plateaus: { options: Options; rates: number[][] }[];
}

const reference: Reference = JSON.parse(
  readFileSync(new URL("reference.json", import.meta.url), "utf8"),
);
const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
const camelOptions = (options: Options) =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      camel(name),
      typeof value === "string" && value !== "abs" ? camel(value) : value,
    ]),
  );

const float64 = { dtype: "float64" } as const;
const leaves = () =>
  reference.start.map((values) => tensor(values, { ...float64, requiresGrad: true }));
const elements = (params: Tensor[]) => params.flatMap((p) => [...p.data()]);

function expectNear(got: number[], expected: number[], tolerance = 1e-12): void {
  expect(got.length).toBe(expected.length);
  const worst = Math.max(
    ...got.map((x, i) => Math.abs(x - expected[i]!) / Math.max(1, Math.abs(expected[i]!))),
  );
  expect(worst).toBeLessThan(tolerance);
}

type Make = new (params: Tensor[], options: Options) => optim.Optimizer<{ lr: number }>;
const classes = { ...optim, RMSprop: optim.RMSProp } as unknown as Record<string, Make>;

describe("trajectories are PyTorch's", () => {
  it.each(reference.optimizers.map((row) => [row.optimizer, JSON.stringify(row.options), row]))(
    "%s %s",
    (_, __, row) => {
      const { optimizer: name, options, after } = row as Reference["optimizers"][number];
      const params = leaves();
      const optimizer = new classes[name]!(params, camelOptions(options));
      const got: number[][] = [];
      for (let step = 1; step <= Math.max(...reference.kept); step++) {
        params.forEach((p, k) => {
          const x = p.detach();
          const slope = x.pow(3).sub(x.mul(0.5)).add(tensor(reference.shift[k]!, float64));
          p.grad = k === 1 && step === 3 ? null : slope;
        });
        optimizer.step();
        if (reference.kept.includes(step)) got.push(elements(params));
      }
      expect(got.length).toBe(after.length);
      got.forEach((values, i) => {
        expectNear(values, after[i]!);
      });
    },
  );
});

describe("L-BFGS is PyTorch's", () => {
  /** Rosenbrock's valley over all elements. */
  const valley = (params: Tensor[]) => {
    const x = cat(params.map((p) => p.flatten()));
    const [before, after] = [x.narrow(0, 0, x.size - 1), x.narrow(0, 1, x.size - 1)];
    const steep = after.sub(before.square()).square().mul(10);
    return steep.add(before.neg().add(1).square()).sum();
  };

  it.each(reference.lbfgs.map((row) => [JSON.stringify(row.options), row] as const))(
    "%s",
    (_, { options, losses, after, evaluations, iterations }) => {
      const params = leaves();
      const optimizer = new optim.LBFGS(params, camelOptions(options));
      losses.forEach((loss, step) => {
        const first = optimizer.step(() => {
          optimizer.zeroGrad();
          const y = valley(params);
          y.backward();
          return y;
        });
        expectNear([first.item()], [loss], 1e-12);
        expectNear(elements(params), after[step]!, 1e-12);
      });
      const state = optimizer.stateDict().state[0]!;
      expect([state.funcEvals, state.nIter]).toEqual([evaluations, iterations]);
    },
  );
});

const schedules: Record<string, Schedule | readonly Schedule[]> = {
  "StepLR 3 0.5": stepDecay(3, 0.5),
  "MultiStepLR 2 5 5 0.3": multiStepDecay([2, 5, 5], 0.3),
  ConstantLR: constantFactor(),
  LinearLR: linearFactor(),
  "LinearLR 1 0.2 4": linearFactor({ startFactor: 1, endFactor: 0.2, totalIters: 4 }),
  "ExponentialLR 0.9": exponentialDecay(0.9),
  "PolynomialLR 5 1.7": polynomialDecay(5, { power: 1.7 }),
  LambdaLR: lambda((t) => 1 / (1 + t)),
  "CosineAnnealingLR 5 0.01": cosineAnnealing(5, { etaMin: 0.01 }),
  "CosineAnnealingWarmRestarts 3": cosineWarmRestarts(3),
  "CosineAnnealingWarmRestarts 2 2 0.01": cosineWarmRestarts(2, { tMult: 2, etaMin: 0.01 }),
  "OneCycleLR 10": oneCycle(10),
  "OneCycleLR 10 Adam": [oneCycle(10, { maxLr: 0.1 }), oneCycle(10, { maxLr: 0.02 })],
  "OneCycleLR 12 three phases": oneCycle(12, {
    maxLr: 0.5,
    pctStart: 0.25,
    annealStrategy: "linear",
    threePhase: true,
    divFactor: 10,
    finalDivFactor: 100,
    baseMomentum: 0.6,
    maxMomentum: 0.8,
  }),
  CyclicLR: cyclic(0.5, { stepSizeUp: 3 }),
  "CyclicLR triangular2": cyclic(0.5, {
    baseLr: 0.05,
    stepSizeUp: 2,
    stepSizeDown: 3,
    mode: "triangular2",
    baseMomentum: 0.5,
    maxMomentum: 0.7,
  }),
  "CyclicLR exp_range": cyclic(0.5, { stepSizeUp: 2, mode: "expRange", gamma: 0.9 }),
  "CyclicLR scale_fn": cyclic(0.5, {
    stepSizeUp: 2,
    scaleFn: (cycle) => 1 / cycle,
    cycleMomentum: false,
  }),
  ChainedScheduler: chained(constantFactor({ factor: 0.1, totalIters: 3 }), exponentialDecay(0.9)),
  SequentialLR: sequence(
    [constantFactor({ factor: 0.1, totalIters: 3 }), exponentialDecay(0.9), stepDecay(2, 0.5)],
    [3, 6],
  ),
  "SWALR 4 cos": swaAnnealing(0.05, { annealEpochs: 4 }),
  "SWALR 3 linear": swaAnnealing(0.05, { annealEpochs: 3, annealStrategy: "linear" }),
  "SWALR 0": swaAnnealing(0.05, { annealEpochs: 0 }),
};

const twoGroups = () => [
  { params: [zeros([1], { requiresGrad: true })], lr: 0.1 },
  { params: [zeros([1], { requiresGrad: true })], lr: 0.02 },
];

describe("schedules are PyTorch's, for groups with rates of their own", () => {
  it("all of the reference", () => {
    expect(Object.keys(schedules)).toEqual(Object.keys(reference.schedules));
  });

  it.each(Object.entries(reference.schedules))("%s", (name, rows) => {
    const adam = name.endsWith("Adam");
    const optimizer = adam
      ? new optim.Adam(twoGroups())
      : new optim.SGD(twoGroups(), { momentum: 0.9 });
    const scheduler = new Scheduler(optimizer, schedules[name]!);
    for (const row of rows) {
      const group = optimizer.groups[0]! as { momentum?: number; betas?: readonly number[] };
      const momentum = group.betas?.[0] ?? group.momentum!;
      expectNear([...scheduler.rates, momentum].slice(0, row.length), row, 1e-14);
      scheduler.step();
    }
  });

  it.each(
    reference.plateaus.map(
      ({ options, rates }) => [JSON.stringify(options), options, rates] as const,
    ),
  )("ReduceLROnPlateau %s", (_, options, rates) => {
    const optimizer = new optim.SGD(twoGroups());
    const scheduler = new optim.ReduceLROnPlateau(optimizer, camelOptions(options));
    reference.metrics.forEach((metric, i) => {
      scheduler.step(metric);
      expectNear(scheduler.rates, rates[i]!, 1e-15);
    });
  });
});
