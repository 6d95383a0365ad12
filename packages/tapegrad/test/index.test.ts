import { describe, expect, it } from "@jest/globals";
import * as core from "@tapegrad/core";
import * as formula from "@tapegrad/formula";
import * as tapegrad from "tapegrad";

describe("tapegrad", () => {
  it("has all of core, and the other packages by name", () => {
    const everything: Record<string, unknown> = { ...tapegrad };
    for (const [name, value] of Object.entries(core)) expect(everything[name]).toBe(value);
    expect(tapegrad.Solver).toBe(tapegrad.train.Solver);
    expect(tapegrad.DataLoader).toBe(tapegrad.data.DataLoader);
    expect(tapegrad.sequential).toBe(tapegrad.nn.sequential);
    expect(tapegrad.formula).toBe(formula.formula);
    expect(tapegrad.Adam).toBe(tapegrad.optim.Adam);
  });

  it("runs its README's first lines", () => {
    const { Adam, crossEntropy, manualSeed, nn, tensor } = tapegrad;
    manualSeed(0);
    const model = nn.sequential([nn.linear(2, 8), nn.tanh(), nn.linear(8, 2)]);
    const optimizer = new Adam(model.parameters(), { lr: 0.05 });
    const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]); // biome-ignore format: a truth table
    const y = tensor([0, 1, 1, 0], { dtype: "int32" });
    for (let step = 0; step < 200; step++) {
      optimizer.zeroGrad();
      const loss = crossEntropy(model(x), y);
      loss.backward();
      optimizer.step();
    }
    expect(tapegrad.argmax(model(x), 1).toArray()).toEqual([0, 1, 1, 0]);
  });
});
