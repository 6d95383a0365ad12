/**
 * Reductions of one axis. `rows` reduces along the row; `columns` reduces an outer axis and works
 * across the row, vector by vector. Long axes are cut into chunks of a fixed length whose results
 * the caller reduces in turn: the order of the arithmetic depends on lengths alone.
 *
 * Sums of floats: within a block of 512 elements four vector accumulators, block totals in float64.
 */
import { lanes, LENGTH, OWN_0, OWN_1, OWN_2, OWN_3, rowAddress, rowStride, the } from "./strided";

const BLOCK = 512;

@unmanaged class Sum<T> {
  @inline apply(a: v128, b: v128): v128 { return v128.add<T>(a, b); }
  @inline identity(): T { return <T>0; }
  @inline row(n: i32, x: usize, stride: i32): T {
    return isFloat<T>() ? sumRow<T>(n, x, stride) : foldRow<T, Sum<T>>(n, x, stride);
  }
}

@unmanaged class Prod<T> {
  @inline apply(a: v128, b: v128): v128 { return v128.mul<T>(a, b); }
  @inline identity(): T { return <T>1; }
  @inline row(n: i32, x: usize, stride: i32): T { return foldRow<T, Prod<T>>(n, x, stride); }
}

/** Float max and min give NaN where either operand is NaN. */
@unmanaged class Max<T> {
  @inline apply(a: v128, b: v128): v128 { return v128.max<T>(a, b); }
  @inline identity(): T { return isFloat<T>() ? <T>-Infinity : sizeof<T>() == 1 ? <T>0 : <T>i32.MIN_VALUE; }
  @inline row(n: i32, x: usize, stride: i32): T { return foldRow<T, Max<T>>(n, x, stride); }
}

@unmanaged class Min<T> {
  @inline apply(a: v128, b: v128): v128 { return v128.min<T>(a, b); }
  @inline identity(): T { return isFloat<T>() ? <T>Infinity : sizeof<T>() == 1 ? <T>255 : <T>i32.MAX_VALUE; }
  @inline row(n: i32, x: usize, stride: i32): T { return foldRow<T, Min<T>>(n, x, stride); }
}

/** The sum of the lanes, in float64. */
@inline
function sumLanes<T>(v: v128): f64 {
  if (sizeof<T>() == 8) return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
  const low = f64x2.promote_low_f32x4(v);
  const high = f64x2.promote_low_f32x4(v128.shuffle<u64>(v, v, 1, 0));
  const both = f64x2.add(low, high);
  return f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
}

function sumRow<T>(n: i32, x: usize, stride: i32): T {
  let total: f64 = 0;
  for (let left = n; left > 0; left -= BLOCK) {
    const count = min(left, BLOCK);
    let i = 0;
    let block: f64 = 0;
    if (stride == <i32>sizeof<T>() && count >= lanes<T>()) {
      let s0 = v128.splat<T>(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      for (; i <= count - 4 * lanes<T>(); i += 4 * lanes<T>()) {
        s0 = v128.add<T>(s0, v128.load(x));
        s1 = v128.add<T>(s1, v128.load(x, 16));
        s2 = v128.add<T>(s2, v128.load(x, 32));
        s3 = v128.add<T>(s3, v128.load(x, 48));
        x += 64;
      }
      for (; i <= count - lanes<T>(); i += lanes<T>()) {
        s0 = v128.add<T>(s0, v128.load(x));
        x += 16;
      }
      block = sumLanes<T>(v128.add<T>(v128.add<T>(s0, s1), v128.add<T>(s2, s3)));
    }
    for (; i < count; i++) {
      block += <f64>load<T>(x);
      x += stride;
    }
    total += block;
  }
  return <T>total;
}

/** `v` combined with itself until every lane holds the result of all. */
@inline
function foldLanes<T, Op>(v: v128): v128 {
  v = the<Op>().apply(v, v128.shuffle<u64>(v, v, 1, 0));
  if (sizeof<T>() < 8) v = the<Op>().apply(v, v128.shuffle<u32>(v, v, 1, 0, 3, 2));
  if (sizeof<T>() < 4) {
    v = the<Op>().apply(v, v128.shuffle<u16>(v, v, 1, 0, 3, 2, 5, 4, 7, 6));
    v = the<Op>().apply(v, v128.shuffle<u8>(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
  }
  return v;
}

function foldRow<T, Op>(n: i32, x: usize, stride: i32): T {
  let v0 = v128.splat<T>(the<Op>().identity());
  let i = 0;
  if (stride == <i32>sizeof<T>() && n >= lanes<T>()) {
    let v1 = v0;
    let v2 = v0;
    let v3 = v0;
    for (; i <= n - 4 * lanes<T>(); i += 4 * lanes<T>()) {
      v0 = the<Op>().apply(v0, v128.load(x));
      v1 = the<Op>().apply(v1, v128.load(x, 16));
      v2 = the<Op>().apply(v2, v128.load(x, 32));
      v3 = the<Op>().apply(v3, v128.load(x, 48));
      x += 64;
    }
    for (; i <= n - lanes<T>(); i += lanes<T>()) {
      v0 = the<Op>().apply(v0, v128.load(x));
      x += 16;
    }
    v0 = foldLanes<T, Op>(the<Op>().apply(the<Op>().apply(v0, v1), the<Op>().apply(v2, v3)));
  }
  for (; i < n; i++) {
    v0 = the<Op>().apply(v0, v128.load_splat<T>(x));
    x += stride;
  }
  return v128.extract_lane<T>(v0, 0);
}

/**
 * out[row][chunk] = the chunk of the row, reduced; `out` is contiguous. A unit is one such element.
 * Operand: x. Own numbers: out's address, the chunk's length.
 */
function rows<T, Op>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const out = load<usize>(args, OWN_0);
  const chunk = load<i32>(args, OWN_1);
  const chunks = (n + chunk - 1) / chunk;
  for (let unit = begin; unit < end; unit++) {
    const row = chunks > 1 ? unit / chunks : unit;
    const first = (unit - row * chunks) * chunk;
    const x = rowAddress(args, 1, 0, row, first);
    store<T>(out + unit * sizeof<T>(), the<Op>().row(min(chunk, n - first), x, rowStride(args, 1, 0)));
  }
}

/** out[j] = x[0][j] ∘ x[1][j] ∘ …, eight rows to each pass over `out`. */
function foldColumns<T, Op>(count: i32, x: usize, stride: i32, columns: i32, out: usize): void {
  const empty = v128.splat<T>(the<Op>().identity());
  const bytes = <usize>columns * sizeof<T>();
  const whole = bytes & ~15;
  for (let j: usize = 0; j < whole; j += 16) v128.store(out + j, empty);
  for (let j = whole; j < bytes; j += sizeof<T>()) v128.store_lane<T>(out + j, empty, 0);
  let i = 0;
  for (; i <= count - 8; i += 8) {
    for (let j: usize = 0; j < whole; j += 16) {
      let p = x + j;
      const v0 = v128.load(p), v1 = v128.load(p += stride);
      const v2 = v128.load(p += stride), v3 = v128.load(p += stride);
      const v4 = v128.load(p += stride), v5 = v128.load(p += stride);
      const v6 = v128.load(p += stride), v7 = v128.load(p += stride);
      const low = the<Op>().apply(the<Op>().apply(v0, v1), the<Op>().apply(v2, v3));
      const high = the<Op>().apply(the<Op>().apply(v4, v5), the<Op>().apply(v6, v7));
      v128.store(out + j, the<Op>().apply(v128.load(out + j), the<Op>().apply(low, high)));
    }
    for (let j = whole; j < bytes; j += sizeof<T>()) {
      let p = x + j;
      let v = v128.load_splat<T>(out + j);
      for (let k = 0; k < 8; k++, p += stride) v = the<Op>().apply(v, v128.load_splat<T>(p));
      v128.store_lane<T>(out + j, v, 0);
    }
    x += 8 * stride;
  }
  for (; i < count; i++) {
    for (let j: usize = 0; j < whole; j += 16) {
      v128.store(out + j, the<Op>().apply(v128.load(out + j), v128.load(x + j)));
    }
    for (let j = whole; j < bytes; j += sizeof<T>()) {
      const v = the<Op>().apply(v128.load_splat<T>(out + j), v128.load_splat<T>(x + j));
      v128.store_lane<T>(out + j, v, 0);
    }
    x += stride;
  }
}

/**
 * out[outer][chunk][column] = x[outer][chunk's part of the reduced axis][column], reduced; `out` is
 * contiguous, x contiguous along the columns. A unit is one tile of columns of one chunk. Operand: x.
 * Own numbers: out's address, the chunk's length, length of the reduced axis, x's stride along it.
 */
function columns<T, Op>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const out = load<usize>(args, OWN_0);
  const chunk = load<i32>(args, OWN_1);
  const length = load<i32>(args, OWN_2);
  const stride = load<i32>(args, OWN_3);
  const chunks = (length + chunk - 1) / chunk;
  const tiles = (n + TILE_COLUMNS - 1) / TILE_COLUMNS;
  for (let unit = begin; unit < end; unit++) {
    const part = unit / tiles; // of all chunks of all outer positions
    const column = (unit - part * tiles) * TILE_COLUMNS;
    const outer = part / chunks;
    const first = (part - outer * chunks) * chunk;
    foldColumns<T, Op>(
      min(chunk, length - first),
      rowAddress(args, 1, 0, outer, column) + first * stride, stride,
      min(TILE_COLUMNS, n - column),
      out + (<usize>part * n + column) * sizeof<T>(),
    );
  }
}

/** Columns that are reduced together; their results stay in the first-level cache. */
const TILE_COLUMNS = 1024;

export function sum_f32(begin: i32, end: i32, args: usize): void { rows<f32, Sum<f32>>(begin, end, args); }
export function sumColumns_f32(begin: i32, end: i32, args: usize): void { columns<f32, Sum<f32>>(begin, end, args); }
export function sum_f64(begin: i32, end: i32, args: usize): void { rows<f64, Sum<f64>>(begin, end, args); }
export function sumColumns_f64(begin: i32, end: i32, args: usize): void { columns<f64, Sum<f64>>(begin, end, args); }
export function sum_i32(begin: i32, end: i32, args: usize): void { rows<i32, Sum<i32>>(begin, end, args); }
export function sumColumns_i32(begin: i32, end: i32, args: usize): void { columns<i32, Sum<i32>>(begin, end, args); }
export function prod_f32(begin: i32, end: i32, args: usize): void { rows<f32, Prod<f32>>(begin, end, args); }
export function prodColumns_f32(begin: i32, end: i32, args: usize): void { columns<f32, Prod<f32>>(begin, end, args); }
export function prod_f64(begin: i32, end: i32, args: usize): void { rows<f64, Prod<f64>>(begin, end, args); }
export function prodColumns_f64(begin: i32, end: i32, args: usize): void { columns<f64, Prod<f64>>(begin, end, args); }
export function prod_i32(begin: i32, end: i32, args: usize): void { rows<i32, Prod<i32>>(begin, end, args); }
export function prodColumns_i32(begin: i32, end: i32, args: usize): void { columns<i32, Prod<i32>>(begin, end, args); }
export function max_f32(begin: i32, end: i32, args: usize): void { rows<f32, Max<f32>>(begin, end, args); }
export function maxColumns_f32(begin: i32, end: i32, args: usize): void { columns<f32, Max<f32>>(begin, end, args); }
export function max_f64(begin: i32, end: i32, args: usize): void { rows<f64, Max<f64>>(begin, end, args); }
export function maxColumns_f64(begin: i32, end: i32, args: usize): void { columns<f64, Max<f64>>(begin, end, args); }
export function max_i32(begin: i32, end: i32, args: usize): void { rows<i32, Max<i32>>(begin, end, args); }
export function maxColumns_i32(begin: i32, end: i32, args: usize): void { columns<i32, Max<i32>>(begin, end, args); }
export function max_u8(begin: i32, end: i32, args: usize): void { rows<u8, Max<u8>>(begin, end, args); }
export function maxColumns_u8(begin: i32, end: i32, args: usize): void { columns<u8, Max<u8>>(begin, end, args); }
export function min_f32(begin: i32, end: i32, args: usize): void { rows<f32, Min<f32>>(begin, end, args); }
export function minColumns_f32(begin: i32, end: i32, args: usize): void { columns<f32, Min<f32>>(begin, end, args); }
export function min_f64(begin: i32, end: i32, args: usize): void { rows<f64, Min<f64>>(begin, end, args); }
export function minColumns_f64(begin: i32, end: i32, args: usize): void { columns<f64, Min<f64>>(begin, end, args); }
export function min_i32(begin: i32, end: i32, args: usize): void { rows<i32, Min<i32>>(begin, end, args); }
export function minColumns_i32(begin: i32, end: i32, args: usize): void { columns<i32, Min<i32>>(begin, end, args); }
export function min_u8(begin: i32, end: i32, args: usize): void { rows<u8, Min<u8>>(begin, end, args); }
export function minColumns_u8(begin: i32, end: i32, args: usize): void { columns<u8, Min<u8>>(begin, end, args); }

/** Position of the first NaN, or else of the first of the largest (or smallest). */
@inline
function bestIndex<T>(n: i32, x: usize, stride: i32, largest: bool): i32 {
  let best = load<T>(x);
  let index = 0;
  for (let i = 1; i < n && best == best; i++) {
    x += stride;
    const value = load<T>(x);
    if ((largest ? value > best : value < best) || value != value) {
      best = value;
      index = i;
    }
  }
  return index;
}

/** A unit is one row. Operands: x, and out as an axis-less row. */
@inline
function argReduce<T>(begin: i32, end: i32, args: usize, largest: bool): void {
  const n = load<i32>(args, LENGTH);
  for (let row = begin; row < end; row++) {
    const index = bestIndex<T>(n, rowAddress(args, 2, 0, row, 0), rowStride(args, 2, 0), largest);
    store<i32>(rowAddress(args, 2, 1, row, 0), index);
  }
}

export function argmax_f32(begin: i32, end: i32, args: usize): void { argReduce<f32>(begin, end, args, true); }
export function argmax_f64(begin: i32, end: i32, args: usize): void { argReduce<f64>(begin, end, args, true); }
export function argmax_i32(begin: i32, end: i32, args: usize): void { argReduce<i32>(begin, end, args, true); }
export function argmax_u8(begin: i32, end: i32, args: usize): void { argReduce<u8>(begin, end, args, true); }
export function argmin_f32(begin: i32, end: i32, args: usize): void { argReduce<f32>(begin, end, args, false); }
export function argmin_f64(begin: i32, end: i32, args: usize): void { argReduce<f64>(begin, end, args, false); }
export function argmin_i32(begin: i32, end: i32, args: usize): void { argReduce<i32>(begin, end, args, false); }
export function argmin_u8(begin: i32, end: i32, args: usize): void { argReduce<u8>(begin, end, args, false); }
