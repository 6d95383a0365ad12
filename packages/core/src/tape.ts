import { defaultKernels, release, type Storage } from "@tapegrad/kernels";
import { engineOps } from "./engine-ops.ts";
import { GradError, ShapeError } from "./errors.ts";
import { type Arrived, Node } from "./node.ts";
import { describe, Op } from "./op.ts";
import { formatShape, type Shape, sameShape, scalarShape } from "./shape.ts";
import {
  emptyTensor,
  gradState,
  numberTensor,
  recordStorages,
  setRequiresGrad,
  Tensor,
} from "./tensor.ts";

// ---------------------------------------------------------------------------------------------
// Whether ops are recorded

let gradEnabled = true;

export function isGradEnabled(): boolean {
  return gradEnabled;
}

function withGrad<T>(name: string, enabled: boolean, f: () => T): T {
  const previous = gradEnabled;
  gradEnabled = enabled;
  try {
    const result = f();
    if (result instanceof Promise) {
      throw new GradError(
        `${name}: the function returned a promise; the mode ends at its first await, so wrap the synchronous parts instead.`,
      );
    }
    return result;
  } finally {
    gradEnabled = previous;
  }
}

/** Runs f without recording: results require no gradient, leaves may be changed in place. */
export function noGrad<T>(f: () => T): T {
  return withGrad("noGrad", false, f);
}

/** Runs f with recording, also inside noGrad. */
export function enableGrad<T>(f: () => T): T {
  return withGrad("enableGrad", true, f);
}

// ---------------------------------------------------------------------------------------------
// Edges

/** Stands at the end of every path: brings the gradient to the leaf in `saved0`. */
let leafOp: Op | null = null;

function leafNode(x: Tensor): Node {
  leafOp ??= new Op({ name: "accumulateGrad", inputs: [], grad: {} });
  return new Node(leafOp, null, null, x, null, null);
}

/** @internal Whether x is followed by the tape; brings a view up to date with its base first. */
export function needsGrad(x: Tensor): boolean {
  const view = x.viewOf;
  if (view !== null && view.node !== view.base.node) {
    view.node = view.base.node;
    x.node = engineOps.reviewNode(x);
    setRequiresGrad(x, x.node !== null);
  }
  return x.requiresGrad;
}

/** @internal The node to which a gradient of x goes. Only for x that needs one. */
export function edgeOf(x: Tensor): Node {
  if (x.node !== null) return x.node;
  const state = gradState(x);
  state.leaf ??= leafNode(x);
  return state.leaf;
}

/** @internal */
export function slotOf(x: Tensor): number {
  return x.state === null ? 0 : x.state.slot;
}

// ---------------------------------------------------------------------------------------------
// Hooks

interface Watch {
  slot: number;
  hook: (grad: Tensor) => Tensor | undefined;
}

const watches = new WeakMap<Node, Watch[]>();
let anyWatched = false;

/**
 * Calls `hook` with the gradient of x once it is complete, in every backward pass; what it returns,
 * if anything, takes the gradient's place.
 *
 * @returns a function that removes the hook
 * @throws GradError if x needs no gradient
 */
export function registerHook(x: Tensor, hook: (grad: Tensor) => Tensor | undefined): () => void {
  if (!needsGrad(x)) {
    throw new GradError(
      "registerHook: the tensor requires no gradient, so the hook would never run; call requiresGrad_() first.",
    );
  }
  const node = edgeOf(x);
  const watch: Watch = { slot: slotOf(x), hook: hook as Watch["hook"] };
  const list = watches.get(node) ?? [];
  list.push(watch);
  watches.set(node, list);
  anyWatched = true;
  return () => {
    const at = list.indexOf(watch);
    if (at >= 0) list.splice(at, 1);
  };
}

/** Keeps the gradient of a tensor that an op made: `backward` fills its `grad` as it does a leaf's. */
export function retainGrad(x: Tensor): Tensor {
  if (x.isLeaf && needsGrad(x)) return x;
  registerHook(x, (dy) => {
    x.grad = x.grad === null ? dy : engineOps.add(x.grad, dy);
  });
  return x;
}

// ---------------------------------------------------------------------------------------------
// Backward

export interface BackwardOptions {
  /** Keep saved values, so that backward can run again. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the backward pass itself, for derivatives of derivatives. Default false. */
  createGraph?: boolean;
  /** Fill `grad` of these tensors only. Default: of all leaves. */
  inputs?: readonly Tensor[];
}

/**
 * Walks the tape back from y and adds ∂(Σ y·dy)/∂leaf to `leaf.grad` of every leaf that requires grad.
 *
 * @param dy  gradient arriving at y, of y's shape and dtype; may be left out when y has one element
 * @throws GradError if y is not on the tape, if dy is missing, or if saved values are freed or changed
 * @throws ShapeError if dy's shape is not y's
 */
export function backward(y: Tensor, dy?: Tensor | null, options: BackwardOptions = {}): void {
  const createGraph = options.createGraph ?? false;
  const retainGraph = options.retainGraph ?? createGraph;
  const seed = seedOf("backward", y, dy);
  if (options.inputs === undefined) {
    run([y], [seed], retainGraph, createGraph, null);
    return;
  }
  const targets = [...options.inputs];
  for (const [i, gradient] of capture(
    "backward",
    [y],
    [seed],
    targets,
    retainGraph,
    createGraph,
  ).entries()) {
    const x = targets[i]!;
    if (gradient !== null) x.grad = x.grad === null ? gradient : engineOps.add(x.grad, gradient);
  }
}

export interface GradOptions extends Omit<BackwardOptions, "inputs"> {
  /** Gradients arriving at the outputs; needed for outputs of more than one element. */
  gradOutputs?: readonly (Tensor | null | undefined)[];
  /** Give null for an input that the outputs don't depend on, instead of an error. */
  allowUnused?: boolean;
}

/**
 * ∂(Σ outputs·gradOutputs)/∂input for each input, returned; no `grad` is touched.
 *
 * @throws GradError if an output doesn't depend on an input (unless `allowUnused`)
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options?: GradOptions,
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const createGraph = options.createGraph ?? false;
  const roots = outputs instanceof Tensor ? [outputs] : [...outputs];
  const seeds = roots.map((y, i) => seedOf("grad", y, options.gradOutputs?.[i]));
  const found = capture(
    "grad",
    roots,
    seeds,
    inputs,
    options.retainGraph ?? createGraph,
    createGraph,
  );
  const unused = found.indexOf(null);
  if (unused >= 0 && options.allowUnused !== true) {
    throw new GradError(
      `grad: the outputs do not depend on input ${unused} (shape ${formatShape(inputs[unused]!.shape)}); pass { allowUnused: true } to get null for it.`,
    );
  }
  return found;
}

function seedOf(name: string, y: Tensor, dy: Tensor | null | undefined): Tensor {
  if (!(y instanceof Tensor))
    throw new GradError(`${name}: got ${describe(y)}; it must be a Tensor.`);
  if (!needsGrad(y)) {
    throw new GradError(
      `${name}: the tensor of shape ${formatShape(y.shape)} is not on the tape: nothing it was made from requires grad; ` +
        "call requiresGrad_() on the inputs or parameters before the forward pass, outside of noGrad.",
    );
  }
  if (dy === undefined || dy === null) {
    if (y.size !== 1) {
      throw new GradError(
        `${name}: the tensor has shape ${formatShape(y.shape)}; only a tensor of one element has an implied gradient of 1. ` +
          `Pass dy of shape ${formatShape(y.shape)}, or reduce first: sum() or mean().`,
      );
    }
    if (y.shape.length === 0) return numberTensor(1, y.dtype);
    const ones = emptyTensor(y.shape, y.dtype);
    defaultKernels().fill(1, ones);
    return ones;
  }
  if (!sameShape(dy.shape, y.shape)) {
    throw new ShapeError(
      `${name}: dy has shape ${formatShape(dy.shape)} and the tensor ${formatShape(y.shape)}; they must be equal.`,
    );
  }
  return dy.dtype === y.dtype ? dy : engineOps.to(dy, y.dtype);
}

/** Gradients of chosen tensors, walking only the nodes that lead to them. */
function capture(
  name: string,
  roots: readonly Tensor[],
  seeds: readonly Tensor[],
  inputs: readonly Tensor[],
  retainGraph: boolean,
  createGraph: boolean,
): (Tensor | null)[] {
  inputs.forEach((x, i) => {
    if (!needsGrad(x)) {
      throw new GradError(
        `${name}: input ${i} (shape ${formatShape(x.shape)}) requires no gradient; call requiresGrad_() before the forward pass.`,
      );
    }
  });
  const targets: Targets = { nodes: new Map(), needed: new Set() };
  inputs.forEach((x, i) => {
    const node = edgeOf(x);
    const list = targets.nodes.get(node) ?? [];
    list.push({ slot: slotOf(x), at: i });
    targets.nodes.set(node, list);
  });
  targets.needed = nodesLeadingTo(targets.nodes, roots);
  const found = new Array<Tensor | null>(inputs.length).fill(null);
  run(roots, seeds, retainGraph, createGraph, { ...targets, found });
  return found;
}

interface Targets {
  nodes: Map<Node, { slot: number; at: number }[]>;
  needed: Set<Node>;
}

interface Capture extends Targets {
  found: (Tensor | null)[];
}

function nodesLeadingTo(targets: ReadonlyMap<Node, unknown>, roots: readonly Tensor[]): Set<Node> {
  const seen = new Set<Node>(roots.map(edgeOf));
  // A set iterates over what is added meanwhile, so this visits everything reachable.
  for (const node of seen) for (const next of node.nextFunctions) if (next !== null) seen.add(next);
  const needed = new Set<Node>();
  for (const node of [...seen].sort((a, b) => a.sequence - b.sequence)) {
    if (targets.has(node) || node.nextFunctions.some((next) => next !== null && needed.has(next)))
      needed.add(node);
  }
  return needed;
}

let depth = 0;

/** One walk over the tape: by descending sequence number from a heap, without recursion. */
function run(
  roots: readonly Tensor[],
  seeds: readonly Tensor[],
  retainGraph: boolean,
  createGraph: boolean,
  targets: Capture | null,
): void {
  // A backward pass that starts inside another one (from a hook, a checkpoint) may meet the same nodes.
  const pass = new Pass(createGraph, depth === 0 ? null : new Map(), targets?.needed ?? null);
  const previousMode = gradEnabled;
  gradEnabled = createGraph;
  const previousRecorder = recordStorages(createGraph ? null : pass.made);
  depth++;
  try {
    roots.forEach((y, i) => {
      pass.arrive(edgeOf(y), slotOf(y), seeds[i]!);
    });
    for (let node = pass.next(); node !== null; node = pass.next()) {
      let dy = pass.take(node);
      if (anyWatched) dy = pass.callHooks(node, dy);
      if (targets !== null) {
        for (const { slot, at } of targets.nodes.get(node) ?? []) {
          const gradient = Array.isArray(dy) ? dy[slot] : dy;
          if (gradient) targets.found[at] = pass.keep(gradient);
        }
      }
      if (node.op === leafOp) {
        if (targets === null) pass.accumulate(node.saved0!, dy as Tensor);
        continue;
      }
      pass.visit(node, dy);
      if (!retainGraph) freeSaved(node);
    }
  } finally {
    depth--;
    gradEnabled = previousMode;
    recordStorages(previousRecorder);
    pass.close();
  }
}

function freeSaved(node: Node): void {
  node.saved0 = null;
  node.saved1 = null;
  if (node.detail === null) return;
  const { saved } = node.detail;
  for (let i = 0; i < saved.length; i++) if (saved[i] instanceof Tensor) saved[i] = null;
}

function outputShape(node: Node, slot: number): Shape {
  if (node.detail !== null) return node.detail.shapes[slot]!;
  return node.op === leafOp ? node.saved0!.shape : scalarShape;
}

/** The state of one backward pass: what has arrived where, in which order to go on, whose memory is whose. */
class Pass {
  private readonly heap: Node[] = [];
  /** Leaves come last: nothing follows them, and without them the heap stays small. */
  private readonly leaves: Node[] = [];
  /**
   * Storages that this pass made and nobody else has seen, with the number of arrived gradients that
   * show them. At 0 the memory goes back at once. Empty while the pass itself is being recorded.
   */
  private readonly owned = new Map<Storage, number>();
  /** Storages made since the last settling of accounts. */
  readonly made: Storage[] = [];

  private readonly createGraph: boolean;
  /** Where gradients wait when this pass runs inside another one; null: in the nodes themselves. */
  private readonly elsewhere: Map<Node, Arrived> | null;
  private readonly needed: ReadonlySet<Node> | null;

  constructor(
    createGraph: boolean,
    elsewhere: Map<Node, Arrived> | null,
    needed: ReadonlySet<Node> | null,
  ) {
    this.createGraph = createGraph;
    this.elsewhere = elsewhere;
    this.needed = needed;
  }

  /** Runs the node's rules and sends the results on. */
  visit(node: Node, dy: Arrived): void {
    const { op, detail } = node;
    const count = detail === null ? op.rules.length : detail.edges.length;
    const reader = op.savedOf;
    const previous = reader.node;
    const gradient = Array.isArray(dy) ? completed(node, dy) : dy;
    try {
      for (let i = 0; i < count; i++) {
        const edge = detail === null ? (i === 0 ? node.edge0 : node.edge1) : detail.edges[i]!;
        if (edge === null || (this.needed !== null && !this.needed.has(edge))) continue;
        reader.node = node;
        const rule = op.rules[op.variadic ? 0 : i]!;
        const dx = rule(gradient as Tensor, reader, detail === null ? undefined : detail.attrs, i);
        const slot = detail === null || detail.slots === null ? 0 : detail.slots[i]!;
        if (
          detail === null &&
          dx instanceof Tensor &&
          dx.storage === null &&
          edge.detail === null
        ) {
          this.arrive(edge, slot, dx);
        } else {
          this.arrive(edge, slot, this.fitted(op, i, dx, edge, slot));
        }
      }
    } finally {
      reader.node = previous;
    }
    if (Array.isArray(dy)) {
      for (const part of dy) if (part !== null) this.drop(part);
    } else {
      this.drop(dy);
    }
  }

  /** A rule's result, brought to the input's shape and dtype, or refused. */
  private fitted(op: Op, i: number, dx: unknown, edge: Node, slot: number): Tensor {
    const input = op.inputs[op.variadic ? 0 : i]!;
    if (!(dx instanceof Tensor)) {
      throw new GradError(
        `backward: the rule of ${op.name} for ${input} returned ${describe(dx)}; it must return a Tensor.`,
      );
    }
    const shape = outputShape(edge, slot);
    let result = dx;
    if (!sameShape(dx.shape, shape)) {
      if (!broadcastsTo(shape, dx.shape)) {
        throw new GradError(
          `backward: the rule of ${op.name} for ${input} returned shape ${formatShape(dx.shape)}; ` +
            `the input has ${formatShape(shape)}, and the result must have that shape or one that it broadcasts to.`,
        );
      }
      result = engineOps.sumTo(dx, shape);
    }
    const dtype = edge.detail === null ? edge.saved0?.dtype : edge.detail.dtypes[slot];
    if (dtype !== undefined && result.dtype !== dtype) {
      throw new GradError(
        `backward: the rule of ${op.name} for ${input} returned ${result.dtype}; the input is ${dtype}, and the result must be too.`,
      );
    }
    // The storage that holds the result is spared; temporaries of the rule go back.
    this.settleAccounts(result.storage);
    return result;
  }

  private settleAccounts(keep: Storage | null): void {
    for (const storage of this.made) {
      if (storage === keep) this.owned.set(storage, 0);
      else release(storage);
    }
    this.made.length = 0;
  }

  /** Adds a gradient to what has arrived at an output of the node. */
  arrive(node: Node, slot: number, dx: Tensor): void {
    const waiting = this.elsewhere === null ? node.dy : (this.elsewhere.get(node) ?? null);
    if (waiting === null) {
      if (node.op === leafOp) this.leaves.push(node);
      else this.push(node);
    }
    let arrived: Arrived;
    if (node.detail !== null && node.detail.shapes.length > 1) {
      const parts = (waiting as (Tensor | null)[] | null) ?? node.detail.shapes.map(() => null);
      const before = parts[slot]!;
      parts[slot] = before === null ? this.hold(dx) : this.sum(before, dx);
      arrived = parts;
    } else {
      arrived = waiting === null ? this.hold(dx) : this.sum(waiting as Tensor, dx);
    }
    if (this.elsewhere === null) node.dy = arrived;
    else this.elsewhere.set(node, arrived);
  }

  take(node: Node): Arrived {
    const arrived = this.elsewhere === null ? node.dy! : this.elsewhere.get(node)!;
    if (this.elsewhere === null) node.dy = null;
    else this.elsewhere.delete(node);
    return arrived;
  }

  private hold(dx: Tensor): Tensor {
    if (dx.storage === null) return dx;
    const count = this.owned.get(dx.storage);
    if (count !== undefined) this.owned.set(dx.storage, count + 1);
    return dx;
  }

  /** One reader fewer: the last one gives the memory back. */
  private drop(dx: Tensor): void {
    if (dx.storage === null) return;
    const count = this.owned.get(dx.storage);
    if (count === undefined) return;
    if (count > 1) {
      this.owned.set(dx.storage, count - 1);
    } else {
      this.owned.delete(dx.storage);
      release(dx.storage);
    }
  }

  private sum(a: Tensor, b: Tensor): Tensor {
    if (
      a.storage !== null &&
      this.owned.get(a.storage) === 1 &&
      a.isContiguous &&
      a.storage !== b.storage
    ) {
      defaultKernels().binary("add", a, b, a);
      this.hold(b);
      this.drop(b);
      return a;
    }
    const total = engineOps.add(a, b);
    this.settleAccounts(total.storage);
    this.hold(b);
    this.drop(b);
    this.drop(a);
    return this.hold(total);
  }

  /** The gradient leaves the pass: users may hold it, so its memory is theirs. */
  keep(dx: Tensor): Tensor {
    if (dx.storage !== null) this.owned.delete(dx.storage);
    return dx;
  }

  /** leaf.grad += dy; a gradient that only we hold becomes `grad` itself. */
  accumulate(leaf: Tensor, dy: Tensor): void {
    const state = gradState(leaf);
    const before = state.grad;
    if (before === null) {
      const ours = dy.storage !== null && this.owned.get(dy.storage) === 1 && dy.isContiguous;
      state.grad = ours || this.createGraph ? this.keep(dy) : engineOps.clone(dy);
      // Only a gradient that is ours alone may go back unasked.
      state.gradSeen = this.createGraph;
    } else if (this.createGraph || before.requiresGrad || before.storage === null) {
      state.grad = engineOps.add(before, dy);
      state.gradSeen = this.createGraph;
    } else {
      defaultKernels().binary("add", before, dy, before);
      before.storage.version++;
      before.storage.changedBy = "backward";
    }
    this.made.length = 0;
    this.drop(dy);
  }

  callHooks(node: Node, dy: Arrived): Arrived {
    const list = watches.get(node);
    if (list === undefined) return dy;
    const parts = Array.isArray(dy) ? dy : [dy];
    for (const { slot, hook } of [...list]) {
      const part = parts[slot];
      if (!part) continue;
      const before = recordStorages(null);
      const replaced = hook(this.keep(part));
      recordStorages(before);
      if (replaced === undefined) continue;
      if (!(replaced instanceof Tensor) || !sameShape(replaced.shape, part.shape)) {
        throw new ShapeError(
          `registerHook: the hook returned ${replaced instanceof Tensor ? `shape ${formatShape(replaced.shape)}` : describe(replaced)}; ` +
            `it must return nothing, or a Tensor of the gradient's shape ${formatShape(part.shape)}.`,
        );
      }
      parts[slot] = replaced;
    }
    return Array.isArray(dy) ? parts : parts[0]!;
  }

  /** After an error, gradients that wait in nodes must not leak into the next pass. */
  close(): void {
    if (this.elsewhere !== null) return;
    for (const node of this.heap) node.dy = null;
    for (const node of this.leaves) node.dy = null;
  }

  // A binary heap, the latest node first.

  private push(node: Node): void {
    const { heap } = this;
    let i = heap.length;
    heap.push(node);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.sequence >= node.sequence) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = node;
  }

  next(): Node | null {
    const { heap } = this;
    if (heap.length === 0) return this.leaves.pop() ?? null;
    const first = heap[0]!;
    const last = heap.pop()!;
    const size = heap.length;
    if (size > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= size) break;
        if (child + 1 < size && heap[child + 1]!.sequence > heap[child]!.sequence) child++;
        if (heap[child]!.sequence <= last.sequence) break;
        heap[i] = heap[child]!;
        i = child;
      }
      heap[i] = last;
    }
    return first;
  }
}

/** By name, with zeros where nothing arrived. */
function completed(node: Node, parts: (Tensor | null)[]): Record<string, Tensor> {
  const { shapes, dtypes } = node.detail!;
  const record: Record<string, Tensor> = {};
  node.op.outputs.forEach((name, i) => {
    record[name] = parts[i] ?? engineOps.zeros(shapes[i]!, dtypes[i]!);
  });
  return record;
}

function broadcastsTo(shape: Shape, target: Shape): boolean {
  const lead = target.length - shape.length;
  return lead >= 0 && shape.every((size, i) => size === 1 || size === target[i + lead]);
}
