import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "@jest/globals";
import { Arena, sizeClassOf, sizeOfClass } from "../src/arena.ts";
import { Call } from "../src/call.ts";
import {
  adopt,
  alloc,
  copyOut,
  type DType,
  getElement,
  memory,
  type Operand,
  plainKernels,
  ReleasedError,
  release,
  type Storage,
  setElement,
  setMemoryLimit,
  wasmKernels,
} from "../src/index.ts";
import { theArena } from "../src/memory.ts";
import { CONTROL_ADDRESS, MOST_OPERANDS, NURSERY_BYTES, SMALL_BYTES } from "../src/scratch.ts";
import { type Cell, IN_NURSERY } from "../src/storage.ts";
import type { Crew } from "../src/threads.ts";
import { dense, Rng, randomArray } from "./support.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function vector(storage: Storage): Operand {
  const { dtype, length } = storage;
  return { storage, value: 0, dtype, shape: [length], strides: [1], offset: 0 };
}

/** No block overlaps another, live or free, and the counters are the sums of their bytes. */
function checkInvariants(arena: Arena, expectedCells: Iterable<Cell>): void {
  const blocks: [address: number, bytes: number][] = [];
  const cells = new Set<Cell>();
  const wrong: unknown[] = [];
  let [live, cached] = [0, 0];
  arena.inspect(
    (cell) => {
      const size = sizeOfClass(cell.sizeClass);
      if (cell.address % 64 !== 0 || cell.bytes > size || cell.evicted !== null) wrong.push(cell);
      blocks.push([cell.address, size]);
      live += size;
      cells.add(cell);
    },
    (address, bytes) => {
      blocks.push([address, bytes]);
      cached += bytes;
    },
  );
  blocks.sort(([a], [b]) => a - b);
  let end = 0;
  for (const [address, bytes] of blocks) {
    if (address < end) wrong.push(["overlap", address, bytes]);
    end = address + bytes;
  }
  for (const cell of expectedCells) if (!cells.has(cell)) wrong.push(["missing", cell]);
  expect(wrong).toEqual([]);
  expect(end).toBeLessThanOrEqual(arena.wasmBytes);
  expect([live, cached]).toEqual([arena.liveBytes, arena.cachedBytes]);
}

describe("storage", () => {
  it.each([1, 64, 65, 1000])("keeps %i elements of every dtype", (length) => {
    for (const dtype of ["float32", "float64", "int32", "uint8", "bool"] as const) {
      const storage = alloc(dtype, length);
      wasmKernels().fill(0, vector(storage));
      setElement(storage, length - 1, 1);
      expect(getElement(storage, length - 1)).toBe(1);
      const copy = copyOut(storage);
      expect(copy.length).toBe(length);
      expect([...copy].reduce((a, b) => a + b, 0)).toBe(1);
      expect([...copyOut(storage, length - 1, 1)]).toEqual([1]);
      expect(storage.version).toBe(0);
      release(storage);
    }
  });

  it("adopts an array without copying it", () => {
    const array = Float32Array.of(1, 2, 3);
    const storage = adopt(array);
    expect(storage.dtype).toBe("float32");
    array[1] = 7;
    expect(getElement(storage, 1)).toBe(7);
    expect(adopt(Uint8Array.of(1, 0), "bool").dtype).toBe("bool");
    expect(() => adopt(array, "float64")).toThrow(
      "adopt: a Float32Array cannot hold float64; it needs a Float64Array.",
    );
  });

  it("adopts a part of a larger buffer", () => {
    const whole = new Float32Array(1000).map((_, i) => i);
    const x = dense(whole.subarray(100, 600), [500]);
    const out = dense(new Float32Array(500), [500]);
    wasmKernels().copy(x, out);
    expect(getElement(out.storage!, 499)).toBe(599);
  });

  it("refuses what was released, in any place it lived", () => {
    for (const length of [4, 1000]) {
      const storage = alloc("float32", length);
      release(storage);
      release(storage); // a second time does nothing
      const message = `This value (${length} elements of float32) was released, so its memory is gone; use it before it is released, or keep a clone.`;
      for (const use of [
        () => copyOut(storage),
        () => getElement(storage, 0),
        () => setElement(storage, 0, 1),
        () => wasmKernels().unary("neg", vector(storage), vector(storage)),
        () => plainKernels().unary("neg", vector(storage), vector(storage)),
      ]) {
        expect(use).toThrow(ReleasedError);
        expect(use).toThrow(message);
      }
    }
  });

  it("has room for as many small operands as a call can have, beside the threads' words and the arena", () => {
    const arena = theArena()!;
    const call = new Call(arena, { size: () => 1 } as Crew);
    const first = arena.allocate(64);
    const storages = Array.from({ length: MOST_OPERANDS }, (_, i) =>
      adopt(new Float32Array(SMALL_BYTES / 4).fill(i)),
    );
    call.begin();
    const addresses = storages.map((storage) => call.address(vector(storage)));
    const read = addresses.map((address) =>
      arena.f32.slice(address / 4, (address + SMALL_BYTES) / 4),
    );
    expect(read.map((array, i) => array.every((value) => value === i))).toEqual(
      storages.map(() => true),
    );
    const end = Math.max(...addresses) + SMALL_BYTES;
    expect(end).toBeLessThanOrEqual(CONTROL_ADDRESS);
    expect(first.address).toBeGreaterThan(CONTROL_ADDRESS);

    arena.release(first);
  });

  it("checks indices and lengths", () => {
    const storage = alloc("float32", 3);
    expect(() => getElement(storage, 3)).toThrow(
      "getElement: index is 3; the storage has 3 elements.",
    );
    expect(() => setElement(storage, -1, 0)).toThrow(RangeError);
    expect(() => copyOut(storage, 2, 2)).toThrow(
      "copyOut: elements 2 to 4 asked of a storage with 3.",
    );
    expect(() => alloc("float32", -1)).toThrow("alloc: length is -1");
    expect(() => alloc("float32", Number.NaN)).toThrow(RangeError);
  });
});

describe("the nursery", () => {
  it("keeps every small value while blocks take turns, and the operands of a call where they are", () => {
    const k = wasmKernels();
    const rng = new Rng(5);
    const live: { storage: Storage; shadow: number[] }[] = [];
    let placed = 0;
    while (placed < 3 * NURSERY_BYTES) {
      const dtype = rng.pick(["float32", "float64", "int32"] as const);
      const length = rng.below(rng.pick([2, 40, SMALL_BYTES / 8]));
      const storage = alloc(dtype, length);
      placed += storage.length * 4;
      k.fill(live.length, vector(storage));
      // Most are garbage at once, or released.
      const fate = rng.below(8);
      if (fate === 0) live.push({ storage, shadow: new Array(length).fill(live.length) });
      else if (fate < 4) release(storage);
      if (live.length === 0) continue;
      const { storage: old, shadow } = rng.pick(live);
      const way = rng.below(3);
      if (way === 0) k.binary("add", vector(old), vector(old), vector(old));
      else if (way === 1 && old.length > 0) setElement(old, 0, 7);
      else continue;
      if (way === 0) for (let i = 0; i < old.length; i++) shadow[i]! *= 2;
      else shadow[0] = 7;
    }
    for (const { storage, shadow } of live) {
      const isWhole = storage.dtype === "int32";
      const expected = shadow.map((x) => (isWhole ? x | 0 : x));
      expect([...copyOut(storage)]).toEqual(expected);
    }
  });

  it("fills a block anew once all in it was released", () => {
    const places = () => {
      const storages = [1, 2, 3].map(() => alloc("float32", 30));
      for (const storage of storages) wasmKernels().fill(1, vector(storage));
      const found = storages.map(({ cell, start }) => cell!.address + start);
      storages.forEach(release);
      return found;
    };
    // Until the block of earlier tests is full.
    for (let i = 0; i < 50; i++) places();
    expect(places()).toEqual(places());
  });

  it("leaves every block to a call that uses them all", () => {
    const arena = theArena()!;
    const call = new Call(arena, { size: () => 1 } as Crew);
    const storages = Array.from({ length: NURSERY_BYTES / SMALL_BYTES }, (_, i) => {
      const storage = alloc("float32", SMALL_BYTES / 4);
      setElement(storage, 0, i);
      return storage;
    });
    call.begin();
    const addresses = storages.map((storage) => call.address(vector(storage)));
    const next = adopt(Float32Array.of(1, 2, 3));
    expect(call.address(vector(next))).toBeGreaterThan(CONTROL_ADDRESS);
    expect(addresses.map((address) => arena.f32[address / 4])).toEqual(storages.map((_, i) => i));
    expect([...copyOut(next)]).toEqual([1, 2, 3]);
  });

  it("lets a collected block's copy go", async () => {
    collectGarbage();
    const { arrayBuffers } = process.memoryUsage();
    for (let i = 0; i < 100_000; i++) alloc("float32", SMALL_BYTES / 4);
    const kept = () => process.memoryUsage().arrayBuffers - arrayBuffers;
    for (let tries = 0; tries < 50 && kept() > 2 ** 23; tries++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(kept()).toBeLessThan(2 ** 23);
  });
});

describe("the arena", () => {
  it("has size classes that waste less than a fifth above the smallest ones", () => {
    for (let bytes = 1; bytes < 2 ** 32; bytes = Math.ceil(bytes * 1.1)) {
      const size = sizeOfClass(sizeClassOf(bytes));
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 64).toBe(0);
      expect(size - bytes).toBeLessThan(Math.max(64, size / 5));
      expect(sizeClassOf(size)).toBe(sizeClassOf(bytes));
    }
  });

  it("reuses a freed block, and cuts or joins blocks before it grows", () => {
    const arena = new Arena(16 * 2 ** 20);
    arena.softLimit = Number.POSITIVE_INFINITY;
    const quarter = 3 * 2 ** 20;
    const cells = [1, 2, 3, 4].map(() => arena.allocate(quarter));
    const { address } = cells[1];
    arena.release(cells[1]);
    expect(arena.allocate(quarter).address).toBe(address);
    for (const cell of cells) arena.release(cell);
    arena.tick++; // what was re-allocated above may be moved out now
    const large = arena.allocate(13 * 2 ** 20);
    checkInvariants(arena, [large]);
  });

  it("moves everything out before it gives up, and says what would help", () => {
    const arena = new Arena(16 * 2 ** 20);
    arena.softLimit = Number.POSITIVE_INFINITY;
    const old = arena.allocate(10 * 2 ** 20);
    arena.u8[old.address] = 42;
    arena.tick++;
    const next = arena.allocate(10 * 2 ** 20);
    expect(old.address).toBe(0);
    expect(new Uint8Array(old.evicted!)[0]).toBe(42);
    // `next` belongs to the running call and must stay.
    expect(() => arena.allocate(10 * 2 ** 20)).toThrow(
      "Out of memory: asked for 10.0 MiB while the running operation already holds 10.0 MiB of the 16.0 MiB that WebAssembly can address. Smaller batches or splitting the operation would help; so may a smaller dtype.",
    );
    expect(next.address).not.toBe(0);
    checkInvariants(arena, [next]);
  });

  it("makes do with the address space that the engine grants", () => {
    const { Memory } = WebAssembly;
    const asked: number[] = [];
    WebAssembly.Memory = new Proxy(Memory, {
      construct: (target, [options]: [WebAssembly.MemoryDescriptor]) => {
        asked.push(options.maximum!);
        if (options.maximum! > 20_000) throw new RangeError("could not allocate memory");
        return Reflect.construct(target, [options]);
      },
    });
    try {
      new Arena().allocate(1000);
      expect(asked).toEqual([65536, 32768, 16384]);
    } finally {
      WebAssembly.Memory = Memory;
    }
  });

  it("keeps the operands of the running call, however small the limit", () => {
    const before = memory().softLimitBytes;
    setMemoryLimit(0);
    const k = wasmKernels();
    const a = dense(randomArray(new Rng(1), "float32", 1000, false), [1000]);
    const b = dense(randomArray(new Rng(2), "float32", 1000, false), [1000]);
    const out = vector(alloc("float32", 1000));
    const expected = vector(alloc("float32", 1000));
    setMemoryLimit(0);
    k.binary("add", a, b, out);
    plainKernels().binary("add", a, b, expected);
    expect([...copyOut(out.storage!)]).toEqual([...copyOut(expected.storage!)]);
    setMemoryLimit(before);
  });

  it("lets the limit follow a live working set, once", () => {
    const before = memory().softLimitBytes;
    setMemoryLimit(40_000);
    const k = wasmKernels();
    const live = [1, 2, 3, 4].map(() => vector(alloc("float32", 4096)));
    for (let round = 0; round < 6; round++) for (const x of live) k.fill(round, x);
    const { evictedBytes, softLimitBytes } = memory();
    expect(softLimitBytes).toBeGreaterThan(40_000);
    expect(softLimitBytes).toBeLessThan(40_000 + 8 * 4096 * 4);
    for (let round = 0; round < 6; round++) for (const x of live) k.fill(round, x);
    expect(memory().evictedBytes).toBe(evictedBytes);
    setMemoryLimit(before);
  });

  it("keeps every value through random use with a tiny limit, and its books in order", () => {
    const before = memory().softLimitBytes;
    const arena = theArena()!;
    const k = wasmKernels();
    const rng = new Rng(11);
    const dtypes: readonly DType[] = ["float32", "float64", "int32", "uint8"];
    const start = memory();
    let live: { storage: Storage; shadow: number[] }[] = [];
    for (let step = 0; step < 3000; step++) {
      if (step % 50 === 0) setMemoryLimit(rng.below(200_000));
      const entry = live.length > 0 ? rng.pick(live) : null;
      const action = rng.below(12);
      if (action < 3 || entry === null) {
        const dtype = rng.pick(dtypes);
        const length = rng.below(rng.pick([8, 70, 300, 6000]));
        const storage =
          action === 0 ? adopt(randomArray(rng, dtype, length)) : alloc(dtype, length);
        if (action !== 0) k.fill(step % 200, vector(storage));
        live.push({ storage, shadow: [...copyOut(storage)] });
      } else if (action < 6) {
        // A view of every other element, negated in place.
        const { storage, shadow } = entry;
        if (storage.dtype === "uint8") continue;
        const view = { ...vector(storage), shape: [Math.ceil(storage.length / 2)], strides: [2] };
        k.unary("neg", view, view);
        for (let i = 0; i < shadow.length; i += 2)
          shadow[i] = storage.dtype === "int32" ? -shadow[i] | 0 : -shadow[i];
      } else if (action < 9) {
        const other = rng.pick(live);
        if (other.storage.length === entry.storage.length) {
          k.copy(vector(other.storage), vector(other.storage));
        }
        const copy = copyOut(entry.storage);
        expect(entry.shadow.findIndex((value, i) => !Object.is(value, copy[i]))).toBe(-1);
      } else if (action < 10) {
        release(entry.storage);
        live = live.filter((one) => one !== entry);
      } else if (action < 11) {
        live = live.filter((one) => one !== entry); // dropped: garbage from here on
      } else if (entry.shadow.length > 0) {
        const at = rng.below(entry.shadow.length);
        setElement(entry.storage, at, 9);
        entry.shadow[at] = 9;
      }
      if (step % 100 === 0) {
        const cells = live.flatMap(({ storage: { cell } }) =>
          cell?.address && cell.sizeClass !== IN_NURSERY ? [cell] : [],
        );
        checkInvariants(arena, cells);
      }
      if (step % 1000 === 0) collectGarbage();
    }
    for (const { storage, shadow } of live) expect([...copyOut(storage)]).toEqual(shadow);
    // Both ways were really taken.
    expect(memory().evictedBytes).toBeGreaterThan(start.evictedBytes + 1e6);
    expect(memory().restoredBytes).toBeGreaterThan(start.restoredBytes + 1e6);
    setMemoryLimit(before);
  });

  it("frees the cells of collected storages when the event loop turns", async () => {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const before = memory().liveBytes;
    (() => {
      for (let i = 0; i < 50; i++) alloc("float32", 10_000);
    })();
    expect(memory().liveBytes).toBeGreaterThan(before + 50 * 40_000);
    for (let tries = 0; tries < 20 && memory().liveBytes > before; tries++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(memory().liveBytes).toBeLessThanOrEqual(before);
  });

  it("stays flat in a synchronous loop that never releases", async () => {
    collectGarbage();
    const start = memory();
    const { rss, arrayBuffers } = process.memoryUsage();
    for (let i = 0; i < 10_000; i++) alloc("float32", 65536);
    const end = memory();
    expect(end.liveBytes).toBeLessThanOrEqual(end.softLimitBytes);
    expect(end.wasmBytes).toBeLessThanOrEqual(Math.max(start.wasmBytes, 96 * 2 ** 20));
    expect(end.evictedBytes - start.evictedBytes).toBeGreaterThan(2 * 2 ** 30);
    // 2.5 GiB went by. The collector may lag behind where other tests have the cores; then nothing is left.
    expect(process.memoryUsage().rss - rss).toBeLessThan(2 ** 30);
    // Collected arrays are swept by a background thread, which needs a moment.
    const kept = () => process.memoryUsage().arrayBuffers - arrayBuffers;
    for (let tries = 0; tries < 50 && kept() > 32 * 2 ** 20; tries++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(kept()).toBeLessThan(32 * 2 ** 20);
  });

  it("works above 2 GiB", () => {
    const arena = theArena()!;
    const before = memory().softLimitBytes;
    setMemoryLimit(2 ** 33);
    // One reservation passes the sign bit; its pages stay untouched, so it costs no real memory.
    const filler = alloc("uint8", 2 ** 31 - 1);
    // Larger than any free block below.
    const n = 500_000;
    const [a, b, out] = [0, 1, 2].map(() => alloc("float32", n));
    expect(out.cell!.address).toBeGreaterThan(2 ** 31);
    const k = wasmKernels();
    k.fill(2, vector(a));
    k.fill(3, vector(b));
    setElement(a, n - 1, 10);
    k.binary("mul", vector(a), vector(b), vector(out));
    k.unary("neg", vector(out), vector(out));
    expect(getElement(out, 0)).toBe(-6);
    expect([...copyOut(out, n - 2)]).toEqual([-6, -30]);
    const total = dense(new Float32Array(1), [1]);
    k.reduce("sum", vector(out), total);
    expect(getElement(total.storage!, 0)).toBe(-6 * (n - 1) - 30);
    for (const storage of [filler, a, b, out]) release(storage);
    setMemoryLimit(before);
    checkInvariants(arena, []);
  });
});
