/** Kinds of arguments beside those of `fields.ts`: numbers from 0, and tensors, such as the weights of classes. */
import { type NestedArray, Tensor, tensor } from "@tapegrad/core";
import * as v from "valibot";
import { type Extras, field } from "../fields.ts";
import type { Field } from "../layer.ts";

export const nonNegative = (extras: Extras<number> = {}) =>
  field<number>(
    "a finite number of at least 0",
    (message) => v.pipe(v.number(message), v.finite(message), v.minValue(0, message)),
    extras,
  );

/** Numbers, as a tensor or as an array. */
export type Values = Tensor | readonly number[] | readonly NestedArray[];

/** An array's numbers as float64, which keeps every digit; anything else as it is. */
export function toTensor(values: Values | null | undefined): Tensor | null {
  if (values === undefined) return null;
  return Array.isArray(values) ? tensor(values, { dtype: "float64" }) : (values as Tensor | null);
}

const isNumbers = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === "number" || isNumbers(item));

/** A tensor, or null for none; in specs an array. */
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
