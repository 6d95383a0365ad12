/** The process-wide memory: where storages get their elements from, and how to reach them. */
import { Arena } from "./arena.ts";
import type { DType, TypedArray } from "./interface.ts";
import { SMALL_BYTES } from "./scratch.ts";
import {
  bytesPerElement,
  Capture,
  type Cell,
  type MemoryReport,
  newArray,
  type Recipe,
  ReleasedError,
  Storage,
  viewArray,
} from "./storage.ts";

const MAX_LENGTH = 2 ** 31 - 1; // the kernels count elements in 32-bit integers

/** A module of one function that returns `v128.const`: valid only where SIMD is known. */
const SIMD_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 253, 12, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11,
];

/** undefined: not asked for yet; null: this engine has no WebAssembly SIMD. */
let arena: Arena | null | undefined;

/** The arena, made on first use; null where WebAssembly SIMD is missing. */
export function theArena(): Arena | null {
  if (arena === undefined) {
    const simd =
      typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array(SIMD_PROBE));
    arena = simd ? new Arena() : null;
  }
  return arena;
}

/** A storage of `length` elements with uninitialised contents. */
export function alloc(dtype: DType, length: number): Storage {
  if (!(length >= 0 && length <= MAX_LENGTH)) {
    throw new RangeError(`alloc: length is ${length}; it must be from 0 to ${MAX_LENGTH}.`);
  }
  const home = theArena();
  if (home === null) return new Storage(dtype, length, null, newArray(dtype, length));
  const storage = new Storage(dtype, length, null, null);
  const bytes = length * bytesPerElement[dtype];
  if (bytes > SMALL_BYTES || !home.nursery.place(storage)) {
    home.tick++; // no kernel runs now: what the last one used may be evicted
    storage.cell = home.allocate(bytes);
    home.watch(storage, storage.cell);
  }
  return storage;
}

/**
 * A storage that owns `array`, without copying: the caller must not use the array any more. `dtype`
 * is by default that of the array; only "bool" for a Uint8Array of zeros and ones needs saying.
 *
 * @throws TypeError if the array is not one of the dtype
 */
export function adopt(array: TypedArray, dtype: DType = dtypeOf(array)): Storage {
  if (dtypeOf(array) !== (dtype === "bool" ? "uint8" : dtype)) {
    throw new TypeError(
      `adopt: a ${array.constructor.name} cannot hold ${dtype}; it needs a ${newArray(dtype, 0).constructor.name}.`,
    );
  }
  if (array.length > MAX_LENGTH) {
    throw new RangeError(
      `adopt: the array has ${array.length} elements; at most ${MAX_LENGTH} fit.`,
    );
  }
  return new Storage(dtype, array.length, null, array);
}

function dtypeOf(array: TypedArray): DType {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Uint8Array) return "uint8";
  throw new TypeError(
    "adopt: the array must be a Float32Array, Float64Array, Int32Array or Uint8Array.",
  );
}

/**
 * The elements as a typed array, not copied. Valid only until the next allocation, which may move
 * them or replace the memory beneath.
 */
export function peek(storage: Storage): TypedArray {
  if (!storage.isFilled) materialize(storage);
  const { cell, start } = storage;
  if (cell !== null && cell.address !== 0) {
    const { buffer } = theArena()!.memory;
    return viewArray(storage.dtype, buffer, cell.address + start, storage.length);
  }
  return outside(storage);
}

/** Computes what was deferred, for good, in the middle of a kernel call that asks for it. */
export function fill(storage: Storage): void {
  const { recipe } = storage;
  if (recipe === null || storage.isFilled) return;
  recipe.compute(storage);
  settle(storage, recipe);
}

/** The array of a storage that is not in the WebAssembly memory at present. */
export function outside(storage: Storage): TypedArray {
  const evicted = storage.cell?.evicted;
  if (evicted) {
    storage.array ??= viewArray(storage.dtype, evicted, storage.start, storage.length);
  }
  if (storage.array === null) throw new ReleasedError(storage);
  return storage.array;
}

/** A fresh ordinary typed array with elements `start` to `start + length`. */
export function copyOut(
  storage: Storage,
  start = 0,
  length: number = storage.length - start,
): TypedArray {
  if (!(start >= 0 && length >= 0 && start + length <= storage.length)) {
    throw new RangeError(
      `copyOut: elements ${start} to ${start + length} asked of a storage with ${storage.length}.`,
    );
  }
  return peek(storage).slice(start, start + length);
}

export function getElement(storage: Storage, index: number): number {
  checkIndex("getElement", storage, index);
  if (!storage.isFilled) materialize(storage);
  const { cell } = storage;
  if (cell === null || cell.address === 0) return outside(storage)[index];
  return memoryOf(storage.dtype)[placeOf(storage, cell) + index];
}

/** Writes one element; `storage.version` is the caller's business. */
export function setElement(storage: Storage, index: number, value: number): void {
  checkIndex("setElement", storage, index);
  own(storage);
  const { cell } = storage;
  if (cell === null || cell.address === 0) outside(storage)[index] = value;
  else memoryOf(storage.dtype)[placeOf(storage, cell) + index] = value;
}

/** All of the memory as elements of the dtype: making a view of a few would take longer than reading one. */
function memoryOf(dtype: DType): TypedArray {
  const { f32, f64, i32, u8 } = theArena()!;
  return dtype === "float32" ? f32 : dtype === "float64" ? f64 : dtype === "int32" ? i32 : u8;
}

/** Where a storage's elements start there, counted in elements. */
function placeOf({ dtype, start }: Storage, { address }: Cell): number {
  return (address + start) / bytesPerElement[dtype];
}

function checkIndex(where: string, storage: Storage, index: number): void {
  if (!(index >= 0 && index < storage.length)) {
    throw new RangeError(
      `${where}: index is ${index}; the storage has ${storage.length} elements.`,
    );
  }
}

/** Gives the memory back at once. Any later use throws a {@link ReleasedError}. */
export function release(storage: Storage): void {
  if (storage.capture === null) empty(storage);
  else leaveGhost(storage);
  if (storage.onRelease !== null) storage.onRelease();
}

function empty(storage: Storage): void {
  const { cell, recipe } = storage;
  storage.cell = null;
  storage.array = null;
  storage.recipe = null;
  if (cell !== null) theArena()!.discard(cell, storage);
  if (recipe !== null) recipe.forget();
}

/** Recipes that read the storage go on reading its elements in a ghost. */
function leaveGhost(storage: Storage): void {
  const { cell } = storage;
  const ghost = ghostOf(storage, cell, storage.array);
  ghost.start = storage.start;
  ghost.recipe = storage.recipe;
  if (cell !== null) theArena()!.rewatch(ghost, cell);
  storage.cell = null;
  storage.array = null;
  storage.recipe = null;
}

/** What recipes read from now on in the storage's place. */
function ghostOf(storage: Storage, cell: Cell | null, array: TypedArray | null): Storage {
  const ghost = new Storage(storage.dtype, storage.length, cell, array);
  ghost.capture = storage.capture;
  ghost.capture!.storage = ghost;
  ghost.capture!.isGhost = true;
  storage.capture = null;
  return ghost;
}

/** A recipe is going to read the storage, whatever happens to it meanwhile. */
export function capture(storage: Storage): Capture {
  storage.capture ??= new Capture(storage);
  storage.capture.readers++;
  return storage.capture;
}

/** A recipe less that reads it. */
export function endCapture(captured: Capture): void {
  if (--captured.readers > 0) return;
  captured.storage.capture = null;
  if (captured.isGhost) empty(captured.storage);
}

/**
 * To be called before elements change in place: recipes keep what they were to read. Mostly they are garbage, which
 * only the collector can tell: so the copy is the collector's, too.
 */
export function own(storage: Storage): void {
  materialize(storage);
  if (storage.capture !== null) ghostOf(storage, null, peek(storage).slice());
}

/** Elements are there for good from now on, computed first where they were deferred. */
export function materialize(storage: Storage): void {
  const { recipe } = storage;
  if (recipe === null) return;
  computeApart(storage, recipe);
  settle(storage, recipe);
}

function settle(storage: Storage, recipe: Recipe): void {
  storage.recipe = null;
  recipe.forget();
}

/** No kernel runs now: what the last one used may be evicted. */
function computeApart(storage: Storage, recipe: Recipe): void {
  if (storage.isFilled) return;
  theArena()!.tick++;
  recipe.compute(storage);
}

/** Runs `read`, which reads the storage once: what is computed for that alone does not stay. */
export function readOnce(storage: Storage | null, read: () => void): void {
  const isDeferred = storage !== null && storage.recipe !== null && !storage.isFilled;
  if (isDeferred) computeApart(storage, storage.recipe!);
  try {
    read();
  } finally {
    if (isDeferred) dematerialize(storage);
  }
}

/** Elements that can be computed again, and that nobody needs now, give their memory back. */
export function dematerialize(storage: Storage): void {
  const { cell, recipe } = storage;
  if (recipe === null || cell === null || storage.holders > 0) return;
  storage.cell = null;
  storage.array = null; // what was restored from eviction
  theArena()!.discard(cell, storage);
}

/** What is where; see {@link MemoryReport}. */
export function memory(): MemoryReport {
  const home = theArena();
  return {
    backend: home === null ? "plain" : "wasm",
    liveBytes: home?.liveBytes ?? 0,
    cachedBytes: home?.cachedBytes ?? 0,
    evictedBytes: home?.evictedBytes ?? 0,
    restoredBytes: home?.restoredBytes ?? 0,
    peakBytes: home?.peakBytes ?? 0,
    wasmBytes: home?.wasmBytes ?? 0,
    softLimitBytes: home?.softLimit ?? 0,
  };
}

/**
 * Sets the arena's soft limit: an allocation that would pass it first evicts what was used least
 * recently. A larger limit trades memory for fewer copies; results never change.
 */
export function setMemoryLimit(bytes: number): void {
  if (!(bytes >= 0)) {
    throw new RangeError(`setMemoryLimit: bytes is ${bytes}; it must be a number from 0 up.`);
  }
  const home = theArena();
  if (home !== null) home.softLimit = bytes;
}
