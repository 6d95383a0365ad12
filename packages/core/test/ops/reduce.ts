/** Reductions; and all of the family put together. */
import { describe, expect, it } from "@jest/globals";
import {
  all,
  amax,
  aminmax,
  any,
  argsort,
  bincount,
  bucketize,
  checkOp,
  cosineSimilarity,
  countNonzero,
  cummax,
  cummin,
  cumprod,
  cumsum,
  diff,
  gradcheck,
  gradgradcheck,
  histc,
  kthvalue,
  logcumsumexp,
  logsumexp,
  median,
  mode,
  nanmean,
  nanmedian,
  nansum,
  norm,
  normal,
  normalize,
  prod,
  quantile,
  searchsorted,
  softmin,
  sort,
  std,
  stdMean,
  sum,
  type Tensor,
  tensor,
  topk,
  trapezoid,
  uniform,
  unique,
  values,
  variance,
  varMean,
  zeros,
} from "../../src/index.ts";
import * as aggregate from "../../src/ops/aggregate.ts";
import { Generator } from "../../src/random.ts";
import { f64 } from "./helpers.ts";
import { checkGradients, gradientAt, inf, int, leaf, nan, random } from "./reduce-support.ts";
import { scanTests } from "./scan.ts";
import { searchTests, sortTests } from "./sort.ts";

function aggregateTests(): void {
  const cases = [
    { x: normal([3, 4]), attrs: { axes: [0, 1], keepdim: false } },
    { x: normal([2, 3, 4]), attrs: { axes: [0, 2], keepdim: true } },
    { x: normal([2, 3, 4]), attrs: { axes: [1], keepdim: false } },
    { x: normal([]), attrs: { axes: [], keepdim: false } },
    { x: normal([2, 0]), attrs: { axes: [1], keepdim: false } },
    {
      x: values([
        [0, 2, 3],
        [0, 0, 3],
      ]),
      attrs: { axes: [1], keepdim: false },
    },
  ];
  it("prod, with zeros too", () => {
    checkOp(aggregate.prodOp, { cases });
    expect(gradientAt([2, 0, 3], prod)).toEqual([0, 6, 0]);
    expect(gradientAt([0, 0, 3], prod)).toEqual([0, 0, 0]);
    expect(prod(int([200, 2], "uint8")).item()).toBe(400);
    expect(prod(int([true, false], "bool"))).toMatchObject({ dtype: "int32", value: 0 });
    expect(
      f64([
        [1, 2],
        [3, 4],
      ])
        .prod(-1, { keepdim: true })
        .toArray(),
    ).toEqual([[2], [12]]);
    expect(prod(zeros([0])).item()).toBe(1);
  });

  it("any, all, countNonzero", () => {
    const bools = (shape: number[]) => () =>
      int(new Array(6).fill([true, false]), "bool").reshape(shape);
    const truths = [
      { x: bools([3, 4]), attrs: { axes: [1], keepdim: false } },
      { x: bools([2, 6]), attrs: { axes: [0, 1], keepdim: true } },
    ];
    checkOp(aggregate.anyOp, { cases: truths });
    checkOp(aggregate.allOp, { cases: truths });
    const x = f64([
      [0, nan, 2],
      [0, 0, 0],
    ]);
    expect(any(x, 1).toArray()).toEqual([true, false]);
    expect(any(x).dtype).toBe("bool");
    expect(all(x, 0).toArray()).toEqual([false, false, false]);
    expect(x.all().toArray()).toBe(false);
    expect(all(f64([1, nan])).toArray()).toBe(true);
    expect([any(zeros([0])).toArray(), all(zeros([0])).toArray()]).toEqual([false, true]);
    expect(countNonzero(x).item()).toBe(2);
    expect(x.countNonzero(-1, { keepdim: true }).toArray()).toEqual([[2], [0]]);
    expect(countNonzero(x).dtype).toBe("int32");
  });

  it("aminmax", () => {
    const { min, max } = aminmax(
      f64([
        [3, 1],
        [2, 2],
      ]),
      { axis: 1 },
    );
    expect([min.toArray(), max.toArray()]).toEqual([
      [1, 2],
      [3, 2],
    ]);
    expect(gradientAt([2, 2, 1], (x) => aminmax(x).max)).toEqual([0.5, 0.5, 0]);
    expect(f64([[1, 2]]).aminmax({ keepdim: true }).min.shape).toEqual([1, 1]);
    expect(() => aminmax(zeros([0]))).toThrow(/is empty/);
    expect(() => aminmax(f64([1]), { axis: 1 })).toThrow("aminmax: axis 1 is out of range");
  });

  it("nansum and nanmean", () => {
    const x = [
      [1, nan, 3],
      [nan, nan, nan],
    ];
    expect(nansum(f64(x), 1).toArray()).toEqual([4, 0]);
    expect(nanmean(f64(x), 1).toArray()).toEqual([2, nan]);
    expect(f64(x).nansum().item()).toBe(4);
    expect(nansum(int([1, 2])).item()).toBe(3);
    expect(nanmean(int([1, 2])).item()).toBe(1.5);
    expect(gradientAt([1, nan, 3], nansum)).toEqual([1, 0, 1]);
    expect(gradientAt([1, nan, 3], nanmean)).toEqual([0.5, 0, 0.5]);
  });

  it("logsumexp", () => {
    checkGradients((x) => logsumexp(x, [0, 2], { keepdim: true }), [2, 3, 2]);
    expect(logsumexp(f64([1000, 1000])).item()).toBe(1000 + Math.LN2);
    expect(
      logsumexp(
        f64([
          [-inf, -inf],
          [-inf, 0],
          [inf, 0],
          [nan, 0],
        ]),
        1,
      ).toArray(),
    ).toEqual([-inf, 0, inf, nan]);
    expect(logsumexp(zeros([2, 0]), 1).toArray()).toEqual([-inf, -inf]);
    expect(int([0]).logsumexp()).toMatchObject({ dtype: "float32", value: 0 });
    expect(logsumexp(f64(2)).item()).toBe(2);
  });

  it("softmin", () => {
    expect(softmin(f64([0, Math.LN2]))).toMatchObject({ shape: [2] });
    const [a, b] = softmin(f64([0, Math.LN2])).data();
    expect(a! / b!).toBeCloseTo(2, 14);
    checkGradients((x) => softmin(x, 0));
  });
}

function statisticsTests(): void {
  it("var and std", () => {
    const x = f64([
      [1, 2, 3, 4],
      [2, 2, 2, 2],
    ]);
    expect(variance(x, 1).toArray()).toEqual([5 / 3, 0]);
    expect(x.var(1, { correction: 0 }).toArray()).toEqual([1.25, 0]);
    expect(x.std(1, { unbiased: false, keepdim: true }).toArray()).toEqual([
      [Math.sqrt(1.25)],
      [0],
    ]);
    expect(variance(x, [0, 1], { unbiased: true }).item()).toBeCloseTo(5.5 / 7, 14);
    expect(variance(f64([3])).item()).toBe(nan);
    expect(variance(f64([3, 4, 5]), 0, { correction: 5 }).item()).toBe(inf);
    expect(std(int([1, 3]))).toMatchObject({ dtype: "float32", value: Math.fround(Math.SQRT2) });
    expect(variance(zeros([0])).item()).toBe(nan);
    checkGradients((v) => variance(v, 1));
    checkGradients((v) => std(v, [0, 2], { correction: 0 }), [2, 3, 2]);
    // Where the deviations are all 0, so is the gradient.
    expect(gradientAt([2, 2, 2], (v) => std(v))).toEqual([0, 0, 0]);
  });

  it("far from 0, float32 keeps its digits", () => {
    const x = tensor([10000, 10001, 10002]);
    expect(variance(x).item()).toBe(1);
  });

  it("with the mean beside", () => {
    const x = f64([
      [1, 3],
      [5, 5],
    ]);
    const both = varMean(x, 1);
    expect([both.var.toArray(), both.mean.toArray()]).toEqual([
      [2, 0],
      [2, 5],
    ]);
    expect(stdMean(x, 0, { keepdim: true }).mean.toArray()).toEqual([[3, 4]]);
    expect(stdMean(x, 1).std.toArray()).toEqual([Math.SQRT2, 0]);
  });

  it("refuses unclear corrections", () => {
    expect(() => std(f64([1]), 0, { correction: 1, unbiased: true })).toThrow(
      "std: both correction and unbiased are given; name one of them.",
    );
    expect(() => variance(f64([1]), 0, { correction: nan })).toThrow(
      "var: correction is NaN; it must be a finite number.",
    );
  });
}

function normTests(): void {
  const powers: (number | "fro")[] = [1, 2, "fro", inf, -inf, 3, 2.5, 1.5, 0.5, -1];
  it.each(powers)("norm with p = %s", (p) => {
    checkGradients((x) => norm(x, p, { axis: 1 }));
    checkGradients((x) => norm(x, p, { axis: [0, 2], keepdim: true }), [2, 3, 2]);
    const x = [3, -4, 1];
    const q = p === "fro" ? 2 : p;
    const magnitudes = x.map(Math.abs);
    const expected =
      q === inf ? 4 : q === -inf ? 1 : magnitudes.reduce((sum, v) => sum + v ** q, 0) ** (1 / q);
    expect(norm(f64(x), p).item()).toBeCloseTo(expected, 13);
    expect(gradientAt([0, 0], (v) => norm(v, p))).toEqual([0, 0]);
  });

  it("norm: zeros among others, ties, counts, NaN", () => {
    expect(gradientAt([0, 4], (x) => norm(x, 0.5))).toEqual([0, 1]);
    expect(gradientAt([0, 3], (x) => norm(x, -1))).toEqual([0, 0]);
    expect(norm(f64([0, 3]), -1).item()).toBe(0);
    expect(gradientAt([2, -2, 1], (x) => norm(x, inf))).toEqual([0.5, -0.5, 0]);
    expect(norm(f64([0, 3, nan]), 0).item()).toBe(2);
    expect(gradientAt([0, 3], (x) => norm(x, 0))).toEqual([0, 0]);
    expect(f64([1, nan]).norm().item()).toBe(nan);
    expect(norm(zeros([0])).item()).toBe(0);
  });

  it("the nuclear norm of the matrices in two axes", () => {
    const x = f64([
      [3, 0],
      [4, 5],
    ]);
    // The singular values are √45 and √5.
    expect(norm(x, "nuc").item()).toBeCloseTo(4 * Math.sqrt(5), 13);
    expect(norm(x.unsqueeze(1), "nuc", { axis: [0, -1], keepdim: true }).shape).toEqual([1, 1, 1]);
    expect(norm(zeros([2, 0, 3]), "nuc", { axis: [1, 2] }).toArray()).toEqual([0, 0]);
    checkGradients((v) => norm(v, "nuc", { axis: [0, 2] }), [2, 3, 2]);
    // With p = 2 the two axes are one vector.
    expect(norm(x, 2, { axis: [0, 1] }).item()).toBeCloseTo(Math.sqrt(50), 13);
  });

  it("norm refuses what it does not know", () => {
    expect(() => norm(f64([1]), "max" as never)).toThrow(
      'norm: p is "max"; it must be a number, an infinity, "fro" or "nuc".',
    );
    expect(() => norm(zeros([2, 3, 4]), "nuc")).toThrow(
      'norm: "nuc" is a norm of matrices, and these are axes [0, 1, 2] of [2, 3, 4]; name two axes.',
    );
    expect(() => norm(f64([1]), nan)).toThrow("norm: p is NaN");
    expect(() => norm(int([1]))).toThrow("norm: x is int32; it must be float");
    expect(() => norm(zeros([2, 0]), inf, { axis: 1 })).toThrow(
      "norm: axis 1 of [2, 0] is empty, and nothing has no largest element.",
    );
    expect(() => norm(zeros([0]), -inf)).toThrow(/no smallest element/);
  });

  it("normalize", () => {
    expect(
      normalize(
        f64([
          [3, 4],
          [0, 0],
        ]),
      ).toArray(),
    ).toEqual([
      [0.6, 0.8],
      [0, 0],
    ]);
    expect(normalize(f64([1, 3]), { axis: 0, p: 1 }).toArray()).toEqual([0.25, 0.75]);
    checkGradients((x) => normalize(x, { axis: -1 }));
    checkGradients((x) => normalize(x, { p: 3, axis: 0 }));
    // Shorter than eps: y = x / eps.
    expect(gradientAt([[0, 0]], (x) => normalize(x, { eps: 0.5 }))).toEqual([[2, 2]]);
    expect(() => normalize(f64([[1]]), { eps: -1 })).toThrow(
      "normalize: eps is -1; it must be a number, 0 or more.",
    );
    expect(() => normalize(f64([1]))).toThrow("normalize: axis 1 is out of range");
  });

  it("cosineSimilarity", () => {
    const a = f64([
      [1, 0],
      [1, 1],
      [0, 0],
    ]);
    expect(cosineSimilarity(a, f64([1, 0])).toArray()).toEqual([1, 1 / Math.SQRT2, 0]);
    gradcheck((p, q) => cosineSimilarity(p, q, { axis: -1 }), [random([3, 4]), leaf([1, 2, 3, 4])]);
    gradgradcheck((p, q) => cosineSimilarity(p, q), [random([2, 2]), leaf([1, 2])]);
    expect(() => cosineSimilarity(a, f64([1, 2, 3]))).toThrow(/do not broadcast/);
    expect(() => cosineSimilarity(a, a, { eps: nan })).toThrow("cosineSimilarity: eps is NaN");
  });
}

/** Every function refuses what is no tensor and axes that don't exist, by its own name. */
function refusalTests(): void {
  const reductions = {
    prod,
    any,
    all,
    countNonzero,
    nansum,
    nanmean,
    logsumexp,
    std,
    varMean,
    stdMean,
  };
  for (const [name, f] of Object.entries(reductions)) {
    it(name, () => {
      expect(() => f(3 as never)).toThrow(`${name}: x is a number; it must be a Tensor.`);
      expect(() => f(zeros([2]), 1)).toThrow(`${name}: axis 1 is out of range`);
      expect(() => f(zeros([2]), [0, -1])).toThrow(`${name}: axis 0 is named twice`);
    });
  }
  const alongOne = {
    cumsum,
    cumprod,
    logcumsumexp,
    cummax,
    cummin,
    sort,
    argsort,
    mode,
    median,
    nanmedian,
  };
  for (const [name, f] of Object.entries(alongOne)) {
    it(name, () => {
      expect(() => (f as typeof cumsum)(null as never, 0)).toThrow(`${name}: x is null`);
      expect(() => (f as typeof cumsum)(zeros([2]), 1)).toThrow(`${name}: axis 1 is out of range`);
      expect(() => (f as typeof cumsum)(zeros([2]), 0.5)).toThrow(`${name}: axis 0.5 is out of`);
    });
  }
  const others = { norm, aminmax, softmin, normalize, unique, bincount, histc, variance, diff };
  for (const [name, f] of Object.entries(others)) {
    it(name, () => {
      const own = name === "variance" ? "var" : name;
      expect(() => f(undefined as never)).toThrow(`${own}: x is undefined; it must be a Tensor.`);
    });
  }
  it("the rest", () => {
    const x = zeros([2, 2]);
    expect(() => cosineSimilarity(x, 3 as never)).toThrow("cosineSimilarity: b is a number");
    expect(() => cosineSimilarity(3 as never, x)).toThrow("cosineSimilarity: a is a number");
    expect(() => trapezoid(3 as never)).toThrow("trapezoid: y is a number");
    expect(() => trapezoid(x, 3 as never)).toThrow("trapezoid: x is a number");
    expect(() => topk(3 as never, 1)).toThrow("topk: x is a number");
    expect(() => kthvalue(3 as never, 1)).toThrow("kthvalue: x is a number");
    expect(() => quantile(3 as never, 1)).toThrow("quantile: x is a number");
    expect(() => searchsorted(3 as never, 1)).toThrow("searchsorted: sorted is a number");
    expect(() => bucketize(x, 3 as never)).toThrow("bucketize: boundaries is a number");
    expect(() => bincount(int([1]), { weights: 3 as never })).toThrow(
      "bincount: weights is a number",
    );
  });
}

function inputTests(): void {
  it("a tensor without axes is one element, along axis 0 and −1", () => {
    const reductions = { sum, prod, nansum, nanmean, logsumexp, amax };
    for (const f of Object.values(reductions)) {
      expect(f(f64(2), 0).item()).toBe(2);
      expect(f(f64(2), [-1], { keepdim: true }).shape).toEqual([]);
      expect(() => f(f64(2), 1)).toThrow(/a tensor without axes has none to name/);
    }
    expect([any(f64(2), 0).item(), all(f64(0), -1).item()]).toEqual([1, 0]);
    expect(variance(f64(2), 0, { correction: 0 }).item()).toBe(0);
    expect(norm(f64(-2), 1, { axis: 0 }).item()).toBe(2);
    expect(unique(f64(2)).inverse.toArray()).toBe(0);
    expect(aminmax(f64(2), { axis: 0 }).max.item()).toBe(2);
  });

  it("non-contiguous input, in float32 and float64", () => {
    const base = uniform([4, 3])("float64", new Generator(1));
    const functions: Record<string, (x: Tensor) => Tensor> = {
      variance: (x) => variance(x, 0),
      norm: (x) => norm(x, 3, { axis: 1 }),
      logsumexp: (x) => logsumexp(x, 1),
      sort: (x) => sort(x, 0).values,
      median: (x) => median(x, 1).values,
      quantile: (x) => quantile(x, [0.2, 0.9], 0),
      mode: (x) => mode(x, 0).values,
      diff: (x) => diff(x, { axis: 0 }),
      histc: (x) => histc(x, { bins: 3 }),
      unique: (x) => unique(x, { axis: 0 }).values,
      cummax: (x) => cummax(x, 0).values,
      nanmean: (x) => nanmean(x, 1),
    };
    for (const dtype of ["float32", "float64"] as const) {
      const x = base.to(dtype);
      const view = x.transpose().clone().transpose();
      expect(view.isContiguous).toBe(false);
      for (const f of Object.values(functions)) {
        expect(f(view).dtype).toBe(dtype);
        expect(f(view).toArray()).toEqual(f(x).toArray());
      }
    }
  });
}

/** Everything of reductions, scans, sorting and searching; called by ops.test.ts. */
export function reduceTests(): void {
  describe("scans", scanTests);
  describe("further reductions", aggregateTests);
  describe("variance", statisticsTests);
  describe("norms", normTests);
  describe("sorting", sortTests);
  describe("searching and counting", searchTests);
  describe("reductions refuse", refusalTests);
  describe("layouts and dtypes", inputTests);
}
