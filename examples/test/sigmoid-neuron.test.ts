import { describe, expect, it } from "@jest/globals";
import { report, sigmoidNeuron } from "../sigmoid-neuron.ts";

describe("the sigmoid neuron", () => {
  it("has the gradients of CS231n's notes", () => {
    const { f, dw, dx } = sigmoidNeuron();
    const round = (values: number[]) => values.map((value) => Number(value.toFixed(2)));
    expect(round([f])).toEqual([0.73]);
    expect(round(dw)).toEqual([-0.2, -0.39, 0.2]);
    expect(round(dx)).toEqual([0.39, -0.59]);
  });

  it("prints them", () => {
    expect(report()).toBe("f     = 0.73\ndf/dw = (-0.20, -0.39, 0.20)\ndf/dx = (0.39, -0.59)");
  });
});
