/**
 * Convolutions by implicit im2col: windows of a few images are copied to the columns of a matrix that
 * stays in the second-level cache, which the matrix product's tile reads in place. The matrix of all
 * windows never exists.
 *
 *     forward:  y = w · columns(x)           [out, inner] · [inner, places]
 *     input:    x = Σ over windows of wᵀ · y  [inner, out] · [out, places]
 *     weight:   wᵀ = columns(x) · yᵀ          [inner, places] · [places, out], summed over images
 *
 * with inner = channels of a group × elements of a window. How work is cut follows from shapes alone,
 * and a unit owns what it writes, so the bits depend on no split.
 */
import { ceilDiv, fillRow, Problem } from "./problem";
import { copyRow, lanes, the } from "./strided";
import { addProduct, columnsOf, packPanels, TILE_BYTES } from "./tile";

/** Multiplications in one sum before it is added to the total, as in a matrix product. */
const DEPTH = 256;

/** Images to columns. */
class Pack {
  @inline inside<T>(count: i32, image: usize, step: i32, column: usize): void {
    copyRow<T>(count, image, step, column, sizeof<T>());
  }

  @inline outside<T>(count: i32, column: usize): void {
    for (; count > 0; count--, column += sizeof<T>()) store<T>(column, 0);
  }
}

/** Columns added to images. */
class Add {
  @inline inside<T>(count: i32, image: usize, step: i32, column: usize): void {
    let i = 0;
    if (step == sizeof<T>()) {
      for (; i <= count - lanes<T>(); i += lanes<T>(), image += 16, column += 16) {
        v128.store(image, v128.add<T>(v128.load(image), v128.load(column)));
      }
    }
    for (; i < count; i++, image += step, column += sizeof<T>()) {
      store<T>(image, load<T>(image) + load<T>(column));
    }
  }

  @inline outside<T>(count: i32, column: usize): void {}
}

/**
 * Goes through the columns of places [first, first + places) of `images` images: for every channel and
 * element of a window a row, in stretches that lie side by side in the image, or outside of it.
 */
function eachStretch<T, Op>(
  g: Problem, channels: i32, images: i32, imageBytes: i32, first: i32, places: i32,
  x: usize, columns: usize,
): void {
  const op = the<Op>();
  const size: i32 = sizeof<T>();
  const lineBytes = g.inputW * size, planeBytes = g.inputH * lineBytes;
  const line = first / g.outputW;
  const startW = first - line * g.outputW, startD = line / g.outputH, startH = line - startD * g.outputH;
  for (; channels > 0; channels--, x += g.inputD * planeBytes) {
    for (let kd = 0; kd < g.kernelD; kd++) {
      for (let kh = 0; kh < g.kernelH; kh++) {
        for (let kw = 0; kw < g.kernelW; kw++, columns += g.row) {
          // Places from `low` to `high` of a line see the image.
          const shift = kw * g.dilationW - g.beforeW;
          const low = max(0, (g.strideW - 1 - shift) / g.strideW);
          const high = max(0, (g.inputW - shift + g.strideW - 1) / g.strideW);
          let column = columns;
          for (let image = x, last = x + images * imageBytes; image != last; image += imageBytes) {
            let ow = startW, oh = startH, od = startD;
            for (let left = places; left > 0; ow = 0) {
              const count = min(left, g.outputW - ow);
              const d = od * g.strideD + kd * g.dilationD - g.beforeD;
              const h = oh * g.strideH + kh * g.dilationH - g.beforeH;
              const end = ow + count;
              let from = max(ow, low), to = min(end, high);
              if (<u32>d >= <u32>g.inputD || <u32>h >= <u32>g.inputH || from >= to) from = to = end;
              op.outside<T>(from - ow, column);
              op.inside<T>(
                to - from, image + d * planeBytes + h * lineBytes + (from * g.strideW + shift) * size,
                g.strideW * size, column + (from - ow) * size,
              );
              op.outside<T>(end - to, column + (to - ow) * size);
              column += count * size, left -= count;
              if (++oh == g.outputH) oh = 0, od++;
            }
          }
        }
      }
    }
  }
}

/** y = bias + w·columns(x). Units: blocks of places, of groups, of blocks of images. */
function forward<T>(begin: i32, end: i32, args: usize, scratch: usize): i32 {
  const g = changetype<Problem>(args);
  const size: i32 = sizeof<T>();
  const taps = g.taps, places = g.places, pixels = g.pixels, inner = g.inGroup * taps;
  const blocks = ceilDiv(places, g.blockPlaces);
  const imageBytes = g.groups * g.inGroup * pixels * size;
  const columns = scratch + TILE_BYTES;
  for (let unit = begin; unit < end; unit++) {
    const rest = unit / blocks, first = (unit - rest * blocks) * g.blockPlaces;
    const block = rest / g.groups, group = rest - block * g.groups, image = block * g.blockImages;
    const images = min(g.blockImages, g.images - image), wide = min(g.blockPlaces, places - first);
    const count = images * wide;
    const y = g.y + ((image * g.groups + group) * g.outGroup * places + first) * size;
    const x = g.x + image * imageBytes + group * g.inGroup * pixels * size;
    const weight = g.weight + group * g.outGroup * inner * size;
    // Columns of several images are not side by side in y.
    const out = images == 1 ? y : columns + g.columns, outRow = images == 1 ? places * size : g.row;
    for (let o = 0; o < g.outGroup; o++) {
      const bias = g.bias ? load<T>(g.bias + (group * g.outGroup + o) * size) : <T>0;
      fillRow<T>(count, out + o * outRow, bias);
    }
    for (let c = 0; c < g.inGroup; c += g.blockChannels) {
      const channels = min(g.blockChannels, g.inGroup - c);
      eachStretch<T, Pack>(
        g, channels, images, imageBytes, first, wide, x + c * pixels * size, columns,
      );
      addProduct<T>(
        g.outGroup, count, channels * taps, weight + c * taps * size, inner * size, size, 0,
        columns, g.row, 32, out, outRow, scratch,
      );
    }
    if (images > 1) {
      for (let o = 0; o < g.outGroup; o++) {
        for (let i = 0; i < images; i++) {
          copyRow<T>(
            places, out + o * outRow + i * places * size, size,
            y + (i * g.groups * g.outGroup + o) * places * size, size,
          );
        }
      }
    }
  }
  return -1;
}

/** x = Σ over windows of wᵀ·y. Units: blocks of channels, of groups, of blocks of images. */
function input<T>(begin: i32, end: i32, args: usize, scratch: usize): i32 {
  const g = changetype<Problem>(args);
  const size: i32 = sizeof<T>();
  const taps = g.taps, places = g.places, pixels = g.pixels;
  const blocks = ceilDiv(g.inGroup, g.unitChannels);
  const imageBytes = g.groups * g.inGroup * pixels * size;
  const columns = scratch + TILE_BYTES, product = columns + g.columns;
  for (let unit = begin; unit < end; unit++) {
    const rest = unit / blocks, channel = (unit - rest * blocks) * g.unitChannels;
    const block = rest / g.groups, group = rest - block * g.groups, image = block * g.blockImages;
    const images = min(g.blockImages, g.images - image);
    const bottom = min(g.inGroup, channel + g.unitChannels);
    const x = g.x + image * imageBytes + group * g.inGroup * pixels * size;
    for (let i = 0; i < images; i++) {
      fillRow<T>((bottom - channel) * pixels, x + i * imageBytes + channel * pixels * size, 0);
    }
    for (let first = 0; first < places; first += g.blockPlaces) {
      const wide = min(g.blockPlaces, places - first), count = images * wide;
      for (let o = 0; o < g.outGroup; o++) {
        for (let i = 0; i < images; i++) {
          const channelOfY = ((image + i) * g.groups + group) * g.outGroup + o;
          copyRow<T>(
            wide, g.y + (channelOfY * places + first) * size, size,
            columns + o * g.row + i * wide * size, size,
          );
        }
      }
      for (let c = channel; c < bottom; c += g.blockChannels) {
        const channels = min(g.blockChannels, bottom - c), rows = channels * taps;
        for (let r = 0; r < rows; r++) fillRow<T>(count, product + r * g.row, 0);
        for (let o = 0; o < g.outGroup; o += DEPTH) {
          addProduct<T>(
            rows, count, min(DEPTH, g.outGroup - o),
            g.weight + (((group * g.inGroup + c) * taps) * g.outGroup + o) * size, g.outGroup * size, size, 0,
            columns + o * g.row, g.row, 32, product, g.row, scratch,
          );
        }
        eachStretch<T, Add>(
          g, channels, images, imageBytes, first, wide, x + c * pixels * size, product,
        );
      }
    }
  }
  return -1;
}

/**
 * Sums wᵀ = columns(x)·yᵀ over a stretch of images: weight[stretch][group] is [inner, out]. Units: blocks of
 * channels, of groups, of stretches.
 */
function weight<T>(begin: i32, end: i32, args: usize, scratch: usize): i32 {
  const g = changetype<Problem>(args);
  const size: i32 = sizeof<T>();
  const taps = g.taps, places = g.places, pixels = g.pixels, inner = g.inGroup * taps;
  const blocks = ceilDiv(g.inGroup, g.blockChannels);
  const imageBytes = g.groups * g.inGroup * pixels * size;
  const width = columnsOf<T>();
  const columns = scratch + TILE_BYTES, panels = columns + g.columns;
  for (let unit = begin; unit < end; unit++) {
    const rest = unit / blocks, channel = (unit - rest * blocks) * g.blockChannels;
    const stretch = rest / g.groups, group = rest - stretch * g.groups;
    const channels = min(g.blockChannels, g.inGroup - channel), rows = channels * taps;
    const out = g.weight + (rest * inner + channel * taps) * g.outGroup * size;
    const lastImage = min(g.images, (stretch + 1) * g.unitImages);
    fillRow<T>(rows * g.outGroup, out, 0);
    for (let image = stretch * g.unitImages; image < lastImage; image += g.blockImages) {
      const images = min(g.blockImages, lastImage - image);
      const x = g.x + image * imageBytes + (group * g.inGroup + channel) * pixels * size;
      for (let first = 0; first < places; first += g.blockPlaces) {
        const wide = min(g.blockPlaces, places - first), count = images * wide;
        eachStretch<T, Pack>(g, channels, images, imageBytes, first, wide, x, columns);
        for (let i = 0; i < images; i++) {
          const y = g.y + (((image + i) * g.groups + group) * g.outGroup * places + first) * size;
          packPanels<T>(
            0, ceilDiv(g.outGroup, width), width, g.outGroup, wide,
            y, places * size, size, panels + i * wide * 32, count * 32,
          );
        }
        addProduct<T>(
          rows, g.outGroup, count, columns, g.row, size, 0,
          panels, 32, count * 32, out, g.outGroup * size, scratch,
        );
      }
    }
  }
  return -1;
}

export function conv_f32(begin: i32, end: i32, args: usize, scratch: usize): i32 { return forward<f32>(begin, end, args, scratch); }
export function conv_f64(begin: i32, end: i32, args: usize, scratch: usize): i32 { return forward<f64>(begin, end, args, scratch); }
export function convInput_f32(begin: i32, end: i32, args: usize, scratch: usize): i32 { return input<f32>(begin, end, args, scratch); }
export function convInput_f64(begin: i32, end: i32, args: usize, scratch: usize): i32 { return input<f64>(begin, end, args, scratch); }
export function convWeight_f32(begin: i32, end: i32, args: usize, scratch: usize): i32 { return weight<f32>(begin, end, args, scratch); }
export function convWeight_f64(begin: i32, end: i32, args: usize, scratch: usize): i32 { return weight<f64>(begin, end, args, scratch); }
