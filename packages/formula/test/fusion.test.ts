import { afterEach, describe, expect, it } from "@jest/globals";
import { Generator, grad, rand, type Tensor } from "@tapegrad/core";
import { type Formula, formula } from "../src/index.ts";

const { Module } = WebAssembly;
let compiled = 0;

/** Counts what is compiled from here on; `refuses` as under a Content-Security-Policy. */
function watchCompiler(refuses: boolean): void {
  compiled = 0;
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      compiled++;
      if (refuses) throw new WebAssembly.CompileError("Refused by Content Security Policy");
    }
  };
}

afterEach(() => {
  WebAssembly.Module = Module;
});

/** Value, gradients, and gradients of the gradients' squares, as bits. */
function everything(f: Formula, inputs: readonly Tensor[]): Uint8Array[] {
  const leaves = inputs.map((x) => x.detach().requiresGrad_());
  const y = f(...leaves);
  const first = grad(y.sum(), leaves, { createGraph: true });
  const found = [y, ...first];
  if (first.some((dx) => dx.requiresGrad)) {
    const squares = first.map((dx) => dx.square().sum()).reduce((a, b) => a.add(b));
    found.push(...grad(squares, leaves));
  }
  return found.map((x) => new Uint8Array(x.data().buffer));
}

describe("formulas as one kernel", () => {
  const texts = [
    "x * sigmoid(b * x)",
    "0.5 * x * (1 + tanh(b * (x + 0.044715 * x^3)))",
    "where(x > b and not (x > 1), x * b, sin(x) / (2 + cos(b)))",
    "maximum(x, b) * abs(x) - exp2(-x) * hypot(x, b)",
    "log1p(exp(b)) * relu(x) + b^x",
  ];
  // At the first use a kernel is not worth making yet, at the second it is.
  const cases = [
    ["float32", [100_001], []],
    ["float32", [201, 500], [500]],
    ["float64", [201, 500], [201, 1]],
  ] as const;

  it.each(texts)("%s: the same bits, derivatives too", (text) => {
    const f = formula(text);
    for (const [dtype, shape, other] of cases) {
      const generator = new Generator(5);
      const [x, b] = [shape, other].map((of) =>
        rand(of, { low: 0.1, high: 2, dtype, generator }),
      ) as [Tensor, Tensor];
      const inputs = f.inputs.map((name) => (name === "x" ? x : b));
      watchCompiler(false);
      const stepwise = everything(f, inputs);
      expect(compiled).toBe(0);
      const fused = everything(f, inputs);
      expect(compiled).toBeGreaterThan(1);
      expect(fused.every((bits, i) => Buffer.compare(bits, stepwise[i]!) === 0)).toBe(true);
    }
  });

  it("goes step by step where the engine compiles nothing at run time", () => {
    const x = rand([200_000], { generator: new Generator(6) });
    const f = formula("atanh(x) * acosh(1 + x)");
    const expected = x.atanh().mul(x.add(1).acosh());
    watchCompiler(true);
    expect(f(x).data()).toEqual(expected.data());
    expect(compiled).toBe(1);
  });
});
