/** Elementary and special functions as methods; see the functions of the same names. */
import { applyInPlace } from "../apply.ts";
import type { TensorLike } from "../op.ts";
import {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atan2,
  atanh,
  cbrt,
  cosh,
  exp2,
  expm1,
  hypot,
  log1p,
  log2,
  log10,
  rsqrt,
  sinc,
  sinh,
  tan,
} from "../ops/math.ts";
import {
  digamma,
  erf,
  erfc,
  erfinv,
  type LogitOptions,
  lgamma,
  logaddexp,
  logaddexp2,
  logit,
  polygamma,
  xlogy,
} from "../ops/special.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";
import { replace } from "./replace.ts";

class MathMethods {
  exp2(this: Tensor): Tensor {
    return exp2(this);
  }

  exp2_(this: Tensor): Tensor {
    return applyInPlace(exp2.op, this, []);
  }

  expm1(this: Tensor): Tensor {
    return expm1(this);
  }

  expm1_(this: Tensor): Tensor {
    return applyInPlace(expm1.op, this, []);
  }

  log2(this: Tensor): Tensor {
    return log2(this);
  }

  log2_(this: Tensor): Tensor {
    return applyInPlace(log2.op, this, []);
  }

  log10(this: Tensor): Tensor {
    return log10(this);
  }

  log10_(this: Tensor): Tensor {
    return applyInPlace(log10.op, this, []);
  }

  log1p(this: Tensor): Tensor {
    return log1p(this);
  }

  log1p_(this: Tensor): Tensor {
    return applyInPlace(log1p.op, this, []);
  }

  cbrt(this: Tensor): Tensor {
    return cbrt(this);
  }

  cbrt_(this: Tensor): Tensor {
    return applyInPlace(cbrt.op, this, []);
  }

  tan(this: Tensor): Tensor {
    return tan(this);
  }

  tan_(this: Tensor): Tensor {
    return applyInPlace(tan.op, this, []);
  }

  asin(this: Tensor): Tensor {
    return asin(this);
  }

  asin_(this: Tensor): Tensor {
    return applyInPlace(asin.op, this, []);
  }

  acos(this: Tensor): Tensor {
    return acos(this);
  }

  acos_(this: Tensor): Tensor {
    return applyInPlace(acos.op, this, []);
  }

  atan(this: Tensor): Tensor {
    return atan(this);
  }

  atan_(this: Tensor): Tensor {
    return applyInPlace(atan.op, this, []);
  }

  sinh(this: Tensor): Tensor {
    return sinh(this);
  }

  sinh_(this: Tensor): Tensor {
    return applyInPlace(sinh.op, this, []);
  }

  cosh(this: Tensor): Tensor {
    return cosh(this);
  }

  cosh_(this: Tensor): Tensor {
    return applyInPlace(cosh.op, this, []);
  }

  asinh(this: Tensor): Tensor {
    return asinh(this);
  }

  asinh_(this: Tensor): Tensor {
    return applyInPlace(asinh.op, this, []);
  }

  acosh(this: Tensor): Tensor {
    return acosh(this);
  }

  acosh_(this: Tensor): Tensor {
    return applyInPlace(acosh.op, this, []);
  }

  atanh(this: Tensor): Tensor {
    return atanh(this);
  }

  atanh_(this: Tensor): Tensor {
    return applyInPlace(atanh.op, this, []);
  }

  rsqrt(this: Tensor): Tensor {
    return rsqrt(this);
  }

  rsqrt_(this: Tensor): Tensor {
    return replace(this, "rsqrt", rsqrt);
  }

  sinc(this: Tensor): Tensor {
    return sinc(this);
  }

  sinc_(this: Tensor): Tensor {
    return replace(this, "sinc", sinc);
  }

  erf(this: Tensor): Tensor {
    return erf(this);
  }

  erf_(this: Tensor): Tensor {
    return applyInPlace(erf.op, this, []);
  }

  erfc(this: Tensor): Tensor {
    return erfc(this);
  }

  erfc_(this: Tensor): Tensor {
    return applyInPlace(erfc.op, this, []);
  }

  erfinv(this: Tensor): Tensor {
    return erfinv(this);
  }

  erfinv_(this: Tensor): Tensor {
    return applyInPlace(erfinv.op, this, []);
  }

  lgamma(this: Tensor): Tensor {
    return lgamma(this);
  }

  lgamma_(this: Tensor): Tensor {
    return applyInPlace(lgamma.op, this, []);
  }

  digamma(this: Tensor): Tensor {
    return digamma(this);
  }

  digamma_(this: Tensor): Tensor {
    return applyInPlace(digamma.op, this, []);
  }

  polygamma(this: Tensor, order: number): Tensor {
    return polygamma(order, this);
  }

  atan2(this: Tensor, b: TensorLike): Tensor {
    return atan2(this, b);
  }

  atan2_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(atan2.op, this, [b]);
  }

  hypot(this: Tensor, b: TensorLike): Tensor {
    return hypot(this, b);
  }

  hypot_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(hypot.op, this, [b]);
  }

  logaddexp(this: Tensor, b: TensorLike): Tensor {
    return logaddexp(this, b);
  }

  logaddexp_(this: Tensor, b: TensorLike): Tensor {
    return applyInPlace(logaddexp.op, this, [b]);
  }

  logaddexp2(this: Tensor, b: TensorLike): Tensor {
    return logaddexp2(this, b);
  }

  logaddexp2_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "logaddexp2", (x) => logaddexp2(x, b));
  }

  xlogy(this: Tensor, b: TensorLike): Tensor {
    return xlogy(this, b);
  }

  xlogy_(this: Tensor, b: TensorLike): Tensor {
    return replace(this, "xlogy", (x) => xlogy(x, b));
  }

  logit(this: Tensor, options?: LogitOptions): Tensor {
    return logit(this, options);
  }

  logit_(this: Tensor, options?: LogitOptions): Tensor {
    return replace(this, "logit", (x) => logit(x, options));
  }
}

declare module "../tensor.ts" {
  interface Tensor extends MathMethods {}
}

install(MathMethods);
