/**
 * CIFAR-10 of Alex Krizhevsky (Learning Multiple Layers of Features from Tiny Images, 2009): colour images
 * of 32 × 32 in 10 classes. https://www.cs.toronto.edu/~kriz/cifar.html ("binary version")
 */
import { type DownloadOptions, download } from "./download.ts";
import {
  FileError,
  FormatError,
  listFolder,
  makeFolder,
  nodeModule,
  readBytes,
  writeFileAtomic,
} from "./files.ts";
import { ImageDataset, type Normalization } from "./image-dataset.ts";
import { readTar } from "./tar.ts";

const side = 32;
const channels = 3;
const imageBytes = channels * side * side;
/** A label, then red, green and blue, row by row. */
const recordBytes = 1 + imageBytes;

/** The classes by label. */
export const cifar10Classes = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
] as const;

/** Means and deviations of the 50,000 training images' red, green and blue, in [0, 1]. */
export const cifar10Statistics = {
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
} as const;

export interface Cifar10 {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}

/**
 * Images from the bytes of one or more binary files, any number of whole records each.
 *
 * @param options  normalisation, by default with {@link cifar10Statistics}; `{ mean: 0, std: 1 }` leaves
 *   the pixels in [0, 1], which colour jitter needs
 * @param names    what errors call the files
 * @throws FormatError naming the file, and the record where one is wrong
 */
export function readCifar10(
  files: Uint8Array | readonly Uint8Array[],
  { mean = cifar10Statistics.mean, std = cifar10Statistics.std }: Normalization = {},
  names: readonly string[] = [],
): ImageDataset {
  const list = files instanceof Uint8Array ? [files] : files;
  const counts = list.map((bytes, i) => {
    const name = names[i] ?? (list.length === 1 ? "the file" : `file ${i}`);
    const records = bytes.length / recordBytes;
    if (!Number.isInteger(records) || records === 0) {
      const rest = bytes.length % recordBytes;
      throw new FormatError(
        `readCifar10: ${name} has ${bytes.length} bytes; it must be whole records of ${recordBytes}, at least one${records > 1 ? `: record ${Math.floor(records)} has ${rest}` : ""}.`,
      );
    }
    for (let record = 0; record < records; record++) {
      const label = bytes[record * recordBytes];
      if (label >= cifar10Classes.length) {
        throw new FormatError(
          `readCifar10: record ${record} of ${name} has label ${label}; labels are 0 to ${cifar10Classes.length - 1}.`,
        );
      }
    }
    return records;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  const images = new Uint8Array(total * imageBytes);
  const labels = new Uint8Array(total);
  let at = 0;
  list.forEach((bytes, file) => {
    for (let record = 0; record < counts[file]; record++, at++) {
      const start = record * recordBytes;
      labels[at] = bytes[start];
      images.set(bytes.subarray(start + 1, start + recordBytes), at * imageBytes);
    }
  });
  return new ImageDataset(images, labels, side, side, { channels, mean, std });
}

/**
 * CIFAR-10 from a folder: training images from every `data_batch_N.bin` in it, test images from
 * `test_batch.bin`.
 *
 * @throws FileError if the folder or a file is missing, FormatError for a damaged one
 */
export async function loadCifar10({
  folder,
  ...normalization
}: Normalization & { folder: string }): Promise<Cifar10> {
  const { files } = await listFolder("loadCifar10", folder);
  const number = (name: string) => Number(/^data_batch_(\d+)\.bin$/.exec(name)?.[1] ?? Number.NaN);
  const batches = files
    .filter((name) => !Number.isNaN(number(name)))
    .sort((a, b) => number(a) - number(b));
  if (batches.length === 0) {
    throw new FileError(
      `loadCifar10: there is no data_batch_1.bin in "${folder}"; downloadCifar10({ folder }) gets the files.`,
    );
  }
  const read = async (names: string[]) => {
    const paths = names.map((name) => `${folder}/${name}`);
    const bytes: Uint8Array[] = [];
    for (const path of paths) bytes.push(await readBytes("loadCifar10", path));
    return readCifar10(bytes, normalization, paths);
  };
  return { train: await read(batches), test: await read(["test_batch.bin"]) };
}

/** The archive of the binary version, and what its bytes must hash to. */
const official = {
  url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
  sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
};

/** Six files of 10,000 records and two small texts, with tar's padding; a larger archive is another. */
const maxArchiveBytes = 256 * 2 ** 20;

export interface DownloadCifar10Options extends DownloadOptions {
  /** Where the files go; it is made if need be. */
  folder: string;
  /** A mirror of the archive, `.tar.gz`. By default the author's. */
  url?: string;
  /** Of the archive, in hexadecimal. By default the official archive's. */
  sha256?: string;
}

/**
 * Downloads CIFAR-10 (170 MB) and unpacks the `.bin` files into a folder for {@link loadCifar10}. Nothing
 * is written before the archive's hash and all its records are checked; each file is written whole or
 * not at all.
 *
 * @returns  the paths of the files
 * @throws FileError for an address that doesn't answer, a wrong hash, a folder that can't be written
 */
export async function downloadCifar10({
  folder,
  url = official.url,
  sha256 = official.sha256,
  ...options
}: DownloadCifar10Options): Promise<string[]> {
  const archive = await download(url, { maxBytes: maxArchiveBytes, ...options, sha256 });
  const entries = readTar(await gunzip(archive, url), url);
  const files = [...entries].flatMap(([path, bytes]) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return name.endsWith(".bin") ? [{ name, bytes }] : [];
  });
  const missing = ["data_batch_1.bin", "test_batch.bin"].find(
    (wanted) => !files.some(({ name }) => name === wanted),
  );
  if (missing !== undefined) {
    throw new FormatError(
      `downloadCifar10: ${url} holds no ${missing}; is it CIFAR-10's binary version?`,
    );
  }
  for (const { name, bytes } of files) readCifar10(bytes, {}, [`${name} of ${url}`]);
  await makeFolder("downloadCifar10", folder);
  const paths: string[] = [];
  for (const { name, bytes } of files) {
    paths.push(`${folder}/${name}`);
    await writeFileAtomic("downloadCifar10", `${folder}/${name}`, bytes);
  }
  return paths;
}

async function gunzip(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  const zlib = await nodeModule<typeof import("node:zlib")>("downloadCifar10", "node:zlib");
  return new Promise((resolve, reject) => {
    zlib.gunzip(bytes, { maxOutputLength: maxArchiveBytes }, (error, result) => {
      if (error === null) resolve(result);
      else {
        reject(
          new FormatError(
            `downloadCifar10: ${name} can't be unpacked as gzip of at most ${maxArchiveBytes} bytes: ${error.message}.`,
            { cause: error },
          ),
        );
      }
    });
  });
}
