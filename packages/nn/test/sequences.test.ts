import { describe, expect, it } from "@jest/globals";
import { ones, tensor, zeros } from "@tapegrad/core";
import fc from "fast-check";
import { paddingMask, padSequence, unpadSequence } from "../src/index.ts";
import { waves } from "./waves.ts";

describe("padSequence", () => {
  it("puts sequences side by side", () => {
    const sequences = [tensor([1, 2, 3]), tensor([4])];
    expect(padSequence(sequences).toArray()).toEqual([
      [1, 4],
      [2, 0],
      [3, 0],
    ]);
    expect(padSequence(sequences, { batchFirst: true, paddingValue: -1 }).toArray()).toEqual([
      [1, 2, 3],
      [4, -1, -1],
    ]);
  });

  it("keeps dtypes, and gives each sequence its gradient", () => {
    const words = [tensor([5, 6], { dtype: "int32" }), tensor([7], { dtype: "int32" })];
    expect(padSequence(words).dtype).toBe("int32");
    const [a, b] = [ones([2, 3]).requiresGrad_(), ones([4, 3]).requiresGrad_()];
    padSequence([a, b]).sum().backward();
    expect([a.grad!.shape, b.grad!.shape]).toEqual([
      [2, 3],
      [4, 3],
    ]);
    expect(a.grad!.data().every((g) => g === 1)).toBe(true);
  });

  it("and unpadSequence undo one another", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        (lengths, batchFirst) => {
          const sequences = lengths.map((length, i) => waves([length, 2, 3], i));
          const padded = padSequence(sequences, { batchFirst, paddingValue: 9 });
          const most = Math.max(...lengths);
          const batch = lengths.length;
          expect(padded.shape).toEqual([...(batchFirst ? [batch, most] : [most, batch]), 2, 3]);
          const back = unpadSequence(padded, lengths, { batchFirst });
          expect(back.map((x) => x.toArray())).toEqual(sequences.map((x) => x.toArray()));
        },
      ),
      { seed: 231, numRuns: 30 },
    );
  });

  it.each<[() => unknown, string]>([
    [
      () => padSequence([]),
      "padSequence: got []; it takes an array of at least one Tensor, such as [ones([3, 8]), ones([5, 8])].",
    ],
    [
      () => padSequence(ones([2]) as never),
      "padSequence: got a Tensor; it takes an array of at least one Tensor, such as [ones([3, 8]), ones([5, 8])].",
    ],
    [
      () => padSequence([ones([2, 3]), ones([2, 4])]),
      "padSequence: sequence 1 is [2, 4] and sequence 0 [2, 3]; all must be [steps, ...] and equal but for their steps.",
    ],
    [
      () => padSequence([ones([2]), tensor(3)]),
      "padSequence: sequence 1 is [] and sequence 0 [2]; all must be [steps, ...] and equal but for their steps.",
    ],
    [
      () => unpadSequence(zeros([4, 2]), [4]),
      "unpadSequence: lengths is [4]; it must be 2 whole numbers from 0 to 4, one for each sequence.",
    ],
    [
      () => unpadSequence(zeros([4]), [4]),
      "unpadSequence: padded is [4]; it must be a Tensor of at least two axes.",
    ],
  ])("refuses what can't be: %#", (run, message) => {
    expect(run).toThrow(message);
  });
});

describe("paddingMask", () => {
  it("is true behind each sequence's end", () => {
    expect(paddingMask([3, 1]).toArray()).toEqual([
      [false, false, false],
      [false, true, true],
    ]);
    expect(paddingMask(tensor([1, 0], { dtype: "int32" }), { length: 2 }).toArray()).toEqual([
      [false, true],
      [true, true],
    ]);
  });

  it("refuses lengths that don't fit", () => {
    expect(() => paddingMask([3, 1], { length: 2 })).toThrow(
      "paddingMask: lengths is [3, 1]; it must be whole numbers from 0 to 2, one for each sequence.",
    );
    expect(() => paddingMask([1.5])).toThrow(
      "paddingMask: lengths is [1.5]; it must be whole numbers of at least 0, one for each sequence.",
    );
    expect(() => paddingMask(3 as never)).toThrow(
      "paddingMask: lengths is 3; it must be whole numbers of at least 0, one for each sequence.",
    );
  });
});
