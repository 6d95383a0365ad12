/**
 * The further elementary functions (assembly/functions.ts): float64 against 320-bit arithmetic over all sizes that an
 * argument may have; float32 at every exponent, where it is the float64 result rounded once; special values against
 * the twin.
 */
import { describe, expect, it } from "@jest/globals";
import { type BinaryName, plainKernels, type UnaryName, wasmKernels } from "../src/index.ts";
import {
  atanFixed,
  cbrtFixed,
  div,
  erfFixed,
  expFixed,
  fixed,
  fractions,
  LN2,
  logFixed,
  logOf,
  mul,
  ONE,
  PI,
  sinFixed,
  sqrtFixed,
  ulps64,
} from "./fixed-point.ts";

const wasm = wasmKernels();
const plain = plainKernels();

const square = (v: bigint) => mul(v, v);
const asin = (v: bigint) => atanFixed(div(v, sqrtFixed(ONE - square(v))));
/** x·Φ(x) = x/2·(1 + erf(x/√2)) */
const gelu = (v: bigint) => mul(v, ONE + erfFixed(div(v, sqrtFixed(2n * ONE)))) / 2n;

/** x·(w² − 1)/(w² + 1) with w = 1 + eˣ */
const mish = (v: bigint) => {
  const w = square(ONE + expFixed(v));
  return div(mul(v, w - ONE), w + ONE);
};

/** Exact values, and from where to where arguments are drawn: the exponents of 2, and whether below 0, too. */
const functions: Record<
  string,
  { exact: (v: bigint, x: number) => bigint; sizes: [number, number]; negative?: true }
> = {
  exp2: { exact: (v) => expFixed(mul(v, LN2)), sizes: [-40, 7], negative: true },
  expm1: { exact: (v) => expFixed(v) - ONE, sizes: [-60, 5], negative: true },
  log1p: { exact: (v) => logOf(ONE + v), sizes: [-60, 200] },
  log2: { exact: (_, x) => div(logFixed(x), LN2), sizes: [-900, 900] },
  log10: { exact: (_, x) => div(logFixed(x), logFixed(10)), sizes: [-900, 900] },
  cbrt: { exact: cbrtFixed, sizes: [-150, 200] },
  tan: { exact: (_, x) => div(sinFixed(x, 0n), sinFixed(x, 1n)), sizes: [-60, 300] },
  asin: { exact: asin, sizes: [-60, 0], negative: true },
  acos: { exact: (v) => PI / 2n - asin(v), sizes: [-60, 0], negative: true },
  atan: { exact: atanFixed, sizes: [-60, 60], negative: true },
  sinh: { exact: (v) => (expFixed(v) - expFixed(-v)) / 2n, sizes: [-60, 6], negative: true },
  cosh: { exact: (v) => (expFixed(v) + expFixed(-v)) / 2n, sizes: [-60, 6], negative: true },
  asinh: { exact: (v) => logOf(v + sqrtFixed(ONE + square(v))), sizes: [-60, 90] },
  acosh: { exact: (v) => logOf(v + sqrtFixed(square(v) - ONE)), sizes: [0, 90] },
  atanh: { exact: (v) => logOf(div(ONE + v, ONE - v)) / 2n, sizes: [-60, 0], negative: true },
  erf: { exact: erfFixed, sizes: [-60, 2.5], negative: true },
  erfc: { exact: (v) => ONE - erfFixed(v), sizes: [-60, 3], negative: true },
  gelu: { exact: gelu, sizes: [-60, 3], negative: true },
  silu: { exact: (v) => div(v, ONE + expFixed(-v)), sizes: [-60, 5], negative: true },
  mish: { exact: mish, sizes: [-60, 5], negative: true },
  softplus: { exact: (v) => logOf(ONE + expFixed(v)), sizes: [-60, 5], negative: true },
};
const names = Object.keys(functions) as UnaryName[];
/** Bounds in units in the last place; 2 where nothing is said. */
const bounds: Record<string, number> = { erfc: 2.5, gelu: 4, silu: 3, mish: 4, softplus: 2.5 };

describe("float64, against 320 bits", () => {
  it.each(names)("%s", (name) => {
    const f = wasm.scalarUnary(name, "float64");
    const { exact, sizes, negative } = functions[name]!;
    const random = fractions(name.length);
    let worst = 0;
    for (let i = 0; i < 400; i++) {
      const even = i % 2 === 0;
      const size = even
        ? 2 ** sizes[1] * random()
        : 2 ** (sizes[0] + random() * (sizes[1] - sizes[0]));
      const x =
        (name === "acosh" ? Math.max(size, 1 + 2 ** -50) : size) *
        (negative && i % 3 === 0 ? -1 : 1);
      worst = Math.max(worst, ulps64(f(x), { m: exact(fixed(x), x), n: 0 }));
    }
    // Rounding alone costs nearly half a unit: less would mean that the comparison is blind.
    expect(worst).toBeGreaterThan(0.4);
    expect(worst).toBeLessThan(bounds[name] ?? 2);
  });

  it.each(["atan2", "hypot", "logaddexp"] as const)("%s", (name) => {
    const f = wasm.scalarBinary(name, "float64");
    const exact: Record<string, (a: bigint, b: bigint) => bigint> = {
      atan2: (a, b) => atanFixed(div(a, b)),
      hypot: (a, b) => sqrtFixed(square(a) + square(b)),
      logaddexp: (a, b) => logOf(expFixed(a) + expFixed(b)),
    };
    const random = fractions(3);
    let worst = 0;
    for (let i = 0; i < 300; i++) {
      const [a, b] = [0, 0].map(() => 2 ** (random() * (i % 2 ? 4 : 40) - (i % 2 ? 2 : 20)));
      if (name === "logaddexp" && Math.max(a!, b!) > 600) continue;
      worst = Math.max(worst, ulps64(f(a!, b!), { m: exact[name]!(fixed(a!), fixed(b!)), n: 0 }));
    }
    expect(worst).toBeGreaterThan(0.4);
    expect(worst).toBeLessThan(2);
  });

  it.each(["expm1", "log1p", "tan", "asin", "atan", "sinh", "asinh", "atanh"] as const)(
    "%s x is x to the last bit where x is smallest",
    (name) => {
      const f = wasm.scalarUnary(name, "float64");
      for (let exponent = -1074; exponent < -60; exponent++) {
        for (const sign of [1, -1]) {
          const x = sign * 2 ** exponent * 1.25;
          expect(f(x)).toBe(x);
        }
      }
    },
  );

  it("erf and gelu of the smallest numbers, subnormal ones too", () => {
    const slopes = { erf: 2 / Math.sqrt(Math.PI), gelu: 0.5 };
    for (const [name, slope] of Object.entries(slopes)) {
      const f = wasm.scalarUnary(name as UnaryName, "float64");
      for (let exponent = -1060; exponent < -60; exponent += 3) {
        const [x, unit] = [1.25 * 2 ** exponent, 2 ** Math.max(exponent - 53, -1074)];
        expect([x, Math.abs(f(x) - slope * x) <= 2 * unit]).toEqual([x, true]);
      }
    }
  });
});

describe("float32", () => {
  const words = new Uint32Array(1);
  const float = new Float32Array(words.buffer);
  /** Numbers of every exponent, subnormal ones too, with both signs; their mantissas differ in low bits, too. */
  function* everywhere(): Generator<number> {
    for (let exponent = 0; exponent < 255; exponent++) {
      for (let k = 0; k < 60; k++) {
        for (const sign of [0, 1]) {
          words[0] = ((sign << 31) | (exponent << 23) | (k * 139_807)) >>> 0;
          yield float[0]!;
        }
      }
    }
  }

  // Some have forms of their own; math-assembly.test.ts has their bounds.
  const own = ["erf", "expm1", "gelu", "silu", "mish", "softplus"];
  it.each(names.filter((name) => !own.includes(name)))(
    "%s is the float64 result, rounded",
    (name) => {
      const [single, double] = (["float32", "float64"] as const).map((type) =>
        wasm.scalarUnary(name, type),
      );
      for (const x of everywhere()) {
        const [y, expected] = [single!(x), Math.fround(double!(x))];
        if (!Object.is(y, expected)) expect([x, y]).toEqual([x, expected]);
      }
    },
  );
});

describe("special values are the twin's", () => {
  const values = [0, 1, 2, 0.5, 1e300, 5e-324, 710, Infinity].flatMap((x) => [x, -x]).concat(NaN);
  const elementary: UnaryName[] = [...names, "exp", "log", "tanh", "sigmoid", "sin", "cos"];
  const expectSame = (at: unknown[], y: number, expected: number) => {
    const isSpecial = !Number.isFinite(expected) || expected === 0 || !Number.isFinite(y);
    const near = Object.is(y, expected) || (!isSpecial && Math.abs(y / expected - 1) < 2 ** -49);
    if (!near) expect([...at, y]).toEqual([...at, expected]);
  };

  it.each(elementary)("%s", (name) => {
    const [f, twin] = [wasm, plain].map((kernels) => kernels.scalarUnary(name, "float64"));
    for (const x of values) expectSame([x], f!(x), twin!(x));
  });

  it.each(["atan2", "hypot", "logaddexp", "copysign", "fmod", "remainder"] as BinaryName[])(
    "%s",
    (name) => {
      const [f, twin] = [wasm, plain].map((kernels) => kernels.scalarBinary(name, "float64"));
      for (const a of values) for (const b of values) expectSame([a, b], f!(a, b), twin!(a, b));
    },
  );
});
