/**
 * The elementary functions of one number, for JavaScript: the bits that a vector's lane gets.
 */
import {
  cosF32, cosF64, expF32, expF64, logF32, logF64, powF32, powF64, sigmoidF32, sigmoidF64, sinF32, sinF64, tanhF32,
  tanhF64,
} from "./math";

export function scalar_exp_f32(x: f32): f32 {
  return f32x4.extract_lane(vector_exp_f32(f32x4.splat(x)), 0);
}

export function scalar_exp_f64(x: f64): f64 {
  return f64x2.extract_lane(vector_exp_f64(f64x2.splat(x)), 0);
}

export function scalar_log_f32(x: f32): f32 {
  return f32x4.extract_lane(vector_log_f32(f32x4.splat(x)), 0);
}

export function scalar_log_f64(x: f64): f64 {
  return f64x2.extract_lane(vector_log_f64(f64x2.splat(x)), 0);
}

export function scalar_tanh_f32(x: f32): f32 {
  return f32x4.extract_lane(vector_tanh_f32(f32x4.splat(x)), 0);
}

export function scalar_tanh_f64(x: f64): f64 {
  return f64x2.extract_lane(vector_tanh_f64(f64x2.splat(x)), 0);
}

export function scalar_sigmoid_f32(x: f32): f32 {
  return f32x4.extract_lane(vector_sigmoid_f32(f32x4.splat(x)), 0);
}

export function scalar_sigmoid_f64(x: f64): f64 {
  return f64x2.extract_lane(vector_sigmoid_f64(f64x2.splat(x)), 0);
}

export function scalar_sin_f32(x: f32): f32 {
  return f32x4.extract_lane(vector_sin_f32(f32x4.splat(x)), 0);
}

export function scalar_sin_f64(x: f64): f64 {
  return f64x2.extract_lane(vector_sin_f64(f64x2.splat(x)), 0);
}

export function scalar_cos_f32(x: f32): f32 {
  return f32x4.extract_lane(vector_cos_f32(f32x4.splat(x)), 0);
}

export function scalar_cos_f64(x: f64): f64 {
  return f64x2.extract_lane(vector_cos_f64(f64x2.splat(x)), 0);
}

export function scalar_pow_f32(a: f32, b: f32): f32 {
  return f32x4.extract_lane(vector_pow_f32(f32x4.splat(a), f32x4.splat(b)), 0);
}

export function scalar_pow_f64(a: f64, b: f64): f64 {
  return f64x2.extract_lane(vector_pow_f64(f64x2.splat(a), f64x2.splat(b)), 0);
}

// The same for a vector, for kernels made at run time.

export function vector_exp_f32(x: v128): v128 { return expF32(x); }
export function vector_exp_f64(x: v128): v128 { return expF64(x); }
export function vector_log_f32(x: v128): v128 { return logF32(x); }
export function vector_log_f64(x: v128): v128 { return logF64(x); }
export function vector_tanh_f32(x: v128): v128 { return tanhF32(x); }
export function vector_tanh_f64(x: v128): v128 { return tanhF64(x); }
export function vector_sigmoid_f32(x: v128): v128 { return sigmoidF32(x); }
export function vector_sigmoid_f64(x: v128): v128 { return sigmoidF64(x); }
export function vector_sin_f32(x: v128): v128 { return sinF32(x); }
export function vector_sin_f64(x: v128): v128 { return sinF64(x); }
export function vector_cos_f32(x: v128): v128 { return cosF32(x); }
export function vector_cos_f64(x: v128): v128 { return cosF64(x); }
export function vector_pow_f32(a: v128, b: v128): v128 { return powF32(a, b); }
export function vector_pow_f64(a: v128, b: v128): v128 { return powF64(a, b); }
