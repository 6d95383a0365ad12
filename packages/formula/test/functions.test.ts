/** Every function against the op of the same name: values, gradients, kinks, and gradcheck. */
import { describe, expect, it } from "@jest/globals";
import * as core from "@tapegrad/core";
import {
  Generator,
  grad,
  gradcheck,
  gradgradcheck,
  rand,
  type Tensor,
  type TensorLike,
  tensor,
} from "@tapegrad/core";
import { formula } from "../src/index.ts";

type Row = readonly [
  text: string,
  reference: (...x: Tensor[]) => Tensor,
  low?: number,
  high?: number,
  secondOrder?: boolean,
];

const whereTrue = (condition: Tensor): Tensor => core.where(condition, 1, 0);

/** Text, op, and the range in which the derivative is alive. */
const rows: readonly Row[] = [
  ["x + z", (x, z) => core.add(x, z)],
  ["x - z", (x, z) => core.sub(x, z)],
  ["x * z", (x, z) => core.mul(x, z)],
  ["x / z", (x, z) => core.div(x, z), 0.5, 2],
  ["-x", (x) => core.neg(x)],
  ["+x * 1", (x) => x.add(0)],
  ["x ^ z", (x, z) => core.pow(x, z), 0.5, 2],
  ["x ^ 2", (x) => x.square()],
  ["x ^ 3", (x) => x.pow(3)],
  ["x ^ 7", (x) => x.pow(7)],
  ["x ^ -1", (x) => x.pow(-1), 0.5, 2],
  ["x ^ 2.5", (x) => x.pow(2.5), 0.5, 2],
  ["2 ^ x", (x) => core.exp2(x)],
  ["e ^ x", (x) => core.exp(x)],
  ["abs(x)", (x) => core.abs(x)],
  ["sign(x) * x", (x) => core.sign(x).mul(x)],
  ["square(x)", (x) => core.square(x)],
  ["reciprocal(x)", (x) => core.reciprocal(x), 0.5, 2],
  ["exp(x)", (x) => core.exp(x)],
  ["exp2(x)", (x) => core.exp2(x)],
  ["expm1(x)", (x) => core.expm1(x)],
  ["log(x)", (x) => core.log(x), 0.5, 2],
  ["log1p(x)", (x) => core.log1p(x), -0.5, 2],
  ["log2(x)", (x) => core.log2(x), 0.5, 2],
  ["log10(x)", (x) => core.log10(x), 0.5, 2],
  ["sqrt(x)", (x) => core.sqrt(x), 0.5, 2],
  ["rsqrt(x)", (x) => core.rsqrt(x), 0.5, 2],
  ["cbrt(x)", (x) => core.cbrt(x), 0.5, 2],
  ["sin(x)", (x) => core.sin(x)],
  ["cos(x)", (x) => core.cos(x)],
  ["tan(x)", (x) => core.tan(x), -1, 1],
  ["asin(x)", (x) => core.asin(x), -0.9, 0.9],
  ["acos(x)", (x) => core.acos(x), -0.9, 0.9],
  ["atan(x)", (x) => core.atan(x)],
  ["sinh(x)", (x) => core.sinh(x)],
  ["cosh(x)", (x) => core.cosh(x)],
  ["tanh(x)", (x) => core.tanh(x)],
  ["asinh(x)", (x) => core.asinh(x)],
  ["acosh(x)", (x) => core.acosh(x), 1.5, 3],
  ["atanh(x)", (x) => core.atanh(x), -0.9, 0.9],
  ["sinc(x)", (x) => core.sinc(x)],
  ["sigmoid(x)", (x) => core.sigmoid(x)],
  ["relu(x)", (x) => core.relu(x)],
  ["floor(x) * x", (x) => core.floor(x).mul(x)],
  ["ceil(x) * x", (x) => core.ceil(x).mul(x)],
  ["round(x) * x", (x) => core.round(x).mul(x)],
  ["trunc(x) * x", (x) => core.trunc(x).mul(x)],
  ["frac(x)", (x) => core.frac(x)],
  ["erf(x)", (x) => core.erf(x)],
  ["erfc(x)", (x) => core.erfc(x)],
  ["erfinv(x)", (x) => core.erfinv(x), -0.8, 0.8],
  ["lgamma(x)", (x) => core.lgamma(x), 0.5, 3],
  ["digamma(x)", (x) => core.digamma(x), 0.5, 3],
  ["polygamma(2, x)", (x) => core.polygamma(2, x), 0.5, 3],
  ["logit(x)", (x) => core.logit(x), 0.1, 0.9],
  ["xlogy(x, z)", (x, z) => core.xlogy(x, z), 0.5, 2],
  ["max(x, z)", (x, z) => core.maximum(x, z)],
  ["min(x, z)", (x, z) => core.minimum(x, z)],
  ["maximum(x, z)", (x, z) => core.maximum(x, z)],
  ["minimum(x, z)", (x, z) => core.minimum(x, z)],
  ["max(x, z, 0.5)", (x, z) => core.maximum(core.maximum(x, z), 0.5)],
  ["fmax(x, z)", (x, z) => core.fmax(x, z)],
  ["fmin(x, z)", (x, z) => core.fmin(x, z)],
  ["clamp(x, -1, 1)", (x) => core.clamp(x, -1, 1)],
  ["clampMin(x, z)", (x, z) => core.clamp(x, z)],
  ["clampMax(x, z)", (x, z) => core.clamp(x, null, z)],
  ["atan2(x, z)", (x, z) => core.atan2(x, z), 0.5, 2],
  ["hypot(x, z)", (x, z) => core.hypot(x, z), 0.5, 2],
  ["logaddexp(x, z)", (x, z) => core.logaddexp(x, z)],
  ["logaddexp2(x, z)", (x, z) => core.logaddexp2(x, z)],
  ["copysign(x, z)", (x, z) => core.copysign(x, z)],
  ["fmod(x, z)", (x, z) => core.fmod(x, z), 1.1, 1.9],
  ["remainder(x, z)", (x, z) => core.remainder(x, z), 1.1, 1.9],
  ["x mod z", (x, z) => core.remainder(x, z), 1.1, 1.9],
  ["floorDivide(x, z) * x", (x, z) => core.floorDivide(x, z).mul(x), 1.1, 1.9],
  ["heaviside(x, z)", (x, z) => core.heaviside(x, z)],
  ["lerp(x, z, 0.3)", (x, z) => core.lerp(x, z, 0.3)],
  ["lerp(x, z, 0.7)", (x, z) => core.lerp(x, z, 0.7)],
  ["addcmul(x, z, x, 2)", (x, z) => core.addcmul(x, z, x, { value: 2 })],
  ["addcdiv(x, z, x)", (x, z) => core.addcdiv(x, z, x), 0.5, 2],
  ["nanToNum(x, 1, 2, 3)", (x) => core.nanToNum(x, { nan: 1, posinf: 2, neginf: 3 })],
  ["where(x > z, x, z ^ 2)", (x, z) => core.where(x.gt(z), x, z.square())],
  ["x > z ? sin(x) : z", (x, z) => core.where(x.gt(z), x.sin(), z)],
  ["(x >= z) * x", (x, z) => whereTrue(x.ge(z)).mul(x)],
  [
    "x < z and x > -1 ? x : 2 * z",
    (x, z) => core.where(core.logicalAnd(x.lt(z), x.gt(-1)), x, z.mul(2)),
  ],
  [
    "x <= z or z <= 0 ? x : 2 * z",
    (x, z) => core.where(core.logicalOr(x.le(z), z.le(0)), x, z.mul(2)),
  ],
  [
    "x < 0 xor z < 0 ? x : 2 * z",
    (x, z) => core.where(core.logicalXor(x.lt(0), z.lt(0)), x, z.mul(2)),
  ],
  ["not (x < z) ? x : 2 * z", (x, z) => core.where(core.logicalNot(x.lt(z)), x, z.mul(2))],
  ["-1 < x < z ? x : 2 * z", (x, z) => core.where(core.logicalAnd(x.gt(-1), x.lt(z)), x, z.mul(2))],
  ["isnan(x) or isinf(z) ? 0 : x", (x) => x.mul(1)],
  ["isfinite(x) ? x : 0", (x) => x.mul(1)],
  ["softplus(x)", (x) => core.softplus(x)],
  ["softplus(x, 2)", (x) => core.softplus(x, { beta: 2 })],
  ["softplus(x, 2, 1)", (x) => core.softplus(x, { beta: 2, threshold: 1 })],
  ["logSigmoid(x)", (x) => core.logSigmoid(x)],
  ["leakyRelu(x)", (x) => core.leakyRelu(x)],
  ["leakyRelu(x, 0.2)", (x) => core.leakyRelu(x, 0.2)],
  ["prelu(x, 0.2)", (x) => core.leakyRelu(x, 0.2)],
  ["elu(x)", (x) => core.elu(x)],
  ["elu(x, 0.5)", (x) => core.elu(x, 0.5)],
  ["celu(x, 0.5)", (x) => core.celu(x, 0.5)],
  ["selu(x)", (x) => core.selu(x)],
  ["gelu(x)", (x) => core.gelu(x)],
  ["geluTanh(x)", (x) => core.gelu(x, { approximate: "tanh" })],
  ["silu(x)", (x) => core.silu(x)],
  ["mish(x)", (x) => core.mish(x)],
  ["hardtanh(x)", (x) => core.hardtanh(x)],
  ["relu6(x)", (x) => core.relu6(x)],
  ["hardsigmoid(x)", (x) => core.hardsigmoid(x)],
  ["hardswish(x)", (x) => core.hardswish(x)],
  ["hardshrink(x)", (x) => core.hardshrink(x)],
  ["softshrink(x, 0.3)", (x) => core.softshrink(x, 0.3)],
  ["tanhshrink(x)", (x) => core.tanhshrink(x)],
  ["softsign(x)", (x) => core.softsign(x)],
  ["threshold(x, 0.5, 2)", (x) => core.threshold(x, 0.5, 2)],
  ["sum(x * z)", (x, z) => x.mul(z).sum(-1, { keepdim: true })],
  ["softmax(x) * z", (x, z) => core.softmax(x).mul(z)],
  ["logSoftmax(x) * z", (x, z) => core.logSoftmax(x).mul(z)],
  ["logsumexp(x) * z", (x, z) => core.logsumexp(x, -1, { keepdim: true }).mul(z)],
];

function inputsFor(row: Row, dtype: "float64" | "float32" = "float64"): Tensor[] {
  const [text, , low = -2, high = 2] = row;
  const generator = new Generator(11);
  return formula(text).inputs.map(() =>
    tensor(rand([2, 3], { dtype: "float64", low, high, generator }), { dtype }).requiresGrad_(),
  );
}

/** Equal up to rounding, NaN like NaN. */
function expectClose(got: Tensor, expected: Tensor, tolerance: number): void {
  expect(got.shape).toEqual(expected.shape);
  expect(got.dtype).toBe(expected.dtype);
  const [x, y] = [got.data(), expected.data()];
  x.forEach((v, i) => {
    const w = y[i]!;
    const close = Object.is(v, w) || v === w || Math.abs(v - w) <= tolerance * (1 + Math.abs(w));
    if (!close) throw new Error(`element ${i}: got ${got}, expected ${expected}`);
  });
}

describe("every function", () => {
  for (const row of rows) {
    const [text, reference] = row;
    it(`${text}: values and gradients of the op`, () => {
      for (const dtype of ["float64", "float32"] as const) {
        const inputs = inputsFor(row, dtype);
        const f = formula(text);
        const [y, expected] = [f(...inputs), reference(...inputs)];
        const tolerance = dtype === "float64" ? 1e-13 : 1e-5;
        expectClose(y, expected, tolerance);
        const dy = rand(y.shape, { dtype, generator: new Generator(5) });
        const ours = grad([y.mul(dy).sum()], inputs, { allowUnused: true });
        const theirs = grad([expected.mul(dy).sum()], inputs, { allowUnused: true });
        ours.forEach((dx, i) => {
          if (theirs[i] === null) expect(dx === null || dx.data().every((v) => v === 0)).toBe(true);
          else expectClose(dx!, theirs[i]!, tolerance * 10);
        });
      }
    });

    it(`${text}: gradcheck, twice, with caches and without`, () => {
      const inputs = inputsFor(row);
      const f = formula(text);
      gradcheck((...x: Tensor[]) => f(...x), inputs);
      gradgradcheck((...x: Tensor[]) => f(...x), inputs);
      const numbers = inputs.map((x) => tensor(x.data()[0]!, { dtype: "float64" }).requiresGrad_());
      gradcheck((...x: Tensor[]) => f(...x), numbers);
      gradgradcheck((...x: Tensor[]) => f(...x), numbers);
    });

    it(`${text}: lone numbers give the bits of arrays`, () => {
      if (/sum|softmax/i.test(text)) return;
      for (const dtype of ["float64", "float32"] as const) {
        const inputs = inputsFor(row, dtype);
        const f = formula(text);
        const all = f(...inputs).data();
        all.forEach((value, i) => {
          const lone = f(...inputs.map((x) => tensor(x.data()[i]!, { dtype })));
          expect(Object.is(lone.item(), value)).toBe(true);
        });
      }
    });
  }
});

/** Those of two inputs, and of the result's shape whichever is a lone number. */
const pairsOnly = rows.filter(
  ([text]) => formula(text).inputs.length > 1 && !text.startsWith("logsumexp"),
);

describe("a lone number beside an array", () => {
  for (const row of pairsOnly) {
    const [text] = row;
    it(`${text}: as if it were repeated`, () => {
      const f = formula(text);
      const [x, z] = inputsFor(row) as [Tensor, Tensor];
      const lone = z.select(0, 0).select(0, 0).detach().requiresGrad_();
      const wide = lone.detach().expand([2, 3]).clone();
      expectClose(f(x, lone), f(x, wide), 0);
      gradcheck((a: Tensor, b: Tensor) => f(a, b), [x, lone]);
    });
  }
});

describe("kinks, ties and what is no number", () => {
  const points = [0, -0, 1, -1, 0.5, -0.5, 3, -3, 6, Infinity, -Infinity, Number.NaN];
  const pairs = points.flatMap((a) => points.map((b) => [a, b] as const));
  const kinky: readonly (readonly [string, (x: Tensor, z: Tensor) => Tensor])[] = [
    ["abs(x)", (x) => core.abs(x)],
    ["sign(x)", (x) => core.sign(x)],
    ["relu(x)", (x) => core.relu(x)],
    ["floor(x)", (x) => core.floor(x)],
    ["max(x, z)", (x, z) => core.maximum(x, z)],
    ["min(x, z)", (x, z) => core.minimum(x, z)],
    ["fmax(x, z)", (x, z) => core.fmax(x, z)],
    ["fmin(x, z)", (x, z) => core.fmin(x, z)],
    ["clamp(x, -1, 1)", (x) => core.clamp(x, -1, 1)],
    ["clampMin(x, z)", (x, z) => core.clamp(x, z)],
    ["clampMax(x, z)", (x, z) => core.clamp(x, null, z)],
    ["hardtanh(x)", (x) => core.hardtanh(x)],
    ["relu6(x)", (x) => core.relu6(x)],
    ["hardswish(x)", (x) => core.hardswish(x)],
    ["hardshrink(x)", (x) => core.hardshrink(x)],
    ["softshrink(x, 0.5)", (x) => core.softshrink(x, 0.5)],
    ["leakyRelu(x)", (x) => core.leakyRelu(x)],
    ["threshold(x, 0.5, 2)", (x) => core.threshold(x, 0.5, 2)],
    ["x ^ z", (x, z) => core.pow(x, z)],
    ["x ^ 2", (x) => core.pow(x, 2)],
    ["x ^ 3", (x) => core.pow(x, 3)],
    ["x ^ 0", (x) => core.pow(x, 0)],
    ["x ^ -1", (x) => core.pow(x, -1)],
    ["sqrt(x)", (x) => core.sqrt(x)],
    ["copysign(x, z)", (x, z) => core.copysign(x, z)],
    ["heaviside(x, z)", (x, z) => core.heaviside(x, z)],
    ["sigmoid(x)", (x) => core.sigmoid(x)],
    ["atan2(x, z)", (x, z) => core.atan2(x, z)],
    ["hypot(x, z)", (x, z) => core.hypot(x, z)],
    ["nanToNum(x, 1, 2, 3)", (x) => core.nanToNum(x, { nan: 1, posinf: 2, neginf: 3 })],
    ["x mod z", (x, z) => core.remainder(x, z)],
    ["x / z", (x, z) => core.div(x, z)],
  ];
  const of = (i: 0 | 1) =>
    tensor(
      pairs.map((pair) => pair[i]),
      { dtype: "float64", requiresGrad: true },
    );

  for (const [text, reference] of kinky) {
    it(text, () => {
      const f = formula(text, { inputs: ["x", "z"] });
      const inputs = [of(0), of(1)] as const;
      const [y, expected] = [f(...inputs), reference(...inputs)];
      expectClose(y, expected, 1e-13);
      const ours = grad([y.sum()], inputs);
      const theirs = grad([expected.sum()], inputs, { allowUnused: true });
      inputs.forEach((x, i) => {
        const dx = theirs[i] ?? core.zerosLike(x);
        expectClose(ours[i]!, dx, 1e-13);
      });
    });
  }

  it("a branch that is not taken adds nothing, not even NaN", () => {
    const x = tensor([0, 4], { requiresGrad: true });
    formula("x > 0 ? sqrt(x) : x")(x).sum().backward();
    expect(x.grad!.toArray()).toEqual([1, 0.25]);
  });

  it("the derivative of where's condition is nothing: numbers count as true unless 0", () => {
    const f = formula("x ? 2 * z : -z");
    expect((f as (...x: TensorLike[]) => Tensor)(tensor([0, 3, Number.NaN]), 1).toArray()).toEqual([
      -1, 2, 2,
    ]);
    expect(String(f.gradient("x"))).toBe("0");
  });
});
