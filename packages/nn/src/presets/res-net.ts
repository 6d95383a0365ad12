/** Residual networks of basic blocks, with torchvision's names. */
import { relu as reluOf, type Tensor, ValueError } from "@tapegrad/core";
import { floatType, size } from "../fields.ts";
import * as init from "../init.ts";
import { declareLayer } from "../layer.ts";
import { relu } from "../layers/activations.ts";
import { adaptiveAvgPool2d } from "../layers/adaptive-pool.ts";
import { type BatchNorm2d, batchNorm2d } from "../layers/batch-norm.ts";
import { type Conv2d, conv2d } from "../layers/conv.ts";
import { linear } from "../layers/linear.ts";
import { maxPool2d } from "../layers/pool.ts";
import { type Sequential, sequential } from "../layers/sequential.ts";
import { flatten } from "../layers/shape.ts";
import { Module } from "../module.ts";
import { type PresetOptions, startOf } from "./options.ts";

export interface BasicBlockOptions extends PresetOptions {
  /** Of the first convolution, and of the shortcut. Default 1. */
  stride?: number;
}

/**
 * y = relu(F(x) + shortcut(x)) with F = conv 3×3 – batch norm – relu – conv 3×3 – batch norm. The shortcut is
 * x itself, or conv 1×1 – batch norm where the size or the number of channels changes (option B of the paper).
 *
 * State: conv1.weight, bn1.…, conv2.weight, bn2.…, and downsample.0.weight, downsample.1.… where there is a
 * projection. Convolutions start as Kaiming's for relu, by fan out.
 *
 * He et al., Deep residual learning for image recognition, CVPR 2016.
 */
export class BasicBlock extends Module {
  static override readonly layer = declareLayer(
    "basicBlock",
    {
      inChannels: size(),
      outChannels: size(),
      stride: size({ fallback: 1 }),
      dtype: floatType,
    },
    ({ inChannels, outChannels, ...options }) => new BasicBlock(inChannels, outChannels, options),
  );

  conv1: Conv2d;
  bn1: BatchNorm2d;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  downsample: Sequential | null;

  constructor(inChannels: number, outChannels: number, options: BasicBlockOptions = {}) {
    const { stride = 1 } = options;
    const start = startOf(options);
    const { dtype } = start;
    super({ inChannels, outChannels, stride, dtype });
    this.conv1 = convolution(inChannels, outChannels, 3, { stride, ...start });
    this.bn1 = batchNorm2d(outChannels, { dtype });
    this.conv2 = convolution(outChannels, outChannels, 3, start);
    this.bn2 = batchNorm2d(outChannels, { dtype });
    const keepsShape = stride === 1 && inChannels === outChannels;
    this.downsample = keepsShape
      ? null
      : sequential([
          convolution(inChannels, outChannels, 1, { stride, ...start }),
          batchNorm2d(outChannels, { dtype }),
        ]);
  }

  forward(x: Tensor): Tensor {
    const y = this.bn2(this.conv2(reluOf(this.bn1(this.conv1(x)))));
    return reluOf(y.add(this.downsample === null ? x : this.downsample(x)));
  }
}

/** A convolution without bias, since a normalization follows, that keeps the size but for its stride. */
function convolution(
  inChannels: number,
  outChannels: number,
  kernelSize: number,
  { stride = 1, ...options }: BasicBlockOptions,
): Conv2d {
  const start = startOf(options);
  const padding = (kernelSize - 1) / 2;
  const layer = conv2d(inChannels, outChannels, kernelSize, {
    stride,
    padding,
    bias: false,
    ...start,
  });
  init.kaimingNormal_(layer.weight, {
    mode: "fanOut",
    nonlinearity: "relu",
    generator: start.generator,
  });
  return layer;
}

export interface ResNetOptions extends PresetOptions {
  /** Layers with weights: 6n + 2 for three stages of n blocks, as for CIFAR in the paper. Default 20. */
  depth?: number;
  /** Blocks of each stage, in the place of `depth`. Stages after the first halve the size and double the width. */
  blocks?: readonly number[];
  /** Channels of the first stage. Default 16. */
  width?: number;
  /** What comes first: "cifar" is conv 3×3, "imageNet" conv 7×7 of stride 2 and max pool 3×3 of stride 2. Default "cifar". */
  stem?: "cifar" | "imageNet";
  /** Channels of the images. Default 3. */
  inChannels?: number;
  /** Default 10. */
  numClasses?: number;
}

/**
 * A residual network of {@link BasicBlock}s: stem – batch norm – relu – stages – global average pool – linear,
 * for images [N, C, H, W] of any size. By default the ResNet-20 for CIFAR-10 of the paper's section 4.2, with
 * projections as shortcuts.
 *
 * State as torchvision's: conv1.weight, bn1.…, layer1.0.conv1.weight, …, fc.weight, fc.bias.
 *
 * He et al., Deep residual learning for image recognition, CVPR 2016.
 *
 * @throws ValueError for a depth that is not 6n + 2
 */
export function resNet(options: ResNetOptions = {}): Sequential {
  const { depth = 20, width = 16, stem = "cifar", inChannels = 3, numClasses = 10 } = options;
  const perStage = (depth - 2) / 6;
  if (options.blocks === undefined && !(Number.isInteger(perStage) && perStage >= 1)) {
    throw new ValueError(
      `resNet: depth is ${depth}; it must be 6n + 2, such as 20, 32, 44, 56 or 110, or give the blocks of each stage.`,
    );
  }
  if (stem !== "cifar" && stem !== "imageNet") {
    throw new ValueError(
      `resNet: stem is ${JSON.stringify(stem)}; it must be "cifar" or "imageNet".`,
    );
  }
  const { blocks = [perStage, perStage, perStage] } = options;
  const start = startOf(options);
  const isLarge = stem === "imageNet";
  const stages: [string, Module][] = blocks.map((count, stage) => {
    const channels = width * 2 ** stage;
    const block = (_: unknown, i: number) =>
      new BasicBlock(i === 0 && stage > 0 ? channels / 2 : channels, channels, {
        stride: i === 0 && stage > 0 ? 2 : 1,
        ...start,
      });
    return [`layer${stage + 1}`, sequential(Array.from({ length: count }, block))];
  });
  const pooling: [string, Module][] = isLarge
    ? [["maxpool", maxPool2d(3, { stride: 2, padding: 1 })]]
    : [];
  return sequential([
    [
      "conv1",
      convolution(inChannels, width, isLarge ? 7 : 3, { stride: isLarge ? 2 : 1, ...start }),
    ],
    ["bn1", batchNorm2d(width, { dtype: start.dtype })],
    ["relu", relu()],
    ...pooling,
    ...stages,
    ["avgpool", adaptiveAvgPool2d(1)],
    ["flatten", flatten()],
    ["fc", linear(width * 2 ** (blocks.length - 1), numClasses, start)],
  ]);
}

/** The ResNet-18 for ImageNet: torchvision's resnet18, whose weights load. 1000 classes by default. */
export function resNet18(
  options: Pick<ResNetOptions, "inChannels" | "numClasses"> & PresetOptions = {},
): Sequential {
  return resNet({
    numClasses: 1000,
    ...options,
    blocks: [2, 2, 2, 2],
    width: 64,
    stem: "imageNet",
  });
}
