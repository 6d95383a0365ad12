/** Rules that end hopeless trials of a search early. */
import { show, ValueError } from "@tapegrad/core";

/**
 * Whether a trial should end.
 *
 * @param reports  what the trial has reported so far; larger is better, NaN has become −Infinity
 * @param others   the reports of each earlier trial, pruned ones included
 */
export type Pruner = (
  reports: readonly number[],
  others: readonly (readonly number[])[],
) => boolean;

function checkCount(where: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new ValueError(
    `${where}: ${name} is ${show(value)}; it must be a whole number from ${least}.`,
  );
}

/**
 * Ends a trial whose best report so far is worse than the median of what the others reported at the same
 * step (Golovin et al., Google Vizier, 2017, section 3.2, with the best for the mean).
 *
 * @param options.warmup   reports before a trial can end. Default 1
 * @param options.startup  trials before any can end: so many must have reported at the step. Default 5
 */
export function medianRule({ warmup = 1, startup = 5 } = {}): Pruner {
  checkCount("medianRule", "warmup", warmup, 0);
  checkCount("medianRule", "startup", startup, 1);
  return (reports, others) => {
    const step = reports.length;
    if (step <= warmup) return false;
    const there = others
      .filter((other) => other.length >= step)
      .map((other) => other[step - 1])
      .sort((a, b) => a - b);
    if (there.length < startup) return false;
    const middle = (there.length - 1) / 2;
    const [low, high] = [there[Math.floor(middle)], there[Math.ceil(middle)]];
    // Equal ones first: the mean of two infinities of one sign is no surprise, their sum with others is.
    const median = low === high ? low : (low + high) / 2;
    return Math.max(...reports) < median;
  };
}

/**
 * Asynchronous successive halving: at the rungs minSteps, minSteps·factor, minSteps·factor², … a trial goes
 * on only if its report is among the best 1/factor of all that have come to the rung, itself included, so
 * that the first always does.
 *
 * Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020, algorithm 2.
 *
 * @param options.minSteps  reports before the first decision. Default 1
 * @param options.factor    default 3
 */
export function successiveHalving({ minSteps = 1, factor = 3 } = {}): Pruner {
  checkCount("successiveHalving", "minSteps", minSteps, 1);
  checkCount("successiveHalving", "factor", factor, 2);
  return (reports, others) => {
    const step = reports.length;
    let rung = minSteps;
    while (rung < step) rung *= factor;
    if (rung !== step) return false;
    const own = reports[step - 1];
    const there = others.filter((other) => other.length >= step);
    const better = there.filter((other) => other[step - 1] > own).length;
    return better >= Math.max(1, Math.floor((there.length + 1) / factor));
  };
}
