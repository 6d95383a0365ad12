/** Windows that are boxes: along each axis they start where a table says and have so many elements. */
import { lanes, loadStep } from "./strided";

/** What the kernel is told: 32-bit integers in this order, as src/wasm.ts writes them. */
@unmanaged
class Windows {
  x: usize;
  out: usize;
  inputD: i32;
  inputH: i32;
  inputW: i32;
  outputD: i32;
  outputH: i32;
  outputW: i32;
  dilationD: i32;
  dilationH: i32;
  dilationW: i32;
  /** Tables of outputD, outputH and outputW numbers, one after another. */
  starts: usize;
  lengths: usize;
}

/** Whether window `at` is as long as the one before it, and `step` behind. */
@inline
function follows(starts: usize, lengths: usize, at: i32, step: i32): bool {
  const p = starts + 4 * at, q = lengths + 4 * at;
  return load<i32>(p) - load<i32>(p - 4) == step && load<i32>(q) == load<i32>(q - 4);
}

/**
 * Where in its image the largest element of every window is: the first of equals; the first NaN wins, after which
 * nothing is larger. Units: lines of windows.
 */
function windowArgmax<T>(begin: i32, end: i32, args: usize): i32 {
  const g = changetype<Windows>(args);
  const size: i32 = sizeof<T>();
  const startsW = g.starts + 4 * (g.outputD + g.outputH), lengthsW = g.lengths + 4 * (g.outputD + g.outputH);
  // Windows low to high are as long, and as far apart, as the middle one and the next: all but some at the edges.
  const middle = g.outputW / 2;
  const step = load<i32>(startsW + 4 * min(middle + 1, g.outputW - 1)) - load<i32>(startsW + 4 * middle);
  let low = middle, high = middle + 1;
  while (low > 0 && follows(startsW, lengthsW, low, step)) low--;
  while (high < g.outputW && follows(startsW, lengthsW, high, step)) high++;
  for (let unit = begin; unit < end; unit++) {
    const plane = unit / g.outputH, oh = unit - plane * g.outputH;
    const image = plane / g.outputD, od = plane - image * g.outputD;
    const x = g.x + image * g.inputD * g.inputH * g.inputW * size;
    const d0 = load<i32>(g.starts + 4 * od), depth = load<i32>(g.lengths + 4 * od);
    const h0 = load<i32>(g.starts + 4 * (g.outputD + oh)), height = load<i32>(g.lengths + 4 * (g.outputD + oh));
    const out = g.out + unit * g.outputW * 4;
    const rowStep = g.dilationH * g.inputW, planeStep = g.dilationD * g.inputH * g.inputW;
    for (let ow = 0; ow < g.outputW;) {
      if (sizeof<T>() == 4 && ow >= low && ow < high && high - low >= lanes<T>()) {
        ow = min(ow, high - lanes<T>()); // again, rather than one by one
        const first = (d0 * g.inputH + h0) * g.inputW + load<i32>(startsW + 4 * ow);
        const width = load<i32>(lengthsW + 4 * ow);
        let best = loadStep<T>(x + first * size, step * size);
        let at = i32x4.splat(first);
        for (let d = 0; d < depth; d++) {
          for (let h = 0; h < height; h++) {
            let here = first + d * planeStep + h * rowStep;
            for (let w = 0; w < width; w++, here += g.dilationW) {
              const value = loadStep<T>(x + here * size, step * size);
              // Larger, or the first NaN.
              let loses = v128.le<T>(value, best);
              if (isFloat<T>()) loses = v128.or(loses, v128.ne<T>(best, best));
              best = v128.bitselect(best, value, loses);
              at = v128.bitselect(at, i32x4.splat(here), loses);
            }
          }
        }
        const ramp = i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(step));
        v128.store(out + 4 * ow, i32x4.add(at, ramp));
        ow += lanes<T>();
        continue;
      }
      const first = (d0 * g.inputH + h0) * g.inputW + load<i32>(startsW + 4 * ow);
      const width = load<i32>(lengthsW + 4 * ow);
      let at = first;
      let best = load<T>(x + first * size);
      for (let d = 0; d < depth; d++) {
        for (let h = 0; h < height; h++) {
          let here = first + d * planeStep + h * rowStep;
          for (let w = 0; w < width; w++, here += g.dilationW) {
            const value = load<T>(x + here * size);
            // Without a branch, which nothing could foresee.
            let wins = i32(value > best);
            if (isFloat<T>()) wins |= i32(value != value) & i32(best == best);
            at = select<i32>(here, at, wins);
            best = select<T>(value, best, wins);
          }
        }
      }
      store<i32>(out + 4 * ow, at);
      ow++;
    }
  }
  return -1;
}

export function windowArgmax_f32(begin: i32, end: i32, args: usize): i32 { return windowArgmax<f32>(begin, end, args); }
export function windowArgmax_f64(begin: i32, end: i32, args: usize): i32 { return windowArgmax<f64>(begin, end, args); }
export function windowArgmax_i32(begin: i32, end: i32, args: usize): i32 { return windowArgmax<i32>(begin, end, args); }
export function windowArgmax_u8(begin: i32, end: i32, args: usize): i32 { return windowArgmax<u8>(begin, end, args); }
