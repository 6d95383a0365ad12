/** Products. */
import type { Operand } from "@tapegrad/kernels";
import { checkTensor } from "../apply.ts";
import type { BatchCall } from "../definition.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { Form } from "../form.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes, formatShape, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { aligned, broadcasting, joined, parted } from "./batching.ts";
import { directly, runsDirectly } from "./direct.ts";
import { add, relu, reluGrad } from "./elementwise.ts";
import { reshape, transpose } from "./layout.ts";

/** Transposed in the last two axes: free, since the kernel takes any strides. */
const flipped = (x: Tensor) => transpose(x, -2, -1);

/** As {@link flipped}, for kernels: off the tape. */
function turned({ storage, value, dtype, shape, strides, offset }: Tensor): Operand {
  return { storage, value, dtype, shape: swapped(shape), strides: swapped(strides), offset };
}

function swapped(list: Shape): Shape {
  const last = list.length - 1;
  const result = new Array<number>(last + 1);
  for (let i = 0; i < last - 1; i++) result[i] = list[i]!;
  result[last] = list[last - 1]!;
  result[last - 1] = list[last]!;
  return result;
}

/** a·bᵀ, for gradients: by one kernel where nothing records it. */
function timesTurned(a: Tensor, b: Tensor): Tensor {
  return runsDirectly(a, b) ? product(a, turned(b)) : matmulOp(a, flipped(b));
}

/** aᵀ·b, likewise. */
function turnedTimes(a: Tensor, b: Tensor): Tensor {
  return runsDirectly(a, b) ? product(turned(a), b) : matmulOp(flipped(a), b);
}

function product(a: Operand, b: Operand): Tensor {
  const form = new Form(a.dtype, productShape(a.shape, b.shape));
  return directly(form, (y, kernels) => kernels.matmul(a, b, y));
}

export const matmulOp = defineOp({
  name: "matmul",
  inputs: ["a", "b"],
  domain: "float",
  shape: ({ a, b }) => productShape(a.shape, b.shape),
  forward: ({ a, b }, y, kernels) => kernels.matmul(a, b, y),
  saves: ["a", "b"],
  batch: productRule,
  grad: {
    // Y = AB  ⇒  ∂L/∂A = dY·Bᵀ and ∂L/∂B = Aᵀ·dY; the tape sums over broadcast leading axes.
    a: (dy, { b }) => timesTurned(dy, b),
    b: (dy, { a }) => turnedTimes(a, dy),
  },
  symbol: "·",
  tex: { y: "A B", a: "dY\\,B^\\top", b: "A^\\top dY" },
});

/** Samples of a matrix that meet one and the same matrix are rows of one product; else they are leading axes. */
function productRule(batch: BatchCall): Tensor {
  const { call, inputs, batched, size } = batch;
  const [a, b] = inputs as [Tensor, Tensor];
  if (batched[0] && !batched[1] && a.rank === 3 && b.rank === 2)
    return parted(call([joined(a), b]) as Tensor, size, a.shape[1]!);
  return broadcasting(batch) as Tensor;
}

function productShape(a: Shape, b: Shape): number[] {
  if (a[a.length - 1] !== b[b.length - 2]) {
    throw new ShapeError(
      `matmul: a is ${formatShape(a)} and b is ${formatShape(b)}; a's last axis (${a[a.length - 1]}) must equal b's second-to-last (${b[b.length - 2]}).`,
    );
  }
  const [rows, columns] = [a[a.length - 2]!, b[b.length - 1]!];
  if (a.length === 2 && b.length === 2) return [rows, columns];
  return [...broadcastShapes("matmul", a.slice(0, -2), b.slice(0, -2)), rows, columns];
}

/**
 * Matrix product over the last two axes; leading axes broadcast. A vector counts as a row on the left and
 * as a column on the right, and its axis vanishes from the result.
 *
 * @param a  float, [..., M, K] or [K]
 * @param b  float, [..., K, N] or [K]
 * @returns  [..., M, N]
 * @throws   ShapeError if the inner sizes differ or a tensor has no axis
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor("matmul", "a", a);
  checkTensor("matmul", "b", b);
  if (a.rank === 0 || b.rank === 0) {
    throw new ShapeError(
      `matmul: a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}; both need at least one axis. Use mul for numbers.`,
    );
  }
  if (a.rank > 1 && b.rank > 1) return matmulOp(a, b);
  if (a.rank === 1 && b.rank === 1 && a.shape[0] !== b.shape[0]) {
    throw new ShapeError(
      `matmul: a is ${formatShape(a.shape)} and b is ${formatShape(b.shape)}; two vectors need the same length.`,
    );
  }
  const rows = a.rank === 1 ? reshape(a, [1, a.shape[0]!]) : a;
  const columns = b.rank === 1 ? reshape(b, [b.shape[0]!, 1]) : b;
  const y = matmulOp(rows, columns);
  const shape = y.shape.filter(
    (_, i) => !(a.rank === 1 && i === y.rank - 2) && !(b.rank === 1 && i === y.rank - 1),
  );
  return reshape(y, shape);
}

/** Of {@link linear}: samples become rows of one product, unless they have weights of their own. */
function linearRule({ call, inputs, batched, size }: BatchCall, finish = (y: Tensor) => y): Tensor {
  const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor];
  if (!batched[1] && !batched[2])
    return parted(call([joined(x), weight, bias]) as Tensor, size, x.shape[1]!);
  return finish(add(matmulOp(x, flipped(weight)), batched[2] ? aligned(bias, 2) : bias));
}

/** The gradient of x in y = x·Wᵀ. */
function inputGrad(dy: Tensor, weight: Tensor): Tensor {
  return runsDirectly(dy, weight) ? product(dy, weight) : matmulOp(dy, weight);
}

const linearShape = ({ x, weight }: { x: Tensor; weight: Tensor }) => [
  x.shape[0]!,
  weight.shape[0]!,
];

export const linearOp = defineOp({
  name: "linear",
  inputs: ["x", "weight", "bias"],
  domain: "float",
  shape: linearShape,
  forward: ({ x, weight, bias }, y, kernels) => kernels.matmul(x, turned(weight), y, bias),
  saves: ["x", "weight"],
  batch: (call) => linearRule(call),
  grad: {
    // Y = XWᵀ + b
    x: (dy, { weight }) => inputGrad(dy, weight),
    weight: (dy, { x }) => turnedTimes(dy, x),
    bias: (dy) => dy,
  },
  tex: { y: "X W^\\top + b", x: "dY\\,W", weight: "dY^\\top X", bias: "\\sum_n dY_n" },
});

/** relu(x·Wᵀ + b): what comes before the relu is never written. */
export const linearReluOp = defineOp({
  name: "linearRelu",
  inputs: ["x", "weight", "bias"],
  domain: "float",
  shape: linearShape,
  forward: ({ x, weight, bias }, y, kernels) => kernels.matmul(x, turned(weight), y, bias, true),
  saves: ["x", "weight", "y"],
  batch: (call) => linearRule(call, relu),
  grad: {
    // Y = max(XWᵀ + b, 0)
    x: (dy, { weight, y }) => inputGrad(reluGrad(dy, y), weight),
    weight: (dy, { x, y }) => turnedTimes(reluGrad(dy, y), x),
    bias: (dy, { y }) => reluGrad(dy, y),
  },
  gradTogether: (dy, saved, _, wanted) => {
    const slope = reluGrad(dy, saved.y);
    const rules = {
      x: () => inputGrad(slope, saved.weight),
      weight: () => turnedTimes(slope, saved.x),
      bias: () => slope,
    };
    return Object.fromEntries(wanted.map((name) => [name, rules[name]()]));
  },
  tex: {
    y: "\\max(X W^\\top + b, 0)",
    x: "dZ\\,W,\\ dZ = dY \\odot [Y > 0]",
    weight: "dZ^\\top X",
    bias: "\\sum_n dZ_n",
  },
  kinks: "0 at 0.",
});

/** What {@link linear} puts behind the product in the same kernel. */
export interface LinearActivation {
  activation?: "relu" | null;
}

/**
 * y = x·Wᵀ + b, the affine map of a dense layer, in one kernel; with `activation: "relu"` max(y, 0), in the same one.
 *
 * @param x       float, [..., in]
 * @param weight  float, [out, in]
 * @param bias    float, [out]; may be left out
 * @returns       [..., out]
 * @throws        ShapeError if sizes don't meet, ValueError for another activation
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  { activation = null }: LinearActivation = {},
): Tensor {
  checkTensor("linear", "x", x);
  checkTensor("linear", "weight", weight);
  const [out, size] = weight.shape;
  if (weight.rank !== 2 || x.rank === 0 || x.shape[x.rank - 1] !== size) {
    throw new ShapeError(
      `linear: x is ${formatShape(x.shape)} and weight is ${formatShape(weight.shape)}; weight is [out, in], and x's last axis must be in.`,
    );
  }
  if (bias && (bias.rank !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(
      `linear: bias is ${formatShape(bias.shape)} and weight is ${formatShape(weight.shape)}; bias must be [${out}].`,
    );
  }
  if (activation !== null && activation !== "relu") {
    throw new ValueError(
      `linear: unknown activation "${activation}"; known is relu. Call others on the result.`,
    );
  }
  const rows = x.rank === 2 ? x : reshape(x, [sizeOf(x.shape.slice(0, -1)), size!]);
  const rectify = activation === "relu";
  let y: Tensor;
  if (bias) y = (rectify ? linearReluOp : linearOp)(rows, weight, bias);
  else y = rectify ? relu(matmulOp(rows, flipped(weight))) : matmulOp(rows, flipped(weight));
  return x.rank === 2 ? y : reshape(y, [...x.shape.slice(0, -1), out!]);
}
