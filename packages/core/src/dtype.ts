import type { DType, TypedArray } from "@tapegrad/kernels";
import { DTypeError } from "./errors.ts";

export type { DType, TypedArray };

/** Every dtype, in promotion order: two operands meet at the later one. */
export const dtypes = ["bool", "uint8", "int32", "float32", "float64"] as const satisfies DType[];

/** Whether the dtype is one of fractions, which gradients need. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64";
}

/** The dtype in which a and b meet, as in PyTorch: float64 over float32 over integers over bool. */
export function promote(a: DType, b: DType): DType {
  return a === b || dtypes.indexOf(a) > dtypes.indexOf(b) ? a : b;
}

const kinds: Record<DType, number> = { bool: 0, uint8: 1, int32: 1, float32: 2, float64: 2 };

/**
 * The dtype in which tensors meet. As in PyTorch, those without axes count beside others only where their kind is
 * higher: float over whole over bool. A float64 number without axes leaves float32 [n] what it is.
 */
export function meetingDType(inputs: readonly { dtype: DType; shape: readonly number[] }[]): DType {
  let [wide, lone]: (DType | null)[] = [null, null];
  for (const { dtype, shape } of inputs) {
    if (shape.length === 0) lone = lone === null ? dtype : promote(lone, dtype);
    else wide = wide === null ? dtype : promote(wide, dtype);
  }
  if (wide === null) return lone!;
  return lone !== null && kinds[lone] > kinds[wide] ? lone : wide;
}

/**
 * The dtype in which a plain number meets a tensor: the tensor's own, unless that would lose the
 * number's kind (1.5 and int32 meet in float32; 2 and bool in int32).
 */
export function promoteNumber(value: number, dtype: DType): DType {
  if (isFloat(dtype)) return dtype;
  if (!Number.isInteger(value)) return "float32";
  return dtype === "bool" ? "int32" : dtype;
}

export function checkDType(op: string, dtype: unknown): asserts dtype is DType {
  if (!dtypes.includes(dtype as DType)) {
    throw new DTypeError(
      `${op}: unknown dtype ${JSON.stringify(dtype)}; known are ${dtypes.join(", ")}.`,
    );
  }
}

const arrays = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** A zeroed ordinary typed array for the dtype. */
export function newArray(dtype: DType, length: number): TypedArray {
  return new arrays[dtype](length);
}

/** The dtype that a typed array stands for; undefined if none does. */
export function dtypeOfArray(array: ArrayBufferView): DType | undefined {
  // By tag rather than instanceof: arrays may come from another realm (a frame, a vm context).
  switch (Object.prototype.toString.call(array)) {
    case "[object Float32Array]":
      return "float32";
    case "[object Float64Array]":
      return "float64";
    case "[object Int32Array]":
      return "int32";
    case "[object Uint8Array]":
    case "[object Uint8ClampedArray]":
      return "uint8";
    default:
      return undefined;
  }
}
