/** The fused kernels of the module: softmax, random numbers, optimizer steps. */
import { describe, expect, it } from "@jest/globals";
import { moduleBytes } from "../src/module.ts";

const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536 });
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()), {
  env: { memory },
});
const kernels = exports as unknown as Record<string, (...numbers: number[]) => void>;

/** Page 0 holds the module's constants. */
const START = 65536 + 1024;
const FAR = 2 ** 21;

type FloatType = "f32" | "f64";
const types: FloatType[] = ["f32", "f64"];
const bytesOf = { f32: 4, f64: 8, i32: 4, u8: 1 };
const epsilon = { f32: 2 ** -23, f64: 2 ** -52 };

function view(type: keyof typeof bytesOf, address: number, length: number) {
  if (type === "f32") return new Float32Array(memory.buffer, address, length);
  if (type === "f64") return new Float64Array(memory.buffer, address, length);
  if (type === "i32") return new Int32Array(memory.buffer, address, length);
  return new Uint8Array(memory.buffer, address, length);
}

/** A fixed sequence of numbers in [−1, 1). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** All of [0, n) at once, then in the given pieces backwards: both must give the same bytes. */
function expectSameSplit(
  n: number,
  cuts: number[],
  bytes: number,
  run: (begin: number, end: number) => void,
) {
  const target = new Uint8Array(memory.buffer, FAR, bytes);
  target.fill(0xaa);
  run(0, n);
  const whole = target.slice();
  target.fill(0xaa);
  const edges = [0, ...cuts, n];
  for (let i = edges.length - 1; i > 0; i--) run(edges[i - 1], edges[i]);
  expect(target).toEqual(whole);
}

describe.each(types)("softmax, %s", (type) => {
  const bytes = bytesOf[type];
  const softmax = kernels[`softmax_${type}`];
  const logSoftmax = kernels[`logSoftmax_${type}`];

  it.each([1, 2, 3, 4, 5, 7, 8, 9, 31, 100, 1001])("rows of %p, contiguous and strided", (n) => {
    const rows = 3;
    const next = numbers(n);
    const x = view(type, START, rows * n);
    for (let i = 0; i < x.length; i++) x[i] = 30 * next();
    softmax(0, rows, START, n, 1, FAR, n, 1, n);
    const y = view(type, FAR, rows * n).slice();
    logSoftmax(0, rows, START, n, 1, FAR, n, 1, n);
    const z = view(type, FAR, rows * n).slice();
    for (let r = 0; r < rows; r++) {
      const row = Array.from(x.subarray(r * n, r * n + n));
      const top = Math.max(...row);
      const total = row.reduce((sum, v) => sum + Math.exp(v - top), 0);
      for (let i = 0; i < n; i++) {
        const shifted = row[i] - top;
        const exact = Math.exp(shifted) / total;
        // Rounding x − max costs |x − max|/2 units of relative error.
        const tolerance = (8 + Math.abs(shifted)) * epsilon[type];
        expect(Math.abs(y[r * n + i] - exact)).toBeLessThanOrEqual(tolerance * exact);
        const log = shifted - Math.log(total);
        expect(Math.abs(z[r * n + i] - log)).toBeLessThanOrEqual(
          tolerance + 4 * epsilon[type] * Math.abs(log),
        );
      }
    }
    // The same rows as columns of a transposed matrix have the same bits.
    const transposed = view(type, START + rows * n * bytes, rows * n);
    for (let r = 0; r < rows; r++)
      for (let i = 0; i < n; i++) transposed[i * rows + r] = x[r * n + i];
    softmax(0, rows, START + rows * n * bytes, 1, rows, FAR, 1, rows, n);
    const back = view(type, FAR, rows * n);
    for (let r = 0; r < rows; r++)
      for (let i = 0; i < n; i++) expect(back[i * rows + r]).toBe(y[r * n + i]);
  });

  it("treats infinities and NaN as PyTorch does", () => {
    const row = (kernel: typeof softmax, values: number[]) => {
      view(type, START, values.length).set(values);
      kernel(0, 1, START, values.length, 1, FAR, values.length, 1, values.length);
      return Array.from(view(type, FAR, values.length));
    };
    const inf = Infinity;
    expect(row(softmax, [-inf, 0, -inf, 0, -inf])).toEqual([0, 0.5, 0, 0.5, 0]);
    expect(row(logSoftmax, [-inf, 3, -inf, -inf, -inf])).toEqual([-inf, 0, -inf, -inf, -inf]);
    for (const bad of [
      [-inf, -inf, -inf],
      [1, inf, 2, 3, 4],
      [1, 2, NaN],
    ]) {
      expect(row(softmax, bad)).toEqual(bad.map(() => NaN));
      expect(row(logSoftmax, bad)).toEqual(bad.map(() => NaN));
    }
    expect(row(softmax, [1000, 1000])).toEqual([0.5, 0.5]);
  });

  it("works in place and in any split", () => {
    const n = 13;
    const next = numbers(5);
    const x = view(type, START, 20 * n);
    for (let i = 0; i < x.length; i++) x[i] = next();
    expectSameSplit(20, [1, 7, 8], 20 * n * bytes, (begin, end) =>
      softmax(begin, end, START, n, 1, FAR, n, 1, n),
    );
    softmax(0, 20, START, n, 1, START, n, 1, n);
    expect(view(type, START, 20 * n)).toEqual(view(type, FAR, 20 * n));
  });
});

describe("Philox 4x32-10", () => {
  // Known answers of the Random123 library, kat_vectors.
  it.each([
    [[0, 0], [0, 0, 0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[-1, -1], [-1, -1, -1, -1], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [
      [0xa4093822, 0x299f31d0],
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    ],
  ])("key %p, counter %p", (key, counter, words) => {
    kernels.philox_fill(0, 4, FAR, ...key, ...counter);
    const got = Array.from(new Uint32Array(memory.buffer, FAR, 4));
    expect(got.map((w) => w.toString(16).padStart(8, "0")).join(" ")).toBe(words);
  });

  it("carries from the low to the high word of the counter", () => {
    kernels.philox_fill(0, 8, FAR, 1, 2, 0xffffffff, 5, 0, 0);
    const second = new Uint32Array(memory.buffer, FAR, 8).slice(4);
    kernels.philox_fill(0, 4, FAR, 1, 2, 0, 6, 0, 0);
    expect(new Uint32Array(memory.buffer, FAR, 4)).toEqual(second);
  });
});

describe("random numbers", () => {
  const n = 100_000;
  const key = [12345, 678, 9, 0]; // key, then counter

  function draw(name: string, type: keyof typeof bytesOf, a: number, b: number, length = n) {
    kernels[`${name}_${type}`](0, length, FAR, ...key, a, b);
    return Array.from(view(type, FAR, length));
  }
  const mean = (x: number[]) => x.reduce((sum, v) => sum + v, 0) / x.length;
  const moment = (x: number[], k: number) => mean(x.map((v) => v ** k));
  /** χ² of the counts against equal ones. */
  const chiSquare = (counts: number[]) => {
    const expected = counts.reduce((sum, c) => sum + c, 0) / counts.length;
    return counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0);
  };

  it.each(types)("uniform, %s: even over a hundred bins, in range", (type) => {
    const x = draw("uniform", type, 2, 5);
    const counts = new Array(100).fill(0);
    for (const v of x) counts[Math.floor(((v - 2) / 3) * 100)]++;
    expect(Math.min(...x)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...x)).toBeLessThan(5);
    expect(chiSquare(counts)).toBeLessThan(149); // the 99.9th percentile for 99 degrees of freedom
    expect(chiSquare(counts)).toBeGreaterThan(60);
  });

  it("uniform gives a + (b − a)·u from its words, and never b", () => {
    const u = draw("uniform", "f32", 0, 1, 8);
    const v = draw("uniform", "f64", 0, 1, 4);
    kernels.philox_fill(0, 8, FAR, ...key, 0, 0);
    const words = Array.from(new Uint32Array(memory.buffer, FAR, 8));
    expect(u).toEqual(words.map((w) => (w >>> 8) / 2 ** 24));
    expect(v).toEqual(
      [0, 2, 4, 6].map((i) => ((words[i + 1] >>> 5) * 2 ** 26 + (words[i] >>> 6)) / 2 ** 53),
    );
    // Between neighbouring numbers most sums round up to b.
    const b = 1 + 2 ** -23;
    expect(new Set(draw("uniform", "f32", 1, b, 1000))).toEqual(new Set([1]));
    expect(new Set(draw("uniform", "f64", 1, 1 + 2 ** -52, 1000))).toEqual(new Set([1]));
    expect(Math.max(...draw("uniform", "f32", -1, 0, 1000))).toBeLessThan(0);
  });

  it.each(types)("normal, %s: moments, tails and independence of the pair", (type) => {
    const z = draw("normal", type, 0, 1);
    const error = 1 / Math.sqrt(n);
    expect(Math.abs(moment(z, 1))).toBeLessThan(4 * error);
    expect(Math.abs(moment(z, 2) - 1)).toBeLessThan(4 * Math.sqrt(2) * error);
    expect(Math.abs(moment(z, 3))).toBeLessThan(4 * Math.sqrt(15) * error);
    expect(Math.abs(moment(z, 4) - 3)).toBeLessThan(4 * Math.sqrt(96) * error);
    const beyond = z.filter((v) => Math.abs(v) > 1.959963984540054).length / n;
    expect(Math.abs(beyond - 0.05)).toBeLessThan(4 * Math.sqrt(0.05 * 0.95) * error);
    const pairs = z.filter((_, i) => i % 2 === 0).map((v, i) => v * z[2 * i + 1]);
    expect(Math.abs(mean(pairs))).toBeLessThan(4 * Math.SQRT2 * error);
    expect(Math.abs(mean(draw("normal", type, 3, 0.5)) - 3)).toBeLessThan(2 * error);
  });

  it.each(types)("normal, %s: Box–Muller of the fractions", (type) => {
    const u = draw("uniform", type, 0, 1, 12);
    const z = draw("normal", type, 0, 1, 12);
    const step = type === "f32" ? 2 ** -24 : 2 ** -53;
    for (let i = 0; i < 12; i += 2) {
      const r = Math.sqrt(-2 * Math.log(u[i] + step));
      const angle = 2 * Math.PI * u[i + 1];
      expect(Math.abs(z[i] - r * Math.cos(angle))).toBeLessThan(16 * epsilon[type]);
      expect(Math.abs(z[i + 1] - r * Math.sin(angle))).toBeLessThan(16 * epsilon[type]);
    }
  });

  it.each(["f32", "f64", "i32", "u8"] as const)("bernoulli and integers, %s", (type) => {
    const hits = draw("bernoulli", type, 0.3, 0);
    expect(new Set(hits)).toEqual(new Set([0, 1]));
    expect(Math.abs(mean(hits) - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / n));
    expect(new Set(draw("bernoulli", type, 0, 0))).toEqual(new Set([0]));
    expect(new Set(draw("bernoulli", type, 1, 0))).toEqual(new Set([1]));
    const counts = new Array(13).fill(0);
    for (const v of draw("integers", type, 5, 18)) counts[v - 5]++;
    expect(chiSquare(counts)).toBeLessThan(32.9); // the 99.9th percentile for 12 degrees of freedom
  });

  it("integers reach over the whole range of int32", () => {
    const x = draw("integers", "i32", -(2 ** 31), 2 ** 31);
    kernels.philox_fill(0, n, FAR, ...key, 0, 0);
    const words = Array.from(new Uint32Array(memory.buffer, FAR, n));
    expect(x).toEqual(words.map((w) => w - 2 ** 31));
  });

  it.each([
    ["uniform", "f32"],
    ["uniform", "f64"],
    ["normal", "f32"],
    ["normal", "f64"],
    ["bernoulli", "f32"],
    ["bernoulli", "f64"],
    ["bernoulli", "u8"],
    ["bernoulli", "i32"],
    ["integers", "f32"],
    ["integers", "f64"],
    ["integers", "u8"],
    ["integers", "i32"],
  ] as const)("%s_%s has the same bits in any split, and ends where told", (name, type) => {
    const length = 103;
    const run = (begin: number, end: number) =>
      kernels[`${name}_${type}`](begin, end, FAR, ...key, 0.25, 7);
    expectSameSplit(length, [4, 12, 52, 100], (length + 8) * bytesOf[type], run);
    const after = view("u8", FAR + length * bytesOf[type], 8);
    after.fill(7);
    run(0, length);
    expect(Array.from(after)).toEqual(new Array(8).fill(7));
  });
});

describe.each(types)("optimizer steps, %s", (type) => {
  const n = 37;
  const [p0, g0, m0, v0] = [0, 1, 2, 3].map((k) => START + k * 1024);

  /** Random operands (p, g, m, and v ≥ 0), put in memory. */
  function operands(seed: number): number[][] {
    const next = numbers(seed);
    return [p0, g0, m0, v0].map((address, k) => {
      const x = view(type, address, n);
      for (let i = 0; i < n; i++) x[i] = k === 3 ? Math.abs(next()) : next();
      return Array.from(x);
    });
  }
  const result = (address: number) => Array.from(view(type, address, n));

  /** One entry of a table: elements [begin, end) of the arrays. */
  function step(name: string, arrays: number[], hyper: number[], begin = 0, end = n) {
    const table = START - 1024;
    new Float64Array(memory.buffer, table, 8).set(hyper);
    const addresses = arrays.map((address) => address && address + begin * bytesOf[type]);
    new Int32Array(memory.buffer, table + 64, 6).fill(0);
    new Int32Array(memory.buffer, table + 64, 6).set([end - begin, ...addresses]);
    kernels[`${name}_${type}`](0, 1, table);
  }

  /** Within a few roundings of terms as large as the largest. */
  function expectClose(got: number[], exact: number[]) {
    const scale = Math.max(...exact.map(Math.abs));
    got.forEach((y, i) => {
      const tolerance = 4 * epsilon[type] * Math.max(Math.abs(exact[i]), 0.25 * scale);
      expect(Math.abs(y - exact[i])).toBeLessThanOrEqual(tolerance);
    });
  }

  it("sgd", () => {
    const [p, g] = operands(1);
    step("sgd", [p0, g0], [0.1, 0.01]);
    expectClose(
      result(p0),
      p.map((x, i) => x - 0.1 * (g[i] + 0.01 * x)),
    );
  });

  it.each([
    [0, 1],
    [0, 0],
    [1, 0],
    [1, 1],
  ])("sgdMomentum, nesterov %p, first %p", (nesterov, first) => {
    const [p, g, m] = operands(2);
    step("sgdMomentum", [p0, g0, m0], [0.1, 0.01, 0.9, 0.2, nesterov, first]);
    const slope = p.map((x, i) => g[i] + 0.01 * x);
    const velocity = slope.map((s, i) => (first ? s : 0.9 * m[i] + 0.8 * s));
    expectClose(result(m0), velocity);
    expectClose(
      result(p0),
      p.map((x, i) => x - 0.1 * (nesterov ? slope[i] + 0.9 * velocity[i] : velocity[i])),
    );
  });

  it("rmsprop", () => {
    const [p, g, , v] = operands(3);
    step("rmsprop", [p0, g0, v0], [0.1, 0.01, 0.99, 1 - 0.99, 1e-8]);
    const slope = p.map((x, i) => g[i] + 0.01 * x);
    const square = v.map((x, i) => 0.99 * x + (1 - 0.99) * slope[i] ** 2);
    expectClose(result(v0), square);
    expectClose(
      result(p0),
      p.map((x, i) => x - (0.1 * slope[i]) / (Math.sqrt(square[i]) + 1e-8)),
    );
  });

  it.each([0, 1])("adam, decoupled %p", (decoupled) => {
    const [p, g, m, v] = operands(4);
    const [lr, decay, beta1, beta2, eps] = [0.1, 0.01, 0.9, 0.999, 1e-8];
    const [c1, c2] = [1 - beta1 ** 3, 1 - beta2 ** 3];
    // As Adam and AdamW combine their rates and corrections.
    const factors = [decoupled ? 1 - lr * decay : 1, 0, lr / c1, 1 / Math.sqrt(c2)];
    const hyper = [decoupled ? 0 : decay, beta1, beta2, eps, ...factors];
    step("adam", [p0, g0, m0, v0], hyper);
    const slope = p.map((x, i) => (decoupled ? g[i] : g[i] + decay * x));
    const mean = m.map((x, i) => beta1 * x + (1 - beta1) * slope[i]);
    const square = v.map((x, i) => beta2 * x + (1 - beta2) * slope[i] ** 2);
    expectClose(result(m0), mean);
    expectClose(result(v0), square);
    expectClose(
      result(p0),
      p.map((x, i) => {
        const start = decoupled ? x * (1 - lr * decay) : x;
        return start - ((lr / c1) * mean[i]) / (Math.sqrt(square[i]) / Math.sqrt(c2) + eps);
      }),
    );
  });

  it("gives the same bits in any split, and leaves what lies outside alone", () => {
    const hyper = [0.01, 0.9, 0.999, 1e-8, 1, 0.05, 0.1, 3];
    const adam = (begin: number, end: number) => step("adam", [FAR, g0, m0, v0], hyper, begin, end);
    const fresh = () => {
      const [p] = operands(5);
      view(type, FAR, n).set(p);
    };
    fresh();
    adam(0, n);
    const whole = result(FAR);
    fresh();
    for (const [begin, end] of [
      [20, 37],
      [0, 1],
      [1, 3],
      [3, 20],
    ])
      adam(begin, end);
    expect(result(FAR)).toEqual(whole);
    fresh();
    const before = result(FAR);
    adam(5, 5);
    expect(result(FAR)).toEqual(before);
  });

  it("skips a decay of 0, so that infinite parameters stay what they are", () => {
    operands(6);
    view(type, p0, n)[3] = Infinity;
    view(type, g0, n)[3] = 0;
    step("sgd", [p0, g0], [0.1, 0]);
    expect(view(type, p0, n)[3]).toBe(Infinity);
  });
});
