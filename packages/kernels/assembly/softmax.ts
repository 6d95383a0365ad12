/**
 * softmax and its logarithm over rows [begin, end) of n elements; strides count elements.
 * y = e^(x − max) / Σ e^(x − max), or x − max − log Σ e^(x − max). Subtracting the maximum leaves
 * exponents of at most 0. A row of −∞ gives NaN, as does one with +∞ (∞ − ∞ enters the sum).
 */
import { expF32, expF64, logF32, logF64 } from "./math";
import { lanes, read, write } from "./strided";

@inline
function exp<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? expF32(x) : expF64(x);
}

@inline
function log<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? logF32(x) : logF64(x);
}

/** All bits set in the first `count` lanes. */
@inline
function firstLanes<T>(count: i32): v128 {
  return sizeof<T>() == 4
    ? i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count))
    : i64x2.lt_s(i64x2(0, 1), i64x2.splat(count));
}

/** The largest lane in every lane, NaN if any is. */
@inline
function largestLane<T>(v: v128): v128 {
  v = v128.max<T>(v, v128.shuffle<u64>(v, v, 1, 0));
  return sizeof<T>() == 4 ? v128.max<T>(v, v128.shuffle<u32>(v, v, 1, 0, 3, 2)) : v;
}

/** The sum of the lanes in every lane. */
@inline
function laneSum<T>(v: v128): v128 {
  v = v128.add<T>(v, v128.shuffle<u64>(v, v, 1, 0));
  return sizeof<T>() == 4 ? v128.add<T>(v, v128.shuffle<u32>(v, v, 1, 0, 3, 2)) : v;
}

/**
 * One row, in vectors whatever the stride, so that strides change no bit of the result. Each lane
 * keeps a sum of its own, in two alternating accumulators.
 */
@inline
function row<T>(x: usize, xStride: i32, out: usize, outStride: i32, n: i32, logarithm: bool): void {
  const step = lanes<T>();
  let p = x;
  let largest = v128.splat<T>(<T>-Infinity);
  for (let left = n; left > 0; left -= step) {
    largest = v128.max<T>(largest, read<T>(p, xStride, left));
    p += xStride * step;
  }
  largest = largestLane<T>(largest);

  p = x;
  let q = out;
  let even = v128.splat<T>(0);
  let odd = even;
  for (let left = n; left > 0; left -= step) {
    const d = v128.sub<T>(read<T>(p, xStride, left), largest);
    const e = exp<T>(d);
    write<T>(q, outStride, left, logarithm ? d : e);
    const sum = v128.add<T>(even, left < step ? v128.and(e, firstLanes<T>(left)) : e);
    even = odd;
    odd = sum;
    p += xStride * step;
    q += outStride * step;
  }
  const total = laneSum<T>(v128.add<T>(even, odd));

  q = out;
  const logTotal = log<T>(total);
  for (let left = n; left > 0; left -= step) {
    const v = read<T>(q, outStride, left);
    write<T>(q, outStride, left, logarithm ? v128.sub<T>(v, logTotal) : v128.div<T>(v, total));
    q += outStride * step;
  }
}

/** The rows of one kernel, the contiguous ones apart: there the strides are constants. */
@inline
function rows<T>(
  begin: i32, end: i32, x: usize, xRowStride: i32, xStride: i32,
  out: usize, outRowStride: i32, outStride: i32, n: i32, logarithm: bool,
): void {
  const size = <i32>sizeof<T>();
  x += begin * xRowStride * size;
  out += begin * outRowStride * size;
  for (let i = begin; i < end; i++) {
    if (xStride == 1 && outStride == 1) row<T>(x, size, out, size, n, logarithm);
    else row<T>(x, xStride * size, out, outStride * size, n, logarithm);
    x += xRowStride * size;
    out += outRowStride * size;
  }
}

export function softmax_f32(
  begin: i32, end: i32, x: usize, xRowStride: i32, xStride: i32,
  out: usize, outRowStride: i32, outStride: i32, n: i32,
): void {
  rows<f32>(begin, end, x, xRowStride, xStride, out, outRowStride, outStride, n, false);
}

export function softmax_f64(
  begin: i32, end: i32, x: usize, xRowStride: i32, xStride: i32,
  out: usize, outRowStride: i32, outStride: i32, n: i32,
): void {
  rows<f64>(begin, end, x, xRowStride, xStride, out, outRowStride, outStride, n, false);
}

export function logSoftmax_f32(
  begin: i32, end: i32, x: usize, xRowStride: i32, xStride: i32,
  out: usize, outRowStride: i32, outStride: i32, n: i32,
): void {
  rows<f32>(begin, end, x, xRowStride, xStride, out, outRowStride, outStride, n, true);
}

export function logSoftmax_f64(
  begin: i32, end: i32, x: usize, xRowStride: i32, xStride: i32,
  out: usize, outRowStride: i32, outStride: i32, n: i32,
): void {
  rows<f64>(begin, end, x, xRowStride, xStride, out, outRowStride, outStride, n, true);
}
