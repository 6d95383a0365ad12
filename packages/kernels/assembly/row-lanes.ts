/** What kernels share that work on rows of scores. */
import { expF32, expF64, logF32, logF64 } from "./math";

@inline
export function exp<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? expF32(x) : expF64(x);
}

@inline
export function log<T>(x: v128): v128 {
  return sizeof<T>() == 4 ? logF32(x) : logF64(x);
}

/** All bits set in the first `count` lanes. */
@inline
export function firstLanes<T>(count: i32): v128 {
  return sizeof<T>() == 4
    ? i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count))
    : i64x2.lt_s(i64x2(0, 1), i64x2.splat(count));
}

/** The largest lane in every lane, NaN if any is. */
@inline
export function largestLane<T>(v: v128): v128 {
  v = v128.max<T>(v, v128.shuffle<u64>(v, v, 1, 0));
  return sizeof<T>() == 4 ? v128.max<T>(v, v128.shuffle<u32>(v, v, 1, 0, 3, 2)) : v;
}

/** The sum of the lanes in every lane. */
@inline
export function laneSum<T>(v: v128): v128 {
  v = v128.add<T>(v, v128.shuffle<u64>(v, v, 1, 0));
  return sizeof<T>() == 4 ? v128.add<T>(v, v128.shuffle<u32>(v, v, 1, 0, 3, 2)) : v;
}
