/** The schedules of the field. Each is a function of time t and the group's own rate, `base`. */
import { show, ValueError } from "@tapegrad/core";
import {
  checkHyper,
  cos,
  type Hyper,
  type HyperValues,
  nonNegative,
  oneOf,
  positive,
  power,
  settle,
  whole,
} from "./hyper.ts";
import type { Schedule } from "./schedule.ts";

/** Checks a positional argument as one option. */
function check<T>(where: string, name: string, kind: Hyper<T>, value: T): void {
  checkHyper(where, { [name]: kind }, { [name]: value });
}

/** base·factor(t). */
export function lambda(factor: (t: number) => number): Schedule {
  if (typeof factor !== "function") {
    throw new ValueError(
      `lambda: the factor is ${show(factor)}; it must be a function of time, such as (t) => 1 / (1 + t).`,
    );
  }
  return (t, base) => base * factor(t);
}

/**
 * base·gammaᵗ: the rate is multiplied by gamma at each step. Stepped once per epoch, it is the `lr_decay` of
 * CS231n's Solver; to step per batch, see {@link stepDecay}.
 */
export function exponentialDecay(gamma: number): Schedule {
  check("exponentialDecay", "gamma", positive(0.95), gamma);
  return lambda((t) => power(gamma, t));
}

/**
 * base·gamma^⌊t/stepSize⌋: the rate is multiplied by gamma after each `stepSize` steps. With the number of
 * batches in an epoch it is CS231n's decay per epoch, stepped per batch.
 */
export function stepDecay(stepSize: number, gamma = 0.1): Schedule {
  check("stepDecay", "stepSize", whole(1), stepSize);
  check("stepDecay", "gamma", positive(0.1), gamma);
  return lambda((t) => power(gamma, Math.floor(t / stepSize)));
}

/** base·gammaᵏ, where k of the milestones have passed (t ≥ milestone). */
export function multiStepDecay(milestones: readonly number[], gamma = 0.1): Schedule {
  checkMilestones("multiStepDecay", milestones);
  check("multiStepDecay", "gamma", positive(0.1), gamma);
  return lambda((t) => power(gamma, milestones.filter((milestone) => t >= milestone).length));
}

function checkMilestones(where: string, milestones: readonly number[]): void {
  const rising =
    Array.isArray(milestones) &&
    milestones.every((m, i) => Number.isFinite(m) && m >= (i === 0 ? 0 : milestones[i - 1]!));
  if (!rising) {
    throw new ValueError(
      `${where}: milestones is ${show(milestones)}; it must be rising numbers from 0, such as [30, 60].`,
    );
  }
}

const constantFields = { factor: nonNegative(1 / 3), totalIters: whole(5) };

/** base·factor for t < totalIters, then base. Defaults 1/3 and 5. */
export function constantFactor(
  options: Readonly<Partial<HyperValues<typeof constantFields>>> = {},
): Schedule {
  const { factor, totalIters } = settle("constantFactor", constantFields, options);
  return lambda((t) => (t < totalIters ? factor : 1));
}

const linearFields = {
  startFactor: nonNegative(1 / 3),
  endFactor: nonNegative(1),
  totalIters: whole(5),
};

/** base times a factor that goes from startFactor to endFactor in totalIters steps, and stays. Defaults 1/3, 1, 5. */
export function linearFactor(
  options: Readonly<Partial<HyperValues<typeof linearFields>>> = {},
): Schedule {
  const { startFactor, endFactor, totalIters } = settle("linearFactor", linearFields, options);
  return lambda(
    (t) => startFactor + ((endFactor - startFactor) * Math.min(t, totalIters)) / totalIters,
  );
}

/**
 * From base·startFactor up to base in `steps` steps, then `after`, whose time starts there. Without
 * warm-up the first steps of Adam and of large batches go too far.
 *
 * ```ts
 * warmup(500, cosineAnnealing(total - 500))
 * ```
 */
export function warmup(
  steps: number,
  after: Schedule = (_, base) => base,
  { startFactor = 0 }: { startFactor?: number } = {},
): Schedule {
  check("warmup", "steps", whole(1), steps);
  check("warmup", "startFactor", nonNegative(0), startFactor);
  return sequence([linearFactor({ startFactor, totalIters: steps }), after], [steps]);
}

const polynomialFields = { power: positive(1) };

/** base·(1 − t/totalIters)^power, and 0 from totalIters on. Default power 1, a straight line. */
export function polynomialDecay(
  totalIters: number,
  options: Readonly<Partial<HyperValues<typeof polynomialFields>>> = {},
): Schedule {
  check("polynomialDecay", "totalIters", whole(1), totalIters);
  const { power: exponent } = settle("polynomialDecay", polynomialFields, options);
  return lambda((t) => power(1 - Math.min(t, totalIters) / totalIters, exponent));
}

const cosineFields = { etaMin: nonNegative(0) };

/**
 * etaMin + (base − etaMin)·(1 + cos(π·t/tMax))/2: half a cosine, from base at 0 to etaMin at tMax; beyond,
 * up again.
 *
 * Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017, equation 5.
 */
export function cosineAnnealing(
  tMax: number,
  options: Readonly<Partial<HyperValues<typeof cosineFields>>> = {},
): Schedule {
  check("cosineAnnealing", "tMax", whole(1), tMax);
  const { etaMin } = settle("cosineAnnealing", cosineFields, options);
  return (t, base) => anneal(base, etaMin, t / tMax, "cos");
}

const restartFields = { tMult: whole(1), etaMin: nonNegative(0) };

/**
 * {@link cosineAnnealing} over t0 steps, then from base again, each time over tMult times as many. For a
 * smooth curve within epochs, `scheduler.step(epoch + batch / batches)`.
 */
export function cosineWarmRestarts(
  t0: number,
  options: Readonly<Partial<HyperValues<typeof restartFields>>> = {},
): Schedule {
  check("cosineWarmRestarts", "t0", whole(1), t0);
  const { tMult, etaMin } = settle("cosineWarmRestarts", restartFields, options);
  return (t, base) => {
    let [since, length] = tMult === 1 ? [t % t0, t0] : [t, t0];
    for (; since >= length; length *= tMult) since -= length;
    return anneal(base, etaMin, since / length, "cos");
  };
}

const swaFields = { annealEpochs: whole(10, 0), annealStrategy: oneOf("cos", "linear") };

/**
 * From base to `swaLr` in annealEpochs steps (default 10), along half a cosine or a line, and stays: a rate
 * at which averaged weights keep exploring (see `AveragedWeights`). Make its Scheduler when averaging begins.
 *
 * Izmailov et al., Averaging weights leads to wider optima and better generalization, UAI 2018.
 */
export function swaAnnealing(
  swaLr: number,
  options: Readonly<Partial<HyperValues<typeof swaFields>>> = {},
): Schedule {
  check("swaAnnealing", "swaLr", nonNegative(0), swaLr);
  const { annealEpochs, annealStrategy } = settle("swaAnnealing", swaFields, options);
  return (t, base) => {
    const share = annealEpochs === 0 ? 1 : Math.min(1, t / annealEpochs);
    return anneal(base, swaLr, share, annealStrategy);
  };
}

/** From one rate to another as `share` goes from 0 to 1. */
export function anneal(from: number, to: number, share: number, how: "cos" | "linear"): number {
  return how === "linear"
    ? from + (to - from) * share
    : to + ((from - to) * (1 + cos(Math.PI * share))) / 2;
}

// ---- Schedules of schedules

/**
 * All at once: each takes the rate that the one before gives for its base, so that factors multiply.
 * The last that moves the momentum does.
 */
export function chained(...schedules: readonly Schedule[]): Schedule {
  checkSchedules("chained", schedules);
  const momentum = schedules.findLast((schedule) => schedule.momentum !== undefined)?.momentum;
  return withMomentum(
    (t, base) => schedules.reduce((rate, schedule) => schedule(t, rate), base),
    momentum,
  );
}

/**
 * One after the other: the next takes over at each milestone, with a time that starts there.
 *
 * ```ts
 * sequence([constantFactor({ factor: 0.1, totalIters: 5 }), exponentialDecay(0.9)], [5])
 * ```
 */
export function sequence(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  checkSchedules("sequence", schedules);
  checkMilestones("sequence", milestones);
  if (milestones.length !== schedules.length - 1) {
    throw new ValueError(
      `sequence: there are ${schedules.length} schedules and ${milestones.length} milestones; there must be one milestone between each two schedules.`,
    );
  }
  const at = (t: number): [Schedule, number] => {
    const k = milestones.filter((milestone) => t >= milestone).length;
    return [schedules[k]!, k === 0 ? t : t - milestones[k - 1]!];
  };
  const moving = schedules.filter((schedule) => schedule.momentum !== undefined).length;
  if (moving !== 0 && moving !== schedules.length) {
    throw new ValueError(
      `sequence: ${moving} of ${schedules.length} schedules move the momentum; it must be all or none, see cycleMomentum.`,
    );
  }
  const rate: Schedule = (t, base) => {
    const [schedule, since] = at(t);
    return schedule(since, base);
  };
  if (moving === 0) return rate;
  return withMomentum(rate, (t) => {
    const [schedule, since] = at(t);
    return schedule.momentum!(since);
  });
}

function checkSchedules(where: string, schedules: readonly Schedule[]): void {
  const fine =
    Array.isArray(schedules) &&
    schedules.length > 0 &&
    schedules.every((schedule) => typeof schedule === "function");
  if (!fine) {
    throw new ValueError(
      `${where}: the schedules are ${show(schedules)}; they must be functions, at least one, such as exponentialDecay(0.9).`,
    );
  }
}

/** A schedule that moves the momentum too, if there is a function for it. */
export function withMomentum(
  rate: (t: number, base: number) => number,
  momentum: ((t: number) => number) | undefined,
): Schedule {
  return momentum === undefined ? rate : Object.assign(rate, { momentum });
}
