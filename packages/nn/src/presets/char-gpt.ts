import { linear as linearOf, ShapeError, type Tensor } from "@tapegrad/core";
import { floatType, probability, size } from "../fields.ts";
import * as init from "../init.ts";
import { declareLayer } from "../layer.ts";
import { KeyValueCache } from "../layers/attention.ts";
import { type Dropout, dropout } from "../layers/dropout.ts";
import { type Embedding, embedding } from "../layers/embedding.ts";
import { type LearnedPositions, learnedPositions } from "../layers/positions.ts";
import { type TransformerEncoder, transformerEncoder } from "../layers/transformer.ts";
import { checkTokens, LanguageModel, oneSequence } from "./language.ts";
import { type PresetOptions, startOf } from "./options.ts";

export interface CharGptOptions extends PresetOptions {
  /** Number of different tokens (characters). */
  vocabSize: number;
  /** How many tokens the model sees at most. Default 64. */
  contextLength?: number;
  /** Features of a token. Default 128. */
  dModel?: number;
  /** Heads of attention; divides dModel. Default 4. */
  nhead?: number;
  /** Default 4. */
  numLayers?: number;
  /** Probability of dropping in training. Default 0. */
  dropout?: number;
}

/** What a {@link CharGpt} may be given beside the tokens. */
export interface CharGptInput {
  /** What was computed for the tokens before these, when text is generated. */
  cache?: KeyValueCache;
}

/**
 * A small GPT: token embeddings plus trained positions – dropout – causal transformer layers, each normalizing
 * what goes into its parts and with a feed-forward part of 4·dModel and GELU – layer norm – scores of the next
 * token, which are products with the token embeddings.
 *
 * `model(tokens)` with whole numbers [B, T], T up to contextLength, gives { logits: [B, T, vocabSize] }.
 *
 * Weights start normal with σ = 0.02, those that add to the residual stream with σ = 0.02/√(2·numLayers);
 * biases 0. State: tokens.weight, positions.weight, blocks.layers.0.…, blocks.norm.…
 *
 * Radford et al., Language models are unsupervised multitask learners (GPT-2), 2019.
 */
export class CharGpt extends LanguageModel<CharGptInput, { logits: Tensor }> {
  static override readonly layer = declareLayer(
    "charGpt",
    {
      vocabSize: size(),
      contextLength: size({ fallback: 64 }),
      dModel: size({ fallback: 128 }),
      nhead: size({ fallback: 4 }),
      numLayers: size({ fallback: 4 }),
      dropout: probability({ fallback: 0 }),
      dtype: floatType,
    },
    (options) => new CharGpt(options),
  );

  readonly vocabSize: number;
  readonly contextLength: number;
  tokens: Embedding;
  positions: LearnedPositions;
  dropout: Dropout;
  blocks: TransformerEncoder;

  constructor(options: CharGptOptions) {
    const { vocabSize, contextLength = 64, dModel = 128, nhead = 4, numLayers = 4 } = options;
    const { dropout: p = 0 } = options;
    const start = startOf(options);
    const { dtype, generator } = start;
    super({ vocabSize, contextLength, dModel, nhead, numLayers, dropout: p, dtype });
    this.vocabSize = vocabSize;
    this.contextLength = contextLength;
    this.tokens = embedding(vocabSize, dModel, start);
    this.positions = learnedPositions(contextLength, dModel, { batchFirst: true, ...start });
    this.dropout = dropout(p, { generator });
    const shape = {
      numLayers,
      dimFeedforward: 4 * dModel,
      dropout: p,
      activation: "gelu",
    } as const;
    const order = { batchFirst: true, normFirst: true, isCausal: true };
    this.blocks = transformerEncoder(dModel, nhead, { ...shape, ...order, ...start });
    const std = 0.02;
    for (const [name, parameter] of this.namedParameters()) {
      const addsToStream = /(out_proj|linear2)\.weight$/.test(name);
      if (name.endsWith("bias")) init.zeros_(parameter);
      else if (parameter.rank >= 2)
        init.normal_(parameter, {
          std: addsToStream ? std / Math.sqrt(2 * numLayers) : std,
          generator,
        });
    }
  }

  forward(tokens: Tensor, { cache }: CharGptInput = {}): { logits: Tensor } {
    checkTokens("charGpt", tokens);
    const offset = cache?.length ?? 0;
    const length = tokens.shape[1]!;
    if (offset + length > this.contextLength) {
      throw new ShapeError(
        `charGpt: tokens has ${length} steps from position ${offset}; contextLength is ${this.contextLength}.`,
      );
    }
    const x = this.dropout(this.positions(this.tokens(tokens), { offset }));
    const y = this.blocks(x, cache === undefined ? {} : { cache });
    return { logits: linearOf(y, this.tokens.weight) };
  }

  protected override reader(): (tokens: readonly number[]) => Tensor {
    const seen: number[] = [];
    const cache = new KeyValueCache();
    return (tokens) => {
      seen.push(...tokens);
      // Beyond the context every token moves by one position, so nothing that was computed holds.
      const { logits } =
        seen.length <= this.contextLength
          ? this(oneSequence(tokens), { cache })
          : this(oneSequence(seen.slice(-this.contextLength)));
      return logits.select(0, 0).select(0, -1);
    };
  }
}

/** A small GPT on characters or other tokens; see {@link CharGpt}. */
export function charGpt(options: CharGptOptions): CharGpt {
  return new CharGpt(options);
}
