/**
 * How strided kernels get their operands. All have the signature (begin, end, args): `begin` and
 * `end` count elements in row-major order (or what the kernel says), and `args` points to i32s:
 *
 *   length of a row | number of outer axes | four numbers of the kernel's own
 *   address of each operand
 *   stride of each operand along the row, in bytes
 *   for each outer axis, innermost first: its length, then the stride of each operand in bytes
 *
 * Strides may be 0 or negative; address arithmetic wraps at 4 GiB, as addresses do.
 */

/** Byte positions in `args`. */
export const LENGTH: usize = 0;
export const RANK: usize = 4;
export const OWN_0: usize = 8;
export const OWN_1: usize = 12;
export const OWN_2: usize = 16;
export const OWN_3: usize = 20;
export const OPERANDS: usize = 24;

/** An operation is a class with static behaviour; this names its (empty) instance. */
@inline
export function the<Op>(): Op {
  return changetype<Op>(0);
}

/** Elements of T in a vector. */
@inline
export function lanes<T>(): i32 {
  return 16 / <i32>sizeof<T>();
}

/** Elements that `loadLanes` and `storeLanes` take at a time. Strided bytes go one by one. */
@inline
export function strideLanes<T>(): i32 {
  return sizeof<T>() == 1 ? 1 : lanes<T>();
}

/** The first `count` of the elements at p, p + stride, …; lanes beyond repeat the first. */
export function loadLanes<T>(p: usize, stride: i32, count: i32): v128 {
  let v = v128.load_splat<T>(p);
  if (sizeof<T>() > 1) {
    if (count > 1) v = v128.load_lane<T>(p + stride, v, 1);
    if (sizeof<T>() == 4) {
      if (count > 2) v = v128.load_lane<T>(p + 2 * stride, v, 2);
      if (count > 3) v = v128.load_lane<T>(p + 3 * stride, v, 3);
    }
  }
  return v;
}

/** A whole vector of elements `step` bytes apart. */
@inline
export function loadStep<T>(p: usize, step: i32): v128 {
  return step == sizeof<T>() ? v128.load(p) : loadApart<T>(p, step);
}

function loadApart<T>(p: usize, step: i32): v128 {
  if (sizeof<T>() != 4 || step != 8) return loadLanes<T>(p, step, lanes<T>());
  // The second half ends with the last element, behind which memory may end.
  return v128.shuffle<u32>(v128.load(p), v128.load(p, 12), 0, 2, 5, 7);
}

/** Stores the first `count` lanes at p, p + stride, …. */
export function storeLanes<T>(p: usize, stride: i32, count: i32, v: v128): void {
  v128.store_lane<T>(p, v, 0);
  if (sizeof<T>() > 1) {
    if (count > 1) v128.store_lane<T>(p + stride, v, 1);
    if (sizeof<T>() == 4) {
      if (count > 2) v128.store_lane<T>(p + 2 * stride, v, 2);
      if (count > 3) v128.store_lane<T>(p + 3 * stride, v, 3);
    }
  }
}

/** The vector at p; strides in bytes. Lanes past `count` repeat the first. */
@inline
export function read<T>(p: usize, stride: i32, count: i32): v128 {
  return stride == sizeof<T>() && count >= lanes<T>() ? v128.load(p) : loadLanes<T>(p, stride, count);
}

@inline
export function write<T>(p: usize, stride: i32, count: i32, v: v128): void {
  if (stride == sizeof<T>() && count >= lanes<T>()) v128.store(p, v);
  else storeLanes<T>(p, stride, count, v);
}

/** The upper half of a float32 vector, in float64. */
@inline
export function upperHalf(v: v128): v128 {
  return f64x2.promote_low_f32x4(i32x4.shuffle(v, v, 2, 3, 2, 3));
}

/** Two float64 vectors as one of float32. */
@inline
export function demote(low: v128, high: v128): v128 {
  return i32x4.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/** The stride of an operand along the row. */
@inline
export function rowStride(args: usize, operands: usize, operand: usize): i32 {
  return load<i32>(args + OPERANDS + 4 * (operands + operand));
}

/** Length of the innermost outer axis: so many rows follow one another at a constant distance. */
@inline
export function outerLength(args: usize, operands: usize): i32 {
  return load<i32>(args, RANK) > 0 ? load<i32>(args + OPERANDS + 8 * operands) : 1;
}

/** The distance between such rows. */
@inline
export function outerStride(args: usize, operands: usize, operand: usize): i32 {
  return load<i32>(args + OPERANDS + 8 * operands + 4 * operand, 4);
}

/** The address of element `first` of row `row` of an operand. Costs a division per outer axis but one. */
export function rowAddress(args: usize, operands: usize, operand: usize, row: i32, first: i32): usize {
  let address = load<usize>(args + OPERANDS + 4 * operand) + first * rowStride(args, operands, operand);
  let axis = args + OPERANDS + 8 * operands;
  let rest = <u32>row;
  for (let left = load<i32>(args, RANK); left > 0; left--) {
    // The outermost axis takes what is left: no division where there is one axis.
    const next = left > 1 ? rest / load<u32>(axis) : 0;
    const index = rest - next * load<u32>(axis);
    address += index * load<u32>(axis + 4 * operand, 4);
    rest = next;
    axis += 4 * (operands + 1);
  }
  return address;
}

/** From here on memory.copy, which has a price per call, beats a loop. */
const BULK_BYTES = 512;

export function copyRow<T>(n: i32, x: usize, xStride: i32, out: usize, outStride: i32): void {
  const size = <i32>sizeof<T>();
  let i = 0;
  if (outStride == size && xStride == size) {
    if (n * size >= BULK_BYTES) {
      memory.copy(out, x, <usize>n * sizeof<T>());
      return;
    }
    for (; i <= n - lanes<T>(); i += lanes<T>()) {
      v128.store(out, v128.load(x));
      x += 16;
      out += 16;
    }
  } else if (outStride == size && xStride == 0 && n >= lanes<T>()) {
    const repeated = v128.load_splat<T>(x);
    for (; i <= n - lanes<T>(); i += lanes<T>()) {
      v128.store(out, repeated);
      out += 16;
    }
  }
  for (; i < n; i++) {
    store<T>(out, load<T>(x));
    x += xStride;
    out += outStride;
  }
}
