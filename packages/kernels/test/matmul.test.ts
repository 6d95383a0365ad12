import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { copyOut, type Operand, plainKernels, wasmKernels } from "../src/index.ts";
import { newArray } from "../src/storage.ts";
import {
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

describe("matmul agrees with the plain twin", () => {
  it.each(floats)("%s, batched, broadcast, strided, with and without bias and relu", (dtype) => {
    const length = fc.constantFrom(0, 1, 2, 3, 5, 8, 9, 17, 33);
    const batch = fc.array(fc.constantFrom(0, 1, 1, 2, 3), { maxLength: 2 });
    fc.assert(
      fc.property(batch, length, length, length, fc.integer(), (batch, m, n, k, seed) => {
        const rng = new Rng(seed);
        const drop = (shape: number[]) =>
          shape.slice(rng.below(shape.length + 1)).map((size) => (rng.below(3) === 0 ? 1 : size));
        const a = randomOperand(rng, dtype, [...drop(batch), m, k], { special: false });
        const b = randomOperand(rng, dtype, [...drop(batch), k, n], { special: false });
        const bias =
          rng.below(2) === 0 ? randomOperand(rng, dtype, [n], { special: false }) : undefined;
        const out = randomOperand(rng, dtype, [...batch, m, n], { writable: true, special: false });
        const expected = twin(out);
        const relu = rng.below(2) === 0;
        plain.matmul(a, b, expected, bias, relu);
        wasm.matmul(a, b, out, bias, relu);
        // Products of up to 16 · 16 that cancel.
        expectSame(out, expected, close(dtype, 8, dtype === "float32" ? 2e-2 : 1e-10));
      }),
      options(150),
    );
  });

  it.each(floats)("%s: a batch with one right-hand side equals a taller product", (dtype) => {
    const rng = new Rng(3);
    const fill = (length: number) => newArray(dtype, length).map(() => rng.below(9) - 4);
    const a = dense(fill(4 * 6 * 5) as Float32Array, [4, 6, 5]);
    const b = dense(fill(5 * 7) as Float32Array, [5, 7]);
    const out = dense(newArray(dtype, 4 * 6 * 7), [4, 6, 7]);
    const expected = dense(newArray(dtype, 4 * 6 * 7), [4, 6, 7]);
    wasm.matmul(a, b, out);
    plain.matmul(a, b, expected);
    expect([...copyOut(out.storage!)]).toEqual([...copyOut(expected.storage!)]);
  });

  it.each(floats)("%s: a batch has the bits of its products one by one", (dtype) => {
    const rng = new Rng(4);
    for (const [m, n, k] of [
      [5, 9, 3],
      [67, 33, 40],
      [64, 64, 16],
      [12, 100, 256],
    ]) {
      for (const flip of [false, true]) {
        const matrices = (rows: number, columns: number) => {
          const x = dense(randomArray(rng, dtype, 6 * rows * columns, false), [
            3,
            2,
            rows,
            columns,
          ]);
          if (!flip) return x;
          const strides = [...x.strides.slice(0, 2), 1, rows];
          return { ...x, strides };
        };
        const [a, b] = [
          matrices(m, k),
          { ...matrices(k, n), strides: [0, k * n, flip ? 1 : n, flip ? k : 1] },
        ];
        const bias = dense(randomArray(rng, dtype, n, false), [n]);
        const [out, single] = [0, 1].map(() => dense(newArray(dtype, 6 * m * n), [3, 2, m, n]));
        wasm.matmul(a, b, out, bias);
        for (let i = 0; i < 6; i++) {
          const at = (x: Operand) => ({
            ...x,
            shape: x.shape.slice(2),
            strides: x.strides.slice(2),
            offset: Math.floor(i / 2) * x.strides[0] + (i % 2) * x.strides[1],
          });
          wasm.matmul(at(a), at(b), at(single), bias);
        }
        expectSame(out, single);
      }
    }
  });

  it.each(floats)("%s: a relu in the product has the bits of one behind it", (dtype) => {
    const rng = new Rng(5);
    for (const [m, n, k] of [
      [5, 9, 3],
      [67, 130, 600],
      [1, 300, 700],
      [300, 1, 700],
      [4, 1100, 257],
      [6, 7, 0],
    ]) {
      const [a, b, bias] = [[m, k], [k, n], [n]].map((shape) =>
        randomOperand(rng, dtype, shape, { special: false }),
      );
      const [fused, apart] = [0, 1].map(() => dense(newArray(dtype, m * n), [m, n]));
      wasm.matmul(a, b, fused, bias, true);
      wasm.matmul(a, b, apart, bias);
      expect(Math.min(...copyOut(apart.storage!))).toBeLessThan(0);
      wasm.unary("relu", apart, apart);
      expectSame(fused, apart);
    }
  });

  it.each(floats)("%s: NaN goes through a relu in the product", (dtype) => {
    const a = dense(newArray(dtype, 6).fill(Number.NaN), [6, 1]);
    const out = dense(newArray(dtype, 54), [6, 9]);
    wasm.matmul(a, dense(newArray(dtype, 9).fill(1), [1, 9]), out, undefined, true);
    expect([...copyOut(out.storage!)]).toEqual(new Array(54).fill(Number.NaN));
  });

  it("takes floats only", () => {
    const x = dense(new Int32Array(4), [2, 2]);
    expect(() => wasm.matmul(x, x, x)).toThrow(
      'matmul: there is no kernel "gemm" for int32; it takes float32, float64.',
    );
  });
});
