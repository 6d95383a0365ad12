import { tensor } from "@tapegrad/core";
import * as nn from "../../src/index.ts";
import { chances, type Table, wave, whole } from "./case.ts";

const pair = [
  [3, 4],
  [3, 4],
] as const;
const signs = tensor([1, -1, -1, 1, 1, -1], { dtype: "float64", shape: [6] });
const classes = whole([2, 0, 3]);
const manyClasses = whole([2, 0, -1, 3, 1, 3, 0, 2, -1, -1, -1, -1], [3, 4]);
const yesNo = tensor([1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0], { dtype: "float64", shape: [3, 4] });
const perClass = [0.5, 2, 1, 0.25];
const badReduction = 'reduction is "max"; it must be one of "mean", "sum", "none".';
const max = { reduction: "max" as never };

export const losses: Table = {
  l1Loss: {
    make: () => new nn.L1Loss(),
    inputs: pair,
    refuses: [[() => new nn.L1Loss(max), `l1Loss: ${badReduction}`]],
  },
  mseLoss: {
    make: () => new nn.MSELoss({ reduction: "sum" }),
    inputs: pair,
    refuses: [
      [() => new nn.MSELoss(max), `mseLoss: ${badReduction}`],
      [
        () => new nn.MSELoss()(wave([3, 4]), wave([3])),
        "mseLoss: shapes [3, 4] and [3] do not broadcast: axis -1 has 4 and 3; they must be equal or one of them 1.",
      ],
    ],
  },
  "mseLoss of each": { make: () => new nn.MSELoss({ reduction: "none" }), inputs: pair },
  smoothL1Loss: {
    make: () => new nn.SmoothL1Loss({ beta: 0.4 }),
    inputs: pair,
    refuses: [
      [
        () => new nn.SmoothL1Loss({ beta: -1 }),
        "smoothL1Loss: beta is -1; it must be a finite number of at least 0.",
      ],
    ],
  },
  huberLoss: {
    make: () => new nn.HuberLoss({ delta: 0.4, reduction: "none" }),
    inputs: pair,
    refuses: [
      [
        () => new nn.HuberLoss({ delta: 0 }),
        "huberLoss: delta is 0; it must be a finite number above 0.",
      ],
    ],
  },
  softMarginLoss: {
    make: () => new nn.SoftMarginLoss(),
    inputs: [[6], signs],
    refuses: [[() => new nn.SoftMarginLoss(max), `softMarginLoss: ${badReduction}`]],
  },
  klDivLoss: {
    make: () => new nn.KLDivLoss({ reduction: "batchmean" }),
    inputs: [[3, 4], chances([3, 4])],
    refuses: [
      [
        () => new nn.KLDivLoss(max),
        'klDivLoss: reduction is "max"; it must be one of "mean", "batchmean", "sum", "none".',
      ],
    ],
  },
  "klDivLoss of logarithms": {
    make: () => new nn.KLDivLoss({ logTarget: true }),
    inputs: pair,
  },
  poissonNllLoss: {
    make: () => new nn.PoissonNLLLoss({ full: true }),
    inputs: [[4], tensor([0, 3, 1, 5], { dtype: "float64" })],
    refuses: [
      [
        () => new nn.PoissonNLLLoss({ eps: -1 }),
        "poissonNllLoss: eps is -1; it must be a finite number of at least 0.",
      ],
    ],
  },
  "poissonNllLoss of rates": {
    make: () => new nn.PoissonNLLLoss({ logInput: false, reduction: "sum" }),
    inputs: [chances([4]), tensor([0, 3, 1, 5], { dtype: "float64" })],
  },
  gaussianNllLoss: {
    make: () => new nn.GaussianNLLLoss({ full: true }),
    inputs: [[3, 4], [3, 4], chances([3, 4])],
    refuses: [
      [
        () => new nn.GaussianNLLLoss({ eps: 0 }),
        "gaussianNllLoss: eps is 0; it must be a finite number above 0.",
      ],
    ],
  },
  bceLoss: {
    make: () => new nn.BCELoss({ weight: perClass }),
    inputs: [chances([3, 4]), chances([3, 4], 2)],
    refuses: [
      [
        () => new nn.BCELoss({ weight: "balanced" as never }),
        'bceLoss: weight is "balanced"; it must be a Tensor or an array of numbers, or null.',
      ],
      [
        () => new nn.BCELoss()(wave([2]), wave([2])),
        "binaryCrossEntropy: prediction 1.3639461402385225 at position 1 is no probability; it must be from 0 to 1. For logits use binaryCrossEntropyWithLogits.",
      ],
    ],
  },
  bceWithLogitsLoss: {
    make: () =>
      new nn.BCEWithLogitsLoss({
        weight: [[0.5], [2], [1]],
        posWeight: perClass,
        reduction: "none",
      }),
    inputs: [[3, 4], chances([3, 4], 2)],
    refuses: [
      [
        () => new nn.BCEWithLogitsLoss({ posWeight: 3 as never }),
        "bceWithLogitsLoss: posWeight is 3; it must be a Tensor or an array of numbers, or null.",
      ],
    ],
  },
  "bceWithLogitsLoss without weights": {
    make: () => new nn.BCEWithLogitsLoss(),
    inputs: [[3, 4], yesNo],
  },
  crossEntropyLoss: {
    make: () => new nn.CrossEntropyLoss({ weight: perClass, labelSmoothing: 0.1 }),
    inputs: [[3, 4], classes],
    refuses: [
      [
        () => new nn.CrossEntropyLoss({ labelSmoothing: 2 }),
        "crossEntropyLoss: labelSmoothing is 2; it must be a probability from 0 to 1.",
      ],
      [
        () => new nn.CrossEntropyLoss()(wave([2, 3]), whole([0, 3])),
        "crossEntropy: target 3 of row 1 is no class; 3 scores a row make classes 0 to 2.",
      ],
    ],
  },
  "crossEntropyLoss of pixels": {
    make: () => new nn.CrossEntropyLoss({ ignoreIndex: 1 }),
    inputs: [[2, 3, 2], whole([0, 1, 2, 2], [2, 2])],
  },
  "crossEntropyLoss of probabilities": {
    make: () => new nn.CrossEntropyLoss({ reduction: "sum" }),
    inputs: [[3, 4], chances([3, 4])],
  },
  nllLoss: {
    make: () => new nn.NLLLoss({ weight: perClass }),
    inputs: [[3, 4], classes],
    refuses: [
      [
        () => new nn.NLLLoss({ ignoreIndex: 0.5 }),
        "nllLoss: ignoreIndex is 0.5; it must be a whole number.",
      ],
      [
        () => new nn.NLLLoss({ weight: [1, 2] })(wave([2, 3]), whole([0, 1])),
        "nllLoss: weight is [2]; it must be [3], one number per class.",
      ],
    ],
  },
  multiclassSvmLoss: {
    make: () => new nn.MulticlassSvmLoss({ margin: 0.8 }),
    inputs: [[3, 4], classes],
    refuses: [
      [
        () => new nn.MulticlassSvmLoss({ margin: Infinity }),
        "multiclassSvmLoss: margin is Infinity; it must be a finite number.",
      ],
    ],
  },
  multiMarginLoss: {
    make: () => new nn.MultiMarginLoss({ p: 2, margin: 0.8, weight: perClass }),
    inputs: [[3, 4], classes],
    refuses: [
      [
        () => new nn.MultiMarginLoss({ p: 3 as never }),
        "multiMarginLoss: p is 3; it must be 1 or 2.",
      ],
    ],
  },
  multiLabelMarginLoss: {
    make: () => new nn.MultiLabelMarginLoss(),
    inputs: [[3, 4], manyClasses],
    refuses: [[() => new nn.MultiLabelMarginLoss(max), `multiLabelMarginLoss: ${badReduction}`]],
  },
  multiLabelSoftMarginLoss: {
    make: () => new nn.MultiLabelSoftMarginLoss({ weight: perClass }),
    inputs: [[3, 4], yesNo],
    refuses: [
      [() => new nn.MultiLabelSoftMarginLoss(max), `multiLabelSoftMarginLoss: ${badReduction}`],
    ],
  },
  ctcLoss: {
    make: () => new nn.CTCLoss({ blank: 1 }),
    inputs: [wave([5, 2, 4]).logSoftmax(-1), whole([2, 0, 3, 3], [2, 2])],
    refuses: [
      [
        () => new nn.CTCLoss({ blank: -1 }),
        "ctcLoss: blank is -1; it must be a whole number of at least 0.",
      ],
      [
        () => new nn.CTCLoss()(wave([3, 1, 2]), whole([1], [1, 1]), [4]),
        "ctcLoss: inputLengths are [4]; they must be 1 whole numbers from 1 to 3.",
      ],
    ],
  },
  hingeEmbeddingLoss: {
    make: () => new nn.HingeEmbeddingLoss({ margin: 0.8 }),
    inputs: [[6], signs],
    refuses: [
      [
        () => new nn.HingeEmbeddingLoss({ margin: "1" as never }),
        'hingeEmbeddingLoss: margin is "1"; it must be a finite number.',
      ],
    ],
  },
  marginRankingLoss: {
    make: () => new nn.MarginRankingLoss({ margin: 0.3 }),
    inputs: [[6], [6], signs],
    refuses: [[() => new nn.MarginRankingLoss(max), `marginRankingLoss: ${badReduction}`]],
  },
  cosineEmbeddingLoss: {
    make: () => new nn.CosineEmbeddingLoss({ margin: 0.1 }),
    inputs: [[6, 3], [6, 3], signs],
    refuses: [
      [
        () => new nn.CosineEmbeddingLoss()(wave([2, 3]), wave([2, 3]), wave([3])),
        "cosineEmbeddingLoss: a is [2, 3] and target [3]; they must be [N, D] and [N], or [D] and [].",
      ],
    ],
  },
  tripletMarginLoss: {
    make: () => new nn.TripletMarginLoss({ margin: 0.7, p: 3, swap: true }),
    inputs: [
      [4, 3],
      [4, 3],
      [4, 3],
    ],
    refuses: [
      [
        () => new nn.TripletMarginLoss({ p: 0 }),
        "tripletMarginLoss: p is 0; it must be a finite number above 0.",
      ],
    ],
  },
};
