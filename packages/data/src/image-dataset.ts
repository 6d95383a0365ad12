/** Images that stay bytes in ordinary memory until a batch asks for them. */
import { tensor, ValueError } from "@tapegrad/core";
import type { Batch, Dataset } from "./dataset.ts";

/** How pixels become numbers: x = (pixel/255 − mean)/std, by channel where there is a list. */
export interface Normalization {
  /** Mean of the pixels in [0, 1]. Default 0; for images of one channel 0.1307, MNIST's. */
  mean?: number | readonly number[];
  /** Their standard deviation. Default 1; for images of one channel 0.3081, MNIST's. */
  std?: number | readonly number[];
}

/** Mean and deviation of MNIST's training images. */
const mnist = { mean: 0.1307, std: 0.3081 };

/**
 * Images with a class each. A batch is converted when it is asked for: x = (pixel/255 − mean)/std,
 * float32 [B, channels, height, width], and y, int32 [B].
 */
export class ImageDataset implements Dataset {
  /** One byte a value, image after image, each channel's rows after the other's. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly length: number;
  /** x = scale·pixel − shift, by channel */
  private readonly scale: readonly number[];
  private readonly shift: readonly number[];
  private scratch = new Float32Array(0);

  /** @throws ValueError for a number of bytes that doesn't fit, or a normalisation that makes no sense */
  constructor(
    images: Uint8Array,
    labels: Uint8Array,
    height: number,
    width: number,
    {
      channels = 1,
      mean = channels === 1 ? mnist.mean : 0,
      std = channels === 1 ? mnist.std : 1,
    }: Normalization & { channels?: number } = {},
  ) {
    const means = perChannel(mean, channels);
    const stds = perChannel(std, channels);
    if (!means.every(Number.isFinite) || !stds.every((s) => s > 0 && s < Infinity)) {
      throw new ValueError(
        `ImageDataset: mean is ${mean} and std ${std}; both must be finite, std above 0.`,
      );
    }
    if (means.length !== channels || stds.length !== channels) {
      throw new ValueError(
        `ImageDataset: there are ${means.length} means and ${stds.length} deviations; images of ${channels} channels take ${channels} of each, or one number.`,
      );
    }
    const size = channels * height * width;
    if (images.length !== labels.length * size) {
      throw new ValueError(
        `ImageDataset: ${images.length} pixels and ${labels.length} labels; images of ${channels === 1 ? "" : `${channels} × `}${height} × ${width} need ${labels.length * size} pixels.`,
      );
    }
    this.images = images;
    this.labels = labels;
    this.height = height;
    this.width = width;
    this.channels = channels;
    this.length = labels.length;
    this.scale = stds.map((s) => 1 / (255 * s));
    this.shift = means.map((m, channel) => m / stds[channel]);
  }

  /** The values of one image, 0 to 255: channel after channel, row after row. */
  pixels(index: number): Uint8Array {
    const size = this.channels * this.height * this.width;
    return this.images.subarray(index * size, (index + 1) * size);
  }

  batch(indices: Int32Array): Batch {
    const { labels, scale, shift, height, width, channels } = this;
    const plane = height * width;
    const size = channels * plane;
    if (this.scratch.length < indices.length * size) {
      this.scratch = new Float32Array(indices.length * size);
    }
    const x = this.scratch.subarray(0, indices.length * size);
    // Rows first, then a pass over each plane: half the time of a look-up per pixel.
    for (let row = 0; row < indices.length; row++) x.set(this.pixels(indices[row]), row * size);
    for (let start = 0, image = 0; image < indices.length; image++) {
      for (let channel = 0; channel < channels; channel++, start += plane) {
        const [a, b] = [scale[channel], shift[channel]];
        for (let i = start; i < start + plane; i++) x[i] = a * x[i] - b;
      }
    }
    const y = indices.map((index) => labels[index]);
    return { x: tensor(x, { shape: [indices.length, channels, height, width] }), y: tensor(y) };
  }
}

function perChannel(value: number | readonly number[], channels: number): readonly number[] {
  return typeof value === "number" ? new Array<number>(channels).fill(value) : value;
}
