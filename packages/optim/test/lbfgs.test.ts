import { describe, expect, it } from "@jest/globals";
import { type Tensor, tensor, zeros } from "@tapegrad/core";
import { LBFGS, type LBFGSOptions } from "../src/index.ts";

const float64 = { dtype: "float64" } as const;

/** Rosenbrock's valley in two variables, in two parameters. */
function valley(options: Partial<LBFGSOptions> = {}) {
  const x = tensor([-1.2], { ...float64, requiresGrad: true });
  const y = tensor(1, { ...float64, requiresGrad: true });
  const optimizer = new LBFGS([x, y], { lineSearchFn: "strongWolfe", ...options });
  const closure = (): Tensor => {
    optimizer.zeroGrad();
    const loss = x.neg().add(1).square().add(y.sub(x.square()).square().mul(100)).sum();
    loss.backward();
    return loss;
  };
  return { x, y, optimizer, closure };
}

describe("L-BFGS", () => {
  it("finds the end of Rosenbrock's valley", () => {
    const { x, y, optimizer, closure } = valley({ toleranceChange: 1e-14 });
    const first = optimizer.step(closure);
    expect(first.item()).toBeCloseTo(24.2, 10);
    for (let step = 0; step < 3; step++) optimizer.step(closure);
    expect(x.item()).toBeCloseTo(1, 7);
    expect(y.item()).toBeCloseTo(1, 7);
    // Where the slope is gone, nothing more happens.
    const before = x.item();
    optimizer.step(closure);
    expect(x.item()).toBe(before);
  });

  it("trains float32 weights, and takes a missing gradient for zeros", () => {
    const x = tensor([
      [1, 2],
      [3, 4],
      [5, 7],
    ]);
    const target = tensor([[1], [2], [4]]);
    const w = zeros([2, 1], { requiresGrad: true });
    const idle = tensor([5], { requiresGrad: true });
    const optimizer = new LBFGS([w, idle], { lineSearchFn: "strongWolfe" });
    const lossOf = () => x.matmul(w).sub(target).square().sum();
    const before = lossOf().item();
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = lossOf();
      loss.backward();
      return loss.item();
    });
    expect(lossOf().item()).toBeLessThan(before * 0.05);
    expect(w.dtype).toBe("float32");
    expect(idle.toArray()).toEqual([5]);
  });

  it("resumes exactly, with a history that has been shortened", () => {
    const options = { maxIter: 3, historySize: 2 };
    const whole = valley(options);
    for (let step = 0; step < 6; step++) whole.optimizer.step(whole.closure);

    const first = valley(options);
    for (let step = 0; step < 3; step++) first.optimizer.step(first.closure);
    const rest = valley(options);
    for (const name of ["x", "y"] as const) rest[name].detach().copy_(first[name].detach());
    rest.optimizer.loadStateDict(first.optimizer.stateDict());
    for (let step = 0; step < 3; step++) rest.optimizer.step(rest.closure);
    expect([rest.x.item(), rest.y.item()]).toEqual([whole.x.item(), whole.y.item()]);
    const names = Object.keys(rest.optimizer.stateDict().state[1]!);
    expect(names.filter((name) => /^[sy]\d/.test(name)).length).toBe(4);
  });

  it("turns back from where the loss is no number", () => {
    // The first step goes far beyond 0, where the logarithm ends.
    const x = tensor([0.5], { ...float64, requiresGrad: true });
    const optimizer = new LBFGS([x], {
      lr: 100,
      toleranceChange: 1e-14,
      lineSearchFn: "strongWolfe",
    });
    for (let step = 0; step < 3; step++) {
      optimizer.step(() => {
        optimizer.zeroGrad();
        const loss = x.mul(3).sub(x.log()).sum();
        loss.backward();
        return loss;
      });
    }
    expect(x.item()).toBeCloseTo(1 / 3, 6);
  });

  it("asks for a closure that returns the loss, and for one group", () => {
    const { x, y, optimizer } = valley();
    expect(() => optimizer.step()).toThrow(
      "LBFGS.step: the closure is undefined; it must be a function that clears the gradients, computes the loss, calls backward and returns the loss.",
    );
    expect(() => optimizer.step(() => undefined)).toThrow(
      "LBFGS.step: the closure returned undefined; it must be the loss, a number or a tensor of one element.",
    );
    expect(() => new LBFGS([{ params: [x] }, { params: [y] }])).toThrow(
      "LBFGS: group 1: LBFGS has one group for all parameters, no second.",
    );
    expect(() => new LBFGS([x], { lineSearchFn: "wolfe" as never })).toThrow(
      'LBFGS: lineSearchFn is "wolfe"; it must be "strongWolfe", or null.',
    );
    expect(() => new LBFGS([x], { maxIter: 0 })).toThrow(
      "LBFGS: maxIter is 0; it must be a whole number of at least 1.",
    );
  });
});
