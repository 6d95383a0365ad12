/**
 * Convolutions of a single channel per group, where a matrix product would leave most of its tile empty:
 * a plane of x with its zeros around it stays in the cache, and a line of y is a weighted sum of its lines.
 */
import { fillRow, Problem } from "./problem";
import { copyRow, lanes, loadStep } from "./strided";
import { multiplyAdd, sumLanes } from "./tile";

/** Extents of the plane that windows see. */
function depth(g: Problem): i32 {
  return (g.outputD - 1) * g.strideD + (g.kernelD - 1) * g.dilationD + 1;
}

function height(g: Problem): i32 {
  return (g.outputH - 1) * g.strideH + (g.kernelH - 1) * g.dilationH + 1;
}

function width(g: Problem): i32 {
  return (g.outputW - 1) * g.strideW + (g.kernelW - 1) * g.dilationW + 1;
}

/** Where the elements of a window lie in the plane, in bytes from its first. */
function tapOffsets<T>(g: Problem, offsets: usize): void {
  for (let kd = 0; kd < g.kernelD; kd++) {
    for (let kh = 0; kh < g.kernelH; kh++) {
      for (let kw = 0; kw < g.kernelW; kw++, offsets += 4) {
        const line = kd * g.dilationD * height(g) + kh * g.dilationH;
        store<i32>(offsets, line * g.row + kw * g.dilationW * <i32>sizeof<T>());
      }
    }
  }
}

/** A plane of x with zeros around it; or, the other way, what of the plane lies in x. */
function movePlane<T>(g: Problem, x: usize, plane: usize, back: bool): void {
  const size: i32 = sizeof<T>();
  const low = min(g.beforeW, width(g)), high = max(low, min(g.beforeW + g.inputW, width(g)));
  for (let d = 0; d < depth(g); d++) {
    for (let h = 0; h < height(g); h++, plane += g.row) {
      const row = d - g.beforeD, line = h - g.beforeH;
      const inside = <u32>row < <u32>g.inputD && <u32>line < <u32>g.inputH;
      const from = x + ((row * g.inputH + line) * g.inputW + low - g.beforeW) * size;
      if (back) {
        if (inside) copyRow<T>(high - low, plane + low * size, size, from, size);
      } else if (inside) {
        fillRow<T>(low, plane, 0);
        copyRow<T>(high - low, from, size, plane + low * size, size);
        fillRow<T>(width(g) - high, plane + high * size, 0);
      } else {
        fillRow<T>(width(g), plane, 0);
      }
    }
  }
}

/** out[j] = bias + Σ w[t]·from[j·step + offsets[t]]. */
function lineSums<T>(
  n: i32, taps: i32, w: usize, offsets: usize, bias: T, from: usize, step: i32, out: usize,
): void {
  const size: i32 = sizeof<T>();
  const start = v128.splat<T>(bias);
  for (; n >= lanes<T>(); n -= lanes<T>(), from += lanes<T>() * step, out += 16) {
    let sum = start;
    for (let t = 0; t < taps; t++) {
      const p = from + load<i32>(offsets + 4 * t);
      sum = multiplyAdd<T>(sum, v128.load_splat<T>(w + t * size), loadStep<T>(p, step));
    }
    v128.store(out, sum);
  }
  for (; n > 0; n--, from += step, out += size) {
    let sum = bias;
    for (let t = 0; t < taps; t++) {
      sum += load<T>(w + t * size) * load<T>(from + load<i32>(offsets + 4 * t));
    }
    store<T>(out, sum);
  }
}

/** to[j·step] += w·y[j]. */
function addLine<T>(n: i32, w: usize, y: usize, to: usize, step: i32): void {
  if (step == sizeof<T>()) {
    const factor = v128.load_splat<T>(w);
    for (; n >= lanes<T>(); n -= lanes<T>(), y += 16, to += 16) {
      v128.store(to, multiplyAdd<T>(v128.load(to), factor, v128.load(y)));
    }
  }
  for (; n > 0; n--, y += sizeof<T>(), to += step) {
    store<T>(to, load<T>(to) + load<T>(w) * load<T>(y));
  }
}

/** Σ y[j]·x[j·step]. */
function lineProduct<T>(n: i32, y: usize, x: usize, step: i32): T {
  let sums = i32x4.splat(0);
  for (; n >= lanes<T>(); n -= lanes<T>(), y += 16, x += lanes<T>() * step) {
    sums = multiplyAdd<T>(sums, v128.load(y), loadStep<T>(x, step));
  }
  let sum = sumLanes<T>(sums);
  for (; n > 0; n--, y += sizeof<T>(), x += step) sum += load<T>(y) * load<T>(x);
  return sum;
}

/** Units: planes of x. */
function forward<T>(begin: i32, end: i32, args: usize, offsets: usize): i32 {
  const g = changetype<Problem>(args);
  const size: i32 = sizeof<T>();
  const taps = g.taps, plane = offsets + g.columns;
  tapOffsets<T>(g, offsets);
  for (let unit = begin; unit < end; unit++) {
    movePlane<T>(g, g.x + unit * g.pixels * size, plane, false);
    let y = g.y + unit * g.outGroup * g.places * size;
    for (let o = unit % g.groups * g.outGroup, last = o + g.outGroup; o < last; o++) {
      const bias = g.bias ? load<T>(g.bias + o * size) : <T>0;
      for (let d = 0; d < g.outputD; d++) {
        for (let h = 0; h < g.outputH; h++, y += g.outputW * size) {
          lineSums<T>(
            g.outputW, taps, g.weight + o * taps * size, offsets, bias,
            plane + (d * g.strideD * height(g) + h * g.strideH) * g.row, g.strideW * size, y,
          );
        }
      }
    }
  }
  return -1;
}

/** Units: planes of x. */
function input<T>(begin: i32, end: i32, args: usize, offsets: usize): i32 {
  const g = changetype<Problem>(args);
  const size: i32 = sizeof<T>();
  const taps = g.taps, plane = offsets + g.columns;
  tapOffsets<T>(g, offsets);
  for (let unit = begin; unit < end; unit++) {
    fillRow<T>(depth(g) * height(g) * g.row / size, plane, 0);
    let y = g.y + unit * g.outGroup * g.places * size;
    for (let o = unit % g.groups * g.outGroup, last = o + g.outGroup; o < last; o++) {
      for (let d = 0; d < g.outputD; d++) {
        for (let h = 0; h < g.outputH; h++, y += g.outputW * size) {
          const line = plane + (d * g.strideD * height(g) + h * g.strideH) * g.row;
          for (let t = 0; t < taps; t++) {
            const w = g.weight + (o * taps + t) * size;
            addLine<T>(g.outputW, w, y, line + load<i32>(offsets + 4 * t), g.strideW * size);
          }
        }
      }
    }
    const x = g.x + unit * g.pixels * size;
    fillRow<T>(g.pixels, x, 0);
    movePlane<T>(g, x, plane, true);
  }
  return -1;
}

/** Units: channels. Sums lines, then planes, then images, which loses fewer digits than one long sum. */
function weight<T>(begin: i32, end: i32, args: usize, offsets: usize): i32 {
  const g = changetype<Problem>(args);
  const size: i32 = sizeof<T>();
  const taps = g.taps, plane = offsets + g.columns;
  tapOffsets<T>(g, offsets);
  for (let group = begin; group < end; group++) {
    const w = g.weight + group * g.outGroup * taps * size;
    fillRow<T>(g.outGroup * taps, w, 0);
    for (let image = 0; image < g.images; image++) {
      const unit = image * g.groups + group;
      movePlane<T>(g, g.x + unit * g.pixels * size, plane, false);
      for (let o = 0; o < g.outGroup; o++) {
        for (let t = 0; t < taps; t++) {
          let y = g.y + (unit * g.outGroup + o) * g.places * size;
          let sum: T = 0;
          for (let d = 0; d < g.outputD; d++) {
            for (let h = 0; h < g.outputH; h++, y += g.outputW * size) {
              const line = plane + (d * g.strideD * height(g) + h * g.strideH) * g.row;
              sum += lineProduct<T>(g.outputW, y, line + load<i32>(offsets + 4 * t), g.strideW * size);
            }
          }
          const total = w + (o * taps + t) * size;
          store<T>(total, load<T>(total) + sum);
        }
      }
    }
  }
  return -1;
}

export function depthwise_f32(begin: i32, end: i32, args: usize, scratch: usize): i32 { return forward<f32>(begin, end, args, scratch); }
export function depthwise_f64(begin: i32, end: i32, args: usize, scratch: usize): i32 { return forward<f64>(begin, end, args, scratch); }
export function depthwiseInput_f32(begin: i32, end: i32, args: usize, scratch: usize): i32 { return input<f32>(begin, end, args, scratch); }
export function depthwiseInput_f64(begin: i32, end: i32, args: usize, scratch: usize): i32 { return input<f64>(begin, end, args, scratch); }
export function depthwiseWeight_f32(begin: i32, end: i32, args: usize, scratch: usize): i32 { return weight<f32>(begin, end, args, scratch); }
export function depthwiseWeight_f64(begin: i32, end: i32, args: usize, scratch: usize): i32 { return weight<f64>(begin, end, args, scratch); }
