/**
 * Learning rates that change. A schedule is a pure function from time and the rate that a group started
 * with to its rate now; what a unit of time is, an epoch or a step, is up to who calls `step()`.
 */
import { show, ValueError } from "@tapegrad/core";

/** The rate at time t = 0, 1, 2, … of a group that started at `base`. Any such function will do. */
export interface Schedule {
  (t: number, base: number): number;
  /** The momentum (or first beta) at time t, if the schedule moves it too. */
  readonly momentum?: (t: number) => number;
}

/** What a scheduler needs of an optimizer. */
export interface HasRates {
  readonly groups: readonly { lr: number }[];
}

/** What a {@link Scheduler} needs to go on exactly where it was. Plain JSON. */
export interface SchedulerState {
  t: number;
  initial: number[];
}

/** A group, and the two places where optimizers keep what schedules call momentum. */
interface RatedGroup {
  lr: number;
  momentum?: number;
  betas?: readonly [number, number];
}

/**
 * Sets the rates of an optimizer's groups by a schedule, for each group from its own rate:
 *
 * ```ts
 * const scheduler = new Scheduler(optimizer, cosineAnnealing(epochs));
 * for (let epoch = 0; epoch < epochs; epoch++) {
 *   train(epoch);
 *   scheduler.step();
 * }
 * ```
 *
 * The rate at time 0 is set at once. Groups that the optimizer gets later join with the rate they have.
 */
export class Scheduler {
  readonly #schedules: Schedule | readonly Schedule[];
  readonly #groups: readonly RatedGroup[];
  #initial: number[] = [];
  #t = 0;

  /**
   * @param schedule  for all groups, or one for each
   * @throws ValueError for anything but functions, as many as there are groups, and for a schedule that
   *   moves the momentum of a group that has none
   */
  constructor(optimizer: HasRates, schedule: Schedule | readonly Schedule[]) {
    this.#schedules = schedule;
    this.#groups = optimizer.groups;
    const all: readonly unknown[] = Array.isArray(schedule) ? schedule : [schedule];
    const wrong = all.findIndex((one) => typeof one !== "function");
    if (wrong >= 0) {
      throw new ValueError(
        `Scheduler: the schedule is ${show(all[wrong])}; it must be a function of time and rate, such as cosineAnnealing(10).`,
      );
    }
    if (Array.isArray(schedule) && schedule.length !== this.#groups.length) {
      throw new ValueError(
        `Scheduler: there are ${schedule.length} schedules and ${this.#groups.length} groups; give one for each, or one for all.`,
      );
    }
    this.#groups.forEach((group, i) => {
      const moves = this.#of(i).momentum !== undefined;
      if (moves && group.momentum === undefined && group.betas === undefined) {
        throw new ValueError(
          `Scheduler: the schedule moves the momentum, and group ${i} has neither momentum nor betas; make the schedule with cycleMomentum: false.`,
        );
      }
    });
    this.#set(0);
  }

  #of(group: number): Schedule {
    return typeof this.#schedules === "function" ? this.#schedules : this.#schedules[group]!;
  }

  /** How many steps were taken. */
  get t(): number {
    return this.#t;
  }

  /** The rate of each group now. */
  get rates(): number[] {
    return this.#groups.map((group) => group.lr);
  }

  /**
   * One unit of time passes, or it becomes `t`, which need not be whole: epoch + batch/batches.
   *
   * @throws ValueError for a time before 0
   */
  step(t = this.#t + 1): void {
    if (!(Number.isFinite(t) && t >= 0)) {
      throw new ValueError(`Scheduler.step: t is ${show(t)}; it must be a number from 0.`);
    }
    this.#set(t);
  }

  #set(t: number): void {
    const rates = this.#groups.map((group, i) => {
      this.#initial[i] ??= group.lr;
      return this.#of(i)(t, this.#initial[i]);
    });
    const wrong = rates.findIndex((rate) => !Number.isFinite(rate));
    if (wrong >= 0) {
      throw new ValueError(
        `Scheduler: at t = ${t} the schedule gives ${show(rates[wrong])} for group ${wrong}; it must give a finite number.`,
      );
    }
    this.#t = t;
    this.#groups.forEach((group, i) => {
      group.lr = rates[i]!;
      const momentum = this.#of(i).momentum?.(t);
      if (momentum === undefined) return;
      if (group.betas === undefined) group.momentum = momentum;
      else group.betas = [momentum, group.betas[1]];
    });
  }

  stateDict(): SchedulerState {
    return { t: this.#t, initial: [...this.#initial] };
  }

  /** @throws ValueError if the state is of another number of groups, or no state at all */
  loadStateDict({ t, initial }: SchedulerState): void {
    const groups = this.#groups.length;
    if (!(Number.isFinite(t) && t >= 0) || initial?.length !== groups) {
      throw new ValueError(
        `Scheduler.loadStateDict: got t = ${show(t)} and initial = ${show(initial)}; t must be a number from 0, and initial have one rate for each of the ${groups} groups.`,
      );
    }
    this.#initial = [...initial];
    this.#set(t);
  }
}
