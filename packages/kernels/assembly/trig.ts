/**
 * Sine and cosine. With n = round(|x|·2/π) and r = |x| − n·π/2, |r| ≤ π/4, the quadrant n mod 4
 * says which of ±sin r and ±cos r to take. The fast reduction subtracts n·π/2 in parts (Cody and
 * Waite); lanes too large or too close to a multiple of π/2 for it are done one by one, exactly
 * (Payne and Hanek), so that every finite argument is right.
 */
import { constantF64, productErrorF64, stepF64, sumErrorF64 } from "./arithmetic";

/** 2/π, and 1.5·2⁵², which rounds what it is added to. */
const ROUND = memory.data<f64>([0.6366197723675814, 6755399441055744]);

/** x·2/π rounded, with 1.5·2⁵² still added: the integer sits in the low bits. */
@inline
function roundedF64(x: v128): v128 {
  return f64x2.add(f64x2.mul(x, constantF64(ROUND, 0)), constantF64(ROUND, 1));
}

/** Chooses by quadrant: sin r, cos r, −sin r, −cos r for q mod 4 = 0, 1, 2, 3. */
@inline
function byQuadrant(sin: v128, cos: v128, q: v128): v128 {
  const odd = i64x2.neg(v128.and(q, i64x2.splat(1)));
  const negative = i64x2.shl(v128.and(q, i64x2.splat(2)), 62);
  return v128.xor(v128.bitselect(cos, sin, odd), negative);
}

// ---------------------------------------------------------------------------------------------
// float32, computed in float64
// ---------------------------------------------------------------------------------------------

/** π/2 in two parts: 32 bits after the point, so that n·PIO2_1 is exact for n ≤ 2²⁰, and 53 more. */
const PIO2_F32 = memory.data<f64>([1.5707963267341256, 6.077100506506192e-11]);
/** (sin r − r) / r³ in r², constant first; error 2⁻³⁷ of sin r. */
const SIN_F32 = memory.data<f64>([
  -0.16666666640775607, 0.00833332930236249, -0.00019839311471745304, 2.7181140119447915e-6,
]);
/** cos r in r², constant first; error 2⁻³³. */
const COS_F32 = memory.data<f64>([
  1, -0.5, 0.0416666456701498, -0.0013887315616166215, 2.4433082647805322e-5,
]);
/** Up to here n·2⁻⁸⁶ is far below 2⁻²⁵ of the smallest r that a float32 can leave (about 2⁻³²). */
const FAST_LIMIT_F32: f32 = 1048576;

/** sin(x + turns·π/2) for two lanes 0 ≤ x ≤ 2²⁰. */
@inline
function sinHalfF32(x: v128, turns: i64): v128 {
  const t = roundedF64(x);
  const n = f64x2.sub(t, constantF64(ROUND, 1));
  const r = f64x2.sub(
    f64x2.sub(x, f64x2.mul(n, constantF64(PIO2_F32, 0))),
    f64x2.mul(n, constantF64(PIO2_F32, 1)),
  );
  const z = f64x2.mul(r, r);
  let s = constantF64(SIN_F32, 3);
  s = stepF64(s, z, SIN_F32, 2);
  s = stepF64(s, z, SIN_F32, 1);
  s = stepF64(s, z, SIN_F32, 0);
  s = f64x2.add(r, f64x2.mul(f64x2.mul(r, z), s));
  let c = constantF64(COS_F32, 4);
  c = stepF64(c, z, COS_F32, 3);
  c = stepF64(c, z, COS_F32, 2);
  c = stepF64(c, z, COS_F32, 1);
  c = stepF64(c, z, COS_F32, 0);
  return byQuadrant(s, c, i64x2.add(t, i64x2.splat(turns)));
}

@inline
function sinAbsF32(x: v128, turns: i64): v128 {
  const low = sinHalfF32(f64x2.promote_low_f32x4(x), turns);
  const high = sinHalfF32(f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 2, 3)), turns);
  const y = i32x4.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
  const slow = v128.and(f32x4.gt(x, f32x4.splat(FAST_LIMIT_F32)), f32x4.lt(x, f32x4.splat(Infinity)));
  return v128.any_true(slow) ? sinSlowLanesF32(x, y, slow, <i32>turns) : y;
}

/** y with the lanes marked in `slow` replaced by the exact reduction's result. */
function sinSlowLanesF32(x: v128, y: v128, slow: v128, turns: i32): v128 {
  if (i32x4.extract_lane(slow, 0)) y = f32x4.replace_lane(y, 0, <f32>sinExact(f32x4.extract_lane(x, 0), turns));
  if (i32x4.extract_lane(slow, 1)) y = f32x4.replace_lane(y, 1, <f32>sinExact(f32x4.extract_lane(x, 1), turns));
  if (i32x4.extract_lane(slow, 2)) y = f32x4.replace_lane(y, 2, <f32>sinExact(f32x4.extract_lane(x, 2), turns));
  if (i32x4.extract_lane(slow, 3)) y = f32x4.replace_lane(y, 3, <f32>sinExact(f32x4.extract_lane(x, 3), turns));
  return y;
}

/** sin x: odd, so the sign is put back at the end and −0 stays −0. NaN at ±∞. */
export function sinF32(x: v128): v128 {
  const sign = f32x4.splat(-0.0);
  return v128.xor(sinAbsF32(v128.andnot(x, sign), 0), v128.and(x, sign));
}

/** cos x = sin(|x| + π/2). NaN at ±∞. */
export function cosF32(x: v128): v128 {
  return sinAbsF32(f32x4.abs(x), 1);
}

// ---------------------------------------------------------------------------------------------
// float64
// ---------------------------------------------------------------------------------------------

/** π/2 in parts: 22 and 45 bits after the point, so that n times either is exact for n ≤ 2³⁰, and the next 53. */
const PIO2_F64 = memory.data<f64>([1.570796251296997, 7.549789415861596e-8, 5.390302858158119e-15]);
/** (sin r − r) / r³ in r², constant first; error 2⁻⁵⁸ of sin r. */
const SIN_F64 = memory.data<f64>([
  -0.1666666666666663, 0.008333333333322106, -0.00019841269829579887, 2.7557313617930853e-6,
  -2.5050747206226793e-8, 1.5896197019187876e-10,
]);
/** (cos r − 1 + r²/2) / r⁴ in r², constant first; error 2⁻⁶⁴ of cos r. */
const COS_F64 = memory.data<f64>([
  0.041666666666666595, -0.001388888888887304, 2.480158728884145e-5, -2.7557314176255484e-7,
  2.0875700418148287e-9, -1.1358514055006596e-11,
]);
const FAST_LIMIT_F64: f64 = 1073741824;
/** The parts leave an error of n·2⁻¹⁰⁰ in r: below 2⁻⁵⁷ of it while |r| ≥ n·2⁻⁴². */
const CANCELLED: f64 = 2.2737367544323206e-13;

/** sin(r + tail + q·π/2), |r| ≤ π/4. */
@inline
function sinReducedF64(r: v128, tail: v128, q: v128): v128 {
  const z = f64x2.mul(r, r);
  const h = f64x2.mul(z, f64x2.splat(0.5));
  let s = constantF64(SIN_F64, 5);
  s = stepF64(s, z, SIN_F64, 4);
  s = stepF64(s, z, SIN_F64, 3);
  s = stepF64(s, z, SIN_F64, 2);
  s = stepF64(s, z, SIN_F64, 1);
  s = stepF64(s, z, SIN_F64, 0);
  // sin(r + tail) = sin r + tail·cos r, with cos r = 1 − r²/2.
  const bent = f64x2.sub(tail, f64x2.mul(tail, h));
  s = f64x2.add(r, f64x2.add(f64x2.mul(f64x2.mul(r, z), s), bent));
  let c = constantF64(COS_F64, 5);
  c = stepF64(c, z, COS_F64, 4);
  c = stepF64(c, z, COS_F64, 3);
  c = stepF64(c, z, COS_F64, 2);
  c = stepF64(c, z, COS_F64, 1);
  c = stepF64(c, z, COS_F64, 0);
  // 1 − r²/2 is rounded; (1 − w) − h is what that lost. cos(r + tail) = cos r − tail·sin r.
  const w = f64x2.sub(f64x2.splat(1), h);
  const lost = f64x2.sub(f64x2.sub(f64x2.splat(1), w), h);
  const rest = f64x2.sub(f64x2.mul(f64x2.mul(z, z), c), f64x2.mul(r, tail));
  c = f64x2.add(w, f64x2.add(lost, rest));
  return byQuadrant(s, c, q);
}

@inline
function sinAbsF64(x: v128, turns: i64): v128 {
  const t = roundedF64(x);
  const n = f64x2.sub(t, constantF64(ROUND, 1));
  const a = f64x2.sub(
    f64x2.sub(x, f64x2.mul(n, constantF64(PIO2_F64, 0))),
    f64x2.mul(n, constantF64(PIO2_F64, 1)),
  );
  const b = f64x2.mul(n, constantF64(PIO2_F64, 2));
  const r = f64x2.sub(a, b);
  const tail = f64x2.sub(f64x2.sub(a, r), b);
  const y = sinReducedF64(r, tail, i64x2.add(t, i64x2.splat(turns)));
  const slow = v128.and(
    v128.or(
      f64x2.gt(x, f64x2.splat(FAST_LIMIT_F64)),
      f64x2.lt(f64x2.abs(r), f64x2.mul(n, f64x2.splat(CANCELLED))),
    ),
    f64x2.lt(x, f64x2.splat(Infinity)),
  );
  return v128.any_true(slow) ? sinSlowLanesF64(x, y, slow, <i32>turns) : y;
}

/** y with the lanes marked in `slow` replaced by the exact reduction's result. */
function sinSlowLanesF64(x: v128, y: v128, slow: v128, turns: i32): v128 {
  if (i64x2.extract_lane(slow, 0)) y = f64x2.replace_lane(y, 0, sinExact(f64x2.extract_lane(x, 0), turns));
  if (i64x2.extract_lane(slow, 1)) y = f64x2.replace_lane(y, 1, sinExact(f64x2.extract_lane(x, 1), turns));
  return y;
}

/** sin x; see {@link sinF32}. */
export function sinF64(x: v128): v128 {
  const sign = f64x2.splat(-0.0);
  return v128.xor(sinAbsF64(v128.andnot(x, sign), 0), v128.and(x, sign));
}

/** cos x = sin(|x| + π/2). NaN at ±∞. */
export function cosF64(x: v128): v128 {
  return sinAbsF64(f64x2.abs(x), 1);
}

// ---------------------------------------------------------------------------------------------
// Exact reduction (M. Payne and R. Hanek, "Radian reduction for trigonometric functions", 1983)
// ---------------------------------------------------------------------------------------------

const PIO2_HI: f64 = 1.5707963267948966;
const PIO2_LO: f64 = 6.123233995736766e-17;

/** Bits of 2/π after the point, 64 a word, with word 0 before the point. */
function twoOverPiWord(i: i32): u64 {
  switch (i) {
    case 1: return 0xa2f9836e4e441529;
    case 2: return 0xfc2757d1f534ddc0;
    case 3: return 0xdb6295993c439041;
    case 4: return 0xfe5163abdebbc561;
    case 5: return 0xb7246e3a424dd2e0;
    case 6: return 0x06492eea09d1921c;
    case 7: return 0xfe1deb1cb129a73e;
    case 8: return 0xe88235f52ebb4484;
    case 9: return 0xe99c7026b45f7e41;
    case 10: return 0x3991d639835339f4;
    case 11: return 0x9c845f8bbdf9283b;
    case 12: return 0x1ff897ffde05980f;
    case 13: return 0xef2f118b5a0a6d1f;
    case 14: return 0x6d367ecf27cb09b7;
    case 15: return 0x4f463f669e5fea2d;
    case 16: return 0x7527bac7ebe5f17b;
    case 17: return 0x3d0739f78a5292ea;
    case 18: return 0x6bfb5fb11f8d5d08;
    case 19: return 0x56033046fc7b6bab;
    default: return 0;
  }
}

/** 64 bits of 2/π from bit `position`, where bit 64 is the first after the point. */
@inline
function twoOverPiBits(position: i32): u64 {
  const i = position >> 6;
  const shift = position & 63;
  const word = twoOverPiWord(i);
  return shift ? (word << shift) | (twoOverPiWord(i + 1) >> (64 - shift)) : word;
}

/** The high half of the 128-bit product. */
function mulHigh(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const middle = a1 * b0 + ((a0 * b0) >> 32);
  const cross = a0 * b1 + (middle & 0xffffffff);
  return a1 * b1 + (middle >> 32) + (cross >> 32);
}

/** sin(x + turns·π/2) for finite x > 2⁻³: x·2/π mod 4 in fixed point, 190 bits after the point. */
function sinExact(x: f64, turns: i32): f64 {
  const bits = reinterpret<u64>(x);
  const mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
  const exponent = <i32>(bits >> 52) - 1075; // x = mantissa·2^exponent
  // Bits of 2/π above weight 2^(1 − exponent) only add multiples of 4. The 192 bits after them
  // leave an error of 2^(53 − 190); a double comes no nearer than 2⁻⁶² to a multiple of π/2.
  const position = exponent + 62;
  const high = twoOverPiBits(position);
  const middle = twoOverPiBits(position + 64);
  const low = twoOverPiBits(position + 128);
  const p0 = mantissa * low;
  const m1 = mantissa * middle;
  const p1 = m1 + mulHigh(mantissa, low);
  const p2 = mantissa * high + mulHigh(mantissa, middle) + u64(p1 < m1);
  // Two bits of quadrant, then the fraction, taken as a signed number in [−½, ½).
  let f1 = (p2 << 2) | (p1 >> 62);
  let f0 = (p1 << 2) | (p0 >> 62);
  const negative = <i64>f1 < 0;
  const quadrant = <i64>(p2 >> 62) + i64(negative) + turns;
  if (negative) {
    f0 = ~f0 + 1;
    f1 = ~f1 + u64(f0 == 0);
  }
  // Its first 117 bits as two float64. f1 is not 0, as no float64 comes so near.
  const shift = clz(f1);
  if (shift) {
    f1 = (f1 << shift) | (f0 >> (64 - shift));
    f0 <<= shift;
  }
  const unit = reinterpret<f64>((1023 - 64 - shift) << 52);
  const hi = f64x2.splat(<f64>(f1 & ~0x7ff) * unit);
  const lo = f64x2.splat(<f64>(((f1 & 0x7ff) << 53) | (f0 >> 11)) * unit * 1.1102230246251565e-16); // 2⁻⁵³
  // Times π/2 = PIO2_HI + PIO2_LO, in twice the working precision.
  const pio2 = f64x2.splat(PIO2_HI);
  const product = f64x2.mul(hi, pio2);
  const rest = f64x2.add(
    productErrorF64(hi, pio2, product),
    f64x2.add(f64x2.mul(hi, f64x2.splat(PIO2_LO)), f64x2.mul(lo, pio2)),
  );
  const r = f64x2.add(product, rest);
  const tail = sumErrorF64(product, rest, r);
  const sign = f64x2.splat(negative ? -0.0 : 0.0);
  return f64x2.extract_lane(
    sinReducedF64(v128.xor(r, sign), v128.xor(tail, sign), i64x2.splat(quadrant)),
    0,
  );
}
