import { show, type Tensor, ValueError } from "@tapegrad/core";
import { type Batch, DataLoader, Pacer } from "@tapegrad/data";
import { outcomeOf } from "./objective.ts";
import type { Example, SolverOptions } from "./options.ts";
import { remember } from "./restore.ts";
import { formatNumber, formatTable } from "./table.ts";

export interface LearningRateFinderOptions<S = Tensor, B extends Example = Batch>
  extends Pick<
    SolverOptions<S, B>,
    "model" | "train" | "optimizer" | "loss" | "objective" | "batchSize" | "seed" | "signal"
  > {
  /** First rate. Default 1e-7. */
  from?: number;
  /** Last rate. Default 10. */
  to?: number;
  /** Updates, each with a rate of its own. Default 100. */
  steps?: number;
  /** Weight of what was before in the smoothed loss, from 0 (no smoothing) to below 1. Default 0.9. */
  smoothing?: number;
  /** Ends when the smoothed loss is so many times its lowest. Default 4. */
  divergence?: number;
}

/** A loss for each rate that was tried. */
export interface LearningRateCurve {
  readonly rates: readonly number[];
  /** Of the batch, before the update. */
  readonly losses: readonly number[];
  /** Exponential mean of the losses. */
  readonly smoothed: readonly number[];
  /** Where the smoothed loss falls fastest; null if it never falls, or there are fewer than 3 rates. */
  readonly suggestion: number | null;
  /** Where the smoothed loss is lowest: already too high to train with. */
  readonly lowest: number | null;
  /** Whether it ended because the loss grew. */
  readonly diverged: boolean;
}

/**
 * Trains with a rate that grows exponentially, one update each, and watches the loss: first nothing
 * happens, then it falls, then it grows beyond all bounds. A good rate is where it falls fastest.
 *
 * Rate i is from·(to/from)^(i/(steps − 1)); the mean is m ← s·m + (1 − s)·loss, divided by 1 − sⁱ⁺¹. The
 * suggestion is where that falls steepest over the logarithm of the rate.
 *
 * Model, optimizer and generators are as before afterwards, to the bit.
 *
 * @see Smith, Cyclical Learning Rates for Training Neural Networks, 2017, section 3.3
 */
export async function learningRateFinder<S = Tensor, B extends Example = Batch>(
  options: LearningRateFinderOptions<S, B>,
): Promise<LearningRateCurve> {
  const { from = 1e-7, to = 10, steps = 100, smoothing = 0.9, divergence = 4 } = options;
  checkOptions({ from, to, steps, smoothing, divergence });
  const { model, optimizer, signal } = options;
  if (optimizer.stateDict === undefined || optimizer.loadStateDict === undefined) {
    throw new ValueError(
      `learningRateFinder: ${show(optimizer)} has no stateDict and loadStateDict; its state could not be put back.`,
    );
  }
  const restore = remember(model, optimizer);
  const losses: number[] = [];
  const smoothed: number[] = [];
  const rates: number[] = [];
  let [mean, lowest, diverged] = [0, Number.POSITIVE_INFINITY, false];
  try {
    model.train();
    const pacer = new Pacer();
    for await (const batch of endless(options)) {
      if (signal?.aborted || rates.length === steps) break;
      const rate = from * (to / from) ** (rates.length / (steps - 1));
      for (const group of optimizer.groups) group.lr = rate;
      optimizer.zeroGrad();
      const { loss } = outcomeOf(options, batch);
      const value = loss.item();
      mean = smoothing * mean + (1 - smoothing) * value;
      const unbiased = mean / (1 - smoothing ** (rates.length + 1));
      lowest = Math.min(lowest, unbiased);
      // Losses of any size, so below 0 too: growth is measured from the lowest.
      diverged = !(unbiased <= lowest + (divergence - 1) * Math.abs(lowest));
      if (!Number.isFinite(value)) break;
      rates.push(rate);
      losses.push(value);
      smoothed.push(unbiased);
      if (diverged) break;
      loss.backward();
      optimizer.step();
      const pause = pacer.pause();
      if (pause !== null) await pause;
    }
  } finally {
    restore();
  }
  return { rates, losses, smoothed, ...landmarks(rates, smoothed), diverged };
}

function checkOptions(given: Record<"from" | "to" | "steps" | "smoothing" | "divergence", number>) {
  const { from, to, steps, smoothing, divergence } = given;
  const refuse = (name: string, value: unknown, wanted: string): never => {
    throw new ValueError(`learningRateFinder: ${name} is ${show(value)}; it must be ${wanted}.`);
  };
  if (!(Number.isFinite(from) && from > 0)) refuse("from", from, "a finite number above 0");
  if (!(Number.isFinite(to) && to > from)) refuse("to", to, `a finite number above from (${from})`);
  if (!(Number.isSafeInteger(steps) && steps >= 3)) refuse("steps", steps, "a whole number from 3");
  if (!(smoothing >= 0 && smoothing < 1)) refuse("smoothing", smoothing, "from 0 to below 1");
  if (!(divergence > 1)) refuse("divergence", divergence, "above 1");
}

/** Batches over and over again. */
async function* endless<S, B extends Example>({
  train,
  batchSize = 100,
  seed,
}: LearningRateFinderOptions<S, B>): AsyncGenerator<B> {
  type Any = B | Promise<B>;
  const loader =
    train instanceof DataLoader
      ? (train as DataLoader<Any>)
      : new DataLoader<Any>(train, {
          batchSize,
          shuffle: !("iterate" in train),
          ...(seed === undefined ? {} : { seed }),
        });
  for (;;) {
    let empty = true;
    for await (const batch of loader) {
      empty = false;
      yield batch as B;
    }
    if (empty) throw new ValueError("learningRateFinder: train has no examples.");
  }
}

/** The steepest fall over the logarithm of the rate, by central differences, and the lowest point. */
function landmarks(
  rates: readonly number[],
  smoothed: readonly number[],
): { suggestion: number | null; lowest: number | null } {
  let [steepest, suggestion]: [number, number | null] = [0, null];
  for (let i = 1; i < rates.length - 1; i++) {
    const slope = smoothed[i + 1] - smoothed[i - 1];
    if (slope < steepest) [steepest, suggestion] = [slope, rates[i]];
  }
  const least = smoothed.reduce((best, value, i) => (value < smoothed[best] ? i : best), 0);
  return { suggestion, lowest: rates[least] ?? null };
}

/** About so many rows of the curve, with marks at the suggestion and the lowest point. */
export function formatLearningRates(curve: LearningRateCurve, { rows = 20 } = {}): string {
  const { rates, losses, smoothed, suggestion, lowest } = curve;
  const every = Math.max(1, Math.ceil(rates.length / rows));
  const marks = (rate: number) =>
    [rate === suggestion ? "← steepest" : "", rate === lowest ? "← lowest" : ""].join("").trim();
  return formatTable(
    [
      ["rate", "loss", "smoothed", ""],
      ...rates.flatMap((rate, i) =>
        i % every === 0 || marks(rate) !== ""
          ? [
              [
                rate.toExponential(2),
                formatNumber(losses[i]),
                formatNumber(smoothed[i]),
                marks(rate),
              ],
            ]
          : [],
      ),
    ],
    { left: 0 },
  );
}
