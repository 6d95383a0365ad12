/**
 * More elementary functions, computed in float64 for both float types: a float32 result is rounded once. Only
 * expm1 (within 1.5 ulp), erf (likewise, in a fifth of the time) and gelu (see gelu.ts) have forms of their own in
 * float32.
 * Largest errors seen in float64, in units in the last place, over 1,500 arguments each of all sizes, against
 * 200 bits:
 *
 *   exp2  expm1  log1p  log2  log10  cbrt  tan   asin  acos  atan  sinh  cosh  asinh  acosh  atanh  erf   erfc
 *   0.60  1.11   1.31   1.39  1.49   0.68  1.74  1.46  1.59  0.68  1.71  1.74  1.30   1.35   1.59   1.45  2.36
 *   atan2 1.03, hypot 1.11; logaddexp loses what a sum near 0 loses
 *
 * And what works number by number: division with remainder, and the bits of integers.
 */
import { acosF64, asinF64, atan2F64, atanF64, tanF64 } from "./arc";
import { binary, Heavy, Light, unary } from "./elementwise";
import { erfcF64, erfF32, erfF64 } from "./erf";
import { expm1F32, expm1F64 } from "./exp";
import { geluF32, geluF64, geluSlopeF32, geluSlopeF64 } from "./gelu";
import {
  acoshF64, asinhF64, atanhF64, cbrtF64, coshF64, exp2F64, hypotF64, logaddexpF64, sinhF64,
} from "./hyperbolic";
import { log10F64, log1pF64, log2F64 } from "./log";
import { LENGTH, rowAddress, rowStride, the } from "./strided";

/** The upper two lanes of four float32, as float64. */
@inline
function upper(x: v128): v128 {
  return f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 2, 3));
}

/** Two pairs of float64 as four float32. */
@inline
function rounded(low: v128, high: v128): v128 {
  return i32x4.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/** f of two float64, applied to a vector of either type. */
@unmanaged export class Unary<T, F> {
  @inline apply(x: v128): v128 {
    if (sizeof<T>() == 8) return the<F>().f(x);
    return rounded(the<F>().f(f64x2.promote_low_f32x4(x)), the<F>().f(upper(x)));
  }
}

@unmanaged export class Binary<T, F> {
  @inline apply(a: v128, b: v128): v128 {
    if (sizeof<T>() == 8) return the<F>().f(a, b);
    return rounded(
      the<F>().f(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b)),
      the<F>().f(upper(a), upper(b)),
    );
  }
}

@unmanaged class Exp2 { @inline f(x: v128): v128 { return exp2F64(x); } }
@unmanaged class Log2 { @inline f(x: v128): v128 { return log2F64(x); } }
@unmanaged class Log10 { @inline f(x: v128): v128 { return log10F64(x); } }
@unmanaged class Log1p { @inline f(x: v128): v128 { return log1pF64(x); } }
@unmanaged class Cbrt { @inline f(x: v128): v128 { return cbrtF64(x); } }
@unmanaged class Tan { @inline f(x: v128): v128 { return tanF64(x); } }
@unmanaged class Asin { @inline f(x: v128): v128 { return asinF64(x); } }
@unmanaged class Acos { @inline f(x: v128): v128 { return acosF64(x); } }
@unmanaged class Atan { @inline f(x: v128): v128 { return atanF64(x); } }
@unmanaged class Sinh { @inline f(x: v128): v128 { return sinhF64(x); } }
@unmanaged class Cosh { @inline f(x: v128): v128 { return coshF64(x); } }
@unmanaged class Asinh { @inline f(x: v128): v128 { return asinhF64(x); } }
@unmanaged class Acosh { @inline f(x: v128): v128 { return acoshF64(x); } }
@unmanaged class Atanh { @inline f(x: v128): v128 { return atanhF64(x); } }
@unmanaged class Expm1<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? expm1F32(x) : expm1F64(x); } }
@unmanaged class Erf<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? erfF32(x) : erfF64(x); } }
@unmanaged class Gelu<T> { @inline apply(x: v128): v128 { return sizeof<T>() == 4 ? geluF32(x) : geluF64(x); } }
@unmanaged class GeluGrad<T> {
  @inline apply(a: v128, b: v128): v128 {
    return v128.mul<T>(a, sizeof<T>() == 4 ? geluSlopeF32(b) : geluSlopeF64(b));
  }
}
@unmanaged class Erfc { @inline f(x: v128): v128 { return erfcF64(x); } }
@unmanaged class Atan2 { @inline f(a: v128, b: v128): v128 { return atan2F64(a, b); } }
@unmanaged class Hypot { @inline f(a: v128, b: v128): v128 { return hypotF64(a, b); } }
@unmanaged class Logaddexp { @inline f(a: v128, b: v128): v128 { return logaddexpF64(a, b); } }

@unmanaged class Trunc<T> { @inline apply(x: v128): v128 { return v128.trunc<T>(x); } }
@unmanaged class And<T> { @inline apply(a: v128, b: v128): v128 { return v128.and(a, b); } }
@unmanaged class Or<T> { @inline apply(a: v128, b: v128): v128 { return v128.or(a, b); } }
@unmanaged class Xor<T> { @inline apply(a: v128, b: v128): v128 { return v128.xor(a, b); } }
@unmanaged class Copysign<T> {
  @inline apply(a: v128, b: v128): v128 {
    return v128.bitselect(b, a, sizeof<T>() == 4 ? f32x4.splat(-0.0) : f64x2.splat(-0.0));
  }
}

// One number at a time. Whole numbers by 0 give 0: the caller has refused them.

/** a − b·trunc(a / b), exactly: a's sign. */
@unmanaged class Fmod<T extends number> {
  @inline apply(a: T, b: T): T {
    if (isInteger<T>() && b == <T>0) return <T>0;
    return a % b;
  }
}

/** a − b·floor(a / b): b's sign. */
@unmanaged class Remainder<T extends number> {
  @inline apply(a: T, b: T): T {
    if (isInteger<T>() && b == <T>0) return <T>0;
    const r = a % b;
    return r != <T>0 && r < <T>0 != b < <T>0 ? <T>(r + b) : r;
  }
}

/** floor(a / b) by way of the remainder, which is exact where the quotient is rounded up to a whole number. */
@unmanaged class FloorDivide<T extends number> {
  @inline apply(a: T, b: T): T {
    if (isInteger<T>()) {
      if (b == <T>0) return <T>0;
      if (isSigned<T>() && b == <T>-1) return <T>(<T>0 - a); // the least number has no negative: it stays
      const q = a / b;
      return a % b != <T>0 && a < <T>0 != b < <T>0 ? <T>(q - <T>1) : q;
    }
    if (b == <T>0) return <T>(a / b);
    const r = a % b;
    let q = <T>((a - r) / b);
    if (r != <T>0 && r < <T>0 != b < <T>0) q = <T>(q - <T>1);
    if (q == <T>0) return <T>copysign<f64>(0, <f64>a / <f64>b);
    const whole = floor<T>(q);
    return q - whole > <T>0.5 ? <T>(whole + <T>1) : whole;
  }
}

/** aᵇ of whole numbers, by squaring, wrapping; 1/a^|b| rounded towards 0 for negative b (0 for a = 0). */
@unmanaged class WholePow<T extends number> {
  @inline apply(a: T, b: T): T {
    if (b < <T>0) {
      if (a == <T>1) return <T>1;
      if (a != <T>-1) return <T>0;
    }
    let y: T = <T>1;
    // Of a negative b only −1 is left, for which the bits of |b| and b have the same parity.
    for (let rest = <u32>b, square = a; rest > 0; rest >>= 1) {
      if (rest & 1) y = <T>(y * square);
      square = <T>(square * square);
    }
    return y;
  }
}

/** a·2ᵇ, the bits that leave the type dropped; 0 where b is no bit's place. */
@unmanaged class ShiftLeft<T extends number> {
  @inline apply(a: T, b: T): T {
    return <u32>b < 8 * sizeof<T>() ? <T>(a << b) : <T>0;
  }
}

/** a / 2ᵇ, rounded down; where b is no bit's place the sign alone remains. */
@unmanaged class ShiftRight<T extends number> {
  @inline apply(a: T, b: T): T {
    return <u32>b < 8 * sizeof<T>() ? <T>(a >> b) : a < <T>0 ? <T>-1 : <T>0;
  }
}

/** Elements begin to end, one by one. */
function each<T, Op>(begin: i32, end: i32, args: usize): void {
  const n = load<i32>(args, LENGTH);
  const aStride = rowStride(args, 3, 0);
  const bStride = rowStride(args, 3, 1);
  const outStride = rowStride(args, 3, 2);
  let row = begin / n;
  let first = begin - row * n;
  for (let at = begin; at < end; row++) {
    const count = min(n - first, end - at);
    let a = rowAddress(args, 3, 0, row, first);
    let b = rowAddress(args, 3, 1, row, first);
    let out = rowAddress(args, 3, 2, row, first);
    for (let i = 0; i < count; i++) {
      store<T>(out, the<Op>().apply(load<T>(a), load<T>(b)));
      a += aStride;
      b += bStride;
      out += outStride;
    }
    at += count;
    first = 0;
  }
}

export function exp2_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Exp2>, Heavy>(begin, end, args); }
export function exp2_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Exp2>, Heavy>(begin, end, args); }
export function expm1_f32(begin: i32, end: i32, args: usize): void { unary<f32, Expm1<f32>, Heavy>(begin, end, args); }
export function expm1_f64(begin: i32, end: i32, args: usize): void { unary<f64, Expm1<f64>, Heavy>(begin, end, args); }
export function log2_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Log2>, Heavy>(begin, end, args); }
export function log2_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Log2>, Heavy>(begin, end, args); }
export function log10_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Log10>, Heavy>(begin, end, args); }
export function log10_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Log10>, Heavy>(begin, end, args); }
export function log1p_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Log1p>, Heavy>(begin, end, args); }
export function log1p_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Log1p>, Heavy>(begin, end, args); }
export function cbrt_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Cbrt>, Heavy>(begin, end, args); }
export function cbrt_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Cbrt>, Heavy>(begin, end, args); }
export function tan_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Tan>, Heavy>(begin, end, args); }
export function tan_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Tan>, Heavy>(begin, end, args); }
export function asin_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Asin>, Heavy>(begin, end, args); }
export function asin_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Asin>, Heavy>(begin, end, args); }
export function acos_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Acos>, Heavy>(begin, end, args); }
export function acos_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Acos>, Heavy>(begin, end, args); }
export function atan_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Atan>, Heavy>(begin, end, args); }
export function atan_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Atan>, Heavy>(begin, end, args); }
export function sinh_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Sinh>, Heavy>(begin, end, args); }
export function sinh_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Sinh>, Heavy>(begin, end, args); }
export function cosh_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Cosh>, Heavy>(begin, end, args); }
export function cosh_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Cosh>, Heavy>(begin, end, args); }
export function asinh_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Asinh>, Heavy>(begin, end, args); }
export function asinh_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Asinh>, Heavy>(begin, end, args); }
export function acosh_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Acosh>, Heavy>(begin, end, args); }
export function acosh_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Acosh>, Heavy>(begin, end, args); }
export function atanh_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Atanh>, Heavy>(begin, end, args); }
export function atanh_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Atanh>, Heavy>(begin, end, args); }
export function erf_f32(begin: i32, end: i32, args: usize): void { unary<f32, Erf<f32>, Heavy>(begin, end, args); }
export function erf_f64(begin: i32, end: i32, args: usize): void { unary<f64, Erf<f64>, Heavy>(begin, end, args); }
export function gelu_f32(begin: i32, end: i32, args: usize): void { unary<f32, Gelu<f32>, Heavy>(begin, end, args); }
export function gelu_f64(begin: i32, end: i32, args: usize): void { unary<f64, Gelu<f64>, Heavy>(begin, end, args); }
export function geluGrad_f32(begin: i32, end: i32, args: usize): void { binary<f32, GeluGrad<f32>, Heavy>(begin, end, args); }
export function geluGrad_f64(begin: i32, end: i32, args: usize): void { binary<f64, GeluGrad<f64>, Heavy>(begin, end, args); }
export function erfc_f32(begin: i32, end: i32, args: usize): void { unary<f32, Unary<f32, Erfc>, Heavy>(begin, end, args); }
export function erfc_f64(begin: i32, end: i32, args: usize): void { unary<f64, Unary<f64, Erfc>, Heavy>(begin, end, args); }
export function trunc_f32(begin: i32, end: i32, args: usize): void { unary<f32, Trunc<f32>>(begin, end, args); }
export function trunc_f64(begin: i32, end: i32, args: usize): void { unary<f64, Trunc<f64>>(begin, end, args); }
export function atan2_f32(begin: i32, end: i32, args: usize): void { binary<f32, Binary<f32, Atan2>, Heavy>(begin, end, args); }
export function atan2_f64(begin: i32, end: i32, args: usize): void { binary<f64, Binary<f64, Atan2>, Heavy>(begin, end, args); }
export function hypot_f32(begin: i32, end: i32, args: usize): void { binary<f32, Binary<f32, Hypot>, Heavy>(begin, end, args); }
export function hypot_f64(begin: i32, end: i32, args: usize): void { binary<f64, Binary<f64, Hypot>, Heavy>(begin, end, args); }
export function logaddexp_f32(begin: i32, end: i32, args: usize): void { binary<f32, Binary<f32, Logaddexp>, Heavy>(begin, end, args); }
export function logaddexp_f64(begin: i32, end: i32, args: usize): void { binary<f64, Binary<f64, Logaddexp>, Heavy>(begin, end, args); }
export function copysign_f32(begin: i32, end: i32, args: usize): void { binary<f32, Copysign<f32>>(begin, end, args); }
export function copysign_f64(begin: i32, end: i32, args: usize): void { binary<f64, Copysign<f64>>(begin, end, args); }
export function bitwiseAnd_i32(begin: i32, end: i32, args: usize): void { binary<i32, And<i32>>(begin, end, args); }
export function bitwiseAnd_u8(begin: i32, end: i32, args: usize): void { binary<u8, And<u8>>(begin, end, args); }
export function bitwiseOr_i32(begin: i32, end: i32, args: usize): void { binary<i32, Or<i32>>(begin, end, args); }
export function bitwiseOr_u8(begin: i32, end: i32, args: usize): void { binary<u8, Or<u8>>(begin, end, args); }
export function bitwiseXor_i32(begin: i32, end: i32, args: usize): void { binary<i32, Xor<i32>>(begin, end, args); }
export function bitwiseXor_u8(begin: i32, end: i32, args: usize): void { binary<u8, Xor<u8>>(begin, end, args); }
export function fmod_f32(begin: i32, end: i32, args: usize): void { each<f32, Fmod<f32>>(begin, end, args); }
export function fmod_f64(begin: i32, end: i32, args: usize): void { each<f64, Fmod<f64>>(begin, end, args); }
export function fmod_i32(begin: i32, end: i32, args: usize): void { each<i32, Fmod<i32>>(begin, end, args); }
export function fmod_u8(begin: i32, end: i32, args: usize): void { each<u8, Fmod<u8>>(begin, end, args); }
export function remainder_f32(begin: i32, end: i32, args: usize): void { each<f32, Remainder<f32>>(begin, end, args); }
export function remainder_f64(begin: i32, end: i32, args: usize): void { each<f64, Remainder<f64>>(begin, end, args); }
export function remainder_i32(begin: i32, end: i32, args: usize): void { each<i32, Remainder<i32>>(begin, end, args); }
export function remainder_u8(begin: i32, end: i32, args: usize): void { each<u8, Remainder<u8>>(begin, end, args); }
export function floorDivide_f32(begin: i32, end: i32, args: usize): void { each<f32, FloorDivide<f32>>(begin, end, args); }
export function floorDivide_f64(begin: i32, end: i32, args: usize): void { each<f64, FloorDivide<f64>>(begin, end, args); }
export function floorDivide_i32(begin: i32, end: i32, args: usize): void { each<i32, FloorDivide<i32>>(begin, end, args); }
export function floorDivide_u8(begin: i32, end: i32, args: usize): void { each<u8, FloorDivide<u8>>(begin, end, args); }
export function pow_i32(begin: i32, end: i32, args: usize): void { each<i32, WholePow<i32>>(begin, end, args); }
export function pow_u8(begin: i32, end: i32, args: usize): void { each<u8, WholePow<u8>>(begin, end, args); }
export function shiftLeft_i32(begin: i32, end: i32, args: usize): void { each<i32, ShiftLeft<i32>>(begin, end, args); }
export function shiftLeft_u8(begin: i32, end: i32, args: usize): void { each<u8, ShiftLeft<u8>>(begin, end, args); }
export function shiftRight_i32(begin: i32, end: i32, args: usize): void { each<i32, ShiftRight<i32>>(begin, end, args); }
export function shiftRight_u8(begin: i32, end: i32, args: usize): void { each<u8, ShiftRight<u8>>(begin, end, args); }

// The same for one number; see scalar.ts.

export function scalar_exp2_f32(x: f32): f32 { return <f32>scalar_exp2_f64(x); }
export function scalar_exp2_f64(x: f64): f64 { return f64x2.extract_lane(exp2F64(f64x2.splat(x)), 0); }
export function scalar_expm1_f32(x: f32): f32 { return f32x4.extract_lane(vector_expm1_f32(f32x4.splat(x)), 0); }
export function scalar_expm1_f64(x: f64): f64 { return f64x2.extract_lane(expm1F64(f64x2.splat(x)), 0); }
export function scalar_log2_f32(x: f32): f32 { return <f32>scalar_log2_f64(x); }
export function scalar_log2_f64(x: f64): f64 { return f64x2.extract_lane(log2F64(f64x2.splat(x)), 0); }
export function scalar_log10_f32(x: f32): f32 { return <f32>scalar_log10_f64(x); }
export function scalar_log10_f64(x: f64): f64 { return f64x2.extract_lane(log10F64(f64x2.splat(x)), 0); }
export function scalar_log1p_f32(x: f32): f32 { return <f32>scalar_log1p_f64(x); }
export function scalar_log1p_f64(x: f64): f64 { return f64x2.extract_lane(log1pF64(f64x2.splat(x)), 0); }
export function scalar_cbrt_f32(x: f32): f32 { return <f32>scalar_cbrt_f64(x); }
export function scalar_cbrt_f64(x: f64): f64 { return f64x2.extract_lane(cbrtF64(f64x2.splat(x)), 0); }
export function scalar_tan_f32(x: f32): f32 { return <f32>scalar_tan_f64(x); }
export function scalar_tan_f64(x: f64): f64 { return f64x2.extract_lane(vector_tan_f64(f64x2.splat(x)), 0); }
export function scalar_asin_f32(x: f32): f32 { return <f32>scalar_asin_f64(x); }
export function scalar_asin_f64(x: f64): f64 { return f64x2.extract_lane(vector_asin_f64(f64x2.splat(x)), 0); }
export function scalar_acos_f32(x: f32): f32 { return <f32>scalar_acos_f64(x); }
export function scalar_acos_f64(x: f64): f64 { return f64x2.extract_lane(vector_acos_f64(f64x2.splat(x)), 0); }
export function scalar_atan_f32(x: f32): f32 { return <f32>scalar_atan_f64(x); }
export function scalar_atan_f64(x: f64): f64 { return f64x2.extract_lane(vector_atan_f64(f64x2.splat(x)), 0); }
export function scalar_sinh_f32(x: f32): f32 { return <f32>scalar_sinh_f64(x); }
export function scalar_sinh_f64(x: f64): f64 { return f64x2.extract_lane(sinhF64(f64x2.splat(x)), 0); }
export function scalar_cosh_f32(x: f32): f32 { return <f32>scalar_cosh_f64(x); }
export function scalar_cosh_f64(x: f64): f64 { return f64x2.extract_lane(coshF64(f64x2.splat(x)), 0); }
export function scalar_asinh_f32(x: f32): f32 { return <f32>scalar_asinh_f64(x); }
export function scalar_asinh_f64(x: f64): f64 { return f64x2.extract_lane(asinhF64(f64x2.splat(x)), 0); }
export function scalar_acosh_f32(x: f32): f32 { return <f32>scalar_acosh_f64(x); }
export function scalar_acosh_f64(x: f64): f64 { return f64x2.extract_lane(acoshF64(f64x2.splat(x)), 0); }
export function scalar_atanh_f32(x: f32): f32 { return <f32>scalar_atanh_f64(x); }
export function scalar_atanh_f64(x: f64): f64 { return f64x2.extract_lane(atanhF64(f64x2.splat(x)), 0); }
export function scalar_erf_f32(x: f32): f32 { return f32x4.extract_lane(vector_erf_f32(f32x4.splat(x)), 0); }
export function scalar_erf_f64(x: f64): f64 { return f64x2.extract_lane(vector_erf_f64(f64x2.splat(x)), 0); }
export function scalar_gelu_f32(x: f32): f32 { return f32x4.extract_lane(vector_gelu_f32(f32x4.splat(x)), 0); }
export function scalar_gelu_f64(x: f64): f64 { return f64x2.extract_lane(vector_gelu_f64(f64x2.splat(x)), 0); }
export function scalar_geluGrad_f32(a: f32, b: f32): f32 { return a * f32x4.extract_lane(geluSlopeF32(f32x4.splat(b)), 0); }
export function scalar_geluGrad_f64(a: f64, b: f64): f64 { return a * f64x2.extract_lane(geluSlopeF64(f64x2.splat(b)), 0); }
export function scalar_erfc_f32(x: f32): f32 { return <f32>scalar_erfc_f64(x); }
export function scalar_erfc_f64(x: f64): f64 { return f64x2.extract_lane(erfcF64(f64x2.splat(x)), 0); }
export function scalar_atan2_f32(a: f32, b: f32): f32 { return <f32>scalar_atan2_f64(a, b); }
export function scalar_atan2_f64(a: f64, b: f64): f64 { return f64x2.extract_lane(atan2F64(f64x2.splat(a), f64x2.splat(b)), 0); }
export function scalar_hypot_f32(a: f32, b: f32): f32 { return <f32>scalar_hypot_f64(a, b); }
export function scalar_hypot_f64(a: f64, b: f64): f64 { return f64x2.extract_lane(vector_hypot_f64(f64x2.splat(a), f64x2.splat(b)), 0); }
export function scalar_logaddexp_f32(a: f32, b: f32): f32 { return <f32>scalar_logaddexp_f64(a, b); }
export function scalar_logaddexp_f64(a: f64, b: f64): f64 { return f64x2.extract_lane(vector_logaddexp_f64(f64x2.splat(a), f64x2.splat(b)), 0); }
export function scalar_fmod_f32(a: f32, b: f32): f32 { return the<Fmod<f32>>().apply(a, b); }
export function scalar_fmod_f64(a: f64, b: f64): f64 { return the<Fmod<f64>>().apply(a, b); }
export function scalar_remainder_f32(a: f32, b: f32): f32 { return the<Remainder<f32>>().apply(a, b); }
export function scalar_remainder_f64(a: f64, b: f64): f64 { return the<Remainder<f64>>().apply(a, b); }
export function scalar_floorDivide_f32(a: f32, b: f32): f32 { return the<FloorDivide<f32>>().apply(a, b); }
export function scalar_floorDivide_f64(a: f64, b: f64): f64 { return the<FloorDivide<f64>>().apply(a, b); }

// One vector at a time, for kernels made at run time.

export function vector_exp2_f32(x: v128): v128 { return the<Unary<f32, Exp2>>().apply(x); }
export function vector_exp2_f64(x: v128): v128 { return the<Unary<f64, Exp2>>().apply(x); }
export function vector_expm1_f32(x: v128): v128 { return the<Expm1<f32>>().apply(x); }
export function vector_expm1_f64(x: v128): v128 { return the<Expm1<f64>>().apply(x); }
export function vector_log1p_f32(x: v128): v128 { return the<Unary<f32, Log1p>>().apply(x); }
export function vector_log1p_f64(x: v128): v128 { return the<Unary<f64, Log1p>>().apply(x); }
export function vector_log2_f32(x: v128): v128 { return the<Unary<f32, Log2>>().apply(x); }
export function vector_log2_f64(x: v128): v128 { return the<Unary<f64, Log2>>().apply(x); }
export function vector_log10_f32(x: v128): v128 { return the<Unary<f32, Log10>>().apply(x); }
export function vector_log10_f64(x: v128): v128 { return the<Unary<f64, Log10>>().apply(x); }
export function vector_cbrt_f32(x: v128): v128 { return the<Unary<f32, Cbrt>>().apply(x); }
export function vector_cbrt_f64(x: v128): v128 { return the<Unary<f64, Cbrt>>().apply(x); }
export function vector_tan_f32(x: v128): v128 { return the<Unary<f32, Tan>>().apply(x); }
export function vector_tan_f64(x: v128): v128 { return the<Unary<f64, Tan>>().apply(x); }
export function vector_asin_f32(x: v128): v128 { return the<Unary<f32, Asin>>().apply(x); }
export function vector_asin_f64(x: v128): v128 { return the<Unary<f64, Asin>>().apply(x); }
export function vector_acos_f32(x: v128): v128 { return the<Unary<f32, Acos>>().apply(x); }
export function vector_acos_f64(x: v128): v128 { return the<Unary<f64, Acos>>().apply(x); }
export function vector_atan_f32(x: v128): v128 { return the<Unary<f32, Atan>>().apply(x); }
export function vector_atan_f64(x: v128): v128 { return the<Unary<f64, Atan>>().apply(x); }
export function vector_sinh_f32(x: v128): v128 { return the<Unary<f32, Sinh>>().apply(x); }
export function vector_sinh_f64(x: v128): v128 { return the<Unary<f64, Sinh>>().apply(x); }
export function vector_cosh_f32(x: v128): v128 { return the<Unary<f32, Cosh>>().apply(x); }
export function vector_cosh_f64(x: v128): v128 { return the<Unary<f64, Cosh>>().apply(x); }
export function vector_asinh_f32(x: v128): v128 { return the<Unary<f32, Asinh>>().apply(x); }
export function vector_asinh_f64(x: v128): v128 { return the<Unary<f64, Asinh>>().apply(x); }
export function vector_acosh_f32(x: v128): v128 { return the<Unary<f32, Acosh>>().apply(x); }
export function vector_acosh_f64(x: v128): v128 { return the<Unary<f64, Acosh>>().apply(x); }
export function vector_atanh_f32(x: v128): v128 { return the<Unary<f32, Atanh>>().apply(x); }
export function vector_atanh_f64(x: v128): v128 { return the<Unary<f64, Atanh>>().apply(x); }
export function vector_erfc_f32(x: v128): v128 { return the<Unary<f32, Erfc>>().apply(x); }
export function vector_erfc_f64(x: v128): v128 { return the<Unary<f64, Erfc>>().apply(x); }
export function vector_erf_f32(x: v128): v128 { return erfF32(x); }
export function vector_erf_f64(x: v128): v128 { return erfF64(x); }
export function vector_gelu_f32(x: v128): v128 { return geluF32(x); }
export function vector_gelu_f64(x: v128): v128 { return geluF64(x); }
export function vector_atan2_f32(a: v128, b: v128): v128 { return the<Binary<f32, Atan2>>().apply(a, b); }
export function vector_atan2_f64(a: v128, b: v128): v128 { return the<Binary<f64, Atan2>>().apply(a, b); }
export function vector_hypot_f32(a: v128, b: v128): v128 { return the<Binary<f32, Hypot>>().apply(a, b); }
export function vector_hypot_f64(a: v128, b: v128): v128 { return the<Binary<f64, Hypot>>().apply(a, b); }
export function vector_logaddexp_f32(a: v128, b: v128): v128 { return the<Binary<f32, Logaddexp>>().apply(a, b); }
export function vector_logaddexp_f64(a: v128, b: v128): v128 { return the<Binary<f64, Logaddexp>>().apply(a, b); }
export function vector_geluGrad_f32(a: v128, b: v128): v128 { return the<GeluGrad<f32>>().apply(a, b); }
export function vector_geluGrad_f64(a: v128, b: v128): v128 { return the<GeluGrad<f64>>().apply(a, b); }
