/** Masks of multi-head attention, brought to one form: they broadcast to the scores [B, heads, L, S]. */
import {
  add,
  arange,
  type DType,
  DTypeError,
  formatShape,
  gt,
  isFloat,
  logicalOr,
  reshape,
  ShapeError,
  show,
  Tensor,
  unsqueeze,
  ValueError,
  where,
} from "@tapegrad/core";

/** Sizes of the scores. */
export interface ScoresExtent {
  batch: number;
  heads: number;
  queries: number;
  keys: number;
  /** How many keys come before the first query's own. */
  offset: number;
}

function checkMask(name: string, mask: unknown, shapes: readonly (readonly number[])[]): void {
  const where = "multiHeadAttention";
  const wanted = shapes.map(formatShape).join(" or ");
  if (!(mask instanceof Tensor)) {
    throw new ValueError(
      `${where}: ${name} is ${show(mask)}; it must be a bool or float Tensor of shape ${wanted}.`,
    );
  }
  if (mask.dtype !== "bool" && !isFloat(mask.dtype)) {
    throw new DTypeError(
      `${where}: ${name} is ${mask.dtype}; it must be bool (true: don't look) or float (added to the scores).`,
    );
  }
  if (!shapes.some((shape) => formatShape(shape) === formatShape(mask.shape))) {
    throw new ShapeError(`${where}: ${name} is ${formatShape(mask.shape)}; it must be ${wanted}.`);
  }
}

/** attnMask, [L, S] or [B·heads, L, S]. */
export function attentionMask(mask: Tensor, { batch, heads, queries, keys }: ScoresExtent): Tensor {
  const all = [batch * heads, queries, keys];
  checkMask("attnMask", mask, [[queries, keys], all]);
  return mask.rank === 2 ? mask : reshape(mask, [batch, heads, queries, keys]);
}

/** keyPaddingMask, [B, S], or [S] beside one sequence. */
export function paddedKeys(mask: Tensor, { batch, keys }: ScoresExtent, batched: boolean): Tensor {
  checkMask("keyPaddingMask", mask, [batched ? [batch, keys] : [keys]]);
  return reshape(mask, [batch, 1, 1, keys]);
}

/** True where a key comes after the query: bool [L, S]; null if none does. */
export function laterKeys({ queries, keys, offset }: ScoresExtent): Tensor | null {
  if (keys <= offset + 1) return null;
  return gt(arange(keys), unsqueeze(arange(offset, offset + queries), 1));
}

/** All masks in one: bool if all are, else float; null if there is none. */
export function merged(masks: readonly (Tensor | null)[], dtype: DType): Tensor | null {
  const given = masks.filter((mask) => mask !== null);
  const bools = given.filter((mask) => mask.dtype === "bool");
  const floats = given.filter((mask) => mask.dtype !== "bool");
  const hidden = bools.length > 0 ? bools.reduce((a, b) => logicalOr(a, b)) : null;
  if (floats.length === 0) return hidden;
  // A float64 mask must not make float64 of everything behind it.
  const added = floats.reduce((a, b) => add(a, b)).to(dtype);
  return hidden === null ? added : where(hidden, -Infinity, added);
}

/** The scores with the mask applied. */
export function masked(scores: Tensor, mask: Tensor | null): Tensor {
  if (mask === null) return scores;
  return mask.dtype === "bool" ? where(mask, -Infinity, scores) : add(scores, mask);
}
