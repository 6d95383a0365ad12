import { describe, expect, it } from "@jest/globals";
import { manualSeed, type Tensor, tensor } from "@tapegrad/core";
import { TensorDataset } from "@tapegrad/data";
import { crossValidate, kFold } from "@tapegrad/train";
import fc from "fast-check";

describe("kFold", () => {
  it("gives the first examples to the first fold when not shuffled, as NumPy's array_split", () => {
    const folds = kFold(10, { k: 4, shuffle: false });
    expect(folds.map(({ validation }) => [...validation])).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
      [8, 9],
    ]);
    expect([...folds[1].train]).toEqual([0, 1, 2, 6, 7, 8, 9]);
  });

  it("has every example in one validation part, with parts and classes spread evenly", () => {
    const cases = fc
      .array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 60 })
      .chain((classes) =>
        fc.record({
          classes: fc.constant(classes),
          k: fc.integer({ min: 2, max: Math.min(10, classes.length) }),
          seed: fc.nat(),
          stratified: fc.boolean(),
        }),
      );
    fc.assert(
      fc.property(cases, ({ classes, k, seed, stratified }) => {
        const folds = kFold(classes.length, {
          k,
          seed,
          ...(stratified ? { stratify: classes } : {}),
        });
        const all = Array.from(classes, (_, i) => i);
        expect(folds.flatMap(({ validation }) => [...validation]).sort((a, b) => a - b)).toEqual(
          all,
        );
        for (const { train, validation } of folds) {
          expect([...train, ...validation].sort((a, b) => a - b)).toEqual(all);
        }
        const spread = (sizes: number[]) => Math.max(...sizes) - Math.min(...sizes);
        expect(spread(folds.map(({ validation }) => validation.length))).toBeLessThanOrEqual(1);
        if (!stratified) return;
        for (let c = 0; c < 4; c++) {
          const counts = folds.map(
            ({ validation }) => validation.filter((i) => classes[i] === c).length,
          );
          expect(spread(counts)).toBeLessThanOrEqual(1);
        }
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it("is fixed by its seed, or by the shared generator's", () => {
    expect(kFold(20, { seed: 4 })).toEqual(kFold(20, { seed: 4 }));
    expect(kFold(20, { seed: 4 })).not.toEqual(kFold(20, { seed: 5 }));
    manualSeed(1);
    const first = kFold(20);
    expect(kFold(20)).not.toEqual(first);
    manualSeed(1);
    expect(kFold(20)).toEqual(first);
  });

  it("refuses what makes no sense", () => {
    expect(() => kFold(1)).toThrow("kFold: length is 1; there must be at least 2 examples.");
    expect(() => kFold(4)).toThrow(
      "kFold: k is 5; it must be a whole number from 2 to the 4 examples.",
    );
    expect(() => kFold(10, { k: 1 })).toThrow("kFold: k is 1; it must be a whole number from 2");
    expect(() => kFold(10, { stratify: [1, 2] })).toThrow(
      "kFold: stratify has 2 classes; it needs one for each of the 10 examples.",
    );
    expect(() => kFold(10, { shuffle: false, seed: 1 })).toThrow(
      "kFold: seed is given and shuffle is false; without it there is no chance.",
    );
  });
});

describe("crossValidate", () => {
  const data = new TensorDataset(
    tensor([[0], [1], [2], [3], [4], [5]]),
    tensor([0, 1, 0, 1, 0, 1], { dtype: "int32" }),
  );
  const valuesOf = (part: { batch(indices: Int32Array): { x: Tensor }; length: number }) => [
    ...part.batch(Int32Array.from({ length: part.length }, (_, i) => i)).x.data(),
  ];

  it("hands each fold's examples out and summarises the numbers", async () => {
    const seen: number[][] = [];
    const result = await crossValidate(
      async ({ train, validation, fold }) => {
        expect(fold).toBe(seen.length);
        expect(train.length).toBe(4);
        seen.push(valuesOf(validation));
        return valuesOf(validation).reduce((a, b) => a + b);
      },
      data,
      { k: 3, shuffle: false },
    );
    expect(seen).toEqual([[0, 1], [2, 3], [4, 5]]); // biome-ignore format: rows
    // numpy.std([1, 5, 9])
    expect(result).toEqual({ folds: [1, 5, 9], mean: 5, std: Math.sqrt(32 / 3) });
  });

  it("summarises several numbers by name", async () => {
    const { folds, mean, std } = await crossValidate(({ fold }) => ({ a: fold, b: 2 }), data, {
      k: 2,
      stratify: data.y.data(),
      seed: 0,
    });
    expect([folds, mean, std]).toEqual([
      [{ a: 0, b: 2 }, { a: 1, b: 2 }],
      { a: 0.5, b: 2 },
      { a: 0.5, b: 0 },
    ]); // biome-ignore format: a row each
  });

  it("refuses anything but numbers, and changing names", async () => {
    await expect(crossValidate(() => "good" as never, data, { k: 2 })).rejects.toThrow(
      'crossValidate: f gave "good" for fold 0; it must be a number, or an object of numbers.',
    );
    await expect(
      crossValidate(({ fold }) => (fold === 0 ? { a: 1 } : { b: 1 }) as never, data, { k: 2 }),
    ).rejects.toThrow(
      "crossValidate: f gave { b } for fold 1 and { a } before; the names must be equal.",
    );
  });
});
