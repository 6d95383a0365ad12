/** Hyper-parameters as data: each optimizer and schedule declares its own once, with defaults and valid values. */
import { show, tensor, ValueError } from "@tapegrad/core";

export interface Hyper<T> {
  readonly fallback: T;
  readonly wants: string;
  accepts(value: unknown): boolean;
}

export type HyperFields = Readonly<Record<string, Hyper<unknown>>>;

/** The values that the declarations describe. */
export type HyperValues<H extends HyperFields> = {
  -readonly [K in keyof H]: H[K] extends Hyper<infer T> ? T : never;
};

const isNumber = (value: unknown): value is number => typeof value === "number";

/** A rate, a decay, a small constant. */
export const nonNegative = (fallback: number): Hyper<number> => ({
  fallback,
  wants: "a finite number of at least 0",
  accepts: (value) => isNumber(value) && value >= 0 && value < Infinity,
});

export const positive = (fallback: number): Hyper<number> => ({
  fallback,
  wants: `a finite number above 0, such as ${fallback}`,
  accepts: (value) => isNumber(value) && value > 0 && value < Infinity,
});

/** How much of an average is kept at each step. */
export const fraction = (fallback: number): Hyper<number> => ({
  fallback,
  wants: "a number from 0 to below 1",
  accepts: (value) => isNumber(value) && value >= 0 && value < 1,
});

export const finite = (fallback: number): Hyper<number> => ({
  fallback,
  wants: "a finite number",
  accepts: Number.isFinite,
});

/** A count. */
export const whole = (fallback: number, least = 1): Hyper<number> => ({
  fallback,
  wants: `a whole number of at least ${least}`,
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= least,
});

export const flag = (fallback: boolean): Hyper<boolean> => ({
  fallback,
  wants: "true or false",
  accepts: (value) => typeof value === "boolean",
});

export const oneOf = <T extends string>(fallback: T, ...others: T[]): Hyper<T> => ({
  fallback,
  wants: [fallback, ...others].map(show).join(" or "),
  accepts: (value) => [fallback, ...others].includes(value as T),
});

/** What may be left out; null says so. */
export const optional = <T>({ wants, accepts }: Hyper<T>): Hyper<T | null> => ({
  fallback: null,
  wants: `${wants}, or null`,
  accepts: (value) => value === null || accepts(value),
});

/** Several numbers in an array. */
export const numbers = <T extends readonly number[]>(
  fallback: T,
  wants: string,
  accepts: (values: T) => boolean,
): Hyper<T> => ({
  fallback,
  wants: `${wants}, such as ${show(fallback)}`,
  accepts: (value) =>
    Array.isArray(value) &&
    value.length === fallback.length &&
    value.every(isNumber) &&
    accepts(value as unknown as T),
});

/** Two fractions. */
export const betas = (first: number, second: number): Hyper<readonly [number, number]> =>
  numbers<readonly [number, number]>([first, second], "two numbers from 0 to below 1", (values) =>
    values.every(fraction(0).accepts),
  );

/** @throws ValueError for a name that is not declared and for a value that won't do */
export function checkHyper(
  where: string,
  fields: HyperFields,
  given: Readonly<Record<string, unknown>>,
): void {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(fields, name)) {
      throw new ValueError(
        `${where}: unknown option ${name}; known are ${Object.keys(fields).join(", ")}.`,
      );
    }
    const { wants, accepts } = fields[name]!;
    if (!accepts(value)) {
      throw new ValueError(`${where}: ${name} is ${show(value)}; it must be ${wants}.`);
    }
  }
}

/** What was given, checked, and the defaults of the rest. @throws ValueError as {@link checkHyper} */
export function settle<H extends HyperFields>(
  where: string,
  fields: H,
  given: Readonly<Partial<HyperValues<H>>>,
): HyperValues<H> {
  checkHyper(where, fields, given);
  const fallbacks = Object.entries(fields).map(([name, { fallback }]) => [name, fallback]);
  return { ...Object.fromEntries(fallbacks), ...given };
}

// Math.pow and Math.cos may differ in the last bit from one engine to the next, the kernels' never do.

/** baseⁿ: whole exponents from 0 by squaring. */
export function power(base: number, n: number): number {
  if (!Number.isSafeInteger(n) || n < 0) return number(base).pow(n).item();
  let result = 1;
  for (let square = base, rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

export function cos(x: number): number {
  return number(x).cos().item();
}

const number = (x: number) => tensor(x, { dtype: "float64" });
