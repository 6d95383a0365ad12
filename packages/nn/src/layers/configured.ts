import { type Tensor, ValueError } from "@tapegrad/core";
import type { Arguments, Layer } from "../layer.ts";
import { Module } from "../module.ts";

/**
 * A layer whose plain arguments are fields of the same names: those given, and the declared fallbacks of the others.
 * So a function that reads options from an object can be handed the layer itself.
 *
 * A subclass names the fields it gets with `declare`; a plain field would overwrite what is assigned here.
 */
export abstract class Configured<Args extends unknown[] = [x: Tensor], R = Tensor> extends Module<
  Args,
  R
> {
  /** @throws ValueError for an argument that the layer does not declare, and for values that don't fit */
  constructor(given: Arguments = {}) {
    const { layer } = new.target as unknown as { layer: Layer };
    const config = completed(layer, given);
    super(config);
    // The field `bias` is the parameter, and tensors are buffers: both are the subclass's to make.
    const plain = Object.entries(config).filter(
      ([name]) => name !== "bias" && layer.fields[name]!.json === undefined,
    );
    Object.assign(this, Object.fromEntries(plain));
  }
}

/** The arguments given, and for those left out the fallbacks that the layer declares. */
export function completed({ type, fields }: Layer, given: Arguments): Arguments {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) {
    throw new ValueError(
      `${type}: ${unknown} is no argument of ${type}; it takes ${Object.keys(fields).join(", ")}.`,
    );
  }
  const entries = Object.entries(fields).map(([name, { fallback, inference }]) => {
    const value = given[name];
    // Only null says that a size is to be inferred: undefined is more likely a mistake.
    return [name, value === undefined && inference === undefined ? fallback : value];
  });
  return Object.fromEntries(entries);
}
