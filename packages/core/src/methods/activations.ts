/** Activation functions and softmax as methods; see the functions of the same names. */
import {
  celu,
  elu,
  type GeluOptions,
  gelu,
  glu,
  type HardtanhOptions,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  mish,
  prelu,
  relu6,
  type SoftplusOptions,
  selu,
  silu,
  softplus,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from "../ops/activations.ts";
import { logSoftmax, softmax } from "../ops/softmax.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";
import { replace } from "./replace.ts";

class ActivationMethods {
  softmax(this: Tensor, axis?: number): Tensor {
    return softmax(this, axis);
  }

  logSoftmax(this: Tensor, axis?: number): Tensor {
    return logSoftmax(this, axis);
  }

  logSigmoid(this: Tensor): Tensor {
    return logSigmoid(this);
  }

  logSigmoid_(this: Tensor): Tensor {
    return replace(this, "logSigmoid", logSigmoid);
  }

  selu(this: Tensor): Tensor {
    return selu(this);
  }

  selu_(this: Tensor): Tensor {
    return replace(this, "selu", selu);
  }

  silu(this: Tensor): Tensor {
    return silu(this);
  }

  silu_(this: Tensor): Tensor {
    return replace(this, "silu", silu);
  }

  mish(this: Tensor): Tensor {
    return mish(this);
  }

  mish_(this: Tensor): Tensor {
    return replace(this, "mish", mish);
  }

  relu6(this: Tensor): Tensor {
    return relu6(this);
  }

  relu6_(this: Tensor): Tensor {
    return replace(this, "relu6", relu6);
  }

  hardsigmoid(this: Tensor): Tensor {
    return hardsigmoid(this);
  }

  hardsigmoid_(this: Tensor): Tensor {
    return replace(this, "hardsigmoid", hardsigmoid);
  }

  hardswish(this: Tensor): Tensor {
    return hardswish(this);
  }

  hardswish_(this: Tensor): Tensor {
    return replace(this, "hardswish", hardswish);
  }

  tanhshrink(this: Tensor): Tensor {
    return tanhshrink(this);
  }

  tanhshrink_(this: Tensor): Tensor {
    return replace(this, "tanhshrink", tanhshrink);
  }

  softsign(this: Tensor): Tensor {
    return softsign(this);
  }

  softsign_(this: Tensor): Tensor {
    return replace(this, "softsign", softsign);
  }

  softplus(this: Tensor, options?: SoftplusOptions): Tensor {
    return softplus(this, options);
  }

  leakyRelu(this: Tensor, negativeSlope?: number): Tensor {
    return leakyRelu(this, negativeSlope);
  }

  leakyRelu_(this: Tensor, negativeSlope?: number): Tensor {
    return replace(this, "leakyRelu", (x) => leakyRelu(x, negativeSlope));
  }

  prelu(this: Tensor, weight: Tensor): Tensor {
    return prelu(this, weight);
  }

  elu(this: Tensor, alpha?: number): Tensor {
    return elu(this, alpha);
  }

  elu_(this: Tensor, alpha?: number): Tensor {
    return replace(this, "elu", (x) => elu(x, alpha));
  }

  celu(this: Tensor, alpha?: number): Tensor {
    return celu(this, alpha);
  }

  celu_(this: Tensor, alpha?: number): Tensor {
    return replace(this, "celu", (x) => celu(x, alpha));
  }

  gelu(this: Tensor, options?: GeluOptions): Tensor {
    return gelu(this, options);
  }

  hardtanh(this: Tensor, options?: HardtanhOptions): Tensor {
    return hardtanh(this, options);
  }

  hardtanh_(this: Tensor, options?: HardtanhOptions): Tensor {
    return replace(this, "hardtanh", (x) => hardtanh(x, options));
  }

  hardshrink(this: Tensor, lambda?: number): Tensor {
    return hardshrink(this, lambda);
  }

  softshrink(this: Tensor, lambda?: number): Tensor {
    return softshrink(this, lambda);
  }

  threshold(this: Tensor, limit: number, value: number): Tensor {
    return threshold(this, limit, value);
  }

  threshold_(this: Tensor, limit: number, value: number): Tensor {
    return replace(this, "threshold", (x) => threshold(x, limit, value));
  }

  glu(this: Tensor, axis?: number): Tensor {
    return glu(this, axis);
  }
}

declare module "../tensor.ts" {
  interface Tensor extends ActivationMethods {}
}

install(ActivationMethods);
