import { describe, expect, it } from "@jest/globals";
import { allclose, checkOp, normal, stack, type Tensor, vmap } from "tapegrad";
import { compare, equilibrium, problem, report, unrolled } from "../fixed-point.ts";

describe("the gradient of a fixed point", () => {
  it("by the implicit function theorem is that of unrolling", () => {
    for (const seed of [0, 1, 2]) {
      const { residual, errors } = compare(12, seed);
      expect(residual).toBeLessThan(1e-13);
      for (const error of errors) expect(error).toBeLessThan(1e-9);
    }
  });

  it("passes every check of an op, second order included", () => {
    const small = (shape: number[]): ReturnType<typeof normal> => {
      const make = normal(shape);
      return (dtype, generator) => make(dtype, generator).mul(0.2);
    };
    checkOp(equilibrium, { cases: [{ w: small([3, 3]), x: normal([3]) }], tolerance: 1e-10 });
  });

  it("maps over many right-hand sides", () => {
    const { w, x } = problem(5);
    const xs = stack([x, x.mul(2), x.neg()]);
    const solved = vmap((at: Tensor) => equilibrium(w, at))(xs);
    expect(allclose(solved, stack([0, 1, 2].map((i) => unrolled(w, xs.select(0, i)).z)))).toBe(
      true,
    );
  });

  it("prints how well they agree", () => {
    expect(report()).toMatch(
      /^solved in \d+ steps; z - tanh\(W z \+ x\) is at most \d+e-\d+\ngradient by the implicit function theorem agrees with unrolling: relative error below 1e-9$/,
    );
  });
});
