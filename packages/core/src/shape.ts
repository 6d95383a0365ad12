import { ShapeError, ValueError } from "./errors.ts";

/** Sizes of the axes, the first axis first; [] for a number. */
export type Shape = readonly number[];

/** The shape and the strides of every lone number. */
export const scalarShape: Shape = Object.freeze([]) as unknown as Shape;

/** The shape as messages show it: "[2, 3]". */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** How many elements a tensor of the shape has. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i]!;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Row-major strides, in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= Math.max(1, shape[i]!);
  }
  return strides;
}

export function isContiguous(shape: Shape, strides: Shape): boolean {
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 0) return true;
    if (shape[i] !== 1 && strides[i] !== stride) return false;
    stride *= shape[i]!;
  }
  return true;
}

/**
 * Whether two elements may lie at the same place: some axis steps less far than the axes of smaller
 * strides reach together. Never false for a layout that does; slices and permutations are not caught.
 */
export function overlaps({ shape, strides }: { shape: Shape; strides: Shape }): boolean {
  const axes = shape
    .map((size, i) => ({ size, stride: Math.abs(strides[i]!) }))
    .filter(({ size }) => size !== 1)
    .sort((a, b) => a.stride - b.stride);
  if (axes.some(({ size }) => size === 0)) return false;
  let reach = 0;
  for (const { size, stride } of axes) {
    if (stride <= reach) return true;
    reach += (size - 1) * stride;
  }
  return false;
}

/**
 * The shape in which all given shapes meet: aligned at the right, each axis equal or 1.
 *
 * @throws ShapeError naming the op, the shapes and the axis that doesn't fit
 */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  let rank = 0;
  for (const { length } of shapes) if (length > rank) rank = length;
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const axis = rank - shape.length + i;
      const size = shape[i]!;
      if (size === 1 || size === result[axis]) continue;
      if (result[axis] !== 1) {
        throw new ShapeError(
          `${op}: shapes ${shapes.map(formatShape).join(" and ")} do not broadcast: ` +
            `axis ${axis - rank} has ${result[axis]} and ${size}; they must be equal or one of them 1.`,
        );
      }
      result[axis] = size;
    }
  }
  return result;
}

/** Strides under which `shape` reads as the larger `target`: 0 along every axis that repeats. */
export function broadcastStrides(shape: Shape, strides: Shape, target: Shape): number[] {
  const lead = target.length - shape.length;
  return target.map((size, i) =>
    i < lead || (shape[i - lead] === 1 && size !== 1) ? 0 : strides[i - lead]!,
  );
}

/** Axis −1 is the last one. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const valid =
      rank === 0 ? "a tensor without axes has none to name" : `valid are ${-rank} to ${rank - 1}`;
    throw new ShapeError(
      `${op}: axis ${axis} is out of range for a tensor of ${rank} axes; ${valid}.`,
    );
  }
  return axis < 0 ? axis + rank : axis;
}

/** The axes in ascending order, none twice; all of them when none is named. */
export function normalizeAxes(
  op: string,
  axes: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (axes === undefined) {
    const all = new Array<number>(rank);
    for (let i = 0; i < rank; i++) all[i] = i;
    return all;
  }
  const named = typeof axes === "number" ? [axes] : axes;
  // As in PyTorch, a tensor without axes may be reduced along axis 0 or −1, which does nothing.
  if (rank === 0 && named.length === 1 && (named[0] === 0 || named[0] === -1)) return [];
  const list = named.map((axis) => normalizeAxis(op, axis, rank));
  list.sort((a, b) => a - b);
  for (let i = 1; i < list.length; i++) {
    if (list[i] === list[i - 1]) {
      throw new ShapeError(
        `${op}: axis ${list[i]} is named twice in [${[axes].flat().join(", ")}]; name each axis once.`,
      );
    }
  }
  return list;
}

/** `shape` with the given axes reduced to 1 (`keepdim`) or left out. */
export function reducedShape(shape: Shape, axes: readonly number[], keepdim: boolean): number[] {
  if (keepdim) return shape.map((size, i) => (axes.includes(i) ? 1 : size));
  return shape.filter((_, i) => !axes.includes(i));
}

const maxElements = 2 ** 31 - 1;

/** Whether it is a list of whole, non-negative sizes. */
export function isShape(shape: unknown): shape is Shape {
  if (!Array.isArray(shape)) return false;
  for (const size of shape) if (!Number.isInteger(size) || size < 0) return false;
  return true;
}

/** A shape given by a user: whole, non-negative sizes whose product can be addressed. */
export function checkShape(op: string, shape: unknown): asserts shape is Shape {
  if (!isShape(shape)) {
    const shown = Array.isArray(shape) ? `[${shape.map(String).join(", ")}]` : String(shape);
    throw new ValueError(
      `${op}: shape ${shown} is not a list of whole, non-negative sizes, such as [2, 3].`,
    );
  }
  if (sizeOf(shape) > maxElements) {
    throw new ValueError(
      `${op}: shape ${formatShape(shape)} has ${sizeOf(shape)} elements; at most ${maxElements} fit.`,
    );
  }
}
