/** What a search varies, as a config says it. */
import { fields, type Json } from "@tapegrad/nn";
import {
  choice,
  type Dimension,
  integer,
  logUniform,
  medianRule,
  type Pruner,
  successiveHalving,
  uniform,
} from "@tapegrad/train";
import * as v from "valibot";
import {
  type Chosen,
  group,
  type Item,
  type Items,
  inPlace,
  type Kind,
  maybe,
  oneOf,
  type Values,
  word,
} from "./schema.ts";

const { count, field, flag, integer: whole, number, size } = fields;

interface DimensionKind<I extends Items = Items> extends Kind<I> {
  make(options: Values<I>): Dimension;
}

const kind = <I extends Items>(items: I, make: DimensionKind<I>["make"]): DimensionKind =>
  ({ items, make }) as unknown as DimensionKind;

const values = field<readonly Json[]>("an array of at least one value", (message) =>
  v.pipe(v.array(v.any(), message), v.minLength(1, message)),
);
const range = { low: number(), high: number(), points: maybe(size()) };

const kinds: Record<string, DimensionKind> = {
  uniform: kind(range, ({ low, high, ...options }) => uniform(low, high, options)),
  logUniform: kind(range, ({ low, high, ...options }) => logUniform(low, high, options)),
  integer: kind({ low: whole(), high: whole(), log: maybe(flag()) }, ({ low, high, ...options }) =>
    integer(low, high, options),
  ),
  choice: kind({ values }, ({ values }) => choice(values)),
};

const named = oneOf(kinds, { example: '{ "type": "logUniform", "low": 1e-4, "high": 0.1 }' });

type ChosenDimension = Chosen | readonly Json[];

/** An array is a choice. */
const dimensionItem: Item<ChosenDimension> = {
  wants: `${named.wants}, or ${values.wants}`,
  schema: v.lazy(
    (input): v.GenericSchema<unknown, ChosenDimension> =>
      Array.isArray(input) ? values.schema : named.schema,
  ),
};

const space: Item<Readonly<Record<string, ChosenDimension>>> = {
  wants: 'an object of places and values, such as { "optimizer.lr": [0.1, 0.01] }',
  schema: v.record(v.string(), dimensionItem.schema, "must be an object of places and values."),
};

export const searchItem = group(
  {
    space,
    method: maybe(word(["random", "grid"])),
    trials: maybe(size()),
    seed: count({ fallback: 0 }),
    pruning: maybe(word(["median", "halving"])),
  },
  "search",
);

/** Dimensions by their place in the config. @throws ConfigError for ranges that make no sense */
export function makeSpace(
  chosen: Readonly<Record<string, ChosenDimension>>,
): Record<string, Dimension> {
  return Object.fromEntries(
    Object.entries(chosen).map(([place, one]) => [
      place,
      inPlace(`search.space[${JSON.stringify(place)}]`, () => {
        if (!("type" in one)) return choice(one as readonly Json[]);
        const { type, ...options } = one;
        return kinds[type].make(options);
      }),
    ]),
  );
}

export const pruners: Readonly<Record<"median" | "halving", () => Pruner>> = {
  median: medianRule,
  halving: successiveHalving,
};
