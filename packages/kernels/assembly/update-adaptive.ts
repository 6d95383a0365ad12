/** Optimizer steps that divide by running statistics of the gradient. */
import { decayed, get, mix, put, wholeEnd, width } from "./update-lanes";

/**
 * v = keep·v + gain·g′²; mean (if there is one) = keep·mean + gain·g′;
 * s = g′/(√(v − mean²) + eps); buf (if there is one) = momentum·buf + s; p −= lr·(buf or s).
 * An address of 0 stands for an array that is not there.
 */
function rootMeanSquare<T>(
  begin: i32, end: i32, p: usize, g: usize, v: usize, mean: usize, buf: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64, momentum: f64,
): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const slope = decayed<T>(get<T>(g + i, whole), x, weightDecay);
    const square = mix<T>(keep, get<T>(v + i, whole), gain, v128.mul<T>(slope, slope));
    put<T>(v + i, square, whole);
    let spread = square;
    if (mean != 0) {
      const center = mix<T>(keep, get<T>(mean + i, whole), gain, slope);
      put<T>(mean + i, center, whole);
      spread = v128.sub<T>(square, v128.mul<T>(center, center));
    }
    const deviation = v128.add<T>(v128.sqrt<T>(spread), v128.splat<T>(<T>eps));
    if (buf != 0) {
      const pushed = v128.mul<T>(v128.splat<T>(<T>momentum), get<T>(buf + i, whole));
      const velocity = v128.add<T>(pushed, v128.div<T>(slope, deviation));
      put<T>(buf + i, velocity, whole);
      put<T>(p + i, v128.sub<T>(x, v128.mul<T>(v128.splat<T>(<T>lr), velocity)), whole);
    } else {
      const step = v128.div<T>(v128.mul<T>(v128.splat<T>(<T>lr), slope), deviation);
      put<T>(p + i, v128.sub<T>(x, step), whole);
    }
    i += width<T>(whole);
  }
}

/** v = rho·v + (1 − rho)·g′²; s = g′·√(u + eps)/√(v + eps); u = rho·u + (1 − rho)·s²; p −= lr·s. */
function adadelta<T>(
  begin: i32, end: i32, p: usize, g: usize, v: usize, u: usize,
  lr: f64, weightDecay: f64, rho: f64, eps: f64,
): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const tiny = v128.splat<T>(<T>eps);
    const slope = decayed<T>(get<T>(g + i, whole), x, weightDecay);
    const square = mix<T>(rho, get<T>(v + i, whole), 1 - rho, v128.mul<T>(slope, slope));
    put<T>(v + i, square, whole);
    const moved = get<T>(u + i, whole);
    const ratio = v128.div<T>(v128.sqrt<T>(v128.add<T>(moved, tiny)), v128.sqrt<T>(v128.add<T>(square, tiny)));
    const step = v128.mul<T>(ratio, slope);
    put<T>(u + i, mix<T>(rho, moved, 1 - rho, v128.mul<T>(step, step)), whole);
    put<T>(p + i, v128.sub<T>(x, v128.mul<T>(v128.splat<T>(<T>lr), step)), whole);
    i += width<T>(whole);
  }
}

/**
 * m = beta1·m + (1 − beta1)·g′; v = beta2·v + (1 − beta2)·g′²; top (if there is one) = max(top, v);
 * p = shrink·p − (gradRate·g′ + meanRate·m) / (√(top or v)·scale + eps).
 * An address of 0 stands for no `top`.
 */
function moments<T>(
  begin: i32, end: i32, p: usize, g: usize, m: usize, v: usize, top: usize,
  weightDecay: f64, beta1: f64, beta2: f64, eps: f64,
  shrink: f64, gradRate: f64, meanRate: f64, scale: f64,
): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const slope = decayed<T>(get<T>(g + i, whole), x, weightDecay);
    const mean = mix<T>(beta1, get<T>(m + i, whole), 1 - beta1, slope);
    put<T>(m + i, mean, whole);
    let square = mix<T>(beta2, get<T>(v + i, whole), 1 - beta2, v128.mul<T>(slope, slope));
    put<T>(v + i, square, whole);
    if (top != 0) {
      square = v128.max<T>(get<T>(top + i, whole), square);
      put<T>(top + i, square, whole);
    }
    // A product is several times cheaper than a second division, for half a unit in the last place.
    const deviation = v128.add<T>(
      v128.mul<T>(v128.sqrt<T>(square), v128.splat<T>(<T>scale)),
      v128.splat<T>(<T>eps),
    );
    const push = gradRate != 0
      ? mix<T>(gradRate, slope, meanRate, mean)
      : v128.mul<T>(v128.splat<T>(<T>meanRate), mean);
    const step = v128.div<T>(push, deviation);
    put<T>(p + i, v128.sub<T>(v128.mul<T>(x, v128.splat<T>(<T>shrink)), step), whole);
    i += width<T>(whole);
  }
}

/** m = beta1·m + (1 − beta1)·g′; u = max(beta2·u, |g′| + eps); p −= rate·m/u. */
function adamax<T>(
  begin: i32, end: i32, p: usize, g: usize, m: usize, u: usize,
  rate: f64, weightDecay: f64, beta1: f64, beta2: f64, eps: f64,
): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const slope = decayed<T>(get<T>(g + i, whole), x, weightDecay);
    const mean = mix<T>(beta1, get<T>(m + i, whole), 1 - beta1, slope);
    put<T>(m + i, mean, whole);
    const most = v128.max<T>(
      v128.mul<T>(v128.splat<T>(<T>beta2), get<T>(u + i, whole)),
      v128.add<T>(v128.abs<T>(slope), v128.splat<T>(<T>eps)),
    );
    put<T>(u + i, most, whole);
    const step = v128.div<T>(v128.mul<T>(v128.splat<T>(<T>rate), mean), most);
    put<T>(p + i, v128.sub<T>(x, step), whole);
    i += width<T>(whole);
  }
}

export function rmsprop_f32(
  begin: i32, end: i32, p: usize, g: usize, v: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64,
): void {
  rootMeanSquare<f32>(begin, end, p, g, v, 0, 0, lr, weightDecay, keep, gain, eps, 0);
}

export function rmsprop_f64(
  begin: i32, end: i32, p: usize, g: usize, v: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64,
): void {
  rootMeanSquare<f64>(begin, end, p, g, v, 0, 0, lr, weightDecay, keep, gain, eps, 0);
}

export function rmspropCentered_f32(
  begin: i32, end: i32, p: usize, g: usize, v: usize, mean: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64,
): void {
  rootMeanSquare<f32>(begin, end, p, g, v, mean, 0, lr, weightDecay, keep, gain, eps, 0);
}

export function rmspropCentered_f64(
  begin: i32, end: i32, p: usize, g: usize, v: usize, mean: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64,
): void {
  rootMeanSquare<f64>(begin, end, p, g, v, mean, 0, lr, weightDecay, keep, gain, eps, 0);
}

export function rmspropMomentum_f32(
  begin: i32, end: i32, p: usize, g: usize, v: usize, buf: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64, momentum: f64,
): void {
  rootMeanSquare<f32>(begin, end, p, g, v, 0, buf, lr, weightDecay, keep, gain, eps, momentum);
}

export function rmspropMomentum_f64(
  begin: i32, end: i32, p: usize, g: usize, v: usize, buf: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64, momentum: f64,
): void {
  rootMeanSquare<f64>(begin, end, p, g, v, 0, buf, lr, weightDecay, keep, gain, eps, momentum);
}

export function rmspropCenteredMomentum_f32(
  begin: i32, end: i32, p: usize, g: usize, v: usize, mean: usize, buf: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64, momentum: f64,
): void {
  rootMeanSquare<f32>(begin, end, p, g, v, mean, buf, lr, weightDecay, keep, gain, eps, momentum);
}

export function rmspropCenteredMomentum_f64(
  begin: i32, end: i32, p: usize, g: usize, v: usize, mean: usize, buf: usize,
  lr: f64, weightDecay: f64, keep: f64, gain: f64, eps: f64, momentum: f64,
): void {
  rootMeanSquare<f64>(begin, end, p, g, v, mean, buf, lr, weightDecay, keep, gain, eps, momentum);
}

export function adadelta_f32(
  begin: i32, end: i32, p: usize, g: usize, v: usize, u: usize,
  lr: f64, weightDecay: f64, rho: f64, eps: f64,
): void {
  adadelta<f32>(begin, end, p, g, v, u, lr, weightDecay, rho, eps);
}

export function adadelta_f64(
  begin: i32, end: i32, p: usize, g: usize, v: usize, u: usize,
  lr: f64, weightDecay: f64, rho: f64, eps: f64,
): void {
  adadelta<f64>(begin, end, p, g, v, u, lr, weightDecay, rho, eps);
}

export function adam_f32(
  begin: i32, end: i32, p: usize, g: usize, m: usize, v: usize,
  weightDecay: f64, beta1: f64, beta2: f64, eps: f64, shrink: f64, gradRate: f64, meanRate: f64, scale: f64,
): void {
  moments<f32>(begin, end, p, g, m, v, 0, weightDecay, beta1, beta2, eps, shrink, gradRate, meanRate, scale);
}

export function adam_f64(
  begin: i32, end: i32, p: usize, g: usize, m: usize, v: usize,
  weightDecay: f64, beta1: f64, beta2: f64, eps: f64, shrink: f64, gradRate: f64, meanRate: f64, scale: f64,
): void {
  moments<f64>(begin, end, p, g, m, v, 0, weightDecay, beta1, beta2, eps, shrink, gradRate, meanRate, scale);
}

export function amsgrad_f32(
  begin: i32, end: i32, p: usize, g: usize, m: usize, v: usize, top: usize,
  weightDecay: f64, beta1: f64, beta2: f64, eps: f64, shrink: f64, gradRate: f64, meanRate: f64, scale: f64,
): void {
  moments<f32>(begin, end, p, g, m, v, top, weightDecay, beta1, beta2, eps, shrink, gradRate, meanRate, scale);
}

export function amsgrad_f64(
  begin: i32, end: i32, p: usize, g: usize, m: usize, v: usize, top: usize,
  weightDecay: f64, beta1: f64, beta2: f64, eps: f64, shrink: f64, gradRate: f64, meanRate: f64, scale: f64,
): void {
  moments<f64>(begin, end, p, g, m, v, top, weightDecay, beta1, beta2, eps, shrink, gradRate, meanRate, scale);
}

export function adamax_f32(
  begin: i32, end: i32, p: usize, g: usize, m: usize, u: usize,
  rate: f64, weightDecay: f64, beta1: f64, beta2: f64, eps: f64,
): void {
  adamax<f32>(begin, end, p, g, m, u, rate, weightDecay, beta1, beta2, eps);
}

export function adamax_f64(
  begin: i32, end: i32, p: usize, g: usize, m: usize, u: usize,
  rate: f64, weightDecay: f64, beta1: f64, beta2: f64, eps: f64,
): void {
  adamax<f64>(begin, end, p, g, m, u, rate, weightDecay, beta1, beta2, eps);
}
