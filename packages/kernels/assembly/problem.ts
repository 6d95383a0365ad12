/** What the kernels of conv.ts and depthwise.ts share. */
import { lanes } from "./strided";

/** What the kernels are told: 32-bit integers in this order, as src/wasm-conv.ts writes them. */
@unmanaged
export class Problem {
  images: i32;
  groups: i32;
  /** Channels of x and of y in a group. */
  inGroup: i32;
  outGroup: i32;
  kernelD: i32;
  kernelH: i32;
  kernelW: i32;
  strideD: i32;
  strideH: i32;
  strideW: i32;
  dilationD: i32;
  dilationH: i32;
  dilationW: i32;
  /** Zeros before x. */
  beforeD: i32;
  beforeH: i32;
  beforeW: i32;
  inputD: i32;
  inputH: i32;
  inputW: i32;
  outputD: i32;
  outputH: i32;
  outputW: i32;
  /** Addresses; all are contiguous. bias is 0 where there is none. */
  x: usize;
  weight: usize;
  y: usize;
  bias: usize;
  /** A block of columns: so many places of so many images, for so many channels at a time. */
  blockImages: i32;
  blockPlaces: i32;
  blockChannels: i32;
  /** Of a unit: channels (input gradient), images (weight gradient). */
  unitChannels: i32;
  unitImages: i32;
  /** Bytes from a row of columns to the next: an odd number of cache lines, so that all sets serve. */
  row: i32;
  /** Bytes of columns that come before the rest of the scratch. */
  columns: i32;

  get taps(): i32 {
    return this.kernelD * this.kernelH * this.kernelW;
  }

  get places(): i32 {
    return this.outputD * this.outputH * this.outputW;
  }

  get pixels(): i32 {
    return this.inputD * this.inputH * this.inputW;
  }
}

@inline
export function ceilDiv(a: i32, b: i32): i32 {
  return (a + b - 1) / b;
}

export function fillRow<T>(count: i32, to: usize, value: T): void {
  let i = 0;
  const repeated = v128.splat<T>(value);
  for (; i <= count - lanes<T>(); i += lanes<T>(), to += 16) v128.store(to, repeated);
  for (; i < count; i++, to += sizeof<T>()) store<T>(to, value);
}
