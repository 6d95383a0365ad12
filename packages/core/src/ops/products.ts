/** Products beyond `matmul`, composed of existing ops, which carry the gradients. */
import { checkTensor, describe } from "../apply.ts";
import { checkNumber } from "../check.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError, ValueError } from "../errors.ts";
import {
  broadcastShapes,
  formatShape,
  normalizeAxis,
  type Shape,
  sameShape,
  sizeOf,
} from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { floated } from "./arguments.ts";
import { where } from "./compare.ts";
import { einsum } from "./einsum.ts";
import { add, mul } from "./elementwise.ts";
import { concat, permute, reshape, to } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { amax, sum } from "./reduce.ts";

/** @throws ShapeError unless x has the rank; `as` spells the shape that fits */
function checkRank(op: string, input: string, x: Tensor, rank: number, as: string): void {
  checkTensor(op, input, x);
  if (x.rank !== rank) {
    throw new ShapeError(`${op}: ${input} is ${formatShape(x.shape)}; it must be ${as}.`);
  }
}

function checkMeet(op: string, a: Tensor, b: Tensor, fits: boolean, rule: string): void {
  if (!fits) {
    throw new ShapeError(
      `${op}: a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}; ${rule}.`,
    );
  }
}

/** Batched matrix product without broadcasting: [B, M, K] · [B, K, N] → [B, M, N]. */
export function bmm(a: Tensor, b: Tensor): Tensor {
  checkRank("bmm", "a", a, 3, "[B, M, K]");
  checkRank("bmm", "b", b, 3, "[B, K, N]");
  checkMeet(
    "bmm",
    a,
    b,
    a.shape[0] === b.shape[0] && a.shape[2] === b.shape[1],
    "they must be [B, M, K] and [B, K, N]",
  );
  return matmul(a, b);
}

/** Matrix times vector: [M, K] · [K] → [M]. */
export function mv(a: Tensor, b: Tensor): Tensor {
  checkRank("mv", "a", a, 2, "a matrix [M, K]");
  checkRank("mv", "b", b, 1, "a vector [K]");
  checkMeet("mv", a, b, a.shape[1] === b.shape[0], "a's columns must be as many as b's elements");
  return matmul(a, b);
}

/** Σ aᵢ·bᵢ of two vectors [N]. */
export function dot(a: Tensor, b: Tensor): Tensor {
  checkRank("dot", "a", a, 1, "a vector [N]");
  checkRank("dot", "b", b, 1, "a vector [N]");
  checkMeet("dot", a, b, a.shape[0] === b.shape[0], "they must be equally long");
  return isFloat(a.dtype) || isFloat(b.dtype) ? matmul(a, b) : sum(mul(a, b));
}

/** yᵢⱼ = aᵢ·bⱼ: [M], [N] → [M, N]. */
export function outer(a: Tensor, b: Tensor): Tensor {
  checkRank("outer", "a", a, 1, "a vector [M]");
  checkRank("outer", "b", b, 1, "a vector [N]");
  return mul(a.unsqueeze(1), b);
}

/** Σₖ a[…, k]·b[…, k]: [A…, K], [B…, K] → [A…, B…]. A number multiplies. */
export function inner(a: Tensor, b: Tensor): Tensor {
  checkTensor("inner", "a", a);
  checkTensor("inner", "b", b);
  if (a.rank === 0 || b.rank === 0) return mul(a, b);
  checkMeet(
    "inner",
    a,
    b,
    a.shape[a.rank - 1] === b.shape[b.rank - 1],
    "their last axes must be equal",
  );
  return tensordot(a, b, [[a.rank - 1], [b.rank - 1]]);
}

/**
 * Sum of products over pairs of axes; what remains of a comes first, then what remains of b.
 *
 * @param axes  a number n: the last n axes of a with the first n of b, in order (default 2); or the axes of
 *              each, [[…], […]], paired in order
 * @throws      ShapeError if paired axes differ
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  axes: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  checkTensor("tensordot", "a", a);
  checkTensor("tensordot", "b", b);
  const [ofA, ofB] = pairedAxes(a, b, axes);
  const clash = ofA.findIndex((axis, i) => a.shape[axis] !== b.shape[ofB[i]!]);
  if (clash >= 0) {
    throw new ShapeError(
      `tensordot: axis ${ofA[clash]} of a ${formatShape(a.shape)} and axis ${ofB[clash]} of b ${formatShape(b.shape)} are paired; they must be equal.`,
    );
  }
  const freeA = a.shape.map((_, i) => i).filter((i) => !ofA.includes(i));
  const freeB = b.shape.map((_, i) => i).filter((i) => !ofB.includes(i));
  const [m, n] = [freeA.map((i) => a.shape[i]!), freeB.map((i) => b.shape[i]!)];
  const k = sizeOf(ofA.map((i) => a.shape[i]!));
  const left = reshape(permute(a, [...freeA, ...ofA]), [sizeOf(m), k]);
  const right = reshape(permute(b, [...ofB, ...freeB]), [k, sizeOf(n)]);
  return reshape(matmul(left, right), [...m, ...n]);
}

function pairedAxes(a: Tensor, b: Tensor, axes: unknown): [number[], number[]] {
  if (typeof axes === "number") {
    if (!Number.isInteger(axes) || axes < 0 || axes > Math.min(a.rank, b.rank)) {
      throw new ShapeError(
        `tensordot: ${axes} axes are to be summed, and a is ${formatShape(a.shape)}, b ${formatShape(b.shape)}; both need that many.`,
      );
    }
    const range = Array.from({ length: axes }, (_, i) => i);
    return [range.map((i) => a.rank - axes + i), range];
  }
  const lists = axes as readonly (readonly number[])[];
  if (!Array.isArray(axes) || axes.length !== 2 || !lists.every(Array.isArray)) {
    throw new ValueError(
      `tensordot: axes is ${describe(axes)}; it must be a number, or two arrays such as [[1], [0]].`,
    );
  }
  const ofA = lists[0]!.map((axis) => normalizeAxis("tensordot", axis, a.rank));
  const ofB = lists[1]!.map((axis) => normalizeAxis("tensordot", axis, b.rank));
  const once = new Set(ofA).size === ofA.length && new Set(ofB).size === ofB.length;
  if (ofA.length !== ofB.length || !once) {
    throw new ShapeError(
      `tensordot: axes are [${lists[0]!.join(", ")}] and [${lists[1]!.join(", ")}]; both need equally many, none twice.`,
    );
  }
  return [ofA, ofB];
}

/** Kronecker product: every element of a times all of b, as blocks; axis sizes multiply. */
export function kron(a: Tensor, b: Tensor): Tensor {
  checkTensor("kron", "a", a);
  checkTensor("kron", "b", b);
  const rank = Math.max(a.rank, b.rank);
  const padded = (x: Tensor) => [...new Array<number>(rank - x.rank).fill(1), ...x.shape];
  const [outside, inside] = [padded(a), padded(b)];
  const blocks = reshape(
    a,
    outside.flatMap((size) => [size, 1]),
  );
  const block = reshape(
    b,
    inside.flatMap((size) => [1, size]),
  );
  return reshape(
    mul(blocks, block),
    outside.map((size, i) => size * inside[i]!),
  );
}

/**
 * Vector product a × b along an axis of size 3 (the last by default); other axes broadcast.
 *
 * @throws ShapeError if the axis is not 3 long in both
 */
export function cross(a: Tensor, b: Tensor, options: { axis?: number } = {}): Tensor {
  checkTensor("cross", "a", a);
  checkTensor("cross", "b", b);
  const rank = Math.max(a.rank, b.rank);
  const axis = normalizeAxis("cross", options.axis ?? -1, rank) - rank;
  checkMeet(
    "cross",
    a,
    b,
    a.shape[a.rank + axis] === 3 && b.shape[b.rank + axis] === 3,
    `axis ${axis} must have size 3 in both`,
  );
  broadcastShapes("cross", a.shape, b.shape);
  // y₀ = a₁b₂ − a₂b₁, and so on in turn.
  const turned = (x: Tensor) => concat([x.narrow(axis, 1, 2), x.narrow(axis, 0, 1)], axis);
  const [a1, b1] = [turned(a), turned(b)];
  return mul(a1, turned(b1)).sub(mul(turned(a1), b1));
}

/**
 * Distances ‖aᵢ − bⱼ‖ₚ of all pairs of rows: [..., M, D], [..., N, D] → [..., M, N]; leading axes broadcast.
 * As in PyTorch, equal rows have gradient 0, and for p = ∞ every coordinate at the maximum takes the gradient.
 *
 * @param p  0 (number of differing coordinates) to Infinity; default 2
 */
export function cdist(a: Tensor, b: Tensor, options: { p?: number } = {}): Tensor {
  checkTensor("cdist", "a", a);
  checkTensor("cdist", "b", b);
  const { p = 2 } = options;
  checkNumber("cdist", "p", p);
  if (!(p >= 0)) throw new ValueError(`cdist: p is ${p}; it must be 0 or more, or infinite.`);
  checkMeet(
    "cdist",
    a,
    b,
    a.rank >= 2 && b.rank >= 2 && a.shape[a.rank - 1] === b.shape[b.rank - 1],
    "they must be [..., M, D] and [..., N, D]",
  );
  broadcastShapes("cdist", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const difference = floated(a).unsqueeze(-2).sub(floated(b).unsqueeze(-3));
  if (p === 0) return sum(to(difference.ne(0), difference.dtype), -1);
  const sizes = difference.abs();
  if (p === 1) return sum(sizes, -1);
  if (p === Infinity) {
    if (a.shape[a.rank - 1] === 0) return sum(sizes, -1);
    // The value is the maximum's; the zero beside it carries the gradient to all that reach it.
    const most = amax(sizes.detach(), -1, { keepdim: true });
    const reaches = to(sizes.detach().eq(most), sizes.dtype);
    return most.squeeze(-1).add(sum(sizes.sub(most).mul(reaches), -1));
  }
  if (p === 2) return root(sum(difference.square(), -1), (x) => x.sqrt());
  const powers = root(sizes, (x) => x.pow(p));
  return root(sum(powers, -1), (x) => x.pow(1 / p));
}

/** f(x), and 0 with gradient 0 where x = 0. */
function root(x: Tensor, f: (x: Tensor) => Tensor): Tensor {
  const zero = x.eq(0);
  return where(zero, 0, f(where(zero, 1, x)));
}

/** Options of {@link addmm} and its kin. */
export interface AddProductOptions {
  /** Factor of the input; 0 ignores it, NaN included. Default 1. */
  beta?: number;
  /** Factor of the product. Default 1. */
  alpha?: number;
}

function addProduct(
  op: string,
  input: Tensor,
  product: Tensor,
  { beta = 1, alpha = 1 }: AddProductOptions,
): Tensor {
  checkTensor(op, "input", input);
  checkNumber(op, "beta", beta);
  checkNumber(op, "alpha", alpha);
  if (!sameShape(broadcastShapes(op, input.shape, product.shape), product.shape)) {
    throw new ShapeError(
      `${op}: input is ${formatShape(input.shape)} and the product ${formatShape(product.shape)}; input must broadcast to it.`,
    );
  }
  const scaled = alpha === 1 ? product : mul(product, alpha);
  if (beta === 0) return scaled;
  return add(beta === 1 ? input : mul(input, beta), scaled);
}

/** beta·input + alpha·(a·b): a [M, K], b [K, N], input broadcastable to [M, N]. */
export function addmm(
  input: Tensor,
  a: Tensor,
  b: Tensor,
  options: AddProductOptions = {},
): Tensor {
  checkRank("addmm", "a", a, 2, "[M, K]");
  checkRank("addmm", "b", b, 2, "[K, N]");
  checkMeet("addmm", a, b, a.shape[1] === b.shape[0], "they must be [M, K] and [K, N]");
  return addProduct("addmm", input, matmul(a, b), options);
}

/** beta·input + alpha·(a·b): a [M, K], b [K], input broadcastable to [M]. */
export function addmv(
  input: Tensor,
  a: Tensor,
  b: Tensor,
  options: AddProductOptions = {},
): Tensor {
  checkRank("addmv", "a", a, 2, "[M, K]");
  checkRank("addmv", "b", b, 1, "[K]");
  checkMeet("addmv", a, b, a.shape[1] === b.shape[0], "they must be [M, K] and [K]");
  return addProduct("addmv", input, matmul(a, b), options);
}

/** beta·input + alpha·(a·b): a [B, M, K], b [B, K, N], input broadcastable to [B, M, N]. */
export function baddbmm(
  input: Tensor,
  a: Tensor,
  b: Tensor,
  options: AddProductOptions = {},
): Tensor {
  checkRank("baddbmm", "a", a, 3, "[B, M, K]");
  checkRank("baddbmm", "b", b, 3, "[B, K, N]");
  checkMeet(
    "baddbmm",
    a,
    b,
    a.shape[0] === b.shape[0] && a.shape[2] === b.shape[1],
    "they must be [B, M, K] and [B, K, N]",
  );
  return addProduct("baddbmm", input, matmul(a, b), options);
}

/**
 * yₒ = Σᵢⱼ aᵢ·weightₒᵢⱼ·bⱼ + biasₒ.
 *
 * @param a       float, [..., I]
 * @param b       float, [..., J]; the same leading axes
 * @param weight  float, [O, I, J]
 * @returns       [..., O]
 */
export function bilinear(
  a: Tensor,
  b: Tensor,
  weight: Tensor,
  options: { bias?: Tensor | null } = {},
): Tensor {
  checkTensor("bilinear", "a", a);
  checkTensor("bilinear", "b", b);
  checkRank("bilinear", "weight", weight, 3, "[O, I, J]");
  const [out, i, j] = weight.shape as [number, number, number];
  const lead = (x: Tensor): Shape => x.shape.slice(0, -1);
  const fits =
    a.rank > 0 &&
    a.shape[a.rank - 1] === i &&
    b.shape[b.rank - 1] === j &&
    sameShape(lead(a), lead(b));
  checkMeet(
    "bilinear",
    a,
    b,
    fits,
    `for weight ${formatShape(weight.shape)} they must be [..., ${i}] and [..., ${j}], with equal leading axes`,
  );
  const y = einsum("...i,oij,...j->...o", a, weight, b);
  const { bias } = options;
  if (bias === undefined || bias === null) return y;
  checkTensor("bilinear", "bias", bias);
  if (!sameShape(bias.shape, [out])) {
    throw new ShapeError(
      `bilinear: bias is ${formatShape(bias.shape)}; for weight ${formatShape(weight.shape)} it must be [${out}].`,
    );
  }
  return add(y, bias);
}

/**
 * The product of several matrices in the order that takes the fewest multiplications. The first may be a
 * vector (a row) and the last one too (a column).
 *
 * @throws ShapeError naming the first neighbours that don't meet
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  if (!Array.isArray(tensors) || tensors.length < 2) {
    throw new ValueError("multiDot: needs an array of at least two Tensors.");
  }
  const last = tensors.length - 1;
  tensors.forEach((x: Tensor, i) => {
    checkTensor("multiDot", `tensor ${i}`, x);
    if (x.rank !== 2 && !(x.rank === 1 && (i === 0 || i === last))) {
      throw new ShapeError(
        `multiDot: tensor ${i} is ${formatShape(x.shape)}; it must be a matrix (the first and the last may be vectors).`,
      );
    }
  });
  const matrices = tensors.map((x: Tensor, i) => (x.rank === 2 ? x : x.unsqueeze(i === 0 ? 0 : 1)));
  for (let i = 0; i < last; i++) {
    if (matrices[i]!.shape[1] !== matrices[i + 1]!.shape[0]) {
      throw new ShapeError(
        `multiDot: tensor ${i} is ${formatShape(tensors[i]!.shape)} and tensor ${i + 1} is ${formatShape(tensors[i + 1]!.shape)}; neighbours must meet as in matmul.`,
      );
    }
  }
  const y = chained(matrices, cheapestSplits(matrices), 0, last);
  const shape = y.shape.filter((_, axis) => (axis === 0 ? tensors[0]! : tensors[last]!).rank === 2);
  return reshape(y, shape);
}

/**
 * Where to cut each run i…j of matrices: splits[i][j] = k multiplies (i…k)·(k+1…j).
 *
 * @see Cormen et al., Introduction to Algorithms, §15.2 (matrix-chain multiplication)
 */
function cheapestSplits(matrices: readonly Tensor[]): number[][] {
  const n = matrices.length;
  const sizes = [matrices[0]!.shape[0]!, ...matrices.map((x) => x.shape[1]!)];
  const cost = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  const splits = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  for (let length = 1; length < n; length++) {
    for (let i = 0; i + length < n; i++) {
      const j = i + length;
      cost[i]![j] = Infinity;
      for (let k = i; k < j; k++) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!;
        if (total < cost[i]![j]!) {
          cost[i]![j] = total;
          splits[i]![j] = k;
        }
      }
    }
  }
  return splits;
}

function chained(matrices: readonly Tensor[], splits: number[][], i: number, j: number): Tensor {
  if (i === j) return matrices[i]!;
  const k = splits[i]![j]!;
  return matmul(chained(matrices, splits, i, k), chained(matrices, splits, k + 1, j));
}
