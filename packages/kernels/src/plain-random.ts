/**
 * Random numbers of the plain twin: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random
 * Numbers: As Easy as 1, 2, 3; SC 2011). Element i comes from block counter + ⌊i/4⌋ alone (⌊i/2⌋
 * for float64), so any order of filling gives the same numbers.
 */
import type { DType, RandomName, TypedArray } from "./interface.ts";

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9; // golden ratio
const WEYL_1 = 0xbb67ae85; // √3 − 1

/** High word of the 64-bit product of two 32-bit words. */
function mulHigh(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle % 2 ** 16) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 2 ** 16) + Math.floor(carry / 2 ** 16)) >>> 0;
}

/** The four words of block `counter`, a whole number below 2⁵³. */
export function philox(counter: number, keyLow: number, keyHigh: number): number[] {
  let [c0, c1, c2, c3] = [counter >>> 0, Math.floor(counter / 2 ** 32) >>> 0, 0, 0];
  let [k0, k1] = [keyLow, keyHigh];
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, low0] = [mulHigh(MULTIPLIER_0, c0), Math.imul(MULTIPLIER_0, c0)];
    const [high1, low1] = [mulHigh(MULTIPLIER_1, c2), Math.imul(MULTIPLIER_1, c2)];
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1 >>> 0, (high0 ^ c3 ^ k1) >>> 0, low0 >>> 0];
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  return [c0, c1, c2, c3];
}

/** 24 bits of one word, or 53 of two, as a fraction in [0, 1). */
const fraction24 = (word: number): number => (word >>> 8) / 2 ** 24;
const fraction53 = (low: number, high: number): number =>
  ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;

/** Fills `length` elements from `offset`; returns the number of blocks consumed. */
export function random(
  name: RandomName,
  dtype: DType,
  out: TypedArray,
  offset: number,
  length: number,
  key: readonly [keyLow: number, keyHigh: number],
  counter: number,
  a: number,
  b: number,
): number {
  const wide = dtype === "float64";
  const perBlock = wide ? 2 : 4;
  const blocks = Math.ceil(length / perBlock);
  for (let block = 0; block < blocks; block++) {
    const words = philox(counter + block, key[0], key[1]);
    const values = blockValues(name, wide, words, a, b);
    for (let lane = 0; lane < perBlock; lane++) {
      const i = block * perBlock + lane;
      if (i < length) out[offset + i] = values[lane];
    }
  }
  return blocks;
}

function blockValues(
  name: RandomName,
  wide: boolean,
  words: readonly number[],
  a: number,
  b: number,
): number[] {
  const fractions = wide
    ? [fraction53(words[0], words[1]), fraction53(words[2], words[3])]
    : words.map(fraction24);
  switch (name) {
    case "uniform":
      return fractions.map((u) => uniform(u, wide, a, b));
    case "bernoulli":
      return fractions.map((u) => (u < a ? 1 : 0));
    case "integers":
      return words.map((word) => a + Number((BigInt(word) * BigInt(b - a)) >> 32n));
    case "normal":
      return fractions.flatMap((u, i) =>
        i % 2 === 0 ? boxMuller(u, fractions[i + 1], wide, a, b) : [],
      );
  }
}

/** a + (b − a)·u as it will be stored, but never b itself where b > a, which rounding could give. */
function uniform(u: number, wide: boolean, a: number, b: number): number {
  const value = a + (b - a) * u;
  const stored = wide ? value : Math.fround(value);
  return b > a && stored >= b ? below(b, wide) : stored;
}

/** The largest number below b of the type. */
function below(b: number, wide: boolean): number {
  const value = wide ? new Float64Array([b]) : new Float32Array([b]);
  if (value[0] < b) return value[0]; // rounding to float32 has gone below already
  if (b === 0) return wide ? -Number.MIN_VALUE : -(2 ** -149);
  const bits = wide ? new BigInt64Array(value.buffer) : new Int32Array(value.buffer);
  if (bits instanceof BigInt64Array) bits[0] -= b > 0 ? 1n : -1n;
  else bits[0] -= b > 0 ? 1 : -1;
  return value[0];
}

/** Two normal numbers from two fractions; the first is moved to (0, 1] so that its logarithm is finite. */
function boxMuller(u: number, v: number, wide: boolean, mean: number, deviation: number): number[] {
  const radius = Math.sqrt(-2 * Math.log(u + (wide ? 2 ** -53 : 2 ** -24)));
  const angle = 2 * Math.PI * v;
  return [mean + deviation * radius * Math.cos(angle), mean + deviation * radius * Math.sin(angle)];
}
