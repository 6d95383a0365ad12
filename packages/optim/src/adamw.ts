import type { Tensor } from "@tapegrad/core";
import { type AdamOptions, adamUpdate } from "./adam.ts";
import { betas, flag, nonNegative } from "./hyper.ts";
import {
  FirstOrderOptimizer,
  type FusedUpdate,
  type Group,
  type State,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(1e-3),
  betas: betas(0.9, 0.999),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(1e-2),
  amsgrad: flag(false),
  maximize: flag(false),
};

export type AdamWOptions = AdamOptions;

/**
 * Adam with decoupled weight decay: p ← (1 − lr·weightDecay)·p first, then {@link Adam}'s step with
 * g = ∇f(p) alone, so that the decay is not divided by √v.
 *
 * Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019, algorithm 2;
 * https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 */
export class AdamW extends FirstOrderOptimizer<AdamWOptions> {
  constructor(params: Trainable<AdamWOptions>, options: Readonly<Partial<AdamWOptions>> = {}) {
    super("AdamW", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    group: Group<AdamWOptions>,
    state: State,
  ): FusedUpdate {
    return adamUpdate(p, grad, group, state, true);
  }
}
