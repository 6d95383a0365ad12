/** Arguments of layers that are tensors, such as the weights of classes. In specs they are arrays. */
import { type NestedArray, Tensor, tensor } from "@tapegrad/core";
import * as v from "valibot";
import { field } from "../fields.ts";
import type { Field } from "../layer.ts";

/** Numbers, as a tensor or as an array. */
export type Values = Tensor | readonly number[] | readonly NestedArray[];

/** An array's numbers as float64, which keeps every digit; anything else as it is. */
export function toTensor(values: Values | null | undefined): Tensor | null {
  if (values === undefined) return null;
  return Array.isArray(values) ? tensor(values, { dtype: "float64" }) : (values as Tensor | null);
}

const isNumbers = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === "number" || isNumbers(item));

/** A tensor, or null for none. */
export const optionalTensor: Field<Tensor | null> = {
  ...field<Tensor | null>("a Tensor or an array of numbers, or null", (message) =>
    v.custom<Tensor | null>((value) => value === null || value instanceof Tensor, message),
  ),
  fallback: null,
  quiet: true,
  json: {
    schema: () =>
      v.custom(
        (value) => value === null || isNumbers(value),
        "is no array of numbers, and not null.",
      ),
    write: (value) => (value === null ? null : (value.toArray() as number[])),
    read: (json) => toTensor(json),
  },
};
