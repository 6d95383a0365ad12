import type { Tensor } from "@tapegrad/core";
import { betas, flag, type HyperValues, nonNegative, power } from "./hyper.ts";
import {
  FirstOrderOptimizer,
  type FusedUpdate,
  type Group,
  nextStep,
  type State,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(2e-3),
  betas: betas(0.9, 0.999),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
  maximize: flag(false),
};

export type AdamaxOptions = HyperValues<typeof hyper>;

/**
 * Adam with the largest recent slope in place of the root mean square; t counts the steps of the parameter:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     m ← β₁·m + (1 − β₁)·g
 *     u ← max(β₂·u, |g| + eps)
 *     p ← p − lr/(1 − β₁ᵗ) · m/u
 *
 * Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 2;
 * https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html
 */
export class Adamax extends FirstOrderOptimizer<AdamaxOptions> {
  constructor(params: Trainable<AdamaxOptions>, options: Readonly<Partial<AdamaxOptions>> = {}) {
    super("Adamax", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, betas, eps, weightDecay }: Group<AdamaxOptions>,
    state: State,
  ): FusedUpdate {
    const rate = lr / (1 - power(betas[0], nextStep(state)));
    return [
      "adamax",
      [p, grad, stateTensor(state, "expAvg", p), stateTensor(state, "expInf", p)],
      [rate, weightDecay, ...betas, eps],
    ];
  }
}
