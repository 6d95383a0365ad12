/** Nested arrays and plain objects of tensors: what functions that are transformed take and give. */
import { describe } from "../apply.ts";
import { tensor } from "../create.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { formatShape, sameShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";

/** T with every number as a tensor: what gradients and mapped results of a T look like. */
export type TensorTree<T> = T extends Tensor | number
  ? Tensor
  : T extends string | boolean | null | undefined | ((...args: never[]) => unknown)
    ? T
    : { -readonly [K in keyof T]: TensorTree<T[K]> };

/** T as an argument: a number will do wherever it has a tensor. */
export type GivenTree<T> = T extends Tensor
  ? Tensor | number
  : T extends number | string | boolean | null | undefined | ((...args: never[]) => unknown)
    ? T
    : { readonly [K in keyof T]: GivenTree<T[K]> };

/** @internal Whether x is an object literal or its like, which trees look into. */
export function isPlain(x: unknown): x is Record<string, unknown> {
  if (typeof x !== "object" || x === null) return false;
  const prototype: unknown = Object.getPrototypeOf(x);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * @internal The tree with f of every leaf (what is neither array nor plain object). `path` says where it is, such
 * as ".layers[0].weight", "" for a lone leaf; `beside` is what the other trees have there, undefined if nothing.
 */
export function mapLeaves(
  tree: unknown,
  f: (leaf: unknown, path: string, beside: readonly unknown[]) => unknown,
  others: readonly unknown[] = [],
  path = "",
): unknown {
  const below = (key: string | number) =>
    others.map((other) => (other as Record<string | number, unknown> | null | undefined)?.[key]);
  if (Array.isArray(tree))
    return tree.map((value, i) => mapLeaves(value, f, below(i), `${path}[${i}]`));
  if (!isPlain(tree)) return f(tree, path, others);
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [
      key,
      mapLeaves(value, f, below(key), `${path}.${key}`),
    ]),
  );
}

/** @internal The tree with f of every tensor in it. */
export function mapTensors(
  tree: unknown,
  f: (x: Tensor, path: string, beside: readonly unknown[]) => unknown,
  others: readonly unknown[] = [],
): unknown {
  return mapLeaves(
    tree,
    (leaf, path, beside) => (leaf instanceof Tensor ? f(leaf, path, beside) : leaf),
    others,
  );
}

/** @internal The tree with the leaves in place of its tensors and numbers, in order. */
export function filled(tree: unknown, leaves: readonly Tensor[]): unknown {
  let next = 0;
  return mapLeaves(tree, (leaf) =>
    leaf instanceof Tensor || typeof leaf === "number" ? leaves[next++]! : leaf,
  );
}

/** The tensors of a tree, in order. */
export function treeLeaves(tree: unknown): Tensor[] {
  const found: Tensor[] = [];
  mapTensors(tree, (x) => found.push(x));
  return found;
}

/**
 * f of the tensors at the same places of trees of one structure: `treeMap((p, g) => p.sub(g.mul(0.1)),
 * parameters, gradients)` is a step of gradient descent. What is no tensor in the first tree stays.
 *
 * @throws ValueError naming the place where the others differ from the first
 */
export function treeMap<T, Others extends readonly unknown[]>(
  f: (x: Tensor, ...others: { [K in keyof Others]: Tensor }) => Tensor,
  tree: T,
  ...others: Others
): T {
  return mapTensors(
    tree,
    (x, path, beside) => {
      const wrong = beside.findIndex((value) => !(value instanceof Tensor));
      if (wrong < 0) return f(x, ...(beside as { [K in keyof Others]: Tensor }));
      throw new ValueError(
        `treeMap: tree 0 has a Tensor at ${path || "its root"} and tree ${wrong + 1} ${describe(beside[wrong])}; the structures must be equal.`,
      );
    },
    others,
  ) as T;
}

/**
 * @internal The leaves of `given` at the places of the tensors `like`, checked to have their shapes.
 *
 * @throws ValueError, ShapeError naming the place
 */
export function matching(name: string, what: string, given: unknown, like: unknown): Tensor[] {
  const found: Tensor[] = [];
  mapTensors(
    like,
    (x, path, [value]) => {
      const where = `${name}: ${what}${path}`;
      if (typeof value === "number" && x.rank === 0) {
        found.push(tensor(value, { dtype: x.dtype }));
      } else if (!(value instanceof Tensor)) {
        throw new ValueError(
          `${where} is ${describe(value)}; it must be a Tensor of shape ${formatShape(x.shape)}.`,
        );
      } else if (!sameShape(value.shape, x.shape)) {
        throw new ShapeError(
          `${where} has shape ${formatShape(value.shape)}; it must be ${formatShape(x.shape)}.`,
        );
      } else {
        found.push(value);
      }
    },
    [given],
  );
  return found;
}
