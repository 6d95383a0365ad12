import type { Tensor } from "@tapegrad/core";
import { betas, flag, type HyperValues, nonNegative, power } from "./hyper.ts";
import { corrections, momentUpdate } from "./moments.ts";
import {
  FirstOrderOptimizer,
  type FusedUpdate,
  type Group,
  nextStep,
  type State,
  stateNumber,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(2e-3),
  betas: betas(0.9, 0.999),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
  momentumDecay: nonNegative(4e-3),
  decoupledWeightDecay: flag(false),
  maximize: flag(false),
};

export type NAdamOptions = HyperValues<typeof hyper>;

/**
 * Adam with Nesterov's momentum, which looks one step ahead; m and v are {@link Adam}'s:
 *
 *     μₜ = β₁·(1 − 0.96^(t·momentumDecay) / 2),   Πₜ = μ₁·μ₂·…·μₜ
 *     p ← p − lr · (μₜ₊₁·m/(1 − Πₜ₊₁) + (1 − μₜ)·g/(1 − Πₜ)) / (√(v/(1 − β₂ᵗ)) + eps)
 *
 * With `decoupledWeightDecay` p shrinks first, as {@link AdamW}'s does.
 *
 * Dozat, Incorporating Nesterov momentum into Adam, ICLR 2016 workshop;
 * https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html. PyTorch before 2.0 had one factor μₜ too
 * many in Πₜ₊₁ (https://github.com/pytorch/pytorch/pull/92699); this is the formula since.
 */
export class NAdam extends FirstOrderOptimizer<NAdamOptions> {
  constructor(params: Trainable<NAdamOptions>, options: Readonly<Partial<NAdamOptions>> = {}) {
    super("NAdam", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    group: Group<NAdamOptions>,
    state: State,
  ): FusedUpdate {
    const { lr, betas, eps, momentumDecay, decoupledWeightDecay } = group;
    const t = nextStep(state);
    const momentumAt = (t: number) => betas[0] * (1 - 0.5 * power(0.96, t * momentumDecay));
    const [now, next] = [momentumAt(t), momentumAt(t + 1)];
    const product = stateNumber(state, "muProduct", 1) * now;
    state.muProduct = product;
    const [, correction2] = corrections(betas, t);
    const factors = {
      gradRate: (lr * (1 - now)) / (1 - product),
      meanRate: (lr * next) / (1 - product * next),
      scale: 1 / Math.sqrt(correction2),
      eps,
      decoupled: decoupledWeightDecay,
    };
    return momentUpdate(p, grad, group, state, factors);
  }
}
