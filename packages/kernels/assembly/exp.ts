/**
 * Exponential family: eˣ = 2ⁿ·eʳ with n = round(x / ln 2) and r = x − n·ln 2, |r| ≤ ln 2 / 2.
 * ln 2 = LN2_HI + LN2_LO where LN2_HI is so short that n·LN2_HI is exact.
 */
import { ROUND_F64, stepF32, stepF64 } from "./arithmetic";

/** 1.5·2²³; see {@link ROUND_F64}. */
const ROUND_F32: f32 = 12582912.0;

export const LN2_HI_F32: f32 = 0.693115234375; // 14 bits after the point
export const LN2_LO_F32: f32 = 3.1946184945309415e-5;
export const LN2_HI_F64: f64 = 0.6931471805598903; // 42 bits after the point
export const LN2_LO_F64: f64 = 5.497923018708371e-14;
const LOG2E: f64 = 1.4426950408889634;

/** x / ln 2, rounded, with ROUND_F32 still added: the integer sits in the low bits. */
@inline
function exponentF32(x: v128): v128 {
  return stepF32(x, f32x4.splat(<f32>LOG2E), ROUND_F32);
}

/** eʳ − 1 for r = x − n·ln 2. Degree 6, error 2⁻²⁸. */
@inline
function expm1ReducedF32(x: v128, n: v128): v128 {
  const hi = f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HI_F32)));
  const lo = f32x4.mul(n, f32x4.splat(LN2_LO_F32));
  const r = f32x4.sub(hi, lo);
  let p = f32x4.splat(0.0013814610429108143);
  p = stepF32(p, r, 0.0083687175065279);
  p = stepF32(p, r, 0.04166838899254799);
  p = stepF32(p, r, 0.1666652113199234);
  p = stepF32(p, r, 0.4999999403953552);
  // lo enters after the polynomial, so that the rounding of r costs only the small terms.
  return f32x4.add(hi, f32x4.sub(f32x4.mul(f32x4.mul(r, r), p), lo));
}

/** 2ⁿ for the integer lanes n in [−126, 127]. */
@inline
function power2F32(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/** eˣ. */
@inline
export function expF32(x: v128): v128 {
  // Beyond ±120 the result is 0 or ∞ all the same. pmin and pmax keep a NaN in their first operand.
  const c = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-120)), f32x4.splat(120));
  const t = exponentF32(c);
  const n = f32x4.sub(t, f32x4.splat(ROUND_F32));
  const y = f32x4.add(expm1ReducedF32(c, n), f32x4.splat(1));
  // 2ⁿ in two factors: it may lie beyond the range of a float32 where the result does not.
  const whole = i32x4.sub(t, f32x4.splat(ROUND_F32));
  const half = i32x4.shr_s(whole, 1);
  return f32x4.mul(f32x4.mul(y, power2F32(half)), power2F32(i32x4.sub(whole, half)));
}

/** tanh x = (e²ˣ − 1) / (e²ˣ + 1), from |x|; e²ˣ − 1 = 2ⁿ(eʳ − 1) + (2ⁿ − 1) keeps small x exact. */
@inline
export function tanhF32(x: v128): v128 {
  const sign = f32x4.splat(-0.0);
  // From 10 on the quotient rounds to 1.
  const a = f32x4.pmin(v128.andnot(x, sign), f32x4.splat(10));
  const c = f32x4.add(a, a);
  const t = exponentF32(c);
  const n = f32x4.sub(t, f32x4.splat(ROUND_F32));
  const scale = power2F32(i32x4.sub(t, f32x4.splat(ROUND_F32)));
  const p = f32x4.mul(expm1ReducedF32(c, n), scale);
  const m = f32x4.add(p, f32x4.sub(scale, f32x4.splat(1)));
  const y = f32x4.div(m, f32x4.add(m, f32x4.splat(2)));
  return v128.or(y, v128.and(x, sign));
}

/** 1 / (1 + e⁻ˣ). With z = e^−|x| ≤ 1 it is 1/(1 + z) or, for x < 0, z/(1 + z): no overflow. */
@inline
export function sigmoidF32(x: v128): v128 {
  const z = expF32(v128.or(x, f32x4.splat(-0.0)));
  const one = f32x4.splat(1);
  const top = v128.bitselect(z, one, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(top, f32x4.add(one, z));
}

/** x / ln 2, rounded, with ROUND_F64 still added: the integer sits in the low bits. */
@inline
export function exponentF64(x: v128): v128 {
  return stepF64(x, f64x2.splat(LOG2E), ROUND_F64);
}

/** eʳ − 1 for r = x + tail − n·ln 2, where |tail| is tiny beside 1. Degree 12, error 2⁻⁶⁴. */
@inline
export function expm1ReducedF64(x: v128, tail: v128, n: v128): v128 {
  const hi = f64x2.sub(x, f64x2.mul(n, f64x2.splat(LN2_HI_F64)));
  const lo = f64x2.sub(f64x2.mul(n, f64x2.splat(LN2_LO_F64)), tail);
  const r = f64x2.sub(hi, lo);
  let p = f64x2.splat(2.0826627669101616e-9);
  p = stepF64(p, r, 2.5112036851246633e-8);
  p = stepF64(p, r, 2.755758184588623e-7);
  p = stepF64(p, r, 2.7557234861916607e-6);
  p = stepF64(p, r, 2.4801586926636627e-5);
  p = stepF64(p, r, 0.00019841269896383773);
  p = stepF64(p, r, 0.0013888888889115626);
  p = stepF64(p, r, 0.008333333333317034);
  p = stepF64(p, r, 0.041666666666666095);
  p = stepF64(p, r, 0.16666666666666682);
  p = stepF64(p, r, 0.5);
  return f64x2.add(hi, f64x2.sub(f64x2.mul(f64x2.mul(r, r), p), lo));
}

/** 2ⁿ where the low 32 bits of each 64-bit lane hold n in [−1022, 1023]. */
@inline
function power2F64(n: v128): v128 {
  return i64x2.shl(i64x2.add(n, i64x2.splat(1023)), 52);
}

/** e^(x + tail), with the tail as in {@link expm1ReducedF64}. */
@inline
export function expTailF64(x: v128, tail: v128): v128 {
  const c = f64x2.pmin(f64x2.pmax(x, f64x2.splat(-800)), f64x2.splat(800));
  const t = exponentF64(c);
  const n = f64x2.sub(t, f64x2.splat(ROUND_F64));
  const y = f64x2.add(expm1ReducedF64(c, tail, n), f64x2.splat(1));
  // Shifting 32-bit lanes halves the low word, which holds n; the high word is shifted out later.
  const whole = i64x2.sub(t, f64x2.splat(ROUND_F64));
  const half = i32x4.shr_s(whole, 1);
  return f64x2.mul(f64x2.mul(y, power2F64(half)), power2F64(i32x4.sub(whole, half)));
}

/** eˣ. */
export function expF64(x: v128): v128 {
  return expTailF64(x, f64x2.splat(0));
}

/** tanh x; see {@link tanhF32}. */
export function tanhF64(x: v128): v128 {
  const sign = f64x2.splat(-0.0);
  // From 20 on the quotient rounds to 1.
  const a = f64x2.pmin(v128.andnot(x, sign), f64x2.splat(20));
  const c = f64x2.add(a, a);
  const t = exponentF64(c);
  const n = f64x2.sub(t, f64x2.splat(ROUND_F64));
  const scale = power2F64(i64x2.sub(t, f64x2.splat(ROUND_F64)));
  const p = f64x2.mul(expm1ReducedF64(c, f64x2.splat(0), n), scale);
  const m = f64x2.add(p, f64x2.sub(scale, f64x2.splat(1)));
  const y = f64x2.div(m, f64x2.add(m, f64x2.splat(2)));
  return v128.or(y, v128.and(x, sign));
}

/** 1 / (1 + e⁻ˣ); see {@link sigmoidF32}. */
export function sigmoidF64(x: v128): v128 {
  const z = expF64(v128.or(x, f64x2.splat(-0.0)));
  const one = f64x2.splat(1);
  const top = v128.bitselect(z, one, f64x2.lt(x, f64x2.splat(0)));
  return f64x2.div(top, f64x2.add(one, z));
}
