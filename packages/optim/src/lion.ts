import type { Tensor } from "@tapegrad/core";
import { betas, flag, type HyperValues, nonNegative } from "./hyper.ts";
import {
  FirstOrderOptimizer,
  type FusedUpdate,
  type Group,
  type State,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(1e-4),
  betas: betas(0.9, 0.99),
  weightDecay: nonNegative(0),
  maximize: flag(false),
};

export type LionOptions = HyperValues<typeof hyper>;

/**
 * Steps by the sign of a mean slope: every element moves by lr, and one moment is all it remembers. Its
 * rate is some 3 to 10 times smaller than Adam's, its weight decay as much larger.
 *
 *     p ← (1 − lr·weightDecay)·p − lr·sign(β₁·m + (1 − β₁)·g)
 *     m ← β₂·m + (1 − β₂)·g
 *
 * Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023, algorithm 2;
 * https://arxiv.org/abs/2302.06675
 */
export class Lion extends FirstOrderOptimizer<LionOptions> {
  constructor(params: Trainable<LionOptions>, options: Readonly<Partial<LionOptions>> = {}) {
    super("Lion", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, betas, weightDecay }: Group<LionOptions>,
    state: State,
  ): FusedUpdate {
    return ["lion", [p, grad, stateTensor(state, "expAvg", p)], [lr, weightDecay, ...betas]];
  }
}
