/**
 * What a config may hold, said once: each item knows what it must be, in words and as a valibot schema.
 * Mistakes are told by their place in the file, all at once.
 */
import { show, TapegradError } from "@tapegrad/core";
import { fields, nearest } from "@tapegrad/nn";
import * as v from "valibot";
import { UsageError } from "./io.ts";

/** One value of a config. Those of `nn.fields` are such items. */
export interface Item<T> {
  /** "a whole number of at least 1". */
  readonly wants: string;
  readonly schema: v.GenericSchema<unknown, T>;
  /** What stands where a config says nothing. */
  readonly fallback?: T;
  /** Whether a config may say nothing, without a value in its place. */
  readonly absent?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: an item of any type
export type Items = Readonly<Record<string, Item<any>>>;

type Kept<I extends Items> = {
  [K in keyof I]: I[K] extends { readonly absent: true } ? never : K;
}[keyof I];

/** The values that the items describe. */
export type Values<I extends Items> = {
  readonly [K in Kept<I>]: I[K] extends Item<infer T> ? T : never;
} & {
  readonly [K in Exclude<keyof I, Kept<I>>]?: I[K] extends Item<infer T> ? T : never;
};

/** An item that a config may leave out. */
export function maybe<T>({ wants, schema }: Item<T>): Item<T> & { readonly absent: true } {
  return { wants, schema, absent: true };
}

export const text: Item<string> = fields.field<string>("a text that is not empty", (message) =>
  v.pipe(v.string(message), v.trim(), v.nonEmpty(message)),
);

/** One of some words; a wrong one gets the nearest. */
export const word = <const T extends string>(words: readonly T[]): Item<T> => {
  const wants = `one of ${words.map(show).join(", ")}`;
  const message = ({ input }: v.BaseIssue<unknown>) =>
    `is ${show(input)}; ${meant(input, words) ?? `it must be ${wants}.`}`;
  return { wants, schema: v.picklist(words, message) };
};

/** A number from 0 that may be a share below 1, or a count. */
export const shareOrCount: Item<number> = fields.field<number>(
  "a share below 1 or a whole number of examples, 0 for none",
  (message) =>
    v.custom<number>(
      (value) =>
        typeof value === "number" && value >= 0 && (value < 1 || Number.isSafeInteger(value)),
      message,
    ),
);

export const notNegative: Item<number> = fields.field<number>(
  "a finite number of at least 0",
  (message) => v.pipe(v.number(message), v.finite(message), v.minValue(0, message)),
);

/** A number, or one for each of something. */
export const numberOrList: Item<number | readonly number[]> = fields.either(
  fields.number(),
  fields.list(fields.number()),
);

function meant(input: unknown, names: readonly string[]): string | null {
  const near = typeof input === "string" ? nearest(input, names) : [];
  return near.length === 0 ? null : `did you mean ${near.map(show).join(" or ")}?`;
}

function known(input: unknown, names: readonly string[]): string {
  return meant(input, names) ?? `known are ${names.join(", ")}.`;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// ---- Objects

function objectSchema<I extends Items>(
  items: I,
  whose: string,
): v.GenericSchema<unknown, Values<I>> {
  const names = Object.keys(items);
  const entries = Object.entries(items).map(([name, { schema, fallback, absent }]) => {
    if (absent) return [name, v.exactOptional(schema)] as const;
    return [name, fallback === undefined ? schema : v.optional(schema, fallback)] as const;
  });
  const wrong = ({ expected, path, input }: v.BaseIssue<unknown>) => {
    if (path === undefined) return `is ${show(input)}; it must be an object.`;
    const key = String(path[0].key);
    if (expected === "never") return `is no option of ${whose}; ${known(key, names)}`;
    return `is missing; it must be ${items[key].wants}.`;
  };
  return v.strictObject(Object.fromEntries(entries), wrong) as unknown as v.GenericSchema<
    unknown,
    Values<I>
  >;
}

/** An object with these items and no others. @param whose  what messages call it */
export function group<I extends Items>(items: I, whose: string): Item<Values<I>> {
  return {
    wants: `an object with ${Object.keys(items).join(", ")}`,
    schema: objectSchema(items, whose),
  };
}

/** An array. */
export function list<T>(item: Item<T>): Item<readonly T[]> {
  const wants = `an array, each item ${item.wants}`;
  return {
    wants,
    schema: v.array(item.schema, ({ input }) => `is ${show(input)}; it must be ${wants}.`),
  };
}

// ---- Kinds

/** One of several things that a config can name, with options of its own. */
export interface Kind<I extends Items = Items> {
  readonly items: I | (() => I);
}

const itemsOf = ({ items }: Kind): Items => (typeof items === "function" ? items() : items);

/** What a config chose: the name of the kind, and its options. */
export type Chosen<N extends string = string> = Readonly<Record<string, unknown>> & {
  readonly type: N;
};

/**
 * `{ "type": "adam", "lr": 0.1 }`, or only `"adam"`.
 *
 * @param key    what the name is called: `type`, or another word
 * @param extra  options that all kinds have
 * @param otherwise  the name where an object says none
 */
export function oneOf<N extends string>(
  kinds: Readonly<Record<N, Kind>>,
  {
    key = "type",
    extra = {},
    example,
    otherwise,
  }: { key?: string; extra?: Items; example: string; otherwise?: N },
): Item<Chosen<N>> {
  const names = Object.keys(kinds) as N[];
  const wants = `an object such as ${example}`;
  const schema = v.lazy((input): v.GenericSchema => {
    const short = typeof input === "string";
    if (!short && !isObject(input)) return refusal(`is ${show(input)}; it must be ${wants}.`);
    const name = short ? input : (input[key] ?? otherwise);
    if (name === undefined) {
      return refusal(
        `has no ${show(key)}; it must be ${wants}. The names are ${names.join(", ")}.`,
      );
    }
    if (!names.includes(name as N)) {
      return refusal(`is ${show(name)}; ${known(name, names)}`, short ? undefined : key);
    }
    const called = { ...word(names), ...(otherwise && { fallback: otherwise }) };
    const items = { [key]: called, ...itemsOf(kinds[name as N]), ...extra };
    const whole = objectSchema(items, show(name));
    const named = v.transform(() => ({ [key]: name }));
    return short ? (v.pipe(v.unknown(), named, whole) as v.GenericSchema) : whole;
  });
  return { wants, schema: schema as v.GenericSchema<unknown, Chosen<N>> };
}

/** A schema that nothing fits. @param key  whose value is at fault; by default the whole */
function refusal(message: string, key?: string): v.GenericSchema {
  if (key === undefined) return v.custom(() => false, message);
  return v.pipe(
    v.unknown(),
    v.rawCheck(({ dataset, addIssue }) => {
      const input = dataset.value as Record<string, unknown>;
      const place = { type: "object", origin: "value", input, key, value: input[key] } as const;
      addIssue({ message, path: [place] });
    }),
  );
}

/**
 * A value that a function of the library accepts for an option: what that says of others is the message.
 * What it says of options together is left to when it is called with all of them.
 */
export function accepted(option: string, attempt: (value: unknown) => void): Item<unknown> {
  return {
    wants: `what is known as ${option}`,
    schema: v.pipe(
      v.unknown(),
      v.rawCheck(({ dataset, addIssue }) => {
        try {
          attempt(dataset.value);
        } catch (error) {
          if (!(error instanceof TapegradError)) throw error;
          // "Adam: lr is -1; it must be …"
          const [, subject, message] = error.message.match(/^\w+: (\w+) (is .*)$/s) ?? [];
          if (subject === option) addIssue({ message });
        }
      }),
    ),
  };
}

// ---- Checking

/** Where a mistake is, and which. */
function lineOf(issue: v.BaseIssue<unknown>): string {
  const place = (issue.path ?? [])
    .map(({ key }, i) =>
      typeof key === "number" ? `[${key}]` : `${i === 0 ? "" : "."}${String(key)}`,
    )
    .join("");
  return place === "" ? `the config ${issue.message}` : `${place} ${issue.message}`;
}

/** The value with every default in its place, or what is wrong with it, a line each. */
export function check<T>(item: Item<T>, value: unknown): { value: T } | { mistakes: string[] } {
  const { success, output, issues } = v.safeParse(item.schema, value);
  return success ? { value: output } : { mistakes: issues.map(lineOf) };
}

/** What is wrong with a config, a line each. */
export class ConfigError extends UsageError {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(
      mistakes.length === 1
        ? mistakes[0]
        : `the config has ${mistakes.length} mistakes:\n  ${mistakes.join("\n  ")}`,
    );
    this.mistakes = mistakes;
  }
}

/** Runs a call of the library for a part of the config: what it finds wrong is told by its place there. */
export function inPlace<T>(place: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof TapegradError)) throw error;
    throw new ConfigError(placed(place, error.message));
  }
}

/** "fromSpec: layers[1].outFeatures is -1; …" becomes "model.layers[1].outFeatures is -1; …". */
export function placed(place: string, message: string): string[] {
  const lines = message.replace(/^fromSpec:\s+/, "").split("\n");
  return lines.map((line) => {
    // Layers of one's own need a program.
    const text = line.replace(" Make others known with registerLayer.", "").trim();
    if (text.startsWith("the spec ")) return text.replace("the spec", place);
    const isPath = /^[\w.[\]]+ (is|has) /.test(text) || /^\w+[.[][\w.[\]]*: /.test(text);
    return `${place}${isPath ? "." : ": "}${text}`;
  });
}
