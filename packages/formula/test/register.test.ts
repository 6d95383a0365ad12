/** Functions that users add: abbreviations, formulas with a derivative of their own, ops of defineOp. */
import { describe, expect, it } from "@jest/globals";
import { defineOp, gradcheck, gradgradcheck, sum, type Tensor, tensor } from "@tapegrad/core";
import { type FunctionDefinition, formula, registerFunction } from "../src/index.ts";

const gate = defineOp({
  name: "gate",
  inputs: ["x"],
  shape: ({ x }) => x.shape,
  // A kernel in plain TypeScript.
  forward: ({ x }, y, kernels) => {
    const values = x.data().map((v) => v / Math.sqrt(1 + v * v));
    kernels.copy(tensor(values, { shape: x.shape, dtype: x.dtype }), y);
  },
  saves: ["x"],
  grad: { x: (dy, { x }) => dy.div(x.square().add(1).pow(1.5)) },
});

registerFunction("gate", { value: gate, derivatives: { x: "(1 + x^2)^(-1.5)" } });
registerFunction("cubed", { inputs: ["x"], value: "x^3" });
registerFunction("bent", { value: formula("x * gate(b * x)") });
registerFunction("throughRound", { inputs: ["x"], value: "round(x)", derivatives: { x: "1" } });

const leaf = () => tensor([0.1, 0.6, -1.2], { dtype: "float64", requiresGrad: true });

describe("registerFunction", () => {
  it("an op of defineOp, with its derivative", () => {
    const f = formula("gate(2 * x) + cubed(x) * gate(x)");
    const x = leaf();
    const expected = gate(x.mul(2)).add(x.pow(3).mul(gate(x)));
    expect(f(x).sub(expected).abs().max().item()).toBeLessThan(1e-15);
    gradcheck((v: Tensor) => f(v), [x]);
    gradgradcheck((v: Tensor) => f(v), [x]);
    expect(f(0.5).item()).toBeCloseTo(f(tensor([0.5])).item(), 6);
    expect(String(f)).toBe("gate(2 * x) + x ^ 3 * gate(x)");
    expect(f.toTex()).toBe(
      "\\operatorname{gate}\\left(2\\cdot x\\right)+{ x}^{3}\\cdot\\operatorname{gate}\\left( x\\right)",
    );
  });

  it("a text, and a formula", () => {
    expect(formula("cubed(x + 1)")(1).item()).toBe(8);
    expect(String(formula("bent(z, 2)"))).toBe("z * gate(2 * z)");
  });

  it("a formula with a derivative of its own: a straight-through estimator", () => {
    const x = leaf();
    const f = formula("throughRound(3 * x)");
    const y = f(x);
    expect(y.toArray()).toEqual([0, 2, -4]);
    y.sum().backward();
    expect(x.grad!.toArray()).toEqual([3, 3, 3]);
  });

  it("large arrays and broadcasting", () => {
    const x = tensor(Float64Array.from({ length: 40_000 }, (_, i) => Math.sin(i)));
    const f = formula("a * gate(x)");
    const y = f(tensor([[1], [2]], { dtype: "float64" }), x);
    expect(y.shape).toEqual([2, 40_000]);
    const expected = gate(x).mul(tensor([[1], [2]], { dtype: "float64" }));
    expect(y.sub(expected).abs().max().item()).toBe(0);
  });

  it("refuses what makes no sense", () => {
    const register = (name: unknown, definition: unknown) => () =>
      registerFunction(name as string, definition as FunctionDefinition);
    const taken = (name: string) =>
      `registerFunction: ${JSON.stringify(name)} can't name a function; choose a word of letters, digits and _ that is none yet.`;
    for (const name of ["sin", "gate", "max", "pi", "and", "2x", "constructor", "__proto__", ""]) {
      expect(register(name, { inputs: ["x"], value: "x" })).toThrow(taken(name));
    }
    expect(register("f1", { value: gate })).toThrow(
      'registerFunction: f1 has no derivative for x; give a formula, or null for "flat".',
    );
    expect(register("f1", { value: gate, derivatives: {} })).toThrow("has no derivative for x");
    expect(register("f1", { value: gate, derivatives: { x: "1", z: "1" } })).toThrow(
      "registerFunction: f1 has a derivative for z, which is none of its inputs x.",
    );
    expect(register("f1", { value: "x^2" })).toThrow(
      'registerFunction: f1 has no inputs; name them with { inputs: ["x"] }.',
    );
    expect(register("f1", { value: "y^2", inputs: ["y"] })).toThrow(
      'registerFunction: f1 can\'t have an input called "y"; choose a word that is no function, and neither y, the value, nor dy.',
    );
    expect(register("f1", { value: "x^2 + z", inputs: ["x"] })).toThrow(
      "formula: z is neither an input nor a constant.\n  x^2 + z\n        ^",
    );
    expect(register("f1", { value: gate, derivatives: { x: "1 +" } })).toThrow(
      "formula: unexpected end of expression.\n  1 +\n     ^",
    );
    expect(() => formula("f1(x)")).toThrow("there is no function f1");
  });

  it("an op that does not work element by element is caught at its first use", () => {
    registerFunction("total", { inputs: ["x"], value: sum as never, derivatives: { x: "1" } });
    registerFunction("doubled", {
      inputs: ["x"],
      value: ((x: Tensor) => tensor([...x.data(), ...x.data()])) as never,
      derivatives: { x: "1" },
    });
    expect(() => formula("doubled(x)")(tensor([1, 2]))).toThrow(
      "doubled: it returned float32 [4] where float32 [2] was due; a function in a formula works element by element.",
    );
  });
});
