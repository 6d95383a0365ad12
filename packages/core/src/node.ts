import type { DType } from "./dtype.ts";
import type { Op } from "./op.ts";
import type { Packed } from "./saved-hooks.ts";
import type { Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

let sequence = 0;
let modulePath = "";

/** @internal Nodes made from now on belong to this module ("" = none); returns the path before. */
export function setModulePath(path: string): string {
  const previous = modulePath;
  modulePath = path;
  return previous;
}

/** The path of the module whose forward pass is running ("" outside of any). */
export function currentModulePath(): string {
  return modulePath;
}

/** What a node holds beyond the lone-number case: any number of inputs, outputs and saved values. */
export interface NodeDetail {
  edges: (Node | null)[];
  /** Which output of the node at `edges[i]` was the input; null when all are output 0. */
  slots: number[] | null;
  /** In the order of `op.saves`: a tensor (perhaps packed), or the shape of one; null after it was freed. */
  saved: (Tensor | Packed | Shape | null)[];
  versions: number[];
  attrs: unknown;
  shapes: Shape[];
  dtypes: DType[];
}

/** The gradient that has arrived at a node's output, or at each of its outputs. */
export type Arrived = Tensor | (Tensor | null)[];

/**
 * One recorded operation. Holds no closure: the op knows the rules, the node what they need.
 * Gates on lone numbers fit into the fixed fields, at 80 bytes a gate; others have `detail`.
 */
export class Node {
  readonly op: Op;
  /** Later nodes have larger numbers, so descending order is a valid order for backward. */
  readonly sequence: number;
  /** Path of the module in whose forward pass the op ran, "" outside. */
  readonly module: string;
  /** @internal The gradient that has arrived so far in the running backward pass. */
  dy: Arrived | null;
  /** @internal */
  edge0: Node | null;
  /** @internal */
  edge1: Node | null;
  /** @internal null for a gate on lone numbers. */
  readonly detail: NodeDetail | null;

  /** @internal */
  constructor(op: Op, edge0: Node | null, edge1: Node | null, detail: NodeDetail | null) {
    this.op = op;
    this.sequence = ++sequence;
    this.module = modulePath;
    this.dy = null;
    this.edge0 = edge0;
    this.edge1 = edge1;
    this.detail = detail;
  }

  get name(): string {
    return this.op.name;
  }

  /** The nodes that made the inputs, in order; null where an input needs no gradient. */
  get nextFunctions(): (Node | null)[] {
    if (this.detail !== null) return [...this.detail.edges];
    return [this.edge0, this.edge1].slice(0, this.op.arity);
  }

  toString(): string {
    return `<${this.name}>`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** A gate on lone numbers that saves up to two of them; also the end of a path, which "saves" its leaf. */
export class SavingNode extends Node {
  /** @internal null once freed. */
  saved0: Tensor | null;
  /** @internal */
  saved1: Tensor | null;
  /** @internal Versions of the two when they were saved. */
  readonly version0: number;
  /** @internal */
  readonly version1: number;

  /** @internal */
  constructor(
    op: Op,
    edge0: Node | null,
    edge1: Node | null,
    saved0: Tensor,
    saved1: Tensor | null,
  ) {
    super(op, edge0, edge1, null);
    this.saved0 = saved0;
    this.saved1 = saved1;
    this.version0 = saved0.version;
    this.version1 = saved1 === null ? 0 : saved1.version;
  }
}
