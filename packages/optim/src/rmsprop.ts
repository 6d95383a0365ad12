import type { Tensor } from "@tapegrad/core";
import { flag, fraction, type HyperValues, nonNegative } from "./hyper.ts";
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
  lr: nonNegative(1e-2),
  alpha: fraction(0.99),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
  momentum: nonNegative(0),
  centered: flag(false),
  maximize: flag(false),
};

export type RMSPropOptions = HyperValues<typeof hyper>;

/**
 * Divides each slope by the running root mean square of that slope:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     v ← alpha·v + (1 − alpha)·g²
 *     s ← g / (√v + eps);   centered: √(v − a²) for √v, with a ← alpha·a + (1 − alpha)·g
 *     p ← p − lr·s,   or with momentum   b ← momentum·b + s,  p ← p − lr·b
 *
 * CS231n calls alpha the decay rate, and v the cache. Tieleman and Hinton, Neural networks for machine
 * learning, lecture 6.5, 2012; centered: Graves, Generating sequences with recurrent neural networks, 2013,
 * eq. 38–45; https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
 */
export class RMSProp extends FirstOrderOptimizer<RMSPropOptions> {
  constructor(params: Trainable<RMSPropOptions>, options: Readonly<Partial<RMSPropOptions>> = {}) {
    super("RMSProp", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, alpha, eps, weightDecay, momentum, centered }: Group<RMSPropOptions>,
    state: State,
  ): FusedUpdate {
    nextStep(state);
    const tensors = [p, grad, stateTensor(state, "squareAvg", p)];
    if (centered) tensors.push(stateTensor(state, "gradAvg", p));
    if (momentum > 0) tensors.push(stateTensor(state, "momentumBuffer", p));
    const hyper = [lr, weightDecay, alpha, 1 - alpha, eps];
    const plain = centered ? "rmspropCentered" : "rmsprop";
    if (momentum > 0) return [`${plain}Momentum`, tensors, [...hyper, momentum]];
    return [plain, tensors, hyper];
  }
}
