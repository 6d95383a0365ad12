/** Orders in which a loader visits a dataset. Each depends on seed and epoch alone, so a run can be resumed. */
import { Generator, rand, randperm, ValueError } from "@tapegrad/core";
import { checkWhole } from "./checks.ts";
import type { EpochContext } from "./dataset.ts";

/** An order for every epoch. Own ones must be fixed by the context, or a run can't be resumed exactly. */
export interface Sampler {
  /** Positions in an epoch. */
  readonly length: number;
  /** Positions in the dataset, in the order in which they are visited. */
  indices(context: EpochContext): Int32Array;
}

/** A generator whose numbers no other epoch uses, as long as an epoch draws at most `draws`. */
function epochGenerator({ seed, epoch }: EpochContext, draws: number): Generator {
  const generator = new Generator(seed);
  generator.state = { seed, position: epoch * draws };
  return generator;
}

function count(length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => i);
}

function shuffled(length: number, context: EpochContext): Int32Array {
  // A permutation of n consumes at most n blocks of the stream.
  return randperm(length, { generator: epochGenerator(context, length) }).data() as Int32Array;
}

function uniforms(length: number, context: EpochContext): Float64Array {
  const generator = epochGenerator(context, length);
  return rand([length], { generator, dtype: "float64" }).data() as Float64Array;
}

/** 0, 1, …, length − 1. */
export function sequentialSampler(length: number): Sampler {
  checkWhole("sequentialSampler", "length", length);
  return { length, indices: () => count(length) };
}

/**
 * Positions in random order, each once; with replacement, `samples` of them, each draw as likely.
 *
 * @param options.samples  positions in an epoch. Default `length`; other numbers need replacement, or to be fewer
 */
export function randomSampler(
  length: number,
  { replacement = false, samples = length }: { replacement?: boolean; samples?: number } = {},
): Sampler {
  checkWhole("randomSampler", "length", length);
  checkWhole("randomSampler", "samples", samples);
  if (samples > length && (!replacement || length === 0)) {
    throw new ValueError(
      `randomSampler: samples is ${samples} of ${length} positions; without replacement there are at most ${length}.`,
    );
  }
  return {
    length: samples,
    indices: (context) =>
      replacement
        ? Int32Array.from(uniforms(samples, context), (u) => Math.floor(u * length))
        : shuffled(length, context).subarray(0, samples),
  };
}

/**
 * Positions drawn with probabilities proportional to the weights, which need not add up to 1.
 *
 * Without replacement each next one is drawn from those left: the largest of u^(1/w) come first
 * (Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006).
 *
 * @param weights  one per example, finite, not negative
 * @param options.samples  positions in an epoch. Default one per weight
 * @throws ValueError for such weights; without replacement also for more samples than positive weights
 */
export function weightedSampler(
  weights: ArrayLike<number>,
  {
    samples = weights.length,
    replacement = true,
  }: { samples?: number; replacement?: boolean } = {},
): Sampler {
  const list = Float64Array.from(weights);
  const wrong = list.findIndex((w) => !(w >= 0 && w < Infinity));
  if (wrong >= 0) {
    throw new ValueError(
      `weightedSampler: weight ${wrong} is ${list[wrong]}; weights must be finite and not negative.`,
    );
  }
  checkWhole("weightedSampler", "samples", samples);
  const positive = list.filter((w) => w > 0).length;
  if (samples > (replacement && positive > 0 ? Infinity : positive)) {
    throw new ValueError(
      `weightedSampler: samples is ${samples}, and ${positive} weights are above 0; ${replacement ? "at least one must be" : "without replacement there are at most that many"}.`,
    );
  }
  return {
    length: samples,
    indices: (context) =>
      replacement ? drawWith(list, samples, context) : drawWithout(list, samples, context),
  };
}

function drawWith(weights: Float64Array, samples: number, context: EpochContext): Int32Array {
  let total = 0;
  const ends = weights.map((w) => {
    total += w;
    return total;
  });
  return Int32Array.from(uniforms(samples, context), (u) => {
    const target = u * total;
    // The first end above the target: positions of weight 0 are never it.
    let [low, high] = [0, ends.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] > target) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

function drawWithout(weights: Float64Array, samples: number, context: EpochContext): Int32Array {
  const u = uniforms(weights.length, context);
  // log(u)/w orders as u^(1/w) does, and doesn't underflow. 1 − u is never 0.
  const keys = weights.map((w, i) => (w === 0 ? -Infinity : Math.log(1 - u[i]) / w));
  return count(weights.length)
    .sort((a, b) => keys[b] - keys[a] || a - b)
    .subarray(0, samples);
}

/** A weight per example under which every class is drawn as often: 1 / (examples of its class). */
export function balancedWeights(labels: ArrayLike<number>): Float64Array {
  const counts = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) counts.set(labels[i], (counts.get(labels[i]) ?? 0) + 1);
  return Float64Array.from(labels, (label) => 1 / counts.get(label)!);
}

/**
 * Every example once, in a random order in which any stretch, so every batch, has the classes in nearly
 * the proportions of the whole.
 *
 * @param labels  a class per example
 */
export function stratifiedSampler(labels: ArrayLike<number>): Sampler {
  const list = Float64Array.from(labels);
  return {
    length: list.length,
    indices: (context) => spreadClasses(shuffled(list.length, context), list),
  };
}

/** Reorders positions so that each class is spread evenly: its k-th of n goes to the place (k + ½)/n. */
export function spreadClasses(positions: Int32Array, labels: ArrayLike<number>): Int32Array {
  const members = new Map<number, number[]>();
  for (const position of positions) {
    const list = members.get(labels[position]);
    if (list === undefined) members.set(labels[position], [position]);
    else list.push(position);
  }
  const placed = [...members.values()].flatMap((list) =>
    list.map((position, k) => ({ position, place: (k + 0.5) / list.length })),
  );
  return Int32Array.from(
    placed.sort((a, b) => a.place - b.place),
    ({ position }) => position,
  );
}

/** The given positions, in that order or, by default, shuffled anew in every epoch. */
export function subsetSampler(
  indices: ArrayLike<number>,
  { shuffle = true }: { shuffle?: boolean } = {},
): Sampler {
  const list = Int32Array.from(indices);
  return {
    length: list.length,
    indices: (context) =>
      shuffle ? shuffled(list.length, context).map((i) => list[i]) : list.slice(),
  };
}
