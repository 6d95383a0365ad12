/**
 * Error function: x·P(x²) up to ½; beyond, 1 less erfc x = e^(−x²)·Q(t) / (1 + 2x), where t = (4 − x)/(3 + x)
 * takes [½, ∞) to [−1, 1] and the factor 1 + 2x keeps Q nearly constant (the form of M. M. Shepherd and
 * J. G. Laframboise, "Chebyshev approximation of (1 + 2x)exp(x²)erfc x", 1981; the coefficients are our own).
 */
import { constantF32, constantF64, productErrorF64, stepF32, stepF64 } from "./arithmetic";
import { expF32, expTailF64 } from "./exp";

/** P, constant first (Chebyshev interpolation in 150 bits; error 2⁻⁷²). */
const ERF = memory.data<f64>([
  1.1283791670955126, -0.37612638903183754, 0.11283791670955123, -0.02686617064513003,
  0.005223977625403085, -0.000854832701614194, 0.00012055332129506839, -1.4925586460369781e-05,
  1.6459030738902206e-06, -1.6273067498640665e-07, 1.3213778399713015e-08,
]);
/** Q, constant first (Chebyshev interpolation in 150 bits; error 2⁻⁵⁸). */
const ERFC = memory.data<f64>([
  1.2329951186255526, 0.12216847723549219, -0.0034960135133682967, -0.04665458534674158,
  -0.04180651066501247, -0.022801799598895535, -0.008073603938409104, -0.0013920612489409345,
  0.0002474037667476515, 0.00019788759215706305, 1.747909367977436e-05, -1.8863194245256844e-05,
  -4.577222359327935e-06, 1.913546489115558e-06, 7.237626468190278e-07, -2.408349807458199e-07,
  -1.0493774859885045e-07, 3.832966003311098e-08, 1.4297043677246165e-08, -6.801371534298556e-09,
  -1.6435553087166748e-09, 1.0648505869986335e-09, 1.1546483167686888e-10, -9.830381985699387e-11,
]);
const ERFC_DEGREE: usize = 23;

/** erf x / x − 1 in x² for |x| ≤ 1, constant first (Chebyshev interpolation in 40 digits; error 2⁻³⁴). */
const ERF_F32 = memory.data<f32>([
  0.12837916612625122, -0.37612637877464294, 0.11283782124519348, -0.026865430176258087,
  0.005221031606197357, -0.0008484080317430198, 0.00011265958892181516, -9.667044650996104e-6,
]);
/** −log erfc x for 1 ≤ x ≤ 4, constant first (likewise; error 2⁻²⁵, of which erfc x ≤ 0.16 leaves little in 1 − erfc x). */
const LOG_ERFC_F32 = memory.data<f32>([
  -0.0003201380604878068, 1.1302334070205688, 0.6318260431289673, 0.11008008569478989, -0.026421135291457176,
  0.004759596195071936, -0.0005968056502752006, 4.605804133461788e-5, -1.6371513993362896e-6,
]);
/** 1, beyond which the second form holds, and 4, from where on erf x rounds to 1. */
const LIMITS_F32 = memory.data<f32>([1, 4]);

/** erf x, within 2 ulp: x + x·P(x²), or 1 − e^(log erfc x) from 1 on. Half the bits take a fifth of the time. */
export function erfF32(x: v128): v128 {
  const one = constantF32(LIMITS_F32, 0);
  const z = f32x4.mul(x, x);
  // Even and odd terms apart, for the shorter chain; no loop, which nobody unrolls.
  const zz = f32x4.mul(z, z);
  let even = stepF32(constantF32(ERF_F32, 6), zz, ERF_F32, 4);
  even = stepF32(stepF32(even, zz, ERF_F32, 2), zz, ERF_F32, 0);
  let odd = stepF32(constantF32(ERF_F32, 7), zz, ERF_F32, 5);
  odd = stepF32(stepF32(odd, zz, ERF_F32, 3), zz, ERF_F32, 1);
  const p = f32x4.add(even, f32x4.mul(z, odd));
  const near = f32x4.add(x, f32x4.mul(x, p));
  const a = f32x4.abs(x);
  const c = f32x4.pmin(a, constantF32(LIMITS_F32, 1)); // keeps NaN
  const cc = f32x4.mul(c, c);
  even = stepF32(stepF32(constantF32(LOG_ERFC_F32, 8), cc, LOG_ERFC_F32, 6), cc, LOG_ERFC_F32, 4);
  even = stepF32(stepF32(even, cc, LOG_ERFC_F32, 2), cc, LOG_ERFC_F32, 0);
  odd = stepF32(constantF32(LOG_ERFC_F32, 7), cc, LOG_ERFC_F32, 5);
  odd = stepF32(stepF32(odd, cc, LOG_ERFC_F32, 3), cc, LOG_ERFC_F32, 1);
  const q = f32x4.add(even, f32x4.mul(c, odd));
  const far = v128.bitselect(x, f32x4.sub(one, expF32(f32x4.neg(q))), f32x4.splat(-0.0));
  return v128.bitselect(near, far, f32x4.lt(a, one));
}

/** erf x for |x| ≤ ½. */
@inline
export function erfNearF64(x: v128): v128 {
  const z = f64x2.mul(x, x);
  let p = constantF64(ERF, 10);
  for (let i: usize = 10; i > 0; i--) p = stepF64(p, z, ERF, i - 1);
  return f64x2.mul(x, p);
}

/** e^(x²)·erfc x for x ≥ ½. */
@inline
export function scaledErfcF64(x: v128): v128 {
  const t = f64x2.div(f64x2.sub(f64x2.splat(4), x), f64x2.add(f64x2.splat(3), x));
  let q = constantF64(ERFC, ERFC_DEGREE);
  for (let i = ERFC_DEGREE; i > 0; i--) q = stepF64(q, t, ERFC, i - 1);
  return f64x2.div(q, f64x2.add(f64x2.splat(1), f64x2.add(x, x)));
}

/** erfc x for x ≥ ½. The rounding error of x² counts as it stands in the exponent, so it is carried along. */
@inline
function erfcFarF64(x: v128): v128 {
  x = f64x2.pmin(x, f64x2.splat(28)); // e^−784 is 0
  const square = f64x2.mul(x, x);
  const e = expTailF64(f64x2.neg(square), f64x2.neg(productErrorF64(x, x, square)));
  return f64x2.mul(e, scaledErfcF64(x));
}

/** erf x = 2/√π ∫₀ˣ e^(−t²) dt. */
export function erfF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const far = v128.bitselect(x, f64x2.sub(f64x2.splat(1), erfcFarF64(a)), f64x2.splat(-0.0));
  return v128.bitselect(erfNearF64(x), far, f64x2.lt(a, f64x2.splat(0.5)));
}

/** erfc x = 1 − erf x, accurate where that is small. */
export function erfcF64(x: v128): v128 {
  const a = f64x2.abs(x);
  const far = erfcFarF64(a);
  const either = v128.bitselect(f64x2.sub(f64x2.splat(2), far), far, f64x2.lt(x, f64x2.splat(0)));
  const near = f64x2.sub(f64x2.splat(1), erfNearF64(x));
  return v128.bitselect(near, either, f64x2.lt(a, f64x2.splat(0.5)));
}
