import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  copyOut,
  type DType,
  getElement,
  peek,
  plainKernels,
  type ReduceName,
  wasmKernels,
} from "../src/index.ts";
import { newArray } from "../src/storage.ts";
import {
  cases,
  close,
  dense,
  expectSame,
  floats,
  options,
  Rng,
  randomArray,
  randomOperand,
  twin,
} from "./support.ts";

const wasm = wasmKernels();
const plain = plainKernels();
const all: readonly DType[] = ["float32", "float64", "int32", "uint8", "bool"];

function reduceAgrees(
  name: ReduceName,
  dtype: DType,
  special: boolean,
  same?: (a: number, b: number) => boolean,
) {
  fc.assert(
    fc.property(cases, ([shape, seed]) => {
      const rng = new Rng(seed);
      const x = randomOperand(rng, dtype, shape, { special });
      const outShape = shape.map((n) => (rng.below(2) === 0 ? 1 : n));
      const out = randomOperand(rng, dtype, outShape, { writable: true });
      const expected = twin(out);
      plain.reduce(name, x, expected);
      wasm.reduce(name, x, out);
      expectSame(out, expected, same);
    }),
    options(60),
  );
}

describe("reductions agree with the plain twin", () => {
  // Values up to 16 that cancel: the error is relative to their magnitudes, not to the sum.
  it.each(floats)("sum of %s", (dtype) =>
    reduceAgrees("sum", dtype, false, close(dtype, 4, dtype === "float32" ? 2e-3 : 1e-11)),
  );

  it("sum and prod of int32 wrap", () => {
    reduceAgrees("sum", "int32", true);
    reduceAgrees("prod", "int32", true);
  });

  it.each(floats)("prod of %s, up to one rounding a factor", (dtype) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), fc.integer(), (n, seed) => {
        const rng = new Rng(seed);
        const array = newArray(dtype, 3 * n).map(() => 0.5 + rng.next()) as Float64Array;
        const x = dense(array, [n, 3]);
        for (const outShape of [
          [1, 3],
          [n, 1],
          [1, 1],
        ]) {
          const out = dense(newArray(dtype, outShape[0] * outShape[1]), outShape);
          const expected = twin(out);
          plain.reduce("prod", x, expected);
          wasm.reduce("prod", x, out);
          expectSame(out, expected, close(dtype, 3 * n + 1));
        }
      }),
      options(40),
    );
  });

  it.each(all.flatMap((dtype) => (["max", "min"] as const).map((name) => [name, dtype] as const)))(
    "%s of %s, NaN winning",
    (name, dtype) => reduceAgrees(name, dtype, true),
  );

  it("any and all of bool", () => {
    reduceAgrees("any", "bool", true);
    reduceAgrees("all", "bool", true);
  });

  it.each([
    [
      [3, 40000],
      [3, 1],
    ],
    [[40000], [1]],
    [
      [2000, 3],
      [1, 3],
    ],
    [
      [520, 1030],
      [1, 1030],
    ],
    [
      [7, 513, 33],
      [7, 1, 33],
    ],
    [
      [3, 600, 5, 7],
      [3, 1, 5, 1],
    ],
    [
      [600, 2, 40],
      [1, 2, 1],
    ],
  ])("sum of %j to %j, longer than a chunk", (shape, outShape) => {
    const length = shape.reduce((a, b) => a * b);
    const rng = new Rng(length);
    // Small whole numbers: every order of summation is exact.
    const array = new Float32Array(length).map(() => rng.below(17) - 8);
    const out = dense(new Float32Array(outShape.reduce((a, b) => a * b)), outShape);
    const expected = twin(out);
    plain.reduce("sum", dense(array, shape), expected);
    wasm.reduce("sum", dense(array, shape), out);
    expectSame(out, expected, (a, b) => a === b);
  });

  it("sums a million float32 within 1e-6 of exact, and float64 within 1e-15", () => {
    const rng = new Rng(1);
    const values = new Float64Array(1e6).map(() => Math.fround(rng.next()));
    const exact = values.reduce((state, x) => state + x, 0);
    const out32 = dense(new Float32Array(1), [1]);
    wasm.reduce("sum", dense(Float32Array.from(values), [1e6]), out32);
    expect(Math.abs(getElement(out32.storage!, 0) / exact - 1)).toBeLessThan(1e-7);
    // A column sum, which adds rows in another order.
    const columns = dense(new Float32Array(2), [1, 2]);
    wasm.reduce("sum", dense(Float32Array.from(values), [5e5, 2]), columns);
    const [a, b] = copyOut(columns.storage!);
    expect(Math.abs((a + b) / exact - 1)).toBeLessThan(1e-6);
    const out64 = dense(new Float64Array(1), [1]);
    wasm.reduce("sum", dense(values, [1e6]), out64);
    expect(Math.abs(getElement(out64.storage!, 0) / exact - 1)).toBeLessThan(1e-13);
  });

  it("gives the identity over no elements", () => {
    const x = dense(new Float32Array(0), [0, 2]);
    const expected = { sum: 0, prod: 1, max: -Infinity, min: Infinity } as const;
    for (const kernels of [wasm, plain]) {
      for (const [name, value] of Object.entries(expected)) {
        const out = dense(Float32Array.of(7, 7), [1, 2]);
        kernels.reduce(name as ReduceName, x, out);
        expect([...copyOut(out.storage!)]).toEqual([value, value]);
      }
    }
  });

  it("says which types it sums", () => {
    const x = dense(new Uint8Array(4), [4]);
    expect(() => wasm.reduce("sum", x, dense(new Uint8Array(1), [1]))).toThrow(
      'reduce: there is no kernel "sum" for uint8; it takes float32, float64, int32.',
    );
  });
});

describe("argReduce", () => {
  it.each(
    all.flatMap((dtype) => (["argmax", "argmin"] as const).map((name) => [name, dtype] as const)),
  )("%s of %s: the first of equals, NaN winning", (name, dtype) => {
    fc.assert(
      fc.property(cases, ([shape, seed]) => {
        if (shape.length === 0 || shape.includes(0)) return;
        const rng = new Rng(seed);
        const x = randomOperand(rng, dtype, shape);
        const axis = rng.below(shape.length);
        const out = randomOperand(rng, "int32", shape.with(axis, 1), { writable: true });
        const expected = twin(out);
        plain.argReduce(name, x, axis, expected);
        wasm.argReduce(name, x, axis, out);
        expectSame(out, expected);
      }),
      options(40),
    );
  });

  it("finds NaN first", () => {
    const out = dense(new Int32Array(1), [1]);
    wasm.argReduce("argmin", dense(Float32Array.of(3, 1, Number.NaN, 0, Number.NaN), [5]), 0, out);
    expect(getElement(out.storage!, 0)).toBe(2);
  });
});

describe("windowArgmax agrees with the plain twin", () => {
  it.each(all)("of %s", (dtype) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const rng = new Rng(seed);
        const rank = 1 + rng.below(3);
        const axes = Array.from({ length: rank }, () => {
          const [input, dilation, count] = [1 + rng.below(12), 1 + rng.below(2), 1 + rng.below(9)];
          const even = rng.below(2) === 0 && count * 2 <= input;
          const starts = Int32Array.from({ length: count }, (_, o) =>
            even ? 2 * o : rng.below(input),
          );
          const lengths = starts.map((start) => {
            const most = Math.floor((input - 1 - start) / dilation) + 1;
            return even ? Math.min(2, most) : 1 + rng.below(most);
          });
          return { input, dilation, count, starts, lengths };
        });
        const boxes = {
          input: axes.map(({ input }) => input),
          output: axes.map(({ count }) => count),
          dilation: axes.map(({ dilation }) => dilation),
          starts: axes.map(({ starts }) => starts),
          lengths: axes.map(({ lengths }) => lengths),
        };
        const images = rng.below(3);
        const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
        const shape = [images, ...boxes.input];
        const x = dense(randomArray(rng, dtype, size(shape)), shape, dtype);
        const found = [images, ...boxes.output];
        const out = dense(new Int32Array(size(found)), found);
        const expected = twin(out);
        plain.windowArgmax(boxes, x, expected);
        wasm.windowArgmax(boxes, x, out);
        expectSame(out, expected);
      }),
      options(100),
    );
  });

  it("takes the first of equals, and the first NaN, in vectors of windows and alone", () => {
    const [nan, windows] = [Number.NaN, 5];
    const x = dense(Float32Array.of(5, 5, nan, 9, nan, nan, 1, 1, -Infinity, -Infinity), [1, 10]);
    const boxes = {
      input: [10],
      output: [windows],
      dilation: [1],
      starts: [Int32Array.of(0, 2, 4, 6, 8)],
      lengths: [new Int32Array(windows).fill(2)],
    };
    for (const kernels of [wasm, plain]) {
      const out = dense(new Int32Array(windows), [1, windows]);
      kernels.windowArgmax(boxes, x, out);
      expect([...copyOut(out.storage!)]).toEqual([0, 2, 4, 6, 8]);
    }
  });
});

describe("resample and resampleInput agree with the plain twin", () => {
  it.each(floats)("of %s", (dtype) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const rng = new Rng(seed);
        const [units, length, inner] = [rng.below(4), 1 + rng.below(7), 1 + rng.below(9)];
        const [taps, count] = [1 + rng.below(4), 1 + rng.below(9)];
        const operand = (...shape: number[]) =>
          dense(
            randomArray(
              rng,
              dtype,
              shape.reduce((a, b) => a * b, 1),
              false,
            ),
            shape,
            dtype,
          );
        const x = operand(units, length, inner);
        const y = operand(units, count, inner);
        const weights = operand(taps, count);
        const at = Int32Array.from({ length: taps * count }, () => rng.below(length));
        const positions = dense(at, [taps, count]);
        const [big, small] = [twin(y), twin(x)];
        wasm.resample(x, positions, weights, 1, y);
        plain.resample(x, positions, weights, 1, big);
        expectSame(y, big, close(dtype, 4, dtype === "float32" ? 1e-3 : 1e-12));
        wasm.resampleInput(x, positions, weights, 1, big);
        plain.resampleInput(small, positions, weights, 1, big);
        expectSame(x, small, close(dtype, 4, dtype === "float32" ? 2e-2 : 1e-10));
      }),
      options(60),
    );
  });
});

describe("gather and scatterAdd agree with the plain twin", () => {
  it.each(all)("gather of %s", (dtype) => {
    fc.assert(
      fc.property(cases, ([shape, seed]) => {
        if (shape.length === 0) return;
        const rng = new Rng(seed);
        const axis = rng.below(shape.length);
        const length = 1 + rng.below(6);
        const x = randomOperand(rng, dtype, shape.with(axis, length));
        const bad = rng.below(4) === 0;
        const index = randomOperand(rng, "int32", shape);
        peek(index.storage!).forEach((_, i, array) => {
          array[i] = rng.below(bad ? length + 1 : length) - (bad ? rng.below(2) : 0);
        });
        const out = randomOperand(rng, dtype, shape, { writable: true });
        const expected = twin(out);
        const at = plain.gather(x, axis, index, expected);
        expect(wasm.gather(x, axis, index, out)).toBe(at);
        if (at < 0) expectSame(out, expected);
      }),
      options(60),
    );
  });

  it.each(["float32", "float64", "int32", "uint8"] as const)("scatterAdd of %s", (dtype) => {
    fc.assert(
      fc.property(cases, ([shape, seed]) => {
        if (shape.length === 0) return;
        const rng = new Rng(seed);
        const axis = rng.below(shape.length);
        const length = 1 + rng.below(6);
        const out = randomOperand(rng, dtype, shape.with(axis, length), {
          writable: true,
          special: false,
        });
        const index = randomOperand(rng, "int32", shape);
        peek(index.storage!).forEach((_, i, array) => {
          array[i] = rng.below(length);
        });
        const source = randomOperand(rng, dtype, shape, { special: false });
        const expected = twin(out);
        expect(plain.scatterAdd(expected, axis, index, source)).toBe(-1);
        expect(wasm.scatterAdd(out, axis, index, source)).toBe(-1);
        // Both add in row-major order with a rounding each time.
        expectSame(out, expected);
      }),
      options(60),
    );
  });

  it.each([
    ...(["set", "prod", "max", "min"] as const).flatMap((name) =>
      (["float32", "float64", "int32", "uint8"] as const).map((dtype) => [name, dtype] as const),
    ),
    ["set", "bool"] as const,
  ])("scatter (%s) of %s", (name, dtype) => {
    fc.assert(
      fc.property(cases, ([shape, seed]) => {
        if (shape.length === 0) return;
        const rng = new Rng(seed);
        const axis = rng.below(shape.length);
        const length = 1 + rng.below(6);
        const out = randomOperand(rng, dtype, shape.with(axis, length), { writable: true });
        const index = randomOperand(rng, "int32", shape);
        const bad = rng.below(4) === 0;
        peek(index.storage!).forEach((_, i, array) => {
          array[i] = rng.below(bad ? length + 1 : length);
        });
        const source = randomOperand(rng, dtype, shape);
        const expected = twin(out);
        const at = plain.scatter(name, expected, axis, index, source);
        expect(wasm.scatter(name, out, axis, index, source)).toBe(at);
        if (at < 0) expectSame(out, expected);
      }),
      options(40),
    );
  });

  it("looks up and adds whole rows, as an embedding does", () => {
    const table = dense(randomArray(new Rng(4), "float32", 50 * 20, false), [50, 20]);
    const index = { ...dense(Int32Array.of(7, 0, 49, 7), [4]), shape: [4, 20], strides: [1, 0] };
    const out = dense(new Float32Array(80), [4, 20]);
    expect(wasm.gather(table, 0, index, out)).toBe(-1);
    const rows = copyOut(table.storage!);
    expect([...copyOut(out.storage!, 40, 20)]).toEqual([...rows.slice(980, 1000)]);
    const gradient = dense(new Float32Array(1000), [50, 20]);
    expect(wasm.scatterAdd(gradient, 0, index, out)).toBe(-1);
    expect(getElement(gradient.storage!, 141)).toBe(2 * rows[141]);
  });

  it("reports the flat position of the first bad index and stays in bounds", () => {
    const x = dense(Float32Array.of(1, 2, 3), [3]);
    for (const kernels of [wasm, plain]) {
      const index = dense(Int32Array.of(0, 2, 3, -1), [4]);
      expect(kernels.gather(x, 0, index, dense(new Float32Array(4), [4]))).toBe(2);
      expect(kernels.scatterAdd(x, 0, index, dense(new Float32Array(4), [4]))).toBe(2);
    }
  });
});
