/** Lists and dictionaries of modules, for a `forward` of one's own to use. */
import { ValueError } from "@tapegrad/core";
import { type Blocks, modules, type NamedModules } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { AnyModule, Module } from "../module.ts";
import { Container } from "./container.ts";

function notCallable(type: string): never {
  throw new ValueError(`${type}: it has no forward pass of its own; call the modules in it.`);
}

/**
 * Modules in order, registered under their places. A plain array in a field does the same; this one has
 * a spec.
 */
export class ModuleList<M extends AnyModule = Module> extends Container<never[], never, M> {
  static override readonly layer = declareLayer(
    "moduleList",
    { list: modules },
    ({ list }) => new ModuleList(list.map(([, one]) => one)),
  );

  constructor(list: readonly M[] = []) {
    super(list, "list");
  }

  get list(): NamedModules<M> {
    return this.entries();
  }

  forward(): never {
    return notCallable("moduleList");
  }
}

export function moduleList<M extends AnyModule = Module>(list: readonly M[]): ModuleList<M> {
  return new ModuleList(list);
}

/** Modules by name. */
export class ModuleDict<M extends AnyModule = Module> extends Container<never[], never, M> {
  static override readonly layer = declareLayer(
    "moduleDict",
    { dict: modules },
    ({ dict }) => new ModuleDict(Object.fromEntries(dict)),
  );

  constructor(dict: Readonly<Record<string, M>> = {}) {
    super(dict as Blocks<M>, "dict");
  }

  get dict(): NamedModules<M> {
    return this.entries();
  }

  forward(): never {
    return notCallable("moduleDict");
  }
}

export function moduleDict<M extends AnyModule = Module>(
  dict: Readonly<Record<string, M>>,
): ModuleDict<M> {
  return new ModuleDict(dict);
}
