/** Batches from examples, and one batch from several. */
import {
  cat,
  type DType,
  formatShape,
  indexSelect,
  noGrad,
  stack,
  Tensor,
  type TypedArray,
  tensor,
  ValueError,
} from "@tapegrad/core";

/** What a batch of examples of type I looks like: {@link collate}. */
export type Collated<I> = I extends Tensor | TypedArray | number | boolean
  ? Tensor
  : I extends string
    ? string[]
    : I extends object
      ? { -readonly [K in keyof I]: Collated<I[K]> }
      : never;

export interface CollateOptions {
  /** Places whose numbers are whole, such as `["y"]` or `["target.class"]`: int32 instead of float32. */
  integers?: readonly string[];
}

/**
 * A batch from examples that look alike. Tensors and typed arrays are stacked along a new first axis,
 * numbers become a float32 tensor [B] (int32 where `integers` names the place), booleans a bool one,
 * strings a list; objects and arrays are gone through place by place.
 *
 * ```ts
 * collate([{ x: tensor([1, 2]), y: 0 }, { x: tensor([3, 4]), y: 1 }], { integers: ["y"] })
 * // { x: float32 [2, 2], y: int32 [2] }
 * ```
 *
 * @throws ValueError naming the place and the example that doesn't look like the first
 */
export function collate<I>(
  items: readonly I[],
  { integers = [] }: CollateOptions = {},
): Collated<I> {
  if (items.length === 0) {
    throw new ValueError("collate: there are no examples; a batch has at least one.");
  }
  return noGrad(() => gather(items, "", new Set(integers)) as Collated<I>);
}

function gather(values: readonly unknown[], place: string, integers: ReadonlySet<string>): unknown {
  const first = values[0];
  const kind = kindOf(first);
  const differs = (i: number, what: string, expected: string): never => {
    throw new ValueError(
      `collate: example ${i}${place === "" ? "" : ` at "${place}"`} is ${what}; example 0 is ${expected}. All must look alike.`,
    );
  };
  values.forEach((value, i) => {
    if (kindOf(value) !== kind) differs(i, kindOf(value), kind);
  });
  switch (kind) {
    case "a tensor": {
      const tensors = values as Tensor[];
      const describe = (x: Tensor) => `${x.dtype} ${formatShape(x.shape)}`;
      const odd = tensors.findIndex((x) => describe(x) !== describe(tensors[0]));
      if (odd >= 0) differs(odd, describe(tensors[odd]), describe(tensors[0]));
      return stack(tensors);
    }
    case "a typed array":
      return gather(
        (values as TypedArray[]).map((array) => tensor(array)),
        place,
        integers,
      );
    case "a number":
      return tensor(values as number[], { dtype: numberType(values as number[], place, integers) });
    case "a boolean":
      return tensor(values as boolean[] as unknown as number[], { dtype: "bool" });
    case "a string":
      return [...values];
    case "an array": {
      const lists = values as unknown[][];
      const odd = lists.findIndex((list) => list.length !== lists[0].length);
      if (odd >= 0)
        differs(odd, `an array of ${lists[odd].length}`, `an array of ${lists[0].length}`);
      return lists[0].map((_, at) =>
        gather(
          lists.map((list) => list[at]),
          join(place, at),
          integers,
        ),
      );
    }
    case "an object": {
      const records = values as Record<string, unknown>[];
      const keys = Object.keys(records[0]);
      const describe = (record: object) => `an object of ${Object.keys(record).sort().join(", ")}`;
      const odd = records.findIndex((record) => describe(record) !== describe(records[0]));
      if (odd >= 0) differs(odd, describe(records[odd]), describe(records[0]));
      return Object.fromEntries(
        keys.map((key) => [
          key,
          gather(
            records.map((record) => record[key]),
            join(place, key),
            integers,
          ),
        ]),
      );
    }
    default:
      throw new ValueError(
        `collate: example 0${place === "" ? "" : ` at "${place}"`} is ${kind}; examples are made of tensors, typed arrays, numbers, booleans, strings, objects and arrays.`,
      );
  }
}

const join = (place: string, key: string | number) => (place === "" ? `${key}` : `${place}.${key}`);

function kindOf(value: unknown): string {
  if (value instanceof Tensor) return "a tensor";
  if (ArrayBuffer.isView(value)) return "a typed array";
  if (Array.isArray(value)) return "an array";
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function numberType(values: number[], place: string, integers: ReadonlySet<string>): DType {
  if (!integers.has(place)) return "float32";
  const wrong = values.findIndex((value) => value !== (value | 0));
  if (wrong < 0) return "int32";
  throw new ValueError(
    `collate: example ${wrong} at "${place}" is ${values[wrong]}; "integers" says that it is whole and fits 32 bits.`,
  );
}

/** The rows of several batches as one: row i is row `order[i]` of them laid end to end. */
export function mergeBatches(batches: readonly unknown[], order: Int32Array): unknown {
  const first = batches[0];
  if (first instanceof Tensor) {
    return noGrad(() => indexSelect(cat(batches as Tensor[], 0), 0, tensor(order)));
  }
  if (Array.isArray(first)) {
    if (first.every((value) => typeof value === "string")) {
      const all = (batches as string[][]).flat();
      return Array.from(order, (at) => all[at]);
    }
    return first.map((_, i) =>
      mergeBatches(
        (batches as unknown[][]).map((batch) => batch[i]),
        order,
      ),
    );
  }
  return Object.fromEntries(
    Object.keys(first as object).map((key) => [
      key,
      mergeBatches(
        (batches as Record<string, unknown>[]).map((batch) => batch[key]),
        order,
      ),
    ]),
  );
}
