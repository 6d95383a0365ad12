/** Layers of transformers. */
import {
  add,
  type DType,
  defaultGenerator,
  type Generator,
  gelu,
  relu,
  type Tensor,
} from "@tapegrad/core";
import { choice, flag, floatType, positive, probability, size } from "../fields.ts";
import { type Arguments, declareLayer, type Layer } from "../layer.ts";
import { Module } from "../module.ts";
import { type KeyValueCache, MultiHeadAttention } from "./attention.ts";
import { completed } from "./configured.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { LayerNorm } from "./norm.ts";

/** Options of transformer layers. */
export interface TransformerLayerOptions {
  /** Features between the two products of the feed-forward part. Default 2048. */
  dimFeedforward?: number;
  /** Probability of dropping in training, in all places. Default 0.1. */
  dropout?: number;
  /** What stands between the two products. Default "relu". */
  activation?: "relu" | "gelu";
  /** Added to variances. Default 1e-5. */
  layerNormEps?: number;
  /** Whether tensors are [B, T, …] instead of [T, B, …]. Default false. */
  batchFirst?: boolean;
  /** Whether to normalize what goes into each part instead of what comes out of each sum. Default false. */
  normFirst?: boolean;
  /** Whether products and normalizations add biases. Default true. */
  bias?: boolean;
  /** Whether attention to the sequence itself turns queries and keys by their positions. Default false. */
  rotary?: boolean;
  /** Whether attention to the sequence itself is causal unless a call says otherwise. Default false. */
  isCausal?: boolean;
  /** dtype of the parameters. Default float32. */
  dtype?: DType;
  /** Of the initial values, and of dropout. Default: the shared generator. */
  generator?: Generator;
}

/** What all declare. */
export const layerFields = {
  dModel: size(),
  nhead: size(),
  dimFeedforward: size({ fallback: 2048 }),
  dropout: probability({ fallback: 0.1 }),
  activation: choice(["relu", "gelu"], { fallback: "relu" }),
  layerNormEps: positive({ fallback: 1e-5, quiet: true }),
  batchFirst: flag({ fallback: false }),
  normFirst: flag({ fallback: false }),
  bias: flag({ fallback: true, quiet: true }),
  rotary: flag({ fallback: false, quiet: true }),
  isCausal: flag({ fallback: false, quiet: true }),
  dtype: floatType,
};

/** The declared arguments. */
export interface LayerArguments extends Required<Omit<TransformerLayerOptions, "generator">> {
  dModel: number;
  nhead: number;
}

/** The arguments of a layer or a stack with their defaults. @throws ValueError for an unknown one */
export function argumentsOf<A extends LayerArguments>(
  layer: Layer,
  dModel: number,
  nhead: number,
  { generator: _, ...given }: TransformerLayerOptions,
): A & Arguments {
  return completed(layer, { ...given, dModel, nhead }) as A & Arguments;
}

const activations = { relu: (x: Tensor) => relu(x), gelu: (x: Tensor) => gelu(x) };

export function norm({ dModel, layerNormEps, bias, dtype }: LayerArguments): LayerNorm {
  return new LayerNorm(dModel, { eps: layerNormEps, bias, dtype });
}

function attention(
  { dModel, nhead, dropout, bias, batchFirst, dtype }: LayerArguments,
  generator: Generator,
  rotary: boolean,
): MultiHeadAttention {
  const options = { dropout, bias, batchFirst, rotary, dtype, generator };
  return new MultiHeadAttention(dModel, nhead, options);
}

/** What encoder and decoder layers share. */
abstract class TransformerLayer<Args extends unknown[]> extends Module<Args> {
  self_attn: MultiHeadAttention;
  multihead_attn?: MultiHeadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3?: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3?: Dropout;
  readonly normFirst: boolean;
  readonly isCausal: boolean;
  readonly activation: "relu" | "gelu";

  /** @param withMemory  whether there is attention to a memory; its parts stand where PyTorch has them */
  constructor(config: LayerArguments & Arguments, generator: Generator, withMemory: boolean) {
    super(config);
    const { dModel, dimFeedforward, dropout: p, bias, dtype } = config;
    const start = { bias, dtype, generator };
    const drop = () => new Dropout(p, { generator });
    this.self_attn = attention(config, generator, config.rotary);
    // Positions in a memory can't be compared with those in the sequence.
    if (withMemory) this.multihead_attn = attention(config, generator, false);
    this.linear1 = new Linear(dModel, dimFeedforward, start);
    this.dropout = drop();
    this.linear2 = new Linear(dimFeedforward, dModel, start);
    this.norm1 = norm(config);
    this.norm2 = norm(config);
    if (withMemory) this.norm3 = norm(config);
    this.dropout1 = drop();
    this.dropout2 = drop();
    if (withMemory) this.dropout3 = drop();
    this.normFirst = config.normFirst;
    this.isCausal = config.isCausal;
    this.activation = config.activation;
  }

  /** A part of the layer with what goes around it: the sum with its input, and a normalization. */
  protected around(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? add(x, part(norm(x))) : norm(add(x, part(x)));
  }

  /** W₂·act(W₁·x + b₁) + b₂. */
  protected feedForward(x: Tensor): Tensor {
    const hidden = activations[this.activation](this.linear1(x));
    return this.linear2(this.dropout(hidden));
  }
}

/** What a {@link TransformerEncoderLayer} may be given beside its input. */
export interface EncoderLayerInput {
  /** See {@link AttentionInput}'s attnMask. */
  srcMask?: Tensor | null;
  /** See {@link AttentionInput}'s keyPaddingMask. */
  srcKeyPaddingMask?: Tensor | null;
  /** Whether no step looks at later ones. Default: as the layer was made. */
  isCausal?: boolean;
  /** What to remember for the next step. */
  cache?: KeyValueCache | null;
}

/**
 * Attention of a sequence to itself, then a feed-forward part, each added to what went in:
 * y = norm(x + attention(x)), z = norm(y + feedForward(y)) with feedForward(y) = W₂·act(W₁·y + b₁) + b₂; with
 * `normFirst` y = x + attention(norm(x)), z = y + feedForward(norm(y)).
 *
 * Input and output [T, B, dModel], [B, T, dModel] with `batchFirst`, or [T, dModel]. State: self_attn.…
 * ({@link MultiHeadAttention}), linear1 and linear2 ({@link Linear}), norm1 and norm2 ({@link LayerNorm}).
 *
 * Vaswani et al., Attention is all you need, NeurIPS 2017; normFirst: Xiong et al., On layer normalization in
 * the transformer architecture, ICML 2020.
 */
export class TransformerEncoderLayer extends TransformerLayer<
  [x: Tensor, input?: EncoderLayerInput]
> {
  static override readonly layer = declareLayer(
    "transformerEncoderLayer",
    layerFields,
    ({ dModel, nhead, ...options }) => new TransformerEncoderLayer(dModel, nhead, options),
  );

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    const { generator = defaultGenerator() } = options;
    super(argumentsOf(new.target.layer, dModel, nhead, options), generator, false);
  }

  forward(x: Tensor, input: EncoderLayerInput = {}): Tensor {
    const { srcMask = null, srcKeyPaddingMask = null, cache = null } = input;
    const { isCausal = this.isCausal } = input;
    const masks = { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask };
    const y = this.around(x, this.norm1, (z) =>
      this.dropout1(this.self_attn(z, z, z, { ...masks, isCausal, cache }).output),
    );
    return this.around(y, this.norm2, (z) => this.dropout2(this.feedForward(z)));
  }
}

/** A layer of a transformer's encoder; see {@link TransformerEncoderLayer}. */
export function transformerEncoderLayer(
  dModel: number,
  nhead: number,
  options?: TransformerLayerOptions,
): TransformerEncoderLayer {
  return new TransformerEncoderLayer(dModel, nhead, options);
}

/** What a {@link TransformerDecoderLayer} may be given beside its input and the memory. */
export interface DecoderLayerInput {
  /** Masks of attention to the sequence itself; see {@link AttentionInput}. */
  tgtMask?: Tensor | null;
  tgtKeyPaddingMask?: Tensor | null;
  /** Masks of attention to the memory. */
  memoryMask?: Tensor | null;
  memoryKeyPaddingMask?: Tensor | null;
  /** Whether no step looks at later ones of its own sequence. Default: as the layer was made. */
  tgtIsCausal?: boolean;
  /** What to remember for the next step. */
  cache?: KeyValueCache | null;
}

/**
 * As {@link TransformerEncoderLayer}, with attention to a memory (what an encoder made) between attention to the
 * sequence itself and the feed-forward part: y = norm(x + attention(x)), z = norm(y + attention(y, memory)),
 * w = norm(z + feedForward(z)); with `normFirst` normalized before each part.
 *
 * x [T, B, dModel], memory [S, B, dModel], output as x. State: self_attn.…, multihead_attn.…, linear1, linear2,
 * norm1, norm2, norm3.
 *
 * Vaswani et al., Attention is all you need, NeurIPS 2017.
 */
export class TransformerDecoderLayer extends TransformerLayer<
  [x: Tensor, memory: Tensor, input?: DecoderLayerInput]
> {
  static override readonly layer = declareLayer(
    "transformerDecoderLayer",
    layerFields,
    ({ dModel, nhead, ...options }) => new TransformerDecoderLayer(dModel, nhead, options),
  );

  declare multihead_attn: MultiHeadAttention;
  declare norm3: LayerNorm;
  declare dropout3: Dropout;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    const { generator = defaultGenerator() } = options;
    super(argumentsOf(new.target.layer, dModel, nhead, options), generator, true);
  }

  forward(x: Tensor, memory: Tensor, input: DecoderLayerInput = {}): Tensor {
    const { tgtMask = null, tgtKeyPaddingMask = null, cache = null } = input;
    const { tgtIsCausal = this.isCausal, memoryMask = null, memoryKeyPaddingMask = null } = input;
    const own = { attnMask: tgtMask, keyPaddingMask: tgtKeyPaddingMask, isCausal: tgtIsCausal };
    const other = { attnMask: memoryMask, keyPaddingMask: memoryKeyPaddingMask };
    const y = this.around(x, this.norm1, (z) =>
      this.dropout1(this.self_attn(z, z, z, { ...own, cache }).output),
    );
    const w = this.around(y, this.norm2, (z) =>
      this.dropout2(this.multihead_attn(z, memory, memory, { ...other, cache }).output),
    );
    return this.around(w, this.norm3, (z) => this.dropout3(this.feedForward(z)));
  }
}

/** A layer of a transformer's decoder; see {@link TransformerDecoderLayer}. */
export function transformerDecoderLayer(
  dModel: number,
  nhead: number,
  options?: TransformerLayerOptions,
): TransformerDecoderLayer {
  return new TransformerDecoderLayer(dModel, nhead, options);
}
