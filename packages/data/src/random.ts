/** Random numbers that belong to one example of one epoch, whoever computes them and in whatever order. */
import type { EpochContext } from "./dataset.ts";

/** The next number of a stream, uniform in [0, 1). */
export type Random = () => number;

/**
 * The stream of an example: fixed by the loader's seed, the epoch and the example's position alone, so
 * that neither the order of a batch nor the number of workers changes what it draws.
 *
 * Chris Doty-Humphrey's sfc32 (PractRand, http://pracrand.sourceforge.net), which takes 128 bits of seed.
 */
export function itemRandom({ seed, epoch }: EpochContext, index: number): Random {
  let [a, b, c, counter] = [seed | 0, Math.floor(seed / 2 ** 32) | 0, index | 0, (epoch + 1) | 0];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // Neighbouring seeds differ in few bits; these rounds spread them (the author's number is 12 to 15).
  for (let round = 0; round < 15; round++) next();
  return next;
}

/** A whole number in [0, n). */
export function wholeBelow(n: number, random: Random): number {
  return Math.floor(random() * n);
}
