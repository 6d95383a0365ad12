/**
 * Optimizer steps in one pass over elements [begin, end), in place. g′ = g + weightDecay·p
 * throughout; no decay adds nothing at all, so that 0·∞ cannot arise. Hyper-parameters arrive in
 * float64; what they combine to is computed in float64 and rounded once.
 */

/** A vector at p, or where fewer elements are left, the one at p in every lane. */
@inline
function get<T>(p: usize, whole: bool): v128 {
  return whole ? v128.load(p) : v128.load_splat<T>(p);
}

@inline
function put<T>(p: usize, v: v128, whole: bool): void {
  if (whole) v128.store(p, v);
  else v128.store_lane<T>(p, v, 0);
}

/** How far one turn of the loop goes. */
@inline
function width<T>(whole: bool): usize {
  return whole ? 16 : sizeof<T>();
}

@inline
function decayed<T>(g: v128, p: v128, weightDecay: f64): v128 {
  return weightDecay == 0 ? g : v128.add<T>(g, v128.mul<T>(v128.splat<T>(<T>weightDecay), p));
}

/** a·x + b·y. */
@inline
function mix<T>(a: f64, x: v128, b: f64, y: v128): v128 {
  return v128.add<T>(
    v128.mul<T>(v128.splat<T>(<T>a), x),
    v128.mul<T>(v128.splat<T>(<T>b), y),
  );
}

/** The byte up to which whole vectors go. */
@inline
function wholeEnd<T>(begin: i32, end: i32): usize {
  const lanes = 16 / sizeof<T>();
  return (<usize>begin + (<usize>(end - begin) / lanes) * lanes) * sizeof<T>();
}

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

/** v = alpha·v + (1 − alpha)·g′²; p −= lr·g′/(√v + eps). */
function rmsprop<T>(
  begin: i32, end: i32, p: usize, g: usize, v: usize,
  lr: f64, weightDecay: f64, alpha: f64, eps: f64,
): void {
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const slope = decayed<T>(get<T>(g + i, whole), x, weightDecay);
    const square = mix<T>(alpha, get<T>(v + i, whole), 1 - alpha, v128.mul<T>(slope, slope));
    put<T>(v + i, square, whole);
    const deviation = v128.add<T>(v128.sqrt<T>(square), v128.splat<T>(<T>eps));
    const step = v128.div<T>(v128.mul<T>(v128.splat<T>(<T>lr), slope), deviation);
    put<T>(p + i, v128.sub<T>(x, step), whole);
    i += width<T>(whole);
  }
}

/**
 * decoupled: p *= 1 − lr·weightDecay and g′ = g. m = beta1·m + (1 − beta1)·g′;
 * v = beta2·v + (1 − beta2)·g′²; p −= (lr/correction1)·m / (√v/√correction2 + eps).
 * (D. Kingma, J. Ba: Adam, 2015, algorithm 1; I. Loshchilov, F. Hutter: Decoupled weight decay
 * regularization, 2019.)
 */
function adam<T>(
  begin: i32, end: i32, p: usize, g: usize, m: usize, v: usize,
  lr: f64, weightDecay: f64, beta1: f64, beta2: f64, eps: f64,
  correction1: f64, correction2: f64, decoupled: f64,
): void {
  const shrink = decoupled != 0 ? 1 - lr * weightDecay : 1;
  const decay = decoupled != 0 ? 0 : weightDecay;
  const rate = lr / correction1;
  // A product is several times cheaper than a second division, for half a unit in the last place.
  const scale = 1 / sqrt(correction2);
  const last = <usize>end * sizeof<T>();
  const split = wholeEnd<T>(begin, end);
  let i = <usize>begin * sizeof<T>();
  while (i < last) {
    const whole = i < split;
    const x = get<T>(p + i, whole);
    const slope = decayed<T>(get<T>(g + i, whole), x, decay);
    const mean = mix<T>(beta1, get<T>(m + i, whole), 1 - beta1, slope);
    put<T>(m + i, mean, whole);
    const square = mix<T>(beta2, get<T>(v + i, whole), 1 - beta2, v128.mul<T>(slope, slope));
    put<T>(v + i, square, whole);
    const deviation = v128.add<T>(
      v128.mul<T>(v128.sqrt<T>(square), v128.splat<T>(<T>scale)),
      v128.splat<T>(<T>eps),
    );
    const step = v128.div<T>(v128.mul<T>(v128.splat<T>(<T>rate), mean), deviation);
    put<T>(p + i, v128.sub<T>(v128.mul<T>(x, v128.splat<T>(<T>shrink)), step), whole);
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

export function rmsprop_f32(
  begin: i32, end: i32, p: usize, g: usize, v: usize,
  lr: f64, weightDecay: f64, alpha: f64, eps: f64,
): void {
  rmsprop<f32>(begin, end, p, g, v, lr, weightDecay, alpha, eps);
}

export function rmsprop_f64(
  begin: i32, end: i32, p: usize, g: usize, v: usize,
  lr: f64, weightDecay: f64, alpha: f64, eps: f64,
): void {
  rmsprop<f64>(begin, end, p, g, v, lr, weightDecay, alpha, eps);
}

export function adam_f32(
  begin: i32, end: i32, p: usize, g: usize, m: usize, v: usize,
  lr: f64, weightDecay: f64, beta1: f64, beta2: f64, eps: f64, correction1: f64, correction2: f64, decoupled: f64,
): void {
  adam<f32>(begin, end, p, g, m, v, lr, weightDecay, beta1, beta2, eps, correction1, correction2, decoupled);
}

export function adam_f64(
  begin: i32, end: i32, p: usize, g: usize, m: usize, v: usize,
  lr: f64, weightDecay: f64, beta1: f64, beta2: f64, eps: f64, correction1: f64, correction2: f64, decoupled: f64,
): void {
  adam<f64>(begin, end, p, g, m, v, lr, weightDecay, beta1, beta2, eps, correction1, correction2, decoupled);
}
