/**
 * Learning rates that change. A schedule is a pure function from time to a factor on the rate that the
 * optimizer started with; what a unit of time is, an epoch or a step, is up to who calls `step()`.
 */
import { show, ValueError } from "@tapegrad/core";
import { power } from "./hyper.ts";

/** Factor on the initial rate at time t = 0, 1, 2, … */
export type Schedule = (t: number) => number;

function checkGamma(name: string, gamma: number): void {
  if (!(typeof gamma === "number" && gamma > 0 && gamma < Infinity)) {
    throw new ValueError(
      `${name}: gamma is ${show(gamma)}; it must be a finite number above 0, such as 0.95.`,
    );
  }
}

/**
 * gammaᵗ: the rate is multiplied by gamma at each step. Stepped once per epoch, it is the `lr_decay` of
 * CS231n's Solver.
 */
export function exponentialDecay(gamma: number): Schedule {
  checkGamma("exponentialDecay", gamma);
  return (t) => power(gamma, t);
}

/** gamma^⌊t/every⌋: the rate is multiplied by gamma after each `every` steps. */
export function stepDecay(every: number, gamma: number): Schedule {
  checkGamma("stepDecay", gamma);
  if (!Number.isSafeInteger(every) || every < 1) {
    throw new ValueError(
      `stepDecay: every is ${show(every)}; it must be a whole number of at least 1.`,
    );
  }
  return (t) => power(gamma, Math.floor(t / every));
}

/** What a scheduler needs of an optimizer. */
interface HasRates {
  readonly groups: readonly { lr: number }[];
}

/** What a {@link Scheduler} needs to go on exactly where it was. Plain JSON. */
export interface SchedulerState {
  t: number;
  initial: number[];
}

/**
 * Sets the rates of an optimizer's groups by a schedule: each starts at its own rate and takes the same
 * factor.
 *
 * ```ts
 * const scheduler = new Scheduler(optimizer, exponentialDecay(0.95));
 * for (const epoch of epochs) {
 *   train(epoch);
 *   scheduler.step();
 * }
 * ```
 */
export class Scheduler {
  readonly schedule: Schedule;
  readonly #groups: readonly { lr: number }[];
  #initial: number[];
  #t = 0;

  constructor(optimizer: HasRates, schedule: Schedule) {
    this.schedule = schedule;
    this.#groups = optimizer.groups;
    this.#initial = optimizer.groups.map((group) => group.lr);
    this.#set();
  }

  /** How many steps were taken. */
  get t(): number {
    return this.#t;
  }

  /** One unit of time passes. */
  step(): void {
    this.#t++;
    this.#set();
  }

  #set(): void {
    const factor = this.schedule(this.#t);
    this.#groups.forEach((group, i) => {
      group.lr = this.#initial[i]! * factor;
    });
  }

  stateDict(): SchedulerState {
    return { t: this.#t, initial: [...this.#initial] };
  }

  /** @throws ValueError if the state is of another number of groups, or no state at all */
  loadStateDict({ t, initial }: SchedulerState): void {
    if (!Number.isSafeInteger(t) || t < 0 || initial?.length !== this.#groups.length) {
      throw new ValueError(
        `Scheduler.loadStateDict: got t = ${show(t)} and initial = ${show(initial)}; t must be a whole number, and initial have one rate for each of the ${this.#groups.length} groups.`,
      );
    }
    this.#t = t;
    this.#initial = [...initial];
    this.#set();
  }
}
