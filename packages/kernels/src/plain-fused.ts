/** The plain twins of the fused kernels. */
import type { Channels, Kernels, Operand, Slices, TypedArray } from "./interface.ts";
import { elements } from "./plain-elements.ts";

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

export const plainFused: Pick<Kernels, "moments" | "normalize" | "normalizeGrad"> = {
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
};
