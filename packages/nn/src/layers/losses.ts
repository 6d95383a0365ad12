/** Losses as modules; the functions, with their formulas, are core's. */
import { crossEntropy, mseLoss, type Reduction, type Tensor } from "@tapegrad/core";
import { choice, integer } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";

const reduction = choice<Reduction>(["mean", "sum", "none"], { fallback: "mean" });

/** Softmax cross-entropy of logits [N, C] against classes [N] or probabilities [N, C]. */
export class CrossEntropyLoss extends Module<[logits: Tensor, target: Tensor]> {
  static override readonly layer = declareLayer(
    "crossEntropyLoss",
    { reduction, ignoreIndex: integer({ fallback: -100, quiet: true }) },
    (options) => new CrossEntropyLoss(options),
  );

  readonly reduction: Reduction;
  readonly ignoreIndex: number;

  constructor(options: { reduction?: Reduction; ignoreIndex?: number } = {}) {
    const { reduction = "mean", ignoreIndex = -100 } = options;
    super({ reduction, ignoreIndex });
    this.reduction = reduction;
    this.ignoreIndex = ignoreIndex;
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return crossEntropy(logits, target, {
      reduction: this.reduction,
      ignoreIndex: this.ignoreIndex,
    });
  }
}

/** (prediction − target)², averaged, summed or left elementwise. */
export class MSELoss extends Module<[prediction: Tensor, target: Tensor]> {
  static override readonly layer = declareLayer(
    "mseLoss",
    { reduction },
    (options) => new MSELoss(options),
  );

  readonly reduction: Reduction;

  constructor({ reduction = "mean" }: { reduction?: Reduction } = {}) {
    super({ reduction });
    this.reduction = reduction;
  }

  forward(prediction: Tensor, target: Tensor): Tensor {
    return mseLoss(prediction, target, { reduction: this.reduction });
  }
}
