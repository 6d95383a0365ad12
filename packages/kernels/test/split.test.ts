import { afterEach, describe, it } from "@jest/globals";
import fc from "fast-check";
import { Call } from "../src/call.ts";
import { type Operand, plainKernels, wasmKernels } from "../src/index.ts";
import { ARGUMENTS } from "../src/scratch.ts";
import {
  cases,
  dense,
  expectSame,
  options,
  Rng,
  randomInput,
  randomOperand,
  twin,
} from "./support.ts";

const wasm = wasmKernels();
const plain = plainKernels();
const { launch } = Call.prototype;

/** Runs every array kernel in pieces, the last piece first, as a pool of threads might. */
function splitLaunches(rng: Rng): void {
  Call.prototype.launch = (kernel, units) => {
    const cuts = [0, rng.below(units + 1), rng.below(units + 1), units].sort((a, b) => a - b);
    for (let i = 2; i >= 0; i--) kernel(cuts[i], cuts[i + 1], ARGUMENTS);
    return -1;
  };
}

afterEach(() => {
  Call.prototype.launch = launch;
});

/** f gives the same bits in one piece and in three. */
function agrees(rng: Rng, out: Operand, f: (out: Operand) => void): void {
  const split = twin(out);
  f(out);
  splitLaunches(rng);
  f(split);
  Call.prototype.launch = launch;
  expectSame(split, out);
}

describe("results do not depend on how work is split", () => {
  it("elementwise and copies, at any element", () => {
    fc.assert(
      fc.property(cases, ([shape, seed]) => {
        const rng = new Rng(seed);
        const [a, b] = [0, 1].map(() => randomInput(rng, "float32", shape));
        const condition = randomInput(rng, "bool", shape);
        const out = () => randomOperand(rng, "float32", shape, { writable: true });
        agrees(rng, out(), (y) => wasm.unary("exp", a, y));
        agrees(rng, out(), (y) => wasm.unary("tanh", a, y));
        agrees(rng, out(), (y) => wasm.binary("pow", a, b, y));
        agrees(rng, out(), (y) => wasm.where(condition, a, b, y));
        agrees(rng, out(), (y) => wasm.copy(a, y));
        const bool = randomOperand(rng, "bool", shape, { writable: true });
        agrees(rng, bool, (y) => wasm.compare("le", a, b, y));
        const double = randomOperand(rng, "float64", shape, { writable: true });
        agrees(rng, double, (y) => wasm.copy(a, y));
      }),
      options(60),
    );
  });

  it("transposes and reductions, at any unit", () => {
    const rng = new Rng(8);
    const x = randomOperand(rng, "float32", [70, 1000], { special: false });
    const flat = dense(
      new Float32Array(70_000).map(() => rng.next()),
      [70, 1000],
    );
    const turned = { ...flat, shape: [1000, 70], strides: [1, 1000] };
    agrees(rng, dense(new Float32Array(70_000), [1000, 70]), (y) => wasm.copy(turned, y));
    for (const source of [x, flat]) {
      for (const shape of [
        [1, 1000],
        [70, 1],
        [1, 1],
      ]) {
        const out = dense(new Float32Array(shape[0] * shape[1]), shape);
        for (const name of ["sum", "max", "prod"] as const) {
          agrees(rng, out, (y) => wasm.reduce(name, source, y));
        }
      }
    }
    const index = dense(new Int32Array(70), [70, 1]);
    agrees(rng, index, (y) => wasm.argReduce("argmax", flat, 1, y));
    const whole = dense(new Int32Array(70_000), [70, 1000]);
    agrees(rng, whole, (y) => wasm.argsort(flat, 1, true, y));
    agrees(rng, whole, (y) => wasm.argScan("cummax", flat, 0, y));
    agrees(rng, twin(flat), (y) => wasm.scan("cumsum", flat, 1, y));
    agrees(rng, twin(flat), (y) => wasm.recurrence(flat, flat, 1, y));
  });

  it("scatters, at any line along the axis, with an index for each element or for whole slices", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 2 }), (seed, axis) => {
        const rng = new Rng(seed);
        const sizes = [1 + rng.below(4), 1 + rng.below(40), 1 + rng.below(40)];
        const length = 1 + rng.below(6);
        const own = randomOperand(rng, "int32", sizes);
        const whole = randomOperand(rng, "int32", [sizes[axis]]);
        for (const { storage } of [own, whole]) {
          storage!.array!.forEach((_, i, array) => {
            array[i] = rng.below(length);
          });
        }
        const strides = sizes.map((_, i) => (i === axis ? whole.strides[0] : 0));
        for (const index of [own, { ...whole, shape: sizes, strides }]) {
          for (const dtype of ["float32", "float64", "uint8"] as const) {
            const source = randomOperand(rng, dtype, sizes, { special: false });
            const written = { writable: true, special: false };
            const out = randomOperand(rng, dtype, sizes.with(axis, length), written);
            const expected = twin(out);
            plain.scatterAdd(expected, axis, index, source);
            agrees(rng, out, (y) => wasm.scatterAdd(y, axis, index, source));
            expectSame(out, expected);
            for (const name of ["set", "prod", "min"] as const)
              agrees(rng, out, (y) => wasm.scatter(name, y, axis, index, source));
          }
        }
      }),
      options(20),
    );
  });
});
