/** What is no formula, with the place under a caret; hostile texts end as cleanly. */
import { describe, expect, it } from "@jest/globals";
import { ValueError } from "@tapegrad/core";
import { FormulaError, formula } from "../src/index.ts";

function errorOf(text: string): FormulaError {
  try {
    formula(text);
  } catch (error) {
    if (error instanceof FormulaError) return error;
    throw error;
  }
  throw new Error(`${text} is a formula.`);
}

describe("messages", () => {
  const rows: readonly (readonly [text: string, message: string])[] = [
    ["", "formula: the text is empty."],
    [" \n", "formula: the text is empty."],
    ["x +", "formula: unexpected end of expression.\n  x +\n     ^"],
    ["x + * y", "formula: value expected.\n  x + * y\n      ^"],
    ["(x + 1", "formula: parenthesis ) expected.\n  (x + 1\n        ^"],
    ["x)", 'formula: this ")" closes nothing; its "(" is missing.\n  x)\n   ^'],
    ["sin()", "formula: sin takes 1 argument (x), not 0.\n  sin()\n  ^"],
    [
      "2 * sigmoid(x, 2)",
      "formula: sigmoid takes 1 argument (x), not 2.\n  2 * sigmoid(x, 2)\n      ^",
    ],
    [
      "softplus(x, 1, 2, 3)",
      "formula: softplus takes 1 to 3 arguments (x, beta, threshold), not 4.\n  softplus(x, 1, 2, 3)\n  ^",
    ],
    [
      "x * sigmod(b * x)",
      "formula: there is no function sigmod; is it sigmoid.\n  x * sigmod(b * x)\n      ^",
    ],
    ["Tanh(x)", "formula: there is no function Tanh; is it tanh.\n  Tanh(x)\n  ^"],
    ["x(2)", 'formula: there is no function x; a product is written with "*".\n  x(2)\n  ^'],
    ["max(x)", "formula: max takes at least 2 arguments, not 1.\n  max(x)\n  ^"],
    ["x * sin", "formula: sin is a function; write sin(…).\n  x * sin\n      ^"],
    ["x * max", "formula: max is a function; write max(…).\n  x * max\n      ^"],
    ["2 x", 'formula: an operator is missing between "2" and "x"; write 2 * x.\n  2 x\n    ^'],
    [
      "sin x",
      'formula: an operator is missing between "sin" and "x"; write sin * x or sin(x).\n  sin x\n      ^',
    ],
    ["(x)(z)", 'formula: an operator is missing between ")" and "(".\n  (x)(z)\n     ^'],
    ["x ** 2", 'formula: unexpected "**": a power is written with "^".\n  x ** 2\n    ^'],
    ["x // 2", 'formula: unexpected "//": write floorDivide(a, b).\n  x // 2\n    ^'],
    ["a && b", 'formula: unexpected "&&": write "and".\n  a && b\n    ^'],
    ["a || b", 'formula: unexpected "||": write "or"; |x| is abs(x).\n  a || b\n    ^'],
    ["!a", 'formula: unexpected "!": write "not"; a formula has no factorial.\n  !a\n  ^'],
    ["x % 2", 'formula: unexpected "%": write remainder(a, b), or divide by 100.\n  x % 2\n    ^'],
    ["x ? 1", "formula: false part of conditional expression expected.\n  x ? 1\n       ^"],
    ["true ? x : 1", "formula: true is no number.\n  true ? x : 1\n  ^"],
    ["1e999 * x", "formula: 1e999 is too large for a number.\n  1e999 * x\n  ^"],
    ["2 * pi", "formula: there is no input; an op needs at least one.\n  2 * pi\n  ^"],
    ["x +\n  foo(x)", "formula: there is no function foo.\n  x +   foo(x)\n        ^"],
  ];
  for (const [text, message] of rows) {
    it(JSON.stringify(text), () => {
      expect(errorOf(text).message).toBe(message);
    });
  }

  it("say where, as a number too, and are ValueErrors", () => {
    const error = errorOf("x + foo(x)");
    expect(error).toBeInstanceOf(ValueError);
    expect(error.name).toBe("FormulaError");
    expect(error.position).toBe(4);
    expect(errorOf("").position).toBeNull();
  });

  it("show a piece of a long text", () => {
    const text = `${"x + ".repeat(50)}foo(x)${" + x".repeat(50)}`;
    expect(errorOf(text).message).toBe(
      `formula: there is no function foo.\n  …+ x${" + x".repeat(6)} + foo(x)${" + x".repeat(6)}…\n   ${" ".repeat(30)}^`,
    );
  });
});

describe("hostile texts", () => {
  const rows: readonly (readonly [text: string, message: string])[] = [
    ["import({})", 'unexpected "{": a formula has no objects.'],
    ["import(x)", "there is no function import."],
    ["config(x)", "there is no function config."],
    ["evaluate(x)", "there is no function evaluate."],
    ["parse(x)", "there is no function parse."],
    ["createUnit(x)", "there is no function createUnit."],
    ["constructor", "constructor is neither an input nor a constant."],
    ["constructor(x)", "there is no function constructor."],
    ["x.constructor", 'unexpected ".".'],
    ["sin.constructor(x)", 'unexpected ".".'],
    ["__proto__", "__proto__ is neither an input nor a constant."],
    ["__proto__(x)", "there is no function __proto__."],
    ["hasOwnProperty + x", "hasOwnProperty is neither an input nor a constant."],
    ["toString(x)", "there is no function toString."],
    ["a = 2", 'unexpected "=": a formula assigns nothing; compare with "==".'],
    ["f(x) = x", 'unexpected "=": a formula assigns nothing; compare with "==".'],
    ["[1, 2] * x", 'unexpected "[": a formula has no matrices and no indices.'],
    ["x[1]", 'unexpected "[": a formula has no matrices and no indices.'],
    ['"text"', 'unexpected "\\"": a formula has no strings.'],
    ["'text'", 'unexpected "\'": a formula has no strings.'],
    ["x; y", 'unexpected ";": a formula is one expression.'],
    ["2 cm", 'an operator is missing between "2" and "cm"; write 2 * cm.'],
    ["x to y", 'an operator is missing between "x" and "to"; write x * to or x(to).'],
    ["x'", 'unexpected "\'": a formula has no strings.'],
    ["x # y", 'unexpected "#".'],
    ["x, y", "unexpected operator ,."],
    ["1:3", 'this ":" belongs to no "?".'],
    ["x ? 1 : 2 : 3", 'this ":" belongs to no "?".'],
    ["(x : 3)", 'this ":" belongs to no "?".'],
    ["null", "null is no number."],
    ["x\u0000", 'unexpected "\\u0000".'],
    ["😀", 'unexpected "😀".'],
  ];
  for (const [text, message] of rows) {
    it(JSON.stringify(text), () => {
      expect(errorOf(text).message.split("\n")[0]).toBe(`formula: ${message}`);
    });
  }

  it("too long", () => {
    expect(errorOf("x+".repeat(6000)).message).toBe(
      "formula: the text has 12000 characters; at most 10000 are read.",
    );
  });

  const deep: readonly (readonly [what: string, text: (n: number) => string])[] = [
    ["parentheses", (n) => `${"(".repeat(n)}x${")".repeat(n)}`],
    ["calls", (n) => `${"abs(".repeat(n)}x${")".repeat(n)}`],
    ["signs", (n) => `${"-".repeat(n)}x`],
    ["powers", (n) => `${"x^".repeat(n)}x`],
    ["conditions", (n) => `${"x?1:".repeat(n)}x`],
    ["conditions inside", (n) => `${"(x?".repeat(n / 2)}x${":1)".repeat(n / 2)}`],
    ["signs and powers", (n) => `${"-x^".repeat(n / 2)}x`],
    ["nots", (n) => `${"not ".repeat(n)}x`],
  ];
  for (const [what, text] of deep) {
    it(`too deep: ${what}`, () => {
      expect(errorOf(text(400)).message).toMatch(
        /^formula: nested deeper than 200 levels; split it into several formulas\.\n/,
      );
      expect(formula(text(150)).inputs).toEqual(["x"]);
    });
  }

  it("wide is not deep", () => {
    const text = Array.from({ length: 250 }, (_, i) => `-x^-${i + 1} * (x > ${i} and not (x < 1))`);
    expect(formula(text.join(" + ")).inputs).toEqual(["x"]);
  });

  it("sums of thousands work, but are not written out", () => {
    const long = formula(Array.from({ length: 4000 }, () => "x").join("+"));
    expect(long(2).item()).toBe(8000);
    expect(long.gradient("x")(2).item()).toBe(4000);
    expect(() => String(long)).toThrow(
      "formula: written out, it has 7999 terms, 4000 deep; at most 2000 terms, 400 deep, are.",
    );
    expect(long.op.tex.y).toBe("\\operatorname{xxxxxxxxxxxxxxxxxxxx}\\left(x\\right)");
  });

  it("derivatives that explode end", () => {
    let f = formula("tanh(sin(x) * x) / (1 + exp(cos(x)))");
    expect(() => {
      for (let order = 0; order < 40; order++) f = f.gradient("x");
    }).toThrow(
      "formula: with its derivatives, the formula has more than 20000 different terms; split it into several formulas.",
    );
  });
});
