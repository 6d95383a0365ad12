import { expect, it } from "@jest/globals";
import { type Tensor, tensor } from "@tapegrad/core";
import {
  describeGolden,
  expectClose,
  type GoldenLinspace,
  type GoldenTensor,
  relativeError,
  toTensor,
} from "../../core/test/golden.ts";
import { Adam, AdamW, type OptimizerState, SGD } from "../src/index.ts";

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
const optimizers = { SGD, Adam, AdamW };
const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

function loss({ problem, problem_def: { A, b } }: Trajectory, x: Tensor): Tensor {
  if (problem === "quadratic") {
    const curved = x.matmul(tensor(A!, float64)).matmul(x).mul(0.5);
    return curved.sub(x.matmul(tensor(b!, float64)));
  }
  const [x0, x1] = [x.index(0), x.index(1)];
  return x0.neg().add(1).square().add(x1.sub(x0.square()).square().mul(100));
}

// RMSprop with momentum, the fourth trajectory, waits for that option.
describeGolden<Trajectory>("trajectories of 20 steps", "optim.jsonl", (cases) => {
  for (const golden of cases.filter(({ optimizer }) => optimizer in optimizers)) {
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

describeGolden<CS231n>("CS231n's update rules", "cs231n.json", (cases) => {
  const golden = cases.find(({ id }) => id === "sgd_momentum")!;

  it("SGD with momentum, from a velocity", () => {
    const { w, dw, velocity } = golden.inputs as Record<string, GoldenLinspace>;
    const { lr, momentum } = golden.params;
    const x = toTensor(w!).requiresGrad_();
    const optimizer = new SGD([x], { lr, momentum });
    // Their velocity is v = −lr·b; ours starts from the buffer b.
    const saved: OptimizerState = optimizer.stateDict();
    saved.state[0] = { momentumBuffer: toTensor(velocity!).div(-lr) };
    optimizer.loadStateDict(saved);
    x.grad = toTensor(dw!);
    optimizer.step();
    const v = (optimizer.stateDict().state[0]!.momentumBuffer as Tensor).mul(-lr);
    expectClose(x, golden.computed.next_w!);
    expectClose(v, golden.computed.velocity!);
    const limit = golden.rel_error_limit_for_published;
    expect(relativeError(x, toTensor(golden.published.next_w!))).toBeLessThan(limit);
    expect(relativeError(v, toTensor(golden.published.velocity!))).toBeLessThan(limit);
  });
});
