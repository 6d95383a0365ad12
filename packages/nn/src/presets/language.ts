/** Language models: what they learn from, and how text comes out of them. */
import {
  crossEntropy,
  defaultGenerator,
  formatShape,
  type Generator,
  noGrad,
  rand,
  ShapeError,
  Tensor,
  tensor,
  topk,
  ValueError,
} from "@tapegrad/core";
import { Module } from "../module.ts";

/** Options of {@link LanguageModel}'s `generate`. */
export interface GenerateOptions {
  /** How many tokens to add. */
  length: number;
  /** Divides the scores: below 1 for safer, above 1 for bolder choices; 0 takes the likeliest. Default 1. */
  temperature?: number;
  /** Choose among so many of the likeliest only. Default: all. */
  topK?: number;
  generator?: Generator;
}

/** A model that gives scores for the token after each one: the part that does not depend on how. */
export abstract class LanguageModel<Input, R extends { logits: Tensor }> extends Module<
  [tokens: Tensor, input?: Input],
  R
> {
  abstract readonly vocabSize: number;

  /** A function that takes the tokens to go on from, then each token after, and gives the scores for the next. */
  protected abstract reader(): (tokens: readonly number[]) => Tensor;

  /**
   * Mean cross-entropy of predicting each next token.
   *
   * @param tokens   whole numbers [B, T]
   * @param targets  the tokens that follow, [B, T]: `tokens` moved by one
   */
  loss(tokens: Tensor, targets: Tensor): Tensor {
    const logits = this(tokens).logits;
    const count = logits.size / this.vocabSize;
    if (formatShape(targets.shape) !== formatShape(tokens.shape)) {
      throw new ShapeError(
        `loss: targets is ${formatShape(targets.shape)} and tokens ${formatShape(tokens.shape)}; the shapes must be equal.`,
      );
    }
    return crossEntropy(logits.reshape([count, this.vocabSize]), targets.reshape([count]));
  }

  /**
   * Draws tokens one after the other, each from softmax(scores / temperature) given those before. Runs off the
   * tape in eval mode.
   *
   * @param prompt  the tokens to go on from, at least one
   * @returns       prompt and new tokens
   */
  generate(prompt: readonly number[], options: GenerateOptions): number[] {
    const { length, temperature = 1, topK = this.vocabSize } = options;
    const { generator = defaultGenerator() } = options;
    this.#checkGenerate(prompt, length, temperature, topK);
    const modes = this.modules().map((module) => [module, module.training] as const);
    this.eval();
    try {
      return noGrad(() => {
        const tokens = [...prompt];
        const read = this.reader();
        let scores = length > 0 ? read(tokens) : null;
        for (let i = 0; i < length; i++) {
          const token = choose(scores!, { temperature, topK, generator });
          tokens.push(token);
          if (i < length - 1) scores = read([token]);
        }
        return tokens;
      });
    } finally {
      for (const [module, training] of modes) module.training = training;
    }
  }

  #checkGenerate(prompt: unknown, length: number, temperature: number, topK: number): void {
    const last = this.vocabSize - 1;
    const isToken = (n: unknown) =>
      Number.isInteger(n) && (n as number) >= 0 && (n as number) <= last;
    if (!Array.isArray(prompt) || prompt.length === 0 || !prompt.every(isToken)) {
      throw new ValueError(
        `generate: the prompt must be an array of at least one token, each a whole number from 0 to ${last}.`,
      );
    }
    if (!Number.isInteger(length) || length < 0) {
      throw new ValueError(
        `generate: length is ${length}; it must be a whole number of at least 0.`,
      );
    }
    if (!(temperature >= 0 && Number.isFinite(temperature))) {
      throw new ValueError(
        `generate: temperature is ${temperature}; it must be a finite number of at least 0.`,
      );
    }
    if (!Number.isInteger(topK) || topK < 1 || topK > this.vocabSize) {
      throw new ValueError(
        `generate: topK is ${topK}; it must be a whole number from 1 to ${this.vocabSize}.`,
      );
    }
  }
}

/** A token drawn by its score, from scores [vocabSize]. */
function choose(
  scores: Tensor,
  { temperature, topK, generator }: { temperature: number; topK: number; generator: Generator },
): number {
  if (temperature === 0) return scores.argmax().item();
  const { values, indices } = topk(scores.to("float64"), topK);
  const probabilities = values.div(temperature).softmax(-1).data();
  let left = rand([], { dtype: "float64", generator }).item();
  const at = probabilities.findIndex((p) => {
    left -= p;
    return left < 0;
  });
  // Rounding may leave a rest behind the last.
  return indices.data()[at < 0 ? topK - 1 : at]!;
}

/** Tokens as a batch of one, [1, T]. */
export function oneSequence(tokens: readonly number[]): Tensor {
  return tensor(new Int32Array(tokens)).reshape([1, tokens.length]);
}

/** @throws ShapeError unless tokens are [B, T] */
export function checkTokens(type: string, tokens: unknown): void {
  if (tokens instanceof Tensor && tokens.rank === 2) return;
  const got = tokens instanceof Tensor ? formatShape(tokens.shape) : typeof tokens;
  throw new ShapeError(`${type}: tokens is ${got}; it must be a Tensor of whole numbers, [B, T].`);
}
