import { describe, expect, it } from "@jest/globals";
import { type Tensor, tensor } from "@tapegrad/core";
import {
  concatDatasets,
  DataLoader,
  type Dataset,
  ItemError,
  itemRandom,
  mapBatches,
  openWorkerDataset,
  subset,
  TensorDataset,
  WorkerError,
} from "@tapegrad/data";

const module = new URL("./fixtures/items.mjs", import.meta.url);

interface Seen {
  x: Tensor;
  y: Tensor;
  name: string[];
  drawn: Tensor[];
}

type Item = { x: Float32Array; y: number; name: string; drawn: number[] };

const open = (options: object = {}, name = "open") =>
  openWorkerDataset<Item>({ module, export: name, options, integers: ["y"] });

/** Everything that a loader gives in an epoch, as plain data. */
async function all(loader: DataLoader<Promise<Seen>>) {
  const seen: unknown[] = [];
  for await (const { x, y, name, drawn } of loader) {
    seen.push([x.toArray(), y.dtype, y.toArray(), name, drawn.map((part) => part.toArray())]);
  }
  return seen;
}

/** Counted up by every living worker of a dataset opened with it. */
const pulse = new Int32Array(new SharedArrayBuffer(4));

async function beats(): Promise<boolean> {
  const before = Atomics.load(pulse, 0);
  await new Promise((done) => setTimeout(done, 60));
  return Atomics.load(pulse, 0) > before;
}

describe("workers", () => {
  it.each([1, 3])("%i give what none give, in the same order", async (workers) => {
    const dataset = await open({ waitMs: 20 });
    expect(dataset.length).toBe(20);
    const options = { batchSize: 6, shuffle: true, seed: 4 };
    const alone = new DataLoader(dataset, options);
    const together = new DataLoader(dataset, { ...options, workers });
    for (let epoch = 0; epoch < 2; epoch++) {
      const expected = await all(alone);
      expect(expected).toHaveLength(4);
      expect(await all(together)).toEqual(expected);
    }
    expect(together.state).toEqual({ seed: 4, epoch: 1, cursor: 4 });
  });

  it("read ahead without moving the cursor that is resumed from", async () => {
    const dataset = await open();
    const options = { batchSize: 4, shuffle: true, seed: 4 };
    const whole = await all(new DataLoader(dataset, options));
    const left = new DataLoader(dataset, { ...options, workers: 2 });
    let seen = 0;
    for await (const _ of left) if (++seen === 2) break;
    expect(left.state).toEqual({ seed: 4, epoch: 0, cursor: 2 });
    const resumed = new DataLoader(dataset, { ...options, workers: 1 });
    resumed.state = left.state;
    expect(await all(resumed)).toEqual(whole.slice(2));
  });

  it("send tensors, through subsets, concatenations and changes of batches", async () => {
    const dataset = await openWorkerDataset<{ t: Tensor }>({ module, export: "openTensors" });
    const twice = concatDatasets([subset(dataset, [5, 3]), subset(dataset, [1])]);
    const changed = mapBatches(
      twice,
      ({ t }, { indices, epoch }) => [t, [...indices], epoch] as const,
    );
    const seen: unknown[] = [];
    for await (const [t, indices, epoch] of new DataLoader(changed, { batchSize: 3, workers: 1 })) {
      seen.push(t.dtype, t.toArray(), indices, epoch);
    }
    expect(seen).toEqual(["float64", [[[5 / 3]], [[1]], [[1 / 3]]], [0, 1, 2], 0]);
  });

  it("read no further ahead than asked", async () => {
    const log = new Int32Array(new SharedArrayBuffer(4));
    const dataset = await open({ log });
    const loader = new DataLoader(dataset, { batchSize: 2, workers: 2, prefetch: 3 });
    for await (const _ of loader) {
      // One batch in use and three behind it; then they rest.
      for (let turn = 0; turn < 200 && Atomics.load(log, 0) < 8; turn++) {
        await new Promise((done) => setTimeout(done, 20));
      }
      await new Promise((done) => setTimeout(done, 100));
      break;
    }
    expect(Atomics.load(log, 0)).toBe(8);
    expect(loader.state.cursor).toBe(1);
  });

  it("say which example failed, as this thread does", async () => {
    const dataset = await open({ failAt: 7, pulse });
    for (const workers of [0, 2]) {
      const seen: number[] = [];
      const run = async () => {
        for await (const { y } of new DataLoader(dataset, { batchSize: 3, workers })) {
          seen.push(...y.data());
        }
      };
      const error = await run().then(
        () => null,
        (reason: ItemError) => reason,
      );
      expect(error).toBeInstanceOf(ItemError);
      expect(error!.message).toBe(`${module}, "open": example 7 can't be read: no picture 7`);
      expect(error!.index).toBe(7);
      expect((error!.cause as Error).name).toBe("RangeError");
      expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
      expect(await beats()).toBe(false);
    }
  });

  it("that end on their own, can't open or can't send are errors", async () => {
    const run = async (dataset: Dataset<Promise<unknown>>) => {
      for await (const _ of new DataLoader(dataset, { batchSize: 4, workers: 1 }));
    };
    await expect(run(await open({ exitAt: 5, pulse }))).rejects.toThrow(
      `DataLoader: a worker of ${module}, "open" ended with exit code 7; it had the examples 4, 5, 6, 7 to read.`,
    );
    await expect(run(await open({}, "openOnce"))).rejects.toThrow(
      `DataLoader: a worker can't open ${module}, "openOnce": not in a worker (1)`,
    );
    const functions = run(await open({}, "openFunctions"));
    await expect(functions).rejects.toThrow(WorkerError);
    await expect(functions).rejects.toThrow("can't send its examples");
    expect(await beats()).toBe(false);
  });

  it("end with a loop that is left", async () => {
    const dataset = await open({ waitMs: 50, pulse });
    for (let time = 0; time < 3; time++) {
      for await (const _ of new DataLoader(dataset, { workers: 2 })) {
        const alive = async () => {
          for (let turn = 0; turn < 50; turn++) if (await beats()) return true;
          return false;
        };
        expect(await alive()).toBe(true);
        break;
      }
      expect(await beats()).toBe(false);
    }
    const failing = async () => {
      for await (const _ of new DataLoader(dataset, { workers: 2 })) throw new Error("mine");
    };
    await expect(failing()).rejects.toThrow("mine");
    expect(await beats()).toBe(false);
  });

  it("end when the signal says so, while they read or while they start", async () => {
    const dataset = await open({ waitMs: 10_000, pulse });
    for (const delayMs of [0, 20, 40, 300]) {
      const controller = new AbortController();
      const { signal } = controller;
      const run = async () => {
        for await (const _ of new DataLoader(dataset, { workers: 2, signal }));
      };
      setTimeout(() => controller.abort(new Error("enough")), delayMs);
      await expect(run()).rejects.toThrow("enough");
      expect(await beats()).toBe(false);
    }
  });

  it("of a concatenation all end if some can't start", async () => {
    const both = concatDatasets([
      mapBatches(await open({ pulse }), () => 0),
      mapBatches(await open({}, "openOnce"), () => 0),
    ]);
    const run = async () => {
      for await (const _ of new DataLoader(both, { workers: 1 }));
    };
    await expect(run()).rejects.toThrow("not in a worker (1)");
    expect(await beats()).toBe(false);
  });

  it("need a module that gives examples", async () => {
    const absent = new URL("./fixtures/absent.mjs", import.meta.url);
    const opening = openWorkerDataset({ module: absent, export: "open" });
    await expect(opening).rejects.toThrow(`openWorkerDataset: can't import ${absent}: `);
    await expect(opening).rejects.toThrow(WorkerError);
    await expect(open({}, "answer")).rejects.toThrow(
      `openWorkerDataset: ${module}, "answer" is number; the export must be a function that gives { length, item }. The module exports answer, nothing, open, openBroken, openFunctions, openOnce, openTensors.`,
    );
    await expect(open({}, "nothing")).rejects.toThrow(
      `openWorkerDataset: ${module}, "nothing" gave a object without a function "item"; it must give { length, item }.`,
    );
    await expect(open({}, "openBroken")).rejects.toThrow("no such folder");
    await expect(open({ length: -1 })).rejects.toThrow(
      `openWorkerDataset: the length that ${module}, "open" gave is -1; it must be a whole number from 0.`,
    );
    const numbers = new TensorDataset(tensor([1]), tensor([1]));
    const run = async () => {
      for await (const _ of new DataLoader(numbers, { workers: 2 }));
    };
    await expect(run()).rejects.toThrow(
      "DataLoader: workers is 2, but this dataset can only be read here; use openWorkerDataset({ module, export }).",
    );
  });
});

describe("itemRandom", () => {
  it("depends on seed, epoch and index, and on nothing else", () => {
    const draw = (seed: number, epoch: number, index: number) => {
      const random = itemRandom({ seed, epoch }, index);
      return Array.from({ length: 4 }, random);
    };
    expect(draw(1, 2, 3)).toEqual(draw(1, 2, 3));
    const streams = [
      [0, 0, 0],
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [2 ** 32, 0, 0],
    ].map(([seed, epoch, index]) => draw(seed, epoch, index).join());
    expect(new Set(streams).size).toBe(streams.length);
  });

  it("is uniform over neighbouring examples", () => {
    const firsts = Array.from({ length: 20_000 }, (_, i) => itemRandom({ seed: 0, epoch: 0 }, i)());
    const counts = new Array(10).fill(0);
    for (const u of firsts) counts[Math.floor(u * 10)]++;
    // χ² with 9 degrees of freedom: below 27.9 with probability 0.999.
    const chi2 = counts.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0);
    expect(chi2).toBeLessThan(27.9);
    expect(Math.min(...firsts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...firsts)).toBeLessThan(1);
  });
});
