import type { Operand, TypedArray } from "./interface.ts";
import { peek } from "./memory.ts";
import { newArray } from "./storage.ts";

/** The array that holds an operand's elements; a lone number becomes an array of one. */
export function elements(x: Operand): TypedArray {
  if (x.storage !== null) return peek(x.storage);
  const array = newArray(x.dtype, 1);
  array[0] = x.value;
  return array;
}
