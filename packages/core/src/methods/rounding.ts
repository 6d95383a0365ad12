/** Rounding, bounds, truth values and bits as methods; see the functions of the same names. */
import { applyInPlace } from "../apply.ts";
import type { TensorLike } from "../op.ts";
import { where } from "../ops/compare.ts";
import {
  allclose,
  bitwiseAnd,
  bitwiseLeftShift,
  bitwiseNot,
  bitwiseOr,
  bitwiseRightShift,
  bitwiseXor,
  type CloseOptions,
  isclose,
  isfinite,
  isinf,
  isnan,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
} from "../ops/logic.ts";
import {
  addcdiv,
  addcmul,
  ceil,
  ceilOp,
  clamp,
  copysign,
  floor,
  floorDivide,
  floorOp,
  fmax,
  fmin,
  fmod,
  frac,
  heaviside,
  lerp,
  type NanToNumOptions,
  nanToNum,
  type RoundOptions,
  remainder,
  round,
  trunc,
  truncOp,
  type ValueOptions,
} from "../ops/rounding.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";
import { replace } from "./replace.ts";

class RoundingMethods {
  floor(this: Tensor): Tensor {
    return floor(this);
  }

  floor_(this: Tensor): Tensor {
    return applyInPlace(floorOp.op, this, []);
  }

  ceil(this: Tensor): Tensor {
    return ceil(this);
  }

  ceil_(this: Tensor): Tensor {
    return applyInPlace(ceilOp.op, this, []);
  }

  trunc(this: Tensor): Tensor {
    return trunc(this);
  }

  trunc_(this: Tensor): Tensor {
    return applyInPlace(truncOp.op, this, []);
  }

  round(this: Tensor, options?: RoundOptions): Tensor {
    return round(this, options);
  }

  round_(this: Tensor, options?: RoundOptions): Tensor {
    return replace(this, "round", (x) => round(x, options));
  }

  frac(this: Tensor): Tensor {
    return frac(this);
  }

  frac_(this: Tensor): Tensor {
    return replace(this, "frac", frac);
  }

  fmod(this: Tensor, b: TensorLike): Tensor {
    return fmod(this, b);
  }

  fmod_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "fmod", (x) => fmod(x, b));
  }

  remainder(this: Tensor, b: TensorLike): Tensor {
    return remainder(this, b);
  }

  remainder_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "remainder", (x) => remainder(x, b));
  }

  floorDivide(this: Tensor, b: TensorLike): Tensor {
    return floorDivide(this, b);
  }

  floorDivide_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "floorDivide", (x) => floorDivide(x, b));
  }

  clamp(this: Tensor, min?: TensorLike | null, max?: TensorLike | null): Tensor {
    return clamp(this, min, max);
  }

  clamp_(this: Tensor, min?: TensorLike | null, max?: TensorLike | null): Tensor {
    return replace(this, "clamp", (x) => clamp(x, min, max));
  }

  fmax(this: Tensor, b: TensorLike): Tensor {
    return fmax(this, b);
  }

  fmin(this: Tensor, b: TensorLike): Tensor {
    return fmin(this, b);
  }

  copysign(this: Tensor, b: TensorLike): Tensor {
    return copysign(this, b);
  }

  copysign_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(copysign.op, this, [b]);
  }

  heaviside(this: Tensor, value: TensorLike): Tensor {
    return heaviside(this, value);
  }

  heaviside_(this: Tensor, value: TensorLike): Tensor {
    return replace(this, "heaviside", (x) => heaviside(x, value));
  }

  lerp(this: Tensor, b: Tensor, weight: TensorLike): Tensor {
    return lerp(this, b, weight);
  }

  lerp_(this: Tensor, b: Tensor, weight: TensorLike): Tensor {
    return replace(this, "lerp", (x) => lerp(x, b, weight));
  }

  addcmul(this: Tensor, a: TensorLike, b: TensorLike, options?: ValueOptions): Tensor {
    return addcmul(this, a, b, options);
  }

  addcmul_(this: Tensor, a: TensorLike, b: TensorLike, options?: ValueOptions): Tensor {
    return replace(this, "addcmul", (x) => addcmul(x, a, b, options));
  }

  addcdiv(this: Tensor, a: TensorLike, b: TensorLike, options?: ValueOptions): Tensor {
    return addcdiv(this, a, b, options);
  }

  addcdiv_(this: Tensor, a: TensorLike, b: TensorLike, options?: ValueOptions): Tensor {
    return replace(this, "addcdiv", (x) => addcdiv(x, a, b, options));
  }

  nanToNum(this: Tensor, options?: NanToNumOptions): Tensor {
    return nanToNum(this, options);
  }

  nanToNum_(this: Tensor, options?: NanToNumOptions): Tensor {
    return replace(this, "nanToNum", (x) => nanToNum(x, options));
  }

  /** This tensor's elements where the condition holds, else b's. */
  where(this: Tensor, condition: Tensor, b: TensorLike): Tensor {
    return where(condition, this, b);
  }

  isnan(this: Tensor): Tensor {
    return isnan(this);
  }

  isinf(this: Tensor): Tensor {
    return isinf(this);
  }

  isfinite(this: Tensor): Tensor {
    return isfinite(this);
  }

  isclose(this: Tensor, b: TensorLike, options?: CloseOptions): Tensor {
    return isclose(this, b, options);
  }

  allclose(this: Tensor, b: TensorLike, options?: CloseOptions): boolean {
    return allclose(this, b, options);
  }

  logicalAnd(this: Tensor, b: TensorLike): Tensor {
    return logicalAnd(this, b);
  }

  logicalAnd_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "logicalAnd", (x) => logicalAnd(x, b));
  }

  logicalOr(this: Tensor, b: TensorLike): Tensor {
    return logicalOr(this, b);
  }

  logicalOr_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "logicalOr", (x) => logicalOr(x, b));
  }

  logicalXor(this: Tensor, b: TensorLike): Tensor {
    return logicalXor(this, b);
  }

  logicalXor_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "logicalXor", (x) => logicalXor(x, b));
  }

  bitwiseAnd(this: Tensor, b: TensorLike): Tensor {
    return bitwiseAnd(this, b);
  }

  bitwiseAnd_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "bitwiseAnd", (x) => bitwiseAnd(x, b));
  }

  bitwiseOr(this: Tensor, b: TensorLike): Tensor {
    return bitwiseOr(this, b);
  }

  bitwiseOr_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "bitwiseOr", (x) => bitwiseOr(x, b));
  }

  bitwiseXor(this: Tensor, b: TensorLike): Tensor {
    return bitwiseXor(this, b);
  }

  bitwiseXor_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "bitwiseXor", (x) => bitwiseXor(x, b));
  }

  bitwiseLeftShift(this: Tensor, b: TensorLike): Tensor {
    return bitwiseLeftShift(this, b);
  }

  bitwiseLeftShift_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "bitwiseLeftShift", (x) => bitwiseLeftShift(x, b));
  }

  bitwiseRightShift(this: Tensor, b: TensorLike): Tensor {
    return bitwiseRightShift(this, b);
  }

  bitwiseRightShift_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "bitwiseRightShift", (x) => bitwiseRightShift(x, b));
  }

  logicalNot(this: Tensor): Tensor {
    return logicalNot(this);
  }

  logicalNot_(this: Tensor): Tensor {
    return replace(this, "logicalNot", logicalNot);
  }

  bitwiseNot(this: Tensor): Tensor {
    return bitwiseNot(this);
  }

  bitwiseNot_(this: Tensor): Tensor {
    return replace(this, "bitwiseNot", bitwiseNot);
  }
}

declare module "../tensor.ts" {
  interface Tensor extends RoundingMethods {}
}

install(RoundingMethods);
