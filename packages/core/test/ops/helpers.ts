/** What the tests of op families share. */
import { expect, it } from "@jest/globals";
import { Generator, randn, type Tensor } from "../../src/index.ts";

/** Normal numbers in float64, the same at every run. */
export function random(shape: readonly number[], seed = 1): Tensor {
  return randn(shape, { dtype: "float64", generator: new Generator(seed) });
}

/** Equal shapes, and elements within `tolerance` of each other, relative to what is expected above 1. */
export function expectNear(
  got: Tensor,
  expected: Tensor | readonly number[],
  tolerance = 1e-12,
): void {
  const [a, b] = [got.data(), Array.isArray(expected) ? expected : (expected as Tensor).data()];
  if (!Array.isArray(expected)) expect(got.shape).toEqual((expected as Tensor).shape);
  expect(a.length).toBe(b.length);
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

/** One test for each message: what is wrong, a call, and what it must throw. */
export function testMessages(messages: readonly [string, () => unknown, RegExp][]): void {
  for (const [what, call, message] of messages) {
    it(what, () => expect(call).toThrow(message));
  }
}
