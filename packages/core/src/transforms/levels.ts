/** Between a tensor inside vmap, which shows one sample, and the one that has the samples as axes. */
import { BatchedTensor, isBatched, type Level } from "../batched.ts";
import { expand } from "../ops/layout.ts";
import { movedim } from "../ops/reorder.ts";
import type { Tensor } from "../tensor.ts";

/** x with the samples of a vmap as an ordinary first axis, along which it repeats if they share it. */
export function exposed(x: Tensor, level: Level): Tensor {
  if (!isBatched(x) || x.level.depth < level.depth) return expand(x, [level.size, ...x.shape]);
  if (x.level === level) return x.physical;
  // The samples of a vmap further in stay x's own first axis.
  return new BatchedTensor(movedim(exposed(x.physical, level), 0, 1), x.level);
}

/** The inverse: x's first axis counts the samples of the vmap. */
export function hidden(x: Tensor, level: Level): Tensor {
  if (!isBatched(x) || x.level.depth < level.depth) return new BatchedTensor(x, level);
  return new BatchedTensor(hidden(movedim(x.physical, 1, 0), level), x.level);
}

/** {@link exposed} for several vmaps, the outermost first: its samples are the first axis. */
export function exposedAll(x: Tensor, levels: readonly Level[]): Tensor {
  return levels.reduceRight(exposed, x);
}

/** The inverse of {@link exposedAll}. */
export function hiddenAll(x: Tensor, levels: readonly Level[]): Tensor {
  return levels.reduce(hidden, x);
}
