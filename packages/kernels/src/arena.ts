/**
 * The arena: blocks of one WebAssembly memory, treated as a cache over the garbage-collected heap.
 *
 * - Block sizes are 64 bytes times a quarter step of a power of two (…, 4, 5, 6, 7, 8, 10, 12, …),
 *   so a block wastes at most a fifth of itself; each size has a list of free blocks.
 * - Blocks return by `release`, or by the finalization registry once a storage was collected.
 * - A synchronous loop lets no registry callback run. So an allocation that would pass the soft
 *   limit evicts: the least recently used blocks are copied to ordinary arrays that only their
 *   storages reach, and are free again.
 * - The soft limit grows by whatever comes back from eviction (to at most half of the address
 *   space): what comes back was alive, and a live working set above the limit would thrash.
 *   Garbage never comes back, so it never raises the limit.
 */
import { Nursery } from "./nursery.ts";
import { FIRST_ADDRESS, PAGE } from "./scratch.ts";
import { canShareMemory } from "./start-thread.ts";
import { Cell, IN_NURSERY, OutOfMemoryError, type Storage } from "./storage.ts";

const MAX_PAGES = 65536;
const MAX_BYTES = PAGE * MAX_PAGES;
const INITIAL_BYTES = 16 * 2 ** 20;
/** Memory grows by at least this part of itself: a growth replaces every view, and some engines copy. */
const GROWTH = 1 / 4;
/** Low, since what lives raises it soon; a small net's garbage would fill a high one for hundreds of steps. */
const FIRST_SOFT_LIMIT = INITIAL_BYTES;
const LARGEST_SOFT_LIMIT = MAX_BYTES / 2;
const GRAIN = 64;

/** The smallest class that holds `bytes`. */
export function sizeClassOf(bytes: number): number {
  const units = Math.max(0, Math.ceil(bytes / GRAIN) - 1); // counted from 0: 64 bytes is 0
  if (units < 4) return units;
  const exponent = 31 - Math.clz32(units);
  return (exponent - 1) * 4 + ((units >>> (exponent - 2)) & 3);
}

/** Bytes of a block of this class. */
export function sizeOfClass(sizeClass: number): number {
  if (sizeClass < 4) return (sizeClass + 1) * GRAIN;
  return ((sizeClass & 3) + 5) * 2 ** ((sizeClass >> 2) - 1) * GRAIN;
}

const CLASSES = sizeClassOf(MAX_BYTES) + 1;

export class Arena {
  /** Shared between threads where the platform allows it. */
  readonly memory: WebAssembly.Memory;
  // One view per element type on the whole memory: making a view costs more than a small kernel.
  u8!: Uint8Array;
  i32!: Int32Array;
  f32!: Float32Array;
  f64!: Float64Array;

  /** Number of the running kernel call: cells with this `usedAt` are its operands and stay; 0 is none's. */
  tick = 1;
  softLimit = FIRST_SOFT_LIMIT;
  liveBytes = 0;
  cachedBytes = 0;
  peakBytes = 0;
  evictedBytes = 0;
  restoredBytes = 0;

  readonly nursery: Nursery;

  /** Sentinel of the ring: `ring.newer` is the least recently used cell, `ring.older` the most. */
  private readonly ring = new Cell(0, 0, 0);
  private readonly free: number[][] = Array.from({ length: CLASSES }, () => []);
  /** First address never handed out. */
  private top = FIRST_ADDRESS;
  private readonly maximumBytes: number;
  private readonly registry = new FinalizationRegistry<Cell>((cell) => this.release(cell));

  constructor(maximumBytes = MAX_BYTES) {
    const reserved =
      (canShareMemory() ? reserve(maximumBytes, true) : null) ?? reserve(maximumBytes, false);
    if (reserved === null) {
      throw new OutOfMemoryError(
        `Out of memory: this engine grants no WebAssembly memory of ${megabytes(INITIAL_BYTES)}.`,
      );
    }
    this.memory = reserved.memory;
    this.maximumBytes = reserved.bytes;
    this.refreshViews();
    this.nursery = new Nursery(this);
  }

  get wasmBytes(): number {
    return this.u8.length;
  }

  /** A block with uninitialised contents; evicts first where the soft limit asks for it. */
  allocate(bytes: number): Cell {
    const sizeClass = sizeClassOf(bytes);
    const size = sizeOfClass(sizeClass);
    if (this.liveBytes + size > this.softLimit) this.evictTo(this.softLimit - size);
    const recycled = this.free[sizeClass].pop();
    if (recycled !== undefined) this.cachedBytes -= size;
    const cell = new Cell(recycled ?? this.claim(sizeClass, bytes), sizeClass, bytes);
    this.liveBytes += size;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    cell.usedAt = this.tick;
    this.append(cell);
    return cell;
  }

  /** From here on the cell is freed when `storage` is collected. */
  watch(storage: Storage, cell: Cell): void {
    this.registry.register(storage, cell, cell);
  }

  /** As `watch`, of a cell that another storage had; those of the nursery and evicted ones are not watched. */
  rewatch(storage: Storage, cell: Cell): void {
    if (cell.sizeClass === IN_NURSERY || cell.address === 0) return;
    this.registry.unregister(cell);
    this.watch(storage, cell);
  }

  /** Frees the storage's cell, for which `watch` was called; an evicted one just forgets its copy. */
  discard(cell: Cell, storage: Storage): void {
    if (cell.sizeClass === IN_NURSERY) {
      this.nursery.leave(cell, storage);
      return;
    }
    this.registry.unregister(cell);
    this.release(cell);
  }

  /** Frees a cell that nothing watches (scratch), or whose storage is gone. */
  release(cell: Cell): void {
    cell.evicted = null;
    if (cell.address === 0) return;
    this.unlink(cell);
    this.giveBack(cell);
  }

  /** The running call uses this cell. */
  touch(cell: Cell): void {
    cell.usedAt = this.tick;
    if (cell.sizeClass === IN_NURSERY || cell.newer === this.ring) return;
    this.unlink(cell);
    this.append(cell);
  }

  /** Counts a value that is back from eviction, and lets the limit follow the live working set. */
  noteRestored(bytes: number): void {
    this.restoredBytes += bytes;
    if (this.softLimit < LARGEST_SOFT_LIMIT) {
      this.softLimit = Math.min(this.softLimit + bytes, LARGEST_SOFT_LIMIT);
    }
  }

  /** Evicts, oldest first, until at most `target` bytes are live or only the running call's remain. */
  evictTo(target: number): void {
    let cell = this.ring.newer;
    while (this.liveBytes > target && cell !== this.ring) {
      const next = cell.newer;
      if (cell.usedAt !== this.tick) this.evict(cell);
      cell = next;
    }
  }

  /** Visits all cells, least recently used first, and all free blocks: for tests of the invariants. */
  inspect(live: (cell: Cell) => void, free: (address: number, bytes: number) => void): void {
    for (let cell = this.ring.newer; cell !== this.ring; cell = cell.newer) live(cell);
    this.free.forEach((list, sizeClass) => {
      for (const address of list) free(address, sizeOfClass(sizeClass));
    });
  }

  private evict(cell: Cell): void {
    // The registry holds the cell strongly until its callback has run, which a synchronous loop
    // never allows; unless it is unregistered, copies of garbage would pile up behind it.
    this.registry.unregister(cell);
    cell.evicted = this.u8.slice(cell.address, cell.address + cell.bytes).buffer;
    this.evictedBytes += cell.bytes;
    this.unlink(cell);
    this.giveBack(cell);
  }

  private giveBack(cell: Cell): void {
    const size = sizeOfClass(cell.sizeClass);
    this.free[cell.sizeClass].push(cell.address);
    this.liveBytes -= size;
    this.cachedBytes += size;
    cell.address = 0;
  }

  private append(cell: Cell): void {
    const last = this.ring.older;
    cell.older = last;
    cell.newer = this.ring;
    last.newer = cell;
    this.ring.older = cell;
  }

  private unlink(cell: Cell): void {
    cell.older.newer = cell.newer;
    cell.newer.older = cell.older;
    cell.older = cell;
    cell.newer = cell;
  }

  /** An address for a block of this class whose own list is empty. */
  private claim(sizeClass: number, bytes: number): number {
    const size = sizeOfClass(sizeClass);
    let address = this.bump(size) || this.split(sizeClass);
    if (address === 0 && this.cachedBytes > this.wasmBytes / 2) {
      this.coalesce();
      address = this.bump(size) || this.split(sizeClass);
    }
    if (address === 0 && this.grow(size)) address = this.bump(size);
    if (address === 0) {
      this.evictTo(0);
      this.coalesce();
      this.grow(size);
      address = this.bump(size) || this.split(sizeClass);
    }
    if (address !== 0) return address;
    throw new OutOfMemoryError(
      `Out of memory: asked for ${megabytes(bytes)} while the running operation already holds ` +
        `${megabytes(this.liveBytes)} of the ${megabytes(this.maximumBytes)} that WebAssembly can address. ` +
        "Smaller batches or splitting the operation would help; so may a smaller dtype.",
    );
  }

  /** A block from never used memory, or 0. */
  private bump(size: number): number {
    const address = this.top;
    if (address + size > this.wasmBytes) return 0;
    this.top = address + size;
    return address;
  }

  /** A block cut from a larger free one, or 0. The rest becomes free blocks. */
  private split(sizeClass: number): number {
    const size = sizeOfClass(sizeClass);
    for (let larger = sizeClass; larger < CLASSES; larger++) {
      const address = this.free[larger].pop();
      if (address === undefined) continue;
      const whole = sizeOfClass(larger);
      this.cachedBytes -= whole;
      this.addFree(address + size, whole - size);
      return address;
    }
    return 0;
  }

  /** Cuts free memory into blocks, largest first. `bytes` is a multiple of the grain. */
  private addFree(address: number, bytes: number): void {
    this.cachedBytes += bytes;
    for (let at = address, left = bytes; left > 0; ) {
      let sizeClass = sizeClassOf(left);
      if (sizeOfClass(sizeClass) > left) sizeClass--;
      this.free[sizeClass].push(at);
      at += sizeOfClass(sizeClass);
      left -= sizeOfClass(sizeClass);
    }
  }

  /** Joins neighbouring free blocks; those at the end become never used memory again. */
  private coalesce(): void {
    const blocks: { address: number; bytes: number }[] = [];
    this.inspect(
      () => {},
      (address, bytes) => blocks.push({ address, bytes }),
    );
    blocks.sort((a, b) => a.address - b.address);
    for (const list of this.free) list.length = 0;
    this.cachedBytes = 0;
    for (let i = 0; i < blocks.length; ) {
      const { address } = blocks[i];
      let end = address;
      while (i < blocks.length && blocks[i].address === end) end += blocks[i++].bytes;
      if (end === this.top) this.top = address;
      else this.addFree(address, end - address);
    }
  }

  /** Makes room for `size` more bytes above `top`; false if the memory cannot grow that far. */
  private grow(size: number): boolean {
    const missing = this.top + size - this.wasmBytes;
    if (missing <= 0) return true;
    const room = this.maximumBytes - this.wasmBytes;
    if (missing > room) return false;
    const step = Math.min(Math.max(missing, this.wasmBytes * GROWTH), room);
    try {
      this.memory.grow(Math.ceil(step / PAGE));
    } catch {
      return false;
    }
    this.refreshViews();
    return true;
  }

  private refreshViews(): void {
    const { buffer } = this.memory;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }
}

/**
 * A memory that may grow to `bytes`, or as far as the engine grants: that is address space, which phones and 32-bit
 * engines may not grant in full, and some not to be shared. null if there is none.
 */
function reserve(
  bytes: number,
  shared: boolean,
): { memory: WebAssembly.Memory; bytes: number } | null {
  const initial = Math.min(INITIAL_BYTES, bytes) / PAGE;
  for (let maximum = bytes / PAGE; maximum >= initial; maximum /= 2) {
    try {
      return {
        memory: new WebAssembly.Memory({ initial, maximum, shared }),
        bytes: maximum * PAGE,
      };
    } catch {
      // A smaller one, then.
    }
  }
  return null;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
