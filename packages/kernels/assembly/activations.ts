/** Activations that take an exponential: silu, mish and softplus, and slopes. z = e^−|x| ≤ 1 serves both signs. */
import { constantF32, stepF32 } from "./arithmetic";
import { binary, Heavy, unary } from "./elementwise";
import { expF32, expF64, sigmoidF32, sigmoidF64 } from "./exp";
import { log1pF64 } from "./log";
import { the } from "./strided";

/** −0; 1; 2. */
const CONSTANTS_F32 = memory.data<f32>([-0.0, 1, 2]);
/** (2·artanh √u / √u − 2) / u for 0 ≤ u ≤ 1/9, constant first (Chebyshev interpolation in 40 digits; error 2⁻³¹ of the whole). */
const ARTANH_F32 = memory.data<f32>([
  0.6666666732052742, 0.3999970633192972, 0.28592357994302836, 0.21706575800880373, 0.2322432922402335,
]);

@inline
function one<T>(): v128 {
  return sizeof<T>() == 4 ? constantF32(CONSTANTS_F32, 1) : f64x2.splat(1);
}

@inline
function sigmoid<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? sigmoidF32(x) : sigmoidF64(x);
}

@unmanaged class Silu<T> { @inline apply(x: v128): v128 { return v128.mul<T>(x, sigmoid<T>(x)); } }

/** σ + x·σ·(1 − σ), times a. */
@unmanaged class SiluGrad<T> {
  @inline apply(a: v128, x: v128): v128 {
    const s = sigmoid<T>(x);
    const slope = v128.mul<T>(s, v128.add<T>(one<T>(), v128.mul<T>(x, v128.sub<T>(one<T>(), s))));
    return v128.mul<T>(a, slope);
  }
}

/** e^−|x|. */
@inline
function falling<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? expF32(v128.or(x, constantF32(CONSTANTS_F32, 0))) : expF64(v128.or(x, f64x2.splat(-0.0)));
}

// tanh(log(1 + eˣ)) = n/d with n = eˣ(eˣ + 2) and d = n + 2, both times z² for x > 0.

@inline
function numerator<T>(z: v128, below: v128): v128 {
  return v128.add<T>(v128.bitselect(v128.mul<T>(z, z), one<T>(), below), v128.add<T>(z, z));
}

@inline
function denominator<T>(n: v128, z: v128, below: v128): v128 {
  const half = v128.bitselect(one<T>(), v128.mul<T>(z, z), below);
  return v128.add<T>(n, v128.add<T>(half, half));
}

/** x·n/d. */
@unmanaged class Mish<T> {
  @inline apply(x: v128): v128 {
    const z = falling<T>(x);
    const below = v128.lt<T>(x, v128.splat<T>(0));
    const n = numerator<T>(z, below);
    return v128.mul<T>(x, v128.div<T>(n, denominator<T>(n, z, below)));
  }
}

/** n/d + x·σ·(1 − (n/d)²) = (n + 4x·k/d)/d with k = z(1 + z), times z for x > 0; times a. */
@unmanaged class MishGrad<T> {
  @inline apply(a: v128, x: v128): v128 {
    const z = falling<T>(x);
    const below = v128.lt<T>(x, v128.splat<T>(0));
    const n = numerator<T>(z, below);
    const w = v128.div<T>(one<T>(), denominator<T>(n, z, below));
    const k = v128.mul<T>(v128.bitselect(z, v128.mul<T>(z, z), below), v128.add<T>(one<T>(), z));
    const twice = v128.mul<T>(v128.add<T>(x, x), k);
    const bend = v128.mul<T>(v128.add<T>(twice, twice), w);
    return v128.mul<T>(a, v128.mul<T>(w, v128.add<T>(n, bend)));
  }
}

/** log(1 + eˣ) = max(x, 0) + log(1 + z); of float32, log(1 + z) = 2·artanh s with s = z/(2 + z). */
@unmanaged class Softplus<T> {
  @inline apply(x: v128): v128 {
    const z = falling<T>(x);
    const top = v128.pmax<T>(x, v128.splat<T>(0)); // keeps NaN
    if (sizeof<T>() == 8) return f64x2.add(top, log1pF64(z));
    const s = f32x4.div(z, f32x4.add(constantF32(CONSTANTS_F32, 2), z));
    const u = f32x4.mul(s, s);
    let p = stepF32(constantF32(ARTANH_F32, 4), u, ARTANH_F32, 3);
    p = stepF32(stepF32(stepF32(p, u, ARTANH_F32, 2), u, ARTANH_F32, 1), u, ARTANH_F32, 0);
    return f32x4.add(top, f32x4.add(f32x4.add(s, s), f32x4.mul(f32x4.mul(s, u), p)));
  }
}

export function silu_f32(begin: i32, end: i32, args: usize): void { unary<f32, Silu<f32>, Heavy>(begin, end, args); }
export function silu_f64(begin: i32, end: i32, args: usize): void { unary<f64, Silu<f64>, Heavy>(begin, end, args); }
export function mish_f32(begin: i32, end: i32, args: usize): void { unary<f32, Mish<f32>, Heavy>(begin, end, args); }
export function mish_f64(begin: i32, end: i32, args: usize): void { unary<f64, Mish<f64>, Heavy>(begin, end, args); }
export function softplus_f32(begin: i32, end: i32, args: usize): void { unary<f32, Softplus<f32>, Heavy>(begin, end, args); }
export function softplus_f64(begin: i32, end: i32, args: usize): void { unary<f64, Softplus<f64>, Heavy>(begin, end, args); }
export function siluGrad_f32(begin: i32, end: i32, args: usize): void { binary<f32, SiluGrad<f32>, Heavy>(begin, end, args); }
export function siluGrad_f64(begin: i32, end: i32, args: usize): void { binary<f64, SiluGrad<f64>, Heavy>(begin, end, args); }
export function mishGrad_f32(begin: i32, end: i32, args: usize): void { binary<f32, MishGrad<f32>, Heavy>(begin, end, args); }
export function mishGrad_f64(begin: i32, end: i32, args: usize): void { binary<f64, MishGrad<f64>, Heavy>(begin, end, args); }
export function vector_silu_f32(x: v128): v128 { return the<Silu<f32>>().apply(x); }
export function vector_silu_f64(x: v128): v128 { return the<Silu<f64>>().apply(x); }
export function vector_mish_f32(x: v128): v128 { return the<Mish<f32>>().apply(x); }
export function vector_mish_f64(x: v128): v128 { return the<Mish<f64>>().apply(x); }
export function vector_softplus_f32(x: v128): v128 { return the<Softplus<f32>>().apply(x); }
export function vector_softplus_f64(x: v128): v128 { return the<Softplus<f64>>().apply(x); }
export function vector_siluGrad_f32(a: v128, x: v128): v128 { return the<SiluGrad<f32>>().apply(a, x); }
export function vector_siluGrad_f64(a: v128, x: v128): v128 { return the<SiluGrad<f64>>().apply(a, x); }
export function vector_mishGrad_f32(a: v128, x: v128): v128 { return the<MishGrad<f32>>().apply(a, x); }
export function vector_mishGrad_f64(a: v128, x: v128): v128 { return the<MishGrad<f64>>().apply(a, x); }
export function scalar_silu_f32(x: f32): f32 { return f32x4.extract_lane(vector_silu_f32(f32x4.splat(x)), 0); }
export function scalar_silu_f64(x: f64): f64 { return f64x2.extract_lane(vector_silu_f64(f64x2.splat(x)), 0); }
export function scalar_mish_f32(x: f32): f32 { return f32x4.extract_lane(vector_mish_f32(f32x4.splat(x)), 0); }
export function scalar_mish_f64(x: f64): f64 { return f64x2.extract_lane(vector_mish_f64(f64x2.splat(x)), 0); }
export function scalar_softplus_f32(x: f32): f32 { return f32x4.extract_lane(vector_softplus_f32(f32x4.splat(x)), 0); }
export function scalar_softplus_f64(x: f64): f64 { return f64x2.extract_lane(vector_softplus_f64(f64x2.splat(x)), 0); }
export function scalar_siluGrad_f32(a: f32, x: f32): f32 { return f32x4.extract_lane(vector_siluGrad_f32(f32x4.splat(a), f32x4.splat(x)), 0); }
export function scalar_siluGrad_f64(a: f64, x: f64): f64 { return f64x2.extract_lane(vector_siluGrad_f64(f64x2.splat(a), f64x2.splat(x)), 0); }
export function scalar_mishGrad_f32(a: f32, x: f32): f32 { return f32x4.extract_lane(vector_mishGrad_f32(f32x4.splat(a), f32x4.splat(x)), 0); }
export function scalar_mishGrad_f64(a: f64, x: f64): f64 { return f64x2.extract_lane(vector_mishGrad_f64(f64x2.splat(a), f64x2.splat(x)), 0); }
