import { describe, expect, it } from "@jest/globals";
import { Generator, manualSeed, randn, type Tensor, tensor } from "@tapegrad/core";
import { type Dataset, subset, TensorDataset } from "@tapegrad/data";
import { dropout, linear, Module, mseLoss, relu, sequential } from "@tapegrad/nn";
import { Adam, SGD } from "@tapegrad/optim";
import {
  checkAccuracy,
  DivergedError,
  Solver,
  type SolverOptions,
  type TrainingState,
} from "@tapegrad/train";

/** Points of the plane in two classes: inside and outside the unit circle. */
function circle(n: number, seed: number): TensorDataset {
  const x = randn([n, 2], { generator: new Generator(seed) });
  const points = x.toArray() as number[][];
  const inside = points.map(([a, b]) => (a * a + b * b < 1 ? 1 : 0));
  return new TensorDataset(x, tensor(inside, { dtype: "int32" }));
}

const train = circle(64, 1);
const validation = circle(32, 2);

function network(p = 0): Module {
  manualSeed(7);
  return sequential([linear(2, 16), relu(), dropout(p), linear(16, 2)]);
}

function setUp(options: Partial<SolverOptions> = {}, model = network()) {
  const optimizer = new Adam(model.parameters(), { lr: 0.02 });
  const solver = new Solver({
    model,
    train,
    validation,
    optimizer,
    epochs: 3,
    batchSize: 16,
    seed: 1,
    progress: "silent",
    ...options,
  });
  return { model, optimizer, solver };
}

const weights = (model: Module) => [...model.stateDict().values()].map((x) => [...x.data()]);

describe("Solver", () => {
  it("overfits a few points", async () => {
    const { model, solver } = setUp({ validation: train, epochs: 40, lrDecay: 0.97 });
    const result = await solver.fit();
    expect(result.bestValAcc).toBeGreaterThan(0.95);
    expect(await checkAccuracy(model, train)).toBe(result.bestValAcc);
    expect(result.stopped).toBe("finished");
    expect(result.steps).toBe(160);
    expect(result.lossHistory).toHaveLength(160);
    expect(result.trainAccHistory).toHaveLength(40);
    expect(result.valAccHistory).toHaveLength(40);
    expect(result.lossHistory.at(-1)).toBeLessThan(0.5 * result.lossHistory[0]);
    expect(result.bestValAcc).toBe(Math.max(...result.valAccHistory));
    expect(result.valAccHistory.indexOf(result.bestValAcc)).toBe(result.bestEpoch - 1);
    expect(result.seconds).toBeGreaterThan(0);
    expect(result.runId).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it("puts the best epoch's weights back", async () => {
    const kept: number[][][] = [];
    const model = network();
    const optimizer = new Adam(model.parameters(), { lr: 0.05 });
    const { solver } = setUp(
      {
        optimizer,
        epochs: 4,
        batchSize: 4,
        onEpoch: ({ epoch }) => {
          kept.push(weights(model));
          if (epoch !== 2) return;
          // From here on everything is forgotten, and nothing learnt.
          for (const p of model.parameters()) p.detach().zero_();
          optimizer.lr = 0;
        },
      },
      model,
    );
    const { bestEpoch } = await solver.fit();
    expect(bestEpoch).toBeLessThan(3);
    expect(weights(model)).toEqual(kept[bestEpoch - 1]);
    expect(weights(model)).not.toEqual(kept[3]);
  });

  it("keeps the last weights without validation examples", async () => {
    const model = network();
    const { batchSize, ...options } = { batchSize: 16, epochs: 2, progress: "silent" as const };
    const solver = new Solver({
      ...options,
      model,
      train,
      batchSize,
      optimizer: new Adam(model.parameters()),
    });
    const result = await solver.fit();
    expect([result.valAccHistory, result.bestValAcc, result.bestEpoch]).toEqual([
      [],
      Number.NaN,
      0,
    ]);
    expect(result.trainAccHistory).toHaveLength(2);
  });

  it("gives the same bits for the same seed, others for another", async () => {
    const run = async (seed: number) => {
      const { model, solver } = setUp({ seed, epochs: 2 }, network(0.3));
      const { lossHistory } = await solver.fit();
      return [lossHistory, weights(model)];
    };
    expect(await run(5)).toEqual(await run(5));
    expect(await run(5)).not.toEqual(await run(6));
  });

  it("multiplies the learning rate after each epoch", async () => {
    const seen: number[] = [];
    const { optimizer, solver } = setUp({
      lrDecay: 0.5,
      onBatch: ({ batch, learningRate }) => {
        if (batch === 1) seen.push(learningRate);
      },
    });
    await solver.fit();
    expect(seen).toEqual([0.02, 0.01, 0.005]);
    expect(optimizer.lr).toBe(0.0025);
  });

  it("stops after maxSteps, and still validates", async () => {
    const result = await setUp({ maxSteps: 6 }).solver.fit();
    expect([result.steps, result.valAccHistory.length, result.stopped]).toEqual([6, 2, "finished"]);
  });

  it("stops after the running batch when the signal is aborted, with the best weights", async () => {
    const controller = new AbortController();
    const model = network();
    let afterFirst: number[][] = [];
    const { solver } = setUp(
      {
        signal: controller.signal,
        onEpoch: () => {
          afterFirst = weights(model);
        },
        onBatch: ({ step }) => {
          if (step === 6) controller.abort();
        },
      },
      model,
    );
    const result = await solver.fit();
    expect([result.stopped, result.steps, result.bestEpoch]).toEqual(["aborted", 6, 1]);
    expect(weights(model)).toEqual(afterFirst);
    const early = await setUp({ signal: AbortSignal.abort() }).solver.fit();
    expect([early.stopped, early.steps]).toEqual(["aborted", 0]);
  });

  it("lets timers run while it trains", async () => {
    const slow: Dataset = {
      length: 8,
      batch: (indices) => {
        for (const end = performance.now() + 20; performance.now() < end; );
        return train.batch(indices);
      },
    };
    const controller = new AbortController();
    const { solver } = setUp({ train: slow, batchSize: 1, epochs: 500, signal: controller.signal });
    setTimeout(() => controller.abort(), 60);
    expect((await solver.fit()).stopped).toBe("aborted");
  });

  it("lets timers run between epochs of little work, too", async () => {
    const controller = new AbortController();
    const { solver } = setUp({ epochs: 1e6, signal: controller.signal });
    setTimeout(() => controller.abort(), 60);
    expect((await solver.fit()).stopped).toBe("aborted");
  });

  it("gives callbacks frozen snapshots", async () => {
    const states: TrainingState[] = [];
    const { solver } = setUp({
      onEpoch: (state) => {
        states.push(state);
      },
    });
    expect(solver.state.step).toBe(0);
    await solver.fit();
    expect(
      states.map(({ epoch, step, batch, batches, steps }) => [epoch, step, batch, batches, steps]),
    ).toEqual([
      [1, 4, 4, 4, 12],
      [2, 8, 4, 4, 12],
      [3, 12, 4, 4, 12],
    ]);
    expect(states[0].valAccHistory).toHaveLength(1);
    expect(states[2].valAccHistory).toHaveLength(3);
    expect(() => {
      (states[0] as { step: number }).step = 9;
    }).toThrow(TypeError);
    expect(() => (states[0].valAccHistory as number[]).push(1)).toThrow(TypeError);
    expect(solver.state).toBe(states[2]);
  });

  it("stops with a clear error when the loss is no number, best weights back", async () => {
    const model = network();
    const best: number[][][] = [];
    const optimizer = new SGD(model.parameters(), { lr: 0.01 });
    const { solver } = setUp(
      {
        optimizer,
        onEpoch: () => {
          best.push(weights(model));
          optimizer.lr = 1e38;
        },
      },
      model,
    );
    const fit = solver.fit();
    await expect(fit).rejects.toThrow(DivergedError);
    await expect(fit).rejects.toThrow(
      /^Solver: the loss is (NaN|Infinity) at step \d+ \(epoch 2, learning rate 1e\+38\); lower the learning rate, or look for NaN or huge numbers in the data\.$/,
    );
    expect(weights(model)).toEqual(best[0]);
  });

  it("refuses to run twice at once", async () => {
    const { solver } = setUp({ epochs: 1 });
    const first = solver.fit();
    await expect(solver.fit()).rejects.toThrow("Solver: fit is already running; await it first.");
    await first;
  });
});

describe("checkAccuracy", () => {
  it("works in evaluation mode and puts every module's mode back", async () => {
    const frozen = dropout(0.9);
    const model = sequential([linear(2, 8), frozen, relu(), linear(8, 2)]);
    frozen.eval();
    const seen = await Promise.all(
      [1, 7, 64].map((batchSize) => checkAccuracy(model, train, { batchSize })),
    );
    expect(new Set(seen).size).toBe(1);
    expect([model.training, frozen.training]).toEqual([true, false]);
  });

  it("by several at once leaves evaluation mode only with the last", async () => {
    const model = sequential([linear(2, 8), dropout(0.5), relu(), linear(8, 2)]);
    const alone = await checkAccuracy(model, train);
    // The first to begin is the first to end.
    const together = [64, 3, 1].map((batchSize) => checkAccuracy(model, train, { batchSize }));
    await together[0];
    expect(model.training).toBe(false);
    expect(await Promise.all(together)).toEqual([alone, alone, alone]);
    expect(model.modules().every((module) => module.training)).toBe(true);
  });

  it("puts modes back after an error, too", async () => {
    class Broken extends Module {
      forward(): Tensor {
        throw new Error("broken");
      }
    }
    const model = new Broken();
    await expect(checkAccuracy(model, train)).rejects.toThrow("broken");
    expect(model.training).toBe(true);
  });

  it("needs a score per class", async () => {
    await expect(checkAccuracy(linear(2, 1), train)).rejects.toThrow(
      "accuracy: scores are [64, 1]; they must be [N, C]: a score for each of at least 2 classes.",
    );
    expect(await checkAccuracy(linear(2, 2), subset(train, []))).toBeNaN();
  });
});

describe("options", () => {
  const wrong: [Record<string, unknown>, string][] = [
    [
      { epoch: 3 },
      'unknown option "epoch"; known are model, train, validation, optimizer, loss, objective, reg, metrics, accuracy, monitor, keepBest, earlyStopping, schedule, schedulePer, reduceOnPlateau, lrDecay, epochs, batchSize, accumulateSteps, clipNorm, clipValue, seed, generators, maxSteps, accuracySamples, progress, output, signal, handleSignals, onBatch, onEpoch, runFolder, checkpoints, resume, config, logSteps, watch.',
    ],
    [{ model: undefined }, "model is undefined; it must be a Module, such as sequential([…])."],
    [
      { train: [1, 2] },
      "train is [1, 2]; it must be a dataset or DataLoader with at least one example.",
    ],
    [
      { train: subset(train, []) },
      "train is a Subset of 0 examples; it must be a dataset or DataLoader with at least one example.",
    ],
    [
      { validation: null },
      "validation is null; it must be a dataset or DataLoader with at least one example.",
    ],
    [
      { optimizer: "adam" },
      'optimizer is "adam"; it must be an optimizer, such as new Adam(model.parameters()).',
    ],
    [{ loss: 1 }, "loss is 1; it must be a function of scores and targets, such as crossEntropy."],
    [{ epochs: 0 }, "epochs is 0; it must be a whole number from 1."],
    [{ batchSize: 2.5 }, "batchSize is 2.5; it must be a whole number from 1."],
    [{ lrDecay: 0 }, "lrDecay is 0; it must be a finite number above 0."],
    [{ seed: -1 }, "seed is -1; it must be a whole number from 0 to 2^53 - 1."],
    [{ maxSteps: Number.NaN }, "maxSteps is NaN; it must be a whole number from 1."],
    [{ accuracySamples: "9" }, 'accuracySamples is "9"; it must be a whole number from 1.'],
    [{ progress: "loud" }, 'progress is "loud"; it must be one of auto, bar, lines, silent.'],
    [
      { output: {} },
      "output is an object; it must be a stream with write(text), such as process.stderr.",
    ],
    [
      { signal: new AbortController() },
      "signal is an AbortController; it must be an AbortSignal, such as new AbortController().signal.",
    ],
    [{ onBatch: true }, "onBatch is true; it must be a function."],
    [{ onEpoch: {} }, "onEpoch is an object; it must be a function."],
  ];
  it.each(wrong.map(([options, message]) => [message, options] as const))(
    "%s",
    (message, options) => {
      expect(() => setUp(options as Partial<SolverOptions>)).toThrow(`Solver: ${message}`);
    },
  );
});

/** A terminal that remembers what was written. */
class FakeTerminal {
  text = "";
  isTTY: boolean;
  columns = 80;
  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }
  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

describe("progress", () => {
  const run = async (options: Partial<SolverOptions>, isTTY: boolean) => {
    const output = new FakeTerminal(isTTY);
    await setUp({ output, ...options, epochs: 2 }).solver.fit();
    return output.text;
  };

  it("writes lines where there is no terminal", async () => {
    const text = await run({ progress: "auto" }, false);
    const lines = text.trimEnd().split("\n");
    expect(lines).toHaveLength(8);
    expect(lines[0]).toMatch(
      /^epoch 1\/2 · batch 1\/4 · loss \d\.\d{4} · accuracy \d+\.\d % · [\d,]+ samples\/s · \d+:\d\d left$/,
    );
    expect(lines[3]).toMatch(
      /^epoch 1\/2 · loss \d\.\d{4} · train \d+\.\d % · validation \d+\.\d % · \d+:\d\d passed$/,
    );
  });

  it("draws a bar per epoch on a terminal and leaves nothing switched off", async () => {
    const text = await run({ progress: "bar" }, true);
    expect(text).toMatch(/epoch 1\/2 [▰▱]{2} [█░]+ \d\/4 · loss \d\.\d{4} · accuracy/);
    for (const epoch of [1, 2]) {
      expect(text).toMatch(
        new RegExp(
          `epoch ${epoch}/2 ▰{${epoch}}▱{${2 - epoch}} █+ 4/4 · loss \\d\\.\\d{4}${epoch === 1 ? "" : " [▁-█]{2}"} · train \\d+\\.\\d % · validation \\d+\\.\\d %`,
        ),
      );
    }
    expect(text).not.toContain("\x1B[?25l");
    expect(text).not.toContain("\x1B[?7l");
    expect(text.match(/\n/g)).toHaveLength(2);
  });

  it("never draws more than a line has room for", async () => {
    for (const columns of [36, 60, 80, 120]) {
      const output = Object.assign(new FakeTerminal(true), { columns });
      await setUp({ output, progress: "bar", epochs: 2 }).solver.fit();
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      const drawn = output.text.split(/\x1B\[[0-9;]*[A-Za-z]|\x1B[78]|\n/);
      expect(Math.max(...drawn.map((line) => line.length))).toBeLessThan(columns);
      expect(output.text.includes("samples/s")).toBe(columns === 120);
      expect(output.text.includes("▰")).toBe(columns > 36);
    }
  });

  it("tells a stream's batches, and losses where there are no classes", async () => {
    const output = new FakeTerminal(false);
    const model = linear(2, 1);
    await new Solver({
      model,
      train: {
        *iterate() {
          for (let i = 0; i < 900; i++) yield i;
        },
        collate: (items) => {
          const x = tensor(items.map((i) => [Number(i) / 900, 1]));
          return { x, y: x.narrow(1, 0, 1) };
        },
      },
      validation: new TensorDataset(train.x, train.x.narrow(1, 0, 1)),
      loss: mseLoss,
      metrics: { error: (scores, y) => scores.sub(y).abs().mean() },
      optimizer: new SGD(model.parameters(), { lr: 0.1 }),
      batchSize: 8,
      epochs: 1,
      output,
      progress: "lines",
    }).fit();
    const [within, end, ...more] = output.text.trimEnd().split("\n");
    expect(within).toMatch(/^epoch 1\/1 · batch 100 · loss \d\.\d{4} · [\d,]+ samples\/s$/);
    expect(end).toMatch(
      /^epoch 1\/1 · loss \d\.\d{4} · validation loss \d\.\d{4} · error \d\.\d{4} · \d+:\d\d passed$/,
    );
    expect(more).toEqual([]);
  });

  it("says nothing when told to be silent", async () => {
    expect(await run({ progress: "silent" }, true)).toBe("");
  });
});
