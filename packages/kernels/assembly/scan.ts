/**
 * Running results along rows of `length` elements, and their order. Units are rows; operands as in
 * strided.ts. Floats are carried in float64 along a row, so that a long float32 row keeps its digits.
 */
import { expF64, logF64 } from "./math";
import { LENGTH, OWN_0, OWN_1, OWN_2, rowAddress, rowStride, the } from "./strided";

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

/** From here on it pays to find a part before sorting it. */
const FEW: i32 = 32;

/**
 * Ranks `first` to `last` of each row's order, stable: equal elements keep the order of their positions.
 *
 * The numbers travel with their positions. First the range [low, high) around the wanted ranks narrows: a pivot's
 * smaller, equal and larger elements move to the other pair of arrays, each kind in its order, and the one where
 * the wanted ranks are is what remains. Pivots are medians of three at places that a generator draws; after a few
 * unlucky ones what remains is just sorted. Then runs of 1, 2, 4, … are merged from the bottom up.
 *
 * Own numbers: whether to descend; first and last rank. `scratch` has room for two copies of numbers and
 * positions, 2·length·(sizeof T + 4) bytes.
 */
function argsort<T>(begin: i32, end: i32, args: usize, scratch: usize): void {
  const n = load<i32>(args, LENGTH);
  const xStride = rowStride(args, 2, 0);
  const outStride = rowStride(args, 2, 1);
  const descending = load<i32>(args, OWN_0) != 0;
  const from = load<i32>(args, OWN_1);
  const to = load<i32>(args, OWN_2);
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
    let low = 0;
    let high = n;
    let drawn: u32 = 0x9e3779b9;
    for (let patience = 2 * (36 - <i32>clz(n)); patience > 0 && high - low > 2 * (to - from) + FEW; patience--) {
      const a = load<T>(keys + place(low, high, drawn) * size);
      const b = load<T>(keys + place(low, high, drawn * 48271) * size);
      const c = load<T>(keys + place(low, high, drawn * 69621) * size);
      drawn = drawn * 1664525 + 1013904223; // Numerical Recipes' constants
      const aFirst = before<T>(a, b, descending);
      const pivot = before<T>(b, c, descending) == aFirst ? b : before<T>(a, c, descending) == aFirst ? c : a;
      let smaller = 0;
      let larger = 0;
      for (let i = low; i < high; i++) {
        const key = load<T>(keys + i * size);
        smaller += <i32>before<T>(key, pivot, descending);
        larger += <i32>before<T>(pivot, key, descending);
      }
      const equalFrom = low + smaller;
      const largerFrom = high - larger;
      const amongEqual = from >= equalFrom && to <= largerFrom;
      if (!amongEqual && to > equalFrom && from < largerFrom) continue;
      let atSmaller = low;
      let atEqual = equalFrom;
      let atLarger = largerFrom;
      for (let i = low; i < high; i++) {
        const key = load<T>(keys + i * size);
        const at = before<T>(key, pivot, descending)
          ? atSmaller++
          : before<T>(pivot, key, descending)
            ? atLarger++
            : atEqual++;
        store<T>(otherKeys + at * size, key);
        store<i32>(otherOrder + at * 4, load<i32>(order + i * 4));
      }
      let swap = keys;
      keys = otherKeys;
      otherKeys = swap;
      swap = order;
      order = otherOrder;
      otherOrder = swap;
      if (amongEqual) low = high; // in order already
      else if (to <= equalFrom) high = equalFrom;
      else low = largerFrom;
    }
    for (let width = 1; width < high - low; width <<= 1) {
      for (let start = low; start < high; start += 2 * width) {
        let left = start;
        const leftEnd = min(start + width, high);
        let right = leftEnd;
        const rightEnd = min(leftEnd + width, high);
        for (let at = start; at < rightEnd; at++) {
          const takeRight =
            left >= leftEnd ||
            (right < rightEnd &&
              before<T>(load<T>(keys + right * size), load<T>(keys + left * size), descending));
          const source = takeRight ? right++ : left++;
          store<T>(otherKeys + at * size, load<T>(keys + source * size));
          store<i32>(otherOrder + at * 4, load<i32>(order + source * 4));
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
    for (let i = from; i < to; i++) {
      store<i32>(out, load<i32>(order + i * 4));
      out += outStride;
    }
  }
}

/** A place from low to high, evenly by `drawn`. */
@inline
function place(low: i32, high: i32, drawn: u32): i32 {
  return low + <i32>((<u64>drawn * <u64>(high - low)) >> 32);
}

export function argsort_f32(begin: i32, end: i32, args: usize, scratch: usize): void { argsort<f32>(begin, end, args, scratch); }
export function argsort_f64(begin: i32, end: i32, args: usize, scratch: usize): void { argsort<f64>(begin, end, args, scratch); }
export function argsort_i32(begin: i32, end: i32, args: usize, scratch: usize): void { argsort<i32>(begin, end, args, scratch); }
export function argsort_u8(begin: i32, end: i32, args: usize, scratch: usize): void { argsort<u8>(begin, end, args, scratch); }
