import { describe, expect, it } from "@jest/globals";
import { arange, Generator, ones, randn, tensor, zeros } from "@tapegrad/core";
import {
  type Batch,
  centerCrop,
  colorJitter,
  compose,
  cutout,
  DataLoader,
  fitStatistics,
  normalize,
  oneHotLabels,
  randomCrop,
  randomHorizontalFlip,
  randomVerticalFlip,
  resize,
  type Sample,
  subset,
  TensorDataset,
  type Transform,
  transform,
} from "@tapegrad/data";

const sample = (shape: number[], data: number[]): Sample => ({
  shape,
  data: Float64Array.from(data),
});
/** A stream that gives these numbers, one after the other. */
const draws = (...numbers: number[]) => {
  const left = [...numbers];
  return () => left.shift()!;
};
const never = () => {
  throw new Error("nothing random here");
};
const values = ({ data }: Sample) => [...data];
const digits = sample([1, 2, 3], [1, 2, 3, 4, 5, 6]);

describe("flips", () => {
  it("mirror every channel, or leave the sample", () => {
    const two = sample([2, 1, 3], [1, 2, 3, 4, 5, 6]);
    expect(values(randomHorizontalFlip()(two, draws(0.4)))).toEqual([3, 2, 1, 6, 5, 4]);
    expect(randomHorizontalFlip()(two, draws(0.5))).toBe(two);
    expect(values(randomVerticalFlip(0.1)(digits, draws(0.05)))).toEqual([4, 5, 6, 1, 2, 3]);
    expect(values(randomVerticalFlip(1)(sample([2, 2, 1], [1, 2, 3, 4]), draws(0)))).toEqual([
      2, 1, 4, 3,
    ]);
    expect(values(two)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("refuse probabilities and samples that aren't", () => {
    expect(() => randomHorizontalFlip(1.5)).toThrow(
      "randomHorizontalFlip: p is 1.5; it must be from 0 to 1.",
    );
    expect(() => randomVerticalFlip()(sample([4], [1, 2, 3, 4]), draws(0.9))).toThrow(
      "randomVerticalFlip: the sample is [4]; an image is [channels, height, width].",
    );
  });
});

describe("crops", () => {
  it("take a window, padded or not", () => {
    expect(values(centerCrop([2, 1])(digits, never))).toEqual([2, 5]);
    expect(values(centerCrop([4, 1], { fill: 9 })(digits, never))).toEqual([9, 2, 5, 9]);
    const crop = randomCrop([2, 2]);
    expect(values(crop(digits, draws(0, 0)))).toEqual([1, 2, 4, 5]);
    expect(values(crop(digits, draws(0.99, 0.99)))).toEqual([2, 3, 5, 6]);
    const padded = randomCrop(3, { padding: 1, fill: -1 });
    expect(values(padded(digits, draws(0, 0)))).toEqual([-1, -1, -1, -1, 1, 2, -1, 4, 5]);
    expect(values(padded(digits, draws(0.99, 0.99)))).toEqual([2, 3, -1, 5, 6, -1, -1, -1, -1]);
  });

  it("far outside the image are all fill", () => {
    const crop = randomCrop(1, { padding: 3, fill: 7 });
    expect(values(crop(digits, draws(0, 0)))).toEqual([7]);
  });

  it("refuse windows that don't fit", () => {
    expect(() => randomCrop(3)(digits, never)).toThrow(
      "randomCrop: the image is [1, 2, 3] with 0 pixels around it; the window of 3 × 3 must fit.",
    );
    expect(() => centerCrop(0)).toThrow(
      "centerCrop: the height is 0; it must be a whole number from 1.",
    );
  });
});

describe("resize", () => {
  // PyTorch 1.13: interpolate(x, size, mode="bilinear", align_corners=False, antialias=…)
  const x = sample([2, 3, 5], Array.from({ length: 30 }, (_, i) => (7 * i) % 11)); // biome-ignore format: one line
  const larger = [
    0, 3.0625, 6.75, 4.25, 5.1875, 9.5625, 7.75, 6, 0.8, 3.8625, 7.55, 5.05, 4.6125, 6.2375, 6.625,
    6.8, 2, 5.0625, 8.75, 6.25, 3.75, 1.25, 4.9375, 8, 3.2, 3.375, 3.7625, 5.3875, 4.95, 2.45,
    6.1375, 9.2, 4, 2.25, 0.4375, 4.8125, 5.75, 3.25, 6.9375, 10,
  ];
  const sampled = [
    2.8333333333, 3.5, 6.9166666667, 3.0833333333, 6.5, 7.1666666667, 5.1666666667, 6.75,
    2.8333333333, 8.1666666667, 1.5, 5.8333333333,
  ];
  const averaged = [
    3.75, 5.2777777778, 6.6964285714, 3.3035714286, 4.7222222222, 6.25, 5.0357142857, 5.0138888889,
    3.4642857143, 7.5357142857, 3.6944444444, 5.9642857143,
  ];
  const expectClose = (got: Sample, expected: number[]) => {
    expected.forEach((value, i) => {
      expect(got.data[i]).toBeCloseTo(value, 8);
    });
  };

  it("gives PyTorch's numbers", () => {
    expect(resize([5, 8])(x, never).shape).toEqual([2, 5, 8]);
    expectClose(resize([5, 8])(x, never), larger);
    expectClose(resize([5, 8], { antialias: false })(x, never), larger);
    expectClose(resize([2, 3])(x, never), averaged);
    expectClose(resize([2, 3], { antialias: false })(x, never), sampled);
    expect(resize([3, 5])(x, never)).toBe(x);
  });
});

describe("cutout", () => {
  it("fills a square around a random pixel, in every channel", () => {
    const image = sample([2, 3, 3], Array(18).fill(1));
    const corner = cutout(3, { fill: 5 })(image, draws(0, 0, 0));
    expect(values(corner).slice(0, 9)).toEqual([5, 5, 1, 5, 5, 1, 1, 1, 1]);
    expect(values(corner).slice(9)).toEqual([5, 5, 1, 5, 5, 1, 1, 1, 1]);
    const middle = cutout(1)(image, draws(0, 0.5, 0.5));
    expect(values(middle).slice(0, 9)).toEqual([1, 1, 1, 1, 0, 1, 1, 1, 1]);
    expect(cutout(1, { p: 0.5 })(image, draws(0.5))).toBe(image);
  });
});

describe("colorJitter", () => {
  const image = sample([3, 1, 2], [0.2, 0.4, 0.6, 0.8, 1, 0]);
  const grey = [
    0.299 * 0.2 + 0.587 * 0.6 + 0.114 * 1,
    0.299 * 0.4 + 0.587 * 0.8 + 0.114 * 0,
  ] as const;
  const close = (got: Sample, expected: readonly number[]) =>
    expected.forEach((value, i) => {
      expect(got.data[i]).toBeCloseTo(value, 12);
    });
  const clamped = (value: number) => Math.min(1, Math.max(0, value));

  it("scales, blends with the mean grey, blends with the own grey", () => {
    // The first draw picks the step, the second its factor: 0.5 + 1·u.
    const f = 1.3;
    close(
      colorJitter({ brightness: 0.5 })(image, draws(0, 0.8)),
      values(image).map((x) => clamped(f * x)),
    );
    const mean = (grey[0] + grey[1]) / 2;
    close(
      colorJitter({ contrast: 0.5 })(image, draws(0, 0.8)),
      values(image).map((x) => clamped(f * x + (1 - f) * mean)),
    );
    close(
      colorJitter({ saturation: 0.5 })(image, draws(0, 0.8)),
      values(image).map((x, i) => clamped(f * x + (1 - f) * grey[i % 2])),
    );
  });

  it("never gets below a factor of 0, and knows grey images", () => {
    const dark = colorJitter({ brightness: 3 })(image, draws(0, 0));
    expect(values(dark)).toEqual([0, 0, 0, 0, 0, 0]);
    const one = sample([1, 1, 2], [0.25, 0.5]);
    expect(values(colorJitter({ saturation: 1 })(one, draws(0, 0.7)))).toEqual([0.25, 0.5]);
    expect(values(colorJitter({})(image, never))).toEqual(values(image));
  });

  it("applies the steps in random order", () => {
    const jitter = colorJitter({ brightness: 0.9, contrast: 0.9, saturation: 0.9 });
    const first = values(jitter(image, draws(0, 0.9, 0, 0.1, 0, 0.9)));
    const second = values(jitter(image, draws(0.9, 0.9, 0.9, 0.1, 0, 0.9)));
    expect(first).not.toEqual(second);
  });

  it("refuses negative strengths and other channels", () => {
    expect(() => colorJitter({ contrast: -1 })).toThrow(
      "colorJitter: contrast is -1; it must be finite and at least 0.",
    );
    expect(() => colorJitter({})(sample([2, 1, 1], [1, 1]), never)).toThrow(
      "colorJitter: the image is [2, 1, 1]; it must have 1 or 3 channels.",
    );
  });
});

describe("normalize and fitStatistics", () => {
  it("give mean 0 and deviation 1 to each channel or feature", async () => {
    const x = randn([300, 3, 4, 4], { generator: new Generator(1) })
      .mul(5)
      .add(2);
    const data = new TensorDataset(x, zeros([300]));
    const statistics = await fitStatistics(data, { batchSize: 64 });
    // Over everything but the channels, as PyTorch would.
    const byChannel = x.transpose(0, 1).reshape([3, -1]).to("float64");
    byChannel
      .mean(1)
      .data()
      .forEach((mean, c) => {
        expect(statistics.mean[c]).toBeCloseTo(mean, 10);
      });
    byChannel
      .std(1, { unbiased: false })
      .data()
      .forEach((std, c) => {
        expect(statistics.std[c]).toBeCloseTo(std, 3);
      });
    const again = await fitStatistics(transform(data, normalize(statistics)), { per: "all" });
    expect(again.mean[0]).toBeCloseTo(0, 5);
    expect(again.std[0]).toBeCloseTo(1, 5);
  });

  it("are exact on small tables, whatever the batches", async () => {
    const table = new TensorDataset(
      tensor([
        [1, 10, 5],
        [2, 30, 5],
        [6, 50, 5],
      ]),
      zeros([3]),
    );
    for (const batchSize of [1, 2, 3]) {
      const { mean, std } = await fitStatistics(table, { batchSize });
      [3, 30, 5].forEach((value, i) => {
        expect(mean[i]).toBeCloseTo(value, 12);
      });
      // A constant column counts as having deviation 1.
      [Math.sqrt(14 / 3), Math.sqrt(800 / 3), 1].forEach((value, i) => {
        expect(std[i]).toBeCloseTo(value, 12);
      });
    }
    const all = await fitStatistics(table, { per: "element" });
    expect(all).toEqual(await fitStatistics(table));
  });

  it("know a mean image", async () => {
    const images = new TensorDataset(arange(16).reshape([2, 2, 2, 2]), zeros([2]));
    const { mean, std } = await fitStatistics(images, { per: "element" });
    expect(mean).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
    expect(std).toEqual(Array(8).fill(4));
    const { x } = transform(images, normalize({ mean, std })).batch(Int32Array.of(0));
    expect([...x.data()]).toEqual(Array(8).fill(-1));
  });

  it("refuse what doesn't fit", async () => {
    expect(() => normalize({ mean: [1, 2], std: [1] })).toThrow(
      "normalize: mean is [1, 2] and std [1]; they need one finite number each per channel, std above 0.",
    );
    expect(() => normalize({ mean: [1, 2], std: [1, 1] })(digits, never)).toThrow(
      "normalize: there are 2 means, and the sample is [1, 2, 3]; it takes 1, 6 of them.",
    );
    const nothing = new TensorDataset(zeros([0, 2]), zeros([0]));
    await expect(fitStatistics(nothing)).rejects.toThrow(
      "fitStatistics: the dataset has no examples.",
    );
    await expect(fitStatistics(new TensorDataset(zeros([3]), zeros([3])))).rejects.toThrow(
      "fitStatistics: x is [3]; channels are its axis 1, so it needs two axes.",
    );
  });
});

describe("transform", () => {
  const images = new TensorDataset(
    arange(40 * 2 * 3 * 3).reshape([40, 2, 3, 3]),
    arange(40).to("int32"),
  );
  const augment = [randomCrop(3, { padding: 1 }), randomHorizontalFlip(), cutout(1)];
  const byLabel = (batches: Iterable<Batch>) => {
    const seen = new Map<number, string>();
    for (const { x, y } of batches) {
      [...y.data()].forEach((label, row) => {
        seen.set(label, String(x.toArray()[row as never]));
      });
    }
    return seen;
  };

  it("draws the same for an example in any order and batch size, anew in every epoch", () => {
    const augmented = transform(images, augment);
    const one = new DataLoader(augmented, { batchSize: 7, seed: 3 });
    const other = new DataLoader(augmented, { batchSize: 16, shuffle: true, seed: 3 });
    const first = byLabel(one);
    expect(first.size).toBe(40);
    const second = byLabel(other);
    for (const [label, x] of first) expect(second.get(label)).toBe(x);
    const next = byLabel(one);
    expect([...next].filter(([label, x]) => first.get(label) !== x).length).toBeGreaterThan(20);
    const seeded = byLabel(new DataLoader(augmented, { batchSize: 7, seed: 4 }));
    expect(seeded).not.toEqual(first);
  });

  it("resumes with the same pictures", () => {
    const options = { batchSize: 8, shuffle: true, seed: 11 };
    const whole = new DataLoader(transform(images, augment), options);
    const batches = [...whole, ...whole].map(({ x }) => String(x.toArray()));
    const resumed = new DataLoader(transform(images, augment), options);
    resumed.state = { seed: 11, epoch: 1, cursor: 2 };
    expect([...resumed].map(({ x }) => String(x.toArray()))).toEqual(batches.slice(7));
  });

  it("composes, through subsets, with whole numbers and float64 as input", () => {
    const double: Transform = ({ shape, data }) => ({ shape, data: data.map((v) => 2 * v) });
    const bytes = new TensorDataset(tensor(new Uint8Array([1, 2, 3, 4]), { shape: [2, 2] }), ones([2])); // biome-ignore format: one line
    const { x } = transform(subset(bytes, [1]), compose([double, double])).batch(Int32Array.of(0));
    expect([x.dtype, x.toArray()]).toEqual(["float32", [[12, 16]]]);
    const exact = new TensorDataset(tensor([[0.1]], { dtype: "float64" }), ones([1]));
    expect(transform(exact, double).batch(Int32Array.of(0)).x.toArray()).toEqual([[0.2]]);
  });

  it("works for datasets that take their time", async () => {
    const slow = { length: 3, batch: async (i: Int32Array) => images.batch(i) };
    const seen: number[][] = [];
    for await (const { x } of new DataLoader(transform(slow, centerCrop(1)), { batchSize: 2 })) {
      seen.push([...x.shape]);
    }
    expect(seen).toEqual([
      [2, 2, 1, 1],
      [1, 2, 1, 1],
    ]);
  });

  it("says which examples differ in shape", () => {
    const grow: Transform = ({ data }) => ({
      shape: [data[0] + 1],
      data: new Float32Array(data[0] + 1),
    });
    const table = new TensorDataset(tensor([[1], [1], [2]]), zeros([3]));
    expect(() => transform(table, grow).batch(Int32Array.of(0, 1, 2))).toThrow(
      "transform: example 2 became [3] and example 0 [2]; end with a transform that gives all one shape, such as resize or centerCrop.",
    );
  });

  it("makes labels one-hot", () => {
    const { y } = oneHotLabels(images, 40).batch(Int32Array.of(2, 0));
    expect([y.dtype, y.shape, y.data()[2], y.data()[40]]).toEqual(["float32", [2, 40], 1, 1]);
  });
});
