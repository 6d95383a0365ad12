import { type Tensor, ValueError } from "@tapegrad/core";
import { finite, flag, type HyperValues, nonNegative } from "./hyper.ts";
import {
  FirstOrderOptimizer,
  type FusedUpdate,
  type Group,
  type GroupRules,
  type State,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(1e-3),
  momentum: nonNegative(0),
  dampening: finite(0),
  nesterov: flag(false),
  weightDecay: nonNegative(0),
  maximize: flag(false),
};

export type SGDOptions = HyperValues<typeof hyper>;

const rules: GroupRules<SGDOptions> = {
  check({ nesterov, momentum, dampening }, where) {
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ValueError(
        `${where}: nesterov with momentum ${momentum} and dampening ${dampening}; it needs a momentum above 0, such as 0.9, and a dampening of 0.`,
      );
    }
  },
};

/**
 * Stochastic gradient descent, with PyTorch's momentum:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     b ← momentum·b + (1 − dampening)·g      (b = g at the first step)
 *     p ← p − lr·b,   or with nesterov   p ← p − lr·(g + momentum·b)
 *
 * {@link Momentum} has CS231n's velocity, v = −lr·b. Sutskever et al., On the importance of initialization
 * and momentum in deep learning, ICML 2013; https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
 */
export class SGD extends FirstOrderOptimizer<SGDOptions> {
  /** @throws ValueError as {@link Optimizer}, and for nesterov without momentum or with dampening */
  constructor(params: Trainable<SGDOptions>, options: Readonly<Partial<SGDOptions>> = {}) {
    super("SGD", hyper, params, options, rules);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    group: Group<SGDOptions>,
    state: State,
  ): FusedUpdate {
    const { lr, momentum, dampening, nesterov, weightDecay } = group;
    if (momentum === 0) return ["sgd", [p, grad], [lr, weightDecay]];
    const first = state.momentumBuffer === undefined;
    const buffer = stateTensor(state, "momentumBuffer", p);
    return [
      "sgdMomentum",
      [p, grad, buffer],
      [lr, weightDecay, momentum, dampening, Number(nesterov), Number(first)],
    ];
  }
}
