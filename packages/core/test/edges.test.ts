/** Edge cases in which random comparison with PyTorch found us different. Values are PyTorch 1.13's. */
import { describe, expect, it } from "@jest/globals";
import {
  argmax,
  cosineSimilarity,
  index,
  indexFill,
  indexPut,
  linear,
  logcumsumexp,
  max,
  min,
  normalize,
  ones,
  quantile,
  slice,
  tensor,
  zeros,
} from "../src/index.ts";

const double = { dtype: "float64" } as const;

describe("edges that PyTorch defines", () => {
  it("a tensor without axes has its extremes along axis 0 and −1", () => {
    for (const axis of [0, -1]) {
      for (const keepdim of [false, true]) {
        const x = tensor(3, { ...double, requiresGrad: true });
        expect(argmax(x, axis, { keepdim }).shape).toEqual([]);
        const { values, indices } = max(x, axis, { keepdim });
        expect([values.shape, values.item(), indices.item()]).toEqual([[], 3, 0]);
        values.backward();
        expect(x.grad!.item()).toBe(1);
        expect(min(x, axis, { keepdim }).values.shape).toEqual([]);
      }
      expect(cosineSimilarity(tensor(2), tensor(-3), { axis }).item()).toBe(-1);
    }
  });

  it("normalize passes NaN on", () => {
    const y = normalize(tensor([1, NaN, -2]), { axis: 0 });
    expect(y.toArray()).toEqual([NaN, NaN, NaN]);
  });

  it("quantile meets infinite neighbours from either end", () => {
    const x = tensor([-Infinity, -1, 2], double);
    expect(quantile(x, 0.25, undefined, { interpolation: "midpoint" }).item()).toBe(-Infinity);
    expect(quantile(x, 0.4).item()).toBe(-Infinity);
  });

  it("logcumsumexp beyond an infinity sends no gradient to finite elements", () => {
    const x = tensor([Infinity, 1, 2], { ...double, requiresGrad: true });
    logcumsumexp(x, 0).backward(ones([3], double));
    expect(x.grad!.toArray()).toEqual([NaN, 0, 0]);
  });

  it("an integer tensor without axes is a number among indices", () => {
    const x = ones([2, 5, 3]);
    const pair = tensor([0, 2], { dtype: "int32" });
    const one = tensor(1, { dtype: "int32" });
    expect(index(x, one, slice(), pair).shape).toEqual([5, 2]);
    expect(index(x, pair.mul(0), one).shape).toEqual([2, 3]);
    expect(index(x, tensor(-1, { dtype: "int32" })).shape).toEqual([5, 3]);
  });

  it("indexPut ignores further axes of size 1 in front of the value's", () => {
    const y = indexPut(zeros([2, 2]), [0], tensor([[[3, 4]]]));
    expect(y.toArray()).toEqual([
      [3, 4],
      [0, 0],
    ]);
    expect(indexPut(zeros([2]), [1], tensor([5])).toArray()).toEqual([0, 5]);
  });

  it("indexFill counts a position that comes twice once", () => {
    const value = tensor(2, { ...double, requiresGrad: true });
    const at = tensor([1, 1], { dtype: "int32" });
    indexFill(zeros([3], double), 0, at, value)
      .sum()
      .backward();
    expect(value.grad!.item()).toBe(1);
  });

  it("linear of no features is the bias", () => {
    const y = linear(zeros([2, 3, 0]), zeros([2, 0]), tensor([1, 2]));
    expect(y.toArray()).toEqual(Array(2).fill(Array(3).fill([1, 2])));
  });
});
