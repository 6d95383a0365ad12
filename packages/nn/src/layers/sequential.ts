import { show, type Tensor, ValueError } from "@tapegrad/core";
import { type Blocks, modules, type NamedModules, namedModules } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";

/**
 * Feeds its input through the layers, each taking what the one before returned.
 *
 * Layers are fields under their names, "0", "1", … unless given. Assigning to a field replaces a layer.
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
    let current = () => layers;
    super({
      get layers() {
        return current();
      },
    });
    this.#names = layers.map(([name]) => name);
    Object.assign(this, Object.fromEntries(layers));
    current = () => this.#layers();
  }

  /** The fields as they are now: a layer may have been replaced. */
  #layers(): NamedModules {
    const fields = this as unknown as Readonly<Record<string, Module>>;
    return this.#names.map((name) => [name, fields[name]!] as const);
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const [, layer] of this.#layers()) y = layer(y);
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
