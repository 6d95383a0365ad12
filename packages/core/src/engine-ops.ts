import type { DType } from "./dtype.ts";
import type { Node } from "./node.ts";
import type { Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * The few differentiable ops that the engine itself uses. Ops are built on the engine and the engine
 * needs these ops, so the ops' files fill them in (`ops/elementwise.ts`, `ops/layout.ts`, `ops/reduce.ts`).
 */
export const engineOps = {} as {
  add: (a: Tensor, b: Tensor) => Tensor;
  zeros: (shape: Shape, dtype: DType) => Tensor;
  clone: (x: Tensor) => Tensor;
  to: (x: Tensor, dtype: DType) => Tensor;
  /** Sums x over what broadcasting repeated, to `shape`. */
  sumTo: (x: Tensor, shape: Shape) => Tensor;
  /** After x, a view, was changed in place by `node`: the base's history goes through it. */
  rebaseView: (x: Tensor, node: Node) => void;
  /** A fresh node for a view whose base was changed in place; null if the base needs no gradient. */
  reviewNode: (x: Tensor) => Node | null;
};
