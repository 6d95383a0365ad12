// The matrix product, float32 and float64 from one generic source.
//
// Work is laid out after Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
// (https://doi.org/10.1145/1356052.1356053): a micro-kernel keeps a tile of C in registers, a panel
// of B stays in the first-level cache, a block of A in the second. The caller cuts K into blocks of
// a fixed length and calls `gemm_*` once for each, in order, so an element of C is always
//
//     (((bias + block₀) + block₁) + …),  blockᵢ = ((a₀b₀ + a₁b₁) + a₂b₂) + …
//
// whatever is packed or split: neither changes a bit of the result.
//
// Products with a few vectors run through `gemv_*`, where packing would cost more than the arithmetic.
// Strides arrive in elements and become bytes at the door; a negative one wraps round, as addresses
// do.

/**
 * Rows of a tile. 5×2 accumulators, two vectors of B, one of A and a product fit V8's 15 registers.
 */
const ROWS: i32 = 5;

/**
 * Rows that packing takes at a time: their lines, pages apart, fit the first-level cache and TLB.
 */
const PACKED_ROWS: i32 = 32;

/** Columns of a tile: two vectors. */
// @ts-ignore: decorator
@inline
function columnsOf<T>(): i32 {
  return 32 / sizeof<T>();
}

// @ts-ignore: decorator
@inline
function multiplyAdd<T>(sum: v128, x: v128, y: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(x, y, sum);
  return v128.add<T>(sum, v128.mul<T>(x, y));
}

/**
 * One tile: to[5, two vectors] = a·b, with a of 5 × k, b of k × two vectors (unit column stride).
 * Strides in bytes. Any strides of `a` and any row stride of `b` cost the same, so packed and
 * unpacked operands share this code.
 *
 * Measured in Node 20 on a Zen 3 core, float32: 35 GFLOPS, also with A's block in the second-level
 * cache. Each splat stands beside its use, the function stays out of line and ends with plain stores:
 * where V8 runs out of its 15 vector registers, even behind the loop (when it adds the seed, say), it
 * spills accumulators inside of it, down to 21–27.
 */
function tile<T>(
  k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize,
): void {
  let c00 = i32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00;
  let c21 = c00, c30 = c00, c31 = c00, c40 = c00, c41 = c00;
  let a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow;
  let x: v128;
  for (; k > 0; k--) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    x = v128.load_splat<T>(a);
    c00 = multiplyAdd<T>(c00, x, b0), c01 = multiplyAdd<T>(c01, x, b1);
    x = v128.load_splat<T>(a1);
    c10 = multiplyAdd<T>(c10, x, b0), c11 = multiplyAdd<T>(c11, x, b1);
    x = v128.load_splat<T>(a2);
    c20 = multiplyAdd<T>(c20, x, b0), c21 = multiplyAdd<T>(c21, x, b1);
    x = v128.load_splat<T>(a3);
    c30 = multiplyAdd<T>(c30, x, b0), c31 = multiplyAdd<T>(c31, x, b1);
    x = v128.load_splat<T>(a4);
    c40 = multiplyAdd<T>(c40, x, b0), c41 = multiplyAdd<T>(c41, x, b1);
    a += aCol, a1 += aCol, a2 += aCol, a3 += aCol, a4 += aCol, b += bRow;
  }
  v128.store(to, c00), v128.store(to, c01, 16);
  v128.store(to, c10, 32), v128.store(to, c11, 48);
  v128.store(to, c20, 64), v128.store(to, c21, 80);
  v128.store(to, c30, 96), v128.store(to, c31, 112);
  v128.store(to, c40, 128), v128.store(to, c41, 144);
}

/**
 * out = seed + the finished tile, for its valid rows and columns. Strides in bytes; seed may be out,
 * and seedRow 0 repeats one row of unit stride.
 */
function finishTile<T>(
  rows: i32, columns: i32, from: usize, seed: usize, seedRow: i32, seedCol: i32,
  out: usize, outRow: i32, outCol: i32,
): void {
  const size: i32 = sizeof<T>();
  const vectors = columns == columnsOf<T>() && outCol == size;
  for (; rows > 0; rows--) {
    if (vectors) {
      v128.store(out, v128.add<T>(v128.load(seed), v128.load(from)));
      v128.store(out, v128.add<T>(v128.load(seed, 16), v128.load(from, 16)), 16);
    } else {
      for (let j = 0; j < columns; j++) {
        store<T>(out + j * outCol, load<T>(seed + j * seedCol) + load<T>(from + j * size));
      }
    }
    from += 32, seed += seedRow, out += outRow;
  }
}

/** Copies one column: to[i·toStep] = from[i·fromStep], steps in bytes. */
function copyColumn<T>(k: i32, from: usize, fromStep: i32, to: usize, toStep: i32): void {
  for (; k > 0; k--) {
    store<T>(to, load<T>(from));
    from += fromStep, to += toStep;
  }
}

/**
 * Copies one vector's width of columns, `across` bytes apart, each running `along` bytes per row.
 */
function copyColumns<T>(
  k: i32, from: usize, across: i32, along: i32, to: usize, toStep: i32,
): void {
  const size: i32 = sizeof<T>();
  if (across == size) {
    for (; k > 0; k--) {
      v128.store(to, v128.load(from));
      from += along, to += toStep;
    }
    return;
  }
  const from1 = from + across;
  if (sizeof<T>() == 8) {
    let i: i32 = 0;
    if (along == size) {
      for (; k > 1; k -= 2) {
        const x0 = v128.load(from + i), x1 = v128.load(from1 + i);
        v128.store(to, i64x2.shuffle(x0, x1, 0, 2));
        v128.store(to + toStep, i64x2.shuffle(x0, x1, 1, 3));
        i += 16, to += 2 * toStep;
      }
    }
    for (; k > 0; k--) {
      store<T>(to, load<T>(from + i)), store<T>(to, load<T>(from1 + i), 8);
      i += along, to += toStep;
    }
    return;
  }
  const from2 = from1 + across, from3 = from2 + across;
  let i: i32 = 0;
  if (along == size) {
    for (; k > 3; k -= 4) {
      const x0 = v128.load(from + i), x1 = v128.load(from1 + i);
      const x2 = v128.load(from2 + i), x3 = v128.load(from3 + i);
      const low01 = i32x4.shuffle(x0, x1, 0, 4, 1, 5), high01 = i32x4.shuffle(x0, x1, 2, 6, 3, 7);
      const low23 = i32x4.shuffle(x2, x3, 0, 4, 1, 5), high23 = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
      v128.store(to, i64x2.shuffle(low01, low23, 0, 2)), to += toStep;
      v128.store(to, i64x2.shuffle(low01, low23, 1, 3)), to += toStep;
      v128.store(to, i64x2.shuffle(high01, high23, 0, 2)), to += toStep;
      v128.store(to, i64x2.shuffle(high01, high23, 1, 3)), to += toStep;
      i += 16;
    }
  }
  for (; k > 0; k--) {
    store<T>(to, load<T>(from + i)), store<T>(to, load<T>(from1 + i), 4);
    store<T>(to, load<T>(from2 + i), 8), store<T>(to, load<T>(from3 + i), 12);
    i += along, to += toStep;
  }
}

/**
 * Packs `valid` columns into a panel [k, width], zeros in the columns that are missing: one of B,
 * or, with rows as columns, one of A. Strides in bytes.
 */
function packPanel<T>(
  width: i32, valid: i32, k: i32, from: usize, across: i32, along: i32, to: usize,
): void {
  const size: i32 = sizeof<T>();
  const lanes: i32 = 16 / sizeof<T>();
  const step = width * size;
  let column = 0;
  for (; column + lanes <= valid; column += lanes) {
    copyColumns<T>(k, from, across, along, to, step);
    from += lanes * across, to += 16;
  }
  for (; column < valid; column++) {
    copyColumn<T>(k, from, along, to, step);
    from += across, to += size;
  }
  for (; column < width; column++) {
    for (let i = 0, zero = to; i < k; i++, zero += step) store<T>(zero, 0);
    to += size;
  }
}

/**
 * Packs panels [begin, end) of a matrix of `count` columns: to[panel] is [k, width]. A few rows of
 * all panels come before the next rows, so that a cache line which two panels share is read once,
 * however far apart the rows are.
 */
function packPanels<T>(
  begin: i32, end: i32, width: i32, count: i32, k: i32,
  from: usize, across: i32, along: i32, to: usize,
): void {
  const size: i32 = sizeof<T>();
  for (let start = 0; start < k; start += PACKED_ROWS) {
    const rows = min(PACKED_ROWS, k - start);
    for (let panel = begin; panel < end; panel++) {
      const first = panel * width;
      packPanel<T>(
        width, min(width, count - first), rows,
        from + first * across + start * along, across, along,
        to + (first * k + start * width) * size,
      );
    }
  }
}

/**
 * One block of K of out = seed + a·b. Units are blocks of `blockRows` × `blockCols` of out
 * (multiples of a tile's), row by row.
 *
 * `b`'s whole panels are `bPanel` elements apart with rows `bRow` apart: packed, or B itself where
 * its column stride is 1. A last panel of less than a tile's width is at `edge`, always packed.
 * `seed` is a row of bias or zeros, padded to whole panels, for the first block of K, and 0 for
 * later blocks, which add to out. `packA` ≠ 0 packs A, otherwise only its last rows are, where they
 * fill no tile. `scratch` has room for a tile and then a block of A: blockRows × k.
 */
function gemm<T>(
  begin: i32, end: i32, m: i32, n: i32, k: i32,
  a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bPanel: i32, edge: usize,
  seed: usize, out: usize, outRow: i32, outCol: i32,
  blockRows: i32, blockCols: i32, packA: i32, scratch: usize,
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
    const whole = packA ? top : bottom - (bottom - top) % ROWS;
    packPanels<T>(
      (whole - top) / ROWS, (bottom - top + ROWS - 1) / ROWS, ROWS, bottom - top,
      k, a + top * aRow, aRow, aCol, packedA,
    );
    for (let j = left; j < right; j += columns) {
      const tileCols = min(columns, right - j);
      const full = tileCols == columns;
      const panel = full ? b + (j / columns) * bPanel : edge;
      const panelRow = full ? bRow : packedRow;
      for (let i = top; i < bottom; i += ROWS) {
        const packed = i >= whole;
        const rows = packed ? packedA + (i - top) * k * size : a + i * aRow;
        // Two calls on purpose: Binaryen inlines a function that is called from one place.
        if (packed) tile<T>(k, rows, size, ROWS * size, panel, panelRow, scratch);
        else tile<T>(k, rows, aRow, aCol, panel, panelRow, scratch);
        const target = out + i * outRow + j * outCol;
        const from = seed ? seed + j * size : target;
        finishTile<T>(
          min(ROWS, bottom - i), tileCols, scratch,
          from, seed ? 0 : outRow, seed ? size : outCol, target, outRow, outCol,
        );
      }
    }
  }
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
  c0 = v128.add<T>(v128.add<T>(c0, c1), v128.add<T>(c2, c3));
  // Fold the upper half on the lower, until one lane is left.
  c0 = v128.add<T>(c0, i64x2.shuffle(c0, c0, 1, 0));
  if (sizeof<T>() == 4) c0 = v128.add<T>(c0, i32x4.shuffle(c0, c0, 1, 0, 3, 2));
  let sum = v128.extract_lane<T>(c0, 0);
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
  packPanels<f32>(begin, end, columnsOf<f32>(), n, k, b, bCol * 4, bRow * 4, packed);
}

export function gemm_f32(
  begin: i32, end: i32, m: i32, n: i32, k: i32, a: usize, aRow: i32, aCol: i32,
  b: usize, bRow: i32, bPanel: i32, edge: usize, seed: usize, out: usize, outRow: i32, outCol: i32,
  blockRows: i32, blockCols: i32, packA: i32, scratch: usize,
): void {
  gemm<f32>(
    begin, end, m, n, k, a, aRow, aCol, b, bRow, bPanel, edge, seed, out, outRow, outCol,
    blockRows, blockCols, packA, scratch,
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
  packPanels<f64>(begin, end, columnsOf<f64>(), n, k, b, bCol * 8, bRow * 8, packed);
}

export function gemm_f64(
  begin: i32, end: i32, m: i32, n: i32, k: i32, a: usize, aRow: i32, aCol: i32,
  b: usize, bRow: i32, bPanel: i32, edge: usize, seed: usize, out: usize, outRow: i32, outCol: i32,
  blockRows: i32, blockCols: i32, packA: i32, scratch: usize,
): void {
  gemm<f64>(
    begin, end, m, n, k, a, aRow, aCol, b, bRow, bPanel, edge, seed, out, outRow, outCol,
    blockRows, blockCols, packA, scratch,
  );
}

export function gemv_f64(
  begin: i32, end: i32, k: i32, x: usize, b: usize, bRow: i32, bCol: i32, out: usize,
): void {
  gemv<f64>(begin, end, k, x, b, bRow, bCol, out);
}
