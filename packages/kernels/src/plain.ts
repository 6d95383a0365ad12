/**
 * The plain twin of every kernel: naive loops in float64 arithmetic, rounded when stored. It is the
 * oracle of the tests, and the fallback where WebAssembly SIMD is missing.
 */
import {
  type ArgReduceName,
  type ArgScanName,
  type BinaryName,
  type CompareName,
  type DType,
  type Kernels,
  type Operand,
  type RandomName,
  type ReduceName,
  relaid,
  type ScanName,
  type ScatterName,
  type TypedArray,
  type UnaryName,
  type UpdateName,
} from "./interface.ts";
import { eachFactor } from "./plain-conv.ts";
import { elements } from "./plain-elements.ts";
import { plainFused } from "./plain-fused.ts";
import { random } from "./plain-random.ts";
import {
  digamma,
  erf,
  erfc,
  erfinv,
  lgamma,
  normal,
  normalDensity,
  polygamma,
} from "./plain-special.ts";
import { update } from "./plain-update.ts";

type Elements = TypedArray | readonly number[];

/** Strides of `x` as broadcast to `rank` axes (right-aligned): 0 where x has length 1 or no axis. */
function broadcastStrides(x: Operand, rank: number): number[] {
  const missing = rank - x.shape.length;
  return Array.from({ length: rank }, (_, axis) =>
    axis < missing || x.shape[axis - missing] === 1 ? 0 : x.strides[axis - missing],
  );
}

/** Calls `visit` for each index of `shape` in row-major order with the operands' positions there. */
function walk(
  shape: readonly number[],
  operands: readonly Operand[],
  visit: (at: readonly number[], flat: number) => void,
): void {
  const count = shape.reduce((product, length) => product * length, 1);
  const strides = operands.map((x) => broadcastStrides(x, shape.length));
  const at = operands.map((x) => x.offset);
  const index = shape.map(() => 0);
  for (let flat = 0; flat < count; flat++) {
    visit(at, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const step = ++index[axis] < shape[axis] ? 1 : 1 - shape[axis];
      for (let k = 0; k < at.length; k++) at[k] += step * strides[k][axis];
      if (step === 1) break;
      index[axis] = 0;
    }
  }
}

const sign = (x: number): number => (x > 0 ? 1 : x < 0 ? -1 : 0);

function roundHalfToEven(x: number): number {
  if (!(Math.abs(x) < 2 ** 52)) return x;
  const big = x < 0 || Object.is(x, -0) ? -(2 ** 52) : 2 ** 52;
  const rounded = x + big - big;
  return rounded === 0 ? x * 0 : rounded; // keeps −0
}

/** Relative accuracy on both sides: e^x / (1 + e^x) for negative x, without overflow. */
function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** C's pow, which differs from JavaScript's where the base is ±1 and at exponent ±∞ or NaN. */
function pow(a: number, b: number): number {
  if (a === 1) return 1;
  if (a === -1 && Math.abs(b) === Infinity) return 1;
  return a ** b;
}

/** Of whole numbers, wrapping; for negative b, 1/a^|b| rounded towards 0, and 0 for a = 0. */
function wholePow(a: number, b: number): number {
  if (b < 0 && Math.abs(a) !== 1) return 0;
  let y = 1;
  for (let rest = Math.abs(b), square = a; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) y = Math.imul(y, square);
    square = Math.imul(square, square);
  }
  return y;
}

function remainder(a: number, b: number): number {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

/** By way of the remainder, which is exact where the quotient is rounded up to a whole number. */
function floorDivide(a: number, b: number): number {
  if (b === 0) return a / b;
  const r = a % b;
  let q = (a - r) / b;
  if (r !== 0 && r < 0 !== b < 0) q -= 1;
  if (q === 0) return Object.is(a / b, -0) || a / b < 0 ? -0 : 0;
  const whole = Math.floor(q);
  return q - whole > 0.5 ? whole + 1 : whole;
}

const unaryFunctions: Readonly<Record<UnaryName, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign,
  square: (x) => x * x,
  reciprocal: (x) => 1 / x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid,
  relu: (x) => (x >= 0 || Number.isNaN(x) ? x : 0),
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfToEven,
  trunc: Math.trunc,
  exp2: (x) => 2 ** x,
  expm1: Math.expm1,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  cbrt: Math.cbrt,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  erfc,
  gelu: (x) => x * normal(x),
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  softplus,
  erfinv,
  lgamma,
  digamma,
};

const binaryFunctions: Readonly<Record<BinaryName, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow,
  maximum: Math.max,
  minimum: Math.min,
  reluGrad: (a, b) => (b <= 0 ? 0 : a),
  tanhGrad: (a, b) => a * (1 - b * b),
  sigmoidGrad: (a, b) => a * b * (1 - b),
  geluGrad: (a, b) => a * (normal(b) + b * normalDensity(b)),
  siluGrad: (a, b) => a * sigmoid(b) * (1 + b * sigmoid(-b)),
  mishGrad: (a, b) => {
    const t = Math.tanh(softplus(b));
    return a * (t + b * sigmoid(b) * (1 - t * t));
  },
  atan2: Math.atan2,
  hypot: Math.hypot,
  logaddexp: (a, b) => Math.max(a, b) + Math.log1p(Math.exp(a === b ? 0 : -Math.abs(a - b))),
  copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
  polygamma,
  fmod: (a, b) => a % b,
  remainder,
  floorDivide,
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
  shiftLeft: (a, b) => (b >= 0 && b < 32 ? a << b : 0),
  shiftRight: (a, b) => a >> (b >= 0 && b < 32 ? b : 31),
};

const compareFunctions: Readonly<Record<CompareName, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

const reduceFunctions: Readonly<
  Record<ReduceName, { start: (dtype: DType) => number; step: (a: number, b: number) => number }>
> = {
  sum: { start: () => 0, step: (a, b) => a + b },
  max: { start: (dtype) => lowest(dtype), step: Math.max },
  min: { start: (dtype) => highest(dtype), step: Math.min },
  prod: { start: () => 1, step: (a, b) => a * b },
  any: { start: () => 0, step: Math.max },
  all: { start: () => 1, step: Math.min },
};

/** What `max` gives over no elements. */
export function lowest(dtype: DType): number {
  return dtype === "int32" ? -(2 ** 31) : dtype === "uint8" || dtype === "bool" ? 0 : -Infinity;
}

/** What `min` gives over no elements. */
export function highest(dtype: DType): number {
  if (dtype === "int32") return 2 ** 31 - 1;
  return dtype === "uint8" ? 255 : dtype === "bool" ? 1 : Infinity;
}

/** The product of int32 values wraps exactly; in float64 it would have lost its low bits. Of bools, + is "or". */
const wrapping = (
  name: string,
  dtype: DType,
  f: (a: number, b: number) => number,
): ((a: number, b: number) => number) => {
  if (dtype === "float32" || dtype === "float64") return f;
  if (dtype === "bool" && name === "add") return Math.max;
  if (name === "pow") return wholePow;
  return name === "mul" || name === "prod" ? Math.imul : f;
};

/** `value` as an element of `dtype`: float → int truncates and saturates, NaN is 0, → bool is x ≠ 0. */
export function convert(value: number, dtype: DType): number {
  switch (dtype) {
    case "float32":
      return Math.fround(value);
    case "float64":
      return value;
    case "int32":
      return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(value))) | 0;
    case "uint8":
      return convert(value, "int32") & 255;
    case "bool":
      return value === 0 ? 0 : 1;
  }
}

/** What storing in an array of `dtype` and reading back does to a result. */
function stored(dtype: DType): (x: number) => number {
  if (dtype === "float64") return (x) => x;
  if (dtype === "float32") return Math.fround;
  return dtype === "int32" ? (x) => x | 0 : (x) => x & 255;
}

/** The operand without its axis `axis`: positions where an index along it starts. */
function without(x: Operand, axis: number): Operand {
  const keep = (_: unknown, k: number) => k !== axis;
  return relaid(x, x.shape.filter(keep), x.strides.filter(keep));
}

/** Writes f(x₀, x₁, …) to every element of `out`. */
function map(
  inputs: readonly Operand[],
  out: Operand,
  f: (values: readonly Elements[], at: readonly number[]) => number,
): void {
  const arrays = inputs.map(elements);
  const target = elements(out);
  const last = inputs.length;
  walk(out.shape, [...inputs, out], (at) => {
    target[at[last]] = f(arrays, at);
  });
}

/** Calls `visit` with the positions where each line along `axis` starts. All operands have out's shape. */
function lines(
  inputs: readonly Operand[],
  axis: number,
  out: Operand,
  visit: (
    arrays: readonly TypedArray[],
    starts: readonly number[],
    target: TypedArray,
    to: number,
  ) => void,
): void {
  const arrays = inputs.map(elements);
  const target = elements(out);
  const rows = without(out, axis);
  walk(rows.shape, [...inputs.map((x) => without(x, axis)), rows], (at) => {
    visit(arrays, at, target, at[inputs.length]);
  });
}

const scanFunctions: Readonly<Record<ScanName, (total: number, x: number) => number>> = {
  cumsum: (total, x) => total + x,
  cumprod: (total, x) => total * x,
  logcumsumexp: (total, x) => {
    if (total === x && !Number.isFinite(x)) return x; // whose difference would be NaN
    const largest = Math.max(total, x);
    return largest + Math.log1p(Math.exp(-Math.abs(total - x)));
  },
};

/** What is at out[…][index[at]][…] becomes f(it, source[at]); returns the first bad position, or −1. */
function scatter(
  out: Operand,
  axis: number,
  index: Operand,
  source: Operand,
  f: (a: number, b: number) => number,
): number {
  const [target, positions, arriving] = [elements(out), elements(index), elements(source)];
  const step = out.strides[axis];
  const bad = firstOutside(index, out.shape[axis]);
  if (bad >= 0) return bad;
  const start = relaid(out, out.shape, out.strides.with(axis, 0));
  walk(index.shape, [start, index, source], ([to, at, from]) => {
    const place = to + positions[at] * step;
    target[place] = f(target[place], arriving[from]);
  });
  return -1;
}

/** The flat position of the first index that is outside [0, length), or −1. */
export function firstOutside(index: Operand, length: number): number {
  const positions = elements(index);
  let bad = -1;
  walk(index.shape, [index], ([at], flat) => {
    if (bad < 0 && !(positions[at] >= 0 && positions[at] < length)) bad = flat;
  });
  return bad;
}

export const plain: Kernels = {
  ...plainFused,
  name: "plain",

  scalarUnary(name, dtype) {
    const f = unaryFunctions[name];
    const round = stored(dtype);
    return (x) => round(f(x));
  },

  scalarBinary(name, dtype) {
    const f = wrapping(name, dtype, binaryFunctions[name]);
    const round = stored(dtype);
    return (a, b) => round(f(a, b));
  },

  fill(value, out) {
    map([], out, () => value);
  },

  copy(x, out) {
    const { dtype } = out;
    if (x.dtype === dtype) map([x], out, ([a], at) => a[at[0]]);
    else map([x], out, ([a], at) => convert(a[at[0]], dtype));
  },

  unary(name, x, out) {
    const f =
      name === "square"
        ? (v: number) => wrapping("mul", x.dtype, binaryFunctions.mul)(v, v)
        : unaryFunctions[name];
    map([x], out, ([a], at) => f(a[at[0]]));
  },

  binary(name, a, b, out) {
    const f = wrapping(name, a.dtype, binaryFunctions[name]);
    map([a, b], out, ([p, q], at) => f(p[at[0]], q[at[1]]));
  },

  compare(name, a, b, out) {
    const f = compareFunctions[name];
    map([a, b], out, ([p, q], at) => (f(p[at[0]], q[at[1]]) ? 1 : 0));
  },

  where(condition, a, b, out) {
    map([condition, a, b], out, ([c, p, q], at) => (c[at[0]] ? p[at[1]] : q[at[2]]));
  },

  reduce(name, x, out) {
    const { start, step } = reduceFunctions[name];
    const f = wrapping(name, x.dtype, step);
    const [source, target] = [elements(x), elements(out)];
    const totals = new Map<number, number>();
    walk(out.shape, [out], ([at]) => totals.set(at, start(x.dtype)));
    // Where out has length 1, its broadcast stride is 0: every element meets its own total.
    walk(x.shape, [x, out], ([from, to]) => totals.set(to, f(totals.get(to)!, source[from])));
    for (const [at, total] of totals) target[at] = total;
  },

  argReduce(name: ArgReduceName, x, axis, out) {
    const [source, target] = [elements(x), elements(out)];
    const beats =
      name === "argmax" ? (a: number, b: number) => a > b : (a: number, b: number) => a < b;
    walk(out.shape, [relaid(x, x.shape, x.strides.with(axis, 0)), out], ([from, to]) => {
      let best = 0;
      let winner = source[from];
      for (let i = 1; i < x.shape[axis] && !Number.isNaN(winner); i++) {
        const value = source[from + i * x.strides[axis]];
        if (beats(value, winner) || Number.isNaN(value)) [best, winner] = [i, value];
      }
      target[to] = best;
    });
  },

  softmax(name, x, axis, out) {
    const [source, target] = [elements(x), elements(out)];
    const n = x.shape[axis];
    const [step, outStep] = [x.strides[axis], out.strides[axis]];
    const rows = without(out, axis);
    walk(rows.shape, [without(x, axis), rows], ([from, to]) => {
      const row = Array.from({ length: n }, (_, i) => source[from + i * step]);
      const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
      const total = row.reduce((sum, value) => sum + Math.exp(value - largest), 0);
      row.forEach((value, i) => {
        target[to + i * outStep] =
          name === "softmax"
            ? Math.exp(value - largest) / total
            : value - largest - Math.log(total);
      });
    });
  },

  scan(name: ScanName, x, axis, out) {
    const step = scanFunctions[name];
    const round = x.dtype === "int32" ? stored("int32") : (v: number) => v;
    const multiply = name === "cumprod" && x.dtype === "int32" ? Math.imul : step;
    lines([x], axis, out, ([source], [from], target, to) => {
      let total = name === "cumprod" ? 1 : name === "cumsum" ? 0 : -Infinity;
      for (let i = 0; i < x.shape[axis]; i++) {
        total = round(multiply(total, source[from + i * x.strides[axis]]));
        target[to + i * out.strides[axis]] = total;
      }
    });
  },

  recurrence(a, b, axis, out) {
    lines([a, b], axis, out, ([p, q], [i, j], target, to) => {
      let y = 0;
      for (let s = 0; s < out.shape[axis]; s++) {
        const added = q[j + s * b.strides[axis]];
        y = s === 0 ? added : p[i + s * a.strides[axis]] * y + added;
        target[to + s * out.strides[axis]] = y;
      }
    });
  },

  argScan(name: ArgScanName, x, axis, out) {
    const wins =
      name === "cummax" ? (v: number, w: number) => v >= w : (v: number, w: number) => v <= w;
    lines([x], axis, out, ([source], [from], target, to) => {
      let best = 0;
      for (let i = 0; i < x.shape[axis]; i++) {
        const value = source[from + i * x.strides[axis]];
        if (Number.isNaN(value) || wins(value, source[from + best * x.strides[axis]])) best = i;
        target[to + i * out.strides[axis]] = best;
      }
    });
  },

  argsort(x, axis, descending, out, first = 0) {
    lines([x], axis, out, ([source], [from], target, to) => {
      const value = (i: number) => source[from + i * x.strides[axis]];
      const order = Array.from({ length: x.shape[axis] }, (_, i) => i);
      order.sort((i, j) => {
        const [a, b] = descending ? [value(j), value(i)] : [value(i), value(j)];
        return a < b ? -1 : a > b ? 1 : Number(Number.isNaN(a)) - Number(Number.isNaN(b));
      });
      order.slice(first, first + out.shape[axis]).forEach((i, k) => {
        target[to + k * out.strides[axis]] = i;
      });
    });
  },

  searchsorted(sorted, values, right, out) {
    const [keys, wanted, target] = [elements(sorted), elements(values), elements(out)];
    const n = sorted.shape.at(-1)!;
    const perRow = sorted.shape.length === 1 ? Infinity : values.shape.at(-1)!;
    for (let i = 0; i < lengthOf(values); i++) {
      const start = sorted.offset + Math.floor(i / perRow) * n;
      const value = wanted[values.offset + i];
      let [low, high] = [0, n];
      while (low < high) {
        const middle = (low + high) >> 1;
        const key = keys[start + middle];
        if (right ? key > value : key >= value) high = middle;
        else low = middle + 1;
      }
      target[out.offset + i] = low;
    }
  },

  nonzero(x, out) {
    const [source, target] = [elements(x), elements(out)];
    let count = 0;
    for (let i = 0; i < lengthOf(x); i++) {
      if (source[x.offset + i] !== 0) target[out.offset + count++] = i;
    }
    return count;
  },

  shuffle(u, out) {
    const n = u.shape.at(-1)!;
    const [numbers, order] = [elements(u).subarray(u.offset), elements(out).subarray(out.offset)];
    for (let i = 0; i < lengthOf(u); i++) {
      const j = Math.floor(numbers[i] * ((i % n) + 1));
      order[i] = order[i - (i % n) + j];
      order[i - (i % n) + j] = i % n;
    }
  },

  matmul(a, b, out, bias, relu = false) {
    const [p, q, target] = [elements(a), elements(b), elements(out)];
    const added = bias && elements(bias);
    const k = a.shape.at(-1)!;
    const [aStep, bStep] = [a.strides.at(-1)!, b.strides.at(-2)!];
    // Broadcast to out's shape, a does not move along out's columns, nor b along its rows.
    const rows = relaid(a, a.shape.with(-1, 1), a.strides.with(-1, 0));
    const columns = relaid(b, b.shape.with(-2, 1), b.strides.with(-2, 0));
    walk(out.shape, [rows, columns, out, bias ?? out], ([i, j, to, extra]) => {
      let total = 0;
      for (let s = 0; s < k; s++) total += p[i + s * aStep] * q[j + s * bStep];
      if (added) total += added[extra];
      target[to] = relu && total < 0 ? 0 : total;
    });
  },

  conv(g, x, weight, y, bias) {
    const added = bias && elements(bias);
    const places = g.output.reduce((a, b) => a * b, 1);
    const sums = new Float64Array(lengthOf(y)).map((_, i) =>
      added ? added[bias.offset + (Math.floor(i / places) % y.shape[1])] : 0,
    );
    const [p, q] = [elements(x), elements(weight)];
    eachFactor(g, x.shape[0], x.shape[1], y.shape[1], (i, j, k) => {
      sums[k] += p[x.offset + i] * q[weight.offset + j];
    });
    elements(y).set(sums, y.offset);
  },

  convInput(g, x, weight, y) {
    const sums = new Float64Array(lengthOf(x));
    const [p, q] = [elements(weight), elements(y)];
    eachFactor(g, x.shape[0], x.shape[1], y.shape[1], (i, j, k) => {
      sums[i] += p[weight.offset + j] * q[y.offset + k];
    });
    elements(x).set(sums, x.offset);
  },

  convWeight(g, x, weight, y) {
    const sums = new Float64Array(lengthOf(weight));
    const [p, q] = [elements(x), elements(y)];
    eachFactor(g, x.shape[0], x.shape[1], y.shape[1], (i, j, k) => {
      sums[j] += p[x.offset + i] * q[y.offset + k];
    });
    elements(weight).set(sums, weight.offset);
  },

  gather(x, axis, index, out) {
    const [source, positions, target] = [elements(x), elements(index), elements(out)];
    const step = x.strides[axis];
    const bad = firstOutside(index, x.shape[axis]);
    if (bad >= 0) return bad;
    const start = relaid(x, x.shape, x.strides.with(axis, 0));
    walk(out.shape, [start, index, out], ([from, at, to]) => {
      target[to] = source[from + positions[at] * step];
    });
    return -1;
  },

  scatterAdd(out, axis, index, source) {
    return scatter(out, axis, index, source, (a, b) => a + b);
  },

  scatter(name: ScatterName, out, axis, index, source) {
    if (name === "set") return scatter(out, axis, index, source, (_, b) => b);
    return scatter(out, axis, index, source, wrapping(name, out.dtype, reduceFunctions[name].step));
  },

  windowArgmax({ input, output, dilation, starts, lengths }, x, out) {
    const [source, target] = [elements(x), elements(out)];
    const pixels = input.reduce((a, b) => a * b, 1);
    walk(out.shape, [out], ([to], flat) => {
      let sites = [0];
      let rest = flat;
      let step = 1;
      for (let axis = input.length - 1; axis >= 0; axis--) {
        const o = rest % output[axis];
        const along = Array.from(
          { length: lengths[axis][o] },
          (_, k) => (starts[axis][o] + k * dilation[axis]) * step,
        );
        sites = along.flatMap((at) => sites.map((site) => at + site));
        rest = (rest - o) / output[axis];
        step *= input[axis];
      }
      const image = x.offset + rest * pixels;
      const better = (a: number, b: number) => b > a || (Number.isNaN(b) && !Number.isNaN(a));
      target[to] = sites.reduce((best, site) =>
        better(source[image + best], source[image + site]) ? site : best,
      );
    });
  },

  resample(x, positions, weights, axis, out) {
    const [source, target] = [elements(x), elements(out)];
    const sums = new Float64Array(lengthOf(out));
    eachTap(x, positions, weights, axis, (from, to, weight) => {
      sums[to] += weight * source[x.offset + from];
    });
    target.set(sums, out.offset);
  },

  resampleInput(x, positions, weights, axis, y) {
    const [source, target] = [elements(y), elements(x)];
    const sums = new Float64Array(lengthOf(x));
    eachTap(x, positions, weights, axis, (from, to, weight) => {
      sums[from] += weight * source[y.offset + to];
    });
    target.set(sums, x.offset);
  },

  random(name: RandomName, out, key, counter, a, b) {
    return random(name, out.dtype, elements(out), out.offset, lengthOf(out), key, counter, a, b);
  },

  update(name: UpdateName, lists, hyper) {
    for (const operands of lists) {
      update(
        name,
        operands.map((x) => elements(x).subarray(x.offset)),
        lengthOf(operands[0]),
        hyper,
      );
    }
  },
};

function lengthOf(x: Operand): number {
  return x.shape.reduce((product, length) => product * length, 1);
}

/** Calls `visit` with the positions in x and in its resampled image of all that belongs together. */
function eachTap(
  x: Operand,
  positions: Operand,
  weights: Operand,
  axis: number,
  visit: (from: number, to: number, weight: number) => void,
): void {
  const [at, by] = [elements(positions), elements(weights)];
  const [taps, count] = positions.shape;
  const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const units = x.shape.slice(0, axis).reduce((a, b) => a * b, 1);
  for (let unit = 0; unit < units; unit++) {
    for (let o = 0; o < count; o++) {
      for (let t = 0; t < taps; t++) {
        const from = (unit * x.shape[axis] + at[positions.offset + t * count + o]) * inner;
        const to = (unit * count + o) * inner;
        const weight = by[weights.offset + t * count + o];
        for (let i = 0; i < inner; i++) visit(from + i, to + i, weight);
      }
    }
  }
}
