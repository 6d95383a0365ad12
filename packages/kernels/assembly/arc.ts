/**
 * The inverse trigonometric functions, all from one: atan(n/d) for n, d ≥ 0. With t = min/max ≤ 1 and c the
 * multiple of ½ next to t, atan t = atan c + atan u, u = (t − c)/(1 + tc), |u| ≤ ¼; where n > d the result is
 * π/2 less that. atan u = u − u³·P(u²).
 */
import { constantF64, stepF64 } from "./arithmetic";
import { cosF64, sinF64 } from "./trig";

/** P, constant first (minimax; error 2⁻⁶⁹ of atan u). */
const ATAN = memory.data<f64>([
  0.3333333333333333, -0.19999999999999982, 0.1428571428570453, -0.1111111110911075, 0.09090908882297034,
  -0.07692295169091659, 0.06666207458454339, -0.058718714023867545, 0.0511693551226967, -0.03600731817976272,
]);
/** atan c for c = 0, ½, 1, and π/2 less those, in two parts. */
const ANGLE = memory.data<f64>([
  0.0, 0.4636476090008061, 0.7853981633974483,
  1.5707963267948966, 1.1071487177940904, 0.7853981633974483,
]);
const ANGLE_REST = memory.data<f64>([
  0.0, 2.2698777452961687e-17, 3.061616997868383e-17,
  6.123233995736766e-17, 9.40447137356638e-17, 3.061616997868383e-17,
]);
const PI_HI: f64 = 3.141592653589793;
const PI_LO: f64 = 1.2246467991473532e-16;

/** The constant for c = 0, ½ or 1, from the row of the table that `swapped` says. */
@inline
function chosen(table: usize, swapped: v128, low: v128, middle: v128): v128 {
  const first = v128.bitselect(constantF64(table, 3), constantF64(table, 0), swapped);
  const second = v128.bitselect(constantF64(table, 4), constantF64(table, 1), swapped);
  const third = v128.bitselect(constantF64(table, 5), constantF64(table, 2), swapped);
  return v128.bitselect(first, v128.bitselect(second, third, middle), low);
}

/** atan(n/d) for n, d ≥ 0; 0/0 counts as 0 and ∞/∞ as 1. */
function atanRatioF64(n: v128, d: v128): v128 {
  const zero = f64x2.splat(0);
  const one = f64x2.splat(1);
  const half = f64x2.splat(0.5);
  const infinite = v128.and(f64x2.eq(n, f64x2.splat(Infinity)), f64x2.eq(d, f64x2.splat(Infinity)));
  n = v128.bitselect(one, n, infinite);
  d = v128.bitselect(one, d, infinite);
  const swapped = f64x2.gt(n, d);
  let small = v128.bitselect(d, n, swapped);
  let large = v128.bitselect(n, d, swapped);
  // Out of the ranges where max + c·min overflows, or c·max loses bits.
  let scale = v128.bitselect(f64x2.splat(0.25), one, f64x2.gt(large, f64x2.splat(1e300)));
  scale = v128.bitselect(f64x2.splat(1e100), scale, f64x2.lt(large, f64x2.splat(1e-200)));
  small = f64x2.mul(small, scale);
  large = f64x2.mul(large, scale);
  large = v128.bitselect(one, large, f64x2.eq(large, zero));

  const t = f64x2.div(small, large);
  const low = f64x2.lt(t, f64x2.splat(0.25));
  const middle = f64x2.lt(t, f64x2.splat(0.75));
  const c = v128.bitselect(half, one, middle);
  const reduced = f64x2.div(
    f64x2.sub(small, f64x2.mul(c, large)), // exact: the two are within a factor of 2
    f64x2.add(large, f64x2.mul(c, small)),
  );
  const u = v128.bitselect(t, reduced, low);
  const z = f64x2.mul(u, u);
  let p = constantF64(ATAN, 9);
  p = stepF64(p, z, ATAN, 8);
  p = stepF64(p, z, ATAN, 7);
  p = stepF64(p, z, ATAN, 6);
  p = stepF64(p, z, ATAN, 5);
  p = stepF64(p, z, ATAN, 4);
  p = stepF64(p, z, ATAN, 3);
  p = stepF64(p, z, ATAN, 2);
  p = stepF64(p, z, ATAN, 1);
  p = stepF64(p, z, ATAN, 0);
  const sign = v128.and(swapped, f64x2.splat(-0.0));
  const rest = f64x2.sub(
    chosen(ANGLE_REST, swapped, low, middle),
    v128.xor(f64x2.mul(f64x2.mul(u, z), p), sign),
  );
  const y = f64x2.add(v128.xor(u, sign), rest);
  return f64x2.add(chosen(ANGLE, swapped, low, middle), y);
}

/** atan x. */
export function atanF64(x: v128): v128 {
  return v128.bitselect(x, atanRatioF64(f64x2.abs(x), f64x2.splat(1)), f64x2.splat(-0.0));
}

/** The angle of the point (x, y), in (−π, π], with C's signs at zeros and infinities. */
export function atan2F64(y: v128, x: v128): v128 {
  const angle = atanRatioF64(f64x2.abs(y), f64x2.abs(x));
  const left = i64x2.shr_s(x, 63); // the sign bit: −0 too
  const beyond = f64x2.sub(f64x2.splat(PI_HI), f64x2.sub(angle, f64x2.splat(PI_LO)));
  return v128.bitselect(y, v128.bitselect(beyond, angle, left), f64x2.splat(-0.0));
}

/** asin x = atan(x / √(1 − x²)); NaN beyond ±1. */
export function asinF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const one = f64x2.splat(1);
  const side = f64x2.sqrt(f64x2.mul(f64x2.sub(one, a), f64x2.add(one, a)));
  return v128.bitselect(x, atanRatioF64(a, side), f64x2.splat(-0.0));
}

/** acos x = 2·atan(√(1 − x) / √(1 + x)), accurate at both ends; NaN beyond ±1. */
export function acosF64(x: v128): v128 {
  const one = f64x2.splat(1);
  const half = atanRatioF64(f64x2.sqrt(f64x2.sub(one, x)), f64x2.sqrt(f64x2.add(one, x)));
  return f64x2.add(half, half);
}

/** tan x. */
export function tanF64(x: v128): v128 {
  return f64x2.div(sinF64(x), cosF64(x));
}
