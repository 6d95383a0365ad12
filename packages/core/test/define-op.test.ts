import { describe, expect, it } from "@jest/globals";
import {
  checkOp,
  defineOp,
  formatShape,
  grad,
  registeredOps,
  ShapeError,
  type Tensor,
  tensor,
  uniform,
} from "../src/index.ts";

const leaf = (values: number[]) => tensor(values, { dtype: "float64", requiresGrad: true });

describe("defineOp", () => {
  it("makes an op from a forward function and a rule", () => {
    const swish = defineOp({
      name: "testSwish",
      inputs: ["x"],
      domain: "float",
      shape: ({ x }) => x.shape,
      forward: ({ x }, y, kernels) => {
        kernels.unary("sigmoid", x, y);
        kernels.binary("mul", x, y, y);
      },
      saves: ["x"],
      grad: {
        x: (dy, { x }) => {
          const s = x.sigmoid();
          return dy.mul(s.mul(x.mul(s.neg().add(1)).add(1)));
        },
      },
    });
    checkOp(swish, { cases: [{ x: uniform([3, 4]) }], reference: (x) => x / (1 + Math.exp(-x)) });
    expect(String(swish(leaf([0])).gradFn)).toBe("<testSwish>");
    expect(registeredOps().get("testSwish")).toBe(swish.op);
  });

  it("passes attributes to shape, forward and rules, typed", () => {
    const scale = defineOp({
      name: "testScale",
      inputs: ["x"],
      shape: ({ x }, _: { by: number }) => x.shape,
      forward: ({ x }, y, kernels, { by }) => {
        kernels.fill(by, y);
        kernels.binary("mul", x, y, y);
      },
      grad: { x: (dy, _, { by }) => dy.mul(by) },
    });
    const x = leaf([1, 2]);
    const y = scale(x, { by: 5 });
    expect(y.toArray()).toEqual([5, 10]);
    y.sum().backward();
    expect(x.grad!.toArray()).toEqual([5, 5]);
    // @ts-expect-error the attributes are part of the call
    const incomplete = () => scale(x);
    expect(incomplete).toThrow();
  });

  it("gives several outputs by name, with zeros where no gradient arrives", () => {
    const sincos = defineOp({
      name: "testSincos",
      inputs: ["x"],
      outputs: ["sin", "cos"],
      shapes: ({ x }) => ({ sin: { shape: x.shape }, cos: { shape: x.shape } }),
      forwardAll: ({ x }, { sin, cos }, kernels) => {
        kernels.unary("sin", x, sin);
        kernels.unary("cos", x, cos);
      },
      saves: ["sin", "cos"],
      grad: {
        x: (dy, { sin, cos }) => dy.sin.mul(cos).sub(dy.cos.mul(sin)),
      },
    });
    checkOp(sincos, { cases: [{ x: uniform([4]) }, { x: uniform([2, 2]) }] });
    const x = leaf([0.3]);
    sincos(x).cos.sum().backward();
    expect(x.grad!.item()).toBeCloseTo(-Math.sin(0.3), 14);
    const lone = tensor(0.3, { dtype: "float64", requiresGrad: true });
    sincos(lone).cos.mul(2).backward();
    expect(lone.grad!.item()).toBeCloseTo(-2 * Math.sin(0.3), 14);
    const again = leaf([0.3]);
    const both = sincos(again);
    both.sin.add(both.cos).sum().backward();
    expect(again.grad!.item()).toBeCloseTo(Math.cos(0.3) - Math.sin(0.3), 14);
  });

  it("differentiates with respect to lone numbers and arrays mixed", () => {
    const a = tensor(2, { dtype: "float64", requiresGrad: true });
    const x = leaf([1, 2, 3]);
    a.mul(x).add(a).sum().backward();
    expect(a.grad!.item()).toBe(9);
    expect(x.grad!.toArray()).toEqual([2, 2, 2]);
  });
});

describe("definitions and rules that are wrong", () => {
  const base = {
    inputs: ["x"],
    shape: ({ x }: { x: Tensor }) => x.shape,
    forward: ({ x }: { x: Tensor }, y: Tensor, kernels: { copy: (x: Tensor, y: Tensor) => void }) =>
      kernels.copy(x, y),
  } as const;

  it("forget a rule", () => {
    // @ts-expect-error a missing rule is a type error too
    expect(() => defineOp({ ...base, name: "testForgot", grad: {} })).toThrow(
      'defineOp("testForgot"): no gradient rule for x; give one, or null for "not differentiable".',
    );
  });

  it("save what isn't there", () => {
    // @ts-expect-error and so is an unknown name
    const unknown = () => defineOp({ ...base, name: "testSaves", saves: ["z"], grad: { x: null } });
    expect(unknown).toThrow(
      'defineOp("testSaves"): can\'t save z; an op saves its inputs, its outputs and shapes: x, xShape, y.',
    );
  });

  it("return another shape", () => {
    const f = defineOp({
      ...base,
      name: "testShape",
      grad: { x: () => tensor([1, 2, 3], { dtype: "float64" }) },
    });
    expect(() =>
      f(leaf([1, 2]))
        .sum()
        .backward(),
    ).toThrow(
      "backward: the rule of testShape for x returned shape [3]; the input has [2], and the result must have that shape or one that it broadcasts to.",
    );
  });

  it("return another dtype", () => {
    const f = defineOp({ ...base, name: "testDType", grad: { x: (dy) => dy.to("float32") } });
    expect(() =>
      f(leaf([1, 2]))
        .sum()
        .backward(),
    ).toThrow(
      "backward: the rule of testDType for x returned float32; the input is float64, and the result must be too.",
    );
  });

  it("return no tensor", () => {
    const f = defineOp({ ...base, name: "testNothing", grad: { x: () => 1 as never } });
    expect(() =>
      f(leaf([1, 2]))
        .sum()
        .backward(),
    ).toThrow(
      "backward: the rule of testNothing for x returned a number; it must return a Tensor.",
    );
  });

  it("leave the tape usable after they throw", () => {
    const f = defineOp({
      ...base,
      name: "testThrows",
      grad: {
        x: () => {
          throw new ShapeError(`on purpose ${formatShape([1])}`);
        },
      },
    });
    const x = leaf([1, 2]);
    const h = x.mul(2);
    expect(() => f(h).add(h).sum().backward()).toThrow("on purpose [1]");
    const [dx] = grad(x.mul(3).sum(), [x]);
    expect(dx!.toArray()).toEqual([3, 3]);
  });
});
