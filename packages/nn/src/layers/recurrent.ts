/** What recurrent layers have in common: parameters, initial states, the layers and directions. */
import {
  type DType,
  defaultGenerator,
  dropout,
  formatShape,
  type Generator,
  rand,
  ShapeError,
  select,
  show,
  squeeze,
  stack,
  Tensor,
  unsqueeze,
  ValueError,
  where,
  zeros,
} from "@tapegrad/core";
import { flag, floatType, inferred, probability, size } from "../fields.ts";
import type { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import { maskOf, type Recurrence, type RecurrentWeights, sideBySide, walk } from "./recurrence.ts";
import { checkLengths, type SequenceLengths } from "./sequences.ts";
import type { StartOptions } from "./start.ts";

/** Options of recurrent layers. */
export interface RecurrentOptions extends StartOptions {
  /** How many layers, each reading the outputs of the one before. Default 1. */
  numLayers?: number;
  /** Whether to add biases. Default true. */
  bias?: boolean;
  /** Whether x and the output are [B, T, …] instead of [T, B, …]; states are not concerned. Default false. */
  batchFirst?: boolean;
  /** Probability of dropping, in training, an output of a layer that another one reads. Default 0. */
  dropout?: number;
  /** Whether each layer reads the sequence backwards, too. Default false. */
  bidirectional?: boolean;
  /** Of the initial values, and of dropout. Default: the shared generator. */
  generator?: Generator;
}

/** What a recurrent layer may be given beside its input. */
export interface RecurrentInput {
  /** State before the first step, [layers·directions, B, H]. Default zeros. */
  hidden?: Tensor | null;
  /** How many steps of each sequence count: B whole numbers up to T. Default: all. */
  lengths?: SequenceLengths | null;
}

/** What a recurrent layer returns; it may be given to the next call as the state to go on from. */
export interface RecurrentResult {
  /** Hidden states of the last layer at all steps, [T, B, directions·H]; 0 behind a sequence's end. */
  output: Tensor;
  /** Hidden states after each sequence's last step, [layers·directions, B, H]. */
  hidden: Tensor;
}

/** What all recurrent layers declare. */
export const recurrentFields = {
  inputSize: inferred({
    input: (x) => x.shape.at(-1),
    state: ({ weight_ih_l0 }) => weight_ih_l0?.shape[1],
  }),
  hiddenSize: size(),
  numLayers: size({ fallback: 1 }),
  bias: flag({ fallback: true }),
  batchFirst: flag({ fallback: false }),
  dropout: probability({ fallback: 0 }),
  bidirectional: flag({ fallback: false }),
  dtype: floatType,
};

/** The parameters of one layer in one direction, as PyTorch names them; `suffix` is "_l0", "_l0_reverse", … */
export function weightsUnder(module: object, suffix: string): RecurrentWeights {
  const fields = module as Readonly<Record<string, Parameter | undefined>>;
  return {
    input: fields[`weight_ih${suffix}`]!,
    hidden: fields[`weight_hh${suffix}`]!,
    inputBias: fields[`bias_ih${suffix}`] ?? null,
    hiddenBias: fields[`bias_hh${suffix}`] ?? null,
    projection: fields[`weight_hr${suffix}`] ?? null,
  };
}

/** Makes the parameters that {@link weightsUnder} finds, uniform in ±1/√H. */
export function makeWeights(
  module: object,
  suffix: string,
  sizes: { gates: number; inputs: number; hidden: number; projected?: number },
  options: StartOptions & { bias?: boolean },
): void {
  const { gates, inputs, hidden, projected = 0 } = sizes;
  const { bias = true, dtype = "float32", generator = defaultGenerator() } = options;
  const bound = 1 / Math.sqrt(hidden);
  const draw = (...shape: number[]) =>
    new Parameter(rand(shape, { low: -bound, high: bound, dtype, generator }));
  const rows = gates * hidden;
  const fields = module as Record<string, Parameter>;
  fields[`weight_ih${suffix}`] = draw(rows, inputs);
  fields[`weight_hh${suffix}`] = draw(rows, projected || hidden);
  if (bias) {
    fields[`bias_ih${suffix}`] = draw(rows);
    fields[`bias_hh${suffix}`] = draw(rows);
  }
  if (projected > 0) fields[`weight_hr${suffix}`] = draw(projected, hidden);
}

/** The layers and directions of a recurrent network; its kinds differ in their {@link Recurrence}. */
export abstract class Recurrent<
  Input = RecurrentInput,
  Result = RecurrentResult,
> extends Configured<[x: Tensor, input?: Input], Result> {
  declare readonly inputSize: number | null;
  declare readonly hiddenSize: number;
  declare readonly numLayers: number;
  declare readonly batchFirst: boolean;
  declare readonly dropout: number;
  declare readonly bidirectional: boolean;
  /** Parameters are fields under PyTorch's names: weight_ih_l0, bias_hh_l1_reverse, … */
  readonly [parameter: `${"weight" | "bias"}_${string}`]: Parameter;
  readonly generator: Generator;
  readonly #recurrence: Recurrence;
  readonly #projected: number;
  readonly #start: StartOptions & { bias?: boolean };

  /** @param projected  size of the hidden state where it is not H, else 0 */
  constructor(
    recurrence: Recurrence,
    inputSize: number | null,
    hiddenSize: number,
    options: RecurrentOptions,
    projected = 0,
  ) {
    const { generator: _, ...given } = options;
    super({ ...given, inputSize, hiddenSize });
    this.#recurrence = recurrence;
    this.#projected = projected;
    this.#start = options;
    this.generator = options.generator ?? defaultGenerator();
    if (inputSize !== null) this.build();
  }

  protected override build(): void {
    const { gates } = this.#recurrence;
    for (const [layer, suffixes] of this.#suffixes().entries()) {
      const inputs = layer === 0 ? this.inputSize! : this.#outputSize * suffixes.length;
      const sizes = { gates, inputs, hidden: this.hiddenSize, projected: this.#projected };
      for (const suffix of suffixes) makeWeights(this, suffix, sizes, this.#start);
    }
  }

  /** Of each layer, the endings of its parameters' names, one for each direction. */
  #suffixes(): string[][] {
    return Array.from({ length: this.numLayers }, (_, layer) =>
      this.bidirectional ? [`_l${layer}`, `_l${layer}_reverse`] : [`_l${layer}`],
    );
  }

  get #outputSize(): number {
    return this.#projected || this.hiddenSize;
  }

  /** @param states  the initial states by name, hidden first */
  protected run(
    x: Tensor,
    states: Readonly<Record<string, { given: Tensor | null | undefined; size: number }>>,
    lengths: SequenceLengths | null | undefined,
  ): { output: Tensor; states: Tensor[] } {
    const { type } = (this.constructor as typeof Module).layer!;
    checkSequence(type, x, this.inputSize!, this.batchFirst);
    const batched = x.rank === 3;
    const time = this.batchFirst && batched ? 1 : 0;
    const sequences = batched ? x : unsqueeze(x, 1);
    const [steps, batch] = [sequences.shape[time]!, sequences.shape[1 - time]!];
    const mask = lengths
      ? maskOf(checkLengths(type, lengths, { count: batch, most: steps }), steps, time)
      : null;

    const suffixes = this.#suffixes();
    const rows = suffixes.flat().length;
    const initial = Object.entries(states).map(([name, { given, size: width }]) => {
      const shape = batched ? [rows, batch, width] : [rows, width];
      const { dtype } = weightsUnder(this, suffixes[0]![0]!).hidden;
      return initialState(type, name, given, shape, batched, dtype);
    });
    const final: (readonly Tensor[])[] = [];
    // Whatever stands behind a sequence's end, NaN included, must not reach a product.
    let output = mask === null ? sequences : where(mask.all, sequences, 0);
    for (const [layer, directions] of suffixes.entries()) {
      const read = layer === 0 ? output : this.#dropped(output);
      const outputs = directions.map((suffix, direction) => {
        const state = initial.map((all) => select(all, 0, final.length));
        const options = { time, mask, reverse: direction === 1 };
        const walked = walk(this.#recurrence, read, state, weightsUnder(this, suffix), options);
        final.push(walked.state);
        return walked.output;
      });
      output = sideBySide(outputs);
    }
    const after = initial.map((_, k) => stack(final.map((state) => state[k]!)));
    if (batched) return { output, states: after };
    return { output: squeeze(output, 1), states: after.map((state) => squeeze(state, 1)) };
  }

  #dropped(x: Tensor): Tensor {
    const { dropout: p, training, generator } = this;
    return dropout(x, { p, training, generator });
  }
}

function checkSequence(type: string, x: unknown, inputs: number, batchFirst: boolean): void {
  const wanted = batchFirst ? `[B, T, ${inputs}]` : `[T, B, ${inputs}]`;
  if (!(x instanceof Tensor)) {
    throw new ValueError(`${type}: x is ${show(x)}; it must be a Tensor of shape ${wanted}.`);
  }
  const { shape, rank } = x;
  const time = rank === 3 && batchFirst ? 1 : 0;
  if ((rank !== 2 && rank !== 3) || shape[rank - 1] !== inputs || shape[time] === 0) {
    throw new ShapeError(
      `${type}: x is ${formatShape(shape)}; it must be ${wanted}, or [T, ${inputs}] for one sequence, with at least one step.`,
    );
  }
}

/** As [layers·directions, B, H]. */
function initialState(
  type: string,
  name: string,
  given: Tensor | null | undefined,
  shape: readonly number[],
  batched: boolean,
  dtype: DType,
): Tensor {
  if (given === null || given === undefined) {
    return zeros(batched ? shape : [shape[0]!, 1, shape[1]!], { dtype });
  }
  if (!(given instanceof Tensor) || formatShape(given.shape) !== formatShape(shape)) {
    const got = given instanceof Tensor ? formatShape(given.shape) : show(given);
    const axes = batched ? "[layers·directions, B, size]" : "[layers·directions, size]";
    throw new ShapeError(`${type}: ${name} is ${got}; it must be ${formatShape(shape)}, ${axes}.`);
  }
  return batched ? given : unsqueeze(given, 1);
}
