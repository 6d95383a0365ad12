// The matrix product, float32 and float64 from one generic source.
//
// Work is laid out after Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
// (https://doi.org/10.1145/1356052.1356053): a micro-kernel keeps a tile of C in registers, a panel
// of B stays in the first-level cache, a block of A in the second. K is cut into blocks of a fixed
// length; the caller calls `gemm_*` for some of them at a time, in order, so an element of C is always
//
//     (((bias + block₀) + block₁) + …),  blockᵢ = ((a₀b₀ + a₁b₁) + a₂b₂) + …
//
// or 0, where that is negative and a relu follows,
// whatever is packed or split: neither changes a bit of the result.
//
// Products with a few vectors run through `gemv_*`, where packing would cost more than the arithmetic.
// Strides arrive in elements and become bytes at the door; a negative one wraps round, as addresses
// do.
import { rowAddress } from "./strided";
import {
  columnsOf, copyColumn, multiplyAdd, multiplyPanels, packPanels, packRows, ROWS, sumLanes,
} from "./tile";

/** Length of a block of K: a panel of B, 256 · 32 bytes, takes a quarter of the first-level cache. */
const BLOCK_DEPTH: i32 = 256;

/**
 * Some blocks of K of out = seed + a·b. Units are blocks of `blockRows` × `blockCols` of out
 * (multiples of a tile's), row by row.
 *
 * `b`'s whole panels are `bPanel` elements apart with rows `bRow` apart: packed, or B itself where
 * its column stride is 1. A last panel of less than a tile's width is at `edge`, packed, or like the others where
 * that is 0.
 * `seed` is a row of bias or zeros, padded to whole panels, for the first blocks of K, and 0 for
 * later ones, which add to out. `relu` ≠ 0: negative elements become 0 after the last block. `packA` ≠ 0
 * packs A. `scratch` has room for a tile and then a block of A:
 * blockRows × BLOCK_DEPTH.
 */
function gemm<T>(
  begin: i32, end: i32, m: i32, n: i32, k: i32,
  a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bPanel: i32, edge: usize,
  seed: usize, out: usize, outRow: i32, outCol: i32,
  blockRows: i32, blockCols: i32, packA: i32, relu: i32, scratch: usize,
): void {
  const size: i32 = sizeof<T>();
  const columns = columnsOf<T>();
  aRow *= size, aCol *= size, bRow *= size, bPanel *= size, outRow *= size, outCol *= size;
  const packedRow = columns * size;
  const packedA = scratch + ROWS * packedRow;
  const across = (n + blockCols - 1) / blockCols;
  for (let unit = begin; unit < end; unit++) {
    const top = unit / across * blockRows, left = unit % across * blockCols;
    const bottom = min(m, top + blockRows), right = min(n, left + blockCols);
    let start = 0;
    do {
      const depth = min(BLOCK_DEPTH, k - start);
      const seeds = seed && start == 0;
      const block = a + top * aRow + start * aCol;
      if (packA) packRows<T>(bottom - top, depth, block, aRow, aCol, packedA);
      const target = out + top * outRow + left * outCol;
      multiplyPanels<T>(
        bottom - top, right - left, depth, packA ? packedA : block, aRow, aCol, packA,
        b + left / columns * bPanel + start * bRow, bRow, bPanel, edge ? edge + start * packedRow : 0,
        seeds ? seed + left * size : target, seeds ? 0 : outRow, seeds ? size : outCol,
        target, outRow, outCol, relu && depth == k - start ? <T>0 : <T>-Infinity, scratch,
      );
      start += BLOCK_DEPTH;
    } while (start < k);
  }
}

/**
 * out = bias + a·b, or its relu, for the matrices of a batch that are a single block of K and of columns. Units are
 * matrices, whose places `args` tells. `scratch` has room for a row of bias, B, a tile and a block of A.
 */
function gemmBatch<T>(
  begin: i32, end: i32, args: usize, m: i32, n: i32, k: i32, aRow: i32, aCol: i32,
  bRow: i32, bCol: i32, outRow: i32, outCol: i32, blockRows: i32, packA: i32, relu: i32, inPlaceB: i32,
  bias: usize, biasStride: i32, scratch: usize,
): i32 {
  const size: i32 = sizeof<T>();
  const width = columnsOf<T>(), whole = n / width, panels = (n + width - 1) / width;
  const packed = scratch + panels * width * size;
  copy<T>(0, n, bias, biasStride, scratch, 1);
  for (let unit = begin; unit < end; unit++) {
    const b = rowAddress(args, 3, 1, unit, 0);
    // In place, a last panel's rows end behind B's: there must be memory.
    const inside = inPlaceB && b + ((k - 1) * bRow + panels * width) * size <= <usize>memory.size() << 16;
    packPanels<T>(
      inside ? panels : inPlaceB ? whole : 0, panels, width, n, k, b, bCol * size, bRow * size, packed, 32 * k,
    );
    gemm<T>(
      0, (m + blockRows - 1) / blockRows, m, n, k, rowAddress(args, 3, 0, unit, 0), aRow, aCol,
      inPlaceB ? b : packed, inPlaceB ? bRow : width, inPlaceB ? width : width * k,
      inside ? 0 : packed + whole * 32 * k, scratch, rowAddress(args, 3, 2, unit, 0), outRow, outCol,
      blockRows, n, packA, relu, packed + panels * 32 * k,
    );
  }
  return -1;
}

/**
 * out[j] += Σₖ x[k]·b[k, j] for unit column stride: four rows of B at a time, read front to back.
 */
function addRows<T>(begin: i32, end: i32, k: i32, x: usize, b: usize, bRow: i32, out: usize): void {
  const size: i32 = sizeof<T>();
  const from = begin * size, to = end * size;
  const vectors = from + ((to - from) & -16);
  for (; k > 3; k -= 4) {
    const b1 = b + bRow, b2 = b1 + bRow, b3 = b2 + bRow;
    const x0 = v128.load_splat<T>(x), x1 = v128.load_splat<T>(x + size);
    const x2 = v128.load_splat<T>(x + 2 * size), x3 = v128.load_splat<T>(x + 3 * size);
    let j = from;
    for (; j < vectors; j += 16) {
      let sum = v128.mul<T>(x0, v128.load(b + j));
      sum = multiplyAdd<T>(sum, x1, v128.load(b1 + j));
      sum = multiplyAdd<T>(sum, x2, v128.load(b2 + j));
      sum = multiplyAdd<T>(sum, x3, v128.load(b3 + j));
      v128.store(out + j, v128.add<T>(v128.load(out + j), sum));
    }
    // The same order for the columns that fill no vector: a column's bits depend on no split.
    for (; j < to; j += size) {
      let sum: T = load<T>(x) * load<T>(b + j);
      sum += load<T>(x + size) * load<T>(b1 + j);
      sum += load<T>(x + 2 * size) * load<T>(b2 + j);
      sum += load<T>(x + 3 * size) * load<T>(b3 + j);
      store<T>(out + j, load<T>(out + j) + sum);
    }
    x += 4 * size, b = b3 + bRow;
  }
  for (; k > 0; k--) {
    const x0 = load<T>(x);
    for (let j = from; j < to; j += size) {
      store<T>(out + j, load<T>(out + j) + x0 * load<T>(b + j));
    }
    x += size, b += bRow;
  }
}

/** Σᵢ x[i]·y[i] over contiguous vectors, in four vector accumulators. */
function dot<T>(k: i32, x: usize, y: usize): T {
  const size: i32 = sizeof<T>();
  const lanes: i32 = 16 / sizeof<T>();
  let c0 = i32x4.splat(0), c1 = c0, c2 = c0, c3 = c0;
  for (; k >= 4 * lanes; k -= 4 * lanes) {
    c0 = multiplyAdd<T>(c0, v128.load(x), v128.load(y));
    c1 = multiplyAdd<T>(c1, v128.load(x, 16), v128.load(y, 16));
    c2 = multiplyAdd<T>(c2, v128.load(x, 32), v128.load(y, 32));
    c3 = multiplyAdd<T>(c3, v128.load(x, 48), v128.load(y, 48));
    x += 64, y += 64;
  }
  for (; k >= lanes; k -= lanes) {
    c0 = multiplyAdd<T>(c0, v128.load(x), v128.load(y));
    x += 16, y += 16;
  }
  let sum = sumLanes<T>(v128.add<T>(v128.add<T>(c0, c1), v128.add<T>(c2, c3)));
  for (; k > 0; k--) {
    sum += load<T>(x) * load<T>(y);
    x += size, y += size;
  }
  return sum;
}

/** Σᵢ x[i]·y[i·step], four partial sums; step in bytes. */
function dotStrided<T>(k: i32, x: usize, y: usize, step: i32): T {
  const size: i32 = sizeof<T>();
  let s0: T = 0, s1: T = 0, s2: T = 0, s3: T = 0;
  for (; k > 3; k -= 4) {
    s0 += load<T>(x) * load<T>(y), y += step;
    s1 += load<T>(x + size) * load<T>(y), y += step;
    s2 += load<T>(x + 2 * size) * load<T>(y), y += step;
    s3 += load<T>(x + 3 * size) * load<T>(y), y += step;
    x += 4 * size;
  }
  for (; k > 0; k--) {
    s0 += load<T>(x) * load<T>(y);
    x += size, y += step;
  }
  return (s0 + s1) + (s2 + s3);
}

/** out[j] += Σₖ x[k]·b[k, j], x and out contiguous. Units are columns of b. */
function gemv<T>(
  begin: i32, end: i32, k: i32, x: usize, b: usize, bRow: i32, bCol: i32, out: usize,
): void {
  const size: i32 = sizeof<T>();
  if (bCol == 1 && bRow != 1) return addRows<T>(begin, end, k, x, b, bRow * size, out);
  for (let j = begin; j < end; j++) {
    const column = b + j * bCol * size, target = out + j * size;
    const sum = bRow == 1 ? dot<T>(k, x, column) : dotStrided<T>(k, x, column, bRow * size);
    store<T>(target, load<T>(target) + sum);
  }
}

/** to[i·toStep] = from[i·fromStep], or 0 where from is 0. Units are elements. */
function copy<T>(begin: i32, end: i32, from: usize, fromStep: i32, to: usize, toStep: i32): void {
  const size: i32 = sizeof<T>();
  fromStep *= size, toStep *= size, to += begin * toStep;
  if (from) copyColumn<T>(end - begin, from + begin * fromStep, fromStep, to, toStep);
  else for (let i = begin; i < end; i++, to += toStep) store<T>(to, 0);
}

export function gemmCopy_f32(
  begin: i32, end: i32, from: usize, fromStep: i32, to: usize, toStep: i32,
): void {
  copy<f32>(begin, end, from, fromStep, to, toStep);
}

export function gemmPackB_f32(
  begin: i32, end: i32, n: i32, k: i32, b: usize, bRow: i32, bCol: i32, packed: usize,
): void {
  packPanels<f32>(begin, end, columnsOf<f32>(), n, k, b, bCol * 4, bRow * 4, packed, 32 * k);
}

export function gemm_f32(
  begin: i32, end: i32, m: i32, n: i32, k: i32, a: usize, aRow: i32, aCol: i32,
  b: usize, bRow: i32, bPanel: i32, edge: usize, seed: usize, out: usize, outRow: i32, outCol: i32,
  blockRows: i32, blockCols: i32, packA: i32, relu: i32, scratch: usize,
): void {
  gemm<f32>(
    begin, end, m, n, k, a, aRow, aCol, b, bRow, bPanel, edge, seed, out, outRow, outCol,
    blockRows, blockCols, packA, relu, scratch,
  );
}

export function gemmBatch_f32(
  begin: i32, end: i32, args: usize, m: i32, n: i32, k: i32, aRow: i32, aCol: i32,
  bRow: i32, bCol: i32, outRow: i32, outCol: i32, blockRows: i32, packA: i32, relu: i32, inPlaceB: i32,
  bias: usize, biasStride: i32, scratch: usize,
): i32 {
  return gemmBatch<f32>(
    begin, end, args, m, n, k, aRow, aCol, bRow, bCol, outRow, outCol, blockRows, packA, relu, inPlaceB,
    bias, biasStride, scratch,
  );
}

export function gemv_f32(
  begin: i32, end: i32, k: i32, x: usize, b: usize, bRow: i32, bCol: i32, out: usize,
): void {
  gemv<f32>(begin, end, k, x, b, bRow, bCol, out);
}

export function gemmCopy_f64(
  begin: i32, end: i32, from: usize, fromStep: i32, to: usize, toStep: i32,
): void {
  copy<f64>(begin, end, from, fromStep, to, toStep);
}

export function gemmPackB_f64(
  begin: i32, end: i32, n: i32, k: i32, b: usize, bRow: i32, bCol: i32, packed: usize,
): void {
  packPanels<f64>(begin, end, columnsOf<f64>(), n, k, b, bCol * 8, bRow * 8, packed, 32 * k);
}

export function gemm_f64(
  begin: i32, end: i32, m: i32, n: i32, k: i32, a: usize, aRow: i32, aCol: i32,
  b: usize, bRow: i32, bPanel: i32, edge: usize, seed: usize, out: usize, outRow: i32, outCol: i32,
  blockRows: i32, blockCols: i32, packA: i32, relu: i32, scratch: usize,
): void {
  gemm<f64>(
    begin, end, m, n, k, a, aRow, aCol, b, bRow, bPanel, edge, seed, out, outRow, outCol,
    blockRows, blockCols, packA, relu, scratch,
  );
}

export function gemmBatch_f64(
  begin: i32, end: i32, args: usize, m: i32, n: i32, k: i32, aRow: i32, aCol: i32,
  bRow: i32, bCol: i32, outRow: i32, outCol: i32, blockRows: i32, packA: i32, relu: i32, inPlaceB: i32,
  bias: usize, biasStride: i32, scratch: usize,
): i32 {
  return gemmBatch<f64>(
    begin, end, args, m, n, k, aRow, aCol, bRow, bCol, outRow, outCol, blockRows, packA, relu, inPlaceB,
    bias, biasStride, scratch,
  );
}

export function gemv_f64(
  begin: i32, end: i32, k: i32, x: usize, b: usize, bRow: i32, bCol: i32, out: usize,
): void {
  gemv<f64>(begin, end, k, x, b, bRow, bCol, out);
}
