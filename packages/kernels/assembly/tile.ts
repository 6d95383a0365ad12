// The register tile of the matrix product, and how operands are packed for it. Strides are in bytes.

/**
 * Rows of a tile. 5×2 accumulators, two vectors of B, one of A and a product fit V8's 15 registers.
 */
export const ROWS: i32 = 5;

/** Rows that packing takes at a time: pages apart, their lines may share the eight ways of one set of the first-level cache. */
const PACKED_ROWS: i32 = 8;

/** Scratch for a tile's sums, in whole cache lines. */
export const TILE_BYTES = 192;

/** Columns of a tile: two vectors. */
// @ts-ignore: decorator
@inline
export function columnsOf<T>(): i32 {
  return 32 / sizeof<T>();
}

// @ts-ignore: decorator
@inline
export function multiplyAdd<T>(sum: v128, x: v128, y: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(x, y, sum);
  return v128.add<T>(sum, v128.mul<T>(x, y));
}

/** The sum of a vector's lanes: the upper half is folded on the lower, until one is left. */
@inline
export function sumLanes<T>(v: v128): T {
  v = v128.add<T>(v, i64x2.shuffle(v, v, 1, 0));
  if (sizeof<T>() == 4) v = v128.add<T>(v, i32x4.shuffle(v, v, 1, 0, 3, 2));
  return v128.extract_lane<T>(v, 0);
}

/**
 * One tile: to[rows, vectors] = a·b, with a of rows × k, b of k × so many vectors (unit column stride, rows
 * not all in one place); rows of `to` are two vectors apart. Any strides of `a` and any row stride of `b` cost the
 * same, so packed and unpacked operands share this code; `packed` says that the elements of a column of `a` are
 * neighbours and columns {@link ROWS} elements apart, which saves the sums of addresses.
 *
 * With five rows of two vectors the loop is bound by the number of its instructions, 35 in Node 20: 20 of arithmetic,
 * 7 loads, 6 sums of addresses (2, packed), the check for interrupts and its end. What keeps it there: each splat stands
 * beside its use, the function stays out of line and ends with plain stores (where V8 runs out of its 15 vector
 * registers, even behind the loop, it spills accumulators inside of it, down to half the speed); one k
 * per turn and the test in front, for the same reason; b tells the end; and masks that change nothing
 * show V8 that addresses need no extension to 64 bits. 39 GFLOPS on a Zen 3 core, float32; 44 packed.
 */
@inline
function multiply<T>(
  rows: i32, vectors: i32, packed: bool, k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize,
): void {
  let c00 = i32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00;
  let c21 = c00, c30 = c00, c31 = c00, c40 = c00, c41 = c00;
  a &= -4, b &= -4;
  const end = b + k * bRow;
  let a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow;
  if (packed) {
    // V8 adds a splat's offset to the memory's start at each load; used here too, the sums stay in registers.
    store<T>(to, 0, sizeof<T>()), store<T>(to, 0, 2 * sizeof<T>());
    store<T>(to, 0, 3 * sizeof<T>()), store<T>(to, 0, 4 * sizeof<T>());
  }
  let x: v128;
  while (b != end) {
    const b0 = v128.load(b);
    const b1 = vectors > 1 ? v128.load(b, 16) : b0;
    x = v128.load_splat<T>(a);
    c00 = multiplyAdd<T>(c00, x, b0);
    if (vectors > 1) c01 = multiplyAdd<T>(c01, x, b1);
    x = packed ? v128.load_splat<T>(a, sizeof<T>()) : v128.load_splat<T>(a1);
    c10 = multiplyAdd<T>(c10, x, b0);
    if (vectors > 1) c11 = multiplyAdd<T>(c11, x, b1);
    if (rows > 2) {
      x = packed ? v128.load_splat<T>(a, 2 * sizeof<T>()) : v128.load_splat<T>(a2);
      c20 = multiplyAdd<T>(c20, x, b0);
      if (vectors > 1) c21 = multiplyAdd<T>(c21, x, b1);
      x = packed ? v128.load_splat<T>(a, 3 * sizeof<T>()) : v128.load_splat<T>(a3);
      c30 = multiplyAdd<T>(c30, x, b0);
      if (vectors > 1) c31 = multiplyAdd<T>(c31, x, b1);
    }
    if (rows > 4) {
      x = packed ? v128.load_splat<T>(a, 4 * sizeof<T>()) : v128.load_splat<T>(a4);
      c40 = multiplyAdd<T>(c40, x, b0);
      if (vectors > 1) c41 = multiplyAdd<T>(c41, x, b1);
    }
    a += packed ? ROWS * sizeof<T>() : aCol, a1 += aCol;
    if (rows > 2) a2 += aCol, a3 += aCol;
    if (rows > 4) a4 += aCol;
    b += bRow;
  }
  // Neighbours one after another: here V8 starts to look for pairs, with --experimental-wasm-revectorize (58 GFLOPS).
  v128.store(to, c00);
  if (vectors > 1) v128.store(to, c01, 16);
  v128.store(to, c10, 32);
  if (vectors > 1) v128.store(to, c11, 48);
  if (rows > 2) {
    v128.store(to, c20, 64);
    if (vectors > 1) v128.store(to, c21, 80);
    v128.store(to, c30, 96);
    if (vectors > 1) v128.store(to, c31, 112);
  }
  if (rows > 4) {
    v128.store(to, c40, 128);
    if (vectors > 1) v128.store(to, c41, 144);
  }
}

function tile5x2<T>(k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize): void {
  multiply<T>(5, 2, false, k, a, aRow, aCol, b, bRow, to);
}

function tile5x2Packed<T>(k: i32, a: usize, b: usize, bRow: i32, to: usize): void {
  multiply<T>(ROWS, 2, true, k, a, 0, 0, b, bRow, to);
}

function tile4x2<T>(k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize): void {
  multiply<T>(4, 2, false, k, a, aRow, aCol, b, bRow, to);
}

function tile2x2<T>(k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize): void {
  multiply<T>(2, 2, false, k, a, aRow, aCol, b, bRow, to);
}

function tile5x1<T>(k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize): void {
  multiply<T>(5, 1, false, k, a, aRow, aCol, b, bRow, to);
}

function tile4x1<T>(k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize): void {
  multiply<T>(4, 1, false, k, a, aRow, aCol, b, bRow, to);
}

function tile2x1<T>(k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize): void {
  multiply<T>(2, 1, false, k, a, aRow, aCol, b, bRow, to);
}

/** So many of the rows that are left does the next tile take. */
@inline
export function tileRows(left: i32): i32 {
  return left > 4 ? ROWS : left > 3 ? 4 : left > 1 ? 2 : 1;
}

/**
 * A tile of what {@link tileRows} gave, as narrow as its columns allow: none is computed in vain but for a lone row and
 * columns that fill no vector.
 */
@inline
export function tile<T>(
  rows: i32, columns: i32, k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize,
): void {
  if (rows == 1) aRow = 0; // twice the same row
  if (columns > 16 / <i32>sizeof<T>()) {
    if (rows > 4) tile5x2<T>(k, a, aRow, aCol, b, bRow, to);
    else if (rows > 2) tile4x2<T>(k, a, aRow, aCol, b, bRow, to);
    else tile2x2<T>(k, a, aRow, aCol, b, bRow, to);
  } else {
    if (rows > 4) tile5x1<T>(k, a, aRow, aCol, b, bRow, to);
    else if (rows > 2) tile4x1<T>(k, a, aRow, aCol, b, bRow, to);
    else tile2x1<T>(k, a, aRow, aCol, b, bRow, to);
  }
}

/** {@link finishTile} for all columns, side by side in out. */
@inline
function finishLines<T>(rows: i32, from: usize, seed: usize, seedRow: i32, out: usize, outRow: i32, least: T): void {
  const floor = v128.splat<T>(least);
  for (const end = from + rows * 32; from != end; from += 32, seed += seedRow, out += outRow) {
    v128.store(out, v128.pmax<T>(v128.add<T>(v128.load(seed), v128.load(from)), floor));
    v128.store(out, v128.pmax<T>(v128.add<T>(v128.load(seed, 16), v128.load(from, 16)), floor), 16);
  }
}

/**
 * out = seed + the finished tile, or `least` where that is less, for its valid rows and columns. Strides in bytes; seed
 * may be out, and seedRow 0 repeats one row of unit stride.
 */
function finishTile<T>(
  rows: i32, columns: i32, from: usize, seed: usize, seedRow: i32, seedCol: i32,
  out: usize, outRow: i32, outCol: i32, least: T,
): void {
  const size: i32 = sizeof<T>();
  const lanes = 16 / size;
  const floor = v128.splat<T>(least);
  const vector = outCol == size && columns >= lanes;
  for (; rows > 0; rows--) {
    if (vector) v128.store(out, v128.pmax<T>(v128.add<T>(v128.load(seed), v128.load(from)), floor));
    for (let j = vector ? lanes : 0; j < columns; j++) {
      const sum = load<T>(seed + j * seedCol) + load<T>(from + j * size);
      store<T>(out + j * outCol, sum < least ? least : sum);
    }
    from += 32, seed += seedRow, out += outRow;
  }
}

/** Copies one column: to[i·toStep] = from[i·fromStep], steps in bytes. */
export function copyColumn<T>(k: i32, from: usize, fromStep: i32, to: usize, toStep: i32): void {
  for (; k > 0; k--) {
    store<T>(to, load<T>(from));
    from += fromStep, to += toStep;
  }
}

/** Copies a square of a vector's width: rows `across` bytes apart become columns. */
@inline
function copySquare<T>(from: usize, across: i32, to: usize, toStep: i32): void {
  const from1 = from + across;
  const x0 = v128.load(from), x1 = v128.load(from1);
  if (sizeof<T>() == 8) {
    v128.store(to, i64x2.shuffle(x0, x1, 0, 2));
    v128.store(to + toStep, i64x2.shuffle(x0, x1, 1, 3));
    return;
  }
  const x2 = v128.load(from1 + across), x3 = v128.load(from1 + 2 * across);
  const low01 = i32x4.shuffle(x0, x1, 0, 4, 1, 5), high01 = i32x4.shuffle(x0, x1, 2, 6, 3, 7);
  const low23 = i32x4.shuffle(x2, x3, 0, 4, 1, 5), high23 = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(low01, low23, 0, 2)), to += toStep;
  v128.store(to, i64x2.shuffle(low01, low23, 1, 3)), to += toStep;
  v128.store(to, i64x2.shuffle(high01, high23, 0, 2)), to += toStep;
  v128.store(to, i64x2.shuffle(high01, high23, 1, 3));
}

/**
 * Copies one or two vectors' width of columns, `across` bytes apart, each running `along` bytes per row.
 */
function copyColumns<T>(
  columns: i32, k: i32, from: usize, across: i32, along: i32, to: usize, toStep: i32,
): void {
  const size: i32 = sizeof<T>();
  const lanes = 16 / size;
  if (across == size) {
    for (; k > 0; k--, from += along, to += toStep) {
      v128.store(to, v128.load(from));
      if (columns > lanes) v128.store(to, v128.load(from, 16), 16);
    }
    return;
  }
  if (along == size) {
    for (; k >= lanes; k -= lanes, from += 16, to += lanes * toStep) {
      copySquare<T>(from, across, to, toStep);
      if (columns > lanes) copySquare<T>(from + lanes * across, across, to + 16, toStep);
    }
  }
  for (; k > 0; k--, from += along, to += toStep) {
    for (let j = 0; j < columns; j++) store<T>(to + j * size, load<T>(from + j * across));
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
  while (column + lanes <= valid) {
    const columns = column + 2 * lanes <= valid ? 2 * lanes : lanes;
    copyColumns<T>(columns, k, from, across, along, to, step);
    from += columns * across, to += columns * size, column += columns;
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

/** Packs two neighbours of a tile's width, whose rows share a cache line; unit stride across. */
function packPair<T>(k: i32, from: usize, along: i32, to: usize, apart: i32): void {
  for (; k > 0; k--, from += along, to += 32) {
    v128.store(to, v128.load(from)), v128.store(to, v128.load(from, 16), 16);
    v128.store(to + apart, v128.load(from, 32)), v128.store(to + apart, v128.load(from, 48), 16);
  }
}

/**
 * Packs panels [begin, end) of a matrix of `count` columns: each is [k, width], `apart` bytes from the
 * next. A few rows of all panels come before the next rows, so that a cache line which panels
 * share is read once, however far apart the rows are; where lines run along the panels, each is read from end to end.
 */
export function packPanels<T>(
  begin: i32, end: i32, width: i32, count: i32, k: i32,
  from: usize, across: i32, along: i32, to: usize, apart: i32,
): void {
  const size: i32 = sizeof<T>();
  const most = along == size ? k : PACKED_ROWS;
  const whole = across == size && width == columnsOf<T>() ? min(end, count / width) : 0;
  for (let start = 0; start < k; start += most) {
    const rows = min(most, k - start);
    const line = from + start * along, packed = to + start * width * size;
    for (let panel = begin; panel < end; panel++) {
      const first = panel * width, source = line + first * across, target = packed + panel * apart;
      if (panel + 1 < whole) packPair<T>(rows, source, along, target, apart), panel++;
      else packPanel<T>(width, min(width, count - first), rows, source, across, along, target);
    }
  }
}

/**
 * out = from + a·b, or `least` where that is less, panel by panel of b, `bPanel` apart, and tile by tile. A last panel of
 * less than a tile's width is at `edge`, packed, or like the others where that is 0: columns up to whole panels are read
 * then, and what they give is dropped. `packed`: a is in panels of {@link ROWS} rows, as {@link packRows} makes them.
 * `scratch` has room for a tile.
 *
 * Inlined in two places: Binaryen inlines functions with a single caller, and the tiles must not be.
 */
@inline
export function multiplyPanels<T>(
  m: i32, n: i32, k: i32, a: usize, aRow: i32, aCol: i32, packed: i32,
  b: usize, bRow: i32, bPanel: i32, edge: usize, from: usize, fromRow: i32, fromCol: i32,
  out: usize, outRow: i32, outCol: i32, least: T, scratch: usize,
): void {
  const size: i32 = sizeof<T>();
  const columns = columnsOf<T>();
  if (packed) aRow = size, aCol = ROWS * size;
  for (let j = 0; j < n; j += columns, b += bPanel) {
    const width = min(columns, n - j);
    if (width < columns && edge) b = edge, bRow = 32;
    let rows = a, seed = from + j * fromCol, target = out + j * outCol;
    for (let i = 0; i < m;) {
      const height = tileRows(m - i);
      if (packed && height == ROWS && width == columns) tile5x2Packed<T>(k, rows, b, bRow, scratch);
      else tile<T>(height, width, k, rows, aRow, aCol, b, bRow, scratch);
      if (width == columns && outCol == size) finishLines<T>(height, scratch, seed, fromRow, target, outRow, least);
      else finishTile<T>(height, width, scratch, seed, fromRow, fromCol, target, outRow, outCol, least);
      seed += height * fromRow, target += height * outRow, i += height;
      rows += packed && height == ROWS ? k * aCol : height * aRow;
    }
  }
}

/** Packs the rows of a block of A into panels of {@link ROWS}. */
export function packRows<T>(m: i32, k: i32, a: usize, aRow: i32, aCol: i32, to: usize): void {
  packPanels<T>(0, (m + ROWS - 1) / ROWS, ROWS, m, k, a, aRow, aCol, to, ROWS * k * sizeof<T>());
}

/**
 * out += a·b for any sizes, with unit column strides of `b` and `out`; strides in bytes. `a` is packed by {@link packRows}
 * or not; panels of `b` are `bPanel` apart. Columns of `b` up to whole panels are read, and what they give is dropped.
 * `scratch` has room for a tile.
 */
export function addProduct<T>(
  m: i32, n: i32, k: i32, a: usize, aRow: i32, aCol: i32, packed: i32,
  b: usize, bRow: i32, bPanel: i32, out: usize, outRow: i32, scratch: usize,
): void {
  const size: i32 = sizeof<T>();
  multiplyPanels<T>(
    m, n, k, a, aRow, aCol, packed, b, bRow, bPanel, 0, out, outRow, size, out, outRow, size, <T>-Infinity, scratch,
  );
}
