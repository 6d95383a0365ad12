import { describe, expect, it } from "@jest/globals";
import { Generator, linear, ones, randn, type Tensor, vmap } from "../src/index.ts";

const normal = (shape: number[], seed: number) => randn(shape, { generator: new Generator(seed) });
const rectified = (x: Tensor, weight: Tensor, bias?: Tensor | null) =>
  linear(x, weight, bias, { activation: "relu" });

describe('linear with activation: "relu"', () => {
  it.each([true, false])("is the relu of linear to the bit, gradients too; bias: %s", (biased) => {
    const inputs = () =>
      [normal([3, 4, 5], 1), normal([7, 5], 2), normal([7], 3)].map((x) => x.requiresGrad_());
    const results = [rectified, (...args: Parameters<typeof linear>) => linear(...args).relu()].map(
      (f) => {
        const [x, weight, bias] = inputs() as [Tensor, Tensor, Tensor];
        const y = f(x, weight, biased ? bias : null);
        y.square().sum().backward();
        return [y, x.grad, weight.grad, biased ? bias.grad : null].map((t) => t?.toArray());
      },
    );
    expect(results[0]).toEqual(results[1]);
    expect(results[0]!.flat(3)).toContain(0);
  });

  it("goes backward to the inputs that want it", () => {
    const [x, weight, bias] = [normal([3, 4], 1), normal([2, 4], 2).requiresGrad_(), ones([2])];
    const y = rectified(x, weight, bias);
    y.sum().backward();
    const open = y.gt(0).to("float32");
    expect(weight.grad!.toArray()).toEqual(open.transpose().matmul(x).toArray());
    expect([x.grad, bias.grad]).toEqual([null, null]);
  });

  it("runs for samples with weights of their own", () => {
    const [x, weight, bias] = [normal([4, 3, 5], 1), normal([4, 2, 5], 2), normal([2], 3)];
    const y = vmap(rectified, { inAxes: [0, 0, null] })(x, weight, bias) as Tensor;
    for (let i = 0; i < 4; i++) {
      const expected = rectified(x.select(0, i), weight.select(0, i), bias);
      expect(y.select(0, i).sub(expected).abs().max().item()).toBeLessThan(1e-6);
    }
  });

  it("refuses another activation", () => {
    expect(() =>
      linear(ones([1, 2]), ones([3, 2]), null, { activation: "gelu" as "relu" }),
    ).toThrow('linear: unknown activation "gelu"; known is relu. Call others on the result.');
  });
});
