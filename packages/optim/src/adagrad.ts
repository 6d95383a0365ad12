import type { Tensor } from "@tapegrad/core";
import { flag, type HyperValues, nonNegative } from "./hyper.ts";
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
  lrDecay: nonNegative(0),
  weightDecay: nonNegative(0),
  initialAccumulatorValue: nonNegative(0),
  eps: nonNegative(1e-10),
  maximize: flag(false),
};

export type AdagradOptions = HyperValues<typeof hyper>;

/**
 * Divides each slope by the root of the sum of its squares so far, starting from
 * `initialAccumulatorValue`; t counts the steps of the parameter:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     s ← s + g²
 *     p ← p − lr/(1 + (t − 1)·lrDecay) · g / (√s + eps)
 *
 * Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and stochastic optimization,
 * JMLR 2011; https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
 */
export class Adagrad extends FirstOrderOptimizer<AdagradOptions> {
  constructor(params: Trainable<AdagradOptions>, options: Readonly<Partial<AdagradOptions>> = {}) {
    super("Adagrad", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, lrDecay, weightDecay, initialAccumulatorValue, eps }: Group<AdagradOptions>,
    state: State,
  ): FusedUpdate {
    const sum = stateTensor(state, "sum", p, initialAccumulatorValue);
    const rate = lr / (1 + (nextStep(state) - 1) * lrDecay);
    // RMSProp's step with a sum that forgets nothing.
    return ["rmsprop", [p, grad, sum], [rate, weightDecay, 1, 1, eps]];
  }
}
