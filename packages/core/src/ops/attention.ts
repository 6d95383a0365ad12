/** Attention. */
import { checkTensor } from "../apply.ts";
import { checkFinite, checkFlag } from "../check.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import type { Generator } from "../random.ts";
import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import { adoptArray, type Tensor } from "../tensor.ts";
import { where } from "./compare.ts";
import { checkProbability, dropout } from "./dropout.ts";
import { add, mul } from "./elementwise.ts";
import { transpose } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { softmax } from "./softmax.ts";

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions {
  /**
   * Broadcastable with the scores [..., L, S]: bool, true where a query may look at a key; or float, added to the
   * scores. A query that may look nowhere gives NaN, as PyTorch's.
   */
  attnMask?: Tensor | null;
  /** Query i looks at keys 0 … i only; not together with a mask. Default false. */
  isCausal?: boolean;
  /** Probability of dropping an attention weight. Default 0; leave it so outside of training. */
  dropoutP?: number;
  /** Multiplies the scores. Default 1/√E. */
  scale?: number;
  /** Where dropout's random numbers come from. Default: the shared generator. */
  generator?: Generator;
}

/** True where key j is no later than query i: bool [L, S]. */
function causalMask(queries: number, keys: number): Tensor {
  const mask = Uint8Array.from({ length: queries * keys }, (_, i) =>
    Number(i % keys <= Math.floor(i / keys)),
  );
  return adoptArray(mask, "bool", [queries, keys]);
}

/**
 * softmax(query · keyᵀ · scale + mask) · value over the last two axes; leading axes (batch, heads) broadcast.
 *
 * Vaswani et al., Attention Is All You Need, NeurIPS 2017, equation 1.
 *
 * @param query  float, [..., L, E]
 * @param key    float, [..., S, E]
 * @param value  float, [..., S, V]
 * @returns      [..., L, V]
 * @throws       ShapeError, DTypeError, ValueError if the arguments don't meet
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const op = "scaledDotProductAttention";
  checkTensor(op, "query", query);
  checkTensor(op, "key", key);
  checkTensor(op, "value", value);
  const [size, keys] = [query.shape.at(-1)!, key.shape.at(-2)!];
  if (
    Math.min(query.rank, key.rank, value.rank) < 2 ||
    key.shape.at(-1) !== size ||
    value.shape.at(-2) !== keys
  ) {
    throw new ShapeError(
      `${op}: query is ${formatShape(query.shape)}, key ${formatShape(key.shape)} and value ${formatShape(value.shape)}; they must be [..., L, E], [..., S, E] and [..., S, V].`,
    );
  }
  const lead = broadcastShapes(op, query.shape.slice(0, -2), key.shape.slice(0, -2));
  broadcastShapes(op, lead, value.shape.slice(0, -2));
  const { attnMask, isCausal = false, dropoutP = 0, scale = 1 / Math.sqrt(size) } = options;
  checkFlag(op, "isCausal", isCausal);
  checkProbability(op, "dropoutP", dropoutP);
  checkFinite(op, "scale", scale);
  const queries = query.shape.at(-2)!;
  if (attnMask) {
    checkMask(op, attnMask, [...lead, queries, keys]);
    if (isCausal) {
      throw new ValueError(
        `${op}: both attnMask and isCausal were given; put the causal mask into attnMask.`,
      );
    }
  }
  const scores = matmul(mul(query, scale), transpose(key, -2, -1));
  const mask = isCausal ? causalMask(queries, keys) : attnMask;
  const weights = softmax(masked(scores, mask), -1);
  const { generator } = options;
  const kept = dropout(weights, { p: dropoutP, ...(generator === undefined ? {} : { generator }) });
  return matmul(kept, value);
}

function checkMask(op: string, mask: Tensor, scores: readonly number[]): void {
  checkTensor(op, "attnMask", mask);
  if (!isFloat(mask.dtype) && mask.dtype !== "bool") {
    throw new DTypeError(
      `${op}: attnMask is ${mask.dtype}; it must be bool (true: look) or float (added to the scores).`,
    );
  }
  if (!sameShape(broadcastShapes(op, mask.shape, scores), scores)) {
    throw new ShapeError(
      `${op}: attnMask is ${formatShape(mask.shape)}; it must broadcast to the scores' ${formatShape(scores)}.`,
    );
  }
}

function masked(scores: Tensor, mask: Tensor | null | undefined): Tensor {
  if (!mask) return scores;
  return mask.dtype === "bool" ? where(mask, scores, -Infinity) : add(scores, mask);
}
