/** Indexing, reading and writing: against a naive model, in place, gradients, messages. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  arange,
  embedding,
  gradcheck,
  gradgradcheck,
  type Index,
  index,
  indexAdd,
  indexCopy,
  indexFill,
  indexPut,
  maskedFill,
  maskedScatter,
  maskedSelect,
  noGrad,
  oneHot,
  rand,
  Slice,
  scatter,
  scatterAdd,
  scatterReduce,
  slice,
  Tensor,
  take,
  takeAlongAxis,
  tensor,
  zeros,
} from "../src/index.ts";
import { message } from "./ops/helpers.ts";

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const counting = (shape: number[]) => arange(sizeOf(shape)).reshape(shape);
const int32 = (list: number[] | number[][]) => tensor(list, { dtype: "int32" });
const f64 = (list: number[] | number[][]) => tensor(list, { dtype: "float64" });
const leaf = (shape: number[], low = -1) =>
  rand(shape, { dtype: "float64", low, high: low + 2 }).requiresGrad_();

/**
 * What parts select from the row-major numbers 0, 1, 2, … of a shape: the result's shape and elements, by
 * walking over every position of the result. `parts` has one entry per axis, new axes besides.
 */
function naive(shape: readonly number[], parts: readonly Index[]): [number[], number[]] {
  type Axis = { size: number; at: (i: number) => number } | null;
  const views: Axis[] = []; // null: picked by tensors
  const picks: { axis: number; place: number; index: Tensor }[] = [];
  const fixed = shape.map(() => 0);
  const viewAxis: number[] = [];
  let axis = 0;
  for (const part of parts) {
    if (part === null) {
      views.push({ size: 1, at: () => 0 });
      viewAxis.push(-1);
    } else if (typeof part === "number") {
      fixed[axis] = part < 0 ? part + shape[axis]! : part;
      axis++;
    } else if (part instanceof Slice) {
      const all = Array.from({ length: shape[axis]! }, (_, i) => i);
      const taken: number[] = [];
      const n = all.length;
      const clip = (i: number, low: number, high: number) =>
        Math.min(Math.max(i < 0 ? i + n : i, low), high);
      const { start, stop, step } = part;
      if (step > 0) {
        const end = stop === null ? n : clip(stop, 0, n);
        for (let i = start === null ? 0 : clip(start, 0, n); i < end; i += step) taken.push(i);
      } else {
        const end = stop === null ? -1 : clip(stop, -1, n - 1);
        for (let i = start === null ? n - 1 : clip(start, -1, n - 1); i > end; i += step)
          taken.push(i);
      }
      views.push({ size: taken.length, at: (i) => taken[i]! });
      viewAxis.push(axis++);
    } else {
      const given = part as Tensor;
      if (given.dtype === "bool") {
        const found: number[][] = [];
        const walk = (x: unknown, at: number[]): void => {
          if (Array.isArray(x)) for (const [i, y] of x.entries()) walk(y, [...at, i]);
          else if (x) found.push(at);
        };
        walk(given.toArray(), []);
        for (let k = 0; k < given.rank; k++) {
          picks.push({ axis, place: views.length, index: int32(found.map((at) => at[k]!)) });
          views.push(null);
          viewAxis.push(axis++);
        }
      } else {
        picks.push({ axis, place: views.length, index: given });
        views.push(null);
        viewAxis.push(axis++);
      }
    }
  }
  const rank = picks.reduce((most, p) => Math.max(most, p.index.rank), 0);
  const common = new Array<number>(rank).fill(1);
  for (const { index: p } of picks)
    p.shape.forEach((size, i) => {
      if (size !== 1) common[rank - p.rank + i] = size;
    });
  const together = picks.every((p, i) => i === 0 || p.place === picks[i - 1]!.place + 1);
  const first = picks.length > 0 && together ? picks[0]!.place : 0;
  const free = views.map((_, i) => i).filter((i) => views[i] !== null);
  const before = free.filter((i) => i < first);
  const after = free.filter((i) => i >= first);
  const sizes = (list: number[]) => list.map((i) => views[i]!.size);
  const result = [...sizes(before), ...(picks.length > 0 ? common : []), ...sizes(after)];
  const elements: number[] = [];
  for (let flat = 0; flat < sizeOf(result); flat++) {
    const at: number[] = [];
    let rest = flat;
    for (let i = result.length - 1; i >= 0; i--) {
      at.unshift(rest % result[i]!);
      rest = Math.floor(rest / result[i]!);
    }
    const where = [...fixed];
    const place = (list: number[], from: number) =>
      list.forEach((v, i) => {
        if (viewAxis[v]! >= 0) where[viewAxis[v]!] = views[v]!.at(at[from + i]!);
      });
    place(before, 0);
    const lead = before.length;
    place(after, lead + (picks.length > 0 ? rank : 0));
    for (const { axis: k, index: p } of picks) {
      let offset = 0;
      p.shape.forEach((size, i) => {
        offset = offset * size + (size === 1 ? 0 : at[lead + rank - p.rank + i]!);
      });
      const given = p.data()[offset]!;
      where[k] = given < 0 ? given + shape[k]! : given;
    }
    elements.push(where.reduce((sum, i, k) => sum * shape[k]! + i, 0));
  }
  return [result, elements];
}

/** A shape and parts that index it, drawn from a stream of numbers. */
const cases = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    draws: fc.array(fc.nat(1 << 20), { minLength: 64, maxLength: 64 }),
  })
  .map(({ shape, draws }) => {
    let next = 0;
    const below = (n: number) => draws[next++ % 64]! % n;
    const parts: Index[] = [];
    let masks = 0;
    const long = 1 + below(3);
    for (let axis = 0; axis < shape.length; ) {
      const n = shape[axis]!;
      const kind = below(7);
      const spot = () => below(2 * n) - n;
      if (kind === 0) parts.push(null);
      if (kind <= 1) parts.push(slice(spot(), spot(), below(2) ? 1 + below(2) : -1 - below(2)));
      else if (kind === 2) parts.push(slice());
      else if (kind === 3) parts.push(spot());
      else if (kind === 4) parts.push(int32(Array.from({ length: long }, spot)));
      else if (kind === 5) parts.push(int32(Array.from({ length: 1 + below(2) }, () => [spot()])));
      else if (masks++ === 0 && parts.every((p) => !(p instanceof Tensor))) {
        const covered = shape.slice(axis, axis + 1 + below(2));
        const bits = Array.from({ length: sizeOf(covered) }, () => below(2));
        parts.push(tensor(bits, { dtype: "bool" }).reshape(covered));
        axis += covered.length;
        // Whatever else picks must broadcast with the mask's count.
        for (; axis < shape.length; axis++) parts.push(below(2) ? slice() : 0);
        break;
      } else parts.push(slice());
      axis++;
    }
    // Two columns of different lengths don't broadcast.
    const columns = parts.filter((p): p is Tensor => p instanceof Tensor && p.rank === 2);
    const fits = new Set(columns.map((p) => p.shape[0]).filter((n) => n !== 1)).size < 2;
    const masked = parts.some((p) => p instanceof Tensor && p.dtype === "bool");
    return {
      shape,
      parts: fits || masked ? parts : parts.map(() => slice()).slice(0, shape.length),
    };
  });

describe("indexing against a naive model", () => {
  it("reads", () => {
    fc.assert(
      fc.property(cases, fc.boolean(), ({ shape, parts }, turned) => {
        const back = shape.map((_, i) => shape.length - 1 - i);
        const plain = counting(shape);
        const x = turned ? plain.permute(back).clone().permute(back) : plain;
        const [expectedShape, expected] = naive(shape, parts);
        const y = index(x, ...parts);
        expect(y.shape).toEqual(expectedShape);
        expect([...y.data()]).toEqual(expected);
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it("writes, replacing or adding, whatever the strides", () => {
    fc.assert(
      fc.property(cases, fc.boolean(), fc.boolean(), ({ shape, parts }, turned, accumulate) => {
        const back = shape.map((_, i) => shape.length - 1 - i);
        const plain = counting(shape).to("float64");
        const x = turned ? plain.permute(back).clone().permute(back) : plain;
        const [target, positions] = naive(shape, parts);
        const value = rand(target, { dtype: "float64" });
        const expected = [...plain.data()];
        value.data().forEach((v, i) => {
          expected[positions[i]!] = accumulate ? expected[positions[i]!]! + v : v;
        });
        const y = indexPut(x, parts, value, { accumulate });
        expect([...x.data()]).toEqual([...plain.data()]);
        expect(x.indexPut_(parts, value, { accumulate })).toBe(x);
        for (const got of [x, y])
          got.data().forEach((v, i) => {
            expect(v).toBeCloseTo(expected[i]!, 12);
          });
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it("as NumPy does it, in its documentation's examples", () => {
    const y = counting([5, 7]);
    expect(y.index(int32([0, 2, 4]), int32([0, 1, 2])).toArray()).toEqual([0, 15, 30]);
    expect(y.index(int32([0, 2, 4]), 1).toArray()).toEqual([1, 15, 29]);
    expect(y.index(int32([0, 2, 4])).shape).toEqual([3, 7]);
    const x = counting([4, 3]);
    expect(x.index(int32([[0], [3]]), int32([0, 2])).toArray()).toEqual([
      [0, 2],
      [9, 11],
    ]);
    const wide = zeros([10, 20, 30, 40, 50]);
    const [a, b] = [int32([[1, 2, 3]]), int32([[4], [5]])];
    expect(wide.index(slice(), a, b).shape).toEqual([10, 2, 3, 40, 50]);
    expect(wide.index(slice(), a, slice(), b).shape).toEqual([2, 3, 10, 30, 50]);
    expect(y.index(y.gt(20).index(slice(), 5)).toArray()).toEqual(y.index(slice(3)).toArray());
  });

  it("takes lists, masks and lone booleans", () => {
    const x = counting([2, 3]);
    expect(x.index([1, 0, -1]).toArray()).toEqual([
      [3, 4, 5],
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(x.index([false, true]).toArray()).toEqual([[3, 4, 5]]);
    expect(x.index(slice(), [true, false, true]).toArray()).toEqual([
      [0, 2],
      [3, 5],
    ]);
    expect(x.index(x.gt(3)).toArray()).toEqual([4, 5]);
    expect(x.index([]).shape).toEqual([0, 3]);
    expect(x.index(true).shape).toEqual([1, 2, 3]);
    expect(x.index(false).shape).toEqual([0, 2, 3]);
    expect(zeros([0, 3]).index(zeros([0, 3]).gt(0)).shape).toEqual([0]);
  });
});

describe("assignment", () => {
  it("writes through views, and keeps the last of several", () => {
    const x = zeros([2, 3], { dtype: "int32" });
    x.transpose().indexPut_(
      [[0, 2, 0]],
      int32([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
    );
    expect(x.toArray()).toEqual([
      [5, 0, 3],
      [6, 0, 4],
    ]);
    x.indexPut_([0, slice(1)], 7);
    x.indexPut_([x.eq(0)], -1);
    x.indexPut_([1, [0, 0, 2]], 10, { accumulate: true });
    expect(x.toArray()).toEqual([
      [5, 7, 7],
      [26, -1, 14],
    ]);
    x.indexPut_([], 0);
    expect(x.sum().item()).toBe(0);
  });

  it("routes gradients to the value and past it", () => {
    const x = leaf([2, 3]);
    const v = leaf([2]);
    const y = x.mul(1);
    y.indexPut_([slice(), [0, 2]], v);
    y.mul(
      f64([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    )
      .sum()
      .backward();
    expect(x.grad!.toArray()).toEqual([
      [0, 2, 0],
      [0, 5, 0],
    ]);
    expect(v.grad!.toArray()).toEqual([5, 9]);
    const put = (accumulate: boolean, parts: Index[]) => (x: Tensor, v: Tensor) =>
      indexPut(x, parts, v, { accumulate }).square();
    for (const parts of [
      [slice(), int32([0, 2])],
      [int32([1, 0]), slice(1)],
      [null, int32([[1], [0]]), slice(0, 2)],
      [
        tensor([
          [true, false, true],
          [false, false, false],
        ]),
      ],
      [slice(null, null, -1), slice(1)],
    ] as Index[][]) {
      for (const accumulate of [false, true]) {
        const value = leaf(index(zeros([2, 3]), ...parts).shape as number[]);
        gradcheck(put(accumulate, parts), [leaf([2, 3]), value]);
        gradgradcheck(put(accumulate, parts), [leaf([2, 3]), value]);
      }
    }
    gradcheck((x, v) => put(true, [int32([1, 1, 0])])(x, v), [leaf([2, 3]), leaf([3, 3])]);
  });

  it("of separated axes", () => {
    gradcheck(
      (x, v) => indexPut(x, [int32([0, 1]), slice(), int32([2, 0])], v).square(),
      [leaf([2, 2, 3]), leaf([2, 2])],
    );
  });

  it("refuses leaves, and notices what backward still needs", () => {
    const x = leaf([3]);
    expect(message(() => x.indexPut_([[0]], 1))).toMatch(
      /^GradError: indexPut_: the tensor is a leaf that requires grad, .* or use indexPut, which makes a new tensor\.$/,
    );
    expect(message(() => x.index(slice(1)).scatter_(0, int32([0]), 1))).toMatch(
      /^GradError: scatter_: the tensor is a view of a leaf/,
    );
    noGrad(() => x.indexPut_([[0]], 1));
    expect(x.data()[0]).toBe(1);
    const y = x.exp();
    y.maskedFill_(tensor([true, false, false]), 0);
    expect(message(() => y.sum().backward())).toMatch(/but maskedFill_ has changed it since/);
  });
});

describe("scatter and its kin", () => {
  const x = counting([3, 2]);
  const at = int32([[0, 2]]);

  it("replace, add, reduce", () => {
    expect(scatter(x, 0, at, 9).toArray()).toEqual([
      [9, 1],
      [2, 3],
      [4, 9],
    ]);
    expect(
      scatter(
        x,
        0,
        at,
        int32([
          [7, 8],
          [0, 0],
        ]),
      )
        .index(0, 0)
        .item(),
    ).toBe(7);
    expect(scatterAdd(x, 1, int32([[1, 1]]), int32([[5, 6]])).toArray()).toEqual([
      [0, 12],
      [2, 3],
      [4, 5],
    ]);
    const to = int32([0, 0, 1]);
    const from = f64([3, 5, 2]);
    const start = f64([4, 4, 4]);
    const expected = {
      sum: [12, 6, 4],
      prod: [60, 8, 4],
      mean: [4, 3, 4],
      amax: [5, 4, 4],
      amin: [3, 2, 4],
    };
    const without = {
      sum: [8, 2, 4],
      prod: [15, 2, 4],
      mean: [4, 2, 4],
      amax: [5, 2, 4],
      amin: [3, 2, 4],
    };
    for (const reduce of ["sum", "prod", "mean", "amax", "amin"] as const) {
      expect(scatterReduce(start, 0, to, from, { reduce }).toArray()).toEqual(expected[reduce]);
      const alone = { reduce, includeSelf: false };
      expect(scatterReduce(start, 0, to, from, alone).toArray()).toEqual(without[reduce]);
      const whole = start.to("int32");
      expect(whole.scatterReduce_(0, to, from.to("int32"), alone)).toBe(whole);
      expect(whole.toArray()).toEqual(without[reduce]);
      gradcheck((a, b) => scatterReduce(a, 0, to, b, { reduce }), [leaf([3]), leaf([3])]);
      gradcheck((a, b) => scatterReduce(a, 0, to, b, alone), [leaf([3]), leaf([3])]);
    }
    // Whole means are rounded down.
    const low = scatterReduce(int32([0]), 0, int32([0]), int32([-3]), { reduce: "mean" });
    expect(low.toArray()).toEqual([-2]);
  });

  it("share a tied extreme, and differentiate products with zeros", () => {
    const a = f64([2, 1]).requiresGrad_();
    const b = f64([2, 2, 0]).requiresGrad_();
    scatterReduce(a, 0, int32([0, 0, 1]), b, { reduce: "amax" })
      .sum()
      .backward();
    expect([...a.grad!.data(), ...b.grad!.data()]).toEqual([1 / 3, 1, 1 / 3, 1 / 3, 0]);
    const start = f64([5, 7, 3]).requiresGrad_();
    const s = f64([0, 2, 0, 0, 4]).requiresGrad_();
    const to = int32([0, 0, 1, 1, 2]);
    scatterReduce(start, 0, to, s, { reduce: "prod" }).sum().backward();
    expect(s.grad!.toArray()).toEqual([10, 0, 0, 0, 3]);
    expect(start.grad!.toArray()).toEqual([0, 0, 4]);
  });

  it("whole slices", () => {
    const rows = int32([2, 0]);
    const source = int32([
      [10, 20],
      [30, 40],
    ]);
    expect(indexAdd(x, 0, rows, source, { alpha: 2 }).toArray()).toEqual([
      [60, 81],
      [2, 3],
      [24, 45],
    ]);
    expect(indexCopy(x, 0, rows, source).toArray()).toEqual([
      [30, 40],
      [2, 3],
      [10, 20],
    ]);
    expect(indexFill(x, 1, int32([1]), -1).toArray()).toEqual([
      [0, -1],
      [2, -1],
      [4, -1],
    ]);
    const [a, b] = [leaf([3, 2]), leaf([2, 2])];
    gradcheck((a, b) => indexAdd(a, 0, rows, b, { alpha: 3 }), [a, b]);
    gradcheck((a, b) => indexCopy(a, -2, rows, b), [a, b]);
    gradcheck((a, v) => indexFill(a, 0, rows, v), [a, leaf([])]);
  });

  it("in place, as the functions do, with gradients", () => {
    const rows = int32([2, 0]);
    const mask = tensor([
      [true, false],
      [false, true],
      [true, true],
    ]);
    const pairs: [(x: Tensor, v: Tensor) => Tensor, (x: Tensor, v: Tensor) => Tensor][] = [
      [(x, v) => x.scatter(0, at, v), (x, v) => x.scatter_(0, at, v)],
      [(x, v) => x.scatterAdd(0, at, v), (x, v) => x.scatterAdd_(0, at, v)],
      [
        (x, v) => x.scatterReduce(0, at, v, { reduce: "prod" }),
        (x, v) => x.scatterReduce_(0, at, v, { reduce: "prod" }),
      ],
      [(x, v) => x.indexAdd(0, rows, v), (x, v) => x.indexAdd_(0, rows, v)],
      [(x, v) => x.indexCopy(0, rows, v), (x, v) => x.indexCopy_(0, rows, v)],
      [(x, v) => x.indexFill(0, rows, v.sum()), (x, v) => x.indexFill_(0, rows, v.sum())],
      [(x, v) => x.indexPut([rows], v), (x, v) => x.indexPut_([rows], v)],
      [(x, v) => x.maskedFill(mask, v.sum()), (x, v) => x.maskedFill_(mask, v.sum())],
      [(x, v) => x.maskedScatter(mask, v), (x, v) => x.maskedScatter_(mask, v)],
      [(x, v) => x.triu().mul(v.sum()), (x, v) => x.triu_().mul_(v.sum())],
      [(x, v) => x.tril().mul(v.sum()), (x, v) => x.tril_().mul_(v.sum())],
    ];
    for (const [pure, changing] of pairs) {
      const [a, b] = [leaf([3, 2]), leaf([2, 2])];
      const inPlace = (x: Tensor, v: Tensor) => changing(x.mul(2), v).square();
      expect(inPlace(a, b).toArray()).toEqual(pure(a.mul(2), b).square().toArray());
      gradcheck(inPlace, [a, b]);
      gradgradcheck(inPlace, [a, b]);
      // Into a transposed view: the base changes and its gradient follows.
      const through = (x: Tensor, v: Tensor) => {
        const base = x.transpose().contiguous().mul(2);
        changing(base.transpose(), v);
        return base.square();
      };
      expect(through(a, b).transpose().toArray()).toEqual(inPlace(a, b).toArray());
      gradcheck(through, [a, b]);
    }
  });
});

describe("masks", () => {
  it("fill, select, scatter", () => {
    const x = counting([2, 3]);
    const mask = tensor([true, false, true]);
    expect(maskedFill(x, mask, -1).toArray()).toEqual([
      [-1, 1, -1],
      [-1, 4, -1],
    ]);
    expect(maskedFill(f64([1, 2]), tensor([true, false]), -Infinity).toArray()).toEqual([
      -Infinity,
      2,
    ]);
    expect(maskedSelect(x, mask).toArray()).toEqual([0, 2, 3, 5]);
    expect(maskedSelect(int32([7]), tensor([[true], [true]])).toArray()).toEqual([7, 7]);
    expect(maskedScatter(x, mask, int32([9, 8, 7, 6, 5])).toArray()).toEqual([
      [9, 1, 8],
      [7, 4, 6],
    ]);
    gradcheck((x, v) => maskedFill(x, mask, v), [leaf([2, 3]), leaf([])]);
    gradcheck((x) => maskedSelect(x, mask).square(), [leaf([2, 3])]);
    gradcheck((x, v) => maskedScatter(x, mask, v), [leaf([2, 3]), leaf([5])]);
  });
});

describe("lookup", () => {
  it("take and takeAlongAxis", () => {
    const x = counting([2, 3]);
    expect(
      take(
        x,
        int32([
          [5, -6],
          [-1, 2],
        ]),
      ).toArray(),
    ).toEqual([
      [5, 0],
      [5, 2],
    ]);
    expect(takeAlongAxis(x, int32([[2], [0]]), 1).toArray()).toEqual([[2], [3]]);
    expect(takeAlongAxis(x, int32([[1, 0]]), -1).toArray()).toEqual([
      [1, 0],
      [4, 3],
    ]);
    expect(takeAlongAxis(x, int32([4])).toArray()).toEqual([4]);
    gradcheck((x) => take(x, int32([0, 0, -1])), [leaf([2, 2])]);
    gradcheck((x) => takeAlongAxis(x, int32([[1, 0, 0]]), 1), [leaf([2, 2])]);
  });

  it("embedding adds up gradients, but not those of the padding", () => {
    const weight = leaf([3, 2]);
    const at = int32([
      [0, 2],
      [0, 1],
    ]);
    expect(embedding(at, weight).shape).toEqual([2, 2, 2]);
    embedding(at, weight, { paddingIdx: -1 }).sum().backward();
    expect(weight.grad!.toArray()).toEqual([
      [2, 2],
      [1, 1],
      [0, 0],
    ]);
    gradgradcheck((w) => embedding(at, w).square(), [leaf([3, 2])]);
    expect(embedding(int32([]), weight).shape).toEqual([0, 2]);
  });

  it("oneHot", () => {
    expect(oneHot(int32([2, 0])).toArray()).toEqual([
      [0, 0, 1],
      [1, 0, 0],
    ]);
    expect(oneHot(int32([[1]]), 2).toArray()).toEqual([[[0, 1]]]);
    expect(oneHot(int32([]), 2).shape).toEqual([0, 2]);
  });
});

describe("nothing, and lone numbers", () => {
  it("empty indices and tensors pass through, with gradients", () => {
    const none = int32([]);
    const x = leaf([2, 3]);
    const functions: ((x: Tensor) => Tensor)[] = [
      (x) => x.indexPut([[]], 1),
      (x) => x.indexPut([x.gt(9)], leaf([0])),
      (x) => x.scatter(0, zeros([0, 2], { dtype: "int32" }), 1),
      (x) => x.scatterAdd(1, zeros([2, 0], { dtype: "int32" }), zeros([2, 0])),
      (x) => x.indexAdd(0, none, zeros([0, 3])),
      (x) => x.indexFill(1, none, 2),
      (x) => x.maskedScatter(x.gt(9), zeros([0])),
    ];
    for (const f of functions) {
      x.grad = null;
      const y = f(x);
      expect(y.toArray()).toEqual(x.toArray());
      y.sum().backward();
      expect(x.grad!.sum().item()).toBe(6);
    }
    for (const f of [
      (x: Tensor) => x.index(none),
      (x: Tensor) => x.maskedSelect(x.gt(9)),
      (x: Tensor) => x.take(none),
      (x: Tensor) => x.takeAlongAxis(zeros([2, 0], { dtype: "int32" }), 1),
      (x: Tensor) => x.repeatInterleave(0),
      (x: Tensor) => x.diagonal(7),
    ]) {
      x.grad = null;
      const y = f(x);
      expect(y.size).toBe(0);
      y.sum().backward();
      expect(x.grad!.toArray()).toEqual(zeros([2, 3]).toArray());
    }
    const empty = zeros([0, 3]);
    expect(empty.scatter(0, zeros([0, 3], { dtype: "int32" }), 1).shape).toEqual([0, 3]);
    expect(empty.maskedFill(empty.eq(0), 1).shape).toEqual([0, 3]);
    expect(empty.tril().shape).toEqual([0, 3]);
  });

  it("tensors without axes", () => {
    const five = tensor(5, { dtype: "float64", requiresGrad: true });
    const yes = tensor(true);
    expect(five.index(yes).toArray()).toEqual([5]);
    expect(five.index(null).toArray()).toEqual([5]);
    expect(five.maskedSelect(yes).toArray()).toEqual([5]);
    expect(five.take(tensor(0, { dtype: "int32" })).item()).toBe(5);
    expect(five.maskedFill(yes, 7).item()).toBe(7);
    expect(five.repeat([]).item()).toBe(5);
    expect(five.flip([]).item()).toBe(5);
    expect(five.roll(2).item()).toBe(5);
    expect(five.pad([]).item()).toBe(5);
    expect(oneHot(tensor(1, { dtype: "int32" })).toArray()).toEqual([0, 1]);
    expect(embedding(tensor(1, { dtype: "int32" }), f64([[1], [2]])).toArray()).toEqual([2]);
    const y = five.mul(2);
    y.indexPut_([], 3);
    expect(y.item()).toBe(3);
    y.maskedFill_(yes, five);
    y.backward();
    expect(five.grad!.item()).toBe(1);
  });

  it("a tensor written with a part of itself", () => {
    const x = counting([5]);
    x.indexPut_([slice(1)], x.index(slice(null, -1)));
    expect(x.toArray()).toEqual([0, 0, 1, 2, 3]);
    x.scatter_(0, int32([0, 1, 2]), x.index(slice(2)));
    expect(x.toArray()).toEqual([1, 2, 3, 2, 3]);
    x.indexPut_([x.eq(3)], x.index(slice(0, 2)));
    expect(x.toArray()).toEqual([1, 2, 1, 2, 2]);
  });

  it("integers and bools keep their dtype", () => {
    const bits = tensor([true, false, true]);
    expect(bits.indexPut([0], tensor(false)).toArray()).toEqual([false, false, true]);
    expect(bits.scatter(0, int32([1]), tensor([true])).toArray()).toEqual([true, true, true]);
    expect(bits.flip(0).dtype).toBe("bool");
    expect(tensor(new Uint8Array([1, 2])).pad([1, 0], { value: 3 }).dtype).toBe("uint8");
    expect(int32([1, 2]).maskedFill(tensor([true, false]), 7).dtype).toBe("int32");
    expect(
      int32([1, 2])
        .scatterAdd(0, int32([0]), int32([4]))
        .toArray(),
    ).toEqual([5, 2]);
  });
});

describe("messages", () => {
  const x = zeros([2, 3]);
  const cases: [string, () => unknown, string][] = [
    [
      "index by a tensor",
      () => x.index(int32([0, 2])),
      "IndexError: index: 2 at position 1 of an index tensor is outside axis 0 of [2, 3]; valid are -2 to 1.",
    ],
    [
      "index by tensors that don't meet",
      () => x.index(int32([0, 1]), int32([0, 1, 2])),
      "ShapeError: index: shapes [2] and [3] do not broadcast: axis -1 has 2 and 3; they must be equal or one of them 1.",
    ],
    [
      "index by a mask",
      () => x.index(tensor([true, false, true])),
      "IndexError: index: the mask is [3], and from axis 0 on x is [2] (shape [2, 3]); they must be equal.",
    ],
    [
      "index by a fraction",
      () => x.index([0.5]),
      "IndexError: index: 0.5 in a list of positions is not a whole number.",
    ],
    [
      "index by NaN",
      () => x.index(Number.NaN),
      "IndexError: index: NaN is outside axis 0 of [2, 3]; valid are -2 to 1.",
    ],
    [
      "index by floats",
      () => x.index(zeros([1])),
      'DTypeError: index: the index is float32; it must be int32, such as tensor([0, 2], { dtype: "int32" }).',
    ],
    [
      "index by a string",
      () => x.index("0" as never),
      'ValueError: index: a string is no index; use a number, slice(…), "...", null, a list, or an int32 or bool Tensor.',
    ],
    [
      "index with a large mask",
      () => x.index(0, x.gt(0)),
      "ShapeError: index: 3 axes are indexed, and the tensor of shape [2, 3] has 2.",
    ],
    [
      "indexPut parts",
      () => x.indexPut_(0 as never, 1),
      "ValueError: indexPut_: parts are a number; they must be an array, such as [0, slice(1, 3)].",
    ],
    [
      "indexPut value",
      () => indexPut(x, [0], zeros([2])),
      "ShapeError: indexPut: shapes [2] and [3] do not broadcast: axis -1 has 2 and 3; they must be equal or one of them 1.",
    ],
    [
      "indexPut of a larger value",
      () => indexPut(x, [0], zeros([2, 3])),
      "ShapeError: indexPut: the value is [2, 3], and the index selects [3]; the value must broadcast to that.",
    ],
    [
      "indexPut dtype",
      () => indexPut(int32([1]), [0], 0.5),
      "DTypeError: indexPut: the value is float32 and can't be stored in a tensor of int32; convert one of them.",
    ],
    [
      "scatter",
      () => scatter(x, 0, int32([[0, 1, 2, 0]]), 1),
      "ShapeError: scatter: x is [2, 3], index [1, 4]; all need the same rank, and index may be larger than no other, but than x along axis 0.",
    ],
    [
      "scatterAdd",
      () => x.scatterAdd_(1, int32([[0, 1]]), zeros([1, 1])),
      "ShapeError: scatterAdd_: x is [2, 3], index [1, 2] and source [1, 1]; all need the same rank, and index may be larger than no other, but than x along axis 1.",
    ],
    [
      "scatter range",
      () => scatter(x, 1, int32([[0, -1]]), 1),
      "IndexError: scatter: index -1 at position 1 is outside axis 1 of [2, 3]; valid are 0 to 2.",
    ],
    [
      "scatterAdd of bools",
      () => scatterAdd(x.gt(0), 0, int32([[0]]), x.gt(0)),
      'DTypeError: scatterAdd: x is bool; adding and comparing need numbers: x.to("int32").',
    ],
    [
      "scatter index",
      () => scatter(x, 1, 0 as never, 1),
      "ValueError: scatter: the index is a number; it must be an int32 Tensor.",
    ],
    [
      "scatterReduce",
      () => scatterReduce(x, 0, int32([[0]]), x, { reduce: "max" as never }),
      'ValueError: scatterReduce: reduce is "max"; known are sum, mean, prod, amax, amin.',
    ],
    [
      "indexAdd",
      () => indexAdd(x, 0, int32([0]), zeros([1, 2])),
      "ShapeError: indexAdd: x is [2, 3], index [1] and source [1, 2]; the source must be [1, 3].",
    ],
    [
      "indexAdd source",
      () => indexAdd(x, 0, int32([0]), 1 as never),
      "ValueError: indexAdd: the source is a number; it must be a Tensor.",
    ],
    [
      "indexCopy",
      () => indexCopy(x, 0, int32([[0]]), x),
      "ShapeError: indexCopy: index is [1, 1]; it must have one axis.",
    ],
    [
      "indexFill",
      () => indexFill(x, 0, int32([0]), zeros([1])),
      "ShapeError: indexFill: the value is [1]; it must be a number or a tensor without axes.",
    ],
    [
      "maskedFill",
      () => maskedFill(x, x, 1),
      "DTypeError: maskedFill: the mask is float32; it must be bool, such as x.gt(0).",
    ],
    [
      "maskedFill value",
      () => maskedFill(x, x.gt(0), x),
      "ShapeError: maskedFill: the value is [2, 3]; it must be a number or a tensor without axes. Use where to choose between tensors.",
    ],
    [
      "maskedFill dtype",
      () => maskedFill(int32([1]), tensor([true]), 0.5),
      "DTypeError: maskedFill: the value is float32 and can't be stored in a tensor of int32; convert one of them.",
    ],
    [
      "maskedScatter",
      () => maskedScatter(x, x.eq(0), zeros([5])),
      "ShapeError: maskedScatter: the mask asks for 6 elements, and the source of shape [5] has 5.",
    ],
    [
      "maskedScatter mask",
      () => maskedScatter(x, zeros([2, 2, 3]).eq(0), x),
      "ShapeError: maskedScatter: the mask is [2, 2, 3]; it must broadcast to x's shape [2, 3].",
    ],
    [
      "maskedSelect",
      () => maskedSelect(x, zeros([2]).eq(0)),
      "ShapeError: maskedSelect: shapes [2, 3] and [2] do not broadcast: axis -1 has 3 and 2; they must be equal or one of them 1.",
    ],
    [
      "take",
      () => take(x, int32([6])),
      "IndexError: take: 6 at position 0 is outside the 6 elements of x; valid are -6 to 5.",
    ],
    [
      "takeAlongAxis",
      () => takeAlongAxis(x, int32([0]), 0),
      "ShapeError: takeAlongAxis: x is [2, 3] and index [1]; both need the same rank.",
    ],
    [
      "embedding",
      () => embedding(int32([2]), x),
      "IndexError: embedding: index 2 at position 0 is no row of the table [2, 3]; valid are 0 to 1.",
    ],
    [
      "embedding table",
      () => embedding(int32([0]), zeros([3])),
      "ShapeError: embedding: weight is [3]; it must be [V, D]: rows to choose from.",
    ],
    [
      "embedding padding",
      () => embedding(int32([0]), x, { paddingIdx: 2 }),
      "ValueError: embedding: paddingIdx 2 is no row of the table [2, 3]; valid are -2 to 1.",
    ],
    [
      "oneHot",
      () => oneHot(int32([0, 3]), 3),
      "IndexError: oneHot: index 3 at position 1 is no class; 3 classes are 0 to 2.",
    ],
    [
      "oneHot classes",
      () => oneHot(int32([0]), 0.5),
      "ValueError: oneHot: the number of classes is 0.5; it must be a whole number, at least 1.",
    ],
    [
      "oneHot of nothing",
      () => oneHot(int32([])),
      "ValueError: oneHot: an empty index does not tell the number of classes; name it.",
    ],
  ];
  for (const [name, f, expected] of cases) it(name, () => expect(message(f)).toBe(expected));

  it("a refused write writes nothing", () => {
    const y = zeros([3]);
    expect(message(() => y.scatter_(0, int32([0, 5]), 1))).toMatch(/^IndexError: scatter_/);
    expect(y.toArray()).toEqual([0, 0, 0]);
    expect(y.version).toBe(0);
  });
});
