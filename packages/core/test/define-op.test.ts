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

  it("lets inputs have any name", () => {
    const f = defineOp({
      name: "testNode",
      inputs: ["node", "op"],
      elementwise: (a, b) => a * b,
      saves: ["node", "op"],
      grad: { node: (dy, { op }) => dy.mul(op), op: (dy, { node }) => dy.mul(node) },
    });
    checkOp(f, { cases: [{ node: uniform([2]), op: uniform([2]) }] });
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

  it("gives one named output, and its gradient, by name", () => {
    const halve = defineOp({
      name: "testHalve",
      inputs: ["node"],
      outputs: ["half"],
      shapes: ({ node }) => ({ half: { shape: node.shape } }),
      kernel: ({ node }, { half }) => {
        for (let i = 0; i < half.length; i++) half[i] = node[i]! / 2;
      },
      grad: { node: ({ half }) => half.mul(0.5) },
    });
    for (const x of [tensor([1, 3], { requiresGrad: true }), tensor(4, { requiresGrad: true })]) {
      halve(x).half.sum().backward();
      expect(x.grad!.data()).toEqual(x.grad!.data().map(() => 0.5));
    }
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

  it("computes several gradients in one go, those that somebody waits for", () => {
    const asked: (readonly string[])[] = [];
    const never = (): Tensor => {
      throw new Error("The rule ran.");
    };
    const mulAdd = defineOp({
      name: "testMulAdd",
      inputs: ["a", "b", "c"],
      domain: "float",
      shape: ({ a }) => a.shape,
      forward: ({ a, b, c }, y, kernels) => {
        kernels.binary("mul", a, b, y);
        kernels.binary("add", y, c, y);
      },
      saves: ["a", "b"],
      grad: { a: never, b: never, c: (dy) => dy.mul(1) },
      gradTogether: (dy, { a, b }, _: undefined, wanted) => {
        asked.push(wanted);
        return {
          ...(wanted.includes("a") ? { a: dy.mul(b) } : {}),
          ...(wanted.includes("b") ? { b: dy.mul(a) } : {}),
        };
      },
    });
    const [a, b, c] = [leaf([1, 2]), leaf([3, 4]), leaf([5, 6])];
    mulAdd(a, b, c).sum().backward();
    expect([a, b, c].map((x) => x.grad!.toArray())).toEqual([
      [3, 4],
      [1, 2],
      [1, 1],
    ]);
    mulAdd(a.detach(), b, 1).sum().backward();
    expect(b.grad!.toArray()).toEqual([2, 4]);
    const [db] = grad(mulAdd(a, b, c).sum(), [b]);
    expect(db!.toArray()).toEqual([1, 2]);
    expect(asked).toEqual([["a", "b", "c"], ["b"], ["b"]]);
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

  it("return another dtype for a lone number", () => {
    const f = defineOp({
      name: "testLone",
      inputs: ["x"],
      elementwise: (x) => x,
      grad: { x: () => tensor(1) },
    });
    const x = tensor(2, { dtype: "float64", requiresGrad: true });
    expect(() => f(x.add(1)).mul(3).backward()).toThrow(
      "backward: the rule of testLone for x returned float32; the input is float64, and the result must be too.",
    );
  });

  it("read what was not saved", () => {
    const f = defineOp({
      ...base,
      name: "testUnsaved",
      saves: ["xShape"],
      // @ts-expect-error a type error too
      grad: { x: (dy, { x }) => dy.mul(x) },
    });
    expect(() => f(leaf([1])).backward(tensor([1], { dtype: "float64" }))).toThrow(
      'backward: a rule of testUnsaved reads x, which the op doesn\'t save; add "x" to its saves.',
    );
  });

  it("read saved values when it is too late", () => {
    let kept: { x: Tensor } | null = null;
    const f = defineOp({
      ...base,
      name: "testLate",
      saves: ["x"],
      grad: {
        x: (dy, saved) => {
          kept = saved;
          return dy.mul(saved.x);
        },
      },
    });
    const y = f(leaf([1, 2])).sum();
    y.backward();
    expect(() => kept!.x).toThrow(
      "backward: x of testLate was read after its rule had returned; read saved values inside the rule.",
    );
    expect(() => y.backward()).toThrow(
      "testLate was already differentiated and its saved values are freed",
    );
  });

  it("use memory that was given back", () => {
    let kept: Tensor | null = null;
    const f = defineOp({
      ...base,
      name: "testStale",
      saves: ["x"],
      grad: {
        x: (dy, { x }) => {
          kept ??= x.exp();
          return dy.mul(kept);
        },
      },
    });
    const x = leaf([1, 2]);
    expect(() => f(f(x)).sum().backward()).toThrow(
      "backward: the rule of testStale for x used a value whose memory was given back; a rule may use dy, what the op saves, and what it computes itself each time.",
    );
  });

  it("differentiate through an extra", () => {
    const f = defineOp({
      name: "testExtra",
      inputs: ["x"],
      extras: ["half"],
      shapes: ({ x }) => ({ y: { shape: x.shape }, half: { shape: x.shape } }),
      kernel: ({ x }, { y, half }) => {
        for (let i = 0; i < y.length; i++) {
          half[i] = x[i]! / 2;
          y[i] = x[i]! ** 2 / 4;
        }
      },
      grad: { x: (dy, { half }) => dy.mul(half) },
    });
    const x = leaf([1, 2]);
    expect(grad(f(x).sum(), [x])[0]!.toArray()).toEqual([0.5, 1]);
    expect(() => grad(f(x).sum(), [x], { createGraph: true })).toThrow(
      "backward: a rule of testExtra reads the extra half (float64), a constant to the tape, so a second derivative would miss what depends on it; name it in outputs instead.",
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
    expect(() => f(h).add(h).sum().backward()).toThrow(
      "backward, in the rule of testThrows for x: on purpose [1]",
    );
    const [dx] = grad(x.mul(3).sum(), [x]);
    expect(dx!.toArray()).toEqual([3, 3]);
  });
});

describe("definitions that don't hold together", () => {
  const identity = { inputs: ["x"], elementwise: (x: number) => x, grad: { x: null } };
  const { elementwise: _, ...bare } = identity;
  const form = "elementwise, kernel, forward, forwardAll, view";
  const wrong: [definition: Record<string, unknown>, message: string][] = [
    [{ ...identity, name: "" }, 'defineOp: the name is ""; it must be a string that isn\'t empty.'],
    [
      { ...identity, name: "mul" },
      'defineOp("mul"): there is an op of this name; choose another, or say redefine: true to replace it.',
    ],
    [
      { ...identity, name: "bad", gradient: {} },
      'defineOp("bad"): there is no key gradient; a definition has name, redefine, inputs, outputs, extras, saves, attrs, grad, gradTogether, domain, bools, dtype,',
    ],
    [
      { ...identity, name: "bad", inputs: "x" },
      'defineOp("bad"): inputs is "x"; it must be an array of names, each once.',
    ],
    [
      { ...identity, name: "bad", inputs: ["x", "x"] },
      'inputs is ["x", "x"]; it must be an array of names, each once.',
    ],
    [
      { ...identity, name: "bad", shape: [3] },
      'defineOp("bad"): shape is [3]; it must be a function.',
    ],
    [{ ...identity, name: "bad", tex: "x" }, 'defineOp("bad"): tex is "x"; it must be an object.'],
    [
      { ...identity, name: "bad", domain: "floats" },
      'defineOp("bad"): domain is "floats"; it must be "float", "number", "any".',
    ],
    [
      { ...identity, name: "bad", batch: "loop" },
      'defineOp("bad"): batch is "loop"; it must be a rule, or "broadcast".',
    ],
    [{ name: "bad", inputs: ["x"], elementwise: "exp" }, 'defineOp("bad"): grad is missing.'],
    [
      { ...identity, name: "bad", grad: { x: null, w: null } },
      'defineOp("bad"): grad has a rule for w; the inputs are x.',
    ],
    [
      { ...identity, name: "bad", grad: { x: 0 } },
      'defineOp("bad"): the rule for x is 0; it must be a function, or null.',
    ],
    [
      { ...bare, name: "bad" },
      `defineOp("bad"): nothing says how to compute it; give one of ${form}.`,
    ],
    [
      { ...identity, name: "bad", kernel: () => 0 },
      `defineOp("bad"): elementwise and kernel both say how to compute it; give one of ${form}.`,
    ],
    [
      { ...bare, name: "bad", forward: () => 0 },
      'defineOp("bad"): shape is missing: the output\'s, from the inputs.',
    ],
    [
      { ...identity, name: "bad", outputs: ["y"] },
      'defineOp("bad"): elementwise fills one output; with outputs or extras give shapes, and kernel or forwardAll.',
    ],
    [
      { ...bare, name: "bad", kernel: () => 0, extras: ["z"] },
      'defineOp("bad"): shapes is missing: what it fills.',
    ],
    [
      { ...bare, name: "bad", forwardAll: () => 0 },
      'defineOp("bad"): forwardAll fills several outputs; name them in outputs, or give forward.',
    ],
    [
      { ...bare, name: "bad", kernel: () => 0, variadic: true },
      'defineOp("bad"): a variadic op has forward, not kernel.',
    ],
    [
      { ...bare, name: "bad", kernel: () => 0, shapes: () => 0, extras: ["x"] },
      'defineOp("bad"): x names an extra and an input or output; rename the extra.',
    ],
    [
      { ...bare, name: "bad", kernel: () => 0, shapes: () => 0, outputs: ["x"] },
      'defineOp("bad"): x names both an input and an output; rename the input.',
    ],
  ];
  for (const [definition, message] of wrong) {
    it(message, () => {
      expect(() => defineOp(definition as never)).toThrow(message);
      expect(registeredOps().has("bad")).toBe(false);
    });
  }

  it("may replace an op when they say so", () => {
    const first = defineOp({ ...identity, inputs: ["x"], name: "testAgain" });
    const second = defineOp({ ...identity, inputs: ["x"], name: "testAgain", redefine: true });
    expect(registeredOps().get("testAgain")).toBe(second.op);
    expect(first(1).item()).toBe(1);
  });
});

describe("forwards that do something else than fill their output", () => {
  const given = (name: string, rest: object) =>
    defineOp({ name, inputs: ["x"], grad: { x: null }, ...rest } as never) as unknown as (
      x: Tensor,
    ) => Tensor;
  const shape = ({ x }: { x: Tensor }) => x.shape;
  const x = tensor([1, 2, 3]);
  const wrong: [name: string, rest: object, message: string][] = [
    [
      "testReturns",
      { shape, forward: ({ x }: { x: Tensor }) => x.exp() },
      "testReturns: forward returned a Tensor; it must fill the output that it is given, and return nothing.",
    ],
    [
      "testAsync",
      { kernel: async () => {} },
      "testAsync: kernel returned a Promise; it must fill the output that it is given, and return nothing.",
    ],
    [
      "testArray",
      { kernel: () => [1] },
      "testArray: kernel returned an array; it must fill the output that it is given, and return nothing.",
    ],
    [
      "testEmpty",
      { shape, forward: () => {} },
      "testEmpty: the forward left 3 of the 3 elements of y [3] unwritten, the first at position 0; it must fill all of them.",
    ],
    [
      "testPartly",
      { kernel: (_: unknown, y: Float32Array) => void y.fill(1, 0, 2) },
      "testPartly: the forward left 1 of the 3 elements of y [3] unwritten, the first at position 2; it must fill all of them.",
    ],
    [
      "testNoShape",
      { shape: () => undefined, forward: () => {} },
      "testNoShape: the definition gives y the shape undefined; it must be an array of whole, non-negative sizes.",
    ],
    [
      "testHalf",
      { shape: () => [1.5], kernel: () => {} },
      "testHalf: the definition gives y the shape [1.5]; it must be an array of whole, non-negative sizes.",
    ],
    [
      "testKind",
      { dtype: () => "float16", kernel: () => {} },
      'testKind, y: unknown dtype "float16"; known are bool, uint8, int32, float32, float64.',
    ],
    [
      "testMissing",
      { outputs: ["a", "b"], shapes: () => ({ a: { shape: [] } }), kernel: () => {} },
      "testMissing: the definition gives b the shape undefined; it must be an array of whole, non-negative sizes.",
    ],
    [
      "testWritesInput",
      {
        kernel: ({ x }: { x: Float32Array }, y: Float32Array) => {
          y.set(x);
          x[0] = 7;
        },
      },
      "testWritesInput: the forward changed its input x; it must leave inputs as they are, and write to outputs.",
    ],
    [
      "testUndefined",
      { elementwise: () => {} },
      "testUndefined: the elementwise function gave undefined for 1; it must return a number.",
    ],
  ];
  for (const [name, rest, message] of wrong) {
    it(message, () => {
      expect(() => given(name, rest)(x.clone())).toThrow(message);
    });
  }

  it("on lone numbers, too", () => {
    expect(() => given("testNothingness", { elementwise: () => "1" })(tensor(2))).toThrow(
      'testNothingness: the elementwise function gave "1" for 2; it must return a number.',
    );
  });

  it("may give truth values as numbers", () => {
    const isLarge = given("testLarge", { elementwise: (x: number) => x > 1 });
    expect(isLarge(x).toArray()).toEqual([0, 1, 1]);
    expect(isLarge(tensor(2)).item()).toBe(1);
  });
});
