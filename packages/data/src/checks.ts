/** Checks of arguments, with one wording each. */
import { ValueError } from "@tapegrad/core";

/** @throws ValueError unless the value is whole and at least `low` */
export function checkWhole(where: string, what: string, value: unknown, low = 0): void {
  if (!Number.isSafeInteger(value) || (value as number) < low) {
    throw new ValueError(`${where}: ${what} is ${value}; it must be a whole number from ${low}.`);
  }
}

/** @throws ValueError unless low ≤ value ≤ high */
export function checkBetween(
  where: string,
  what: string,
  value: number,
  { low = 0, high = Number.MAX_VALUE }: { low?: number; high?: number } = {},
): void {
  if (!(value >= low && value <= high)) {
    const range =
      high === Number.MAX_VALUE ? `finite and at least ${low}` : `from ${low} to ${high}`;
    throw new ValueError(`${where}: ${what} is ${value}; it must be ${range}.`);
  }
}

/** f of a value that may be on its way: now if it is there, later if it is a promise. */
export function whenReady<A, B>(value: A | Promise<A>, f: (value: A) => B): B | Promise<B> {
  return value instanceof Promise ? value.then(f) : f(value);
}
