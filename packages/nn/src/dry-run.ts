/** Forward passes for their shapes alone: on zeros, off the tape, in eval mode, with no trace left. */
import {
  type DType,
  defaultGenerator,
  dtypes,
  Generator,
  type GeneratorState,
  noGrad,
  type Shape,
  show,
  Tensor,
  ValueError,
  zeros,
} from "@tapegrad/core";
import type { AnyModule } from "./module.ts";

/** The inputs of a model, or their shapes, the batch axis included. */
export type ModelInputs = Shape | Tensor | readonly (Shape | Tensor)[];

export interface InputOptions {
  /** dtype of the inputs of which only shapes are given: one, or one for each. Default: that of the model. */
  dtype?: DType | readonly DType[];
}

function isShape(value: unknown): value is Shape {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/**
 * Tensors to run a model on.
 *
 * @throws ValueError naming `where`, unless the inputs are tensors and shapes
 */
export function inputsOf(
  where: string,
  inputs: ModelInputs,
  { dtype }: InputOptions,
  modelType: DType,
): Tensor[] {
  const list: readonly unknown[] = Array.isArray(inputs) && !isShape(inputs) ? inputs : [inputs];
  return list.map((input, i) => {
    if (input instanceof Tensor) return input;
    if (!isShape(input)) {
      throw new ValueError(
        `${where}: input ${i} is ${show(input)}; it must be a shape with the batch axis, such as [1, 3, 32, 32], or a Tensor.`,
      );
    }
    const type = typeof dtype === "string" ? dtype : (dtype?.[i] ?? modelType);
    if (!dtypes.includes(type)) {
      throw new ValueError(
        `${where}: the dtype of input ${i} is ${show(type)}; it must be one of ${dtypes.join(", ")}.`,
      );
    }
    return zeros(input, { dtype: type });
  });
}

/** Where the generators that forward passes may draw from stand during a dry run, but for building. */
let standing: Map<Generator, GeneratorState> | null = null;

function setStates(states: ReadonlyMap<Generator, GeneratorState>): void {
  for (const [generator, state] of states) generator.state = state;
}

function statesOf(generators: Iterable<Generator>): Map<Generator, GeneratorState> {
  return new Map([...generators].map((generator) => [generator, generator.state]));
}

/** Calls a model and leaves its mode, statistics and random numbers as they were. */
export function dryRun(model: AnyModule, inputs: readonly Tensor[]): unknown {
  const modes = model.modules().map((module) => [module, module.training] as const);
  const generators = new Set([defaultGenerator()]);
  for (const [module] of modes)
    for (const value of Object.values(module))
      if (value instanceof Generator) generators.add(value);
  const outer = standing;
  standing = statesOf(generators);
  model.eval();
  try {
    return noGrad(() => model(...(inputs as never[])));
  } finally {
    for (const [module, training] of modes) module.training = training;
    setStates(standing);
    standing = outer;
  }
}

/** Draws that make parameters count, also within a dry run: they go on where the last such draw ended. */
export function drawForGood(build: () => void): void {
  if (standing === null) {
    build();
    return;
  }
  const now = statesOf(standing.keys());
  setStates(standing);
  build();
  standing = statesOf(standing.keys());
  setStates(now);
}
