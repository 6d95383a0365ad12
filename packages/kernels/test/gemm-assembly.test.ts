import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type GemmExports, gemm, gemmScratchBytes } from "../src/matmul.ts";
import { moduleBytes } from "../src/module.ts";

// Global look-ups are slow inside jest's sandbox, and the oracle's loops make millions.
const { abs, ceil, imul } = Math;

type FloatType = "float32" | "float64";

const memory = new WebAssembly.Memory({ initial: 256, maximum: 65536 });
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()), {
  env: { memory },
});
const kernels = exports as unknown as GemmExports;
const dtypes: FloatType[] = ["float32", "float64"];

/** Depth of a block of K and rows of a block of A, around which sizes are chosen. */
const DEPTH = 256;
const ROWS = 60;

/** A strided matrix in memory: element (i, j) is at start + i·row + j·col of `array`. */
interface Matrix {
  array: Float32Array | Float64Array;
  /** The elements that `place` laid claim to. */
  from: number;
  to: number;
  start: number;
  row: number;
  col: number;
}

const view = (dtype: FloatType) =>
  dtype === "float32" ? new Float32Array(memory.buffer) : new Float64Array(memory.buffer);

const at = (x: Matrix, i: number, j: number) => x.array[x.start + i * x.row + j * x.col];
const address = (x: Matrix) => x.start * x.array.BYTES_PER_ELEMENT;

const roundUp = (x: number, multiple: number) => ceil(x / multiple) * multiple;

/** Deterministic noise in (−1, 1). */
const noise = (i: number) => ((imul(i + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1) * 0.999;

type Layout = "plain" | "transposed" | "strided" | "reversed" | "repeatedRow" | "repeatedColumn";
const layouts: Layout[] = [
  "plain",
  "transposed",
  "strided",
  "reversed",
  "repeatedRow",
  "repeatedColumn",
];

/** Lays a rows × columns matrix into [base, …) and fills what surrounds it with NaN. */
function place(
  array: Matrix["array"],
  base: number,
  rows: number,
  columns: number,
  layout: Layout,
): Matrix {
  const strides: Record<Layout, [start: number, row: number, col: number]> = {
    plain: [1, columns, 1],
    transposed: [1, 1, rows],
    strided: [1, 3 * columns + 2, 3],
    reversed: [rows * columns, -columns, -1],
    repeatedRow: [1, 0, 1],
    repeatedColumn: [1, 1, 0],
  };
  const [start, row, col] = strides[layout];
  const to = base + roundUp((3 * columns + 2) * rows + 4, 4);
  const x: Matrix = { array, from: base, to, start: base + start, row, col };
  array.fill(Number.NaN, base, to);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) array[x.start + i * row + j * col] = noise(i * row + j * col);
  }
  return x;
}

interface Problem {
  dtype: FloatType;
  m: number;
  n: number;
  k: number;
  layoutA?: Layout;
  layoutB?: Layout;
  layoutOut?: Layout;
  /** Stride of the bias; no bias if left out. */
  biasStride?: number | undefined;
}

/** Places the operands of a problem one after another, the scratch after them. */
function set({ dtype, m, n, k, layoutA, layoutB, layoutOut, biasStride }: Problem) {
  const array = view(dtype);
  let next = 64;
  const take = (rows: number, columns: number, layout: Layout) => {
    const x = place(array, next, rows, columns, layout);
    next = x.to;
    return x;
  };
  const a = take(m, k, layoutA ?? "plain");
  const b = take(k, n, layoutB ?? "plain");
  const out = take(m, n, layoutOut ?? "plain");
  array.fill(Number.NaN, out.from, out.to);
  const bias = take(n, 1, "strided");
  bias.row = biasStride ?? 0;
  for (let j = 0; j < n; j++) array[bias.start + j * bias.row] = noise(1000 + j * bias.row);
  const scratch = next * array.BYTES_PER_ELEMENT;
  const scratchEnd = scratch + gemmScratchBytes(dtype, m, n, k, 1);
  // Packing must write every element that it reads, and nothing may pass the promised bytes.
  array.fill(Number.NaN, next, scratchEnd / array.BYTES_PER_ELEMENT);
  const guard = new Uint8Array(memory.buffer, scratchEnd, 64).fill(0xa5);
  const hasBias = biasStride !== undefined;
  return { array, a, b, out, bias, hasBias, scratch, guard };
}

function multiply(problem: Problem, placed: ReturnType<typeof set>) {
  const { dtype, m, n, k } = problem;
  const { a, b, out, bias, hasBias, scratch } = placed;
  gemm(
    kernels,
    null,
    dtype,
    m,
    n,
    k,
    address(a),
    a.row,
    a.col,
    address(b),
    b.row,
    b.col,
    address(out),
    out.row,
    out.col,
    hasBias ? address(bias) : 0,
    bias.row,
    0,
    scratch,
  );
}

/** Runs a problem and compares every element with a sum in float64, within the rounding of k terms. */
function check(problem: Problem) {
  const { dtype, m, n, k } = problem;
  const placed = set(problem);
  const { array, a, b, out, bias, hasBias, guard } = placed;
  multiply(problem, placed);
  const rowsOfA = Float64Array.from({ length: m * k }, (_, i) => at(a, (i / k) | 0, i % k));
  const columnsOfB = Float64Array.from({ length: n * k }, (_, i) =>
    at(b, i % k, Math.floor(i / k)),
  );
  const unit = dtype === "float32" ? 2 ** -24 : 2 ** -53;
  const written = new Set<number>();
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = hasBias ? at(bias, j, 0) : 0;
      let magnitude = abs(sum);
      for (let p = 0; p < k; p++) {
        const term = rowsOfA[i * k + p] * columnsOfB[j * k + p];
        sum += term;
        magnitude += abs(term);
      }
      // Blocks of K are summed on their own, so the bound stops growing at their length.
      const error = abs(at(out, i, j) - sum);
      if (!(error <= 2 * Math.min(k + 2, DEPTH + 8) * unit * magnitude)) {
        throw new Error(`${JSON.stringify(problem)}: [${i}, ${j}] is ${at(out, i, j)}, not ${sum}`);
      }
      written.add(out.start + i * out.row + j * out.col);
    }
  }
  for (let i = out.from; i < out.to; i++) {
    if (!written.has(i) && !Number.isNaN(array[i])) throw new Error(`wrote beside out, at ${i}`);
  }
  expect(guard.every((x) => x === 0xa5)).toBe(true);
}

const bits = (x: Matrix["array"], start: number, length: number) =>
  Array.from(new Int32Array(x.slice(start, start + length).buffer));

describe.each(dtypes)("gemm, %s", (dtype) => {
  it("multiplies every size around a tile's edges", () => {
    const sizes = [1, 2, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17];
    for (const m of sizes) {
      for (const n of sizes) for (const k of [1, 2, 3, 8, 19]) check({ dtype, m, n, k });
    }
  });

  it("agrees with the triple loop for any size, layout and bias", () => {
    const size = (...edges: number[]) =>
      fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(1, ...edges));
    fc.assert(
      fc.property(
        fc.record({
          dtype: fc.constant(dtype),
          m: size(ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 3),
          n: size(63, 64, 65, 100),
          k: size(DEPTH - 1, DEPTH, DEPTH + 1, 2 * DEPTH + 3),
          layoutA: fc.constantFrom(...layouts),
          layoutB: fc.constantFrom(...layouts),
          layoutOut: fc.constantFrom<Layout>("plain", "transposed", "strided", "reversed"),
          biasStride: fc.constantFrom(undefined, 1, 0, 3),
        }),
        check,
      ),
      { seed: 20240611, numRuns: 150 },
    );
  });

  it("transposes either operand, packed or in place", () => {
    const flips: Layout[] = ["plain", "transposed"];
    for (const layoutA of flips) {
      for (const layoutB of flips) {
        check({ dtype, m: 61, n: 35, k: 260, layoutA, layoutB, biasStride: 1 });
        check({ dtype, m: 12, n: 11, k: 10, layoutA, layoutB, biasStride: 1 });
        check({ dtype, m: 1, n: 45, k: 300, layoutA, layoutB, biasStride: 1 });
        check({ dtype, m: 67, n: 1, k: 300, layoutA, layoutB, biasStride: 1 });
      }
    }
  });

  it("cuts wide products into blocks of columns", () => {
    check({ dtype, m: 23, n: 1024 + 13, k: 9, biasStride: 1 });
    check({ dtype, m: 6, n: 2 * 1024, k: 4, layoutB: "transposed", layoutOut: "transposed" });
  });

  it("gives zeros plus bias for k = 0, and leaves an empty out alone", () => {
    for (const [m, n] of [
      [1, 9],
      [9, 1],
      [9, 9],
      [0, 9],
      [9, 0],
    ]) {
      check({ dtype, m, n, k: 0 });
      check({ dtype, m, n, k: 0, biasStride: 1 });
    }
  });

  it("carries NaN and infinity, which a zero on the other side does not hide", () => {
    for (const [m, n] of [
      [1, 21],
      [21, 1],
      [21, 22],
      [64, 100],
    ]) {
      for (const special of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const k = 70;
        const problem: Problem = { dtype, m, n, k };
        const placed = set(problem);
        const { array, a, b, out } = placed;
        array.fill(0, b.start, b.start + k * n);
        array[a.start + (m - 1) * a.row + (k - 1) * a.col] = special;
        multiply(problem, placed);
        const rows = Array.from({ length: m }, (_, i) =>
          Array.from({ length: n }, (_, j) => at(out, i, j)),
        );
        expect(rows.pop()).toEqual(new Array(n).fill(Number.NaN));
        expect(rows.flat().every((x) => x === 0)).toBe(true);
      }
    }
  });

  it("gives the same bits whether it packs or not, and for any split into ranges", () => {
    const [m, n, k] = [97, 83, 130];
    const problem: Problem = { dtype, m, n, k, biasStride: 1 };
    const placed = set(problem);
    const { array, a, b, out, bias, scratch } = placed;
    multiply(problem, placed);
    const expected = bits(array, out.start, m * n);

    const size = array.BYTES_PER_ELEMENT;
    const width = 32 / size;
    const wholePanels = Math.floor(n / width);
    const panels = wholePanels + 1;
    const packB = dtype === "float32" ? kernels.gemmPackB_f32 : kernels.gemmPackB_f64;
    const block = dtype === "float32" ? kernels.gemm_f32 : kernels.gemm_f64;
    const packed = scratch;
    const tile = packed + panels * width * k * size;
    for (const [blockRows, blockCols, packA, inPlaceB] of [
      [10, 2 * width, 0, 0],
      [5, width, 1, 0],
      [60, 5 * width, 0, 1],
      [200, 200, 1, 1],
    ]) {
      for (let p = panels - 1; p >= 0; p--) {
        packB(p, p + 1, n, k, address(b), b.row, b.col, packed);
      }
      array.fill(Number.NaN, out.start, out.start + m * n);
      const units = ceil(m / blockRows) * ceil(n / blockCols);
      // Odd units in reverse, then the even ones: an order that no scheduler would choose.
      const order = Array.from({ length: units }, (_, u) => u);
      for (const u of [...order.filter((x) => x & 1).reverse(), ...order.filter((x) => !(x & 1))]) {
        block(
          u,
          u + 1,
          m,
          n,
          k,
          address(a),
          a.row,
          a.col,
          inPlaceB ? address(b) : packed,
          inPlaceB ? b.row : width,
          inPlaceB ? width : width * k,
          packed + wholePanels * width * k * size,
          address(bias),
          address(out),
          out.row,
          out.col,
          blockRows,
          blockCols,
          packA,
          0,
          tile,
        );
      }
      expect(bits(array, out.start, m * n)).toEqual(expected);
    }
  });

  it("gives the same bits for any split of a product with a vector", () => {
    const [n, k] = [53, 37];
    const size = dtype === "float32" ? 4 : 8;
    const gemv = dtype === "float32" ? kernels.gemv_f32 : kernels.gemv_f64;
    for (const layoutB of layouts) {
      const { array, a, b, out } = set({ dtype, m: 1, n, k, layoutB });
      const run = (cuts: number[]) => {
        array.fill(1, out.start, out.start + n);
        for (let i = cuts.length - 1; i > 0; i--) {
          gemv(cuts[i - 1], cuts[i], k, address(a), address(b), b.row, b.col, out.start * size);
        }
        return bits(array, out.start, n);
      };
      const whole = run([0, n]);
      expect(run([0, 1, 2, 9, 30, 31, n])).toEqual(whole);
      expect(run(Array.from({ length: n + 1 }, (_, i) => i))).toEqual(whole);
    }
  });
});
