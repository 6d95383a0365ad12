/** The tape itself: whether it records, which node a tensor's gradient goes to, and who listens there. */
import { refuseBatched } from "./batched.ts";
import { engineOps } from "./engine-ops.ts";
import { GradError } from "./errors.ts";
import { type Node, SavingNode } from "./node.ts";
import { Op } from "./op.ts";
import {
  gradState,
  isInferring,
  recordStorages,
  setInferring,
  setRequiresGrad,
  type Tensor,
} from "./tensor.ts";

// ---------------------------------------------------------------------------------------------
// Whether ops are recorded

let gradEnabled = true;

/** Whether ops are recorded now; see {@link noGrad} and {@link enableGrad}. */
export function isGradEnabled(): boolean {
  return gradEnabled;
}

/** @internal Sets the mode and returns the one before. */
export function setGradEnabled(enabled: boolean): boolean {
  const previous = gradEnabled;
  gradEnabled = enabled;
  return previous;
}

/**
 * @internal Runs f, then `restore`, also after an error: a mode lasts as long as f does.
 * @throws GradError for a promise, whose rest would run outside of the mode
 */
export function scoped<T>(name: string, f: () => T, restore: () => void): T {
  try {
    const result = f();
    if (result instanceof Promise) {
      throw new GradError(
        `${name}: the function returned a promise; the mode ends at its first await, so wrap the synchronous parts instead.`,
      );
    }
    return result;
  } finally {
    restore();
  }
}

function withGrad<T>(name: string, enabled: boolean, f: () => T): T {
  const previous = setGradEnabled(enabled && !isInferring());
  return scoped(name, f, () => setGradEnabled(previous));
}

/** Runs f without recording: results require no gradient, leaves may be changed in place. */
export function noGrad<T>(f: () => T): T {
  return withGrad("noGrad", false, f);
}

/** Runs f with recording, also inside noGrad; inside inferenceMode nothing records. */
export function enableGrad<T>(f: () => T): T {
  return withGrad("enableGrad", true, f);
}

/**
 * Runs f as {@link noGrad} does, and marks what it makes: a mistaken use of such a tensor where backward
 * would need it is an error instead of a wrong gradient. clone() outside makes an ordinary tensor of one.
 */
export function inferenceMode<T>(f: () => T): T {
  const previous = setInferring(true);
  try {
    return withGrad("inferenceMode", false, f);
  } finally {
    setInferring(previous);
  }
}

// ---------------------------------------------------------------------------------------------
// Edges

/** @internal Stands at the end of every path: brings the gradient to a leaf. Made with the first leaf. */
export let leafOp: Op | null = null;

function leafNode(x: Tensor): Node {
  leafOp ??= new Op({ name: "accumulateGrad", inputs: [], grad: {} });
  return new SavingNode(leafOp, null, null, x, null);
}

/** @internal The leaf at the end of a path. */
export function leafOf(node: Node): Tensor {
  return (node as SavingNode).saved0!;
}

/** @internal Whether x is followed by the tape; brings a view up to date with its base first. */
export function needsGrad(x: Tensor): boolean {
  const view = x.viewOf;
  if (view !== null && view.node !== view.base.node) {
    view.node = view.base.node;
    x.node = engineOps.reviewNode(x);
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

/** @internal A hook, and the output whose gradient it sees. */
export interface Watch {
  slot: number;
  hook: (grad: Tensor) => Tensor | undefined;
  /** The tensor whose gradient it keeps, if it is retainGrad's. */
  retains?: Tensor;
}

const watches = new WeakMap<Node, Watch[]>();
let anyWatched = false;

/** @internal The hooks at a node; a program without hooks pays one comparison. */
export function watchesOf(node: Node): readonly Watch[] | undefined {
  return anyWatched ? watches.get(node) : undefined;
}

/**
 * Calls `hook` with the gradient of x once it is complete, in every backward pass; what it returns,
 * if anything, takes the gradient's place.
 *
 * @returns a function that removes the hook
 * @throws GradError if x needs no gradient
 */
export function registerHook(x: Tensor, hook: (grad: Tensor) => Tensor | undefined): () => void {
  return addWatch(x, hook as Watch["hook"]);
}

function addWatch(x: Tensor, hook: Watch["hook"], retains?: Tensor): () => void {
  refuseBatched("registerHook", x);
  if (!needsGrad(x)) {
    throw new GradError(
      "registerHook: the tensor requires no gradient, so the hook would never run; call requiresGrad_() first.",
    );
  }
  const node = edgeOf(x);
  const watch: Watch = { slot: slotOf(x), hook };
  if (retains !== undefined) watch.retains = retains;
  const list = watches.get(node) ?? [];
  list.push(watch);
  watches.set(node, list);
  anyWatched = true;
  return () => {
    const at = list.indexOf(watch);
    if (at >= 0) list.splice(at, 1);
  };
}

type AccumulateHook = (x: Tensor) => void;

const accumulateHooks = new WeakMap<Tensor, AccumulateHook[]>();

/**
 * Calls `hook` with the leaf x after each backward pass has added to `x.grad`: an optimizer may step and
 * drop the gradient there and then.
 *
 * @returns a function that removes the hook
 * @throws GradError unless x is a leaf that requires grad
 */
export function registerPostAccumulateHook(x: Tensor, hook: (x: Tensor) => void): () => void {
  refuseBatched("registerPostAccumulateHook", x);
  if (!needsGrad(x) || x.node !== null) {
    const why =
      x.node === null ? "requires no gradient" : `was made by ${x.node.op.name} and is no leaf`;
    throw new GradError(
      `registerPostAccumulateHook: the tensor ${why}; only leaves that require grad accumulate one. Use registerHook() for others.`,
    );
  }
  const list = accumulateHooks.get(x) ?? [];
  list.push(hook);
  accumulateHooks.set(x, list);
  return () => {
    const at = list.indexOf(hook);
    if (at >= 0) list.splice(at, 1);
  };
}

/** @internal */
export function callAccumulateHooks(x: Tensor): void {
  const list = accumulateHooks.get(x);
  if (list === undefined) return;
  // What users make in a hook is theirs, no temporary of the pass.
  const recorder = recordStorages(null);
  try {
    for (const hook of [...list]) hook(x);
  } finally {
    recordStorages(recorder);
  }
}

/**
 * Takes x itself off the tape: it becomes a leaf that requires no gradient, with the same elements. Views
 * taken before leave with it.
 *
 * @throws GradError for a view, whose place on the tape is its base's
 */
export function detach_(x: Tensor): Tensor {
  refuseBatched("detach_", x);
  if (x.viewOf !== null) {
    throw new GradError(
      "detach_: the tensor is a view, whose place on the tape follows its base; use detach(), which makes a new tensor.",
    );
  }
  x.node = null;
  if (x.state !== null) x.state.slot = 0;
  setRequiresGrad(x, false);
  return x;
}

/** Keeps the gradient of a tensor that an op made: `backward` fills its `grad` as it does a leaf's. */
export function retainGrad(x: Tensor): Tensor {
  refuseBatched("retainGrad", x);
  if (x.isLeaf && needsGrad(x)) return x;
  const hook = (dy: Tensor) => {
    x.grad = x.grad === null ? dy : engineOps.add(x.grad, dy);
    return undefined;
  };
  addWatch(x, hook, x);
  return x;
}

/** @internal The tensor at a node's output that was given to {@link retainGrad}; null if none was. */
export function retainedAt(node: Node, slot: number): Tensor | null {
  return watchesOf(node)?.find((watch) => watch.slot === slot && watch.retains)?.retains ?? null;
}
