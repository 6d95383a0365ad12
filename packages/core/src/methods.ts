/**
 * The method form of ops, so that formulas read from left to right: `x.mul(w).add(b).tanh()`. Importing
 * this module adds the methods of the class below to {@link Tensor}; each forwards to the function that
 * has the documentation.
 */

import { applyInPlace } from "./apply.ts";
import { type BackwardOptions, backward } from "./backward.ts";
import { type DType, isFloat } from "./dtype.ts";
import { install } from "./methods/install.ts";
import type { TensorLike } from "./op.ts";
import { eq, ge, gt, le, lt, ne } from "./ops/compare.ts";
import {
  type AlphaOptions,
  abs,
  add,
  checkExponent,
  cos,
  div,
  exp,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  sigmoid,
  sign,
  sin,
  sqrt,
  square,
  sub,
  tanh,
  wholePow,
} from "./ops/elementwise.ts";
import { gather, type Index, index, indexSelect } from "./ops/indexing.ts";
import {
  clone,
  contiguous,
  copyOp,
  detach,
  expand,
  flatten,
  narrow,
  permute,
  reshape,
  squeeze,
  to,
  transpose,
  unsqueeze,
} from "./ops/layout.ts";
import { matmul } from "./ops/matmul.ts";
import {
  amax,
  amin,
  argmax,
  argmin,
  max,
  mean,
  min,
  type ReduceOptions,
  sum,
  type ValuesAndIndices,
} from "./ops/reduce.ts";
import { logSoftmax, softmax } from "./ops/softmax.ts";
import type { Shape } from "./shape.ts";
import { registerHook, retainGrad } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

class TensorMethods {
  add(this: Tensor, b: TensorLike, options?: AlphaOptions): Tensor {
    return add(this, b, options);
  }

  sub(this: Tensor, b: TensorLike, options?: AlphaOptions): Tensor {
    return sub(this, b, options);
  }

  mul(this: Tensor, b: TensorLike): Tensor {
    return mul(this, b);
  }

  div(this: Tensor, b: TensorLike): Tensor {
    return div(this, b);
  }

  pow(this: Tensor, b: TensorLike): Tensor {
    return pow(this, b);
  }

  maximum(this: Tensor, b: TensorLike): Tensor {
    return maximum(this, b);
  }

  minimum(this: Tensor, b: TensorLike): Tensor {
    return minimum(this, b);
  }

  neg(this: Tensor): Tensor {
    return neg(this);
  }

  abs(this: Tensor): Tensor {
    return abs(this);
  }

  sign(this: Tensor): Tensor {
    return sign(this);
  }

  square(this: Tensor): Tensor {
    return square(this);
  }

  reciprocal(this: Tensor): Tensor {
    return reciprocal(this);
  }

  exp(this: Tensor): Tensor {
    return exp(this);
  }

  log(this: Tensor): Tensor {
    return log(this);
  }

  sqrt(this: Tensor): Tensor {
    return sqrt(this);
  }

  sin(this: Tensor): Tensor {
    return sin(this);
  }

  cos(this: Tensor): Tensor {
    return cos(this);
  }

  tanh(this: Tensor): Tensor {
    return tanh(this);
  }

  sigmoid(this: Tensor): Tensor {
    return sigmoid(this);
  }

  relu(this: Tensor): Tensor {
    return relu(this);
  }

  // In place: the result replaces the tensor's own elements; see applyInPlace.

  add_(this: Tensor, b: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor {
    return applyInPlace(add.op, this, [alpha === 1 ? b : mul(b, alpha)]);
  }

  sub_(this: Tensor, b: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor {
    return applyInPlace(sub.op, this, [alpha === 1 ? b : mul(b, alpha)]);
  }

  mul_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(mul.op, this, [b]);
  }

  div_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(div.op, this, [b]);
  }

  pow_(this: Tensor, b: TensorLike): Tensor {
    if (isFloat(this.dtype)) return applyInPlace(pow.op, this, [b]);
    checkExponent("pow_", b);
    return applyInPlace(wholePow.op, this, [b], undefined, "pow_");
  }

  neg_(this: Tensor): Tensor {
    return applyInPlace(neg.op, this, []);
  }

  abs_(this: Tensor): Tensor {
    return applyInPlace(abs.op, this, []);
  }

  square_(this: Tensor): Tensor {
    return applyInPlace(square.op, this, []);
  }

  reciprocal_(this: Tensor): Tensor {
    return applyInPlace(reciprocal.op, this, []);
  }

  exp_(this: Tensor): Tensor {
    return applyInPlace(exp.op, this, []);
  }

  log_(this: Tensor): Tensor {
    return applyInPlace(log.op, this, []);
  }

  sqrt_(this: Tensor): Tensor {
    return applyInPlace(sqrt.op, this, []);
  }

  sin_(this: Tensor): Tensor {
    return applyInPlace(sin.op, this, []);
  }

  cos_(this: Tensor): Tensor {
    return applyInPlace(cos.op, this, []);
  }

  tanh_(this: Tensor): Tensor {
    return applyInPlace(tanh.op, this, []);
  }

  sigmoid_(this: Tensor): Tensor {
    return applyInPlace(sigmoid.op, this, []);
  }

  relu_(this: Tensor): Tensor {
    return applyInPlace(relu.op, this, []);
  }

  /** Every element becomes b's (broadcast); the gradient goes to b. */
  copy_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(copyOp.op, this, [b]);
  }

  /** Every element becomes the value. */
  fill_(this: Tensor, value: number): Tensor {
    return applyInPlace(copyOp.op, this, [value]);
  }

  /** Every element becomes 0. */
  zero_(this: Tensor): Tensor {
    return applyInPlace(copyOp.op, this, [0]);
  }

  eq(this: Tensor, b: TensorLike): Tensor {
    return eq(this, b);
  }

  ne(this: Tensor, b: TensorLike): Tensor {
    return ne(this, b);
  }

  lt(this: Tensor, b: TensorLike): Tensor {
    return lt(this, b);
  }

  le(this: Tensor, b: TensorLike): Tensor {
    return le(this, b);
  }

  gt(this: Tensor, b: TensorLike): Tensor {
    return gt(this, b);
  }

  ge(this: Tensor, b: TensorLike): Tensor {
    return ge(this, b);
  }

  sum(this: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
    return sum(this, axes, options);
  }

  mean(this: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
    return mean(this, axes, options);
  }

  amax(this: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
    return amax(this, axes, options);
  }

  amin(this: Tensor, axes?: number | readonly number[], options?: ReduceOptions): Tensor {
    return amin(this, axes, options);
  }

  max(this: Tensor): Tensor;
  max(this: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
  max(this: Tensor, axis?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return axis === undefined ? max(this) : max(this, axis, options);
  }

  min(this: Tensor): Tensor;
  min(this: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
  min(this: Tensor, axis?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return axis === undefined ? min(this) : min(this, axis, options);
  }

  argmax(this: Tensor, axis?: number, options?: ReduceOptions): Tensor {
    return argmax(this, axis, options);
  }

  argmin(this: Tensor, axis?: number, options?: ReduceOptions): Tensor {
    return argmin(this, axis, options);
  }

  softmax(this: Tensor, axis?: number): Tensor {
    return softmax(this, axis);
  }

  logSoftmax(this: Tensor, axis?: number): Tensor {
    return logSoftmax(this, axis);
  }

  matmul(this: Tensor, b: Tensor): Tensor {
    return matmul(this, b);
  }

  reshape(this: Tensor, shape: Shape): Tensor {
    return reshape(this, shape);
  }

  flatten(this: Tensor, startAxis?: number, endAxis?: number): Tensor {
    return flatten(this, startAxis, endAxis);
  }

  squeeze(this: Tensor, axes?: number | readonly number[]): Tensor {
    return squeeze(this, axes);
  }

  unsqueeze(this: Tensor, axis: number): Tensor {
    return unsqueeze(this, axis);
  }

  transpose(this: Tensor, axis0?: number, axis1?: number): Tensor {
    return transpose(this, axis0, axis1);
  }

  permute(this: Tensor, order: readonly number[]): Tensor {
    return permute(this, order);
  }

  expand(this: Tensor, shape: Shape): Tensor {
    return expand(this, shape);
  }

  narrow(this: Tensor, axis: number, start: number, length: number): Tensor {
    return narrow(this, axis, start, length);
  }

  index(this: Tensor, ...parts: Index[]): Tensor {
    return index(this, ...parts);
  }

  gather(this: Tensor, axis: number, at: Tensor): Tensor {
    return gather(this, axis, at);
  }

  indexSelect(this: Tensor, axis: number, at: Tensor): Tensor {
    return indexSelect(this, axis, at);
  }

  contiguous(this: Tensor): Tensor {
    return contiguous(this);
  }

  clone(this: Tensor): Tensor {
    return clone(this);
  }

  to(this: Tensor, dtype: DType): Tensor {
    return to(this, dtype);
  }

  detach(this: Tensor): Tensor {
    return detach(this);
  }

  backward(this: Tensor, dy?: Tensor | null, options?: BackwardOptions): void {
    backward(this, dy, options);
  }

  registerHook(this: Tensor, hook: (grad: Tensor) => Tensor | undefined): () => void {
    return registerHook(this, hook);
  }

  retainGrad(this: Tensor): Tensor {
    return retainGrad(this);
  }
}

declare module "./tensor.ts" {
  interface Tensor extends TensorMethods {}
}

install(TensorMethods);
