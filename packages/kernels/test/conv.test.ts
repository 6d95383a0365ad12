import { afterEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { Call } from "../src/call.ts";
import { type ConvGeometry, type Operand, plainKernels, wasmKernels } from "../src/index.ts";
import { ARGUMENTS } from "../src/scratch.ts";
import { close, dense, expectSame, floats, options, Rng, randomArray, twin } from "./support.ts";

const wasm = wasmKernels();
const plain = plainKernels();
const { launchWithScratch } = Call.prototype;

afterEach(() => {
  Call.prototype.launchWithScratch = launchWithScratch;
});

const product = (list: readonly number[]) => list.reduce((a, b) => a * b, 1);

interface Sizes {
  images: number;
  inGroup: number;
  outGroup: number;
  groups: number;
  axes: readonly {
    input: number;
    kernel: number;
    stride: number;
    dilation: number;
    before: number;
    after: number;
  }[];
}

const axis = (largest: number) =>
  fc
    .record({
      input: fc.integer({ min: 1, max: largest }),
      kernel: fc.constantFrom(1, 1, 2, 3, 3, 5),
      stride: fc.constantFrom(1, 1, 1, 2, 3),
      dilation: fc.constantFrom(1, 1, 2),
      before: fc.integer({ min: 0, max: 3 }),
      after: fc.integer({ min: 0, max: 3 }),
    })
    // At least one window fits.
    .map((axis) => {
      const span = axis.dilation * (axis.kernel - 1) + 1;
      return { ...axis, after: Math.max(axis.after, span - axis.input - axis.before) };
    });

/** Up to three axes; tiles, blocks of columns and of rows all have edges among these sizes. */
const sizes: fc.Arbitrary<Sizes> = fc.record({
  images: fc.integer({ min: 0, max: 5 }),
  inGroup: fc.constantFrom(1, 1, 2, 3, 7, 30),
  outGroup: fc.constantFrom(1, 2, 4, 5, 6, 9, 16, 33),
  groups: fc.constantFrom(1, 1, 2, 3),
  axes: fc.oneof(
    fc.array(axis(70), { minLength: 1, maxLength: 1 }),
    fc.array(axis(17), { minLength: 2, maxLength: 2 }),
    fc.array(axis(6), { minLength: 3, maxLength: 3 }),
  ),
});

function place(
  rng: Rng,
  dtype: "float32" | "float64",
  { images, inGroup, outGroup, groups, axes }: Sizes,
) {
  const output = axes.map(({ input, kernel, stride, dilation, before, after }) =>
    Math.floor((input + before + after - dilation * (kernel - 1) - 1) / stride + 1),
  );
  const all = <K extends keyof Sizes["axes"][number]>(key: K) => axes.map((one) => one[key]);
  const g: ConvGeometry = {
    kernel: all("kernel"),
    stride: all("stride"),
    dilation: all("dilation"),
    before: all("before"),
    input: all("input"),
    output,
    groups,
  };
  const operand = (...shape: number[]) =>
    dense(randomArray(rng, dtype, product(shape), false), shape, dtype);
  return {
    g,
    x: operand(images, groups * inGroup, ...g.input),
    weight: operand(groups * outGroup, inGroup, ...g.kernel),
    y: operand(images, groups * outGroup, ...output),
    bias: operand(groups * outGroup),
  };
}

type Placed = ReturnType<typeof place>;

/** Each of the three into its own target. */
const calls: [string, (k: typeof wasm, p: Placed, out: Operand) => void, (p: Placed) => Operand][] =
  [
    ["conv", (k, { g, x, weight }, out) => k.conv(g, x, weight, out), ({ y }) => y],
    [
      "conv with bias",
      (k, { g, x, weight, bias }, out) => k.conv(g, x, weight, out, bias),
      ({ y }) => y,
    ],
    ["convInput", (k, { g, weight, y }, out) => k.convInput(g, out, weight, y), ({ x }) => x],
    ["convWeight", (k, { g, x, y }, out) => k.convWeight(g, x, out, y), ({ weight }) => weight],
  ];

/** Runs kernels in pieces, the last first, each with scratch of garbage, as a pool of threads might. */
function splitLaunches(rng: Rng): void {
  Call.prototype.launchWithScratch = function (this: Call, kernel, units, _, bytes) {
    const cuts = [0, rng.below(units + 1), rng.below(units + 1), units].sort((a, b) => a - b);
    const scratch = this.arena.allocate(bytes);
    for (let i = 2; i >= 0; i--) {
      this.arena.u8.fill(0xff, scratch.address, scratch.address + bytes);
      kernel(cuts[i], cuts[i + 1], ARGUMENTS, scratch.address);
    }
    this.arena.release(scratch);
  };
}

describe.each(calls)("%s", (_, run, target) => {
  it.each(floats as ("float32" | "float64")[])("%s: agrees with the plain twin", (dtype) => {
    fc.assert(
      fc.property(sizes, fc.integer(), (sizes, seed) => {
        const placed = place(new Rng(seed), dtype, sizes);
        const [out, expected] = [twin(target(placed)), twin(target(placed))];
        run(wasm, placed, out);
        run(plain, placed, expected);
        // Sums of up to some thousand products of up to 16 · 16 that cancel.
        expectSame(out, expected, close(dtype, 8, dtype === "float32" ? 5e-2 : 1e-10));
      }),
      options(40),
    );
  });

  it("has the same bits however its units are split, and reads no scratch that it has not written", () => {
    fc.assert(
      fc.property(sizes, fc.integer(), (sizes, seed) => {
        const rng = new Rng(seed);
        const placed = place(rng, "float32", sizes);
        const [out, split] = [twin(target(placed)), twin(target(placed))];
        run(wasm, placed, out);
        splitLaunches(rng);
        run(wasm, placed, split);
        Call.prototype.launchWithScratch = launchWithScratch;
        expectSame(split, out);
      }),
      options(50),
    );
  });

  it("takes floats only", () => {
    const line = { input: 4, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
    const one = { images: 1, inGroup: 2, outGroup: 5, groups: 1, axes: [line] };
    const placed = place(new Rng(1), "float32", one);
    const whole = ({ shape }: Operand) => dense(new Int32Array(product(shape)), shape);
    const { g, x, weight, y } = placed;
    const ints = { ...placed, g, x: whole(x), weight: whole(weight), y: whole(y) };
    expect(() => run(wasm, ints, target(ints))).toThrow("for int32; it takes float32, float64.");
  });
});
