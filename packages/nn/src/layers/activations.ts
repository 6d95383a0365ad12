/** Activations without parameters; the functions, with their formulas and gradients, are core's. */
import {
  logSoftmax as logSoftmaxOf,
  relu as reluOf,
  sigmoid as sigmoidOf,
  softmax as softmaxOf,
  type Tensor,
  tanh as tanhOf,
} from "@tapegrad/core";
import { integer } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";

/** y = max(x, 0). */
export class ReLU extends Module {
  static override readonly layer = declareLayer("relu", {}, () => new ReLU());

  forward(x: Tensor): Tensor {
    return reluOf(x);
  }
}

export function relu(): ReLU {
  return new ReLU();
}

/** y = 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module {
  static override readonly layer = declareLayer("sigmoid", {}, () => new Sigmoid());

  forward(x: Tensor): Tensor {
    return sigmoidOf(x);
  }
}

export function sigmoid(): Sigmoid {
  return new Sigmoid();
}

/** y = tanh(x). */
export class Tanh extends Module {
  static override readonly layer = declareLayer("tanh", {}, () => new Tanh());

  forward(x: Tensor): Tensor {
    return tanhOf(x);
  }
}

export function tanh(): Tanh {
  return new Tanh();
}

/** yᵢ = eˣⁱ / Σⱼ eˣʲ along an axis, the last by default. */
export class Softmax extends Module {
  static override readonly layer = declareLayer(
    "softmax",
    { axis: integer({ fallback: -1 }) },
    ({ axis }) => new Softmax(axis),
  );

  readonly axis: number;

  constructor(axis = -1) {
    super({ axis });
    this.axis = axis;
  }

  forward(x: Tensor): Tensor {
    return softmaxOf(x, this.axis);
  }
}

export function softmax(axis?: number): Softmax {
  return new Softmax(axis);
}

/** yᵢ = xᵢ − ln Σⱼ eˣʲ along an axis, the last by default. */
export class LogSoftmax extends Module {
  static override readonly layer = declareLayer(
    "logSoftmax",
    { axis: integer({ fallback: -1 }) },
    ({ axis }) => new LogSoftmax(axis),
  );

  readonly axis: number;

  constructor(axis = -1) {
    super({ axis });
    this.axis = axis;
  }

  forward(x: Tensor): Tensor {
    return logSoftmaxOf(x, this.axis);
  }
}

export function logSoftmax(axis?: number): LogSoftmax {
  return new LogSoftmax(axis);
}
