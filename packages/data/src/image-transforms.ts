/**
 * Transforms of images, samples of shape [C, height, width]. Names, defaults and formulas are
 * torchvision's (https://pytorch.org/vision/stable/transforms.html) unless said otherwise.
 */
import { formatShape, ShapeError } from "@tapegrad/core";
import { checkBetween, checkWhole } from "./checks.ts";
import { type Random, wholeBelow } from "./random.ts";
import type { Sample, Transform } from "./transforms.ts";

/** Height and width; one number for both. */
export type ImageSize = number | readonly [height: number, width: number];

function pair(where: string, size: ImageSize): [number, number] {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  checkWhole(where, "the height", height, 1);
  checkWhole(where, "the width", width, 1);
  return [height, width];
}

function imageShape(where: string, { shape }: Sample): [number, number, number] {
  if (shape.length !== 3) {
    throw new ShapeError(
      `${where}: the sample is ${formatShape(shape)}; an image is [channels, height, width].`,
    );
  }
  return shape as unknown as [number, number, number];
}

function empty(like: Sample, shape: readonly number[], fill = 0): Sample {
  const Numbers = like.data.constructor as Float32ArrayConstructor;
  return { shape, data: new Numbers(shape.reduce((a, b) => a * b, 1)).fill(fill) };
}

/** Mirrors left and right, with probability p. */
export function randomHorizontalFlip(p = 0.5): Transform {
  checkBetween("randomHorizontalFlip", "p", p, { high: 1 });
  return (sample, random) => {
    const [, , width] = imageShape("randomHorizontalFlip", sample);
    if (random() >= p) return sample;
    const data = sample.data.slice();
    for (let start = 0; start < data.length; start += width) {
      data.subarray(start, start + width).reverse();
    }
    return { shape: sample.shape, data };
  };
}

/** Mirrors top and bottom, with probability p. */
export function randomVerticalFlip(p = 0.5): Transform {
  checkBetween("randomVerticalFlip", "p", p, { high: 1 });
  return (sample, random) => {
    const [channels, height, width] = imageShape("randomVerticalFlip", sample);
    if (random() >= p) return sample;
    const data = sample.data.slice();
    for (let row = 0; row < channels * height; row++) {
      const mirrored = row - 2 * (row % height) + height - 1;
      data.set(sample.data.subarray(mirrored * width, (mirrored + 1) * width), row * width);
    }
    return { shape: sample.shape, data };
  };
}

/** The window of the given size whose corner is at (top, left); `fill` outside the image. */
function window(
  sample: Sample,
  [top, left]: readonly [number, number],
  [height, width]: readonly [number, number],
  fill: number,
): Sample {
  const [channels, rows, columns] = sample.shape;
  const result = empty(sample, [channels, height, width], fill);
  const [from, to] = [Math.max(0, left), Math.min(columns, left + width)];
  for (let channel = 0; channel < channels; channel++) {
    for (let y = Math.max(0, top); y < Math.min(rows, top + height); y++) {
      const row = (channel * rows + y) * columns;
      const target = (channel * height + y - top) * width + from - left;
      if (to > from) result.data.set(sample.data.subarray(row + from, row + to), target);
    }
  }
  return result;
}

/**
 * A window of the given size at a random place of the image, which gets `padding` pixels of `fill`
 * around it first.
 */
export function randomCrop(
  size: ImageSize,
  { padding = 0, fill = 0 }: { padding?: number; fill?: number } = {},
): Transform {
  const [height, width] = pair("randomCrop", size);
  checkWhole("randomCrop", "padding", padding);
  return (sample, random) => {
    const [, rows, columns] = imageShape("randomCrop", sample);
    const [down, right] = [rows + 2 * padding - height, columns + 2 * padding - width];
    if (down < 0 || right < 0) {
      throw new ShapeError(
        `randomCrop: the image is ${formatShape(sample.shape)} with ${padding} pixels around it; the window of ${height} × ${width} must fit.`,
      );
    }
    const corner = [
      wholeBelow(down + 1, random) - padding,
      wholeBelow(right + 1, random) - padding,
    ];
    return window(sample, corner as [number, number], [height, width], fill);
  };
}

/** The window of the given size in the middle; `fill` where the image is smaller. */
export function centerCrop(size: ImageSize, { fill = 0 }: { fill?: number } = {}): Transform {
  const [height, width] = pair("centerCrop", size);
  return (sample) => {
    const [, rows, columns] = imageShape("centerCrop", sample);
    const corner = [Math.round((rows - height) / 2), Math.round((columns - width) / 2)];
    return window(sample, corner as [number, number], [height, width], fill);
  };
}

/**
 * The image at another size, bilinear between pixel centres: PyTorch's `interpolate` with
 * `mode: "bilinear", alignCorners: false`. When shrinking, each new pixel averages the old ones
 * under a triangle of the new pixel's width, as torchvision does (`antialias`).
 */
export function resize(
  size: ImageSize,
  { antialias = true }: { antialias?: boolean } = {},
): Transform {
  const [height, width] = pair("resize", size);
  return (sample) => {
    const [channels, rows, columns] = imageShape("resize", sample);
    if (rows === height && columns === width) return sample;
    // One axis after the other: along each, a new pixel is a weighted sum of neighbours.
    const across = resample(
      sample.data,
      channels * rows,
      columns,
      1,
      taps(columns, width, antialias),
    );
    const down = resample(across, channels, rows, width, taps(rows, height, antialias));
    const result = empty(sample, [channels, height, width]);
    result.data.set(down);
    return result;
  };
}

interface Taps {
  /** First old pixel of each new one. */
  readonly starts: number[];
  readonly weights: number[][];
}

function taps(from: number, to: number, antialias: boolean): Taps {
  const scale = from / to;
  const radius = antialias ? Math.max(1, scale) : 1;
  const starts: number[] = [];
  const weights = Array.from({ length: to }, (_, i) => {
    const centre = Math.max((i + 0.5) * scale - 0.5, antialias ? -Infinity : 0);
    const start = Math.max(0, Math.ceil(centre - radius));
    const end = Math.min(from - 1, Math.floor(centre + radius));
    starts.push(start);
    const list = Array.from({ length: end - start + 1 }, (_, k) =>
      Math.max(0, 1 - Math.abs(start + k - centre) / radius),
    );
    const total = list.reduce((sum, w) => sum + w, 0);
    return list.map((w) => w / total);
  });
  return { starts, weights };
}

/** data is [outer, from, inner]; the result [outer, to, inner]. */
function resample(
  data: ArrayLike<number>,
  outer: number,
  from: number,
  inner: number,
  { starts, weights }: Taps,
): Float64Array {
  const to = starts.length;
  const result = new Float64Array(outer * to * inner);
  for (let o = 0, target = 0; o < outer; o++) {
    for (let t = 0; t < to; t++) {
      const own = weights[t];
      const start = (o * from + starts[t]) * inner;
      for (let i = 0; i < inner; i++, target++) {
        let sum = 0;
        for (let k = 0; k < own.length; k++) sum += own[k] * data[start + k * inner + i];
        result[target] = sum;
      }
    }
  }
  return result;
}

/**
 * Sets a square of `size` pixels to `fill`, its centre anywhere in the image, so that parts of it may be
 * outside (DeVries and Taylor, Improved regularization of convolutional neural networks with cutout, 2017).
 */
export function cutout(
  size: number,
  { fill = 0, p = 1 }: { fill?: number; p?: number } = {},
): Transform {
  checkWhole("cutout", "the size", size, 1);
  checkBetween("cutout", "p", p, { high: 1 });
  return (sample, random) => {
    const [channels, rows, columns] = imageShape("cutout", sample);
    if (random() >= p) return sample;
    const top = wholeBelow(rows, random) - Math.floor(size / 2);
    const left = wholeBelow(columns, random) - Math.floor(size / 2);
    const [from, to] = [Math.max(0, left), Math.min(columns, left + size)];
    const data = sample.data.slice();
    for (let channel = 0; channel < channels; channel++) {
      for (let y = Math.max(0, top); y < Math.min(rows, top + size); y++) {
        const row = (channel * rows + y) * columns;
        data.fill(fill, row + from, row + to);
      }
    }
    return { shape: sample.shape, data };
  };
}

export interface ColorJitterOptions {
  /** The factor is drawn from [max(0, 1 − brightness), 1 + brightness]; so for the others. Default 0. */
  brightness?: number;
  contrast?: number;
  saturation?: number;
}

/** What a colour looks like without its colour (ITU-R BT.601). */
const luma = [0.299, 0.587, 0.114];

/**
 * Random brightness, contrast and saturation, in random order. Values are from 0 to 1, so it comes
 * before `normalize`. With f the factor drawn:
 *
 *     brightness: f·x    contrast: f·x + (1 − f)·mean(grey)    saturation: f·x + (1 − f)·grey
 *
 * each clamped to [0, 1]; grey = 0.299·red + 0.587·green + 0.114·blue. Images have 1 or 3 channels;
 * saturation leaves those with 1 as they are.
 */
export function colorJitter(options: ColorJitterOptions): Transform {
  const given = Object.entries({ brightness: 0, contrast: 0, saturation: 0, ...options });
  for (const [name, strength] of given) checkBetween("colorJitter", name, strength);
  const { brightness = 0, contrast = 0, saturation = 0 } = options;
  const factor = (strength: number, random: Random) => {
    const low = Math.max(0, 1 - strength);
    return low + random() * (1 + strength - low);
  };
  // f·x + (1 − f)·other, where `other` has a value per pixel, or one for all.
  const blend = ({ shape, data }: Sample, f: number, other: ArrayLike<number>): Sample => {
    const result = data.slice();
    for (let i = 0, pixel = 0; i < result.length; i++) {
      const value = f * result[i] + (1 - f) * other[pixel];
      result[i] = value < 0 ? 0 : value > 1 ? 1 : value;
      if (++pixel === other.length) pixel = 0;
    }
    return { shape, data: result };
  };
  const steps: [number, (sample: Sample, f: number) => Sample][] = [
    [brightness, (sample, f) => blend(sample, f, [0])],
    [
      contrast,
      (sample, f) => {
        const grey = greyOf(sample);
        const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
        return blend(sample, f, [mean]);
      },
    ],
    [
      saturation,
      (sample, f) => {
        if (sample.shape[0] === 1) return sample;
        return blend(sample, f, greyOf(sample));
      },
    ],
  ];
  return (sample, random) => {
    const [channels] = imageShape("colorJitter", sample);
    if (channels !== 1 && channels !== 3) {
      throw new ShapeError(
        `colorJitter: the image is ${formatShape(sample.shape)}; it must have 1 or 3 channels.`,
      );
    }
    const left = steps.filter(([strength]) => strength > 0);
    let result = sample;
    while (left.length > 0) {
      const [[strength, change]] = left.splice(wholeBelow(left.length, random), 1);
      result = change(result, factor(strength, random));
    }
    return result;
  };
}

/** The grey values of an image, one a pixel. */
function greyOf({ shape, data }: Sample): Float64Array {
  const pixels = shape[1] * shape[2];
  const grey = new Float64Array(pixels);
  const weights = shape[0] === 1 ? [1] : luma;
  weights.forEach((weight, channel) => {
    for (let i = 0; i < pixels; i++) grey[i] += weight * data[channel * pixels + i];
  });
  return grey;
}
