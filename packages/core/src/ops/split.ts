/** Taking apart along an axis, putting rows, columns and layers together, and grids. */
import { checkTensor, describe } from "../apply.ts";
import { IndexError, ShapeError, ValueError } from "../errors.ts";
import { formatShape, normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { concat, expand, narrow, reshape, squeeze } from "./layout.ts";

/** Views of the given lengths, one after the other along the axis. */
function cut(x: Tensor, axis: number, lengths: readonly number[]): Tensor[] {
  let start = 0;
  return lengths.map((length) => {
    const part = narrow(x, axis, start, length);
    start += length;
    return part;
  });
}

function wholeAtLeast(op: string, name: string, n: unknown, least: number): void {
  if (!Number.isInteger(n) || (n as number) < least) {
    const shown = typeof n === "number" ? n : describe(n);
    throw new ValueError(
      `${op}: ${name} is ${shown}; it must be a whole number, at least ${least}.`,
    );
  }
}

/**
 * Parts of the given size along the axis (the last may be smaller), or of the given sizes. Views.
 *
 * @throws ShapeError if the sizes don't add up to the axis'
 */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  checkTensor("split", "x", x);
  const at = normalizeAxis("split", axis, x.rank);
  const size = x.shape[at]!;
  if (Array.isArray(sizes)) {
    for (const length of sizes) wholeAtLeast("split", "a size", length, 0);
    const total = sizes.reduce((sum, length) => sum + length, 0);
    if (total !== size) {
      throw new ShapeError(
        `split: the sizes [${sizes.join(", ")}] add up to ${total}; axis ${at} of ${formatShape(x.shape)} has ${size}.`,
      );
    }
    return cut(x, at, sizes);
  }
  const each = sizes as number;
  wholeAtLeast("split", "the size", each, 1);
  const count = Math.max(1, Math.ceil(size / each));
  return cut(
    x,
    at,
    Array.from({ length: count }, (_, i) => Math.min(each, size - i * each)),
  );
}

/** At most `count` parts of equal size along the axis; the last may be smaller. Views. */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  checkTensor("chunk", "x", x);
  wholeAtLeast("chunk", "the count", count, 1);
  const at = normalizeAxis("chunk", axis, x.rank);
  const size = x.shape[at]!;
  // Nothing in `count` equal parts is `count` times nothing.
  if (size === 0) return cut(x, at, new Array<number>(count).fill(0));
  return split(x, Math.ceil(size / count), at);
}

/**
 * `sections` parts whose sizes differ by at most 1 (larger ones first), or the parts between the given
 * positions; negative ones count from the end. Views.
 */
export function tensorSplit(x: Tensor, sections: number | readonly number[], axis = 0): Tensor[] {
  checkTensor("tensorSplit", "x", x);
  const at = normalizeAxis("tensorSplit", axis, x.rank);
  const size = x.shape[at]!;
  if (typeof sections === "number") {
    wholeAtLeast("tensorSplit", "the number of sections", sections, 1);
    const larger = size % sections;
    const each = Math.floor(size / sections);
    return cut(
      x,
      at,
      Array.from({ length: sections }, (_, i) => (i < larger ? each + 1 : each)),
    );
  }
  if (!Array.isArray(sections) || !sections.every(Number.isInteger)) {
    throw new ValueError(
      `tensorSplit: sections are ${Array.isArray(sections) ? `[${sections.join(", ")}]` : describe(sections)}; they must be a number or an array of whole positions.`,
    );
  }
  const clip = (i: number) => Math.min(Math.max(i < 0 ? i + size : i, 0), size);
  const stops = [...sections.map(clip), size];
  return stops.map((stop, i) => {
    const start = i === 0 ? 0 : stops[i - 1]!;
    return narrow(x, at, start, Math.max(0, stop - start));
  });
}

/** The slices along the axis, without it. Views. */
export function unbind(x: Tensor, axis = 0): Tensor[] {
  checkTensor("unbind", "x", x);
  const at = normalizeAxis("unbind", axis, x.rank);
  return Array.from({ length: x.shape[at]! }, (_, i) => squeeze(narrow(x, at, i, 1), at));
}

/**
 * The slice at one position of the axis, without it. A view.
 *
 * @throws IndexError for a position outside the axis
 */
export function select(x: Tensor, axis: number, position: number): Tensor {
  checkTensor("select", "x", x);
  const at = normalizeAxis("select", axis, x.rank);
  const size = x.shape[at]!;
  if (!Number.isInteger(position) || position < -size || position >= size) {
    throw new IndexError(
      `select: ${position} is outside axis ${at} of ${formatShape(x.shape)}; valid are ${-size} to ${size - 1}.`,
    );
  }
  return squeeze(narrow(x, at, position, 1), at);
}

function checkList(op: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors) || !(tensors.length > 0)) {
    throw new ValueError(`${op}: needs an array of at least one Tensor, such as ${op}([a, b]).`);
  }
  tensors.forEach((x, i) => {
    checkTensor(op, `tensor ${i}`, x);
  });
}

/** Side by side: along axis 1, or axis 0 where there is only one; numbers become vectors. */
export function hstack(tensors: readonly Tensor[]): Tensor {
  checkList("hstack", tensors);
  const list = tensors.map((x) => (x.rank === 0 ? reshape(x, [1]) : x));
  return concat(list, list[0]!.rank === 1 ? 0 : 1);
}

/** One below the other: along axis 0; numbers and vectors become rows. */
export function vstack(tensors: readonly Tensor[]): Tensor {
  checkList("vstack", tensors);
  return concat(tensors.map((x) => (x.rank < 2 ? reshape(x, [1, x.size]) : x)));
}

/** One behind the other: along axis 2; a vector [N] becomes [1, N, 1], a matrix [M, N] becomes [M, N, 1]. */
export function dstack(tensors: readonly Tensor[]): Tensor {
  checkList("dstack", tensors);
  return concat(
    tensors.map((x) => {
      if (x.rank > 2) return x;
      return reshape(x, x.rank === 2 ? [...x.shape, 1] : [1, x.size, 1]);
    }),
    2,
  );
}

/**
 * The coordinates of every point of a grid: vectors of lengths n₀, n₁, … give as many tensors of shape
 * [n₀, n₁, …], the i-th of which varies along axis i. Views.
 *
 * @param options.indexing  "xy" swaps the first two axes, as in pictures: [n₁, n₀, …]. Default "ij"
 */
export function meshgrid(
  vectors: readonly Tensor[],
  options: { indexing?: "ij" | "xy" } = {},
): Tensor[] {
  checkList("meshgrid", vectors);
  const { indexing = "ij" } = options;
  if (indexing !== "ij" && indexing !== "xy") {
    throw new ValueError(`meshgrid: unknown indexing "${indexing}"; known are ij and xy.`);
  }
  const long = vectors.findIndex((x) => x.rank > 1);
  if (long >= 0) {
    throw new ShapeError(
      `meshgrid: tensor ${long} is ${formatShape(vectors[long]!.shape)}; all must be vectors.`,
    );
  }
  // The axis along which vector i varies.
  const place = (i: number) => (indexing === "xy" && vectors.length > 1 && i < 2 ? 1 - i : i);
  const shape = vectors.map((_, i) => vectors[place(i)]!.size);
  return vectors.map((x, i) =>
    expand(
      reshape(
        x,
        vectors.map((_, axis) => (axis === place(i) ? x.size : 1)),
      ),
      shape,
    ),
  );
}
