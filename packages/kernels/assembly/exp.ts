/**
 * Exponential family: eˣ = 2ⁿ·eʳ with n = round(x / ln 2) and r = x − n·ln 2, |r| ≤ ln 2 / 2.
 * ln 2 = LN2_HI + LN2_LO where LN2_HI is so short that n·LN2_HI is exact.
 */
import { constantF32, constantF64, stepF32, stepF64 } from "./arithmetic";

/** 1/ln 2; 1.5·2²³, which rounds what it is added to; ln 2 with 14 bits after the point, and the rest. */
const REDUCE_F32 = memory.data<f32>([1.4426950408889634, 12582912, 0.693115234375, 3.1946184945309415e-5]);
/** −104, below which eˣ is 0; 120, from where on it is ∞; 1; ½; −0; and 10, from where on tanh is 1. */
const LIMITS_F32 = memory.data<f32>([-104, 120, 1, 0.5, -0.0, 10]);
/** The bias of an exponent. */
const BIAS_F32 = memory.data<i32>([127]);
/** (eʳ − 1 − r) / r², constant first; error 2⁻²⁸ of eʳ. */
const EXPM1_F32 = memory.data<f32>([
  0.4999999403953552, 0.1666652113199234, 0.04166838899254799, 0.0083687175065279, 0.0013814610429108143,
]);

/** From here on e^(−z²/2) is 0; −½. */
const GAUSS_F32 = memory.data<f32>([14.43, -0.5]);
/** Keeps 12 bits of a number, whose square then is exact. */
const UPPER_BITS = memory.data<i32>([-4096]);
/** Up to here eˣ − 1 is −1. */
const EXPM1_LIMIT_F32 = memory.data<f32>([-80]);
/** 2/ln 2; 1.5·2²⁵, which rounds what it is added to, to a multiple of 4; ln 2 / 2. */
const REDUCE_TANH_F32 = memory.data<f32>([2.885390081777927, 50331648, 0.34657359027997264]);
/** (tanh r − r) / r³ in powers of r², constant first; error 2⁻²⁶ of tanh r. */
const TANH_F32 = memory.data<f32>([
  -0.3333320915699005, 0.13329511880874634, -0.0535862110555172, 0.020165031775832176, -0.005205506458878517,
]);

/** 1/ln 2; 1.5·2⁵²; ln 2 with 42 bits after the point, and the rest. */
const REDUCE_F64 = memory.data<f64>([
  1.4426950408889634, 6755399441055744, 0.6931471805598903, 5.497923018708371e-14,
]);
/** (eʳ − 1 − r) / r², constant first; error 2⁻⁶⁴ of eʳ. */
const EXPM1_F64 = memory.data<f64>([
  0.5, 0.16666666666666682, 0.041666666666666095, 0.008333333333317034, 0.0013888888889115626,
  0.00019841269896383773, 2.4801586926636627e-5, 2.7557234861916607e-6, 2.755758184588623e-7,
  2.5112036851246633e-8, 2.0826627669101616e-9,
]);

/** x / ln 2 rounded to a whole number, with 1.5·2²³ still added: the integer sits in the low bits. */
@inline
function roundedF32(x: v128): v128 {
  return f32x4.add(f32x4.mul(x, constantF32(REDUCE_F32, 0)), constantF32(REDUCE_F32, 1));
}

/** The larger part of r: x − n·LN2_HI, exact. */
@inline
function reducedF32(x: v128, rounded: v128): v128 {
  const n = f32x4.sub(rounded, constantF32(REDUCE_F32, 1));
  return f32x4.sub(x, f32x4.mul(n, constantF32(REDUCE_F32, 2)));
}

/** What the larger part leaves out: n·LN2_LO. */
@inline
function remainderF32(rounded: v128): v128 {
  return f32x4.mul(f32x4.sub(rounded, constantF32(REDUCE_F32, 1)), constantF32(REDUCE_F32, 3));
}

/**
 * eʳ − 1 − hi, where r = hi − lo. Leaving hi out lets the caller add it last, so that only small terms were rounded
 * before.
 */
@inline
function expm1RestF32(hi: v128, lo: v128): v128 {
  const r = f32x4.sub(hi, lo);
  const z = f32x4.mul(r, r);
  // In pairs rather than by Horner: the chain of dependent steps is what limits this loop.
  const p01 = f32x4.add(constantF32(EXPM1_F32, 0), f32x4.mul(constantF32(EXPM1_F32, 1), r));
  const p23 = f32x4.add(constantF32(EXPM1_F32, 2), f32x4.mul(constantF32(EXPM1_F32, 3), r));
  const p = f32x4.add(p01, f32x4.mul(z, f32x4.add(p23, f32x4.mul(z, constantF32(EXPM1_F32, 4)))));
  return f32x4.sub(f32x4.mul(z, p), lo);
}

/** 1 + hi + rest with one rounding that counts: |hi| < 1, so the error of 1 + hi is exact. */
@inline
function onePlusF32(hi: v128, rest: v128): v128 {
  const one = constantF32(LIMITS_F32, 2);
  const sum = f32x4.add(one, hi);
  return f32x4.add(sum, f32x4.add(f32x4.add(f32x4.sub(one, sum), hi), rest));
}

/** The integer lanes of what {@link roundedF32} gave. */
@inline
function wholeF32(rounded: v128): v128 {
  return i32x4.sub(rounded, constantF32(REDUCE_F32, 1));
}

/** 2ⁿ for the integer lanes n in [−126, 127]. */
@inline
function power2F32(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, constantF32(BIAS_F32, 0)), 23);
}

/** e^(hi − lo)·2ⁿ, where n is what {@link roundedF32} gave. */
@inline
function scaledExpF32(hi: v128, lo: v128, rounded: v128): v128 {
  const y = onePlusF32(hi, expm1RestF32(hi, lo));
  // 2ⁿ in two factors: it may lie beyond the range of a float32 where the result does not.
  const n = wholeF32(rounded);
  const half = i32x4.shr_s(n, 1);
  return f32x4.mul(f32x4.mul(y, power2F32(half)), power2F32(i32x4.sub(n, half)));
}

/** eˣ. Of arguments far below, as masks are, 0 is made apart: products that vanish take 40 times as long. */
@inline
export function expF32(x: v128): v128 {
  const vanishing = f32x4.lt(x, constantF32(LIMITS_F32, 0));
  // pmin keeps a NaN in its first operand.
  const c = f32x4.pmin(v128.andnot(x, vanishing), constantF32(LIMITS_F32, 1));
  const rounded = roundedF32(c);
  return v128.andnot(scaledExpF32(reducedF32(c, rounded), remainderF32(rounded), rounded), vanishing);
}

/** e^(−z²/2) for z ≥ 0: the square of the upper bits is exact, what the others add is small beside r. */
@inline
export function gaussF32(z: v128): v128 {
  const vanishing = f32x4.gt(z, constantF32(GAUSS_F32, 0));
  const c = v128.andnot(z, vanishing);
  const upper = v128.and(c, constantF32(UPPER_BITS, 0));
  const half = constantF32(LIMITS_F32, 3);
  const x = f32x4.mul(constantF32(GAUSS_F32, 1), f32x4.mul(upper, upper));
  const rounded = roundedF32(x);
  const rest = f32x4.mul(half, f32x4.mul(f32x4.sub(c, upper), f32x4.add(c, upper)));
  const lo = f32x4.add(remainderF32(rounded), rest);
  return v128.andnot(scaledExpF32(reducedF32(x, rounded), lo, rounded), vanishing);
}

/** eˣ − 1 = 2ⁿ(eʳ − 1) + (2ⁿ − 1), which keeps small x exact. The last factor is 1 but for the largest results. */
export function expm1F32(x: v128): v128 {
  const c = f32x4.pmin(f32x4.pmax(x, constantF32(EXPM1_LIMIT_F32, 0)), constantF32(LIMITS_F32, 1));
  const rounded = roundedF32(c);
  const hi = reducedF32(c, rounded);
  const r = f32x4.add(hi, expm1RestF32(hi, remainderF32(rounded)));
  const n = wholeF32(rounded);
  const most = i32x4.min_s(n, constantF32(BIAS_F32, 0));
  const scale = power2F32(most);
  const y = f32x4.add(f32x4.mul(r, scale), f32x4.sub(scale, constantF32(LIMITS_F32, 2)));
  const kept = v128.bitselect(x, y, f32x4.eq(x, f32x4.splat(0))); // −0 stays
  return f32x4.mul(kept, power2F32(i32x4.sub(n, most)));
}

/**
 * tanh x by the addition theorem: with |x| = r + n·ln 2 / 2, where n is a multiple of 4, t = tanh r and h = 2ⁿ / 2
 * it is c + (t − c) / (h + ½ + (h − ½)·t) for c = 1: only what is left to 1 was rounded before. Where n is 0, the divisor
 * is 1, and c = 0 keeps small x exact.
 */
@inline
export function tanhF32(x: v128): v128 {
  const sign = constantF32(LIMITS_F32, 4);
  const one = constantF32(LIMITS_F32, 2);
  const half = constantF32(LIMITS_F32, 3);
  const a = f32x4.pmin(v128.andnot(x, sign), constantF32(LIMITS_F32, 5));
  const magic = constantF32(REDUCE_TANH_F32, 1);
  const rounded = f32x4.add(f32x4.mul(a, constantF32(REDUCE_TANH_F32, 0)), magic);
  const n = f32x4.sub(rounded, magic);
  const r = f32x4.sub(a, f32x4.mul(n, constantF32(REDUCE_TANH_F32, 2)));
  const z = f32x4.mul(r, r);
  const z2 = f32x4.mul(z, z);
  const p01 = stepF32(constantF32(TANH_F32, 1), z, TANH_F32, 0);
  const p23 = stepF32(constantF32(TANH_F32, 3), z, TANH_F32, 2);
  const p = f32x4.add(p01, f32x4.mul(z2, f32x4.add(p23, f32x4.mul(z2, constantF32(TANH_F32, 4)))));
  const t = f32x4.add(r, f32x4.mul(r, f32x4.mul(z, p)));
  // The low bits of the sum count fours: the exponent of h grows by 4 with each.
  const h = i32x4.add(i32x4.shl(rounded, 25), half);
  const divisor = f32x4.add(f32x4.add(h, half), f32x4.mul(f32x4.sub(h, half), t));
  const c = f32x4.pmin(n, one);
  const y = f32x4.add(c, f32x4.div(f32x4.sub(t, c), divisor));
  return v128.or(y, v128.and(x, sign));
}

/** 1 / (1 + e⁻ˣ). With z = e^−|x| ≤ 1 and w = z/(1 + z) it is 1 − w or, for x < 0, z − z·w = w. */
@inline
export function sigmoidF32(x: v128): v128 {
  const z = expF32(v128.or(x, constantF32(LIMITS_F32, 4)));
  const one = constantF32(LIMITS_F32, 2);
  const top = v128.bitselect(z, one, f32x4.lt(x, f32x4.splat(0)));
  const w = f32x4.div(z, f32x4.add(one, z));
  return f32x4.sub(top, f32x4.mul(top, w));
}

/** x / ln 2 rounded to a whole number, with 1.5·2⁵² still added: the integer sits in the low bits. */
@inline
function roundedF64(x: v128): v128 {
  return f64x2.add(f64x2.mul(x, constantF64(REDUCE_F64, 0)), constantF64(REDUCE_F64, 1));
}

/** The larger part of r: x − n·LN2_HI, exact. */
@inline
function reducedF64(x: v128, rounded: v128): v128 {
  const n = f64x2.sub(rounded, constantF64(REDUCE_F64, 1));
  return f64x2.sub(x, f64x2.mul(n, constantF64(REDUCE_F64, 2)));
}

/**
 * eʳ − 1 − hi, where r = hi − n·LN2_LO + tail and |tail| is tiny beside 1. Leaving hi out lets the caller add it last,
 * so that only small terms were rounded before.
 */
@inline
function expm1RestF64(hi: v128, tail: v128, rounded: v128): v128 {
  const n = f64x2.sub(rounded, constantF64(REDUCE_F64, 1));
  const lo = f64x2.sub(f64x2.mul(n, constantF64(REDUCE_F64, 3)), tail);
  const r = f64x2.sub(hi, lo);
  const z = f64x2.mul(r, r);
  // Even and odd terms apart, for the shorter chain.
  let even = constantF64(EXPM1_F64, 10);
  even = stepF64(even, z, EXPM1_F64, 8);
  even = stepF64(even, z, EXPM1_F64, 6);
  even = stepF64(even, z, EXPM1_F64, 4);
  even = stepF64(even, z, EXPM1_F64, 2);
  even = stepF64(even, z, EXPM1_F64, 0);
  let odd = constantF64(EXPM1_F64, 9);
  odd = stepF64(odd, z, EXPM1_F64, 7);
  odd = stepF64(odd, z, EXPM1_F64, 5);
  odd = stepF64(odd, z, EXPM1_F64, 3);
  odd = stepF64(odd, z, EXPM1_F64, 1);
  const p = f64x2.add(even, f64x2.mul(r, odd));
  return f64x2.sub(f64x2.mul(z, p), lo);
}

/** 1 + hi + rest with one rounding that counts: |hi| < 1, so the error of 1 + hi is exact. */
@inline
function onePlusF64(hi: v128, rest: v128): v128 {
  const one = f64x2.splat(1);
  const sum = f64x2.add(one, hi);
  return f64x2.add(sum, f64x2.add(f64x2.add(f64x2.sub(one, sum), hi), rest));
}

/** The integers of what {@link roundedF64} gave, as 64-bit lanes. */
@inline
function wholeF64(rounded: v128): v128 {
  return i64x2.sub(rounded, constantF64(REDUCE_F64, 1));
}

/** 2ⁿ where the low 32 bits of each 64-bit lane hold n in [−1022, 1023]. */
@inline
function power2F64(n: v128): v128 {
  return i64x2.shl(i64x2.add(n, i64x2.splat(1023)), 52);
}

/** e^(x + tail), where |tail| ≤ 1 is tiny beside 1 unless the result overflows or vanishes. */
@inline
export function expTailF64(x: v128, tail: v128): v128 {
  const vanishing = f64x2.lt(x, f64x2.splat(-747)); // as in expF32
  const c = f64x2.pmin(v128.andnot(x, vanishing), f64x2.splat(800));
  const rounded = roundedF64(c);
  const hi = reducedF64(c, rounded);
  const y = onePlusF64(hi, expm1RestF64(hi, tail, rounded));
  // Shifting 32-bit lanes halves the low word, which holds n; the high word is shifted out later.
  const n = wholeF64(rounded);
  const half = i32x4.shr_s(n, 1);
  const power = f64x2.mul(f64x2.mul(y, power2F64(half)), power2F64(i32x4.sub(n, half)));
  return v128.andnot(power, vanishing);
}

/** eˣ. */
export function expF64(x: v128): v128 {
  return expTailF64(x, f64x2.splat(0));
}

/** eˣ − 1 = 2ⁿ(eʳ − 1) + (2ⁿ − 1), which keeps small x exact. From 40 on the 1 is below the last place. */
export function expm1F64(x: v128): v128 {
  const limit = f64x2.splat(40);
  const c = f64x2.pmin(f64x2.pmax(x, f64x2.neg(limit)), limit);
  const rounded = roundedF64(c);
  const scale = power2F64(wholeF64(rounded));
  const hi = reducedF64(c, rounded);
  const r = f64x2.add(hi, expm1RestF64(hi, f64x2.splat(0), rounded));
  const y = f64x2.add(f64x2.mul(r, scale), f64x2.sub(scale, f64x2.splat(1)));
  const kept = v128.bitselect(x, y, f64x2.eq(x, f64x2.splat(0))); // −0 stays
  return v128.bitselect(expF64(x), kept, f64x2.gt(x, limit));
}

/**
 * |tanh x| = |m / (m + 2)| with m = e^(±2|x|) − 1 = 2ⁿ(eʳ − 1) + (2ⁿ − 1), which keeps small x exact.
 * Either sign is right. Below ⅜, minus is taken and the quotient w enters as m/2 − (m/2)·w, which
 * is w again but damps the rounding of m + 2.
 */
export function tanhF64(x: v128): v128 {
  const sign = f64x2.splat(-0.0);
  // From 20 on the quotient rounds to 1.
  const a = f64x2.pmin(v128.andnot(x, sign), f64x2.splat(20));
  const small = f64x2.lt(a, f64x2.splat(0.375));
  const c = v128.xor(f64x2.add(a, a), v128.and(small, sign));
  const rounded = roundedF64(c);
  const scale = power2F64(wholeF64(rounded));
  const one = f64x2.splat(1);
  const hi = reducedF64(c, rounded);
  const r = f64x2.add(hi, expm1RestF64(hi, f64x2.splat(0), rounded));
  const m = f64x2.add(f64x2.mul(r, scale), f64x2.sub(scale, one));
  const w = f64x2.div(m, f64x2.add(m, f64x2.add(one, one)));
  const h = f64x2.mul(m, f64x2.splat(0.5));
  const y = v128.bitselect(f64x2.sub(h, f64x2.mul(h, w)), w, small);
  return v128.bitselect(x, y, sign);
}

/** 1 / (1 + e⁻ˣ); see {@link sigmoidF32}. */
export function sigmoidF64(x: v128): v128 {
  const z = expF64(v128.or(x, f64x2.splat(-0.0)));
  const one = f64x2.splat(1);
  const top = v128.bitselect(z, one, f64x2.lt(x, f64x2.splat(0)));
  const w = f64x2.div(z, f64x2.add(one, z));
  return f64x2.sub(top, f64x2.mul(top, w));
}
