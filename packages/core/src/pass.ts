import { defaultKernels, materialize, own, ReleasedError, type Storage } from "@tapegrad/kernels";
import { lookAtGradient, lookAtSum } from "./anomaly.ts";
import { describe } from "./apply.ts";
import type { DType } from "./dtype.ts";
import { engineOps } from "./engine-ops.ts";
import { GradError, ShapeError, TapegradError } from "./errors.ts";
import type { Form } from "./form.ts";
import { type Arrived, type Node, SavingNode, type WideNode } from "./node.ts";
import { observer } from "./observe.ts";
import type { Op } from "./op.ts";
import { setNodeAtHand } from "./saved.ts";
import { Packed } from "./saved-hooks.ts";
import { disown, drop, hold } from "./scope.ts";
import { formatShape, type Shape, sameShape, scalarShape } from "./shape.ts";
import { leafOp, type Watch } from "./tape.ts";
import {
  changeInPlace,
  gradState,
  newGradState,
  numberTensor,
  recordStorages,
  Tensor,
} from "./tensor.ts";

/** null for a gate on lone numbers that saved none; of others, what it saved has the form of its output. */
function formOfOutput(node: Node, slot: number): Form | null {
  if (node.detail !== null) return node.detail.outputs[slot]!;
  return node instanceof SavingNode && node.saved0 !== null ? node.saved0.form : null;
}

/** Marks a lone number that only a node's `dy` refers to, so that it may be added to in place. */
const summing = newGradState();

/** A weight of a scalar circuit gets a gradient from every use: one tensor takes them all. */
function sumNumbers(a: Tensor, b: Tensor): Tensor {
  const total = a.dtype === "float32" ? Math.fround(a.value + b.value) : a.value + b.value;
  if (a.state === summing) {
    a.value = total;
    return a;
  }
  const sum = numberTensor(total, a.dtype);
  sum.state = summing;
  return sum;
}

/** The state of one backward pass: what has arrived where, in which order to go on, whose memory is whose. */
export class Pass {
  private readonly heap: Node[] = [];
  /** Leaves come last: nothing follows them, and without them the heap stays small. */
  private readonly leaves: Node[] = [];
  /** Storages made since the last settling of accounts; none while the pass itself is being recorded. */
  readonly made: Storage[] = [];

  private readonly createGraph: boolean;
  /** Where gradients wait when this pass runs inside another one; null: in the nodes themselves. */
  private readonly elsewhere: Map<Node, Arrived> | null;
  private readonly needed: ReadonlySet<Node> | null;
  /** Whether results of rules are inspected, inside detectAnomaly. */
  private readonly watched: boolean;

  constructor(
    createGraph: boolean,
    elsewhere: Map<Node, Arrived> | null,
    needed: ReadonlySet<Node> | null,
    watched: boolean,
  ) {
    this.watched = watched;
    this.createGraph = createGraph;
    this.elsewhere = elsewhere;
    this.needed = needed;
  }

  /** Runs the node's rules and sends the results on. */
  visit(node: Node, dy: Arrived): void {
    const { op, detail } = node;
    const count = detail === null ? op.rules.length : detail.edges.length;
    const reader = op.savedOf;
    const previous = setNodeAtHand(node);
    const gradient = Array.isArray(dy)
      ? completed(node, dy)
      : op.named
        ? { [op.outputs[0]!]: dy }
        : dy;
    // The inputs and the output of a gate on lone numbers have one dtype.
    const lone = detail === null ? (gradient as Tensor).dtype : undefined;
    let i = 0;
    try {
      const together = detail === null ? null : this.together(op, detail, gradient as Tensor);
      for (; i < count; i++) {
        const edge = detail === null ? (i === 0 ? node.edge0 : node.edge1) : detail.edges[i]!;
        if (!this.wants(edge)) continue;
        const rule = op.rules[op.variadic ? 0 : i]!;
        const known = together === null ? undefined : together[op.inputs[i]!];
        const attrs = detail === null ? undefined : detail.attrs;
        const dx = known ?? rule(gradient as Tensor, reader, attrs, i);
        if (this.watched)
          lookAtGradient(node, i, gradient as Tensor | Record<string, Tensor>, dx, reader);
        const slot = detail === null || detail.slots === null ? 0 : detail.slots[i]!;
        const fits =
          detail === null &&
          dx instanceof Tensor &&
          dx.storage === null &&
          edge.detail === null &&
          dx.dtype === lone;
        const contribution = fits ? dx : this.fitted(op, i, dx, edge, slot, lone);
        if (observer !== null) tellFlowed(node, i, contribution);
        this.arrive(edge, slot, contribution);
        if (known !== undefined) this.drop(known);
      }
    } catch (error) {
      throw inRule(op, i, error);
    } finally {
      setNodeAtHand(previous);
      if (detail !== null) for (const x of detail.saved) if (x instanceof Packed) x.forget();
    }
    if (Array.isArray(dy)) {
      for (const part of dy) if (part !== null) this.drop(part);
    } else {
      this.drop(dy);
    }
  }

  /** Whether a gradient is to go on to the node. */
  private wants(edge: Node | null): edge is Node {
    return edge !== null && (this.needed === null || this.needed.has(edge));
  }

  /** Gradients that an op computes in one go, each held until it has gone on. */
  private together(op: Op, { edges, attrs }: WideNode, dy: Tensor): Record<string, Tensor> | null {
    const { gradTogether } = op.definition;
    if (gradTogether === undefined) return null;
    const wanted = op.inputs.filter((_, i) => this.wants(edges[i]!));
    const found = gradTogether(dy, op.savedOf, attrs, wanted);
    for (const dx of Object.values(found)) this.hold(dx);
    return found;
  }

  /** A rule's result, brought to the input's shape and dtype, or refused. */
  private fitted(
    op: Op,
    i: number,
    dx: unknown,
    edge: Node,
    slot: number,
    lone: DType | undefined,
  ): Tensor {
    const input = op.inputs[op.variadic ? 0 : i]!;
    if (!(dx instanceof Tensor)) {
      throw new GradError(
        `backward: the rule of ${op.name} for ${input} returned ${describe(dx)}; it must return a Tensor.`,
      );
    }
    const form = formOfOutput(edge, slot);
    // What has the input's own form needs no look at its parts.
    const result = dx.form === form ? dx : this.formed(op, input, dx, form, lone);
    // The storage that holds the result is spared; temporaries of the rule go back.
    this.settleAccounts(result.storage);
    return result;
  }

  private formed(
    op: Op,
    input: string,
    dx: Tensor,
    form: Form | null,
    lone: DType | undefined,
  ): Tensor {
    const shape = form === null ? scalarShape : form.shape;
    const dtype = form === null ? lone : form.dtype;
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
    if (dtype !== undefined && result.dtype !== dtype) {
      throw new GradError(
        `backward: the rule of ${op.name} for ${input} returned ${result.dtype}; the input is ${dtype}, and the result must be too.`,
      );
    }
    return result;
  }

  private settleAccounts(keep: Storage | null): void {
    // Popping is faster than setting a length.
    for (let storage = this.made.pop(); storage !== undefined; storage = this.made.pop()) {
      if (storage === keep) storage.isInternal = true;
      else disown(storage);
    }
  }

  /** Adds a gradient to what has arrived at an output of the node. */
  arrive(node: Node, slot: number, dx: Tensor): void {
    const waiting = this.elsewhere === null ? node.dy : (this.elsewhere.get(node) ?? null);
    if (waiting === null) {
      if (node.op === leafOp) this.leaves.push(node);
      else this.push(node);
    }
    let arrived: Arrived;
    if (node.detail !== null && node.detail.outputs.length > 1) {
      const parts = (waiting as (Tensor | null)[] | null) ?? node.detail.outputs.map(() => null);
      const before = parts[slot]!;
      parts[slot] = before === null ? this.hold(dx) : this.sum(node, before, dx);
      arrived = parts;
    } else {
      arrived = waiting === null ? this.hold(dx) : this.sum(node, waiting as Tensor, dx);
    }
    if (this.elsewhere === null) node.dy = arrived;
    else this.elsewhere.set(node, arrived);
  }

  take(node: Node): Arrived {
    const arrived = this.elsewhere === null ? node.dy! : this.elsewhere.get(node)!;
    if (this.elsewhere === null) node.dy = null;
    else this.elsewhere.delete(node);
    if (!Array.isArray(arrived) && arrived.state === summing) arrived.state = null;
    return arrived;
  }

  private hold(dx: Tensor): Tensor {
    if (dx.storage !== null) hold(dx.storage);
    return dx;
  }

  /** One reader fewer: the last one gives the memory back. */
  private drop(dx: Tensor): void {
    if (dx.storage !== null) drop(dx.storage);
  }

  /** Whether dx is a gradient that waits in one place only, seen by nobody. */
  private isOurs({ storage }: Tensor): boolean {
    return storage?.isInternal === true && storage.holders === 1;
  }

  private sum(node: Node, a: Tensor, b: Tensor): Tensor {
    if (this.watched) lookAtSum(node, a, b);
    if (a.storage === null && b.storage === null && !this.createGraph) return sumNumbers(a, b);
    if (this.isOurs(a) && a.isContiguous && a.storage !== b.storage && isReady(a) && isReady(b)) {
      own(a.storage!);
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
    if (dx.storage !== null) dx.storage.isInternal = false;
    return dx;
  }

  /** leaf.grad += dy; a gradient that only we hold becomes `grad` itself. */
  accumulate(leaf: Tensor, dy: Tensor): void {
    const state = gradState(leaf);
    const before = state.grad;
    if (before === null) {
      const ours = this.isOurs(dy) && dy.isContiguous;
      state.grad = ours || this.createGraph ? this.keep(dy) : engineOps.clone(dy);
      if (state.grad.storage !== null) materialize(state.grad.storage);
      // Only a gradient that is ours alone may go back unasked.
      state.gradSeen = this.createGraph;
    } else if (this.createGraph || before.requiresGrad || before.storage === null) {
      state.grad = engineOps.add(before, dy);
      state.gradSeen = this.createGraph;
    } else {
      changeInPlace(before, "backward", () => defaultKernels().binary("add", before, dy, before));
    }
    this.made.length = 0;
    this.drop(dy);
  }

  callHooks(list: readonly Watch[], dy: Arrived): Arrived {
    const parts = Array.isArray(dy) ? dy : [dy];
    for (const { slot, hook, retains } of [...list]) {
      if (retains !== undefined && observer?.arrived !== undefined) continue;
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
      this.drop(part);
      parts[slot] = this.hold(replaced);
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

/** Whether nothing is deferred: neither its elements, nor what will read them. */
function isReady({ storage }: Tensor): boolean {
  return storage === null || (storage.isFilled && storage.capture === null);
}

/** What an observer makes while it looks is no temporary of the pass. A function: closures in the loop would cost. */
function tellFlowed(node: Node, i: number, dx: Tensor): void {
  const recorder = recordStorages(null);
  try {
    observer?.flowed?.(node, i, dx);
  } finally {
    recordStorages(recorder);
  }
}

/** An error that a rule threw, with the op's and the input's name; those of the tape itself stay as they are. */
function inRule(op: Op, i: number, error: unknown): unknown {
  const input = op.inputs[op.variadic ? 0 : i];
  if (error instanceof ReleasedError) {
    return new GradError(
      `backward: the rule of ${op.name} for ${input} used a value whose memory was given back; a rule may use dy, what the op saves, and what it computes itself each time.`,
    );
  }
  if (
    error instanceof TapegradError &&
    !/^(backward|checkpoint|detectAnomaly|savedTensorHooks)/.test(error.message)
  ) {
    error.message = `backward, in the rule of ${op.name} for ${input}: ${error.message}`;
  }
  return error;
}

/** By name, with zeros where nothing arrived. */
function completed(node: Node, parts: (Tensor | null)[]): Record<string, Tensor> {
  const { outputs } = node.detail!;
  const record: Record<string, Tensor> = {};
  // Every rule of the node reads the zeros, so they are no temporaries of the first one.
  const recorder = recordStorages(null);
  node.op.outputs.forEach((name, i) => {
    const { shape, dtype } = outputs[i]!;
    record[name] = parts[i] ?? engineOps.zeros(shape, dtype);
  });
  recordStorages(recorder);
  return record;
}

function broadcastsTo(shape: Shape, target: Shape): boolean {
  const lead = target.length - shape.length;
  return lead >= 0 && shape.every((size, i) => size === 1 || size === target[i + lead]);
}
