/** Resizing along one axis: every element of the result is a weighted sum of a few of x's. */
import { fillRow } from "./problem";
import { lanes } from "./strided";
import { multiplyAdd } from "./tile";

/**
 * out[u, o, :] = Σₜ weights[t, o]·x[u, positions[t, o], :], for x [units, length, inner], out
 * [units, count, inner]. Units: u.
 */
function resample<T>(
  begin: i32, end: i32, x: usize, out: usize, positions: usize, weights: usize,
  taps: i32, length: i32, count: i32, inner: i32,
): i32 {
  const size: i32 = sizeof<T>(), row = inner * size;
  for (let unit = begin; unit < end; unit++) {
    const image = x + unit * length * row;
    let to = out + unit * count * row;
    for (let o = 0; o < count; o++) {
      let j = 0;
      for (; j <= inner - lanes<T>(); j += lanes<T>(), to += 16) {
        let sum = i32x4.splat(0);
        for (let t = o; t < taps * count; t += count) {
          const value = v128.load(image + load<i32>(positions + 4 * t) * row + j * size);
          sum = multiplyAdd<T>(sum, v128.load_splat<T>(weights + t * size), value);
        }
        v128.store(to, sum);
      }
      for (; j < inner; j++, to += size) {
        let sum: T = 0;
        for (let t = o; t < taps * count; t += count) {
          sum += load<T>(weights + t * size) * load<T>(image + load<i32>(positions + 4 * t) * row + j * size);
        }
        store<T>(to, sum);
      }
    }
  }
  return -1;
}

/** x[u, positions[t, o], :] += weights[t, o]·y[u, o, :], from zeros. Units: u. */
function resampleInput<T>(
  begin: i32, end: i32, x: usize, y: usize, positions: usize, weights: usize,
  taps: i32, length: i32, count: i32, inner: i32,
): i32 {
  const size: i32 = sizeof<T>(), row = inner * size;
  for (let unit = begin; unit < end; unit++) {
    const image = x + unit * length * row;
    fillRow<T>(length * inner, image, 0);
    for (let o = 0; o < count; o++) {
      for (let t = o; t < taps * count; t += count) {
        let from = y + (unit * count + o) * row, to = image + load<i32>(positions + 4 * t) * row;
        const factor = v128.load_splat<T>(weights + t * size);
        let j = 0;
        for (; j <= inner - lanes<T>(); j += lanes<T>(), from += 16, to += 16) {
          v128.store(to, multiplyAdd<T>(v128.load(to), factor, v128.load(from)));
        }
        for (; j < inner; j++, from += size, to += size) {
          store<T>(to, load<T>(to) + load<T>(weights + t * size) * load<T>(from));
        }
      }
    }
  }
  return -1;
}

export function resample_f32(begin: i32, end: i32, x: usize, out: usize, positions: usize, weights: usize, taps: i32, length: i32, count: i32, inner: i32): i32 { return resample<f32>(begin, end, x, out, positions, weights, taps, length, count, inner); }
export function resample_f64(begin: i32, end: i32, x: usize, out: usize, positions: usize, weights: usize, taps: i32, length: i32, count: i32, inner: i32): i32 { return resample<f64>(begin, end, x, out, positions, weights, taps, length, count, inner); }
export function resampleInput_f32(begin: i32, end: i32, x: usize, y: usize, positions: usize, weights: usize, taps: i32, length: i32, count: i32, inner: i32): i32 { return resampleInput<f32>(begin, end, x, y, positions, weights, taps, length, count, inner); }
export function resampleInput_f64(begin: i32, end: i32, x: usize, y: usize, positions: usize, weights: usize, taps: i32, length: i32, count: i32, inner: i32): i32 { return resampleInput<f64>(begin, end, x, y, positions, weights, taps, length, count, inner); }
