import { describe, expect, it } from "@jest/globals";
import { zeros } from "@tapegrad/core";
import fc from "fast-check";
import {
  Adagrad,
  Adam,
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
  ReduceLROnPlateau,
  type Schedule,
  Scheduler,
  SGD,
  sequence,
  stepDecay,
  swaAnnealing,
  warmup,
} from "../src/index.ts";

const leaf = () => zeros([1], { requiresGrad: true });
const rates = (schedule: Schedule, steps: number, base = 1) =>
  Array.from({ length: steps }, (_, t) => schedule(t, base));

describe("schedules", () => {
  it("CS231n's decay per epoch, stepped per epoch or per batch", () => {
    // Its Solver multiplies the rate when (iteration + 1) % iterationsPerEpoch is 0.
    const [perEpoch, decay] = [4, 0.95];
    const theirs: number[] = [];
    let lr = 0.1;
    for (let iteration = 0; iteration < 12; iteration++) {
      theirs.push(lr);
      if ((iteration + 1) % perEpoch === 0) lr *= decay;
    }
    const perBatch = rates(stepDecay(perEpoch, decay), 12, 0.1);
    const perEpochRates = rates(exponentialDecay(decay), 3, 0.1);
    theirs.forEach((rate, i) => {
      expect(perBatch[i]).toBeCloseTo(rate, 15);
      expect(perEpochRates[Math.floor(i / perEpoch)]).toBeCloseTo(rate, 15);
    });
  });

  it("warm-up goes straight up, and then on", () => {
    expect(rates(warmup(4), 6)).toEqual([0, 0.25, 0.5, 0.75, 1, 1]);
    expect(rates(warmup(2, undefined, { startFactor: 0.5 }), 4)).toEqual([0.5, 0.75, 1, 1]);
    expect(rates(warmup(2, stepDecay(1, 0.5)), 5, 8)).toEqual([0, 4, 8, 4, 2]);
  });

  it("a factor may become 0, and stays finite", () => {
    expect(rates(linearFactor({ startFactor: 0, endFactor: 1, totalIters: 2 }), 4)).toEqual([
      0, 0.5, 1, 1,
    ]);
    expect(rates(linearFactor({ startFactor: 1, endFactor: 0, totalIters: 2 }), 4)).toEqual([
      1, 0.5, 0, 0,
    ]);
    expect(rates(polynomialDecay(2), 4)).toEqual([1, 0.5, 0, 0]);
  });

  it("take fractions of an epoch", () => {
    const optimizer = new SGD([leaf()], { lr: 1 });
    const scheduler = new Scheduler(optimizer, cosineWarmRestarts(2, { tMult: 2 }));
    scheduler.step(1);
    expect(optimizer.lr).toBeCloseTo(0.5, 15);
    scheduler.step(2.5);
    expect(optimizer.lr).toBeCloseTo((1 + Math.cos(Math.PI / 8)) / 2, 15);
    expect(exponentialDecay(0.25)(1.5, 1)).toBeCloseTo(0.125, 15);
  });

  it("stay between their ends", () => {
    const time = fc.integer({ min: 0, max: 1000 });
    const base = fc.double({ min: 1e-3, max: 1, noNaN: true });
    fc.assert(
      fc.property(time, base, (t, base) => {
        const slack = 1 + 1e-12;
        for (const [schedule, least, most] of [
          [cosineAnnealing(17, { etaMin: 1e-4 }), 1e-4, base],
          [cosineWarmRestarts(3, { tMult: 2, etaMin: 1e-4 }), 1e-4, base],
          [cyclic(2, { stepSizeUp: 7, stepSizeDown: 3, mode: "triangular2" }), base, 2],
          [oneCycle(1000), base / 25e4, base],
          [oneCycle(1000, { threePhase: true }), base / 25e4, base],
          [swaAnnealing(1e-4), 1e-4, base],
          [warmup(100, polynomialDecay(900)), 0, base],
        ] as const) {
          const rate = schedule(t, base);
          expect(rate).toBeGreaterThanOrEqual(least / slack);
          expect(rate).toBeLessThanOrEqual(most * slack);
        }
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it("chain and follow each other with their momenta", () => {
    const cycle = oneCycle(10);
    expect(chained(cycle, exponentialDecay(0.5)).momentum!(0)).toBe(0.95);
    const two = sequence([cycle, cycle], [10]);
    expect(two(13, 1)).toBe(cycle(3, 1));
    expect(two.momentum!(13)).toBe(cycle.momentum!(3));
    expect(oneCycle(10, { cycleMomentum: false }).momentum).toBeUndefined();
  });

  it("one cycle ends where the last batch was, and has no step beyond", () => {
    const optimizer = new SGD([leaf()], { lr: 1, momentum: 0.9 });
    const scheduler = new Scheduler(optimizer, oneCycle(3));
    for (let batch = 0; batch < 3; batch++) scheduler.step();
    expect(optimizer.lr).toBeCloseTo(1 / 25e4, 15);
    expect(() => scheduler.step()).toThrow(
      "oneCycle: t is 4, beyond the 3 steps of the cycle; make it for as many steps as you take.",
    );
    expect(scheduler.t).toBe(3);
  });

  it.each<[() => unknown, string]>([
    [
      () => lambda(3 as never),
      "lambda: the factor is 3; it must be a function of time, such as (t) => 1 / (1 + t).",
    ],
    [() => stepDecay(2.5), "stepDecay: stepSize is 2.5; it must be a whole number of at least 1."],
    [
      () => multiStepDecay([3, 2]),
      "multiStepDecay: milestones is [3, 2]; it must be rising numbers from 0, such as [30, 60].",
    ],
    [
      () => constantFactor({ factor: -1 }),
      "constantFactor: factor is -1; it must be a finite number of at least 0.",
    ],
    [
      () => linearFactor({ startFactor: 1, totalSteps: 3 } as never),
      "linearFactor: unknown option totalSteps; known are startFactor, endFactor, totalIters.",
    ],
    [
      () => cosineAnnealing(0),
      "cosineAnnealing: tMax is 0; it must be a whole number of at least 1.",
    ],
    [
      () => warmup(3, undefined, { startFactor: -1 }),
      "warmup: startFactor is -1; it must be a finite number of at least 0.",
    ],
    [
      () => oneCycle(10, { annealStrategy: "cosine" as never }),
      'oneCycle: annealStrategy is "cosine"; it must be "cos" or "linear".',
    ],
    [
      () => cyclic(0.1, { mode: "saw" as never }),
      'cyclic: mode is "saw"; it must be "triangular" or "triangular2" or "expRange".',
    ],
    [
      () => cyclic(0.1, { scaleFn: 1 as never }),
      "cyclic: scaleFn is 1; it must be a function, or null.",
    ],
    [
      () => sequence([exponentialDecay(0.9)], [3]),
      "sequence: there are 1 schedules and 1 milestones; there must be one milestone between each two schedules.",
    ],
    [
      () => sequence([oneCycle(3), exponentialDecay(0.9)], [3]),
      "sequence: 1 of 2 schedules move the momentum; it must be all or none, see cycleMomentum.",
    ],
    [
      () => chained(),
      "chained: the schedules are []; they must be functions, at least one, such as exponentialDecay(0.9).",
    ],
  ])("refused: %#", (make, message) => {
    expect(make).toThrow(message);
  });
});

describe("the scheduler", () => {
  it("moves the first beta of Adam", () => {
    const optimizer = new Adam([leaf()], { lr: 1, betas: [0.9, 0.98] });
    new Scheduler(optimizer, cyclic(2, { stepSizeUp: 2 })).step();
    expect(optimizer.groups[0]!.betas[0]).toBeCloseTo(0.85, 15);
    expect(optimizer.groups[0]!.betas[1]).toBe(0.98);
  });

  it("takes groups that come later with the rate that they have", () => {
    const optimizer = new SGD([leaf()], { lr: 1 });
    const scheduler = new Scheduler(optimizer, exponentialDecay(0.5));
    scheduler.step();
    optimizer.addParamGroup({ params: [leaf()], lr: 8 });
    scheduler.step();
    expect(scheduler.rates).toEqual([0.25, 2]);
  });

  it("has a schedule for each group, if they are given so", () => {
    const groups = [{ params: [leaf()] }, { params: [leaf()], lr: 4 }];
    const optimizer = new SGD(groups, { lr: 1 });
    const scheduler = new Scheduler(optimizer, [exponentialDecay(0.5), (_, base) => base]);
    scheduler.step();
    expect(scheduler.rates).toEqual([0.5, 4]);
    expect(() => new Scheduler(optimizer, [exponentialDecay(0.5)])).toThrow(
      "Scheduler: there are 1 schedules and 2 groups; give one for each, or one for all.",
    );
  });

  it("refuses what it can't do, and then changes nothing", () => {
    const optimizer = new Adagrad([leaf()], { lr: 1 });
    expect(() => new Scheduler(optimizer, oneCycle(10))).toThrow(
      "Scheduler: the schedule moves the momentum, and group 0 has neither momentum nor betas; make the schedule with cycleMomentum: false.",
    );
    expect(() => new Scheduler(optimizer, 0.9 as never)).toThrow(
      "Scheduler: the schedule is 0.9; it must be a function of time and rate, such as cosineAnnealing(10).",
    );
    const scheduler = new Scheduler(optimizer, (t) => (t < 2 ? 1 / (t + 1) : Number.NaN));
    scheduler.step();
    expect(() => scheduler.step()).toThrow(
      "Scheduler: at t = 2 the schedule gives NaN for group 0; it must give a finite number.",
    );
    expect([scheduler.t, optimizer.lr]).toEqual([1, 0.5]);
    expect(() => scheduler.step(-1)).toThrow(
      "Scheduler.step: t is -1; it must be a number from 0.",
    );
  });

  it("resumes a cycle with its momentum", () => {
    const make = () => {
      const optimizer = new SGD([leaf()], { lr: 1, momentum: 0.9 });
      return { optimizer, scheduler: new Scheduler(optimizer, oneCycle(20)) };
    };
    const [a, b] = [make(), make()];
    for (let t = 0; t < 7; t++) a.scheduler.step();
    b.optimizer.loadStateDict(a.optimizer.stateDict());
    b.scheduler.loadStateDict(JSON.parse(JSON.stringify(a.scheduler.stateDict())));
    for (const { scheduler } of [a, b]) scheduler.step();
    expect(b.optimizer.groups[0]).toEqual({ ...a.optimizer.groups[0], params: expect.anything() });
  });
});

describe("ReduceLROnPlateau", () => {
  it("resumes", () => {
    const make = () => {
      const optimizer = new SGD([leaf()], { lr: 1 });
      return {
        optimizer,
        scheduler: new ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.5 }),
      };
    };
    const [a, b] = [make(), make()];
    for (const loss of [3, 2, 2]) a.scheduler.step(loss);
    b.scheduler.loadStateDict(JSON.parse(JSON.stringify(a.scheduler.stateDict())));
    expect(b.scheduler.best).toBe(2);
    for (const { scheduler } of [a, b]) scheduler.step(2);
    expect([a.optimizer.lr, b.optimizer.lr]).toEqual([0.5, 0.5]);
  });

  it("counts NaN as no improvement, and takes tensors", () => {
    const optimizer = new SGD([leaf()], { lr: 1 });
    const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0 });
    scheduler.step(Number.NaN);
    expect(scheduler.best).toBeNull();
    expect(optimizer.lr).toBeCloseTo(0.1, 15);
    scheduler.step(zeros([1]));
    expect(scheduler.best).toBe(0);
  });

  it("refuses nonsense", () => {
    const optimizer = new SGD([leaf()]);
    expect(() => new ReduceLROnPlateau(optimizer, { factor: 1 })).toThrow(
      "ReduceLROnPlateau: factor is 1; it must be a number between 0 and 1.",
    );
    expect(() => new ReduceLROnPlateau(optimizer, { minLr: [0.1, 0.2] })).toThrow(
      "ReduceLROnPlateau: minLr has 2 rates for 1 groups; give one for each, or a number for all.",
    );
    const scheduler = new ReduceLROnPlateau(optimizer);
    expect(() => scheduler.step("good" as never)).toThrow(
      'ReduceLROnPlateau.step: the metric is "good"; it must be a number, such as the validation loss.',
    );
    expect(() => scheduler.loadStateDict({ best: 1, badSteps: -1, cooldownLeft: 0 })).toThrow(
      "ReduceLROnPlateau.loadStateDict: got best = 1, badSteps = -1, cooldownLeft = 0; it must be what stateDict() gave.",
    );
  });
});
