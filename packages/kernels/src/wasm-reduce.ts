/**
 * Reductions: one kernel reduces one axis, so a reduction is a chain of passes, the last of which
 * writes the result. Which passes, and how long axes are cut, follows from shapes and strides alone.
 */
import type { Call } from "./call.ts";
import type { DType, Kernels, Operand, ReduceName } from "./interface.ts";
import { type KernelModule, unsupported } from "./module.ts";
import { highest, lowest } from "./plain.ts";
import { bytesPerElement, type Cell } from "./storage.ts";

/** Longest stretch that one unit reduces along a row, and how many rows it reduces across columns. */
const ROW_CHUNK = 16384;
const COLUMN_CHUNK = 512;
/** Columns of a unit; assembly/reduce.ts has the same. */
const COLUMN_TILE = 1024;

interface Axis {
  readonly size: number;
  readonly stride: number;
  readonly reduced: boolean;
}

/** The kernels that work across columns; joining their names at every call would take as long as a small sum. */
const columnKernels = {
  sum: "sumColumns",
  prod: "prodColumns",
  max: "maxColumns",
  min: "minColumns",
};

/** Results over no elements. */
function empty(name: ReduceName, dtype: DType): number {
  switch (name) {
    case "sum":
    case "any":
      return 0;
    case "prod":
    case "all":
      return 1;
    case "max":
      return lowest(dtype);
    case "min":
      return highest(dtype);
  }
}

export function reduce(
  call: Call,
  module: KernelModule,
  kernels: Kernels,
  name: ReduceName,
  x: Operand,
  out: Operand,
): void {
  // Of zeros and ones, "any" is the largest and "all" the smallest.
  const base = name === "any" ? "max" : name === "all" ? "min" : name;
  const table = module.byType[x.dtype];
  const rows = table[base];
  const columns = table[columnKernels[base]];
  if (rows === undefined || columns === undefined) {
    throw unsupported(module, "reduce", base, x.dtype);
  }
  if (x.shape.includes(0)) {
    kernels.fill(empty(name, x.dtype), out);
    return;
  }
  let axes = collapse(x, out);
  if (axes.length === 0 || !axes[0].reduced) {
    kernels.copy(x, out);
    return;
  }

  const bytes = bytesPerElement[x.dtype];
  call.begin();
  const direct = isContiguous(out);
  let from = call.address(x) + firstOf(x, out) * bytes;
  let used: Cell | null = null;
  for (;;) {
    const { axis, outer, across, chunks } = choosePass(axes);
    const after = across === null ? outer : [...outer, across];
    const outCount = after.reduce((product, one) => product * one.size, chunks);
    const done = chunks === 1 && !after.some((one) => one.reduced);
    const made: Cell | null = done && direct ? null : call.arena.allocate(outCount * bytes);
    const to = made === null ? call.address(out) : made.address;

    call.setAxes(outer);
    call.header(across === null ? axis.size : across.size, outer.length);
    call.own(0, to);
    call.own(1, across === null ? ROW_CHUNK : COLUMN_CHUNK);
    call.own(2, axis.size);
    call.own(3, axis.stride * bytes);
    call.operand(0, 1, from, bytes, across === null ? axis.stride : 1, 0);
    const work = (outCount / chunks) * axis.size;
    if (across === null) call.launch(rows, outCount, work);
    else
      call.launch(columns, (outCount / across.size) * Math.ceil(across.size / COLUMN_TILE), work);

    if (used !== null) call.arena.release(used);
    used = made;
    from = to;
    if (done) break;
    const left = chunks > 1 ? [{ size: chunks, stride: 0, reduced: true }] : [];
    axes = contiguous([...outer, ...left, ...(across === null ? [] : [across])]);
  }
  if (used !== null) {
    copyTo(call, module, from, bytes, out);
    call.arena.release(used);
  }
}

/**
 * x's axes, outermost first, without those of length 1 and with neighbours of one kind joined.
 * Reduced axes come first and run forwards, from {@link firstOf}: their order does not matter.
 */
function collapse(x: Operand, out: Operand): Axis[] {
  const reduced: Axis[] = [];
  const kept: Axis[] = [];
  for (let k = 0; k < x.shape.length; k++) {
    const size = x.shape[k];
    if (size === 1) continue;
    const isReduced = out.shape[k] === 1;
    const stride = isReduced ? Math.abs(x.strides[k]) : x.strides[k];
    const list = isReduced ? reduced : kept;
    const last = list.at(-1);
    if (last !== undefined && last.stride === stride * size) {
      list[list.length - 1] = { size: last.size * size, stride, reduced: isReduced };
    } else {
      list.push({ size, stride, reduced: isReduced });
    }
  }
  for (const axis of kept) reduced.push(axis);
  return reduced;
}

/** Where the elements start, counted from x's own start, when reduced axes that run backwards are turned. */
function firstOf(x: Operand, out: Operand): number {
  let first = 0;
  for (let k = 0; k < x.shape.length; k++) {
    const isTurned = out.shape[k] === 1 && x.strides[k] < 0;
    if (isTurned) first += (x.shape[k] - 1) * x.strides[k];
  }
  return first;
}

/**
 * One pass: the axis to reduce (a contiguous one, or the longest), in how many chunks, and the axes
 * around it. `across` is the contiguous kept axis that the kernel works along where there is one.
 */
function choosePass(axes: readonly Axis[]): {
  axis: Axis;
  outer: Axis[];
  across: Axis | null;
  chunks: number;
} {
  if (axes.length === 1)
    return { axis: axes[0], outer: [], across: null, chunks: Math.ceil(axes[0].size / ROW_CHUNK) };
  const reduced = axes.filter((axis) => axis.reduced);
  const along = reduced.find((axis) => axis.stride === 1);
  const axis = along ?? reduced.reduce((a, b) => (b.size > a.size ? b : a));
  const rest = axes.filter((other) => other !== axis);
  const last = axes[axes.length - 1];
  if (along === undefined && !last.reduced && last.stride === 1) {
    const chunks = Math.ceil(axis.size / COLUMN_CHUNK);
    return { axis, outer: rest.slice(0, -1), across: last, chunks };
  }
  return { axis, outer: rest, across: null, chunks: Math.ceil(axis.size / ROW_CHUNK) };
}

/** The same axes as they lie in a pass's contiguous result. */
function contiguous(axes: readonly Axis[]): Axis[] {
  let stride = 1;
  return axes
    .toReversed()
    .map((axis) => {
      const placed = { ...axis, stride };
      stride *= axis.size;
      return placed;
    })
    .reverse();
}

export function isContiguous(x: Operand): boolean {
  let expected = 1;
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    if (x.shape[axis] === 1) continue;
    if (x.strides[axis] !== expected) return false;
    expected *= x.shape[axis];
  }
  return true;
}

/** Copies a contiguous result from the arena to a strided `out`. */
function copyTo(call: Call, module: KernelModule, from: number, bytes: number, out: Operand): void {
  const count = call.plan(out.shape, out, null, null, null);
  const [strides, dense] = [[...call.strides[0]], call.strides[0]];
  call.header(call.sizes[0], call.axes - 1);
  let step = 1;
  for (let axis = 0; axis < call.axes; axis++) {
    dense[axis] = step;
    step *= call.sizes[axis];
  }
  call.operand(0, 2, from, bytes, 1, 1);
  for (let axis = 0; axis < call.axes; axis++) call.strides[1][axis] = strides[axis];
  call.operand(1, 2, call.address(out), bytes, strides[0], 1);
  call.launch(module.bySize[bytes].copy!, count, count);
}
