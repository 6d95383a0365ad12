/** IDX, the format of the MNIST files: http://yann.lecun.com/exdb/mnist/ ("the IDX file format"). */
import { type DType, sizeOf, type TypedArray } from "@tapegrad/core";
import { type ElementKind, elementKinds } from "./elements.ts";
import { FormatError } from "./files.ts";

export interface IdxArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Row-major. Bytes are a view of the file's; wider elements are copies in the machine's order. */
  readonly data: TypedArray;
}

/** By the third byte of the file. Small integers widen to int32, since there is no narrower dtype. */
const kinds: Readonly<Record<number, ElementKind>> = {
  8: elementKinds.u8,
  9: elementKinds.i8,
  11: elementKinds.i16,
  12: elementKinds.i32,
  13: elementKinds.f32,
  14: elementKinds.f64,
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
  const kind = kinds[bytes[2]];
  if (bytes[0] !== 0 || bytes[1] !== 0 || kind === undefined) {
    throw new FormatError(
      `readIdx: ${name} starts with ${[...bytes.subarray(0, 3)].map(hex).join(" ")}; an IDX file starts with 0x00 0x00 and an element type: ${Object.keys(kinds).map(Number).map(hex).join(", ")}. Is it still compressed?`,
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
  const expected = start + length * kind.bytes;
  if (bytes.length !== expected) {
    throw new FormatError(
      `readIdx: ${name} has ${bytes.length} bytes; its header [${shape.join(", ")}] asks for ${expected}. It is ${bytes.length < expected ? "truncated" : "too long"}.`,
    );
  }
  const elements = bytes.subarray(start);
  const data = kind.dtype === "uint8" ? elements : kind.read(elements, false);
  return { dtype: kind.dtype, shape, data };
}
