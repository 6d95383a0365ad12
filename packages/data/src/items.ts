/** Datasets that are read one example at a time: in this thread here, in others by `workers.ts`. */
import { TapegradError } from "@tapegrad/core";
import { checkWhole } from "./checks.ts";
import { type Collated, type CollateOptions, collate } from "./collate.ts";
import { type Dataset, type EpochContext, noEpoch } from "./dataset.ts";

/** An example that could not be read; the message names it, `cause` is what happened. */
export class ItemError extends TapegradError {
  override get name(): string {
    return "ItemError";
  }

  readonly index: number;

  constructor(message: string, index: number, options?: ErrorOptions) {
    super(message, options);
    this.index = index;
  }
}

/** How to read one example. I may be a promise. */
export interface ItemSource<I> {
  readonly length: number;
  /** The example at a position; random parts must be drawn from `itemRandom(context, index)`. */
  item(index: number, context: EpochContext): I;
}

/** How the same is said in this thread and by a worker. */
export function itemError(where: string, index: number, error: unknown): ItemError {
  const message = error instanceof Error ? error.message : String(error);
  return new ItemError(`${where}: example ${index} can't be read: ${message}`, index, {
    cause: error,
  });
}

/** Examples in the order of `indices`, one after the other; a promise if one of them is. */
export function readItems<I>(
  where: string,
  source: ItemSource<I>,
  indices: Int32Array,
  context: EpochContext,
): Awaited<I>[] | Promise<Awaited<I>[]> {
  const read = (index: number): I => {
    try {
      return source.item(index, context);
    } catch (error) {
      throw itemError(where, index, error);
    }
  };
  const items: Awaited<I>[] = [];
  for (let row = 0; row < indices.length; row++) {
    const item = read(indices[row]);
    if (item instanceof Promise) return readOn(row, item);
    items.push(item as Awaited<I>);
  }
  return items;

  async function readOn(from: number, pending: I): Promise<Awaited<I>[]> {
    let item: unknown = pending;
    for (let row = from; ; item = read(indices[++row])) {
      try {
        items.push((await item) as Awaited<I>);
      } catch (error) {
        throw itemError(where, indices[row], error);
      }
      if (row + 1 === indices.length) return items;
    }
  }
}

/**
 * A dataset from a function that reads one example.
 *
 * ```ts
 * const squares = fromItems({ length: 100, item: (i) => ({ x: i, y: i * i }) });
 * ```
 *
 * Where `item` gives a promise (a file is read), so does `batch`: use `for await`.
 */
export function fromItems<I>(
  source: ItemSource<I>,
  options: CollateOptions = {},
): Dataset<I extends Promise<infer J> ? Promise<Collated<J>> : Collated<I>> {
  checkWhole("fromItems", "length", source.length);
  type Result = I extends Promise<infer J> ? Promise<Collated<J>> : Collated<I>;
  return {
    length: source.length,
    batch(indices, context = noEpoch) {
      const items = readItems("fromItems", source, indices, context);
      return (
        items instanceof Promise
          ? items.then((list) => collate(list, options))
          : collate(items, options)
      ) as Result;
    },
  };
}
