import * as nn from "../../src/index.ts";
import { type Table, wave } from "./case.ts";

const borders2d = "a whole number, or an array of 4, [left, right, top, bottom]";

/** Layers that rearrange, resize, surround or compare. */
export const shape: Table = {
  identity: { make: () => nn.identity(), inputs: [[2, 3]] },
  flatten: {
    make: () => nn.flatten(),
    inputs: [[2, 3, 2]],
    refuses: [
      [() => nn.flatten("1" as never), 'flatten: startAxis is "1"; it must be a whole number.'],
    ],
  },
  "flatten all but the last": { make: () => nn.flatten(0, -2), inputs: [[2, 3, 2]] },
  unflatten: {
    make: () => nn.unflatten(1, [3, -1]),
    inputs: [[2, 6]],
    refuses: [
      [
        () => nn.unflatten(1, 3 as never),
        "unflatten: sizes is 3; it must be an array, each item a whole number.",
      ],
      [
        () => nn.unflatten(1, [4, -1])(wave([2, 6])),
        "unflatten: [4, -1] does not hold the 6 elements of axis 1 of [2, 6]; the product of the sizes is the axis' size, and at most one may be -1.",
      ],
    ],
  },
  pixelShuffle: {
    make: () => nn.pixelShuffle(2),
    inputs: [[2, 8, 1, 3]],
    refuses: [
      [
        () => nn.pixelShuffle(0),
        "pixelShuffle: upscaleFactor is 0; it must be a whole number of at least 1.",
      ],
    ],
  },
  pixelUnshuffle: {
    make: () => nn.pixelUnshuffle(2),
    inputs: [[1, 2, 2, 4]],
    refuses: [
      [
        () => nn.pixelUnshuffle(2)(wave([1, 1, 3, 2])),
        "pixelUnshuffle: x is [1, 1, 3, 2]; height and width must be multiples of 2.",
      ],
    ],
  },
  unfold: {
    make: () => nn.unfold([2, 3], { padding: 1, stride: [2, 1], dilation: [1, 2] }),
    inputs: [[1, 2, 4, 5]],
    refuses: [
      [
        () => nn.unfold([2] as never),
        "unfold: kernelSize is [2]; it must be a whole number of at least 1, or an array of 2.",
      ],
    ],
  },
  fold: {
    make: () => nn.fold([4, 5], [2, 2], { stride: [2, 1], padding: [0, 1] }),
    inputs: [[2, 8, 12]],
    refuses: [
      [
        () => nn.fold([4, 5], 2, { stride: 0 }),
        "fold: stride is 0; it must be a whole number of at least 1, or an array of 2.",
      ],
    ],
  },
  upsample: {
    make: () => nn.upsample({ scaleFactor: 2 }),
    inputs: [[1, 2, 2, 3]],
    refuses: [
      [() => nn.upsample({}), "upsample: give either size or scaleFactor."],
      [
        () => nn.upsample({ size: 4, mode: "cubic" as never }),
        'upsample: mode is "cubic"; it must be one of "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area".',
      ],
    ],
  },
  "upsample bilinear": {
    make: () => nn.upsample({ size: [3, 5], mode: "bilinear", alignCorners: true }),
    inputs: [[1, 2, 2, 3]],
  },
  "upsample bicubic": {
    make: () => nn.upsample({ scaleFactor: [1.5, 2], mode: "bicubic" }),
    inputs: [[1, 1, 4, 3]],
  },
  constantPad1d: {
    make: () => nn.constantPad1d([2, 1], 0.7),
    inputs: [[1, 2, 3]],
    refuses: [
      [
        () => (nn.constantPad1d as (p: number) => unknown)(1),
        "constantPad1d: value is undefined; it must be a finite number.",
      ],
    ],
  },
  constantPad2d: {
    make: () => nn.constantPad2d([1, 0, 2, -1], -2),
    inputs: [[1, 2, 3, 2]],
    refuses: [
      [
        () => nn.constantPad2d([1, 2], 0),
        `constantPad2d: padding is [1, 2]; it must be ${borders2d}.`,
      ],
    ],
  },
  constantPad3d: {
    make: () => nn.constantPad3d(1, 1),
    inputs: [[1, 1, 2, 1, 2]],
    refuses: [
      [
        () => nn.constantPad3d(0.5, 0),
        "constantPad3d: padding is 0.5; it must be a whole number, or an array of 6, [left, right, top, bottom, front, back].",
      ],
    ],
  },
  zeroPad1d: {
    make: () => nn.zeroPad1d(2),
    inputs: [[2, 3]],
    refuses: [
      [
        () => nn.zeroPad1d([1, 2, 3]),
        "zeroPad1d: padding is [1, 2, 3]; it must be a whole number, or an array of 2, [left, right].",
      ],
    ],
  },
  zeroPad2d: {
    make: () => nn.zeroPad2d([1, 2, 0, 1]),
    inputs: [[1, 2, 3, 2]],
    refuses: [
      [() => nn.zeroPad2d("1" as never), `zeroPad2d: padding is "1"; it must be ${borders2d}.`],
    ],
  },
  zeroPad3d: {
    make: () => nn.zeroPad3d([1, 0, 0, 1, 2, 0]),
    inputs: [[1, 2, 1, 2]],
    refuses: [
      [
        () => nn.zeroPad3d(undefined as never),
        "zeroPad3d: padding is undefined; it must be a whole number, or an array of 6, [left, right, top, bottom, front, back].",
      ],
    ],
  },
  reflectionPad1d: {
    make: () => nn.reflectionPad1d([2, 1]),
    inputs: [[2, 3]],
    refuses: [
      [
        () => nn.reflectionPad1d(3)(wave([2, 3])),
        "pad: reflect padding of 3 on axis 1 of [2, 3]; at most 2 is possible there.",
      ],
    ],
  },
  reflectionPad2d: {
    make: () => nn.reflectionPad2d([1, 2, 0, 1]),
    inputs: [[1, 2, 3, 3]],
    refuses: [
      [
        () => nn.reflectionPad2d(null as never),
        `reflectionPad2d: padding is null; it must be ${borders2d}.`,
      ],
    ],
  },
  reflectionPad3d: {
    make: () => nn.reflectionPad3d(1),
    inputs: [[1, 1, 2, 2, 3]],
    refuses: [
      [
        () => nn.reflectionPad3d([1, 1]),
        "reflectionPad3d: padding is [1, 1]; it must be a whole number, or an array of 6, [left, right, top, bottom, front, back].",
      ],
    ],
  },
  replicationPad1d: {
    make: () => nn.replicationPad1d([2, 1]),
    inputs: [[2, 3]],
    refuses: [
      [
        () => nn.replicationPad1d([1]),
        "replicationPad1d: padding is [1]; it must be a whole number, or an array of 2, [left, right].",
      ],
    ],
  },
  replicationPad2d: {
    make: () => nn.replicationPad2d([4, 2, 0, 1]),
    inputs: [[1, 2, 3, 3]],
    refuses: [
      [
        () => nn.replicationPad2d({} as never),
        `replicationPad2d: padding is an object; it must be ${borders2d}.`,
      ],
    ],
  },
  replicationPad3d: {
    make: () => nn.replicationPad3d(1),
    inputs: [[1, 1, 2, 2, 3]],
    refuses: [
      [
        () => nn.replicationPad3d(1)(wave([2, 3])),
        "pad: 6 pads for x of shape [2, 3]; give two for each of the last axes, at most 4.",
      ],
    ],
  },
  circularPad1d: {
    make: () => nn.circularPad1d([2, 1]),
    inputs: [[1, 2, 3]],
    refuses: [
      [
        () => nn.circularPad1d(4)(wave([1, 2, 3])),
        "pad: circular padding of 4 on axis 2 of [1, 2, 3]; at most 3 is possible there.",
      ],
    ],
  },
  circularPad2d: {
    make: () => nn.circularPad2d([1, 2, 0, 1]),
    inputs: [[1, 2, 3, 3]],
    refuses: [
      [
        () => nn.circularPad2d([1, 2, 3, 0.5]),
        `circularPad2d: padding is [1, 2, 3, 0.5]; it must be ${borders2d}.`,
      ],
    ],
  },
  circularPad3d: {
    make: () => nn.circularPad3d(1),
    inputs: [[1, 1, 2, 2, 3]],
    refuses: [
      [
        () => nn.circularPad3d(Infinity),
        "circularPad3d: padding is Infinity; it must be a whole number, or an array of 6, [left, right, top, bottom, front, back].",
      ],
    ],
  },
  cosineSimilarity: {
    make: () => nn.cosineSimilarity(),
    inputs: [
      [3, 4],
      [3, 4],
    ],
    refuses: [
      [
        () => nn.cosineSimilarity({ eps: -1 }),
        "cosineSimilarity: eps is -1; it must be a finite number of at least 0.",
      ],
    ],
  },
  pairwiseDistance: {
    make: () => nn.pairwiseDistance({ p: 3, keepdim: true }),
    inputs: [
      [3, 4],
      [3, 4],
    ],
    refuses: [
      [
        () => nn.pairwiseDistance({ p: "2" as never }),
        'pairwiseDistance: p is "2"; it must be a finite number.',
      ],
    ],
  },
  "pairwiseDistance by default": {
    make: () => nn.pairwiseDistance(),
    inputs: [
      [3, 4],
      [3, 4],
    ],
  },
};
