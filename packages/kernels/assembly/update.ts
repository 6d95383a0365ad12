/**
 * Optimizer steps, in place, over many tensors at a time. A unit is one entry of the table: a piece of up to five
 * arrays. `args` points to eight hyper-parameters in float64, then the entries, each of i32s: a number of elements
 * and five addresses, 0 for an array that is not there.
 *
 * g′ = g + weightDecay·p throughout; no decay adds nothing at all, so that 0·∞ cannot arise. What hyper-parameters
 * combine to is computed in float64 and rounded once.
 */
import { the } from "./strided";

const HYPERS: usize = 64;
const ENTRY: usize = 24;

/** Hyper-parameter k. */
@inline
function hyper(args: usize, k: usize): f64 {
  return load<f64>(args + 8 * k);
}

/** A number in every lane. */
@inline
function all<T>(x: f64): v128 {
  return v128.splat<T>(<T>x);
}

/** The address of array k of an entry. */
@inline
function array(entry: usize, k: usize): usize {
  return load<usize>(entry + 4 + 4 * k);
}

/** A vector of array k at byte i, or where fewer elements are left, the one there in every lane. */
@inline
function get<T>(entry: usize, k: usize, i: usize, whole: bool): v128 {
  const p = array(entry, k) + i;
  return whole ? v128.load(p) : v128.load_splat<T>(p);
}

@inline
function put<T>(entry: usize, k: usize, i: usize, v: v128, whole: bool): void {
  const p = array(entry, k) + i;
  if (whole) v128.store(p, v);
  else v128.store_lane<T>(p, v, 0);
}

/** a·x + b·y. */
@inline
function mix<T>(a: f64, x: v128, b: f64, y: v128): v128 {
  return v128.add<T>(v128.mul<T>(all<T>(a), x), v128.mul<T>(all<T>(b), y));
}

/** g′. */
@inline
function decayed<T>(g: v128, p: v128, weightDecay: f64): v128 {
  return weightDecay == 0 ? g : v128.add<T>(g, v128.mul<T>(all<T>(weightDecay), p));
}

/** x where c is above 0, −x where below, 0 elsewhere (NaN too). */
@inline
function signed<T>(x: v128, c: v128): v128 {
  const zero = all<T>(0);
  return v128.sub<T>(v128.and(v128.gt<T>(c, zero), x), v128.and(v128.lt<T>(c, zero), x));
}

/** Goes over the entries; an operation moves one vector of all arrays. */
function update<T, Op>(begin: i32, end: i32, args: usize): void {
  for (let unit = begin; unit < end; unit++) {
    const entry = args + HYPERS + unit * ENTRY;
    const bytes = <usize>load<i32>(entry) * sizeof<T>();
    let i: usize = 0;
    for (; i + 16 <= bytes; i += 16) the<Op>().step(args, entry, i, true);
    for (; i < bytes; i += sizeof<T>()) the<Op>().step(args, entry, i, false);
  }
}

/** p −= lr·g′. */
@unmanaged class Sgd<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const p = get<T>(e, 0, i, whole);
    const slope = decayed<T>(get<T>(e, 1, i, whole), p, hyper(h, 1));
    put<T>(e, 0, i, v128.sub<T>(p, v128.mul<T>(all<T>(hyper(h, 0)), slope)), whole);
  }
}

/** buf = first ? g′ : momentum·buf + (1 − dampening)·g′; p −= lr·(nesterov ? g′ + momentum·buf : buf). */
@unmanaged class SgdMomentum<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const momentum = hyper(h, 2);
    const p = get<T>(e, 0, i, whole);
    const slope = decayed<T>(get<T>(e, 1, i, whole), p, hyper(h, 1));
    const velocity = hyper(h, 5) != 0 ? slope : mix<T>(momentum, get<T>(e, 2, i, whole), 1 - hyper(h, 3), slope);
    put<T>(e, 2, i, velocity, whole);
    const step = hyper(h, 4) != 0 ? v128.add<T>(slope, v128.mul<T>(all<T>(momentum), velocity)) : velocity;
    put<T>(e, 0, i, v128.sub<T>(p, v128.mul<T>(all<T>(hyper(h, 0)), step)), whole);
  }
}

/** v = momentum·v − lr·g′; p += nesterov ? momentum·v − lr·g′ : v. (CS231n's notes, "Neural networks 3".) */
@unmanaged class Velocity<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const p = get<T>(e, 0, i, whole);
    const keep = all<T>(hyper(h, 2));
    const push = v128.mul<T>(all<T>(hyper(h, 0)), decayed<T>(get<T>(e, 1, i, whole), p, hyper(h, 1)));
    const next = v128.sub<T>(v128.mul<T>(keep, get<T>(e, 2, i, whole)), push);
    put<T>(e, 2, i, next, whole);
    const step = hyper(h, 3) != 0 ? v128.sub<T>(v128.mul<T>(keep, next), push) : next;
    put<T>(e, 0, i, v128.add<T>(p, step), whole);
  }
}

/**
 * p = (1 − lr·weightDecay)·p − lr·sign(beta1·m + (1 − beta1)·g); m = beta2·m + (1 − beta2)·g.
 * (X. Chen et al.: Symbolic discovery of optimization algorithms, 2023, algorithm 2.)
 */
@unmanaged class Lion<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const lr = hyper(h, 0), beta1 = hyper(h, 2), beta2 = hyper(h, 3);
    const slope = get<T>(e, 1, i, whole);
    const mean = get<T>(e, 2, i, whole);
    put<T>(e, 2, i, mix<T>(beta2, mean, 1 - beta2, slope), whole);
    const step = signed<T>(all<T>(lr), mix<T>(beta1, mean, 1 - beta1, slope));
    const p = v128.mul<T>(get<T>(e, 0, i, whole), all<T>(1 - lr * hyper(h, 1)));
    put<T>(e, 0, i, v128.sub<T>(p, step), whole);
  }
}

/**
 * size = clamp(size·(g·before > 0 ? grow : g·before < 0 ? shrink : 1), low, high);
 * before = g·before < 0 ? 0 : g; p −= sign(before)·size.
 */
@unmanaged class Rprop<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const slope = get<T>(e, 1, i, whole);
    const agreement = v128.mul<T>(slope, get<T>(e, 2, i, whole));
    const turned = v128.lt<T>(agreement, all<T>(0));
    const grown = v128.bitselect(all<T>(hyper(h, 1)), all<T>(1), v128.gt<T>(agreement, all<T>(0)));
    const scaled = v128.mul<T>(get<T>(e, 3, i, whole), v128.bitselect(all<T>(hyper(h, 0)), grown, turned));
    const step = v128.min<T>(v128.max<T>(scaled, all<T>(hyper(h, 2))), all<T>(hyper(h, 3)));
    put<T>(e, 3, i, step, whole);
    const followed = v128.andnot(slope, turned);
    put<T>(e, 2, i, followed, whole);
    put<T>(e, 0, i, v128.sub<T>(get<T>(e, 0, i, whole), signed<T>(step, followed)), whole);
  }
}

/** y += weight·(x − y): a running average y of x. */
@unmanaged class Lerp<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const average = get<T>(e, 0, i, whole);
    const way = v128.sub<T>(get<T>(e, 1, i, whole), average);
    put<T>(e, 0, i, v128.add<T>(average, v128.mul<T>(all<T>(hyper(h, 0)), way)), whole);
  }
}

/**
 * v = keep·v + gain·g′²; mean (if there is one) = keep·mean + gain·g′; s = g′/(√(v − mean²) + eps);
 * buf (if there is one) = momentum·buf + s; p −= lr·(buf or s).
 */
@unmanaged class RmsProp<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const lr = all<T>(hyper(h, 0));
    const keep = hyper(h, 2), gain = hyper(h, 3);
    const p = get<T>(e, 0, i, whole);
    const slope = decayed<T>(get<T>(e, 1, i, whole), p, hyper(h, 1));
    const square = mix<T>(keep, get<T>(e, 2, i, whole), gain, v128.mul<T>(slope, slope));
    put<T>(e, 2, i, square, whole);
    let spread = square;
    if (array(e, 3)) {
      const center = mix<T>(keep, get<T>(e, 3, i, whole), gain, slope);
      put<T>(e, 3, i, center, whole);
      spread = v128.sub<T>(square, v128.mul<T>(center, center));
    }
    const deviation = v128.add<T>(v128.sqrt<T>(spread), all<T>(hyper(h, 4)));
    let step: v128;
    if (array(e, 4)) {
      const pushed = v128.mul<T>(all<T>(hyper(h, 5)), get<T>(e, 4, i, whole));
      const velocity = v128.add<T>(pushed, v128.div<T>(slope, deviation));
      put<T>(e, 4, i, velocity, whole);
      step = v128.mul<T>(lr, velocity);
    } else {
      step = v128.div<T>(v128.mul<T>(lr, slope), deviation);
    }
    put<T>(e, 0, i, v128.sub<T>(p, step), whole);
  }
}

/** v = rho·v + (1 − rho)·g′²; s = g′·√(u + eps)/√(v + eps); u = rho·u + (1 − rho)·s²; p −= lr·s. */
@unmanaged class Adadelta<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const rho = hyper(h, 2), tiny = all<T>(hyper(h, 3));
    const p = get<T>(e, 0, i, whole);
    const slope = decayed<T>(get<T>(e, 1, i, whole), p, hyper(h, 1));
    const square = mix<T>(rho, get<T>(e, 2, i, whole), 1 - rho, v128.mul<T>(slope, slope));
    put<T>(e, 2, i, square, whole);
    const moved = get<T>(e, 3, i, whole);
    const ratio = v128.div<T>(v128.sqrt<T>(v128.add<T>(moved, tiny)), v128.sqrt<T>(v128.add<T>(square, tiny)));
    const step = v128.mul<T>(ratio, slope);
    put<T>(e, 3, i, mix<T>(rho, moved, 1 - rho, v128.mul<T>(step, step)), whole);
    put<T>(e, 0, i, v128.sub<T>(p, v128.mul<T>(all<T>(hyper(h, 0)), step)), whole);
  }
}

/**
 * m = beta1·m + (1 − beta1)·g′; v = beta2·v + (1 − beta2)·g′²; top (if there is one) = max(top, v);
 * p = shrink·p − (gradRate·g′ + meanRate·m) / (√(top or v)·scale + eps).
 */
@unmanaged class Adam<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const beta1 = hyper(h, 1), beta2 = hyper(h, 2), gradRate = hyper(h, 5), meanRate = hyper(h, 6);
    const p = get<T>(e, 0, i, whole);
    const slope = decayed<T>(get<T>(e, 1, i, whole), p, hyper(h, 0));
    const mean = mix<T>(beta1, get<T>(e, 2, i, whole), 1 - beta1, slope);
    put<T>(e, 2, i, mean, whole);
    let square = mix<T>(beta2, get<T>(e, 3, i, whole), 1 - beta2, v128.mul<T>(slope, slope));
    put<T>(e, 3, i, square, whole);
    if (array(e, 4)) {
      square = v128.max<T>(get<T>(e, 4, i, whole), square);
      put<T>(e, 4, i, square, whole);
    }
    // A product is several times cheaper than a second division, for half a unit in the last place.
    const deviation = v128.add<T>(v128.mul<T>(v128.sqrt<T>(square), all<T>(hyper(h, 7))), all<T>(hyper(h, 3)));
    const push = gradRate != 0 ? mix<T>(gradRate, slope, meanRate, mean) : v128.mul<T>(all<T>(meanRate), mean);
    const step = v128.div<T>(push, deviation);
    put<T>(e, 0, i, v128.sub<T>(v128.mul<T>(p, all<T>(hyper(h, 4))), step), whole);
  }
}

/** m = beta1·m + (1 − beta1)·g′; u = max(beta2·u, |g′| + eps); p −= rate·m/u. */
@unmanaged class Adamax<T> {
  @inline step(h: usize, e: usize, i: usize, whole: bool): void {
    const beta1 = hyper(h, 2);
    const p = get<T>(e, 0, i, whole);
    const slope = decayed<T>(get<T>(e, 1, i, whole), p, hyper(h, 1));
    const mean = mix<T>(beta1, get<T>(e, 2, i, whole), 1 - beta1, slope);
    put<T>(e, 2, i, mean, whole);
    const most = v128.max<T>(
      v128.mul<T>(all<T>(hyper(h, 3)), get<T>(e, 3, i, whole)),
      v128.add<T>(v128.abs<T>(slope), all<T>(hyper(h, 4))),
    );
    put<T>(e, 3, i, most, whole);
    put<T>(e, 0, i, v128.sub<T>(p, v128.div<T>(v128.mul<T>(all<T>(hyper(h, 0)), mean), most)), whole);
  }
}

export function sgd_f32(begin: i32, end: i32, args: usize): void { update<f32, Sgd<f32>>(begin, end, args); }
export function sgd_f64(begin: i32, end: i32, args: usize): void { update<f64, Sgd<f64>>(begin, end, args); }
export function sgdMomentum_f32(begin: i32, end: i32, args: usize): void { update<f32, SgdMomentum<f32>>(begin, end, args); }
export function sgdMomentum_f64(begin: i32, end: i32, args: usize): void { update<f64, SgdMomentum<f64>>(begin, end, args); }
export function velocity_f32(begin: i32, end: i32, args: usize): void { update<f32, Velocity<f32>>(begin, end, args); }
export function velocity_f64(begin: i32, end: i32, args: usize): void { update<f64, Velocity<f64>>(begin, end, args); }
export function lion_f32(begin: i32, end: i32, args: usize): void { update<f32, Lion<f32>>(begin, end, args); }
export function lion_f64(begin: i32, end: i32, args: usize): void { update<f64, Lion<f64>>(begin, end, args); }
export function rprop_f32(begin: i32, end: i32, args: usize): void { update<f32, Rprop<f32>>(begin, end, args); }
export function rprop_f64(begin: i32, end: i32, args: usize): void { update<f64, Rprop<f64>>(begin, end, args); }
export function lerp_f32(begin: i32, end: i32, args: usize): void { update<f32, Lerp<f32>>(begin, end, args); }
export function lerp_f64(begin: i32, end: i32, args: usize): void { update<f64, Lerp<f64>>(begin, end, args); }
export function rmsprop_f32(begin: i32, end: i32, args: usize): void { update<f32, RmsProp<f32>>(begin, end, args); }
export function rmsprop_f64(begin: i32, end: i32, args: usize): void { update<f64, RmsProp<f64>>(begin, end, args); }
export function adadelta_f32(begin: i32, end: i32, args: usize): void { update<f32, Adadelta<f32>>(begin, end, args); }
export function adadelta_f64(begin: i32, end: i32, args: usize): void { update<f64, Adadelta<f64>>(begin, end, args); }
export function adam_f32(begin: i32, end: i32, args: usize): void { update<f32, Adam<f32>>(begin, end, args); }
export function adam_f64(begin: i32, end: i32, args: usize): void { update<f64, Adam<f64>>(begin, end, args); }
export function adamax_f32(begin: i32, end: i32, args: usize): void { update<f32, Adamax<f32>>(begin, end, args); }
export function adamax_f64(begin: i32, end: i32, args: usize): void { update<f64, Adamax<f64>>(begin, end, args); }
