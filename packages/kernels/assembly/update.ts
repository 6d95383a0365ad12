/** Optimizer steps along the gradient, its momentum or its sign, and running averages. */
import { decayed, get, mix, put, signed, wholeEnd, width } from "./update-lanes";

/** p −= lr·g′. */
function sgd<T>(begin: i32, end: i32, p: usize, g: usize, lr: f64, weightDecay: f64): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const slope = decayed<T>(get<T>(g + i, whole), x, weightDecay);
    put<T>(p + i, v128.sub<T>(x, v128.mul<T>(v128.splat<T>(<T>lr), slope)), whole);
    i += width<T>(whole);
  }
}

/**
 * buf = first ? g′ : momentum·buf + (1 − dampening)·g′;
 * p −= lr·(nesterov ? g′ + momentum·buf : buf).
 */
function sgdMomentum<T>(
  begin: i32, end: i32, p: usize, g: usize, buf: usize,
  lr: f64, weightDecay: f64, momentum: f64, dampening: f64, nesterov: f64, first: f64,
): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const slope = decayed<T>(get<T>(g + i, whole), x, weightDecay);
    const velocity = first != 0 ? slope : mix<T>(momentum, get<T>(buf + i, whole), 1 - dampening, slope);
    put<T>(buf + i, velocity, whole);
    const step = nesterov != 0
      ? v128.add<T>(slope, v128.mul<T>(v128.splat<T>(<T>momentum), velocity))
      : velocity;
    put<T>(p + i, v128.sub<T>(x, v128.mul<T>(v128.splat<T>(<T>lr), step)), whole);
    i += width<T>(whole);
  }
}

/** v = momentum·v − lr·g′; p += nesterov ? momentum·v − lr·g′ : v. (CS231n's notes, "Neural networks 3".) */
function velocity<T>(
  begin: i32, end: i32, p: usize, g: usize, v: usize,
  lr: f64, weightDecay: f64, momentum: f64, nesterov: f64,
): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const push = v128.mul<T>(v128.splat<T>(<T>lr), decayed<T>(get<T>(g + i, whole), x, weightDecay));
    const keep = v128.splat<T>(<T>momentum);
    const next = v128.sub<T>(v128.mul<T>(keep, get<T>(v + i, whole)), push);
    put<T>(v + i, next, whole);
    const step = nesterov != 0 ? v128.sub<T>(v128.mul<T>(keep, next), push) : next;
    put<T>(p + i, v128.add<T>(x, step), whole);
    i += width<T>(whole);
  }
}

/**
 * p = (1 − lr·weightDecay)·p − lr·sign(beta1·m + (1 − beta1)·g); m = beta2·m + (1 − beta2)·g.
 * (X. Chen et al.: Symbolic discovery of optimization algorithms, 2023, algorithm 2.)
 */
function lion<T>(
  begin: i32, end: i32, p: usize, g: usize, m: usize,
  lr: f64, weightDecay: f64, beta1: f64, beta2: f64,
): void {
  const shrink = 1 - lr * weightDecay;
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const slope = get<T>(g + i, whole);
    const mean = get<T>(m + i, whole);
    put<T>(m + i, mix<T>(beta2, mean, 1 - beta2, slope), whole);
    const step = signed<T>(v128.splat<T>(<T>lr), mix<T>(beta1, mean, 1 - beta1, slope));
    const x = v128.mul<T>(get<T>(p + i, whole), v128.splat<T>(<T>shrink));
    put<T>(p + i, v128.sub<T>(x, step), whole);
    i += width<T>(whole);
  }
}

/**
 * size = clamp(size·(g·before > 0 ? grow : g·before < 0 ? shrink : 1), low, high);
 * before = g·before < 0 ? 0 : g; p −= sign(before)·size.
 */
function rprop<T>(
  begin: i32, end: i32, p: usize, g: usize, before: usize, size: usize,
  shrink: f64, grow: f64, low: f64, high: f64,
): void {
  const zero = v128.splat<T>(<T>0);
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const slope = get<T>(g + i, whole);
    const agreement = v128.mul<T>(slope, get<T>(before + i, whole));
    const turned = v128.lt<T>(agreement, zero);
    const factor = v128.bitselect(
      v128.splat<T>(<T>shrink),
      v128.bitselect(v128.splat<T>(<T>grow), v128.splat<T>(<T>1), v128.gt<T>(agreement, zero)),
      turned,
    );
    const scaled = v128.mul<T>(get<T>(size + i, whole), factor);
    const step = v128.min<T>(v128.max<T>(scaled, v128.splat<T>(<T>low)), v128.splat<T>(<T>high));
    put<T>(size + i, step, whole);
    const followed = v128.andnot(slope, turned);
    put<T>(before + i, followed, whole);
    put<T>(p + i, v128.sub<T>(get<T>(p + i, whole), signed<T>(step, followed)), whole);
    i += width<T>(whole);
  }
}

/** y += weight·(x − y): a running average y of x. */
function lerp<T>(begin: i32, end: i32, y: usize, x: usize, weight: f64): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const average = get<T>(y + i, whole);
    const way = v128.sub<T>(get<T>(x + i, whole), average);
    put<T>(y + i, v128.add<T>(average, v128.mul<T>(v128.splat<T>(<T>weight), way)), whole);
    i += width<T>(whole);
  }
}

export function sgd_f32(
  begin: i32, end: i32, p: usize, g: usize,
  lr: f64, weightDecay: f64,
): void {
  sgd<f32>(begin, end, p, g, lr, weightDecay);
}

export function sgd_f64(
  begin: i32, end: i32, p: usize, g: usize,
  lr: f64, weightDecay: f64,
): void {
  sgd<f64>(begin, end, p, g, lr, weightDecay);
}

export function sgdMomentum_f32(
  begin: i32, end: i32, p: usize, g: usize, buf: usize,
  lr: f64, weightDecay: f64, momentum: f64, dampening: f64, nesterov: f64, first: f64,
): void {
  sgdMomentum<f32>(begin, end, p, g, buf, lr, weightDecay, momentum, dampening, nesterov, first);
}

export function sgdMomentum_f64(
  begin: i32, end: i32, p: usize, g: usize, buf: usize,
  lr: f64, weightDecay: f64, momentum: f64, dampening: f64, nesterov: f64, first: f64,
): void {
  sgdMomentum<f64>(begin, end, p, g, buf, lr, weightDecay, momentum, dampening, nesterov, first);
}

export function velocity_f32(
  begin: i32, end: i32, p: usize, g: usize, v: usize,
  lr: f64, weightDecay: f64, momentum: f64, nesterov: f64,
): void {
  velocity<f32>(begin, end, p, g, v, lr, weightDecay, momentum, nesterov);
}

export function velocity_f64(
  begin: i32, end: i32, p: usize, g: usize, v: usize,
  lr: f64, weightDecay: f64, momentum: f64, nesterov: f64,
): void {
  velocity<f64>(begin, end, p, g, v, lr, weightDecay, momentum, nesterov);
}

export function lion_f32(
  begin: i32, end: i32, p: usize, g: usize, m: usize,
  lr: f64, weightDecay: f64, beta1: f64, beta2: f64,
): void {
  lion<f32>(begin, end, p, g, m, lr, weightDecay, beta1, beta2);
}

export function lion_f64(
  begin: i32, end: i32, p: usize, g: usize, m: usize,
  lr: f64, weightDecay: f64, beta1: f64, beta2: f64,
): void {
  lion<f64>(begin, end, p, g, m, lr, weightDecay, beta1, beta2);
}

export function rprop_f32(
  begin: i32, end: i32, p: usize, g: usize, before: usize, size: usize,
  shrink: f64, grow: f64, low: f64, high: f64,
): void {
  rprop<f32>(begin, end, p, g, before, size, shrink, grow, low, high);
}

export function rprop_f64(
  begin: i32, end: i32, p: usize, g: usize, before: usize, size: usize,
  shrink: f64, grow: f64, low: f64, high: f64,
): void {
  rprop<f64>(begin, end, p, g, before, size, shrink, grow, low, high);
}

export function lerp_f32(
  begin: i32, end: i32, y: usize, x: usize,
  weight: f64,
): void {
  lerp<f32>(begin, end, y, x, weight);
}

export function lerp_f64(
  begin: i32, end: i32, y: usize, x: usize,
  weight: f64,
): void {
  lerp<f64>(begin, end, y, x, weight);
}
