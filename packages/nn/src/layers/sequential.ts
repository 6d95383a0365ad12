import { type Tensor, ValueError } from "@tapegrad/core";
import { type Blocks, modules, namedModules } from "../fields.ts";
import { declareLayer, show } from "../layer.ts";
import { Module } from "../module.ts";

/** Names that fields of a sequential take: its blocks, by their names. */
interface ByName {
  [name: string]: Module;
}

/**
 * Feeds its input through the layers, each taking what the one before returned.
 *
 * Layers are fields under their names, "0", "1", … unless given: `model[0]`, `model.features`.
 */
export class Sequential extends Module {
  static override readonly layer = declareLayer(
    "sequential",
    { layers: modules },
    ({ layers }) => new Sequential(layers),
  );

  readonly #names: readonly string[];

  /** @param blocks  modules, pairs of name and module, or an object of modules by name */
  constructor(blocks: Blocks) {
    if (typeof blocks !== "object" || blocks === null) {
      throw new ValueError(
        `sequential: got ${show(blocks)}; it takes an array of modules, such as [linear(2, 3), relu()], or an object of them by name.`,
      );
    }
    const layers = namedModules(blocks);
    super({ layers });
    this.#names = layers.map(([name]) => name);
    Object.assign(this, Object.fromEntries(layers));
  }

  forward(x: Tensor): Tensor {
    const layers = this as unknown as ByName;
    let y = x;
    // By name, so that a layer that was replaced takes part.
    for (const name of this.#names) y = layers[name]!(y);
    return y;
  }
}

/**
 * A model as data: `sequential([linear(784, 256), relu(), linear(256, 10)])`, or with names,
 * `sequential({ hidden: linear(784, 256), act: relu(), output: linear(256, 10) })`.
 */
export function sequential(blocks: Blocks): Sequential {
  return new Sequential(blocks);
}
