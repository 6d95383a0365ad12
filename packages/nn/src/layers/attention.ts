/** Multi-head attention. */
import {
  linear as affine,
  concat,
  type DType,
  defaultGenerator,
  dropout,
  formatShape,
  type Generator,
  logicalNot,
  matmul,
  mean,
  mul,
  narrow,
  permute,
  reshape,
  retain,
  ShapeError,
  scaledDotProductAttention,
  show,
  softmax,
  squeeze,
  Tensor,
  transpose,
  unsqueeze,
  ValueError,
  zeros,
} from "@tapegrad/core";
import { flag, floatType, optional, probability, size } from "../fields.ts";
import * as init from "../init.ts";
import { declareLayer } from "../layer.ts";
import { Parameter } from "../parameter.ts";
import {
  attentionMask,
  laterKeys,
  masked,
  merged,
  paddedKeys,
  type ScoresExtent,
} from "./attention-masks.ts";
import { Configured } from "./configured.ts";
import { type Linear, linear } from "./linear.ts";
import { RotaryPositions } from "./positions.ts";

/** Keys and values, split into heads: [B, heads, S, E / heads]. */
interface KeysAndValues {
  key: Tensor;
  value: Tensor;
}

/**
 * What attention layers remember between the steps of a generation, so that each step computes only itself.
 * One cache serves a whole model: give it to every call, and a new one to every new sequence.
 *
 * Attention of a tensor to itself adds its keys and values to those of the steps before; attention to
 * something else (a decoder's memory) keeps what it computed first.
 */
export class KeyValueCache {
  readonly #entries = new Map<object, KeysAndValues>();
  #length = 0;

  /** How many steps have passed: the position of the next one. */
  get length(): number {
    return this.#length;
  }

  /** @internal How many steps a layer has seen. */
  seen(layer: object): number {
    return this.#entries.get(layer)?.key.shape[2] ?? 0;
  }

  /** @internal All steps so far with the new ones behind. */
  extend(layer: object, { key, value }: KeysAndValues): KeysAndValues {
    const before = this.#entries.get(layer);
    const all =
      before === undefined
        ? { key, value }
        : { key: concat([before.key, key], 2), value: concat([before.value, value], 2) };
    this.#entries.set(layer, retain(all));
    this.#length = all.key.shape[2]!;
    return all;
  }

  /** @internal What was computed at the first time. */
  once(layer: object, make: () => KeysAndValues): KeysAndValues {
    let entry = this.#entries.get(layer);
    if (entry === undefined) {
      entry = make();
      this.#entries.set(layer, retain(entry));
    }
    return entry;
  }
}

/** Options of {@link MultiHeadAttention}. */
export interface MultiHeadAttentionOptions {
  /** Probability of dropping an attention weight in training. Default 0. */
  dropout?: number;
  /** Whether the projections add biases. Default true. */
  bias?: boolean;
  /** Features of keys and values where they are not embedDim. Default null: embedDim. */
  kdim?: number | null;
  vdim?: number | null;
  /** Whether tensors are [B, T, …] instead of [T, B, …]. Default false. */
  batchFirst?: boolean;
  /** Whether queries and keys are turned by their positions; see {@link RotaryPositions}. Default false. */
  rotary?: boolean;
  /** dtype of the parameters. Default float32. */
  dtype?: DType;
  /** Of the initial values, and of dropout. Default: the shared generator. */
  generator?: Generator;
}

/** What {@link MultiHeadAttention} may be given beside query, key and value. */
export interface AttentionInput {
  /** [B, S]: bool, true where a key is padding and not looked at; or float, added to the scores. */
  keyPaddingMask?: Tensor | null;
  /**
   * [L, S], or [B·heads, L, S]: bool, true where a query may not look at a key; or float, added to the scores.
   * (As in PyTorch, true means the opposite in `scaledDotProductAttention`.)
   */
  attnMask?: Tensor | null;
  /** Whether query i looks at keys 0 … i only (beside those that a cache brings in). Default false. */
  isCausal?: boolean;
  /** Whether to return the attention weights, too. Default false. */
  needWeights?: boolean;
  /** Whether these are averaged over the heads. Default true. */
  averageAttnWeights?: boolean;
  /** What to remember for the next step. */
  cache?: KeyValueCache | null;
}

/** What {@link MultiHeadAttention} returns. */
export interface AttentionResult {
  /** As the query: [L, B, E]. */
  output: Tensor;
  /** [B, L, S], or [B, heads, L, S] if not averaged; null unless asked for. */
  weights: Tensor | null;
}

/**
 * Attention with several heads: concat(head₁, …, headₕ)·W_outᵀ + b_out, with
 * headᵢ = softmax(qᵢ·kᵢᵀ/√(E/h))·vᵢ and q, k, v = the parts of W_in·(query, key, value) + b_in for that head.
 *
 * query [L, B, E], key [S, B, kdim], value [S, B, vdim]; [B, L, E] and so on with `batchFirst`; without B for
 * one sequence. `attention(x)` is attention of x to itself, `attention(x, memory)` to something else. Result
 * { output, weights }. A query that may look nowhere gives NaN, as PyTorch's.
 *
 * Parameters in_proj_weight [3·E, E] (query, key, value stacked), in_proj_bias [3·E], out_proj.weight [E, E],
 * out_proj.bias; where kdim or vdim is given, q_proj_weight [E, E], k_proj_weight [E, kdim], v_proj_weight
 * [E, vdim] instead of the first. As in PyTorch, projections in start as Xavier's uniform, biases at 0.
 *
 * Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.2.
 */
export class MultiHeadAttention extends Configured<
  [query: Tensor, key?: Tensor, value?: Tensor, input?: AttentionInput],
  AttentionResult
> {
  static override readonly layer = declareLayer(
    "multiHeadAttention",
    {
      embedDim: size(),
      numHeads: size(),
      dropout: probability({ fallback: 0 }),
      bias: flag({ fallback: true }),
      kdim: optional(size(), { quiet: true }),
      vdim: optional(size(), { quiet: true }),
      batchFirst: flag({ fallback: false }),
      rotary: flag({ fallback: false, quiet: true }),
      dtype: floatType,
    },
    ({ embedDim, numHeads, ...options }) => new MultiHeadAttention(embedDim, numHeads, options),
  );

  declare readonly embedDim: number;
  declare readonly numHeads: number;
  declare readonly dropout: number;
  declare readonly kdim: number | null;
  declare readonly vdim: number | null;
  declare readonly batchFirst: boolean;
  declare readonly rotary: boolean;
  readonly generator: Generator;
  in_proj_weight: Parameter | null = null;
  q_proj_weight: Parameter | null = null;
  k_proj_weight: Parameter | null = null;
  v_proj_weight: Parameter | null = null;
  in_proj_bias: Parameter | null = null;
  out_proj: Linear;
  readonly #rotary: RotaryPositions | null;

  constructor(embedDim: number, numHeads: number, options: MultiHeadAttentionOptions = {}) {
    const { generator = defaultGenerator(), ...given } = options;
    super({ ...given, embedDim, numHeads });
    if (embedDim % numHeads !== 0) {
      throw new ValueError(
        `multiHeadAttention: embedDim is ${embedDim} and numHeads ${numHeads}; embedDim must be a multiple of numHeads.`,
      );
    }
    const { bias = true, dtype = "float32" } = options;
    const { keys, values } = this.#sizes();
    this.generator = generator;
    const xavier = (rows: number, columns: number) =>
      new Parameter(init.xavierUniform_(zeros([rows, columns], { dtype }), { generator }));
    if (keys === embedDim && values === embedDim) {
      this.in_proj_weight = xavier(3 * embedDim, embedDim);
    } else {
      this.q_proj_weight = xavier(embedDim, embedDim);
      this.k_proj_weight = xavier(embedDim, keys);
      this.v_proj_weight = xavier(embedDim, values);
    }
    this.in_proj_bias = bias ? new Parameter(zeros([3 * embedDim], { dtype })) : null;
    this.out_proj = linear(embedDim, embedDim, { bias, dtype, generator });
    if (this.out_proj.bias !== null) init.zeros_(this.out_proj.bias);
    this.#rotary = this.rotary ? new RotaryPositions(embedDim / numHeads) : null;
  }

  forward(
    query: Tensor,
    key: Tensor = query,
    value: Tensor = key,
    input: AttentionInput = {},
  ): AttentionResult {
    this.#check(query, key, value);
    const { needWeights = false, averageAttnWeights = true, cache = null } = input;
    const batched = query.rank === 3;
    const toItself = key === query;
    const offset = cache !== null && toItself ? cache.seen(this) : 0;
    const q = this.#turned(this.#heads(query, 0), offset);
    const project = (): KeysAndValues => ({
      key: this.#turned(this.#heads(key, 1), offset),
      value: this.#heads(value, 2),
    });
    const { key: k, value: v } =
      cache === null
        ? project()
        : toItself
          ? cache.extend(this, project())
          : cache.once(this, project);
    const [batch, heads, queries] = q.shape as [number, number, number];
    const extent = { batch, heads, queries, keys: k.shape[2]! };
    // Where causality is all, core needs no mask for it.
    const onlyCausal = isOnlyCausal(input) && offset === 0 && !needWeights;
    const mask = onlyCausal ? null : maskOf(input, { ...extent, offset }, batched, q.dtype);
    const { generator } = this;
    const dropoutP = this.training ? this.dropout : 0;
    if (!needWeights) {
      // Core's true means the opposite: look.
      const attnMask = mask?.dtype === "bool" ? logicalNot(mask) : mask;
      const how = { attnMask, isCausal: onlyCausal, dropoutP, generator };
      const y = scaledDotProductAttention(q, k, v, how);
      return { output: this.#joined(y, batched), weights: null };
    }
    const scores = matmul(mul(q, 1 / Math.sqrt(q.shape[3]!)), transpose(k, -2, -1));
    const weights = dropout(softmax(masked(scores, mask)), { p: dropoutP, generator });
    const told = averageAttnWeights ? mean(weights, 1) : weights;
    const output = this.#joined(matmul(weights, v), batched);
    return { output, weights: batched ? told : squeeze(told, 0) };
  }

  /** Features of keys and values. */
  #sizes(): { keys: number; values: number } {
    return { keys: this.kdim ?? this.embedDim, values: this.vdim ?? this.embedDim };
  }

  /** The projection of the query (part 0), the key (1) or the value (2): [B, heads, T, E / heads]. */
  #heads(x: Tensor, part: 0 | 1 | 2): Tensor {
    const { embedDim, numHeads } = this;
    const own = [this.q_proj_weight, this.k_proj_weight, this.v_proj_weight][part]!;
    const rows = (stacked: Tensor) => narrow(stacked, 0, part * embedDim, embedDim);
    const weight = this.in_proj_weight === null ? own : rows(this.in_proj_weight);
    const y = affine(x, weight, this.in_proj_bias && rows(this.in_proj_bias));
    const split = reshape(y, [...y.shape.slice(0, -1), numHeads, embedDim / numHeads]);
    if (x.rank === 2) return unsqueeze(permute(split, [1, 0, 2]), 0);
    return permute(split, this.batchFirst ? [0, 2, 1, 3] : [1, 2, 0, 3]);
  }

  #turned(heads: Tensor, offset: number): Tensor {
    return this.#rotary === null ? heads : this.#rotary.forward(heads, { offset });
  }

  /** The heads side by side in the query's layout, and the projection out. */
  #joined(heads: Tensor, batched: boolean): Tensor {
    const ordered = permute(heads, this.batchFirst ? [0, 2, 1, 3] : [2, 0, 1, 3]);
    const [a, b] = ordered.shape as [number, number];
    const sizes = batched ? [a, b] : [a * b];
    return this.out_proj(reshape(ordered, [...sizes, this.embedDim]));
  }

  #check(query: unknown, key: unknown, value: unknown): void {
    const { keys, values } = this.#sizes();
    const sizes = { query: this.embedDim, key: keys, value: values };
    const axes = this.batchFirst ? ["B", "T"] : ["T", "B"];
    const given = Object.entries({ query, key, value });
    for (const [name, x] of given) {
      if (!(x instanceof Tensor)) {
        throw new ValueError(`multiHeadAttention: ${name} is ${show(x)}; it must be a Tensor.`);
      }
    }
    const tensors = { query, key, value } as Record<keyof typeof sizes, Tensor>;
    const { rank } = tensors.query;
    const time = rank === 3 && this.batchFirst ? 1 : 0;
    const fits =
      (rank === 2 || rank === 3) &&
      Object.entries(tensors).every(
        ([name, x]) => x.rank === rank && x.shape.at(-1) === sizes[name as keyof typeof sizes],
      ) &&
      tensors.key.shape[time] === tensors.value.shape[time] &&
      (rank === 2 ||
        [tensors.key, tensors.value].every(
          (x) => x.shape[1 - time] === tensors.query.shape[1 - time],
        ));
    if (fits) return;
    const shape = (features: number, steps: string) =>
      `[${axes.join(", ").replace("T", steps)}, ${features}]`;
    throw new ShapeError(
      `multiHeadAttention: query is ${formatShape(tensors.query.shape)}, key ${formatShape(tensors.key.shape)} and value ${formatShape(tensors.value.shape)}; they must be ${shape(sizes.query, "L")}, ${shape(sizes.key, "S")} and ${shape(sizes.value, "S")}, or all without B.`,
    );
  }
}

function isOnlyCausal({ attnMask, keyPaddingMask, isCausal = false }: AttentionInput): boolean {
  return isCausal && !attnMask && !keyPaddingMask;
}

/** Everything that keeps queries from keys, in one mask. */
function maskOf(
  { attnMask, keyPaddingMask, isCausal = false }: AttentionInput,
  extent: ScoresExtent,
  batched: boolean,
  dtype: DType,
): Tensor | null {
  const masks = [
    attnMask ? attentionMask(attnMask, extent) : null,
    keyPaddingMask ? paddedKeys(keyPaddingMask, extent, batched) : null,
    isCausal ? laterKeys(extent) : null,
  ];
  return merged(masks, dtype);
}

/** Attention with several heads; see {@link MultiHeadAttention}. */
export function multiHeadAttention(
  embedDim: number,
  numHeads: number,
  options?: MultiHeadAttentionOptions,
): MultiHeadAttention {
  return new MultiHeadAttention(embedDim, numHeads, options);
}
