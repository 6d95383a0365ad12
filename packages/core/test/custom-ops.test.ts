/** Users' ops, from the package's index alone; the same definitions stand in docs/custom-ops.md. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  applyInPlace,
  checkOp,
  defineOp,
  Generator,
  grad,
  installMethod,
  normal,
  randn,
  registeredOps,
  scalar,
  type Tensor,
  tensor,
  uniform,
} from "../src/index.ts";

const leaf = (elements: number | number[] | number[][]) =>
  tensor(elements, { dtype: "float64", requiresGrad: true });

const gate = defineOp({
  name: "gate",
  inputs: ["x", "b"],
  elementwise: (x, b) => x / (1 + Math.exp(-b * x)),
  saves: ["x", "b"],
  grad: {
    // With s = σ(bx): ∂y/∂x = s + bx·s(1 − s), ∂y/∂b = x²·s(1 − s)
    x: (dy, { x, b }) => {
      const s = x.mul(b).sigmoid();
      return dy.mul(s.add(b.mul(x).mul(s).mul(s.neg().add(1))));
    },
    b: (dy, { x, b }) => {
      const s = x.mul(b).sigmoid();
      return dy.mul(x.square().mul(s).mul(s.neg().add(1)));
    },
  },
  symbol: "x·σ(bx)",
  tex: {
    y: "x\\,\\sigma(b x)",
    x: "\\sigma(b x) + b x\\,\\sigma'(b x)",
    b: "x^2\\,\\sigma'(b x)",
  },
});

const softSort = defineOp({
  name: "softSort",
  inputs: ["x"],
  attrs: {
    threshold: { type: "number", default: 0.5, min: 0 },
    order: { type: "string", oneOf: ["up", "down"], default: "up" },
  },
  extras: ["place", "alive"],
  shapes: ({ x }) => ({
    y: { shape: x.shape },
    place: { shape: x.shape, dtype: "int32" },
    alive: { shape: x.shape, dtype: "bool" },
  }),
  kernel: ({ x }, { y, place, alive }, { threshold, order }, shapes) => {
    const columns = shapes.x.at(-1)!;
    const sign = order === "up" ? 1 : -1;
    for (let start = 0; start < x.length; start += columns) {
      const row = x.subarray(start, start + columns);
      const sorted = Array.from(row.keys()).sort((i, j) => sign * (row[i]! - row[j]!));
      for (const [to, from] of sorted.entries()) {
        const v = row[from]!;
        y[start + to] = Math.sign(v) * Math.max(Math.abs(v) - threshold, 0);
        place[start + to] = from;
        alive[start + to] = Number(Math.abs(v) > threshold);
      }
    }
  },
  grad: {
    // y[k] moves with x[place[k]], unless it was cut off.
    x: (dy, { place, alive }) => dy.mul(0).scatterAdd(-1, place, dy.mul(alive)),
  },
});

/** dy · (σ + xσ(1 − σ)): the backward of fusedSilu in one loop. */
const fusedSiluGrad = defineOp({
  name: "fusedSiluGrad",
  inputs: ["dy", "x"],
  kernel: ({ dy, x }, y) => {
    for (let i = 0; i < y.length; i++) {
      const s = 1 / (1 + Math.exp(-x[i]!));
      y[i] = dy[i]! * s * (1 + x[i]! * (1 - s));
    }
  },
  saves: ["dy", "x"],
  grad: {
    dy: (g, { x }): Tensor => fusedSiluGrad(g, x),
    // d/dx [σ + xσ(1 − σ)] = σ(1 − σ)(2 + x(1 − 2σ))
    x: (g, { dy, x }) => {
      const s = x.sigmoid();
      const slope = s.mul(s.neg().add(1));
      return g.mul(dy).mul(slope.mul(x.mul(s.mul(-2).add(1)).add(2)));
    },
  },
});

const fusedSilu = defineOp({
  name: "fusedSilu",
  inputs: ["x"],
  kernel: ({ x }, y) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! / (1 + Math.exp(-x[i]!));
  },
  saves: ["x"],
  grad: { x: (dy, { x }) => fusedSiluGrad(dy, x) },
});

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

describe("worked examples", () => {
  it("an elementwise gate of two inputs, from a function of numbers", () => {
    checkOp(gate, {
      reference: (x, b) => x * logistic(b * x),
      cases: [
        { x: uniform([3, 4]), b: uniform([4]) },
        { x: uniform([2, 1, 3]), b: uniform([2, 1]) },
        { x: uniform([5]), b: scalar(0.7) },
        { x: scalar(0.3), b: scalar(2) },
      ],
    });
    expect(gate(2, 3).item()).toBe(Math.fround(2 * logistic(6)));
    expect(gate(tensor([1, 2], { dtype: "int32" }), 1).dtype).toBe("float32");
    // A lone number is recorded as any gate on numbers is, and gives an array's bits.
    const [x, b] = [leaf(0.5), leaf(-1.5)];
    gate(x, b).backward();
    const s = logistic(-0.75);
    expect(x.grad!.item()).toBeCloseTo(s - 0.75 * s * (1 - s), 14);
    expect(b.grad!.item()).toBeCloseTo(0.25 * s * (1 - s), 14);
  });

  it("a soft-thresholded sort, with attributes and values for the rule alone", () => {
    checkOp(softSort, {
      cases: [
        { x: normal([3, 5]) },
        { x: normal([2, 2, 3]), attrs: { threshold: 0.1, order: "down" } },
        { x: normal([0, 3]) },
      ],
    });
    const x = leaf([3, -2, 0.25, 1]);
    const y = softSort(x, { threshold: 1 });
    expect(y.toArray()).toEqual([-1, 0, 0, 2]);
    y.mul(tensor([10, 20, 30, 40], { dtype: "float64" }))
      .sum()
      .backward();
    expect(x.grad!.toArray()).toEqual([40, 10, 0, 0]);
    expect(softSort.op.outputs).toEqual(["y"]);
  });

  it("a hand-fused backward that is differentiable itself", () => {
    const cases = [{ dy: normal([3, 4]), x: normal([4]) }];
    checkOp(fusedSiluGrad, { cases });
    checkOp(fusedSilu, { cases: [{ x: normal([2, 3]) }], reference: (x) => x * logistic(x) });
    const x = leaf([0.5, -1, 2]);
    const third = (f: (x: Tensor) => Tensor) => {
      const [d1] = grad(f(x).sum(), [x], { createGraph: true });
      const [d2] = grad(d1!.sum(), [x], { createGraph: true });
      return grad(d2!.sum(), [x])[0]!.data();
    };
    const expected = third((t) => t.silu());
    third(fusedSilu).forEach((d, i) => {
      expect(d).toBeCloseTo(expected[i]!, 12);
    });
  });
});

describe("estimators", () => {
  const roundThrough = defineOp({
    name: "roundThrough",
    inputs: ["x"],
    domain: "float",
    elementwise: "round",
    grad: { x: (dy) => dy },
  });
  const reverseGradient = defineOp({
    name: "reverseGradient",
    inputs: ["x"],
    attrs: { by: 1 },
    elementwise: (x) => x,
    grad: { x: (dy, _, { by }) => dy.mul(-by) },
  });
  const clipGradient = defineOp({
    name: "clipGradient",
    inputs: ["x"],
    attrs: { limit: { type: "number", default: 1, min: 0 } },
    elementwise: (x) => x,
    grad: { x: (dy, _, { limit }) => dy.clamp(-limit, limit) },
  });

  it("straight through", () => {
    const x = leaf([0.2, 1.7]);
    const y = roundThrough(x);
    expect(y.toArray()).toEqual([0, 2]);
    y.mul(3).sum().backward();
    expect(x.grad!.toArray()).toEqual([3, 3]);
  });

  it("gradient reversal", () => {
    const x = leaf([1, 2]);
    reverseGradient(x).square().sum().backward();
    expect(x.grad!.toArray()).toEqual([-2, -4]);
    x.grad = null;
    const y = reverseGradient(x, { by: 0.5 });
    expect(y.toArray()).toEqual([1, 2]);
    y.square().sum().backward();
    expect(x.grad!.toArray()).toEqual([-1, -2]);
  });

  it("clipping by value", () => {
    const x = leaf([1, 2, -3]);
    clipGradient(x, { limit: 4.5 }).square().sum().backward();
    expect(x.grad!.toArray()).toEqual([2, 4, -4.5]);
  });
});

describe("array kernels", () => {
  const shifted = defineOp({
    name: "shiftedSum",
    inputs: ["a", "b", "c"],
    elementwise: (a, b, c) => a + 10 * b + 100 * c,
    grad: { a: (dy) => dy, b: (dy) => dy.mul(10), c: (dy) => dy.mul(100) },
  });
  const reversal = defineOp({
    name: "reversal",
    inputs: ["x"],
    domain: "any",
    shape: ({ x }) => x.shape,
    kernel: ({ x }, y) => {
      for (let i = 0; i < y.length; i++) y[i] = x[x.length - 1 - i]!;
    },
    grad: { x: (dy): Tensor => reversal(dy) },
  });

  it("take any number of inputs, broadcast", () => {
    checkOp(shifted, {
      reference: (a, b, c) => a + 10 * b + 100 * c,
      cases: [
        { a: uniform([2, 1]), b: uniform([3]), c: scalar(0.5) },
        { a: scalar(1), b: scalar(2), c: scalar(3) },
      ],
    });
  });

  it("compute what the library does, for any shapes that broadcast and any layout", () => {
    const product = defineOp({
      name: "arrayProduct",
      inputs: ["a", "b"],
      domain: "number",
      kernel: ({ a, b }, y) => {
        for (let i = 0; i < y.length; i++) y[i] = a[i]! * b[i]!;
      },
      saves: ["a", "b"],
      grad: { a: (dy, { b }) => dy.mul(b), b: (dy, { a }) => dy.mul(a) },
    });
    const times = defineOp({
      name: "numberProduct",
      inputs: ["a", "b"],
      domain: "number",
      elementwise: (a, b) => a * b,
      saves: ["a", "b"],
      grad: { a: (dy, { b }) => dy.mul(b), b: (dy, { a }) => dy.mul(a) },
    });
    const axis = fc.record({
      size: fc.integer({ min: 0, max: 4 }),
      a: fc.boolean(),
      b: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(axis, { maxLength: 3 }), fc.boolean(), (axes, turned) => {
        const generator = new Generator(axes.length + 1);
        const [a, b] = (["a", "b"] as const).map((input) => {
          const shape = axes.map((one) => (one[input] ? 1 : one.size));
          const x = randn(turned ? shape.reverse() : shape, { generator });
          return (turned ? x.permute(shape.map((_, i) => shape.length - 1 - i)) : x).detach();
        }) as [Tensor, Tensor];
        const of = (f: (a: Tensor, b: Tensor) => Tensor) => {
          const [p, q] = [a.clone().requiresGrad_(), b.clone().requiresGrad_()];
          const y = f(p.mul(1), q.mul(1));
          return [y, ...grad(y.sum(), [p, q])].map((t) => t!.toArray());
        };
        const expected = of((p, q) => p.mul(q));
        expect(of(product)).toEqual(expected);
        expect(of(times)).toEqual(expected);
        expect(times(a, b).toArray()).toEqual(a.mul(b).toArray());
        expect(product(a, b).toArray()).toEqual(a.mul(b).toArray());
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it("see every layout in row-major order, in the dtype of the op", () => {
    checkOp(reversal, { cases: [{ x: uniform([2, 3]) }, { x: uniform([]) }, { x: uniform([0]) }] });
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(reversal(x.transpose(0, 1)).toArray()).toEqual([
      [6, 3],
      [5, 2],
      [4, 1],
    ]);
    expect(reversal(x.to("int32")).dtype).toBe("int32");
    expect(reversal(tensor([true, false])).toArray()).toEqual([false, true]);
    // Larger than what stays in ordinary arrays.
    const large = tensor(Float32Array.from({ length: 5000 }, (_, i) => i));
    expect(reversal(large).data()[0]).toBe(4999);
    expect(reversal(large.narrow(0, 10, 3)).toArray()).toEqual([12, 11, 10]);
  });

  it("work in place, also where the result is read and written in other orders", () => {
    const x = tensor([1, 2, 3, 4, 5, 6]);
    applyInPlace(reversal.op, x, []);
    expect(x.toArray()).toEqual([6, 5, 4, 3, 2, 1]);
    applyInPlace(reversal.op, x.narrow(0, 0, 6).reshape([2, 3]).transpose(0, 1), []);
    expect(x.toArray()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("fill several outputs", () => {
    const polar = defineOp({
      name: "polar",
      inputs: ["a", "b"],
      outputs: ["r", "phi"],
      shapes: ({ a }) => ({ r: { shape: a.shape }, phi: { shape: a.shape } }),
      kernel: ({ a, b }, { r, phi }) => {
        for (let i = 0; i < r.length; i++) {
          r[i] = Math.sqrt(a[i]! ** 2 + b[i]! ** 2);
          phi[i] = Math.atan2(b[i]!, a[i]!);
        }
      },
      saves: ["a", "b", "r"],
      grad: {
        a: (dy, { a, b, r }) => dy.r.mul(a.div(r)).sub(dy.phi.mul(b.div(r.square()))),
        b: (dy, { a, b, r }) => dy.r.mul(b.div(r)).add(dy.phi.mul(a.div(r.square()))),
      },
    });
    checkOp(polar, { cases: [{ a: uniform([4], 0.5, 2), b: uniform([4], 0.5, 2) }] });
    const { r, phi } = polar(tensor([3]), tensor([4]));
    expect([r.item(), phi.item()]).toEqual([5, Math.fround(Math.atan2(4, 3))]);
  });

  it("can't make tensors, whose memory might move what they read", () => {
    const careless = defineOp({
      name: "carelessKernel",
      inputs: ["x"],
      kernel: ({ x }, y) => {
        y.set(
          tensor([...x])
            .exp()
            .data(),
        );
      },
      grad: { x: null },
    });
    expect(() => careless(tensor([1, 2]))).toThrow(
      "carelessKernel: the kernel made a tensor; a kernel computes with the arrays that it is given. To call kernels or ops use forward, or compose a function of ops.",
    );
    expect(tensor([1, 2]).mul(2).toArray()).toEqual([2, 4]);
  });
});

describe("attributes", () => {
  const pick = defineOp({
    name: "pick",
    inputs: ["x"],
    attrs: {
      by: { type: "number" },
      axes: [0, 1],
      mode: { type: "string", oneOf: ["mean", "sum"], default: "sum" },
      names: { type: "strings", default: [], oneOf: ["n", "c"] },
      times: { type: "whole", default: 1, min: 1, max: 3 },
      keep: false,
      label: "none",
      weights: { type: "wholes", default: [], max: 9 },
    },
    elementwise: (x, attrs) => x * attrs.by * attrs.times,
    grad: { x: (dy, _, { by, times }) => dy.mul(by * times) },
  });
  const x = tensor([1, 2]);

  it("are typed, and default to what was declared", () => {
    expect(pick(x, { by: 3 }).toArray()).toEqual([3, 6]);
    expect(pick(x, { by: 3, times: 2, axes: [], names: ["c"] }).toArray()).toEqual([6, 12]);
    checkOp(pick, { cases: [{ x: uniform([3]), attrs: { by: 2 } }] });
    // @ts-expect-error an attribute without a default must be given
    expect(() => pick(x)).toThrow("pick: attribute by is missing; it must be a number.");
  });

  it("keep the values of the call, whatever becomes of the arrays that were given", () => {
    const axes = [1];
    const seen: unknown[] = [];
    const watch = defineOp({
      name: "watchAttributes",
      inputs: ["x"],
      attrs: { axes: [0] },
      elementwise: (x) => x,
      grad: {
        x: (dy, _, attrs) => {
          seen.push(attrs.axes);
          return dy;
        },
      },
    });
    const y = watch(leaf([1, 2]), { axes });
    axes[0] = 7;
    y.sum().backward();
    expect(seen).toEqual([[1]]);
  });

  const wrong: [attrs: unknown, message: string][] = [
    [
      5,
      "pick: the attributes are 5; they must be an object with by, axes, mode, names, times, keep, label, weights.",
    ],
    [
      { by: 1, tims: 2 },
      "pick: there is no attribute tims; it takes by, axes, mode, names, times, keep, label, weights.",
    ],
    [{ by: "2" }, 'pick: attribute by is "2"; it must be a number.'],
    [{ by: 1, axes: 0 }, "pick: attribute axes is 0; it must be an array of numbers."],
    [{ by: 1, axes: ["0"] }, 'pick: attribute axes is ["0"]; it must be an array of numbers.'],
    [{ by: 1, mode: "max" }, 'pick: attribute mode is "max"; it must be "mean" or "sum".'],
    [
      { by: 1, names: ["h"] },
      'pick: attribute names is ["h"]; it must be an array of strings, each "n" or "c".',
    ],
    [{ by: 1, times: 1.5 }, "pick: attribute times is 1.5; it must be a whole number from 1 to 3."],
    [{ by: 1, times: 4 }, "pick: attribute times is 4; it must be a whole number from 1 to 3."],
    [{ by: 1, keep: 1 }, "pick: attribute keep is 1; it must be true or false."],
    [{ by: 1, label: x }, "pick: attribute label is a Tensor; it must be a string."],
    [
      { by: 1, weights: [10] },
      "pick: attribute weights is [10]; it must be an array of whole numbers of at most 9.",
    ],
  ];
  for (const [attrs, message] of wrong) {
    it(message, () => {
      expect(() => pick(x, attrs as never)).toThrow(message);
    });
  }

  it("are declared sensibly", () => {
    const declare = (attrs: unknown) => () =>
      defineOp({
        name: "declared",
        inputs: ["x"],
        attrs: attrs as Record<string, number>,
        elementwise: (x) => x,
        grad: { x: null },
      });
    expect(declare({ a: [] })).toThrow(
      'defineOp("declared"): attribute a is declared as []; give a default (a number, string, boolean, or an array that isn\'t empty), or { type } with one of number, whole, boolean, string, numbers, wholes, strings.',
    );
    expect(declare({ a: { type: "float" } })).toThrow("attribute a is declared as an object");
    expect(declare({ a: { type: "number", default: -1, min: 0 } })).toThrow(
      'defineOp("declared"): the default of attribute a is -1; it must be a number of at least 0.',
    );
    expect(registeredOps().has("declared")).toBe(false);
  });
});

describe("methods", () => {
  it("are installed by name, with their type", () => {
    installMethod("softSort", softSort);
    const x = tensor([3, -2, 1]);
    expect(x.softSort({ threshold: 1 }).toArray()).toEqual([-1, 0, 2]);
    expect(x.mul(2).softSort().shape).toEqual([3]);
    // @ts-expect-error typed as declared
    expect(() => x.softSort({ threshold: "1" })).toThrow('attribute threshold is "1"');
    expect(Object.keys(x)).not.toContain("softSort");
  });

  it("overwrite nothing", () => {
    for (const name of ["exp", "shape", "toString", "softSort", "constructor"]) {
      expect(() => installMethod(name, softSort)).toThrow(
        `installMethod("${name}"): tensors have a method or property of this name; choose another.`,
      );
    }
    expect(() => installMethod("soft sort", softSort)).toThrow(
      'installMethod: the name is "soft sort"; it must be an identifier.',
    );
    expect(() => installMethod("softer", 3 as never)).toThrow(
      'installMethod("softer"): got 3; give an op or another function of a tensor.',
    );
  });
});

declare module "../src/index.ts" {
  interface TensorMethods {
    softSort(attrs?: { threshold?: number; order?: "up" | "down" }): Tensor;
  }
}
