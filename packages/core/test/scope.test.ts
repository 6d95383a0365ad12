import { describe, expect, it } from "@jest/globals";
import { memory, ReleasedError } from "@tapegrad/kernels";
import { defineOp, grad, noGrad, rand, retain, scope, spend, type Tensor } from "../src/index.ts";

const n = 100;
const bytes = n * n * 4 + 960; // of a block
const isGone = (x: Tensor) => x.storage!.isReleased;

/** y = 3/2·x², whose rule gives back the very tensor that was saved. */
const givesBack = defineOp({
  name: "givesBack",
  inputs: ["x", "k"],
  elementwise: (x, k) => (k * x * x) / 2,
  saves: ["x"],
  grad: { x: (_dy, { x }) => x, k: null },
});

describe("scope", () => {
  it("gives back what f made and did not return, in arrays and objects, too", () => {
    const x = rand([n, n]);
    let gone: Tensor[] = [];
    const kept = scope(() => {
      const [a, b, c, d] = [x.add(1), x.add(2), x.add(3), x.add(4)];
      gone = [a];
      return { b, list: [c, { row: d.select(0, 1) }], number: 3 };
    });
    expect(gone.map(isGone)).toEqual([true]);
    expect([kept.b, kept.list[0] as Tensor].map(isGone)).toEqual([false, false]);
    expect((kept.list[1] as { row: Tensor }).row.data().length).toBe(n);
    expect(isGone(x)).toBe(false);
    expect(() => gone[0]!.data()).toThrow(ReleasedError);
  });

  it("keeps everything where the result is of an unknown kind", () => {
    const made: Tensor[] = [];
    scope(() => {
      made.push(rand([n, n]));
      return new Map();
    });
    const outer = scope(() => {
      scope(() => {
        made.push(rand([n, n]));
        return () => made;
      });
      return 1;
    });
    expect(outer).toBe(1);
    expect(made.map(isGone)).toEqual([false, false]);
  });

  it("hands an inner result to the outer scope, and nothing after an error", () => {
    let inner: Tensor | undefined;
    scope(() => {
      inner = scope(() => rand([n, n]).add(1));
      expect(isGone(inner)).toBe(false);
    });
    expect(isGone(inner!)).toBe(true);
    let failed: Tensor | undefined;
    const fail = () => {
      failed = rand([n, n]);
      throw new Error("no");
    };
    expect(() => scope(fail)).toThrow("no");
    expect(isGone(failed!)).toBe(false);
  });

  it("leaves alone what escaped, and what was spent only if it was made inside", () => {
    const x = rand([n, n]);
    let escaped: Tensor | undefined;
    scope(() => {
      escaped = retain(x.add(1));
      const y = x.add(2);
      spend(x, y);
      const z = y.add(1);
      spend(y, y.reshape([-1]));
      expect(isGone(y)).toBe(false);
      spend(y, z);
      expect(isGone(y)).toBe(true);
      return z;
    });
    expect([isGone(x), isGone(escaped!)]).toEqual([false, false]);
  });

  it("keeps what the tape saved until its last node lets go", () => {
    const x = rand([n, n], { requiresGrad: true });
    let saved: Tensor | undefined;
    const [y, z] = scope(() => {
      saved = x.exp(); // saved by exp itself and by both products
      return [saved.mul(x), saved.square()];
    });
    expect(isGone(saved!)).toBe(false);
    y.sum().backward(null, { retainGraph: true });
    expect(isGone(saved!)).toBe(false);
    y.add(z).sum().backward();
    expect(isGone(saved!)).toBe(true);
    expect(x.grad!.data().every(Number.isFinite)).toBe(true);
  });

  it("a gradient that is a saved value stays as long as it is needed", () => {
    const x = rand([n, n], { requiresGrad: true });
    const w = rand([n, n], { requiresGrad: true });
    const loss = () => scope(() => givesBack(x.mul(w), 3).sum());
    const before = loss();
    const [dw] = grad(before, [w]);
    const product = x.mul(w);
    const expected = product.mul(x).data();
    expect([...dw!.data()]).toEqual([...expected]);
    // The gradient of the product is the saved value itself; so is what the user gets of it here.
    const inside: Tensor[] = [];
    const y = scope(() => {
      const product = x.mul(w);
      inside.push(product);
      return givesBack(product, 3).sum();
    });
    const [dProduct] = grad(y, [inside[0]!]);
    expect([...dProduct!.data()]).toEqual([...product.data()]);
    loss().backward();
    expect([...w.grad!.data()]).toEqual([...expected]);
  });

  it("returns a copy that an in-place op took for the tape", () => {
    const x = rand([n, n], { requiresGrad: true });
    const step = () => {
      const y = x.mul(1);
      y.square_();
      y.sum().backward();
      x.grad = null;
    };
    step();
    const start = memory().liveBytes;
    step();
    expect(memory().liveBytes - start).toBe(bytes); // y
  });

  it("off the tape everything goes at the end of the scope", () => {
    const x = rand([n, n], { requiresGrad: true });
    const start = memory().liveBytes;
    noGrad(() => scope(() => x.exp().add(1).square().sum().item()));
    expect(memory().liveBytes).toBe(start);
  });
});
