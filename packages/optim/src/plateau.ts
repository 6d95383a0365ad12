import { show, Tensor, ValueError } from "@tapegrad/core";
import { checkHyper, type HyperValues, nonNegative, oneOf, settle, whole } from "./hyper.ts";
import type { HasRates } from "./schedule.ts";

const fields = {
  /** Whether the metric should fall or rise. */
  mode: oneOf("min", "max"),
  /** What the rates are multiplied by. */
  factor: {
    fallback: 0.1,
    wants: "a number between 0 and 1",
    accepts: (value: unknown) => typeof value === "number" && value > 0 && value < 1,
  },
  /** How many steps without improvement are borne. */
  patience: whole(10, 0),
  /** What counts as improvement: a share of the best (rel), or an amount (abs). */
  threshold: nonNegative(1e-4),
  thresholdMode: oneOf("rel", "abs"),
  /** How many steps after a reduction count as neither good nor bad. */
  cooldown: whole(0, 0),
  /** Rates that would change by no more than this stay. */
  eps: nonNegative(1e-8),
};

export type ReduceLROnPlateauOptions = HyperValues<typeof fields> & {
  /** No rate goes below it; one for all groups, or one for each. */
  minLr: number | readonly number[];
};

/** What a {@link ReduceLROnPlateau} needs to go on exactly where it was. Plain JSON; null before the first metric. */
export interface PlateauState {
  best: number | null;
  badSteps: number;
  cooldownLeft: number;
}

/**
 * Lowers the rates when a metric, such as the validation loss, has not improved for more than `patience`
 * steps:
 *
 * ```ts
 * const scheduler = new ReduceLROnPlateau(optimizer, { patience: 3 });
 * scheduler.step(validationLoss);
 * ```
 *
 * It starts from the rates that the groups have at the time, so it goes together with other schedulers.
 * https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
 */
export class ReduceLROnPlateau {
  readonly #groups: readonly { lr: number }[];
  readonly #options: HyperValues<typeof fields>;
  readonly #minLr: number | readonly number[];
  #best: number | null = null;
  #badSteps = 0;
  #cooldownLeft = 0;

  /** @throws ValueError for options out of range, and minLr for another number of groups */
  constructor(optimizer: HasRates, options: Readonly<Partial<ReduceLROnPlateauOptions>> = {}) {
    const { minLr = 0, ...rest } = options;
    this.#groups = optimizer.groups;
    this.#options = settle("ReduceLROnPlateau", fields, rest);
    this.#minLr = minLr;
    const least = Array.isArray(minLr) ? minLr : [minLr];
    for (const one of least) {
      checkHyper("ReduceLROnPlateau", { minLr: nonNegative(0) }, { minLr: one });
    }
    if (Array.isArray(minLr) && minLr.length !== this.#groups.length) {
      throw new ValueError(
        `ReduceLROnPlateau: minLr has ${minLr.length} rates for ${this.#groups.length} groups; give one for each, or a number for all.`,
      );
    }
  }

  /** The rate of each group now. */
  get rates(): number[] {
    return this.#groups.map((group) => group.lr);
  }

  /** The best metric so far; null before the first. */
  get best(): number | null {
    return this.#best;
  }

  /** @param metric  what was measured; NaN is no improvement. @throws ValueError for anything but a number */
  step(metric: number | Tensor): void {
    const value = metric instanceof Tensor ? metric.item() : metric;
    if (typeof value !== "number") {
      throw new ValueError(
        `ReduceLROnPlateau.step: the metric is ${show(metric)}; it must be a number, such as the validation loss.`,
      );
    }
    const { patience, cooldown } = this.#options;
    if (this.#isBetter(value)) {
      this.#best = value;
      this.#badSteps = 0;
    } else {
      this.#badSteps++;
    }
    if (this.#cooldownLeft > 0) {
      this.#cooldownLeft--;
      this.#badSteps = 0;
    }
    if (this.#badSteps > patience) {
      this.#reduce();
      this.#cooldownLeft = cooldown;
      this.#badSteps = 0;
    }
  }

  #isBetter(value: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const sign = mode === "min" ? 1 : -1;
    const best = this.#best ?? sign * Infinity;
    const bound = thresholdMode === "rel" ? best * (1 - sign * threshold) : best - sign * threshold;
    return sign * value < sign * bound;
  }

  #reduce(): void {
    const { factor, eps } = this.#options;
    this.#groups.forEach((group, i) => {
      const least = typeof this.#minLr === "number" ? this.#minLr : (this.#minLr[i] ?? 0);
      const lr = Math.max(group.lr * factor, least);
      if (group.lr - lr > eps) group.lr = lr;
    });
  }

  stateDict(): PlateauState {
    return { best: this.#best, badSteps: this.#badSteps, cooldownLeft: this.#cooldownLeft };
  }

  /** The rates are in the optimizer's state. @throws ValueError for anything but such a state */
  loadStateDict({ best, badSteps, cooldownLeft }: PlateauState): void {
    const count = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
    const isMetric = best === null || (typeof best === "number" && !Number.isNaN(best));
    if (!isMetric || !count(badSteps) || !count(cooldownLeft)) {
      throw new ValueError(
        `ReduceLROnPlateau.loadStateDict: got best = ${show(best)}, badSteps = ${show(badSteps)}, cooldownLeft = ${show(cooldownLeft)}; it must be what stateDict() gave.`,
      );
    }
    this.#best = best;
    this.#badSteps = badSteps;
    this.#cooldownLeft = cooldownLeft;
  }
}
