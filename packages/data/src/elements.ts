/** Numbers as files store them, made into the dtypes that tensors have. */
import type { DType, TypedArray } from "@tapegrad/core";

/** What one element of a file is. */
export interface ElementKind {
  readonly bytes: number;
  /** The dtype that its values get: the smallest that holds them, int32 where there is no such. */
  readonly dtype: DType;
  /** All elements of the bytes, in fresh memory. @throws RangeError for a value that the dtype can't hold */
  read(bytes: Uint8Array, littleEndian: boolean): TypedArray;
}

/** Kinds whose arrays this machine has: copied whole, unless their bytes are in the other order. */
function native(
  dtype: DType,
  bytes: number,
  make: (buffer: ArrayBuffer) => TypedArray,
): ElementKind {
  return {
    dtype,
    bytes,
    read(source, littleEndian) {
      // A copy begins at a multiple of 8 bytes, which the file's bytes may not.
      const copy = new Uint8Array(source.length);
      copy.set(source);
      if (!littleEndian) {
        for (let at = 0; at < copy.length; at += bytes) copy.subarray(at, at + bytes).reverse();
      }
      return make(copy.buffer);
    },
  };
}

type Numbers = Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** Kinds that are converted one by one. */
function converted(
  dtype: "int32" | "float32",
  bytes: number,
  get: (view: DataView, at: number, littleEndian: boolean) => number,
): ElementKind {
  return {
    dtype,
    bytes,
    read(source, littleEndian) {
      const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
      const length = source.length / bytes;
      const values: Numbers = dtype === "int32" ? new Int32Array(length) : new Float32Array(length);
      for (let i = 0; i < length; i++) values[i] = get(view, i * bytes, littleEndian);
      return values;
    },
  };
}

/** Whole numbers of 32 and 64 bits, which an int32 tensor can't hold if they are too large. */
function narrowed(
  bytes: number,
  get: (view: DataView, at: number, littleEndian: boolean) => number | bigint,
): ElementKind {
  return converted("int32", bytes, (view, at, littleEndian) => {
    const value = get(view, at, littleEndian);
    if (value >= -(2 ** 31) && value < 2 ** 31) return Number(value);
    throw new RangeError(
      `element ${at / bytes} is ${value}; tensors hold whole numbers from -2^31 to 2^31 - 1`,
    );
  });
}

/** The bits of an IEEE 754 number of 16 bits (binary16). */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const word = new DataView(new ArrayBuffer(4));

/** bfloat16: the upper half of a float32. */
function brain(bits: number): number {
  word.setUint16(0, bits);
  return word.getFloat32(0);
}

/** The 8 bits "E4M3FN" of Micikevicius et al., FP8 formats for deep learning, 2022: no infinities, one NaN. */
function float8e4m3(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 15;
  const fraction = bits & 7;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -9;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
}

export const elementKinds = {
  f64: native("float64", 8, (buffer) => new Float64Array(buffer)),
  f32: native("float32", 4, (buffer) => new Float32Array(buffer)),
  i32: native("int32", 4, (buffer) => new Int32Array(buffer)),
  u8: native("uint8", 1, (buffer) => new Uint8Array(buffer)),
  /** 0 is false, all else true: tensors hold 0 and 1. */
  bool: native("bool", 1, (buffer) => new Uint8Array(buffer).map((byte) => (byte === 0 ? 0 : 1))),
  f16: converted("float32", 2, (view, at, little) => half(view.getUint16(at, little))),
  bf16: converted("float32", 2, (view, at, little) => brain(view.getUint16(at, little))),
  f8e4m3: converted("float32", 1, (view, at) => float8e4m3(view.getUint8(at))),
  /** The upper half of a binary16. */
  f8e5m2: converted("float32", 1, (view, at) => half(view.getUint8(at) << 8)),
  i8: converted("int32", 1, (view, at) => view.getInt8(at)),
  i16: converted("int32", 2, (view, at, little) => view.getInt16(at, little)),
  u16: converted("int32", 2, (view, at, little) => view.getUint16(at, little)),
  u32: narrowed(4, (view, at, little) => view.getUint32(at, little)),
  i64: narrowed(8, (view, at, little) => view.getBigInt64(at, little)),
  u64: narrowed(8, (view, at, little) => view.getBigUint64(at, little)),
} satisfies Record<string, ElementKind>;

/** How each dtype of a tensor is stored: as it is. */
export const kindOfDType: Readonly<Record<DType, keyof typeof elementKinds>> = {
  float64: "f64",
  float32: "f32",
  int32: "i32",
  uint8: "u8",
  bool: "bool",
};
