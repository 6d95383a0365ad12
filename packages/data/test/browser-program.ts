/** What the test of pages runs in a page: workers, and the readers that need a library. */
import { equal, type Tensor, tensor } from "@tapegrad/core";
import {
  DataLoader,
  decodeImage,
  decodeNpz,
  decodeTorchStateDict,
  encodeNpz,
  loadIris,
  loadNpy,
  openWorkerDataset,
  parseCsv,
} from "@tapegrad/data";

interface Item {
  x: Float32Array;
  y: number;
}

/** Batches that two workers read from the module at this address, and how a failing one is told. */
export async function workers(module: string): Promise<unknown> {
  const options = { length: 10 };
  const dataset = await openWorkerDataset<Item>({
    module,
    export: "open",
    options,
    integers: ["y"],
  });
  const loader = new DataLoader(dataset, { batchSize: 4, workers: 2, shuffle: true, seed: 1 });
  const alone = new DataLoader(dataset, { batchSize: 4, shuffle: true, seed: 1 });
  const read = async (from: DataLoader<Promise<{ x: Tensor; y: Tensor }>>) => {
    const seen: unknown[] = [];
    for await (const { x, y } of from) seen.push([x.toArray(), y.toArray()]);
    return seen;
  };
  const same = JSON.stringify(await read(loader)) === JSON.stringify(await read(alone));
  const failing = await openWorkerDataset({
    module,
    export: "open",
    options: { length: 3, failAt: 1 },
  });
  const error = await (async () => {
    for await (const _ of new DataLoader(failing, { workers: 1 }));
  })().catch((reason: Error) => reason.message);
  return { same, error };
}

export async function formats(files: {
  png: number[];
  jpeg: number[];
  pt: number[];
}): Promise<unknown> {
  const png = await decodeImage(Uint8Array.from(files.png));
  const jpeg = await decodeImage(Uint8Array.from(files.jpeg));
  const state = decodeTorchStateDict(Uint8Array.from(files.pt));
  const w = tensor([1, 2, 3]);
  const table = await parseCsv("a,b\n1,x\n2,y\n");
  const { dataset } = await loadIris();
  return {
    png: [...png.data.subarray(0, 6)],
    jpeg: [jpeg.width, jpeg.height],
    pt: [...state.keys()].length,
    npz: equal(decodeNpz(encodeNpz({ w }, { compress: true })).get("w")!, w),
    csv: [table.names, table.length],
    iris: dataset.length,
    noFiles: await loadNpy("x.npy").catch((error: Error) => error.message),
  };
}
