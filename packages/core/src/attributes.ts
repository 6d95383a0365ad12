/** What an op declares of its attributes: the options of a call that are no tensors. */
import { ValueError } from "./errors.ts";
import { show } from "./show.ts";

interface NumberAttribute {
  readonly type: "number" | "whole";
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

interface NumbersAttribute {
  readonly type: "numbers" | "wholes";
  readonly default?: readonly number[];
  /** Bounds of each number. */
  readonly min?: number;
  readonly max?: number;
}

interface StringAttribute {
  readonly type: "string";
  readonly default?: string;
  readonly oneOf?: readonly string[];
}

interface StringsAttribute {
  readonly type: "strings";
  readonly default?: readonly string[];
  /** What each string may be. */
  readonly oneOf?: readonly string[];
}

interface BooleanAttribute {
  readonly type: "boolean";
  readonly default?: boolean;
}

type Described =
  | NumberAttribute
  | NumbersAttribute
  | StringAttribute
  | StringsAttribute
  | BooleanAttribute;

type AttributeValue = number | boolean | string | readonly number[] | readonly string[];

/** A default value, which shows the type, too; or a description: `{ type: "number", default: 1, min: 0 }`. */
export type Attribute = AttributeValue | Described;

export type Attributes = { readonly [name: string]: Attribute };

type TypeOf<D> = D extends number | { type: "number" | "whole" }
  ? number
  : D extends boolean | { type: "boolean" }
    ? boolean
    : D extends readonly number[] | { type: "numbers" | "wholes" }
      ? readonly number[]
      : D extends { type: "string"; oneOf: readonly (infer T)[] }
        ? T
        : D extends string | { type: "string" }
          ? string
          : D extends { type: "strings"; oneOf: readonly (infer T)[] }
            ? readonly T[]
            : readonly string[];

/** Names of the attributes that a call may leave out. */
type Optional<D extends Attributes> = {
  [K in keyof D]: D[K] extends AttributeValue | { default: AttributeValue } ? K : never;
}[keyof D];

/** Whether there are no names, or none that the type knows. */
export type DeclaresNone<D extends Attributes> = [keyof D] extends [never]
  ? true
  : string extends keyof D
    ? true
    : false;

/** The attributes as the op's functions get them; undefined where none are declared. */
export type AttributesOf<D extends Attributes> =
  DeclaresNone<D> extends true ? undefined : { readonly [K in keyof D]: TypeOf<D[K]> };

/** The attributes as a call gives them. */
export type GivenAttributes<D extends Attributes> = {
  readonly [K in Exclude<keyof D, Optional<D>>]: TypeOf<D[K]>;
} & { readonly [K in Optional<D>]?: TypeOf<D[K]> };

/** @internal Declared attributes in one form, by name. */
export type AttributeTable = ReadonlyMap<string, Described>;

const nouns: Record<Described["type"], string> = {
  number: "a number",
  whole: "a whole number",
  boolean: "true or false",
  string: "a string",
  numbers: "an array of numbers",
  wholes: "an array of whole numbers",
  strings: "an array of strings",
};

/** @internal @throws ValueError for a declaration that makes no sense, naming the op and the attribute */
export function attributeTable(op: string, declared: Attributes): AttributeTable {
  const table = new Map<string, Described>();
  for (const [name, attribute] of Object.entries(declared)) {
    const isDescription =
      typeof attribute === "object" && attribute !== null && !Array.isArray(attribute);
    const described = isDescription ? (attribute as Described) : fromDefault(attribute);
    if (described === null || !Object.hasOwn(nouns, described.type)) {
      throw new ValueError(
        `defineOp("${op}"): attribute ${name} is declared as ${show(attribute)}; give a default (a number, string, boolean, or an array that isn't empty), or { type } with one of ${Object.keys(nouns).join(", ")}.`,
      );
    }
    if (described.default !== undefined && !fits(described.default, described)) {
      throw new ValueError(
        `defineOp("${op}"): the default of attribute ${name} is ${show(described.default)}; it must be ${requirement(described)}.`,
      );
    }
    table.set(name, described);
  }
  return table;
}

function fromDefault(value: unknown): Described | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const kind = typeof first;
  if (kind !== "number" && kind !== "string" && kind !== "boolean") return null;
  const type = Array.isArray(value) ? `${kind}s` : kind;
  return { type, default: value } as Described;
}

/**
 * @internal The attributes of a call, checked, with defaults filled in; arrays are copied, since rules read
 * them later.
 *
 * @throws ValueError naming the op, the attribute, what came and what fits
 */
export function resolveAttributes(
  op: string,
  table: AttributeTable,
  given: unknown,
): Readonly<Record<string, unknown>> {
  const names = [...table.keys()].join(", ");
  if (
    given !== undefined &&
    (typeof given !== "object" || given === null || Array.isArray(given))
  ) {
    throw new ValueError(
      `${op}: the attributes are ${show(given)}; they must be an object with ${names}.`,
    );
  }
  const record = (given ?? {}) as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(record)) {
    if (!table.has(name)) {
      throw new ValueError(`${op}: there is no attribute ${name}; it takes ${names}.`);
    }
  }
  const resolved: Record<string, unknown> = {};
  for (const [name, described] of table) {
    const value = record[name] ?? described.default;
    if (value === undefined) {
      throw new ValueError(
        `${op}: attribute ${name} is missing; it must be ${requirement(described)}.`,
      );
    }
    if (!fits(value, described)) {
      throw new ValueError(
        `${op}: attribute ${name} is ${show(value)}; it must be ${requirement(described)}.`,
      );
    }
    resolved[name] = Array.isArray(value) ? [...value] : value;
  }
  return resolved;
}

function fits(value: unknown, described: Described): boolean {
  switch (described.type) {
    case "number":
    case "whole":
      return isNumber(value, described);
    case "numbers":
    case "wholes":
      return Array.isArray(value) && value.every((one) => isNumber(one, described));
    case "string":
      return isString(value, described);
    case "strings":
      return Array.isArray(value) && value.every((one) => isString(one, described));
    default:
      return typeof value === "boolean";
  }
}

function isNumber(value: unknown, { type, min, max }: NumberAttribute | NumbersAttribute): boolean {
  if (typeof value !== "number") return false;
  if (type.startsWith("whole") && !Number.isInteger(value)) return false;
  return (min === undefined || value >= min) && (max === undefined || value <= max);
}

function isString(value: unknown, { oneOf }: StringAttribute | StringsAttribute): boolean {
  return typeof value === "string" && (oneOf === undefined || oneOf.includes(value));
}

/** "a number of at least 0", '"mean" or "sum"'. */
function requirement(described: Described): string {
  const noun = nouns[described.type];
  if ("oneOf" in described) {
    const choices = described.oneOf.map(show).join(" or ");
    return described.type === "string" ? choices : `${noun}, each ${choices}`;
  }
  if (!("min" in described || "max" in described)) return noun;
  const { min, max } = described;
  if (max === undefined) return `${noun} of at least ${min}`;
  return min === undefined ? `${noun} of at most ${max}` : `${noun} from ${min} to ${max}`;
}
