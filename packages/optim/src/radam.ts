import type { Tensor } from "@tapegrad/core";
import { betas, flag, type HyperValues, nonNegative, power } from "./hyper.ts";
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
  decoupledWeightDecay: flag(false),
  maximize: flag(false),
};

export type RAdamOptions = HyperValues<typeof hyper>;

/**
 * Adam without its unreliable first steps: while v averages too few slopes, the step is momentum's alone,
 * later it is rectified. m and v are {@link Adam}'s:
 *
 *     ρ∞ = 2/(1 − β₂) − 1,   ρ = ρ∞ − 2·t·β₂ᵗ/(1 − β₂ᵗ)
 *     ρ ≤ 5:  p ← p − lr · m/(1 − β₁ᵗ)
 *     ρ > 5:  p ← p − lr · m/(1 − β₁ᵗ) · r · √(1 − β₂ᵗ) / (√v + eps)
 *             with  r² = (ρ − 4)·(ρ − 2)·ρ∞ / ((ρ∞ − 4)·(ρ∞ − 2)·ρ)
 *
 * With `decoupledWeightDecay` p shrinks first, as {@link AdamW}'s does.
 *
 * Liu et al., On the variance of the adaptive learning rate and beyond, ICLR 2020, algorithm 2;
 * https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html
 */
export class RAdam extends FirstOrderOptimizer<RAdamOptions> {
  constructor(params: Trainable<RAdamOptions>, options: Readonly<Partial<RAdamOptions>> = {}) {
    super("RAdam", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    group: Group<RAdamOptions>,
    state: State,
  ): FusedUpdate {
    const { lr, betas, eps, decoupledWeightDecay: decoupled } = group;
    const t = nextStep(state);
    const [correction1, correction2] = corrections(betas, t);
    const meanRate = lr / correction1;
    const most = 2 / (1 - betas[1]) - 1;
    const rho = most - (2 * t * power(betas[1], t)) / correction2;
    const rectified =
      rho > 5
        ? {
            meanRate:
              meanRate *
              Math.sqrt(correction2) *
              Math.sqrt(((rho - 4) * (rho - 2) * most) / ((most - 4) * (most - 2) * rho)),
            scale: 1,
            eps,
          }
        : // A denominator of 0·√v + 1.
          { meanRate, scale: 0, eps: 1 };
    return momentUpdate(p, grad, group, state, { ...rectified, decoupled });
  }
}
