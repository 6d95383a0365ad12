/**
 * The kernel interface: numbers in, numbers out. Small and device-neutral, so that another device
 * can implement it without touching an op. `wasm.ts` is the fast implementation, `plain.ts` the
 * naive twin: the oracle of the tests, and the fallback where WebAssembly SIMD is missing.
 */
import type { Storage } from "./storage.ts";

export type DType = "float32" | "float64" | "int32" | "uint8" | "bool";
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * A typed, strided operand: element (i₀, i₁, …) is at `offset + Σ iₖ·strides[k]` of the storage,
 * counted in elements. A stride may be 0 (broadcast) or negative (flipped).
 */
export interface Operand {
  /** null for a lone number, which lives in `value` and has shape []. */
  readonly storage: Storage | null;
  readonly value: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** The operand under another layout; part by part, since what a class computes is in no spread of its objects. */
export function relaid(
  { storage, value, dtype, offset }: Operand,
  shape: readonly number[],
  strides: readonly number[],
): Operand {
  return { storage, value, dtype, shape, strides, offset };
}

/** y = f(x), elementwise. */
export type UnaryName =
  | "neg" // −x; int32 and uint8 (wrapping) too
  | "abs" // |x|; int32 and uint8 too
  | "sign" // −1, 0 or 1, and 0 at NaN; int32 and uint8 too
  | "square" // x²; int32 and uint8 (wrapping) too
  | "reciprocal" // 1 / x
  | "exp"
  | "log"
  | "sqrt"
  | "sin"
  | "cos"
  | "tanh"
  | "sigmoid" // 1 / (1 + e⁻ˣ), without overflow
  | "relu" // max(x, 0), NaN stays NaN; int32 and uint8 too
  | "floor"
  | "ceil"
  | "round" // half to even
  | "trunc" // towards zero
  | "exp2" // 2ˣ
  | "expm1" // eˣ − 1, accurate for small x
  | "log1p" // log(1 + x), accurate for small x
  | "log2" // exact at powers of 2
  | "log10" // exact at powers of 10
  | "cbrt" // the real cube root, also of negative x
  | "tan"
  | "asin" // NaN beyond ±1, as acos and atanh
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "asinh"
  | "acosh" // NaN below 1
  | "atanh"
  | "erf" // 2/√π ∫₀ˣ e^(−t²) dt
  | "erfc" // 1 − erf x, accurate where that is small
  | "gelu" // x·Φ(x), Φ the normal distribution
  | "silu" // x·σ(x)
  | "mish" // x·tanh(log(1 + eˣ))
  | "softplus" // log(1 + eˣ), without overflow
  | "erfinv" // the inverse of erf: ±∞ at ±1, NaN beyond
  | "lgamma" // log |Γ(x)|: ∞ at 0, −1, −2, …
  | "digamma"; // Γ′(x) / Γ(x): NaN at −1, −2, …, ∓∞ at ±0

/** y = f(a, b), elementwise after broadcasting. */
export type BinaryName =
  | "add" // int32 and uint8 too (wrapping), as sub, mul, maximum, minimum; of bool "or", mul "and"
  | "sub"
  | "mul"
  | "div" // floats only
  | "pow" // C's pow: x⁰ = 1, also at NaN; int32 and uint8 wrap, and 1/a rounds towards 0 (of 0 too)
  | "maximum" // NaN if either is NaN
  | "minimum"
  | "reluGrad" // 0 where b <= 0, else a  (a: arriving gradient, b: output)
  | "tanhGrad" // a · (1 − b²)
  | "sigmoidGrad" // a · b · (1 − b)
  | "geluGrad" // a · (Φ(b) + b·φ(b))  (a: arriving gradient, b: input, as in the next two)
  | "siluGrad" // a · (σ + b·σ·(1 − σ)), σ = σ(b)
  | "mishGrad" // a · (t + b·σ(b)·(1 − t²)), t = tanh(log(1 + eᵇ))
  | "atan2" // the angle of the point (b, a), with C's signs at zeros and infinities
  | "hypot" // √(a² + b²) without overflow; ∞ if either is, even beside NaN
  | "logaddexp" // log(eᵃ + eᵇ), without overflow
  | "copysign" // |a| with b's sign, that of −0 and NaN too
  | "polygamma" // the a-th derivative of digamma at b; a = 0, 1, 2, …, else NaN
  | "fmod" // a − b·trunc(a / b), exactly: a's sign; whole numbers too (by 0: 0), as the next two
  | "remainder" // a − b·floor(a / b): b's sign
  | "floorDivide" // floor(a / b)
  | "bitwiseAnd" // int32, uint8 and bool only, as the next two
  | "bitwiseOr"
  | "bitwiseXor"
  | "shiftLeft" // a·2ᵇ, int32 and uint8 only; 0 where b is negative or not below the number of bits
  | "shiftRight"; // floor(a / 2ᵇ), int32 and uint8 only; there 0, or −1 of a negative a

/** Gives bool: 1 or 0. */
export type CompareName = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

export type ReduceName =
  | "sum" // floats: pairwise or many accumulators, error far below a running sum's; int32 wraps
  | "max" // NaN wins
  | "min"
  | "prod"
  | "any" // bool → bool
  | "all";

export type ArgReduceName = "argmax" | "argmin"; // first of equals; NaN wins

/** What a scan makes of the elements x₀ … xᵢ along an axis. */
export type ScanName =
  | "cumsum" // Σ x; int32 wraps, as does cumprod's
  | "cumprod" // Π x
  | "logcumsumexp"; // ln Σ eˣ, the largest subtracted first; floats only

/** Of the elements x₀ … xᵢ, the position of the largest or smallest: the last of equals; NaN wins. */
export type ArgScanName = "cummax" | "cummin";
/** How an element that arrives at a place meets the one that is there; see {@link Kernels.scatter}. */
export type ScatterName =
  | "set" // replaces it; the last to arrive stays
  | "prod" // floats, int32 (wrapping) and uint8, as max and min
  | "max" // NaN wins
  | "min";

/** Fused optimizer steps, in place over contiguous arrays; see {@link Kernels.update}. */
export type UpdateName =
  | "sgd"
  | "sgdMomentum"
  | "velocity"
  | "lion"
  | "rprop"
  | "lerp"
  | "rmsprop"
  | "rmspropCentered"
  | "rmspropMomentum"
  | "rmspropCenteredMomentum"
  | "adadelta"
  | "adam"
  | "amsgrad"
  | "adamax";

export type RandomName =
  | "uniform" // a + (b − a)·u with u in [0, 1): 24 bits for float32, 53 for float64
  | "normal" // mean a, standard deviation b, by Box–Muller
  | "bernoulli" // 1 with probability a
  | "integers"; // whole numbers in [a, b), into int32 (also float32/float64/uint8)

/**
 * Where the windows of a convolution lie, along one to three axes: element k of window p is at
 * p·stride + k·dilation − before of `input`, which counts as zero outside.
 */
export interface ConvGeometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly input: readonly number[];
  readonly output: readonly number[];
  /** Channels of x and of y are split into groups that don't see each other. */
  readonly groups: number;
}

/**
 * Windows along one to three axes that each start at an element and have so many, `dilation` apart. All lie inside
 * of `input` and have elements.
 */
export interface Boxes {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly dilation: readonly number[];
  readonly starts: readonly Int32Array[];
  readonly lengths: readonly Int32Array[];
}

/**
 * A contiguous array seen as [a, b, c] for {@link Kernels.moments} and its kin: each of the b slices has its own
 * mean and variance, over a·c elements.
 */
export interface Slices {
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/**
 * Where scale and shift of the element at flat position p are: at ⌊p / inner⌋ mod channels. b·c is a multiple of
 * channels·inner, or the other way round; c is 1 or a multiple of inner.
 */
export interface Channels {
  readonly channels: number;
  readonly inner: number;
}

/**
 * What attention is computed from: query [..., L, E], key [..., S, E], value [..., S, V] and mask [..., L, S] or
 * none, with equal leading axes (strides may be 0) and unit strides along the last.
 */
export interface AttentionInputs {
  readonly query: Operand;
  readonly key: Operand;
  readonly value: Operand;
  readonly mask: Operand | null;
}

/** How scores arise: scale·query·keyᵀ + mask, and −∞ where a key comes later than its query if `causal`. */
export interface AttentionScores {
  readonly scale: number;
  readonly causal: boolean;
}

export interface Kernels {
  readonly name: "wasm" | "plain";

  /**
   * The same function for one number in a JavaScript variable, with the bits that the array kernel
   * gives for that dtype (a float32 result is already rounded).
   */
  scalarUnary(name: UnaryName, dtype: DType): (x: number) => number;
  scalarBinary(name: BinaryName, dtype: DType): (a: number, b: number) => number;

  // In every entry below the operands' dtypes are equal unless said otherwise, inputs broadcast to
  // `out.shape` by the right-aligned rule, and `out` may be strided and may be one of the inputs
  // (same strides and offset: in place), but never overlaps one otherwise. Shapes were checked by
  // the caller. Empty `out` is fine.

  fill(value: number, out: Operand): void;
  /** out = x, converting any dtype to any other (float → int truncates; → bool is x ≠ 0). */
  copy(x: Operand, out: Operand): void;
  unary(name: UnaryName, x: Operand, out: Operand): void;
  binary(name: BinaryName, a: Operand, b: Operand, out: Operand): void;
  /** `out` is bool. */
  compare(name: CompareName, a: Operand, b: Operand, out: Operand): void;
  /** out = condition ? a : b; `condition` is bool. */
  where(condition: Operand, a: Operand, b: Operand, out: Operand): void;

  /** Reduces the axes where `out.shape` has 1 and `x.shape` has not; both have the same rank. */
  reduce(name: ReduceName, x: Operand, out: Operand): void;
  /** `out` is int32, has x's rank and length 1 at `axis`. */
  argReduce(name: ArgReduceName, x: Operand, axis: number, out: Operand): void;
  /** Along `axis`, the maximum subtracted first. A row of −∞ gives NaN, as PyTorch's. */
  softmax(name: "softmax" | "logSoftmax", x: Operand, axis: number, out: Operand): void;

  /** dx of `softmax`: y·(dy − Σ dy·y), or with its logarithm y, dy − e^y·Σ dy, along `axis`. */
  softmaxGrad(
    name: "softmax" | "logSoftmax",
    y: Operand,
    axis: number,
    dy: Operand,
    out: Operand,
  ): void;
  /**
   * Of every row of x along `axis`: top = max x, logSum = ln Σ e^(x − top) and loss = logSum − (x[class] − top). The
   * rows' classes (int32, valid) and the results are contiguous and in row-major order.
   */
  crossEntropy(
    x: Operand,
    axis: number,
    classes: Operand,
    out: { loss: Operand; top: Operand; logSum: Operand },
  ): void;
  /** out = dy·(e^(x − top − logSum) − [class]): the gradient of x, dy contiguous as the others. */
  crossEntropyGrad(
    x: Operand,
    axis: number,
    rows: { classes: Operand; dy: Operand; top: Operand; logSum: Operand },
    out: Operand,
  ): void;

  /**
   * Of every slice, mean = Σx/n (0 unless `centered`), variance = Σ(x − mean)²/n and rstd = 1/√(variance + eps).
   * All are contiguous, as everything in the next two entries; the sums are carried in float64.
   */
  moments(
    x: Operand,
    slices: Slices,
    options: { centered: boolean; eps: number },
    out: { mean: Operand; variance: Operand; rstd: Operand },
  ): void;
  /** out = z·weight + bias with z = (x − mean)·rstd. */
  normalize(
    x: Operand,
    slices: Slices & Channels,
    by: { mean: Operand; rstd: Operand; weight: Operand; bias: Operand | null },
    out: Operand,
  ): void;
  /**
   * out = rstd·(g − mean of g − z·mean of g·z) with g = dy·weight, means over slices; without the first mean unless
   * mean depends on x (`centers`), without the second unless rstd does (`stretches`).
   */
  normalizeGrad(
    dy: Operand,
    x: Operand,
    slices: Slices & Channels & { centers: boolean; stretches: boolean },
    by: { mean: Operand; rstd: Operand; weight: Operand },
    out: Operand,
  ): void;

  /**
   * out = softmax(scores)·value, and logSum [..., L], the logarithms of the sums of e^score; both contiguous. A
   * query that may look nowhere gives NaN. The matrix of scores is made in blocks only.
   */
  attention(inputs: AttentionInputs, how: AttentionScores, out: Operand, logSum: Operand): void;
  /**
   * The gradients of those inputs for which `out` has a place, contiguous and with the leading axes of all. dy, logSum
   * and delta = Σ dy·y along the last axis are contiguous.
   */
  attentionGrad(
    inputs: AttentionInputs,
    how: AttentionScores,
    saved: { dy: Operand; logSum: Operand; delta: Operand },
    out: { readonly query?: Operand; readonly key?: Operand; readonly value?: Operand },
  ): void;

  /** Along `axis`, out's element i from x's elements 0 to i; floats are carried in float64. `out` may be x. */
  scan(name: ScanName, x: Operand, axis: number, out: Operand): void;
  /** Along `axis`, yᵢ = aᵢ·yᵢ₋₁ + bᵢ with y₀ = b₀. Floats only; all have out's shape. */
  recurrence(a: Operand, b: Operand, axis: number, out: Operand): void;
  /** `out` is int32 and has x's shape. */
  argScan(name: ArgScanName, x: Operand, axis: number, out: Operand): void;
  /**
   * Along `axis`, the positions of x's elements in ascending (or descending) order: equal ones in the
   * order of their positions either way, NaN larger than every number. `out` is int32, of x's shape but for
   * `axis`: it gets the ranks from `first` on, as many as it is long there. A few cost less than all.
   */
  argsort(x: Operand, axis: number, descending: boolean, out: Operand, first?: number): void;
  /**
   * How many elements of `sorted`, ascending along its last axis, are smaller (not larger, with `right`) than each
   * value; against NaN, all. `sorted` is [N] or has the leading axes of `values`; `out` is int32. All contiguous.
   */
  searchsorted(sorted: Operand, values: Operand, right: boolean, out: Operand): void;
  /** Flat positions of what is not 0 in the bool x, into the int32 `out` of x's size, both contiguous; returns their number. */
  nonzero(x: Operand, out: Operand): number;
  /** Along the last axis, 0 … n − 1 in the order to which float64 u in [0, 1) lead (Fisher and Yates). `out` is int32; both contiguous. */
  shuffle(u: Operand, out: Operand): void;

  /**
   * out[…, M, N] = a[…, M, K] · b[…, K, N] (+ bias[…, N]), or the relu of that; leading axes broadcast. Any strides:
   * a transposed operand is as fast as a plain one. Floats only. K = 0 gives zeros (plus bias).
   */
  matmul(a: Operand, b: Operand, out: Operand, bias?: Operand, relu?: boolean): void;

  /**
   * y[n, o, p] = bias[o] + Σ_{c, k} weight[o, c, k] · x[n, c, p·stride + k·dilation − before], with x
   * [N, C, …input], weight [O, C/groups, …kernel] and y [N, O, …output]. Floats only; all contiguous,
   * as in the next two.
   */
  conv(g: ConvGeometry, x: Operand, weight: Operand, y: Operand, bias?: Operand): void;
  /** x gets from every window of y what {@link conv} multiplied it with: the gradient, into x. */
  convInput(g: ConvGeometry, x: Operand, weight: Operand, y: Operand): void;
  /** weight[o, c, k] = Σ_{n, p} y[n, o, p] · x[n, c, …]: the gradient of {@link conv}, into weight. */
  convWeight(g: ConvGeometry, x: Operand, weight: Operand, y: Operand): void;

  /**
   * out[i][j][k] = x[i][index[i][j][k]][k] for axis 1, and so on. `index` is int32, of out's shape,
   * checked here: an index outside [0, x.shape[axis]) returns its flat position in `index`, and
   * nothing may be read or written out of bounds. −1 means all were in range.
   */
  gather(x: Operand, axis: number, index: Operand, out: Operand): number;
  /** out[i][index[i][j][k]][k] += source[i][j][k] for axis 1; returns as `gather` does. */
  scatterAdd(out: Operand, axis: number, index: Operand, source: Operand): number;

  /**
   * As `scatterAdd`, with another way of meeting: out[i][index[i][j][k]][k] = f(out[…], source[i][j][k]),
   * in row-major order of the source.
   */
  scatter(name: ScatterName, out: Operand, axis: number, index: Operand, source: Operand): number;

  /**
   * Where in its image the largest element of every window is, counted row by row: the first of equals; NaN wins.
   * x [B, …input] and `out` (int32, [B, …output]) are contiguous.
   */
  windowArgmax(boxes: Boxes, x: Operand, out: Operand): void;

  /**
   * Along `axis`, out's element o is Σₜ weights[t, o] · x's element positions[t, o]. Floats only; positions is int32,
   * all are contiguous, and the caller made sure that positions are in range.
   */
  resample(x: Operand, positions: Operand, weights: Operand, axis: number, out: Operand): void;
  /** The transpose of {@link resample}, from its result `y` into x. */
  resampleInput(x: Operand, positions: Operand, weights: Operand, axis: number, y: Operand): void;

  /**
   * Fills the contiguous `out` from Philox 4x32-10 with key (keyLow, keyHigh). Element i depends on
   * key, `counter` and i alone: any split over threads gives the same numbers. One block of four
   * words serves 4 elements, 2 of float64. Returns the number of blocks consumed, by which the caller
   * advances its counter (a whole number below 2⁵³, the low words of Philox's 128-bit counter).
   */
  random(
    name: RandomName,
    out: Operand,
    key: readonly [keyLow: number, keyHigh: number],
    counter: number,
    a: number,
    b: number,
  ): number;

  /**
   * out = x·scale where `random("bernoulli", …, keep, 0)` gives 1, else x·0; both contiguous. Returns the number of
   * blocks as `random` does.
   */
  dropout(
    x: Operand,
    out: Operand,
    key: readonly [keyLow: number, keyHigh: number],
    counter: number,
    keep: number,
    scale: number,
  ): number;

  /**
   * One optimizer step for several parameters, in place, in one pass. Each list names the contiguous and equally
   * long arrays of one of them; g′ = g + weightDecay·p throughout.
   *
   * - sgd [p, g], {lr, weightDecay}: p −= lr·g′
   * - sgdMomentum [p, g, buf], {lr, weightDecay, momentum, dampening, nesterov (0|1), first (0|1)}:
   *   buf = first ? g′ : momentum·buf + (1 − dampening)·g′; p −= lr·(nesterov ? g′ + momentum·buf : buf)
   * - velocity [p, g, v], {lr, weightDecay, momentum, nesterov (0|1)}: v = momentum·v − lr·g′;
   *   p += nesterov ? momentum·v − lr·g′ : v
   * - lion [p, g, m], {lr, weightDecay, beta1, beta2}: p = (1 − lr·weightDecay)·p − lr·sign(beta1·m +
   *   (1 − beta1)·g), the sign of NaN being 0; m = beta2·m + (1 − beta2)·g
   * - rprop [p, g, before, size], {shrink, grow, low, high}: size = clamp(size·f, low, high) with f = grow
   *   where g·before > 0, shrink where < 0, else 1; before = g·before < 0 ? 0 : g; p −= sign(before)·size
   * - lerp [y, x], {weight}: y += weight·(x − y)
   * - rmsprop [p, g, v], {lr, weightDecay, keep, gain, eps}: v = keep·v + gain·g′²; p −= lr·g′/(√v + eps)
   * - rmspropCentered [p, g, v, mean], the same: mean = keep·mean + gain·g′, and √(v − mean²) for √v
   * - rmspropMomentum [p, g, v, buf], {…, momentum}: buf = momentum·buf + g′/(√v + eps); p −= lr·buf
   * - rmspropCenteredMomentum [p, g, v, mean, buf], {…, momentum}: both
   * - adadelta [p, g, v, u], {lr, weightDecay, rho, eps}: v = rho·v + (1 − rho)·g′²;
   *   s = g′·√(u + eps)/√(v + eps); u = rho·u + (1 − rho)·s²; p −= lr·s
   * - adam [p, g, m, v], {weightDecay, beta1, beta2, eps, shrink, gradRate, meanRate, scale}:
   *   m = beta1·m + (1 − beta1)·g′; v = beta2·v + (1 − beta2)·g′²;
   *   p = shrink·p − (gradRate·g′ + meanRate·m) / (√v·scale + eps). Adam and its kin combine rates and
   *   bias corrections to these factors
   * - amsgrad [p, g, m, v, top], the same with top = max(top, v), and √top for √v
   * - adamax [p, g, m, u], {rate, weightDecay, beta1, beta2, eps}: m = beta1·m + (1 − beta1)·g′;
   *   u = max(beta2·u, |g′| + eps); p −= rate·m/u
   *
   * `hyper` holds the numbers in the order listed.
   */
  update(name: UpdateName, lists: readonly (readonly Operand[])[], hyper: readonly number[]): void;
}
