/** Schedules that raise the rate and lower it again, and the momentum the other way. */
import { show, ValueError } from "@tapegrad/core";
import {
  checkHyper,
  flag,
  fraction,
  type HyperValues,
  nonNegative,
  oneOf,
  optional,
  positive,
  power,
  settle,
  whole,
} from "./hyper.ts";
import type { Schedule } from "./schedule.ts";
import { anneal, withMomentum } from "./schedules.ts";

const oneCycleFields = {
  /** The peak; null: the group's own rate. */
  maxLr: optional(positive(0.1)),
  /** The share of the steps in which the rate rises. */
  pctStart: fraction(0.3),
  annealStrategy: oneOf("cos", "linear"),
  /** Down again as fast as it rose, then on to the least rate in the rest of the steps. */
  threePhase: flag(false),
  /** The first rate is the peak divided by it. */
  divFactor: positive(25),
  /** The last rate is the first divided by it. */
  finalDivFactor: positive(1e4),
  cycleMomentum: flag(true),
  /** At the peak of the rate. */
  baseMomentum: fraction(0.85),
  /** At its ends. */
  maxMomentum: fraction(0.95),
};

export type OneCycleOptions = HyperValues<typeof oneCycleFields>;

/**
 * One cycle over the whole training, stepped per batch: from maxLr/divFactor up to maxLr, then down to
 * maxLr/divFactor/finalDivFactor; momentum goes the other way.
 *
 * Smith and Topin, Super-convergence: very fast training of neural networks using large learning rates, 2017;
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
 *
 * @throws ValueError for options out of range; when called, for a time beyond totalSteps
 */
export function oneCycle(
  totalSteps: number,
  options: Readonly<Partial<OneCycleOptions>> = {},
): Schedule {
  checkHyper("oneCycle", { totalSteps: whole(1) }, { totalSteps });
  const all = settle("oneCycle", oneCycleFields, options);
  const { pctStart, annealStrategy, threePhase, divFactor, finalDivFactor } = all;
  const peak = pctStart * totalSteps - 1;
  // Each phase: when it ends, and where; the first starts at 0.
  const ends = threePhase ? [peak, 2 * peak, totalSteps - 1] : [peak, totalSteps - 1];

  const follow = (t: number, start: number, targets: readonly number[]): number => {
    if (t > totalSteps) {
      throw new ValueError(
        `oneCycle: t is ${t}, beyond the ${totalSteps} steps of the cycle; make it for as many steps as you take.`,
      );
    }
    // The scheduler's step after the last batch arrives at t = totalSteps, where the cycle is over.
    const now = Math.min(t, totalSteps - 1);
    const k = ends.findIndex((end) => now <= end);
    const [begin, from] = k === 0 ? [0, start] : [ends[k - 1]!, targets[k - 1]!];
    const length = ends[k]! - begin;
    return anneal(from, targets[k]!, length > 0 ? (now - begin) / length : 1, annealStrategy);
  };

  const rate = (t: number, base: number): number => {
    const most = all.maxLr ?? base;
    const first = most / divFactor;
    const last = first / finalDivFactor;
    return follow(t, first, threePhase ? [most, first, last] : [most, last]);
  };
  const { cycleMomentum, baseMomentum, maxMomentum } = all;
  const momenta = [baseMomentum, maxMomentum, maxMomentum];
  return withMomentum(rate, cycleMomentum ? (t) => follow(t, maxMomentum, momenta) : undefined);
}

const cyclicFields = {
  /** The lower end; null: the group's own rate. */
  baseLr: optional(nonNegative(0.01)),
  /** Steps in which the rate rises. */
  stepSizeUp: whole(2000),
  /** Steps in which it falls; null: as many. */
  stepSizeDown: optional(whole(2000)),
  /** Cycles of the same height, of half the last one's, or of gammaᵗ. */
  mode: oneOf("triangular", "triangular2", "expRange"),
  gamma: positive(1),
  cycleMomentum: flag(true),
  baseMomentum: fraction(0.8),
  maxMomentum: fraction(0.9),
};

export type CyclicOptions = HyperValues<typeof cyclicFields> & {
  /** The height of a cycle in place of `mode`: a function of the cycle's number from 1, or of t. */
  scaleFn: ((x: number) => number) | null;
  scaleMode: "cycle" | "iterations";
};

/**
 * Up from the group's rate to maxLr and down, again and again, stepped per batch; momentum goes the other
 * way.
 *
 * Smith, Cyclical learning rates for training neural networks, 2017;
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html
 */
export function cyclic(maxLr: number, options: Readonly<Partial<CyclicOptions>> = {}): Schedule {
  const { scaleFn = null, scaleMode = "cycle", ...rest } = options;
  checkHyper("cyclic", { maxLr: positive(0.1) }, { maxLr });
  checkHyper("cyclic", { scaleMode: oneOf("cycle", "iterations") }, { scaleMode });
  if (scaleFn !== null && typeof scaleFn !== "function") {
    throw new ValueError(`cyclic: scaleFn is ${show(scaleFn)}; it must be a function, or null.`);
  }
  const all = settle("cyclic", cyclicFields, rest);
  const up = all.stepSizeUp;
  const total = up + (all.stepSizeDown ?? up);
  const height = (t: number, cycle: number): number => {
    if (scaleFn !== null) return scaleFn(scaleMode === "cycle" ? cycle : t);
    if (all.mode === "triangular2") return power(0.5, cycle - 1);
    return all.mode === "expRange" ? power(all.gamma, t) : 1;
  };
  /** How high in the cycle: 0 to 1, times its height. */
  const level = (t: number): number => {
    const cycle = Math.floor(1 + t / total);
    const x = 1 + t / total - cycle;
    const peak = up / total;
    return (x <= peak ? x / peak : (x - 1) / (peak - 1)) * height(t, cycle);
  };
  const rate = (t: number, base: number): number => {
    const least = all.baseLr ?? base;
    return least + (maxLr - least) * level(t);
  };
  const { cycleMomentum, baseMomentum, maxMomentum } = all;
  const momentum = (t: number) => maxMomentum - (maxMomentum - baseMomentum) * level(t);
  return withMomentum(rate, cycleMomentum ? momentum : undefined);
}
