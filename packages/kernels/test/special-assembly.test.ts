/**
 * The inverse error function and the gamma function's kin. special-values.json has [x, y] and [n, x, y] from mpmath
 * 1.2.1 at 60 digits, y rounded once; between them the kernels are held to the twin, by other ways of its own.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { plainKernels, wasmKernels } from "../src/index.ts";

type Name = "erfinv" | "lgamma" | "digamma";
const known = JSON.parse(
  readFileSync(new URL("special-values.json", import.meta.url), "utf8"),
) as Record<Name, [number, number][]> & { polygamma: [number, number, number][] };

const wasm = wasmKernels();
const plain = plainKernels();

/** |a − b| in units in the last place of b, or of `least` where that is larger. */
function ulps(a: number, b: number, least = 0): number {
  if (Object.is(a, b)) return 0;
  const size = Math.max(Math.abs(b), least, 2 ** -1022);
  return Math.abs(a - b) / 2 ** (Math.floor(Math.log2(size)) - 52);
}

/** lgamma and digamma have zeros, around which only the absolute error is small. */
const bounds: Record<Name, { most: number; least: number }> = {
  erfinv: { most: 4, least: 0 },
  lgamma: { most: 8, least: 1 },
  digamma: { most: 8, least: 1 },
};

describe("against 60 digits", () => {
  it.each(["erfinv", "lgamma", "digamma"] as const)("%s", (name) => {
    const f = wasm.scalarUnary(name, "float64");
    const { most, least } = bounds[name];
    for (const [x, y] of known[name]) {
      expect([x, ulps(f(x), y, least) <= most]).toEqual([x, true]);
    }
  });

  it("lgamma keeps its digits at its zeros 1 and 2", () => {
    const f = wasm.scalarUnary("lgamma", "float64");
    const near = known.lgamma.filter(([x]) => x >= 0.5 && x <= 2.5);
    expect(near.length).toBeGreaterThan(15);
    for (const [x, y] of near) expect([x, ulps(f(x), y) <= 6]).toEqual([x, true]);
  });

  it("polygamma", () => {
    const f = wasm.scalarBinary("polygamma", "float64");
    for (const [n, x, y] of known.polygamma) {
      expect([n, x, ulps(f(n, x), y) <= (n <= 20 ? 12 : 60)]).toEqual([n, x, true]);
    }
  });
});

describe("densely, beside the twin", () => {
  /** From the smallest numbers to `largest`, and even steps over [−10, 30] where they fit. */
  const samples = (largest: number): number[] => [
    ...Array.from({ length: 20_000 }, (_, i) => (i - 5000) * 0.002 + 1e-7).filter(
      (x) => Math.abs(x) <= largest,
    ),
    ...Array.from({ length: 6000 }, (_, i) => 2 ** (-1074 + i / 3.1)).filter((x) => x <= largest),
  ];

  it.each(["erfinv", "lgamma", "digamma"] as const)("%s", (name) => {
    const [double, twin] = [wasm, plain].map((k) => k.scalarUnary(name, "float64"));
    const single = wasm.scalarUnary(name, "float32");
    let worst = 0;
    for (const x of samples(name === "erfinv" ? 1 : 2 ** 1000)) {
      const y = double!(x);
      worst = Math.max(worst, ulps(y, twin!(x), bounds[name].least));
      const rounded = Math.fround(x);
      const [one, other] = [single(rounded), Math.fround(double!(rounded))];
      if (!Object.is(one, other)) expect([rounded, one]).toEqual([rounded, other]);
    }
    expect(worst).toBeLessThan(40); // the twin's own errors count
  });

  it("polygamma", () => {
    const [double, twin] = [wasm, plain].map((k) => k.scalarBinary("polygamma", "float64"));
    for (const n of [0, 1, 2, 3, 7, 8, 9, 30, 170]) {
      // Of even order it has zeros between the poles.
      for (let x = n % 2 === 1 ? -20.05 : 0.05; x < 400; x += 0.37) {
        const [y, expected] = [double!(n, x), twin!(n, x)];
        if (!(ulps(y, expected, n === 0 ? 1 : 0) < 400))
          expect([n, x, y]).toEqual([n, x, expected]);
      }
    }
  });
});

describe("special values", () => {
  const inf = Infinity;
  const cases: [Name, number, number][] = [
    ["erfinv", 0, 0], ["erfinv", -0, -0], ["erfinv", 1, inf], ["erfinv", -1, -inf], ["erfinv", NaN, NaN],
    ["erfinv", 1 + 2 ** -23, NaN], ["erfinv", -2, NaN], ["erfinv", inf, NaN], ["erfinv", -inf, NaN],
    ["lgamma", 1, 0], ["lgamma", 2, 0], ["lgamma", 0, inf], ["lgamma", -0, inf], ["lgamma", -1, inf],
    ["lgamma", -1e10, inf], ["lgamma", inf, inf], ["lgamma", -inf, inf], ["lgamma", NaN, NaN],
    ["digamma", 0, -inf], ["digamma", -0, inf], ["digamma", -1, NaN], ["digamma", -1e10, NaN],
    ["digamma", inf, inf], ["digamma", -inf, NaN], ["digamma", NaN, NaN],
  ]; // biome-ignore format: a table

  it.each(cases)("%s(%p) is %p", (name, x, y) => {
    for (const kernels of [wasm, plain]) {
      expect(kernels.scalarUnary(name, "float64")(x)).toBe(y);
      expect(kernels.scalarUnary(name, "float32")(x)).toBe(y);
    }
  });

  it.each([
    [-1, 2, NaN], [0.5, 2, NaN], [171, 2, NaN], [NaN, 2, NaN], [2, NaN, NaN],
    [1, inf, 0], [1, 0, inf], [2, 0, NaN], [1, -3, inf], [2, -3, NaN], [1, -inf, inf], [2, -inf, NaN],
    [1, -1e6 - 0.5, NaN],
  ])("polygamma(%p, %p) is %p", (n, x, y) => {
    for (const kernels of [wasm, plain]) {
      expect(kernels.scalarBinary("polygamma", "float64")(n, x)).toBe(y);
    }
  }); // biome-ignore format: a table
});
