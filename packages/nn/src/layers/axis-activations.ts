/** Activations along an axis; the functions are core's. */
import {
  formatShape,
  glu as gluOf,
  logSoftmax as logSoftmaxOf,
  max,
  ShapeError,
  softmax as softmaxOf,
  softmin as softminOf,
  type Tensor,
  unflatten,
} from "@tapegrad/core";
import { integer, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { AnyModule } from "../module.ts";
import { Module } from "../module.ts";
import { Configured } from "./configured.ts";

const axisLayer = (type: string, create: (axis: number) => AnyModule) =>
  declareLayer(type, { axis: integer({ fallback: -1 }) }, ({ axis }) => create(axis));

abstract class AlongAxis extends Configured {
  declare readonly axis: number;

  constructor(axis?: number) {
    super({ axis });
  }
}

/** yᵢ = eˣⁱ / Σⱼ eˣʲ along an axis, the last by default. */
export class Softmax extends AlongAxis {
  static override readonly layer = axisLayer("softmax", (axis) => new Softmax(axis));

  forward(x: Tensor): Tensor {
    return softmaxOf(x, this.axis);
  }
}

/** See {@link Softmax}. */
export function softmax(axis?: number): Softmax {
  return new Softmax(axis);
}

/** yᵢ = xᵢ − ln Σⱼ eˣʲ along an axis, the last by default. */
export class LogSoftmax extends AlongAxis {
  static override readonly layer = axisLayer("logSoftmax", (axis) => new LogSoftmax(axis));

  forward(x: Tensor): Tensor {
    return logSoftmaxOf(x, this.axis);
  }
}

/** See {@link LogSoftmax}. */
export function logSoftmax(axis?: number): LogSoftmax {
  return new LogSoftmax(axis);
}

/** yᵢ = e⁻ˣⁱ / Σⱼ e⁻ˣʲ along an axis, the last by default. */
export class Softmin extends AlongAxis {
  static override readonly layer = axisLayer("softmin", (axis) => new Softmin(axis));

  forward(x: Tensor): Tensor {
    return softminOf(x, this.axis);
  }
}

/** See {@link Softmin}. */
export function softmin(axis?: number): Softmin {
  return new Softmin(axis);
}

/**
 * y = a·σ(b), where a and b are the halves of x along an axis, the last by default, whose size is even.
 *
 * Dauphin et al., Language Modeling with Gated Convolutional Networks, ICML 2017.
 */
export class GLU extends AlongAxis {
  static override readonly layer = axisLayer("glu", (axis) => new GLU(axis));

  forward(x: Tensor): Tensor {
    return gluOf(x, this.axis);
  }
}

/** See {@link GLU}. */
export function glu(axis?: number): GLU {
  return new GLU(axis);
}

/** Softmax over the channels of each place: input [N, C, H, W] or [C, H, W]. */
export class Softmax2d extends Module {
  static override readonly layer = declareLayer("softmax2d", {}, () => new Softmax2d());

  forward(x: Tensor): Tensor {
    if (x.rank !== 3 && x.rank !== 4) {
      throw new ShapeError(
        `softmax2d: x is ${formatShape(x.shape)}; it must be [N, C, H, W] or [C, H, W].`,
      );
    }
    return softmaxOf(x, -3);
  }
}

/** See {@link Softmax2d}. */
export function softmax2d(): Softmax2d {
  return new Softmax2d();
}

/**
 * The largest of every `pieces` neighbours along an axis, by default that of channels: after a linear layer or a
 * convolution with k times as many outputs, the maximum of k affine functions of its input. The gradient goes to the
 * largest, the first among equals.
 *
 * Input [N, k·C, …], output [N, C, …].
 *
 * Goodfellow et al., Maxout Networks, ICML 2013.
 */
export class Maxout extends Configured {
  static override readonly layer = declareLayer(
    "maxout",
    { pieces: size(), axis: integer({ fallback: 1, quiet: true }) },
    ({ pieces, axis }) => new Maxout(pieces, axis),
  );

  declare readonly pieces: number;
  declare readonly axis: number;

  constructor(pieces: number, axis?: number) {
    super({ pieces, axis });
  }

  forward(x: Tensor): Tensor {
    const { pieces, axis } = this;
    const width = x.shape.at(axis);
    if (width === undefined || width % pieces !== 0) {
      throw new ShapeError(
        `maxout: x is ${formatShape(x.shape)}; its axis ${axis} must have a multiple of ${pieces} elements.`,
      );
    }
    const at = axis < 0 ? x.rank + axis : axis;
    return max(unflatten(x, at, [width / pieces, pieces]), at + 1).values;
  }
}

/** See {@link Maxout}. */
export function maxout(pieces: number, axis?: number): Maxout {
  return new Maxout(pieces, axis);
}
