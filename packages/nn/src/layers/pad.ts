/**
 * Borders around the last axes of images; the function is core's `pad`. The padding is one number for all sides, or
 * [left, right], [left, right, top, bottom] or [left, right, top, bottom, front, back].
 */
import { type PadOptions, pad, type Tensor } from "@tapegrad/core";
import * as v from "valibot";
import { field, number } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { AnyModule } from "../module.ts";
import { Configured } from "./configured.ts";

/** One number for all sides, or one each: before and after along the last axis, then the one before it. */
export type Borders = number | readonly number[];

/** Negative ones take away. */
function borders(axes: number) {
  const whole = (n: unknown) => Number.isSafeInteger(n);
  const accepts = (given: unknown) =>
    whole(given) || (Array.isArray(given) && given.length === 2 * axes && given.every(whole));
  const sides = "left, right, top, bottom, front, back"
    .split(", ")
    .slice(0, 2 * axes)
    .join(", ");
  return field<Borders>(`a whole number, or an array of ${2 * axes}, [${sides}]`, (message) =>
    v.custom<Borders>(accepts, message),
  );
}

const padLayer = (type: string, axes: number, create: (padding: Borders) => AnyModule) =>
  declareLayer(type, { padding: borders(axes) }, ({ padding }) => create(padding));

/** x with elements around its last `axes` axes. */
function around(x: Tensor, padding: Borders, axes: number, options: PadOptions): Tensor {
  const sides = typeof padding === "number" ? new Array<number>(2 * axes).fill(padding) : padding;
  return pad(x, sides, options);
}

abstract class Pad extends Configured {
  declare readonly padding: Borders;

  constructor(padding: Borders) {
    super({ padding });
  }
}

/** Zeros around the last axis. */
export class ZeroPad1d extends Pad {
  static override readonly layer = padLayer("zeroPad1d", 1, (p) => new ZeroPad1d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 1, {});
  }
}

/** See {@link ZeroPad1d}. */
export function zeroPad1d(padding: Borders): ZeroPad1d {
  return new ZeroPad1d(padding);
}

/** Zeros around images [..., H, W]. */
export class ZeroPad2d extends Pad {
  static override readonly layer = padLayer("zeroPad2d", 2, (p) => new ZeroPad2d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 2, {});
  }
}

/** See {@link ZeroPad2d}. */
export function zeroPad2d(padding: Borders): ZeroPad2d {
  return new ZeroPad2d(padding);
}

/** Zeros around volumes [..., D, H, W]. */
export class ZeroPad3d extends Pad {
  static override readonly layer = padLayer("zeroPad3d", 3, (p) => new ZeroPad3d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 3, {});
  }
}

/** See {@link ZeroPad3d}. */
export function zeroPad3d(padding: Borders): ZeroPad3d {
  return new ZeroPad3d(padding);
}

/** Mirror images, in which the edge is not repeated, around the last axis. */
export class ReflectionPad1d extends Pad {
  static override readonly layer = padLayer("reflectionPad1d", 1, (p) => new ReflectionPad1d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 1, { mode: "reflect" });
  }
}

/** See {@link ReflectionPad1d}. */
export function reflectionPad1d(padding: Borders): ReflectionPad1d {
  return new ReflectionPad1d(padding);
}

/** Mirror images, in which the edge is not repeated, around images [..., H, W]. */
export class ReflectionPad2d extends Pad {
  static override readonly layer = padLayer("reflectionPad2d", 2, (p) => new ReflectionPad2d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 2, { mode: "reflect" });
  }
}

/** See {@link ReflectionPad2d}. */
export function reflectionPad2d(padding: Borders): ReflectionPad2d {
  return new ReflectionPad2d(padding);
}

/** Mirror images, in which the edge is not repeated, around volumes [..., D, H, W]. */
export class ReflectionPad3d extends Pad {
  static override readonly layer = padLayer("reflectionPad3d", 3, (p) => new ReflectionPad3d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 3, { mode: "reflect" });
  }
}

/** See {@link ReflectionPad3d}. */
export function reflectionPad3d(padding: Borders): ReflectionPad3d {
  return new ReflectionPad3d(padding);
}

/** Copies of the edge around the last axis. */
export class ReplicationPad1d extends Pad {
  static override readonly layer = padLayer("replicationPad1d", 1, (p) => new ReplicationPad1d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 1, { mode: "replicate" });
  }
}

/** See {@link ReplicationPad1d}. */
export function replicationPad1d(padding: Borders): ReplicationPad1d {
  return new ReplicationPad1d(padding);
}

/** Copies of the edge around images [..., H, W]. */
export class ReplicationPad2d extends Pad {
  static override readonly layer = padLayer("replicationPad2d", 2, (p) => new ReplicationPad2d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 2, { mode: "replicate" });
  }
}

/** See {@link ReplicationPad2d}. */
export function replicationPad2d(padding: Borders): ReplicationPad2d {
  return new ReplicationPad2d(padding);
}

/** Copies of the edge around volumes [..., D, H, W]. */
export class ReplicationPad3d extends Pad {
  static override readonly layer = padLayer("replicationPad3d", 3, (p) => new ReplicationPad3d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 3, { mode: "replicate" });
  }
}

/** See {@link ReplicationPad3d}. */
export function replicationPad3d(padding: Borders): ReplicationPad3d {
  return new ReplicationPad3d(padding);
}

/** Elements of the opposite side around the last axis. */
export class CircularPad1d extends Pad {
  static override readonly layer = padLayer("circularPad1d", 1, (p) => new CircularPad1d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 1, { mode: "circular" });
  }
}

/** See {@link CircularPad1d}. */
export function circularPad1d(padding: Borders): CircularPad1d {
  return new CircularPad1d(padding);
}

/** Elements of the opposite side around images [..., H, W]. */
export class CircularPad2d extends Pad {
  static override readonly layer = padLayer("circularPad2d", 2, (p) => new CircularPad2d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 2, { mode: "circular" });
  }
}

/** See {@link CircularPad2d}. */
export function circularPad2d(padding: Borders): CircularPad2d {
  return new CircularPad2d(padding);
}

/** Elements of the opposite side around volumes [..., D, H, W]. */
export class CircularPad3d extends Pad {
  static override readonly layer = padLayer("circularPad3d", 3, (p) => new CircularPad3d(p));

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 3, { mode: "circular" });
  }
}

/** See {@link CircularPad3d}. */
export function circularPad3d(padding: Borders): CircularPad3d {
  return new CircularPad3d(padding);
}

const constantLayer = (
  type: string,
  axes: number,
  create: (padding: Borders, value: number) => AnyModule,
) =>
  declareLayer(type, { padding: borders(axes), value: number() }, ({ padding, value }) =>
    create(padding, value),
  );

abstract class ConstantPad extends Configured {
  declare readonly padding: Borders;
  declare readonly value: number;

  constructor(padding: Borders, value: number) {
    super({ padding, value });
  }
}

/** A number around the last axis. */
export class ConstantPad1d extends ConstantPad {
  static override readonly layer = constantLayer(
    "constantPad1d",
    1,
    (...args) => new ConstantPad1d(...args),
  );

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 1, { value: this.value });
  }
}

/** See {@link ConstantPad1d}. */
export function constantPad1d(padding: Borders, value: number): ConstantPad1d {
  return new ConstantPad1d(padding, value);
}

/** A number around images [..., H, W]. */
export class ConstantPad2d extends ConstantPad {
  static override readonly layer = constantLayer(
    "constantPad2d",
    2,
    (...args) => new ConstantPad2d(...args),
  );

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 2, { value: this.value });
  }
}

/** See {@link ConstantPad2d}. */
export function constantPad2d(padding: Borders, value: number): ConstantPad2d {
  return new ConstantPad2d(padding, value);
}

/** A number around volumes [..., D, H, W]. */
export class ConstantPad3d extends ConstantPad {
  static override readonly layer = constantLayer(
    "constantPad3d",
    3,
    (...args) => new ConstantPad3d(...args),
  );

  forward(x: Tensor): Tensor {
    return around(x, this.padding, 3, { value: this.value });
  }
}

/** See {@link ConstantPad3d}. */
export function constantPad3d(padding: Borders, value: number): ConstantPad3d {
  return new ConstantPad3d(padding, value);
}
