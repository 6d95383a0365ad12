/** Scans, differences and areas. */
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  checkOp,
  cummax,
  cummin,
  cumprod,
  cumsum,
  diff,
  gradcheck,
  gradgradcheck,
  logcumsumexp,
  normal,
  sub,
  trapezoid,
  values,
  zeros,
} from "../../src/index.ts";
import * as scan from "../../src/ops/scan.ts";
import { f64 } from "./helpers.ts";
import { checkGradients, gradientAt, inf, int, leaf, nan, random } from "./reduce-support.ts";

export function scanTests(): void {
  const cases = [
    { x: normal([5]), attrs: 0 },
    { x: normal([3, 4]), attrs: 1 },
    { x: normal([2, 3, 4]), attrs: 1 },
    { x: normal([1, 3]), attrs: 0 },
    { x: normal([0, 3]), attrs: 0 },
    { x: normal([2, 0]), attrs: 0 },
  ];
  const zeros2 = { x: values([[1, 0, 2, 0, 3]]), attrs: 1 };
  it("cumsum", () => checkOp(scan.cumsumOp, { cases }));
  it("cumprod, with zeros too", () => {
    checkOp(scan.cumprodOp, {
      cases: [...cases, zeros2, { x: values([0, 2, 3]), attrs: 0 }],
    });
  });
  it("logcumsumexp", () => checkOp(scan.logcumsumexpOp, { cases }));
  it("recurrence", () => {
    checkOp(scan.recurrence, {
      cases: [
        { a: normal([5]), b: normal([5]), attrs: 0 },
        { a: normal([2, 3]), b: normal([2, 3]), attrs: 0 },
        { a: values([[0, 0, 2, 0]]), b: normal([1, 4]), attrs: 1 },
      ],
    });
  });
  it("cummax and cummin", () => {
    checkOp(scan.cummaxOp, { cases });
    checkOp(scan.cumminOp, { cases });
    checkGradients((x) => cummax(x, 1).values);
    checkGradients((x) => cummin(x, -2).values);
  });

  it("values, axes and dtypes", () => {
    expect(
      cumsum(
        f64([
          [1, 2],
          [3, 4],
        ]),
        -2,
      ).toArray(),
    ).toEqual([
      [1, 2],
      [4, 6],
    ]);
    expect(cumprod(f64([1, 2, 3, 4]), 0).toArray()).toEqual([1, 2, 6, 24]);
    expect(cumsum(int([true, true, false], "bool"), 0)).toMatchObject({ dtype: "int32" });
    expect(cumsum(int([200, 100], "uint8"), 0).toArray()).toEqual([200, 300]);
    expect(cumprod(int([200, 100], "uint8"), 0).toArray()).toEqual([200, 20000]);
    for (const f of [cumsum, cumprod, logcumsumexp]) {
      expect(f(f64(3), -1).toArray()).toBe(3);
      expect(f(zeros([2, 0]), 1).shape).toEqual([2, 0]);
    }
    expect(cummax(f64(3), 0).indices.toArray()).toBe(0);
  });

  it("cumulative extremes report the last of equals, and stay NaN", () => {
    const x = f64([1, 3, 3, nan, 4, nan]);
    expect(cummax(x, 0).values.toArray()).toEqual([1, 3, 3, nan, nan, nan]);
    expect(cummax(x, 0).indices.toArray()).toEqual([0, 1, 2, 3, 3, 5]);
    expect(cummin(f64([2, 2, 1, 3]), 0).indices.toArray()).toEqual([0, 1, 2, 2]);
    expect(gradientAt([1, 3, 3, 2], (y) => cummax(y, 0).values)).toEqual([1, 1, 2, 0]);
    expect(int([3, 1, 4]).cummin(0).values.toArray()).toEqual([3, 1, 1]);
  });

  it("logcumsumexp far from 0 and at infinities", () => {
    expect(logcumsumexp(f64([1000, 1000]), 0).toArray()).toEqual([1000, 1000 + Math.LN2]);
    expect(logcumsumexp(f64([-inf, 0, inf, 1]), 0).toArray()).toEqual([-inf, 0, inf, inf]);
    const gradient = gradientAt([-inf, -inf, -800, -800], (x) => logcumsumexp(x, 0), [0, 0, 1, 1]);
    expect(
      sub(f64(gradient as number[]), f64([0, 0, 1.5, 0.5]))
        .abs()
        .amax()
        .item(),
    ).toBeLessThan(1e-12);
  });

  it("in place", () => {
    const x = leaf([1, 2, 3]);
    const y = x.mul(2).cumsum_(0);
    expect(y.toArray()).toEqual([2, 6, 12]);
    y.sum().backward();
    expect(x.grad!.toArray()).toEqual([6, 4, 2]);
    expect(gradientAt([1, 2, 3], (v) => v.mul(1).cumprod_(-1))).toEqual([9, 4, 2]);
    expect(
      f64([
        [1, 2],
        [3, 4],
      ])
        .cumprod_(0)
        .toArray(),
    ).toEqual([
      [1, 2],
      [3, 8],
    ]);
    expect(f64(3).cumsum_(0).item()).toBe(3);
    expect(() => int([true], "bool").cumsum_(0)).toThrow(
      "cumsum_: the result is int32 and can't be stored in a tensor of bool; use cumsum, which makes a new tensor.",
    );
    expect(() => f64([1]).cumprod_(1)).toThrow(/cumprod_: axis 1 is out of range/);
  });

  it("differences undo sums", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 1 }), (list) => {
        const x = int(list);
        expect(diff(cumsum(x, 0), { prepend: int([0]) }).toArray()).toEqual(list);
      }),
      { seed: 5, numRuns: 40 },
    );
  });

  it("diff", () => {
    const x = f64([
      [1, 4, 9, 16],
      [0, 1, 0, 1],
    ]);
    expect(diff(x).toArray()).toEqual([
      [3, 5, 7],
      [1, -1, 1],
    ]);
    expect(diff(x, { n: 2 }).toArray()).toEqual([
      [2, 2],
      [-2, 2],
    ]);
    expect(diff(x, { axis: 0 }).toArray()).toEqual([[-1, -3, -9, -15]]);
    expect(diff(x, { n: 0 }).toArray()).toEqual(x.toArray());
    expect(diff(x, { n: 9 }).shape).toEqual([2, 0]);
    expect(diff(f64([3, 5]), { append: f64([9]), prepend: f64([0]) }).toArray()).toEqual([3, 2, 4]);
    expect(diff(int([true, false, false], "bool")).toArray()).toEqual([true, false]);
    checkGradients((v) => diff(v, { n: 2, axis: 0 }));
    expect(() => diff(x, { n: -1 })).toThrow(
      "diff: n is -1; it must be a whole number, 0 or more.",
    );
    expect(() => diff(x, { prepend: 3 as never })).toThrow(
      "diff: prepend is a number; it must be a Tensor.",
    );
    expect(() => diff(x, { append: null as never })).toThrow("diff: append is null");
    expect(() => diff(f64(1))).toThrow("diff: axis -1 is out of range");
  });

  it("trapezoid", () => {
    const y = f64([
      [1, 2, 4],
      [0, 1, 0],
    ]);
    expect(trapezoid(y).toArray()).toEqual([4.5, 1]);
    expect(trapezoid(y, null, { dx: 2, axis: 0 }).toArray()).toEqual([1, 3, 4]);
    expect(trapezoid(y, f64([0, 1, 3])).toArray()).toEqual([7.5, 1.5]);
    expect(trapezoid(y, f64([[0], [3]]), { axis: 0 }).toArray()).toEqual([1.5, 4.5, 6]);
    expect(trapezoid(int([1, 2])).toArray()).toBe(1.5);
    expect(trapezoid(zeros([2, 0])).toArray()).toEqual([0, 0]);
    const x = f64([0, 1, 2.5, 3]).requiresGrad_();
    gradcheck((v, at) => trapezoid(v, at), [random([3, 4]), x]);
    gradgradcheck((v, at) => trapezoid(v, at), [random([3, 4]), x]);
    expect(() => trapezoid(y, f64([1, 2]))).toThrow(
      "trapezoid: x is [2] and y [2, 3]; x must have one position for each of the 3 elements along axis 1.",
    );
    expect(() => trapezoid(y, f64([1, 2, 3]), { dx: 1 })).toThrow(/both x and dx are given/);
    expect(() => trapezoid(y, null, { dx: "1" as never })).toThrow("dx is 1; it must be a number");
    expect(() => trapezoid(y, zeros([1, 2, 3]))).toThrow(/x can't have more axes than y/);
    expect(() => trapezoid(y, zeros([4, 3]))).toThrow(/do not broadcast/);
  });
}
