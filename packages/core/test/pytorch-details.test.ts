/** Corners of PyTorch's behaviour; the numbers were computed with PyTorch 1.13. */
import { describe, expect, it } from "@jest/globals";
import {
  div,
  embedding,
  gather,
  indexAdd,
  indexFill,
  movedim,
  noGrad,
  type Tensor,
  tensor,
  zeros,
} from "../src/index.ts";

const f64 = (elements: number | number[] | number[][]) =>
  tensor(elements, { dtype: "float64", requiresGrad: true });
const int32 = (elements: number | number[]) => tensor(elements, { dtype: "int32" });

describe("tensors without axes count as one element along axis 0", () => {
  it("gather", () => {
    const x = f64(5);
    expect(gather(x, 0, int32(0)).toArray()).toBe(5);
    expect(gather(x, -1, int32(0)).toArray()).toBe(5);
    expect(gather(tensor([5, 6, 7]), 0, int32(2)).toArray()).toBe(7);
    const y = gather(x, 0, int32([0, 0]));
    expect(y.toArray()).toEqual([5, 5]);
    y.sum().backward();
    expect(x.grad!.toArray()).toBe(2);
    expect(() => gather(x, 1, int32(0))).toThrow("gather: axis 1 is out of range");
    expect(() => gather(x, 0, int32(1))).toThrow("gather: index 1 at position 0 is outside axis 0");
    expect(() => gather(zeros([2, 2]), 0, int32(0))).toThrow(
      "gather: x is [2, 2] and index []; both need the same rank",
    );
  });

  it("scatter and its kin", () => {
    const [x, source] = [f64(5), f64(7)];
    expect(x.scatter(0, int32(0), 7).toArray()).toBe(7);
    expect(x.scatter(0, int32([0]), f64([7])).toArray()).toBe(7);
    expect(tensor([1, 2, 3]).scatter(0, int32(1), tensor(7)).toArray()).toEqual([1, 7, 3]);
    const sum = x.scatterAdd(-1, int32(0), source);
    expect(sum.toArray()).toBe(12);
    sum.mul(2).backward();
    expect([x.grad!.item(), source.grad!.item()]).toEqual([2, 2]);
    expect(x.scatterReduce(0, int32(0), source, { reduce: "prod" }).toArray()).toBe(35);
    const apart = { reduce: "mean", includeSelf: false } as const;
    expect(x.scatterReduce(0, int32(0), source, apart).toArray()).toBe(7);
    expect(indexAdd(tensor(5), 0, int32([0]), tensor([2])).toArray()).toBe(7);
    expect(indexFill(tensor(5), 0, int32([0]), 2).toArray()).toBe(2);
    expect(() => x.scatter(0, int32(1), 7)).toThrow("scatter: index 1 at position 0 is outside");
  });

  it("in place, with the gradient through it", () => {
    const [x, source] = [f64(5), f64(7)];
    const y = x.mul(2);
    expect(y.scatterAdd_(0, int32(0), source)).toBe(y);
    expect(y.item()).toBe(17);
    y.mul(3).backward();
    expect([x.grad!.item(), source.grad!.item()]).toEqual([6, 3]);
    const z = x.mul(2).scatter_(0, int32(0), source);
    x.grad = null;
    z.backward();
    expect([z.item(), x.grad!.item(), source.grad!.item()]).toEqual([7, 0, 4]);
  });

  it("movedim", () => {
    expect(movedim(tensor(5), 0, 0).toArray()).toBe(5);
    expect(movedim(tensor(5), -1, 0).toArray()).toBe(5);
    expect(() => movedim(tensor(5), 1, 0)).toThrow("movedim: axis 1 is out of range");
  });

  it("but not takeAlongAxis, as in PyTorch", () => {
    expect(() => tensor(5).takeAlongAxis(int32(0), 0)).toThrow("takeAlongAxis: axis 0");
  });
});

describe("div with a roundingMode", () => {
  const [a, b] = [tensor([7, -7, 7, -7]), tensor([2, 2, -2, 0])];

  it("cuts or rounds down", () => {
    expect(div(a, b).toArray()).toEqual([3.5, -3.5, -3.5, -Infinity]);
    expect(div(a, b, { roundingMode: null }).toArray()).toEqual([3.5, -3.5, -3.5, -Infinity]);
    expect(a.div(b, { roundingMode: "trunc" }).toArray()).toEqual([3, -3, -3, -Infinity]);
    expect(a.div(b, { roundingMode: "floor" }).toArray()).toEqual([3, -4, -4, -Infinity]);
  });

  it("keeps whole numbers whole", () => {
    const x = int32([7, -7, 2147483647]);
    const [cut, down] = [x.div(2, { roundingMode: "trunc" }), x.div(2, { roundingMode: "floor" })];
    expect([cut.dtype, down.dtype]).toEqual(["int32", "int32"]);
    expect(cut.toArray()).toEqual([3, -3, 1073741823]);
    expect(down.toArray()).toEqual([3, -4, 1073741823]);
    expect(x.div(2).dtype).toBe("float32");
    expect(div(tensor([true]), 2, { roundingMode: "trunc" }).toArray()).toEqual([0]);
    expect(tensor(new Uint8Array([7])).div(2, { roundingMode: "trunc" }).dtype).toBe("uint8");
    expect(int32([-2147483648]).div(3, { roundingMode: "trunc" }).toArray()).toEqual([-715827882]);
  });

  it("is flat", () => {
    const x = f64([7, -7]);
    x.div(0, { roundingMode: "trunc" }).sum().backward();
    expect(x.grad!.toArray()).toEqual([0, 0]);
  });

  it("works in place", () => {
    const x = int32([7, -7]);
    expect(x.div_(2, { roundingMode: "floor" })).toBe(x);
    expect(x.toArray()).toEqual([3, -4]);
    expect(tensor([7, -7]).div_(2, { roundingMode: "trunc" }).toArray()).toEqual([3, -3]);
    expect(tensor([7, -7]).div_(2).toArray()).toEqual([3.5, -3.5]);
    expect(() => int32([7]).div_(2)).toThrow(
      "div_: the result is float32 and can't be stored in a tensor of int32",
    );
  });

  it("says what it takes", () => {
    expect(() => div(a, b, { roundingMode: "ceil" as never })).toThrow(
      'div: roundingMode is "ceil"; it must be "trunc" or "floor", or null for none.',
    );
    expect(() => div(int32([1]), 0, { roundingMode: "floor" })).toThrow(
      "div: the divisor has a 0, by which whole numbers can't be divided; convert to float first.",
    );
  });
});

describe("comparisons in place", () => {
  it("write 1 and 0 in the tensor's dtype", () => {
    expect(int32([1, 2]).lt_(2).toArray()).toEqual([1, 0]);
    expect(int32([1, 2]).lt_(1.5).toArray()).toEqual([1, 0]);
    expect(tensor([1, 2]).eq_(2).toArray()).toEqual([0, 1]);
    expect(tensor([1, 2]).ne_(2).toArray()).toEqual([1, 0]);
    expect(tensor([true, false]).eq_(tensor(true)).toArray()).toEqual([true, false]);
    const x = tensor([1, 2, 3]);
    expect(x.ge_(2)).toBe(x);
    expect(x.dtype).toBe("float32");
    expect(
      tensor([1, 2, 3])
        .gt_(tensor([3, 2, 1]))
        .toArray(),
    ).toEqual([0, 0, 1]);
    expect(
      tensor([1, 2, 3])
        .le_(tensor([3, 2, 1]))
        .toArray(),
    ).toEqual([1, 1, 0]);
  });

  it("stay on the tape with a gradient of 0", () => {
    const x = f64([7, -7]);
    const y = x.mul(1).lt_(0);
    expect([y.toArray(), y.requiresGrad]).toEqual([[0, 1], true]);
    y.sum().backward();
    expect(x.grad!.toArray()).toEqual([0, 0]);
  });

  it("refuse what can't be", () => {
    expect(() => f64([1]).lt_(2)).toThrow("lt_: the tensor is a leaf that requires grad");
    expect(() => tensor([1, 2]).lt_(zeros([2, 2]))).toThrow(
      "lt_: the result has shape [2, 2], which doesn't fit into the tensor's [2]; use lt, which makes a new tensor.",
    );
  });
});

describe("embedding with maxNorm", () => {
  const table = () =>
    f64([
      [3, 4],
      [0.3, 0.4],
      [6, 8],
    ] as number[][]);
  const close = (got: Tensor, expected: number[]) => {
    const data = [...got.data()];
    expect(data).toHaveLength(expected.length);
    for (const [i, value] of data.entries()) expect(value).toBeCloseTo(expected[i]!, 6);
  };

  it("shortens the rows that are looked up, in the table", () => {
    const weight = table();
    const y = embedding(int32([0, 0, 1]), weight, { maxNorm: 1 });
    close(y, [0.6, 0.8, 0.6, 0.8, 0.3, 0.4]);
    close(weight, [0.6, 0.8, 0.3, 0.4, 6, 8]);
    expect(weight.version).toBe(1);
    y.sum().backward();
    expect(weight.grad!.toArray()).toEqual([
      [2, 2],
      [1, 1],
      [0, 0],
    ]);
  });

  it("measures by normType", () => {
    const weight = table();
    embedding(int32([0, 1]), weight, { maxNorm: 1, normType: 1 });
    close(weight, [0.428571, 0.571429, 0.3, 0.4, 6, 8]);
  });

  it("leaves a table of short rows alone, and a view of it in step", () => {
    const weight = table();
    embedding(int32([1]), weight, { maxNorm: 1 });
    expect(weight.version).toBe(0);
    const lent = noGrad(() => weight.mul(1));
    embedding(int32([2]), lent.narrow(0, 0, 3), { maxNorm: 1 });
    close(lent, [3, 4, 0.3, 0.4, 0.6, 0.8]);
  });

  it("says what it takes", () => {
    expect(() => embedding(int32([0]), table(), { maxNorm: -1 })).toThrow(
      "embedding: maxNorm is -1; it must be a finite number of at least 0.",
    );
    expect(() => embedding(int32([0]), table(), { maxNorm: 1, normType: "2" as never })).toThrow(
      "embedding: normType is a string; it must be a number.",
    );
  });
});
