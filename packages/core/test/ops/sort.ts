/** Sorting and searching. */
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  argsort,
  bincount,
  bucketize,
  checkOp,
  histc,
  kthvalue,
  median,
  mode,
  nanmedian,
  nanquantile,
  nonzero,
  normal,
  quantile,
  searchsorted,
  sort,
  tensor,
  topk,
  unique,
  whole,
  zeros,
} from "../../src/index.ts";
import * as sorting from "../../src/ops/sort.ts";
import { f64 } from "./helpers.ts";
import { checkGradients, gradientAt, inf, int, leaf, nan } from "./reduce-support.ts";

export function sortTests(): void {
  it("argsort", () => {
    checkOp(sorting.argsortOp, {
      cases: [
        { x: normal([3, 4]), attrs: { axis: 1, descending: false } },
        { x: normal([2, 5, 3]), attrs: { axis: 1, descending: true } },
        { x: normal([0, 3]), attrs: { axis: 0, descending: false } },
        { x: whole([3, 4], 3), attrs: { axis: 1, descending: true } },
      ],
    });
    expect(argsort(f64([3, nan, 1, 3])).toArray()).toEqual([2, 0, 3, 1]);
    expect(int([1, 2]).argsort(0, { descending: true }).toArray()).toEqual([1, 0]);
  });

  it("sort", () => {
    checkGradients((x) => sort(x, 0).values);
    checkGradients((x) => sort(x, -1, { descending: true }).values);
    const x = f64([2, nan, -inf, 2, inf]);
    const up = sort(x);
    expect(up.values.toArray()).toEqual([-inf, 2, 2, inf, nan]);
    expect(up.indices.toArray()).toEqual([2, 0, 3, 4, 1]);
    expect(x.sort(0, { descending: true }).indices.toArray()).toEqual([1, 4, 0, 3, 2]);
    expect(sort(int([true, false], "bool")).values.toArray()).toEqual([false, true]);
    expect(sort(f64(3)).indices.shape).toEqual([]);
    expect(sort(zeros([2, 0])).values.shape).toEqual([2, 0]);
    expect(() => sort(f64([1]), 1)).toThrow("sort: axis 1 is out of range");
    expect(() => sort([1] as never)).toThrow("sort: x is an array");
  });

  it("sort agrees with Array.sort", () => {
    fc.assert(
      fc.property(fc.array(fc.double(), { maxLength: 40 }), (list) => {
        const { values, indices } = sort(f64(Float64Array.from(list)));
        const expected = Float64Array.from(list).sort();
        const positions = [...indices.data()];
        expect(values.data().every((v, i) => Object.is(v, list[positions[i]!]))).toBe(true);
        expect([...values.data()].map((v) => v + 0)).toEqual([...expected].map((v) => v + 0));
      }),
      { seed: 6, numRuns: 60 },
    );
  });

  it("topk and kthvalue", () => {
    checkGradients((x) => topk(x, 2).values);
    checkGradients((x) => kthvalue(x, 2, { axis: 0 }).values);
    const x = f64([
      [1, 5, 3],
      [nan, 2, 2],
    ]);
    expect(x.topk(2).values.toArray()).toEqual([
      [5, 3],
      [nan, 2],
    ]);
    expect(topk(x, 2, { largest: false }).indices.toArray()).toEqual([
      [0, 2],
      [1, 2],
    ]);
    expect(topk(x, 1, { axis: 0 }).indices.toArray()).toEqual([[1, 0, 0]]);
    expect(topk(f64(3), 1).values.shape).toEqual([]);
    expect(topk(x, 0).values.shape).toEqual([2, 0]);
    expect(x.kthvalue(1, { keepdim: true }).values.toArray()).toEqual([[1], [2]]);
    expect(kthvalue(x, 3).indices.toArray()).toEqual([1, 0]);
    expect(kthvalue(f64(3), 1).values.toArray()).toBe(3);
    expect(() => topk(x, 4)).toThrow(
      "topk: k is 4; along axis 1 of [2, 3] it must be a whole number from 0 to 3.",
    );
    expect(() => topk(x, 1.5)).toThrow("topk: k is 1.5");
    expect(() => kthvalue(x, 0)).toThrow("it must be a whole number from 1 to 3.");
  });

  it("median", () => {
    checkGradients((x) => median(x));
    checkGradients((x) => median(x, 0).values);
    const x = f64([
      [4, 1, 3, 2],
      [7, nan, 5, nan],
    ]);
    expect(median(f64([4, 1, 3, 2])).item()).toBe(2);
    expect(x.median().item()).toBe(nan);
    expect(median(x, 1).values.toArray()).toEqual([2, nan]);
    expect(median(x, 1).indices.toArray()).toEqual([3, 1]);
    expect(median(x, 1, { keepdim: true }).values.shape).toEqual([2, 1]);
    expect(nanmedian(x, 1).values.toArray()).toEqual([2, 5]);
    expect(x.nanmedian(1).indices.toArray()).toEqual([3, 2]);
    expect(nanmedian(f64([nan, nan])).item()).toBe(nan);
    expect(nanmedian(x).item()).toBe(3);
    expect(median(int([5, 1, 3])).item()).toBe(3);
    expect(median(zeros([0])).item()).toBe(nan);
    expect(median(f64(2), -1).values.toArray()).toBe(2);
    // Over everything ties share; along an axis one element takes all.
    expect(gradientAt([2, 2, 1, 3], (v) => median(v))).toEqual([0.5, 0.5, 0, 0]);
    expect(gradientAt([2, 2, 1, 3], (v) => median(v, 0).values)).toEqual([1, 0, 0, 0]);
    expect(gradientAt([1, nan, nan], (v) => median(v))).toEqual([0, 0.5, 0.5]);
    expect(() => median(zeros([2, 0]), 1)).toThrow(
      "median: axis 1 of [2, 0] is empty, and nothing has no middle; reduce an axis with elements.",
    );
    expect(() => median(int([]))).toThrow(/median: axis 0 of \[0\] is empty/);
  });

  it("quantile", () => {
    checkGradients((x) => quantile(x, [0.1, 0.5, 1], 1));
    checkGradients((x) => quantile(x, 0.3, 0, { interpolation: "midpoint", keepdim: true }));
    const x = f64([4, 1, 3, 2]);
    expect(quantile(x, 0.5).item()).toBe(2.5);
    expect(quantile(x, [0, 0.25, 1]).toArray()).toEqual([1, 1.75, 4]);
    const at = (interpolation: "lower" | "higher" | "nearest" | "midpoint") =>
      quantile(x, [0.4, 0.5, 0.6], 0, { interpolation }).toArray();
    expect(at("lower")).toEqual([2, 2, 2]);
    expect(at("higher")).toEqual([3, 3, 3]);
    expect(at("nearest")).toEqual([2, 3, 3]); // positions 1.2, 1.5 and 1.8
    expect(at("midpoint")).toEqual([2.5, 2.5, 2.5]);
    const rows = f64([
      [1, nan, 3],
      [1, 2, 4],
    ]);
    expect(quantile(rows, 0.5, 1).toArray()).toEqual([nan, 2]);
    expect(rows.nanquantile(0.5, 1).toArray()).toEqual([2, 2]);
    expect(rows.quantile(f64([0, 1]), 1).toArray()).toEqual([
      [nan, 1],
      [nan, 4],
    ]);
    expect(quantile(rows, [0.5, 1], 0).shape).toEqual([2, 3]);
    expect(quantile(rows, [0.5, 1], 0, { keepdim: true }).shape).toEqual([2, 1, 3]);
    expect(nanquantile(rows, 0.5, undefined, { keepdim: true }).toArray()).toEqual([[2]]);
    expect(nanquantile(f64([nan]), 0.5).item()).toBe(nan);
    expect(quantile(f64(2), 0.5, 0).toArray()).toBe(2);
    expect(quantile(int([1, 2]), 0.5).item()).toBe(1.5);
    // Positions move with q: dy/dq = (n − 1)·(x₂ − x₁).
    const q = leaf([0.4]);
    quantile(f64([1, 3, 7, 8]), q).backward();
    expect(q.grad!.toArray()).toEqual([12]);
  });

  it("quantile refuses", () => {
    const x = f64([1, 2]);
    expect(() => quantile(x, 1.5)).toThrow(
      "quantile: q has 1.5; every quantile must be in [0, 1].",
    );
    expect(() => nanquantile(x, [nan])).toThrow("nanquantile: q has NaN");
    expect(() => quantile(x, "0.5" as never)).toThrow(
      "quantile: q is a string; it must be a number",
    );
    expect(() => quantile(x, f64([[0.5]]))).toThrow("q is [1, 1]; it must have one axis or none.");
    expect(() => quantile(x, tensor([0.5]))).toThrow(
      "q is float32 and x float64; they must be equal",
    );
    expect(() => quantile(x, 0.5, 0, { interpolation: "cubic" as never })).toThrow(
      'quantile: unknown interpolation "cubic"; known are linear, lower, higher, midpoint, nearest.',
    );
    expect(() => quantile(zeros([0]), 0.5)).toThrow("quantile: axis 0 of [0] is empty");
  });

  it("mode", () => {
    const x = f64([
      [1, 2, 2, 1, 3],
      [5, 4, 3, 2, 1],
    ]);
    expect(mode(x).values.toArray()).toEqual([1, 1]);
    expect(mode(x).indices.toArray()).toEqual([3, 4]);
    expect(x.mode(0, { keepdim: true }).values.toArray()).toEqual([[1, 2, 2, 1, 1]]);
    expect(mode(f64([nan, nan, 2])).values.item()).toBe(2);
    expect(mode(f64(7)).values.toArray()).toBe(7);
    checkGradients((v) => mode(v, 0).values);
    expect(() => mode(zeros([0]))).toThrow(/nothing has no most frequent element/);
  });
}

export function searchTests(): void {
  it("nonzero", () => {
    const x = f64([
      [0, 1],
      [nan, 0],
    ]);
    expect(nonzero(x).toArray()).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(x.nonzero({ asTuple: true }).map((part) => part.toArray())).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(nonzero(f64(3)).shape).toEqual([1, 0]);
    expect(nonzero(f64(3), { asTuple: true })[0]!.toArray()).toEqual([0]);
    expect(nonzero(zeros([2, 3])).shape).toEqual([0, 2]);
    expect(() => nonzero([1] as never)).toThrow("nonzero: x is an array");
  });

  it("unique", () => {
    const { values, inverse, counts } = unique(
      int([
        [3, 1, 3],
        [2, 1, 3],
      ]),
    );
    expect(values.toArray()).toEqual([1, 2, 3]);
    expect(inverse.toArray()).toEqual([
      [2, 0, 2],
      [1, 0, 2],
    ]);
    expect(counts.toArray()).toEqual([2, 1, 3]);
    const rows = f64([
      [1, 2],
      [0, 5],
      [1, 2],
    ]).unique({ axis: 0 });
    expect(rows.values.toArray()).toEqual([
      [0, 5],
      [1, 2],
    ]);
    expect(rows.inverse.toArray()).toEqual([1, 0, 1]);
    expect(rows.counts.toArray()).toEqual([1, 2]);
    expect(unique(f64([[2, 1, 2]]), { axis: -1 }).values.toArray()).toEqual([[1, 2]]);
    expect(unique(f64([nan, 1, nan])).counts.toArray()).toEqual([1, 1, 1]);
    expect(unique(zeros([0])).values.shape).toEqual([0]);
    expect(unique(leaf([1])).values.requiresGrad).toBe(false);
    expect(() => unique(f64([1]), { axis: 1 })).toThrow("unique: axis 1 is out of range");
  });

  it("unique can be undone", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }), (list) => {
        const { values, inverse, counts } = unique(int(list));
        expect([...values.data()]).toEqual([...new Set(list)].sort((a, b) => a - b));
        expect([...inverse.data()].map((i) => values.data()[i])).toEqual(list);
        expect(counts.sum().item()).toBe(list.length);
      }),
      { seed: 7, numRuns: 40 },
    );
  });

  it("searchsorted and bucketize", () => {
    const sorted = f64([1, 3, 3, 5]);
    expect(
      searchsorted(
        sorted,
        f64([
          [0, 3],
          [6, nan],
        ]),
      ).toArray(),
    ).toEqual([
      [0, 1],
      [4, 4],
    ]);
    expect(searchsorted(sorted, f64([3, nan]), { right: true }).toArray()).toEqual([3, 4]);
    expect(searchsorted(sorted, 4).toArray()).toBe(3);
    const rows = searchsorted(
      f64([
        [1, 2],
        [5, 6],
      ]),
      f64([
        [2, 9, 0],
        [2, 9, 5.5],
      ]),
    );
    expect(rows.toArray()).toEqual([
      [1, 2, 0],
      [0, 2, 1],
    ]);
    expect(bucketize(f64([0, 3, 9]), sorted).toArray()).toEqual([0, 1, 4]);
    expect(bucketize(3, sorted, { right: true })).toMatchObject({ dtype: "int32", value: 3 });
    expect(() => searchsorted(zeros([2, 2]), zeros([3, 1]))).toThrow(
      "searchsorted: sorted is [2, 2] and values [3, 1]; sorted must have one axis, or all axes but the last must be equal.",
    );
    expect(() => searchsorted(f64(1), 1)).toThrow(/sorted is \[\]/);
    expect(() => searchsorted(sorted, "3" as never)).toThrow("values is a string");
    expect(() => bucketize(f64([1]), zeros([1, 1]))).toThrow(
      "bucketize: boundaries are [1, 1]; they must have one axis.",
    );
    expect(() => bucketize(null as never, sorted)).toThrow("bucketize: x is null");
  });

  it("bincount", () => {
    expect(bincount(int([1, 3, 1])).toArray()).toEqual([0, 2, 0, 1]);
    expect(int([1], "uint8").bincount({ minLength: 3 }).toArray()).toEqual([0, 1, 0]);
    expect(bincount(int([0, 1, 0]), { weights: f64([0.5, 2, 1]) }).toArray()).toEqual([1.5, 2]);
    expect(bincount(int([0]), { weights: tensor([2]) }).dtype).toBe("float32");
    expect(bincount(int([])).shape).toEqual([0]);
    expect(() => bincount(f64([1]))).toThrow("bincount: x is float64; it must be int32 or uint8");
    expect(() => bincount(int([[1]]))).toThrow("bincount: x is [1, 1]; it must have one axis.");
    expect(() => bincount(int([-1]))).toThrow("bincount: x has -1; it can count from 0 on only.");
    expect(() => bincount(int([1]), { weights: f64([1, 2]) })).toThrow(
      "bincount: x is [1] and weights [2]; they must be equal.",
    );
    expect(() => bincount(int([1]), { minLength: -1 })).toThrow("bincount: minLength is -1");
  });

  it("histc", () => {
    const x = f64([1, 2, 1, 3, nan, 9]);
    expect(histc(x, { bins: 4, min: 0, max: 4 }).toArray()).toEqual([0, 2, 1, 1]);
    expect(f64([1, 2, 3]).histc({ bins: 2 }).toArray()).toEqual([1, 2]);
    expect(histc(f64([5, 5]), { bins: 2 }).toArray()).toEqual([0, 2]);
    expect(histc(tensor([]), { bins: 2 })).toMatchObject({ dtype: "float32", shape: [2] });
    expect(() => histc(int([1]))).toThrow("histc: x is int32; it must be float");
    expect(() => histc(x, { bins: 0 })).toThrow(
      "histc: bins is 0; it must be a whole number, 1 or more.",
    );
    expect(() => histc(x)).toThrow("histc: the range from NaN to NaN makes no bins");
    expect(() => histc(x, { min: 2, max: 1 })).toThrow(
      "histc: the range from 2 to 1 makes no bins",
    );
  });
}
