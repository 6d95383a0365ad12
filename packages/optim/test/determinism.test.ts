import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { type Tensor, tensor } from "@tapegrad/core";
import {
  ASGD,
  cosineAnnealing,
  cyclic,
  NAdam,
  oneCycle,
  polynomialDecay,
  RAdam,
  type Schedule,
} from "../src/index.ts";

/** What may differ in the last bit from one engine to the next. */
const engineOwn = ["pow", "exp", "log", "sin", "cos", "tan", "tanh", "cbrt", "hypot"] as const;

describe("the engine's own functions have no part", () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const forbid = () => {
    for (const name of engineOwn) {
      jest.spyOn(Math, name).mockImplementation(() => {
        throw new Error(`Math.${name} was called`);
      });
    }
  };

  it.each<[string, Schedule]>([
    ["cosineAnnealing", cosineAnnealing(7)],
    ["oneCycle", oneCycle(10)],
    ["polynomialDecay", polynomialDecay(7, { power: 1.3 })],
    ["cyclic", cyclic(2, { stepSizeUp: 3, mode: "expRange", gamma: 0.9 })],
  ])("in %s", (_, schedule) => {
    forbid();
    expect(Number.isFinite(schedule(2, 1))).toBe(true);
    expect(Number.isFinite(schedule(2.5, 1))).toBe(true);
  });

  it.each([
    ["NAdam", (p: Tensor[]) => new NAdam(p)],
    ["RAdam", (p: Tensor[]) => new RAdam(p)],
    ["ASGD", (p: Tensor[]) => new ASGD(p)],
  ])("in %s", (_, make) => {
    const p = tensor([1, 2], { requiresGrad: true });
    const optimizer = make([p]);
    p.grad = tensor([1, -1]);
    forbid();
    for (let step = 0; step < 8; step++) optimizer.step();
    expect(p.toArray()).not.toEqual([1, 2]);
  });
});
