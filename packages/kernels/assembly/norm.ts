/**
 * Normalization. A contiguous array counts as [a, b, c]: each of the b slices has a mean and a variance of
 * its own, over a·c elements. Where c is 1 the slices are columns, and work goes across them, vector by
 * vector; else along rows of c. All sums are carried in float64, each in an order that shapes alone fix.
 *
 * Scale and shift of the element at flat position p are weight[⌊p / inner⌋ mod channels] and bias[…].
 */
import { demote, lanes, read, upperHalf, write } from "./strided";
import { get, put, width } from "./update-lanes";

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

/** The vector at p, or with step 0 the number there in every lane. */
@inline
function at<T>(p: usize, step: usize, whole: bool): v128 {
  return step == 0 ? v128.load_splat<T>(p) : get<T>(p, whole);
}

/** What {@link moments} sums: x − center, or its square. */
@inline
function deviation<T>(x: v128, center: v128, squared: bool): v128 {
  const d = v128.sub<T>(x, center);
  return squared ? v128.mul<T>(d, d) : d;
}

/** The mean over `a` rows of `c` elements, `step` bytes apart. */
function rowsMean<T>(a: i32, c: i32, x: usize, step: usize, center: T, squared: bool): T {
  const middle = v128.splat<T>(center);
  const bytes = <usize>c * sizeof<T>();
  let sum = f64x2.splat(0);
  let rest: f64 = 0;
  for (let k = 0; k < a; k++, x += step) {
    let i: usize = 0;
    for (; i + 16 <= bytes; i += 16) {
      sum = f64x2.add(sum, widened<T>(deviation<T>(v128.load(x + i), middle, squared)));
    }
    for (; i < bytes; i += sizeof<T>()) {
      rest += <f64>v128.extract_lane<T>(deviation<T>(v128.load_splat<T>(x + i), middle, squared), 0);
    }
  }
  return <T>((f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1) + rest) / (<f64>a * <f64>c));
}

/** The means of a vector of columns of `a` rows; only `count` of them exist. */
function columnsMean<T>(a: i32, count: i32, x: usize, step: usize, center: v128, squared: bool): v128 {
  let first = f64x2.splat(0);
  let second = first;
  for (let k = 0; k < a; k++, x += step) {
    const d = deviation<T>(read<T>(x, sizeof<T>(), count), center, squared);
    first = f64x2.add(first, low<T>(d));
    if (sizeof<T>() == 4) second = f64x2.add(second, upperHalf(d));
  }
  const n = f64x2.splat(<f64>a);
  return narrowed<T>(f64x2.div(first, n), f64x2.div(second, n));
}

/**
 * mean = Σx/n (0 unless `centered`), variance = Σ(x − mean)²/n and rstd = 1/√(variance + eps). A second pass
 * for the variance loses no digits where the mean is much larger than the deviation; nor does the mean in
 * float64, since what its sum has lost is added. Units are slices.
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
        if (sizeof<T>() == 8) center = f64x2.add(center, columnsMean<T>(a, count, from, step, center, false));
      }
      square = columnsMean<T>(a, count, from, step, center, true);
    } else {
      let m: T = 0;
      if (centered) {
        m = rowsMean<T>(a, c, from, step, m, false);
        if (sizeof<T>() == 8) m += rowsMean<T>(a, c, from, step, m, false);
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

/**
 * out = (x − mean)·rstd·weight + bias over n elements; no bias where its address is 0. A step of 0 repeats the
 * number at the address, any other one walks.
 */
function scaled<T>(
  n: i32, x: usize, mean: usize, rstd: usize, statStep: usize, weight: usize, bias: usize, weightStep: usize,
  out: usize,
): void {
  const bytes = <usize>n * sizeof<T>();
  let i: usize = 0;
  while (i < bytes) {
    const whole = i + 16 <= bytes;
    const j = statStep ? i : 0;
    const k = weightStep ? i : 0;
    const d = v128.sub<T>(get<T>(x + i, whole), at<T>(mean + j, statStep, whole));
    let y = v128.mul<T>(v128.mul<T>(d, at<T>(rstd + j, statStep, whole)), at<T>(weight + k, weightStep, whole));
    if (bias) y = v128.add<T>(y, at<T>(bias + k, weightStep, whole));
    put<T>(out + i, y, whole);
    i += width<T>(whole);
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

// What a pass of the gradient over a slice does, with g = dy·weight and z = (x − mean)·rstd.
const MEAN_OF_G: i32 = 0;
const MEAN_OF_GZ: i32 = 1;
/** Writes rstd·(g − shift − z·stretch). */
const WRITE: i32 = 2;

/** What a pass sums, or writes. */
@inline
function term<T>(
  pass: i32, g: v128, x: v128, center: v128, scale: v128, shift: v128, stretch: v128,
): v128 {
  if (pass == MEAN_OF_G) return g;
  const z = v128.mul<T>(v128.sub<T>(x, center), scale);
  if (pass == MEAN_OF_GZ) return v128.mul<T>(g, z);
  return v128.mul<T>(scale, v128.sub<T>(v128.sub<T>(g, shift), v128.mul<T>(z, stretch)));
}

/** A pass over a slice of rows; its mean in every lane. */
function rowsPass<T>(
  pass: i32, slice: i32, dy: usize, x: usize, weight: usize, out: usize,
  a: i32, b: i32, c: i32, channels: i32, inner: i32, center: v128, scale: v128, shift: v128, stretch: v128,
): v128 {
  const run = inner == 1 ? c : inner;
  const weightStep: usize = inner == 1 ? 1 : 0;
  let sum = f64x2.splat(0);
  let rest: f64 = 0;
  for (let k = 0; k < a; k++) {
    const first = (k * b + slice) * c;
    for (let p = first; p < first + c; p += run) {
      const w = weight + <usize>((p / inner) % channels) * sizeof<T>();
      const last = <usize>(p + run) * sizeof<T>();
      let i = <usize>p * sizeof<T>();
      const start = i;
      while (i < last) {
        const whole = i + 16 <= last;
        const g = v128.mul<T>(get<T>(dy + i, whole), at<T>(weightStep ? w + i - start : w, weightStep, whole));
        const v = term<T>(pass, g, get<T>(x + i, whole), center, scale, shift, stretch);
        if (pass == WRITE) put<T>(out + i, v, whole);
        else if (whole) sum = f64x2.add(sum, widened<T>(v));
        else rest += <f64>v128.extract_lane<T>(v, 0);
        i += width<T>(whole);
      }
    }
  }
  const total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1) + rest;
  return v128.splat<T>(<T>(total / (<f64>a * <f64>c)));
}

/** A pass over a vector of columns; their means. */
function columnsPass<T>(
  pass: i32, a: i32, count: i32, dy: usize, x: usize, step: usize, weight: v128, out: usize,
  center: v128, scale: v128, shift: v128, stretch: v128,
): v128 {
  let first = f64x2.splat(0);
  let second = first;
  for (let k = 0; k < a; k++, x += step, dy += step, out += step) {
    const g = v128.mul<T>(read<T>(dy, sizeof<T>(), count), weight);
    const v = term<T>(pass, g, read<T>(x, sizeof<T>(), count), center, scale, shift, stretch);
    if (pass == WRITE) {
      write<T>(out, sizeof<T>(), count, v);
      continue;
    }
    first = f64x2.add(first, low<T>(v));
    if (sizeof<T>() == 4) second = f64x2.add(second, upperHalf(v));
  }
  const n = f64x2.splat(<f64>a);
  return narrowed<T>(f64x2.div(first, n), f64x2.div(second, n));
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
  for (let slice = begin; slice < end;) {
    // A vector of columns has its channels side by side.
    const count = c == 1 ? min(lanes<T>(), min(end - slice, channels - slice % channels)) : 1;
    const from = <usize>slice * size;
    const center = read<T>(mean + from, c == 1 ? size : 0, count);
    const scale = read<T>(rstd + from, c == 1 ? size : 0, count);
    let shift = v128.splat<T>(<T>0);
    let stretch = shift;
    const w = c == 1 ? read<T>(weight + (slice % channels) * size, size, count) : shift;
    for (let pass = centers ? MEAN_OF_G : stretches ? MEAN_OF_GZ : WRITE; pass <= WRITE; pass++) {
      if (pass == MEAN_OF_GZ && !stretches) continue;
      const found = c == 1
        ? columnsPass<T>(pass, a, count, dy + from, x + from, step, w, out + from, center, scale, shift, stretch)
        : rowsPass<T>(pass, slice, dy, x, weight, out, a, b, c, channels, inner, center, scale, shift, stretch);
      if (pass == MEAN_OF_G) shift = found;
      else if (pass == MEAN_OF_GZ) stretch = found;
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
