/**
 * Reading and adding at given positions of one axis. Elements begin to end, row by row; the operand
 * that is indexed has stride 0 along its indexed axis, and the position enters here. Own numbers:
 * the axis' length, and its stride in bytes. The result is the flat position of the first index out
 * of range, where the kernel stops, or −1.
 */
import { copyRow, lanes, LENGTH, OWN_0, OWN_1, rowAddress, rowStride, the } from "./strided";

/** Operands: x, index, out. */
function gather<T>(begin: i32, end: i32, args: usize): i32 {
  const n = load<i32>(args, LENGTH);
  const length = load<u32>(args, OWN_0);
  const step = load<i32>(args, OWN_1);
  const xStride = rowStride(args, 3, 0);
  const indexStride = rowStride(args, 3, 1);
  const outStride = rowStride(args, 3, 2);
  let row = begin / n;
  let first = begin - row * n;
  for (let at = begin; at < end; row++) {
    const count = min(n - first, end - at);
    let x = rowAddress(args, 3, 0, row, first);
    let index = rowAddress(args, 3, 1, row, first);
    let out = rowAddress(args, 3, 2, row, first);
    if (indexStride == 0) {
      const i = load<i32>(index);
      if (<u32>i >= length) return at;
      copyRow<T>(count, x + i * step, xStride, out, outStride);
    } else {
      for (let k = 0; k < count; k++) {
        const i = load<i32>(index);
        if (<u32>i >= length) return at + k;
        store<T>(out, load<T>(x + i * step));
        x += xStride;
        index += indexStride;
        out += outStride;
      }
    }
    at += count;
    first = 0;
  }
  return -1;
}

function addRow<T>(n: i32, x: usize, xStride: i32, out: usize, outStride: i32): void {
  let i = 0;
  if (xStride == <i32>sizeof<T>() && outStride == <i32>sizeof<T>()) {
    for (; i <= n - lanes<T>(); i += lanes<T>()) {
      v128.store(out, v128.add<T>(v128.load(out), v128.load(x)));
      x += 16;
      out += 16;
    }
  }
  for (; i < n; i++) {
    store<T>(out, load<T>(out) + load<T>(x));
    x += xStride;
    out += outStride;
  }
}

/**
 * Operands: out, index, source. Several elements may go to one place, in row-major order: this
 * kernel's range must not be split.
 */
function scatterAdd<T>(begin: i32, end: i32, args: usize): i32 {
  const n = load<i32>(args, LENGTH);
  const length = load<u32>(args, OWN_0);
  const step = load<i32>(args, OWN_1);
  const outStride = rowStride(args, 3, 0);
  const indexStride = rowStride(args, 3, 1);
  const sourceStride = rowStride(args, 3, 2);
  let row = begin / n;
  let first = begin - row * n;
  for (let at = begin; at < end; row++) {
    const count = min(n - first, end - at);
    let out = rowAddress(args, 3, 0, row, first);
    let index = rowAddress(args, 3, 1, row, first);
    let source = rowAddress(args, 3, 2, row, first);
    if (indexStride == 0) {
      const i = load<i32>(index);
      if (<u32>i >= length) return at;
      addRow<T>(count, source, sourceStride, out + i * step, outStride);
    } else {
      for (let k = 0; k < count; k++) {
        const i = load<i32>(index);
        if (<u32>i >= length) return at + k;
        const to = out + i * step;
        store<T>(to, load<T>(to) + load<T>(source));
        out += outStride;
        index += indexStride;
        source += sourceStride;
      }
    }
    at += count;
    first = 0;
  }
  return -1;
}

/** Operands as scatterAdd's. The last of several elements that go to one place stays. */
function scatterSet<T>(begin: i32, end: i32, args: usize): i32 {
  const n = load<i32>(args, LENGTH);
  const length = load<u32>(args, OWN_0);
  const step = load<i32>(args, OWN_1);
  const outStride = rowStride(args, 3, 0);
  const indexStride = rowStride(args, 3, 1);
  const sourceStride = rowStride(args, 3, 2);
  let row = begin / n;
  let first = begin - row * n;
  for (let at = begin; at < end; row++) {
    const count = min(n - first, end - at);
    let out = rowAddress(args, 3, 0, row, first);
    let index = rowAddress(args, 3, 1, row, first);
    let source = rowAddress(args, 3, 2, row, first);
    if (indexStride == 0) {
      const i = load<i32>(index);
      if (<u32>i >= length) return at;
      copyRow<T>(count, source, sourceStride, out + i * step, outStride);
    } else {
      for (let k = 0; k < count; k++) {
        const i = load<i32>(index);
        if (<u32>i >= length) return at + k;
        store<T>(out + i * step, load<T>(source));
        out += outStride;
        index += indexStride;
        source += sourceStride;
      }
    }
    at += count;
    first = 0;
  }
  return -1;
}

@unmanaged class Prod<T> { @inline apply(a: T, b: T): T { return <T>(a * b); } }
// On floats these are the instructions, in which NaN wins.
@unmanaged class Max<T> { @inline apply(a: T, b: T): T { return max<T>(a, b); } }
@unmanaged class Min<T> { @inline apply(a: T, b: T): T { return min<T>(a, b); } }

/** Operands as scatterAdd's: each element of the source meets what is at its place. */
function scatterMeet<T, Op>(begin: i32, end: i32, args: usize): i32 {
  const n = load<i32>(args, LENGTH);
  const length = load<u32>(args, OWN_0);
  const step = load<i32>(args, OWN_1);
  const outStride = rowStride(args, 3, 0);
  const indexStride = rowStride(args, 3, 1);
  const sourceStride = rowStride(args, 3, 2);
  let row = begin / n;
  let first = begin - row * n;
  for (let at = begin; at < end; row++) {
    const count = min(n - first, end - at);
    let out = rowAddress(args, 3, 0, row, first);
    let index = rowAddress(args, 3, 1, row, first);
    let source = rowAddress(args, 3, 2, row, first);
    for (let k = 0; k < count; k++) {
      const i = load<i32>(index);
      if (<u32>i >= length) return at + k;
      const to = out + i * step;
      store<T>(to, the<Op>().apply(load<T>(to), load<T>(source)));
      out += outStride;
      index += indexStride;
      source += sourceStride;
    }
    at += count;
    first = 0;
  }
  return -1;
}

export function gather_8(begin: i32, end: i32, args: usize): i32 { return gather<u8>(begin, end, args); }
export function gather_32(begin: i32, end: i32, args: usize): i32 { return gather<u32>(begin, end, args); }
export function gather_64(begin: i32, end: i32, args: usize): i32 { return gather<u64>(begin, end, args); }
export function scatterAdd_f32(begin: i32, end: i32, args: usize): i32 { return scatterAdd<f32>(begin, end, args); }
export function scatterAdd_f64(begin: i32, end: i32, args: usize): i32 { return scatterAdd<f64>(begin, end, args); }
export function scatterAdd_i32(begin: i32, end: i32, args: usize): i32 { return scatterAdd<i32>(begin, end, args); }
export function scatterAdd_u8(begin: i32, end: i32, args: usize): i32 { return scatterAdd<u8>(begin, end, args); }
export function scatterSet_8(begin: i32, end: i32, args: usize): i32 { return scatterSet<u8>(begin, end, args); }
export function scatterSet_32(begin: i32, end: i32, args: usize): i32 { return scatterSet<u32>(begin, end, args); }
export function scatterSet_64(begin: i32, end: i32, args: usize): i32 { return scatterSet<u64>(begin, end, args); }
export function scatterProd_f32(begin: i32, end: i32, args: usize): i32 { return scatterMeet<f32, Prod<f32>>(begin, end, args); }
export function scatterProd_f64(begin: i32, end: i32, args: usize): i32 { return scatterMeet<f64, Prod<f64>>(begin, end, args); }
export function scatterProd_i32(begin: i32, end: i32, args: usize): i32 { return scatterMeet<i32, Prod<i32>>(begin, end, args); }
export function scatterProd_u8(begin: i32, end: i32, args: usize): i32 { return scatterMeet<u8, Prod<u8>>(begin, end, args); }
export function scatterMax_f32(begin: i32, end: i32, args: usize): i32 { return scatterMeet<f32, Max<f32>>(begin, end, args); }
export function scatterMax_f64(begin: i32, end: i32, args: usize): i32 { return scatterMeet<f64, Max<f64>>(begin, end, args); }
export function scatterMax_i32(begin: i32, end: i32, args: usize): i32 { return scatterMeet<i32, Max<i32>>(begin, end, args); }
export function scatterMax_u8(begin: i32, end: i32, args: usize): i32 { return scatterMeet<u8, Max<u8>>(begin, end, args); }
export function scatterMin_f32(begin: i32, end: i32, args: usize): i32 { return scatterMeet<f32, Min<f32>>(begin, end, args); }
export function scatterMin_f64(begin: i32, end: i32, args: usize): i32 { return scatterMeet<f64, Min<f64>>(begin, end, args); }
export function scatterMin_i32(begin: i32, end: i32, args: usize): i32 { return scatterMeet<i32, Min<i32>>(begin, end, args); }
export function scatterMin_u8(begin: i32, end: i32, args: usize): i32 { return scatterMeet<u8, Min<u8>>(begin, end, args); }
