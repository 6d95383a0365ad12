import { describe, expect, it } from "@jest/globals";
import {
  add,
  crossEntropy,
  enableGrad,
  GradError,
  grad,
  isGradEnabled,
  matmul,
  noGrad,
  ones,
  randn,
  retainGrad,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "../src/index.ts";

const leaf = (values: Parameters<typeof tensor>[0]) =>
  tensor(values, { dtype: "float64", requiresGrad: true });
const list = (x: Tensor | null) => (x === null ? null : [...x.data()]);

describe("backward", () => {
  it("computes the sigmoid neuron of CS231n", () => {
    const [w0, w1, w2] = [2, -3, -3].map((w) => tensor(w, { requiresGrad: true }));
    const [x0, x1] = [-1, -2].map((x) => tensor(x, { requiresGrad: true }));
    const f = w0!.mul(x0!).add(w1!.mul(x1!)).add(w2!).neg().exp().add(1).reciprocal();
    f.backward();
    expect(f.item()).toBeCloseTo(0.73, 2);
    const rounded = [w0, w1, w2, x0, x1].map((t) => t!.grad!.item().toFixed(2));
    expect(rounded).toEqual(["-0.20", "-0.39", "0.20", "0.39", "-0.59"]);
  });

  it("adds up over calls, and over uses of one tensor", () => {
    const x = leaf([1, 2]);
    x.mul(3).sum().backward();
    expect(list(x.grad)).toEqual([3, 3]);
    x.mul(x).add(x).sum().backward();
    expect(list(x.grad)).toEqual([6, 8]);
    x.grad = null;
    expect(x.grad).toBeNull();
  });

  it("undoes broadcasting", () => {
    const a = leaf([[1], [2]]);
    const b = leaf([1, 2, 3]);
    const c = leaf(2);
    a.mul(b).mul(c).sum().backward();
    expect(a.grad!.toArray()).toEqual([[12], [12]]);
    expect(list(b.grad)).toEqual([6, 6, 6]);
    expect(c.grad!.item()).toBe(18);
    expect(c.grad!.shape).toEqual([]);
  });

  it("takes the gradient that arrives", () => {
    const x = leaf([1, 2, 3]);
    x.square().backward(tensor([1, 10, 100], { dtype: "float64" }));
    expect(list(x.grad)).toEqual([2, 40, 600]);
  });

  it("refuses a tensor of several elements without a gradient", () => {
    const x = leaf([1, 2]);
    expect(() => x.mul(2).backward()).toThrow(
      new GradError(
        "backward: the tensor has shape [2]; only a tensor of one element has an implied gradient of 1. " +
          "Pass dy of shape [2], or reduce first: sum() or mean().",
      ),
    );
    expect(() => x.mul(2).backward(ones([3]))).toThrow(
      new ShapeError("backward: dy has shape [3] and the tensor [2]; they must be equal."),
    );
  });

  it("refuses a tensor off the tape", () => {
    expect(() => tensor([1]).sum().backward()).toThrow(
      /is not on the tape: nothing it was made from requires grad/,
    );
  });

  it("frees saved values: a second backward is an error, unless retained or nothing was saved", () => {
    const x = leaf([2]);
    const y = x.mul(x).sum();
    y.backward();
    expect(() => y.backward()).toThrow(
      /^backward: mul was already differentiated and its saved values are freed/,
    );
    const number = leaf(2);
    const z = number.mul(number);
    z.backward();
    expect(() => z.backward()).toThrow(/^backward: mul was already differentiated/);
    const again = x.mul(x).sum();
    again.backward(null, { retainGraph: true });
    again.backward();
    expect(list(x.grad)).toEqual([12]);
    const plain = x.add(1).sum();
    plain.backward();
    plain.backward();
    expect(list(x.grad)).toEqual([14]);
  });

  it("fills only the chosen inputs", () => {
    const [a, b] = [leaf([1]), leaf([2])];
    const inner = a.mul(b);
    inner
      .mul(b)
      .sum()
      .backward(null, { inputs: [b, inner] });
    expect(a.grad).toBeNull();
    expect(list(b.grad)).toEqual([4]);
    expect(list(inner.grad)).toEqual([2]);
  });

  it("walks a million nodes without recursion", () => {
    const x = leaf(1);
    let y: Tensor = x;
    for (let i = 0; i < 1_000_000; i++) y = y.add(1e-9);
    y.backward();
    expect(x.grad!.item()).toBe(1);
  });

  it("gives each leaf a gradient of its own", () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    add(a, b).sum().backward();
    a.grad!.mul_(10);
    expect(list(b.grad)).toEqual([1, 1]);
  });

  it("keeps interior gradients on demand", () => {
    const x = leaf([3]);
    const y = retainGrad(x.square());
    y.mul(2).sum().backward();
    expect(list(y.grad)).toEqual([2]);
    const z = x.square();
    z.sum().backward();
    expect(z.grad).toBeNull();
  });
});

describe("grad", () => {
  it("returns gradients and touches none", () => {
    const x = leaf([1, 2]);
    const [dx] = grad(x.pow(3).sum(), [x]);
    expect(list(dx!)).toEqual([3, 12]);
    expect(x.grad).toBeNull();
  });

  it("gives derivatives of any order", () => {
    const x = leaf(0.7);
    let y: Tensor = x.sin();
    for (let order = 0; order < 4; order++) [y] = grad(y, [x], { createGraph: true }) as [Tensor];
    expect(y.item()).toBeCloseTo(Math.sin(0.7), 12);
  });

  it("differentiates a gradient penalty", () => {
    // L = |∂(w·x)²/∂x|² = 4w⁴x²  ⇒  ∂L/∂w = 16w³x²
    const [w, x] = [leaf(1.5), leaf(2)];
    const [dx] = grad(w.mul(x).square(), [x], { createGraph: true });
    dx!.square().backward();
    expect(w.grad!.item()).toBeCloseTo(16 * 1.5 ** 3 * 4, 10);
  });

  it("names an input that the outputs don't depend on", () => {
    const [x, other] = [leaf([1]), leaf([1, 2])];
    expect(() => grad(x.sum(), [x, other])).toThrow(
      "grad: the outputs do not depend on input 1 (shape [2]); pass { allowUnused: true } to get null for it.",
    );
    expect(grad(x.sum(), [x, other], { allowUnused: true })[1]).toBeNull();
  });
});

describe("modes", () => {
  it("noGrad and enableGrad nest and end", () => {
    const x = leaf([1]);
    noGrad(() => {
      expect(x.mul(2).requiresGrad).toBe(false);
      enableGrad(() => expect(x.mul(2).requiresGrad).toBe(true));
      expect(isGradEnabled()).toBe(false);
    });
    expect(isGradEnabled()).toBe(true);
    expect(() =>
      noGrad(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(isGradEnabled()).toBe(true);
  });

  it("refuses a promise, whose rest would run outside", () => {
    expect(() => noGrad(async () => 1)).toThrow(/^noGrad: the function returned a promise/);
  });

  it("detach shares storage and leaves the tape", () => {
    const x = leaf([1, 2]);
    const y = x.detach();
    expect(y.requiresGrad).toBe(false);
    y.fill_(5);
    expect(list(x)).toEqual([5, 5]);
  });

  it("only floats have gradients", () => {
    expect(() => tensor([1], { dtype: "int32", requiresGrad: true })).toThrow(
      'requiresGrad_: a int32 tensor has no gradient; convert it with to("float32") first.',
    );
  });
});

describe("in place", () => {
  it("names fill_, zero_ and copy_, and functions that exist in their place", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const advice = (name: string, instead: string) =>
      `${name}: the tensor is a leaf that requires grad, whose value backward needs; change it inside noGrad(() => …), or use ${instead}, which makes a new tensor.`;
    expect(() => x.fill_(1)).toThrow(advice("fill_", "full"));
    expect(() => x.zero_()).toThrow(advice("zero_", "zerosLike"));
    expect(() => x.copy_(1)).toThrow(advice("copy_", "clone"));
  });

  it("refuses to change a leaf that requires grad", () => {
    const x = leaf([1]);
    expect(() => x.add_(1)).toThrow(/^add_: the tensor is a leaf that requires grad/);
    expect(() => x.index(0).add_(1)).toThrow(
      /^add_: the tensor is a view of a leaf that requires grad/,
    );
    noGrad(() => x.add_(1));
    expect(list(x)).toEqual([2]);
  });

  it("lets a quotient change: its rule needs what was divided", () => {
    const b = tensor([2, 4], { requiresGrad: true });
    tensor([8, 8]).div(b).add_(1).mul_(3).sum().backward();
    expect(b.grad!.toArray()).toEqual([-6, -1.5]);
  });

  it("notices a saved value that was changed, and by what", () => {
    const x = leaf([1, 2]);
    const h = x.mul(1);
    const y = h.mul(h);
    h.mul_(2);
    expect(() => y.sum().backward()).toThrow(
      new GradError(
        "backward: mul saved b (float64 [2]) at version 0, but mul_ has changed it since, to version 1; use mul without the underscore, or a clone().",
      ),
    );
    const n = leaf(2).mul(1);
    const m = n.mul(n);
    n.add_(1);
    expect(() => m.backward()).toThrow(
      /mul saved b .* at version 0, but add_ has changed it since, to version 1/,
    );
  });

  it("keeps a trained lone number a lone number, versions and all", () => {
    const w = leaf(2);
    noGrad(() => w.sub_(0.5));
    expect([w.item(), w.version]).toEqual([1.5, 1]);
    const y = w.mul(w);
    y.backward();
    expect(w.grad!.item()).toBe(3);
    const z = w.mul(w);
    noGrad(() => w.mul_(2));
    expect(() => z.backward()).toThrow(
      /mul saved b .* at version 1, but mul_ has changed it since, to version 2/,
    );
    const shown = w.detach();
    noGrad(() => w.fill_(7));
    expect(shown.item()).toBe(7);
  });

  it("knows which values an op saves: exp its output, log its input", () => {
    const x = leaf([1, 2]);
    const h = x.mul(1);
    const y = h.exp();
    h.mul_(3);
    y.sum().backward();
    expect(x.grad!.data()[0]).toBeCloseTo(Math.E, 12);
    const l = x.mul(1);
    const z = l.log();
    z.mul_(3);
    expect(() => z.sum().backward()).not.toThrow();
    const e = x.mul(1).exp();
    const kept = e.add(0);
    e.mul_(2);
    expect(() => kept.sum().backward()).toThrow(/exp saved y/);
  });

  it("carries the gradient through", () => {
    const x = leaf([1, 2]);
    const y = x.mul(1);
    y.mul_(3).add_(x).exp_();
    y.sum().backward();
    // y = e^(4x)
    expect(list(x.grad)!.map((g) => g / 4)).toEqual([
      expect.closeTo(Math.exp(4), 9),
      expect.closeTo(Math.exp(8), 9),
    ]);
  });

  it("differentiates a change that saves the value before it", () => {
    const w = leaf([2, 3]);
    const y = leaf([5, 7]).mul(1);
    y.mul_(w);
    y.sum().backward();
    expect(list(w.grad)).toEqual([5, 7]);
  });

  it("on a view changes the base, and its gradient follows", () => {
    const x = leaf([
      [1, 2],
      [3, 4],
    ]);
    const base = x.mul(1);
    const row = base.index(0);
    row.mul_(10);
    expect(base.toArray()).toEqual([
      [10, 20],
      [3, 4],
    ]);
    base.sum().backward();
    expect(x.grad!.toArray()).toEqual([
      [10, 10],
      [1, 1],
    ]);
  });

  it("on the base reaches views taken before", () => {
    const x = leaf([1, 2, 3]);
    const base = x.mul(1);
    const tail = base.narrow(0, 1, 2);
    base.mul_(5);
    tail.sum().backward();
    expect(list(x.grad)).toEqual([0, 5, 5]);
  });

  it("of a constant by something on the tape puts it on the tape", () => {
    const w = leaf([3, 4]);
    const buffer = zeros([2, 2], { dtype: "float64" });
    const row = buffer.index(1);
    row.copy_(w);
    buffer.mul(2).sum().backward();
    expect(list(w.grad)).toEqual([2, 2]);
  });

  it("refuses another shape, another kind of number and repeated elements", () => {
    expect(() => tensor([1, 2]).add_(zeros([2, 2]))).toThrow(
      "add_: the result has shape [2, 2], which doesn't fit into the tensor's [2]; use add, which makes a new tensor.",
    );
    expect(() => tensor([1], { dtype: "int32" }).add_(tensor([0.5]))).toThrow(
      /^add_: the result is float32/,
    );
    expect(() => tensor([1]).expand([3]).add_(1)).toThrow(/^add_: an expanded tensor/);
  });

  it("reads operands that share the storage before writing", () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    x.add_(x.transpose());
    expect(x.toArray()).toEqual([
      [2, 5],
      [5, 8],
    ]);
  });
});

describe("hooks", () => {
  it("see and may replace a gradient, until removed", () => {
    const x = leaf([1, 2]);
    const seen: unknown[] = [];
    const remove = x.registerHook((g) => {
      seen.push(list(g));
      return g.mul(10);
    });
    x.mul(2).sum().backward();
    expect(seen).toEqual([[2, 2]]);
    expect(list(x.grad)).toEqual([20, 20]);
    remove();
    x.mul(2).sum().backward();
    expect(seen.length).toBe(1);
  });

  it("may run a backward pass of their own, over the same nodes", () => {
    const x = leaf([3]);
    const h = x.square();
    const y = h.sum();
    let inner: number[] | null = null as number[] | null;
    h.registerHook(() => {
      // The inner pass reaches this hook too.
      if (inner === null) inner = [];
      else return;
      inner = list(grad(y, [x], { retainGraph: true })[0]!);
    });
    y.backward();
    expect(inner).toEqual([6]);
    expect(list(x.grad)).toEqual([6]);
  });

  it("must keep the shape", () => {
    const x = leaf([1, 2]);
    x.registerHook(() => zeros([3]));
    expect(() => x.sum().backward()).toThrow(
      "registerHook: the hook returned shape [3]; it must return nothing, or a Tensor of the gradient's shape [2].",
    );
  });
});

describe("memory on the way back", () => {
  it("returns temporaries without harm to what users hold", () => {
    const x = randn([64, 64], { dtype: "float64", requiresGrad: true });
    const w = randn([64, 64], { dtype: "float64", requiresGrad: true });
    const h = matmul(x, w).tanh();
    const held: Tensor[] = [];
    h.registerHook((g) => {
      held.push(g);
    });
    h.square().sum().add(h.sum()).backward();
    expect(held[0]!.data().every(Number.isFinite)).toBe(true);
    expect(h.data().every(Number.isFinite)).toBe(true);
    const before = w.grad!.data();
    const loss = crossEntropy(matmul(x, w), zeros([64], { dtype: "int32" }));
    loss.backward();
    expect(w.grad!.data()[0]).not.toBe(before[0]);
  });
});
