import { describe, expect, it } from "@jest/globals";
import { noGrad, tensor, zeros } from "@tapegrad/core";
import { clipGradNorm_, clipGradValue_, gradNorm } from "../src/index.ts";

/** Parameters whose gradients have the 2-norm 13; one has none. */
function params() {
  const a = zeros([2], { dtype: "float64", requiresGrad: true });
  const b = zeros([1, 1], { dtype: "float64", requiresGrad: true });
  const idle = zeros([3], { requiresGrad: true });
  a.grad = tensor([3, -4], { dtype: "float64" });
  b.grad = tensor([[12]], { dtype: "float64" });
  return { a, b, idle, all: [a, idle, b] };
}

describe("the norm of gradients", () => {
  it("is that of one long vector", () => {
    const { all, a } = params();
    expect(gradNorm(all)).toBe(13);
    expect(gradNorm(all, { normType: 1 })).toBe(19);
    expect(gradNorm(all, { normType: Infinity })).toBe(12);
    expect(gradNorm(new Set(all), { normType: 3 })).toBeCloseTo(Math.cbrt(27 + 64 + 12 ** 3), 12);
    expect(gradNorm(a)).toBe(5);
    expect(gradNorm([])).toBe(0);
  });
});

describe("clipping", () => {
  it("by norm scales in place, and only down", () => {
    const { a, b, all } = params();
    const held = a.grad!;
    expect(clipGradNorm_(all, 20)).toBe(13);
    expect(a.grad!.toArray()).toEqual([3, -4]);
    // PyTorch's factor: maxNorm / (norm + 1e-6).
    expect(clipGradNorm_(all, 6.5)).toBe(13);
    const factor = 6.5 / (13 + 1e-6);
    expect(a.grad!.toArray()).toEqual([3 * factor, -4 * factor]);
    expect(b.grad!.toArray()).toEqual([[12 * factor]]);
    expect(a.grad).toBe(held);
  });

  it("by value clamps in place", () => {
    const { a, b, all } = params();
    clipGradValue_(all, 3.5);
    expect(a.grad!.toArray()).toEqual([3, -3.5]);
    expect(b.grad!.toArray()).toEqual([[3.5]]);
  });

  it("takes the gradients that backward leaves, whatever their layout", () => {
    const x = zeros([2, 3], { requiresGrad: true });
    x.sum().backward();
    clipGradValue_([x], 0.5);
    expect(x.grad!.toArray()).toEqual([
      [0.5, 0.5, 0.5],
      [0.5, 0.5, 0.5],
    ]);
    x.grad = null;
    x.transpose().sum().mul(2).backward();
    expect(clipGradNorm_([x], 1)).toBeCloseTo(Math.sqrt(24), 5);
    expect(noGrad(() => x.grad!.norm().item())).toBeCloseTo(1, 5);
    const w = zeros([], { requiresGrad: true });
    w.mul(3).backward();
    expect(clipGradNorm_([w], 1)).toBe(3);
    expect(w.grad!.item()).toBeCloseTo(1, 5);
  });

  it("says so where the norm is not finite, if asked", () => {
    const { a, all } = params();
    a.grad = tensor([Number.NaN, 1], { dtype: "float64" });
    expect(() => clipGradNorm_(all, 1, { errorIfNonfinite: true })).toThrow(
      "clipGradNorm_: the norm of the gradients is NaN; look for NaN or huge numbers in the loss, or set errorIfNonfinite: false.",
    );
    expect(a.grad!.toArray()).toEqual([Number.NaN, 1]);
    expect(clipGradNorm_(all, 1)).toBeNaN();
    expect(a.grad!.toArray()).toEqual([Number.NaN, Number.NaN]);
  });

  it.each<[() => unknown, string]>([
    [
      () => clipGradNorm_([3 as never], 1),
      "clipGradNorm_: parameter 0 is 3; pass tensors, such as model.parameters().",
    ],
    [
      () => gradNorm({} as never),
      "gradNorm: parameter 0 is an object; pass tensors, such as model.parameters().",
    ],
    [
      () => clipGradNorm_([], 0),
      "clipGradNorm_: maxNorm is 0; it must be a number above 0, such as 1.",
    ],
    [
      () => clipGradNorm_([], 1, { normType: -1 }),
      "clipGradNorm_: normType is -1; it must be a number above 0, such as 2.",
    ],
    [
      () => clipGradValue_([], Number.NaN),
      "clipGradValue_: clipValue is NaN; it must be a number above 0, such as 1.",
    ],
  ])("refused: %#", (make, message) => {
    expect(make).toThrow(message);
  });
});
