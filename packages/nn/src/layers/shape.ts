import { flatten as flattenOf, type Tensor } from "@tapegrad/core";
import { integer } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";

/** Joins the axes from startAxis to endAxis, both included; by default all but the first, the batch. */
export class Flatten extends Module {
  static override readonly layer = declareLayer(
    "flatten",
    { startAxis: integer({ fallback: 1 }), endAxis: integer({ fallback: -1 }) },
    ({ startAxis, endAxis }) => new Flatten(startAxis, endAxis),
  );

  readonly startAxis: number;
  readonly endAxis: number;

  constructor(startAxis = 1, endAxis = -1) {
    super({ startAxis, endAxis });
    this.startAxis = startAxis;
    this.endAxis = endAxis;
  }

  forward(x: Tensor): Tensor {
    return flattenOf(x, this.startAxis, this.endAxis);
  }
}

export function flatten(startAxis?: number, endAxis?: number): Flatten {
  return new Flatten(startAxis, endAxis);
}

/** y = x. */
export class Identity extends Module {
  static override readonly layer = declareLayer("identity", {}, () => new Identity());

  forward(x: Tensor): Tensor {
    return x;
  }
}

export function identity(): Identity {
  return new Identity();
}
