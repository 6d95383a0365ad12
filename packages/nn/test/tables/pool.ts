import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
} from "../../src/index.ts";
import { chances, type Table, wave, whole } from "./case.ts";

export const pool: Table = {
  maxPool1d: {
    make: () => maxPool1d(3, { stride: 2, padding: 1, ceilMode: true }),
    inputs: [[2, 2, 6]],
    refuses: [
      [
        () => maxPool1d(0),
        "maxPool1d: kernelSize is 0; it must be a whole number of at least 1, or an array of 1.",
      ],
    ],
  },
  maxPool2d: {
    make: () => maxPool2d([2, 3], { stride: [1, 2], dilation: [2, 1] }),
    inputs: [[2, 2, 5, 6]],
    refuses: [
      [
        () => maxPool2d([2, 2, 2]),
        "maxPool2d: kernelSize is [2, 2, 2]; it must be a whole number of at least 1, or an array of 2.",
      ],
      [
        () => maxPool2d(2, { kernel: 3 } as never),
        "maxPool2d: kernel is no argument of maxPool2d; it takes kernelSize, stride, padding, dilation, ceilMode, returnIndices.",
      ],
      [
        () => maxPool2d(3)(wave([1, 1, 2, 2])),
        "maxPool2d: a kernel [3, 3] with dilation [1, 1] spans more than x's spatial sizes [2, 2] and padding [0, 0].",
      ],
    ],
  },
  maxPool3d: {
    make: () => maxPool3d(2),
    inputs: [[2, 4, 2, 5]],
    refuses: [
      [
        () => maxPool3d(2, { padding: -1 }),
        "maxPool3d: padding is -1; it must be a whole number of at least 0, or an array of 3.",
      ],
    ],
  },
  avgPool1d: {
    make: () => avgPool1d(3, { stride: 2, padding: 1 }),
    inputs: [[2, 2, 6]],
    refuses: [
      [
        () => avgPool1d(2, { ceilMode: 1 as never }),
        "avgPool1d: ceilMode is 1; it must be true or false.",
      ],
    ],
  },
  avgPool2d: {
    make: () => avgPool2d([2, 3], { padding: [1, 1], countIncludePad: false, ceilMode: true }),
    inputs: [[1, 2, 4, 5]],
    refuses: [
      [
        () => avgPool2d(2)(wave([4])),
        "avgPool2d: x is [4]; it must be [N, C, H, W], or [C, H, W] for one image.",
      ],
    ],
  },
  "avgPool2d with a divisor": {
    make: () => avgPool2d(2, { divisorOverride: 3 }),
    inputs: [[2, 4, 4]],
  },
  avgPool3d: {
    make: () => avgPool3d([1, 2, 2], { stride: 1 }),
    inputs: [[1, 2, 2, 3, 3]],
    refuses: [
      [
        () => avgPool3d(2, { divisorOverride: "2" as never }),
        'avgPool3d: divisorOverride is "2"; it must be a finite number, or null.',
      ],
    ],
  },
  lpPool1d: {
    make: () => lpPool1d(3, { stride: 2, p: 3 }),
    inputs: [chances([2, 2, 6])],
    refuses: [
      [() => lpPool1d(2, { p: 0 }), "lpPool1d: p is 0; it must be a finite number above 0."],
    ],
  },
  lpPool2d: {
    make: () => lpPool2d(2, { ceilMode: true }),
    inputs: [[1, 2, 5, 4]],
    refuses: [
      [
        () => lpPool2d(2, { stride: [1] }),
        "lpPool2d: stride is [1]; it must be a whole number of at least 1, or an array of 2, or null.",
      ],
    ],
  },
  lpPool3d: {
    make: () => lpPool3d([1, 2, 2], { p: 1.5 }),
    inputs: [chances([1, 2, 2, 4, 2])],
    refuses: [
      [
        () => lpPool3d(2)(wave([2, 2])),
        "lpPool3d: x is [2, 2]; it must be [N, C, D, H, W], or [C, D, H, W] for one image.",
      ],
    ],
  },
  maxUnpool1d: {
    make: () => maxUnpool1d(2),
    inputs: [[1, 2, 3], whole([1, 2, 4, 0, 3, 5], [1, 2, 3])],
    refuses: [
      [
        () => maxUnpool1d(2)(wave([1, 1, 2]), whole([1, 9], [1, 1, 2])),
        "maxUnpool1d: index 9 at position 1 is outside the result's spatial sizes [4]; valid are 0 to 3.",
      ],
    ],
  },
  maxUnpool2d: {
    make: () => maxUnpool2d(2, { stride: [2, 2] }),
    inputs: [[1, 1, 2, 2], whole([0, 6, 9, 15], [1, 1, 2, 2])],
    refuses: [
      [
        () => maxUnpool2d(2)(wave([1, 1, 2, 2]), wave([1, 1, 2, 2])),
        "maxUnpool2d: x is [1, 1, 2, 2] and indices float64 [1, 1, 2, 2]; they must be int32 of x's shape, as maxPool with returnIndices gives them.",
      ],
    ],
  },
  maxUnpool3d: {
    make: () => maxUnpool3d([1, 2, 2]),
    inputs: [[1, 1, 2, 1, 2], whole([4, 3, 8, 15], [1, 1, 2, 1, 2])],
    refuses: [
      [
        () => maxUnpool3d(2, { padding: 0.5 }),
        "maxUnpool3d: padding is 0.5; it must be a whole number of at least 0, or an array of 3.",
      ],
    ],
  },
  adaptiveAvgPool1d: {
    make: () => adaptiveAvgPool1d(3),
    inputs: [[2, 2, 7]],
    refuses: [
      [
        () => adaptiveAvgPool1d(0),
        "adaptiveAvgPool1d: outputSize is 0; it must be a whole number of at least 1, or an array of 1 of which null keeps the input's.",
      ],
    ],
  },
  adaptiveAvgPool2d: {
    make: () => adaptiveAvgPool2d([null, 2]),
    inputs: [[1, 2, 3, 5]],
    refuses: [
      [
        () => adaptiveAvgPool2d([1, 2, 3]),
        "adaptiveAvgPool2d: outputSize is [1, 2, 3]; it must be a whole number of at least 1, or an array of 2 of which null keeps the input's.",
      ],
    ],
  },
  adaptiveAvgPool3d: {
    make: () => adaptiveAvgPool3d([1, 2, 2]),
    inputs: [[2, 2, 3, 4]],
    refuses: [
      [
        () => adaptiveAvgPool3d(1)(wave([3])),
        "adaptiveAvgPool3d: x is [3]; it must be [N, C, D, H, W], or [C, D, H, W] for one image.",
      ],
    ],
  },
  adaptiveMaxPool1d: {
    make: () => adaptiveMaxPool1d(3),
    inputs: [[2, 2, 7]],
    refuses: [
      [
        () => adaptiveMaxPool1d(3, { returnIndices: "yes" as never }),
        'adaptiveMaxPool1d: returnIndices is "yes"; it must be true or false.',
      ],
    ],
  },
  adaptiveMaxPool2d: {
    make: () => adaptiveMaxPool2d([2, null]),
    inputs: [[1, 2, 5, 3]],
    refuses: [
      [
        () => adaptiveMaxPool2d("2" as never),
        'adaptiveMaxPool2d: outputSize is "2"; it must be a whole number of at least 1, or an array of 2 of which null keeps the input\'s.',
      ],
    ],
  },
  adaptiveMaxPool3d: {
    make: () => adaptiveMaxPool3d(2),
    inputs: [[2, 3, 4, 2]],
    refuses: [
      [
        () => adaptiveMaxPool3d([2, 2]),
        "adaptiveMaxPool3d: outputSize is [2, 2]; it must be a whole number of at least 1, or an array of 3 of which null keeps the input's.",
      ],
    ],
  },
};
