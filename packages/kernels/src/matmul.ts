/**
 * Drives the matrix product of `assembly/gemm.ts`: cuts it into blocks, chooses what to pack, lays
 * out the scratch. It allocates nothing and runs for every product, so it makes no object either.
 */

import type { Crew } from "./threads.ts";

/**
 * What the WebAssembly module exports for matrix products, once per float type. Addresses are bytes,
 * strides are elements, `[begin, end)` is a range of work units: panels, blocks of `out`, columns or
 * elements. Any split of a range, in any order, gives the same bits.
 */
export interface GemmExports {
  /** to[i·toStep] = from[i·fromStep], or zeros where `from` is 0. Units: elements. */
  gemmCopy_f32: GemmCopy;
  gemmCopy_f64: GemmCopy;
  /** Copies b[k, n] into panels of two vectors' width, zero-padded. Units: panels. */
  gemmPackB_f32: GemmPackB;
  gemmPackB_f64: GemmPackB;
  /** out = seed + a·b for some blocks of K, or out += a·b where `seed` is 0; relu(out), if asked. Units: blocks of `out`. */
  gemm_f32: GemmBlock;
  gemm_f64: GemmBlock;
  /** out = bias + a·b, or its relu, for each matrix of a batch, whose places are at `args`. Units: matrices. */
  gemmBatch_f32: GemmBatch;
  gemmBatch_f64: GemmBatch;
  /** out[j] += Σₖ x[k]·b[k, j], with x and out contiguous. Units: columns. */
  gemv_f32: Gemv;
  gemv_f64: Gemv;
}

type GemmCopy = (
  begin: number,
  end: number,
  from: number,
  fromStep: number,
  to: number,
  toStep: number,
) => void;

type GemmPackB = (
  begin: number,
  end: number,
  n: number,
  k: number,
  b: number,
  bRow: number,
  bCol: number,
  packed: number,
) => void;

type GemmBlock = (
  begin: number,
  end: number,
  m: number,
  n: number,
  k: number,
  a: number,
  aRow: number,
  aCol: number,
  b: number,
  bRow: number,
  bPanel: number,
  edge: number,
  seed: number,
  out: number,
  outRow: number,
  outCol: number,
  blockRows: number,
  blockCols: number,
  packA: number,
  relu: number,
  scratch: number,
) => void;

type GemmBatch = (
  begin: number,
  end: number,
  args: number,
  m: number,
  n: number,
  k: number,
  aRow: number,
  aCol: number,
  bRow: number,
  bCol: number,
  outRow: number,
  outCol: number,
  blockRows: number,
  packA: number,
  relu: number,
  inPlaceB: number,
  bias: number,
  biasStride: number,
  scratch: number,
) => number;

type Gemv = (
  begin: number,
  end: number,
  k: number,
  x: number,
  b: number,
  bRow: number,
  bCol: number,
  out: number,
) => void;

type Exported = (begin: number, end: number, ...rest: number[]) => number;

type FloatType = "float32" | "float64";

/** Of a multiplication and addition in a product, as a part of moving an element. */
export const PRODUCT_WORK = 0.25;

/** Multiplications of one product from where on threads share it, rather than the products of a batch. */
const SHARED_PRODUCT = 2 ** 20;

/** Blocks of `out` per thread that a threaded product aims at, so that none idles long at its end. */
const UNITS_PER_THREAD = 4;

/** And at the least so many rows and panels, or the packing of A would weigh too much. */
const FEWEST_ROWS = 10;
const FEWEST_PANELS = 4;

/** Rows of a register tile; its columns are {@link tileColumns}. */
const TILE_ROWS = 5;

/** Fewer columns than these leave more than half of the narrowest tile of float32 empty. */
const FEWEST_COLUMNS = 3;

/** Length of a block of K; assembly/gemm.ts has the same. */
const BLOCK_DEPTH = 256;

/** Rows of a block of A: with the depth above 60 KiB of float32, well inside the second-level cache. */
export const BLOCK_ROWS = 12 * TILE_ROWS;

/** Columns of B that are packed at a time, and of fewer so many blocks of K that the scratch, 1 MiB of float32, is used. */
const BLOCK_COLUMNS = 1024;

/**
 * An operand of at most this many bytes stays in the first-level cache beside the other's panels and
 * is read in place.
 */
const SMALL_BYTES = 16 * 1024;

/** Packing A costs less than it saves from so many columns on. */
const PACKED_COLUMNS = 96;

/** Packing B costs about as much as this many rows of arithmetic with it. */
const FEW_ROWS = 4 * TILE_ROWS;

const bytesPerElement = (dtype: FloatType): number => (dtype === "float32" ? 4 : 8);

/** Columns of a register tile: two vectors of 16 bytes. */
const tileColumns = (size: number): number => 32 / size;

/** Rows of B that are packed at a time. */
function packedDepth(columns: number, k: number): number {
  return Math.min(k, BLOCK_DEPTH * Math.max(1, Math.floor(BLOCK_COLUMNS / columns)));
}

const roundUp = (x: number, multiple: number): number => Math.ceil(x / multiple) * multiple;

/**
 * Scratch bytes that {@link gemm} needs for out[m, n] = a[m, k]·b[k, n], whatever the strides: a row
 * of bias, a block of B, and for each thread a tile and a block of A; or the two vectors of a product
 * with a vector.
 */
export function gemmScratchBytes(
  dtype: FloatType,
  m: number,
  n: number,
  k: number,
  threads: number,
): number {
  const size = bytesPerElement(dtype);
  const width = tileColumns(size);
  if (isFewVectors(m, n, k, size)) return size * (k + Math.max(m, n));
  const columns = roundUp(Math.min(n, BLOCK_COLUMNS), width);
  return size * columns * (1 + packedDepth(columns, k)) + threads * threadScratchBytes(size, m, k);
}

/** Whether a product with a few vectors reads so much that it runs vector by vector: 2×1024×1024 takes half the time so. */
export function isFewVectors(m: number, n: number, k: number, size: number): boolean {
  if (m >= TILE_ROWS && n >= FEWEST_COLUMNS) return false;
  const small = Math.min(m, n) === 1 ? SMALL_BYTES / 16 : SMALL_BYTES;
  return Math.max(m, n) * k * size > small;
}

// In place, an operand must have unit stride along the direction that the tile walks; a small one
// need not. None of this changes a bit of the result.

export function packsA(m: number, n: number, k: number, aCol: number, size: number): number {
  return m * k * size > SMALL_BYTES && (aCol !== 1 || n >= PACKED_COLUMNS) ? 1 : 0;
}

export function readsInPlace(
  m: number,
  n: number,
  k: number,
  bRow: number,
  bCol: number,
  size: number,
): boolean {
  return bCol === 1 && bRow !== 0 && (m <= FEW_ROWS || n * k * size <= SMALL_BYTES);
}

/**
 * Whether products run as one call of `gemmBatch`, a single one or a batch whose matrices threads share: not several
 * blocks each, nor a few vectors, nor large enough for several threads by themselves.
 */
export function runsAtOnce(dtype: FloatType, m: number, n: number, k: number): boolean {
  const blocks = n > BLOCK_COLUMNS || k > BLOCK_DEPTH;
  return !blocks && m * n * k < SHARED_PRODUCT && !isFewVectors(m, n, k, bytesPerElement(dtype));
}

/** A tile and a block of A, in whole cache lines. */
function threadScratchBytes(size: number, m: number, k: number): number {
  const rows = roundUp(Math.min(m, BLOCK_ROWS), TILE_ROWS);
  return roundUp(size * (TILE_ROWS * tileColumns(size) + rows * Math.min(k, BLOCK_DEPTH)), 64);
}

/**
 * out[m, n] = a[m, k]·b[k, n] (+ bias[n]), any strides; `out` overlaps no operand. `a`, `b`, `out` and
 * `bias` (0: none) are byte addresses of element (0, 0), strides are in elements, `scratch` has
 * {@link gemmScratchBytes} bytes, aligned to 16 for speed. k = 0 gives zeros plus bias. `relu` ≠ 0 puts a relu behind it,
 * except where it {@link isFewVectors}.
 */
export function gemm(
  exports: GemmExports,
  crew: Crew | null,
  dtype: FloatType,
  m: number,
  n: number,
  k: number,
  a: number,
  aRow: number,
  aCol: number,
  b: number,
  bRow: number,
  bCol: number,
  out: number,
  outRow: number,
  outCol: number,
  bias: number,
  biasStride: number,
  relu: number,
  scratch: number,
): void {
  if (m === 0 || n === 0) return;
  const size = bytesPerElement(dtype);
  const width = tileColumns(size);
  const vectors = isFewVectors(m, n, k, size);
  if (vectors && m < TILE_ROWS) {
    for (let i = 0; i < m; i++) {
      const x = a + i * aRow * size;
      const y = out + i * outRow * size;
      vectorProduct(
        exports,
        crew,
        dtype,
        n,
        k,
        x,
        aCol,
        b,
        bRow,
        bCol,
        y,
        outCol,
        bias,
        biasStride,
        scratch,
      );
    }
    return;
  }
  if (vectors) {
    // A column is a row of the transposed product, outᵀ = bᵀ·aᵀ, with one bias for all.
    for (let j = 0; j < n; j++) {
      const x = b + j * bCol * size;
      const y = out + j * outCol * size;
      const shift = bias === 0 ? 0 : bias + j * biasStride * size;
      vectorProduct(
        exports,
        crew,
        dtype,
        m,
        k,
        x,
        bRow,
        a,
        aCol,
        aRow,
        y,
        outRow,
        shift,
        0,
        scratch,
      );
    }
    return;
  }
  const single = dtype === "float32";
  const copy = single ? exports.gemmCopy_f32 : exports.gemmCopy_f64;
  const packB = single ? exports.gemmPackB_f32 : exports.gemmPackB_f64;
  const multiply = single ? exports.gemm_f32 : exports.gemm_f64;

  const inPlaceB = readsInPlace(m, n, k, bRow, bCol, size);
  // No bit depends on the blocks' size either: several threads get smaller ones, so that none idles.
  let blockRows = BLOCK_ROWS;
  let blockColumns = BLOCK_COLUMNS;
  if (crew !== null) {
    const wanted = UNITS_PER_THREAD * crew.size();
    blockRows = Math.min(BLOCK_ROWS, roundUp(Math.max(m / wanted, FEWEST_ROWS), TILE_ROWS));
    const across = Math.ceil(wanted / Math.ceil(m / blockRows));
    const share = Math.max(Math.min(n, BLOCK_COLUMNS) / across, FEWEST_PANELS * width);
    blockColumns = roundUp(share, width);
  }
  const packA = packsA(m, Math.min(n, blockColumns), k, aCol, size);

  for (let left = 0; left < n; left += BLOCK_COLUMNS) {
    const columns = Math.min(BLOCK_COLUMNS, n - left);
    const wholePanels = Math.floor(columns / width);
    const panels = Math.ceil(columns / width);
    const seed = scratch;
    const packed = seed + panels * width * size;
    const target = out + left * outCol * size;
    const units = Math.ceil(m / blockRows) * Math.ceil(columns / blockColumns);
    copy(0, columns, bias === 0 ? 0 : bias + left * biasStride * size, biasStride, seed, 1);
    const most = packedDepth(panels * width, k);
    let start = 0;
    do {
      const depth = Math.min(most, k - start);
      const panelElements = width * depth;
      const blockOfA = a + start * aCol * size;
      const blockOfB = b + (start * bRow + left * bCol) * size;
      const firstPacked = inPlaceB ? wholePanels : 0;
      const readB = inPlaceB ? blockOfB : packed;
      const readRow = inPlaceB ? bRow : width;
      const readPanel = inPlaceB ? width : panelElements;
      const edge = packed + wholePanels * panelElements * size;
      const seeds = start === 0 ? seed : 0;
      const floors = start + depth === k ? relu : 0;
      const own = packed + panels * panelElements * size;
      // biome-ignore format: the same arguments, in the same lines, for one thread and for several
      if (crew === null || units === 1) {
        packB(firstPacked, panels, columns, depth, blockOfB, bRow, bCol, packed);
        multiply(
          0, units, m, columns, depth, blockOfA, aRow, aCol, readB, readRow, readPanel, edge,
          seeds, target, outRow, outCol, blockRows, blockColumns, packA, floors, own,
        );
      } else {
        const elements = columns * depth;
        if (!inPlaceB && crew.helps(elements)) {
          crew.run(packB as Exported, panels, elements, 0, [
            columns, depth, blockOfB, bRow, bCol, packed,
          ]);
        } else {
          packB(firstPacked, panels, columns, depth, blockOfB, bRow, bCol, packed);
        }
        const work = PRODUCT_WORK * m * elements;
        crew.run(multiply as Exported, units, work, threadScratchBytes(size, m, k), [
          m, columns, depth, blockOfA, aRow, aCol, readB, readRow, readPanel, edge,
          seeds, target, outRow, outCol, blockRows, blockColumns, packA, floors, own,
        ]);
      }
      start += depth;
    } while (start < k);
  }
}

/** out[n] = x[k]·b[k, n] (+ bias[n]): gathers x and out into scratch where they are not contiguous. */
function vectorProduct(
  exports: GemmExports,
  crew: Crew | null,
  dtype: FloatType,
  n: number,
  k: number,
  x: number,
  xStride: number,
  b: number,
  bRow: number,
  bCol: number,
  out: number,
  outStride: number,
  bias: number,
  biasStride: number,
  scratch: number,
): void {
  const single = dtype === "float32";
  const copy = single ? exports.gemmCopy_f32 : exports.gemmCopy_f64;
  const multiply = single ? exports.gemv_f32 : exports.gemv_f64;
  const size = bytesPerElement(dtype);
  const row = outStride === 1 ? out : scratch + k * size;
  if (xStride !== 1) copy(0, k, x, xStride, scratch, 1);
  copy(0, n, bias, biasStride, row, 1);
  const from = xStride === 1 ? x : scratch;
  if (crew === null) multiply(0, n, k, from, b, bRow, bCol, row);
  else crew.run(multiply as Exported, n, PRODUCT_WORK * n * k, 0, [k, from, b, bRow, bCol, row]);
  if (outStride !== 1) copy(0, n, row, 1, out, outStride);
}
