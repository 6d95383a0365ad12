import type { LossOptions, Reduction, Tensor } from "@tapegrad/core";
import { choice } from "../fields.ts";
import type { Arguments } from "../layer.ts";
import { Configured } from "./configured.ts";

/** The mean of all losses, their sum, or each of them. */
export const reduction = choice<Reduction>(["mean", "sum", "none"], { fallback: "mean" });

/** A loss: how it becomes one number, and whatever else it is given. */
export abstract class Loss<
  Args extends unknown[] = [prediction: Tensor, target: Tensor],
> extends Configured<Args> {
  declare readonly reduction: Reduction;

  constructor(options: LossOptions & Arguments = {}) {
    super(options);
  }
}
