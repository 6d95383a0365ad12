/**
 * What recurrent layers and cells share: the step of each kind, and the walk over a sequence.
 *
 * Shapes: T steps, B sequences, I features in, H hidden; G·H the gates of a step side by side.
 */
import {
  add,
  concat,
  linear,
  mul,
  narrow,
  relu,
  sigmoid,
  split,
  stack,
  sub,
  type Tensor,
  tanh,
  tensor,
  unbind,
  where,
} from "@tapegrad/core";

/** The weights of one layer in one direction, or of a cell. */
export interface RecurrentWeights {
  /** [G·H, I] */
  input: Tensor;
  /** [G·H, size of the hidden state] */
  hidden: Tensor;
  /** [G·H] each, or both null */
  inputBias: Tensor | null;
  hiddenBias: Tensor | null;
  /** [P, H] for an LSTM with a projection, else null */
  projection: Tensor | null;
}

/** How one kind of recurrent layer computes. */
export interface Recurrence {
  /** How many blocks of H rows its weights stack. */
  gates: number;
  /** What every step needs of the input, for all steps in one product: [..., I] → [..., G·H]. */
  project(x: Tensor, weights: RecurrentWeights): Tensor;
  /** From the projected input [B, G·H] and the state before to the state after, hidden first. */
  step(projected: Tensor, state: readonly Tensor[], weights: RecurrentWeights): Tensor[];
}

/** x·Wᵀ with both biases, where they only ever meet in a sum. */
function withBothBiases(x: Tensor, { input, inputBias, hiddenBias }: RecurrentWeights): Tensor {
  return linear(x, input, inputBias && add(inputBias, hiddenBias!));
}

function elman(activation: (x: Tensor) => Tensor): Recurrence {
  return {
    gates: 1,
    project: withBothBiases,
    step: (projected, [h], weights) => [activation(add(projected, linear(h!, weights.hidden)))],
  };
}

/**
 * h′ = tanh(W_ih·x + b_ih + W_hh·h + b_hh), or relu in place of tanh.
 *
 * Elman, Finding structure in time, Cognitive Science 1990.
 */
export const elmanTanh = elman(tanh);
export const elmanRelu = elman(relu);

/**
 * With all four gates from W_ih·x + b_ih + W_hh·h + b_hh, in PyTorch's order i, f, g, o:
 * c′ = σ(f)·c + σ(i)·tanh(g), h′ = σ(o)·tanh(c′), and h′ = W_hr·h′ where there is a projection.
 *
 * Hochreiter and Schmidhuber, Long short-term memory, 1997; forget gates: Gers et al., 2000;
 * projections: Sak et al., 2014.
 */
export const lstmRecurrence: Recurrence = {
  gates: 4,
  project: withBothBiases,
  step(projected, [h, c], weights) {
    const size = c!.shape[1]!;
    const gates = add(projected, linear(h!, weights.hidden));
    const [input, forget] = halves(sigmoid(narrow(gates, 1, 0, 2 * size)));
    const candidate = tanh(narrow(gates, 1, 2 * size, size));
    const output = sigmoid(narrow(gates, 1, 3 * size, size));
    const cell = add(mul(forget, c!), mul(input, candidate));
    const hidden = mul(output, tanh(cell));
    const { projection } = weights;
    return [projection === null ? hidden : linear(hidden, projection), cell];
  },
};

/**
 * r = σ(W_ir·x + b_ir + W_hr·h + b_hr), z alike, n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn)),
 * h′ = (1 − z)·n + z·h; weights stack r, z, n. As in PyTorch, r meets the product, bias included.
 *
 * Cho et al., Learning phrase representations using RNN encoder–decoder, EMNLP 2014.
 */
export const gruRecurrence: Recurrence = {
  gates: 3,
  project: (x, { input, inputBias }) => linear(x, input, inputBias),
  step(projected, [h], { hidden, hiddenBias }) {
    const size = h!.shape[1]!;
    const fromHidden = linear(h!, hidden, hiddenBias);
    const both = (start: number, length: number) =>
      [projected, fromHidden].map((part) => narrow(part, 1, start, length)) as [Tensor, Tensor];
    const [reset, update] = halves(sigmoid(add(...both(0, 2 * size))));
    const [fresh, past] = both(2 * size, size);
    const candidate = tanh(add(fresh, mul(reset, past)));
    return [add(candidate, mul(update, sub(h!, candidate)))];
  },
};

function halves(x: Tensor): [Tensor, Tensor] {
  const half = x.shape[1]! / 2;
  return [narrow(x, 1, 0, half), narrow(x, 1, half, half)];
}

/**
 * Slices along the axis of time. A slice's gradient comes back as zeros of the whole with the slice put
 * in: T of them would cost T² slices, but by way of √T blocks it is T·√T.
 */
function steps(x: Tensor, time: number): Tensor[] {
  const block = Math.ceil(Math.sqrt(x.shape[time]!));
  return split(x, block, time).flatMap((part) => unbind(part, time));
}

/** Which steps are part of which sequence. */
export interface Mask {
  /** bool, with size 1 for the features: [T, B, 1], or [B, T, 1]. */
  all: Tensor;
  /** bool [B, 1] for each step; true where all sequences go on, false where none does. */
  steps: (Tensor | boolean)[];
}

/** @returns null if every sequence is of full length */
export function maskOf(lengths: readonly number[], count: number, time: number): Mask | null {
  if (lengths.every((length) => length === count)) return null;
  const rows = Array.from({ length: count }, (_, t) => lengths.map((length) => t < length));
  const columns = rows.map((row) => tensor(row, { dtype: "bool", shape: [row.length, 1] }));
  return {
    all: stack(columns, time),
    steps: rows.map((row, t) => {
      if (row.every(Boolean)) return true;
      return row.some(Boolean) && columns[t]!;
    }),
  };
}

/**
 * Walks one layer over a batch of sequences in one direction. Steps behind a sequence's end leave its state
 * as it is, so that backwards each sequence starts at its own end.
 *
 * @param x      [T, B, I] for time 0, [B, T, I] for time 1
 * @param state  before the first step: [B, H] each, hidden first
 * @returns      the hidden states of all steps in x's layout (0 behind a sequence's end), and the state at the end
 */
export function walk(
  { project, step }: Recurrence,
  x: Tensor,
  state: readonly Tensor[],
  weights: RecurrentWeights,
  { time, reverse, mask }: { time: number; reverse: boolean; mask: Mask | null },
): { output: Tensor; state: readonly Tensor[] } {
  const projected = steps(project(x, weights), time);
  const outputs: Tensor[] = [];
  let current = state;
  for (let i = 0; i < projected.length; i++) {
    const t = reverse ? projected.length - 1 - i : i;
    const alive = mask === null || mask.steps[t]!;
    if (alive === true) {
      current = step(projected[t]!, current, weights);
    } else if (alive !== false) {
      const before = current;
      const next = step(projected[t]!, before, weights);
      current = next.map((after, k) => where(alive, after, before[k]!));
    }
    outputs[t] = current[0]!;
  }
  const output = stack(outputs, time);
  return { output: mask === null ? output : where(mask.all, output, 0), state: current };
}

/** Two directions' outputs side by side. */
export function sideBySide(outputs: readonly Tensor[]): Tensor {
  return outputs.length === 1 ? outputs[0]! : concat(outputs, -1);
}
