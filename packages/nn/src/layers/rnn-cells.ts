/** Recurrent cells: one step at a time, for loops of one's own. */
import {
  formatShape,
  ShapeError,
  show,
  squeeze,
  Tensor,
  unsqueeze,
  ValueError,
  zeros,
} from "@tapegrad/core";
import { choice, flag, floatType, inferred, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import {
  elmanRelu,
  elmanTanh,
  gruRecurrence,
  lstmRecurrence,
  type Recurrence,
} from "./recurrence.ts";
import { makeWeights, weightsUnder } from "./recurrent.ts";
import type { StartOptions } from "./start.ts";

/** Options of recurrent cells. */
export interface CellOptions extends StartOptions {
  /** Whether to add biases. Default true. */
  bias?: boolean;
}

const cellFields = {
  inputSize: inferred({
    input: (x) => x.shape.at(-1),
    state: ({ weight_ih }) => weight_ih?.shape[1],
  }),
  hiddenSize: size(),
  bias: flag({ fallback: true }),
  dtype: floatType,
};

/** One step; the kinds differ in their {@link Recurrence}. */
abstract class Cell<State, Result> extends Configured<[x: Tensor, state?: State | null], Result> {
  declare readonly inputSize: number | null;
  declare readonly hiddenSize: number;
  weight_ih!: Parameter;
  weight_hh!: Parameter;
  bias_ih?: Parameter;
  bias_hh?: Parameter;
  readonly #recurrence: Recurrence;
  readonly #options: CellOptions;

  constructor(
    recurrence: Recurrence,
    inputSize: number | null,
    hiddenSize: number,
    options: CellOptions,
  ) {
    const { generator: _, ...given } = options;
    super({ ...given, inputSize, hiddenSize });
    this.#recurrence = recurrence;
    this.#options = options;
    if (inputSize !== null) this.build();
  }

  protected override build(): void {
    const { gates } = this.#recurrence;
    const sizes = { gates, inputs: this.inputSize!, hidden: this.hiddenSize };
    makeWeights(this, "", sizes, this.#options);
  }

  /** @param states  the states before by name, hidden first; [B, H], or [H] beside x [I] */
  protected step(x: Tensor, states: Readonly<Record<string, Tensor | null | undefined>>): Tensor[] {
    const { type } = (this.constructor as typeof Module).layer!;
    checkInput(type, x, this.inputSize!);
    const batched = x.rank === 2;
    const shape = [...x.shape.slice(0, -1), this.hiddenSize];
    const rows = (t: Tensor) => (batched ? t : unsqueeze(t, 0));
    const before = Object.entries(states).map(([name, given]) => {
      if (given === null || given === undefined) {
        return rows(zeros(shape, { dtype: this.weight_hh.dtype }));
      }
      if (!(given instanceof Tensor) || formatShape(given.shape) !== formatShape(shape)) {
        const got = given instanceof Tensor ? formatShape(given.shape) : show(given);
        throw new ShapeError(
          `${type}: ${name} is ${got} and x ${formatShape(x.shape)}; ${name} must be ${formatShape(shape)}.`,
        );
      }
      return rows(given);
    });
    const weights = weightsUnder(this, "");
    const projected = this.#recurrence.project(rows(x), weights);
    const after = this.#recurrence.step(projected, before, weights);
    return batched ? after : after.map((t) => squeeze(t, 0));
  }
}

function checkInput(type: string, x: unknown, inputs: number): void {
  const wanted = `[B, ${inputs}] or [${inputs}]`;
  if (!(x instanceof Tensor)) {
    throw new ValueError(`${type}: x is ${show(x)}; it must be a Tensor of shape ${wanted}.`);
  }
  if ((x.rank !== 1 && x.rank !== 2) || x.shape.at(-1) !== inputs) {
    throw new ShapeError(`${type}: x is ${formatShape(x.shape)}; it must be ${wanted}.`);
  }
}

/** Options of {@link RNNCell}. */
export interface RNNCellOptions extends CellOptions {
  /** Default "tanh". */
  nonlinearity?: "tanh" | "relu";
}

/**
 * One step of an {@link RNN}: h′ = tanh(W_ih·x + b_ih + W_hh·h + b_hh), `h = cell(x, h)`.
 *
 * x [B, I] or [I], h [B, H] or [H] (zeros if left out). Parameters weight_ih, weight_hh, bias_ih, bias_hh.
 */
export class RNNCell extends Cell<Tensor, Tensor> {
  static override readonly layer = declareLayer(
    "rnnCell",
    { ...cellFields, nonlinearity: choice(["tanh", "relu"], { fallback: "tanh" }) },
    ({ inputSize, hiddenSize, ...options }) => new RNNCell(inputSize, hiddenSize, options),
  );

  declare readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number | null, hiddenSize: number, options: RNNCellOptions = {}) {
    const recurrence = options.nonlinearity === "relu" ? elmanRelu : elmanTanh;
    super(recurrence, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, hidden?: Tensor | null): Tensor {
    return this.step(x, { hidden })[0]!;
  }
}

/** One step of a recurrent network; see {@link RNNCell}. */
export function rnnCell(
  inputSize: number | null,
  hiddenSize: number,
  options?: RNNCellOptions,
): RNNCell {
  return new RNNCell(inputSize, hiddenSize, options);
}

/** One step of a {@link GRU}: `h = cell(x, h)`; shapes and parameters as {@link RNNCell}'s, weights [3·H, …]. */
export class GRUCell extends Cell<Tensor, Tensor> {
  static override readonly layer = declareLayer(
    "gruCell",
    cellFields,
    ({ inputSize, hiddenSize, ...options }) => new GRUCell(inputSize, hiddenSize, options),
  );

  constructor(inputSize: number | null, hiddenSize: number, options: CellOptions = {}) {
    super(gruRecurrence, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, hidden?: Tensor | null): Tensor {
    return this.step(x, { hidden })[0]!;
  }
}

/** One step of gated recurrent units; see {@link GRUCell}. */
export function gruCell(
  inputSize: number | null,
  hiddenSize: number,
  options?: CellOptions,
): GRUCell {
  return new GRUCell(inputSize, hiddenSize, options);
}

/** The state of an {@link LSTMCell}. */
export interface LSTMState {
  /** [B, H] or [H] */
  hidden: Tensor;
  /** As `hidden`. */
  cell: Tensor;
}

/**
 * One step of an {@link LSTM}: `state = lstmCell(x, state)`, with state { hidden, cell }; shapes and
 * parameters as {@link RNNCell}'s, weights [4·H, …].
 */
export class LSTMCell extends Cell<Partial<LSTMState>, LSTMState> {
  static override readonly layer = declareLayer(
    "lstmCell",
    cellFields,
    ({ inputSize, hiddenSize, ...options }) => new LSTMCell(inputSize, hiddenSize, options),
  );

  constructor(inputSize: number | null, hiddenSize: number, options: CellOptions = {}) {
    super(lstmRecurrence, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state?: Partial<LSTMState> | null): LSTMState {
    const [hidden, cell] = this.step(x, { hidden: state?.hidden, cell: state?.cell });
    return { hidden: hidden!, cell: cell! };
  }
}

/** One step of long short-term memory; see {@link LSTMCell}. */
export function lstmCell(
  inputSize: number | null,
  hiddenSize: number,
  options?: CellOptions,
): LSTMCell {
  return new LSTMCell(inputSize, hiddenSize, options);
}
