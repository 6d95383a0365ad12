/**
 * Where the largest element of every window is. Units are windows of images, begin to end; x, sites and out
 * are contiguous, and sites lie within an image of `length` elements.
 */
function windowArgmax<T>(
  begin: i32, end: i32, x: usize, sites: usize, out: usize, length: i32, windows: i32, elements: i32,
): i32 {
  const image = begin / windows;
  let window = begin - image * windows;
  let from = x + <usize>image * length * sizeof<T>();
  for (let at = begin; at < end; at++) {
    let site = sites + ((<usize>window * elements) << 2);
    let best = load<i32>(site);
    let top = load<T>(from + <usize>best * sizeof<T>());
    for (let k = 1; k < elements; k++) {
      site += 4;
      const here = load<i32>(site);
      const value = load<T>(from + <usize>here * sizeof<T>());
      // The first NaN wins: afterwards nothing is larger. Without a branch, which nothing could foresee: only
      // integers are selected without one, so that the winner is read again (2.8 ms instead of 4.9 for 200,000
      // windows of 4).
      let wins = i32(value > top);
      if (isFloat<T>()) wins |= i32(value != value) & i32(top == top);
      best = select<i32>(here, best, wins);
      top = load<T>(from + <usize>best * sizeof<T>());
    }
    store<i32>(out + (<usize>at << 2), best);
    if (++window == windows) {
      window = 0;
      from += <usize>length * sizeof<T>();
    }
  }
  return -1;
}

// biome-ignore format: one line for each type
export function windowArgmax_f32(begin: i32, end: i32, x: usize, sites: usize, out: usize, length: i32, windows: i32, elements: i32): i32 { return windowArgmax<f32>(begin, end, x, sites, out, length, windows, elements); }
// biome-ignore format: one line for each type
export function windowArgmax_f64(begin: i32, end: i32, x: usize, sites: usize, out: usize, length: i32, windows: i32, elements: i32): i32 { return windowArgmax<f64>(begin, end, x, sites, out, length, windows, elements); }
// biome-ignore format: one line for each type
export function windowArgmax_i32(begin: i32, end: i32, x: usize, sites: usize, out: usize, length: i32, windows: i32, elements: i32): i32 { return windowArgmax<i32>(begin, end, x, sites, out, length, windows, elements); }
// biome-ignore format: one line for each type
export function windowArgmax_u8(begin: i32, end: i32, x: usize, sites: usize, out: usize, length: i32, windows: i32, elements: i32): i32 { return windowArgmax<u8>(begin, end, x, sites, out, length, windows, elements); }
