/** The schedules that a config can name. What is left out of lengths is that of the whole run. */
import { fields } from "@tapegrad/nn";
import * as optim from "@tapegrad/optim";
import * as v from "valibot";
import {
  type Chosen,
  type Item,
  type Items,
  type Kind,
  list,
  maybe,
  notNegative,
  oneOf,
  type Values,
  word,
} from "./schema.ts";

const { flag, integer, number, positive, size } = fields;

/** A kind of schedule: its options, and how it is made for a run of so many epochs or steps. */
interface ScheduleKind<I extends Items = Items> extends Kind<I> {
  readonly items: I;
  make(options: Values<I>, length: number): optim.Schedule;
}

const kind = <I extends Items>(items: I, make: ScheduleKind<I>["make"]): ScheduleKind => ({
  items,
  make: make as ScheduleKind["make"],
});

const nested: Item<Chosen> = {
  wants: "a schedule",
  schema: v.lazy(() => inner.schema),
};
const milestones = list(integer());
const ends = { baseMomentum: maybe(number()), maxMomentum: maybe(number()) };

const kinds: Record<string, ScheduleKind> = {
  exponentialDecay: kind({ gamma: positive() }, ({ gamma }) => optim.exponentialDecay(gamma)),
  stepDecay: kind({ stepSize: size(), gamma: positive({ fallback: 0.1 }) }, ({ stepSize, gamma }) =>
    optim.stepDecay(stepSize, gamma),
  ),
  multiStepDecay: kind(
    { milestones, gamma: positive({ fallback: 0.1 }) },
    ({ milestones, gamma }) => optim.multiStepDecay(milestones, gamma),
  ),
  constantFactor: kind({ factor: maybe(notNegative), totalIters: maybe(size()) }, (options) =>
    optim.constantFactor(options),
  ),
  linearFactor: kind(
    {
      startFactor: maybe(notNegative),
      endFactor: maybe(notNegative),
      totalIters: maybe(size()),
    },
    (options, length) => optim.linearFactor({ totalIters: length, ...options }),
  ),
  polynomialDecay: kind(
    { totalIters: maybe(size()), power: maybe(positive()) },
    ({ totalIters, ...options }, length) => optim.polynomialDecay(totalIters ?? length, options),
  ),
  cosineAnnealing: kind(
    { tMax: maybe(size()), etaMin: maybe(notNegative) },
    ({ tMax, ...options }, length) => optim.cosineAnnealing(tMax ?? length, options),
  ),
  cosineWarmRestarts: kind(
    { t0: size(), tMult: maybe(size()), etaMin: maybe(notNegative) },
    ({ t0, ...options }) => optim.cosineWarmRestarts(t0, options),
  ),
  oneCycle: kind(
    {
      totalSteps: maybe(size()),
      maxLr: maybe(positive()),
      pctStart: maybe(fields.probability()),
      annealStrategy: maybe(word(["cos", "linear"])),
      threePhase: maybe(flag()),
      divFactor: maybe(positive()),
      finalDivFactor: maybe(positive()),
      cycleMomentum: maybe(flag()),
      ...ends,
    },
    ({ totalSteps, ...options }, length) => optim.oneCycle(totalSteps ?? length, options),
  ),
  cyclic: kind(
    {
      maxLr: positive(),
      baseLr: maybe(notNegative),
      stepSizeUp: maybe(size()),
      stepSizeDown: maybe(size()),
      mode: maybe(word(["triangular", "triangular2", "expRange"])),
      gamma: maybe(positive()),
      cycleMomentum: maybe(flag()),
      ...ends,
    },
    ({ maxLr, ...options }) => optim.cyclic(maxLr, options),
  ),
  warmup: kind(
    { steps: size(), startFactor: maybe(notNegative), after: maybe(nested) },
    ({ steps, after, ...options }, length) =>
      optim.warmup(
        steps,
        after === undefined ? undefined : make(after, Math.max(1, length - steps)),
        options,
      ),
  ),
  sequence: kind({ schedules: list(nested), milestones }, ({ schedules, milestones }, length) => {
    const starts = [0, ...milestones];
    return optim.sequence(
      schedules.map((one, i) =>
        make(one, Math.max(1, (milestones[i] ?? length) - (starts[i] ?? 0))),
      ),
      milestones,
    );
  }),
};

const make = (chosen: Chosen, length: number): optim.Schedule => {
  const { type, ...options } = chosen;
  return kinds[type].make(options, length);
};

const example = '{ "type": "cosineAnnealing" }';
const inner: Item<Chosen> = oneOf(kinds, { example });

/** What time is counted in. */
const per = { ...word(["epoch", "step"]), fallback: "epoch" } as const;
export type Period = "epoch" | "step";

export const scheduleItem: Item<Chosen & { readonly per: Period }> = oneOf(kinds, {
  example,
  extra: { per },
}) as Item<Chosen & { readonly per: Period }>;

/**
 * The schedule of a run.
 *
 * @param length  of the run, in what `per` says
 * @throws ValueError for options that don't go together
 */
export function makeSchedule(
  { per: _, ...chosen }: Chosen & { readonly per: Period },
  length: number,
): optim.Schedule {
  return make(chosen as Chosen, length);
}
