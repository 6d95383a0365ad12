/**
 * Logarithm: x = 2ᵏ·m with √½ ≤ m < √2, f = m − 1, s = f / (2 + f); then log m = 2·atanh s =
 * 2s + s·R(s²) = f − (f²/2 − s·(f²/2 + R)), whose leading terms are exact or small.
 */
import { constantF32, constantF64, stepF32, stepF64 } from "./arithmetic";

/** R / s², constant first, error 2⁻³⁷ of log m; then ln 2 with 14 bits after the point, and the rest. */
const LOG_F32 = memory.data<f32>([
  0.6666666269302368, 0.4000033438205719, 0.28537294268608093, 0.23582440614700317,
  0.693115234375, 3.1946184945309415e-5,
]);
/** Of float32: 1, 2, ½, ∞, the smallest normal number, and 2²³ that scales a subnormal into its range. */
const FLOATS = memory.data<f32>([1, 2, 0.5, Infinity, 1.1754943508222875e-38, 8388608]);
/** The bits of √½, of the sign and exponent, and the 23 that 2²³ adds to an exponent. */
const BITS = memory.data<i32>([0x3f3504f3, -0x800000, 23]);
/** R / s², constant first, error 2⁻⁵⁹ of log m; then ln 2 with 42 bits after the point, and the rest. */
const LOG_F64 = memory.data<f64>([
  0.6666666666666734, 0.3999999999941395, 0.28571428742565463, 0.2222219855348456,
  0.18183565420688175, 0.153140208271585, 0.14796263621316322,
  0.6931471805598903, 5.497923018708371e-14,
]);

/** The bits of √½: subtracting them makes the exponent field count whole powers of two. */
export const SQRT_HALF_F64: i64 = 0x3fe6a09e667f3bcd;

/** Natural logarithm: −∞ at ±0, NaN below 0. */
@inline
export function logF32(x: v128): v128 {
  // Subnormals are scaled into the normal range first.
  const subnormal = f32x4.lt(x, constantF32(FLOATS, 4));
  const bits = v128.bitselect(f32x4.mul(x, constantF32(FLOATS, 5)), x, subnormal);
  const shifted = i32x4.sub(bits, constantF32(BITS, 0));
  const m = i32x4.sub(bits, v128.and(shifted, constantF32(BITS, 1)));
  const exponent = i32x4.sub(i32x4.shr_s(shifted, 23), v128.and(subnormal, constantF32(BITS, 2)));
  const k = f32x4.convert_i32x4_s(exponent);
  const f = f32x4.sub(m, constantF32(FLOATS, 0));
  const s = f32x4.div(f, f32x4.add(f, constantF32(FLOATS, 1)));
  const z = f32x4.mul(s, s);
  let p = constantF32(LOG_F32, 3);
  p = stepF32(p, z, LOG_F32, 2);
  p = stepF32(p, z, LOG_F32, 1);
  p = stepF32(p, z, LOG_F32, 0);
  const h = f32x4.mul(f32x4.mul(f, f), constantF32(FLOATS, 2));
  const inner = f32x4.add(
    f32x4.mul(s, f32x4.add(h, f32x4.mul(z, p))),
    f32x4.mul(k, constantF32(LOG_F32, 5)),
  );
  let y = f32x4.sub(
    f32x4.mul(k, constantF32(LOG_F32, 4)),
    f32x4.sub(f32x4.sub(h, inner), f),
  );
  y = v128.bitselect(y, x, f32x4.lt(x, constantF32(FLOATS, 3))); // ∞ and NaN give themselves
  y = v128.bitselect(f32x4.neg(constantF32(FLOATS, 3)), y, f32x4.eq(x, f32x4.splat(0)));
  return v128.or(y, f32x4.lt(x, f32x4.splat(0))); // all bits set: NaN
}

/**
 * k as float64 lanes, from x's bits less √½'s. SSE has no arithmetic shift of 64-bit lanes, so the
 * high words are shifted as 32-bit lanes and gathered.
 */
@inline
export function binaryExponentF64(shifted: v128): v128 {
  const words = i32x4.shr_s(shifted, 20);
  return f64x2.convert_low_i32x4_s(i32x4.shuffle(words, words, 1, 3, 1, 3));
}

/** Natural logarithm: −∞ at ±0, NaN below 0. */
export function logF64(x: v128): v128 {
  const subnormal = f64x2.lt(x, f64x2.splat(2.2250738585072014e-308));
  const bits = v128.bitselect(f64x2.mul(x, f64x2.splat(18014398509481984)), x, subnormal);
  const shifted = i64x2.sub(bits, i64x2.splat(SQRT_HALF_F64));
  const m = i64x2.sub(bits, v128.and(shifted, i64x2.splat(-0x10000000000000)));
  const k = f64x2.sub(binaryExponentF64(shifted), v128.and(subnormal, f64x2.splat(54)));
  const f = f64x2.sub(m, f64x2.splat(1));
  const s = f64x2.div(f, f64x2.add(f, f64x2.splat(2)));
  const z = f64x2.mul(s, s);
  let p = constantF64(LOG_F64, 6);
  p = stepF64(p, z, LOG_F64, 5);
  p = stepF64(p, z, LOG_F64, 4);
  p = stepF64(p, z, LOG_F64, 3);
  p = stepF64(p, z, LOG_F64, 2);
  p = stepF64(p, z, LOG_F64, 1);
  p = stepF64(p, z, LOG_F64, 0);
  const h = f64x2.mul(f64x2.mul(f, f), f64x2.splat(0.5));
  const inner = f64x2.add(
    f64x2.mul(s, f64x2.add(h, f64x2.mul(z, p))),
    f64x2.mul(k, constantF64(LOG_F64, 8)),
  );
  let y = f64x2.sub(
    f64x2.mul(k, constantF64(LOG_F64, 7)),
    f64x2.sub(f64x2.sub(h, inner), f),
  );
  y = v128.bitselect(y, x, f64x2.lt(x, f64x2.splat(Infinity)));
  y = v128.bitselect(f64x2.splat(-Infinity), y, f64x2.eq(x, f64x2.splat(0)));
  return v128.or(y, f64x2.lt(x, f64x2.splat(0)));
}

/** 1/ln 2; log₁₀ 2 with 42 bits after the point, and the rest; 1/ln 10. */
const OTHER_BASES = memory.data<f64>([
  1.4426950408889634, 0.30102999566383914, 1.42050232272661e-13, 0.4342944819032518,
]);

/** x's bits, a subnormal's scaled by 2⁵⁴. */
@inline
function normalF64(x: v128): v128 {
  const subnormal = f64x2.lt(x, f64x2.splat(2.2250738585072014e-308));
  return v128.bitselect(f64x2.mul(x, f64x2.splat(18014398509481984)), x, subnormal);
}

/** k of x = 2ᵏ·m. */
@inline
function exponentF64(x: v128): v128 {
  const subnormal = f64x2.lt(x, f64x2.splat(2.2250738585072014e-308));
  const k = binaryExponentF64(i64x2.sub(normalF64(x), i64x2.splat(SQRT_HALF_F64)));
  return f64x2.sub(k, v128.and(subnormal, f64x2.splat(54)));
}

/** m of x = 2ᵏ·m, √½ ≤ m < √2. */
@inline
function mantissaF64(x: v128): v128 {
  const bits = normalF64(x);
  const shifted = i64x2.sub(bits, i64x2.splat(SQRT_HALF_F64));
  return i64x2.sub(bits, v128.and(shifted, i64x2.splat(-0x10000000000000)));
}

/** Where x is positive and finite y, else what the natural logarithm gives. */
@inline
function regularF64(x: v128, y: v128): v128 {
  const inside = v128.and(f64x2.gt(x, f64x2.splat(0)), f64x2.lt(x, f64x2.splat(Infinity)));
  return v128.bitselect(y, logF64(x), inside);
}

/** log₂ x = k + log m / ln 2: exact at powers of 2. */
export function log2F64(x: v128): v128 {
  const l = f64x2.mul(logF64(mantissaF64(x)), constantF64(OTHER_BASES, 0));
  return regularF64(x, f64x2.add(exponentF64(x), l));
}

/** log₁₀ x = k·log₁₀ 2 + log m / ln 10, the first product exact but for a small rest: exact at powers of 10. */
export function log10F64(x: v128): v128 {
  const k = exponentF64(x);
  const l = f64x2.mul(logF64(mantissaF64(x)), constantF64(OTHER_BASES, 3));
  const rest = f64x2.add(f64x2.mul(k, constantF64(OTHER_BASES, 2)), l);
  return regularF64(x, f64x2.add(f64x2.mul(k, constantF64(OTHER_BASES, 1)), rest));
}

/** log(1 + x): u = 1 + x rounded, and what the rounding lost, c, to first order: log u + c/u. */
export function log1pF64(x: v128): v128 {
  const one = f64x2.splat(1);
  const u = f64x2.add(one, x);
  const c = f64x2.sub(x, f64x2.sub(u, one));
  const l = logF64(u);
  const y = f64x2.add(l, f64x2.div(c, u));
  const itself = v128.or(f64x2.eq(x, f64x2.splat(0)), f64x2.eq(x, f64x2.splat(Infinity)));
  return v128.bitselect(x, v128.bitselect(l, y, f64x2.eq(u, f64x2.splat(0))), itself);
}
