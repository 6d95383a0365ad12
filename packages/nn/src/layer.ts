/**
 * What a layer declares about its arguments, once: the constructor checks them, `spec` writes them,
 * `fromSpec` reads them and `toString` prints them, all from the same fields. The checks are valibot's.
 */
import { type Tensor, ValueError } from "@tapegrad/core";
import type { BaseIssue, GenericSchema } from "valibot";
import { safeParse } from "valibot";
import type { AnyModule } from "./module.ts";

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** A module as plain JSON: its type, and the arguments under their names. */
export interface Spec {
  readonly type: string;
  readonly [key: string]: Json;
}

/** Rebuilds a nested module; `path` is its place in the whole spec, for messages. */
export type BuildModule = (json: unknown, path: string) => AnyModule;

/** What follows the name of a wrong value in a message: "is -1; it must be …". */
export type Message = (issue: BaseIssue<unknown>) => string;

/** The arguments of a layer under their names. */
export type Arguments = Readonly<Record<string, unknown>>;

/** Where a size comes from that was given as null. Both give undefined where it can't be told. */
export interface Inference {
  /** The size, from the first input that the layer sees. */
  input(x: Tensor, config: Arguments): number | undefined;
  /** The size, from the layer's own entries of a state that is being loaded. */
  state(entries: Readonly<Record<string, Tensor>>, config: Arguments): number | undefined;
}

/** How values that are not JSON themselves appear in specs. */
export interface JsonForm<T> {
  /** Given the schema of any module's spec. */
  schema(module: GenericSchema): GenericSchema;
  write(value: T): Json;
  /** From JSON that the schema has passed. */
  read(json: never, path: string, build: BuildModule): T;
}

/** One argument of a layer. The kinds that exist are in `fields.ts`. */
export interface Field<T> {
  /** "a whole number of at least 1". */
  readonly wants: string;
  /** Accepts the values of the argument. */
  readonly schema: GenericSchema<unknown, T>;
  /** The schema with another message, for fields that are made of others. */
  saying(message: Message): GenericSchema<unknown, T>;
  /** What a spec may leave out. */
  readonly fallback?: T;
  /** Specs and prints leave the argument out where it has its fallback. */
  readonly quiet?: boolean;
  /** For a size that may be null until the layer knows it. */
  readonly inference?: Inference;
  readonly json?: JsonForm<T>;
}

// biome-ignore lint/suspicious/noExplicitAny: a field of any type; T is both read and written
export type Fields = Readonly<Record<string, Field<any>>>;

type Config<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/** How a layer is described in a spec; its class holds it as `static layer`. */
export interface Layer {
  readonly type: string;
  readonly fields: Fields;
  create(config: Arguments): AnyModule;
}

/**
 * Declares a layer for specs:
 *
 * ```ts
 * class Scale extends Module {
 *   static layer = declareLayer("scale", { factor: fields.number() }, ({ factor }) => new Scale(factor));
 *   readonly factor: number;
 *   constructor(factor: number) {
 *     super({ factor });
 *     this.factor = factor;
 *   }
 *   forward(x: Tensor): Tensor {
 *     return x.mul(this.factor);
 *   }
 * }
 * ```
 */
export function declareUserLayer<F extends Fields>(
  type: string,
  fields: F,
  create: (config: Config<F>) => AnyModule,
): Layer {
  return { type, fields, create: create as Layer["create"] };
}

const own = new WeakSet<Layer>();

/** Declares a layer whose forward keeps nothing of what it makes; the memory goes back at once. */
export function declareLayer<F extends Fields>(
  ...declaration: Parameters<typeof declareUserLayer<F>>
): Layer {
  const layer = declareUserLayer(...declaration);
  own.add(layer);
  return layer;
}

/** Whether the class itself, not only one that it extends, was declared in this library. */
export function isOwn(made: { readonly layer?: Layer }): boolean {
  return Object.hasOwn(made, "layer") && own.has(made.layer!);
}

/**
 * What prints call a module: its class, or for a declared one its type in the class's spelling, since tools
 * that pack programs rename classes.
 */
export function kindOf(module: AnyModule): string {
  const made = module.constructor as unknown as { readonly name: string; readonly layer: Layer };
  const name = made.name.replace(/^_+/, "");
  if (!Object.hasOwn(made, "layer")) return name;
  const { type } = made.layer;
  return name.toLowerCase() === type.toLowerCase() ? name : type[0]!.toUpperCase() + type.slice(1);
}

/** What messages call a module: its type in specs, or its class if it has none. */
export function typeOf(module: AnyModule): string {
  return (module.constructor as unknown as { layer?: Layer }).layer?.type ?? kindOf(module);
}

/** "layers[2].outFeatures": a place in nested objects and arrays. */
export function placeOf(keys: readonly unknown[]): string {
  return keys
    .map((key, i) => (typeof key === "number" ? `[${key}]` : `${i === 0 ? "" : "."}${String(key)}`))
    .join("");
}

/** The place of what a schema refused, inside of `above`, and what is wrong there. */
export function issueText(issue: BaseIssue<unknown>, above: readonly unknown[] = []): string {
  return `${placeOf([...above, ...(issue.path ?? []).map(({ key }) => key)])} ${issue.message}`;
}

/** @throws ValueError for the first argument that its field refuses */
export function checkConfig(layer: Layer, config: Arguments): void {
  for (const [name, field] of Object.entries(layer.fields)) {
    const { issues } = safeParse(field.schema, config[name], { abortEarly: true });
    if (issues !== undefined) {
      throw new ValueError(`${layer.type}: ${issueText(issues[0], [name])}`);
    }
  }
}

/** The arguments that say something: all but quiet ones at their fallback. */
function spoken(layer: Layer, config: Arguments): [name: string, field: Field<unknown>][] {
  return Object.entries(layer.fields).filter(
    ([name, field]) => !(field.quiet && config[name] === field.fallback),
  );
}

/** The arguments as JSON. */
export function configToJson(layer: Layer, config: Arguments): Record<string, Json> {
  const entries = spoken(layer, config).map(([name, field]) => {
    const value = config[name];
    return [name, field.json ? field.json.write(value) : (value as Json)];
  });
  return Object.fromEntries(entries);
}

/** The plain arguments as a line: "p=0.5". Those that are modules are printed as such. */
export function configToText(layer: Layer, config: Arguments): string {
  return spoken(layer, config)
    .filter(([, field]) => field.json === undefined)
    .map(([name]) => `${name}=${JSON.stringify(config[name])}`)
    .join(", ");
}
