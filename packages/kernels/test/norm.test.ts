import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type Operand, plainKernels, wasmKernels } from "../src/index.ts";
import { close, dense, expectSame, floats, options, Rng, randomArray, twin } from "./support.ts";

const wasm = wasmKernels();
const plain = plainKernels();

/** [a, b, c], channels and inner as the layers use them. */
const layouts = {
  "batch norm": (n: number, m: number, k: number) => ({ a: n, b: m, c: k, channels: m, inner: k }),
  "layer norm": (n: number, m: number) => ({ a: 1, b: n, c: m, channels: m, inner: 1 }),
  "instance norm": (n: number, m: number, k: number) => ({
    ...{ a: 1, b: n * m, c: k, channels: m, inner: k },
  }),
  "group norm": (n: number, m: number, k: number) => ({
    ...{ a: 1, b: 2 * n, c: m * k, channels: 2 * m, inner: k },
  }),
  "samples of batch norms": (n: number, m: number, k: number) => ({
    ...{ a: n, b: 3 * m, c: k, channels: m, inner: k },
  }),
};

const sizes = fc.tuple(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: 1, max: 19 }),
  fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 21 })),
  fc.integer(),
);

const rows = Object.keys(layouts).flatMap((name) =>
  floats.map((dtype) => [name as keyof typeof layouts, dtype] as const),
);

describe.each(rows)("%s, %s", (name, dtype) => {
  const near = close(dtype, 64, dtype === "float32" ? 1e-4 : 1e-12);
  const make = (rng: Rng, length: number): Operand => {
    const offset = rng.below(3);
    const array = randomArray(rng, dtype, length + offset, false);
    return { ...dense(array, [length]), offset };
  };

  it("agrees with the plain twin", () => {
    fc.assert(
      fc.property(sizes, ([n, m, k, seed]) => {
        const rng = new Rng(seed);
        const slices = layouts[name](n, m, k);
        const { a, b, c, channels } = slices;
        const [x, dy, out] = [0, 1, 2].map(() => make(rng, a * b * c));
        const [mean, variance, rstd] = [0, 1, 2].map(() => make(rng, b));
        const [weight, bias] = [0, 1].map(() => make(rng, channels));
        for (const centered of [true, false]) {
          const [expected, got] = [0, 1].map(() => ({
            ...{ mean: twin(mean), variance: twin(variance), rstd: twin(rstd) },
          }));
          if (a * c > 0) plain.moments(x, slices, { centered, eps: 0.1 }, expected);
          if (a * c > 0) wasm.moments(x, slices, { centered, eps: 0.1 }, got);
          for (const part of ["mean", "variance", "rstd"] as const) {
            expectSame(got[part], expected[part], near);
          }
          const by = { mean: expected.mean, rstd: expected.rstd, weight };
          for (const shift of [bias, null]) {
            const y = twin(out);
            plain.normalize(x, slices, { ...by, bias: shift }, y);
            wasm.normalize(x, slices, { ...by, bias: shift }, out);
            expectSame(out, y, near);
          }
          for (const stretches of [true, false]) {
            const dx = twin(out);
            const how = { ...slices, centers: centered && stretches, stretches };
            plain.normalizeGrad(dy, x, how, by, dx);
            wasm.normalizeGrad(dy, x, how, by, out);
            expectSame(out, dx, near);
          }
        }
      }),
      options(60),
    );
  });
});

it("the variance keeps its digits where the mean is a million deviations away", () => {
  for (const [b, c] of [
    [1, 1000],
    [8, 1],
  ]) {
    const a = c === 1 ? 1000 : 1;
    const x = dense(
      Float32Array.from({ length: a * b * c }, (_, i) => 2 ** 20 + (Math.floor(i / b) % 2)),
      [a * b * c],
    );
    const [mean, variance, rstd] = [0, 1, 2].map(() => dense(new Float32Array(b), [b]));
    wasm.moments(x, { a, b, c }, { centered: true, eps: 0 }, { mean, variance, rstd });
    expectSame(variance, dense(new Float32Array(b).fill(0.25), [b]));
    expectSame(rstd, dense(new Float32Array(b).fill(2), [b]));
  }
});

it("a dtype without kernels is an error that says which there are", () => {
  const x = dense(new Int32Array(4), [4]);
  const of = { mean: x, variance: x, rstd: x };
  expect(() => wasm.moments(x, { a: 1, b: 1, c: 4 }, { centered: true, eps: 0 }, of)).toThrow(
    'moments: there is no kernel "moments" for int32; it takes float32, float64.',
  );
});
