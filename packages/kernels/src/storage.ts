/**
 * A `Storage` owns the elements of a tensor and of its views. The elements are in a cell of the WebAssembly
 * memory, in an ordinary typed array, or yet to be computed by a recipe; once released, nowhere.
 */
import type { DType, TypedArray } from "./interface.ts";

export const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  uint8: 1,
  bool: 1,
};

export function newArray(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(length);
    case "float64":
      return new Float64Array(length);
    case "int32":
      return new Int32Array(length);
    default:
      return new Uint8Array(length);
  }
}

/** A view of `length` elements of `buffer`, starting at byte `start`. */
export function viewArray(
  dtype: DType,
  buffer: ArrayBufferLike,
  start: number,
  length: number,
): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer, start, length);
    case "float64":
      return new Float64Array(buffer, start, length);
    case "int32":
      return new Int32Array(buffer, start, length);
    default:
      return new Uint8Array(buffer, start, length);
  }
}

/** The size class of a cell that several storages share: a block of the nursery. */
export const IN_NURSERY = -1;

/**
 * A block of the arena, or of the nursery. The arena's tables and its finalization registry hold cells and never
 * storages, so that nothing of ours keeps a dead tensor alive. An evicted cell belongs to no table:
 * its copy is reachable from storages alone and dies with them.
 */
export class Cell {
  /** Byte address; 0 when the cell is evicted or free. */
  address: number;
  readonly sizeClass: number;
  /** Bytes asked for; the block may be larger. */
  readonly bytes: number;
  /** The kernel call that used the cell last. */
  usedAt = 0;
  evicted: ArrayBufferLike | null = null;
  /** In the nursery: how many storages it was given to that were not released. */
  owners = 0;
  // Neighbours in the arena's ring, from least to most recently used.
  older: Cell;
  newer: Cell;

  constructor(address: number, sizeClass: number, bytes: number) {
    this.address = address;
    this.sizeClass = sizeClass;
    this.bytes = bytes;
    this.older = this;
    this.newer = this;
  }
}

/** How to compute elements that nobody has looked at so far; see fusion/defer.ts. */
export interface Recipe {
  /** Gives the storage, whose recipe this is, its elements. */
  compute(storage: Storage): void;
  /** Says that the recipe will not be used any more. */
  forget(): void;
}

/** What recipes hold of a storage that they read: itself, or what keeps its elements once it changes or is released. */
export class Capture {
  storage: Storage;
  /** Whether nobody else can reach the storage. */
  isGhost = false;
  /** Recipes that may read it. */
  readers = 0;

  constructor(storage: Storage) {
    this.storage = storage;
  }
}

export class Storage {
  readonly dtype: DType;
  readonly length: number;
  /** Bumped by every in-place change. */
  version = 0;
  /** Name of the in-place op that bumped `version` last. */
  changedBy = "";
  /** @internal How many parts of the library rely on the elements, beside tensors of the user's. */
  holders = 0;
  /** @internal Whether nobody else does: then the last holder gives the memory back. */
  isInternal = false;
  /** @internal Called when the memory is given back before the collector finds it. */
  onRelease: (() => void) | null = null;

  /** @internal The block with the elements, or null. With address 0 it is one that was evicted. */
  cell: Cell | null;
  /** @internal Where they start in it, in bytes. */
  start = 0;
  /** @internal The elements where they are outside the arena. */
  array: TypedArray | null;
  /** @internal With elements in place, it says how to get them again. */
  recipe: Recipe | null = null;
  /** @internal What recipes hold of this storage as it is now; null if none reads it. */
  capture: Capture | null = null;

  /** @internal Use `alloc` or `adopt`. */
  constructor(dtype: DType, length: number, cell: Cell | null, array: TypedArray | null) {
    this.dtype = dtype;
    this.length = length;
    this.cell = cell;
    this.array = array;
  }

  /** @internal Whether the elements are somewhere, computed. */
  get isFilled(): boolean {
    return this.cell !== null || this.array !== null;
  }

  /** Whether the memory was given back, so that any use is an error. */
  get isReleased(): boolean {
    return !this.isFilled && this.recipe === null;
  }
}

/** A value was used after `release` gave its memory back. */
export class ReleasedError extends Error {
  override name = "ReleasedError";

  constructor(storage: Storage) {
    super(
      `This value (${storage.length} elements of ${storage.dtype}) was released, so its memory is gone; ` +
        "use it before it is released, or keep a clone.",
    );
  }
}

/** The arena is full and nothing in it can be moved out. */
export class OutOfMemoryError extends Error {
  override name = "OutOfMemoryError";
}

/** What {@link memory} tells, all in bytes. */
export interface MemoryReport {
  /** "plain" where WebAssembly SIMD is missing; then everything lives in ordinary typed arrays. */
  readonly backend: "wasm" | "plain";
  /** In arena blocks that hold values, rounded up to the blocks' sizes. May include garbage that the collector has not reported yet. */
  readonly liveBytes: number;
  /** In free arena blocks, ready for reuse. */
  readonly cachedBytes: number;
  /** Copied out of the arena to ordinary arrays since the start: a running total. What of it is garbage by now only the collector knows. */
  readonly evictedBytes: number;
  /** Of `evictedBytes`, what came back because it was used again: a running total. */
  readonly restoredBytes: number;
  /** The most that `liveBytes` has been. */
  readonly peakBytes: number;
  /** Size of the WebAssembly memory. It never shrinks. */
  readonly wasmBytes: number;
  /** Above it, allocations evict. It starts at 16 MiB and grows with what comes back; see {@link setMemoryLimit}. */
  readonly softLimitBytes: number;
}
