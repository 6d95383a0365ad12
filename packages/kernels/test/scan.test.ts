import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  copyOut,
  type DType,
  type Operand,
  plainKernels,
  type TypedArray,
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
  randomOperand,
  twin,
} from "./support.ts";

const wasm = wasmKernels();
const plain = plainKernels();
const sortable: readonly DType[] = ["float32", "float64", "int32", "uint8", "bool"];

/** Both backends write the same along an axis taken by chance. */
function agree(
  dtypes: readonly [DType, ...DType[]],
  special: boolean,
  run: (kernels: typeof wasm, inputs: Operand[], axis: number, out: Operand) => void,
  same?: (a: number, b: number) => boolean,
) {
  fc.assert(
    fc.property(cases, ([shape, seed]) => {
      if (shape.length === 0) return;
      const rng = new Rng(seed);
      const axis = rng.below(shape.length);
      const inputs = dtypes.slice(1).map((dtype) => randomOperand(rng, dtype, shape, { special }));
      const out = randomOperand(rng, dtypes[0], shape, { writable: true, special });
      const expected = twin(out);
      run(plain, inputs, axis, expected);
      run(wasm, inputs, axis, out);
      expectSame(out, expected, same);
    }),
    options(60),
  );
}

describe("scans agree with the plain twin", () => {
  it.each([...floats, "int32"] as const)("cumsum and cumprod of %s", (dtype) => {
    for (const name of ["cumsum", "cumprod"] as const) {
      agree([dtype, dtype], true, (k, [x], axis, out) => k.scan(name, x, axis, out));
    }
  });

  it.each(floats)("logcumsumexp of %s", (dtype) => {
    const run: Parameters<typeof agree>[2] = (k, [x], axis, out) =>
      k.scan("logcumsumexp", x, axis, out);
    agree([dtype, dtype], false, run, close(dtype, 8, dtype === "float32" ? 1e-6 : 1e-14));
    const nonFinite = Float64Array.of(-Infinity, -Infinity, 1, Infinity, 2, Infinity, NaN, 0);
    const out = dense(new Float64Array(8), [8]);
    wasm.scan("logcumsumexp", dense(nonFinite, [8]), 0, out);
    expect([...copyOut(out.storage!)]).toEqual([
      -Infinity,
      -Infinity,
      1,
      Infinity,
      Infinity,
      Infinity,
      NaN,
      NaN,
    ]);
  });

  it.each(floats)("recurrence of %s", (dtype) => {
    agree([dtype, dtype, dtype], true, (k, [a, b], axis, out) => k.recurrence(a, b, axis, out));
  });

  it.each(sortable)("positions of running extremes of %s", (dtype) => {
    for (const name of ["cummax", "cummin"] as const) {
      agree(["int32", dtype], true, (k, [x], axis, out) => k.argScan(name, x, axis, out));
    }
  });

  it("in place", () => {
    const x = dense(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
    for (const kernels of [wasm, plain]) {
      const y = twin(x);
      kernels.scan("cumsum", y, 0, y);
      expect([...copyOut(y.storage!)]).toEqual([1, 2, 4, 6, 9, 12]);
    }
  });

  it("a long float32 sum keeps its digits", () => {
    const n = 1e5;
    const out = dense(new Float32Array(n), [n]);
    wasm.scan("cumsum", dense(new Float32Array(n).fill(0.1), [n]), 0, out);
    expect(copyOut(out.storage!)[n - 1]).toBe(Math.fround(n * Math.fround(0.1)));
  });
});

describe("argsort agrees with the plain twin", () => {
  it.each(sortable)("of %s, equal elements and NaN included", (dtype) => {
    for (const descending of [false, true]) {
      agree(["int32", dtype], true, (k, [x], axis, out) => k.argsort(x, axis, descending, out));
    }
  });

  it.each(sortable)("of %s, some ranks of a long row", (dtype) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.integer(), (n, seed) => {
        const rng = new Rng(seed);
        // Few different numbers, or many; in order, backwards or mixed.
        const most = rng.pick([2, 40, 1e6]);
        const values = newArray(dtype, 3 * n).map(() => rng.below(most)) as TypedArray;
        if (rng.below(3) === 0) values.sort();
        if (rng.below(3) === 0) values.reverse();
        if (dtype.startsWith("float") && rng.below(2) === 0) values[rng.below(3 * n)] = NaN;
        const first = rng.below(n);
        const count = 1 + rng.below(rng.pick([1, 10, n - first]));
        const x = dense(values, [3, n]);
        for (const descending of [false, true]) {
          const [whole, part] = [n, Math.min(count, n - first)].map((length) =>
            dense(new Int32Array(3 * length), [3, length]),
          );
          plain.argsort(x, 1, descending, whole!);
          wasm.argsort(x, 1, descending, part!, first);
          const wanted = { ...whole!, shape: part!.shape, offset: first };
          const expected = dense(new Int32Array(3 * part!.shape[1]!), part!.shape);
          plain.copy(wanted, expected);
          expectSame(part!, expected);
          plain.argsort(x, 1, descending, expected, first);
          expectSame(part!, expected);
        }
      }),
      options(40),
    );
  });

  it("NaN is the largest", () => {
    const x = dense(Float32Array.of(NaN, 2, -Infinity, NaN, Infinity, 2), [6]);
    const order = (descending: boolean) => {
      const out = dense(new Int32Array(6), [6]);
      wasm.argsort(x, 0, descending, out);
      return [...copyOut(out.storage!)];
    };
    expect(order(false)).toEqual([2, 1, 5, 4, 0, 3]);
    expect(order(true)).toEqual([0, 3, 4, 1, 5, 2]);
  });
});

describe("searching and shuffling agree with the plain twin", () => {
  it.each(["float32", "float64", "int32"] as const)("places in sorted rows of %s", (dtype) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), fc.integer(), (n, seed) => {
        const rng = new Rng(seed);
        const rows = 1 + rng.below(3);
        const draw = (length: number) =>
          newArray(dtype, length).map(() => rng.below(20) - 10) as TypedArray;
        const keys = Array.from({ length: rows }, () => draw(n).sort());
        const joined = newArray(dtype, rows * n);
        for (const [i, row] of keys.entries()) joined.set(row, i * n);
        const values = draw(rows * 9);
        if (dtype !== "int32") values[rng.below(rows * 9)] = NaN;
        const one = rng.below(2) === 0;
        for (const right of [false, true]) {
          const [actual, expected] = [0, 1].map(() => dense(new Int32Array(rows * 9), [rows, 9]));
          const sorted = one ? dense(keys[0]!, [n]) : dense(joined, [rows, n]);
          wasm.searchsorted(sorted, dense(values, [rows, 9]), right, actual!);
          plain.searchsorted(sorted, dense(values, [rows, 9]), right, expected!);
          expectSame(actual!, expected!);
          const at = copyOut(actual!.storage!);
          values.forEach((value, i) => {
            const row = one ? keys[0]! : keys[Math.floor(i / 9)]!;
            const below = row.filter((key) => (right ? key <= value : key < value)).length;
            expect(at[i]).toBe(Number.isNaN(value) ? n : below);
          });
        }
      }),
      options(60),
    );
  });

  it("positions of what is not 0", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.integer(), (n, seed) => {
        const rng = new Rng(seed);
        const density = rng.pick([2, 30, 1000]);
        const mask = new Uint8Array(n).map(() => Number(rng.below(density) === 0));
        const [actual, expected] = [0, 1].map(() => dense(new Int32Array(n), [n]));
        const count = wasm.nonzero(dense(mask, [n], "bool"), actual!);
        expect(count).toBe(mask.reduce((sum, bit) => sum + bit, 0));
        expect(plain.nonzero(dense(mask, [n], "bool"), expected!)).toBe(count);
        const found = copyOut(actual!.storage!, 0, count);
        expect(found).toEqual(copyOut(expected!.storage!, 0, count));
        expect([...found].every((at) => mask[at] === 1)).toBe(true);
      }),
      options(60),
    );
  });

  it("orders by chance", () => {
    const rng = new Rng(4);
    const u = new Float64Array(3 * 300).map(() => rng.next());
    const [actual, expected] = [0, 1].map(() => dense(new Int32Array(900), [3, 300]));
    wasm.shuffle(dense(u, [3, 300]), actual!);
    plain.shuffle(dense(u, [3, 300]), expected!);
    expectSame(actual!, expected!);
    const rows = [0, 1, 2].map((i) => copyOut(actual!.storage!, 300 * i, 300));
    for (const row of rows) expect([...row].sort((a, b) => a - b)).toEqual([...Array(300).keys()]);
    expect(rows[0]).not.toEqual(rows[1]);
  });
});
