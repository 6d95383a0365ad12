/**
 * Running results along rows of `length` elements, and their order. Units are rows; operands as in
 * strided.ts. Floats are carried in float64 along a row, so that a long float32 row keeps its digits.
 */
import { expF64, logF64 } from "./math";
import { LENGTH, OWN_0, OWN_1, rowAddress, rowStride, the } from "./strided";

/** A step of a scan: what is carried along, in type A. */
class CumSum<A> {
  @inline start(): A { return <A>0; }
  @inline step(total: A, x: A): A { return <A>(total + x); }
}

class CumProd<A> {
  @inline start(): A { return <A>1; }
  @inline step(total: A, x: A): A { return <A>(total * x); }
}

@inline
function scan<T, A, Op>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const xStride = rowStride(args, 2, 0);
  const outStride = rowStride(args, 2, 1);
  for (let row = begin; row < end; row++) {
    let x = rowAddress(args, 2, 0, row, 0);
    let out = rowAddress(args, 2, 1, row, 0);
    let total = the<Op>().start();
    for (let i = 0; i < n; i++) {
      total = the<Op>().step(total, <A>load<T>(x));
      store<T>(out, <T>total);
      x += xStride;
      out += outStride;
    }
  }
}

export function cumsum_f32(begin: i32, end: i32, args: usize): void { scan<f32, f64, CumSum<f64>>(begin, end, args); }
export function cumsum_f64(begin: i32, end: i32, args: usize): void { scan<f64, f64, CumSum<f64>>(begin, end, args); }
export function cumsum_i32(begin: i32, end: i32, args: usize): void { scan<i32, i32, CumSum<i32>>(begin, end, args); }
export function cumprod_f32(begin: i32, end: i32, args: usize): void { scan<f32, f64, CumProd<f64>>(begin, end, args); }
export function cumprod_f64(begin: i32, end: i32, args: usize): void { scan<f64, f64, CumProd<f64>>(begin, end, args); }
export function cumprod_i32(begin: i32, end: i32, args: usize): void { scan<i32, i32, CumProd<i32>>(begin, end, args); }

@inline
function exp(x: f64): f64 {
  return f64x2.extract_lane(expF64(f64x2.splat(x)), 0);
}

@inline
function log(x: f64): f64 {
  return f64x2.extract_lane(logF64(f64x2.splat(x)), 0);
}

/**
 * log Σ eˣ as (largest so far, Σ e^(x − largest)): every exponent is at most 0. Equal elements are
 * counted without a difference, which would be ∞ − ∞ for infinite ones.
 */
@inline
function logcumsumexp<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const xStride = rowStride(args, 2, 0);
  const outStride = rowStride(args, 2, 1);
  for (let row = begin; row < end; row++) {
    let x = rowAddress(args, 2, 0, row, 0);
    let out = rowAddress(args, 2, 1, row, 0);
    let largest: f64 = -Infinity;
    let total: f64 = 0;
    for (let i = 0; i < n; i++) {
      const v = <f64>load<T>(x);
      if (v > largest) {
        total = total * exp(largest - v) + 1;
        largest = v;
      } else {
        total += v == largest ? 1 : exp(v - largest);
      }
      store<T>(out, <T>(largest + log(total)));
      x += xStride;
      out += outStride;
    }
  }
}

export function logcumsumexp_f32(begin: i32, end: i32, args: usize): void { logcumsumexp<f32>(begin, end, args); }
export function logcumsumexp_f64(begin: i32, end: i32, args: usize): void { logcumsumexp<f64>(begin, end, args); }

/** yᵢ = aᵢ·yᵢ₋₁ + bᵢ from y₋₁ = 0. Operands: a, b, out. */
@inline
function recurrence<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const aStride = rowStride(args, 3, 0);
  const bStride = rowStride(args, 3, 1);
  const outStride = rowStride(args, 3, 2);
  for (let row = begin; row < end; row++) {
    let a = rowAddress(args, 3, 0, row, 0);
    let b = rowAddress(args, 3, 1, row, 0);
    let out = rowAddress(args, 3, 2, row, 0);
    let y: f64 = 0;
    for (let i = 0; i < n; i++) {
      // The first a meets no earlier y, and must not make NaN of it.
      y = i == 0 ? <f64>load<T>(b) : <f64>load<T>(a) * y + <f64>load<T>(b);
      store<T>(out, <T>y);
      a += aStride;
      b += bStride;
      out += outStride;
    }
  }
}

export function recurrence_f32(begin: i32, end: i32, args: usize): void { recurrence<f32>(begin, end, args); }
export function recurrence_f64(begin: i32, end: i32, args: usize): void { recurrence<f64>(begin, end, args); }

/** The position of the largest (or smallest) element so far, the last of equals; NaN wins. */
@inline
function argScan<T>(begin: i32, end: i32, args: usize, largest: bool): void {
  const n = load<i32>(args, LENGTH);
  const xStride = rowStride(args, 2, 0);
  const outStride = rowStride(args, 2, 1);
  for (let row = begin; row < end; row++) {
    let x = rowAddress(args, 2, 0, row, 0);
    let out = rowAddress(args, 2, 1, row, 0);
    let best = n > 0 ? load<T>(x) : <T>0;
    let at = 0;
    for (let i = 0; i < n; i++) {
      const v = load<T>(x);
      // Once best is NaN, both comparisons fail.
      if (v != v || (largest ? v >= best : v <= best)) {
        best = v;
        at = i;
      }
      store<i32>(out, at);
      x += xStride;
      out += outStride;
    }
  }
}

export function cummax_f32(begin: i32, end: i32, args: usize): void { argScan<f32>(begin, end, args, true); }
export function cummax_f64(begin: i32, end: i32, args: usize): void { argScan<f64>(begin, end, args, true); }
export function cummax_i32(begin: i32, end: i32, args: usize): void { argScan<i32>(begin, end, args, true); }
export function cummax_u8(begin: i32, end: i32, args: usize): void { argScan<u8>(begin, end, args, true); }
export function cummin_f32(begin: i32, end: i32, args: usize): void { argScan<f32>(begin, end, args, false); }
export function cummin_f64(begin: i32, end: i32, args: usize): void { argScan<f64>(begin, end, args, false); }
export function cummin_i32(begin: i32, end: i32, args: usize): void { argScan<i32>(begin, end, args, false); }
export function cummin_u8(begin: i32, end: i32, args: usize): void { argScan<u8>(begin, end, args, false); }

/** Whether a stands strictly before b: NaN counts as larger than every number. */
@inline
function before<T>(a: T, b: T, descending: bool): bool {
  return descending ? a > b || (a != a && b == b) : a < b || (b != b && a == a);
}

/**
 * The order of each row, by merging runs of 1, 2, 4, … from the bottom up; a merge takes the left
 * one of equals, so the order is stable. The numbers travel with their positions: each merge reads
 * and writes forwards. Own numbers: address of the scratch for two copies of both, of
 * 2·length·(sizeof T + 4) bytes; whether to descend.
 */
@inline
function argsort<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const xStride = rowStride(args, 2, 0);
  const outStride = rowStride(args, 2, 1);
  const scratch = load<usize>(args, OWN_0);
  const descending = load<i32>(args, OWN_1) != 0;
  const size = <i32>sizeof<T>();
  for (let row = begin; row < end; row++) {
    let keys = scratch;
    let otherKeys = keys + n * size;
    let order = otherKeys + n * size;
    let otherOrder = order + n * 4;
    let x = rowAddress(args, 2, 0, row, 0);
    for (let i = 0; i < n; i++) {
      store<T>(keys + i * size, load<T>(x));
      store<i32>(order + i * 4, i);
      x += xStride;
    }
    for (let width = 1; width < n; width <<= 1) {
      for (let start = 0; start < n; start += 2 * width) {
        let left = start;
        const leftEnd = min(start + width, n);
        let right = leftEnd;
        const rightEnd = min(leftEnd + width, n);
        for (let to = start; to < rightEnd; to++) {
          const takeRight =
            left >= leftEnd ||
            (right < rightEnd &&
              before<T>(load<T>(keys + right * size), load<T>(keys + left * size), descending));
          const from = takeRight ? right++ : left++;
          store<T>(otherKeys + to * size, load<T>(keys + from * size));
          store<i32>(otherOrder + to * 4, load<i32>(order + from * 4));
        }
      }
      let swap = keys;
      keys = otherKeys;
      otherKeys = swap;
      swap = order;
      order = otherOrder;
      otherOrder = swap;
    }
    let out = rowAddress(args, 2, 1, row, 0);
    for (let i = 0; i < n; i++) {
      store<i32>(out, load<i32>(order + i * 4));
      out += outStride;
    }
  }
}

export function argsort_f32(begin: i32, end: i32, args: usize): void { argsort<f32>(begin, end, args); }
export function argsort_f64(begin: i32, end: i32, args: usize): void { argsort<f64>(begin, end, args); }
export function argsort_i32(begin: i32, end: i32, args: usize): void { argsort<i32>(begin, end, args); }
export function argsort_u8(begin: i32, end: i32, args: usize): void { argsort<u8>(begin, end, args); }
