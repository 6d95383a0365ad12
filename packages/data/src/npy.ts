/**
 * NumPy's `.npy` files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * "\x93NUMPY" · version, two bytes · length of the header, 2 bytes (version 1) or 4 (2 and 3), little-endian ·
 * the header, a Python dictionary of descr, fortran_order and shape · the elements.
 */
import { formatShape, sizeOf, Tensor, tensor, ValueError } from "@tapegrad/core";
import { type ElementKind, elementKinds, kindOfDType } from "./elements.ts";
import { FormatError, readBytes, type WritingFs, writeFileAtomic } from "./files.ts";

const magic = Uint8Array.of(0x93, ...new TextEncoder().encode("NUMPY"));
/** The elements begin at a multiple of it. */
const alignment = 64;
/** NumPy's limit on axes. */
const maxAxes = 64;

/** By NumPy's letter and size. */
const kinds: Readonly<Record<string, ElementKind>> = {
  b1: elementKinds.bool,
  u1: elementKinds.u8,
  u2: elementKinds.u16,
  u4: elementKinds.u32,
  u8: elementKinds.u64,
  i1: elementKinds.i8,
  i2: elementKinds.i16,
  i4: elementKinds.i32,
  i8: elementKinds.i64,
  f2: elementKinds.f16,
  f4: elementKinds.f32,
  f8: elementKinds.f64,
};

const descriptions = { f64: "<f8", f32: "<f4", i32: "<i4", u8: "|u1", bool: "|b1" } as const;

/** The bytes of an `.npy` file (version 1) of the tensor, in C order. @throws ValueError for anything else */
export function encodeNpy(x: Tensor): Uint8Array<ArrayBuffer> {
  if (!(x instanceof Tensor)) {
    throw new ValueError(
      `encodeNpy: x is ${x === null ? "null" : `a ${typeof x}`}; it must be a Tensor.`,
    );
  }
  const descr = descriptions[kindOfDType[x.dtype] as keyof typeof descriptions];
  const shape = `(${x.shape.join(", ")}${x.rank === 1 ? "," : ""})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const prefix = magic.length + 4;
  // The header ends in a line break, after spaces that align the elements.
  const start = Math.ceil((prefix + dictionary.length + 1) / alignment) * alignment;
  const data = x.data();
  const bytes = new Uint8Array(start + data.byteLength);
  bytes.set(magic);
  bytes.set([1, 0], magic.length);
  new DataView(bytes.buffer).setUint16(magic.length + 2, start - prefix, true);
  const header = `${dictionary.padEnd(start - prefix - 1)}\n`;
  bytes.set(new TextEncoder().encode(header), prefix);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
  return bytes;
}

/**
 * The tensor of an `.npy` file of version 1, 2 or 3, in C or Fortran order and either byte order. float16
 * becomes float32; whole numbers of other sizes than uint8 and int32 become int32, checked.
 *
 * @param name  what errors call the file
 * @throws FormatError if the bytes aren't exactly that (a truncated file, a dtype that tensors don't have),
 *   before anything is allocated; also for a whole number outside int32
 */
export function decodeNpy(bytes: Uint8Array, name = "the file"): Tensor {
  const fail = (message: string): never => {
    throw new FormatError(`decodeNpy: ${name}: ${message}`);
  };
  const { start, kind, descr, fortran, shape } = readHeader(bytes, fail);
  const expected = start + sizeOf(shape) * kind.bytes;
  if (bytes.length !== expected) {
    fail(
      `it has ${bytes.length} bytes; its header, ${descr} ${formatShape(shape)}, asks for ${expected}. It is ${bytes.length < expected ? "truncated" : "too long"}.`,
    );
  }
  let data: ReturnType<ElementKind["read"]>;
  try {
    data = kind.read(bytes.subarray(start), descr[0] !== ">");
  } catch (error) {
    return fail(`${(error as Error).message}.`);
  }
  if (!fortran || shape.length < 2) return tensor(data, { shape, dtype: kind.dtype });
  // Columns first: the transpose, row by row.
  const reversed = tensor(data, { shape: shape.toReversed(), dtype: kind.dtype });
  return reversed.permute(shape.map((_, axis) => shape.length - 1 - axis)).contiguous();
}

/** NumPy's own limit on a header's length, unless told otherwise. */
const maxHeaderBytes = 10_000;
/** Most bytes before the elements: the header's length has 4 bytes at most. */
export const npyHeadBytes = magic.length + 2 + 4 + maxHeaderBytes;

/**
 * How many bytes a whole `.npy` file has, from its first ones.
 *
 * @throws FormatError as {@link decodeNpy}
 */
export function npyFileBytes(head: Uint8Array, name: string): number {
  const { start, kind, shape } = readHeader(head, (message) => {
    throw new FormatError(`decodeNpy: ${name}: ${message}`);
  });
  return start + sizeOf(shape) * kind.bytes;
}

type Fail = (message: string) => never;

interface Header {
  /** Where the elements begin. */
  readonly start: number;
  readonly descr: string;
  readonly kind: ElementKind;
  readonly fortran: boolean;
  /** A hostile one's product may exceed 2^53 and lose digits, but never enough to equal a file's length. */
  readonly shape: number[];
}

function readHeader(bytes: Uint8Array, fail: Fail): Header {
  const { start, text } = locateHeader(bytes, fail);
  const { descr, fortran, shape } = parseHeader(text, fail);
  const type = descr.slice(1);
  if (!/^[<>=|]/.test(descr) || !Object.hasOwn(kinds, type)) {
    fail(
      `its dtype is ${JSON.stringify(descr)}; tensors can be made of ${Object.keys(kinds).join(", ")}.`,
    );
  }
  return { start, descr, kind: kinds[type], fortran, shape };
}

function locateHeader(bytes: Uint8Array, fail: Fail): { start: number; text: string } {
  const [major, minor] = [bytes[magic.length], bytes[magic.length + 1]];
  if (!magic.every((byte, i) => bytes[i] === byte)) {
    fail('it doesn\'t start with "\\x93NUMPY", as .npy files do.');
  }
  const lengthBytes = major === 1 ? 2 : 4;
  const prefix = magic.length + 2 + lengthBytes;
  if (bytes.length < prefix) fail(`it has ${bytes.length} bytes; its header is missing.`);
  if (major < 1 || major > 3 || minor !== 0) {
    fail(`its version is ${major}.${minor}; known are 1.0, 2.0 and 3.0.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = major === 1 ? view.getUint16(prefix - 2, true) : view.getUint32(prefix - 4, true);
  const start = prefix + length;
  if (length > maxHeaderBytes) {
    fail(`its header claims ${length} bytes; headers have at most ${maxHeaderBytes}.`);
  }
  if (start > bytes.length) {
    fail(`its header claims ${length} bytes; ${bytes.length - prefix} are left. It is truncated.`);
  }
  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(
    bytes.subarray(prefix, start),
  );
  return { start, text };
}

/** The dictionary of three keys, in any order, as Python prints it. Nothing is evaluated. */
function parseHeader(
  text: string,
  fail: Fail,
): { descr: string; fortran: boolean; shape: number[] } {
  const value = /^\s*(?:'([^']*)'|"([^"]*)"|(True|False)|\(([\d\sL,]*)\)|(\[))/;
  const found = new Map<string, string>();
  let rest = text.trim();
  const wrong = (): never =>
    fail(
      `its header is ${JSON.stringify(text.trim().slice(0, 100))}; it must be {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } or alike, without records.`,
    );
  if (!rest.startsWith("{") || !rest.endsWith("}")) wrong();
  rest = rest.slice(1, -1).trim();
  while (rest !== "") {
    const key = /^'(\w+)'\s*:/.exec(rest) ?? /^"(\w+)"\s*:/.exec(rest) ?? wrong();
    const match = value.exec(rest.slice(key[0].length)) ?? wrong();
    if (found.has(key[1]) || match[5] !== undefined) wrong();
    found.set(key[1], match[1] ?? match[2] ?? match[3] ?? `(${match[4]})`);
    rest = rest.slice(key[0].length + match[0].length).trim();
    if (rest !== "" && !rest.startsWith(",")) wrong();
    rest = rest.slice(1).trim();
  }
  const [descr, fortran, shape] = ["descr", "fortran_order", "shape"].map((key) => found.get(key));
  const isTuple = shape?.startsWith("(") ?? false;
  if (
    found.size !== 3 ||
    descr === undefined ||
    !/^(True|False)$/.test(fortran ?? "") ||
    !isTuple
  ) {
    return wrong();
  }
  const parts = shape!
    .slice(1, -1)
    .split(",")
    .map((part) => part.trim().replace(/L$/, ""));
  if (parts.at(-1) === "") parts.pop();
  const sizes = parts.map(Number);
  if (parts.includes("") || !sizes.every(Number.isSafeInteger) || sizes.length > maxAxes) wrong();
  return { descr, fortran: fortran === "True", shape: sizes };
}

/**
 * Writes an `.npy` file; a failure leaves an old file of that name as it was.
 *
 * @throws FileError naming the path and the reason
 */
export async function saveNpy(
  path: string,
  x: Tensor,
  { fs }: { fs?: WritingFs } = {},
): Promise<void> {
  await writeFileAtomic("saveNpy", path, encodeNpy(x), fs);
}

/** Reads an `.npy` file. @throws FileError if it can't be read, FormatError if it is damaged */
export async function loadNpy(path: string): Promise<Tensor> {
  return decodeNpy(await readBytes("loadNpy", path), path);
}
