/** Checks of arguments that several families share. */
import { describe } from "./apply.ts";
import { ValueError } from "./errors.ts";

/** An option that must be a number (NaN and infinities are numbers). @throws ValueError naming the op and the argument */
export function checkNumber(op: string, argument: string, value: unknown): asserts value is number {
  if (typeof value !== "number") {
    throw new ValueError(`${op}: ${argument} is ${describe(value)}; it must be a number.`);
  }
}
