/**
 * Random numbers from Philox 4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw: Parallel random
 * numbers: as easy as 1, 2, 3; SC 2011). Element i comes from block counter + ⌊i/4⌋ alone, ⌊i/2⌋
 * for float64, so ranges may be split anywhere at a multiple of 4.
 */
import { cosF32, cosF64, logF32, logF64, sinF32, sinF64 } from "./math";
import { demote, read, upperHalf } from "./strided";

const TWO_PI: f64 = 6.283185307179586;
/** Steps of the fractions: 24 bits of one word, 53 of two. */
const STEP_F32: f64 = 1.0 / 16777216.0;
const STEP_F64: f64 = 1.0 / 9007199254740992.0;

@inline
function counterOf(low: u32, high: u32): u64 {
  return (<u64>high << 32) | low;
}

/** The four words whose counter is (low and high word of `counter`, `upper` low and high). */
@inline
function philox(counter: u64, upper: u64, keyLow: u32, keyHigh: u32): v128 {
  let c = i64x2.replace_lane(i64x2.splat(counter), 1, upper);
  let key = i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(0), 0, keyLow), 2, keyHigh);
  const multipliers = i32x4(0xd2511f53, 0xcd9e8d57, 0, 0);
  const weyl = i32x4(0x9e3779b9, 0, 0xbb67ae85, 0); // golden ratio, √3 − 1
  for (let round = 0; round < 10; round++) {
    // (lo₀, hi₀, lo₁, hi₁) of the products of words 0 and 2.
    const products = i64x2.extmul_low_i32x4_u(i32x4.shuffle(c, c, 0, 2, 0, 2), multipliers);
    // (hi₁ ^ c₁ ^ k₀, lo₁, hi₀ ^ c₃ ^ k₁, lo₀); the odd words of c are moved to the even places.
    const others = i64x2.shr_u(c, 32);
    c = v128.xor(i32x4.shuffle(products, products, 3, 2, 1, 0), v128.xor(others, key));
    key = i32x4.add(key, weyl);
  }
  return c;
}

/** The words of block `counter`. */
@inline
function block(counter: u64, keyLow: u32, keyHigh: u32): v128 {
  return philox(counter, 0, keyLow, keyHigh);
}

/** Stores at most `left` lanes. */
@inline
function write<T>(p: usize, v: v128, left: i32): void {
  const lanes = <i32>(16 / sizeof<T>());
  if (left >= lanes) {
    v128.store(p, v);
    return;
  }
  if (left > 0) v128.store_lane<T>(p, v, 0);
  if (sizeof<T>() == 4) {
    if (left > 1) v128.store_lane<T>(p, v, 1, 4);
    if (left > 2) v128.store_lane<T>(p, v, 2, 8);
  }
}

/** The raw words of elements [begin, end), for the 128-bit counter of four words (known-answer tests). */
export function philox_fill(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32,
  counter0: u32, counter1: u32, counter2: u32, counter3: u32,
): void {
  const counter = counterOf(counter0, counter1);
  for (let i = begin; i < end; i += 4) {
    const words = philox(counter + <u64>(i >> 2), counterOf(counter2, counter3), keyLow, keyHigh);
    write<u32>(out + (<usize>i << 2), words, end - i);
  }
}

/** Four fractions in [0, 1), exact in float32. */
@inline
function fractionsF32(words: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_u(i32x4.shr_u(words, 8)), f32x4.splat(<f32>STEP_F32));
}

/** Two fractions in [0, 1): the upper 27 bits of the odd words, then the upper 26 of the even ones. */
@inline
function fractionsF64(words: v128): v128 {
  const high = i32x4.shr_u(words, 5);
  const low = i32x4.shr_u(words, 6);
  return f64x2.mul(
    f64x2.add(
      f64x2.mul(f64x2.convert_low_i32x4_u(i32x4.shuffle(high, high, 1, 3, 1, 3)), f64x2.splat(67108864)),
      f64x2.convert_low_i32x4_u(i32x4.shuffle(low, low, 0, 2, 0, 2)),
    ),
    f64x2.splat(STEP_F64),
  );
}

/** a + (b − a)·u in float64, rounded once, and never b itself where b > a. */
export function uniform_f32(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  const counter = counterOf(counterLow, counterHigh);
  const from = f64x2.splat(a);
  const range = f64x2.splat(b - a);
  const limit = f32x4.splat(b > a ? belowF32(b) : Infinity);
  for (let i = begin; i < end; i += 4) {
    const u = fractionsF32(block(counter + <u64>(i >> 2), keyLow, keyHigh));
    const low = f64x2.add(from, f64x2.mul(range, f64x2.promote_low_f32x4(u)));
    const high = f64x2.add(from, f64x2.mul(range, upperHalf(u)));
    write<f32>(out + (<usize>i << 2), f32x4.pmin(demote(low, high), limit), end - i);
  }
}

export function uniform_f64(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  const counter = counterOf(counterLow, counterHigh);
  const limit = f64x2.splat(b > a ? nextBelow(b) : Infinity);
  for (let i = begin; i < end; i += 2) {
    const u = fractionsF64(block(counter + <u64>(i >> 1), keyLow, keyHigh));
    const y = f64x2.add(f64x2.splat(a), f64x2.mul(f64x2.splat(b - a), u));
    write<f64>(out + (<usize>i << 3), f64x2.pmin(y, limit), end - i);
  }
}

/** The next float64 below a finite b. */
function nextBelow(b: f64): f64 {
  if (b == 0) return -f64.MIN_VALUE;
  return reinterpret<f64>(reinterpret<i64>(b) + (b > 0 ? -1 : 1));
}

/** The largest float32 below b. */
function belowF32(b: f64): f32 {
  const rounded = <f32>b;
  if (<f64>rounded < b) return rounded;
  if (rounded == 0) return -f32.MIN_VALUE;
  return reinterpret<f32>(reinterpret<i32>(rounded) + (rounded > 0 ? -1 : 1));
}

/**
 * Mean a, standard deviation b. G. Box and M. Muller, 1958: r = √(−2 log u₁), θ = 2π·u₂ give the
 * pair r·cos θ, r·sin θ. u₁ is a step above its fraction, in (0, 1], so that r is finite. Two
 * blocks at a time fill the vectors.
 */
export function normal_f32(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  const counter = counterOf(counterLow, counterHigh);
  const mean = f32x4.splat(<f32>a);
  const deviation = f32x4.splat(<f32>b);
  for (let i = begin; i < end; i += 8) {
    const first = counter + <u64>(i >> 2);
    const u = fractionsF32(block(first, keyLow, keyHigh));
    const v = fractionsF32(block(first + 1, keyLow, keyHigh));
    const u1 = f32x4.add(i32x4.shuffle(u, v, 0, 2, 4, 6), f32x4.splat(<f32>STEP_F32));
    const angle = f32x4.mul(i32x4.shuffle(u, v, 1, 3, 5, 7), f32x4.splat(<f32>TWO_PI));
    const r = f32x4.mul(deviation, f32x4.sqrt(f32x4.mul(logF32(u1), f32x4.splat(-2))));
    const x = f32x4.add(mean, f32x4.mul(r, cosF32(angle)));
    const y = f32x4.add(mean, f32x4.mul(r, sinF32(angle)));
    const p = out + (<usize>i << 2);
    write<f32>(p, i32x4.shuffle(x, y, 0, 4, 1, 5), end - i);
    write<f32>(p + 16, i32x4.shuffle(x, y, 2, 6, 3, 7), end - i - 4);
  }
}

export function normal_f64(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  const counter = counterOf(counterLow, counterHigh);
  const mean = f64x2.splat(a);
  const deviation = f64x2.splat(b);
  for (let i = begin; i < end; i += 4) {
    const first = counter + <u64>(i >> 1);
    const u = fractionsF64(block(first, keyLow, keyHigh));
    const v = fractionsF64(block(first + 1, keyLow, keyHigh));
    const u1 = f64x2.add(i64x2.shuffle(u, v, 0, 2), f64x2.splat(STEP_F64));
    const angle = f64x2.mul(i64x2.shuffle(u, v, 1, 3), f64x2.splat(TWO_PI));
    const r = f64x2.mul(deviation, f64x2.sqrt(f64x2.mul(logF64(u1), f64x2.splat(-2))));
    const x = f64x2.add(mean, f64x2.mul(r, cosF64(angle)));
    const y = f64x2.add(mean, f64x2.mul(r, sinF64(angle)));
    const p = out + (<usize>i << 3);
    write<f64>(p, i64x2.shuffle(x, y, 0, 2), end - i);
    write<f64>(p + 16, i64x2.shuffle(x, y, 1, 3), end - i - 2);
  }
}

/** The first `left` of four integer lanes, as T. */
@inline
function writeWhole<T>(p: usize, v: v128, left: i32): void {
  if (sizeof<T>() == 4) {
    write<T>(p, isFloat<T>() ? f32x4.convert_i32x4_s(v) : v, left);
    return;
  }
  store<T>(p, <T>i32x4.extract_lane(v, 0));
  if (left > 1) store<T>(p, <T>i32x4.extract_lane(v, 1), sizeof<T>());
  if (left > 2) store<T>(p, <T>i32x4.extract_lane(v, 2), 2 * sizeof<T>());
  if (left > 3) store<T>(p, <T>i32x4.extract_lane(v, 3), 3 * sizeof<T>());
}

/** What a word's upper 24 bits stay below with probability a: u < a for u = k·2⁻²⁴ says k < ⌈a·2²⁴⌉, never for NaN. */
@inline
function thresholdOf(a: f64): v128 {
  return i32x4.splat(a > 0 ? <i32>min(ceil(a / STEP_F32), 1 / STEP_F32) : 0);
}

/** Lanes whose fractions of 24 bits are below a: the probability is a rounded up to a step. */
@inline
function hitsF32(words: v128, threshold: v128): v128 {
  return i32x4.lt_s(i32x4.shr_u(words, 8), threshold);
}

/** As {@link hitsF32}, with the 53-bit fractions of float64. */
@inline
function hitsF64(words: v128, a: f64): v128 {
  return f64x2.lt(fractionsF64(words), f64x2.splat(a));
}

/** 1 where u < a, else 0. */
@inline
function bernoulli<T>(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64,
): void {
  const counter = counterOf(counterLow, counterHigh);
  const threshold = thresholdOf(a);
  const one = i32x4.splat(1);
  for (let i = begin; i < end; i += 4) {
    const hits = v128.and(hitsF32(block(counter + <u64>(i >> 2), keyLow, keyHigh), threshold), one);
    writeWhole<T>(out + <usize>i * sizeof<T>(), hits, end - i);
  }
}

/** out = x·scale where bernoulli with probability `keep` gives 1 for the element, else x·0. */
@inline
function dropout<T>(
  begin: i32, end: i32, x: usize, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  keep: f64, scale: f64,
): void {
  const counter = counterOf(counterLow, counterHigh);
  const threshold = thresholdOf(keep);
  const factor = v128.splat<T>(<T>scale);
  const shift = sizeof<T>() == 8 ? 1 : 2;
  for (let i = begin; i < end; i += 1 << shift) {
    const words = block(counter + <u64>(i >> shift), keyLow, keyHigh);
    const hits = sizeof<T>() == 8 ? hitsF64(words, keep) : hitsF32(words, threshold);
    const at = <usize>i * sizeof<T>();
    const v = read<T>(x + at, sizeof<T>(), end - i);
    write<T>(out + at, v128.mul<T>(v, v128.and(hits, factor)), end - i);
  }
}

export function dropout_f32(
  begin: i32, end: i32, x: usize, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  keep: f64, scale: f64,
): void {
  dropout<f32>(begin, end, x, out, keyLow, keyHigh, counterLow, counterHigh, keep, scale);
}

export function dropout_f64(
  begin: i32, end: i32, x: usize, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  keep: f64, scale: f64,
): void {
  dropout<f64>(begin, end, x, out, keyLow, keyHigh, counterLow, counterHigh, keep, scale);
}

export function bernoulli_f32(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  bernoulli<f32>(begin, end, out, keyLow, keyHigh, counterLow, counterHigh, a);
}

export function bernoulli_i32(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  bernoulli<i32>(begin, end, out, keyLow, keyHigh, counterLow, counterHigh, a);
}

export function bernoulli_u8(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  bernoulli<u8>(begin, end, out, keyLow, keyHigh, counterLow, counterHigh, a);
}

/** As {@link bernoulli}, but with the 53-bit fractions of float64. */
export function bernoulli_f64(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  const counter = counterOf(counterLow, counterHigh);
  for (let i = begin; i < end; i += 2) {
    const hits = v128.and(hitsF64(block(counter + <u64>(i >> 1), keyLow, keyHigh), a), f64x2.splat(1));
    write<f64>(out + (<usize>i << 3), hits, end - i);
  }
}

/**
 * a + ⌊word·(b − a) / 2³²⌋ for whole a < b, b − a ≤ 2³². No value's probability is off by more
 * than 2⁻³², so a range of n has a relative bias of at most n·2⁻³². Element i uses word i mod 4 of
 * its block (float64: word i mod 2).
 */
@inline
function integers<T>(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  const counter = counterOf(counterLow, counterHigh);
  const from = <i64>a;
  const range = <u64>(<i64>b - from);
  const shift = sizeof<T>() == 8 ? 1 : 2;
  for (let i = begin; i < end; i += 1 << shift) {
    const words = block(counter + <u64>(i >> shift), keyLow, keyHigh);
    const p = out + <usize>i * sizeof<T>();
    store<T>(p, inRange<T>(i32x4.extract_lane(words, 0), from, range));
    if (end - i > 1) store<T>(p, inRange<T>(i32x4.extract_lane(words, 1), from, range), sizeof<T>());
    if (sizeof<T>() == 8) continue;
    if (end - i > 2) store<T>(p, inRange<T>(i32x4.extract_lane(words, 2), from, range), 2 * sizeof<T>());
    if (end - i > 3) store<T>(p, inRange<T>(i32x4.extract_lane(words, 3), from, range), 3 * sizeof<T>());
  }
}

@inline
function inRange<T>(word: u32, from: i64, range: u64): T {
  return <T>(from + <i64>((<u64>word * range) >> 32));
}

export function integers_f32(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  integers<f32>(begin, end, out, keyLow, keyHigh, counterLow, counterHigh, a, b);
}

export function integers_f64(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  integers<f64>(begin, end, out, keyLow, keyHigh, counterLow, counterHigh, a, b);
}

export function integers_i32(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  integers<i32>(begin, end, out, keyLow, keyHigh, counterLow, counterHigh, a, b);
}

export function integers_u8(
  begin: i32, end: i32, out: usize, keyLow: u32, keyHigh: u32, counterLow: u32, counterHigh: u32,
  a: f64, b: f64,
): void {
  integers<u8>(begin, end, out, keyLow, keyHigh, counterLow, counterHigh, a, b);
}
