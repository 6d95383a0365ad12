import type { Tensor } from "@tapegrad/core";
import { flag, type HyperValues, nonNegative, numbers } from "./hyper.ts";
import {
  FirstOrderOptimizer,
  type FusedUpdate,
  type Group,
  nextStep,
  type State,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";

type Two = readonly [number, number];

const hyper = {
  lr: nonNegative(1e-2),
  etas: numbers<Two>(
    [0.5, 1.2],
    "a factor between 0 and 1 and one above 1",
    ([shrink, grow]) => shrink > 0 && shrink < 1 && grow > 1 && grow < Infinity,
  ),
  stepSizes: numbers<Two>(
    [1e-6, 50],
    "the smallest and the largest step, of at least 0",
    ([low, high]) => low >= 0 && low <= high && high < Infinity,
  ),
  maximize: flag(false),
};

export type RpropOptions = HyperValues<typeof hyper>;

/**
 * Steps by the sign of the slope alone, with a size Δ for each element that starts at lr; for whole
 * batches, since noise turns signs:
 *
 *     g·g₋ > 0 (going on):      Δ ← min(etas[1]·Δ, stepSizes[1])
 *     g·g₋ < 0 (overshot):      Δ ← max(etas[0]·Δ, stepSizes[0]),  g ← 0
 *     p ← p − Δ·sign(g),  g₋ ← g
 *
 * Igel and Hüsken, Improving the Rprop learning algorithm, 2000 (iRprop⁻);
 * https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html
 */
export class Rprop extends FirstOrderOptimizer<RpropOptions> {
  constructor(params: Trainable<RpropOptions>, options: Readonly<Partial<RpropOptions>> = {}) {
    super("Rprop", hyper, params, options);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    { lr, etas, stepSizes }: Group<RpropOptions>,
    state: State,
  ): FusedUpdate {
    nextStep(state);
    return [
      "rprop",
      [p, grad, stateTensor(state, "prev", p), stateTensor(state, "stepSize", p, lr)],
      [...etas, ...stepSizes],
    ];
  }
}
