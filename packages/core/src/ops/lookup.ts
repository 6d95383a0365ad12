/** Looking values up by position: flat, along an axis, in a table. */
import { checkTensor } from "../apply.ts";
import { bottomOf, everyElement, firstOutside } from "../batched.ts";
import { checkAtLeast, checkNumber } from "../check.ts";
import { arange } from "../create.ts";
import { IndexError, ShapeError, ValueError } from "../errors.ts";
import { broadcastShapes, formatShape, normalizeAxis } from "../shape.ts";
import { noGrad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { any } from "./aggregate.ts";
import { eq, gt, lt, where } from "./compare.ts";
import { add, div, mul } from "./elementwise.ts";
import { gather, indexSelect, integerIndex } from "./indexing.ts";
import { detach, expand, reshape, to, unsqueeze } from "./layout.ts";
import { norm } from "./norm.ts";
import { amax } from "./reduce.ts";
import { indexCopy_ } from "./scatter.ts";
import { unique } from "./search.ts";

/**
 * Elements by their positions in row-major order; negative ones count from the end. y has the index's shape.
 *
 * @param index  int32
 * @throws IndexError naming the first position outside x
 */
export function take(x: Tensor, index: Tensor): Tensor {
  checkTensor("take", "x", x);
  const whole = integerIndex("take", index);
  const { size } = x;
  const wrong = firstOutside(whole, -size, size - 1);
  if (wrong >= 0) {
    throw new IndexError(
      `take: ${everyElement(whole)[wrong]} at position ${wrong} is outside the ${size} elements of x; valid are ${-size} to ${size - 1}.`,
    );
  }
  const flat = reshape(where(lt(whole, 0), add(whole, size), whole), [whole.size]);
  return reshape(indexSelect(reshape(x, [size]), 0, flat), index.shape);
}

/**
 * {@link gather} with x and index broadcast along the other axes; without an axis, over the flattened x.
 *
 * @param index  int32, of x's rank (any shape without an axis)
 */
export function takeAlongAxis(x: Tensor, index: Tensor, axis?: number): Tensor {
  checkTensor("takeAlongAxis", "x", x);
  const whole = integerIndex("takeAlongAxis", index);
  if (axis === undefined) return gather(reshape(x, [x.size]), 0, reshape(whole, [whole.size]));
  const at = normalizeAxis("takeAlongAxis", axis, x.rank);
  if (whole.rank !== x.rank) {
    throw new ShapeError(
      `takeAlongAxis: x is ${formatShape(x.shape)} and index ${formatShape(index.shape)}; both need the same rank.`,
    );
  }
  const common = broadcastShapes("takeAlongAxis", x.shape.with(at, 1), whole.shape.with(at, 1));
  return gather(
    expand(x, common.with(at, x.shape[at]!)),
    at,
    expand(whole, common.with(at, whole.shape[at]!)),
  );
}

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** Positions with this row (negative: from the end) send no gradient to it. */
  paddingIdx?: number;
  /** Rows that are looked up and longer than this are shortened to it first, in the table itself. */
  maxNorm?: number;
  /** The p of the norm that `maxNorm` bounds. Default 2. */
  normType?: number;
}

/**
 * Rows of a table.
 *
 * @param index   int32, shape S: which row
 * @param weight  [V, D]: the table
 * @returns       shape [...S, D]; with `maxNorm`, the table changes in place, off the tape
 * @throws        IndexError naming the first index outside the table
 */
export function embedding(index: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkTensor("embedding", "weight", weight);
  const whole = integerIndex("embedding", index);
  if (weight.rank !== 2) {
    throw new ShapeError(
      `embedding: weight is ${formatShape(weight.shape)}; it must be [V, D]: rows to choose from.`,
    );
  }
  const [rows, width] = weight.shape as [number, number];
  const wrong = firstOutside(whole, 0, rows - 1);
  if (wrong >= 0) {
    throw new IndexError(
      `embedding: index ${everyElement(whole)[wrong]} at position ${wrong} is no row of the table ${formatShape(weight.shape)}; valid are 0 to ${rows - 1}.`,
    );
  }
  if (options.maxNorm !== undefined) shorten(weight, whole, options.maxNorm, options.normType);
  const y = reshape(indexSelect(weight, 0, reshape(whole, [whole.size])), [...index.shape, width]);
  const { paddingIdx } = options;
  if (paddingIdx === undefined) return y;
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows) {
    throw new ValueError(
      `embedding: paddingIdx ${paddingIdx} is no row of the table ${formatShape(weight.shape)}; valid are ${-rows} to ${rows - 1}.`,
    );
  }
  const padding = paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  // The same values, off the tape where the gradient ends.
  return where(unsqueeze(eq(whole, padding), index.rank), detach(y), y);
}

/** As PyTorch's, which adds 1e-7 to the norm that it divides by. */
function shorten(weight: Tensor, index: Tensor, maxNorm: number, normType = 2): void {
  checkAtLeast("embedding", "maxNorm", maxNorm, 0);
  checkNumber("embedding", "normType", normType);
  noGrad(() => {
    const rows = unique(index).values;
    const chosen = indexSelect(weight, 0, rows);
    const lengths = norm(chosen, normType, { axis: 1, keepdim: true });
    const long = gt(lengths, maxNorm);
    // A table that stays as it is keeps its version.
    if (any(long).item() === 0) return;
    const factors = where(long, div(maxNorm, add(lengths, 1e-7)), 1);
    indexCopy_(weight, 0, rows, mul(chosen, factors));
  });
}

/**
 * 1 at the given place of a new last axis, 0 elsewhere: int32, shape [...S, classes].
 *
 * @param index    int32, shape S, not negative
 * @param classes  length of the new axis; by default one more than the largest index
 */
export function oneHot(index: Tensor, classes?: number): Tensor {
  const whole = integerIndex("oneHot", index);
  const count = classes ?? (whole.size === 0 ? 0 : amax(bottomOf(whole)).item() + 1);
  if (!Number.isInteger(count) || count < 1) {
    throw new ValueError(
      classes === undefined
        ? "oneHot: an empty index does not tell the number of classes; name it."
        : `oneHot: the number of classes is ${classes}; it must be a whole number, at least 1.`,
    );
  }
  const wrong = firstOutside(whole, 0, count - 1);
  if (wrong >= 0) {
    throw new IndexError(
      `oneHot: index ${everyElement(whole)[wrong]} at position ${wrong} is no class; ${count} classes are 0 to ${count - 1}.`,
    );
  }
  return to(eq(unsqueeze(whole, index.rank), arange(count)), "int32");
}
