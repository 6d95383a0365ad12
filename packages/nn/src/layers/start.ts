/** How parameters start, and the options that all layers with parameters take. */
import {
  type DType,
  defaultGenerator,
  type Generator,
  rand,
  type Shape,
  sizeOf,
} from "@tapegrad/core";
import { Parameter } from "../parameter.ts";

/** Options of layers with parameters. */
export interface StartOptions {
  /** dtype of the parameters. Default float32. */
  dtype?: DType;
  /** Where initial values come from. Default: the shared generator. */
  generator?: Generator;
}

/**
 * A weight of the given shape and then its bias, both uniform in ±1/√fanIn as PyTorch's layers start:
 * kaimingUniform_ with a = √5 has the bound √3·√(2/(1 + 5))/√fanIn = 1/√fanIn.
 */
export function uniformStart(
  shape: Shape,
  {
    biases,
    fanIn = sizeOf(shape.slice(1)),
    dtype = "float32",
    generator = defaultGenerator(),
  }: StartOptions & {
    /** Length of the bias; 0 for none. */
    biases: number;
    /** Default: the product of the weight's sizes after the first. */
    fanIn?: number;
  },
): { weight: Parameter; bias: Parameter | null } {
  const bound = 1 / Math.sqrt(fanIn);
  const start = { low: -bound, high: bound, dtype, generator };
  const weight = new Parameter(rand(shape, start));
  return { weight, bias: biases > 0 ? new Parameter(rand([biases], start)) : null };
}
