/**
 * Attention in blocks: out = softmax(scale·q·kᵀ + mask)·v without the matrix of all scores. A block of queries
 * meets one block of keys after the other, and what was summed before is scaled down when a larger score
 * arrives (M. Milakov and N. Gimelshein, Online normalizer calculation for softmax, 2018; T. Dao et al.,
 * FlashAttention, NeurIPS 2022, algorithm 1). The backward passes compute the weights anew from the scores and
 * the logarithm of their sum.
 *
 * `args` describes query [R, L, E], key [R, S, E], value [R, S, V] and mask [R, L, S] as operands 0–3, with unit
 * strides along their last axes: LENGTH is L, the own numbers S, E, V and flags, the stride along the row that
 * between matrix rows. All else is contiguous. A unit of the forward pass is a block of rows of the result.
 */
import { exp, firstLanes, largestLane, laneSum, log } from "./row-lanes";
import { lanes, LENGTH, OWN_0, OWN_1, OWN_2, OWN_3, read, rowAddress, rowStride } from "./strided";
import { addProduct, columnsOf, packPanels, packRows, TILE_BYTES } from "./tile";

/** Queries and keys of a block: whole tiles either way, and a block of scores fits the first-level cache. */
const BLOCK: i32 = 40;

const MASKED: i32 = 1;
const CAUSAL: i32 = 2;

/** An even number of panels. */
@inline
function padded<T>(n: i32): i32 {
  return (n + columnsOf<T>() - 1) / columnsOf<T>() * columnsOf<T>();
}

/** Packs `count` columns of `k` rows as panels; the strides go from one to the next. */
@inline
function panels<T>(count: i32, k: i32, from: usize, across: i32, along: i32, to: usize): void {
  const width = columnsOf<T>();
  packPanels<T>(0, padded<T>(count) / width, width, count, k, from, across, along, to, width * k * sizeof<T>());
}

/** to = a·bᵀ of two blocks of rows, `k` long and `aRow`, `bRow` bytes apart; `packed` has room for both. */
function rowsProduct<T>(
  m: i32, n: i32, k: i32, a: usize, aRow: i32, b: usize, bRow: i32, to: usize, packed: usize, scratch: usize,
): void {
  const size = <i32>sizeof<T>();
  const other = packed + BLOCK * k * size;
  packRows<T>(m, k, a, aRow, size, packed);
  panels<T>(n, k, b, bRow, size, other);
  memory.fill(to, 0, BLOCK * BLOCK * size);
  addProduct<T>(m, n, k, packed, 0, 0, 1, other, 32, k * 32, to, BLOCK * size, scratch);
}

/** to[m, n] += a·b, with b's rows `bRow` bytes apart. */
@inline
function addRows<T>(
  m: i32, n: i32, k: i32, a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, to: usize, toRow: i32,
  packed: usize, scratch: usize,
): void {
  panels<T>(n, k, b, sizeof<T>(), bRow, packed);
  addProduct<T>(m, n, k, a, aRow, aCol, 0, packed, 32, k * 32, to, toRow, scratch);
}

/** How many of `cols` keys from j on query i may look at. */
@inline
function visible(cols: i32, i: i32, j: i32, flags: i32): i32 {
  return flags & CAUSAL ? max(0, min(cols, i + 1 - j)) : cols;
}

/** Scores of `count` keys become scale·score + mask (unless its address is 0), −∞ in lanes beyond. */
@inline
function finishScores<T>(s: usize, mask: usize, scale: v128, count: i32): v128 {
  let v = v128.mul<T>(v128.load(s), scale);
  if (mask) v = v128.add<T>(v, read<T>(mask, sizeof<T>(), count));
  return count < lanes<T>() ? v128.bitselect(v, v128.splat<T>(<T>-Infinity), firstLanes<T>(count)) : v;
}

/** A block of scores becomes e^(score − top), with the new top of every row; sums and results are scaled to it. */
function meet<T>(
  rows: i32, cols: i32, i0: i32, j0: i32, s: usize, mask: usize, maskRow: i32, scale: v128, flags: i32,
  tops: usize, sums: usize, o: usize, oRow: i32,
): void {
  const size = <i32>sizeof<T>();
  const step = lanes<T>();
  for (let i = 0; i < rows; i++) {
    const n = visible(cols, i0 + i, j0, flags);
    let top = v128.load_splat<T>(tops);
    const before = top;
    for (let j = 0; j < n; j += step) {
      const v = finishScores<T>(s + j * size, mask ? mask + j * size : 0, scale, n - j);
      v128.store(s + j * size, v);
      top = v128.max<T>(top, v);
    }
    top = largestLane<T>(top);
    v128.store_lane<T>(tops, top, 0);
    // Where nothing was seen yet, −∞ − (−∞) would be NaN.
    const origin = v128.bitselect(v128.splat<T>(<T>0), top, v128.eq<T>(top, v128.splat<T>(<T>-Infinity)));
    let sum = v128.splat<T>(<T>0);
    for (let j = 0; j < n; j += step) {
      const e = exp<T>(v128.sub<T>(v128.load(s + j * size), origin));
      v128.store(s + j * size, e);
      sum = v128.add<T>(sum, e);
    }
    for (let j = (n + step - 1) & -step; j < BLOCK; j += step) v128.store(s + j * size, v128.splat<T>(<T>0));
    const kept = exp<T>(v128.sub<T>(before, origin));
    const total = v128.add<T>(v128.mul<T>(v128.load_splat<T>(sums), kept), laneSum<T>(sum));
    v128.store_lane<T>(sums, total, 0);
    for (let j = 0; j < oRow; j += 16) v128.store(o + j, v128.mul<T>(v128.load(o + j), kept));
    s += BLOCK * size, tops += size, sums += size, o += oRow;
    if (mask) mask += maskRow;
  }
}

function attention<T>(
  begin: i32, end: i32, args: usize, out: usize, logSum: usize, scaling: f64, scratch: usize,
): void {
  const size = <i32>sizeof<T>();
  const l = load<i32>(args, LENGTH), s = load<i32>(args, OWN_0);
  const e = load<i32>(args, OWN_1), v = load<i32>(args, OWN_2), flags = load<i32>(args, OWN_3);
  const qRow = rowStride(args, 4, 0), kRow = rowStride(args, 4, 1);
  const vRow = rowStride(args, 4, 2), maskRow = rowStride(args, 4, 3);
  const scale = v128.splat<T>(<T>scaling);
  const scores = scratch + TILE_BYTES;
  const tops = scores + BLOCK * BLOCK * size;
  const sums = tops + BLOCK * size;
  const o = sums + BLOCK * size;
  const oRow = padded<T>(v) * size;
  const packed = o + BLOCK * oRow;
  const blocks = (l + BLOCK - 1) / BLOCK;
  for (let unit = begin; unit < end; unit++) {
    const r = unit / blocks;
    const i0 = unit % blocks * BLOCK;
    const rows = min(BLOCK, l - i0);
    const q = rowAddress(args, 4, 0, r, 0) + i0 * qRow;
    const k = rowAddress(args, 4, 1, r, 0), values = rowAddress(args, 4, 2, r, 0);
    const mask = flags & MASKED ? rowAddress(args, 4, 3, r, 0) + i0 * maskRow : 0;
    memory.fill(o, 0, BLOCK * oRow);
    for (let i = 0; i < BLOCK; i++) {
      store<T>(tops + i * size, <T>-Infinity);
      store<T>(sums + i * size, 0);
    }
    const last = flags & CAUSAL ? min(s, i0 + rows) : s;
    for (let j0 = 0; j0 < last; j0 += BLOCK) {
      const cols = min(BLOCK, s - j0);
      rowsProduct<T>(rows, cols, e, q, qRow, k + j0 * kRow, kRow, scores, packed, scratch);
      meet<T>(
        rows, cols, i0, j0, scores, mask ? mask + j0 * size : 0, maskRow, scale, flags, tops, sums, o, oRow,
      );
      addRows<T>(
        rows, v, cols, scores, BLOCK * size, size, values + j0 * vRow, vRow, o, oRow, packed, scratch,
      );
    }
    for (let i = 0; i < rows; i++) {
      const at = <usize>(r * l + i0 + i);
      const total = v128.load_splat<T>(sums + i * size);
      const share = v128.div<T>(v128.splat<T>(<T>1), total);
      for (let j = 0; j < oRow; j += 16) {
        v128.store(o + i * oRow + j, v128.mul<T>(v128.load(o + i * oRow + j), share));
      }
      memory.copy(out + at * v * size, o + i * oRow, v * size);
      v128.store_lane<T>(logSum + at * size, v128.add<T>(v128.load_splat<T>(tops + i * size), log<T>(total)), 0);
    }
  }
}

/**
 * A block of scores becomes weights: e^(score − logSum), and 0 where the score is −∞, also of a query that may look
 * nowhere: its result is NaN, but it says nothing about others.
 */
function weigh<T>(
  rows: i32, cols: i32, i0: i32, j0: i32, s: usize, mask: usize, maskRow: i32, scale: v128, flags: i32,
  logSum: usize,
): void {
  const size = <i32>sizeof<T>();
  const step = lanes<T>();
  for (let i = 0; i < rows; i++) {
    const n = visible(cols, i0 + i, j0, flags);
    const total = v128.load_splat<T>(logSum);
    for (let j = 0; j < BLOCK; j += step) {
      let w = v128.splat<T>(<T>0);
      if (j < n) {
        const score = finishScores<T>(s + j * size, mask ? mask + j * size : 0, scale, n - j);
        const hidden = v128.eq<T>(score, v128.splat<T>(<T>-Infinity));
        w = v128.andnot(exp<T>(v128.sub<T>(score, total)), hidden);
      }
      v128.store(s + j * size, w);
    }
    s += BLOCK * size, logSum += size;
    if (mask) mask += maskRow;
  }
}

const BY_QUERIES: i32 = 1;
const BY_KEYS: i32 = 2;

/**
 * The gradients, of operands whose address is not 0. With weights P, dP = dy·vᵀ and dS = P ⊙ (dP − delta), delta =
 * Σ dy ⊙ y of every query: dq = scale·dS·k, dk = scale·dSᵀ·q, dv = Pᵀ·dy. Units are matrices; or with `cut` blocks of
 * queries, where dq alone is wanted, or blocks of keys, where it is not.
 */
function attentionGrad<T>(
  begin: i32, end: i32, args: usize, cut: i32, dq: usize, dk: usize, dv: usize, logSum: usize, dy: usize, delta: usize,
  scaling: f64, scratch: usize,
): void {
  const size = <i32>sizeof<T>();
  const l = load<i32>(args, LENGTH), s = load<i32>(args, OWN_0);
  const e = load<i32>(args, OWN_1), v = load<i32>(args, OWN_2), flags = load<i32>(args, OWN_3);
  const qRow = rowStride(args, 4, 0), kRow = rowStride(args, 4, 1);
  const vRow = rowStride(args, 4, 2), maskRow = rowStride(args, 4, 3);
  const scale = v128.splat<T>(<T>scaling);
  const scores = scratch + TILE_BYTES;
  const slopes = scores + BLOCK * BLOCK * size;
  const packed = slopes + BLOCK * BLOCK * size;
  const blocks = cut ? ((cut == BY_QUERIES ? l : s) + BLOCK - 1) / BLOCK : 1;
  for (let unit = begin; unit < end; unit++) {
    const r = unit / blocks;
    const first = unit % blocks * BLOCK;
    const i1 = cut == BY_QUERIES ? first : 0, j1 = cut == BY_KEYS ? first : 0;
    const i2 = cut == BY_QUERIES ? min(l, first + BLOCK) : l, j2 = cut == BY_KEYS ? min(s, first + BLOCK) : s;
    if (dq) memory.fill(dq + (r * l + i1) * e * size, 0, (i2 - i1) * e * size);
    if (dk) memory.fill(dk + (r * s + j1) * e * size, 0, (j2 - j1) * e * size);
    if (dv) memory.fill(dv + (r * s + j1) * v * size, 0, (j2 - j1) * v * size);
    for (let j0 = j1; j0 < j2; j0 += BLOCK) {
      const cols = min(BLOCK, s - j0);
      const k = rowAddress(args, 4, 1, r, 0) + j0 * kRow, values = rowAddress(args, 4, 2, r, 0) + j0 * vRow;
      for (let i0 = i1; i0 < i2; i0 += BLOCK) {
        const rows = min(BLOCK, l - i0);
        if (flags & CAUSAL && j0 >= i0 + rows) continue;
        const at = <usize>(r * l + i0);
        const q = rowAddress(args, 4, 0, r, 0) + i0 * qRow;
        const upstream = dy + at * v * size;
        const mask = flags & MASKED ? rowAddress(args, 4, 3, r, 0) + i0 * maskRow + j0 * size : 0;
        rowsProduct<T>(rows, cols, e, q, qRow, k, kRow, scores, packed, scratch);
        weigh<T>(rows, cols, i0, j0, scores, mask, maskRow, scale, flags, logSum + at * size);
        if (dv) {
          const to = dv + (r * s + j0) * v * size;
          addRows<T>(cols, v, rows, scores, size, BLOCK * size, upstream, v * size, to, v * size, packed, scratch);
        }
        if (!dq && !dk) continue;
        rowsProduct<T>(rows, cols, v, upstream, v * size, values, vRow, slopes, packed, scratch);
        for (let i = 0; i < rows; i++) {
          const own = v128.load_splat<T>(delta + (at + i) * size);
          for (let j = 0; j < BLOCK * size; j += 16) {
            const p = scores + i * BLOCK * size + j;
            const d = v128.sub<T>(v128.load(slopes + i * BLOCK * size + j), own);
            const w = v128.load(p);
            const unseen = v128.eq<T>(w, v128.splat<T>(<T>0));
            v128.store(p, v128.andnot(v128.mul<T>(v128.mul<T>(w, d), scale), unseen));
          }
        }
        if (dq) {
          const to = dq + at * e * size;
          addRows<T>(rows, e, cols, scores, BLOCK * size, size, k, kRow, to, e * size, packed, scratch);
        }
        if (dk) {
          const to = dk + (r * s + j0) * e * size;
          addRows<T>(cols, e, rows, scores, size, BLOCK * size, q, qRow, to, e * size, packed, scratch);
        }
      }
    }
  }
}

export function attention_f32(
  begin: i32, end: i32, args: usize, out: usize, logSum: usize, scale: f64, scratch: usize,
): void {
  attention<f32>(begin, end, args, out, logSum, scale, scratch);
}

export function attentionGrad_f32(
  begin: i32, end: i32, args: usize, cut: i32, dq: usize, dk: usize, dv: usize, logSum: usize, dy: usize, delta: usize,
  scale: f64, scratch: usize,
): void {
  attentionGrad<f32>(begin, end, args, cut, dq, dk, dv, logSum, dy, delta, scale, scratch);
}

export function attention_f64(
  begin: i32, end: i32, args: usize, out: usize, logSum: usize, scale: f64, scratch: usize,
): void {
  attention<f64>(begin, end, args, out, logSum, scale, scratch);
}

export function attentionGrad_f64(
  begin: i32, end: i32, args: usize, cut: i32, dq: usize, dk: usize, dv: usize, logSum: usize, dy: usize, delta: usize,
  scale: f64, scratch: usize,
): void {
  attentionGrad<f64>(begin, end, args, cut, dq, dk, dv, logSum, dy, delta, scale, scratch);
}
