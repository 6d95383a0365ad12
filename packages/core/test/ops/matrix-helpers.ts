import { expect } from "@jest/globals";
import {
  Generator,
  gradcheck,
  gradgradcheck,
  randn,
  type Tensor,
  tensor,
} from "../../src/index.ts";

export const double = { dtype: "float64" } as const;
export const f64 = (values: Parameters<typeof tensor>[0]) => tensor(values, double);
export const leaf = (shape: number[], seed = 1) =>
  randn(shape, { ...double, generator: new Generator(seed) }).requiresGrad_();

export function expectNear(
  got: Tensor,
  expected: Tensor | number[] | number[][],
  tolerance = 1e-12,
) {
  const y = Array.isArray(expected) ? f64(expected) : expected;
  expect(got.shape).toEqual(y.shape);
  const [a, b] = [got.data(), y.data()];
  a.forEach((x, i) => {
    if (!(Math.abs(x - b[i]!) <= tolerance * (1 + Math.abs(b[i]!)))) {
      throw new Error(`element ${i}: got ${x}, expected ${b[i]}\n${got}\n${y}`);
    }
  });
}

/** Both orders, in float64. */
export function expectDifferentiable(
  f: (...inputs: Tensor[]) => Tensor | Tensor[],
  ...inputs: Tensor[]
) {
  gradcheck(f, inputs);
  gradgradcheck(f, inputs);
}
