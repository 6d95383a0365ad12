/** Pictures in folders, a folder per class: `photos/cat/1.jpg`, `photos/dog/2.png`, … */
import { type Tensor, tensor } from "@tapegrad/core";
import type { Batch, Dataset } from "./dataset.ts";
import { FileError, listFolder, readBytes } from "./files.ts";
import { type DecodeImageOptions, decodeImage } from "./image-files.ts";
import { type ImageSize, resize } from "./image-transforms.ts";
import { fromItems, type ItemSource } from "./items.ts";
import type { Sample } from "./transforms.ts";

export interface ImageFolderOptions extends DecodeImageOptions {
  folder: string;
  /** All pictures are brought to this size. */
  size: ImageSize;
}

/** A picture as models take it, and the number of its class. */
export interface ImageItem {
  /** float32 [channels, height, width], from 0 to 1. */
  readonly x: Tensor;
  readonly y: number;
}

export interface ImageFolderItems extends ItemSource<Promise<ImageItem>> {
  /** Names of the folders, sorted: a class's number is its place. */
  readonly classNames: readonly string[];
  readonly paths: readonly string[];
  readonly labels: Int32Array;
}

const isPicture = (name: string) => /\.(png|jpe?g)$/i.test(name);

/** The picture as [channels, height, width] from 0 to 1. */
export async function decodeSample(
  bytes: Uint8Array,
  options: DecodeImageOptions = {},
  name = "the file",
): Promise<Sample> {
  const { width, height, channels, data } = await decodeImage(bytes, options, name);
  const plane = width * height;
  const values = new Float32Array(channels * plane);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) values[c * plane + i] = data[i * channels + c] / 255;
  }
  return { shape: [channels, height, width], data: values };
}

/**
 * The pictures (`.png`, `.jpg`, `.jpeg`) of the folders in a folder, for reading one by one: what
 * {@link openImageFolder} reads, and what workers open:
 *
 * ```js
 * const dataset = await openWorkerDataset({
 *   module: import.meta.resolve("@tapegrad/data"), export: "imageFolderItems", options: { folder, size: 64 },
 *   integers: ["y"],
 * });
 * ```
 *
 * @throws FileError for a folder that isn't there, without folders, or with a class without pictures
 */
export async function imageFolderItems({
  folder,
  size,
  ...decoding
}: ImageFolderOptions): Promise<ImageFolderItems> {
  const fit = resize(size);
  const { folders: classNames } = await listFolder("openImageFolder", folder);
  if (classNames.length === 0) {
    throw new FileError(
      `openImageFolder: "${folder}" holds no folders; it needs one per class, with the pictures.`,
    );
  }
  const paths: string[] = [];
  const labels: number[] = [];
  for (const [label, name] of classNames.entries()) {
    const { files } = await listFolder("openImageFolder", `${folder}/${name}`);
    const pictures = files.filter(isPicture);
    if (pictures.length === 0) {
      throw new FileError(
        `openImageFolder: "${folder}/${name}" holds no .png, .jpg or .jpeg files; a class needs some.`,
      );
    }
    paths.push(...pictures.map((file) => `${folder}/${name}/${file}`));
    labels.push(...pictures.map(() => label));
  }
  return {
    length: paths.length,
    classNames,
    paths,
    labels: Int32Array.from(labels),
    async item(index) {
      const bytes = await readBytes("openImageFolder", paths[index]);
      const sample = await decodeSample(bytes, decoding, paths[index]);
      const { data, shape } = fit(sample, () => 0);
      return { x: tensor(data, { shape }), y: labels[index] };
    },
  };
}

/**
 * A dataset of the pictures in folders, a folder per class. They are read and decoded when a batch asks
 * for them: use `for await`. A damaged one is an error naming it.
 *
 * @throws FileError as {@link imageFolderItems}
 */
export async function openImageFolder(
  options: ImageFolderOptions,
): Promise<
  { dataset: Dataset<Promise<Batch>> } & Pick<ImageFolderItems, "classNames" | "paths" | "labels">
> {
  const items = await imageFolderItems(options);
  const { classNames, paths, labels } = items;
  return { dataset: fromItems(items, { integers: ["y"] }), classNames, paths, labels };
}
