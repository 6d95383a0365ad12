/**
 * `vmap`: a function of one sample, run for all samples at once. Inside, a {@link BatchedTensor} stands for the
 * sample; every op on it runs once, on all samples, by the op's batch rule. Those calls are ordinary ones on
 * ordinary tensors: the tape records them, and a vmap around this one sees them as its own.
 */
import { describe } from "../apply.ts";
import {
  BatchedTensor,
  batching,
  currentLevels,
  innermost,
  isBatched,
  type Level,
  newLevel,
  type Randomness,
  withLevels,
} from "../batched.ts";
import { tensor } from "../create.ts";
import { ShapeError, ValueError, VmapError } from "../errors.ts";
import { movedim } from "../ops/reorder.ts";
import { normalizeAxis } from "../shape.ts";
import { show } from "../show.ts";
import { scoped } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { callBatched, callInPlace, drawBatched } from "./batch-calls.ts";
import { exposed } from "./levels.ts";
import { isPlain, mapLeaves, type TensorTree } from "./tree.ts";

/** An axis for all tensors of a tree, null for none, or nested as the tree is. */
export type Axes = number | null | readonly Axes[] | { readonly [key: string]: Axes };

/** Options of {@link vmap}. */
export interface VmapOptions {
  /**
   * Which axis counts the samples: one for all arguments, or a list with one for each (nested as the argument
   * is, if its tensors differ). null: the same for every sample. Default 0.
   */
  inAxes?: Axes;
  /** Where results get the axis of samples, nested as the result is; null: it is the same for all. Default 0. */
  outAxes?: Axes;
  /** Whether random numbers in f are the same for every sample, different, or an error. Default "error". */
  randomness?: Randomness;
}

/**
 * f, written for one sample, for many: each op of f runs once for all of them. Shapes in f are one sample's.
 * Arguments and results may be nested arrays and plain objects; what is no tensor is passed on as it is.
 *
 * ```ts
 * const perSample = vmap(grad(loss), { inAxes: [null, 0, 0] });
 * perSample(weights, images, labels); // a gradient for each image
 * ```
 *
 * @throws ShapeError, ValueError if the arguments don't have one number of samples along `inAxes`; VmapError for
 *   what needs one sample's values (item(), data(), a condition), for random numbers unless `randomness` is set,
 *   for a tensor that was kept and used later
 */
export function vmap<Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  options: VmapOptions = {},
): (...args: Args) => TensorTree<R> {
  if (typeof f !== "function") {
    throw new ValueError(`vmap: f is ${describe(f)}; it must be a function of one sample.`);
  }
  const { inAxes = 0, outAxes = 0, randomness = "error" } = options;
  if (!["error", "same", "different"].includes(randomness)) {
    throw new ValueError(
      `vmap: randomness is ${show(randomness)}; known are "error", "same" and "different".`,
    );
  }
  return (...args) => {
    Object.assign(batching, { call: callBatched, callInPlace, draw: drawBatched });
    const level = newLevel(sampleCount(args, inAxes), randomness);
    const samples = withAxes("inAxes", args, inAxes, (leaf, axis) =>
      leaf instanceof Tensor && axis !== null
        ? new BatchedTensor(movedim(leaf, axis, 0), level)
        : leaf,
    ) as unknown as Args;
    const run = () => collected(f(...samples), outAxes, level);
    return scoped(
      "vmap",
      () => withLevels([...currentLevels(), level], run),
      () => {},
    ) as TensorTree<R>;
  };
}

/** The tree with f of every leaf and its axis; axes hold for all that is below them. */
function withAxes(
  option: string,
  tree: unknown,
  axes: Axes,
  f: (leaf: unknown, axis: number | null, path: string) => unknown,
  path = "",
): unknown {
  if (axes === null || Number.isInteger(axes)) {
    return mapLeaves(tree, (leaf, below) => f(leaf, axes as number | null, path + below));
  }
  const at = path === "" ? "" : ` at ${path}`;
  if (Array.isArray(axes) && Array.isArray(tree) && axes.length === tree.length) {
    return tree.map((value, i) => withAxes(option, value, axes[i], f, `${path}[${i}]`));
  }
  if (isPlain(axes) && isPlain(tree)) {
    const unknown = Object.keys(axes).find((key) => !(key in tree));
    const missing = Object.keys(tree).find((key) => !(key in axes));
    if (unknown === undefined && missing === undefined) {
      return Object.fromEntries(
        Object.entries(tree).map(([key, value]) => [
          key,
          withAxes(option, value, axes[key]!, f, `${path}.${key}`),
        ]),
      );
    }
  }
  const what = Array.isArray(tree)
    ? `a list of ${tree.length}`
    : isPlain(tree)
      ? `an object with ${Object.keys(tree).join(", ")}`
      : describe(tree);
  const kind = option === "inAxes" ? "arguments are" : "result is";
  throw new ValueError(
    `vmap: ${option}${at} is ${Array.isArray(axes) ? `a list of ${axes.length}` : isPlain(axes) ? `an object with ${Object.keys(axes).join(", ")}` : show(axes)} and the ${kind} ${what}; give an axis (a whole number), null, or one for each part.`,
  );
}

/** Checks the mapped axes. */
function sampleCount(args: readonly unknown[], inAxes: Axes): number {
  let first: { size: number; where: string } | null = null;
  withAxes("inAxes", args, inAxes, (leaf, axis, path) => {
    if (!(leaf instanceof Tensor) || axis === null) return;
    const name = `argument ${path.replace(/^\[(\d+)\]/, "$1")}`;
    if (leaf.rank === 0) {
      throw new ShapeError(
        `vmap: ${name} is a number without axes, so it has no samples along axis ${axis}; give it the axis null.`,
      );
    }
    const at = normalizeAxis(`vmap: ${name}`, axis, leaf.rank);
    const size = leaf.shape[at]!;
    const where = `${name} has ${size} samples along axis ${at}`;
    if (first !== null && first.size !== size) {
      throw new ShapeError(`vmap: ${first.where}, and ${where}; the numbers must be equal.`);
    }
    first ??= { size, where };
  });
  if (first === null) {
    throw new ValueError(
      "vmap: no tensor among the arguments has an axis of samples; pass one, or set inAxes.",
    );
  }
  return (first as { size: number }).size;
}

/** The results with the axis of samples where `outAxes` wants it. */
function collected(result: unknown, outAxes: Axes, level: Level): unknown {
  return withAxes("outAxes", result, outAxes, (leaf, axis, path) => {
    if (typeof leaf !== "number" && !(leaf instanceof Tensor)) return leaf;
    const y = typeof leaf === "number" ? tensor(leaf) : leaf;
    const differs = isBatched(y) && innermost([y]) === level;
    if (axis === null) {
      if (!differs) return y;
      throw new VmapError(
        `vmap: outAxes is null for the result${path === "" ? "" : ` at ${path}`}, which differs between samples; give an axis.`,
      );
    }
    return movedim(exposed(y, level), 0, normalizeAxis("vmap: outAxes", axis, y.rank + 1));
  });
}
