import type { Tensor } from "@tapegrad/core";
import { betas, flag, type HyperValues, nonNegative } from "./hyper.ts";
import { corrections, momentUpdate } from "./moments.ts";
import {
  FirstOrderOptimizer,
  type FusedUpdate,
  type Group,
  nextStep,
  type State,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(1e-3),
  betas: betas(0.9, 0.999),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
  amsgrad: flag(false),
  maximize: flag(false),
};

export type AdamOptions = HyperValues<typeof hyper>;

/**
 * Steps by the running mean of the slope over its running root mean square, both corrected for their
 * start at zero; t counts the steps of the parameter:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     m ← β₁·m + (1 − β₁)·g
 *     v ← β₂·v + (1 − β₂)·g²;   amsgrad: from here on, the largest v so far
 *     p ← p − lr · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + eps)
 *
 * Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1; AMSGrad: Reddi, Kale
 * and Kumar, On the convergence of Adam and beyond, ICLR 2018, algorithm 2;
 * https://pytorch.org/docs/stable/generated/torch.optim.Adam.html
 */
export class Adam extends FirstOrderOptimizer<AdamOptions> {
  constructor(params: Trainable<AdamOptions>, options: Readonly<Partial<AdamOptions>> = {}) {
    super("Adam", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    group: Group<AdamOptions>,
    state: State,
  ): FusedUpdate {
    return adamUpdate(p, grad, group, state, false);
  }
}

/** The step that Adam and AdamW share; they differ in where the weight decay goes. */
export function adamUpdate(
  p: Tensor,
  grad: Tensor,
  group: AdamOptions,
  state: State,
  decoupled: boolean,
): FusedUpdate {
  const [correction1, correction2] = corrections(group.betas, nextStep(state));
  const factors = {
    meanRate: group.lr / correction1,
    scale: 1 / Math.sqrt(correction2),
    eps: group.eps,
    amsgrad: group.amsgrad,
    decoupled,
  };
  return momentUpdate(p, grad, group, state, factors);
}
