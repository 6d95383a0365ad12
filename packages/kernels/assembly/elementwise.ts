/**
 * Elementwise kernels: y = f(x), y = f(a, b), comparisons and selection over strided operands.
 * An operation is a class whose `apply` works on one vector; rows that are contiguous (or repeat
 * one element) go a vector at a time, others gather and scatter their lanes. A result depends on
 * its own operands alone, so ranges may be split anywhere.
 */
import * as math from "./math";
import {
  lanes, LENGTH, loadLanes, outerLength, outerStride, read, rowAddress, rowStride, storeLanes, strideLanes, the, write,
} from "./strided";

// One argument.

/** A product; of bytes, which WebAssembly lacks, by way of 16 bits, of which the low halves are kept. */
// @ts-ignore: decorator
@inline
export function product<T>(a: v128, b: v128): v128 {
  if (sizeof<T>() > 1) return v128.mul<T>(a, b);
  const low = v128.extmul_low<u8>(a, b);
  const high = v128.extmul_high<u8>(a, b);
  return v128.shuffle<u8>(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

@unmanaged class Neg<T> { @inline apply(x: v128): v128 { return v128.neg<T>(x); } }
@unmanaged class Abs<T> { @inline apply(x: v128): v128 { return v128.abs<T>(x); } }
@unmanaged class Square<T> { @inline apply(x: v128): v128 { return product<T>(x, x); } }
@unmanaged class Reciprocal<T> { @inline apply(x: v128): v128 { return v128.div<T>(v128.splat<T>(1), x); } }
@unmanaged class Sqrt<T> { @inline apply(x: v128): v128 { return v128.sqrt<T>(x); } }
@unmanaged class Floor<T> { @inline apply(x: v128): v128 { return v128.floor<T>(x); } }
@unmanaged class Ceil<T> { @inline apply(x: v128): v128 { return v128.ceil<T>(x); } }
@unmanaged class Round<T> { @inline apply(x: v128): v128 { return v128.nearest<T>(x); } }
@unmanaged class Exp<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? math.expF32(x) : math.expF64(x); } }
@unmanaged class Log<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? math.logF32(x) : math.logF64(x); } }
@unmanaged class Sin<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? math.sinF32(x) : math.sinF64(x); } }
@unmanaged class Cos<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? math.cosF32(x) : math.cosF64(x); } }
@unmanaged class Tanh<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? math.tanhF32(x) : math.tanhF64(x); } }
@unmanaged class Sigmoid<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? math.sigmoidF32(x) : math.sigmoidF64(x); } }

/** x < 0 ? 0 : x, which keeps NaN: one instruction, where max with its rules for NaN and −0 takes seven. */
@unmanaged class Relu<T> {
  @inline apply(x: v128): v128 {
    const zero = v128.splat<T>(0);
    return isFloat<T>() ? v128.pmax<T>(x, zero) : v128.max<T>(x, zero);
  }
}

/** −1, 0 or 1, and 0 at NaN, where both comparisons fail. */
@unmanaged class Sign<T> {
  @inline apply(x: v128): v128 {
    const zero = v128.splat<T>(0);
    const one = v128.splat<T>(1);
    return v128.sub<T>(v128.and(v128.gt<T>(x, zero), one), v128.and(v128.lt<T>(x, zero), one));
  }
}

// Two arguments.

@unmanaged class Add<T> { @inline apply(a: v128, b: v128): v128 { return v128.add<T>(a, b); } }
@unmanaged class Sub<T> { @inline apply(a: v128, b: v128): v128 { return v128.sub<T>(a, b); } }
@unmanaged class Div<T> { @inline apply(a: v128, b: v128): v128 { return v128.div<T>(a, b); } }
@unmanaged class Maximum<T> { @inline apply(a: v128, b: v128): v128 { return v128.max<T>(a, b); } }
@unmanaged class Minimum<T> { @inline apply(a: v128, b: v128): v128 { return v128.min<T>(a, b); } }
@unmanaged class Pow<T> { @inline apply(a: v128, b: v128): v128 { return sizeof<T>() == 4 ? math.powF32(a, b) : math.powF64(a, b); } }

@unmanaged class Mul<T> { @inline apply(a: v128, b: v128): v128 { return product<T>(a, b); } }

/** 0 where b ≤ 0, else a. */
@unmanaged class ReluGrad<T> { @inline apply(a: v128, b: v128): v128 { return v128.andnot(a, v128.le<T>(b, v128.splat<T>(0))); } }

/** a · (1 − b²). */
@unmanaged class TanhGrad<T> {
  @inline apply(a: v128, b: v128): v128 {
    return v128.mul<T>(a, v128.sub<T>(v128.splat<T>(1), v128.mul<T>(b, b)));
  }
}

/** a · b · (1 − b). */
@unmanaged class SigmoidGrad<T> {
  @inline apply(a: v128, b: v128): v128 {
    return v128.mul<T>(v128.mul<T>(a, b), v128.sub<T>(v128.splat<T>(1), b));
  }
}

// Comparisons: every bit of a lane set where true.

@unmanaged class Eq<T> { @inline apply(a: v128, b: v128): v128 { return v128.eq<T>(a, b); } }
@unmanaged class Ne<T> { @inline apply(a: v128, b: v128): v128 { return v128.ne<T>(a, b); } }
@unmanaged class Lt<T> { @inline apply(a: v128, b: v128): v128 { return v128.lt<T>(a, b); } }
@unmanaged class Le<T> { @inline apply(a: v128, b: v128): v128 { return v128.le<T>(a, b); } }

// One row of each kind.

/** Arithmetic that takes as long as moving its operands: a loop for each way in which rows may lie. */
@unmanaged export class Light {
  @inline unary<T, Op>(n: i32, x: usize, xStride: i32, out: usize, outStride: i32): void {
    unaryRow<T, Op>(n, x, xStride, out, outStride);
  }
  @inline binary<T, Op>(
    n: i32, a: usize, aStride: i32, b: usize, bStride: i32, out: usize, outStride: i32,
  ): void {
    binaryRow<T, Op>(n, a, aStride, b, bStride, out, outStride);
  }
}

/** Longer arithmetic, which is there once. */
@unmanaged export class Heavy {
  @inline unary<T, Op>(n: i32, x: usize, xStride: i32, out: usize, outStride: i32): void {
    for (; n > 0; n -= strideLanes<T>()) {
      write<T>(out, outStride, n, the<Op>().apply(read<T>(x, xStride, n)));
      x += xStride * strideLanes<T>(), out += outStride * strideLanes<T>();
    }
  }
  @inline binary<T, Op>(
    n: i32, a: usize, aStride: i32, b: usize, bStride: i32, out: usize, outStride: i32,
  ): void {
    for (; n > 0; n -= strideLanes<T>()) {
      write<T>(out, outStride, n, the<Op>().apply(read<T>(a, aStride, n), read<T>(b, bStride, n)));
      a += aStride * strideLanes<T>(), b += bStride * strideLanes<T>(), out += outStride * strideLanes<T>();
    }
  }
}

function unaryRow<T, Op>(n: i32, x: usize, xStride: i32, out: usize, outStride: i32): void {
  const size = <i32>sizeof<T>();
  let i = 0;
  if (xStride == size && outStride == size) {
    for (; i <= n - lanes<T>(); i += lanes<T>()) {
      v128.store(out, the<Op>().apply(v128.load(x)));
      x += 16;
      out += 16;
    }
  }
  for (; i < n; i += strideLanes<T>()) {
    storeLanes<T>(out, outStride, n - i, the<Op>().apply(loadLanes<T>(x, xStride, n - i)));
    x += xStride * strideLanes<T>();
    out += outStride * strideLanes<T>();
  }
}

function binaryRow<T, Op>(
  n: i32, a: usize, aStride: i32, b: usize, bStride: i32, out: usize, outStride: i32,
): void {
  const size = <i32>sizeof<T>();
  const last = n - lanes<T>();
  let i = 0;
  if (outStride == size) {
    if (aStride == size && bStride == size) {
      for (; i <= last; i += lanes<T>()) {
        v128.store(out, the<Op>().apply(v128.load(a), v128.load(b)));
        a += 16;
        b += 16;
        out += 16;
      }
    } else if (aStride == size && bStride == 0) {
      const repeated = v128.load_splat<T>(b);
      for (; i <= last; i += lanes<T>()) {
        v128.store(out, the<Op>().apply(v128.load(a), repeated));
        a += 16;
        out += 16;
      }
    } else if (aStride == 0 && bStride == size) {
      const repeated = v128.load_splat<T>(a);
      for (; i <= last; i += lanes<T>()) {
        v128.store(out, the<Op>().apply(repeated, v128.load(b)));
        b += 16;
        out += 16;
      }
    }
  }
  for (; i < n; i += strideLanes<T>()) {
    const left = n - i;
    const y = the<Op>().apply(loadLanes<T>(a, aStride, left), loadLanes<T>(b, bStride, left));
    storeLanes<T>(out, outStride, left, y);
    a += aStride * strideLanes<T>();
    b += bStride * strideLanes<T>();
    out += outStride * strideLanes<T>();
  }
}

/** The lanes of a mask as bytes 0 or 1, in the low bytes. */
@inline
function maskToBytes<T>(mask: v128): v128 {
  let bytes = mask;
  if (sizeof<T>() == 4) {
    const halves = v128.narrow<i32>(mask, mask);
    bytes = v128.narrow<i16>(halves, halves);
  } else if (sizeof<T>() == 8) {
    bytes = v128.shuffle<u8>(mask, mask, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8);
  }
  return v128.and(bytes, i8x16.splat(1));
}

/** The low bytes, 0 or not, as a mask of lanes. */
@inline
function bytesToMask<T>(bytes: v128): v128 {
  const mask = v128.ne<u8>(bytes, i8x16.splat(0));
  if (sizeof<T>() == 1) return mask;
  const words = v128.extend_low<i16>(v128.extend_low<i8>(mask));
  return sizeof<T>() == 4 ? words : v128.extend_low<i32>(words);
}

function compareRow<T, Op>(
  n: i32, a: usize, aStride: i32, b: usize, bStride: i32, out: usize, outStride: i32,
): void {
  const size = <i32>sizeof<T>();
  let i = 0;
  if (outStride == 1 && (aStride == size || aStride == 0) && (bStride == size || bStride == 0)) {
    for (; i <= n - lanes<T>(); i += lanes<T>()) {
      const p = aStride == 0 ? v128.load_splat<T>(a) : v128.load(a);
      const q = bStride == 0 ? v128.load_splat<T>(b) : v128.load(b);
      const bytes = maskToBytes<T>(the<Op>().apply(p, q));
      if (sizeof<T>() == 1) v128.store(out, bytes);
      else if (sizeof<T>() == 4) v128.store_lane<u32>(out, bytes, 0);
      else v128.store_lane<u16>(out, bytes, 0);
      a += aStride * lanes<T>();
      b += bStride * lanes<T>();
      out += lanes<T>();
    }
  }
  for (; i < n; i += 1) {
    const mask = the<Op>().apply(v128.load_splat<T>(a), v128.load_splat<T>(b));
    v128.store_lane<u8>(out, maskToBytes<T>(mask), 0);
    a += aStride;
    b += bStride;
    out += outStride;
  }
}

function whereRow<T>(
  n: i32, c: usize, cStride: i32, a: usize, aStride: i32, b: usize, bStride: i32, out: usize, outStride: i32,
): void {
  const size = <i32>sizeof<T>();
  let i = 0;
  if (
    outStride == size && cStride == 1 &&
    (aStride == size || aStride == 0) && (bStride == size || bStride == 0)
  ) {
    for (; i <= n - lanes<T>(); i += lanes<T>()) {
      let bytes: v128;
      if (sizeof<T>() == 1) bytes = v128.load(c);
      else if (sizeof<T>() == 4) bytes = v128.load_zero<u32>(c);
      else bytes = v128.load_splat<u16>(c);
      const p = aStride == 0 ? v128.load_splat<T>(a) : v128.load(a);
      const q = bStride == 0 ? v128.load_splat<T>(b) : v128.load(b);
      v128.store(out, v128.bitselect(p, q, bytesToMask<T>(bytes)));
      c += lanes<T>();
      a += aStride * lanes<T>();
      b += bStride * lanes<T>();
      out += 16;
    }
  }
  for (; i < n; i++) {
    store<T>(out, load<T>(load<u8>(c) ? a : b));
    c += cStride;
    a += aStride;
    b += bStride;
    out += outStride;
  }
}

// Elements begin to end, row by row.

export function unary<T, Op, Row = Light>(begin: i32, end: i32, args: usize): void {
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
    the<Row>().unary<T, Op>(
      count, x + first * xStride, xStride, out + first * outStride, outStride,
    );
    at += count;
    first = 0;
    near--;
    x += outerStride(args, 2, 0);
    out += outerStride(args, 2, 1);
  }
}

export function binary<T, Op, Row = Light>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const rows = outerLength(args, 3);
  const aStride = rowStride(args, 3, 0);
  const bStride = rowStride(args, 3, 1);
  const outStride = rowStride(args, 3, 2);
  let row = begin / n;
  let first = begin - row * n;
  let near = 0; // rows left at a constant distance
  let a: usize = 0;
  let b: usize = 0;
  let out: usize = 0;
  for (let at = begin; at < end; row++) {
    if (near == 0) {
      a = rowAddress(args, 3, 0, row, 0);
      b = rowAddress(args, 3, 1, row, 0);
      out = rowAddress(args, 3, 2, row, 0);
      near = rows - row % rows;
    }
    const count = min(n - first, end - at);
    the<Row>().binary<T, Op>(
      count, a + first * aStride, aStride, b + first * bStride, bStride, out + first * outStride, outStride,
    );
    at += count;
    first = 0;
    near--;
    a += outerStride(args, 3, 0);
    b += outerStride(args, 3, 1);
    out += outerStride(args, 3, 2);
  }
}

function compare<T, Op>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const rows = outerLength(args, 3);
  const aStride = rowStride(args, 3, 0);
  const bStride = rowStride(args, 3, 1);
  const outStride = rowStride(args, 3, 2);
  let row = begin / n;
  let first = begin - row * n;
  let near = 0; // rows left at a constant distance
  let a: usize = 0;
  let b: usize = 0;
  let out: usize = 0;
  for (let at = begin; at < end; row++) {
    if (near == 0) {
      a = rowAddress(args, 3, 0, row, 0);
      b = rowAddress(args, 3, 1, row, 0);
      out = rowAddress(args, 3, 2, row, 0);
      near = rows - row % rows;
    }
    const count = min(n - first, end - at);
    compareRow<T, Op>(
      count, a + first * aStride, aStride, b + first * bStride, bStride, out + first * outStride, outStride,
    );
    at += count;
    first = 0;
    near--;
    a += outerStride(args, 3, 0);
    b += outerStride(args, 3, 1);
    out += outerStride(args, 3, 2);
  }
}

function where<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const rows = outerLength(args, 4);
  const cStride = rowStride(args, 4, 0);
  const aStride = rowStride(args, 4, 1);
  const bStride = rowStride(args, 4, 2);
  const outStride = rowStride(args, 4, 3);
  let row = begin / n;
  let first = begin - row * n;
  let near = 0; // rows left at a constant distance
  let c: usize = 0;
  let a: usize = 0;
  let b: usize = 0;
  let out: usize = 0;
  for (let at = begin; at < end; row++) {
    if (near == 0) {
      c = rowAddress(args, 4, 0, row, 0);
      a = rowAddress(args, 4, 1, row, 0);
      b = rowAddress(args, 4, 2, row, 0);
      out = rowAddress(args, 4, 3, row, 0);
      near = rows - row % rows;
    }
    const count = min(n - first, end - at);
    whereRow<T>(
      count, c + first * cStride, cStride, a + first * aStride, aStride, b + first * bStride, bStride, out + first * outStride, outStride,
    );
    at += count;
    first = 0;
    near--;
    c += outerStride(args, 4, 0);
    a += outerStride(args, 4, 1);
    b += outerStride(args, 4, 2);
    out += outerStride(args, 4, 3);
  }
}

export function neg_f32(begin: i32, end: i32, args: usize): void { unary<f32, Neg<f32>>(begin, end, args); }
export function neg_f64(begin: i32, end: i32, args: usize): void { unary<f64, Neg<f64>>(begin, end, args); }
export function neg_i32(begin: i32, end: i32, args: usize): void { unary<i32, Neg<i32>>(begin, end, args); }
export function neg_u8(begin: i32, end: i32, args: usize): void { unary<u8, Neg<u8>>(begin, end, args); }
export function abs_f32(begin: i32, end: i32, args: usize): void { unary<f32, Abs<f32>>(begin, end, args); }
export function abs_f64(begin: i32, end: i32, args: usize): void { unary<f64, Abs<f64>>(begin, end, args); }
export function abs_i32(begin: i32, end: i32, args: usize): void { unary<i32, Abs<i32>>(begin, end, args); }
export function abs_u8(begin: i32, end: i32, args: usize): void { unary<u8, Abs<u8>>(begin, end, args); }
export function sign_f32(begin: i32, end: i32, args: usize): void { unary<f32, Sign<f32>>(begin, end, args); }
export function sign_f64(begin: i32, end: i32, args: usize): void { unary<f64, Sign<f64>>(begin, end, args); }
export function sign_i32(begin: i32, end: i32, args: usize): void { unary<i32, Sign<i32>>(begin, end, args); }
export function sign_u8(begin: i32, end: i32, args: usize): void { unary<u8, Sign<u8>>(begin, end, args); }
export function square_f32(begin: i32, end: i32, args: usize): void { unary<f32, Square<f32>>(begin, end, args); }
export function square_f64(begin: i32, end: i32, args: usize): void { unary<f64, Square<f64>>(begin, end, args); }
export function square_i32(begin: i32, end: i32, args: usize): void { unary<i32, Square<i32>>(begin, end, args); }
export function square_u8(begin: i32, end: i32, args: usize): void { unary<u8, Square<u8>>(begin, end, args); }
export function relu_f32(begin: i32, end: i32, args: usize): void { unary<f32, Relu<f32>>(begin, end, args); }
export function relu_f64(begin: i32, end: i32, args: usize): void { unary<f64, Relu<f64>>(begin, end, args); }
export function relu_i32(begin: i32, end: i32, args: usize): void { unary<i32, Relu<i32>>(begin, end, args); }
export function relu_u8(begin: i32, end: i32, args: usize): void { unary<u8, Relu<u8>>(begin, end, args); }
export function reciprocal_f32(begin: i32, end: i32, args: usize): void { unary<f32, Reciprocal<f32>>(begin, end, args); }
export function reciprocal_f64(begin: i32, end: i32, args: usize): void { unary<f64, Reciprocal<f64>>(begin, end, args); }
export function exp_f32(begin: i32, end: i32, args: usize): void { unary<f32, Exp<f32>, Heavy>(begin, end, args); }
export function exp_f64(begin: i32, end: i32, args: usize): void { unary<f64, Exp<f64>, Heavy>(begin, end, args); }
export function log_f32(begin: i32, end: i32, args: usize): void { unary<f32, Log<f32>, Heavy>(begin, end, args); }
export function log_f64(begin: i32, end: i32, args: usize): void { unary<f64, Log<f64>, Heavy>(begin, end, args); }
export function sqrt_f32(begin: i32, end: i32, args: usize): void { unary<f32, Sqrt<f32>>(begin, end, args); }
export function sqrt_f64(begin: i32, end: i32, args: usize): void { unary<f64, Sqrt<f64>>(begin, end, args); }
export function sin_f32(begin: i32, end: i32, args: usize): void { unary<f32, Sin<f32>, Heavy>(begin, end, args); }
export function sin_f64(begin: i32, end: i32, args: usize): void { unary<f64, Sin<f64>, Heavy>(begin, end, args); }
export function cos_f32(begin: i32, end: i32, args: usize): void { unary<f32, Cos<f32>, Heavy>(begin, end, args); }
export function cos_f64(begin: i32, end: i32, args: usize): void { unary<f64, Cos<f64>, Heavy>(begin, end, args); }
export function tanh_f32(begin: i32, end: i32, args: usize): void { unary<f32, Tanh<f32>, Heavy>(begin, end, args); }
export function tanh_f64(begin: i32, end: i32, args: usize): void { unary<f64, Tanh<f64>, Heavy>(begin, end, args); }
export function sigmoid_f32(begin: i32, end: i32, args: usize): void { unary<f32, Sigmoid<f32>, Heavy>(begin, end, args); }
export function sigmoid_f64(begin: i32, end: i32, args: usize): void { unary<f64, Sigmoid<f64>, Heavy>(begin, end, args); }
export function floor_f32(begin: i32, end: i32, args: usize): void { unary<f32, Floor<f32>>(begin, end, args); }
export function floor_f64(begin: i32, end: i32, args: usize): void { unary<f64, Floor<f64>>(begin, end, args); }
export function ceil_f32(begin: i32, end: i32, args: usize): void { unary<f32, Ceil<f32>>(begin, end, args); }
export function ceil_f64(begin: i32, end: i32, args: usize): void { unary<f64, Ceil<f64>>(begin, end, args); }
export function round_f32(begin: i32, end: i32, args: usize): void { unary<f32, Round<f32>>(begin, end, args); }
export function round_f64(begin: i32, end: i32, args: usize): void { unary<f64, Round<f64>>(begin, end, args); }

export function add_f32(begin: i32, end: i32, args: usize): void { binary<f32, Add<f32>>(begin, end, args); }
export function add_f64(begin: i32, end: i32, args: usize): void { binary<f64, Add<f64>>(begin, end, args); }
export function add_i32(begin: i32, end: i32, args: usize): void { binary<i32, Add<i32>>(begin, end, args); }
export function add_u8(begin: i32, end: i32, args: usize): void { binary<u8, Add<u8>>(begin, end, args); }
export function sub_f32(begin: i32, end: i32, args: usize): void { binary<f32, Sub<f32>>(begin, end, args); }
export function sub_f64(begin: i32, end: i32, args: usize): void { binary<f64, Sub<f64>>(begin, end, args); }
export function sub_i32(begin: i32, end: i32, args: usize): void { binary<i32, Sub<i32>>(begin, end, args); }
export function sub_u8(begin: i32, end: i32, args: usize): void { binary<u8, Sub<u8>>(begin, end, args); }
export function mul_f32(begin: i32, end: i32, args: usize): void { binary<f32, Mul<f32>>(begin, end, args); }
export function mul_f64(begin: i32, end: i32, args: usize): void { binary<f64, Mul<f64>>(begin, end, args); }
export function mul_i32(begin: i32, end: i32, args: usize): void { binary<i32, Mul<i32>>(begin, end, args); }
export function mul_u8(begin: i32, end: i32, args: usize): void { binary<u8, Mul<u8>>(begin, end, args); }
export function maximum_f32(begin: i32, end: i32, args: usize): void { binary<f32, Maximum<f32>>(begin, end, args); }
export function maximum_f64(begin: i32, end: i32, args: usize): void { binary<f64, Maximum<f64>>(begin, end, args); }
export function maximum_i32(begin: i32, end: i32, args: usize): void { binary<i32, Maximum<i32>>(begin, end, args); }
export function maximum_u8(begin: i32, end: i32, args: usize): void { binary<u8, Maximum<u8>>(begin, end, args); }
export function minimum_f32(begin: i32, end: i32, args: usize): void { binary<f32, Minimum<f32>>(begin, end, args); }
export function minimum_f64(begin: i32, end: i32, args: usize): void { binary<f64, Minimum<f64>>(begin, end, args); }
export function minimum_i32(begin: i32, end: i32, args: usize): void { binary<i32, Minimum<i32>>(begin, end, args); }
export function minimum_u8(begin: i32, end: i32, args: usize): void { binary<u8, Minimum<u8>>(begin, end, args); }
export function div_f32(begin: i32, end: i32, args: usize): void { binary<f32, Div<f32>>(begin, end, args); }
export function div_f64(begin: i32, end: i32, args: usize): void { binary<f64, Div<f64>>(begin, end, args); }
export function pow_f32(begin: i32, end: i32, args: usize): void { binary<f32, Pow<f32>, Heavy>(begin, end, args); }
export function pow_f64(begin: i32, end: i32, args: usize): void { binary<f64, Pow<f64>, Heavy>(begin, end, args); }
export function reluGrad_f32(begin: i32, end: i32, args: usize): void { binary<f32, ReluGrad<f32>>(begin, end, args); }
export function reluGrad_f64(begin: i32, end: i32, args: usize): void { binary<f64, ReluGrad<f64>>(begin, end, args); }
export function tanhGrad_f32(begin: i32, end: i32, args: usize): void { binary<f32, TanhGrad<f32>>(begin, end, args); }
export function tanhGrad_f64(begin: i32, end: i32, args: usize): void { binary<f64, TanhGrad<f64>>(begin, end, args); }
export function sigmoidGrad_f32(begin: i32, end: i32, args: usize): void { binary<f32, SigmoidGrad<f32>>(begin, end, args); }
export function sigmoidGrad_f64(begin: i32, end: i32, args: usize): void { binary<f64, SigmoidGrad<f64>>(begin, end, args); }

export function eq_f32(begin: i32, end: i32, args: usize): void { compare<f32, Eq<f32>>(begin, end, args); }
export function eq_f64(begin: i32, end: i32, args: usize): void { compare<f64, Eq<f64>>(begin, end, args); }
export function eq_i32(begin: i32, end: i32, args: usize): void { compare<i32, Eq<i32>>(begin, end, args); }
export function eq_u8(begin: i32, end: i32, args: usize): void { compare<u8, Eq<u8>>(begin, end, args); }
export function ne_f32(begin: i32, end: i32, args: usize): void { compare<f32, Ne<f32>>(begin, end, args); }
export function ne_f64(begin: i32, end: i32, args: usize): void { compare<f64, Ne<f64>>(begin, end, args); }
export function ne_i32(begin: i32, end: i32, args: usize): void { compare<i32, Ne<i32>>(begin, end, args); }
export function ne_u8(begin: i32, end: i32, args: usize): void { compare<u8, Ne<u8>>(begin, end, args); }
export function lt_f32(begin: i32, end: i32, args: usize): void { compare<f32, Lt<f32>>(begin, end, args); }
export function lt_f64(begin: i32, end: i32, args: usize): void { compare<f64, Lt<f64>>(begin, end, args); }
export function lt_i32(begin: i32, end: i32, args: usize): void { compare<i32, Lt<i32>>(begin, end, args); }
export function lt_u8(begin: i32, end: i32, args: usize): void { compare<u8, Lt<u8>>(begin, end, args); }
export function le_f32(begin: i32, end: i32, args: usize): void { compare<f32, Le<f32>>(begin, end, args); }
export function le_f64(begin: i32, end: i32, args: usize): void { compare<f64, Le<f64>>(begin, end, args); }
export function le_i32(begin: i32, end: i32, args: usize): void { compare<i32, Le<i32>>(begin, end, args); }
export function le_u8(begin: i32, end: i32, args: usize): void { compare<u8, Le<u8>>(begin, end, args); }

export function where_8(begin: i32, end: i32, args: usize): void { where<u8>(begin, end, args); }
export function where_32(begin: i32, end: i32, args: usize): void { where<u32>(begin, end, args); }
export function where_64(begin: i32, end: i32, args: usize): void { where<u64>(begin, end, args); }
