/** The fused step that Adam and its kin share; each combines rates and corrections in its own way. */
import type { Tensor } from "@tapegrad/core";
import { power } from "./hyper.ts";
import { type FusedUpdate, type State, stateTensor } from "./optimizer.ts";

/** The part of the hyper-parameters that they share. */
export interface MomentOptions {
  lr: number;
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
}

/** p ← shrink·p − (gradRate·g + meanRate·m) / (√v·scale + eps). */
export interface MomentFactors {
  gradRate?: number;
  meanRate: number;
  scale: number;
  eps: number;
  /** Weight decay shrinks the parameter first instead of joining the gradient. */
  decoupled: boolean;
  /** √(the largest v so far) for √v. */
  amsgrad?: boolean;
}

/** 1 − β₁ᵗ and 1 − β₂ᵗ: what the means that start at zero are short of. */
export function corrections([beta1, beta2]: readonly [number, number], t: number) {
  return [1 - power(beta1, t), 1 - power(beta2, t)] as const;
}

/**
 * m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², and the step of {@link MomentFactors}, in one pass;
 * g is grad + weightDecay·p unless the decay is decoupled.
 */
export function momentUpdate(
  p: Tensor,
  grad: Tensor,
  { lr, betas, weightDecay }: MomentOptions,
  state: State,
  { gradRate = 0, meanRate, scale, eps, decoupled, amsgrad = false }: MomentFactors,
): FusedUpdate {
  const tensors = [p, grad, stateTensor(state, "expAvg", p), stateTensor(state, "expAvgSq", p)];
  if (amsgrad) tensors.push(stateTensor(state, "maxExpAvgSq", p));
  const [decay, shrink] = decoupled ? [0, 1 - lr * weightDecay] : [weightDecay, 1];
  const hyper = [decay, ...betas, eps, shrink, gradRate, meanRate, scale];
  return [amsgrad ? "amsgrad" : "adam", tensors, hyper];
}
