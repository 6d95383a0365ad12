import type { Form } from "./form.ts";
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

/** What nodes of one op have in common that are made one after the other: they share it, for the sake of small nodes. */
export class Origin {
  readonly op: Op;
  readonly module: string;
  /** Of two saved lone numbers: version0 + VERSIONS · version1. */
  readonly versions: number;

  constructor(op: Op, module: string, versions: number) {
    this.op = op;
    this.module = module;
    this.versions = versions;
  }
}

/** Two versions in one number. */
const VERSIONS = 2 ** 26;

function originOf(op: Op, versions: number): Origin {
  const { origin } = op;
  if (origin?.module === modulePath && origin.versions === versions) return origin;
  op.origin = new Origin(op, modulePath, versions);
  return op.origin;
}

/** The gradient that has arrived at a node's output, or at each of its outputs. */
export type Arrived = Tensor | (Tensor | null)[];

/**
 * One recorded operation. Holds no closure: the op knows the rules, the node what they need.
 * Gates on lone numbers fit into the fixed fields, at 64 bytes a gate; others are a {@link WideNode}.
 */
export class Node {
  /** @internal */
  protected readonly origin: Origin;
  /** Later nodes have larger numbers, so descending order is a valid order for backward. */
  readonly sequence: number;
  /** @internal The gradient that has arrived so far in the running backward pass. */
  dy: Arrived | null;
  /** @internal */
  edge0: Node | null;
  /** @internal */
  edge1: Node | null;

  /** @internal */
  constructor(op: Op, edge0: Node | null, edge1: Node | null, versions = 0) {
    this.origin = originOf(op, versions);
    this.sequence = ++sequence;
    this.dy = null;
    this.edge0 = edge0;
    this.edge1 = edge1;
  }

  get op(): Op {
    return this.origin.op;
  }

  /** Path of the module in whose forward pass the op ran, "" outside. */
  get module(): string {
    return this.origin.module;
  }

  /** @internal null for a gate on lone numbers. */
  get detail(): WideNode | null {
    return null;
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

  /** @internal */
  constructor(
    op: Op,
    edge0: Node | null,
    edge1: Node | null,
    saved0: Tensor,
    saved1: Tensor | null,
  ) {
    const versions = saved0.version + (saved1 === null ? 0 : VERSIONS * saved1.version);
    super(op, edge0, edge1, versions);
    this.saved0 = saved0;
    this.saved1 = saved1;
  }

  /** @internal The version of a number when it was saved. */
  versionOf(i: number): number {
    const { versions } = this.origin;
    return i === 0 ? versions % VERSIONS : Math.floor(versions / VERSIONS);
  }
}

/** A node with any number of inputs, outputs and saved values. */
export class WideNode extends Node {
  /** @internal */
  readonly edges: (Node | null)[];
  /** @internal Which output of the node at `edges[i]` was the input; null when all are output 0. */
  readonly slots: number[] | null;
  /** @internal In the order of `op.saves`: a tensor (perhaps packed), or the shape of one; null after it was freed. */
  readonly saved: (Tensor | Packed | Shape | null)[];
  /** @internal */
  readonly versions: number[];
  /** @internal */
  readonly attrs: unknown;
  /** @internal */
  readonly outputs: Form[];

  /** @internal With room for what is saved, and for the outputs. */
  constructor(
    op: Op,
    edges: (Node | null)[],
    slots: number[] | null,
    attrs: unknown,
    outputs: number,
  ) {
    super(op, null, null);
    this.edges = edges;
    this.slots = slots;
    // Of exact length: an empty array that is pushed to takes room for sixteen.
    this.saved = new Array(op.sources.length);
    this.versions = new Array(op.sources.length);
    this.attrs = attrs;
    this.outputs = new Array(outputs);
  }

  override get detail(): this {
    return this;
  }
}
