import { describe, expect, it } from "@jest/globals";
import {
  bernoulli,
  Generator,
  manualSeed,
  rand,
  randint,
  randn,
  randperm,
  type Tensor,
} from "../src/index.ts";

const mean = (x: Tensor) => x.to("float64").mean().item();
const deviation = (x: Tensor) => Math.sqrt(x.to("float64").sub(mean(x)).square().mean().item());

describe("generators", () => {
  it("give the same numbers for the same seed, and go on from a saved state", () => {
    manualSeed(42);
    const first = randn([5]).toArray();
    const next = rand([3]).toArray();
    manualSeed(42);
    expect(randn([5]).toArray()).toEqual(first);
    const generator = new Generator(42);
    expect(randn([5], { generator }).toArray()).toEqual(first);
    const { state } = generator;
    expect(rand([3], { generator }).toArray()).toEqual(next);
    generator.state = JSON.parse(JSON.stringify(state)) as typeof state;
    expect(rand([3], { generator }).toArray()).toEqual(next);
    expect(randn([5], { generator: new Generator(43) }).toArray()).not.toEqual(first);
  });

  it("start from Philox's published words", () => {
    // Counter 0 and key 0 give 6627e8d5 e169c58d bc57ac4c 9b00dbd8; uniform takes the upper 24 bits.
    const expected = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8].map(
      (word) => (word >>> 8) * 2 ** -24,
    );
    expect(rand([4], { generator: new Generator(0) }).toArray()).toEqual(expected);
  });

  it("draw what they say", () => {
    const generator = new Generator(1);
    const n = 40_000;
    const u = rand([n], { generator, low: -1, high: 3 });
    expect(mean(u)).toBeCloseTo(1, 1);
    expect(u.min().item()).toBeGreaterThanOrEqual(-1);
    expect(u.max().item()).toBeLessThan(3);
    const z = randn([n], { generator, mean: 2, std: 0.5, dtype: "float64" });
    expect(mean(z)).toBeCloseTo(2, 1);
    expect(deviation(z)).toBeCloseTo(0.5, 1);
    const b = bernoulli(0.3, [n], { generator });
    expect(mean(b)).toBeCloseTo(0.3, 1);
    const k = randint(-2, 3, [n], { generator });
    expect(k.dtype).toBe("int32");
    expect([...new Set(k.data())].sort((a, c) => a - c)).toEqual([-2, -1, 0, 1, 2]);
    const order = [...randperm(1000, { generator }).data()];
    expect(order).not.toEqual(order.slice().sort((a, c) => a - c));
    expect(order.slice().sort((a, c) => a - c)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  it("make leaves and lone numbers", () => {
    expect(randn([2], { requiresGrad: true }).requiresGrad).toBe(true);
    expect(rand([], { generator: new Generator(0) }).item()).toBe((0x6627e8d5 >>> 8) * 2 ** -24);
  });

  it("refuse what makes no sense", () => {
    expect(() => manualSeed(-1)).toThrow(
      "manualSeed: the seed is -1; it must be a whole number from 0 to 2^53 - 1.",
    );
    expect(() => rand([2], { dtype: "int32" })).toThrow(
      "rand: the dtype is int32; it must be float32 or float64.",
    );
    expect(() => randint(3, 3, [1])).toThrow(/^randint: low is 3 and high 3/);
    expect(() => bernoulli(1.5, [1])).toThrow("bernoulli: p is 1.5; a probability is from 0 to 1.");
    expect(() => randn([2], { std: -1 })).toThrow(/^randn: mean is 0 and std -1/);
  });
});
