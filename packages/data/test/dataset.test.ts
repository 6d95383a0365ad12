import { describe, expect, it } from "@jest/globals";
import { arange, Generator, manualSeed, tensor, zeros } from "@tapegrad/core";
import { type Batch, DataLoader, Subset, split, subset, TensorDataset } from "@tapegrad/data";

const numbers = (n: number) => new TensorDataset(arange(2 * n).reshape([n, 2]), arange(n).mul(10));

const labels = (batches: Iterable<Batch>) => [...batches].map(({ y }) => [...y.data()]);
const flat = (batches: Iterable<Batch>) => labels(batches).flat();
const sorted = (values: number[]) => [...values].sort((a, b) => a - b);

describe("TensorDataset", () => {
  it("fetches rows by position", () => {
    const { x, y } = numbers(4).batch(Int32Array.of(3, 0, 3));
    expect(x.toArray()).toEqual([
      [6, 7],
      [0, 1],
      [6, 7],
    ]);
    expect(y.toArray()).toEqual([30, 0, 30]);
  });

  it("refuses tensors of different lengths", () => {
    expect(() => new TensorDataset(zeros([3, 2]), zeros([4]))).toThrow(
      "TensorDataset: x is [3, 2] and y [4]; both need the same first axis, one row per example.",
    );
  });
});

describe("split and subset", () => {
  it("deals every example out once, the same way for the same seed", () => {
    const deal = () => {
      const parts = split(numbers(10), [7, 3], { generator: new Generator(5) });
      return parts.map((part) => flat(new DataLoader(part)));
    };
    const [first, second] = deal();
    expect(first).toHaveLength(7);
    expect(sorted([...first, ...second])).toEqual(sorted(flat(new DataLoader(numbers(10)))));
    expect(deal()).toEqual([first, second]);
  });

  it("keeps the order when asked to", () => {
    const [a, b] = split(numbers(4), [1, 3], { shuffle: false });
    expect(flat(new DataLoader(a))).toEqual([0]);
    expect(flat(new DataLoader(b))).toEqual([10, 20, 30]);
  });

  it("refuses sizes and positions that don't fit", () => {
    expect(() => split(numbers(10), [7, 4])).toThrow(
      "split: sizes [7, 4] add up to 11; they must be whole and add up to the dataset's 10 examples.",
    );
    expect(() => subset(numbers(3), [0, 3])).toThrow(
      "Subset: index 3 at position 1 is outside the dataset; valid are 0 to 2.",
    );
    expect(flat(new DataLoader(new Subset(numbers(3), [2, 2])))).toEqual([20, 20]);
  });
});

describe("DataLoader", () => {
  it("cuts batches in order, with or without a short last one", () => {
    expect(labels(new DataLoader(numbers(5), { batchSize: 2 }))).toEqual([[0, 10], [20, 30], [40]]);
    const full = new DataLoader(numbers(5), { batchSize: 2, dropLast: true });
    expect(full.length).toBe(2);
    expect(labels(full)).toEqual([
      [0, 10],
      [20, 30],
    ]);
    expect(labels(new DataLoader(subset(numbers(5), [])))).toEqual([]);
  });

  it("shuffles anew in every epoch, reproducibly", () => {
    const run = (seed: number) => {
      const loader = new DataLoader(numbers(50), { batchSize: 8, shuffle: true, seed });
      return [flat(loader), flat(loader)];
    };
    const [first, second] = run(1);
    expect(sorted(first)).toEqual(flat(new DataLoader(numbers(50))));
    expect(sorted(second)).toEqual(sorted(first));
    expect(second).not.toEqual(first);
    expect(run(1)).toEqual([first, second]);
    expect(run(2)[0]).not.toEqual(first);
  });

  it("draws its seed from the shared generator or the given one", () => {
    const order = () => {
      manualSeed(3);
      return flat(new DataLoader(numbers(20), { shuffle: true }));
    };
    expect(order()).toEqual(order());
    const own = () =>
      flat(new DataLoader(numbers(20), { shuffle: true, generator: new Generator(4) }));
    expect(own()).toEqual(own());
    expect(own()).not.toEqual(order());
  });

  it("goes on exactly where a saved state was, in any epoch", () => {
    const options = { batchSize: 4, shuffle: true, seed: 9 };
    const whole = new DataLoader(numbers(18), options);
    const epochs = [labels(whole), labels(whole), labels(whole)];
    const loader = new DataLoader(numbers(18), options);
    labels(loader);
    let seen = 0;
    for (const _ of loader) if (++seen === 2) break;
    const state = JSON.parse(JSON.stringify(loader.state));
    expect(state).toEqual({ seed: 9, epoch: 1, cursor: 2 });
    const other = new DataLoader(numbers(18), { batchSize: 4, shuffle: true });
    other.state = state;
    expect(labels(other)).toEqual(epochs[1].slice(2));
    expect(labels(other)).toEqual(epochs[2]);
    // Without a state set, a loop that was left begins a new epoch.
    expect(labels(loader)).toEqual(epochs[2]);
  });

  it("iterates asynchronously too", async () => {
    const seen: number[] = [];
    for await (const { y } of new DataLoader(numbers(5), { batchSize: 2 })) seen.push(...y.data());
    expect(seen).toEqual([0, 10, 20, 30, 40]);
  });

  it("refuses bad options and states", () => {
    for (const batchSize of [0, -1, 1.5, Number.NaN]) {
      expect(() => new DataLoader(numbers(3), { batchSize })).toThrow(
        `DataLoader: batchSize is ${batchSize}; it must be a whole number from 1.`,
      );
    }
    expect(() => new DataLoader(numbers(3), { shuffle: true, seed: -1 })).toThrow("the seed is -1");
    const loader = new DataLoader(numbers(3));
    expect(() => {
      loader.state = { seed: 0, epoch: 0, cursor: 4 };
    }).toThrow(
      "DataLoader: the state's cursor is 4; this loader has batches 0 to 3. Is it the same data and batch size?",
    );
    expect(() => {
      loader.state = { seed: 0, epoch: -1, cursor: 0 };
    }).toThrow("DataLoader: the state's epoch is -1; it must be whole, from 0.");
  });

  it("takes any dataset, whatever its batches are", () => {
    const squares = {
      length: 3,
      batch: (indices: Int32Array) => tensor(indices.map((i) => i * i)),
    };
    expect([...new DataLoader(squares, { batchSize: 2 })].map((t) => t.toArray())).toEqual([
      [0, 1],
      [4],
    ]);
  });
});
