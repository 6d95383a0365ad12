/** The WebAssembly module: compiled once, its exports sorted into tables by name and type. */
import { wasmText } from "./generated/binary.ts";
import type { DType } from "./interface.ts";

/** Every array kernel takes a range of its units of work first; see assembly/strided.ts. */
export type Kernel = (begin: number, end: number, ...rest: number[]) => number;

/** Kernels of one element type by name: `add_f32` is `add` of the table f32. */
export type KernelTable = Readonly<Record<string, Kernel | undefined>>;

export interface KernelModule {
  /** The exports of a later one replace those of the same names. */
  readonly modules: readonly WebAssembly.Module[];
  /** What the first was compiled from. */
  readonly bytes: Uint8Array;
  readonly exports: Readonly<Record<string, Kernel | undefined>>;
  readonly byType: Readonly<Record<DType, KernelTable>>;
  /** Kernels that move bits, by element size. */
  readonly bySize: Readonly<Record<number, KernelTable>>;
}

/** How an element type is called in the names of exports. */
export const suffixOf: Readonly<Record<DType, string>> = {
  float32: "f32",
  float64: "f64",
  int32: "i32",
  uint8: "u8",
  bool: "u8",
};

export function isShared(memory: WebAssembly.Memory): boolean {
  return Object.prototype.toString.call(memory.buffer) === "[object SharedArrayBuffer]";
}

/** The import of "env" "memory" up to the flags of its limits. */
const MEMORY_IMPORT = [3, ..."env", 6, ..."memory", 2].map((part) =>
  typeof part === "string" ? part.charCodeAt(0) : part,
);
const SHARED_WITH_MAXIMUM = 3;

/** A module says whether the memory that it imports is shared; one binary serves both. */
function importShared(bytes: Uint8Array): void {
  const at = bytes.findIndex((_, i) => MEMORY_IMPORT.every((byte, k) => bytes[i + k] === byte));
  bytes[at + MEMORY_IMPORT.length] = SHARED_WITH_MAXIMUM;
}

/** A binary as it was built, from its text; `asText` in scripts/build.mjs tells how that is made. */
export function moduleBytes(text = wasmText): Uint8Array<ArrayBuffer> {
  const order = Array.from({ length: 256 }, (_, i) => Number.parseInt(text.substr(2 * i, 2), 16));
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 512; at < text.length; at++) {
    let code = text.charCodeAt(at);
    let first = 0;
    if (code === TILDE || code === SPACE) {
      first = code === TILDE ? 90 : 180;
      code = text.charCodeAt(++at);
    }
    // Printable characters but the quote, < and the backslash, counted from !.
    const skipped = Number(code > 34) + Number(code > 60) + Number(code > 92);
    bytes[length++] = order[first + code - 33 - skipped];
  }
  return bytes.slice(0, length);
}

const TILDE = 126;
const SPACE = 32;

/** @param others  binaries whose exports replace those of the main one */
export function loadModule(
  memory: WebAssembly.Memory,
  others: readonly Uint8Array<ArrayBuffer>[] = [],
): KernelModule {
  const binaries = [moduleBytes(), ...others];
  if (isShared(memory)) binaries.forEach(importShared);
  const modules = binaries.map((bytes) => new WebAssembly.Module(bytes));
  const exports: Record<string, Kernel> = {};
  for (const module of modules)
    Object.assign(exports, new WebAssembly.Instance(module, { env: { memory } }).exports);
  const tables: Record<string, Record<string, Kernel>> = {};
  for (const [name, kernel] of Object.entries(exports)) {
    const cut = name.lastIndexOf("_");
    const suffix = name.slice(cut + 1);
    tables[suffix] ??= {};
    tables[suffix][name.slice(0, Math.max(cut, 0))] = kernel;
  }
  const { f32, f64, i32, u8, 8: bytewise, 32: words, 64: doubles } = tables;
  return {
    modules,
    bytes: binaries[0],
    exports,
    byType: { float32: f32, float64: f64, int32: i32, uint8: u8, bool: u8 },
    bySize: { 1: bytewise, 4: words, 8: doubles },
  };
}

/** Which types a kernel exists for is read off the module, so that the message cannot go stale. */
export function unsupported(
  module: KernelModule,
  where: string,
  name: string,
  dtype: DType,
): Error {
  const known = (Object.keys(suffixOf) as DType[]).filter((type) => module.byType[type][name]);
  return new TypeError(
    `${where}: there is no kernel "${name}" for ${dtype}; it takes ${known.join(", ") || "nothing"}.`,
  );
}
