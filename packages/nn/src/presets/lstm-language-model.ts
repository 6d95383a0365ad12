import type { Tensor } from "@tapegrad/core";
import { floatType, probability, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { type Dropout, dropout } from "../layers/dropout.ts";
import { type Embedding, embedding } from "../layers/embedding.ts";
import { type Linear, linear } from "../layers/linear.ts";
import { type LSTM, lstm } from "../layers/rnn.ts";
import { checkTokens, LanguageModel, oneSequence } from "./language.ts";
import { type PresetOptions, startOf } from "./options.ts";

export interface LSTMLanguageModelOptions extends PresetOptions {
  /** Number of different tokens. */
  vocabSize: number;
  /** Size of a token's vector. Default 128. */
  embeddingDim?: number;
  /** Size of the hidden state. Default 256. */
  hiddenSize?: number;
  /** Default 2. */
  numLayers?: number;
  /** Probability of dropping after the embedding, between the layers and before the scores. Default 0. */
  dropout?: number;
}

/** State of an {@link LSTMLanguageModel} between two pieces of text. */
export interface LSTMLanguageModelState {
  hidden: Tensor;
  cell: Tensor;
}

export interface LSTMLanguageModelResult extends LSTMLanguageModelState {
  /** Scores of the token after each one, [B, T, vocabSize]. */
  logits: Tensor;
}

/**
 * Embedding – dropout – LSTM – dropout – linear: scores of the next token.
 *
 * `model(tokens)` with whole numbers [B, T] gives { logits [B, T, vocabSize], hidden, cell }; the state may be
 * given to the next call, `model(more, { hidden, cell })`, with detach() where gradients shall end.
 *
 * State: embedding.weight, lstm.weight_ih_l0, …, output.weight, output.bias.
 *
 * Zaremba, Sutskever and Vinyals, Recurrent neural network regularization, 2014.
 */
export class LSTMLanguageModel extends LanguageModel<
  LSTMLanguageModelState,
  LSTMLanguageModelResult
> {
  static override readonly layer = declareLayer(
    "lstmLanguageModel",
    {
      vocabSize: size(),
      embeddingDim: size({ fallback: 128 }),
      hiddenSize: size({ fallback: 256 }),
      numLayers: size({ fallback: 2 }),
      dropout: probability({ fallback: 0 }),
      dtype: floatType,
    },
    (options) => new LSTMLanguageModel(options),
  );

  readonly vocabSize: number;
  embedding: Embedding;
  dropout: Dropout;
  lstm: LSTM;
  output: Linear;

  constructor(options: LSTMLanguageModelOptions) {
    const { vocabSize, embeddingDim = 128, hiddenSize = 256, numLayers = 2 } = options;
    const { dropout: p = 0 } = options;
    const start = startOf(options);
    const { dtype, generator } = start;
    super({ vocabSize, embeddingDim, hiddenSize, numLayers, dropout: p, dtype });
    this.vocabSize = vocabSize;
    this.embedding = embedding(vocabSize, embeddingDim, start);
    this.dropout = dropout(p, { generator });
    const layers = { numLayers, dropout: numLayers > 1 ? p : 0, batchFirst: true };
    this.lstm = lstm(embeddingDim, hiddenSize, { ...layers, ...start });
    this.output = linear(hiddenSize, vocabSize, start);
  }

  forward(tokens: Tensor, state?: LSTMLanguageModelState): LSTMLanguageModelResult {
    checkTokens("lstmLanguageModel", tokens);
    const { output, hidden, cell } = this.lstm(this.dropout(this.embedding(tokens)), state);
    return { logits: this.output(this.dropout(output)), hidden, cell };
  }

  protected override reader(): (tokens: readonly number[]) => Tensor {
    let state: LSTMLanguageModelState | undefined;
    return (tokens) => {
      const { logits, hidden, cell } = this(oneSequence(tokens), state);
      state = { hidden, cell };
      return logits.select(0, 0).select(0, -1);
    };
  }
}

/** An LSTM that predicts the next token; see {@link LSTMLanguageModel}. */
export function lstmLanguageModel(options: LSTMLanguageModelOptions): LSTMLanguageModel {
  return new LSTMLanguageModel(options);
}
