/**
 * gelu x = x·Φ(x) and its slope Φ(x) + x·φ(x), with the normal distribution Φ and its density φ. Both need
 * e^(−x²/2) once: Φ(−z) = ½·erfc(z/√2) = ½·e^(−z²/2)·Q for z ≥ 0, and Φ(z) = 1 − Φ(−z).
 */
import { constantF32, productErrorF64, stepF32 } from "./arithmetic";
import { erfNearF64, scaledErfcF64 } from "./erf";
import { expF32, expTailF64 } from "./exp";

/**
 * (1 + 2a)·e^(a²)·erfc a in t = (3 − a)/(3 + a), a ≥ 0, constant first (Chebyshev interpolation in 40 digits;
 * error 2⁻²⁸).
 */
const SCALED_F32 = memory.data<f32>([
  1.2530080080032349, 0.13562114536762238, -0.04756227135658264, -0.12964653968811035, -0.11927282810211182,
  -0.06829366832971573, -0.023789117112755775, -0.0025799842551350594, 0.001992521109059453,
  0.0008009517914615571, -0.0002782657102216035,
]);
const SCALED_DEGREE: usize = 10;
/** e^(−20²/2) is 0; √½; 3; 1; ½; ⅙; −½; 1/√(2π); −0. */
const CONSTANTS_F32 = memory.data<f32>([
  20, 0.7071067811865476, 3, 1, 0.5, 0.16666666666666666, -0.5, 0.3989422804014327, -0.0,
]);
/** Keeps 12 bits of a number, whose square then is exact. */
const UPPER_BITS = memory.data<i32>([-4096]);

/** e^(−z²/2): the square of the upper bits is exact, and e to the power of the rest a short series. */
@inline
function gaussF32(z: v128): v128 {
  const c = f32x4.pmin(z, constantF32(CONSTANTS_F32, 0)); // keeps NaN
  const upper = v128.and(c, constantF32(UPPER_BITS, 0));
  const half = constantF32(CONSTANTS_F32, 6);
  const e = expF32(f32x4.mul(half, f32x4.mul(upper, upper)));
  const rest = f32x4.mul(half, f32x4.mul(f32x4.sub(c, upper), f32x4.add(c, upper)));
  // e^r − 1 = r(1 + r(½ + r/6)) for |r| < 0.1
  const inner = f32x4.add(constantF32(CONSTANTS_F32, 4), f32x4.mul(rest, constantF32(CONSTANTS_F32, 5)));
  const series = f32x4.mul(rest, f32x4.add(constantF32(CONSTANTS_F32, 3), f32x4.mul(rest, inner)));
  return f32x4.add(e, f32x4.mul(e, series));
}

/** Φ(x), where e = e^(−x²/2). */
@inline
function normalF32(x: v128, z: v128, e: v128): v128 {
  const one = constantF32(CONSTANTS_F32, 3);
  const three = constantF32(CONSTANTS_F32, 2);
  const a = f32x4.mul(f32x4.pmin(z, constantF32(CONSTANTS_F32, 0)), constantF32(CONSTANTS_F32, 1));
  const t = f32x4.div(f32x4.sub(three, a), f32x4.add(three, a));
  let q = constantF32(SCALED_F32, SCALED_DEGREE);
  for (let i = SCALED_DEGREE; i > 0; i--) q = stepF32(q, t, SCALED_F32, i - 1);
  q = f32x4.div(q, f32x4.add(one, f32x4.add(a, a)));
  const beyond = f32x4.mul(f32x4.mul(constantF32(CONSTANTS_F32, 4), e), q);
  return v128.bitselect(beyond, f32x4.sub(one, beyond), f32x4.lt(x, f32x4.splat(0)));
}

export function geluF32(x: v128): v128 {
  const z = f32x4.abs(x);
  return f32x4.mul(x, normalF32(x, z, gaussF32(z)));
}

/** dgelu x / dx. */
export function geluSlopeF32(x: v128): v128 {
  const z = f32x4.abs(x);
  const e = gaussF32(z);
  return f32x4.add(normalF32(x, z, e), f32x4.mul(x, f32x4.mul(e, constantF32(CONSTANTS_F32, 7))));
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
