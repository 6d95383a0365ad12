/** What the tests of this family share. */
import { type DType, type Tensor, tensor } from "../../src/index.ts";
import { expectDifferentiable, f64, leaf as normalLeaf } from "./helpers.ts";

export const inf = Number.POSITIVE_INFINITY;
export const nan = Number.NaN;
export type Nested = Parameters<typeof tensor>[0];
export const leaf = (array: Nested) => f64(array).requiresGrad_();
export const int = (array: Nested, dtype: DType = "int32") => tensor(array, { dtype });
export const random = (shape: number[]) => normalLeaf(shape, 3);

/** The gradient of Σ f(x) (or Σ w·f(x)) at the values. */
export function gradientAt(array: Nested, f: (x: Tensor) => Tensor, w?: Nested): unknown {
  const x = leaf(array);
  const y = f(x);
  (w === undefined ? y : y.mul(f64(w))).sum().backward();
  return x.grad!.toArray();
}

/** First and second order, at distinct random values. */
export function checkGradients(
  f: (x: Tensor) => Tensor | Tensor[],
  shape: number[] = [3, 4],
): void {
  expectDifferentiable(f, random(shape));
}
