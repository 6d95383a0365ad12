import { type Tensor, updateInPlace } from "@tapegrad/core";
import { fraction, type HyperValues, nonNegative } from "./hyper.ts";
import { type Group, Optimizer, type State, stateTensor, type Trainable } from "./optimizer.ts";

const hyper = {
  lr: nonNegative(1e-2),
  alpha: fraction(0.99),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
};

export type RMSPropOptions = HyperValues<typeof hyper>;

/**
 * Divides each slope by the running root mean square of that slope:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     v ← alpha·v + (1 − alpha)·g²
 *     p ← p − lr·g / (√v + eps)
 *
 * CS231n calls alpha the decay rate, and v the cache. Tieleman and Hinton, Neural networks for machine
 * learning, lecture 6.5, 2012; https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
 */
export class RMSProp extends Optimizer<RMSPropOptions> {
  constructor(params: Trainable<RMSPropOptions>, options: Readonly<Partial<RMSPropOptions>> = {}) {
    super("RMSProp", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, alpha, eps, weightDecay }: Group<RMSPropOptions>,
    state: State,
  ): void {
    const v = stateTensor(state, "squareAvg", p);
    updateInPlace("rmsprop", [p, grad, v], [lr, weightDecay, alpha, eps], "RMSProp.step");
  }
}
