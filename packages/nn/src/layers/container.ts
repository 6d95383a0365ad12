/** What modules that are made of a list of others share. */
import { show, ValueError } from "@tapegrad/core";
import { type Blocks, type NamedModules, namedModules, nameTaken } from "../fields.ts";
import { type Arguments, kindOf, typeOf } from "../layer.ts";
import { type AnyModule, Module } from "../module.ts";

/**
 * Holds modules as fields under their names, "0", "1", … unless given. Assigning to a field replaces a
 * module, in specs too.
 */
export abstract class Container<
  Args extends unknown[],
  R,
  M extends AnyModule = Module,
> extends Module<Args, R> {
  readonly #names: string[];

  /**
   * @param blocks    modules, pairs of name and module, or an object of modules by name
   * @param argument  what the layer calls them; a getter of that name returns `entries()`
   * @param others    further arguments
   */
  constructor(blocks: Blocks<M>, argument: string, others: Arguments = {}) {
    if (typeof blocks !== "object" || blocks === null) {
      throw new ValueError(
        `${(new.target as unknown as typeof Module).layer!.type}: got ${show(blocks)}; it takes an array of modules, such as [linear(2, 3), relu()], or an object of them by name.`,
      );
    }
    const list = namedModules(blocks);
    super({ ...others, [argument]: list });
    this.#names = list.map(([name]) => name);
    // What the kinds of containers have themselves: methods, and arguments that they keep in fields.
    const taken = this.#names.find((name) => name in this || Object.hasOwn(others, name));
    if (taken !== undefined) {
      throw new ValueError(`${typeOf(this as AnyModule)}: ${argument} ${nameTaken(taken)}`);
    }
    Object.assign(this, Object.fromEntries(list));
  }

  /** Names and modules as they are now. */
  entries(): NamedModules<M> {
    const fields = this as unknown as Readonly<Record<string, M>>;
    return this.#names.map((name) => [name, fields[name]!] as const);
  }

  override get length(): number {
    return this.#names.length;
  }

  [Symbol.iterator](): Iterator<M> {
    const fields = this as unknown as Readonly<Record<string, M>>;
    return this.#names.map((name) => fields[name]!)[Symbol.iterator]();
  }

  /** The module of that name, or at that place; negative places count from the end. */
  at(place: number | string): M {
    const name = typeof place === "number" ? this.#names.at(place) : place;
    const found = this.entries().find(([other]) => other === name);
    if (found !== undefined) return found[1];
    const names = this.#names.length > 10 ? `${this.length} modules` : this.#names.join(", ");
    throw new ValueError(
      `${kindOf(this)}.at: there is no module ${show(place)}; it has ${names || "none"}.`,
    );
  }
}
