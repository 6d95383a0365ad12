/** Hyper-parameters as data: each optimizer declares its own once, with defaults and valid values. */
import { show, ValueError } from "@tapegrad/core";

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

export const flag = (fallback: boolean): Hyper<boolean> => ({
  fallback,
  wants: "true or false",
  accepts: (value) => typeof value === "boolean",
});

/** Two fractions. */
export const betas = (first: number, second: number): Hyper<readonly [number, number]> => ({
  fallback: [first, second],
  wants: `two numbers from 0 to below 1, such as [${first}, ${second}]`,
  accepts: (value) =>
    Array.isArray(value) && value.length === 2 && value.every(fraction(0).accepts),
});

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

/** baseⁿ by squaring. Math.pow may differ in the last bit from one engine to the next. */
export function power(base: number, n: number): number {
  let result = 1;
  for (let square = base, rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
