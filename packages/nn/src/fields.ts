/** The kinds of arguments that layers declare; see {@link Field}. */
import { type DType, isFloat, show } from "@tapegrad/core";
import * as v from "valibot";
import type { Field, Inference, Message } from "./layer.ts";
import { type AnyModule, Module } from "./module.ts";

export interface Extras<T> {
  /** What a spec may leave out. */
  fallback?: T;
  /** Specs and prints leave the argument out where it has its fallback. */
  quiet?: boolean;
}

/** A kind of argument: what it must be in words, and a valibot schema that gives the message it is handed. */
export function field<T>(
  wants: string,
  saying: (message: Message) => v.GenericSchema<unknown, T>,
  extras: Extras<T> = {},
): Field<T> {
  const schema = saying(({ input }) => `is ${show(input)}; it must be ${wants}.`);
  return { wants, schema, saying, ...extras };
}

/** A value that a test accepts. */
function tested<T>(wants: string, accepts: (value: unknown) => boolean, extras: Extras<T>) {
  return field<T>(wants, (message) => v.custom<T>(accepts, message), extras);
}

const wholeFrom = (least: number) => (message: Message) =>
  v.pipe(v.number(message), v.safeInteger(message), v.minValue(least, message));

/** A count of features, channels and the like. */
export const size = (extras: Extras<number> = {}) =>
  field<number>("a whole number of at least 1", wholeFrom(1), extras);

/** A count that may be 0. */
export const count = (extras: Extras<number> = {}) =>
  field<number>("a whole number of at least 0", wholeFrom(0), extras);

/** An axis, or any whole number. */
export const integer = (extras: Extras<number> = {}) =>
  field<number>(
    "a whole number",
    (message) => v.pipe(v.number(message), v.safeInteger(message)),
    extras,
  );

export const number = (extras: Extras<number> = {}) =>
  field<number>(
    "a finite number",
    (message) => v.pipe(v.number(message), v.finite(message)),
    extras,
  );

/** A number above 0, such as eps. */
export const positive = (extras: Extras<number> = {}) =>
  field<number>(
    "a finite number above 0",
    (message) => v.pipe(v.number(message), v.finite(message), v.gtValue(0, message)),
    extras,
  );

export const probability = (extras: Extras<number> = {}) =>
  field<number>(
    "a probability from 0 to 1",
    (message) => v.pipe(v.number(message), v.minValue(0, message), v.maxValue(1, message)),
    extras,
  );

export const flag = (extras: Extras<boolean> = {}) =>
  field<boolean>("true or false", (message) => v.boolean(message), extras);

/** One of some words. */
export const choice = <const T extends string>(words: readonly T[], extras: Extras<T> = {}) =>
  field<T>(
    `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`,
    (message) => v.picklist(words, message),
    extras,
  );

/** The dtype of parameters; float32 goes without saying. */
export const floatType: Field<DType> = tested<DType>(
  '"float32" or "float64"',
  (dtype) => typeof dtype === "string" && isFloat(dtype as DType),
  { fallback: "float32", quiet: true },
);

/** A number for all spatial axes, or one for each of `axes`. */
export const perAxis = (
  axes: number,
  { least = 1, ...extras }: Extras<number | readonly number[]> & { least?: number } = {},
) => {
  const whole = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= least;
  return tested<number | readonly number[]>(
    `a whole number of at least ${least}, or an array of ${axes}`,
    (n) => whole(n) || (Array.isArray(n) && n.length === axes && n.every(whole)),
    extras,
  );
};

/** One or more sizes: 10, or [3, 10]. */
export const sizes = (extras: Extras<number | readonly number[]> = {}) => {
  const whole = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 1;
  return tested<number | readonly number[]>(
    "a whole number of at least 1, or an array of them",
    (n) => whole(n) || (Array.isArray(n) && n.length > 0 && n.every(whole)),
    extras,
  );
};

/** An array of what another field takes. */
export const list = <T>(of: Field<T>, extras: Extras<readonly T[]> = {}) =>
  field<readonly T[]>(
    `an array, each item ${of.wants}`,
    (message) => v.array(of.saying(message), message),
    extras,
  );

/** What one field or another takes. */
export const either = <A, B>(a: Field<A>, b: Field<B>, extras: Extras<A | B> = {}) =>
  tested<A | B>(
    `${a.wants}, or ${b.wants}`,
    (value) => v.is(a.schema, value) || v.is(b.schema, value),
    extras,
  );

/** What another field takes, or null; null where a spec says nothing. */
export const optional = <T>(of: Field<T>, extras: Extras<T | null> = {}) =>
  field<T | null>(`${of.wants}, or null`, (message) => v.nullable(of.saying(message)), {
    fallback: null,
    ...extras,
  });

/**
 * A size that may be left to the first input: null (or nothing in a spec) until the layer knows it. The
 * layer makes what depends on it in `build`, see {@link Module}.
 *
 * ```ts
 * inFeatures: fields.inferred({
 *   input: (x) => x.shape.at(-1),
 *   state: ({ weight }) => weight?.shape[1],
 * })
 * ```
 */
export const inferred = (inference: Inference): Field<number | null> => ({
  ...field<number | null>(
    "a whole number of at least 1, or null to take it from the first input",
    (message) => v.nullable(wholeFrom(1)(message)),
    { fallback: null },
  ),
  inference,
});

const wantsModule = "a module, such as linear(2, 3) or relu()";
const isModule = (message: Message) =>
  v.custom<Module>((value) => value instanceof Module, message);

/** One module. */
export const module = (): Field<Module> => ({
  ...field<Module>(wantsModule, isModule),
  json: {
    schema: (spec) => spec,
    write: (value) => value.spec,
    read: (json, path, build) => build(json, path) as Module,
  },
});

/** One module, or null for none. */
export const optionalModule = (): Field<Module | null> => ({
  ...optional(module()),
  json: {
    schema: (spec) => v.nullable(spec),
    write: (value) => value?.spec ?? null,
    read: (json, path, build) => (json === null ? null : (build(json, path) as Module)),
  },
});

/** Modules in order, by name ("0", "1", … where they have none). */
export type NamedModules<M extends AnyModule = Module> = readonly (readonly [
  name: string,
  module: M,
])[];

/** A module each, or pairs of name and module, or an object of them. */
export type Blocks<M extends AnyModule = Module> =
  | readonly M[]
  | NamedModules<M>
  | Readonly<Record<string, M>>;

/** Blocks in their one form; what is wrong with them, {@link modules} tells. */
export function namedModules<M extends AnyModule>(blocks: Blocks<M>): NamedModules<M> {
  if (!Array.isArray(blocks)) return Object.entries(blocks as Readonly<Record<string, M>>);
  return blocks.map((block: M | NamedModules<M>[number], i) =>
    Array.isArray(block) ? (block as unknown as NamedModules<M>[number]) : [String(i), block as M],
  );
}

function isNumbered(list: NamedModules<AnyModule>): boolean {
  return list.every(([name], i) => name === String(i));
}

/** What is wrong with a list of modules one of which has a name that can't be a field's. */
export function nameTaken(name: unknown): string {
  return `has a module named ${show(name)}; a name must be a word without dots that no member of modules has.`;
}

/** Whether a module may be a field of this name. Whole numbers would jump to the front of the fields. */
function isFreeName(name: unknown): boolean {
  if (typeof name !== "string" || !/^[^.]+$/.test(name) || /^\d+$/.test(name)) return false;
  return !(name in Module.prototype) && name !== "training" && name !== "forward";
}

/** What is wrong with a list of modules, and with which; null if nothing is. */
function problem(list: NamedModules): { key?: string | number; text: string } | null {
  const numbered = isNumbered(list);
  const seen = new Set<string>();
  for (const [name, one] of list) {
    if (!(one instanceof Module)) {
      const key = numbered ? Number(name) : name;
      return { key, text: `is ${show(one)}; it must be ${wantsModule}.` };
    }
    if (!numbered && !isFreeName(name)) {
      return {
        text: nameTaken(name),
      };
    }
    if (seen.has(name)) {
      return { text: `has two modules named ${show(name)}; names must differ.` };
    }
    seen.add(name);
  }
  return null;
}

const moduleList = () =>
  v.pipe(
    v.custom<NamedModules>(() => true),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const found = problem(dataset.value);
      if (found === null) return;
      const { key, text: message } = found;
      const input = dataset.value;
      if (key === undefined) addIssue({ message });
      else
        addIssue({
          message,
          path: [{ type: "unknown", origin: "value", input, key, value: null }],
        });
    }),
  );

const wantsSpecs = ({ input }: v.BaseIssue<unknown>) =>
  `is ${show(input)}; it must be an array of module specs, or an object of them by name.`;

/** A list of modules. As JSON it is an array, or an object where they have names of their own. */
export const modules: Field<NamedModules> = {
  ...field<NamedModules>("a list of modules", moduleList),
  json: {
    schema: (spec) =>
      v.lazy((json) =>
        Array.isArray(json) ? v.array(spec, wantsSpecs) : v.record(v.string(), spec, wantsSpecs),
      ),
    write(list) {
      const specs = list.map(([name, one]) => [name, one.spec] as const);
      return isNumbered(list) ? specs.map(([, spec]) => spec) : Object.fromEntries(specs);
    },
    read(json: object, path, build) {
      const place = (key: string) => (Array.isArray(json) ? `${path}[${key}]` : `${path}.${key}`);
      return Object.entries(json).map(([key, item]) => [key, build(item, place(key)) as Module]);
    },
  },
};
