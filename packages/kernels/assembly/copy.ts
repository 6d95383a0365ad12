/**
 * Copies between strided operands: of equal bits (one kernel per element size), transposing, and
 * converting. Float to integer truncates and saturates, NaN gives 0; to uint8 it goes through int32
 * and keeps the low byte; to bool it is x ≠ 0.
 */
import { copyRow, lanes, LENGTH, OWN_0, OWN_1, rowAddress, rowStride } from "./strided";

function copy<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  let row = begin / n;
  let first = begin - row * n;
  for (let at = begin; at < end; row++) {
    const count = min(n - first, end - at);
    copyRow<T>(
      count,
      rowAddress(args, 2, 0, row, first), rowStride(args, 2, 0),
      rowAddress(args, 2, 1, row, first), rowStride(args, 2, 1),
    );
    at += count;
    first = 0;
  }
}

export function copy_8(begin: i32, end: i32, args: usize): void { copy<u8>(begin, end, args); }
export function copy_32(begin: i32, end: i32, args: usize): void { copy<u32>(begin, end, args); }
export function copy_64(begin: i32, end: i32, args: usize): void { copy<u64>(begin, end, args); }

/**
 * Rows of `out` that are worked on at once: 8 lines being written and, where x's columns are a large power
 * of two apart and fall into one cache set, no more lines being read than a set has.
 */
const BAND = 8;

/** out[r][c] = x[r][c] for a band of rows, where x is contiguous along r and out along c. */
function transposeBand<T>(
  rows: i32, columns: i32, x: usize, xStride: i32, out: usize, outStride: i32,
): void {
  let r = 0;
  for (; r <= rows - lanes<T>(); r += lanes<T>()) {
    let p = x + r * sizeof<T>();
    let q = out + r * outStride;
    let c = 0;
    for (; c <= columns - lanes<T>(); c += lanes<T>()) {
      const v0 = v128.load(p);
      const v1 = v128.load(p + xStride);
      if (sizeof<T>() == 8) {
        v128.store(q, v128.shuffle<u64>(v0, v1, 0, 2));
        v128.store(q + outStride, v128.shuffle<u64>(v0, v1, 1, 3));
      } else {
        const v2 = v128.load(p + 2 * xStride);
        const v3 = v128.load(p + 3 * xStride);
        const low01 = v128.shuffle<u32>(v0, v1, 0, 4, 1, 5);
        const high01 = v128.shuffle<u32>(v0, v1, 2, 6, 3, 7);
        const low23 = v128.shuffle<u32>(v2, v3, 0, 4, 1, 5);
        const high23 = v128.shuffle<u32>(v2, v3, 2, 6, 3, 7);
        v128.store(q, v128.shuffle<u64>(low01, low23, 0, 2));
        v128.store(q + outStride, v128.shuffle<u64>(low01, low23, 1, 3));
        v128.store(q + 2 * outStride, v128.shuffle<u64>(high01, high23, 0, 2));
        v128.store(q + 3 * outStride, v128.shuffle<u64>(high01, high23, 1, 3));
      }
      p += xStride * lanes<T>();
      q += 16;
    }
    for (let lane = 0; lane < lanes<T>(); lane++) {
      const from = p + lane * sizeof<T>();
      const to = q + lane * outStride;
      for (let k = 0; k < columns - c; k++) store<T>(to + k * sizeof<T>(), load<T>(from + k * xStride));
    }
  }
  for (; r < rows; r++) {
    copyRow<T>(columns, x + r * sizeof<T>(), xStride, out + r * outStride, <i32>sizeof<T>());
  }
}

/**
 * Copies [m, n] matrices (and outer axes of them) whose x is contiguous along m and whose out along
 * n. A unit is a band of rows. Own numbers: m, and out's stride along m in bytes.
 */
function transpose<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const m = load<i32>(args, OWN_0);
  const outStride = load<i32>(args, OWN_1);
  const xStride = rowStride(args, 2, 0);
  const bands = (m + BAND - 1) / BAND;
  for (let unit = begin; unit < end; unit++) {
    const matrix = unit / bands;
    const r = (unit - matrix * bands) * BAND;
    const x = rowAddress(args, 2, 0, matrix, 0) + r * sizeof<T>();
    const out = rowAddress(args, 2, 1, matrix, 0) + r * outStride;
    transposeBand<T>(min(BAND, m - r), n, x, xStride, out, outStride);
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
