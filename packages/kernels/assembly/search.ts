/** Searching, and shuffling. Operands are contiguous; units are values, elements of the mask, rows. */

/**
 * How many elements of an ascending row are smaller (not larger, with `right`) than each value; against NaN, all.
 * Values that follow one another, `perRow` of them, share a row of n elements.
 */
function searchsorted<T>(
  begin: i32, end: i32, sorted: usize, values: usize, out: usize, n: i32, perRow: i32, right: i32,
): void {
  for (let i = begin; i < end; i++) {
    const row = sorted + (i / perRow) * n * <i32>sizeof<T>();
    const value = load<T>(values + i * <i32>sizeof<T>());
    let low = 0;
    let high = n;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const key = load<T>(row + middle * <i32>sizeof<T>());
      if (right ? key > value : key >= value) high = middle;
      else low = middle + 1;
    }
    store<i32>(out + i * 4, low);
  }
}

/** Positions of the bytes that are not 0; returns how many there are. The range must not be split. */
export function nonzero_u8(begin: i32, end: i32, x: usize, out: usize): i32 {
  let to = out;
  for (let i = begin; i < end; ) {
    if (i + 16 <= end && !v128.any_true(v128.load(x + i))) {
      i += 16;
      continue;
    }
    // Each position is written, and stays if it counts.
    for (const last = min(i + 16, end); i < last; i++) {
      store<i32>(to, i);
      to += load<u8>(x + i) != 0 ? 4 : 0;
    }
  }
  return <i32>(to - out) >> 2;
}

/** 0 … n − 1 in the order to which the uniform numbers u in [0, 1) lead (R. Fisher and F. Yates, from the inside out). */
export function shuffle_f64(begin: i32, end: i32, u: usize, out: usize, n: i32): void {
  for (let row = begin; row < end; row++) {
    const numbers = u + row * n * 8;
    const order = out + row * n * 4;
    for (let i = 0; i < n; i++) {
      const j = <i32>(load<f64>(numbers + i * 8) * (i + 1));
      store<i32>(order + i * 4, load<i32>(order + j * 4));
      store<i32>(order + j * 4, i);
    }
  }
}

export function searchsorted_f32(begin: i32, end: i32, sorted: usize, values: usize, out: usize, n: i32, perRow: i32, right: i32): void { searchsorted<f32>(begin, end, sorted, values, out, n, perRow, right); }
export function searchsorted_f64(begin: i32, end: i32, sorted: usize, values: usize, out: usize, n: i32, perRow: i32, right: i32): void { searchsorted<f64>(begin, end, sorted, values, out, n, perRow, right); }
export function searchsorted_i32(begin: i32, end: i32, sorted: usize, values: usize, out: usize, n: i32, perRow: i32, right: i32): void { searchsorted<i32>(begin, end, sorted, values, out, n, perRow, right); }
