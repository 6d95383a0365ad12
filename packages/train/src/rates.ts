/** The learning rate over a run: schedules, decay, plateaus, and what is set by hand. */
import { ValueError } from "@tapegrad/core";
import {
  type PlateauState,
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
  type Schedule,
  Scheduler,
  type SchedulerState,
} from "@tapegrad/optim";
import type { SolverOptions, Updates } from "./options.ts";

type Mode = "min" | "max";

/** Plain JSON. The rates themselves are in the optimizer's state. */
export interface RatesState {
  /** What a schedule's rates are multiplied by, since one was set by hand. */
  readonly factor: number;
  readonly scheduler: SchedulerState | null;
  readonly plateau: (PlateauState & { readonly mode: Mode }) | null;
}

type Options = Required<Pick<SolverOptions, "lrDecay" | "schedulePer">> &
  Pick<SolverOptions, "schedule" | "reduceOnPlateau">;

export class Rates {
  private readonly optimizer: Updates;
  private readonly options: Options;
  private readonly scheduler: Scheduler | null;
  private factor = 1;
  private plateau: { mode: Mode; scheduler: ReduceLROnPlateau } | null = null;

  /** @throws ValueError for a schedule or plateau that doesn't fit the optimizer */
  constructor(optimizer: Updates, options: Options) {
    this.optimizer = optimizer;
    this.options = options;
    const { schedule, reduceOnPlateau } = options;
    this.scheduler =
      schedule === undefined ? null : new Scheduler(optimizer, this.scaled(schedule));
    // What is better is known only when the first epoch is over; whether the options are right, now.
    if (reduceOnPlateau !== undefined) new ReduceLROnPlateau(optimizer, reduceOnPlateau);
  }

  /** The schedules, each times the factor of the moment. */
  private scaled(schedule: Schedule | readonly Schedule[]): Schedule | readonly Schedule[] {
    if (typeof schedule !== "function") return schedule.map((one) => this.scaled(one) as Schedule);
    const rate = (t: number, base: number) => schedule(t, base) * this.factor;
    const { momentum } = schedule;
    return momentum === undefined ? rate : Object.assign(rate, { momentum });
  }

  /** Back to the start of the schedule. */
  restart(): void {
    this.factor = 1;
    this.plateau = null;
    this.scheduler?.step(0);
  }

  afterStep(): void {
    if (this.options.schedulePer === "step") this.scheduler?.step();
  }

  /** @param monitored  what tells good epochs from bad ones */
  afterEpoch(monitored: { value: number; mode: Mode }): void {
    if (this.options.schedulePer === "epoch") this.scheduler?.step();
    for (const group of this.optimizer.groups) group.lr *= this.options.lrDecay;
    if (this.options.reduceOnPlateau === undefined) return;
    this.plateau ??= this.openPlateau(monitored.mode);
    this.plateau.scheduler.step(monitored.value);
  }

  private openPlateau(mode: Mode): { mode: Mode; scheduler: ReduceLROnPlateau } {
    const options: Partial<ReduceLROnPlateauOptions> = { ...this.options.reduceOnPlateau, mode };
    return { mode, scheduler: new ReduceLROnPlateau(this.optimizer, options) };
  }

  /**
   * Sets the first group's rate; those of other groups, and all that a schedule gives later, change by the
   * same factor.
   *
   * @throws ValueError for a rate below 0, and where the schedule's own rate is 0 at the moment
   */
  set(lr: number): void {
    if (!(Number.isFinite(lr) && lr >= 0)) {
      throw new ValueError(
        `Solver: the learning rate is ${lr}; it must be a finite number from 0.`,
      );
    }
    const { optimizer, scheduler } = this;
    const now = optimizer.groups[0].lr;
    if (scheduler === null) {
      for (const group of optimizer.groups) group.lr = now === 0 ? lr : group.lr * (lr / now);
      optimizer.groups[0].lr = lr;
      return;
    }
    const before = this.factor;
    this.factor = 1;
    scheduler.step(scheduler.t);
    const own = optimizer.groups[0].lr;
    this.factor = own === 0 ? before : lr / own;
    scheduler.step(scheduler.t);
    if (own === 0) {
      throw new ValueError(
        "Solver: the schedule's rate is 0 at the moment, so no factor makes another of it; set the learning rate later.",
      );
    }
  }

  stateDict(): RatesState {
    const { factor, scheduler, plateau } = this;
    return {
      factor,
      scheduler: scheduler?.stateDict() ?? null,
      plateau: plateau && { ...plateau.scheduler.stateDict(), mode: plateau.mode },
    };
  }

  /** Before the optimizer's state, which has the rates. @throws ValueError unless it is of such options */
  loadStateDict({ factor, scheduler, plateau }: RatesState): void {
    if ((scheduler === null) !== (this.scheduler === null)) {
      throw new ValueError(
        `Solver: the checkpoint is of a run ${scheduler === null ? "without" : "with"} a schedule, and this one has ${this.scheduler === null ? "none" : "one"}; give the same options.`,
      );
    }
    this.factor = factor;
    if (scheduler !== null) this.scheduler!.loadStateDict(scheduler);
    this.plateau = plateau && this.openPlateau(plateau.mode);
    if (plateau !== null) this.plateau!.scheduler.loadStateDict(plateau);
  }
}
