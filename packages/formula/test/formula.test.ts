/** What a formula's op is like: calls, dtypes, shapes, derivatives of any order, text and TeX. */
import { describe, expect, it } from "@jest/globals";
import {
  checkOp,
  detectAnomaly,
  grad,
  gradcheck,
  gradgradcheck,
  noGrad,
  rand,
  registeredOps,
  setThreads,
  Tensor,
  tensor,
  threads,
  uniform,
} from "@tapegrad/core";
import { type FormulaOptions, formula } from "../src/index.ts";

const swish = formula("x * sigmoid(b * x)", { name: "swish" });

describe("calls", () => {
  it("by position and by name, with tensors and numbers", () => {
    const x = tensor([0, 1, 2]);
    const expected = x.mul(x.mul(1.5).sigmoid()).toArray();
    expect(swish(x, 1.5).toArray()).toEqual(expected);
    expect(swish({ b: 1.5, x }).toArray()).toEqual(expected);
    expect(swish(x, tensor([1.5])).toArray()).toEqual(expected);
    expect(swish(1, 2)).toBeInstanceOf(Tensor);
    expect(swish(1, 2).shape).toEqual([]);
  });

  it("inputs come in the order of first appearance, or as listed", () => {
    expect(formula("b * x + a / b").inputs).toEqual(["b", "x", "a"]);
    const f = formula("x - a", { inputs: ["a", "x"] });
    expect(f.inputs).toEqual(["a", "x"]);
    expect(f(1, 3).item()).toBe(2);
    expect(formula("c ? t : (u < v)").inputs).toEqual(["c", "t", "u", "v"]);
  });

  it("refuses what doesn't fit, by name", () => {
    const call = swish as unknown as (...args: unknown[]) => Tensor;
    expect(() => call(1)).toThrow("swish: got 1 inputs; it takes 2: x, b.");
    expect(() => call({ x: 1 })).toThrow("swish: got no b; it takes 2: x, b.");
    expect(() => call({ x: 1, b: 1, c: 2 })).toThrow(
      "swish: there is no input c; it takes 2: x, b.",
    );
    expect(() => call(1, "2")).toThrow("swish: b is a string; it must be a Tensor or a number.");
    expect(() => call([1], 2)).toThrow(
      "swish: x is an array (make a tensor of it with tensor([...])); it must be a Tensor or a number.",
    );
    expect(() => swish(tensor([1, 2]), tensor([1, 2, 3]))).toThrow(
      "swish: shapes [2] and [3] do not broadcast: axis -1 has 2 and 3; they must be equal or one of them 1.",
    );
    expect(() => swish.gradient("c")).toThrow("swish: there is no input c; it takes 2: x, b.");
  });

  it("constants have their values; own ones are fixed with the formula", () => {
    const f = formula("x + pi + tau + e + phi", {});
    expect(f(tensor(0, { dtype: "float64" })).item()).toBeCloseTo(
      3 * Math.PI + Math.E + (1 + Math.sqrt(5)) / 2,
      14,
    );
    const scaled = formula("rate * x", { constants: { rate: 0.25 } });
    expect(scaled.inputs).toEqual(["x"]);
    expect(scaled(8).item()).toBe(2);
    expect(String(scaled)).toBe("rate * x");
    // A listed input hides the constant of that name.
    expect(formula("e * 2", { inputs: ["e"] })(3).item()).toBe(6);
  });

  it("refuses options that make no sense", () => {
    const make = (text: unknown, options?: unknown) => () =>
      formula(text as string, options as FormulaOptions);
    expect(make(3)).toThrow("formula: the text is a number; it must be a string.");
    expect(make("x", { constants: { k: "1" } })).toThrow(
      "formula: the constant k is a string; it must be a number.",
    );
    expect(make("x", { inputs: ["x", "sin"] })).toThrow(
      'formula: inputs has the name "sin"; a name is made of letters, digits and _, and is none of a function.',
    );
    expect(make("x", { inputs: ["__proto__"] })).toThrow('inputs has the name "__proto__"');
    expect(make("x", { inputs: ["x"], constants: { x: 1 } })).toThrow(
      "formula: x is both an input and a constant.",
    );
    expect(make("x + z", { inputs: ["x"] })).toThrow(
      "formula: z is neither an input nor a constant.\n  x + z\n      ^",
    );
  });

  it("inputs may be called as what an op or a rule calls something else", () => {
    const f = formula("y * node + dy ^ 2 * yShape - kept1 * sin(y)");
    const inputs = [0.3, 0.7, 1.1, 1.9, 0.2].map((v) =>
      tensor([v, v + 1], { dtype: "float64", requiresGrad: true }),
    );
    gradcheck((...x: Tensor[]) => f(...x), inputs);
    gradgradcheck((...x: Tensor[]) => f(...x), inputs);
  });
});

describe("dtypes and shapes", () => {
  it("whole numbers become float32; comparisons give bool", () => {
    expect(swish(tensor([1, 2], { dtype: "int32" }), 1).dtype).toBe("float32");
    expect(swish(tensor([1, 2], { dtype: "float64" }), 1).dtype).toBe("float64");
    const above = formula("x > 1 and x < 3")(tensor([1, 2, 3], { requiresGrad: true }));
    expect(above.dtype).toBe("bool");
    expect(above.toArray()).toEqual([false, true, false]);
    expect(above.requiresGrad).toBe(false);
    expect(formula("x > 1")(2).toArray()).toBe(true);
  });

  it("broadcasts; gradients are summed back", () => {
    checkOp(swish, {
      cases: [
        { x: uniform([3, 4]), b: uniform([4]) },
        { x: uniform([3, 1]), b: uniform([1, 4]) },
        { x: uniform([]), b: uniform([2]) },
        { x: uniform([5]), b: uniform([5]) },
        { x: uniform([]), b: uniform([]) },
        { x: uniform([0, 3]), b: uniform([3]) },
      ],
      reference: (x, b) => x / (1 + Math.exp(-b! * x!)),
    });
  });

  it("an input that is not read counts for the shape, and has the gradient 0", () => {
    const f = formula("2 * x", { inputs: ["x", "z"] });
    const z = tensor([1, 2, 3], { requiresGrad: true });
    const y = f(tensor(1, { requiresGrad: true }), z);
    expect(y.toArray()).toEqual([2, 2, 2]);
    y.sum().backward();
    expect(z.grad!.toArray()).toEqual([0, 0, 0]);
    expect(
      formula("x + z")
        .gradient("x")(tensor([1, 2]), 1)
        .toArray(),
    ).toEqual([1, 1]);
  });

  it("large arrays are computed in parts, with the same bits on any number of threads", () => {
    const n = 600_000;
    const x = rand([n], { low: -4, high: 4 });
    const before = threads();
    try {
      for (const count of [1, 2]) {
        setThreads(count);
        const part = swish(x.narrow(0, n - 10, 10), 1.3).data();
        expect(swish(x, 1.3).data().slice(-10)).toEqual(part);
        const leaf = x.detach().requiresGrad_();
        swish(leaf, 1.3).sum().backward();
        const few = x
          .narrow(0, n - 10, 10)
          .clone()
          .requiresGrad_();
        swish(few, 1.3).sum().backward();
        expect(leaf.grad!.data().slice(-10)).toEqual(few.grad!.data());
      }
    } finally {
      setThreads(before);
    }
  });

  it("takes an element of a tensor as a lone number", () => {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    const y = swish(x.select(0, 1), 1);
    expect(y.item()).toBeCloseTo(2 / (1 + Math.exp(-2)), 6);
    y.backward();
    expect(x.grad!.data()[0]).toBe(0);
    expect(x.grad!.data()[1]).toBeGreaterThan(1);
  });
});

describe("on the tape", () => {
  it("is an op: name, symbol, TeX of the local gradients", () => {
    expect(swish.op.name).toBe("swish");
    expect(swish.op.symbol).toBe("swish");
    expect(swish.op.inputs).toEqual(["x", "b"]);
    expect(swish.op.tex).toEqual({
      y: swish.toTex(),
      x: swish.gradient("x").toTex(),
      b: swish.gradient("b").toTex(),
    });
    const x = tensor([1, 2], { requiresGrad: true });
    expect(String(swish(x, 1).gradFn)).toBe("<swish>");
    expect(String(swish(x.sum(), 1).gradFn)).toBe("<swish>");
    expect(registeredOps().get("swish")).toBeDefined();
  });

  it("without a name, the text is the name, shortened", () => {
    expect(formula("x + 1").op.name).toBe("x + 1");
    expect(formula("x + x + x + x + x + x + x + x + x + x + x + x").op.name).toBe(
      "x + x + x + x + x + x + x + x + x + x +…",
    );
  });

  it("keeps the costly parts of the forward pass for the backward one, and only when recording", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const kept = swish(x, 1).gradFn!.op;
    expect(kept.extras).toEqual(["kept1"]);
    expect(swish(x.detach(), 1).gradFn).toBeNull();
    expect(noGrad(() => swish(x, 1)).gradFn).toBeNull();
    // exp is its own derivative; a polynomial keeps nothing
    const exponential = formula("exp(x)")(x).gradFn!.op;
    expect([exponential.outputs, exponential.saves]).toEqual([["y"], ["x", "y"]]);
    expect(formula("3 * x")(x).gradFn!.op.saves).toEqual([]);
  });

  it("a kept input that was changed in place is an error by name", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const inner = x.mul(1);
    const y = swish(inner, 1);
    inner.mul_(2);
    expect(() => y.sum().backward()).toThrow(
      "backward: swish saved x (float32 [2]) at version 0, but mul_ has changed it since",
    );
  });

  it("third derivatives, on arrays and on numbers", () => {
    const f = formula("sin(x ^ 2)");
    const third = (x: number) => -12 * x * Math.sin(x * x) - 8 * x ** 3 * Math.cos(x * x);
    for (const shape of [[], [1]]) {
      const x = tensor(new Float64Array([0.7]), { shape, requiresGrad: true });
      let y = f(x);
      for (let order = 0; order < 3; order++) y = grad([y], [x], { createGraph: true })[0]!;
      expect(y.item()).toBeCloseTo(third(0.7), 12);
    }
    const symbolic = f.gradient("x").gradient("x").gradient("x");
    expect(symbolic(tensor(0.7, { dtype: "float64" })).item()).toBeCloseTo(third(0.7), 12);
  });

  it("a formula is an input of another, and of itself", () => {
    const x = tensor([0.3, -0.2], { dtype: "float64", requiresGrad: true });
    gradcheck((v: Tensor) => swish(swish(v, v), v), [x]);
    gradgradcheck((v: Tensor) => swish(swish(v, v), v), [x]);
  });

  it("mixed second derivatives agree whichever comes first", () => {
    const x = tensor(0.4, { dtype: "float64" });
    const b = tensor(1.2, { dtype: "float64" });
    const one = swish.gradient("x").gradient("b")(x, b).item();
    const other = swish.gradient("b").gradient("x")(x, b).item();
    expect(one).toBeCloseTo(other, 14);
  });
});

describe("text and TeX", () => {
  const texts: readonly (readonly [text: string, written: string, tex: string])[] = [
    ["x*sigmoid(b*x)", "x * sigmoid(b * x)", "x\\cdot\\sigma\\left( b\\cdot x\\right)"],
    [
      "(x+1)*(x-1)/(2*x)",
      "(x + 1) * (x - 1) / (2 * x)",
      "\\frac{\\left( x+1\\right)\\cdot\\left( x-1\\right)}{2\\cdot x}",
    ],
    ["-(x^2)", "-x ^ 2", "-{ x}^{2}"],
    ["(-x)^2", "(-x) ^ 2", "{\\left(- x\\right)}^{2}"],
    ["a-(b-c)", "a - (b - c)", "a-\\left( b- c\\right)"],
    ["a/(b/c)", "a / (b / c)", "\\frac{ a}{\\frac{ b}{ c}}"],
    ["a^b^c", "a ^ b ^ c", "{ a}^{{ b}^{ c}}"],
    ["(a^b)^c", "(a ^ b) ^ c", "{\\left({ a}^{ b}\\right)}^{ c}"],
    [
      "alpha_1 + rate*theta2",
      "alpha_1 + rate * theta2",
      "\\alpha_{1}+ \\mathrm{rate}\\cdot \\theta_{2}",
    ],
    [
      "x>0 ? x : 0.1*x",
      "(x > 0) ? x : (0.1 * x)",
      "\\begin{cases} { x}, &\\quad{\\text{if }\\; x>0}\\\\{0.1\\cdot x}, &\\quad{\\text{otherwise}}\\end{cases}",
    ],
    ["not (a<b and b<c)", "not (a < b and b < c)", "\\neg\\left( a< b\\wedge b< c\\right)"],
    ["abs(x)*sqrt(x)", "abs(x) * sqrt(x)", "\\left| x\\right|\\cdot\\sqrt{ x}"],
    ["x mod (a mod b) mod c", "x mod (a mod b) mod c", "x\\mod\\left( a\\mod b\\right)\\mod c"],
    [
      "(a or b) and (c or d)",
      "(a != 0 or b != 0) and (c != 0 or d != 0)",
      "\\left( a\\neq0\\vee b\\neq0\\right)\\wedge\\left( c\\neq0\\vee d\\neq0\\right)",
    ],
    ["a > 0 or b > 0 or c > 0", "a > 0 or b > 0 or c > 0", " a>0\\vee b>0\\vee c>0".trim()],
    ["x*x", "x ^ 2", "{ x}^{2}"],
    ["2*3*x - -1*x", "6 * x + x", "6\\cdot x+ x"],
    ["x/1 + 1*x + x^1", "x + x + x", "x+ x+ x"],
    ["3*x^2*0.5", "0.5 * 3 * x ^ 2", "0.5\\cdot3\\cdot{ x}^{2}"],
  ];
  for (const [text, written, tex] of texts) {
    it(text, () => {
      const f = formula(text);
      expect(String(f)).toBe(written);
      expect(f.toTex()).toBe(tex);
      expect(String(formula(written, { inputs: f.inputs }))).toBe(written);
    });
  }

  it("derivatives are simple", () => {
    expect(String(swish.gradient("x"))).toBe(
      "sigmoid(b * x) + x * (sigmoid(b * x) * (1 - sigmoid(b * x))) * b",
    );
    expect(String(formula("a * x^2 + b * x + c").gradient("x"))).toBe("b + a * (2 * x)");
    expect(String(formula("x^3").gradient("x").gradient("x").gradient("x"))).toBe("6");
    expect(String(formula("relu(x)").gradient("x"))).toBe("(relu(x) <= 0) ? 0 : 1");
    expect(String(formula("max(a, b)").gradient("a"))).toBe("(a == b) ? 0.5 : ((a < b) ? 0 : 1)");
    expect(String(formula("log(1 + exp(x))").gradient("x"))).toBe("sigmoid(x)");
    expect(String(formula("x + z").gradient("x"))).toBe("1");
    expect(String(formula("floor(x)").gradient("x"))).toBe("0");
  });

  it("a gradient that sums along an axis takes the one that arrives", () => {
    const f = formula("softmax(x)");
    const dx = f.gradient("x");
    expect(dx.inputs).toEqual(["x", "dy"]);
    const x = tensor([1, 2, 3], { dtype: "float64", requiresGrad: true });
    const dy = tensor([1, 0, -1], { dtype: "float64" });
    f(x).backward(dy);
    const got = dx(x.detach(), dy).data();
    x.grad!.data().forEach((v, i) => {
      expect(got[i]).toBeCloseTo(v, 14);
    });
    expect(formula("sum(dy * x)").gradient("x").inputs).toEqual(["dy", "x", "dy_"]);
    // Σ dyⱼ ∂²/∂x² of softmax, by the gradient of the gradient against the tape's.
    const second = dx.gradient("x");
    expect(second.inputs).toEqual(["x", "dy", "dy_"]);
    const again = x.detach().requiresGrad_();
    dx(again, dy).backward(dy);
    const twice = second(x.detach(), dy, dy).data();
    again.grad!.data().forEach((v, i) => {
      expect(twice[i]).toBeCloseTo(v, 14);
    });
  });
});

it("is watched by detectAnomaly as any op, kept values included", () => {
  const f = formula("x * sigmoid(b * x) + log(b)");
  const x = rand([100]).requiresGrad_();
  const b = rand([100], { low: 1, high: 2 }).requiresGrad_();
  detectAnomaly(() => f(x, b).sum().backward());
  expect(x.grad!.shape).toEqual([100]);
  expect(() => detectAnomaly(() => f(x, b.detach().mul(0)).sum().backward())).toThrow(
    /x \* sigmoid\(b \* x\) \+ log\(b\).*-?Infinity/,
  );
});
