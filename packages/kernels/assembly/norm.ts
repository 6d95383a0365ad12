/**
 * Normalization. A contiguous array counts as [a, b, c]: each of the b slices has a mean and a variance of
 * its own, over a·c elements. Where c is 1 the slices are columns, and work goes across them, vector by
 * vector; else along rows of c. Sums of many are carried in float64, all in an order that shapes alone fix.
 *
 * Scale and shift of the element at flat position p are weight[⌊p / inner⌋ mod channels] and bias[…].
 */
import { demote, lanes, read, upperHalf, write } from "./strided";

/** The sum of both halves of a float32 vector, in float64; of float64 the vector itself. */
@inline
function widened<T>(v: v128): v128 {
  return sizeof<T>() == 8 ? v : f64x2.add(f64x2.promote_low_f32x4(v), upperHalf(v));
}

@inline
function low<T>(v: v128): v128 {
  return sizeof<T>() == 8 ? v : f64x2.promote_low_f32x4(v);
}

@inline
function narrowed<T>(low: v128, high: v128): v128 {
  return sizeof<T>() == 8 ? low : demote(low, high);
}

/** What {@link moments} sums: x − center, or its square. */
@inline
function deviation<T>(x: v128, center: v128, squared: bool): v128 {
  const d = v128.sub<T>(x, center);
  return squared ? v128.mul<T>(d, d) : d;
}

/** Elements of a row that float32 vectors sum before float64 takes over. */
const CHUNK_BYTES: usize = 2048;

/** The mean over `a` rows of `c` elements, `step` bytes apart. */
function rowsMean<T>(a: i32, c: i32, x: usize, step: usize, center: T, squared: bool): T {
  const middle = v128.splat<T>(center);
  const bytes = <usize>c * sizeof<T>();
  let sum = f64x2.splat(0);
  let rest: f64 = 0;
  for (let k = 0; k < a; k++, x += step) {
    let i: usize = 0;
    while (i + 16 <= bytes) {
      const last = min(i + CHUNK_BYTES, bytes);
      let even = v128.splat<T>(0), odd = even;
      for (; i + 32 <= last; i += 32) {
        even = v128.add<T>(even, deviation<T>(v128.load(x + i), middle, squared));
        odd = v128.add<T>(odd, deviation<T>(v128.load(x + i, 16), middle, squared));
      }
      if (i + 16 <= last) {
        even = v128.add<T>(even, deviation<T>(v128.load(x + i), middle, squared));
        i += 16;
      }
      sum = f64x2.add(sum, widened<T>(v128.add<T>(even, odd)));
    }
    for (; i < bytes; i += sizeof<T>()) {
      rest += <f64>v128.extract_lane<T>(deviation<T>(v128.load_splat<T>(x + i), middle, squared), 0);
    }
  }
  return <T>((f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1) + rest) / (<f64>a * <f64>c));
}

/** Rows of columns that float32 vectors sum before float64 takes over. */
const CHUNK_ROWS: i32 = 128;

/** The means of a vector of columns of `a` rows; only `count` of them exist. */
function columnsMean<T>(a: i32, count: i32, x: usize, step: usize, center: v128, squared: bool): v128 {
  let first = f64x2.splat(0), second = first;
  for (let left = a; left > 0; left -= CHUNK_ROWS) {
    let sum = v128.splat<T>(0);
    for (let k = min(left, CHUNK_ROWS); k > 0; k--, x += step) {
      sum = v128.add<T>(sum, deviation<T>(read<T>(x, sizeof<T>(), count), center, squared));
    }
    first = f64x2.add(first, low<T>(sum));
    if (sizeof<T>() == 4) second = f64x2.add(second, upperHalf(sum));
  }
  const n = f64x2.splat(<f64>a);
  return narrowed<T>(f64x2.div(first, n), f64x2.div(second, n));
}

/**
 * mean = Σx/n (0 unless `centered`), variance = Σ(x − mean)²/n and rstd = 1/√(variance + eps). A second pass
 * for the variance loses no digits where the mean is much larger than the deviation; nor does the mean, to which
 * the mean of what is left is added. Units are slices.
 */
function moments<T>(
  begin: i32, end: i32, x: usize, mean: usize, variance: usize, rstd: usize,
  a: i32, b: i32, c: i32, centered: i32, eps: f64,
): void {
  const size = <i32>sizeof<T>();
  const step = <usize>b * c * size;
  const one = v128.splat<T>(<T>1);
  const small = v128.splat<T>(<T>eps);
  for (let slice = begin; slice < end;) {
    const count = c == 1 ? min(lanes<T>(), end - slice) : 1;
    const from = x + <usize>slice * c * size;
    let center = v128.splat<T>(<T>0);
    let square: v128;
    if (c == 1) {
      if (centered) {
        center = columnsMean<T>(a, count, from, step, center, false);
        center = v128.add<T>(center, columnsMean<T>(a, count, from, step, center, false));
      }
      square = columnsMean<T>(a, count, from, step, center, true);
    } else {
      let m: T = 0;
      if (centered) {
        m = rowsMean<T>(a, c, from, step, m, false);
        m += rowsMean<T>(a, c, from, step, m, false);
      }
      center = v128.splat<T>(m);
      square = v128.splat<T>(rowsMean<T>(a, c, from, step, m, true));
    }
    const at = <usize>slice * size;
    write<T>(mean + at, size, count, center);
    write<T>(variance + at, size, count, square);
    write<T>(rstd + at, size, count, v128.div<T>(one, v128.sqrt<T>(v128.add<T>(square, small))));
    slice += count;
  }
}

/** (x − mean)·rstd·weight + bias; no bias where its address is 0. */
@inline
function scaledLanes<T>(x: v128, mean: v128, rstd: v128, weight: v128, bias: usize, shift: v128): v128 {
  const y = v128.mul<T>(v128.mul<T>(v128.sub<T>(x, mean), rstd), weight);
  return bias ? v128.add<T>(y, shift) : y;
}

/**
 * out = (x − mean)·rstd·weight + bias over n elements; no bias where its address is 0. A step of 0 repeats the
 * number at the address, any other one walks.
 */
function scaled<T>(
  n: i32, x: usize, mean: usize, rstd: usize, statStep: usize, weight: usize, bias: usize, weightStep: usize,
  out: usize,
): void {
  const bytes = <usize>n * sizeof<T>();
  let m = v128.load_splat<T>(mean), r = v128.load_splat<T>(rstd), w = v128.load_splat<T>(weight);
  let s = bias ? v128.load_splat<T>(bias) : w;
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    if (statStep) {
      m = v128.load(mean + i), r = v128.load(rstd + i);
    }
    if (weightStep) {
      w = v128.load(weight + i);
      if (bias) s = v128.load(bias + i);
    }
    v128.store(out + i, scaledLanes<T>(v128.load(x + i), m, r, w, bias, s));
  }
  for (; i < bytes; i += sizeof<T>()) {
    if (statStep) {
      m = v128.load_splat<T>(mean + i), r = v128.load_splat<T>(rstd + i);
    }
    if (weightStep) {
      w = v128.load_splat<T>(weight + i);
      if (bias) s = v128.load_splat<T>(bias + i);
    }
    v128.store_lane<T>(out + i, scaledLanes<T>(v128.load_splat<T>(x + i), m, r, w, bias, s), 0);
  }
}

/** Units are rows: [a, b] of them with c elements each, or where c is 1, a of them with b. */
function normalize<T>(
  begin: i32, end: i32, x: usize, mean: usize, rstd: usize, weight: usize, bias: usize, out: usize,
  b: i32, c: i32, channels: i32, inner: i32,
): void {
  const size = sizeof<T>();
  const across = c == 1;
  const length = across ? b : c;
  const run = inner == 1 ? min(length, channels) : inner;
  for (let row = begin; row < end; row++) {
    const first = row * length;
    for (let p = first; p < first + length; p += run) {
      const slice = <usize>(across ? p - first : row % b) * size;
      const channel = <usize>((p / inner) % channels) * size;
      scaled<T>(
        run, x + <usize>p * size, mean + slice, rstd + slice, across ? 1 : 0,
        weight + channel, bias ? bias + channel : 0, inner == 1 ? 1 : 0, out + <usize>p * size,
      );
    }
  }
}

// The means that `rowsMeans` and `columnsMeans` found last, of g and of g·z; every thread has its own.
let shift = i32x4.splat(0);
let stretch = i32x4.splat(0);

/** rstd·(g − shift − z·stretch) with z = (x − mean)·rstd. */
@inline
function slope<T>(g: v128, x: v128, mean: v128, rstd: v128, shift: v128, stretch: v128): v128 {
  const z = v128.mul<T>(v128.sub<T>(x, mean), rstd);
  return v128.mul<T>(rstd, v128.sub<T>(v128.sub<T>(g, shift), v128.mul<T>(z, stretch)));
}

/** A pass over the rows of a slice: finds the means of g and g·z with g = dy·weight, or writes the slope. */
function rowsPass<T>(
  writes: bool, slice: i32, dy: usize, x: usize, weight: usize, out: usize,
  a: i32, b: i32, c: i32, channels: i32, inner: i32, mean: v128, rstd: v128, m1: v128, m2: v128,
): void {
  const size = sizeof<T>();
  const run = inner == 1 ? c : inner;
  let sumG = f64x2.splat(0), sumZ = sumG;
  let restG: f64 = 0, restZ: f64 = 0;
  for (let k = 0; k < a; k++) {
    const first = (k * b + slice) * c;
    for (let p = first; p < first + c; p += run) {
      const channel = weight + <usize>((p / inner) % channels) * size;
      const last = <usize>(p + run) * size;
      let i = <usize>p * size;
      const along = channel - i;
      let w = v128.load_splat<T>(channel);
      while (i + 16 <= last) {
        const end = min(i + CHUNK_BYTES, last);
        let g0 = v128.splat<T>(0), z0 = g0;
        for (; i + 16 <= end; i += 16) {
          if (inner == 1) w = v128.load(along + i);
          const g = v128.mul<T>(v128.load(dy + i), w);
          const v = v128.load(x + i);
          if (writes) v128.store(out + i, slope<T>(g, v, mean, rstd, m1, m2));
          else {
            g0 = v128.add<T>(g0, g);
            z0 = v128.add<T>(z0, v128.mul<T>(g, v128.mul<T>(v128.sub<T>(v, mean), rstd)));
          }
        }
        sumG = f64x2.add(sumG, widened<T>(g0));
        sumZ = f64x2.add(sumZ, widened<T>(z0));
      }
      for (; i < last; i += size) {
        if (inner == 1) w = v128.load_splat<T>(along + i);
        const g = v128.mul<T>(v128.load_splat<T>(dy + i), w);
        const v = v128.load_splat<T>(x + i);
        if (writes) v128.store_lane<T>(out + i, slope<T>(g, v, mean, rstd, m1, m2), 0);
        else {
          restG += <f64>v128.extract_lane<T>(g, 0);
          restZ += <f64>v128.extract_lane<T>(v128.mul<T>(g, v128.mul<T>(v128.sub<T>(v, mean), rstd)), 0);
        }
      }
    }
  }
  if (writes) return;
  const n = <f64>a * <f64>c;
  shift = v128.splat<T>(<T>((f64x2.extract_lane(sumG, 0) + f64x2.extract_lane(sumG, 1) + restG) / n));
  stretch = v128.splat<T>(<T>((f64x2.extract_lane(sumZ, 0) + f64x2.extract_lane(sumZ, 1) + restZ) / n));
}

/** The same pass over a vector of columns, of which `count` exist. */
function columnsPass<T>(
  writes: bool, a: i32, count: i32, dy: usize, x: usize, step: usize, weight: v128, out: usize,
  mean: v128, rstd: v128, m1: v128, m2: v128,
): void {
  let lowG = f64x2.splat(0), lowZ = lowG, highG = lowG, highZ = lowG;
  for (let left = a; left > 0; left -= CHUNK_ROWS) {
    let sumG = v128.splat<T>(0), sumZ = sumG;
    for (let k = min(left, CHUNK_ROWS); k > 0; k--, x += step, dy += step, out += step) {
      const g = v128.mul<T>(read<T>(dy, sizeof<T>(), count), weight);
      const v = read<T>(x, sizeof<T>(), count);
      if (writes) {
        write<T>(out, sizeof<T>(), count, slope<T>(g, v, mean, rstd, m1, m2));
        continue;
      }
      sumG = v128.add<T>(sumG, g);
      sumZ = v128.add<T>(sumZ, v128.mul<T>(g, v128.mul<T>(v128.sub<T>(v, mean), rstd)));
    }
    lowG = f64x2.add(lowG, low<T>(sumG));
    lowZ = f64x2.add(lowZ, low<T>(sumZ));
    if (sizeof<T>() == 4) {
      highG = f64x2.add(highG, upperHalf(sumG));
      highZ = f64x2.add(highZ, upperHalf(sumZ));
    }
  }
  if (writes) return;
  const n = f64x2.splat(<f64>a);
  shift = narrowed<T>(f64x2.div(lowG, n), f64x2.div(highG, n));
  stretch = narrowed<T>(f64x2.div(lowZ, n), f64x2.div(highZ, n));
}

/**
 * The gradient of x: rstd·(g − mean g − z·mean(g·z)), without the first mean unless `centers`, without the
 * second unless `stretches`. Units are slices.
 */
function normalizeGrad<T>(
  begin: i32, end: i32, dy: usize, x: usize, mean: usize, rstd: usize, weight: usize, out: usize,
  a: i32, b: i32, c: i32, channels: i32, inner: i32, centers: i32, stretches: i32,
): void {
  const size = <i32>sizeof<T>();
  const step = <usize>b * size;
  const zero = v128.splat<T>(<T>0);
  for (let slice = begin; slice < end;) {
    // A vector of columns has its channels side by side.
    const count = c == 1 ? min(lanes<T>(), min(end - slice, channels - slice % channels)) : 1;
    const from = <usize>slice * size;
    const m = read<T>(mean + from, c == 1 ? size : 0, count);
    const r = read<T>(rstd + from, c == 1 ? size : 0, count);
    const w = c == 1 ? read<T>(weight + (slice % channels) * size, size, count) : zero;
    for (let pass = centers | stretches ? 0 : 1; pass < 2; pass++) {
      const m1 = centers ? shift : zero, m2 = stretches ? stretch : zero;
      if (c == 1) columnsPass<T>(pass == 1, a, count, dy + from, x + from, step, w, out + from, m, r, m1, m2);
      else rowsPass<T>(pass == 1, slice, dy, x, weight, out, a, b, c, channels, inner, m, r, m1, m2);
    }
    slice += count;
  }
}

export function moments_f32(
  begin: i32, end: i32, x: usize, mean: usize, variance: usize, rstd: usize,
  a: i32, b: i32, c: i32, centered: i32, eps: f64,
): void {
  moments<f32>(begin, end, x, mean, variance, rstd, a, b, c, centered, eps);
}

export function normalize_f32(
  begin: i32, end: i32, x: usize, mean: usize, rstd: usize, weight: usize, bias: usize, out: usize,
  b: i32, c: i32, channels: i32, inner: i32,
): void {
  normalize<f32>(begin, end, x, mean, rstd, weight, bias, out, b, c, channels, inner);
}

export function normalizeGrad_f32(
  begin: i32, end: i32, dy: usize, x: usize, mean: usize, rstd: usize, weight: usize, out: usize,
  a: i32, b: i32, c: i32, channels: i32, inner: i32, centers: i32, stretches: i32,
): void {
  normalizeGrad<f32>(begin, end, dy, x, mean, rstd, weight, out, a, b, c, channels, inner, centers, stretches);
}

export function moments_f64(
  begin: i32, end: i32, x: usize, mean: usize, variance: usize, rstd: usize,
  a: i32, b: i32, c: i32, centered: i32, eps: f64,
): void {
  moments<f64>(begin, end, x, mean, variance, rstd, a, b, c, centered, eps);
}

export function normalize_f64(
  begin: i32, end: i32, x: usize, mean: usize, rstd: usize, weight: usize, bias: usize, out: usize,
  b: i32, c: i32, channels: i32, inner: i32,
): void {
  normalize<f64>(begin, end, x, mean, rstd, weight, bias, out, b, c, channels, inner);
}

export function normalizeGrad_f64(
  begin: i32, end: i32, dy: usize, x: usize, mean: usize, rstd: usize, weight: usize, out: usize,
  a: i32, b: i32, c: i32, channels: i32, inner: i32, centers: i32, stretches: i32,
): void {
  normalizeGrad<f64>(begin, end, dy, x, mean, rstd, weight, out, a, b, c, channels, inner, centers, stretches);
}
