import {
  batchNorm1d,
  batchNorm2d,
  batchNorm3d,
  groupNorm,
  instanceNorm1d,
  instanceNorm2d,
  instanceNorm3d,
  layerNorm,
  localResponseNorm,
  rmsNorm,
} from "../../src/index.ts";
import { float64, type Table, wave } from "./case.ts";

export const norm: Table = {
  batchNorm1d: {
    make: () => batchNorm1d(3, float64),
    inputs: [[4, 3]],
    modal: true,
    refuses: [
      [
        () => batchNorm1d(3)(wave([2, 4])),
        "batchNorm1d: x is [2, 4]; it must be [N, 3, L] or [N, 3].",
      ],
      [
        () => batchNorm1d(3, { momentum: 1.5 }),
        "batchNorm1d: momentum is 1.5; it must be a probability from 0 to 1, or null.",
      ],
      [
        () => batchNorm1d(3, float64)(wave([1, 3])),
        "batchNorm: x is [1, 3], one element per channel, which has no variance to train on; use a larger batch or training: false.",
      ],
    ],
  },
  "batchNorm1d of sequences": {
    make: () => batchNorm1d(3, { ...float64, eps: 1e-3, affine: false }),
    inputs: [[2, 3, 4]],
    modal: true,
  },
  batchNorm2d: {
    make: () => batchNorm2d(3, { ...float64, momentum: null }),
    inputs: [[2, 3, 2, 2]],
    modal: true,
    refuses: [
      [() => batchNorm2d(3)(wave([2, 3])), "batchNorm2d: x is [2, 3]; it must be [N, 3, H, W]."],
      [
        () => batchNorm2d(3, { eps: -1 }),
        "batchNorm2d: eps is -1; it must be a finite number of at least 0.",
      ],
    ],
  },
  "batchNorm2d without running statistics": {
    make: () => batchNorm2d(3, { ...float64, trackRunningStats: false }),
    inputs: [[2, 3, 2, 2]],
  },
  batchNorm3d: {
    make: () => batchNorm3d(2, float64),
    inputs: [[2, 2, 2, 1, 3]],
    modal: true,
    refuses: [
      [
        () => batchNorm3d(2, { affine: 1 as never }),
        "batchNorm3d: affine is 1; it must be true or false.",
      ],
    ],
  },
  instanceNorm1d: {
    make: () => instanceNorm1d(3, { ...float64, affine: true }),
    inputs: [[2, 3, 4]],
    refuses: [
      [
        () => instanceNorm1d(3)(wave([2, 4, 4])),
        "instanceNorm1d: x is [2, 4, 4]; it must be [N, 3, L] or [3, L].",
      ],
    ],
  },
  instanceNorm2d: {
    make: () => instanceNorm2d(3, float64),
    inputs: [[2, 3, 2, 2]],
    refuses: [
      [
        () => instanceNorm2d(3, { momentum: null }),
        "instanceNorm2d: momentum is null; it must be a probability from 0 to 1.",
      ],
    ],
  },
  "instanceNorm2d of one image": { make: () => instanceNorm2d(3, float64), inputs: [[3, 2, 4]] },
  "instanceNorm2d with running statistics": {
    make: () => instanceNorm2d(3, { ...float64, trackRunningStats: true, affine: true }),
    inputs: [[2, 3, 2, 2]],
    modal: true,
  },
  instanceNorm3d: {
    make: () => instanceNorm3d(2, float64),
    inputs: [[2, 2, 2, 1, 3]],
    refuses: [
      [
        () => instanceNorm3d(-1),
        "instanceNorm3d: numFeatures is -1; it must be a whole number of at least 1, or null to take it from the first input.",
      ],
    ],
  },
  layerNorm: {
    make: () => layerNorm([3, 4], float64),
    inputs: [[2, 3, 4]],
    refuses: [
      [
        () => layerNorm([]),
        "layerNorm: normalizedShape is []; it must be a whole number of at least 1, or an array of them.",
      ],
      [
        () => layerNorm(4)(wave([2, 3]).to("float32")),
        "layerNorm: x is [2, 3] and normalizedShape [4]; it must be x's last sizes.",
      ],
    ],
  },
  "layerNorm without bias": {
    make: () => layerNorm(4, { ...float64, bias: false, eps: 1e-2 }),
    inputs: [[2, 3, 4]],
  },
  "layerNorm without parameters": {
    make: () => layerNorm(4, { elementwiseAffine: false }),
    inputs: [[2, 3, 4]],
  },
  groupNorm: {
    make: () => groupNorm(2, 4, float64),
    inputs: [[2, 4, 3]],
    refuses: [
      [() => groupNorm(3, 4), "groupNorm: numGroups is 3; it must divide numChannels (4)."],
      [
        () => groupNorm(2, 4)(wave([2, 6, 3]).to("float32")),
        "groupNorm: weight is [4]; it must be [6], one number per channel.",
      ],
    ],
  },
  "groupNorm without parameters": {
    make: () => groupNorm(1, 4, { affine: false }),
    inputs: [[2, 4, 3]],
  },
  rmsNorm: {
    make: () => rmsNorm(4, float64),
    inputs: [[2, 3, 4]],
    refuses: [
      [
        () => rmsNorm(4, { eps: -1 }),
        "rmsNorm: eps is -1; it must be a finite number of at least 0, or null.",
      ],
    ],
  },
  "rmsNorm of planes": {
    make: () => rmsNorm([3, 4], { eps: 1e-3, elementwiseAffine: false }),
    inputs: [[2, 3, 4]],
  },
  localResponseNorm: {
    make: () => localResponseNorm(3, { alpha: 0.1, beta: 0.5, k: 2 }),
    inputs: [[2, 5, 3]],
    refuses: [
      [
        () => localResponseNorm(0),
        "localResponseNorm: size is 0; it must be a whole number of at least 1.",
      ],
    ],
  },
};
