/** Modules beside one another: residual connections and parallel branches. */
import { concat, formatShape, ShapeError, type Tensor, ValueError } from "@tapegrad/core";
import {
  type Blocks,
  choice,
  integer,
  module,
  modules,
  type NamedModules,
  optionalModule,
} from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";
import { Container } from "./container.ts";
import { sequential } from "./sequential.ts";

/** @throws ShapeError unless all are of one shape: a sum that broadcasts would hide a mistake */
function requireSameShapes(type: string, parts: readonly (readonly [string, Tensor])[]): void {
  const texts = parts.map(([name, x]) => `${name} is ${formatShape(x.shape)}`);
  const shapes = new Set(parts.map(([, x]) => formatShape(x.shape)));
  if (shapes.size > 1) {
    throw new ShapeError(`${type}: ${texts.join(", ")}; the shapes must be equal.`);
  }
}

/**
 * y = body(x) + shortcut(x), where the shortcut is x itself unless given. Shapes must be equal.
 *
 * He et al., Deep residual learning for image recognition, CVPR 2016.
 */
export class Residual extends Module {
  static override readonly layer = declareLayer(
    "residual",
    { body: module(), shortcut: optionalModule() },
    ({ body, shortcut }) => new Residual(body, shortcut),
  );

  body: Module;
  shortcut: Module | null;

  constructor(body: Module, shortcut: Module | null = null) {
    super({ body, shortcut });
    this.body = body;
    this.shortcut = shortcut;
  }

  forward(x: Tensor): Tensor {
    const y = this.body(x);
    const skipped = this.shortcut === null ? x : this.shortcut(x);
    requireSameShapes("residual", [
      ["body(x)", y],
      [this.shortcut === null ? "x" : "shortcut(x)", skipped],
    ]);
    return y.add(skipped);
  }
}

/** A module as it is, or a sequential of several. */
function asModule(block: Module | Blocks): Module {
  return block instanceof Module ? block : sequential(block);
}

/**
 * body(x) + x, or + shortcut(x): see {@link Residual}. Arrays and objects of modules become a sequential:
 * `residual([linear(8, 8), relu(), linear(8, 8)])`.
 */
export function residual(body: Module | Blocks, shortcut: Module | Blocks | null = null): Residual {
  return new Residual(asModule(body), shortcut === null ? null : asModule(shortcut));
}

const merges = ["concat", "sum", "mean", "mul"] as const;

/** How the outputs of parallel branches become one tensor. */
export type Merge = (typeof merges)[number];

export interface ParallelOptions {
  /** Default "concat". All others need outputs of one shape. */
  merge?: Merge;
  /** Where "concat" joins. Default 1, the channels or features. */
  axis?: number;
}

/** Every branch on the same input; their outputs concatenated, summed, averaged or multiplied. */
export class Parallel extends Container<[Tensor], Tensor> {
  static override readonly layer = declareLayer(
    "parallel",
    {
      branches: modules,
      merge: choice(merges, { fallback: "concat" }),
      axis: integer({ fallback: 1 }),
    },
    ({ branches, ...options }) => new Parallel(branches, options),
  );

  readonly merge: Merge;
  readonly axis: number;

  constructor(branches: Blocks, { merge = "concat", axis = 1 }: ParallelOptions = {}) {
    super(branches, "branches", { merge, axis });
    if (this.length === 0)
      throw new ValueError("parallel: there are no branches; it needs at least one.");
    this.merge = merge;
    this.axis = axis;
  }

  get branches(): NamedModules {
    return this.entries();
  }

  forward(x: Tensor): Tensor {
    const outputs = this.branches.map(([name, branch]) => [name, branch(x)] as const);
    const list = outputs.map(([, y]) => y);
    if (this.merge === "concat") return concat(list, this.axis);
    requireSameShapes(
      "parallel",
      outputs.map(([name, y]) => [`branch ${name}`, y]),
    );
    if (this.merge === "mul") return list.reduce((product, y) => product.mul(y));
    const sum = list.reduce((total, y) => total.add(y));
    return this.merge === "sum" ? sum : sum.div(list.length);
  }
}

/** Branches on the same input, merged: `parallel([conv2d(3, 8, 1), conv2d(3, 8, 3, { padding: 1 })])`. */
export function parallel(branches: Blocks, options?: ParallelOptions): Parallel {
  return new Parallel(branches, options);
}
