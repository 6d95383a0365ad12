import { applyInPlace } from "../apply.ts";
import { clone, copyOp } from "../ops/layout.ts";
import type { Tensor } from "../tensor.ts";

/**
 * The in-place form of a function that is composed of ops: f of a copy (so that what its rules saved stays as
 * it was), written over x. Messages call it `name_`.
 */
export function replace(x: Tensor, name: string, f: (x: Tensor) => Tensor): Tensor {
  return applyInPlace(copyOp.op, x, [f(clone(x))], undefined, `${name}_`);
}
