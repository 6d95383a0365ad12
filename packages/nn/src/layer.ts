/**
 * What a layer declares about its arguments, once: the constructor checks them, `spec` writes them,
 * `fromSpec` reads them and `toString` prints them, all from the same fields.
 */
import { ValueError } from "@tapegrad/core";
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

/** One argument of a layer. The kinds that exist are in `fields.ts`. */
export interface Field<T> {
  /** null if the value will do, else what is wrong with it: "p is 1.5; it must be …". */
  problem(value: unknown, name: string): string | null;
  /** What a spec may leave out. */
  readonly fallback?: T;
  /** Specs and prints leave the argument out where it has its fallback. */
  readonly quiet?: boolean;
  /** For values that are not JSON themselves. */
  toJson?(value: T): Json;
  fromJson?(json: unknown, path: string, build: BuildModule): T;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

type Config<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/** How a layer is described in a spec; its class holds it as `static layer`. */
export interface Layer {
  readonly type: string;
  readonly fields: Fields;
  create(config: Readonly<Record<string, unknown>>): AnyModule;
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
export function declareLayer<F extends Fields>(
  type: string,
  fields: F,
  create: (config: Config<F>) => AnyModule,
): Layer {
  return { type, fields, create: create as Layer["create"] };
}

/** @throws ValueError for the first argument that its field refuses */
export function checkConfig(layer: Layer, config: Readonly<Record<string, unknown>>): void {
  for (const [name, field] of Object.entries(layer.fields)) {
    const problem = field.problem(config[name], name);
    if (problem !== null) throw new ValueError(`${layer.type}: ${problem}`);
  }
}

/** The arguments that say something: all but quiet ones at their fallback. */
function spoken(
  layer: Layer,
  config: Readonly<Record<string, unknown>>,
): [name: string, field: Field<unknown>][] {
  return Object.entries(layer.fields).filter(
    ([name, field]) => !(field.quiet && config[name] === field.fallback),
  );
}

/** The arguments as JSON. */
export function configToJson(
  layer: Layer,
  config: Readonly<Record<string, unknown>>,
): Record<string, Json> {
  const entries = spoken(layer, config).map(([name, field]) => {
    const value = config[name];
    return [name, field.toJson ? field.toJson(value) : (value as Json)];
  });
  return Object.fromEntries(entries);
}

/** The plain arguments as a line: "p=0.5". Those that are modules are printed as such. */
export function configToText(layer: Layer, config: Readonly<Record<string, unknown>>): string {
  return spoken(layer, config)
    .filter(([, field]) => field.toJson === undefined)
    .map(([name]) => `${name}=${JSON.stringify(config[name])}`)
    .join(", ");
}
