import {
  affine,
  bilinear,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  embedding,
  linear,
} from "../../src/index.ts";
import { float64, type Table, wave, whole } from "./case.ts";

/** Linear maps: dense, by table, and by convolution. */
export const conv: Table = {
  linear: {
    make: () => linear(3, 2, float64),
    inputs: [[4, 3]],
    refuses: [
      [() => linear(3, 0), "linear: outFeatures is 0; it must be a whole number of at least 1."],
    ],
  },
  affine: {
    make: () => affine(12, 5, float64),
    inputs: [[2, 3, 2, 2]],
    refuses: [
      [() => affine(3, 0), "affine: outFeatures is 0; it must be a whole number of at least 1."],
      [
        () => affine(undefined as never, 3),
        "affine: inFeatures is undefined; it must be a whole number of at least 1, or null to take it from the first input.",
      ],
      [
        () => affine(3, 2, { weightScale: -1 }),
        "affine: weightScale is -1; it must be a finite number above 0, or null.",
      ],
    ],
  },
  "affine without bias": {
    make: () => affine(3, 2, { ...float64, bias: false }),
    inputs: [[4, 3]],
  },
  bilinear: {
    make: () => bilinear(3, 4, 2, float64),
    inputs: [
      [5, 3],
      [5, 4],
    ],
    refuses: [
      [
        () => bilinear(3, 4, -2),
        "bilinear: outFeatures is -2; it must be a whole number of at least 1.",
      ],
      [
        () => bilinear(3, 4, 2, float64)(wave([5, 3]), wave([5, 3])),
        "bilinear: a is [5, 3] and b is [5, 3]; for weight [2, 3, 4] they must be [..., 3] and [..., 4], with equal leading axes.",
      ],
    ],
  },
  embedding: {
    make: () => embedding(5, 3, float64),
    inputs: [whole([1, 4, 1, 0, 2, 1], [2, 3])],
    refuses: [
      [
        () => embedding(5, 3, { paddingIdx: 5 }),
        "embedding: paddingIdx is 5; it must be a row, -5 to 4, or null.",
      ],
      [
        () => embedding(5, 3)(whole([7])),
        "embedding: index 7 at position 0 is no row of the table [5, 3]; valid are 0 to 4.",
      ],
    ],
  },
  "embedding with padding": {
    make: () => embedding(5, 3, { ...float64, paddingIdx: -4 }),
    otherGradient: "the padding is not trained",
    inputs: [whole([1, 4, 1, 0, 2, 1], [2, 3])],
  },
  conv1d: {
    make: () => conv1d(2, 3, 3, { ...float64, stride: 2, padding: 1 }),
    inputs: [[2, 2, 7]],
    refuses: [
      [
        () => conv1d(2, 3, [3, 3]),
        "conv1d: kernelSize is [3, 3]; it must be a whole number of at least 1, or an array of 1.",
      ],
    ],
  },
  "conv1d of one image": { make: () => conv1d(2, 3, 3, float64), inputs: [[2, 7]] },
  conv2d: {
    make: () =>
      conv2d(4, 6, [3, 2], {
        ...float64,
        stride: [1, 2],
        padding: [1, 0],
        dilation: [1, 2],
        groups: 2,
      }),
    inputs: [[2, 4, 4, 5]],
    refuses: [
      [
        () => conv2d(3, 4, 3, { groups: 2 }),
        "conv2d: groups is 2; it must divide inChannels (3) and outChannels (4).",
      ],
      [
        () => conv2d(3, 4, 3, { padding: "same", stride: 2 }),
        'conv2d: padding "same" keeps sizes, which stride 2 does not; use stride 1 or a number.',
      ],
      [
        () => conv2d(3, 4, 3, { padding: "full" as never }),
        'conv2d: padding is "full"; it must be a whole number of at least 0, or an array of 2, or one of "same", "valid".',
      ],
      [
        () => conv2d(3, 4, 3, { strides: 2 } as never),
        "conv2d: strides is no argument of conv2d; it takes inChannels, outChannels, kernelSize, stride, dilation, groups, bias, dtype, padding, paddingMode.",
      ],
      [
        () => conv2d(3, 4, 3)(wave([2, 4, 5, 5]).to("float32")),
        "conv2d: x is [2, 4, 5, 5], weight is [4, 3, 3, 3] and groups is 1; weight is [O, C/groups, …], so x needs 3 channels (it has 4), and O must be a multiple of groups.",
      ],
    ],
  },
  "conv2d same": {
    make: () => conv2d(2, 3, [2, 3], { ...float64, padding: "same", bias: false }),
    inputs: [[1, 2, 4, 4]],
  },
  "conv2d same, reflecting": {
    make: () => conv2d(2, 2, [4, 3], { ...float64, padding: "same", paddingMode: "reflect" }),
    inputs: [[1, 2, 5, 4]],
  },
  "conv2d replicating": {
    make: () => conv2d(2, 2, 3, { ...float64, padding: [2, 1], paddingMode: "replicate" }),
    inputs: [[1, 2, 3, 4]],
  },
  "conv2d circular": {
    make: () =>
      conv2d(2, 2, 3, { ...float64, padding: [2, 1], stride: 2, paddingMode: "circular" }),
    inputs: [[1, 2, 3, 4]],
  },
  conv3d: {
    make: () => conv3d(2, 2, 2, { ...float64, padding: [0, 1, 0] }),
    inputs: [[1, 2, 3, 2, 3]],
    refuses: [
      [
        () => conv3d(0, 3, 3),
        "conv3d: inChannels is 0; it must be a whole number of at least 1, or null to take it from the first input.",
      ],
    ],
  },
  "conv3d reflecting": {
    make: () => conv3d(1, 2, 3, { ...float64, padding: [1, 0, 2], paddingMode: "reflect" }),
    inputs: [[1, 1, 3, 3, 3]],
  },
  convTranspose1d: {
    make: () => convTranspose1d(2, 3, 3, { ...float64, stride: 2, padding: 1, outputPadding: 1 }),
    inputs: [[2, 2, 4]],
    refuses: [
      [
        () => convTranspose1d(2, 3, 3, { padding: "same" as never }),
        'convTranspose1d: padding is "same"; it must be a whole number of at least 0, or an array of 1.',
      ],
    ],
  },
  convTranspose2d: {
    make: () =>
      convTranspose2d(4, 6, [3, 2], { ...float64, stride: [2, 1], dilation: [1, 2], groups: 2 }),
    inputs: [[2, 4, 3, 3]],
    refuses: [
      [
        () => convTranspose2d(2, 3, 3, { stride: 2 })(wave([1, 2, 3, 3]).to("float32"), [9, 8]),
        "convTranspose2d: outputSize is [9, 8]; for an input of [1, 2, 3, 3] it must be from [7, 7] to [8, 8].",
      ],
    ],
  },
  convTranspose3d: {
    make: () => convTranspose3d(2, 2, 2, { ...float64, stride: 2, bias: false }),
    inputs: [[1, 2, 2, 2, 2]],
    refuses: [
      [
        () => convTranspose3d(3, 2, 2, { groups: 2 }),
        "convTranspose3d: groups is 2; it must divide inChannels (3) and outChannels (2).",
      ],
    ],
  },
};
