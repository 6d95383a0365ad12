/** What a search varies: dimensions, and how points of a space are chosen. */
import { Generator, rand, show, ValueError } from "@tapegrad/core";
import type { Json } from "@tapegrad/nn";

/** One thing that a search varies. */
export interface Dimension<T extends Json = Json> {
  /** The value at u in [0, 1), for random search. */
  at(u: number): T;
  /** The values of a grid search; null if it needs to be told how many. */
  grid(): readonly T[] | null;
  /** Tells equal dimensions from others, so that a search is only resumed by itself. */
  readonly description: Json;
}

/** Dimensions by name; an array is a {@link choice}. */
export type Space = Readonly<Record<string, Dimension | readonly Json[]>>;

/** A point of a space. */
export type Params<S extends Space> = {
  -readonly [K in keyof S]: S[K] extends Dimension<infer T>
    ? T
    : S[K] extends readonly (infer T)[]
      ? T
      : never;
};

function checkRange(where: string, low: unknown, high: unknown, least: number): void {
  const fits =
    Number.isFinite(low) &&
    Number.isFinite(high) &&
    (low as number) < (high as number) &&
    (low as number) >= least;
  if (fits) return;
  throw new ValueError(
    `${where}: low is ${show(low)} and high ${show(high)}; both must be finite${least > -Infinity ? " and above 0" : ""}, low below high.`,
  );
}

function checkPoints(where: string, points: number | undefined): void {
  if (points === undefined || (Number.isSafeInteger(points) && points >= 2)) return;
  throw new ValueError(`${where}: points is ${show(points)}; it must be a whole number from 2.`);
}

/** Values at 0, 1/(points − 1), …, 1. */
function spaced(points: number | undefined, at: (u: number) => number): number[] | null {
  if (points === undefined) return null;
  return Array.from({ length: points }, (_, i) => at(i / (points - 1)));
}

/**
 * Between low and high, each as likely.
 *
 * @param options.points  values of a grid, equally spaced, both ends included
 */
export function uniform(
  low: number,
  high: number,
  { points }: { points?: number } = {},
): Dimension<number> {
  checkRange("uniform", low, high, -Infinity);
  checkPoints("uniform", points);
  // Both ends exactly.
  const at = (u: number) => (u === 1 ? high : low + (high - low) * u);
  return {
    at,
    grid: () => spaced(points, at),
    description: ["uniform", low, high, points ?? null],
  };
}

/**
 * Between low and high, each order of magnitude as likely: exp of a uniform number.
 *
 * @param options.points  values of a grid, equal ratios, both ends included
 */
export function logUniform(
  low: number,
  high: number,
  { points }: { points?: number } = {},
): Dimension<number> {
  checkRange("logUniform", low, high, Number.MIN_VALUE);
  checkPoints("logUniform", points);
  const at = (u: number) => (u === 1 ? high : low * (high / low) ** u);
  return {
    at,
    grid: () => spaced(points, at),
    description: ["logUniform", low, high, points ?? null],
  };
}

/** One of the values, each as likely: any JSON. */
export function choice<const T extends Json>(values: readonly T[]): Dimension<T> {
  if (!Array.isArray(values) || values.length === 0) {
    throw new ValueError(
      `choice: the values are ${show(values)}; they must be an array with at least one.`,
    );
  }
  return {
    at: (u) => values[Math.floor(u * values.length)],
    grid: () => values,
    description: ["choice", values as unknown as Json],
  };
}

/**
 * A whole number from low to high, both included; each as likely, or with `log` each order of magnitude.
 * A grid takes all of them.
 */
export function integer(
  low: number,
  high: number,
  { log = false }: { log?: boolean } = {},
): Dimension<number> {
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low > high || (log && low < 1)) {
    throw new ValueError(
      `integer: low is ${show(low)} and high ${show(high)}; both must be whole${log ? " and above 0" : ""}, low no larger than high.`,
    );
  }
  // The room that floor, or with `log` round, gives to each number.
  const [start, end] = log ? [low - 0.5, high + 0.5] : [low, high + 1];
  const pick = (u: number) =>
    log ? Math.round(start * (end / start) ** u) : Math.floor(start + (end - start) * u);
  return {
    at: (u) => Math.min(high, Math.max(low, pick(u))),
    grid: () => Array.from({ length: high - low + 1 }, (_, i) => low + i),
    description: ["integer", low, high, log],
  };
}

/** The dimensions of a space. @throws ValueError for anything else, and for an empty space */
export function dimensionsOf(where: string, space: Space): [string, Dimension][] {
  const entries = Object.entries(space ?? {});
  if (entries.length === 0) {
    throw new ValueError(
      `${where}: the space is empty; name what to vary, such as { lr: logUniform(1e-4, 1e-1) }.`,
    );
  }
  return entries.map(([name, given]) => {
    if (Array.isArray(given)) return [name, choice(given as Json[])];
    const dimension = given as Dimension;
    if (typeof dimension?.at !== "function" || typeof dimension.grid !== "function") {
      throw new ValueError(
        `${where}: ${name} is ${show(given)}; it must be uniform(…), logUniform(…), integer(…), choice([…]) or an array of values.`,
      );
    }
    return [name, dimension];
  });
}

/** Point number `index` of a random search, whichever were asked for before. */
export function randomPoint(
  dimensions: readonly [string, Dimension][],
  seed: number,
  index: number,
): Record<string, Json> {
  const generator = new Generator(seed);
  // A draw of n numbers consumes at most n blocks of the stream.
  generator.state = { seed, position: index * dimensions.length };
  const u = rand([dimensions.length], { dtype: "float64", generator }).data();
  return Object.fromEntries(dimensions.map(([name, dimension], i) => [name, dimension.at(u[i])]));
}

/** All points of a grid; the last dimension changes fastest. */
export function gridPoints(
  where: string,
  dimensions: readonly [string, Dimension][],
): Record<string, Json>[] {
  return dimensions.reduce<Record<string, Json>[]>(
    (points, [name, dimension]) => {
      const values = dimension.grid();
      if (values === null) {
        throw new ValueError(
          `${where}: ${name} has no grid; say how many values it takes, such as logUniform(1e-4, 1e-1, { points: 4 }).`,
        );
      }
      return points.flatMap((point) => values.map((value) => ({ ...point, [name]: value })));
    },
    [{}],
  );
}
