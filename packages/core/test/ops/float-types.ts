/** Every composed function in float32, and on views that lie awkwardly in memory. */
import { describe, expect, it } from "@jest/globals";
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool2d,
  batchNorm,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  conv1d,
  conv2d,
  conv3d,
  convTranspose2d,
  cosineEmbeddingLoss,
  crossEntropy,
  ctcLoss,
  gaussianNllLoss,
  gridSample,
  groupNorm,
  hingeEmbeddingLoss,
  huberLoss,
  instanceNorm,
  interpolate,
  klDiv,
  l1Loss,
  layerNorm,
  localResponseNorm,
  logSoftmax,
  lpPool2d,
  marginRankingLoss,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  mseLoss,
  multiclassSvmLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  nllLoss,
  poissonNllLoss,
  rmsNorm,
  scaledDotProductAttention,
  smoothL1Loss,
  softMarginLoss,
  type Tensor,
  tensor,
  tripletMarginLoss,
} from "../../src/index.ts";
import { expectNear, random } from "./helpers.ts";

type Case = [name: string, f: (...inputs: Tensor[]) => Tensor, ...shapes: number[][]];

const classes = tensor([2, 0], { dtype: "int32" });
const signs = tensor([1, -1], { dtype: "int32" });

const cases: Case[] = [
  ["conv1d", (x, w) => conv1d(x!, w!, { padding: "same" }), [2, 3, 5], [4, 3, 3]],
  [
    "conv2d",
    (x, w, bias) => conv2d(x!, w!, { bias: bias!, stride: 2, padding: 1 }),
    [2, 3, 5, 4],
    [4, 3, 3, 2],
    [4],
  ],
  ["conv3d", (x, w) => conv3d(x!, w!), [1, 2, 3, 3, 3], [2, 2, 2, 2, 2]],
  ["convTranspose2d", (x, w) => convTranspose2d(x!, w!, { stride: 2 }), [2, 3, 3, 2], [3, 2, 2, 2]],
  ["maxPool1d", (x) => maxPool1d(x!, 2), [2, 3, 6]],
  ["maxPool2d", (x) => maxPool2d(x!, 3, { stride: 2, padding: 1 }), [2, 3, 5, 6]],
  ["maxPool3d", (x) => maxPool3d(x!, 2), [1, 2, 4, 2, 4]],
  ["avgPool2d", (x) => avgPool2d(x!, 2, { padding: 1 }), [2, 3, 5, 6]],
  ["lpPool2d", (x) => lpPool2d(x!, 2), [2, 3, 4, 6]],
  ["adaptiveAvgPool2d", (x) => adaptiveAvgPool2d(x!, [3, 2]), [2, 3, 5, 7]],
  ["adaptiveMaxPool2d", (x) => adaptiveMaxPool2d(x!, [3, 2]), [2, 3, 5, 7]],
  ["batchNorm", (x) => batchNorm(x!, { training: true }), [4, 3, 2]],
  ["instanceNorm", (x, weight) => instanceNorm(x!, { weight: weight! }), [2, 3, 4], [3]],
  ["groupNorm", (x) => groupNorm(x!, 2), [2, 4, 3]],
  [
    "layerNorm",
    (x, weight, bias) => layerNorm(x!, [3, 4], { weight: weight!, bias: bias! }),
    [2, 3, 4],
    [3, 4],
    [3, 4],
  ],
  ["rmsNorm", (x) => rmsNorm(x!, 4), [2, 3, 4]],
  ["localResponseNorm", (x) => localResponseNorm(x!, 3), [2, 4, 3]],
  ["interpolate", (x) => interpolate(x!, { size: [5, 3], mode: "bilinear" }), [2, 3, 4, 2]],
  ["gridSample", (x, grid) => gridSample(x!, grid!), [2, 3, 4, 5], [2, 3, 2, 2]],
  [
    "scaledDotProductAttention",
    (q, k, v) => scaledDotProductAttention(q!, k!, v!),
    [2, 3, 4],
    [2, 5, 4],
    [2, 5, 6],
  ],
  ["mseLoss", (x, t) => mseLoss(x!, t!), [3, 4], [3, 4]],
  ["l1Loss", (x, t) => l1Loss(x!, t!), [3, 4], [3, 4]],
  ["smoothL1Loss", (x, t) => smoothL1Loss(x!, t!), [3, 4], [3, 4]],
  ["huberLoss", (x, t) => huberLoss(x!, t!), [3, 4], [3, 4]],
  ["binaryCrossEntropy", (x, t) => binaryCrossEntropy(x!.sigmoid(), t!.sigmoid()), [3, 4], [3, 4]],
  [
    "binaryCrossEntropyWithLogits",
    (x, t) => binaryCrossEntropyWithLogits(x!, t!.sigmoid()),
    [3, 4],
    [3, 4],
  ],
  ["softMarginLoss", (x, t) => softMarginLoss(x!, t!.sign()), [3, 4], [3, 4]],
  ["klDiv", (x, t) => klDiv(x!, t!.exp()), [3, 4], [3, 4]],
  ["poissonNllLoss", (x, t) => poissonNllLoss(x!, t!.exp(), { full: true }), [3, 4], [3, 4]],
  ["gaussianNllLoss", (x, t, v) => gaussianNllLoss(x!, t!, v!.exp()), [3, 4], [3, 4], [3]],
  ["crossEntropy", (x) => crossEntropy(x!, classes, { labelSmoothing: 0.1 }), [2, 3]],
  ["crossEntropy of probabilities", (x, t) => crossEntropy(x!, t!), [2, 3], [2, 3]],
  ["nllLoss", (x, weight) => nllLoss(x!, classes, { weight: weight! }), [2, 3], [3]],
  ["multiclassSvmLoss", (x) => multiclassSvmLoss(x!, classes), [2, 3]],
  ["multiMarginLoss", (x) => multiMarginLoss(x!, classes), [2, 3]],
  [
    "multilabelMarginLoss",
    (x) =>
      multilabelMarginLoss(
        x!,
        tensor(
          [
            [1, -1],
            [0, 1],
          ],
          { dtype: "int32" },
        ),
      ),
    [2, 2],
  ],
  [
    "multilabelSoftMarginLoss",
    (x, t) => multilabelSoftMarginLoss(x!, t!.sigmoid()),
    [2, 3],
    [2, 3],
  ],
  ["hingeEmbeddingLoss", (x) => hingeEmbeddingLoss(x!, signs), [2]],
  ["marginRankingLoss", (a, b) => marginRankingLoss(a!, b!, signs), [2], [2]],
  ["cosineEmbeddingLoss", (a, b) => cosineEmbeddingLoss(a!, b!, signs), [2, 3], [2, 3]],
  ["tripletMarginLoss", (a, p, n) => tripletMarginLoss(a!, p!, n!), [2, 3], [2, 3], [2, 3]],
  ["ctcLoss", (x) => ctcLoss(logSoftmax(x!, 2), tensor([[1], [2]], { dtype: "int32" })), [4, 2, 3]],
];

/** The same elements, stored in the opposite order of axes. */
function turned(x: Tensor): Tensor {
  const order = x.shape.map((_, i) => x.rank - 1 - i);
  return x.detach().permute(order).clone().permute(order);
}

/** f's value and gradients. */
function results(f: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Tensor[] {
  const leaves = inputs.map((x) => x.requiresGrad_());
  const y = f(...leaves);
  y.square().sum().backward();
  return [y, ...leaves.map((x) => x.grad!)];
}

export function floatTypeTests(): void {
  describe("neural functions in float32 and on transposed views", () => {
    for (const [name, f, ...shapes] of cases) {
      it(name, () => {
        const inputs = shapes.map((shape, i) => random(shape, i + 1));
        const exact = results(f, inputs);
        results(f, inputs.map(turned)).forEach((y, i) => {
          expectNear(y, exact[i]!, 1e-11);
        });
        results(
          f,
          inputs.map((x) => x.detach().to("float32")),
        ).forEach((y, i) => {
          expect(y.dtype).toBe("float32");
          expectNear(y, exact[i]!, 2e-4);
        });
      });
    }
  });
}
