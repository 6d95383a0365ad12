/** Diagonals and triangles. */
import { checkTensor } from "../apply.ts";
import { arange } from "../create.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { Form } from "../form.ts";
import { defineOp } from "../op.ts";
import { formatShape, normalizeAxis, type Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { withFrontAxis } from "./batching.ts";
import { ge, le, where } from "./compare.ts";
import { clone, permute, reshape, to } from "./layout.ts";
import { movedim } from "./reorder.ts";

/** Options of {@link diagonal} and {@link diagEmbed}. */
export interface DiagonalOptions {
  axis1?: number;
  axis2?: number;
}

/** Of the last two axes, `offset` above (below, if negative) the main diagonal. */
function diagonalLayout(x: Tensor, offset: number) {
  const rank = x.rank;
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const [rowStep, columnStep] = x.strides.slice(-2) as [number, number];
  const length = Math.max(
    0,
    offset < 0 ? Math.min(rows + offset, columns) : Math.min(rows, columns - offset),
  );
  const start = offset < 0 ? -offset * rowStep : offset * columnStep;
  return {
    shape: [...x.shape.slice(0, rank - 2), length],
    strides: [...x.strides.slice(0, rank - 2), rowStep + columnStep],
    offset: x.offset + (length === 0 ? 0 : start),
  };
}

export const diagonalOp = defineOp({
  name: "diagonal",
  inputs: ["x"],
  domain: "any",
  view: diagonalLayout,
  saves: ["xShape"],
  batch: withFrontAxis(),
  grad: {
    x: (dy, { xShape }, offset: number): Tensor => onDiagonal(dy, { shape: xShape, offset }),
  },
  tex: { y: "y_i = x_{i, i + o}", x: "1" },
});

/** Zeros of a shape with x on the diagonal of the last two axes: the backward of diagonal. */
export const onDiagonal = defineOp({
  name: "onDiagonal",
  inputs: ["x"],
  domain: "any",
  shape: (_, { shape }: { shape: Shape; offset: number }) => shape,
  forward: ({ x }, y, kernels, { offset }) => {
    kernels.fill(0, y);
    const at = diagonalLayout(y, offset);
    kernels.copy(x, new Tensor(y.storage, 0, new Form(y.dtype, at.shape, at.strides, at.offset)));
  },
  batch: withFrontAxis(({ shape, offset }, { size }) => ({ shape: [size, ...shape], offset })),
  grad: { x: (dy, _, { offset }): Tensor => diagonalOp(dy, offset) },
  tex: { y: "y_{i, i + o} = x_i", x: "1" },
});

function checkOffset(op: string, offset: number): void {
  if (!Number.isInteger(offset)) {
    throw new ValueError(`${op}: the offset is ${offset}; it must be a whole number.`);
  }
}

function twoAxes(op: string, axis1: number, axis2: number, rank: number): [number, number] {
  const a = normalizeAxis(op, axis1, rank);
  const b = normalizeAxis(op, axis2, rank);
  if (a === b) {
    throw new ShapeError(`${op}: axis1 and axis2 are both axis ${a}; they must differ.`);
  }
  return [a, b];
}

/**
 * The elements whose position along axis2 is `offset` more than along axis1, as a new last axis. A view.
 */
export function diagonal(x: Tensor, offset = 0, options: DiagonalOptions = {}): Tensor {
  checkTensor("diagonal", "x", x);
  checkOffset("diagonal", offset);
  const { axis1 = 0, axis2 = 1 } = options;
  const [a, b] = twoAxes("diagonal", axis1, axis2, x.rank);
  const rest = x.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  return diagonalOp(permute(x, [...rest, a, b]), offset);
}

/**
 * Zeros with x's last axis on a diagonal: the inverse of {@link diagonal}.
 *
 * @param options.axis1, options.axis2  where the two axes of the diagonal go. Default −2 and −1
 */
export function diagEmbed(x: Tensor, offset = 0, options: DiagonalOptions = {}): Tensor {
  checkTensor("diagEmbed", "x", x);
  checkOffset("diagEmbed", offset);
  if (x.rank === 0) {
    throw new ShapeError("diagEmbed: x is a number; it needs an axis to lay on the diagonal.");
  }
  const { axis1 = -2, axis2 = -1 } = options;
  const [a, b] = twoAxes("diagEmbed", axis1, axis2, x.rank + 1);
  const side = x.shape[x.rank - 1]! + Math.abs(offset);
  const y = onDiagonal(x, { shape: [...x.shape.slice(0, -1), side, side], offset });
  return movedim(y, [-2, -1], [a, b]);
}

/** A vector as the diagonal of a matrix of zeros, or a copy of a matrix' diagonal. */
export function diag(x: Tensor, offset = 0): Tensor {
  checkTensor("diag", "x", x);
  checkOffset("diag", offset);
  if (x.rank === 1) return diagEmbed(x, offset);
  if (x.rank === 2) return clone(diagonal(x, offset));
  throw new ShapeError(
    `diag: x is ${formatShape(x.shape)}; it must be a vector or a matrix. Use diagonal or diagEmbed.`,
  );
}

function triangle(op: "tril" | "triu", x: Tensor, offset: number): Tensor {
  checkTensor(op, "x", x);
  checkOffset(op, offset);
  if (x.rank < 2) {
    throw new ShapeError(`${op}: x is ${formatShape(x.shape)}; it needs at least two axes.`);
  }
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const last = reshape(arange(offset, offset + rows), [rows, 1]);
  const keeps = (op === "tril" ? le : ge)(arange(columns), last);
  return to(where(keeps, x, 0), x.dtype);
}

/**
 * The lower triangle of the last two axes, 0 above: elements whose column is at most row + offset.
 */
export function tril(x: Tensor, offset = 0): Tensor {
  return triangle("tril", x, offset);
}

/**
 * The upper triangle of the last two axes, 0 below: elements whose column is at least row + offset.
 */
export function triu(x: Tensor, offset = 0): Tensor {
  return triangle("triu", x, offset);
}
