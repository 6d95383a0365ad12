/** Activations without arguments; the functions, with their gradients at kinks, are core's. */
import {
  hardsigmoid as hardsigmoidOf,
  hardswish as hardswishOf,
  logSigmoid as logSigmoidOf,
  mish as mishOf,
  relu6 as relu6Of,
  relu as reluOf,
  selu as seluOf,
  sigmoid as sigmoidOf,
  silu as siluOf,
  softsign as softsignOf,
  type Tensor,
  tanh as tanhOf,
  tanhshrink as tanhshrinkOf,
} from "@tapegrad/core";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";

/** y = max(x, 0). */
export class ReLU extends Module {
  static override readonly layer = declareLayer("relu", {}, () => new ReLU());

  forward(x: Tensor): Tensor {
    return reluOf(x);
  }
}

/** See {@link ReLU}. */
export function relu(): ReLU {
  return new ReLU();
}

/** y = min(max(x, 0), 6). */
export class ReLU6 extends Module {
  static override readonly layer = declareLayer("relu6", {}, () => new ReLU6());

  forward(x: Tensor): Tensor {
    return relu6Of(x);
  }
}

/** See {@link ReLU6}. */
export function relu6(): ReLU6 {
  return new ReLU6();
}

/** y = 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module {
  static override readonly layer = declareLayer("sigmoid", {}, () => new Sigmoid());

  forward(x: Tensor): Tensor {
    return sigmoidOf(x);
  }
}

/** See {@link Sigmoid}. */
export function sigmoid(): Sigmoid {
  return new Sigmoid();
}

/** y = −ln(1 + e⁻ˣ), without overflow. */
export class LogSigmoid extends Module {
  static override readonly layer = declareLayer("logSigmoid", {}, () => new LogSigmoid());

  forward(x: Tensor): Tensor {
    return logSigmoidOf(x);
  }
}

/** See {@link LogSigmoid}. */
export function logSigmoid(): LogSigmoid {
  return new LogSigmoid();
}

/** y = tanh(x). */
export class Tanh extends Module {
  static override readonly layer = declareLayer("tanh", {}, () => new Tanh());

  forward(x: Tensor): Tensor {
    return tanhOf(x);
  }
}

/** See {@link Tanh}. */
export function tanh(): Tanh {
  return new Tanh();
}

/** y = x − tanh(x). */
export class Tanhshrink extends Module {
  static override readonly layer = declareLayer("tanhshrink", {}, () => new Tanhshrink());

  forward(x: Tensor): Tensor {
    return tanhshrinkOf(x);
  }
}

/** See {@link Tanhshrink}. */
export function tanhshrink(): Tanhshrink {
  return new Tanhshrink();
}

/**
 * y = scale·elu(x, alpha) with the constants that keep mean 0 and variance 1.
 *
 * Klambauer et al., Self-Normalizing Neural Networks, NeurIPS 2017.
 */
export class SELU extends Module {
  static override readonly layer = declareLayer("selu", {}, () => new SELU());

  forward(x: Tensor): Tensor {
    return seluOf(x);
  }
}

/** See {@link SELU}. */
export function selu(): SELU {
  return new SELU();
}

/** y = x·σ(x), also called swish. */
export class SiLU extends Module {
  static override readonly layer = declareLayer("silu", {}, () => new SiLU());

  forward(x: Tensor): Tensor {
    return siluOf(x);
  }
}

/** See {@link SiLU}. */
export function silu(): SiLU {
  return new SiLU();
}

/** y = x·tanh(ln(1 + eˣ)). */
export class Mish extends Module {
  static override readonly layer = declareLayer("mish", {}, () => new Mish());

  forward(x: Tensor): Tensor {
    return mishOf(x);
  }
}

/** See {@link Mish}. */
export function mish(): Mish {
  return new Mish();
}

/** y = min(max(x + 3, 0), 6) / 6. */
export class Hardsigmoid extends Module {
  static override readonly layer = declareLayer("hardsigmoid", {}, () => new Hardsigmoid());

  forward(x: Tensor): Tensor {
    return hardsigmoidOf(x);
  }
}

/** See {@link Hardsigmoid}. */
export function hardsigmoid(): Hardsigmoid {
  return new Hardsigmoid();
}

/** y = x·min(max(x + 3, 0), 6) / 6. */
export class Hardswish extends Module {
  static override readonly layer = declareLayer("hardswish", {}, () => new Hardswish());

  forward(x: Tensor): Tensor {
    return hardswishOf(x);
  }
}

/** See {@link Hardswish}. */
export function hardswish(): Hardswish {
  return new Hardswish();
}

/** y = x / (1 + |x|). */
export class Softsign extends Module {
  static override readonly layer = declareLayer("softsign", {}, () => new Softsign());

  forward(x: Tensor): Tensor {
    return softsignOf(x);
  }
}

/** See {@link Softsign}. */
export function softsign(): Softsign {
  return new Softsign();
}
