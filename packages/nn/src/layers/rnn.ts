/** Recurrent layers over whole sequences: RNN, GRU, LSTM. */
import { type Tensor, ValueError } from "@tapegrad/core";
import { choice, count } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { elmanRelu, elmanTanh, gruRecurrence, lstmRecurrence } from "./recurrence.ts";
import {
  Recurrent,
  type RecurrentInput,
  type RecurrentOptions,
  type RecurrentResult,
  recurrentFields,
} from "./recurrent.ts";

/** Options of {@link RNN}. */
export interface RNNOptions extends RecurrentOptions {
  /** Default "tanh". */
  nonlinearity?: "tanh" | "relu";
}

/**
 * Elman's recurrent network, hₜ = tanh(W_ih·xₜ + b_ih + W_hh·hₜ₋₁ + b_hh), or relu in place of tanh.
 *
 * Input [T, B, I] ([B, T, I] with `batchFirst`, [T, I] for one sequence), and in an object the initial state
 * and the sequences' lengths: `rnn(x, { hidden, lengths })`. Result { output, hidden }, see
 * {@link RecurrentResult}. Parameters weight_ih_l0 [H, I], weight_hh_l0 [H, H], bias_ih_l0, bias_hh_l0 [H],
 * then those of the other direction (…_l0_reverse) and the next layers (…_l1); all start uniform in ±1/√H.
 *
 * Elman, Finding structure in time, Cognitive Science 1990; both directions: Schuster and Paliwal,
 * Bidirectional recurrent neural networks, 1997.
 */
export class RNN extends Recurrent {
  static override readonly layer = declareLayer(
    "rnn",
    { ...recurrentFields, nonlinearity: choice(["tanh", "relu"], { fallback: "tanh" }) },
    ({ inputSize, hiddenSize, ...options }) => new RNN(inputSize, hiddenSize, options),
  );

  declare readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number | null, hiddenSize: number, options: RNNOptions = {}) {
    const recurrence = options.nonlinearity === "relu" ? elmanRelu : elmanTanh;
    super(recurrence, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, { hidden, lengths }: RecurrentInput = {}): RecurrentResult {
    return hiddenOnly(this.run(x, { hidden: { given: hidden, size: this.hiddenSize } }, lengths));
  }
}

/** A recurrent network; see {@link RNN}. */
export function rnn(inputSize: number | null, hiddenSize: number, options?: RNNOptions): RNN {
  return new RNN(inputSize, hiddenSize, options);
}

/**
 * Gated recurrent units: rₜ = σ(W_ir·xₜ + b_ir + W_hr·hₜ₋₁ + b_hr), zₜ alike,
 * nₜ = tanh(W_in·xₜ + b_in + rₜ·(W_hn·hₜ₋₁ + b_hn)), hₜ = (1 − zₜ)·nₜ + zₜ·hₜ₋₁.
 *
 * Input, result and parameters as {@link RNN}'s; weights stack the gates r, z, n: [3·H, …].
 *
 * Cho et al., Learning phrase representations using RNN encoder–decoder, EMNLP 2014.
 */
export class GRU extends Recurrent {
  static override readonly layer = declareLayer(
    "gru",
    recurrentFields,
    ({ inputSize, hiddenSize, ...options }) => new GRU(inputSize, hiddenSize, options),
  );

  constructor(inputSize: number | null, hiddenSize: number, options: RecurrentOptions = {}) {
    super(gruRecurrence, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, { hidden, lengths }: RecurrentInput = {}): RecurrentResult {
    return hiddenOnly(this.run(x, { hidden: { given: hidden, size: this.hiddenSize } }, lengths));
  }
}

/** Gated recurrent units; see {@link GRU}. */
export function gru(inputSize: number | null, hiddenSize: number, options?: RecurrentOptions): GRU {
  return new GRU(inputSize, hiddenSize, options);
}

function hiddenOnly({ output, states }: { output: Tensor; states: Tensor[] }): RecurrentResult {
  return { output, hidden: states[0]! };
}

/** Options of {@link LSTM}. */
export interface LSTMOptions extends RecurrentOptions {
  /** Size P of the hidden state, which is then a product W_hr·hₜ; less than H. Default 0: no product, size H. */
  projSize?: number;
}

/** What an {@link LSTM} may be given beside its input. */
export interface LSTMInput extends RecurrentInput {
  /** Cell state before the first step, [layers·directions, B, H]. Default zeros. */
  cell?: Tensor | null;
}

/** What an {@link LSTM} returns; it may be given to the next call as the state to go on from. */
export interface LSTMResult extends RecurrentResult {
  /** Cell states after each sequence's last step, [layers·directions, B, H]. */
  cell: Tensor;
}

/**
 * Long short-term memory: gates i, f, g, o from W_ih·xₜ + b_ih + W_hh·hₜ₋₁ + b_hh,
 * cₜ = σ(f)·cₜ₋₁ + σ(i)·tanh(g), hₜ = σ(o)·tanh(cₜ).
 *
 * Input, result and parameters as {@link RNN}'s, with a cell state beside the hidden one:
 * `const { output, hidden, cell } = lstm(x, { hidden, cell, lengths })`. Weights stack the gates i, f, g, o:
 * [4·H, …]. With `projSize` P there are weight_hr_l0 [P, H], …, and hidden states have size P.
 *
 * Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 1997; forget gates: Gers et al.,
 * Learning to forget, 2000; projections: Sak et al., Long short-term memory based recurrent neural network
 * architectures for large vocabulary speech recognition, 2014.
 */
export class LSTM extends Recurrent<LSTMInput, LSTMResult> {
  static override readonly layer = declareLayer(
    "lstm",
    { ...recurrentFields, projSize: count({ fallback: 0, quiet: true }) },
    ({ inputSize, hiddenSize, ...options }) => new LSTM(inputSize, hiddenSize, options),
  );

  declare readonly projSize: number;

  constructor(inputSize: number | null, hiddenSize: number, options: LSTMOptions = {}) {
    const { projSize = 0 } = options;
    if (projSize > 0 && projSize >= hiddenSize) {
      throw new ValueError(
        `lstm: projSize is ${projSize}; it must be less than hiddenSize (${hiddenSize}), or 0 for no projection.`,
      );
    }
    super(lstmRecurrence, inputSize, hiddenSize, options, projSize);
  }

  forward(x: Tensor, { hidden, cell, lengths }: LSTMInput = {}): LSTMResult {
    const initial = {
      hidden: { given: hidden, size: this.projSize || this.hiddenSize },
      cell: { given: cell, size: this.hiddenSize },
    };
    const { output, states } = this.run(x, initial, lengths);
    return { output, hidden: states[0]!, cell: states[1]! };
  }
}

/** Long short-term memory; see {@link LSTM}. */
export function lstm(inputSize: number | null, hiddenSize: number, options?: LSTMOptions): LSTM {
  return new LSTM(inputSize, hiddenSize, options);
}
