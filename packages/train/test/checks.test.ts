import { describe, expect, it } from "@jest/globals";
import {
  defaultGenerator,
  defineOp,
  Generator,
  manualSeed,
  mseLoss,
  randint,
  randn,
  type Tensor,
  tensor,
} from "@tapegrad/core";
import { TensorDataset } from "@tapegrad/data";
import {
  batchNorm1d,
  conv2d,
  dropout,
  flatten,
  lambda,
  linear,
  lstm,
  Module,
  relu,
  sequential,
  tanh,
} from "@tapegrad/nn";
import { Adam, SGD } from "@tapegrad/optim";
import {
  checkModel,
  formatLearningRates,
  formatModelCheck,
  learningRateFinder,
  overfitSmall,
  Solver,
} from "@tapegrad/train";

/** Random points with random classes: nothing to learn but by heart. */
const noise = new TensorDataset(
  randn([60, 8], { generator: new Generator(1) }),
  randint(0, 3, [60], { generator: new Generator(2) }),
);

function network() {
  manualSeed(3);
  return sequential([linear(8, 32), batchNorm1d(32), relu(), dropout(0.2), linear(32, 3)]);
}

/** All that must not change: weights, buffers, gradients, modes, generators, the optimizer. */
function traces(model: Module, optimizer?: Adam) {
  return {
    state: [...model.stateDict()].map(([name, x]) => [name, [...x.data()]]),
    grads: model.parameters().map(({ grad }) => grad && [...grad.data()]),
    modes: model.modules().map(({ training }) => training),
    generator: defaultGenerator().state,
    optimizer: optimizer
      ?.stateDict()
      .state.map((one) =>
        one === null
          ? null
          : Object.entries(one).map(([name, value]) => [
              name,
              typeof value === "number" ? value : [...value.data()],
            ]),
      ),
    rates: optimizer?.groups.map(({ lr }) => lr),
  };
}

/** A model that has gradients, an optimizer that has state, and a layer frozen in evaluation mode. */
function used() {
  const model = network();
  const optimizer = new Adam(model.parameters(), { lr: 0.003 });
  const { x, y } = noise.batch(Int32Array.of(1, 2, 3, 4));
  for (let step = 0; step < 2; step++) {
    optimizer.zeroGrad();
    model(x).sub(y.unsqueeze(1)).square().mean().backward();
    optimizer.step();
  }
  model.modules()[2].training = false;
  return { model, optimizer };
}

describe("overfitSmall", () => {
  it("learns a few examples by heart, and leaves the model as it was", async () => {
    const { model, optimizer } = used();
    const before = traces(model, optimizer);
    const result = await overfitSmall(model, noise, { examples: 20 });
    expect(result.passed).toBe(true);
    expect(result.accuracy).toBe(1);
    expect(result.lossHistory.length).toBeLessThan(500);
    expect(result.lossHistory.at(-1)).toBeLessThan(result.lossHistory[0]);
    expect(traces(model, optimizer)).toEqual(before);
  });

  it("says so when a model can't", async () => {
    const model = sequential([lambda((x: Tensor) => x.mul(0)), linear(8, 3)]);
    const result = await overfitSmall(model, noise, { examples: 30, maxSteps: 25 });
    expect(result.passed).toBe(false);
    expect(result.accuracy).toBeLessThan(0.7);
    expect(result.lossHistory).toHaveLength(25);
  });

  it("takes a loss as the goal for other targets than classes", async () => {
    const generator = new Generator(4);
    const data = new TensorDataset(randn([10, 4], { generator }), randn([10, 1], { generator }));
    const result = await overfitSmall(sequential([linear(4, 32), tanh(), linear(32, 1)]), data, {
      loss: mseLoss,
      goal: { loss: 1e-3 },
      maxSteps: 2000,
      optimizer: (parameters) => new Adam(parameters, { lr: 2e-2 }),
    });
    expect(result).toMatchObject({ passed: true, accuracy: Number.NaN });
    expect(result.loss).toBeLessThanOrEqual(1e-3);
  });

  it("refuses what makes no sense", async () => {
    await expect(overfitSmall(network(), noise, { examples: 0 })).rejects.toThrow(
      "overfitSmall: examples is 0; it must be a whole number from 1.",
    );
    const none = new TensorDataset(noise.x.narrow(0, 0, 0), noise.y.narrow(0, 0, 0));
    await expect(overfitSmall(network(), none)).rejects.toThrow(
      "overfitSmall: the dataset has no examples.",
    );
    await expect(overfitSmall(network(), noise, { goal: { accuracy: 2 } })).rejects.toThrow(
      "overfitSmall: goal is { accuracy: 2 }; it must be { accuracy } above 0 and up to 1, or { loss }.",
    );
  });
});

describe("learningRateFinder", () => {
  const options = { train: noise, batchSize: 20, seed: 1 };

  it("sweeps rates of equal ratio, and finds where the loss falls and where it explodes", async () => {
    const model = sequential([linear(8, 32), relu(), linear(32, 3)]);
    const optimizer = new SGD(model.parameters(), { momentum: 0.9 });
    const curve = await learningRateFinder({ ...options, model, optimizer, from: 1e-5, to: 1e3 });
    const { rates, losses, smoothed, suggestion, lowest, diverged } = curve;
    expect(rates[0]).toBe(1e-5);
    for (let i = 1; i < rates.length; i++) {
      expect(rates[i] / rates[i - 1]).toBeCloseTo(10 ** (8 / 99), 9);
    }
    expect([losses.length, smoothed.length]).toEqual([rates.length, rates.length]);
    expect(smoothed[0]).toBeCloseTo(losses[0], 12);
    expect(diverged).toBe(true);
    expect(rates.length).toBeLessThan(100);
    expect(suggestion).toBeGreaterThan(1e-3);
    expect(suggestion).toBeLessThan(lowest!);
    expect(lowest).toBeLessThan(10);
    const table = formatLearningRates(curve);
    expect(table).toMatch(/← steepest/);
    expect(table).toMatch(/← lowest/);
    expect(table.split("\n").length).toBeLessThanOrEqual(23);
  });

  it("leaves everything as it was: training afterwards is the same to the bit", async () => {
    const run = async (first: boolean) => {
      const { model, optimizer } = used();
      if (first) {
        const before = traces(model, optimizer);
        const { rates } = await learningRateFinder({ ...options, model, optimizer, steps: 20 });
        expect(rates).toHaveLength(20);
        expect(traces(model, optimizer)).toEqual(before);
      }
      await new Solver({ ...options, model, optimizer, epochs: 2, progress: "silent" }).fit();
      return traces(model, optimizer);
    };
    expect(await run(true)).toEqual(await run(false));
  });

  it("smooths as its formula says, and ends with the signal", async () => {
    const controller = new AbortController();
    let calls = 0;
    const model = linear(8, 3);
    const curve = await learningRateFinder({
      ...options,
      model,
      optimizer: new SGD(model.parameters()),
      smoothing: 0.5,
      objective: ({ x }) => {
        if (++calls === 4) controller.abort();
        return model(x)
          .mul(0)
          .sum()
          .add([8, 4, 2, 4][calls - 1]);
      },
      signal: controller.signal,
    });
    expect(curve.losses).toEqual([8, 4, 2, 4]);
    // (8·½)/½, (8/4 + 4/2)/¾, (8/8 + 4/4 + 2/2)/⅞, (8/16 + 4/8 + 2/4 + 4/2)/(15/16)
    const expected = [8, 16 / 3, 24 / 7, 56 / 15];
    curve.smoothed.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 12);
    });
    expect(curve.suggestion).toBe(curve.rates[1]);
    expect(curve.lowest).toBe(curve.rates[2]);
    expect(curve.diverged).toBe(false);
  });

  it("has no suggestion where nothing falls, and refuses what makes no sense", async () => {
    const model = linear(8, 3);
    const given = { ...options, model, optimizer: new SGD(model.parameters()) };
    const flat = await learningRateFinder({
      ...given,
      steps: 5,
      objective: ({ x }) => model(x).mul(0).sum(),
    });
    expect(flat.suggestion).toBe(null);
    await expect(learningRateFinder({ ...given, from: 0 })).rejects.toThrow(
      "learningRateFinder: from is 0; it must be a finite number above 0.",
    );
    await expect(learningRateFinder({ ...given, from: 1, to: 1 })).rejects.toThrow(
      "learningRateFinder: to is 1; it must be a finite number above from (1).",
    );
    await expect(learningRateFinder({ ...given, steps: 2 })).rejects.toThrow(
      "learningRateFinder: steps is 2; it must be a whole number from 3.",
    );
    const bare = { lr: 1, groups: [], step() {}, zeroGrad() {} };
    await expect(learningRateFinder({ ...given, optimizer: bare })).rejects.toThrow(
      "learningRateFinder: an object has no stateDict and loadStateDict; its state could not be put back.",
    );
  });
});

/** x² with a gradient that is wrong by a hundredth. */
const wrongSquare = defineOp({
  name: "checkModelWrongSquare",
  inputs: ["x"],
  elementwise: (x) => x * x,
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.mul(x.mul(2.02)) },
});

describe("checkModel", () => {
  const generator = new Generator(9);
  const classes = randint(0, 3, [6], { generator });

  it("passes layers of every kind, dropout and batch statistics included", () => {
    const images = { x: randn([6, 2, 5, 5], { generator }), y: classes };
    const model = sequential([
      conv2d(2, 3, 3),
      tanh(),
      flatten(),
      linear(27, 8),
      batchNorm1d(8),
      dropout(0.3),
      tanh(),
      linear(8, 3),
    ]).to("float64");
    const before = traces(model);
    const check = checkModel(model, images);
    expect(check.passed).toBe(true);
    expect(check.parameters.map(({ name }) => name)).toEqual(
      model.namedParameters().map(([name]) => name),
    );
    expect(check.parameters.map(({ checked }) => checked)).toEqual([20, 3, 20, 8, 8, 8, 20, 3]);
    for (const { name, relativeError } of check.parameters) {
      // The gradient of a bias before batch norm is 0 but for rounding, of which no digit is right.
      if (name !== "3.bias") expect(relativeError).toBeLessThan(1e-6);
    }
    expect(traces(model)).toEqual(before);
  });

  it("checks models with other inputs and losses", () => {
    class Reader extends Module {
      rnn = lstm(4, 5, { batchFirst: true });
      head = linear(5, 2);
      forward(x: Tensor): Tensor {
        return this.head(this.rnn(x).output.mean(1));
      }
    }
    const batch = { x: randn([3, 6, 4], { generator }), y: randn([3, 2], { generator }) };
    const model = new Reader().to("float64");
    expect(checkModel(model, batch, { loss: mseLoss, samples: 5 }).passed).toBe(true);
    const objective = ({ x }: { x: unknown }) =>
      model(x as Tensor)
        .square()
        .sum();
    expect(checkModel(model, batch, { objective }).passed).toBe(true);
  });

  it("finds a wrong gradient, where it is and how large, and prints it", () => {
    const model = sequential([
      linear(4, 3),
      lambda((x: Tensor) => wrongSquare(x)),
      linear(3, 3),
    ]).to("float64");
    const check = checkModel(model, { x: randn([6, 4], { generator }), y: classes });
    expect(check.passed).toBe(false);
    expect(check.parameters.map(({ passed }) => passed)).toEqual([false, false, true, true]);
    const [first, , last] = check.parameters;
    // |2.02 − 2| / (2.02 + 2)
    expect(first.relativeError).toBeCloseTo(0.02 / 4.02, 5);
    expect(first.analytic / first.numeric).toBeCloseTo(1.01, 5);
    expect(last.relativeError).toBeLessThan(1e-7);
    const lines = formatModelCheck(check).split("\n");
    expect(lines[0]).toMatch(/^parameter +shape +checked +relative error +analytic +numeric +at$/);
    expect(lines[1]).toMatch(/^0\.weight +\[3, 4\] +12 +4\.98e-3 .* \[\d, \d\] +DIFFERS$/);
    expect(lines[4]).toMatch(/ ok$/);
  });

  it("tells a parameter that the loss does not depend on, and one whose path is cut", () => {
    class Cut extends Module {
      used = linear(2, 2);
      unused = linear(2, 2);
      cut = linear(2, 2);
      forward(x: Tensor): Tensor {
        return this.used(x).add(this.cut(x).detach());
      }
    }
    const batch = { x: randn([4, 2], { generator }), y: randn([4, 2], { generator }) };
    const { parameters } = checkModel(new Cut().to("float64"), batch, { loss: mseLoss });
    const passed = Object.fromEntries(parameters.map((one) => [one.name, one.passed]));
    expect(passed).toEqual({
      "used.weight": true,
      "used.bias": true,
      "unused.weight": true,
      "unused.bias": true,
      "cut.weight": false,
      "cut.bias": false,
    });
  });

  it("leaves frozen parameters out, and refuses what makes no sense", () => {
    const batch = { x: tensor([[1, 2]]), y: tensor([1], { dtype: "int32" }) };
    const model = linear(2, 2).to("float64");
    model.bias!.requiresGrad_(false);
    expect(checkModel(model, batch).parameters.map(({ name }) => name)).toEqual(["weight"]);
    model.requiresGrad_(false);
    expect(() => checkModel(model, batch)).toThrow(
      "checkModel: the model has no parameter that requires grad.",
    );
    expect(() => checkModel(linear(2, 2), batch)).toThrow(
      'checkModel: parameter weight is float32; central differences need float64: use model.to("float64").',
    );
    expect(() => checkModel(model, batch, { samples: 0 })).toThrow(
      "checkModel: samples is 0; it must be a whole number from 1.",
    );
    expect(() => checkModel(model, batch, { h: 0 })).toThrow(
      "checkModel: h is 0; it must be a finite number above 0.",
    );
  });
});
