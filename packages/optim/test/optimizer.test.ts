import { inspect } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { Generator, noGrad, randn, type Tensor, tensor, zeros } from "@tapegrad/core";
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  ASGD,
  exponentialDecay,
  Lion,
  Momentum,
  Muon,
  NAdam,
  type Optimizer,
  RAdam,
  RMSProp,
  Rprop,
  Scheduler,
  SGD,
  stepDecay,
} from "../src/index.ts";

const leaf = (shape: number[] = [2]) => zeros(shape, { requiresGrad: true });

describe("parameters", () => {
  it("may come in groups with hyper-parameters of their own", () => {
    const [a, b] = [tensor([1], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
    const optimizer = new SGD([{ params: [a] }, { params: [b], lr: 0.5 }], { lr: 0.1 });
    for (const x of [a, b]) x.grad = tensor([1]);
    optimizer.step();
    expect(a.item()).toBeCloseTo(0.9, 6);
    expect(b.item()).toBeCloseTo(0.5, 6);
    expect(optimizer.groups.map((group) => group.lr)).toEqual([0.1, 0.5]);
    optimizer.lr = 0.01;
    expect(optimizer.groups.map((group) => group.lr)).toEqual([0.01, 0.01]);
    expect(optimizer.lr).toBe(0.01);
    optimizer.zeroGrad();
    expect([a.grad, b.grad]).toEqual([null, null]);
  });

  it.each<[string, unknown, string]>([
    [
      "none",
      [],
      "SGD: the list of parameters is empty; pass tensors that require grad, such as model.parameters().",
    ],
    [
      "a number",
      3,
      "SGD: params is 3; it must be an array of tensors, such as model.parameters(), or of groups { params, lr }.",
    ],
    ["no tensor", [leaf(), "w"], 'SGD: parameter 1 is "w"; it must be a Tensor.'],
    [
      "no leaf",
      [leaf().mul(2)],
      "SGD: parameter 0 (float32 [2]) was made by mul; only leaves can be trained: use the tensor that it was made from, or detach() it.",
    ],
    [
      "integers",
      [tensor(new Int32Array(3))],
      "SGD: parameter 0 (int32 [3]) has no gradient; it must be float32 or float64.",
    ],
    [
      "a group without a list",
      [{ params: leaf() }],
      "SGD: group 0: params is a Tensor; it must be an array of tensors.",
    ],
    [
      "a wrong group option",
      [{ params: [leaf()], lr: -1 }],
      "SGD: group 0: lr is -1; it must be a finite number of at least 0.",
    ],
  ])("%s", (_, params, message) => {
    expect(() => new SGD(params as Tensor[])).toThrow(message);
  });

  it("belong to one group, once", () => {
    const w = leaf([3, 4]);
    expect(() => new SGD([{ params: [w] }, { params: [w] }])).toThrow(
      "SGD: parameter 1 (float32 [3, 4]) appears twice; each tensor belongs to one group, once.",
    );
  });
});

describe("a group that is added", () => {
  it("trains from then on, with defaults for what it leaves out", () => {
    const [a, b] = [leaf([1]), leaf([1])];
    const optimizer = new SGD([a], { lr: 0.5, momentum: 0.9 });
    const step = () => {
      for (const x of [a, b]) x.grad = tensor([1]);
      optimizer.step();
    };
    step();
    optimizer.addParamGroup({ params: [b], momentum: 0 });
    step();
    expect(a.item()).toBeCloseTo(-0.5 - 0.5 * 1.9, 6);
    expect(b.item()).toBe(-0.5);
    optimizer.zeroGrad();
    expect(b.grad).toBeNull();
    expect(optimizer.stateDict().groups.map(({ params }) => params)).toEqual([[0], [1]]);
  });

  it("is checked as the first ones are; nothing is changed then", () => {
    const w = leaf();
    const optimizer = new SGD([w], { lr: 0.1 });
    expect(() => optimizer.addParamGroup({ params: [leaf(), w] })).toThrow(
      "SGD: parameter 2 (float32 [2]) appears twice; each tensor belongs to one group, once.",
    );
    expect(() => optimizer.addParamGroup({ params: [leaf()], nesterov: true })).toThrow(
      "SGD: group 1: nesterov with momentum 0 and dampening 0; it needs a momentum above 0, such as 0.9, and a dampening of 0.",
    );
    expect(() => optimizer.addParamGroup({ params: [leaf()], lr: -1 })).toThrow(
      "SGD: group 1: lr is -1; it must be a finite number of at least 0.",
    );
    expect(() => optimizer.addParamGroup(leaf() as never)).toThrow(
      "SGD: group 1: params is undefined; it must be an array of tensors.",
    );
    expect(optimizer.groups.length).toBe(1);
  });
});

describe("a closure", () => {
  it("runs before the update, with recording on, and gives the loss back", () => {
    const w = tensor([3], { requiresGrad: true });
    const optimizer = new SGD([w], { lr: 0.1 });
    const loss = noGrad(() =>
      optimizer.step(() => {
        optimizer.zeroGrad();
        const y = w.square().sum();
        y.backward();
        return y;
      }),
    );
    expect(loss.item()).toBe(9);
    expect(w.item()).toBeCloseTo(2.4, 6);
    expect(optimizer.step()).toBeUndefined();
  });
});

describe("hyper-parameters", () => {
  it.each<[() => unknown, string]>([
    [
      () => new SGD([leaf()], { lr: -0.1 }),
      "SGD: lr is -0.1; it must be a finite number of at least 0.",
    ],
    [
      () => new SGD([leaf()], { lr: "0.1" as never }),
      'SGD: lr is "0.1"; it must be a finite number of at least 0.',
    ],
    [
      () => new SGD([leaf()], { lr: Number.NaN }),
      "SGD: lr is NaN; it must be a finite number of at least 0.",
    ],
    [
      () => new SGD([leaf()], { nesterov: true }),
      "SGD: nesterov with momentum 0 and dampening 0; it needs a momentum above 0, such as 0.9, and a dampening of 0.",
    ],
    [
      () => new SGD([leaf()], { learningRate: 1 } as never),
      "SGD: unknown option learningRate; known are lr, momentum, dampening, nesterov, weightDecay, maximize.",
    ],
    [
      () => new Adam([leaf()], { betas: [0.9, 1] }),
      "Adam: betas is [0.9, 1]; it must be two numbers from 0 to below 1, such as [0.9, 0.999].",
    ],
    [
      () => new Rprop([leaf()], { etas: [0.5, 0.9] }),
      "Rprop: etas is [0.5, 0.9]; it must be a factor between 0 and 1 and one above 1, such as [0.5, 1.2].",
    ],
    [
      () => new RMSProp([leaf()], { alpha: 1 }),
      "RMSProp: alpha is 1; it must be a number from 0 to below 1.",
    ],
    [
      () => Object.assign(new Adam([leaf()]), { lr: Infinity }),
      "Adam: lr is Infinity; it must be a finite number of at least 0.",
    ],
  ])("refused: %#", (make, message) => {
    expect(make).toThrow(message);
  });

  it("print", () => {
    expect(inspect(new SGD([leaf()], { lr: 0.1, momentum: 0.9 }))).toBe(
      "SGD(1 parameters, lr=0.1, momentum=0.9, dampening=0, nesterov=false, weightDecay=0, maximize=false)",
    );
  });
});

describe("state", () => {
  const run = (optimizer: Optimizer<{ lr: number }>, x: Tensor, seeds: number[]) => {
    for (const seed of seeds) {
      x.grad = randn([2, 2], { generator: new Generator(seed) });
      optimizer.step();
    }
  };

  it.each<[string, (x: Tensor) => Optimizer<{ lr: number }>]>([
    ["SGD", (x) => new SGD([x], { lr: 0.1, momentum: 0.9 })],
    ["Momentum", (x) => new Momentum([x], { lr: 0.1 })],
    ["Adagrad", (x) => new Adagrad([x], { lr: 0.1, lrDecay: 0.1 })],
    ["Adadelta", (x) => new Adadelta([x], { lr: 0.1 })],
    ["RMSProp", (x) => new RMSProp([x], { lr: 0.1, momentum: 0.9, centered: true })],
    ["Adam", (x) => new Adam([x], { lr: 0.1, amsgrad: true })],
    ["AdamW", (x) => new AdamW([x], { lr: 0.1 })],
    ["Adamax", (x) => new Adamax([x], { lr: 0.1 })],
    ["NAdam", (x) => new NAdam([x], { lr: 0.1 })],
    ["RAdam", (x) => new RAdam([x], { lr: 0.1 })],
    ["Rprop", (x) => new Rprop([x], { lr: 0.1 })],
    ["ASGD", (x) => new ASGD([x], { lr: 0.1, t0: 1 })],
    ["Lion", (x) => new Lion([x], { lr: 0.1 })],
    ["Muon", (x) => new Muon([x], { lr: 0.1 })],
  ])("resumes exactly: %s", (_, make) => {
    const whole = leaf([2, 2]);
    run(make(whole), whole, [1, 2, 3, 4]);

    const first = leaf([2, 2]);
    const before = make(first);
    run(before, first, [1, 2]);
    const rest = first.detach().clone().requiresGrad_();
    const after = make(rest);
    after.lr = 7;
    after.loadStateDict(before.stateDict());
    expect(after.lr).toBe(0.1);
    run(before, first, [5]); // must not reach into the other one
    run(after, rest, [3, 4]);
    expect(rest.toArray()).toEqual(whole.toArray());
  });

  it("refuses what is not its own, and then changes nothing", () => {
    const x = leaf();
    const optimizer = new Adam([x], { lr: 0.5 });
    const state = optimizer.stateDict();
    expect(() => optimizer.loadStateDict(new SGD([x]).stateDict())).toThrow(
      'Adam.loadStateDict: the state is of "SGD"; it must be of "Adam".',
    );
    expect(() => optimizer.loadStateDict(new Adam([leaf(), leaf()]).stateDict())).toThrow(
      "Adam.loadStateDict: the state's groups have [2] parameters and the optimizer's [1]; they must be equal.",
    );
    expect(() => optimizer.loadStateDict({ ...state, state: [] })).toThrow(
      "Adam.loadStateDict: the state has entries for 0 parameters; it must have 1, some perhaps null.",
    );
    const other = { ...state, groups: [{ ...state.groups[0]!, lr: 0.1 }] };
    expect(() =>
      optimizer.loadStateDict({ ...other, state: [{ step: 1, expAvg: zeros([3]) }] }),
    ).toThrow(
      "Adam.loadStateDict: parameter 0: expAvg has shape [3] and the parameter [2]; they must be equal.",
    );
    expect(() =>
      optimizer.loadStateDict({ ...state, groups: [{ ...state.groups[0]!, lr: -1 }] }),
    ).toThrow("Adam.loadStateDict: group 0: lr is -1; it must be a finite number of at least 0.");
    expect(optimizer.stateDict()).toEqual(state);
  });
});

describe("schedules", () => {
  it("multiply each group's own rate", () => {
    const optimizer = new SGD([
      { params: [leaf()], lr: 1 },
      { params: [leaf()], lr: 0.5 },
    ]);
    const scheduler = new Scheduler(optimizer, exponentialDecay(0.5));
    const rates = [0, 1, 2].map(() => {
      const now = optimizer.groups.map((group) => group.lr);
      scheduler.step();
      return now;
    });
    expect(rates).toEqual([
      [1, 0.5],
      [0.5, 0.25],
      [0.25, 0.125],
    ]);
  });

  it("step decay holds the rate in between", () => {
    const decay = stepDecay(3, 0.1);
    expect([0, 2, 3, 5, 6].map((t) => decay(t, 2))).toEqual([2, 2, 0.2, 0.2, 2 * (0.1 * 0.1)]);
  });

  it("resume", () => {
    const make = () => {
      const optimizer = new SGD([leaf()], { lr: 1 });
      return { optimizer, scheduler: new Scheduler(optimizer, exponentialDecay(0.9)) };
    };
    const [a, b] = [make(), make()];
    a.scheduler.step();
    a.scheduler.step();
    b.scheduler.loadStateDict(JSON.parse(JSON.stringify(a.scheduler.stateDict())));
    expect(b.optimizer.lr).toBe(a.optimizer.lr);
    expect(b.scheduler.t).toBe(2);
  });

  it("refuse nonsense", () => {
    expect(() => exponentialDecay(-1)).toThrow(
      "exponentialDecay: gamma is -1; it must be a finite number above 0, such as 0.95.",
    );
    expect(() => stepDecay(0, 0.1)).toThrow(
      "stepDecay: stepSize is 0; it must be a whole number of at least 1.",
    );
    const scheduler = new Scheduler(new SGD([leaf()]), exponentialDecay(0.9));
    expect(() => scheduler.loadStateDict({ t: -1, initial: [1] })).toThrow(
      "Scheduler.loadStateDict: got t = -1 and initial = [1]; t must be a number from 0, and initial have one rate for each of the 1 groups.",
    );
  });
});
