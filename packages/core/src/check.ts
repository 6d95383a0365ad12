/** Checks of arguments that several families share. */
import { describe } from "./apply.ts";
import { ValueError } from "./errors.ts";

/** An option that must be a number (NaN and infinities are numbers). @throws ValueError naming the op and the argument */
export function checkNumber(op: string, argument: string, value: unknown): asserts value is number {
  if (typeof value !== "number") {
    throw new ValueError(`${op}: ${argument} is ${describe(value)}; it must be a number.`);
  }
}

/** @throws ValueError unless the number is finite */
export function checkFinite(op: string, argument: string, value: unknown): asserts value is number {
  if (!Number.isFinite(value)) {
    const shown = typeof value === "number" ? value : describe(value);
    throw new ValueError(`${op}: ${argument} is ${shown}; it must be a finite number.`);
  }
}

/** @throws ValueError unless the number is finite and at least (or, if `above`, more than) `low` */
export function checkAtLeast(
  op: string,
  argument: string,
  value: number,
  low: number,
  above = false,
): void {
  const fits = Number.isFinite(value) && (above ? value > low : value >= low);
  if (!fits) {
    const shown = typeof value === "number" ? value : describe(value);
    throw new ValueError(
      `${op}: ${argument} is ${shown}; it must be a finite number ${above ? "above" : "of at least"} ${low}.`,
    );
  }
}

/** @throws ValueError unless the option is a boolean */
export function checkFlag(op: string, option: string, given: unknown): asserts given is boolean {
  if (typeof given !== "boolean") {
    throw new ValueError(`${op}: ${option} is ${describe(given)}; it must be true or false.`);
  }
}
