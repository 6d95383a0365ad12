/** Walking the tape back: `backward` for leaves, `grad` for chosen tensors. */
import { defaultKernels, dematerialize, materialize, type Storage } from "@tapegrad/kernels";
import { setWatching } from "./anomaly.ts";
import { describe } from "./apply.ts";
import { isBatched, refuseBatched } from "./batched.ts";
import { engineOps } from "./engine-ops.ts";
import { GradError, ShapeError } from "./errors.ts";
import { type Arrived, type Node, SavingNode } from "./node.ts";
import { observer } from "./observe.ts";
import { Pass } from "./pass.ts";
import { Packed } from "./saved-hooks.ts";
import { drop } from "./scope.ts";
import { formatShape, sameShape } from "./shape.ts";
import {
  callAccumulateHooks,
  edgeOf,
  leafOf,
  leafOp,
  needsGrad,
  setGradEnabled,
  slotOf,
  watchesOf,
} from "./tape.ts";
import { emptyTensor, numberTensor, recordStorages, Tensor } from "./tensor.ts";

/** Options of {@link backward}. */
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
    if (gradient === null) continue;
    x.grad = x.grad === null ? gradient : engineOps.add(x.grad, gradient);
    const mode = setGradEnabled(createGraph);
    try {
      callAccumulateHooks(x);
    } finally {
      setGradEnabled(mode);
    }
  }
}

/** Options of {@link grad}. */
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
  refuseBatched(name, y);
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
    const ones = emptyTensor(y.form.fresh);
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
    refuseBatched(name, x);
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
  // While it runs, the pass inspects what rules return, and nobody what they do on the way.
  const watched = setWatching(false);
  const pass = new Pass(
    createGraph,
    depth === 0 ? null : new Map(),
    targets?.needed ?? null,
    watched,
  );
  const previousMode = setGradEnabled(createGraph);
  const freed: Storage[] = [];
  // Inside vmap a gradient's memory is behind it, where the pass doesn't look: all of it is left to the collector.
  const previousRecorder = recordStorages(createGraph || seeds.some(isBatched) ? null : pass.made);
  depth++;
  try {
    roots.forEach((y, i) => {
      pass.arrive(edgeOf(y), slotOf(y), seeds[i]!);
    });
    for (let node = pass.next(); node !== null; node = pass.next()) {
      let dy = pass.take(node);
      const hooks = watchesOf(node);
      if (hooks !== undefined) dy = pass.callHooks(hooks, dy);
      if (observer !== null) tellArrived(node, dy);
      if (targets !== null) {
        for (const { slot, at } of targets.nodes.get(node) ?? []) {
          const gradient = Array.isArray(dy) ? dy[slot] : dy;
          if (gradient) targets.found[at] = pass.keep(gradient);
        }
      }
      if (node.op === leafOp) {
        if (targets === null) {
          pass.accumulate(leafOf(node), dy as Tensor);
          callAccumulateHooks(leafOf(node));
        }
        continue;
      }
      pass.visit(node, dy);
      if (!retainGraph) freeSaved(node, freed);
    }
    // What is returned is computed while saved values are there, which can be computed again themselves.
    for (const found of targets?.found ?? []) if (found?.storage) materialize(found.storage);
    freed.forEach(dematerialize);
  } finally {
    depth--;
    setWatching(watched);
    setGradEnabled(previousMode);
    recordStorages(previousRecorder);
    pass.close();
  }
}

function tellArrived(node: Node, dy: Arrived): void {
  const recorder = recordStorages(null);
  try {
    const parts = Array.isArray(dy) ? dy : [dy];
    parts.forEach((part, slot) => {
      if (part !== null) observer?.arrived?.(node, slot, part);
    });
  } finally {
    recordStorages(recorder);
  }
}

/** Adds to `freed` what may give its memory back when the pass is over. */
function freeSaved(node: Node, freed: Storage[]): void {
  if (node instanceof SavingNode) {
    node.saved0 = null;
    node.saved1 = null;
  }
  if (node.detail === null) return;
  const { saved } = node.detail;
  for (let i = 0; i < saved.length; i++) {
    const x = saved[i];
    if (!(x instanceof Tensor || x instanceof Packed)) continue;
    if (x instanceof Tensor && x.storage !== null) {
      drop(x.storage);
      if (x.storage.recipe !== null) freed.push(x.storage);
    }
    saved[i] = null;
  }
}
