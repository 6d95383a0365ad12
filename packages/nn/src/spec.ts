/** Models as plain JSON, and back. */
import { show, TapegradError, ValueError } from "@tapegrad/core";
import * as v from "valibot";
import { type BuildLimits, withinLimits } from "./budget.ts";
import { type Arguments, issueText, type Layer } from "./layer.ts";
import * as builtIn from "./layers/index.ts";
import type { AnyModule, Module } from "./module.ts";
import { nearest } from "./nearest.ts";
import * as presets from "./presets/index.ts";

/** A class whose instances specs can describe. */
export interface LayerClass {
  readonly layer: Layer;
  readonly name: string;
}

/** Filled at the first use, so that importing this file does nothing. */
let layers: Map<string, LayerClass> | null = null;

function knownLayers(): Map<string, LayerClass> {
  layers ??= new Map<string, LayerClass>(
    [...Object.values(builtIn), ...Object.values(presets)]
      .filter((value) => Object.hasOwn(value, "layer"))
      .map((value) => value as unknown as LayerClass)
      .map((one) => [one.layer.type, one]),
  );
  return layers;
}

/** The types that specs may name, in alphabetical order. */
export function registeredLayers(): string[] {
  return [...knownLayers().keys()].sort();
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

// ---- What a spec must be

/** The schema of any module's spec: that of its type. */
const moduleSpec: v.GenericSchema = /* @__PURE__ */ v.lazy((json) => {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return notAnObject;
  const { type } = json as Arguments;
  const layer = typeof type === "string" ? knownLayers().get(type)?.layer : undefined;
  return layer === undefined ? unknownType : schemaOf(layer);
});

const notAnObject = /* @__PURE__ */ v.custom(
  () => false,
  ({ input }) => `is ${show(input)}; it must be an object with a type, such as { type: "relu" }.`,
);

const unknownType = /* @__PURE__ */ v.pipe(
  /* @__PURE__ */ v.unknown(),
  /* @__PURE__ */ v.rawCheck(({ dataset, addIssue }) => {
    const input = dataset.value as Arguments;
    const { type } = input;
    const near = typeof type === "string" ? nearest(type, registeredLayers()) : [];
    const known =
      near.length > 0
        ? `did you mean ${near.join(", ")}?`
        : `known are ${registeredLayers().join(", ")}.`;
    addIssue({
      message: `is ${show(type)}; ${known} Make others known with registerLayer.`,
      path: [{ type: "object", origin: "value", input: { ...input }, key: "type", value: type }],
    });
  }),
);

const schemas = new WeakMap<Layer, v.GenericSchema>();

/** Made once per layer: an object of the fields, and of nothing else. */
function schemaOf(layer: Layer): v.GenericSchema {
  let schema = schemas.get(layer);
  if (schema === undefined) {
    const { fields } = layer;
    const entries = Object.entries(fields).map(([name, field]) => {
      const value = field.json ? field.json.schema(moduleSpec) : field.schema;
      return [name, "fallback" in field ? v.exactOptional(value) : value];
    });
    // Refusing happens below the object's own level: for keys that are missing or too many.
    const wrongKey = ({ expected, path }: v.BaseIssue<unknown>) => {
      const key = String(path?.[0]?.key);
      if (expected !== "never") return `is undefined; it must be ${fields[key]!.wants}.`;
      const known = Object.keys(fields).join(", ") || "no arguments";
      return `is no argument of ${layer.type}; it takes ${known}.`;
    };
    schema = v.strictObject({ type: v.string(), ...Object.fromEntries(entries) }, wrongKey);
    schemas.set(layer, schema);
  }
  return schema;
}

/** How deep objects and arrays of a spec may be nested, and how many values it may have. */
const maxDepth = 200;
const maxValues = 200_000;

/** Deep JSON would overflow the stack of everything that walks it, and so would JSON inside itself. */
function checkExtent(spec: unknown): void {
  let values = 0;
  let level: unknown[] = [spec];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) {
      throw new ValueError(
        `fromSpec: the spec is nested more than ${maxDepth} levels deep; put long chains of layers side by side into one sequential.`,
      );
    }
    values += level.length;
    if (values > maxValues) {
      throw new ValueError(`fromSpec: the spec has more than ${maxValues} values.`);
    }
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? Object.values(value) : [],
    );
  }
}

// ---- Building

/**
 * Builds the module that a spec describes, with fresh parameters: the inverse of `module.spec`. The whole
 * spec is checked before anything is built.
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
 * @param limits  what building may cost; a spec from elsewhere may ask for anything
 * @throws ValueError with the path of each entry that is wrong, such as layers[2].outFeatures
 */
export function fromSpec<M extends AnyModule = Module>(spec: unknown, limits: BuildLimits = {}): M {
  checkExtent(spec);
  const { issues } = v.safeParse(moduleSpec, spec);
  if (issues !== undefined) {
    const texts = issues.map((issue) =>
      issue.path === undefined ? `the spec ${issue.message}` : issueText(issue),
    );
    throw new ValueError(
      texts.length === 1 ? `fromSpec: ${texts[0]}` : `fromSpec:\n  ${texts.join("\n  ")}`,
    );
  }
  return withinLimits(limits, () => build(spec, "") as M);
}

/** From a spec that the schema has passed. */
function build(json: unknown, path: string): AnyModule {
  const given = json as Arguments & { readonly type: string };
  const { fields, create } = knownLayers().get(given.type)!.layer;
  const config: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    if (!Object.hasOwn(given, name)) config[name] = field.fallback;
    else if (field.json === undefined) config[name] = given[name];
    else {
      const place = path === "" ? name : `${path}.${name}`;
      config[name] = field.json.read(given[name] as never, place, build);
    }
  }
  try {
    return create(config);
  } catch (error) {
    if (error instanceof TapegradError && !error.message.startsWith("fromSpec: "))
      error.message = `fromSpec: ${path === "" ? "" : `${path}: `}${error.message}`;
    throw error;
  }
}
