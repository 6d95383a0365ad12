import { describe, expect, it } from "@jest/globals";
import { Generator, noGrad, randn, svdvals, type Tensor, tensor, zeros } from "@tapegrad/core";
import { Muon } from "../src/index.ts";

type Matrix = number[][];

const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)));
const turned = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
/** f of the elements of equally shaped matrices. */
const each = (f: (...x: number[]) => number, ...all: Matrix[]): Matrix =>
  all[0]!.map((row, i) => row.map((_, j) => f(...all.map((a) => a[i]![j]!))));

/** The algorithm of the blog post on plain numbers, for matrices that are at most as high as wide. */
function orthogonal(x: Matrix): Matrix {
  const norm = Math.sqrt(x.flat().reduce((sum, value) => sum + value * value, 0));
  let y = each((value) => value / norm, x);
  for (let k = 0; k < 5; k++) {
    const a = times(y, turned(y));
    const b = each((p, q) => -4.775 * p + 2.0315 * q, a, times(a, a));
    y = each((p, q) => 3.4445 * p + q, y, times(b, y));
  }
  return y;
}

describe("Muon", () => {
  it.each([
    ["a wide matrix", [3, 5], {}, 1],
    ["a high matrix", [6, 2], { nesterov: false, momentum: 0.8, weightDecay: 0.3 }, Math.sqrt(3)],
    ["Adam's scale", [3, 5], { adjustLrFn: "matchRmsAdamw" as const }, 0.2 * Math.sqrt(5)],
  ])("agrees with the algorithm on plain numbers: %s", (_, shape, options, factor) => {
    const generator = new Generator(3);
    const x = randn(shape, { dtype: "float64", generator, requiresGrad: true });
    const optimizer = new Muon([x], { lr: 0.1, ...options });
    const {
      momentum = 0.95,
      weightDecay = 0.1,
      nesterov = true,
    } = options as {
      momentum?: number;
      weightDecay?: number;
      nesterov?: boolean;
    };
    let p = x.toArray() as Matrix;
    let buffer = each(() => 0, p);
    for (let step = 0; step < 4; step++) {
      const slope = randn(shape, { dtype: "float64", generator });
      x.grad = slope;
      optimizer.step();
      const g = slope.toArray() as Matrix;
      buffer = each((b, s) => momentum * b + (1 - momentum) * s, buffer, g);
      const ahead = nesterov
        ? each((b, s) => momentum * b + (1 - momentum) * s, buffer, g)
        : buffer;
      const high = ahead.length > ahead[0]!.length;
      const s = high ? turned(orthogonal(turned(ahead))) : orthogonal(ahead);
      p = each((value, move) => (1 - 0.1 * weightDecay) * value - 0.1 * factor * move, p, s);
      const worst = each((a, b) => Math.abs(a - b), x.toArray() as Matrix, p).flat();
      expect(Math.max(...worst)).toBeLessThan(1e-12);
    }
  });

  it("moves every direction alike", () => {
    const x = zeros([8, 8], { requiresGrad: true });
    x.grad = randn([8, 8], { generator: new Generator(1) });
    new Muon([x], { lr: 1, weightDecay: 0 }).step();
    const stretches = noGrad(() => svdvals(x.detach())).data();
    expect(Math.min(...stretches)).toBeGreaterThan(0.3);
    expect(Math.max(...stretches)).toBeLessThan(1.3);
  });

  it("takes matrices only, also later", () => {
    const w = zeros([2, 3], { requiresGrad: true });
    const b = zeros([3], { requiresGrad: true });
    const message =
      "parameter 0 of the group has shape [3]; Muon trains matrices, [out, in]. Give the others to AdamW.";
    expect(() => new Muon([b])).toThrow(`Muon: ${message}`);
    const optimizer = new Muon([w]);
    expect(() => optimizer.addParamGroup({ params: [b] })).toThrow(`Muon: group 1: ${message}`);
    expect(optimizer.groups.length).toBe(1);
    expect(() => new Muon([w], { nsCoefficients: [1, 2] as never })).toThrow(
      "Muon: nsCoefficients is [1, 2]; it must be three finite numbers, such as [3.4445, -4.775, 2.0315].",
    );
    expect(() => new Muon([w], { adjustLrFn: "adam" as never })).toThrow(
      'Muon: adjustLrFn is "adam"; it must be "original" or "matchRmsAdamw", or null.',
    );
  });

  it("a gradient of zeros moves nothing", () => {
    const x: Tensor = tensor([[1, 2]], { requiresGrad: true });
    x.grad = zeros([1, 2]);
    new Muon([x], { weightDecay: 0 }).step();
    expect(x.toArray()).toEqual([[1, 2]]);
  });
});
