/** The kinds of arguments that layers declare; see {@link Field}. */
import { type DType, isFloat, show, ValueError } from "@tapegrad/core";
import type { BuildModule, Field, Json } from "./layer.ts";
import { Module } from "./module.ts";

interface Extras<T> {
  fallback?: T;
  quiet?: boolean;
}

function field<T>(
  wants: string,
  accepts: (value: unknown) => boolean,
  extras: Extras<T>,
): Field<T> {
  return {
    problem: (value, name) =>
      accepts(value) ? null : `${name} is ${show(value)}; it must be ${wants}.`,
    ...extras,
  };
}

/** A count of features, channels and the like. */
export const size = (extras: Extras<number> = {}) =>
  field(
    "a whole number of at least 1",
    (n) => Number.isSafeInteger(n) && (n as number) >= 1,
    extras,
  );

/** An axis, or any whole number. */
export const integer = (extras: Extras<number> = {}) =>
  field("a whole number", Number.isSafeInteger, extras);

export const number = (extras: Extras<number> = {}) =>
  field("a finite number", Number.isFinite, extras);

export const probability = (extras: Extras<number> = {}) =>
  field("a probability from 0 to 1", (p) => typeof p === "number" && p >= 0 && p <= 1, extras);

export const flag = (extras: Extras<boolean> = {}) =>
  field("true or false", (b) => typeof b === "boolean", extras);

/** One of some words. */
export const choice = <const T extends string>(words: readonly T[], extras: Extras<T> = {}) =>
  field(
    `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`,
    (word) => words.includes(word as T),
    extras,
  );

/** The dtype of parameters; float32 goes without saying. */
export const floatType: Field<DType> = field(
  '"float32" or "float64"',
  (dtype) => typeof dtype === "string" && isFloat(dtype as DType),
  { fallback: "float32", quiet: true },
);

/** Modules in order, by name ("0", "1", … where they have none). */
export type NamedModules = readonly (readonly [name: string, module: Module])[];

/** A module each, or pairs of name and module, or an object of them. */
export type Blocks = readonly Module[] | NamedModules | Readonly<Record<string, Module>>;

/** Blocks in their one form; what is wrong with them, {@link modules} tells. */
export function namedModules(blocks: Blocks): NamedModules {
  if (!Array.isArray(blocks)) return Object.entries(blocks);
  return blocks.map((block: Module | NamedModules[number], i) =>
    Array.isArray(block) ? (block as NamedModules[number]) : [String(i), block as Module],
  );
}

function isNumbered(list: NamedModules): boolean {
  return list.every(([name], i) => name === String(i));
}

/** A list of modules. As JSON it is an array, or an object where they have names of their own. */
export const modules: Field<NamedModules> = {
  problem(value, name) {
    const list = value as NamedModules;
    const numbered = isNumbered(list);
    for (const [key, module] of list) {
      const place = numbered ? `${name}[${key}]` : `${name}.${key}`;
      if (!(module instanceof Module)) {
        return `${place} is ${show(module)}; it must be a module, such as linear(2, 3) or relu().`;
      }
      if (!numbered && !isFreeName(key)) {
        return `${name} has a module named ${show(key)}; a name must be a word without dots that no member of modules has.`;
      }
      if (list.filter(([other]) => other === key).length > 1) {
        return `${name} has two modules named ${show(key)}; names must differ.`;
      }
    }
    return null;
  },
  toJson(list): Json {
    const specs = list.map(([name, module]) => [name, module.spec] as const);
    return isNumbered(list) ? specs.map(([, spec]) => spec) : Object.fromEntries(specs);
  },
  fromJson(json: unknown, path: string, build: BuildModule) {
    if (typeof json !== "object" || json === null) {
      throw new ValueError(
        `fromSpec: ${path} is ${show(json)}; it must be an array of module specs, or an object of them by name.`,
      );
    }
    const place = (key: string) => (Array.isArray(json) ? `${path}[${key}]` : `${path}.${key}`);
    return Object.entries(json).map(([key, item]) => [key, build(item, place(key)) as Module]);
  },
};

/** Whether a module may be a field of this name. Whole numbers would jump to the front of the fields. */
function isFreeName(name: unknown): boolean {
  if (typeof name !== "string" || !/^[^.]+$/.test(name) || /^\d+$/.test(name)) return false;
  return !(name in Module.prototype) && name !== "training" && name !== "forward";
}
