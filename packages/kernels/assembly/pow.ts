/**
 * aᵇ = e^(b·log|a|), with every special case of C99's pow (annex F.9.4.4): x⁰ = 1 and 1ˣ = 1 even
 * for NaN, (−1)^±∞ = 1, negative bases only with whole exponents, signed zeros and infinities.
 */
import { constantF64, productErrorF64, stepF64, sumErrorF64 } from "./arithmetic";
import { expF64, expTailF64 } from "./exp";
import { binaryExponentF64, logF64, SQRT_HALF_F64 } from "./log";

/** Any |b| from here on gives 0, 1 or ∞, and b·log|a| stays finite: |log|a|| is 0 or above 2⁻⁵⁴. */
const HUGE: f64 = 18446744073709551616.0;

/** aᵇ from y = |a|ᵇ, where y is right for all |a| and b but NaN, b = 0 and |a| = 1. */
@inline
function finishPow<T extends number>(a: v128, b: v128, y: v128): v128 {
  const zero = v128.splat<T>(0);
  const one = v128.splat<T>(1);
  const half = v128.mul<T>(b, v128.splat<T>(0.5));
  const fraction = v128.ne<T>(v128.floor<T>(b), b);
  const odd = v128.andnot(v128.ne<T>(v128.floor<T>(half), half), fraction);
  const sign = v128.splat<T>(-0.0);
  y = v128.xor(y, v128.and(v128.and(a, sign), odd));
  const negative = v128.and(v128.lt<T>(a, zero), v128.gt<T>(a, v128.splat<T>(-Infinity)));
  const invalid = v128.or(
    v128.and(negative, fraction),
    v128.or(v128.ne<T>(a, a), v128.ne<T>(b, b)),
  );
  y = v128.or(y, invalid); // all bits set: NaN
  return v128.bitselect(one, y, v128.or(v128.eq<T>(a, one), v128.eq<T>(b, zero)));
}

/** Two lanes of |a|ᵇ in float64, far more exact than a float32 needs. */
@inline
function powHalfF32(a: v128, b: v128): v128 {
  const huge = f64x2.splat(HUGE);
  const c = f64x2.pmin(f64x2.pmax(b, f64x2.neg(huge)), huge);
  return expF64(f64x2.mul(c, logF64(f64x2.abs(a))));
}

/** aᵇ. */
export function powF32(a: v128, b: v128): v128 {
  const low = powHalfF32(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b));
  const high = powHalfF32(
    f64x2.promote_low_f32x4(i32x4.shuffle(a, a, 2, 3, 2, 3)),
    f64x2.promote_low_f32x4(i32x4.shuffle(b, b, 2, 3, 2, 3)),
  );
  const y = i32x4.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
  return finishPow<f32>(a, b, y);
}

/** ln 2 with 40 bits after the point, and the next 53; ⅓ and what its rounding lost. */
const LN2_HI: f64 = 0.6931471805592082;
const LN2_LO: f64 = 7.371002565167799e-13;
const THIRD_HI: f64 = 1.0 / 3.0;
const THIRD_LO: f64 = 1.850371707708594e-17;

/** R in s², constant first; error 2⁻⁷³ of log m. */
const ATANH = memory.data<f64>([
  0.1999999999999999, 0.14285714285722562, 0.1111111110876683, 0.0909090943532988,
  0.07692278423687794, 0.06668159165640095, 0.05837399957717282, 0.05994584310476991,
]);

/**
 * aᵇ. An error in log a counts b times, up to 2¹⁰ units, so the logarithm is carried as an
 * unevaluated sum of two float64 (error 2⁻⁶⁵), by the reduction of log.ts:
 * log m = 2s·(1 + w), w = s²·(⅓ + s²·R(s²)).
 */
export function powF64(a: v128, b: v128): v128 {
  const x = f64x2.abs(a);
  const subnormal = f64x2.lt(x, f64x2.splat(2.2250738585072014e-308));
  const bits = v128.bitselect(f64x2.mul(x, f64x2.splat(18014398509481984)), x, subnormal);
  const shifted = i64x2.sub(bits, i64x2.splat(SQRT_HALF_F64));
  const m = i64x2.sub(bits, v128.and(shifted, i64x2.splat(-0x10000000000000)));
  const k = f64x2.sub(binaryExponentF64(shifted), v128.and(subnormal, f64x2.splat(54)));
  const one = f64x2.splat(1);

  // s = f / g with f = m − 1 exact and g = m + 1 in two parts; sLo is the division's remainder.
  const f = f64x2.sub(m, one);
  const gHi = f64x2.add(m, one);
  const gLo = f64x2.sub(m, f64x2.sub(gHi, one));
  const s = f64x2.div(f, gHi);
  const sg = f64x2.mul(s, gHi);
  const remainder = f64x2.sub(
    f64x2.sub(f64x2.sub(f, sg), productErrorF64(s, gHi, sg)),
    f64x2.mul(s, gLo),
  );
  const sLo = f64x2.div(remainder, gHi);

  const z = f64x2.mul(s, s);
  const zLo = f64x2.add(productErrorF64(s, s, z), f64x2.mul(f64x2.add(s, s), sLo));

  let p = constantF64(ATANH, 7);
  p = stepF64(p, z, ATANH, 6);
  p = stepF64(p, z, ATANH, 5);
  p = stepF64(p, z, ATANH, 4);
  p = stepF64(p, z, ATANH, 3);
  p = stepF64(p, z, ATANH, 2);
  p = stepF64(p, z, ATANH, 1);
  p = stepF64(p, z, ATANH, 0);
  p = f64x2.mul(p, z);
  const third = f64x2.splat(THIRD_HI);
  const u = f64x2.add(third, p);
  const uLo = f64x2.add(sumErrorF64(third, p, u), f64x2.splat(THIRD_LO));

  const w = f64x2.mul(z, u);
  const wLo = f64x2.add(
    productErrorF64(z, u, w),
    f64x2.add(f64x2.mul(z, uLo), f64x2.mul(zLo, u)),
  );
  const v = f64x2.mul(s, w);
  const vLo = f64x2.add(
    productErrorF64(s, w, v),
    f64x2.add(f64x2.mul(s, wLo), f64x2.mul(sLo, w)),
  );

  // log m = 2·(s + v), then log |a| = k·ln 2 + log m.
  let t = f64x2.add(s, v);
  let tLo = f64x2.add(sumErrorF64(s, v, t), f64x2.add(sLo, vLo));
  t = f64x2.add(t, t);
  tLo = f64x2.add(tLo, tLo);
  const kLn2 = f64x2.mul(k, f64x2.splat(LN2_HI));
  const l = f64x2.add(kLn2, t);
  const lLo = f64x2.add(
    sumErrorF64(kLn2, t, l),
    f64x2.add(f64x2.mul(k, f64x2.splat(LN2_LO)), tLo),
  );

  const huge = f64x2.splat(HUGE);
  const c = f64x2.pmin(f64x2.pmax(b, f64x2.neg(huge)), huge);
  const product = f64x2.mul(c, l);
  const tail = f64x2.add(productErrorF64(c, l, product), f64x2.mul(c, lLo));
  // The tail matters only where the product is moderate; elsewhere it must not disturb.
  const y = expTailF64(product, f64x2.pmin(f64x2.pmax(tail, f64x2.neg(one)), one));

  // |a| = 0 or ∞ went through the above as some number.
  const isZero = f64x2.eq(x, f64x2.splat(0));
  const isInfinite = f64x2.eq(x, f64x2.splat(Infinity));
  const grows = v128.xor(f64x2.gt(b, f64x2.splat(0)), isZero);
  const limit = v128.and(f64x2.splat(Infinity), grows);
  return finishPow<f64>(a, b, v128.bitselect(limit, y, v128.or(isZero, isInfinite)));
}
