/** Random operands for the tests: shapes, strides and contents from one seed. */
import fc from "fast-check";
import { adopt, copyOut, type DType, type Operand, type TypedArray } from "../src/index.ts";
import { newArray } from "../src/storage.ts";

export const floats: readonly DType[] = ["float32", "float64"];

/** A small generator (mulberry32), so that contents follow from one number. */
export class Rng {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

const floatCorners = [0, -0, 1, -1, 0.5, -0.5, 1.5, -2.5, 3, NaN, Infinity, -Infinity];
const single = [1e-45, -1e-40, 2 ** -126, 3.4e38, -3.4e38, 16777217];
const double = [5e-324, -1e-310, 2 ** -1022, 1.7e308, -1.7e308, 2 ** 53];
const intCorners = [0, 1, -1, 2, 7, -(2 ** 31), 2 ** 31 - 1, 65536, -65535];

/** One number of the dtype: mostly ordinary, now and then a corner case. */
export function randomValue(rng: Rng, dtype: DType, special: boolean): number {
  if (dtype === "bool") return rng.below(2);
  if (dtype === "uint8") return rng.below(256);
  if (dtype === "int32") return rng.below(3) === 0 ? rng.pick(intCorners) : rng.below(2000) - 1000;
  if (special && rng.below(4) === 0) {
    return rng.pick(rng.below(3) > 0 ? floatCorners : dtype === "float32" ? single : double);
  }
  return (rng.next() - 0.5) * 2 ** (rng.below(6) - 1);
}

export function randomArray(rng: Rng, dtype: DType, length: number, special = true): TypedArray {
  return newArray(dtype, length).map(() => randomValue(rng, dtype, special)) as TypedArray;
}

/** Row-major strides. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((p, n) => p * n, 1));
}

export function dense(array: TypedArray, shape: readonly number[], dtype?: DType): Operand {
  const storage = adopt(array, dtype);
  return {
    storage,
    value: 0,
    dtype: storage.dtype,
    shape,
    strides: stridesOf(shape),
    offset: 0,
  };
}

export function lone(dtype: DType, value: number): Operand {
  return { storage: null, value, dtype, shape: [], strides: [], offset: 0 };
}

/**
 * An operand of the shape, laid out by chance: axes in any order in memory, with steps, backwards,
 * and, unless it is to be written, repeated (stride 0).
 */
export function randomOperand(
  rng: Rng,
  dtype: DType,
  shape: readonly number[],
  { writable = false, special = true } = {},
): Operand {
  const plain = rng.below(3) === 0;
  const order = shape.map((_, axis) => axis);
  if (!plain) order.sort(() => rng.next() - 0.5);
  const strides = shape.map(() => 0);
  let size = 1;
  let offset = plain ? 0 : rng.below(4);
  const start = offset;
  for (const axis of order.reverse()) {
    if (!plain && !writable && rng.below(5) === 0) continue;
    const step = plain || rng.below(3) > 0 ? 1 : 2;
    const backwards = !plain && rng.below(5) === 0;
    strides[axis] = backwards ? -size * step : size * step;
    if (backwards) offset += Math.max(shape[axis] - 1, 0) * size * step;
    size *= Math.max(shape[axis], 1) * step;
  }
  const array = randomArray(rng, dtype, start + size + rng.below(3), special);
  return { ...dense(array, shape, dtype), strides, offset };
}

/** An input that broadcasts to `shape`: with axes of length 1, without leading axes, or a lone number. */
export function randomInput(
  rng: Rng,
  dtype: DType,
  shape: readonly number[],
  special = true,
): Operand {
  if (rng.below(8) === 0) return lone(dtype, randomValue(rng, dtype, special));
  const dropped = rng.below(4) === 0 ? rng.below(shape.length + 1) : 0;
  const kept = shape.slice(dropped).map((n) => (rng.below(6) === 0 ? 1 : n));
  return randomOperand(rng, dtype, kept, { special });
}

/** The same operand on a copy of its storage. */
export function twin(x: Operand): Operand {
  return x.storage === null ? x : { ...x, storage: adopt(copyOut(x.storage), x.dtype) };
}

/** Shapes of up to four axes: lengths 0 to 9, now and then one around the edges of vectors and tiles. */
export const shapes: fc.Arbitrary<number[]> = fc
  .array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 })
  .map((shape) => (shape.length === 4 ? shape.map((n) => n % 6) : shape))
  .chain((shape) =>
    fc.oneof(
      { weight: 2, arbitrary: fc.constant(shape.map((n) => n || 1)) },
      { weight: 1, arbitrary: fc.constant(shape) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom(15, 16, 17, 31, 33, 63, 64, 65, 129, 257)
          .map((edge) => [...shape.slice(0, 1).map((n) => n || 1), edge]),
      },
    ),
  );

/** A shape and a seed for everything else. */
export const cases = fc.tuple(shapes, fc.integer());

/** Runs of a property, always the same ones. */
export const options = (numRuns: number) => ({ seed: 20, numRuns });

/** Every element of both storages, the ones between the operand's own included, agrees. */
export function expectSame(
  actual: Operand,
  expected: Operand,
  same: (a: number, b: number, at: number) => boolean = Object.is,
): void {
  const [a, b] = [copyOut(actual.storage!), copyOut(expected.storage!)];
  for (let i = 0; i < b.length; i++) {
    if (!same(a[i], b[i], i)) {
      throw new Error(
        `element ${i}: got ${a[i]}, expected ${b[i]} (shape [${actual.shape}], strides [${actual.strides}])`,
      );
    }
  }
}

/** Within `ulps` units in the last place, or absolutely within `slack`. */
export function close(dtype: DType, ulps: number, slack = 0) {
  const epsilon = dtype === "float32" ? 2 ** -23 : 2 ** -52;
  const tiny = dtype === "float32" ? 2 ** -149 : 2 ** -1074;
  return (a: number, b: number): boolean =>
    Object.is(a, b) ||
    a === b ||
    Math.abs(a - b) <= Math.abs(b) * ulps * epsilon + ulps * tiny + slack;
}
