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
  lr: nonNegative(1),
  rho: fraction(0.9),
  eps: nonNegative(1e-6),
  weightDecay: nonNegative(0),
  maximize: flag(false),
};

export type AdadeltaOptions = HyperValues<typeof hyper>;

/**
 * Scales each slope by the running size of its past steps over that of its slopes, so that steps have
 * the parameter's unit:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     v ← rho·v + (1 − rho)·g²
 *     s ← g · √(u + eps) / √(v + eps)
 *     u ← rho·u + (1 − rho)·s²
 *     p ← p − lr·s
 *
 * Zeiler, ADADELTA: an adaptive learning rate method, 2012, algorithm 1;
 * https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
 */
export class Adadelta extends FirstOrderOptimizer<AdadeltaOptions> {
  constructor(
    params: Trainable<AdadeltaOptions>,
    options: Readonly<Partial<AdadeltaOptions>> = {},
  ) {
    super("Adadelta", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, rho, eps, weightDecay }: Group<AdadeltaOptions>,
    state: State,
  ): FusedUpdate {
    nextStep(state);
    return [
      "adadelta",
      [p, grad, stateTensor(state, "squareAvg", p), stateTensor(state, "accDelta", p)],
      [lr, weightDecay, rho, eps],
    ];
  }
}
