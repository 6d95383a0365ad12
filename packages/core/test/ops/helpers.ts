/** What the tests of op families share. */
import { expect, it } from "@jest/globals";
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

/** Normal numbers in float64, the same at every run. */
export function random(shape: readonly number[], seed = 1): Tensor {
  return randn(shape, { ...double, generator: new Generator(seed) });
}

/** As {@link random}, requiring grad. */
export function leaf(shape: readonly number[], seed = 1): Tensor {
  return random(shape, seed).requiresGrad_();
}

/**
 * Equal shapes, and elements within `tolerance` of each other, relative to what is expected above 1. A flat
 * list stands for the elements in row-major order, whatever their shape.
 */
export function expectNear(
  got: Tensor,
  expected: Tensor | readonly number[] | readonly (readonly number[])[],
  tolerance = 1e-12,
): void {
  const y = Array.isArray(expected) ? f64(expected) : (expected as Tensor);
  const isFlat = Array.isArray(expected) && typeof expected[0] !== "object";
  if (isFlat) expect(got.size).toBe(y.size);
  else expect(got.shape).toEqual(y.shape);
  const [a, b] = [got.data(), y.data()];
  const wrong = a.findIndex((value, i) => {
    const wanted = b[i]!;
    const same = value === wanted || (Number.isNaN(value) && Number.isNaN(wanted));
    return !same && !(Math.abs(value - wanted) <= tolerance * (1 + Math.abs(wanted)));
  });
  if (wrong >= 0) {
    throw new Error(
      `element ${wrong}: got ${a[wrong]}, expected ${b[wrong]} (within ${tolerance})`,
    );
  }
}

/** Both orders, in float64. */
export function expectDifferentiable(
  f: (...inputs: Tensor[]) => Tensor | Tensor[],
  ...inputs: Tensor[]
): void {
  gradcheck(f, inputs);
  gradgradcheck(f, inputs);
}

/** Type and text of what f throws. */
export function message(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return "no error";
}

/** One test for each message: what is wrong, a call, and what it must throw. */
export function testMessages(messages: readonly [string, () => unknown, RegExp][]): void {
  for (const [what, call, message] of messages) {
    it(what, () => expect(call).toThrow(message));
  }
}
