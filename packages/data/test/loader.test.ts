import { describe, expect, it } from "@jest/globals";
import { arange, Generator, type Tensor, tensor, zeros } from "@tapegrad/core";
import {
  balancedWeights,
  collate,
  concatDatasets,
  DataLoader,
  fromItems,
  ItemError,
  type IterableDataset,
  mapBatches,
  randomSampler,
  type Sampler,
  sequentialSampler,
  split,
  stratifiedSampler,
  subsetSampler,
  TensorDataset,
  weightedSampler,
} from "@tapegrad/data";
import fc from "fast-check";

const numbers = (n: number) => new TensorDataset(arange(2 * n).reshape([n, 2]), arange(n).to("int32")); // biome-ignore format: one line
const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const epochs = (sampler: Sampler, count: number, seed = 5) =>
  range(count).map((epoch) => [...sampler.indices({ seed, epoch })]);

describe("samplers", () => {
  it("sequential and subset keep or shuffle their positions", () => {
    expect(epochs(sequentialSampler(3), 2)).toEqual([[0, 1, 2], [0, 1, 2]]); // biome-ignore format: one line
    expect(epochs(subsetSampler([7, 2, 9], { shuffle: false }), 1)).toEqual([[7, 2, 9]]);
    const list = range(30).map((i) => 3 * i);
    const [first, second] = epochs(subsetSampler(list), 2);
    expect(sorted(first)).toEqual(list);
    expect(first).not.toEqual(list);
    expect(second).not.toEqual(first);
  });

  it("random visits each once, or draws with replacement", () => {
    const [once, again] = epochs(randomSampler(50), 2);
    expect(sorted(once)).toEqual(range(50));
    expect(again).not.toEqual(once);
    const [few] = epochs(randomSampler(50, { samples: 10 }), 1);
    expect(new Set(few).size).toBe(10);
    const [many] = epochs(randomSampler(4, { samples: 8000, replacement: true }), 1);
    for (const i of range(4)) {
      expect(Math.abs(many.filter((j) => j === i).length - 2000)).toBeLessThan(150);
    }
  });

  it("weighted draws in proportion, never what weighs nothing", () => {
    const weights = [1, 0, 3, 6];
    const [drawn] = epochs(weightedSampler(weights, { samples: 10_000 }), 1);
    weights.forEach((w, i) => {
      expect(Math.abs(drawn.filter((j) => j === i).length - 1000 * w)).toBeLessThan(200);
    });
    const without = weightedSampler(weights, { samples: 3, replacement: false });
    const firsts = epochs(without, 2000).map((order) => {
      expect(sorted(order)).toEqual([0, 2, 3]);
      return order[0];
    });
    [1, 0, 3, 6].forEach((w, i) => {
      expect(Math.abs(firsts.filter((j) => j === i).length - 200 * w)).toBeLessThan(90);
    });
  });

  it("balanced weights make classes as likely", () => {
    const labels = [0, 0, 0, 0, 0, 0, 1, 1, 2];
    expect([...balancedWeights([0, 0, 1])]).toEqual([0.5, 0.5, 1]);
    const sampler = weightedSampler(balancedWeights(labels), { samples: 9000 });
    const drawn = epochs(sampler, 1)[0].map((i) => labels[i]);
    for (const c of range(3)) {
      expect(Math.abs(drawn.filter((label) => label === c).length - 3000)).toBeLessThan(200);
    }
  });

  it("stratified has every class's share in every batch", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(3),
        (labels, batchSize, epoch) => {
          const order = [...stratifiedSampler(labels).indices({ seed: 1, epoch })];
          expect(sorted(order)).toEqual(range(labels.length));
          for (let start = 0; start + batchSize <= order.length; start += batchSize) {
            const batch = order.slice(start, start + batchSize);
            for (const c of range(4)) {
              const share = labels.filter((label) => label === c).length / labels.length;
              const found = batch.filter((i) => labels[i] === c).length;
              // Rounding of its own class and of the others' before it.
              expect(Math.abs(found - share * batchSize)).toBeLessThan(2.5);
            }
          }
        },
      ),
      { seed: 2, numRuns: 200 },
    );
    const [a, b] = epochs(stratifiedSampler([0, 0, 0, 0, 1, 1, 1, 1]), 2);
    expect(a).not.toEqual(b);
  });

  it("refuse what can't be", () => {
    expect(() => randomSampler(3, { samples: 4 })).toThrow(
      "randomSampler: samples is 4 of 3 positions; without replacement there are at most 3.",
    );
    expect(() => weightedSampler([1, -1])).toThrow(
      "weightedSampler: weight 1 is -1; weights must be finite and not negative.",
    );
    expect(() => weightedSampler([0, 0])).toThrow(
      "weightedSampler: samples is 2, and 0 weights are above 0; at least one must be.",
    );
    expect(() => weightedSampler([1, 0], { replacement: false })).toThrow(
      "weightedSampler: samples is 2, and 1 weights are above 0; without replacement there are at most that many.",
    );
    expect(() => sequentialSampler(-1)).toThrow(
      "sequentialSampler: length is -1; it must be a whole number from 0.",
    );
  });
});

describe("DataLoader with a sampler", () => {
  const ys = (loader: Iterable<{ y: Tensor }>) => [...loader].map(({ y }) => [...y.data()]);

  it("has as many batches as the sampler says, and resumes exactly", () => {
    const samplers = [
      randomSampler(20, { samples: 15 }),
      weightedSampler(range(20)),
      stratifiedSampler(range(20).map((i) => i % 3)),
      subsetSampler([1, 3, 5, 7, 9]),
    ];
    for (const sampler of samplers) {
      const options = { sampler, batchSize: 4, seed: 3 };
      const loader = new DataLoader(numbers(20), options);
      expect(loader.length).toBe(Math.ceil(sampler.length / 4));
      const whole = [ys(loader), ys(loader), ys(loader)];
      const half = new DataLoader(numbers(20), options);
      ys(half);
      for (const _ of half) break;
      const resumed = new DataLoader(numbers(20), { sampler, batchSize: 4 });
      resumed.state = JSON.parse(JSON.stringify(half.state));
      expect(ys(resumed)).toEqual(whole[1].slice(1));
      expect(ys(resumed)).toEqual(whole[2]);
    }
  });

  it("refuses two orders, and samplers that lie", () => {
    expect(() => new DataLoader(numbers(3), { shuffle: true, sampler: randomSampler(3) })).toThrow(
      "DataLoader: shuffle and sampler both say the order; give one of them (randomSampler shuffles).",
    );
    const sampler = { length: 2, indices: () => Int32Array.of(0, 9) };
    expect(() => ys(new DataLoader(numbers(3), { sampler }))).toThrow(
      "DataLoader: the sampler gave 2 positions, number 1 of which is 9; it must give as many as its length, 2, from 0 to 2.",
    );
    const short = { length: 2, indices: () => Int32Array.of(0) };
    expect(() => ys(new DataLoader(numbers(3), { sampler: short }))).toThrow("gave 1 positions;");
    expect(() => new DataLoader(numbers(3), { workers: -1 })).toThrow(
      "DataLoader: workers is -1; it must be a whole number from 0.",
    );
  });
});

describe("prefetch", () => {
  const turn = () => new Promise((done) => setTimeout(done, 5));
  /** Batches take longer the earlier they are. */
  const slow = (log: string[], failAt = -1) => ({
    length: 6,
    async batch(indices: Int32Array) {
      const [i] = indices;
      log.push(`begin ${i}`);
      await new Promise((done) => setTimeout(done, 20 - 3 * i));
      log.push(`end ${i}`);
      if (i === failAt) throw new Error(`batch ${i} failed`);
      return i;
    },
  });

  it("keeps the order and the bound", async () => {
    for (const prefetch of [0, 1, 3]) {
      const log: string[] = [];
      const loader = new DataLoader(slow(log), { prefetch });
      const seen: number[] = [];
      for await (const i of loader) {
        await turn();
        expect(loader.state.cursor).toBe(i + 1);
        const begun = log.filter((line) => line.startsWith("begin")).length;
        expect(begun).toBeLessThanOrEqual(i + 1 + prefetch);
        if (i + prefetch < 5) expect(begun).toBe(i + 1 + prefetch);
        seen.push(i);
      }
      expect(seen).toEqual(range(6));
    }
  });

  it("gives an error in its turn, and no unhandled ones", async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", listen);
    const seen: number[] = [];
    const run = async () => {
      for await (const i of new DataLoader(slow([], 4), { prefetch: 5 })) seen.push(i);
    };
    await expect(run()).rejects.toThrow("batch 4 failed");
    expect(seen).toEqual([0, 1, 2, 3]);
    for await (const _ of new DataLoader(slow([], 1), { prefetch: 5 })) break;
    await new Promise((done) => setTimeout(done, 50));
    process.off("unhandledRejection", listen);
    expect(unhandled).toEqual([]);
  });

  it("ends at once when the signal says so, and leaves no listener", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const never = { length: 2, batch: (i: Int32Array) => (i[0] === 0 ? Promise.resolve(0) : new Promise<number>(() => {})) }; // biome-ignore format: one line
    const seen: number[] = [];
    const run = async () => {
      for await (const i of new DataLoader(never, { prefetch: 1, signal })) seen.push(i);
    };
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(run()).rejects.toThrow("enough");
    expect(seen).toEqual([0]);
    expect(listeners).toBe(0);
    await expect(run()).rejects.toThrow("enough");
    expect(() => [...new DataLoader(numbers(2), { signal })]).toThrow("enough");
    expect(listeners).toBe(0);
  });
});

describe("streams", () => {
  const stream = (n: number): IterableDataset<unknown[]> => ({
    *iterate({ seed, epoch }) {
      for (let i = 0; i < n; i++) yield `${seed}:${epoch}:${i}`;
    },
    collate: (items) => items,
  });

  it("are cut into batches, and resume where they were", () => {
    const loader = new DataLoader(stream(5), { batchSize: 2, seed: 1 });
    expect(loader.length).toBe(Infinity);
    expect([...loader]).toEqual([["1:0:0", "1:0:1"], ["1:0:2", "1:0:3"], ["1:0:4"]]);
    for (const _ of loader) break;
    expect(loader.state).toEqual({ seed: 1, epoch: 1, cursor: 1 });
    const resumed = new DataLoader(stream(5), { batchSize: 2, dropLast: true });
    resumed.state = loader.state;
    expect([...resumed]).toEqual([["1:1:2", "1:1:3"]]);
    expect(resumed.state.cursor).toBe(2);
  });

  it("may be asynchronous, and are closed when the loop is left", async () => {
    let closed = 0;
    const slow: IterableDataset<Tensor> = {
      async *iterate() {
        try {
          for (let i = 0; ; i++) yield i;
        } finally {
          closed++;
        }
      },
      collate: (items) => tensor(items as number[]),
    };
    const seen: unknown[] = [];
    for await (const batch of new DataLoader(slow, { batchSize: 3, prefetch: 2 })) {
      seen.push(batch.toArray());
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([[0, 1, 2], [3, 4, 5]]); // biome-ignore format: one line
    expect(closed).toBe(1);
    expect(() => [...new DataLoader(slow)]).toThrow(
      "DataLoader: this stream is asynchronous; use `for await`.",
    );
    expect(() => new DataLoader(slow, { shuffle: true })).toThrow(
      "DataLoader: a stream comes in its own order and is read here; shuffle, sampler and workers need a dataset with positions.",
    );
  });
});

describe("fromItems and collate", () => {
  it("joins nested examples of every kind", () => {
    const dataset = fromItems(
      {
        length: 3,
        item: (i) => ({
          x: tensor([i, i + 0.5]),
          bytes: Uint8Array.of(i, 255),
          y: i,
          sure: i > 1,
          meta: { name: `n${i}`, sizes: [i, 2 * i] as [number, number] },
        }),
      },
      { integers: ["y", "meta.sizes.1"] },
    );
    const { x, bytes, y, sure, meta } = dataset.batch(Int32Array.of(2, 0));
    expect([x.dtype, x.toArray()]).toEqual(["float32", [[2, 2.5], [0, 0.5]]]); // biome-ignore format: one line
    expect([bytes.dtype, bytes.toArray()]).toEqual(["uint8", [[2, 255], [0, 255]]]); // biome-ignore format: one line
    expect([y.dtype, y.toArray()]).toEqual(["int32", [2, 0]]);
    expect([sure.dtype, sure.toArray()]).toEqual(["bool", [true, false]]);
    expect(meta.name).toEqual(["n2", "n0"]);
    expect(meta.sizes.map((s) => [s.dtype, s.toArray()])).toEqual([
      ["float32", [2, 0]],
      ["int32", [4, 0]],
    ]);
  });

  it("reads examples that take their time one after the other", async () => {
    let reading = 0;
    const dataset = fromItems({
      length: 4,
      async item(i: number) {
        expect(++reading).toBe(1);
        await new Promise((done) => setTimeout(done, 1));
        reading--;
        return i;
      },
    });
    const seen: unknown[] = [];
    for await (const batch of new DataLoader(dataset, { batchSize: 3 })) {
      seen.push(batch.toArray());
    }
    expect(seen).toEqual([[0, 1, 2], [3]]);
  });

  it("names the example that can't be read", async () => {
    const sync = fromItems({
      length: 3,
      item: (i): number => {
        if (i === 1) throw new Error("torn");
        return i;
      },
    });
    expect(() => sync.batch(Int32Array.of(0, 1))).toThrow(ItemError);
    expect(() => sync.batch(Int32Array.of(0, 1))).toThrow(
      "fromItems: example 1 can't be read: torn",
    );
    const later = fromItems({ length: 3, item: async (i) => (i === 2 ? Promise.reject("no") : i) });
    await expect(later.batch(Int32Array.of(0, 2))).rejects.toThrow(
      "fromItems: example 2 can't be read: no",
    );
    expect(() => fromItems({ length: 1.5, item: () => 1 })).toThrow(
      "fromItems: length is 1.5; it must be a whole number from 0.",
    );
  });

  it.each([
    [[], "collate: there are no examples; a batch has at least one."],
    [[1, "a"], "collate: example 1 is a string; example 0 is a number. All must look alike."],
    [[{ x: tensor([1]) }, { x: tensor([1, 2]) }], 'collate: example 1 at "x" is float32 [2]; example 0 is float32 [1]. All must look alike.'],
    [[{ a: [1] }, { a: [1, 2] }], 'collate: example 1 at "a" is an array of 2; example 0 is an array of 1.'],
    [[{ a: 1 }, { b: 1 }], "collate: example 1 is an object of b; example 0 is an object of a."],
    [[{ a: null }], 'collate: example 0 at "a" is null; examples are made of tensors,'],
    [[{ a: () => 1 }], 'collate: example 0 at "a" is a function;'],
    [[{ y: 1.5 }], 'collate: example 0 at "y" is 1.5; "integers" says that it is whole and fits 32 bits.'],
  ])("refuses %j", (items, message) => {
    expect(() => collate(items as unknown[], { integers: ["y"] })).toThrow(message);
  }); // biome-ignore format: a table
});

describe("concatDatasets, mapBatches and split", () => {
  it("put rows where they were asked for", async () => {
    const named = (from: number, n: number) =>
      fromItems({ length: n, item: (i) => ({ v: from + i, s: `s${from + i}`, list: [i, "x"] as [number, string] }) }); // biome-ignore format: one line
    const all = concatDatasets([named(0, 2), named(10, 0), named(20, 3)]);
    expect(all.length).toBe(5);
    const { v, s, list } = all.batch(Int32Array.of(4, 0, 2, 1));
    expect([v.toArray(), s]).toEqual([[22, 0, 20, 1], ["s22", "s0", "s20", "s1"]]); // biome-ignore format: one line
    expect([list[0].toArray(), list[1]]).toEqual([[2, 0, 0, 1], ["x", "x", "x", "x"]]); // biome-ignore format: one line
    const later = (n: number) => fromItems({ length: n, item: async (i) => i });
    const slow = concatDatasets([later(2), later(2)]);
    expect((await slow.batch(Int32Array.of(3, 1))).toArray()).toEqual([1, 1]);
    expect(() => concatDatasets([])).toThrow(
      "concatDatasets: there are no datasets; give at least one.",
    );
  });

  it("tell a change of batches where they come from", () => {
    const told: unknown[] = [];
    const mapped = mapBatches(numbers(4), ({ y }, info) => {
      told.push({ ...info, indices: [...info.indices] });
      return y;
    });
    const loader = new DataLoader(mapped, { batchSize: 3, seed: 2 });
    expect([...loader].map((y) => y.toArray())).toEqual([[0, 1, 2], [3]]);
    expect(told[1]).toEqual({ seed: 2, epoch: 0, indices: [3] });
  });

  it("stratify shares classes out evenly", () => {
    const labels = range(100).map((i) => (i < 20 ? 1 : 0));
    const data = new TensorDataset(zeros([100, 1]), tensor(Int32Array.from(labels)));
    const parts = split(data, [50, 30, 20], { stratify: labels, generator: new Generator(1) });
    const ones = parts.map((part) => [...part.indices].filter((i) => labels[i] === 1).length);
    ones.forEach((count, i) => {
      expect(Math.abs(count - [10, 6, 4][i])).toBeLessThanOrEqual(1);
    });
    expect(sorted(parts.flatMap((part) => [...part.indices]))).toEqual(range(100));
    expect(() => split(data, [100], { stratify: [1] })).toThrow(
      "split: stratify has 1 classes and shuffle is true; it needs one class for each of the 100 examples, and shuffling.",
    );
  });
});
