/** The plain twins of the fused kernels. */
import type {
  AttentionInputs,
  AttentionScores,
  Channels,
  Kernels,
  Operand,
  Slices,
  TypedArray,
} from "./interface.ts";
import { elements } from "./plain-elements.ts";
import { random } from "./plain-random.ts";

/** Calls `visit` for every element of the array with its position and its slice. */
function eachElement({ a, b, c }: Slices, visit: (at: number, slice: number) => void): void {
  for (let at = 0; at < a * b * c; at++) visit(at, Math.floor(at / c) % b);
}

/** The elements of a contiguous operand from its offset on. */
function packed(x: Operand): TypedArray {
  return elements(x).subarray(x.offset);
}

/** The means over slices of what `term` gives for each element. */
function sliceMeans(slices: Slices, term: (at: number, slice: number) => number): Float64Array {
  const sums = new Float64Array(slices.b);
  eachElement(slices, (at, slice) => {
    sums[slice] += term(at, slice);
  });
  return sums.map((sum) => sum / (slices.a * slices.c));
}

const channelOf = ({ channels, inner }: Channels, at: number) => Math.floor(at / inner) % channels;

type Matrix = (row: number, column: number) => number;

/** Calls `visit` for the matrices at every index of the leading axes, with its position in row-major order. */
function eachMatrix(
  operands: readonly (Operand | null)[],
  visit: (matrices: readonly Matrix[], flat: number) => void,
): void {
  const lead = operands[0]!.shape.slice(0, -2);
  const arrays = operands.map((x) => (x === null ? null : elements(x)));
  const count = lead.reduce((product, size) => product * size, 1);
  for (let flat = 0; flat < count; flat++) {
    const matrices = operands.map((x, i): Matrix => {
      if (x === null) return () => 0;
      let [rest, at] = [flat, x.offset];
      for (let axis = lead.length - 1; axis >= 0; axis--) {
        at += (rest % lead[axis]) * x.strides[axis];
        rest = Math.floor(rest / lead[axis]);
      }
      const [down, across] = x.strides.slice(-2);
      return (row, column) => arrays[i]![at + row * down + column * across];
    });
    visit(matrices, flat);
  }
}

/** Reads the element at a position along a row; with a second argument, writes it. */
type Cell = (at: number, value?: number) => number;

/** Calls `visit` for the rows along `axis` of equally shaped operands, in row-major order. */
function eachRow(
  operands: readonly Operand[],
  axis: number,
  visit: (cells: readonly Cell[], n: number, row: number) => void,
): void {
  const arrays = operands.map(elements);
  const { shape } = operands[0];
  const count = shape.reduce((product, size, i) => (i === axis ? product : product * size), 1);
  for (let row = 0; row < count; row++) {
    const starts = operands.map((x) => {
      let [rest, at] = [row, x.offset];
      for (let k = shape.length - 1; k >= 0; k--) {
        if (k === axis) continue;
        at += (rest % shape[k]) * x.strides[k];
        rest = Math.floor(rest / shape[k]);
      }
      return at;
    });
    const cells = operands.map(
      (x, i): Cell =>
        (at, value) => {
          const place = starts[i] + at * x.strides[axis];
          if (value !== undefined) arrays[i][place] = value;
          return arrays[i][place];
        },
    );
    visit(cells, shape[axis], row);
  }
}

const sum = (n: number, term: (i: number) => number): number =>
  Array.from({ length: n }, (_, i) => term(i)).reduce((total, value) => total + value, 0);

/** The scores of every query, by row. */
function scoresOf(
  [q, k, , mask]: readonly Matrix[],
  { query, key }: AttentionInputs,
  { scale, causal }: AttentionScores,
): number[][] {
  const [queries, size] = query.shape.slice(-2);
  const keys = key.shape[key.shape.length - 2];
  return Array.from({ length: queries }, (_, i) =>
    Array.from({ length: keys }, (_, j) =>
      causal && j > i ? -Infinity : scale * sum(size, (e) => q(i, e) * k(j, e)) + mask(i, j),
    ),
  );
}

export const plainFused: Pick<
  Kernels,
  | ("moments" | "normalize" | "normalizeGrad" | "attention" | "attentionGrad")
  | ("softmaxGrad" | "crossEntropy" | "crossEntropyGrad" | "dropout")
> = {
  moments(x, slices, { centered, eps }, out) {
    const source = packed(x);
    const [mean, variance, rstd] = [out.mean, out.variance, out.rstd].map(packed);
    const means = sliceMeans(slices, (at) => (centered ? source[at] : 0));
    const squares = sliceMeans(slices, (at, slice) => (source[at] - means[slice]) ** 2);
    for (let slice = 0; slice < slices.b; slice++) {
      mean[slice] = means[slice];
      variance[slice] = squares[slice];
      rstd[slice] = 1 / Math.sqrt(squares[slice] + eps);
    }
  },

  normalize(x, slices, by, out) {
    const [source, target] = [packed(x), packed(out)];
    const [mean, rstd, weight] = [by.mean, by.rstd, by.weight].map(packed);
    const bias = by.bias === null ? null : packed(by.bias);
    eachElement(slices, (at, slice) => {
      const channel = channelOf(slices, at);
      const z = (source[at] - mean[slice]) * rstd[slice];
      target[at] = z * weight[channel] + (bias === null ? 0 : bias[channel]);
    });
  },

  normalizeGrad(dy, x, slices, by, out) {
    const [gradient, source, target] = [dy, x, out].map(packed);
    const [mean, rstd, weight] = [by.mean, by.rstd, by.weight].map(packed);
    const g = (at: number) => gradient[at] * weight[channelOf(slices, at)];
    const z = (at: number, slice: number) => (source[at] - mean[slice]) * rstd[slice];
    const { centers, stretches } = slices;
    const shift = sliceMeans(slices, (at) => (centers ? g(at) : 0));
    const stretch = sliceMeans(slices, (at, slice) => (stretches ? g(at) * z(at, slice) : 0));
    eachElement(slices, (at, slice) => {
      target[at] = rstd[slice] * (g(at) - shift[slice] - z(at, slice) * stretch[slice]);
    });
  },

  attention(inputs, how, out, logSum) {
    const { query, key, value, mask } = inputs;
    const [target, sums] = [packed(out), packed(logSum)];
    const [queries, [keys, width]] = [query.shape.at(-2)!, value.shape.slice(-2)];
    eachMatrix([query, key, value, mask], (matrices, flat) => {
      scoresOf(matrices, inputs, how).forEach((scores, i) => {
        const row = flat * queries + i;
        const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
        const origin = largest === -Infinity ? 0 : largest;
        const weights = scores.map((score) => Math.exp(score - origin));
        const total = sum(keys, (j) => weights[j]);
        sums[row] = largest + Math.log(total);
        for (let v = 0; v < width; v++) {
          target[row * width + v] = sum(keys, (j) => weights[j] * matrices[2](j, v)) / total;
        }
      });
    });
  },

  attentionGrad(inputs, how, { dy, logSum, delta }, out) {
    const { query, key, value, mask } = inputs;
    const [upstream, sums, own] = [dy, logSum, delta].map(packed);
    const [[queries, size], [keys, width]] = [query.shape.slice(-2), value.shape.slice(-2)];
    eachMatrix([query, key, value, mask], (matrices, flat) => {
      const [q, k, v] = matrices;
      const row = (i: number) => flat * queries + i;
      const p = scoresOf(matrices, inputs, how).map((scores, i) =>
        scores.map((score) => (score === -Infinity ? 0 : Math.exp(score - sums[row(i)]))),
      );
      const dp: Matrix = (i, j) => sum(width, (c) => upstream[row(i) * width + c] * v(j, c));
      const ds = p.map((weights, i) =>
        weights.map((weight, j) =>
          weight === 0 ? 0 : weight * (dp(i, j) - own[row(i)]) * how.scale,
        ),
      );
      const write = (to: Operand | undefined, rows: number, columns: number, value: Matrix) => {
        if (to === undefined) return;
        const target = packed(to);
        for (let r = 0; r < rows; r++) {
          for (let c = 0; c < columns; c++) target[(flat * rows + r) * columns + c] = value(r, c);
        }
      };
      write(out.query, queries, size, (i, c) => sum(keys, (j) => ds[i][j] * k(j, c)));
      write(out.key, keys, size, (j, c) => sum(queries, (i) => ds[i][j] * q(i, c)));
      write(out.value, keys, width, (j, c) =>
        sum(queries, (i) => p[i][j] * upstream[row(i) * width + c]),
      );
    });
  },

  softmaxGrad(name, y, axis, dy, out) {
    eachRow([y, dy, out], axis, ([value, slope, write], n) => {
      const total = sum(n, (j) => slope(j) * (name === "softmax" ? value(j) : 1));
      for (let j = 0; j < n; j++) {
        const v = value(j);
        write(j, name === "softmax" ? v * (slope(j) - total) : slope(j) - Math.exp(v) * total);
      }
    });
  },

  crossEntropy(x, axis, classes, out) {
    const [chosen, losses, tops, sums] = [classes, out.loss, out.top, out.logSum].map(packed);
    eachRow([x], axis, ([value], n, row) => {
      const values = Array.from({ length: n }, (_, j) => value(j));
      tops[row] = values.reduce((a, b) => Math.max(a, b), -Infinity);
      const total = Math.log(sum(n, (j) => Math.exp(values[j] - tops[row])));
      sums[row] = total;
      losses[row] = total - (values[chosen[row]] - tops[row]);
    });
  },

  crossEntropyGrad(x, axis, rows, out) {
    const [chosen, dy, tops, sums] = [rows.classes, rows.dy, rows.top, rows.logSum].map(packed);
    eachRow([x, out], axis, ([value, write], n, row) => {
      for (let j = 0; j < n; j++) {
        const p = Math.exp(value(j) - tops[row] - sums[row]);
        write(j, dy[row] * (p - Number(j === chosen[row])));
      }
    });
  },

  dropout(x, out, key, counter, keep, scale) {
    const [source, target] = [packed(x), packed(out)];
    const count = out.shape.reduce((product, size) => product * size, 1);
    const hits = new Float64Array(count);
    const blocks = random("bernoulli", x.dtype, hits, 0, count, key, counter, keep, 0);
    for (let i = 0; i < count; i++) target[i] = source[i] * hits[i] * scale;
    return blocks;
  },
};
