import { type Tensor, updateInPlace } from "@tapegrad/core";
import { betas, type HyperValues, nonNegative, power } from "./hyper.ts";
import {
  type Group,
  nextStep,
  Optimizer,
  type State,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";

const hyper = {
  lr: nonNegative(1e-3),
  betas: betas(0.9, 0.999),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
};

export type AdamOptions = HyperValues<typeof hyper>;

/**
 * Steps by the running mean of the slope over its running root mean square, both corrected for their
 * start at zero; t counts the steps of the parameter:
 *
 *     g ← ∇f(p) + weightDecay·p
 *     m ← β₁·m + (1 − β₁)·g
 *     v ← β₂·v + (1 − β₂)·g²
 *     p ← p − lr · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + eps)
 *
 * Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1;
 * https://pytorch.org/docs/stable/generated/torch.optim.Adam.html
 */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: Trainable<AdamOptions>, options: Readonly<Partial<AdamOptions>> = {}) {
    super("Adam", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    group: Group<AdamOptions>,
    state: State,
  ): void {
    adamUpdate(p, grad, group, state, false, "Adam.step");
  }
}

/** The step that Adam and AdamW share; they differ in where the weight decay goes. */
export function adamUpdate(
  p: Tensor,
  grad: Tensor,
  { lr, betas, eps, weightDecay }: AdamOptions,
  state: State,
  decoupled: boolean,
  name: string,
): void {
  const [beta1, beta2] = betas;
  const m = stateTensor(state, "expAvg", p);
  const v = stateTensor(state, "expAvgSq", p);
  const t = nextStep(state);
  const corrections = [1 - power(beta1, t), 1 - power(beta2, t)];
  updateInPlace(
    "adam",
    [p, grad, m, v],
    [lr, weightDecay, beta1, beta2, eps, ...corrections, decoupled ? 1 : 0],
    name,
  );
}
