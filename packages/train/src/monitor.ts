/** Which epoch is better than which. */
import { ValueError } from "@tapegrad/core";
import type { Monitor } from "./options.ts";
import type { TrainingState } from "./state.ts";

/** What is watched, and the direction that is better. */
export interface Watched {
  readonly name: string;
  readonly mode: "min" | "max";
}

const known: Readonly<
  Record<string, { mode: "min" | "max"; of: (state: TrainingState) => number | undefined }>
> = {
  loss: { mode: "min", of: (state) => state.trainLossHistory.at(-1) },
  trainAcc: { mode: "max", of: (state) => state.trainAccHistory.at(-1) },
  valLoss: { mode: "min", of: (state) => state.valLossHistory.at(-1) },
  valAcc: { mode: "max", of: (state) => state.valAccHistory.at(-1) },
};

/** @param state  after an epoch; it tells what there is to watch where nothing is asked for */
export function watch(monitor: Monitor | undefined, state: TrainingState): Watched | null {
  if (monitor !== undefined) {
    return typeof monitor === "string" ? { name: monitor, mode: known[monitor].mode } : monitor;
  }
  const name = (["valAcc", "valLoss"] as const).find((one) => known[one].of(state) !== undefined);
  return name === undefined ? null : { name, mode: known[name].mode };
}

/** @throws ValueError if the epoch has no such number */
export function numberOf({ name }: Watched, state: TrainingState): number {
  const value = Object.hasOwn(known, name) ? known[name].of(state) : within(name, state.metrics);
  if (typeof value === "number") return value;
  const numbers = Object.keys(known).filter((one) => known[one].of(state) !== undefined);
  throw new ValueError(
    `Solver: there is no number "${name}" to monitor; there are ${[...numbers, ...numbersIn(state.metrics)].join(", ")}.`,
  );
}

/** "f1", or "report.macroF1" for a number in what a metric gives. */
function within(name: string, metrics: object): unknown {
  const own = (metrics as Record<string, unknown>)[name];
  if (own !== undefined) return own;
  for (const [key, value] of Object.entries(metrics)) {
    if (typeof value === "object" && value !== null && name.startsWith(`${key}.`)) {
      return within(name.slice(key.length + 1), value as object);
    }
  }
  return undefined;
}

/** The names of all numbers in metrics, lists left out. */
function numbersIn(metrics: object, prefix = ""): string[] {
  return Object.entries(metrics).flatMap(([key, value]) => {
    if (typeof value === "number") return [prefix + key];
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    return numbersIn(value, `${prefix}${key}.`);
  });
}

/** Whether a value beats the best so far by more than `minDelta`. NaN beats nothing, all but NaN beats NaN. */
export function isBetter(
  value: number,
  best: number,
  { mode, minDelta = 0 }: { mode: "min" | "max"; minDelta?: number },
): boolean {
  if (Number.isNaN(value)) return false;
  if (Number.isNaN(best)) return true;
  return mode === "min" ? value < best - minDelta : value > best + minDelta;
}
