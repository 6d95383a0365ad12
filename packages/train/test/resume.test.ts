/** A run that is stopped and goes on from its checkpoint equals one that never stopped, to the bit. */
import { describe, expect, it } from "@jest/globals";
import { Generator, manualSeed, rand, randn, stack, type Tensor, tensor } from "@tapegrad/core";
import { cutout, DataLoader, randomHorizontalFlip, TensorDataset, transform } from "@tapegrad/data";
import {
  batchNorm1d,
  dropout,
  flatten,
  linear,
  lstm,
  type Module,
  mseLoss,
  readout,
  relu,
  rrelu,
  sequential,
} from "@tapegrad/nn";
import { Adam, AdamW, cosineAnnealing, LBFGS, SGD, stepDecay, warmup } from "@tapegrad/optim";
import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  Solver,
  type SolverOptions,
} from "@tapegrad/train";
import fc from "fast-check";

const x = randn([45, 3], { generator: new Generator(1) });
const y = x.square().sum(1).lt(2).to("int32");
const train = new TensorDataset(x, y);
const validation = new TensorDataset(x.narrow(0, 0, 20), y.narrow(0, 0, 20));

/** Layers that draw from the shared generator, and from their own, and that keep statistics. */
function network(): Module {
  return sequential([
    linear(3, 8),
    batchNorm1d(8),
    relu(),
    dropout(0.3),
    linear(8, 6),
    rrelu({ generator: new Generator(5) }),
    dropout(0.2, { generator: new Generator(6) }),
    linear(6, 2),
  ]);
}

type Parameters = ReturnType<Module["parameters"]>;
const optimizers = {
  "sgd with momentum": (p: Parameters) => new SGD(p, { lr: 0.05, momentum: 0.9, nesterov: true }),
  adam: (p: Parameters) => new Adam(p, { lr: 0.01, amsgrad: true }),
  "adamw in groups": (p: Parameters) =>
    new AdamW([{ params: p.slice(0, 2), lr: 0.02 }, { params: p.slice(2) }], { lr: 0.01 }),
  lbfgs: (p: Parameters) => new LBFGS(p, { lr: 0.1, maxIter: 3, historySize: 4 }),
};

const variants: Record<string, Partial<SolverOptions>> = {
  plain: {},
  "schedule per epoch, penalty": { schedule: cosineAnnealing(4), reg: 0.01 },
  "schedule per step, clipping, set by hand": {
    schedule: warmup(5, stepDecay(3, 0.8), { startFactor: 0.1 }),
    schedulePer: "step",
    clipNorm: 0.5,
    clipValue: 0.2,
  },
  "accumulation, decay": { accumulateSteps: 3, lrDecay: 0.7 },
  "plateau, early stopping": {
    reduceOnPlateau: { factor: 0.5, patience: 0 },
    earlyStopping: { patience: 2, minDelta: 0.01 },
    monitor: "valLoss",
    metrics: { margin: (scores) => scores.select(1, 0).sub(scores.select(1, 1)).abs().mean() },
  },
};

interface Case {
  optimizer: keyof typeof optimizers;
  variant: string;
  batchSize: number;
}

/** The same run every time, but for `seed`, which a restored run must not depend on. */
function solver(
  { optimizer, variant, batchSize }: Case,
  seed: number,
  more: Partial<SolverOptions> = {},
) {
  manualSeed(seed);
  const model = network();
  const one = new Solver({
    model,
    train,
    validation,
    optimizer: optimizers[optimizer](model.parameters()),
    batchSize,
    epochs: 4,
    progress: "silent",
    ...variants[variant],
    ...more,
  });
  if (variant.includes("set by hand")) {
    one.subscribe(({ step }, event) => {
      if (event === "batch" && step === 4) one.learningRate = 0.03;
    });
  }
  return one;
}

/** All but the times and the name. */
function lasting(checkpoint: Checkpoint): unknown {
  const { progress, weights, best, optimizer, lossHistory } = checkpoint;
  const { runId, seconds, samplesPerSecond, secondsLeft, steps, ...state } = progress.state;
  const data = (tensors: ReadonlyMap<string, Tensor> | null) =>
    tensors && [...tensors].map(([name, t]) => [name, t.dtype, [...t.shape], [...t.data()]]);
  return {
    ...progress,
    state,
    lossHistory,
    weights: data(weights),
    best: data(best),
    optimizer: {
      ...optimizer,
      state: optimizer.state.map(
        (one) =>
          one &&
          Object.entries(one)
            .map(([name, t]) => [name, typeof t === "number" ? t : [...t.data()]])
            .sort(),
      ),
    },
  };
}

const reborn = (checkpoint: Checkpoint) => decodeCheckpoint(encodeCheckpoint(checkpoint));

async function endOf(one: Solver): Promise<unknown> {
  const { stopped, lossHistory } = await one.fit();
  return { ...(lasting(one.checkpoint()) as object), stopped, lossHistory };
}

describe("a resumed run", () => {
  const whole = new Map<string, Promise<unknown>>();
  const uninterrupted = (one: Case) => {
    const key = JSON.stringify(one);
    if (!whole.has(key)) whole.set(key, endOf(solver(one, 1)));
    return whole.get(key)!;
  };

  const cases = fc.record({
    optimizer: fc.constantFrom(...(Object.keys(optimizers) as Case["optimizer"][])),
    variant: fc.constantFrom(...Object.keys(variants)),
    batchSize: fc.constantFrom(7, 16, 45),
    stops: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 3 }),
    how: fc.constantFrom("maxSteps", "stop", "signal"),
  });

  it("equals one that was never stopped, at any update and by any way of stopping", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ stops, how, ...one }) => {
        const expected = await uninterrupted(one);
        let checkpoint: Checkpoint | null = null;
        for (const [i, stop] of [...stops].sort((a, b) => a - b).entries()) {
          const controller = new AbortController();
          if (how !== "maxSteps" && stop === 0) controller.abort();
          const part: Solver = solver(one, i === 0 ? 1 : 100 + i, {
            ...(how === "maxSteps"
              ? { maxSteps: Math.max(1, stop) }
              : {
                  signal: controller.signal,
                  onBatch: ({ step }) => {
                    if (step !== stop) return;
                    if (how === "stop") part.stop();
                    else controller.abort();
                  },
                }),
          });
          if (checkpoint !== null) part.restore(reborn(checkpoint));
          await part.fit();
          checkpoint = part.checkpoint();
        }
        const last = solver(one, 999);
        last.restore(reborn(checkpoint!));
        rand([17]); // whatever else the new process draws
        expect(await endOf(last)).toEqual(expected);
      }),
      { seed: 3, numRuns: 20 },
    );
  });
});

describe("a resumed run, too, with", () => {
  /** Stops a run after some steps, and resumes it where everything else was drawn differently. */
  async function check(
    make: (options: Partial<SolverOptions>) => Solver,
    stops: readonly number[],
  ) {
    manualSeed(1);
    const expected = await endOf(make({}));
    for (const maxSteps of stops) {
      manualSeed(1);
      const part = make({ maxSteps });
      await part.fit();
      manualSeed(50 + maxSteps);
      const rest = make({});
      rest.restore(reborn(part.checkpoint()));
      expect(await endOf(rest)).toEqual(expected);
    }
  }
  const more = { epochs: 3, batchSize: 4, progress: "silent" } as const;

  it("a recurrent layer that draws from a generator of its own", async () => {
    const sequences = new TensorDataset(
      randn([12, 5, 3], { generator: new Generator(2) }),
      tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2], { dtype: "int32" }),
    );
    await check(
      (options) => {
        const generator = new Generator(8);
        const layer = lstm(3, 4, { numLayers: 2, dropout: 0.4, batchFirst: true, generator });
        const model = sequential([readout(layer, "last"), linear(4, 3)]);
        const optimizer = new Adam(model.parameters(), { lr: 0.05 });
        return new Solver({ ...more, model, optimizer, train: sequences, ...options });
      },
      [2, 3, 7],
    );
  });

  it("random transforms, read ahead, and a validation in random order", async () => {
    const images = new TensorDataset(
      randn([14, 1, 4, 4], { generator: new Generator(2) }),
      tensor([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1], { dtype: "int32" }),
    );
    const augmented = transform(images, [randomHorizontalFlip(), cutout(2)]);
    await check(
      (options) => {
        const model = sequential([flatten(), linear(16, 2)]);
        const { batchSize, ...rest } = more;
        return new Solver({
          ...rest,
          model,
          optimizer: new Adam(model.parameters(), { lr: 0.05 }),
          train: new DataLoader(augmented, { batchSize, shuffle: true, prefetch: 2 }),
          validation: new DataLoader(augmented, { batchSize, shuffle: true }),
          ...options,
        });
      },
      [1, 4, 6],
    );
  });

  it("a stream, and a loss that draws from a generator of the user's", async () => {
    await check(
      (options) => {
        const noise = new Generator(9);
        const model = sequential([linear(2, 4), relu(), linear(4, 1)]);
        return new Solver({
          ...more,
          model,
          optimizer: new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
          train: {
            *iterate({ seed, epoch }) {
              const generator = new Generator((seed + epoch) % 1000);
              for (let i = 0; i < 18; i++) yield rand([2], { generator });
            },
            collate: (items) => {
              const x = stack(items as Tensor[]);
              return { x, y: x.sum(1, { keepdim: true }) };
            },
          },
          loss: (scores, y) =>
            mseLoss(scores, y.add(randn(y.shape, { std: 0.1, generator: noise }))),
          generators: [noise],
          ...options,
        });
      },
      [1, 5, 8],
    );
  });
});
