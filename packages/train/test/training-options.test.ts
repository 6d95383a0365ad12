/** What the options of training do, one by one. */
import { beforeAll, describe, expect, it } from "@jest/globals";
import { equal, Generator, manualSeed, noGrad, randn, type Tensor, tensor } from "@tapegrad/core";
import { DataLoader, type Dataset, mapBatches, TensorDataset } from "@tapegrad/data";
import {
  autoencoder,
  crossEntropy,
  dropout,
  linear,
  Module,
  mseLoss,
  relu,
  sequential,
} from "@tapegrad/nn";
import { Adam, cosineAnnealing, gradNorm, LBFGS, oneCycle, SGD, stepDecay } from "@tapegrad/optim";
import { type Metric, Solver, type SolverOptions, type TrainingState } from "@tapegrad/train";

const x = randn([48, 3], { generator: new Generator(1), dtype: "float64" });
const classes = new TensorDataset(x, x.sum(1).gt(0).to("int32"));
const numbers = new TensorDataset(x, x.matmul(tensor([[1], [-2], [0.5]], { dtype: "float64" })));

function network(outputs = 2): Module {
  manualSeed(4);
  return sequential([linear(3, 8), relu(), linear(8, outputs)]).to("float64");
}

function solver(options: Partial<SolverOptions> = {}): Solver {
  const model = options.model ?? network();
  return new Solver({
    model,
    train: classes,
    optimizer: new SGD(model.parameters(), { lr: 0.1 }),
    batchSize: 12,
    epochs: 3,
    seed: 2,
    progress: "silent",
    ...options,
  });
}

const weights = (model: Module<never[], unknown>) =>
  [...model.stateDict()].map(([name, value]) => [name, [...value.data()]]);

/** Largest difference between the weights of two models. */
function difference(a: Module, b: Module): number {
  const [left, right] = [a.parameters(), b.parameters()];
  return Math.max(...left.map((p, i) => noGrad(() => p.sub(right[i]).abs().max().item())));
}

describe("the loss", () => {
  it("has ½·reg·ΣW² of the weights, not of the biases", async () => {
    const model = network();
    const twin = network();
    const { lossHistory, valLossHistory } = await solver({
      model,
      batchSize: 48,
      validation: classes,
      optimizer: new SGD(model.parameters(), { lr: 0 }),
      reg: 0.3,
      epochs: 1,
    }).fit();
    const data = crossEntropy(twin(classes.x), classes.y).item();
    const [w1, , w2] = twin.parameters();
    const penalty = 0.5 * 0.3 * (w1.square().sum().item() + w2.square().sum().item());
    expect(lossHistory[0]).toBeCloseTo(data + penalty, 12);
    expect(valLossHistory[0]).toBeCloseTo(data, 12);
  });

  it("may be of numbers, without accuracies", async () => {
    const model = network(1);
    const states: TrainingState[] = [];
    const result = await solver({
      model,
      train: numbers,
      validation: numbers,
      loss: mseLoss,
      metrics: { mae: (scores, y) => scores.sub(y).abs().mean() },
      epochs: 30,
      onEpoch: (state) => {
        states.push(state);
      },
    }).fit();
    expect([result.trainAccHistory, result.valAccHistory, result.bestValAcc]).toEqual([
      [],
      [],
      Number.NaN,
    ]);
    expect(states[0].accuracy).toBeNaN();
    expect(result.best).toBe(Math.min(...result.valLossHistory));
    expect(result.valLossHistory.at(-1)).toBeLessThan(0.1 * result.valLossHistory[0]);
    const { mae } = states.at(-1)!.metrics;
    expect(mae).toBeCloseTo(
      noGrad(() => model(numbers.x).sub(numbers.y).abs().mean().item()),
      12,
    );
    expect(result.metricHistory.mae).toHaveLength(30);
  });

  it("may be the model's own", async () => {
    manualSeed(1);
    const model = autoencoder({ inputDim: 3, hiddenDims: [6], latentDim: 2 });
    const one = new Solver({
      model,
      train: new TensorDataset(x.to("float32"), classes.y),
      objective: ({ x }) => model.loss(x),
      optimizer: new Adam(model.parameters(), { lr: 0.02 }),
      epochs: 20,
      batchSize: 16,
      progress: "silent",
    });
    const { trainLossHistory, trainAccHistory } = await one.fit();
    expect(trainLossHistory.at(-1)).toBeLessThan(0.7 * trainLossHistory[0]);
    expect(trainAccHistory).toEqual([]);
    const model2 = network();
    const scored = await solver({
      model: model2,
      validation: classes,
      objective: ({ x, y }) => {
        const scores = model2(x);
        return { loss: crossEntropy(scores, y), scores };
      },
    }).fit();
    expect(scored.valAccHistory).toEqual(
      (await solver({ validation: classes }).fit()).valAccHistory,
    );
  });

  it("must be one number", async () => {
    const wrong = solver({ loss: (scores) => scores });
    await expect(wrong.fit()).rejects.toThrow(
      "Solver: the loss is of shape [12, 2]; it must be a Tensor with one number, the batch's mean.",
    );
    await expect(solver({ loss: () => 3 as unknown as Tensor }).fit()).rejects.toThrow(
      "Solver: the loss is 3; it must be",
    );
  });

  it("counts probabilities as classes when asked to", async () => {
    const soft = mapBatches(classes, ({ x, y }) => ({
      x,
      y: y
        .unsqueeze(1)
        .eq(tensor([[0, 1]]))
        .to("float64"),
    }));
    const plain = await solver({ train: soft, validation: soft }).fit();
    expect(plain.valAccHistory).toEqual([]);
    const counted = await solver({ train: soft, validation: soft, accuracy: true }).fit();
    expect(counted.valAccHistory).toEqual(
      (await solver({ validation: classes }).fit()).valAccHistory,
    );
    const not = await solver({ validation: classes, accuracy: false }).fit();
    expect([not.valAccHistory, not.valLossHistory.length]).toEqual([[], 3]);
  });
});

describe("updates", () => {
  it("of accumulated batches are those of one big batch", async () => {
    // 48 examples: 5 + 5 + 5 | 5 + 5 + 5 | 5 + 5 + 5 | 3 against 15 | 15 | 15 | 3.
    const setUp = (batchSize: number, accumulateSteps: number) => {
      const model = network();
      const optimizer = new Adam(model.parameters(), { lr: 0.01 });
      const more = { reg: 0.1, clipNorm: 0.5 };
      return { model, one: solver({ model, optimizer, batchSize, accumulateSteps, ...more }) };
    };
    const [small, big] = [setUp(5, 3), setUp(15, 1)];
    const [a, b] = [await small.one.fit(), await big.one.fit()];
    expect([a.steps, b.steps, small.one.state.steps]).toEqual([12, 12, 12]);
    a.lossHistory.forEach((loss, i) => {
      expect(loss).toBeCloseTo(b.lossHistory[i], 10);
    });
    expect(difference(small.model, big.model)).toBeLessThan(1e-10);
    expect(a.trainAccHistory).toEqual(b.trainAccHistory);
  });

  it("clip gradients by norm and by value", async () => {
    const norms: number[] = [];
    const extremes: number[] = [];
    const model = network();
    class Watching extends SGD {
      override step(): void;
      override step<L>(closure: () => L): L;
      override step<L>(): L | undefined {
        norms.push(gradNorm(model.parameters()));
        extremes.push(Math.max(...model.parameters().map((p) => p.grad!.abs().max().item())));
        return undefined;
      }
    }
    const optimizer = new Watching(model.parameters(), { lr: 0.1 });
    await solver({ model, optimizer, clipNorm: 0.05, epochs: 1 }).fit();
    for (const norm of norms) expect(norm).toBeCloseTo(0.05, 5);
    extremes.length = 0;
    await solver({ model, optimizer, clipValue: 0.01, epochs: 1 }).fit();
    for (const extreme of extremes) expect(extreme).toBe(0.01);
  });

  it("of L-BFGS evaluate the batch as often as it asks", async () => {
    const model = network(1);
    let evaluations = 0;
    const { steps, lossHistory } = await solver({
      model,
      train: numbers,
      batchSize: 48,
      epochs: 8,
      loss: (scores, y) => {
        evaluations++;
        return mseLoss(scores, y);
      },
      optimizer: new LBFGS(model.parameters(), { lineSearchFn: "strongWolfe" }),
    }).fit();
    expect(steps).toBe(8);
    expect(evaluations).toBeGreaterThan(40);
    expect(lossHistory.at(-1)).toBeLessThan(0.01 * lossHistory[0]);
  });
});

describe("the learning rate", () => {
  const rates = async (options: Partial<SolverOptions>) => {
    const seen: number[] = [];
    const one = solver({
      validation: classes,
      ...options,
      onBatch: async (state) => {
        seen.push(state.learningRate);
        await options.onBatch?.(state);
      },
    });
    await one.fit();
    return { seen, one };
  };

  it("follows a schedule per epoch or per step", async () => {
    const schedule = cosineAnnealing(3);
    const expected = [0, 1, 2].map((t) => schedule(t, 0.1));
    const perEpoch = await rates({ schedule });
    expect(perEpoch.seen).toEqual(expected.flatMap((rate) => [rate, rate, rate, rate]));
    const decay = stepDecay(1, 0.5);
    const perStep = await rates({ schedule: decay, schedulePer: "step", maxSteps: 5 });
    expect(perStep.seen).toEqual([0, 1, 2, 3, 4].map((t) => decay(t, 0.1)));
    // A second run begins the schedule anew.
    perStep.seen.length = 0;
    await perStep.one.fit();
    expect(perStep.seen).toEqual([0, 1, 2, 3, 4].map((t) => decay(t, 0.1)));
  });

  it("of every group follows its own schedule, momentum included", async () => {
    const model = network();
    const [first, ...rest] = model.parameters();
    const optimizer = new SGD([{ params: [first], lr: 1 }, { params: rest }], {
      lr: 0.1,
      momentum: 0.9,
    });
    const both = [oneCycle(12), stepDecay(2)];
    await solver({ model, optimizer, schedule: both, schedulePer: "step", maxSteps: 5 }).fit();
    expect(optimizer.groups.map(({ lr }) => lr)).toEqual([both[0](5, 1), both[1](5, 0.1)]);
    expect(optimizer.groups[0].momentum).toBe(both[0].momentum!(5));
  });

  it("is lowered on a plateau of what is monitored", async () => {
    const { seen, one } = await rates({
      monitor: "valAcc",
      metrics: {},
      optimizer: new SGD(network().parameters(), { lr: 0.1 }), // of another model: nothing improves
      reduceOnPlateau: { factor: 0.5, patience: 0 },
      epochs: 4,
    });
    expect(seen.filter((_, i) => i % 4 === 0)).toEqual([0.1, 0.1, 0.05, 0.025]);
    expect(one.learningRate).toBe(0.0125);
  });

  it("can be changed while training", async () => {
    const one = solver({
      onBatch: ({ step }) => {
        if (step === 2) one.learningRate = 0.7;
      },
    });
    await one.fit();
    expect(one.learningRate).toBe(0.7);
    const schedule = stepDecay(1, 0.5);
    const scheduled: Solver = solver({
      schedule,
      schedulePer: "step",
      onBatch: ({ step }) => {
        if (step === 3) scheduled.learningRate = 1;
      },
      maxSteps: 5,
    });
    const seen: number[] = [];
    scheduled.subscribe(({ learningRate }, event) => {
      if (event === "batch") seen.push(learningRate);
    });
    await scheduled.fit();
    // At the third callback the rate is already that of the fourth update.
    expect(seen).toEqual([0.1, 0.05, 0.025, 1, 0.5]);
    expect(() => {
      one.learningRate = Number.NaN;
    }).toThrow("Solver: the learning rate is NaN; it must be a finite number from 0.");
    const zero = solver({ schedule: (t) => (t === 0 ? 0 : 0.1) });
    expect(() => {
      zero.learningRate = 1;
    }).toThrow("Solver: the schedule's rate is 0 at the moment");
    const model = network();
    const groups = new SGD(
      [{ params: model.parameters().slice(1), lr: 0.2 }, { params: [model.parameters()[0]] }],
      { lr: 0.1 },
    );
    solver({ model, optimizer: groups }).learningRate = 0.4;
    expect(groups.groups.map(({ lr }) => lr)).toEqual([0.4, 0.2]);
  });
});

describe("the best epoch", () => {
  /** A validation whose accuracy and error are as the script says, epoch by epoch. */
  const scripted = (values: readonly number[]): Metric => {
    let epoch = -1;
    return {
      name: "scripted",
      reset() {
        epoch++;
      },
      update() {},
      compute: () => ({ deep: { value: values[epoch] } }),
    };
  };

  it("is that of any metric, least or most", async () => {
    for (const [mode, expected] of [
      ["min", 3],
      ["max", 2],
    ] as const) {
      const kept: unknown[] = [];
      const model = network();
      const result = await solver({
        model,
        validation: classes,
        metrics: [scripted([Number.NaN, 5, 1, 1])],
        monitor: { name: "scripted.deep.value", mode },
        epochs: 4,
        onEpoch: () => {
          kept.push(weights(model));
        },
      }).fit();
      expect(result.bestEpoch).toBe(expected);
      expect(weights(model)).toEqual(kept[expected - 1]);
    }
  });

  it("may be told by the training loss, and need not be put back", async () => {
    const result = await solver({ monitor: "loss" }).fit();
    expect(result.best).toBe(Math.min(...result.trainLossHistory));
    const model = network();
    let last: unknown;
    const { bestEpoch } = await solver({
      model,
      validation: classes,
      metrics: [scripted([1, 2, 3])],
      monitor: { name: "scripted.deep.value", mode: "min" },
      keepBest: false,
      onBatch: () => {
        last = weights(model);
      },
    }).fit();
    expect(bestEpoch).toBe(1);
    expect(weights(model)).toEqual(last);
  });

  it("ends training early when none follows", async () => {
    const result = await solver({
      validation: classes,
      metrics: [scripted([5, 4, 3.95, 3.9, 3.89, 1])],
      earlyStopping: {
        patience: 2,
        minDelta: 0.2,
        monitor: { name: "scripted.deep.value", mode: "min" },
      },
      epochs: 6,
    }).fit();
    expect([result.stopped, result.valLossHistory.length]).toEqual(["early", 4]);
    const onLoss = await solver({
      optimizer: new SGD(network().parameters(), { lr: 0.1 }),
      earlyStopping: { patience: 1, minDelta: 0.01 },
    }).fit();
    expect([onLoss.stopped, onLoss.trainLossHistory.length]).toEqual(["early", 2]);
  });

  it("needs a number that is there", async () => {
    await expect(
      solver({
        validation: classes,
        metrics: [scripted([1, 1, 1])],
        monitor: { name: "f1", mode: "max" },
      }).fit(),
    ).rejects.toThrow(
      'Solver: there is no number "f1" to monitor; there are loss, trainAcc, valLoss, valAcc, scripted.deep.value.',
    );
  });
});

describe("an optimizer of one's own", () => {
  it("needs only step and zeroGrad, but for checkpoints", async () => {
    const model = network();
    const own = {
      lr: 0.1,
      groups: [{ lr: 0.1 }],
      step: () =>
        noGrad(() => {
          for (const p of model.parameters()) p.sub_(p.grad!.mul(own.lr));
        }),
      zeroGrad() {
        for (const p of model.parameters()) p.grad = null;
      },
    };
    const one = solver({ model, optimizer: own, validation: classes });
    const { lossHistory } = await one.fit();
    lossHistory.forEach((loss, i) => {
      expect(loss).toBeCloseTo(expected[i], 10);
    });
    expect(() => one.checkpoint()).toThrow(
      "Solver: an object has no stateDict; a checkpoint needs an optimizer whose state can be saved.",
    );
  });
  let expected: readonly number[] = [];
  beforeAll(async () => {
    expected = (await solver().fit()).lossHistory;
  });
});

describe("pausing", () => {
  it("holds training between two updates, until it is resumed or stopped", async () => {
    const one: Solver = solver({
      onBatch: ({ step }) => {
        if (step === 2 || step === 5) one.pause();
      },
    });
    const events: string[] = [];
    let paused = (): void => {};
    one.subscribe((state, event) => {
      if (event === "batch" || event === "epoch") return;
      events.push(`${event} ${state.step} ${state.paused}`);
      if (event === "pause") paused();
    });
    const nextPause = () =>
      new Promise<void>((resolve) => {
        paused = resolve;
      });
    let pause = nextPause();
    const fit = one.fit();
    await pause;
    await new Promise((done) => setTimeout(done, 20));
    expect(one.state.step).toBe(2);
    const inPause = one.checkpoint();
    pause = nextPause();
    one.resume();
    await pause;
    one.stop();
    const { stopped, steps } = await fit;
    expect([stopped, steps]).toEqual(["aborted", 5]);
    expect(events).toEqual([
      "pause 2 true",
      "resume 2 false",
      "pause 5 true",
      "resume 5 false",
      "end 5 false",
    ]);
    const other = solver();
    other.restore(inPause);
    expect((await other.fit()).lossHistory).toEqual((await solver().fit()).lossHistory);
  });
});

describe("data", () => {
  it("may come late, by workers' and files' promises, and in loaders", async () => {
    const expected = (await solver({ validation: classes }).fit()).lossHistory;
    const late: Dataset<Promise<ReturnType<typeof classes.batch>>> = {
      length: classes.length,
      batch: async (indices) => {
        await new Promise((done) => setTimeout(done, 1));
        return classes.batch(indices);
      },
    };
    const model = network();
    const options = {
      model,
      optimizer: new SGD(model.parameters(), { lr: 0.1 }),
      epochs: 3,
      progress: "silent" as const,
    };
    const loader = new DataLoader(late, { batchSize: 12, shuffle: true, seed: 2, prefetch: 2 });
    const result = await new Solver({ ...options, train: loader, validation: late }).fit();
    expect(result.lossHistory).toEqual(expected);
    expect(result.trainAccHistory).toHaveLength(3);
  });

  it("may be anything that model and loss understand", async () => {
    const pairs: Dataset<{ x: [Tensor, Tensor]; y: { target: Tensor } }> = {
      length: 48,
      batch(indices) {
        const { x, y } = numbers.batch(indices);
        return { x: [x, x.square()], y: { target: y } };
      },
    };
    class Both extends Module<[inputs: [Tensor, Tensor]], { sum: Tensor }> {
      left = linear(3, 1).to("float64");
      right = linear(3, 1).to("float64");
      forward([a, b]: [Tensor, Tensor]) {
        return { sum: this.left(a).add(this.right(b)) };
      }
    }
    manualSeed(1);
    const model = new Both();
    const { trainLossHistory, valLossHistory } = await new Solver({
      model,
      train: pairs,
      validation: pairs,
      loss: ({ sum }, { target }) => mseLoss(sum, target),
      optimizer: new Adam(model.parameters(), { lr: 0.05 }),
      epochs: 40,
      batchSize: 16,
      progress: "silent",
    }).fit();
    expect(trainLossHistory.at(-1)).toBeLessThan(0.1 * trainLossHistory[0]);
    expect(valLossHistory).toHaveLength(40);
    await expect(
      new Solver({
        model,
        train: pairs,
        optimizer: new Adam(model.parameters()),
        progress: "silent",
      }).fit(),
    ).rejects.toThrow(
      "Solver: the model gave an object and the targets are an object; crossEntropy needs tensors: give a loss or an objective.",
    );
  });

  it("that was read before goes on with its next epoch, and is resumed exactly", async () => {
    const used = () => {
      const loader = new DataLoader(classes, { batchSize: 12, shuffle: true, seed: 2 });
      for (const _ of loader);
      return loader;
    };
    const { batchSize, seed, ...rest } = { batchSize: undefined, seed: undefined };
    const make = (options: Partial<SolverOptions>) => {
      const model = sequential([linear(3, 4), dropout(0.5), linear(4, 2)]).to("float64");
      return new Solver({
        model,
        train: used(),
        optimizer: new Adam(model.parameters()),
        epochs: 3,
        progress: "silent",
        ...rest,
        ...options,
      });
    };
    manualSeed(3);
    const expected = (await make({}).fit()).lossHistory;
    manualSeed(3);
    const part = make({ maxSteps: 6 });
    await part.fit();
    const other = make({});
    other.restore(part.checkpoint());
    expect((await other.fit()).lossHistory).toEqual(expected);
    expect(equal(tensor(expected), tensor(other.lossHistory as number[]))).toBe(true);
  });
});

describe("options that don't go together", () => {
  const model = network();
  const wrong: [Record<string, unknown>, string][] = [
    [
      { loss: mseLoss, objective: () => tensor(1) },
      "loss and objective are both given; one of them computes the loss.",
    ],
    [
      { schedule: cosineAnnealing(3), lrDecay: 0.9 },
      "schedule and lrDecay are both given; one of them says the rate (optim.exponentialDecay is that decay).",
    ],
    [
      { schedule: cosineAnnealing(3), reduceOnPlateau: {} },
      "schedule and reduceOnPlateau are both given; a schedule would undo the reductions.",
    ],
    [
      { train: new DataLoader(classes, { batchSize: 4 }) },
      "train is a DataLoader and batchSize is given; the loader has its own.",
    ],
    [{ resume: true }, "resume is given without runFolder; say where it goes."],
    [
      { runFolder: "x", optimizer: { lr: 1, groups: [], step() {}, zeroGrad() {} } },
      "an object has no stateDict and loadStateDict; a runFolder needs an optimizer whose state can be saved.",
    ],
    [
      { monitor: "valAcc" },
      'monitor is "valAcc", measured on validation examples; give some as validation.',
    ],
    [
      { earlyStopping: { patience: 1, monitor: { name: "f1", mode: "max" } } },
      'earlyStopping.monitor is the metric "f1", measured on validation examples; give some as validation.',
    ],
    [
      { earlyStopping: {} },
      "earlyStopping.patience is undefined; it must be a whole number from 1.",
    ],
    [
      { earlyStopping: { wait: 1 } },
      'unknown option "earlyStopping.wait"; known are patience, minDelta, monitor.',
    ],
    [
      { monitor: { name: "f1" } },
      'monitor is an object; it must be loss, trainAcc, valLoss, valAcc, or a metric such as { name: "f1", mode: "max" }.',
    ],
    [
      { runFolder: "x", checkpoints: { keepLast: 0 } },
      "checkpoints.keepLast is 0; it must be a whole number from 1.",
    ],
    [{ reg: -1 }, "reg is -1; it must be a finite number from 0."],
    [{ accumulateSteps: 0 }, "accumulateSteps is 0; it must be a whole number from 1."],
    [
      { metrics: [{}] },
      "metrics is [an object]; it must be an array of metrics, or metrics and functions by name.",
    ],
    [
      { validation: classes, metrics: [named("a"), named("a")] },
      'two metrics are named "a"; give them as an object with a name for each.',
    ],
    [{ schedulePer: "batch" }, 'schedulePer is "batch"; it must be one of epoch, step.'],
  ];
  it.each(wrong.map(([options, message]) => [message, options] as const))(
    "%s",
    (message, options) => {
      expect(() => solver({ model, ...options })).toThrow(`Solver: ${message}`);
    },
  );

  it("of plateaus and schedules are refused by their owners", () => {
    expect(() => solver({ reduceOnPlateau: { factor: 2 } })).toThrow(
      /^ReduceLROnPlateau: factor is 2/,
    );
    expect(() => solver({ schedule: [stepDecay(1), stepDecay(1)] })).toThrow(
      "Scheduler: there are 2 schedules and 1 groups",
    );
  });
});

function named(name: string): Metric {
  return { name, reset() {}, update() {}, compute: () => 0 };
}
