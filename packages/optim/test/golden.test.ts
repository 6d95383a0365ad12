import { describe, expect, it } from "@jest/globals";
import { linspace, type Tensor, tensor } from "@tapegrad/core";
import {
  describeGolden,
  expectClose,
  type GoldenLinspace,
  type GoldenTensor,
  relativeError,
  toTensor,
} from "../../core/test/golden.ts";
import { Adam, AdamW, Momentum, type Optimizer, RMSProp, SGD, type State } from "../src/index.ts";

interface Trajectory {
  id: string;
  optimizer: keyof typeof optimizers;
  config: Record<string, unknown>;
  problem: string;
  problem_def: { A?: number[][]; b?: number[] };
  x0: number[][];
  steps: number;
  loss_before_step: number[];
  params_after_step: number[][][];
  state_final: Record<string, GoldenTensor | number>[];
}

const float64 = { dtype: "float64" } as const;
const optimizers = { SGD, Adam, AdamW, RMSprop: RMSProp };
const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

function loss({ problem, problem_def: { A, b } }: Trajectory, x: Tensor): Tensor {
  if (problem === "quadratic") {
    const curved = x.matmul(tensor(A!, float64)).matmul(x).mul(0.5);
    return curved.sub(x.matmul(tensor(b!, float64)));
  }
  const [x0, x1] = [x.index(0), x.index(1)];
  return x0.neg().add(1).square().add(x1.sub(x0.square()).square().mul(100));
}

describeGolden<Trajectory>("trajectories of 20 steps", "optim.jsonl", (cases) => {
  for (const golden of cases) {
    it(golden.id, () => {
      const x = tensor(golden.x0[0]!, { ...float64, requiresGrad: true });
      const options = Object.entries(golden.config).map(([name, value]) => [camel(name), value]);
      const optimizer = new optimizers[golden.optimizer]([x], Object.fromEntries(options));
      for (let step = 0; step < golden.steps; step++) {
        optimizer.zeroGrad();
        const y = loss(golden, x);
        y.backward();
        expectClose(y, golden.loss_before_step[step]!);
        optimizer.step();
        const after = golden.params_after_step[step]![0]!;
        expect(relativeError(x, tensor(after, float64))).toBeLessThan(1e-12);
      }
      const state = optimizer.stateDict().state[0]!;
      for (const [name, value] of Object.entries(golden.state_final[0]!)) {
        const ours = state[camel(name)]!;
        if (name === "step") expect(ours).toBe(golden.steps);
        else expectClose(ours as Tensor, value);
      }
    });
  }
});

interface CS231n {
  id: string;
  inputs: Record<string, GoldenLinspace>;
  params: { lr: number; momentum: number };
  published: Record<string, GoldenTensor>;
  computed: Record<string, GoldenTensor>;
  rel_error_limit_for_published: number;
}

describeGolden<CS231n>("CS231n's update rules, golden", "cs231n.json", (cases) => {
  const golden = cases.find(({ id }) => id === "sgd_momentum")!;
  const { w, dw, velocity } = golden.inputs as Record<string, GoldenLinspace>;
  const { lr, momentum } = golden.params;

  function expectGolden(x: Tensor, v: Tensor): void {
    expectClose(x, golden.computed.next_w!);
    expectClose(v, golden.computed.velocity!);
    const limit = golden.rel_error_limit_for_published;
    expect(relativeError(x, toTensor(golden.published.next_w!))).toBeLessThan(limit);
    expect(relativeError(v, toTensor(golden.published.velocity!))).toBeLessThan(limit);
  }

  it("Momentum, from a velocity", () => {
    const { x, state } = stepFrom(Momentum, { lr, momentum }, toTensor(w!), toTensor(dw!), {
      velocity: toTensor(velocity!),
    });
    expectGolden(x, state.velocity as Tensor);
  });

  it("SGD with momentum, from the buffer −velocity/lr", () => {
    const { x, state } = stepFrom(SGD, { lr, momentum }, toTensor(w!), toTensor(dw!), {
      momentumBuffer: toTensor(velocity!).div(-lr),
    });
    expectGolden(x, (state.momentumBuffer as Tensor).mul(-lr));
  });
});

type Rule = new (params: Tensor[], options: Record<string, unknown>) => Optimizer<{ lr: number }>;

/** One step of a rule that has been at work before. */
function stepFrom(
  rule: Rule,
  options: Record<string, unknown>,
  w: Tensor,
  dw: Tensor,
  before: State,
): { x: Tensor; state: State } {
  const x = w.requiresGrad_();
  const optimizer = new rule([x], options);
  const saved = optimizer.stateDict();
  saved.state[0] = before;
  optimizer.loadStateDict(saved);
  x.grad = dw;
  optimizer.step();
  return { x, state: optimizer.stateDict().state[0]! };
}

/** The digits that the notebook FullyConnectedNets of CS231n's assignment 2 prints. */
describe("CS231n's update rules, as its notebook checks them", () => {
  const spaced = (from: number, to: number) =>
    linspace(from, to, 20, { dtype: "float64" }).reshape([4, 5]);
  const inputs = () => [spaced(-0.4, 0.6), spaced(-0.6, 0.4)] as const;
  const expectPublished = (x: Tensor, published: number[]) =>
    expect(relativeError(x, tensor(published, { ...float64, shape: [4, 5] }))).toBeLessThan(2e-7);

  it("RMSProp", () => {
    const { x, state } = stepFrom(RMSProp, { lr: 1e-2, alpha: 0.99 }, ...inputs(), {
      squareAvg: spaced(0.6, 0.9),
    });
    expectPublished(
      x,
      [
        -0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247, -0.132737, -0.08078555,
        -0.02881884, 0.02316247, 0.07515774, 0.12716641, 0.17918792, 0.23122175, 0.28326742,
        0.33532447, 0.38739248, 0.43947102, 0.49155973, 0.54365823, 0.59576619,
      ],
    );
    expectPublished(
      state.squareAvg as Tensor,
      [
        0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321, 0.67329252, 0.68859723, 0.70395734,
        0.71937285, 0.73484377, 0.75037008, 0.7659518, 0.78158892, 0.79728144, 0.81302936,
        0.82883269, 0.84469141, 0.86060554, 0.87657507, 0.8926,
      ],
    );
  });

  it("Adam", () => {
    const { x, state } = stepFrom(Adam, { lr: 1e-2 }, ...inputs(), {
      step: 5,
      expAvg: spaced(0.6, 0.9),
      expAvgSq: spaced(0.7, 0.5),
    });
    expectPublished(
      x,
      [
        -0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977, -0.1380274, -0.08544591,
        -0.03286534, 0.01971428, 0.0722929, 0.1248705, 0.17744702, 0.23002243, 0.28259667,
        0.33516969, 0.38774145, 0.44031188, 0.49288093, 0.54544852, 0.59801459,
      ],
    );
    expectPublished(
      state.expAvgSq as Tensor,
      [
        0.69966, 0.68908382, 0.67851319, 0.66794809, 0.65738853, 0.64683452, 0.63628604, 0.6257431,
        0.61520571, 0.60467385, 0.59414753, 0.58362676, 0.57311152, 0.56260183, 0.55209767,
        0.54159906, 0.53110598, 0.52061845, 0.51013645, 0.49966,
      ],
    );
    expectPublished(
      state.expAvg as Tensor,
      [
        0.48, 0.49947368, 0.51894737, 0.53842105, 0.55789474, 0.57736842, 0.59684211, 0.61631579,
        0.63578947, 0.65526316, 0.67473684, 0.69421053, 0.71368421, 0.73315789, 0.75263158,
        0.77210526, 0.79157895, 0.81105263, 0.83052632, 0.85,
      ],
    );
  });
});
