/** What the elementary functions share. */

/**
 * Constant i of a table. Tables lie in the module's static memory, which is never written: V8
 * rebuilds a literal vector with three instructions at every use, where this is one load (exp of
 * a million float32: 2.5 ms with literals, 1.7 ms so). Zeros and all ones are cheap as literals.
 */
@inline
export function constantF32(table: usize, i: usize): v128 {
  return v128.load32_splat(table + (i << 2));
}

/** Constant i of a table; see {@link constantF32}. */
@inline
export function constantF64(table: usize, i: usize): v128 {
  return v128.load64_splat(table + (i << 3));
}

/** One Horner step, p·x + table[i]. */
@inline
export function stepF32(p: v128, x: v128, table: usize, i: usize): v128 {
  return f32x4.add(f32x4.mul(p, x), constantF32(table, i));
}

/** One Horner step, p·x + table[i]. */
@inline
export function stepF64(p: v128, x: v128, table: usize, i: usize): v128 {
  return f64x2.add(f64x2.mul(p, x), constantF64(table, i));
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
