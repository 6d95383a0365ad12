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

/** Whether the windows from `at` on, a vector of them, are equally long and equally far apart. */
@inline
function regular(starts: usize, lengths: usize, at: i32, count: i32): bool {
  const p = starts + 4 * at, q = lengths + 4 * at;
  const step = load<i32>(p, 4) - load<i32>(p);
  for (let i = 1; i < count; i++) {
    if (load<i32>(p + 4 * i) - load<i32>(p + 4 * i - 4) != step) return false;
    if (load<i32>(q + 4 * i) != load<i32>(q)) return false;
  }
  return true;
}

/**
 * Where in its image the largest element of every window is: the first of equals; the first NaN wins, after which
 * nothing is larger. Units: lines of windows.
 */
function windowArgmax<T>(begin: i32, end: i32, args: usize): i32 {
  const g = changetype<Windows>(args);
  const size: i32 = sizeof<T>();
  const startsW = g.starts + 4 * (g.outputD + g.outputH), lengthsW = g.lengths + 4 * (g.outputD + g.outputH);
  for (let unit = begin; unit < end; unit++) {
    const plane = unit / g.outputH, oh = unit - plane * g.outputH;
    const image = plane / g.outputD, od = plane - image * g.outputD;
    const x = g.x + image * g.inputD * g.inputH * g.inputW * size;
    const d0 = load<i32>(g.starts + 4 * od), depth = load<i32>(g.lengths + 4 * od);
    const h0 = load<i32>(g.starts + 4 * (g.outputD + oh)), height = load<i32>(g.lengths + 4 * (g.outputD + oh));
    let out = g.out + unit * g.outputW * 4;
    for (let ow = 0; ow < g.outputW;) {
      const first = (d0 * g.inputH + h0) * g.inputW + load<i32>(startsW + 4 * ow);
      const width = load<i32>(lengthsW + 4 * ow);
      if (sizeof<T>() == 4 && ow + lanes<T>() <= g.outputW && regular(startsW, lengthsW, ow, lanes<T>())) {
        const step = load<i32>(startsW + 4 * ow, 4) - load<i32>(startsW + 4 * ow);
        const ramp = i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(step));
        let best = loadStep<T>(x + first * size, step * size);
        let at = i32x4.splat(first);
        for (let d = 0; d < depth; d++) {
          for (let h = 0; h < height; h++) {
            for (let w = 0; w < width; w++) {
              const here = first + (d * g.dilationD * g.inputH + h * g.dilationH) * g.inputW + w * g.dilationW;
              const value = loadStep<T>(x + here * size, step * size);
              let wins = v128.gt<T>(value, best);
              if (isFloat<T>()) {
                wins = v128.or(wins, v128.and(v128.ne<T>(value, value), v128.eq<T>(best, best)));
              }
              best = v128.bitselect(value, best, wins);
              at = v128.bitselect(i32x4.splat(here), at, wins);
            }
          }
        }
        v128.store(out, i32x4.add(at, ramp));
        ow += lanes<T>(), out += 16;
        continue;
      }
      let at = first;
      let best = load<T>(x + first * size);
      for (let d = 0; d < depth; d++) {
        for (let h = 0; h < height; h++) {
          for (let w = 0; w < width; w++) {
            const here = first + (d * g.dilationD * g.inputH + h * g.dilationH) * g.inputW + w * g.dilationW;
            const value = load<T>(x + here * size);
            // Without a branch, which nothing could foresee.
            let wins = i32(value > best);
            if (isFloat<T>()) wins |= i32(value != value) & i32(best == best);
            at = select<i32>(here, at, wins);
            best = select<T>(value, best, wins);
          }
        }
      }
      store<i32>(out, at);
      ow++, out += 4;
    }
  }
  return -1;
}

export function windowArgmax_f32(begin: i32, end: i32, args: usize): i32 { return windowArgmax<f32>(begin, end, args); }
export function windowArgmax_f64(begin: i32, end: i32, args: usize): i32 { return windowArgmax<f64>(begin, end, args); }
export function windowArgmax_i32(begin: i32, end: i32, args: usize): i32 { return windowArgmax<i32>(begin, end, args); }
export function windowArgmax_u8(begin: i32, end: i32, args: usize): i32 { return windowArgmax<u8>(begin, end, args); }
