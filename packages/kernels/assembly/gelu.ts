/**
 * gelu x = x·Φ(x) and its slope Φ(x) + x·φ(x), with the normal distribution Φ and its density φ. Both need
 * e^(−x²/2) once: Φ(−z) = ½·erfc(z/√2) = ½·e^(−z²/2)·Q for z ≥ 0, and Φ(z) = 1 − Φ(−z).
 */
import { constantF32, productErrorF64, stepF32 } from "./arithmetic";
import { erfNearF64, scaledErfcF64 } from "./erf";
import { expTailF64, gaussF32 } from "./exp";

/**
 * Q/2 = (1 + a/3)/2·e^(a²)·erfc a in t = 2/(1 + a/3) − 1, a ≥ 0, constant first (Chebyshev interpolation in 40 digits
 * for a up to 9; error 2⁻²⁸).
 */
const SCALED_F32 = memory.data<f32>([
  0.17900115103189423, 0.147232412936284, 0.0983714096799462, 0.05174437442735447, 0.019921070877542354,
  0.004473239392456021, -0.00020198263591997935, -0.0005150566023345873, -8.439143966453315e-5,
  5.97205936913543e-5, -1.9479956162311125e-6,
]);
/** 1; 1/(3√2), of z = a·√2; 1/√(2π). */
const CONSTANTS_F32 = memory.data<f32>([1, 0.23570226039551584, 0.3989422804014327]);

/**
 * Φ(−z)·e^(z²/2). Even and odd terms apart, for the shorter chain; no loop, which nobody unrolls and which takes as long
 * as the arithmetic.
 */
function scaledTailF32(z: v128): v128 {
  const one = constantF32(CONSTANTS_F32, 0);
  const s = f32x4.div(one, f32x4.add(one, f32x4.mul(z, constantF32(CONSTANTS_F32, 1))));
  const t = f32x4.sub(f32x4.add(s, s), one);
  const u = f32x4.mul(t, t);
  let even = stepF32(constantF32(SCALED_F32, 10), u, SCALED_F32, 8);
  even = stepF32(stepF32(even, u, SCALED_F32, 6), u, SCALED_F32, 4);
  even = stepF32(stepF32(even, u, SCALED_F32, 2), u, SCALED_F32, 0);
  let odd = stepF32(constantF32(SCALED_F32, 9), u, SCALED_F32, 7);
  odd = stepF32(stepF32(odd, u, SCALED_F32, 5), u, SCALED_F32, 3);
  odd = stepF32(odd, u, SCALED_F32, 1);
  return f32x4.mul(s, f32x4.add(even, f32x4.mul(t, odd)));
}

/** Below 0 the small factor comes last: where it is subnormal, its digits are few. */
@inline
export function geluF32(x: v128): v128 {
  const z = f32x4.abs(x);
  const e = gaussF32(z), tail = scaledTailF32(z);
  const above = f32x4.mul(x, f32x4.sub(constantF32(CONSTANTS_F32, 0), f32x4.mul(e, tail)));
  return v128.bitselect(f32x4.mul(f32x4.mul(x, tail), e), above, f32x4.lt(x, f32x4.splat(0)));
}

/** dgelu x / dx. */
@inline
export function geluSlopeF32(x: v128): v128 {
  const z = f32x4.abs(x);
  const e = gaussF32(z);
  const beyond = f32x4.mul(e, scaledTailF32(z));
  const above = f32x4.sub(constantF32(CONSTANTS_F32, 0), beyond);
  const normal = v128.bitselect(beyond, above, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.add(normal, f32x4.mul(x, f32x4.mul(e, constantF32(CONSTANTS_F32, 2))));
}

const SQRT_HALF: f64 = 0.7071067811865476;
const DENSITY: f64 = 0.3989422804014327; // 1/√(2π)

/** e^(−z²/2), with the rounding error of the square. */
@inline
function gaussF64(z: v128): v128 {
  const c = f64x2.pmin(z, f64x2.splat(40)); // e^−800 is 0
  const square = f64x2.mul(c, c);
  const half = f64x2.splat(-0.5);
  return expTailF64(f64x2.mul(half, square), f64x2.mul(half, productErrorF64(c, c, square)));
}

@inline
function normalF64(x: v128, z: v128, e: v128): v128 {
  const one = f64x2.splat(1);
  const half = f64x2.splat(0.5);
  const scale = f64x2.splat(SQRT_HALF);
  const a = f64x2.mul(f64x2.pmin(z, f64x2.splat(40)), scale);
  const beyond = f64x2.mul(f64x2.mul(half, e), scaledErfcF64(a));
  const far = v128.bitselect(beyond, f64x2.sub(one, beyond), f64x2.lt(x, f64x2.splat(0)));
  const near = f64x2.add(half, f64x2.mul(half, erfNearF64(f64x2.mul(x, scale))));
  return v128.bitselect(near, far, f64x2.lt(a, half));
}

export function geluF64(x: v128): v128 {
  const z = f64x2.abs(x);
  return f64x2.mul(x, normalF64(x, z, gaussF64(z)));
}

/** dgelu x / dx. */
export function geluSlopeF64(x: v128): v128 {
  const z = f64x2.abs(x);
  const e = gaussF64(z);
  return f64x2.add(normalF64(x, z, e), f64x2.mul(x, f64x2.mul(e, f64x2.splat(DENSITY))));
}
