/** Tensors as summaries: small enough to travel, enough to draw and to tell a healthy one from a dead one. */
import type { Tensor } from "@tapegrad/core";
import type { JsonNumber, Summary } from "./schema.ts";

const bins = 16;
const heatmapRows = 6;
const heatmapColumns = 16;
/** Digits of a statistic. */
const digits = 6;

/** What JSON can hold of a number. */
export function toJson(value: number): JsonNumber {
  return Number.isFinite(value) ? value : (String(value) as JsonNumber);
}

/** The shortest decimal that is the same float32: 0.1 rather than 0.10000000149011612. */
function shortest(value: number): number {
  for (let precision = digits; precision < 9; precision++) {
    const short = Number(value.toPrecision(precision));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

const rounded = (value: number): number => Number(value.toPrecision(digits));

/**
 * Values, statistics, histogram and heat-map of a tensor.
 *
 * @param maxValues  up to how many elements are listed one by one
 */
export function summarize(x: Tensor, maxValues: number): Summary {
  const { shape, dtype } = x;
  const data = x.data();
  const exact = (value: number): JsonNumber =>
    toJson(dtype === "float32" && Number.isFinite(value) ? shortest(value) : value);
  if (data.length === 1) return { shape, values: [exact(data[0]!)] };
  const values = data.length <= maxValues ? { values: Array.from(data, exact) } : {};
  return { shape, ...values, ...statistics(data), ...heatmap(data, shape) };
}

function statistics(data: ArrayLike<number>): Partial<Summary> {
  const { length } = data;
  let [min, max, sum, finite] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < length; i++) {
    const v = data[i]!;
    if (!Number.isFinite(v)) continue;
    if (v < min) min = v;
    if (v > max) max = v;
    sum += v;
    finite++;
  }
  const nonFinite = finite === length ? {} : { nonFinite: length - finite };
  if (finite === 0) return nonFinite;
  const mean = sum / finite;
  const histogram = new Array<number>(bins).fill(0);
  const scale = bins / (max - min);
  let squares = 0;
  for (let i = 0; i < length; i++) {
    const v = data[i]!;
    if (!Number.isFinite(v)) continue;
    squares += (v - mean) ** 2;
    // All elements equal, or a range beyond the largest number: one bin holds everything.
    const bin = Number.isFinite(scale) ? Math.min(bins - 1, Math.floor((v - min) * scale)) : 0;
    histogram[bin]!++;
  }
  const std = Math.sqrt(squares / finite);
  const [a, b, c, d] = [min, max, mean, std].map(rounded) as [number, number, number, number];
  return { min: a, max: b, mean: c, std: d, ...nonFinite, histogram };
}

/** Block means of the matrix that the last axis makes of the tensor; nothing for what is no matrix. */
function heatmap(data: ArrayLike<number>, shape: readonly number[]): Partial<Summary> {
  const width = shape.at(-1) ?? 1;
  const height = width === 0 ? 0 : data.length / width;
  if (width < 2 || height < 2) return {};
  const rows = Math.min(heatmapRows, height);
  const columns = Math.min(heatmapColumns, width);
  const values: JsonNumber[] = [];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      values.push(toJson(rounded(blockMean(data, width, [r, rows, height], [c, columns]))));
    }
  }
  return { heatmap: { rows, columns, values } };
}

/** Mean over the block at row r of `rows` and column c of `columns`. */
function blockMean(
  data: ArrayLike<number>,
  width: number,
  [r, rows, height]: readonly [number, number, number],
  [c, columns]: readonly [number, number],
): number {
  let [sum, count] = [0, 0];
  const bottom = Math.floor(((r + 1) * height) / rows);
  const right = Math.floor(((c + 1) * width) / columns);
  for (let i = Math.floor((r * height) / rows); i < bottom; i++) {
    for (let j = Math.floor((c * width) / columns); j < right; j++) {
      sum += data[i * width + j]!;
      count++;
    }
  }
  return sum / count;
}
