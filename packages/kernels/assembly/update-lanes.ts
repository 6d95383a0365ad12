/**
 * What the optimizer steps share. They go over elements [begin, end) in one pass, in place.
 * g′ = g + weightDecay·p throughout; no decay adds nothing at all, so that 0·∞ cannot arise.
 * Hyper-parameters arrive in float64; what they combine to is computed in float64 and rounded once.
 */

/** A vector at p, or where fewer elements are left, the one at p in every lane. */
@inline
export function get<T>(p: usize, whole: bool): v128 {
  return whole ? v128.load(p) : v128.load_splat<T>(p);
}

@inline
export function put<T>(p: usize, v: v128, whole: bool): void {
  if (whole) v128.store(p, v);
  else v128.store_lane<T>(p, v, 0);
}

/** How far one turn of the loop goes. */
@inline
export function width<T>(whole: bool): usize {
  return whole ? 16 : sizeof<T>();
}

@inline
export function decayed<T>(g: v128, p: v128, weightDecay: f64): v128 {
  return weightDecay == 0 ? g : v128.add<T>(g, v128.mul<T>(v128.splat<T>(<T>weightDecay), p));
}

/** a·x + b·y. */
@inline
export function mix<T>(a: f64, x: v128, b: f64, y: v128): v128 {
  return v128.add<T>(
    v128.mul<T>(v128.splat<T>(<T>a), x),
    v128.mul<T>(v128.splat<T>(<T>b), y),
  );
}

/** The byte up to which whole vectors go. */
@inline
export function wholeEnd<T>(begin: i32, end: i32): usize {
  const lanes = 16 / sizeof<T>();
  return (<usize>begin + (<usize>(end - begin) / lanes) * lanes) * sizeof<T>();
}

/** x where the lanes of `mask` are set, 0 elsewhere. */
@inline
export function only(mask: v128, x: v128): v128 {
  return v128.and(mask, x);
}

/** x where c is above 0, −x where below, 0 elsewhere (NaN too). */
@inline
export function signed<T>(x: v128, c: v128): v128 {
  const zero = v128.splat<T>(<T>0);
  return v128.sub<T>(only(v128.gt<T>(c, zero), x), only(v128.lt<T>(c, zero), x));
}
