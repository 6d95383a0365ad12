import { describe, expect, it } from "@jest/globals";
import { Generator, randint, randn, type Tensor, tensor } from "@tapegrad/core";
import { KNearestNeighbor } from "@tapegrad/train";
import fc from "fast-check";
import { expectClose } from "../../core/test/golden.ts";

const int32 = { dtype: "int32" } as const;
const float64 = { dtype: "float64" } as const;

/** Distances and votes in plain numbers. */
function plain(x: Tensor, known: Tensor, y: readonly number[], k: number) {
  const [a, b] = [x.toArray() as number[][], known.toArray() as number[][]];
  return a.map((row) => {
    const distances = b.map((other) =>
      Math.sqrt(row.reduce((s, v, d) => s + (v - other[d]) ** 2, 0)),
    );
    const order = distances.map((_, j) => j).sort((i, j) => distances[i] - distances[j] || i - j);
    const votes = new Map<number, number>();
    for (const j of order.slice(0, k)) votes.set(y[j], (votes.get(y[j]) ?? 0) + 1);
    const [winner] = [...votes].sort(([c, n], [d, m]) => m - n || c - d);
    return { distances, label: winner[0] };
  });
}

describe("KNearestNeighbor", () => {
  it("gives the same distances in two loops, one and none, and the labels of a plain program", () => {
    const cases = fc.record({
      rows: fc.integer({ min: 1, max: 6 }),
      known: fc.integer({ min: 1, max: 12 }),
      size: fc.integer({ min: 1, max: 5 }),
      seed: fc.nat(),
      narrow: fc.boolean(),
      blockBytes: fc.constantFrom(1, 100, 2 ** 20),
    });
    fc.assert(
      fc.property(cases, ({ rows, known, size, seed, narrow, blockBytes }) => {
        const generator = new Generator(seed);
        const dtype = narrow ? "float32" : "float64";
        const X = randn([known, size], { generator, dtype });
        const x = randn([rows, size], { generator, dtype });
        const y = randint(0, 3, [known], { generator });
        const knn = new KNearestNeighbor({ blockBytes }).train(X, y);
        const two = knn.computeDistancesTwoLoops(x);
        const k = 1 + (seed % known);
        const expected = plain(x, X, [...y.data()], k);
        expectClose(
          two,
          tensor(
            expected.map(({ distances }) => distances),
            float64,
          ),
        );
        // float32 examples, too: distances are computed in float64.
        expectClose(knn.computeDistancesOneLoop(x), two, { rtol: 1e-12, atol: 1e-12 });
        expectClose(knn.computeDistancesNoLoops(x), two, { rtol: 1e-12, atol: 1e-9 });
        const labels = expected.map(({ label }) => label);
        for (const loops of [0, 1, 2] as const) {
          expect(knn.predict(x, { k, loops }).toArray()).toEqual(labels);
        }
        expect(knn.predictLabels(two, { k }).toArray()).toEqual(labels);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it("agrees on pixels, whose squares float32 can't hold", () => {
    const generator = new Generator(5);
    const X = randint(0, 256, [40, 3, 8, 8], { generator }).to("float32");
    const x = randint(0, 256, [9, 3, 8, 8], { generator }).to("float32");
    const knn = new KNearestNeighbor().train(X, randint(0, 10, [40], { generator }));
    const [two, none] = [knn.computeDistancesTwoLoops(x), knn.computeDistancesNoLoops(x)];
    expect(two.shape).toEqual([9, 40]);
    expectClose(none, two);
    const bytes = new KNearestNeighbor().train(X.to("uint8"), randint(0, 10, [40], { generator }));
    expect(bytes.computeDistancesNoLoops(x.to("uint8")).toArray()).toEqual(none.toArray());
  });

  it("takes the smallest of classes that are as frequent, and the first of examples as near", () => {
    const knn = new KNearestNeighbor().train(
      tensor([[1], [-1], [2], [-2], [1]]),
      tensor([3, 1, 2, 2, 0], int32),
    );
    const at = (k: number) => knn.predict(tensor([[0]]), { k }).item();
    // Nearest first: classes 3, 1, 0 (all at distance 1), then 2, 2.
    expect([1, 2, 3, 4, 5].map(at)).toEqual([3, 1, 0, 0, 2]);
    const { indices, distances } = knn.neighbors(tensor([[0]]), { k: 4 });
    expect(indices.toArray()).toEqual([[0, 1, 4, 2]]);
    expect(distances.toArray()).toEqual([[1, 1, 1, 2]]);
  });

  it("never takes the root of a negative number", () => {
    const X = randn([20, 50], { generator: new Generator(1), ...float64 });
    const knn = new KNearestNeighbor().train(X, randint(0, 2, [20]));
    const distances = knn.computeDistancesNoLoops(X);
    for (let i = 0; i < 20; i++)
      expect(distances.select(0, i).select(0, i).item()).toBeLessThan(1e-6);
    expect(knn.neighbors(X).indices.flatten().toArray()).toEqual(
      Array.from({ length: 20 }, (_, i) => i),
    );
  });

  it("takes no rows, and refuses what makes no sense", () => {
    const knn = new KNearestNeighbor();
    expect(() => knn.predict(tensor([[1]]))).toThrow(
      "KNearestNeighbor.neighbors: there are no examples yet; call train(X, y) before.",
    );
    knn.train(tensor([[1, 2], [3, 4]]), tensor([0, 1], int32)); // biome-ignore format: rows
    const none = tensor(new Float32Array(0), { shape: [0, 2] });
    expect(knn.predict(none).shape).toEqual([0]);
    expect(knn.computeDistancesOneLoop(none).shape).toEqual([0, 2]);
    expect(() => knn.predict(tensor([[1]]))).toThrow(
      "KNearestNeighbor.neighbors: X has rows of 1 numbers and the training examples of 2; they must be equal.",
    );
    expect(() => knn.predict(none, { k: 3 })).toThrow(
      "KNearestNeighbor.neighbors: k is 3; it must be a whole number from 1 to the 2 training examples.",
    );
    expect(() => knn.predict(none, { loops: 3 as never })).toThrow(
      "KNearestNeighbor.neighbors: loops is 3; it must be 0, 1 or 2.",
    );
    expect(() => knn.train(tensor([1, 2]), tensor([0, 1], int32))).toThrow(
      "KNearestNeighbor.train: X is [2]; it must be [N, D] (further axes are flattened): one row per example.",
    );
    expect(() => knn.train(tensor([[1]]), tensor([0, 1], int32))).toThrow(
      "KNearestNeighbor.train: X is [1, 1] and y [2]; y must be [1], a class per row.",
    );
    expect(() => knn.train(tensor([[1]]), tensor([0.5]))).toThrow(
      "KNearestNeighbor.train: y is float32; it must be int32 or uint8: classes.",
    );
    expect(() => knn.train(tensor([[1]]), tensor([-1], int32))).toThrow(
      "KNearestNeighbor.train: class -1 of row 0 is negative; classes count from 0.",
    );
    expect(() => knn.predictLabels(tensor([[1]]))).toThrow(
      "predictLabels: distances are [1, 1]; they must be [N, 2], one to each training example.",
    );
    expect(() => new KNearestNeighbor({ blockBytes: 0 })).toThrow(
      "KNearestNeighbor: blockBytes is 0; it must be a finite number above 0.",
    );
  });
});
