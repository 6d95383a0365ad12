/** What the elementary functions share. */

/** 1.5·2⁵²: adding it rounds to a whole number (half to even), left in the low bits. */
export const ROUND_F64: f64 = 6755399441055744.0;

/** One Horner step, p·x + c. */
@inline
export function stepF32(p: v128, x: v128, c: f32): v128 {
  return f32x4.add(f32x4.mul(p, x), f32x4.splat(c));
}

/** One Horner step, p·x + c. */
@inline
export function stepF64(p: v128, x: v128, c: f64): v128 {
  return f64x2.add(f64x2.mul(p, x), f64x2.splat(c));
}

/** The rounding error a·b − p of p = a·b, exactly (T. J. Dekker 1971), for |a|, |b| below 2⁹⁹⁵. */
@inline
export function productErrorF64(a: v128, b: v128, p: v128): v128 {
  // Halves of at most 26 bits, whose products are exact.
  const splitter = f64x2.splat(134217729); // 2²⁷ + 1
  const ta = f64x2.mul(a, splitter);
  const tb = f64x2.mul(b, splitter);
  const aHigh = f64x2.sub(ta, f64x2.sub(ta, a));
  const bHigh = f64x2.sub(tb, f64x2.sub(tb, b));
  const aLow = f64x2.sub(a, aHigh);
  const bLow = f64x2.sub(b, bHigh);
  const cross = f64x2.add(f64x2.mul(aHigh, bLow), f64x2.mul(aLow, bHigh));
  return f64x2.add(
    f64x2.add(f64x2.sub(f64x2.mul(aHigh, bHigh), p), cross),
    f64x2.mul(aLow, bLow),
  );
}

/** The rounding error of s = a + b, exactly, where |a| ≥ |b| or a = 0. */
@inline
export function sumErrorF64(a: v128, b: v128, s: v128): v128 {
  return f64x2.add(f64x2.sub(a, s), b);
}
