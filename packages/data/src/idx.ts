/** IDX, the format of the MNIST files: http://yann.lecun.com/exdb/mnist/ ("the IDX file format"). */
import { type DType, sizeOf, type TypedArray } from "@tapegrad/core";
import { FormatError } from "./files.ts";

export interface IdxArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Row-major. Bytes are a view of the file's; wider elements are copies in the machine's order. */
  readonly data: TypedArray;
}

interface ElementType {
  readonly dtype: DType;
  readonly bytes: number;
  readonly make: (length: number) => TypedArray;
  readonly get: (view: DataView, at: number) => number;
}

/** By the third byte of the file. Small integers widen to int32, since there is no narrower dtype. */
const types: Readonly<Record<number, ElementType>> = {
  8: {
    dtype: "uint8",
    bytes: 1,
    make: (n) => new Uint8Array(n),
    get: (view, at) => view.getUint8(at),
  },
  9: {
    dtype: "int32",
    bytes: 1,
    make: (n) => new Int32Array(n),
    get: (view, at) => view.getInt8(at),
  },
  11: {
    dtype: "int32",
    bytes: 2,
    make: (n) => new Int32Array(n),
    get: (view, at) => view.getInt16(at),
  },
  12: {
    dtype: "int32",
    bytes: 4,
    make: (n) => new Int32Array(n),
    get: (view, at) => view.getInt32(at),
  },
  13: {
    dtype: "float32",
    bytes: 4,
    make: (n) => new Float32Array(n),
    get: (view, at) => view.getFloat32(at),
  },
  14: {
    dtype: "float64",
    bytes: 8,
    make: (n) => new Float64Array(n),
    get: (view, at) => view.getFloat64(at),
  },
};

const hex = (byte: number) => `0x${byte.toString(16).padStart(2, "0")}`;

/**
 * Reads an IDX file: two zero bytes, the element type, the number of axes, each axis' size as 32 bits
 * (most significant byte first, as all numbers in the file), the elements.
 *
 * @param name  what errors call the file
 * @throws FormatError if the bytes aren't exactly that, before anything is allocated
 */
export function readIdx(bytes: Uint8Array, name: string): IdxArray {
  if (bytes.length < 4) {
    throw new FormatError(
      `readIdx: ${name} has ${bytes.length} bytes; an IDX file starts with a header of at least 4.`,
    );
  }
  const type = types[bytes[2]];
  if (bytes[0] !== 0 || bytes[1] !== 0 || type === undefined) {
    throw new FormatError(
      `readIdx: ${name} starts with ${[...bytes.subarray(0, 3)].map(hex).join(" ")}; an IDX file starts with 0x00 0x00 and an element type: ${Object.keys(types).map(Number).map(hex).join(", ")}. Is it still compressed?`,
    );
  }
  const rank = bytes[3];
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    throw new FormatError(
      `readIdx: ${name} has ${bytes.length} bytes; its header of ${rank} axes needs ${start}. It is truncated.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  // A hostile product may exceed 2^53 and lose digits, but never enough to equal a real file's length.
  const length = sizeOf(shape);
  const expected = start + length * type.bytes;
  if (bytes.length !== expected) {
    throw new FormatError(
      `readIdx: ${name} has ${bytes.length} bytes; its header [${shape.join(", ")}] asks for ${expected}. It is ${bytes.length < expected ? "truncated" : "too long"}.`,
    );
  }
  if (type.dtype === "uint8") return { dtype: type.dtype, shape, data: bytes.subarray(start) };
  const data = type.make(length);
  for (let i = 0; i < length; i++) data[i] = type.get(view, start + i * type.bytes);
  return { dtype: type.dtype, shape, data };
}
