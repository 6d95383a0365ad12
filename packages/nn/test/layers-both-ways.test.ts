/**
 * Normalization in CS231n's two ways: as a graph of primitive steps, whose backward is derived, and by the simplified
 * formula dx = γ/(N·s)·(N·dy − Σdy − x̂·Σ(dy·x̂)). The layers must agree with both.
 */
import { describe, it } from "@jest/globals";
import { Generator, randn, type Tensor } from "@tapegrad/core";
import fc from "fast-check";
import { expectClose } from "../../core/test/golden.ts";
import { batchNorm1d, batchNorm2d, groupNorm, layerNorm, type Parameter } from "../src/index.ts";

const eps = 1e-5;

interface Problem {
  x: Tensor;
  dy: Tensor;
  weight: Tensor;
  bias: Tensor;
}

interface Gradients {
  y: Tensor;
  dx: Tensor;
  dweight: Tensor;
  dbias: Tensor;
}

function problem(seed: number, shape: readonly number[], parameters: readonly number[]): Problem {
  const options = { dtype: "float64", generator: new Generator(seed) } as const;
  return {
    x: randn(shape, { ...options, mean: 3, std: 2 }),
    dy: randn(shape, options),
    weight: randn(parameters, options),
    bias: randn(parameters, options),
  };
}

/** The gradients that the tape finds for y = f(x, weight, bias). */
function taped(f: (x: Tensor, weight: Tensor, bias: Tensor) => Tensor, given: Problem): Gradients {
  const [x, weight, bias] = [given.x, given.weight, given.bias].map((t) =>
    t.clone().requiresGrad_(),
  ) as [Tensor, Tensor, Tensor];
  const y = f(x, weight, bias);
  y.backward(given.dy);
  return { y: y.detach(), dx: x.grad!, dweight: weight.grad!, dbias: bias.grad! };
}

/** Every step by itself: mean, differences, squares, variance, root, quotient, scale and shift. */
function bySteps(axes: readonly number[], shape: readonly number[]) {
  return (x: Tensor, weight: Tensor, bias: Tensor) => {
    const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
    const mean = x.sum(axes, { keepdim: true }).mul(1 / count);
    const centred = x.sub(mean);
    const variance = centred
      .mul(centred)
      .sum(axes, { keepdim: true })
      .mul(1 / count);
    const inverse = variance.add(eps).sqrt().reciprocal();
    return centred.mul(inverse).mul(weight.reshape(shape)).add(bias.reshape(shape));
  };
}

/** The simplified formula; `parameterAxes` are those over which the gradients of weight and bias are sums. */
function byFormula(
  { x, dy, weight, bias }: Problem,
  axes: readonly number[],
  shape: readonly number[],
  parameterAxes: readonly number[],
): Gradients {
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  const s = x.var(axes, { correction: 0, keepdim: true }).add(eps).sqrt();
  const normalized = x.sub(x.mean(axes, { keepdim: true })).div(s);
  const scaled = dy.mul(weight.reshape(shape));
  const total = (t: Tensor) => t.sum(axes, { keepdim: true });
  const dx = scaled
    .mul(count)
    .sub(total(scaled))
    .sub(normalized.mul(total(scaled.mul(normalized))))
    .div(s.mul(count));
  return {
    y: normalized.mul(weight.reshape(shape)).add(bias.reshape(shape)),
    dx,
    dweight: dy.mul(normalized).sum(parameterAxes).reshape(weight.shape),
    dbias: dy.sum(parameterAxes).reshape(bias.shape),
  };
}

function expectSame(a: Gradients, b: Gradients): void {
  const tolerance = { rtol: 1e-9, atol: 1e-11 };
  for (const key of ["y", "dx", "dweight", "dbias"] as const)
    expectClose(a[key], b[key], tolerance);
}

/** A layer with other parameters. */
function withParameters<L extends { weight: Parameter | null; bias: Parameter | null }>(
  layer: L,
  weight: Tensor,
  bias: Tensor,
): L {
  // The tape's own tensors, so that their gradients are found.
  return Object.assign(layer, { weight, bias });
}

const sizes = fc.record({
  n: fc.integer({ min: 2, max: 5 }),
  c: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(1000),
});
const runs = { seed: 231, numRuns: 15 };

describe("batch norm, by the graph and by the formula", () => {
  it("of rows", () => {
    fc.assert(
      fc.property(sizes, ({ n, c, seed }) => {
        const given = problem(seed, [n, c], [c]);
        const layer = taped(
          (x, w, b) => withParameters(batchNorm1d(c, { eps, dtype: "float64" }), w, b)(x),
          given,
        );
        expectSame(layer, taped(bySteps([0], [1, c]), given));
        expectSame(layer, byFormula(given, [0], [1, c], [0]));
      }),
      runs,
    );
  });

  it("of images", () => {
    fc.assert(
      fc.property(sizes, ({ n, c, seed }) => {
        const given = problem(seed, [n, c, 2, 3], [c]);
        const layer = taped(
          (x, w, b) => withParameters(batchNorm2d(c, { eps, dtype: "float64" }), w, b)(x),
          given,
        );
        expectSame(layer, taped(bySteps([0, 2, 3], [1, c, 1, 1]), given));
        expectSame(layer, byFormula(given, [0, 2, 3], [1, c, 1, 1], [0, 2, 3]));
      }),
      runs,
    );
  });
});

describe("layer norm, by the graph and by the formula", () => {
  it("of rows and planes", () => {
    fc.assert(
      fc.property(sizes, ({ n, c, seed }) => {
        const given = problem(seed, [n, c, 3], [c, 3]);
        const layer = taped(
          (x, w, b) => withParameters(layerNorm([c, 3], { eps, dtype: "float64" }), w, b)(x),
          given,
        );
        expectSame(layer, taped(bySteps([1, 2], [1, c, 3]), given));
        expectSame(layer, byFormula(given, [1, 2], [1, c, 3], [0]));
      }),
      runs,
    );
  });

  it("is batch norm of the transpose", () => {
    const given = problem(7, [4, 6], [6]);
    const plain = { eps, dtype: "float64" } as const;
    const rows = layerNorm(6, plain)(given.x);
    const columns = batchNorm1d(4, plain)(given.x.transpose()).transpose();
    expectClose(rows, columns.detach(), { rtol: 1e-10, atol: 1e-12 });
  });
});

describe("group norm", () => {
  it("is layer norm of images with one group, and instance by instance with as many as channels", () => {
    const x = randn([3, 4, 2, 5], { dtype: "float64", generator: new Generator(3) });
    const plain = { dtype: "float64" } as const;
    expectClose(groupNorm(1, 4, plain)(x).detach(), layerNorm([4, 2, 5], plain)(x).detach());
    const each = layerNorm([2, 5], plain)(x).detach();
    expectClose(groupNorm(4, 4, plain)(x).detach(), each);
  });
});
