import { describe, expect, it } from "@jest/globals";
import {
  backward,
  detach_,
  enableGrad,
  GradError,
  grad,
  inferenceMode,
  isGradEnabled,
  isInference,
  noGrad,
  ones,
  registerPostAccumulateHook,
  type Tensor,
  tensor,
} from "../src/index.ts";

const leaf = (values: Parameters<typeof tensor>[0]) =>
  tensor(values, { dtype: "float64", requiresGrad: true });

describe("inferenceMode", () => {
  it("records nothing, marks what it makes, and ends", () => {
    const x = leaf([1, 2]);
    const y = inferenceMode(() => {
      expect(isGradEnabled()).toBe(false);
      expect(enableGrad(() => x.mul(2)).requiresGrad).toBe(false);
      return x.mul(2);
    });
    expect(isGradEnabled()).toBe(true);
    expect([y.requiresGrad, isInference(y), isInference(x), isInference(x.mul(1))]).toEqual([
      false,
      true,
      false,
      false,
    ]);
    expect(isInference(y.sum())).toBe(false);
    expect(isInference(y.narrow(0, 0, 1))).toBe(true);
    expect(isInference(inferenceMode(() => x.narrow(0, 0, 1)))).toBe(false);
    expect(isInference(inferenceMode(() => tensor(1).add(1)))).toBe(true);
    expect(() =>
      inferenceMode(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(isInference(tensor([1]))).toBe(false);
  });

  it("refuses its tensors where backward would need them, and only there", () => {
    const x = leaf([1, 2]);
    const [y, number] = inferenceMode(() => [tensor([3, 4], { dtype: "float64" }), tensor(2)]);
    expect(() => x.mul(y!)).toThrow(
      new GradError(
        "mul: backward needs b, which was made inside inferenceMode; clone() it first, or use noGrad instead.",
      ),
    );
    expect(() => tensor(1, { requiresGrad: true }).mul(number!)).toThrow(
      "mul: backward needs b, which was made inside inferenceMode; clone() it first, or use noGrad instead.",
    );
    expect(x.add(y!).requiresGrad).toBe(true);
    expect(noGrad(() => x.mul(y!)).toArray()).toEqual([3, 8]);
    x.mul(y!.clone()).sum().backward();
    expect(x.grad!.toArray()).toEqual([3, 4]);
  });

  it("refuses a change of its tensors outside", () => {
    const y = inferenceMode(() => ones([2]));
    expect(() => y.add_(1)).toThrow(
      new GradError(
        "add_: the tensor was made inside inferenceMode and can't be changed outside of it; clone() it first.",
      ),
    );
    expect(inferenceMode(() => y.add_(1)).toArray()).toEqual([2, 2]);
    expect(() => y.requiresGrad_()).toThrow(
      new GradError(
        "requiresGrad_: the tensor was made inside inferenceMode and can't be recorded; clone() it first.",
      ),
    );
  });

  it("refuses a promise", () => {
    expect(() => inferenceMode(async () => 1)).toThrow(
      /inferenceMode: the function returned a promise/,
    );
  });
});

describe("detach_", () => {
  it("takes the tensor itself off the tape", () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    const z = y.mul(2);
    expect(y.detach_()).toBe(y);
    expect([y.requiresGrad, y.isLeaf, y.gradFn]).toEqual([false, true, null]);
    y.requiresGrad_();
    y.square().sum().backward();
    expect(y.grad!.toArray()).toEqual([6, 12]);
    expect(x.grad).toBeNull();
    // What was recorded before keeps its way back.
    z.sum().backward();
    expect(x.grad!.toArray()).toEqual([6, 6]);
    expect(detach_(leaf([1])).requiresGrad).toBe(false);
  });

  it("refuses a view", () => {
    expect(() => leaf([1, 2]).mul(1).narrow(0, 0, 1).detach_()).toThrow(
      new GradError(
        "detach_: the tensor is a view, whose place on the tape follows its base; use detach(), which makes a new tensor.",
      ),
    );
  });
});

describe("post-accumulate hooks", () => {
  it("run when the gradient has been added, in every pass, until removed", () => {
    const x = leaf([1, 2]);
    const seen: unknown[] = [];
    const remove = x.registerPostAccumulateHook((p) => {
      expect(p).toBe(x);
      seen.push(p.grad!.toArray());
    });
    x.mul(x).sum().backward();
    x.mul(3).sum().backward();
    remove();
    remove();
    x.sum().backward();
    expect(seen).toEqual([
      [2, 4],
      [5, 7],
    ]);
  });

  it("may step and drop the gradient while backward goes on", () => {
    const [w, b] = [leaf([1, 2]), leaf([0, 0])];
    const step = (p: Tensor) => {
      expect(isGradEnabled()).toBe(false);
      p.sub_(p.grad!.mul(0.5));
      p.grad = null;
    };
    for (const p of [w, b]) registerPostAccumulateHook(p, step);
    w.mul(2).add(b).sum().backward();
    expect([w.toArray(), b.toArray(), w.grad, b.grad]).toEqual([[0, 1], [-0.5, -0.5], null, null]);
  });

  it("run for chosen inputs, not for grad()", () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    let calls = 0;
    for (const p of [x, y]) p.registerPostAccumulateHook(() => calls++);
    backward(x.mul(y).sum(), null, { inputs: [x] });
    expect(calls).toBe(1);
    grad(x.mul(y).sum(), [x]);
    expect(calls).toBe(1);
  });

  it("are for leaves that require grad", () => {
    expect(() =>
      leaf([1])
        .mul(2)
        .registerPostAccumulateHook(() => {}),
    ).toThrow(
      new GradError(
        "registerPostAccumulateHook: the tensor was made by mul and is no leaf; only leaves that require grad accumulate one. Use registerHook() for others.",
      ),
    );
    expect(() => tensor([1]).registerPostAccumulateHook(() => {})).toThrow(
      new GradError(
        "registerPostAccumulateHook: the tensor requires no gradient; only leaves that require grad accumulate one. Use registerHook() for others.",
      ),
    );
  });
});

describe("gradFn", () => {
  it("prints and walks to the leaves", () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const y = x.mul(w).add(1).sum();
    const names: string[] = [];
    const walk = (node: Tensor["gradFn"], depth: number): void => {
      names.push(`${"  ".repeat(depth)}${node}`);
      for (const next of node!.nextFunctions) if (next !== null) walk(next, depth + 1);
    };
    walk(y.gradFn, 0);
    expect(names).toEqual([
      "<sum>",
      "  <add>",
      "    <mul>",
      "      <accumulateGrad>",
      "      <accumulateGrad>",
    ]);
    expect(y.gradFn!.nextFunctions[0]!.nextFunctions.length).toBe(2);
    expect(x.gradFn).toBeNull();
  });
});
