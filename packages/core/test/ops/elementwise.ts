/** The elementwise family: every op through checkOp, composed functions through gradcheck, edges by number. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  add,
  checkOp,
  type DType,
  gradcheck,
  gradgradcheck,
  maximum,
  minimum,
  type NestedArray,
  sub,
  Tensor,
  tensor,
  uniform,
  values,
  where,
  whole,
} from "../../src/index.ts";
import * as activations from "../../src/ops/activations.ts";
import { pow, wholePow } from "../../src/ops/elementwise.ts";
import * as logic from "../../src/ops/logic.ts";
import * as math from "../../src/ops/math.ts";
import * as rounding from "../../src/ops/rounding.ts";
import * as special from "../../src/ops/special.ts";

const f64 = (array: NestedArray, requiresGrad = false) =>
  tensor(array, { dtype: "float64", requiresGrad });
const f32 = (array: NestedArray) => tensor(array, { dtype: "float32" });
const i32 = (array: NestedArray) => tensor(array, { dtype: "int32" });
const bools = (array: NestedArray) => tensor(array, { dtype: "bool" });

/** Value and gradient of f at the points. */
function slopes(f: (x: Tensor) => Tensor, points: number[]): [number[], number[]] {
  const x = f64(points, true);
  const y = f(x);
  y.sum().backward();
  return [[...y.data()], [...x.grad!.data()]];
}

type Checkable = Parameters<typeof checkOp>[0];
type Range = readonly [low: number, high: number];

// ∫ by Simpson's rule, which is independent of every series in the kernels.
const erf = (x: number) => {
  const n = 4000;
  let sum = 0;
  for (let i = 0; i <= n; i++) {
    sum += Math.exp(-(((x * i) / n) ** 2)) * (i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2);
  }
  return ((2 / Math.sqrt(Math.PI)) * sum * x) / (3 * n);
};

const normal = (x: number) => (1 + erf(x * Math.SQRT1_2)) / 2;
const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

const unary: Record<string, [f: unknown, range: Range, reference?: (x: number) => number]> = {
  exp2: [math.exp2, [-3, 3], (x) => 2 ** x],
  expm1: [math.expm1, [-2, 2], Math.expm1],
  log2: [math.log2, [0.3, 3], Math.log2],
  log10: [math.log10, [0.3, 3], Math.log10],
  log1p: [math.log1p, [-0.7, 3], Math.log1p],
  cbrt: [math.cbrt, [0.3, 3], Math.cbrt],
  tan: [math.tan, [-1.2, 1.2], Math.tan],
  asin: [math.asin, [-0.8, 0.8], Math.asin],
  acos: [math.acos, [-0.8, 0.8], Math.acos],
  atan: [math.atan, [-3, 3], Math.atan],
  sinh: [math.sinh, [-2, 2], Math.sinh],
  cosh: [math.cosh, [-2, 2], Math.cosh],
  asinh: [math.asinh, [-3, 3], Math.asinh],
  acosh: [math.acosh, [1.3, 4], Math.acosh],
  atanh: [math.atanh, [-0.8, 0.8], Math.atanh],
  erf: [special.erf, [-2, 2], erf],
  erfc: [special.erfc, [-2, 2], (x) => 1 - erf(x)],
  gelu: [activations.geluOp, [-3, 3], (x) => x * normal(x)],
  silu: [activations.siluOp, [-3, 3], (x) => x * logistic(x)],
  mish: [activations.mishOp, [-3, 3], (x) => x * Math.tanh(Math.log1p(Math.exp(x)))],
  softplus: [activations.softplusOp, [-3, 3], (x) => Math.log1p(Math.exp(x))],
  erfinv: [special.erfinv, [-0.8, 0.8]],
  lgamma: [special.lgamma, [0.4, 6]],
  digamma: [special.digamma, [0.4, 6]],
  floor: [rounding.floorOp, [0.1, 0.9], Math.floor],
  ceil: [rounding.ceilOp, [0.1, 0.9], Math.ceil],
  round: [rounding.roundOp, [1.6, 2.4], Math.round],
  trunc: [rounding.truncOp, [-0.9, -0.1], Math.trunc],
};

const binary: Record<string, [f: unknown, reference: (a: number, b: number) => number, Range?]> = {
  atan2: [math.atan2, Math.atan2],
  hypot: [math.hypot, Math.hypot],
  geluGrad: [activations.geluGradOp, (g, x) => g * (normal(x) + x * density(x))],
  siluGrad: [activations.siluGradOp, (g, x) => g * logistic(x) * (1 + x * logistic(-x))],
  mishGrad: [
    activations.mishGradOp,
    (g, x) => {
      const t = Math.tanh(Math.log1p(Math.exp(x)));
      return g * (t + x * logistic(x) * (1 - t * t));
    },
  ],
  logaddexp: [special.logaddexp, (a, b) => Math.log(Math.exp(a) + Math.exp(b))],
  fmod: [rounding.fmodOp, (a, b) => a % b, [2.1, 2.9]],
  remainder: [rounding.remainderOp, (a, b) => a - b * Math.floor(a / b), [2.1, 2.9]],
  floorDivide: [rounding.floorDivideOp, (a, b) => Math.floor(a / b)],
  clampMin: [rounding.clampMin, Math.max],
  clampMax: [rounding.clampMax, Math.min],
  copysign: [rounding.copysign, (a, b) => (b < 0 ? -Math.abs(a) : Math.abs(a))],
};

const int32 = (elements: number[]) => tensor(elements, { dtype: "int32" });

function everyOp() {
  for (const [name, [f, [low, high], reference]] of Object.entries(unary)) {
    it(name, () => {
      checkOp(f as Checkable, {
        ...(reference ? { reference } : {}),
        cases: [[3, 4], [], [2, 1, 5]].map((shape) => ({ x: uniform(shape, low, high) })),
      });
    });
  }
  for (const [name, [f, reference, [low, high] = [-2, 2]]] of Object.entries(binary)) {
    it(name, () => {
      const [a, b] = (f as { op: { inputs: readonly string[] } }).op.inputs;
      const shapes = [
        [
          [3, 4],
          [3, 4],
        ],
        [[3, 1], [4]],
        [[], [5]],
        [[], []],
      ];
      checkOp(f as Checkable, {
        reference,
        cases: shapes
          // With one tensor for both, a remainder's quotient is at a step.
          .filter(([p, q]) => high === 2 || String(p) !== String(q))
          .map(([p, q]) => ({
            [a!]: uniform(p!, 5 * low, 5 * high),
            [b!]: uniform(q!, low, high),
          })),
      });
    });
  }
  it("wholePow", () => {
    checkOp(wholePow, { cases: [{ a: whole([3, 4], 9), b: whole([4], 5) }] });
  });
  it("roundedDivide", () => {
    for (const mode of ["trunc", "floor"] as const) {
      checkOp(rounding.roundedDivideOp, {
        reference: (a, b) => Math[mode](a / b),
        cases: [
          // Quotients from 1.2 to 1.9, away from the steps.
          { a: uniform([3, 4], 3.6, 3.8), b: uniform([4], 2, 3), attrs: mode },
          { a: uniform([], -3.8, -3.6), b: uniform([], 2, 3), attrs: mode },
          { a: uniform([0, 4], 1, 2), b: uniform([4], 2, 3), attrs: mode },
          { a: () => int32([7, -8]), b: () => int32([3, 5]), attrs: mode },
        ],
      });
    }
  });
  it("polygamma", () => {
    checkOp(special.polygammaOp, {
      cases: [{ order: values([1, 2, 3]), x: uniform([2, 3], 0.8, 4) }],
      rtol: 1e-4,
    });
  });
  for (const f of [
    logic.bitwiseAnd,
    logic.bitwiseOr,
    logic.bitwiseXor,
    logic.bitwiseLeftShift,
    logic.bitwiseRightShift,
  ]) {
    it(f.op.name, () => {
      checkOp(f, {
        cases: [
          { a: whole([3, 4], 9), b: whole([4], 5) },
          { a: whole([], 9), b: whole([], 5) },
          { a: whole([0, 4], 9), b: whole([4], 5) },
        ],
      });
    });
  }
}

/** Composed functions, with points away from their kinks. */
const smooth: Record<string, (x: Tensor) => Tensor> = {
  rsqrt: (x) => x.square().add(0.5).rsqrt(),
  sinc: math.sinc,
  logit: (x) => x.sigmoid().logit(),
  "logit with eps": (x) => x.sigmoid().logit({ eps: 0.01 }),
  logaddexp2: (x) => special.logaddexp2(x, 0.7),
  xlogy: (x) => special.xlogy(x, x.square().add(1)),
  logSigmoid: activations.logSigmoid,
  softplus: (x) => activations.softplus(x, { beta: 2, threshold: 3 }),
  relu6: activations.relu6,
  leakyRelu: (x) => activations.leakyRelu(x, 0.2),
  prelu: (x) => activations.prelu(x, x.sum().mul(0.1)),
  elu: (x) => activations.elu(x, 1.3),
  selu: activations.selu,
  celu: (x) => activations.celu(x, 0.7),
  gelu: activations.gelu,
  "gelu by tanh": (x) => activations.gelu(x, { approximate: "tanh" }),
  silu: activations.silu,
  mish: activations.mish,
  hardtanh: activations.hardtanh,
  hardsigmoid: activations.hardsigmoid,
  hardswish: activations.hardswish,
  hardshrink: activations.hardshrink,
  softshrink: activations.softshrink,
  tanhshrink: activations.tanhshrink,
  softsign: activations.softsign,
  threshold: (x) => activations.threshold(x, 0.1, 3),
  frac: rounding.frac,
  fmod: (x) => rounding.fmod(x, 0.83),
  remainder: (x) => rounding.remainder(x, 0.83),
  "round with decimals": (x) => rounding.round(x, { decimals: 1 }),
  clamp: (x) => rounding.clamp(x, -0.9, 0.9),
  "clamp between tensors": (x) => rounding.clamp(x, x.mul(0.5), x.square()),
  fmax: (x) => rounding.fmax(x, x.square()),
  fmin: (x) => rounding.fmin(x, x.square()),
  "lerp by a number": (x) => rounding.lerp(x, x.square(), 0.7),
  "lerp by a tensor": (x) => rounding.lerp(x, x.square(), x.sigmoid()),
  addcmul: (x) => rounding.addcmul(x, x, x.sin(), { value: 0.5 }),
  addcdiv: (x) => rounding.addcdiv(x, x, x.square().add(1), { value: 0.5 }),
  nanToNum: rounding.nanToNum,
  heaviside: (x) => rounding.heaviside(x, x).add(x),
  "add with alpha": (x) => add(x, x.square(), { alpha: 0.3 }),
  "sub with alpha": (x) => sub(x, x.square(), { alpha: 0.3 }),
};

function composed() {
  const points = [-2.31, -1.37, -0.71, -0.23, 0.27, 0.66, 1.41, 2.37];
  for (const [name, f] of Object.entries(smooth)) {
    it(`${name}: gradients, and the same bits for a lone number`, () => {
      const x = f64([points.slice(0, 4), points.slice(4)], true);
      gradcheck(f, [x]);
      gradgradcheck(f, [x]);
      // prelu's weight is made of all of x here.
      if (name === "prelu") return;
      for (const dtype of ["float32", "float64"] as const) {
        const all = f(tensor(points, { dtype })).data();
        points.forEach((p, i) => {
          expect(Object.is(f(tensor(p, { dtype })).item(), all[i])).toBe(true);
        });
      }
      expect(f(f32([points]).transpose(0, 1)).shape).toEqual([points.length, 1]);
      expect(f(tensor(new Float64Array(0), { shape: [0, 3] })).shape).toEqual([0, 3]);
    });
  }

  it("glu halves its axis", () => {
    const x = f64([[0.3, -1, 2, 0.5]], true);
    gradcheck((t) => activations.glu(t), [x]);
    gradgradcheck((t) => activations.glu(t, 1), [x]);
    expect(activations.glu(f64([3, 0])).toArray()).toEqual([1.5]);
  });

  it("prelu takes one weight for each channel", () => {
    const x = f64(
      [
        [
          [-1, -2],
          [3, -4],
        ],
      ],
      true,
    );
    const weight = f64([0.5, 0.25], true);
    expect(activations.prelu(x, weight).toArray()).toEqual([
      [
        [-0.5, -1],
        [3, -1],
      ],
    ]);
    gradcheck(activations.prelu, [x, weight]);
  });
}

function kinks() {
  it("slopes at kinks are PyTorch's", () => {
    expect(slopes(activations.leakyRelu, [0])[1]).toEqual([0.01]);
    expect(slopes(activations.elu, [0, 800, -800])).toEqual([
      [0, 800, -1],
      [1, 1, 0],
    ]);
    expect(slopes((x) => activations.celu(x, 2), [0])[1]).toEqual([1]);
    expect(slopes(activations.hardtanh, [-1, 1, 0.5])[1]).toEqual([0, 0, 1]);
    expect(slopes(activations.relu6, [0, 6, 3])[1]).toEqual([0, 0, 1]);
    expect(slopes(activations.hardsigmoid, [-3, 3])[1]).toEqual([0, 0]);
    expect(slopes(activations.hardswish, [-3, 3, -4, 4])[1]).toEqual([-0.5, 1.5, 0, 1]);
    expect(slopes(activations.hardshrink, [-0.5, 0.5, 0.6])).toEqual([
      [0, 0, 0.6],
      [0, 0, 1],
    ]);
    expect(slopes(activations.softshrink, [-0.5, 0.5, 1.5])).toEqual([
      [0, 0, 1],
      [0, 0, 1],
    ]);
    expect(slopes((x) => x.clamp(-1, 1), [-2, -1, 1, 2])[1]).toEqual([0, 1, 1, 0]);
    expect(slopes(math.sinc, [0])).toEqual([[1], [0]]);
    expect(slopes(rounding.nanToNum, [Number.NaN, Infinity, 2])[1]).toEqual([0, 0, 1]);
  });

  it("the gradient passes where NaN meets relu, maximum and minimum, as PyTorch's does", () => {
    expect(slopes((x) => x.relu(), [Number.NaN, -1, 0, 2])[1]).toEqual([1, 0, 0, 1]);
    for (const f of [maximum, minimum]) {
      const [a, b] = [f64([Number.NaN, 1, 2], true), f64([1, Number.NaN, 2], true)];
      f(a, b).sum().backward();
      expect([a.grad!.toArray(), b.grad!.toArray()]).toEqual([
        [1, 1, 0.5],
        [1, 1, 0.5],
      ]);
    }
  });

  it("remainder's slope in b is minus the whole quotient, of an infinite b too", () => {
    const b = f64([Infinity, -Infinity, 2, -2], true);
    rounding
      .remainder(f64([-1, 1, 5, 5]), b)
      .sum()
      .backward();
    expect(b.grad!.toArray()).toEqual([1, 1, -2, 3]);
  });

  it("logit's slope at its ends is infinite", () => {
    expect(slopes(special.logit, [0, 0.5, 1])).toEqual([
      [-Infinity, 0, Infinity],
      [Infinity, 4, Infinity],
    ]);
  });

  it("a number beside float64 keeps its digits, and fmax of whole numbers is whole", () => {
    const two = f64([2]);
    expect(special.xlogy(0.1, two).toArray()).toEqual([0.1 * Math.log(2)]);
    expect(rounding.fmax(2.1, two).toArray()).toEqual([2.1]);
    const sums = special.logaddexp2(0.1, f64([0.1])).data();
    expect(sums[0]).toBeCloseTo(1.1, 14);
    expect(special.xlogy(i32([1]), f64(2)).dtype).toBe("float64");
    expect(rounding.fmax(i32([1, 5]), i32([3, 4])).dtype).toBe("int32");
    expect(rounding.fmin(i32([1, 5]), 3).toArray()).toEqual([1, 3]);
  });

  it("nothing overflows far out", () => {
    const far = [-1000, 1000];
    expect(slopes(activations.softplus, far)).toEqual([
      [0, 1000],
      [0, 1],
    ]);
    expect(slopes(activations.logSigmoid, far)).toEqual([
      [-1000, -0],
      [1, 0],
    ]);
    expect(slopes(activations.selu, far)[1]).toEqual([0, 1.0507009873554805]);
    expect(slopes(activations.mish, far)).toEqual([
      [-0, 1000],
      [0, 1],
    ]);
    expect(
      special.logaddexp(f64([-Infinity, Infinity, 1000]), f64([-Infinity, 1, 1000])).data(),
    ).toEqual(Float64Array.of(-Infinity, Infinity, 1000 + Math.LN2));
  });

  it("clamp: max wins where the bounds cross, NaN stays, tensor bounds take the gradient", () => {
    expect(rounding.clamp(f64([0, Number.NaN]), 3, 1).toArray()).toEqual([1, Number.NaN]);
    const x = f64([-2, 0, 2], true);
    const low = f64([-1, -1, -1], true);
    const high = f64(1, true);
    rounding.clamp(x, low, high).sum().backward();
    expect(x.grad!.toArray()).toEqual([0, 1, 0]);
    expect(low.grad!.toArray()).toEqual([1, 0, 0]);
    expect(high.grad!.item()).toBe(1);
    expect(rounding.clamp(i32([-3, 5]), 0, 4).toArray()).toEqual([0, 4]);
  });

  it("fmax and fmin pass NaN by", () => {
    const [a, b] = [f64([Number.NaN, 1, 2]), f64([3, Number.NaN, 1])];
    expect(rounding.fmax(a, b).toArray()).toEqual([3, 1, 2]);
    expect(rounding.fmin(a, b).toArray()).toEqual([3, 1, 1]);
  });

  it("xlogy is 0 at 0, NaN with NaN", () => {
    const y = special.xlogy(f64([0, 0, 0, 2]), f64([0, -1, Number.NaN, 1]));
    expect(y.toArray()).toEqual([0, 0, Number.NaN, 0]);
  });

  it("logaddexp of lone and packed numbers, whole numbers as float32", () => {
    expect(special.logaddexp(0, 0).item()).toBe(Math.fround(Math.LN2));
    expect(special.logaddexp(i32([0]), 0).dtype).toBe("float32");
  });

  it("pow: every sign and exponent", () => {
    const a = f64([-2, -2, 0, 0, -0, -8, Number.NaN, -Infinity], true);
    const b = f64([3, -2, 0, -1, -3, 1 / 3, 0, 3]);
    const y = a.pow(b);
    expect([...y.data()]).toEqual([-8, 0.25, 1, Infinity, -Infinity, Number.NaN, 1, -Infinity]);
    y.sum().backward();
    expect([...a.grad!.data()].slice(0, 3)).toEqual([12, 0.25, 0]);
    expect(a.grad!.data()[6]).toBe(0);
    // As PyTorch: the exponent's slope is NaN at a negative base, 0 at base 0.
    const exponent = f64([2, 2], true);
    f64([-2, 0]).pow(exponent).sum().backward();
    expect(exponent.grad!.toArray()).toEqual([Number.NaN, 0]);
  });
}

function wholePowers() {
  it("whole numbers stay whole, and wrap", () => {
    expect(
      i32([2, -3, 0, 7])
        .pow(i32([10, 3, 0, -1]))
        .toArray(),
    ).toEqual([1024, -27, 1, 0]);
    expect(
      i32([-1, -1, 1])
        .pow(i32([-3, -2, -9]))
        .toArray(),
    ).toEqual([-1, 1, 1]);
    expect(i32([3]).pow(21).toArray()).toEqual([Number(BigInt.asIntN(32, 3n ** 21n))]);
    expect(i32([5]).pow_(2).toArray()).toEqual([25]);
    expect([i32([2]).pow(0.5).dtype, pow(2, 3).dtype]).toEqual(["float32", "float32"]);
    expect(() => i32([2]).pow(-1)).toThrow(
      'pow: the exponent is -1 and the base whole; convert the base with to("float32") first.',
    );
    expect(() => i32([2]).pow_(0.5)).toThrow(/^pow_: the result is float32/);
  });
}

function rounds() {
  it("round goes half to even, with decimals too", () => {
    expect(rounding.round(f64([0.5, 1.5, 2.5, -0.5])).toArray()).toEqual([0, 2, 2, -0]);
    expect(rounding.round(f64([1.25, -3.17]), { decimals: 1 }).toArray()).toEqual([1.2, -3.2]);
    expect(rounding.round(f64([1250, 17]), { decimals: -2 }).toArray()).toEqual([1200, 0]);
    expect(rounding.floor(i32([3])).dtype).toBe("int32");
  });

  it("remainder takes the divisor's sign, fmod the dividend's", () => {
    const [a, b] = [
      [-7, 7, -7, 7],
      [3, -3, -3, 3],
    ];
    for (const make of [f64, f32, i32]) {
      expect(rounding.remainder(make(a), make(b)).toArray()).toEqual([2, -2, -1, 1]);
      expect(rounding.fmod(make(a), make(b)).toArray()).toEqual([-1, 1, -1, 1]);
      expect(rounding.floorDivide(make(a), make(b)).toArray()).toEqual([-3, -3, 2, 2]);
    }
  });

  it("floor division and remainder belong together", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e6, max: 1e6 }),
        fc.integer({ min: -999, max: 999 }),
        (a, b) => {
          fc.pre(b !== 0);
          const [p, q] = [i32([a]), i32([b])];
          const back = q.mul(p.floorDivide(q)).add(p.remainder(q));
          expect(back.toArray()).toEqual([a]);
        },
      ),
      { seed: 20, numRuns: 100 },
    );
  });

  it("copysign, heaviside, nanToNum", () => {
    expect(rounding.copysign(f64([1, -2, 0]), f64([-0, 3, -1])).toArray()).toEqual([-1, 2, -0]);
    expect(rounding.heaviside(f64([-1, 0, 2, Number.NaN]), 0.5).toArray()).toEqual([0, 0.5, 1, 0]);
    expect(rounding.nanToNum(f32([Number.NaN, Infinity, -Infinity])).toArray()).toEqual([
      0, 3.4028234663852886e38, -3.4028234663852886e38,
    ]);
    expect(rounding.nanToNum(f64([Infinity]), { posinf: 7 }).toArray()).toEqual([7]);
  });
}

function truths() {
  it("isnan, isinf, isfinite", () => {
    const x = f64([Number.NaN, -Infinity, 1]);
    expect(x.isnan().toArray()).toEqual([true, false, false]);
    expect(x.isinf().toArray()).toEqual([false, true, false]);
    expect(x.isfinite().toArray()).toEqual([false, false, true]);
    expect(logic.isfinite(i32([-(2 ** 31)])).toArray()).toEqual([true]);
  });

  it("isclose and allclose", () => {
    const a = f64([1, Infinity, Number.NaN, Infinity]);
    const b = f64([1 + 1e-6, Infinity, Number.NaN, -Infinity]);
    expect(logic.isclose(a, b).toArray()).toEqual([true, true, false, false]);
    expect(logic.isclose(a, b, { equalNan: true }).toArray()).toEqual([true, true, true, false]);
    expect(logic.allclose(f64([1, 2]), f64([1, 2.1]))).toBe(false);
    expect(logic.allclose(f64([1, 2]), f64([1, 2.1]), { rtol: 0.1 })).toBe(true);
  });

  it("logical ops take any dtype", () => {
    const [a, b] = [f64([0, 1, Number.NaN, 0]), i32([0, 0, 5, -1])];
    expect(logic.logicalAnd(a, b).toArray()).toEqual([false, false, true, false]);
    expect(logic.logicalOr(a, b).toArray()).toEqual([false, true, true, true]);
    expect(logic.logicalXor(a, b).toArray()).toEqual([false, true, false, true]);
    expect(logic.logicalNot(a).toArray()).toEqual([true, false, false, true]);
  });

  it("bitwise ops obey De Morgan's law", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (p, q) => {
        const [a, b] = [i32([p]), i32([q])];
        const not = logic.bitwiseNot;
        expect(not(a.bitwiseAnd(b)).toArray()).toEqual(not(a).bitwiseOr(not(b)).toArray());
      }),
      { seed: 21, numRuns: 100 },
    );
    expect(logic.bitwiseNot(tensor([1], { dtype: "uint8" })).toArray()).toEqual([254]);
    expect(logic.bitwiseNot(bools([true])).toArray()).toEqual([false]);
    expect(logic.bitwiseLeftShift(i32([1, 1, 1]), i32([4, 32, -1])).toArray()).toEqual([16, 0, 0]);
    expect(logic.bitwiseRightShift(i32([-16, -16]), i32([2, 40])).toArray()).toEqual([-4, -1]);
  });

  it("arithmetic of bools: + is or, · is and, / is float; − is refused", () => {
    const [a, b] = [bools([true, true, false]), bools([true, false, false])];
    expect([a.add(b).dtype, a.mul(b).dtype, a.div(b).dtype]).toEqual(["bool", "bool", "float32"]);
    expect(a.add(b).toArray()).toEqual([true, true, false]);
    expect(a.mul(b).toArray()).toEqual([true, false, false]);
    expect(add(bools(true), bools(true)).toArray()).toBe(true);
    expect(a.add(1).dtype).toBe("int32");
    expect(a.maximum(b).toArray()).toEqual([true, true, false]);
    expect(() => a.sub(b)).toThrow(
      "sub: the input is bool, of which it has no meaning; use logicalXor",
    );
    expect(() => a.neg()).toThrow(/^neg: the input is bool/);
    expect(() => a.sub_(b)).toThrow(/^sub_: the input is bool/);
    expect(a.clone().add_(b).toArray()).toEqual([true, true, false]);
  });

  it("where for every dtype", () => {
    const condition = bools([true, false]);
    for (const dtype of ["bool", "uint8", "int32", "float32", "float64"] as DType[]) {
      const y = where(condition, tensor([1, 1], { dtype }), tensor([0, 0], { dtype }));
      expect([y.dtype, ...y.data()]).toEqual([dtype, 1, 0]);
    }
    expect(where(condition, i32([7, 8]), f64([0.5, 0.5])).toArray()).toEqual([7, 0.5]);
    expect(f64([1, 2]).where(condition, 0).toArray()).toEqual([1, 0]);
    expect(() => where(1 as never, 1, 2)).toThrow(
      "where: condition is a number; it must be a Tensor.",
    );
  });
}

function methods() {
  const prototype = Tensor.prototype as unknown as Record<string, (...args: unknown[]) => Tensor>;
  const core = { ...math, ...special, ...activations, ...rounding } as unknown as Record<
    string,
    (...args: unknown[]) => Tensor
  >;
  const second: Record<string, unknown[]> = {
    polygamma: [2],
    threshold: [0.5, 0.1],
    clamp: [0.3, 0.6],
    lerp: [f64([3, 4]), 0.2],
    addcmul: [0.5, 2],
    addcdiv: [0.5, 2],
    prelu: [f64(0.5)],
  };
  const names = Object.keys(core).filter((name) => prototype[name] !== undefined);

  it("every function has its method, and in-place forms write the same values", () => {
    expect(names.length).toBeGreaterThan(60);
    for (const name of names) {
      const rest =
        second[name] ??
        (/^(atan2|hypot|log.*exp.*|xlogy|fm.*|rem.*|floorD.*|copy.*|heav.*)$/.test(name)
          ? [0.7]
          : []);
      const x = f64([0.4, 0.9]);
      const expected = name === "polygamma" ? core[name]!(2, x) : core[name]!(x, ...rest);
      expect(prototype[name]!.apply(x, rest).toArray()).toEqual(expected.toArray());
      if (prototype[`${name}_`] === undefined) continue;
      const y = x.clone();
      expect(prototype[`${name}_`]!.apply(y, rest)).toBe(y);
      expect([name, y.toArray()]).toEqual([name, expected.toArray()]);
      expect(y.version).toBe(1);
    }
  });

  it("gradients flow through in-place forms", () => {
    const change = (x: Tensor) => x.mul(1).silu_().clamp_(-0.1, 2).erf_().leakyRelu_(0.3);
    gradcheck(change, [f64([-2.2, -0.05, 0.7, 1.5], true)]);
  });

  it("in-place forms on leaves and of other kinds are refused by name", () => {
    expect(() => f64([1], true).silu_()).toThrow(/^silu_: the tensor is a leaf that requires grad/);
    expect(() => i32([1]).erf_()).toThrow(/^erf_: the result is float32/);
    expect(() => i32([1]).mish_()).toThrow(/^mish_: the result is float32/);
    const x = f64([1], true);
    const y = x.mul(2);
    const z = y.square();
    y.gelu();
    y.hardtanh_();
    expect(() => z.backward()).toThrow(/hardtanh_ has changed it since/);
  });

  it("adds and subtracts in place with alpha; holds extremes in place", () => {
    expect(
      f64([1, 2])
        .add_(f64([1, 1]), { alpha: 3 })
        .toArray(),
    ).toEqual([4, 5]);
    expect(f64([1, 2]).sub_(1, { alpha: 0.5 }).toArray()).toEqual([0.5, 1.5]);
    expect(f64([1, 2]).maximum_(1.5).minimum_(1.75).toArray()).toEqual([1.5, 1.75]);
  });
}

function messages() {
  const x = f64([1, 2, 3]);
  const cases: [string, () => unknown, string][] = [
    [
      "alpha",
      () => add(x, 1, { alpha: "2" as never }),
      "add: alpha is a string; it must be a number.",
    ],
    [
      "input",
      () => math.sinc([1] as never),
      "sinc: x is an array (make a tensor of it with tensor([...])); it must be a Tensor or a number.",
    ],
    [
      "clamp",
      () => rounding.clamp(x),
      "clamp: there is neither min nor max; give at least one of them.",
    ],
    [
      "round",
      () => rounding.round(x, { decimals: 0.5 }),
      "round: decimals is 0.5; it must be a whole number.",
    ],
    [
      "fmod",
      () => rounding.fmod(i32([1]), i32([0])),
      "fmod: the divisor has a 0, by which whole numbers can't be divided; convert to float first.",
    ],
    [
      "bits",
      () => logic.bitwiseAnd(x, 1),
      'bitwiseAnd: an input is float64; it works on int32, uint8 and bool, so convert with to("int32") first.',
    ],
    [
      "polygamma",
      () => special.polygamma(-1, x),
      "polygamma: order is -1; it must be a whole number from 0 to 170.",
    ],
    [
      "logit",
      () => special.logit(x, { eps: -1 }),
      "logit: eps is -1; it must be a finite number of at least 0.",
    ],
    [
      "softplus",
      () => activations.softplus(x, { beta: 0 }),
      "softplus: beta is 0; it must be a finite number above 0.",
    ],
    [
      "gelu",
      () => activations.gelu(x, { approximate: "exact" as never }),
      'gelu: approximate is exact; it must be "none" or "tanh".',
    ],
    [
      "hardtanh",
      () => activations.hardtanh(x, { min: 2, max: 1 }),
      "hardtanh: min 2 is above max 1.",
    ],
    [
      "celu",
      () => activations.celu(x, 0),
      "celu: alpha is 0, by which x is divided; give another.",
    ],
    [
      "glu",
      () => activations.glu(x),
      "glu: x is [3], whose axis -1 has 3 elements; an even number is needed for two halves.",
    ],
    [
      "prelu",
      () => activations.prelu(x, f64([1, 2])),
      "prelu: weight is [2] and x [3]; the weight must have 1 element or [3], one for each channel.",
    ],
    [
      "isclose",
      () => logic.isclose(x, f32([1, 2, 3])),
      "isclose: a is float64 and b is float32; convert one with to(…).",
    ],
  ];
  it.each(cases)("%s", (_, f, message) => {
    expect(f).toThrow(message);
  });
}

/** Declares the tests of the family. */
export function checkElementwise(): void {
  describe("elementwise ops", everyOp);
  describe("composed elementwise functions", composed);
  describe("elementwise edges", kinks);
  describe("powers of whole numbers", wholePowers);
  describe("rounding", rounds);
  describe("truth values and bits", truths);
  describe("elementwise methods", methods);
  describe("elementwise messages", messages);
}
