/**
 * Running results along an axis, and the differences and areas that undo and continue them. A tensor
 * without axes counts as one element along axis 0 (or −1), as in PyTorch.
 */
import type { ArgScanName } from "@tapegrad/kernels";
import { applyInPlace, checkTensor } from "../apply.ts";
import { full } from "../create.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { defineOp, type Op } from "../op.ts";
import { broadcastShapes, formatShape, normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { floated } from "./arguments.ts";
import { withFrontAxis } from "./batching.ts";
import { eq, ne, where } from "./compare.ts";
import { add, div, exp, mul, sub } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { clone, concat, lined, narrow, reshape, reversed, to } from "./layout.ts";
import { sum, type ValuesAndIndices } from "./reduce.ts";

/** x with at least one axis, and the named one counted from the front. */
export function alongAxis(op: string, x: Tensor, axis: number): [x: Tensor, axis: number] {
  checkTensor(op, "x", x);
  const v = lined(x);
  return [v, normalizeAxis(op, axis, v.rank)];
}

/** x one place later along the axis: `first`, x₀, x₁, …, without the last. */
export function shifted(x: Tensor, axis: number, first: number): Tensor {
  const size = x.shape[axis]!;
  if (size === 0) return x;
  const head = full(x.shape.with(axis, 1), first, { dtype: x.dtype });
  return concat([head, narrow(x, axis, 0, size - 1)], axis);
}

// ---------------------------------------------------------------------------------------------
// Sums and products

export const cumsumOp = defineOp({
  name: "cumsum",
  inputs: ["x"],
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels, axis: number) => kernels.scan("cumsum", x, axis, y),
  // xⱼ is in every yᵢ from i = j on: dxⱼ = Σ_{i ≥ j} dyᵢ
  batch: withFrontAxis((axis) => axis + 1),
  grad: { x: (dy, _, axis): Tensor => reversed(cumsumOp(reversed(dy, [axis]), axis), [axis]) },
  tex: { y: "y_i = \\sum_{j \\le i} x_j", x: "[j \\le i]" },
});

/** yᵢ = x₀ + … + xᵢ along the axis. Bool and uint8 are summed as int32. */
export function cumsum(x: Tensor, axis: number): Tensor {
  const [v, at] = alongAxis("cumsum", x, axis);
  return reshape(cumsumOp(widened(v), at), x.shape);
}

/**
 * yᵢ = aᵢ·yᵢ₋₁ + bᵢ along the axis, y₀ = b₀: what the gradients of scans are made of. Its own gradient is
 * the same recurrence run backwards, so it can be differentiated any number of times in linear time.
 */
export const recurrence = defineOp({
  name: "recurrence",
  inputs: ["a", "b"],
  domain: "float",
  shape: ({ b }) => b.shape,
  forward: ({ a, b }, y, kernels, axis: number) => kernels.recurrence(a, b, axis, y),
  saves: ["a", "y"],
  batch: withFrontAxis((axis) => axis + 1),
  grad: {
    // With gᵢ = dyᵢ + aᵢ₊₁·gᵢ₊₁, all that reaches yᵢ: ∂/∂bᵢ = gᵢ and ∂/∂aᵢ = gᵢ·yᵢ₋₁.
    a: (dy, { a, y }, axis): Tensor => mul(backwards(a, dy, axis), shifted(y, axis, 0)),
    b: (dy, { a }, axis): Tensor => backwards(a, dy, axis),
  },
  tex: { y: "y_i = a_i y_{i-1} + b_i", a: "y_{i-1}", b: "1" },
});

/** gᵢ = dyᵢ + aᵢ₊₁·gᵢ₊₁ along the axis. */
function backwards(a: Tensor, dy: Tensor, axis: number): Tensor {
  const factors = shifted(reversed(a, [axis]), axis, 0);
  return reversed(recurrence(factors, reversed(dy, [axis]), axis), [axis]);
}

export const cumprodOp = defineOp({
  name: "cumprod",
  inputs: ["x"],
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels, axis: number) => kernels.scan("cumprod", x, axis, y),
  saves: ["x", "y"],
  batch: withFrontAxis((axis) => axis + 1),
  grad: {
    // yᵢ = yᵢ₋₁·xᵢ is a recurrence; nothing is divided by x, so zeros need no care.
    x: (dy, { x, y }, axis): Tensor => mul(backwards(x, dy, axis), shifted(y, axis, 1)),
  },
  tex: { y: "y_i = \\prod_{j \\le i} x_j", x: "\\prod_{k \\le i, k \\ne j} x_k" },
  kinks: "Right with any number of zeros, since nothing is divided.",
});

/** yᵢ = x₀ · … · xᵢ along the axis; the gradient is right at zeros, too. Bool and uint8 become int32. */
export function cumprod(x: Tensor, axis: number): Tensor {
  const [v, at] = alongAxis("cumprod", x, axis);
  return reshape(cumprodOp(widened(v), at), x.shape);
}

function widened(x: Tensor): Tensor {
  return x.dtype === "uint8" || x.dtype === "bool" ? to(x, "int32") : x;
}

/** @internal `cumsum_` and `cumprod_`. */
export function scanInPlace(op: Op, x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(`${op.name}_`, axis, Math.max(x.rank, 1));
  if (x.dtype === "uint8" || x.dtype === "bool") {
    throw new DTypeError(
      `${op.name}_: the result is int32 and can't be stored in a tensor of ${x.dtype}; use ${op.name}, which makes a new tensor.`,
    );
  }
  // The running result of one element is the element.
  return x.rank === 0 ? x : applyInPlace(op, x, [], at);
}

export const logcumsumexpOp = defineOp({
  name: "logcumsumexp",
  inputs: ["x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ x }, y, kernels, axis: number) => kernels.scan("logcumsumexp", x, axis, y),
  saves: ["x", "y"],
  batch: withFrontAxis((axis) => axis + 1),
  grad: {
    // dxⱼ = Σ_{i ≥ j} dyᵢ·e^(xⱼ − yᵢ) = e^(xⱼ − yⱼ)·gⱼ with gⱼ = dyⱼ + e^(yⱼ − yⱼ₊₁)·gⱼ₊₁. y never falls
    // and xⱼ ≤ yⱼ, so no exponent is positive; the largest finite number in place of ∞ keeps it so.
    x: (dy, { x, y }, axis) => {
      const largest = y.dtype === "float32" ? (2 - 2 ** -23) * 2 ** 127 : Number.MAX_VALUE;
      const above = where(eq(y, -Infinity), -largest, y);
      const finite = where(eq(above, Infinity), largest, above);
      const decays = exp(sub(shifted(finite, axis, 0), finite));
      return mul(exp(sub(x, above)), backwards(decays, dy, axis));
    },
  },
  tex: { y: "y_i = \\ln\\sum_{j \\le i} e^{x_j}", x: "e^{x_j - y_i}" },
});

/** yᵢ = ln(eˣ⁰ + … + eˣⁱ) along the axis, without overflow. */
export function logcumsumexp(x: Tensor, axis: number): Tensor {
  const [v, at] = alongAxis("logcumsumexp", x, axis);
  return reshape(logcumsumexpOp(v, at), x.shape);
}

// ---------------------------------------------------------------------------------------------
// Extremes

function runningExtreme(name: ArgScanName) {
  return defineOp({
    name,
    inputs: ["x"],
    domain: "any",
    dtype: () => "int32",
    shape: ({ x }) => x.shape,
    forward: ({ x }, y, kernels, axis: number) => kernels.argScan(name, x, axis, y),
    batch: withFrontAxis((axis) => axis + 1),
    grad: { x: null },
    tex: { y: `\\max \\{j \\le i : x_j = \\${name.slice(3)}_{k \\le i} x_k\\}` },
  });
}

/** Positions of the running maximum; see {@link cummax}. */
export const cummaxOp = runningExtreme("cummax");
/** Positions of the running minimum; see {@link cummin}. */
export const cumminOp = runningExtreme("cummin");

function cumulative(op: typeof cummaxOp, x: Tensor, axis: number): ValuesAndIndices {
  const [v, at] = alongAxis(op.op.name, x, axis);
  const indices = op(v, at);
  return {
    values: reshape(gather(v, at, indices), x.shape),
    indices: reshape(indices, x.shape),
  };
}

/**
 * The largest of x₀ … xᵢ along the axis and its position (int32), the last of equals; from the first NaN
 * on, NaN. The gradient goes to the element at the position.
 */
export function cummax(x: Tensor, axis: number): ValuesAndIndices {
  return cumulative(cummaxOp, x, axis);
}

/** The smallest of x₀ … xᵢ along the axis and its position; see {@link cummax}. */
export function cummin(x: Tensor, axis: number): ValuesAndIndices {
  return cumulative(cumminOp, x, axis);
}

// ---------------------------------------------------------------------------------------------
// Differences and areas

/** Options of {@link diff}. */
export interface DiffOptions {
  /** How often differences are taken. Default 1. */
  n?: number;
  /** Default −1. */
  axis?: number;
  /** Put before x along the axis first. */
  prepend?: Tensor;
  /** Put after x along the axis first. */
  append?: Tensor;
}

/**
 * yᵢ = xᵢ₊₁ − xᵢ along the axis, n times over: the axis gets n elements shorter (at least empty). Of bools,
 * whether neighbours differ.
 */
export function diff(x: Tensor, options: DiffOptions = {}): Tensor {
  checkTensor("diff", "x", x);
  const { n = 1, axis = -1, prepend, append } = options;
  if (!Number.isInteger(n) || n < 0) {
    throw new ValueError(`diff: n is ${n}; it must be a whole number, 0 or more.`);
  }
  const at = normalizeAxis("diff", axis, x.rank);
  if (prepend !== undefined) checkTensor("diff", "prepend", prepend);
  if (append !== undefined) checkTensor("diff", "append", append);
  const parts = [prepend, x, append].filter((part) => part !== undefined);
  let y = parts.length > 1 ? concat(parts, at) : n === 0 ? clone(x) : x;
  for (let round = 0; round < n && y.shape[at]! > 0; round++) {
    const count = y.shape[at]! - 1;
    const [later, earlier] = [narrow(y, at, 1, count), narrow(y, at, 0, count)];
    y = y.dtype === "bool" ? ne(later, earlier) : sub(later, earlier);
  }
  return y;
}

/** Options of {@link trapezoid}. */
export interface TrapezoidOptions {
  /** Distance of neighbours, where no positions x are given. Default 1. */
  dx?: number;
  /** Default −1. */
  axis?: number;
}

/**
 * The area under y along the axis by the trapezoidal rule: Σ (yᵢ + yᵢ₊₁)/2 · (xᵢ₊₁ − xᵢ).
 *
 * @param x  positions: one axis as long as y's, or a shape that broadcasts with y's. Default: dx apart
 */
export function trapezoid(y: Tensor, x?: Tensor | null, options: TrapezoidOptions = {}): Tensor {
  checkTensor("trapezoid", "y", y);
  const at = normalizeAxis("trapezoid", options.axis ?? -1, y.rank);
  const v = floated(y);
  const count = Math.max(v.shape[at]! - 1, 0);
  if (x === undefined || x === null) {
    const { dx = 1 } = options;
    if (typeof dx !== "number") {
      throw new ValueError(`trapezoid: dx is ${String(dx)}; it must be a number.`);
    }
    return mul(sum(pairs(v, at, count), at), dx / 2);
  }
  if (options.dx !== undefined) {
    throw new ValueError("trapezoid: both x and dx are given; x already says the distances.");
  }
  checkTensor("trapezoid", "x", x);
  if (x.rank === 1 && x.shape[0] !== v.shape[at]) {
    throw new ShapeError(
      `trapezoid: x is ${formatShape(x.shape)} and y ${formatShape(y.shape)}; x must have one position for each of the ${v.shape[at]} elements along axis ${at}.`,
    );
  }
  const shape = x.rank === 1 ? v.shape.map((size, i) => (i === at ? size : 1)) : x.shape;
  broadcastShapes("trapezoid", shape, v.shape);
  const positions = reshape(x, [
    ...new Array(Math.max(v.rank - shape.length, 0)).fill(1),
    ...shape,
  ]);
  if (positions.rank !== v.rank) {
    throw new ShapeError(
      `trapezoid: x is ${formatShape(x.shape)} and y ${formatShape(y.shape)}; x can't have more axes than y.`,
    );
  }
  const widths = diff(positions, { axis: at });
  return div(sum(mul(pairs(v, at, count), widths), at), 2);
}

/** yᵢ + yᵢ₊₁ along the axis. */
function pairs(y: Tensor, axis: number, count: number): Tensor {
  const start = Math.min(1, y.shape[axis]!);
  return add(narrow(y, axis, 0, count), narrow(y, axis, start, count));
}
