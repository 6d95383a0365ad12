/**
 * safetensors, the file format for weights: https://github.com/huggingface/safetensors ("Format").
 *
 * 8 bytes: n, little-endian · n bytes: JSON header · the rest: the elements of all tensors. The header
 * maps each name to `{dtype, shape, data_offsets: [begin, end]}`, offsets counting from the header's
 * end; `__metadata__` maps strings to strings.
 */
import { sizeOf, Tensor, type TypedArray, tensor, ValueError } from "@tapegrad/core";
import { type ElementKind, elementKinds, kindOfDType } from "./elements.ts";
import { FormatError, readBytes, type WritingFs, writeFileAtomic } from "./files.ts";

export interface TensorFile {
  /** In the header's order. */
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

export type NamedTensors = Iterable<readonly [string, Tensor]> | Readonly<Record<string, Tensor>>;

/**
 * By the format's names. Tensors are written as the dtype that they have; of the others, narrow floats
 * are read as float32 and whole numbers as int32, checked.
 */
const elements: Readonly<Record<string, ElementKind>> = {
  F64: elementKinds.f64,
  F32: elementKinds.f32,
  F16: elementKinds.f16,
  BF16: elementKinds.bf16,
  F8_E4M3: elementKinds.f8e4m3,
  F8_E5M2: elementKinds.f8e5m2,
  I64: elementKinds.i64,
  I32: elementKinds.i32,
  I16: elementKinds.i16,
  I8: elementKinds.i8,
  U64: elementKinds.u64,
  U32: elementKinds.u32,
  U16: elementKinds.u16,
  U8: elementKinds.u8,
  BOOL: elementKinds.bool,
};

const prefixBytes = 8;
/** The limit of the reference implementation. */
const maxHeaderBytes = 100e6;
/** Header, entry, list: honest headers nest no deeper. */
const maxDepth = 3;
const metadataKey = "__metadata__";

/**
 * The bytes of a safetensors file. Equal input gives equal bytes.
 *
 * @param tensors   by name; names stay as given
 * @param metadata  strings to keep beside them
 * @throws ValueError for anything but tensors, a name used twice, metadata that isn't text
 */
export function encodeSafetensors(
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = new Map<string, { element: ElementKind; code: string; value: Tensor }>();
  for (const [name, value] of Symbol.iterator in tensors ? tensors : Object.entries(tensors)) {
    if (typeof name !== "string" || name === metadataKey || entries.has(name)) {
      throw new ValueError(
        `encodeSafetensors: the name ${JSON.stringify(name)} ${entries.has(name) ? "occurs twice" : "can't be used"}; names are strings, each once, and not "${metadataKey}".`,
      );
    }
    if (!(value instanceof Tensor)) {
      throw new ValueError(
        `encodeSafetensors: "${name}" is ${value === null ? "null" : `a ${typeof value}`}; it must be a Tensor.`,
      );
    }
    const code = kindOfDType[value.dtype].toUpperCase();
    const element = elements[code];
    entries.set(name, { element, code, value });
  }
  const header: Record<string, unknown> = {};
  const define = (key: string, value: unknown) =>
    Object.defineProperty(header, key, { value, enumerable: true }); // also a key like "__proto__"
  if (Object.keys(metadata).length > 0) {
    const bad = Object.keys(metadata).find((key) => typeof metadata[key] !== "string");
    if (bad !== undefined) {
      throw new ValueError(
        `encodeSafetensors: metadata "${bad}" is a ${typeof metadata[bad]}; it must be a string (JSON.stringify others).`,
      );
    }
    define(metadataKey, metadata);
  }
  // Widest elements first, so that each tensor begins at a multiple of its element's size.
  const begins = new Map<string, number>();
  let dataBytes = 0;
  for (const [name, { element, value }] of [...entries].sort(
    (a, b) => b[1].element.bytes - a[1].element.bytes,
  )) {
    begins.set(name, dataBytes);
    dataBytes += value.size * element.bytes;
  }
  for (const [name, { element, code, value }] of entries) {
    const begin = begins.get(name)!;
    const end = begin + value.size * element.bytes;
    define(name, { dtype: code, shape: value.shape, data_offsets: [begin, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / prefixBytes) * prefixBytes;
  const bytes = new Uint8Array(prefixBytes + headerBytes + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, prefixBytes);
  bytes.fill(" ".charCodeAt(0), prefixBytes + json.length, prefixBytes + headerBytes);
  for (const [name, { value }] of entries) {
    const data = value.data();
    bytes.set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      prefixBytes + headerBytes + begins.get(name)!,
    );
  }
  return bytes;
}

/**
 * Tensors and metadata of a safetensors file. Every byte counts as hostile: the whole header is checked
 * against the file's length before any tensor is made.
 *
 * @param name  what errors call the file
 * @throws FormatError naming the file, the tensor, what was found and what is valid
 */
export function decodeSafetensors(bytes: Uint8Array, name = "the file"): TensorFile {
  const fail = (message: string): never => {
    throw new FormatError(`decodeSafetensors: ${name}: ${message}`);
  };
  if (bytes.length < prefixBytes) {
    fail(
      `it has ${bytes.length} bytes; a safetensors file starts with ${prefixBytes} bytes that give the header's length.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  const start = prefixBytes + headerBytes;
  if (start > bytes.length || headerBytes > maxHeaderBytes) {
    fail(
      `the header claims ${headerBytes} bytes; the file has ${bytes.length - prefixBytes} after its first ${prefixBytes}, and headers have at most ${maxHeaderBytes}.`,
    );
  }
  const header = parseHeader(bytes.subarray(prefixBytes, start), fail);
  const dataBytes = bytes.length - start;
  let metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [key, value] of Object.entries(header)) {
    if (key === metadataKey) metadata = checkMetadata(value, fail);
    else entries.push(checkEntry(key, value, dataBytes, fail));
  }
  checkCover(entries, dataBytes, fail);
  const tensors = new Map<string, Tensor>();
  for (const { key, element, shape, begin, end } of entries) {
    let data: TypedArray;
    try {
      data = element.read(bytes.subarray(start + begin, start + end), true);
    } catch (error) {
      return fail(`tensor ${JSON.stringify(key)}: ${(error as Error).message}.`);
    }
    tensors.set(key, tensor(data, { shape, dtype: element.dtype }));
  }
  return { tensors, metadata };
}

interface Entry {
  readonly key: string;
  readonly element: ElementKind;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

type Fail = (message: string) => never;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < bytes.length; i++) {
    const character = String.fromCharCode(bytes[i]);
    if (quoted) {
      if (character === "\\") i++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (depth > maxDepth) {
      fail(`the header nests deeper than ${maxDepth} levels at byte ${prefixBytes + i}.`);
    }
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    fail(`the header is no JSON in UTF-8 (${(error as Error).message}).`);
  }
  return isRecord(header) ? header : fail("the header is no JSON object.");
}

function checkMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === "string")) {
    fail(`${metadataKey} must map strings to strings.`);
  }
  return value as Record<string, string>;
}

function checkEntry(key: string, value: unknown, dataBytes: number, fail: Fail): Entry {
  const tensorName = `tensor ${JSON.stringify(key)}`;
  if (!isRecord(value)) return fail(`${tensorName} is no object with dtype, shape, data_offsets.`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(elements, dtype)) {
    return fail(
      `${tensorName} has dtype ${JSON.stringify(dtype)}; supported are ${Object.keys(elements).join(", ")}.`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    return fail(
      `${tensorName} has shape ${JSON.stringify(shape)}; it must be a list of whole numbers from 0.`,
    );
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    return fail(
      `${tensorName} has data_offsets ${JSON.stringify(offsets)}; they must be [begin, end].`,
    );
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    return fail(
      `${tensorName} lies at bytes ${begin} to ${end}; the file has data bytes 0 to ${dataBytes}.`,
    );
  }
  const element = elements[dtype];
  const needed = sizeOf(shape) * element.bytes; // NaN or Infinity where a hostile product overflows
  if (needed !== end - begin) {
    return fail(
      `${tensorName} is ${dtype} [${shape.join(", ")}], ${needed} bytes, but its data_offsets [${begin}, ${end}] hold ${end - begin}.`,
    );
  }
  return { key, element, shape, begin, end };
}

/** Tensors must lie end to end and fill the data: no byte belongs to two, or to none. */
function checkCover(entries: readonly Entry[], dataBytes: number, fail: Fail): void {
  let covered = 0;
  for (const { key, begin, end } of [...entries].sort(
    (a, b) => a.begin - b.begin || a.end - b.end,
  )) {
    if (begin !== covered) {
      fail(
        `tensor ${JSON.stringify(key)} begins at data byte ${begin} ${begin < covered ? "inside another tensor" : "after a gap"}; the one before it ends at ${covered}.`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    fail(
      `the tensors end at data byte ${covered}, the file at ${dataBytes}; it is longer than its header says.`,
    );
  }
}

/**
 * Writes a safetensors file; a failure leaves an old file of that name as it was.
 *
 * @throws FileError naming the path and the reason
 */
export async function saveSafetensors(
  path: string,
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
  { fs }: { fs?: WritingFs } = {},
): Promise<void> {
  await writeFileAtomic("saveSafetensors", path, encodeSafetensors(tensors, metadata), fs);
}

/** Reads a safetensors file. @throws FileError if it can't be read, FormatError if it is damaged */
export async function loadSafetensors(path: string): Promise<TensorFile> {
  return decodeSafetensors(await readBytes("loadSafetensors", path), path);
}
