/**
 * Copies between strided operands: of equal bits (one kernel per element size), transposing, and
 * converting. Float to integer truncates and saturates, NaN gives 0; to uint8 it goes through int32
 * and keeps the low byte; to bool it is x ≠ 0.
 */
import {
  copyRow, lanes, LENGTH, outerLength, outerStride, OWN_0, OWN_1, OWN_2, rowAddress, rowStride,
} from "./strided";

function copy<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const rows = outerLength(args, 2);
  const xStride = rowStride(args, 2, 0);
  const outStride = rowStride(args, 2, 1);
  let row = begin / n;
  let first = begin - row * n;
  let near = 0; // rows left at a constant distance
  let x: usize = 0;
  let out: usize = 0;
  for (let at = begin; at < end; row++) {
    if (near == 0) {
      x = rowAddress(args, 2, 0, row, 0);
      out = rowAddress(args, 2, 1, row, 0);
      near = rows - row % rows;
    }
    const count = min(n - first, end - at);
    copyRow<T>(
      count, x + first * xStride, xStride, out + first * outStride, outStride,
    );
    at += count;
    first = 0;
    near--;
    x += outerStride(args, 2, 0);
    out += outerStride(args, 2, 1);
  }
}

export function copy_8(begin: i32, end: i32, args: usize): void { copy<u8>(begin, end, args); }
export function copy_32(begin: i32, end: i32, args: usize): void { copy<u32>(begin, end, args); }
export function copy_64(begin: i32, end: i32, args: usize): void { copy<u64>(begin, end, args); }

/**
 * Columns that a band of rows does before the next: the lines of x stay in the first-level cache
 * even where x's columns are a large power of two apart and fall into few of its sets.
 */
const TILE = 16;

/** A square of lanes × lanes elements. */
@inline
function transposeSquare<T>(x: usize, xStride: i32, out: usize, outStride: i32): void {
  const v0 = v128.load(x);
  const v1 = v128.load(x + xStride);
  if (sizeof<T>() == 8) {
    v128.store(out, v128.shuffle<u64>(v0, v1, 0, 2));
    v128.store(out + outStride, v128.shuffle<u64>(v0, v1, 1, 3));
  } else {
    const v2 = v128.load(x + 2 * xStride);
    const v3 = v128.load(x + 3 * xStride);
    const low01 = v128.shuffle<u32>(v0, v1, 0, 4, 1, 5);
    const high01 = v128.shuffle<u32>(v0, v1, 2, 6, 3, 7);
    const low23 = v128.shuffle<u32>(v2, v3, 0, 4, 1, 5);
    const high23 = v128.shuffle<u32>(v2, v3, 2, 6, 3, 7);
    v128.store(out, v128.shuffle<u64>(low01, low23, 0, 2));
    v128.store(out + outStride, v128.shuffle<u64>(low01, low23, 1, 3));
    v128.store(out + 2 * outStride, v128.shuffle<u64>(high01, high23, 0, 2));
    v128.store(out + 3 * outStride, v128.shuffle<u64>(high01, high23, 1, 3));
  }
}

/** out[r][c] = x[r][c] for a band of rows, where x is contiguous along r and out along c. */
function transposeBand<T>(
  rows: i32, columns: i32, x: usize, xStride: i32, out: usize, outStride: i32,
): void {
  const wholeRows = rows & -lanes<T>();
  const wholeColumns = columns & -lanes<T>();
  for (let c0 = 0; c0 < wholeColumns; c0 += TILE) {
    const c1 = min(c0 + TILE, wholeColumns);
    for (let r = 0; r < wholeRows; r += lanes<T>()) {
      const p = x + r * sizeof<T>();
      const q = out + r * outStride;
      for (let c = c0; c < c1; c += lanes<T>()) {
        transposeSquare<T>(p + c * xStride, xStride, q + c * sizeof<T>(), outStride);
      }
    }
  }
  const size = <i32>sizeof<T>();
  for (let r = 0; r < rows; r++) {
    const c = r < wholeRows ? wholeColumns : 0;
    copyRow<T>(columns - c, x + r * size + c * xStride, xStride, out + r * outStride + c * size, size);
  }
}

/**
 * Copies [m, n] matrices (and outer axes of them) whose x is contiguous along m and whose out along
 * n. A unit is a band of rows. Own numbers: m, out's stride along m in bytes, and the rows of a band.
 */
function transpose<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const m = load<i32>(args, OWN_0);
  const outStride = load<i32>(args, OWN_1);
  const xStride = rowStride(args, 2, 0);
  const band = load<i32>(args, OWN_2);
  const bands = (m + band - 1) / band;
  for (let unit = begin; unit < end; unit++) {
    const matrix = unit / bands;
    const r = (unit - matrix * bands) * band;
    const x = rowAddress(args, 2, 0, matrix, 0) + r * sizeof<T>();
    const out = rowAddress(args, 2, 1, matrix, 0) + r * outStride;
    transposeBand<T>(min(band, m - r), n, x, xStride, out, outStride);
  }
}

export function transpose_32(begin: i32, end: i32, args: usize): void { transpose<u32>(begin, end, args); }
export function transpose_64(begin: i32, end: i32, args: usize): void { transpose<u64>(begin, end, args); }

@inline
function convert<From, To>(x: From): To {
  if (isBoolean<To>()) return <To>(x != <From>0);
  if (isFloat<From>() && sizeof<To>() == 1) return <To>(<i32>x);
  return <To>x;
}

function convertAll<From, To>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const xStride = rowStride(args, 2, 0);
  const outStride = rowStride(args, 2, 1);
  let row = begin / n;
  let first = begin - row * n;
  for (let at = begin; at < end; row++) {
    const count = min(n - first, end - at);
    let x = rowAddress(args, 2, 0, row, first);
    let out = rowAddress(args, 2, 1, row, first);
    for (let i = 0; i < count; i++) {
      store<To>(out, convert<From, To>(load<From>(x)));
      x += xStride;
      out += outStride;
    }
    at += count;
    first = 0;
  }
}

export function copy_f32_f64(begin: i32, end: i32, args: usize): void { convertAll<f32, f64>(begin, end, args); }
export function copy_f32_i32(begin: i32, end: i32, args: usize): void { convertAll<f32, i32>(begin, end, args); }
export function copy_f32_u8(begin: i32, end: i32, args: usize): void { convertAll<f32, u8>(begin, end, args); }
export function copy_f32_bool(begin: i32, end: i32, args: usize): void { convertAll<f32, bool>(begin, end, args); }
export function copy_f64_f32(begin: i32, end: i32, args: usize): void { convertAll<f64, f32>(begin, end, args); }
export function copy_f64_i32(begin: i32, end: i32, args: usize): void { convertAll<f64, i32>(begin, end, args); }
export function copy_f64_u8(begin: i32, end: i32, args: usize): void { convertAll<f64, u8>(begin, end, args); }
export function copy_f64_bool(begin: i32, end: i32, args: usize): void { convertAll<f64, bool>(begin, end, args); }
export function copy_i32_f32(begin: i32, end: i32, args: usize): void { convertAll<i32, f32>(begin, end, args); }
export function copy_i32_f64(begin: i32, end: i32, args: usize): void { convertAll<i32, f64>(begin, end, args); }
export function copy_i32_u8(begin: i32, end: i32, args: usize): void { convertAll<i32, u8>(begin, end, args); }
export function copy_i32_bool(begin: i32, end: i32, args: usize): void { convertAll<i32, bool>(begin, end, args); }
export function copy_u8_f32(begin: i32, end: i32, args: usize): void { convertAll<u8, f32>(begin, end, args); }
export function copy_u8_f64(begin: i32, end: i32, args: usize): void { convertAll<u8, f64>(begin, end, args); }
export function copy_u8_i32(begin: i32, end: i32, args: usize): void { convertAll<u8, i32>(begin, end, args); }
export function copy_u8_bool(begin: i32, end: i32, args: usize): void { convertAll<u8, bool>(begin, end, args); }
