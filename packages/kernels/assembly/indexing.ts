/**
 * Reading and writing at given positions of one axis. The operand that is indexed has stride 0 along it, and the
 * position enters here. Own numbers: the axis' length, and its stride in bytes.
 */
import { product } from "./elementwise";
import {
  copyRow, lanes, LENGTH, outerLength, outerStride, OWN_0, OWN_1, OWN_2, rowAddress, rowStride, the,
} from "./strided";

/**
 * Operands: x, index, out. Elements begin to end, row by row. Returns the flat position of the first index out of
 * range, where the kernel stops, or −1.
 */
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

/** How an element of the source meets what is at its place: one of each, or a row of them. */
@unmanaged class Add<T> {
  @inline apply(a: T, b: T): T { return <T>(a + b); }
  @inline vector(a: v128, b: v128): v128 { return v128.add<T>(a, b); }
}
@unmanaged class SetTo<T> {
  @inline apply(_: T, b: T): T { return b; }
  @inline vector(_: v128, b: v128): v128 { return b; }
}
@unmanaged class Prod<T> {
  @inline apply(a: T, b: T): T { return <T>(a * b); }
  @inline vector(a: v128, b: v128): v128 { return product<T>(a, b); }
}
// On floats these are the instructions, in which NaN wins.
@unmanaged class Max<T> {
  @inline apply(a: T, b: T): T { return max<T>(a, b); }
  @inline vector(a: v128, b: v128): v128 { return v128.max<T>(a, b); }
}
@unmanaged class Min<T> {
  @inline apply(a: T, b: T): T { return min<T>(a, b); }
  @inline vector(a: v128, b: v128): v128 { return v128.min<T>(a, b); }
}

function meetRow<T, Op>(n: i32, x: usize, xStride: i32, out: usize, outStride: i32): void {
  let i = 0;
  if (xStride == <i32>sizeof<T>() && outStride == <i32>sizeof<T>()) {
    for (; i <= n - lanes<T>(); i += lanes<T>()) {
      v128.store(out, the<Op>().vector(v128.load(out), v128.load(x)));
      x += 16;
      out += 16;
    }
  }
  for (; i < n; i++) {
    store<T>(out, the<Op>().apply(load<T>(out), load<T>(x)));
    x += xStride;
    out += outStride;
  }
}

/** Each element with an index of its own. Returns whether all were in range. */
function meetEach<T, Op>(
  n: i32, length: u32, step: i32,
  out: usize, outStride: i32, index: usize, indexStride: i32, source: usize, sourceStride: i32,
): bool {
  for (; n > 0; n--) {
    const i = load<u32>(index);
    if (i >= length) return false;
    const place = out + i * step;
    store<T>(place, the<Op>().apply(load<T>(place), load<T>(source)));
    out += outStride, index += indexStride, source += sourceStride;
  }
  return true;
}

/**
 * Each element of the source meets what is at its place. Operands out, index and source: rows run along the indexed
 * axis, outer axes are the others, whose innermost has the columns. Units are groups of columns, each with its whole
 * rows: no two units write to one place, and what meets there does so in the order of the axis.
 *
 * Further own numbers: columns in a group. Returns 0 where a position is out of range, or −1.
 */
function scatter<T, Op>(begin: i32, end: i32, args: usize): i32 {
  const n = load<i32>(args, LENGTH);
  const length = load<u32>(args, OWN_0);
  const step = load<i32>(args, OWN_1);
  const group = load<i32>(args, OWN_2);
  const columns = outerLength(args, 3);
  const groups = (columns + group - 1) / group;
  const outColumn = outerStride(args, 3, 0), indexColumn = outerStride(args, 3, 1), sourceColumn = outerStride(args, 3, 2);
  const indexRow = rowStride(args, 3, 1), sourceRow = rowStride(args, 3, 2);
  for (let unit = begin; unit < end;) {
    const block = unit / groups;
    const first = (unit - block * groups) * group;
    const count = min(columns, (end - block * groups) * group) - first;
    const line = block * columns + first;
    let out = rowAddress(args, 3, 0, line, 0);
    let index = rowAddress(args, 3, 1, line, 0);
    let source = rowAddress(args, 3, 2, line, 0);
    unit = min(end, (block + 1) * groups);
    if (count > 1 && indexColumn == 0) {
      for (let k = 0; k < n; k++) {
        const i = load<u32>(index);
        if (i >= length) return 0;
        meetRow<T, Op>(count, source, sourceColumn, out + i * step, outColumn);
        index += indexRow;
        source += sourceRow;
      }
      continue;
    }
    // What lies closer together is the inner loop. (Binaryen inlines what is called once, and V8 then spills.)
    if (count == 1 || abs(indexRow) <= abs(indexColumn)) {
      for (let k = 0; k < count; k++) {
        if (!meetEach<T, Op>(n, length, step, out, 0, index, indexRow, source, sourceRow)) return 0;
        out += outColumn, index += indexColumn, source += sourceColumn;
      }
    } else {
      for (let k = 0; k < n; k++) {
        if (!meetEach<T, Op>(count, length, step, out, outColumn, index, indexColumn, source, sourceColumn)) return 0;
        index += indexRow, source += sourceRow;
      }
    }
  }
  return -1;
}

export function gather_8(begin: i32, end: i32, args: usize): i32 { return gather<u8>(begin, end, args); }
export function gather_32(begin: i32, end: i32, args: usize): i32 { return gather<u32>(begin, end, args); }
export function gather_64(begin: i32, end: i32, args: usize): i32 { return gather<u64>(begin, end, args); }
export function scatterAdd_f32(begin: i32, end: i32, args: usize): i32 { return scatter<f32, Add<f32>>(begin, end, args); }
export function scatterAdd_f64(begin: i32, end: i32, args: usize): i32 { return scatter<f64, Add<f64>>(begin, end, args); }
export function scatterAdd_i32(begin: i32, end: i32, args: usize): i32 { return scatter<i32, Add<i32>>(begin, end, args); }
export function scatterAdd_u8(begin: i32, end: i32, args: usize): i32 { return scatter<u8, Add<u8>>(begin, end, args); }
export function scatterSet_8(begin: i32, end: i32, args: usize): i32 { return scatter<u8, SetTo<u8>>(begin, end, args); }
export function scatterSet_32(begin: i32, end: i32, args: usize): i32 { return scatter<u32, SetTo<u32>>(begin, end, args); }
export function scatterSet_64(begin: i32, end: i32, args: usize): i32 { return scatter<u64, SetTo<u64>>(begin, end, args); }
export function scatterProd_f32(begin: i32, end: i32, args: usize): i32 { return scatter<f32, Prod<f32>>(begin, end, args); }
export function scatterProd_f64(begin: i32, end: i32, args: usize): i32 { return scatter<f64, Prod<f64>>(begin, end, args); }
export function scatterProd_i32(begin: i32, end: i32, args: usize): i32 { return scatter<i32, Prod<i32>>(begin, end, args); }
export function scatterProd_u8(begin: i32, end: i32, args: usize): i32 { return scatter<u8, Prod<u8>>(begin, end, args); }
export function scatterMax_f32(begin: i32, end: i32, args: usize): i32 { return scatter<f32, Max<f32>>(begin, end, args); }
export function scatterMax_f64(begin: i32, end: i32, args: usize): i32 { return scatter<f64, Max<f64>>(begin, end, args); }
export function scatterMax_i32(begin: i32, end: i32, args: usize): i32 { return scatter<i32, Max<i32>>(begin, end, args); }
export function scatterMax_u8(begin: i32, end: i32, args: usize): i32 { return scatter<u8, Max<u8>>(begin, end, args); }
export function scatterMin_f32(begin: i32, end: i32, args: usize): i32 { return scatter<f32, Min<f32>>(begin, end, args); }
export function scatterMin_f64(begin: i32, end: i32, args: usize): i32 { return scatter<f64, Min<f64>>(begin, end, args); }
export function scatterMin_i32(begin: i32, end: i32, args: usize): i32 { return scatter<i32, Min<i32>>(begin, end, args); }
export function scatterMin_u8(begin: i32, end: i32, args: usize): i32 { return scatter<u8, Min<u8>>(begin, end, args); }
