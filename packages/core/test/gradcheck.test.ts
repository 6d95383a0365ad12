/** The public checks of gradients: what they accept, what they report. */
import { describe, expect, it } from "@jest/globals";
import {
  CheckOpError,
  checkOp,
  defineOp,
  GradcheckError,
  gradcheck,
  gradgradcheck,
  numericalGradient,
  relativeError,
  type Tensor,
  tensor,
  values,
} from "../src/index.ts";

const leaf = (elements: number[] | number[][]) =>
  tensor(elements, { dtype: "float64", requiresGrad: true });

/** x³ whose rule forgets the factor 3 at index 1 of the last axis. */
const careless = defineOp({
  name: "carelessCube",
  inputs: ["x"],
  elementwise: (x) => x ** 3,
  saves: ["x"],
  grad: {
    x: (dy, { x }) =>
      dy.mul(x.square()).mul(tensor([3, 1, 3].slice(0, x.shape.at(-1)), { dtype: x.dtype })),
  },
});

const messageOf = (f: () => unknown): string => {
  try {
    f();
  } catch (error) {
    expect(error).toBeInstanceOf(GradcheckError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
};

describe("relativeError", () => {
  it("is CS231n's", () => {
    expect(relativeError([1, 2, 3], [1, 2, 3.3])).toBeCloseTo(0.3 / 6.3, 15);
    expect(relativeError(1e-9, 0)).toBeCloseTo(0.1, 15);
    expect(relativeError([0, 5], [0, 5])).toBe(0);
    expect(relativeError(-2, 2)).toBe(1);
    expect(relativeError(tensor([1, 2]), new Float32Array([1, 6]))).toBe(0.5);
    expect(relativeError([], [])).toBe(0);
  });

  it("lets no NaN or infinity pass", () => {
    expect(relativeError([Number.NaN, 1], [1, 1])).toBe(Infinity);
    expect(relativeError(Infinity, 1)).toBe(Infinity);
    expect(relativeError(Infinity, Infinity)).toBe(0);
  });

  it("needs as many elements", () => {
    expect(() => relativeError([1], tensor([1, 2]))).toThrow(
      "relativeError: a has 1 elements and b 2; they must be as many.",
    );
  });
});

describe("numericalGradient", () => {
  it("agrees with the tape", () => {
    const x = leaf([
      [1, 2],
      [-1, 0.5],
    ]);
    const f = (t: Tensor) => t.pow(3).mul(t.sin()).sum();
    f(x).backward();
    expect(relativeError(x.grad!, numericalGradient(f, x, 1e-5))).toBeLessThan(1e-8);
    expect(
      relativeError(
        x.grad!,
        numericalGradient((t) => f(t).item(), x, 1e-5),
      ),
    ).toBeLessThan(1e-8);
    expect(x.grad!.requiresGrad).toBe(false);
  });

  it("refuses what has no central difference", () => {
    const f = (t: Tensor) => t.sum();
    expect(() => numericalGradient(f, tensor([1]))).toThrow(
      'numericalGradient: x is float32; central differences need float64: make it with { dtype: "float64" }.',
    );
    expect(() => numericalGradient(f, [1] as never)).toThrow("numericalGradient: x is an array");
    expect(() => numericalGradient(f, leaf([1]), 0)).toThrow(
      "numericalGradient: h is 0; it must be a finite number above 0.",
    );
    expect(() => numericalGradient((t) => t.mul(2), leaf([1, 2]))).toThrow(
      "numericalGradient: f gave shape [2]; it must give a number or one element: sum() it, weighted by the dy of interest.",
    );
  });
});

describe("gradcheck", () => {
  it("passes what is right, several inputs and outputs included", () => {
    const [a, b] = [leaf([1, 2]), leaf([0.5, -0.5])];
    const f = (x: Tensor, y: Tensor) => [x.mul(y).exp(), x.div(y)];
    expect(gradcheck(f, [a, b])).toBe(true);
    expect(gradgradcheck(f, [a, b])).toBe(true);
  });

  it("shows which input and element, analytic and numeric", () => {
    const message = messageOf(() =>
      gradcheck((a, x) => careless(x).sum().add(a.sum()), [leaf([1]), leaf([[1, 2, 3]])], {
        names: ["a", "x"],
      }),
    );
    const [head, columns, row, ...rest] = message.split("\n");
    expect(head).toBe("gradcheck: 1 element disagrees with central differences; the worst:");
    expect(columns!.trim().split(/ {2,}/)).toEqual([
      "input",
      "element",
      "analytic",
      "numeric",
      "relative error",
    ]);
    // The cotangent is random, the ratio is not: dy·x² against dy·3x².
    const [input, element, analytic, numeric, error] = row!.trim().split(/ {2,}/);
    expect([input, element, error]).toEqual(["x", "[0, 1]", "5.00e-1"]);
    expect(Number(numeric) / Number(analytic)).toBeCloseTo(3, 6);
    expect(rest).toEqual([]);
  });

  it("shows the worst ten of many", () => {
    const x = tensor(
      Array.from({ length: 15 }, (_, i) => [0, i + 1, 0]),
      { dtype: "float64", requiresGrad: true },
    );
    const lines = messageOf(() => gradcheck((t) => careless(t), [x])).split("\n");
    expect(lines[0]).toBe("gradcheck: 15 elements disagree with central differences; the worst:");
    expect(lines).toHaveLength(13);
    expect(lines.at(-1)).toBe("  and 5 more");
    const errors = lines.slice(2, 12).map((line) => Number(line.trim().split(/ {2,}/).at(-1)));
    expect(errors).toEqual([...errors].sort((a, b) => b - a));
  });

  it("sees that a NaN is no gradient", () => {
    const hollow = defineOp({
      name: "hollow",
      inputs: ["x"],
      elementwise: (x) => x,
      grad: { x: (dy) => dy.mul(Number.NaN) },
    });
    expect(messageOf(() => gradcheck((x) => hollow(x), [leaf([1])]))).toContain("NaN");
  });

  it("says what it needs", () => {
    expect(() => gradcheck((x) => x, [tensor([1], { requiresGrad: true })])).toThrow(
      'gradcheck: input 0 is float32; central differences need float64: make it with { dtype: "float64" }.',
    );
    expect(() => gradcheck((x) => x, [tensor([1])])).toThrow(
      "gradcheck: no input requires grad, so there is nothing to check; make one with { requiresGrad: true }.",
    );
    expect(() => gradgradcheck((x) => x.detach(), [leaf([1])])).toThrow(
      "gradgradcheck: no output depends on an input that requires grad.",
    );
  });
});

describe("checkOp", () => {
  it("names the op and the case", () => {
    const check = () =>
      checkOp(careless, { cases: [{ x: values([1]) }, { x: values([0.1, 0.2, 0.3]) }] });
    expect(messageOf(check)).toMatch(
      /^checkOp\(carelessCube\), case 1: gradcheck: 1 element disagrees .*\n.*\n {2}x {6}\[1\] /,
    );
  });

  it("catches wrong values", () => {
    const check = () =>
      checkOp(careless, { cases: [{ x: values([1, 2]) }], reference: (x) => x * x });
    expect(check).toThrow(CheckOpError);
    expect(check).toThrow("checkOp(carelessCube), case 0: values differ from the reference");
  });

  it("says what it needs", () => {
    expect(() => checkOp(careless, { cases: [] })).toThrow(
      "checkOp(carelessCube): there are no cases; give at least one, such as { x: uniform([3, 4]) }.",
    );
    expect(() => checkOp(((x: Tensor) => x) as never, { cases: [] })).toThrow(
      "checkOp: got a function, which is no op; give what defineOp returned, or use gradcheck, which takes any function of tensors.",
    );
    expect(() => checkOp(careless, { cases: [{}] })).toThrow(
      "checkOp(carelessCube), case 0: no input x was given; the op takes x.",
    );
  });
});
