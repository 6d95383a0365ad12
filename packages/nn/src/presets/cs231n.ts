/** The networks of Stanford's CS231n assignments, with its names, initial values and losses. */
import { crossEntropy, type Tensor, ValueError } from "@tapegrad/core";
import { number as aNumber, finite, minValue, pipe } from "valibot";
import { type Blocks, field, modules } from "../fields.ts";
import * as init from "../init.ts";
import { declareLayer } from "../layer.ts";
import { relu } from "../layers/activations.ts";
import { affine } from "../layers/affine.ts";
import { batchNorm1d } from "../layers/batch-norm.ts";
import { conv2d } from "../layers/conv.ts";
import { dropout } from "../layers/dropout.ts";
import { layerNorm } from "../layers/norm.ts";
import { maxPool2d } from "../layers/pool.ts";
import { Chain } from "../layers/sequential.ts";
import type { Module } from "../module.ts";
import { type PresetOptions, startOf } from "./options.ts";

const strength = field<number>(
  "a finite number of at least 0",
  (message) => pipe(aNumber(message), finite(message), minValue(0, message)),
  { fallback: 0 },
);

/**
 * Layers one after the other that give the scores of classes, with CS231n's loss: softmax cross-entropy plus
 * ½·reg·Σ W² over all weights (of affine and convolutional layers, not biases, nor scales of normalization).
 */
export class Classifier extends Chain {
  static override readonly layer = declareLayer(
    "classifier",
    { layers: modules, reg: strength },
    ({ layers, reg }) => new Classifier(layers, { reg }),
  );

  readonly reg: number;

  constructor(blocks: Blocks, { reg = 0 }: { reg?: number } = {}) {
    super(blocks, { reg });
    this.reg = reg;
  }

  /**
   * @param x       inputs [N, …]
   * @param labels  whole numbers [N], below the number of classes
   * @returns       a single number
   */
  loss(x: Tensor, labels: Tensor): Tensor {
    const data = crossEntropy(this(x), labels);
    if (this.reg === 0) return data;
    const weights = this.parameters().filter(({ rank }) => rank >= 2);
    return weights.reduce(
      (sum, w) =>
        sum.add(
          w
            .square()
            .sum()
            .mul(0.5 * this.reg),
        ),
      data,
    );
  }
}

/** Options that CS231n's networks share. */
export interface ClassifierOptions extends PresetOptions {
  /** Default 10. */
  numClasses?: number;
  /** Standard deviation of the initial weights; biases start at 0. */
  weightScale?: number;
  /** Strength of the L2 penalty in `loss`. Default 0. */
  reg?: number;
}

export interface TwoLayerNetOptions extends ClassifierOptions {
  /** Elements of one input; null: from the first one. Default 3·32·32, CIFAR-10's images. */
  inputDim?: number | null;
  /** Default 100. */
  hiddenDim?: number;
}

/**
 * affine – relu – affine (– softmax in `loss`), for inputs [N, d1, …, dk] with d1·…·dk = inputDim.
 * weightScale is 1e-3 by default. State: affine1.weight [hiddenDim, inputDim], affine1.bias, affine2.…
 *
 * CS231n, assignment 1.
 */
export function twoLayerNet(options: TwoLayerNetOptions = {}): Classifier {
  const { hiddenDim = 100, weightScale = 1e-3, ...others } = options;
  return fullyConnectedNet({ hiddenDims: [hiddenDim], weightScale, ...others });
}

export interface FullyConnectedNetOptions extends ClassifierOptions {
  /** Sizes of the hidden layers; the network has one layer more. */
  hiddenDims: readonly number[];
  /** Elements of one input; null: from the first one. Default 3·32·32, CIFAR-10's images. */
  inputDim?: number | null;
  /** Between affine and relu. Default null: nothing. */
  normalization?: "batchNorm" | "layerNorm" | null;
  /** Probability of dropping after each relu; 0 for no dropout. CS231n's keep ratio is 1 − dropout. Default 0. */
  dropout?: number;
}

const normalizations = { batchNorm: batchNorm1d, layerNorm };

/**
 * {affine – [batch norm | layer norm] – relu – [dropout]} × (L − 1) – affine (– softmax in `loss`), for inputs
 * [N, d1, …, dk] with d1·…·dk = inputDim. weightScale is 1e-2 by default. State: affine1.weight,
 * affine1.bias, norm1.weight, …, affine2.weight, …
 *
 * CS231n, assignment 2.
 *
 * @throws ValueError for sizes that are none, and unknown normalizations
 */
export function fullyConnectedNet(options: FullyConnectedNetOptions): Classifier {
  const { hiddenDims, inputDim = 3 * 32 * 32, numClasses = 10, weightScale = 1e-2 } = options;
  const { normalization = null, dropout: p = 0, reg = 0 } = options;
  if (!Array.isArray(hiddenDims)) {
    throw new ValueError(
      "fullyConnectedNet: hiddenDims must be an array of the hidden layers' sizes, such as [100, 100].",
    );
  }
  if (normalization !== null && !Object.hasOwn(normalizations, normalization)) {
    throw new ValueError(
      `fullyConnectedNet: normalization is ${JSON.stringify(normalization)}; it must be "batchNorm", "layerNorm" or null.`,
    );
  }
  const start = startOf(options);
  const { dtype, generator } = start;
  const dense = (from: number | null, to: number) => affine(from, to, { ...start, weightScale });
  const layers: [string, Module][] = [];
  let from = inputDim;
  for (const [i, size] of hiddenDims.entries()) {
    const n = i + 1;
    layers.push([`affine${n}`, dense(from, size)]);
    if (normalization !== null)
      layers.push([`norm${n}`, normalizations[normalization](size, { dtype })]);
    layers.push([`relu${n}`, relu()]);
    if (p > 0) layers.push([`dropout${n}`, dropout(p, { generator })]);
    from = size;
  }
  layers.push([`affine${hiddenDims.length + 1}`, dense(from, numClasses)]);
  return new Classifier(layers, { reg });
}

export interface ThreeLayerConvNetOptions extends ClassifierOptions {
  /** Channels, height and width of the images; height and width even. Default [3, 32, 32]. */
  inputDim?: readonly [channels: number, height: number, width: number];
  /** Default 32. */
  numFilters?: number;
  /** Height and width of the filters, odd. Default 7. */
  filterSize?: number;
  /** Default 100. */
  hiddenDim?: number;
}

/**
 * conv – relu – 2×2 max pool – affine – relu – affine (– softmax in `loss`), for images [N, C, H, W]. The
 * convolution keeps height and width. weightScale is 1e-3 by default. State: conv1.weight, conv1.bias,
 * affine1.weight, affine1.bias, affine2.weight, affine2.bias.
 *
 * CS231n, assignment 2.
 *
 * @throws ValueError for an even filter size, and for images that don't halve
 */
export function threeLayerConvNet(options: ThreeLayerConvNetOptions = {}): Classifier {
  const { inputDim = [3, 32, 32], numFilters = 32, filterSize = 7, hiddenDim = 100 } = options;
  const { numClasses = 10, weightScale = 1e-3, reg = 0 } = options;
  const [channels, height, width] = inputDim;
  if (filterSize % 2 !== 1) {
    throw new ValueError(
      `threeLayerConvNet: filterSize is ${filterSize}; it must be odd, so that the convolution can keep the size.`,
    );
  }
  if (height % 2 !== 0 || width % 2 !== 0) {
    throw new ValueError(
      `threeLayerConvNet: inputDim is [${inputDim.join(", ")}]; height and width must be even, so that the pooling halves them.`,
    );
  }
  const start = startOf(options);
  const conv1 = conv2d(channels, numFilters, filterSize, {
    padding: (filterSize - 1) / 2,
    ...start,
  });
  init.normal_(conv1.weight, { weightScale, generator: start.generator });
  init.zeros_(conv1.bias!);
  const pooled = numFilters * (height / 2) * (width / 2);
  const layers = {
    conv1,
    relu1: relu(),
    pool1: maxPool2d(2),
    affine1: affine(pooled, hiddenDim, { ...start, weightScale }),
    relu2: relu(),
    affine2: affine(hiddenDim, numClasses, { ...start, weightScale }),
  };
  return new Classifier(layers, { reg });
}
