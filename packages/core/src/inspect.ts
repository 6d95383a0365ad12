/** What the tape holds, as data. Pictures read it; the tape's own fields may change from version to version. */
import { sourceOf } from "./anomaly.ts";
import { ones } from "./create.ts";
import type { DType } from "./dtype.ts";
import { type Node, SavingNode } from "./node.ts";
import { setNodeAtHand } from "./saved.ts";
import { Packed } from "./saved-hooks.ts";
import { type Shape, scalarShape } from "./shape.ts";
import { edgeOf, leafOf, leafOp, needsGrad, noGrad, retainedAt, slotOf } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/** @internal Which output of which node. */
export interface Place {
  node: Node;
  slot: number;
}

/** @internal */
export interface NodeRecord {
  /** In the order of the inputs; null where no gradient is wanted. */
  inputs: (Place | null)[];
  /** One per output; the dtype is undefined where a gate on lone numbers kept none. */
  outputs: { shape: Shape; dtype: DType | undefined }[];
  attrs: unknown;
  /** What backward needs, by the names in `op.saves`. */
  saved: { name: string; value: SavedValue }[];
  /** "file:line:column" of the call, for what was recorded inside detectAnomaly. */
  source: string | undefined;
}

/** @internal A value is "freed" after backward, "packed" by savedTensorHooks, "changed" by an in-place op since. */
export type SavedValue = Tensor | Shape | "freed" | "packed" | "changed";

/** @internal Where gradients of x go; null if the tape doesn't follow it. */
export function placeOf(x: Tensor): Place | null {
  return needsGrad(x) ? { node: edgeOf(x), slot: slotOf(x) } : null;
}

/** @internal The leaf at the end of a path; null for a node that an op made. */
export function leafAt(node: Node): Tensor | null {
  return node.op === leafOp ? leafOf(node) : null;
}

/** @internal The tensor at a node's output that was given to retainGrad, if any. */
export function retainedTensor({ node, slot }: Place): Tensor | null {
  return retainedAt(node, slot);
}

/** @internal */
export function inspectNode(node: Node): NodeRecord {
  const { op, detail } = node;
  const saved = op.saves.map((name, i) => ({ name, value: savedValue(node, i) }));
  if (detail === null) {
    const dtype = node instanceof SavingNode ? node.saved0?.dtype : undefined;
    return {
      inputs: node.nextFunctions.map((edge) => (edge === null ? null : { node: edge, slot: 0 })),
      outputs: [{ shape: scalarShape, dtype }],
      attrs: undefined,
      saved,
      source: undefined,
    };
  }
  return {
    inputs: detail.edges.map((edge, i) =>
      edge === null ? null : { node: edge, slot: detail.slots?.[i] ?? 0 },
    ),
    outputs: detail.outputs.map(({ shape, dtype }) => ({ shape, dtype })),
    attrs: detail.attrs,
    saved,
    source: sourceOf(node),
  };
}

function savedValue(node: Node, i: number): SavedValue {
  const { detail } = node;
  if (detail === null) {
    const { saved0, saved1 } = node as SavingNode;
    const value = i === 0 ? saved0 : saved1;
    if (value === null) return "freed";
    return value.version === (node as SavingNode).versionOf(i) ? value : "changed";
  }
  const value = detail.saved[i]!;
  if (value === null) return "freed";
  if (value instanceof Packed) return "packed";
  return value instanceof Tensor && value.version !== detail.versions[i] ? "changed" : value;
}

/**
 * @internal ∂y/∂input of an elementwise op, element by element: what its rule makes of dy = 1. Broadcast as
 * the output is. null for other ops, whose derivative is a matrix, and for inputs without a rule.
 *
 * @throws GradError where saved values are freed or changed
 */
export function localGradient(node: Node, i: number): Tensor | null {
  const { op, detail } = node;
  const rule = op.rules[i];
  const isElementwise =
    op.definition.elementwise !== undefined || op.definition.batch === "broadcast";
  if (!isElementwise || op.variadic || op.outputs.length !== 1 || !rule) return null;
  const { shape, dtype = "float32" } = inspectNode(node).outputs[0]!;
  const previous = setNodeAtHand(node);
  try {
    return noGrad(() => rule(ones(shape, { dtype }), op.savedOf, detail?.attrs, i));
  } finally {
    setNodeAtHand(previous);
  }
}
