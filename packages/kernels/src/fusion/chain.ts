/**
 * A chain: elementwise steps in one expression, each applied to inputs, constants and earlier steps. Fused, it is
 * one pass over memory; the bits are those of the steps one by one.
 */
import type { BinaryName, CompareName, UnaryName } from "../interface.ts";

/** What a step does. A truth value is a mask within a chain and a bool array outside of it. */
export type StepName = UnaryName | BinaryName | CompareName | "where" | "not";

export interface Step {
  readonly name: StepName;
  /** Slots. */
  readonly args: readonly number[];
}

/** Slots are numbered: the inputs first, then the constants, then one for each step. */
export interface Chain {
  readonly inputs: number;
  readonly constants: readonly number[];
  readonly steps: readonly Step[];
  /** The slots that are wanted. */
  readonly outputs: readonly number[];
}

const keys = new WeakMap<Chain, string>();

/** What the code of a chain depends on: all but the constants' values. */
export function keyOf(chain: Chain): string {
  let key = keys.get(chain);
  if (key === undefined) {
    const steps = chain.steps.map(({ name, args }) => `${name} ${args}`);
    key = `${chain.inputs} ${chain.constants.length} ${chain.outputs}; ${steps.join("; ")}`;
    keys.set(chain, key);
  }
  return key;
}
