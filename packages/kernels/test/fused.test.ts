import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  copyOut,
  type DType,
  type Operand,
  plainKernels,
  type RandomName,
  type TypedArray,
  type UpdateName,
  wasmKernels,
} from "../src/index.ts";
import { philox } from "../src/plain-random.ts";
import { newArray } from "../src/storage.ts";
import {
  cases,
  close,
  dense,
  expectSame,
  floats,
  options,
  Rng,
  randomOperand,
  twin,
} from "./support.ts";

const wasm = wasmKernels();
const plain = plainKernels();

describe("softmax agrees with the plain twin", () => {
  it.each(
    (["softmax", "logSoftmax"] as const).flatMap((name) =>
      floats.map((dtype) => [name, dtype] as const),
    ),
  )("%s of %s along any axis, any strides, in place too", (name, dtype) => {
    fc.assert(
      fc.property(cases, ([shape, seed]) => {
        if (shape.length === 0) return;
        const rng = new Rng(seed);
        const axis = rng.below(shape.length);
        const inPlace = rng.below(3) === 0;
        const x = randomOperand(rng, dtype, shape, { special: false, writable: inPlace });
        const out = inPlace ? x : randomOperand(rng, dtype, shape, { writable: true });
        const expected = twin(out);
        plain.softmax(name, inPlace ? expected : x, axis, expected);
        wasm.softmax(name, x, axis, out);
        expectSame(out, expected, close(dtype, 16, dtype === "float32" ? 1e-6 : 1e-14));
      }),
      options(60),
    );
  });

  it("gives NaN for a row of −∞, and 0 for −∞ among others", () => {
    const none = -Infinity;
    for (const kernels of [wasm, plain]) {
      const out = dense(new Float32Array(4), [2, 2]);
      kernels.softmax("softmax", dense(Float32Array.of(none, none, none, 3), [2, 2]), 1, out);
      expect([...copyOut(out.storage!)]).toEqual([NaN, NaN, 0, 1]);
    }
  });
});

describe("gradients of rows of scores agree with the plain twin", () => {
  it.each(floats)("%s, along any axis, any strides", (dtype) => {
    const near = close(dtype, 32, dtype === "float32" ? 2e-5 : 1e-13);
    fc.assert(
      fc.property(cases, ([shape, seed]) => {
        if (shape.length === 0) return;
        const rng = new Rng(seed);
        const axis = rng.below(shape.length);
        const strided = () => randomOperand(rng, dtype, shape, { special: false });
        const [y, dy] = [strided(), strided()];
        const out = randomOperand(rng, dtype, shape, { writable: true });
        for (const name of ["softmax", "logSoftmax"] as const) {
          const expected = twin(out);
          plain.softmaxGrad(name, y, axis, dy, expected);
          wasm.softmaxGrad(name, y, axis, dy, out);
          expectSame(out, expected, near);
        }
        const places = shape.filter((_, i) => i !== axis);
        const count = places.reduce((a, b) => a * b, 1);
        const each = () =>
          dense(newArray(dtype, count).map(() => rng.next()) as TypedArray, places);
        const classes = dense(
          new Int32Array(count).map(() => rng.below(shape[axis])),
          places,
        );
        if (shape[axis] === 0) return;
        const [found, expected] = [0, 1].map(() => ({ loss: each(), top: each(), logSum: each() }));
        plain.crossEntropy(y, axis, classes, expected);
        wasm.crossEntropy(y, axis, classes, found);
        for (const part of ["loss", "top", "logSum"] as const) {
          expectSame(found[part], expected[part], near);
        }
        const slope = twin(out);
        const rows = { ...expected, classes, dy: each() };
        plain.crossEntropyGrad(y, axis, rows, slope);
        wasm.crossEntropyGrad(y, axis, rows, out);
        expectSame(out, slope, near);
      }),
      options(60),
    );
  });
});

describe("dropout agrees with the plain twin", () => {
  it.each(floats)("%s", (dtype) => {
    for (const length of [0, 1, 6, 1003]) {
      const rng = new Rng(length);
      const x = dense(newArray(dtype, length).map(() => rng.next() - 0.5) as TypedArray, [length]);
      const out = twin(x);
      const expected = twin(x);
      const key = [7, 8] as const;
      const blocks = plain.dropout(x, expected, key, 2 ** 33 + 1, 0.7, 1 / 0.7);
      expect(wasm.dropout(x, out, key, 2 ** 33 + 1, 0.7, 1 / 0.7)).toBe(blocks);
      expectSame(out, expected, close(dtype, 1, 0));
    }
  });
});

describe("random numbers agree with the plain twin", () => {
  it("Philox 4x32-10 of the twin has the published bits", () => {
    // Known answer of the Random123 distribution: counter 0, key 0.
    expect(philox(0, 0, 0)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  const rows: [RandomName, DType, number, number][] = [
    ["uniform", "float32", -1, 3],
    ["uniform", "float32", 1, 1 + 2 ** -23],
    ["uniform", "float64", 5, 6],
    ["normal", "float32", 1, 2],
    ["normal", "float64", -3, 0.5],
    ["bernoulli", "float32", 0.3, 0],
    ["bernoulli", "float64", 0.7, 0],
    ["bernoulli", "uint8", 0.5, 0],
    ["bernoulli", "bool", 0.5, 0],
    ["integers", "int32", -(2 ** 31), 2 ** 31],
    ["integers", "float64", 0, 1000],
    ["integers", "uint8", 0, 256],
  ];
  it.each(rows)("%s of %s from %d and %d", (name, dtype, a, b) => {
    for (const [length, counter] of [
      [0, 0],
      [1, 7],
      [6, 2 ** 32 - 1],
      [1003, 2 ** 40 + 3],
    ]) {
      const out = { ...dense(newArray(dtype, length + 2), [length], dtype), offset: 2 };
      const expected = twin(out);
      const key = [0x89abcdef, 0x01234567] as const;
      const blocks = plain.random(name, expected, key, counter, a, b);
      expect(wasm.random(name, out, key, counter, a, b)).toBe(blocks);
      expect(blocks).toBe(Math.ceil(length / (dtype === "float64" ? 2 : 4)));
      const slack = dtype === "float32" ? 1e-5 : 1e-13;
      expectSame(out, expected, name === "normal" ? close(dtype, 8, slack) : undefined);
    }
  });
});

describe("optimizer steps agree with the plain twin", () => {
  const rows: [UpdateName, number, number[]][] = [
    ["sgd", 2, [0.1, 0.01]],
    ["sgdMomentum", 3, [0.1, 0.01, 0.9, 0.1, 0, 1]],
    ["sgdMomentum", 3, [0.1, 0, 0.9, 0, 1, 0]],
    ["velocity", 3, [0.1, 0.01, 0.9, 0]],
    ["velocity", 3, [0.1, 0, 0.9, 1]],
    ["lion", 3, [0.01, 0.1, 0.9, 0.99]],
    ["rprop", 4, [0.5, 1.2, 0.01, 0.5]],
    ["lerp", 2, [0.25]],
    ["rmsprop", 3, [0.01, 0.1, 0.99, 0.01, 1e-8]],
    ["rmsprop", 3, [0.01, 0, 1, 1, 1e-8]],
    ["rmspropCentered", 4, [0.01, 0.1, 0.5, 0.5, 1e-3]],
    ["rmspropMomentum", 4, [0.01, 0.1, 0.99, 0.01, 1e-8, 0.9]],
    ["rmspropCenteredMomentum", 5, [0.01, 0.1, 0.5, 0.5, 1e-3, 0.9]],
    ["adadelta", 4, [1, 0.01, 0.9, 1e-6]],
    ["adam", 4, [0.01, 0.9, 0.999, 1e-8, 1, 0, 0.01, Math.sqrt(1000)]],
    ["adam", 4, [0, 0.9, 0.999, 1e-8, 0.99, 0.002, 0.003, 20]],
    ["adam", 4, [0, 0.9, 0.999, 1, 1, 0, 0.01, 0]],
    ["amsgrad", 5, [0.01, 0.9, 0.999, 1e-8, 1, 0, 0.01, Math.sqrt(1000)]],
    ["adamax", 4, [0.002, 0.01, 0.9, 0.999, 1e-8]],
  ];
  /** Gradients and what follows their sign have both signs; a variance is larger than the mean's square. */
  const lowest = (name: UpdateName, operand: number): number => {
    const hasSign = operand === 1 || (operand === 2 && ["lion", "rprop"].includes(name));
    return hasSign ? -0.5 : operand === 2 && name.startsWith("rmsprop") ? 1 : 0;
  };
  it.each(rows.flatMap((row) => floats.map((dtype) => [...row, dtype] as const)))(
    "%s with %i arrays and %j, %s",
    (name, count, hyper, dtype) => {
      for (const length of [0, 1, 5, 64, 1001]) {
        const rng = new Rng(length);
        const operands: Operand[] = Array.from({ length: count }, (_, k) => {
          const from = lowest(name, k);
          const array = newArray(dtype, length + 3).map(() => from + rng.next()) as TypedArray;
          return { ...dense(array, [length]), offset: 3 };
        });
        const expected = operands.map(twin);
        plain.update(name, [expected], hyper);
        wasm.update(name, [operands], hyper);
        operands.forEach((x, i) => {
          expectSame(x, expected[i], close(dtype, 4, dtype === "float32" ? 1e-6 : 1e-15));
        });
      }
    },
  );

  it("takes any number of parameters of any length, small and large", () => {
    const rng = new Rng(3);
    const lengths = [3, 40_000, 1, 900, 1100, ...new Array(40).fill(7), 300_000, 2];
    for (const dtype of floats) {
      const lists = lengths.map((length) =>
        [0, 1, 2, 3, 4].map(() =>
          dense(newArray(dtype, length).map(() => rng.next()) as TypedArray, [length]),
        ),
      );
      const expected = lists.map((list) => list.map(twin));
      const hyper = [0.01, 0.9, 0.999, 1e-8, 1, 0, 0.01, 30];
      plain.update("amsgrad", expected, hyper);
      wasm.update("amsgrad", lists, hyper);
      lists.flat().forEach((x, i) => {
        expectSame(x, expected.flat()[i], close(dtype, 4, dtype === "float32" ? 1e-6 : 1e-15));
      });
    }
    wasm.update("sgd", [], [1, 0]);
  });

  it("a NaN gradient moves nothing by its sign", () => {
    for (const kernels of [wasm, plain]) {
      const [p, g, m] = [
        [1, 1],
        [NaN, -1],
        [0, 0],
      ].map((x) => dense(Float64Array.from(x), [2]));
      kernels.update("lion", [[p, g, m]], [0.5, 0, 0.9, 0.99]);
      expect([...copyOut(p.storage!)]).toEqual([1, 1.5]);
    }
  });
});
