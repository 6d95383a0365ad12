/** Comparisons and the choice between two tensors. */
import type { CompareName } from "@tapegrad/kernels";
import { asTensor, checkTensor } from "../apply.ts";
import { meetingDType } from "../dtype.ts";
import { DTypeError } from "../errors.ts";
import { defineOp, type TensorLike } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { to } from "./layout.ts";

/** 1 where the relation holds, else 0, as bool; a step, so no gradient passes. */
function comparison(name: CompareName, symbol: string) {
  return defineOp({
    name,
    inputs: ["a", "b"],
    bools: true,
    dtype: () => "bool",
    shape: ({ a, b }) => broadcastShapes(name, a.shape, b.shape),
    forward: ({ a, b }, y, kernels) => kernels.compare(name, a, b, y),
    step: name,
    batch: "broadcast",
    grad: { a: null, b: null },
    symbol,
    tex: { y: `[a ${symbol} b]` },
  });
}

/** a = b, elementwise. */
export const eq = comparison("eq", "=");
/** a ≠ b, elementwise. */
export const ne = comparison("ne", "≠");
/** a < b, elementwise. */
export const lt = comparison("lt", "<");
/** a ≤ b, elementwise. */
export const le = comparison("le", "≤");
/** a > b, elementwise. */
export const gt = comparison("gt", ">");
/** a ≥ b, elementwise. */
export const ge = comparison("ge", "≥");

export const whereOp = defineOp({
  name: "where",
  inputs: ["condition", "a", "b"],
  domain: "any",
  dtype: ({ a }) => a.dtype,
  shape: ({ condition, a, b }) => broadcastShapes("where", condition.shape, a.shape, b.shape),
  forward: ({ condition, a, b }, y, kernels) => kernels.where(condition, a, b, y),
  step: "where",
  saves: ["condition"],
  batch: "broadcast",
  grad: {
    condition: null,
    a: (dy, { condition }) => where(condition, dy, 0),
    b: (dy, { condition }) => where(condition, 0, dy),
  },
  tex: { y: "c\\,?\\,a : b", a: "[c]", b: "[\\lnot c]" },
});

/**
 * y = a where the condition holds, else b.
 *
 * @param condition  bool, broadcastable with a and b
 * @throws DTypeError if the condition is not bool
 */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  checkTensor("where", "condition", condition);
  if (condition.dtype !== "bool") {
    throw new DTypeError(
      `where: the condition is ${condition.dtype}; it must be bool, such as x.gt(0).`,
    );
  }
  const first = asTensor("where", "a", a, typeof b === "number" ? undefined : b.dtype);
  const second = asTensor("where", "b", b, first.dtype);
  const dtype = meetingDType([first, second]);
  return whereOp(condition, to(first, dtype), to(second, dtype));
}
