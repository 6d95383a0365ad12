/** Arithmetic, elementary functions and comparisons as methods; see the functions of the same names. */
import { applyInPlace } from "../apply.ts";
import { isFloat } from "../dtype.ts";
import type { TensorLike } from "../op.ts";
import { eq, ge, gt, le, lt, ne } from "../ops/compare.ts";
import {
  type AlphaOptions,
  abs,
  add,
  checkExponent,
  cos,
  type DivideOptions,
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
} from "../ops/elementwise.ts";
import { copyOp, to } from "../ops/layout.ts";
import { checkedRounding, roundedDivideOp } from "../ops/rounding.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";
import { replace } from "./replace.ts";

class ElementwiseMethods {
  add(this: Tensor, b: TensorLike, options?: AlphaOptions): Tensor {
    return add(this, b, options);
  }

  sub(this: Tensor, b: TensorLike, options?: AlphaOptions): Tensor {
    return sub(this, b, options);
  }

  mul(this: Tensor, b: TensorLike): Tensor {
    return mul(this, b);
  }

  div(this: Tensor, b: TensorLike, options?: DivideOptions): Tensor {
    return div(this, b, options);
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

  div_(this: Tensor, b: TensorLike, { roundingMode: mode }: DivideOptions = {}): Tensor {
    if (mode === undefined || mode === null) return applyInPlace(div.op, this, [b]);
    const [, divisor] = checkedRounding("div_", mode, this, b);
    return applyInPlace(roundedDivideOp.op, this, [divisor], mode, "div_");
  }

  pow_(this: Tensor, b: TensorLike): Tensor {
    if (isFloat(this.dtype)) return applyInPlace(pow.op, this, [b]);
    checkExponent("pow_", b);
    return applyInPlace(wholePow.op, this, [b], undefined, "pow_");
  }

  sign_(this: Tensor): Tensor {
    return applyInPlace(sign.op, this, []);
  }

  maximum_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(maximum.op, this, [b]);
  }

  minimum_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(minimum.op, this, [b]);
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
    return applyInPlace(copyOp.op, this, [b], undefined, "copy_", "clone");
  }

  /** Every element becomes the value. */
  fill_(this: Tensor, value: number): Tensor {
    return applyInPlace(copyOp.op, this, [value], undefined, "fill_", "full");
  }

  /** Every element becomes 0. */
  zero_(this: Tensor): Tensor {
    return applyInPlace(copyOp.op, this, [0], undefined, "zero_", "zerosLike");
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

  // In place: 1 where the relation holds, else 0, in the tensor's dtype; flat, so no gradient passes.

  eq_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "eq", (x) => to(eq(x, b), x.dtype));
  }

  ne_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "ne", (x) => to(ne(x, b), x.dtype));
  }

  lt_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "lt", (x) => to(lt(x, b), x.dtype));
  }

  le_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "le", (x) => to(le(x, b), x.dtype));
  }

  gt_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "gt", (x) => to(gt(x, b), x.dtype));
  }

  ge_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "ge", (x) => to(ge(x, b), x.dtype));
  }
}

declare module "../tensor.ts" {
  interface Tensor extends ElementwiseMethods {}
}

install(ElementwiseMethods);
