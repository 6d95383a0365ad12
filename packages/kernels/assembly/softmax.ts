/**
 * softmax and its logarithm over rows [begin, end) of n elements; strides count elements.
 * y = e^(x − max) / Σ e^(x − max), or x − max − log Σ e^(x − max). Subtracting the maximum leaves
 * exponents of at most 0. A row of −∞ gives NaN, as does one with +∞ (∞ − ∞ enters the sum).
 */
import { exp, firstLanes, largestLane, laneSum, log } from "./row-lanes";
import {
  lanes, LENGTH, OWN_0, OWN_1, OWN_2, OWN_3, read, rowAddress, rowStride, write,
} from "./strided";

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
    const sum = counted<T>(even, e, left);
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

/** Σ of the vectors' lanes, with `term` of each; lanes past the end count nothing. */
@inline
function counted<T>(sum: v128, term: v128, left: i32): v128 {
  return v128.add<T>(sum, left < lanes<T>() ? v128.and(term, firstLanes<T>(left)) : term);
}

/**
 * dx of a softmax y, y·(dy − Σ dy·y), or of its logarithm, dy − e^y·Σ dy. Operands: y, dy, dx.
 */
function softmaxGrad<T>(begin: i32, end: i32, args: usize, logarithm: bool): void {
  const n = load<i32>(args, LENGTH);
  const step = lanes<T>();
  const yStride = rowStride(args, 3, 0), dyStride = rowStride(args, 3, 1), dxStride = rowStride(args, 3, 2);
  for (let i = begin; i < end; i++) {
    const y = rowAddress(args, 3, 0, i, 0), dy = rowAddress(args, 3, 1, i, 0), dx = rowAddress(args, 3, 2, i, 0);
    let sum = v128.splat<T>(0);
    for (let j = 0; j < n; j += step) {
      const g = read<T>(dy + j * dyStride, dyStride, n - j);
      sum = counted<T>(sum, logarithm ? g : v128.mul<T>(g, read<T>(y + j * yStride, yStride, n - j)), n - j);
    }
    sum = laneSum<T>(sum);
    for (let j = 0; j < n; j += step) {
      const g = read<T>(dy + j * dyStride, dyStride, n - j);
      const v = read<T>(y + j * yStride, yStride, n - j);
      const d = logarithm ? v128.sub<T>(g, v128.mul<T>(exp<T>(v), sum)) : v128.mul<T>(v, v128.sub<T>(g, sum));
      write<T>(dx + j * dxStride, dxStride, n - j, d);
    }
  }
}

/**
 * loss = ln Σ e^(x − top) − (x[class] − top) of every row, with top = max x. Own numbers: the addresses of classes
 * (i32), loss, top and the logarithm, all contiguous by row. Operand: x.
 */
function crossEntropy<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const step = lanes<T>();
  const stride = rowStride(args, 1, 0);
  for (let i = begin; i < end; i++) {
    const x = rowAddress(args, 1, 0, i, 0);
    let top = v128.splat<T>(<T>-Infinity);
    for (let j = 0; j < n; j += step) top = v128.max<T>(top, read<T>(x + j * stride, stride, n - j));
    top = largestLane<T>(top);
    let sum = v128.splat<T>(0);
    for (let j = 0; j < n; j += step) {
      sum = counted<T>(sum, exp<T>(v128.sub<T>(read<T>(x + j * stride, stride, n - j), top)), n - j);
    }
    const logSum = log<T>(laneSum<T>(sum));
    const chosen = v128.load_splat<T>(x + load<i32>(load<usize>(args, OWN_0) + 4 * i) * stride);
    const at = i * sizeof<T>();
    v128.store_lane<T>(load<usize>(args, OWN_1) + at, v128.sub<T>(logSum, v128.sub<T>(chosen, top)), 0);
    v128.store_lane<T>(load<usize>(args, OWN_2) + at, top, 0);
    v128.store_lane<T>(load<usize>(args, OWN_3) + at, logSum, 0);
  }
}

/**
 * dx = dy·(e^(x − top − log) − [class]). Own numbers: the addresses of classes, dy, top and the logarithm. Operands:
 * x, dx.
 */
function crossEntropyGrad<T>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const step = lanes<T>();
  const stride = rowStride(args, 2, 0), dxStride = rowStride(args, 2, 1);
  for (let i = begin; i < end; i++) {
    const x = rowAddress(args, 2, 0, i, 0), dx = rowAddress(args, 2, 1, i, 0);
    const at = i * sizeof<T>();
    const g = v128.load_splat<T>(load<usize>(args, OWN_1) + at);
    const top = v128.load_splat<T>(load<usize>(args, OWN_2) + at);
    const logSum = v128.load_splat<T>(load<usize>(args, OWN_3) + at);
    const chosen = load<i32>(load<usize>(args, OWN_0) + 4 * i);
    for (let j = 0; j < n; j += step) {
      const v = read<T>(x + j * stride, stride, n - j);
      let p = exp<T>(v128.sub<T>(v128.sub<T>(v, top), logSum));
      // p − 1 is exact for p near 1, which g·p − g would not be.
      if (chosen >= j && chosen < j + step) {
        const own = v128.andnot(firstLanes<T>(chosen - j + 1), firstLanes<T>(chosen - j));
        p = v128.sub<T>(p, v128.and(own, v128.splat<T>(1)));
      }
      write<T>(dx + j * dxStride, dxStride, n - j, v128.mul<T>(g, p));
    }
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

export function crossEntropy_f32(begin: i32, end: i32, args: usize): void { crossEntropy<f32>(begin, end, args); }
export function crossEntropy_f64(begin: i32, end: i32, args: usize): void { crossEntropy<f64>(begin, end, args); }
export function crossEntropyGrad_f32(begin: i32, end: i32, args: usize): void { crossEntropyGrad<f32>(begin, end, args); }
export function crossEntropyGrad_f64(begin: i32, end: i32, args: usize): void { crossEntropyGrad<f64>(begin, end, args); }
export function softmaxGrad_f32(begin: i32, end: i32, args: usize): void { softmaxGrad<f32>(begin, end, args, false); }
export function softmaxGrad_f64(begin: i32, end: i32, args: usize): void { softmaxGrad<f64>(begin, end, args, false); }
export function logSoftmaxGrad_f32(begin: i32, end: i32, args: usize): void { softmaxGrad<f32>(begin, end, args, true); }
export function logSoftmaxGrad_f64(begin: i32, end: i32, args: usize): void { softmaxGrad<f64>(begin, end, args, true); }
