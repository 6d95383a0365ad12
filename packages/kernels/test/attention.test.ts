import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  type AttentionInputs,
  copyOut,
  type Operand,
  plainKernels,
  wasmKernels,
} from "../src/index.ts";
import { close, dense, expectSame, floats, options, Rng, randomArray, twin } from "./support.ts";

const wasm = wasmKernels();
const plain = plainKernels();

/** Lengths around the edges of vectors, tiles and blocks. */
const length = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(39, 40, 41, 83));
const sizes = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  heads: fc.integer({ min: 1, max: 2 }),
  queries: length,
  keys: length,
  size: fc.integer({ min: 1, max: 11 }),
  width: fc.integer({ min: 1, max: 11 }),
  masked: fc.boolean(),
  causal: fc.boolean(),
  seed: fc.integer(),
});

describe.each(floats)("attention in blocks, %s", (dtype) => {
  it("agrees with the plain twin, gradients too", () => {
    fc.assert(
      fc.property(sizes, (given) => {
        const { batch, heads, queries, keys, size, width, masked, causal, seed } = given;
        const rng = new Rng(seed);
        /** [batch, heads, rows, columns] of an array [batch, rows, heads, columns], as layers split heads. */
        const split = (rows: number, columns: number) => ({
          ...dense(randomArray(rng, dtype, batch * rows * heads * columns, false), [
            ...[batch, heads, rows, columns],
          ]),
          strides: [rows * heads * columns, columns, heads * columns, 1],
        });
        const flat = (...shape: number[]) =>
          dense(
            randomArray(
              rng,
              dtype,
              shape.reduce((a, b) => a * b),
              false,
            ),
            shape,
          );
        const mask = {
          ...flat(queries, keys),
          shape: [batch, heads, queries, keys],
          strides: [0, 0, keys, 1],
        };
        const inputs: AttentionInputs = {
          query: split(queries, size),
          key: split(keys, size),
          value: split(keys, width),
          mask: masked ? mask : null,
        };
        const how = { scale: 0.7, causal };
        const [y, logSum] = [flat(batch, heads, queries, width), flat(batch, heads, queries)];
        const [expected, sums] = [twin(y), twin(logSum)];
        plain.attention(inputs, how, expected, sums);
        wasm.attention(inputs, how, y, logSum);
        const near = close(dtype, 64, dtype === "float32" ? 2e-5 : 1e-13);
        expectSame(y, expected, near);
        expectSame(logSum, sums, near);
        const dy = flat(batch, heads, queries, width);
        const saved = { dy, logSum: sums, delta: flat(batch, heads, queries) };
        const names = ["query", "key", "value"] as const;
        const place = () => names.map((name) => flat(...inputs[name].shape));
        const byName = (list: readonly Operand[]) =>
          Object.fromEntries(names.map((name, i) => [name, list[i]!]));
        const [together, slopes] = [place(), place()];
        plain.attentionGrad(inputs, how, saved, byName(slopes));
        wasm.attentionGrad(inputs, how, saved, byName(together));
        names.forEach((name, i) => {
          expectSame(
            together[i]!,
            slopes[i]!,
            close(dtype, 64, dtype === "float32" ? 2e-3 : 1e-12),
          );
          const alone = flat(...inputs[name].shape);
          wasm.attentionGrad(inputs, how, saved, { [name]: alone });
          expect(copyOut(alone.storage!)).toEqual(copyOut(together[i]!.storage!));
        });
      }),
      options(25),
    );
  });
});

it("a query that may look nowhere gives NaN, and leaves the others alone", () => {
  for (const kernels of [wasm, plain]) {
    const of = (array: number[], shape: number[]) => dense(Float32Array.from(array), shape);
    const inputs = {
      query: of([1, 1], [1, 2, 1]),
      key: of([1, 1], [1, 2, 1]),
      value: of([2, 4], [1, 2, 1]),
      mask: of([-Infinity, -Infinity, 0, 0], [1, 2, 2]),
    };
    const [y, logSum] = [of([0, 0], [1, 2, 1]), of([0, 0], [1, 2])];
    kernels.attention(inputs, { scale: 1, causal: false }, y, logSum);
    expect([...copyOut(y.storage!)]).toEqual([NaN, 3]);
  }
});
