import { describe, expect, it, jest } from "@jest/globals";
import { grad, noGrad, ones, randn, type Tensor, tensor } from "@tapegrad/core";
import { type Gradients, identity, linear, Module, relu, sequential } from "../src/index.ts";

/** Several tensors in, several out, and what is none. */
class Mix extends Module<
  [a: Tensor, scale: number, b: Tensor, unused: Tensor],
  { sum: Tensor; parts: [Tensor, Tensor]; note: string }
> {
  forward(a: Tensor, scale: number, b: Tensor) {
    const parts: [Tensor, Tensor] = [a.mul(scale), b.mul(b)];
    return { sum: parts[0].add(parts[1]), parts, note: "kept" };
  }
}

describe("forward hooks", () => {
  it("see arguments and outputs, in order, until they are removed", () => {
    const model = linear(2, 1);
    const calls: unknown[] = [];
    const x = ones([1, 2]);
    const removePre = model.registerForwardPreHook((module, args) => {
      calls.push(["pre", module === model, args[0] === x]);
    });
    const remove = model.registerForwardHook((module, args, output) => {
      calls.push(["post", module === model, args[0] === x, output.shape]);
    });
    model(x);
    expect(calls).toEqual([
      ["pre", true, true],
      ["post", true, true, [1, 1]],
    ]);
    removePre();
    remove();
    remove();
    model(x);
    expect(calls).toHaveLength(2);
  });

  it("may replace them, one after another", () => {
    const model = sequential({ first: identity(), act: relu() });
    const first = model.getSubmodule("first") as ReturnType<typeof identity>;
    first.registerForwardPreHook((_, [x]) => [x.mul(2)]);
    first.registerForwardPreHook((_, [x]) => [x.add(1)]);
    first.registerForwardHook((_, [x], y) => y.add(x));
    model.registerForwardHook((_, __, y) => y.neg());
    expect(model(tensor([1, -3])).toArray()).toEqual([-6, -0]);
  });

  it("run before open sizes are settled", () => {
    const model = linear(null, 1);
    model.registerForwardPreHook((_, [x]) => [x.reshape([1, 4])]);
    expect(model(ones([2, 2])).shape).toEqual([1, 1]);
    expect(model.inFeatures).toBe(4);
  });

  it("refuse what makes no sense", () => {
    const model = relu();
    expect(() => model.registerForwardHook(3 as never)).toThrow(
      "registerForwardHook: the hook is 3; it must be a function.",
    );
    model.registerForwardPreHook((() => 7) as never);
    expect(() => model(ones([1]))).toThrow(
      "registerForwardPreHook: the hook returned 7; it must return nothing, or an array of the arguments for forward.",
    );
  });
});

describe("backward hooks", () => {
  it("see the gradients of output and input, and change nothing", () => {
    const seen: [Gradients, Gradients][] = [];
    const model = linear(3, 2);
    const x = randn([4, 3], { requiresGrad: true });
    const run = () => {
      // x is used elsewhere too: that gradient is none of the module's.
      const loss = model(x).square().sum().add(x.sum());
      loss.backward();
      const found = [x.grad!.toArray(), model.weight.grad!.toArray()];
      x.grad = null;
      model.zeroGrad();
      return found;
    };
    const expected = run();
    const remove = model.registerBackwardHook((module, gradInput, gradOutput) => {
      expect(module).toBe(model);
      seen.push([gradInput, gradOutput]);
    });
    expect(run()).toEqual(expected);
    expect(seen).toHaveLength(1);
    const [[[gradInput], [gradOutput]]] = seen as [[Tensor[], Tensor[]]];
    const dy = model(x).mul(2);
    expect(gradOutput!.toArray()).toEqual(dy.toArray());
    expect(gradInput!.toArray()).toEqual(dy.matmul(model.weight).toArray());
    remove();
    run();
    expect(seen).toHaveLength(1);
  });

  it("may replace what goes on to the inputs, one after another", () => {
    const model = linear(2, 2);
    const x = ones([1, 2], { requiresGrad: true });
    model.registerBackwardHook((_, [dx]) => [dx!.mul(0).add(1)]);
    model.registerBackwardHook((_, [dx]) => [dx!.mul(5)]);
    model(x).sum().backward();
    expect(x.grad!.toArray()).toEqual([[5, 5]]);
    expect(model.weight.grad!.toArray()).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it("have a place for every argument and every tensor of the output", () => {
    const model = new Mix();
    const seen: (number | null)[][] = [];
    model.registerBackwardHook((_, gradInput, gradOutput) => {
      seen.push(...[gradInput, gradOutput].map((list) => list.map((g) => g?.item() ?? null)));
      return [gradInput[0]!.mul(10), null, gradInput[2]?.mul(100) ?? null, null];
    });
    const [a, b] = [tensor([3], { requiresGrad: true }), tensor([5], { requiresGrad: true })];
    const unused = tensor([1], { requiresGrad: true });
    const { sum, parts, note } = model(a, 2, b, unused);
    expect(note).toBe("kept");
    const loss = sum.add(parts[1].mul(3)).sum();
    loss.backward(null, { retainGraph: true });
    // dsum = 1, dparts = [0 from outside, 3]
    expect(seen).toEqual([
      [2, null, 40, null],
      [1, null, 3],
    ]);
    expect([a.grad!.item(), b.grad!.item()]).toEqual([20, 4000]);
    // A second pass starts afresh.
    parts[0].sum().backward();
    expect(seen.slice(2)).toEqual([
      [2, null, null, null],
      [null, 1, null],
    ]);
  });

  it("run without gradients of inputs in a first layer", () => {
    const model = linear(2, 1);
    const hook = jest.fn();
    model.registerBackwardHook((_, gradInput, gradOutput) => {
      hook(
        gradInput,
        gradOutput.map((g) => g!.toArray()),
      );
    });
    model(ones([3, 2]))
      .sum()
      .backward();
    expect(hook).toHaveBeenCalledTimes(1);
    expect(hook).toHaveBeenCalledWith([null], [[[1], [1], [1]]]);
    noGrad(() => model(ones([3, 2])));
    expect(hook).toHaveBeenCalledTimes(1);
  });

  it("can be differentiated through", () => {
    const model = relu();
    model.registerBackwardHook((_, [dx]) => [dx!.mul(3)]);
    const x = tensor([2], { requiresGrad: true });
    const [dx] = grad(model(x).pow(2).sum(), [x], { createGraph: true });
    expect(dx!.item()).toBe(12);
    const [ddx] = grad(dx!.sum(), [x]);
    // Through the hook once forward (y'' = 2 · 3) and through relu again (· 3).
    expect(ddx!.item()).toBe(18);
  });

  it("refuse what does not fit the gradients", () => {
    const returning = (value: unknown) => () => {
      const model = identity();
      model.registerBackwardHook((() => value) as never);
      model(ones([2], { requiresGrad: true }))
        .sum()
        .backward();
    };
    expect(returning(3)).toThrow(
      "registerBackwardHook: the hook returned 3; it must return nothing, or an array of 1 gradients, one for each argument of forward.",
    );
    expect(returning([ones([3])])).toThrow(
      "registerBackwardHook: gradient 0 that the hook returned is [3]; it must be a Tensor of shape [2].",
    );
    expect(returning([ones([2], { dtype: "float64" })])).toThrow(
      "registerBackwardHook: gradient 0 that the hook returned is float64; it must be float32.",
    );
  });
});
