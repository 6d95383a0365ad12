/** What the tables of layers are made of. */
import { type Shape, sizeOf, type Tensor, tensor } from "@tapegrad/core";
import type { AnyModule } from "../../src/index.ts";

export interface LayerCase {
  /** The layer, its parameters in float64. */
  make(): AnyModule;
  /** Tensors, or shapes to fill with a {@link wave}. Those of whole numbers are targets and need no gradient. */
  inputs: readonly (Shape | Tensor)[];
  /** Whether it draws random numbers in training. */
  random?: boolean;
  /** Whether it computes something else in eval mode. */
  modal?: boolean;
  /** Why its gradient is not that of its values. */
  otherGradient?: string;
  /** Bad input, and what it is answered. */
  refuses?: readonly (readonly [() => unknown, string])[];
}

/** Cases by name. */
export type Table = Readonly<Record<string, LayerCase>>;

/** Numbers from −1.5 to 1.5 without ties; the reference values were made from the same. */
export function wave(shape: Shape, phase = 0): Tensor {
  const data = Float64Array.from(
    { length: sizeOf(shape) },
    (_, i) => 1.5 * Math.sin(1.7 * i + phase + 0.3),
  );
  return tensor(data, { shape });
}

/** The same, from 0.03 to 0.97. */
export function chances(shape: Shape, phase = 0): Tensor {
  return wave(shape, phase).add(1.6).div(3.2);
}

/** Weights of the sums that stand for whole tensors: Σ cos(2.3·i + 1)·yᵢ. */
export function cotangent(shape: Shape): Tensor {
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(2.3 * i + 1));
  return tensor(data, { shape });
}

export function whole(values: readonly number[], shape: Shape = [values.length]): Tensor {
  return tensor(Int32Array.from(values), { shape });
}

export const float64 = { dtype: "float64" } as const;
