/** Hyperbolic functions and their inverses, cube root and hypotenuse, from exponential and logarithm. */
import { expF64, expm1F64 } from "./exp";
import { log1pF64, logF64 } from "./log";
import { powF64 } from "./pow";

const LN2: f64 = 0.6931471805599453;

/** eᵃ / 2 for a ≥ 0, as (e^(a/2) / 2)·e^(a/2): eᵃ may overflow where its half does not. */
@inline
function halfExpF64(a: v128): v128 {
  const half = f64x2.splat(0.5);
  const h = expF64(f64x2.mul(a, half));
  return f64x2.mul(f64x2.mul(h, half), h);
}

/** sinh x = (m + m/(m + 1)) / 2 with m = e^|x| − 1; from 40 on e^|x| / 2. */
export function sinhF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const m = expm1F64(a);
  const y = f64x2.mul(f64x2.splat(0.5), f64x2.add(m, f64x2.div(m, f64x2.add(m, f64x2.splat(1)))));
  const size = v128.bitselect(halfExpF64(a), y, f64x2.gt(a, f64x2.splat(40)));
  return v128.bitselect(x, size, f64x2.splat(-0.0));
}

/** cosh x = (e^|x| + e^−|x|) / 2; from 40 on e^|x| / 2. */
export function coshF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const half = f64x2.splat(0.5);
  const e = expF64(a);
  const y = f64x2.add(f64x2.mul(half, e), f64x2.div(half, e));
  return v128.bitselect(halfExpF64(a), y, f64x2.gt(a, f64x2.splat(40)));
}

/** From here on log(2x) stands for asinh x and acosh x: 1/x² is below the last place. */
const LARGE: f64 = 1e9;

/** asinh x = log(|x| + √(x² + 1)), as log1p(|x| + x²/(1 + √(x² + 1))) for the sake of small x. */
export function asinhF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const one = f64x2.splat(1);
  const z = f64x2.mul(a, a);
  const y = log1pF64(f64x2.add(a, f64x2.div(z, f64x2.add(one, f64x2.sqrt(f64x2.add(z, one))))));
  const far = f64x2.add(logF64(a), f64x2.splat(LN2));
  return v128.bitselect(x, v128.bitselect(far, y, f64x2.gt(a, f64x2.splat(LARGE))), f64x2.splat(-0.0));
}

/** acosh x = log1p(t + √(2t + t²)), t = x − 1; NaN below 1. */
export function acoshF64(x: v128): v128 {
  const t = f64x2.sub(x, f64x2.splat(1));
  const y = log1pF64(f64x2.add(t, f64x2.sqrt(f64x2.add(f64x2.add(t, t), f64x2.mul(t, t)))));
  const far = f64x2.add(logF64(x), f64x2.splat(LN2));
  const size = v128.bitselect(far, y, f64x2.gt(x, f64x2.splat(LARGE)));
  return v128.or(size, f64x2.lt(x, f64x2.splat(1))); // all bits set: NaN
}

/** atanh x = log1p(2|x| / (1 − |x|)) / 2, with x's sign; NaN beyond ±1. */
export function atanhF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const y = log1pF64(f64x2.div(f64x2.add(a, a), f64x2.sub(f64x2.splat(1), a)));
  return v128.bitselect(x, f64x2.mul(f64x2.splat(0.5), y), f64x2.splat(-0.0));
}

/** 2ˣ. */
export function exp2F64(x: v128): v128 {
  return powF64(f64x2.splat(2), x);
}

/** ∛x: |x|^⅓, whose exponent is rounded, made right by one step y − (y − a/y²)/3 of Newton's. */
export function cbrtF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const y = powF64(a, f64x2.splat(1.0 / 3.0));
  const error = f64x2.sub(y, f64x2.div(a, f64x2.mul(y, y)));
  const root = f64x2.sub(y, f64x2.div(error, f64x2.splat(3)));
  const itself = v128.or(f64x2.eq(a, f64x2.splat(0)), f64x2.eq(a, f64x2.splat(Infinity)));
  return v128.bitselect(x, v128.bitselect(a, root, itself), f64x2.splat(-0.0));
}

/** √(a² + b²), scaled by a power of 2 where squares would leave the range; ∞ if either is, even beside NaN. */
export function hypotF64(a: v128, b: v128): v128 {
  a = f64x2.abs(a);
  b = f64x2.abs(b);
  const one = f64x2.splat(1);
  const most = f64x2.max(a, b);
  const big = f64x2.gt(most, f64x2.splat(1e150));
  const tiny = f64x2.lt(most, f64x2.splat(1e-140));
  const scale = v128.bitselect(f64x2.splat(2.409919865102884e-181), v128.bitselect(f64x2.splat(4.149515568880993e+180), one, tiny), big);
  const back = v128.bitselect(f64x2.splat(4.149515568880993e+180), v128.bitselect(f64x2.splat(2.409919865102884e-181), one, tiny), big);
  const p = f64x2.mul(a, scale);
  const q = f64x2.mul(b, scale);
  const y = f64x2.mul(f64x2.sqrt(f64x2.add(f64x2.mul(p, p), f64x2.mul(q, q))), back);
  const infinity = f64x2.splat(Infinity);
  return v128.bitselect(infinity, y, v128.or(f64x2.eq(a, infinity), f64x2.eq(b, infinity)));
}

/** log(eᵃ + eᵇ) = max + log1p(e^−|a − b|), equal infinities included. */
export function logaddexpF64(a: v128, b: v128): v128 {
  const apart = v128.andnot(f64x2.sub(a, b), f64x2.eq(a, b));
  const distance = f64x2.abs(apart);
  return f64x2.add(f64x2.max(a, b), log1pF64(expF64(f64x2.neg(distance))));
}
