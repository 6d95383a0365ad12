import { type Tensor, updateInPlace } from "@tapegrad/core";
import { flag, type HyperValues, nonNegative, power } from "./hyper.ts";
import {
  FirstOrderOptimizer,
  type Group,
  nextStep,
  type State,
  stateNumber,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(1e-2),
  lambd: nonNegative(1e-4),
  alpha: nonNegative(0.75),
  t0: nonNegative(1e6),
  weightDecay: nonNegative(0),
  maximize: flag(false),
};

export type ASGDOptions = HyperValues<typeof hyper>;

/**
 * Gradient descent whose average of the parameters is the answer; it is in the state, under "ax".
 * t counts the steps of the parameter, averaging begins after t0 of them:
 *
 *     g ← ∇f(p) + (weightDecay + lambd)·p
 *     p ← p − η·g,                        η = lr at first
 *     a ← a + μ·(p − a),                  μ = 1 at first
 *     η ← lr / (1 + lambd·lr·t)^alpha,    μ ← 1/max(1, t − t0)
 *
 * Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992;
 * https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html
 */
export class ASGD extends FirstOrderOptimizer<ASGDOptions> {
  constructor(params: Trainable<ASGDOptions>, options: Readonly<Partial<ASGDOptions>> = {}) {
    super("ASGD", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, lambd, alpha, t0, weightDecay }: Group<ASGDOptions>,
    state: State,
  ): void {
    const t = nextStep(state);
    const rate = stateNumber(state, "eta", lr);
    updateInPlace("sgd", [p, grad], [rate, weightDecay + lambd], "ASGD.step");
    const weight = stateNumber(state, "mu", 1);
    updateInPlace("lerp", [stateTensor(state, "ax", p), p], [weight], "ASGD.step");
    state.eta = lr / power(1 + lambd * lr * t, alpha);
    state.mu = 1 / Math.max(1, t - t0);
  }
}
