/** Losses for classes, as modules; the functions, with their formulas, are core's. */
import {
  crossEntropy,
  ctcLoss,
  type Lengths,
  type LossOptions,
  multiclassSvmLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  nllLoss,
  type Tensor,
} from "@tapegrad/core";
import * as v from "valibot";
import { count, field, flag, integer, number, probability } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { optionalTensor, toTensor, type Values } from "./kinds.ts";
import { Loss, reduction } from "./loss.ts";

/** Options of {@link NLLLoss}. */
export interface NLLLossOptions extends LossOptions {
  /** One number per class, which multiplies its losses; the mean divides by the targets' sum of them. Default null. */
  weight?: Values | null;
  /** Places with this target count neither in the sum nor in the mean. Default −100. */
  ignoreIndex?: number;
}

const classFields = {
  reduction,
  weight: optionalTensor,
  ignoreIndex: integer({ fallback: -100, quiet: true }),
};

/** A loss with a weight for each class. */
abstract class ClassLoss extends Loss<[scores: Tensor, target: Tensor]> {
  declare readonly weight?: Tensor;

  constructor(options: LossOptions & { weight?: Values | null } = {}) {
    const weight = toTensor(options.weight);
    super({ ...options, weight });
    if (weight) this.registerBuffer("weight", weight);
  }

  /** The weight beside scores of whatever dtype. */
  protected weightFor(scores: Tensor): Tensor | null {
    return this.weight?.to(scores.dtype) ?? null;
  }
}

/**
 * −x[class] of log-probabilities [N, C, …] or [C] against classes [N, …] or [].
 *
 * State: weight [C], if given.
 */
export class NLLLoss extends ClassLoss {
  static override readonly layer = declareLayer(
    "nllLoss",
    classFields,
    (options) => new NLLLoss(options),
  );

  declare readonly ignoreIndex: number;

  constructor(options: NLLLossOptions = {}) {
    super(options);
  }

  forward(logProbabilities: Tensor, target: Tensor): Tensor {
    const { reduction, ignoreIndex } = this;
    const weight = this.weightFor(logProbabilities);
    return nllLoss(logProbabilities, target, { reduction, ignoreIndex, weight });
  }
}

/** Options of {@link CrossEntropyLoss}. */
export interface CrossEntropyLossOptions extends NLLLossOptions {
  /** From 0 to 1: so much of each target is spread evenly over the classes. Default 0. */
  labelSmoothing?: number;
}

/**
 * Softmax cross-entropy of logits [N, C, …] or [C] against classes [N, …] or [], or probabilities of the logits' shape.
 *
 * State: weight [C], if given.
 */
export class CrossEntropyLoss extends ClassLoss {
  static override readonly layer = declareLayer(
    "crossEntropyLoss",
    { ...classFields, labelSmoothing: probability({ fallback: 0, quiet: true }) },
    (options) => new CrossEntropyLoss(options),
  );

  declare readonly ignoreIndex: number;
  declare readonly labelSmoothing: number;

  constructor(options: CrossEntropyLossOptions = {}) {
    super(options);
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    const { reduction, ignoreIndex, labelSmoothing } = this;
    const weight = this.weightFor(logits);
    return crossEntropy(logits, target, { reduction, ignoreIndex, labelSmoothing, weight });
  }
}

/** Options of {@link MulticlassSvmLoss}. */
export interface MulticlassSvmLossOptions extends LossOptions {
  /** Default 1. */
  margin?: number;
}

/**
 * CS231n's multiclass support vector machine: Σ over j ≠ y of max(0, s_j − s_y + margin), per row of scores [N, C]
 * with classes [N].
 *
 * Weston and Watkins, Support Vector Machines for Multi-Class Pattern Recognition, 1999.
 */
export class MulticlassSvmLoss extends Loss<[scores: Tensor, target: Tensor]> {
  static override readonly layer = declareLayer(
    "multiclassSvmLoss",
    { reduction, margin: number({ fallback: 1, quiet: true }) },
    (options) => new MulticlassSvmLoss(options),
  );

  declare readonly margin: number;

  constructor(options: MulticlassSvmLossOptions = {}) {
    super({ ...options });
  }

  forward(scores: Tensor, target: Tensor): Tensor {
    return multiclassSvmLoss(scores, target, this);
  }
}

/** Options of {@link MultiMarginLoss}. */
export interface MultiMarginLossOptions extends LossOptions {
  /** 1 or 2. Default 1. */
  p?: 1 | 2;
  /** Default 1. */
  margin?: number;
  /** One number per class, which multiplies the losses of its rows. Default null. */
  weight?: Values | null;
}

/**
 * Σ over j ≠ y of max(0, margin − s_y + s_j)ᵖ / C, per row of scores [N, C] with classes [N]: PyTorch's multi-class
 * hinge, which also divides by the number of classes.
 *
 * State: weight [C], if given.
 */
export class MultiMarginLoss extends ClassLoss {
  static override readonly layer = declareLayer(
    "multiMarginLoss",
    {
      reduction,
      p: field<1 | 2>("1 or 2", (message) => v.picklist([1, 2], message), {
        fallback: 1,
        quiet: true,
      }),
      margin: number({ fallback: 1, quiet: true }),
      weight: optionalTensor,
    },
    (options) => new MultiMarginLoss(options),
  );

  declare readonly p: 1 | 2;
  declare readonly margin: number;

  constructor(options: MultiMarginLossOptions = {}) {
    super(options);
  }

  forward(scores: Tensor, target: Tensor): Tensor {
    const { reduction, p, margin } = this;
    return multiMarginLoss(scores, target, {
      reduction,
      p,
      margin,
      weight: this.weightFor(scores),
    });
  }
}

/** Σ over targets j and other classes i of max(0, 1 − (s_j − s_i)) / C; targets [N, C] list classes up to a −1. */
export class MultiLabelMarginLoss extends Loss<[scores: Tensor, target: Tensor]> {
  static override readonly layer = declareLayer(
    "multiLabelMarginLoss",
    { reduction },
    (options) => new MultiLabelMarginLoss(options),
  );

  forward(scores: Tensor, target: Tensor): Tensor {
    return multilabelMarginLoss(scores, target, this);
  }
}

/** Options of {@link MultiLabelSoftMarginLoss}. */
export interface MultiLabelSoftMarginLossOptions extends LossOptions {
  /** One number per class. Default null. */
  weight?: Values | null;
}

/**
 * The mean over classes of the binary cross-entropy with logits, per row of logits [..., C] with targets of 0 and 1.
 *
 * State: weight [C], if given.
 */
export class MultiLabelSoftMarginLoss extends ClassLoss {
  static override readonly layer = declareLayer(
    "multiLabelSoftMarginLoss",
    { reduction, weight: optionalTensor },
    (options) => new MultiLabelSoftMarginLoss(options),
  );

  forward(logits: Tensor, target: Tensor): Tensor {
    const weight = this.weightFor(logits);
    return multilabelSoftMarginLoss(logits, target, { reduction: this.reduction, weight });
  }
}

/** Options of {@link CTCLoss}. */
export interface CTCLossOptions extends LossOptions {
  /** The class that stands for no label. Default 0. */
  blank?: number;
  /** 0 in place of ∞ where no alignment exists. Default false. */
  zeroInfinity?: boolean;
}

/**
 * −ln of the probability that frames spell the labels, over all alignments. Called with log-probabilities [T, N, C] and
 * labels [N, S]; with lengths where frames or labels of some sequences are fewer.
 *
 * Graves et al., Connectionist Temporal Classification, ICML 2006.
 */
export class CTCLoss extends Loss<
  [logProbabilities: Tensor, targets: Tensor, inputLengths?: Lengths, targetLengths?: Lengths]
> {
  static override readonly layer = declareLayer(
    "ctcLoss",
    {
      reduction,
      blank: count({ fallback: 0, quiet: true }),
      zeroInfinity: flag({ fallback: false, quiet: true }),
    },
    (options) => new CTCLoss(options),
  );

  declare readonly blank: number;
  declare readonly zeroInfinity: boolean;

  constructor(options: CTCLossOptions = {}) {
    super({ ...options });
  }

  forward(
    logProbabilities: Tensor,
    targets: Tensor,
    inputLengths?: Lengths,
    targetLengths?: Lengths,
  ): Tensor {
    const { reduction, blank, zeroInfinity } = this;
    return ctcLoss(logProbabilities, targets, {
      reduction,
      blank,
      zeroInfinity,
      ...(inputLengths === undefined ? {} : { inputLengths }),
      ...(targetLengths === undefined ? {} : { targetLengths }),
    });
  }
}
