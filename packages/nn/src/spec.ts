/** Models as plain JSON, and back. */
import { show, ValueError } from "@tapegrad/core";
import type { Layer } from "./layer.ts";
import * as builtIn from "./layers/index.ts";
import type { AnyModule, Module } from "./module.ts";

/** A class whose instances specs can describe. */
export interface LayerClass {
  readonly layer: Layer;
  readonly name: string;
}

/** Filled at the first use, so that importing this file does nothing. */
let layers: Map<string, LayerClass> | null = null;

function knownLayers(): Map<string, LayerClass> {
  layers ??= new Map<string, LayerClass>(
    Object.values(builtIn)
      .filter((value) => Object.hasOwn(value, "layer"))
      .map((value) => value as unknown as LayerClass)
      .map((one) => [one.layer.type, one]),
  );
  return layers;
}

/**
 * Makes a class known to `fromSpec`. It holds its declaration as `static layer`; see `declareLayer`.
 *
 * @throws ValueError if the class declares nothing, or its type belongs to another class
 */
export function registerLayer(layerClass: LayerClass): void {
  if (!Object.hasOwn(Object(layerClass), "layer")) {
    throw new ValueError(
      `registerLayer: ${show(layerClass)} declares no layer; give the class a static layer = declareLayer(…).`,
    );
  }
  const { type } = layerClass.layer;
  const other = knownLayers().get(type);
  if (other !== undefined && other !== layerClass) {
    throw new ValueError(
      `registerLayer: the type "${type}" of ${layerClass.name} already belongs to ${other.name}; use another one.`,
    );
  }
  knownLayers().set(type, layerClass);
}

/**
 * Builds the module that a spec describes, with fresh parameters: the inverse of `module.spec`.
 *
 * ```ts
 * const model = fromSpec({
 *   type: "sequential",
 *   layers: [{ type: "linear", inFeatures: 784, outFeatures: 10 }, { type: "logSoftmax" }],
 * });
 * ```
 *
 * Layers that don't take one tensor to one tensor are asked for by type: `fromSpec<MSELoss>(…)`.
 *
 * @throws ValueError with the path of the entry that is wrong, such as layers[2].outFeatures
 */
export function fromSpec<M extends AnyModule = Module>(spec: unknown): M {
  return build(spec, "") as M;
}

function build(json: unknown, path: string): AnyModule {
  const here = path === "" ? "the spec" : path;
  const inside = (name: string) => (path === "" ? name : `${path}.${name}`);
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new ValueError(
      `fromSpec: ${here} is ${show(json)}; it must be an object with a type, such as { type: "relu" }.`,
    );
  }
  const given = json as Readonly<Record<string, unknown>>;
  const layer = typeof given.type === "string" ? knownLayers().get(given.type)?.layer : undefined;
  if (layer === undefined) {
    throw new ValueError(
      `fromSpec: ${inside("type")} is ${show(given.type)}; known are ${[...knownLayers().keys()].sort().join(", ")}. Make others known with registerLayer.`,
    );
  }
  const { fields } = layer;
  const unknown = Object.keys(given).find(
    (name) => name !== "type" && !Object.hasOwn(fields, name),
  );
  if (unknown !== undefined) {
    const known = Object.keys(fields).join(", ") || "no arguments";
    throw new ValueError(
      `fromSpec: ${inside(unknown)} is no argument of ${layer.type}; it takes ${known}.`,
    );
  }
  const config: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const missing = !Object.hasOwn(given, name) && "fallback" in field;
    const value = missing ? field.fallback : given[name];
    config[name] = field.fromJson ? field.fromJson(value, inside(name), build) : value;
    const problem = field.problem(config[name], inside(name));
    if (problem !== null) throw new ValueError(`fromSpec: ${problem}`);
  }
  return layer.create(config);
}
