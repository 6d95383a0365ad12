import { describe, expect, it } from "@jest/globals";
import { memory, noGrad, randn, setMemoryLimit, type Tensor } from "@tapegrad/core";
import * as optim from "../src/index.ts";

type Make = (params: Tensor[]) => optim.Optimizer<{ lr: number }>;

const optimizers: [string, Make][] = [
  ["SGD", (p) => new optim.SGD(p, { momentum: 0.9 })],
  ["SGD, maximize", (p) => new optim.SGD(p, { maximize: true })],
  ["Momentum", (p) => new optim.Momentum(p)],
  ["RMSProp", (p) => new optim.RMSProp(p, { momentum: 0.9, centered: true })],
  ["Adagrad", (p) => new optim.Adagrad(p)],
  ["Adadelta", (p) => new optim.Adadelta(p)],
  ["Adam", (p) => new optim.Adam(p, { amsgrad: true })],
  ["AdamW", (p) => new optim.AdamW(p)],
  ["Adamax", (p) => new optim.Adamax(p)],
  ["NAdam", (p) => new optim.NAdam(p)],
  ["RAdam", (p) => new optim.RAdam(p)],
  ["Rprop", (p) => new optim.Rprop(p)],
  ["ASGD", (p) => new optim.ASGD(p)],
  ["Lion", (p) => new optim.Lion(p)],
  ["Muon", (p) => new optim.Muon(p)],
];

/** Growth of the memory in use over `steps` calls, after some to settle. */
function growth(steps: number, step: () => void): number {
  for (let k = 0; k < 3; k++) step();
  const before = memory().liveBytes + memory().evictedBytes;
  for (let k = 0; k < steps; k++) step();
  return memory().liveBytes + memory().evictedBytes - before;
}

describe("a step leaves nothing behind", () => {
  it.each(optimizers)("%s", (name, make) => {
    const x = randn([16, 16], { requiresGrad: true });
    x.grad = randn([16, 16]);
    const optimizer = make([x]);
    const steps = name === "Muon" ? 1000 : 10_000;
    expect(growth(steps, () => optimizer.step())).toBe(0);
  });

  it("L-BFGS keeps its history, and a bounded rest", () => {
    const limit = memory().softLimitBytes;
    const x = randn([32, 32], { requiresGrad: true });
    const target = randn([32, 32]);
    const optimizer = new optim.LBFGS([x], { lineSearchFn: "strongWolfe", historySize: 3 });
    const closure = () => {
      optimizer.zeroGrad();
      const loss = x.sub(target).square().square().sum();
      loss.backward();
      return loss;
    };
    try {
      setMemoryLimit(2 ** 20);
      for (let step = 0; step < 200; step++) {
        noGrad(() => x.mul_(-1));
        optimizer.step(closure);
      }
      expect(memory().liveBytes).toBeLessThan(2 * 2 ** 20);
      const kept = Object.values(optimizer.stateDict().state[0]!).filter(
        (value) => typeof value !== "number",
      );
      // d, prevGrad and three pairs.
      expect(kept.length).toBe(8);
    } finally {
      setMemoryLimit(limit);
    }
  });

  it("clipping and averaging", () => {
    const x = randn([16, 16], { requiresGrad: true });
    x.grad = randn([16, 16]);
    const average = new optim.AveragedWeights([x], { decay: 0.9 });
    const step = () => {
      average.update();
      average.use(() => undefined);
      optim.clipGradNorm_([x], 1e-3);
      optim.clipGradValue_([x], 1e-4);
    };
    expect(growth(1000, step)).toBe(0);
  });
});
