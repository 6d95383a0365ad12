import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { Generator, grad, rand, type Tensor } from "@tapegrad/core";
import { wasmKernels } from "@tapegrad/kernels";
import { type Formula, formula } from "../src/index.ts";

const kernels = wasmKernels();

afterEach(() => {
  jest.restoreAllMocks();
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
    "0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))",
    "where(x > b and not (x > 1), x * b, sin(x) / (2 + cos(b)))",
    "maximum(x, b) * abs(x) - exp2(-x) * hypot(x, b)",
    "log1p(exp(b)) * relu(x) + b^x",
  ];
  const cases = [
    ["float32", [150_001], []],
    ["float32", [301, 500], [500]],
    ["float64", [301, 500], [301, 1]],
  ] as const;

  it.each(texts)("%s: the same bits, derivatives too", (text) => {
    const f = formula(text);
    for (const [dtype, shape, other] of cases) {
      const generator = new Generator(5);
      const [x, b] = [shape, other].map((of) =>
        rand(of, { low: 0.1, high: 2, dtype, generator }),
      ) as [Tensor, Tensor];
      const inputs = f.inputs.map((name) => (name === "x" ? x : b));
      const fuse = jest.spyOn(kernels, "fuse");
      const fused = everything(f, inputs);
      expect(fuse.mock.results.filter(({ value }) => value === true).length).toBeGreaterThan(1);
      fuse.mockReturnValue(false);
      const stepwise = everything(f, inputs);
      expect(fused.every((bits, i) => Buffer.compare(bits, stepwise[i]!) === 0)).toBe(true);
      fuse.mockRestore();
    }
  });

  it("goes step by step where the engine compiles nothing at run time", () => {
    const { Module } = WebAssembly;
    const x = rand([200_000], { generator: new Generator(6) });
    const f = formula("atanh(x) * acosh(1 + x)");
    const expected = x.atanh().mul(x.add(1).acosh());
    const fuse = jest.spyOn(kernels, "fuse");
    try {
      WebAssembly.Module = class extends Module {
        constructor(bytes: BufferSource) {
          super(bytes);
          throw new WebAssembly.CompileError("Refused by Content Security Policy");
        }
      };
      expect(f(x).data()).toEqual(expected.data());
      expect(fuse.mock.results.map(({ value }) => value)).toEqual([false]);
    } finally {
      WebAssembly.Module = Module;
    }
  });
});
