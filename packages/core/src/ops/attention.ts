/** Attention. */
import { type AttentionInputs, type AttentionScores, defaultKernels } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import { checkFinite, checkFlag } from "../check.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { Form } from "../form.ts";
import { defineOp } from "../op.ts";
import type { Generator } from "../random.ts";
import { broadcastShapes, broadcastStrides, formatShape, type Shape, sameShape } from "../shape.ts";
import { adoptArray, emptyTensor, type Tensor, viewTensor } from "../tensor.ts";
import { eq, where } from "./compare.ts";
import { runsDirectly, withPacked } from "./direct.ts";
import { checkProbability, dropout } from "./dropout.ts";
import { add, mul, sub } from "./elementwise.ts";
import { transpose } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
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

function scoresOf(
  query: Tensor,
  key: Tensor,
  mask: Tensor | number,
  { scale, causal }: AttentionScores,
): Tensor {
  const scores = matmul(mul(query, scale), transpose(key, -2, -1));
  const [queries, keys] = scores.shape.slice(-2) as [number, number];
  // What is masked by −∞ gets no gradient, not even NaN of a query that may look nowhere.
  const seen = mask === 0 ? scores : where(eq(mask, -Infinity), -Infinity, add(scores, mask));
  return causal ? where(causalMask(queries, keys), seen, -Infinity) : seen;
}

/** The axes before the matrices. */
function leadOf(inputs: readonly Tensor[]): Shape {
  return broadcastShapes("attention", ...inputs.map((x) => x.shape.slice(0, -2)));
}

/** x shown with the leading axes `lead`, off the tape. */
function spread(x: Tensor, lead: Shape, matrix: Shape): Tensor {
  const shape = [...lead, ...matrix];
  return viewTensor(x, shape, broadcastStrides(x.shape, x.strides, shape), x.offset);
}

/** Calls `use` with the inputs as the kernels want them: equal leading axes, elements of a row side by side. */
function withInputs(
  { query, key, value, mask }: Record<"query" | "key" | "value" | "mask", Tensor>,
  use: (inputs: AttentionInputs) => void,
): void {
  const lead = leadOf([query, key, value, mask]);
  const [queries, keys] = [query.shape.at(-2)!, key.shape.at(-2)!];
  const masked = mask.rank > 0;
  const whole = masked
    ? [spread(mask, mask.shape.slice(0, -2), [mask.shape.at(-2) ?? 1, keys])]
    : [];
  withPacked(
    [query, key, value, ...whole],
    ([q, k, v, m]) => {
      const [first, second, third] = [q!, k!, v!].map((x) => spread(x, lead, x.shape.slice(-2)));
      const scores = m === undefined ? null : spread(m, lead, [queries, keys]);
      use({ query: first!, key: second!, value: third!, mask: scores });
    },
    (x) => x.shape.at(-1) === 1 || x.strides.at(-1) === 1,
  );
}

type Saved = Readonly<Record<"query" | "key" | "value" | "mask" | "y" | "logSum", Tensor>>;

/** With P = softmax(S): dP = dy·vᵀ, dS = P ⊙ (dP − Σ dP ⊙ P), and S = scale·q·kᵀ + mask. */
function attentionGrad(
  name: "query" | "key" | "value" | "mask",
  dy: Tensor,
  { query, key, value, mask }: Saved,
  how: AttentionScores,
): Tensor {
  const scores = scoresOf(query, key, mask.rank === 0 ? 0 : mask, how);
  const hidden = eq(scores, -Infinity);
  const p = where(hidden, 0, softmax(scores, -1));
  if (name === "value") return matmul(transpose(p, -2, -1), dy);
  const dp = matmul(dy, transpose(value, -2, -1));
  const ds = where(hidden, 0, mul(p, sub(dp, sum(mul(dp, p), -1, { keepdim: true }))));
  if (name === "mask") return ds;
  const other = name === "query" ? matmul(ds, key) : matmul(transpose(ds, -2, -1), query);
  return mul(other, how.scale);
}

/** The same by one kernel, which computes the scores once for all. */
function attentionGrads(
  dy: Tensor,
  saved: Saved,
  how: AttentionScores,
  wanted: readonly string[],
): Record<string, Tensor> {
  const { query, key, value, mask } = saved;
  const inputs = { query, key, value };
  const names = (["query", "key", "value"] as const).filter((name) => wanted.includes(name));
  if (names.length === 0 || !runsDirectly(dy, query, key, value, mask)) return {};
  const { y, logSum } = saved; // not where the pass is recorded: logSum is a constant to it
  const lead = y.shape.slice(0, -2);
  const shapeOf = (x: Tensor) => [...lead, ...x.shape.slice(-2)];
  const delta = sum(mul(dy, y), -1);
  const grads = Object.fromEntries(
    names.map((name) => [name, emptyTensor(new Form(y.dtype, shapeOf(inputs[name])))]),
  );
  withPacked([dy], ([upstream]) =>
    withInputs({ ...inputs, mask }, (together) =>
      defaultKernels().attentionGrad(together, how, { dy: upstream!, logSum, delta }, grads),
    ),
  );
  return grads;
}

/** Attention without the matrix of scores; see {@link scaledDotProductAttention}. A mask of 0 is none. */
export const attentionOp = defineOp({
  name: "attention",
  inputs: ["query", "key", "value", "mask"],
  extras: ["logSum"],
  domain: "float",
  shapes: ({ query, key, value, mask }, _: AttentionScores) => {
    const rows = [...leadOf([query, key, value, mask]), query.shape.at(-2)!];
    return { y: { shape: [...rows, value.shape.at(-1)!] }, logSum: { shape: rows } };
  },
  forwardAll: (inputs, { y, logSum }, kernels, how: AttentionScores) =>
    withInputs(inputs, (together) => kernels.attention(together, how, y, logSum)),
  saves: ["query", "key", "value", "mask", "y"],
  batch: "broadcast",
  grad: {
    query: (dy, saved, how) => attentionGrad("query", dy, saved, how),
    key: (dy, saved, how) => attentionGrad("key", dy, saved, how),
    value: (dy, saved, how) => attentionGrad("value", dy, saved, how),
    mask: (dy, saved, how) => attentionGrad("mask", dy, saved, how),
  },
  gradTogether: attentionGrads,
  tex: {
    y: "\\mathrm{softmax}(s\\,Q K^\\top + M)\\,V = P V",
    query: "s\\,dS\\,K,\\ dS = P \\odot (dP - \\textstyle\\sum dP \\odot P),\\ dP = dY\\,V^\\top",
    key: "s\\,dS^\\top Q",
    value: "P^\\top dY",
    mask: "dS",
  },
});

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
  const mask = !attnMask ? 0 : attnMask.dtype === "bool" ? where(attnMask, 0, -Infinity) : attnMask;
  const how = { scale, causal: isCausal };
  if (dropoutP === 0 && keys > 0) return attentionOp(query, key, value, mask, how);
  const weights = softmax(scoresOf(query, key, mask, how), -1);
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
