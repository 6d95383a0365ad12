/** What all losses share: how losses become one number, and checks of their arguments. */
import { checkTensor } from "../apply.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { broadcastShapes, formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { mean, sum } from "./reduce.ts";

/** The mean of all losses, their sum, or each of them. */
export type Reduction = "mean" | "sum" | "none";

/** Options that losses share. */
export interface LossOptions {
  /** Default "mean". */
  reduction?: Reduction;
}

/** @throws ValueError for an unknown reduction */
export function checkReduction(
  op: string,
  reduction: string,
  known: readonly string[] = ["mean", "sum", "none"],
): void {
  if (!known.includes(reduction)) {
    throw new ValueError(
      `${op}: unknown reduction "${reduction}"; known are ${known.slice(0, -1).join(", ")} and ${known.at(-1)}.`,
    );
  }
}

/** The losses as asked for. */
export function reduced(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === "mean") return mean(losses);
  return reduction === "sum" ? sum(losses) : losses;
}

/** @throws ShapeError unless both are tensors of one shape */
export function checkSameShape(
  op: string,
  name: string,
  x: Tensor,
  other: string,
  y: Tensor,
): void {
  checkTensor(op, name, x);
  checkTensor(op, other, y);
  if (sameShape(x.shape, y.shape)) return;
  broadcastShapes(op, x.shape, y.shape);
  throw new ShapeError(
    `${op}: ${name} is ${formatShape(x.shape)} and ${other} ${formatShape(y.shape)}; they must be equal: reshape or expand one of them.`,
  );
}
