/**
 * One kernel call: turns operands into addresses, collapses their axes and writes the arguments
 * where the kernel reads them. There is a single instance that every call reuses: no closures, no
 * views and no arrays are made on this path.
 */
import type { Arena } from "./arena.ts";
import type { DType, Operand } from "./interface.ts";
import { fill, outside } from "./memory.ts";
import type { Kernel } from "./module.ts";
import {
  ARGUMENT_BYTES,
  ARGUMENTS,
  INNER_ARGUMENTS,
  LONE_BYTES,
  SMALL_BYTES,
  WORKSPACE,
  WORKSPACE_BYTES,
} from "./scratch.ts";
import { bytesPerElement, type Cell, type Storage } from "./storage.ts";
import type { Crew } from "./threads.ts";

// Arguments in units of four bytes; assembly/strided.ts reads them.
const OWN = 2;
const OPERANDS = 6;
/** Threads' scratch memories share no cache line. */
const GRAIN = 64;
/** Rows of fewer elements are short. */
const SHORT_ROW = 4;
/** More scratch than this for all threads together is not taken: one thread does the work. */
const MOST_SCRATCH = 2 ** 26;
/** More axes than this after collapsing would not fit into the arguments. */
const MAX_AXES = (ARGUMENT_BYTES / 4 - 6 - 2 * 4) / 5;

export class Call {
  readonly arena: Arena;
  /** Axes after {@link plan}, innermost first. */
  axes = 0;
  readonly sizes: number[] = [];
  /** Strides in elements along those axes, for each operand. */
  readonly strides: readonly [number[], number[], number[], number[]] = [[], [], [], []];

  private loneCount = 0;
  /** What a kernel works in, where that is a block of the arena. */
  private scratch: Cell | null = null;

  readonly crew: Crew;
  /** Whether calls happen within others, and what those use must stay where it is. */
  private readonly isInner: boolean;
  /** Where the arguments are, in bytes and in units of four. */
  readonly place: number;
  private readonly args: number;

  constructor(arena: Arena, crew: Crew, isInner = false) {
    this.arena = arena;
    this.crew = crew;
    this.isInner = isInner;
    this.place = isInner ? INNER_ARGUMENTS : ARGUMENTS;
    this.args = this.place / 4;
  }

  /** Opens a call: from here to the next, what `address` returned stays where it is. */
  begin(): void {
    if (!this.isInner) this.arena.tick++;
    this.loneCount = 0;
  }

  /** The byte address of the operand's first element. */
  address(x: Operand): number {
    const { storage } = x;
    if (storage === null) return this.lone(x.dtype, x.value);
    return this.storageAddress(storage) + x.offset * bytesPerElement[x.dtype];
  }

  /**
   * Drops axes of length 1 and joins neighbours that are contiguous in all operands. The operands
   * broadcast to `shape`; its axis `held` is left out. Returns the number of elements; there is at
   * least one axis left.
   */
  plan(
    shape: readonly number[],
    a: Operand,
    b: Operand | null,
    c: Operand | null,
    d: Operand | null,
    held = -1,
  ): number {
    const { sizes } = this;
    const sa = this.strides[0];
    const sb = this.strides[1];
    const sc = this.strides[2];
    const sd = this.strides[3];
    const rank = shape.length;
    let count = 1;
    let last = -1;
    for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
      const size = shape[rank - fromEnd];
      if (size === 1 || rank - fromEnd === held) continue;
      count *= size;
      const ta = strideOf(a, fromEnd);
      const tb = b === null ? 0 : strideOf(b, fromEnd);
      const tc = c === null ? 0 : strideOf(c, fromEnd);
      const td = d === null ? 0 : strideOf(d, fromEnd);
      if (last >= 0) {
        const inner = sizes[last];
        if (
          ta === sa[last] * inner &&
          tb === sb[last] * inner &&
          tc === sc[last] * inner &&
          td === sd[last] * inner
        ) {
          sizes[last] = inner * size;
          continue;
        }
      }
      last++;
      sizes[last] = size;
      sa[last] = ta;
      sb[last] = tb;
      sc[last] = tc;
      sd[last] = td;
    }
    if (last < 0) {
      last = 0;
      sizes[0] = 1;
      sa[0] = sb[0] = sc[0] = sd[0] = 0;
    }
    this.axes = last + 1;
    if (last >= MAX_AXES) {
      throw new RangeError(
        `A kernel met ${last + 1} axes that cannot be joined; at most ${MAX_AXES} fit. ` +
          "Make the operands contiguous first.",
      );
    }
    return count;
  }

  /** In place of `plan`, for one operand: these axes, outermost first. */
  setAxes(axes: readonly { size: number; stride: number }[]): void {
    this.axes = axes.length;
    for (let axis = 0; axis < axes.length; axis++) {
      const { size, stride } = axes[axes.length - 1 - axis];
      this.sizes[axis] = size;
      this.strides[0][axis] = stride;
    }
  }

  /**
   * For kernels that may visit elements in any order: where rows are shorter than a vector, a long
   * axis becomes the row (of [300000, 3] + [3] an element takes 1.7 ns instead of 4).
   */
  lengthenRows(): void {
    const { sizes, strides } = this;
    if (this.axes === 1 || sizes[0] >= SHORT_ROW) return;
    let longest = 0;
    for (let axis = 1; axis < this.axes; axis++) if (sizes[axis] > sizes[longest]) longest = axis;
    swap(sizes, longest);
    for (const list of strides) swap(list, longest);
  }

  /** Length of a row, and the number of outer axes that each `operand` describes. */
  header(length: number, outer: number): void {
    const { i32 } = this.arena;
    i32[this.args] = length;
    i32[this.args + 1] = outer;
  }

  /** One of the kernel's own numbers: four, unless it has a layout of its own after the header. */
  own(index: number, value: number): void {
    this.arena.i32[this.args + OWN + index] = value;
  }

  /**
   * Operand `k` of `operands`: its address, its stride along the row and those along the planned
   * axes from `firstOuter` on, all in bytes.
   */
  operand(
    k: number,
    operands: number,
    address: number,
    bytes: number,
    rowStride: number,
    firstOuter: number,
  ): void {
    const { i32 } = this.arena;
    const strides = this.strides[k];
    const first = this.args + OPERANDS;
    i32[first + k] = address;
    i32[first + operands + k] = rowStride * bytes;
    let at = first + 2 * operands;
    for (let axis = firstOuter; axis < this.axes; axis++) {
      i32[at] = this.sizes[axis];
      i32[at + 1 + k] = strides[axis] * bytes;
      at += operands + 1;
    }
  }

  /** Operand `k`, its row being the innermost planned axis. */
  rowOperand(k: number, operands: number, x: Operand): void {
    const address = this.address(x);
    this.operand(k, operands, address, bytesPerElement[x.dtype], this.strides[k][0], 1);
  }

  /**
   * Runs a strided kernel over its units. `work`, in elements that are moved or added once, says whether
   * threads are worth waking; 0 keeps to one, for kernels whose units write to the same places.
   */
  launch(kernel: Kernel, units: number, work: number): number {
    return units > 1 && this.crew.helps(work)
      ? this.crew.run(kernel, units, work, 0, [this.place])
      : kernel(0, units, this.place);
  }

  /** As `launch`, for kernels that take numbers and then the address of so many bytes of scratch. */
  launchWithScratch(
    kernel: Kernel,
    units: number,
    work: number,
    bytes: number,
    ...rest: number[]
  ): void {
    const each = Math.ceil(bytes / GRAIN) * GRAIN;
    const crew = units > 1 && this.crew.helps(work) ? this.crew.size() : 1;
    const threads = crew * each > MOST_SCRATCH ? 1 : crew;
    const args = [this.place, ...rest, this.takeScratch(threads * each)];
    if (threads === 1) kernel(0, units, ...args);
    else this.crew.run(kernel, units, work, each, args);
    this.returnScratch();
  }

  /** The address of so many bytes, until {@link returnScratch}. Operands have their addresses before: that may take calls. */
  takeScratch(bytes: number): number {
    if (bytes <= WORKSPACE_BYTES) return WORKSPACE;
    this.scratch = this.arena.allocate(bytes);
    return this.scratch.address;
  }

  returnScratch(): void {
    if (this.scratch === null) return;
    this.arena.release(this.scratch);
    this.scratch = null;
  }

  /** As `launch`, for kernels that take numbers after their range. */
  run(kernel: Kernel, units: number, work: number, ...rest: number[]): number {
    return units > 1 && this.crew.helps(work)
      ? this.crew.run(kernel, units, work, 0, rest)
      : kernel(0, units, ...rest);
  }

  /** Whole numbers in place of `header` and what follows it, for kernels that name their own. */
  words(values: readonly number[]): void {
    this.arena.i32.set(values, this.args);
  }

  private storageAddress(storage: Storage): number {
    let { cell } = storage;
    if (cell === null || cell.address === 0) cell = this.moveIn(storage);
    this.arena.touch(cell);
    return cell.address + storage.start;
  }

  /** Brings an array of the heap into the memory, or what was deferred. */
  private moveIn(storage: Storage): Cell {
    const { arena } = this;
    if (!storage.isFilled) {
      fill(storage);
      if (storage.cell !== null) return storage.cell;
    }
    const { buffer, byteOffset, byteLength } = outside(storage);
    const returns = storage.cell !== null; // what was evicted keeps its old cell; adopted arrays have none
    if (byteLength > SMALL_BYTES || !arena.nursery.place(storage)) {
      storage.start = 0;
      storage.cell = arena.allocate(byteLength);
      arena.watch(storage, storage.cell);
      if (returns) arena.noteRestored(byteLength);
    }
    storage.array = null;
    const cell = storage.cell!;
    arena.u8.set(new Uint8Array(buffer, byteOffset, byteLength), cell.address + storage.start);
    return cell;
  }

  private lone(dtype: DType, value: number): number {
    const address = this.place + ARGUMENT_BYTES + this.loneCount++ * LONE_BYTES;
    const { arena } = this;
    switch (dtype) {
      case "float32":
        arena.f32[address >>> 2] = value;
        break;
      case "float64":
        arena.f64[address >>> 3] = value;
        break;
      case "int32":
        arena.i32[address >>> 2] = value;
        break;
      default:
        arena.u8[address] = value;
    }
    return address;
  }
}

function swap(list: number[], axis: number): void {
  const first = list[0];
  list[0] = list[axis];
  list[axis] = first;
}

/** Stride along the axis that is `fromEnd` from the right: 0 where the operand repeats. */
export function strideOf(x: Operand, fromEnd: number): number {
  const axis = x.shape.length - fromEnd;
  return axis < 0 || x.shape[axis] === 1 ? 0 : x.strides[axis];
}
