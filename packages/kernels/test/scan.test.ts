import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { copyOut, type DType, type Operand, plainKernels, wasmKernels } from "../src/index.ts";
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
