/** The tape itself: whether it records, which node a tensor's gradient goes to, and who listens there. */
import { engineOps } from "./engine-ops.ts";
import { GradError } from "./errors.ts";
import { type Node, SavingNode } from "./node.ts";
import { Op } from "./op.ts";
import { gradState, setRequiresGrad, type Tensor } from "./tensor.ts";

// ---------------------------------------------------------------------------------------------
// Whether ops are recorded

let gradEnabled = true;

export function isGradEnabled(): boolean {
  return gradEnabled;
}

/** @internal Sets the mode and returns the one before. */
export function setGradEnabled(enabled: boolean): boolean {
  const previous = gradEnabled;
  gradEnabled = enabled;
  return previous;
}

function withGrad<T>(name: string, enabled: boolean, f: () => T): T {
  const previous = setGradEnabled(enabled);
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

/** @internal A hook, and the output whose gradient it sees. */
export interface Watch {
  slot: number;
  hook: (grad: Tensor) => Tensor | undefined;
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
