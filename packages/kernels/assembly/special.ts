/**
 * The inverse error function, and the gamma function's kin. In float64 for both float types; a float32 result is
 * rounded once. Largest errors seen over 20,000 arguments each, against 40 digits, in units in the last place: erfinv
 * 3.0, polygamma 12 (orders to 20; 60 to 170). lgamma and digamma: 7 units of the result or of 1, whichever is
 * larger, since both have zeros; of lgamma those at 1 and 2 count (6 units of the result); for negative x so far as
 * π·x and 1 − x, which are rounded, tell it.
 */
import { tanF64 } from "./arc";
import { constantF64, productErrorF64, stepF64 } from "./arithmetic";
import { erfNearF64, scaledErfcF64 } from "./erf";
import { expTailF64 } from "./exp";
import { binary, Heavy, Light, unary } from "./elementwise";
import { Binary, Unary } from "./functions";
import { log1pF64 } from "./log";
import { logF64, powF64, sinF64 } from "./math";

const SQRT_PI_HALF: f64 = 0.886226925452758; // √π / 2
/** In S. Winitzki's approximation of the inverse error function (2008). */
const WINITZKI: f64 = 0.147;

/**
 * y with erf y = x; ±∞ at ±1, NaN beyond. From Winitzki's approximation y twice Newton's step u and the next two
 * terms of the inverse function's series, −u + yu² − (1 + 4y²)u³/3. It comes from erf y − |x|, or from ½ on
 * (1 − |x|) − erfc y, which loses no digits.
 */
function erfinvF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const one = f64x2.splat(1);
  const rest = f64x2.sub(one, a);
  const l = logF64(f64x2.mul(rest, f64x2.add(one, a)));
  const b = f64x2.add(f64x2.splat(2 / (Math.PI * WINITZKI)), f64x2.mul(l, f64x2.splat(0.5)));
  const c = f64x2.mul(l, f64x2.splat(-1 / WINITZKI));
  let y = f64x2.sqrt(f64x2.div(c, f64x2.add(f64x2.sqrt(f64x2.add(f64x2.mul(b, b), c)), b)));
  for (let step = 0; step < 2; step++) {
    const square = f64x2.mul(y, y);
    const growth = expTailF64(square, productErrorF64(y, y, square));
    const near = f64x2.mul(f64x2.sub(erfNearF64(y), a), growth);
    const far = f64x2.sub(f64x2.mul(rest, growth), scaledErfcF64(y));
    const error = v128.bitselect(near, far, f64x2.lt(y, f64x2.splat(0.5)));
    const u = f64x2.mul(error, f64x2.splat(SQRT_PI_HALF));
    const cubic = f64x2.mul(u, f64x2.add(f64x2.splat(1.0 / 3.0), f64x2.mul(square, f64x2.splat(4.0 / 3.0))));
    y = f64x2.sub(y, f64x2.mul(u, f64x2.sub(one, f64x2.mul(u, f64x2.sub(y, cubic)))));
  }
  y = v128.bitselect(f64x2.splat(Infinity), y, f64x2.eq(a, one));
  return v128.bitselect(x, y, f64x2.splat(-0.0));
}

// What follows branches, so it works number by number.

@inline
function log(x: f64): f64 {
  return f64x2.extract_lane(logF64(f64x2.splat(x)), 0);
}

/** Up to here powers are quotients: a third of the time, within 4 units in the last place. */
const FEW_QUOTIENTS: f64 = 8;

/** a^−s for s = 1, 2, …. */
function inversePower(a: f64, s: f64): f64 {
  if (s > FEW_QUOTIENTS) return f64x2.extract_lane(powF64(f64x2.splat(a), f64x2.splat(-s)), 0);
  let y: f64 = 1;
  for (; s > 0; s--) y /= a;
  return y;
}

/** Bernoulli numbers B₂, B₄, …, B₂₀. */
const BERNOULLI = memory.data<f64>([
  1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0,
  43867.0 / 798.0, -174611.0 / 330.0,
]);
const BERNOULLIS = 10;

/** (−1)ᵏ(ζ(k) − 1)/k for k = 2, 3, …, 27: what is left out is below 2⁻⁶⁰. */
const ZETA = memory.data<f64>([
  0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
  -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939, 9.945751278180853e-05,
  -4.492623673813314e-05, 2.050721277567069e-05, -9.439488275268397e-06, 4.374866789907488e-06,
  -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07, 2.1207184805554665e-07,
  -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08, 1.0838659214896955e-08,
  -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09, 5.731367241678862e-10,
  -2.7595228851242334e-10,
]);
const ZETAS = 26;
/** 1 − γ, γ being Euler's constant. */
const EULER_REST: f64 = 0.42278433509846713;

/** log Γ(2 + z) = (1 − γ)z + Σ (−1)ᵏ(ζ(k) − 1)zᵏ/k, for |z| ≤ ½ (Abramowitz and Stegun 6.1.33). */
function lgammaNear2(z: f64): f64 {
  let sum: f64 = 0;
  for (let k = ZETAS - 1; k >= 0; k--) sum = sum * z + load<f64>(ZETA + (k << 3));
  return z * (EULER_REST + z * sum);
}

/** From here on the asymptotic series reach full precision. */
const ASYMPTOTIC: f64 = 13;
const LOG_2PI_HALF: f64 = 0.9189385332046728; // ln(2π) / 2

/** log |Γ(x)|; ∞ at 0, −1, −2, …. */
function lgamma(x: f64): f64 {
  if (x <= 0) {
    const r = x - nearest(x);
    if (r == 0 || x == -Infinity) return Infinity;
    // Γ(x)Γ(1 − x) = π / sin πx
    const sine = f64x2.extract_lane(sinF64(f64x2.splat(Math.PI * r)), 0);
    return log(Math.PI / abs(sine)) - lgamma(1 - x);
  }
  // From Γ(2 + z) = (1 + z)·z·Γ(z)
  if (x < 0.5) return lgammaNear2(x) - log1p(x) - log(x);
  if (x < 1.5) return lgammaNear2(x - 1) - log1p(x - 1);
  if (x < ASYMPTOTIC) {
    let product: f64 = 1;
    for (; x > 2.5; x--) product *= x - 1;
    return log(product) + lgammaNear2(x - 2);
  }
  // Stirling's series
  let sum: f64 = 0;
  for (let k = BERNOULLIS; k > 0; k--) {
    sum = sum / (x * x) + load<f64>(BERNOULLI + (k << 3) - 8) / (2 * k * (2 * k - 1));
  }
  return (x - 0.5) * (log(x) - 1) + (LOG_2PI_HALF - 0.5) + sum / x;
}

@inline
function log1p(x: f64): f64 {
  return f64x2.extract_lane(log1pF64(f64x2.splat(x)), 0);
}

/** ψ(x) = d/dx log Γ(x); NaN at −1, −2, …, and ∓∞ at ±0. */
function digamma(x: f64): f64 {
  if (x == 0) return -1 / x;
  if (x < 0) {
    const r = x - nearest(x);
    if (r == 0 || x == -Infinity) return NaN;
    // ψ(1 − x) − ψ(x) = π cot πx
    return digamma(1 - x) - Math.PI / f64x2.extract_lane(tanF64(f64x2.splat(Math.PI * r)), 0);
  }
  let shift: f64 = 0;
  for (; x < ASYMPTOTIC; x++) shift += 1 / x;
  if (x == Infinity) return x;
  let sum: f64 = 0;
  for (let k = BERNOULLIS; k > 0; k--) {
    sum = (sum + load<f64>(BERNOULLI + (k << 3) - 8) / (2 * k)) / (x * x);
  }
  return log(x) - 0.5 / x - sum - shift;
}

/** What a term of ζ(s, a) adds less than to full precision. */
const NEGLIGIBLE: f64 = 1.0 / 18014398509481984.0; // 2⁻⁵⁴

/**
 * ζ(s, a)·c^−s = Σ (ca + cn)^−s for a > 0, s > 1: first terms, then Euler's and Maclaurin's formula, from
 * a = s + 13 on.
 */
function hurwitz(s: f64, a: f64, c: f64): f64 {
  let sum: f64 = 0;
  for (; a < ASYMPTOTIC + s; a++) {
    const term = inversePower(a * c, s);
    sum += term;
    // What follows is less than ∫ from a on, a·term/(s − 1).
    if (a * term < NEGLIGIBLE * (s - 1) * sum) return sum;
  }
  const term = inversePower(a * c, s);
  sum += (a / (s - 1) + 0.5) * term;
  // B₂ₖ/(2k)! · s(s+1)…(s+2k−2) · a^(1−s−2k)
  let factor = (0.5 * s * term) / a;
  for (let k = 1; k <= BERNOULLIS; k++) {
    sum += load<f64>(BERNOULLI + (k << 3) - 8) * factor;
    factor *= ((s + 2 * k - 1) * (s + 2 * k)) / ((2 * k + 1) * (2 * k + 2) * (a * a));
  }
  return sum;
}

/** Factorials beyond leave the range of float64. */
const MOST_DERIVATIVES: f64 = 170;
/** Below, the steps up to positive arguments are too many. */
const LEAST_POLYGAMMA: f64 = -1000000;

/** The n-th derivative of ψ, 0 ≤ n ≤ 170: (−1)ⁿ⁺¹ n! ζ(n + 1, x); NaN for another n, and for fractions below −10⁶. */
function polygamma(n: f64, x: f64): f64 {
  if (n == 0) return digamma(x);
  if (!(n > 0 && n <= MOST_DERIVATIVES && nearest(n) == n) || x != x) return NaN;
  if (x == Infinity) return 0;
  const even = (<i32>n & 1) == 0;
  let factor: f64 = even ? -1 : 1;
  for (let k: f64 = 2; k <= n; k++) factor *= k;
  if (x <= 0) {
    if (nearest(x) == x) return even ? NaN : Infinity;
    if (x < LEAST_POLYGAMMA) return NaN;
  }
  // Upwards through ζ(s, x) = x^−s + ζ(s, x + 1) to positive arguments.
  let sum: f64 = 0;
  for (; x < 0; x++) sum += inversePower(x, n + 1);
  // Powers of a large x, scaled to [1, 2), don't vanish before the factorial meets them.
  const scale = x < 1 ? 1 : reinterpret<f64>(0x7fe0000000000000 - (reinterpret<i64>(x) & 0x7ff0000000000000));
  const half = floor(n / 2);
  const y = factor * (sum + hurwitz(n + 1, x, scale));
  return (y / inversePower(scale, half)) / inversePower(scale, n + 1 - half);
}

@unmanaged class Erfinv { @inline f(x: v128): v128 { return erfinvF64(x); } }
@unmanaged class Lgamma {
  @inline f(x: v128): v128 { return f64x2(lgamma(f64x2.extract_lane(x, 0)), lgamma(f64x2.extract_lane(x, 1))); }
}
@unmanaged class Digamma {
  @inline f(x: v128): v128 { return f64x2(digamma(f64x2.extract_lane(x, 0)), digamma(f64x2.extract_lane(x, 1))); }
}
@unmanaged class Polygamma {
  @inline f(n: v128, x: v128): v128 {
    return f64x2(
      polygamma(f64x2.extract_lane(n, 0), f64x2.extract_lane(x, 0)),
      polygamma(f64x2.extract_lane(n, 1), f64x2.extract_lane(x, 1)),
    );
  }
}

export function erfinv_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Erfinv>, Heavy>(begin, end, args); }
export function erfinv_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Erfinv>, Heavy>(begin, end, args); }
export function lgamma_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Lgamma>, Heavy>(begin, end, args); }
export function lgamma_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Lgamma>, Heavy>(begin, end, args); }
export function digamma_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Digamma>, Heavy>(begin, end, args); }
export function digamma_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Digamma>, Heavy>(begin, end, args); }
export function polygamma_f32(begin: i32, end: i32, args: usize): void { binary<f32, Binary<f32, Polygamma>, Heavy>(begin, end, args); }
export function polygamma_f64(begin: i32, end: i32, args: usize): void { binary<f64, Binary<f64, Polygamma>, Heavy>(begin, end, args); }

export function scalar_erfinv_f32(x: f32): f32 { return <f32>scalar_erfinv_f64(x); }
export function scalar_erfinv_f64(x: f64): f64 { return f64x2.extract_lane(erfinvF64(f64x2.splat(x)), 0); }
export function scalar_lgamma_f32(x: f32): f32 { return <f32>lgamma(x); }
export function scalar_lgamma_f64(x: f64): f64 { return lgamma(x); }
export function scalar_digamma_f32(x: f32): f32 { return <f32>digamma(x); }
export function scalar_digamma_f64(x: f64): f64 { return digamma(x); }
export function scalar_polygamma_f32(n: f32, x: f32): f32 { return <f32>polygamma(n, x); }
export function scalar_polygamma_f64(n: f64, x: f64): f64 { return polygamma(n, x); }
