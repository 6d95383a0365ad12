import type { Tensor } from "@tapegrad/core";
import { flag, fraction, type HyperValues, nonNegative } from "./hyper.ts";
import {
  FirstOrderOptimizer,
  type FusedUpdate,
  type Group,
  type State,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(1e-2),
  momentum: fraction(0.9),
  nesterov: flag(false),
  weightDecay: nonNegative(0),
  maximize: flag(false),
};

export type MomentumOptions = HyperValues<typeof hyper>;

/**
 * Gradient descent with a velocity, as CS231n writes it:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     v ← momentum·v − lr·g
 *     p ← p + v,   or with nesterov   p ← p + momentum·v − lr·g
 *
 * {@link SGD} keeps the rate out of its buffer instead. The two agree while the rate stays; when it drops,
 * a velocity still carries the old one. CS231n, "Neural networks 3", https://cs231n.github.io/neural-networks-3/#sgd
 */
export class Momentum extends FirstOrderOptimizer<MomentumOptions> {
  constructor(
    params: Trainable<MomentumOptions>,
    options: Readonly<Partial<MomentumOptions>> = {},
  ) {
    super("Momentum", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, momentum, nesterov, weightDecay }: Group<MomentumOptions>,
    state: State,
  ): FusedUpdate {
    return [
      "velocity",
      [p, grad, stateTensor(state, "velocity", p)],
      [lr, weightDecay, momentum, Number(nesterov)],
    ];
  }
}
