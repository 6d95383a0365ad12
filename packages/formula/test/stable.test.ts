/** Stable rewrites: the text they become, and exact numbers where the text itself would overflow or cancel. */
import { describe, expect, it } from "@jest/globals";
import { grad, tensor } from "@tapegrad/core";
import { formula } from "../src/index.ts";

const f64 = (x: number) => tensor(x, { dtype: "float64" });

describe("stable rewrites", () => {
  const rows: readonly (readonly [string, string, readonly (readonly [x: number, y: number])[]])[] =
    [
      [
        "log(1 + exp(x))",
        "logaddexp(x, 0)",
        [
          [1000, 1000],
          [-1000, 0],
          [-40, Math.exp(-40)],
          [0, Math.LN2],
        ],
      ],
      ["log(exp(x) + 1)", "logaddexp(x, 0)", [[1000, 1000]]],
      [
        "log(1 + exp(-x))",
        "logaddexp(-x, 0)",
        [
          [-1000, 1000],
          [40, Math.exp(-40)],
        ],
      ],
      [
        "1 - sigmoid(x)",
        "sigmoid(-x)",
        [
          [40, Math.exp(-40)],
          [-1000, 1],
        ],
      ],
      [
        "log(sigmoid(x))",
        "-logaddexp(-x, 0)",
        [
          [-1000, -1000],
          [40, -Math.exp(-40)],
        ],
      ],
      [
        "log(1 - sigmoid(x))",
        "-logaddexp(x, 0)",
        [
          [1000, -1000],
          [-40, -Math.exp(-40)],
        ],
      ],
      ["exp(x) - 1", "expm1(x)", [[1e-20, 1e-20]]],
      ["1 - exp(x)", "-expm1(x)", [[1e-20, -1e-20]]],
      ["e ^ x - 1", "expm1(x)", [[1e-20, 1e-20]]],
      ["log(1 + x)", "log1p(x)", [[1e-20, 1e-20]]],
      ["log(x + 1)", "log1p(x)", [[1e-20, 1e-20]]],
      ["log(1 - x)", "log1p(-x)", [[1e-20, -1e-20]]],
      ["1 - erf(x)", "erfc(x)", [[10, 2.088487583762545e-45]]],
      [
        "1 / (1 + exp(-x))",
        "sigmoid(x)",
        [
          [-700, Math.exp(-700)],
          [1000, 1],
        ],
      ],
      [
        "exp(x) / (1 + exp(x))",
        "sigmoid(x)",
        [
          [1000, 1],
          [-700, Math.exp(-700)],
        ],
      ],
      [
        "log(exp(x) + exp(2 * x))",
        "logaddexp(x, 2 * x)",
        [
          [1000, 2000],
          [-1000, -1000],
        ],
      ],
      ["sqrt(x^2 + (2*x)^2)", "hypot(x, 2 * x)", [[1e200, Math.sqrt(5) * 1e200]]],
    ];
  for (const [text, written, points] of rows) {
    it(`${text} → ${written}`, () => {
      const f = formula(text);
      expect(String(f)).toBe(written);
      for (const [x, y] of points) {
        const got = f(f64(x)).item();
        expect(Math.abs(got - y)).toBeLessThanOrEqual(1e-14 * Math.abs(y));
      }
    });
  }

  it("log(softmax(x)) and log(sum(exp(x))) neither overflow nor vanish", () => {
    const x = tensor([1000, 0, -1000], { dtype: "float64" });
    const log = formula("log(softmax(x))");
    expect(String(log)).toBe("logSoftmax(x)");
    expect(log(x).toArray()).toEqual([0, -1000, -2000]);
    const sum = formula("log(sum(exp(x)))");
    expect(String(sum)).toBe("logsumexp(x)");
    expect(sum(x).toArray()).toEqual([1000]);
    expect(sum(tensor([-Infinity, -Infinity])).toArray()).toEqual([-Infinity]);
    expect(sum(tensor([Infinity, 1])).toArray()).toEqual([Infinity]);
  });

  it("their gradients are stable too", () => {
    const at = (text: string, value: number) => {
      const x = f64(value).requiresGrad_();
      return grad([formula(text)(x)], [x])[0]!.item();
    };
    expect(at("log(1 + exp(x))", 1000)).toBe(1);
    expect(at("log(1 + exp(x))", -40)).toBeCloseTo(Math.exp(-40), 30);
    expect(at("log(sigmoid(x))", -1000)).toBe(1);
    expect(at("log(sigmoid(x))", 40)).toBeCloseTo(Math.exp(-40), 30);
    expect(at("sqrt(x^2 + (2*x)^2)", 1e200)).toBeCloseTo(Math.sqrt(5), 12);
  });

  it("nothing else changes: zeros, infinities and NaN come out as they are written", () => {
    expect(formula("0 * x")(tensor([Infinity, Number.NaN])).toArray()).toEqual([
      Number.NaN,
      Number.NaN,
    ]);
    expect(formula("x - x")(tensor([Infinity])).toArray()).toEqual([Number.NaN]);
    expect(formula("x / x")(tensor([0])).toArray()).toEqual([Number.NaN]);
    expect(Object.is(formula("x + 0")(f64(-0)).item(), 0)).toBe(true);
    expect(Object.is(formula("-x")(f64(0)).item(), -0)).toBe(true);
    expect(formula("x ^ 0")(tensor([Number.NaN])).toArray()).toEqual([1]);
    // Constants that meet must not overflow where the text would not.
    expect(formula("1e200 * (1e200 * x)")(f64(1e-300)).item()).toBeCloseTo(1e100, -86);
    expect(formula("2 / 4 * x")(f64(3)).item()).toBe(1.5);
    expect(String(formula("2 / 4 * x"))).toBe("2 / 4 * x");
  });
});
