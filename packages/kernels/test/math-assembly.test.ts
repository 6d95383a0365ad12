/**
 * The elementary functions, through their scalar exports (which run the vector code and take a
 * lane). float32 is compared with Math.* in float64; float64 with 320-bit arithmetic.
 */
import { beforeAll, describe, expect, it } from "@jest/globals";
import { moduleBytes } from "../src/module.ts";
import {
  div,
  expScaled,
  fixed,
  fractions,
  logFixed,
  mul,
  ONE,
  sinFixed,
  ulps64,
} from "./fixed-point.ts";

type Kernel = (...numbers: number[]) => number;
let kernels: Record<string, Kernel>;
let memory: WebAssembly.Memory;

beforeAll(async () => {
  memory = new WebAssembly.Memory({ initial: 4, maximum: 65536 });
  const bytes = moduleBytes();
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  kernels = instance.exports as unknown as Record<string, Kernel>;
});

const sigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

const references = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sigmoid,
  sin: Math.sin,
  cos: Math.cos,
  // JavaScript has none; the float64 kernel is held to 200 bits elsewhere.
  erf: (x: number) => kernels.scalar_erf_f64(x),
};
type Name = keyof typeof references;
const names = Object.keys(references) as Name[];

const words = new Uint32Array(1);
const float = new Float32Array(words.buffer);
function float32FromBits(bits: number): number {
  words[0] = bits;
  return float[0];
}

/** |y − r| in units in the last place of r as a float32, where r is nearly exact. */
function ulps32(y: number, r: number): number {
  const rounded = Math.fround(r);
  if (Number.isNaN(r) || !Number.isFinite(rounded)) return Object.is(y, rounded) ? 0 : Infinity;
  if (rounded === 0) return Math.abs(y) / 2 ** -149;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(r))));
  return Math.abs(y - r) / 2 ** (exponent - 23);
}

describe("float32 elementary functions", () => {
  it.each(names)("%s is within 2 ulp at every exponent, with both signs", (name) => {
    const f = kernels[`scalar_${name}_f32`];
    let worst = 0;
    let at = 0;
    for (let exponent = 0; exponent < 255; exponent++) {
      for (let k = 0; k < 300; k++) {
        // 27961 spreads 300 mantissas evenly, with changing low bits.
        const bits = (exponent << 23) | (k * 27961);
        for (const sign of [0, 1]) {
          const x = float32FromBits(((sign << 31) | bits) >>> 0);
          const error = ulps32(f(x), references[name](x));
          if (error > worst) [worst, at] = [error, x];
        }
      }
    }
    expect({ at, inside: worst <= 2 }).toEqual({ at, inside: true });
  });

  it.each([
    ["gelu", 8],
    ["silu", 3],
    ["mish", 4],
    ["softplus", 3],
    ["expm1", 2],
  ])("%s is within %d ulp, down to where it vanishes", (name, bound) => {
    let worst = 0;
    for (let i = -124_000; i < 130_000; i++) {
      const x = Math.fround(i * 1.0001e-4);
      const [y, expected] = ["f32", "f64"].map((type) => kernels[`scalar_${name}_${type}`]!(x));
      worst = Math.max(worst, ulps32(y!, expected!));
    }
    expect(worst).toBeLessThan(bound);
  });

  it("pow is rounded right but for near-ties", () => {
    const random = fractions(1);
    let worst = 0;
    for (let i = 0; i < 50_000; i++) {
      const a = Math.fround(2 ** ((random() - 0.5) * 40));
      const b = Math.fround((random() - 0.5) * (i % 2 ? 4 : 60));
      worst = Math.max(worst, ulps32(kernels.scalar_pow_f32(a, b), a ** b));
    }
    expect(worst).toBeLessThan(0.51);
  });
});

describe("float64 elementary functions against 320-bit arithmetic", () => {
  function worst(samples: number, seed: number, error: (random: () => number) => number): number {
    const random = fractions(seed);
    let largest = 0;
    for (let i = 0; i < samples; i++) largest = Math.max(largest, error(random));
    // Rounding alone costs nearly half a unit: less would mean that the comparison is blind.
    expect(largest).toBeGreaterThan(0.45);
    return largest;
  }

  it("exp", () => {
    const error = (random: () => number) => {
      const x = (random() - 0.5) * (random() < 0.5 ? 2 : 1416);
      return ulps64(kernels.scalar_exp_f64(x), expScaled(fixed(x)));
    };
    expect(worst(1500, 2, error)).toBeLessThan(1);
    // Into the subnormal numbers, and to the last finite result.
    for (const x of [-708.5, -720.25, -740.1, -744.4, 709.78]) {
      expect(ulps64(kernels.scalar_exp_f64(x), expScaled(fixed(x)))).toBeLessThan(1);
    }
  });

  it("log", () => {
    const error = (random: () => number) => {
      const x = random() < 0.5 ? 0.5 + 1.5 * random() : 2 ** ((random() - 0.5) * 2000);
      return ulps64(kernels.scalar_log_f64(x), { m: logFixed(x), n: 0 });
    };
    expect(worst(600, 3, error)).toBeLessThan(1);
    for (const x of [1 + 2 ** -52, 1 - 2 ** -53, 5e-324, 2 ** -1060 * 3, Number.MAX_VALUE]) {
      expect(ulps64(kernels.scalar_log_f64(x), { m: logFixed(x), n: 0 })).toBeLessThan(1);
    }
  });

  it("tanh and sigmoid", () => {
    const error = (random: () => number) => {
      const x = random() < 0.7 ? random() * 4 : 2 ** (random() * 24 - 20);
      const { m, n } = expScaled(fixed(2 * x));
      const e = m << BigInt(n);
      return ulps64(kernels.scalar_tanh_f64(x), { m: div(e - ONE, e + ONE), n: 0 });
    };
    expect(worst(1500, 4, error)).toBeLessThan(2);
    const sigmoidError = (random: () => number) => {
      const x = (random() - 0.5) * 60;
      const { m, n } = expScaled(fixed(-x));
      const e = n >= 0 ? m << BigInt(n) : m >> BigInt(-n);
      return ulps64(kernels.scalar_sigmoid_f64(x), { m: div(ONE, ONE + e), n: 0 });
    };
    expect(worst(1500, 5, sigmoidError)).toBeLessThan(2);
  });

  it("sin and cos, to the largest numbers and at multiples of π/2", () => {
    const check = (x: number) =>
      Math.max(
        ulps64(kernels.scalar_sin_f64(x), { m: sinFixed(x, 0n), n: 0 }),
        ulps64(kernels.scalar_cos_f64(x), { m: sinFixed(x, 1n), n: 0 }),
      );
    const error = (random: () => number) => {
      const kind = random();
      if (kind < 0.4) return check(random() * 100);
      return check(kind < 0.7 ? 2 ** (random() * 34 - 4) : 2 ** (random() * 1020));
    };
    expect(worst(1000, 6, error)).toBeLessThan(1);
    // 6381956970095103·2⁷⁹⁷ is the float64 nearest to a multiple of π/2.
    const hard = [6381956970095103 * 2 ** 797, 1e22, 2 ** 30, 2 ** 30 + 0.5, Number.MAX_VALUE];
    for (const x of hard) expect(check(x)).toBeLessThan(1);
    for (let k = 1; k < 300; k++) expect(check((k * k * Math.PI) / 2)).toBeLessThan(1);
  });

  it("pow", () => {
    const error = (random: () => number) => {
      const a = random() < 0.5 ? 0.5 + 1.5 * random() : 2 ** ((random() - 0.5) * 200);
      const log = logFixed(a);
      const b = ((random() - 0.5) * 1400) / Math.max(1e-12, Math.abs(Math.log(a)));
      return ulps64(kernels.scalar_pow_f64(a, b), expScaled(mul(log, fixed(b))));
    };
    expect(worst(500, 7, error)).toBeLessThan(1);
  });
});

describe("special values", () => {
  const inf = Infinity;
  const cases: [Name, number, number][] = [
    ["exp", 0, 1], ["exp", -0, 1], ["exp", inf, inf], ["exp", -inf, 0], ["exp", NaN, NaN],
    ["exp", 1000, inf], ["exp", -1000, 0],
    ["log", 1, 0], ["log", 0, -inf], ["log", -0, -inf], ["log", inf, inf], ["log", -1, NaN],
    ["log", -inf, NaN], ["log", NaN, NaN],
    ["tanh", 0, 0], ["tanh", -0, -0], ["tanh", inf, 1], ["tanh", -inf, -1], ["tanh", NaN, NaN],
    ["tanh", 1e-40, 1e-40],
    ["sigmoid", 0, 0.5], ["sigmoid", inf, 1], ["sigmoid", -inf, 0], ["sigmoid", NaN, NaN],
    ["sin", 0, 0], ["sin", -0, -0], ["sin", inf, NaN], ["sin", -inf, NaN], ["sin", NaN, NaN],
    ["cos", 0, 1], ["cos", inf, NaN], ["cos", -inf, NaN], ["cos", NaN, NaN],
  ]; // biome-ignore format: a table

  it.each(cases)("%s(%p) is %p", (name, x, y) => {
    expect(kernels[`scalar_${name}_f64`](x)).toBe(y);
    expect(kernels[`scalar_${name}_f32`](x)).toBe(Math.fround(y));
  });

  it("pow has every case of C99, annex F", () => {
    const values = [0, 1, 2, 3, 0.5, 2.5, 1e300, 5e-324, inf, 2 ** 53, 1 + 2 ** -52];
    const signed = [...values, ...values.map((x) => -x), NaN];
    // JavaScript's power differs from C's where the base is ±1.
    const reference = (a: number, b: number) =>
      a === 1 || (a === -1 && Math.abs(b) === inf) ? 1 : a ** b;
    for (const a of signed) {
      for (const b of signed) {
        const r = reference(a, b);
        const y = kernels.scalar_pow_f64(a, b);
        if (!Object.is(y, r)) expect([a, b, Math.abs(y / r - 1) < 4e-16]).toEqual([a, b, true]);
        const [c, d] = [Math.fround(a), Math.fround(b)];
        const s = Math.fround(reference(c, d));
        const z = kernels.scalar_pow_f32(c, d);
        if (!Object.is(z, s)) expect([c, d, Math.abs(z / s - 1) < 1e-7]).toEqual([c, d, true]);
      }
    }
  });
});
