import { isFloat } from "./dtype.ts";
import { GradError } from "./errors.ts";
import type { Node, SavingNode } from "./node.ts";
import { type Op, savable } from "./op.ts";
import { Packed } from "./saved-hooks.ts";
import { formatShape, type Shape } from "./shape.ts";
import { isGradEnabled } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/** The node whose rules run. One place for all ops, which is read faster than a field of each reader. */
let nodeAtHand: Node | null = null;

/** @internal Sets the node whose saved values rules read, and returns the one before. */
export function setNodeAtHand(node: Node | null): Node | null {
  const previous = nodeAtHand;
  nodeAtHand = node;
  return previous;
}

/** What rules destructure: the values that the node at hand saved, by name. One per op. */
export class SavedValues {}

/** Getters by name, on a prototype of the op's own: a rule pays for, and is checked on, just what it reads. */
export function savedReader(op: Op): SavedValues {
  class Reader extends SavedValues {}
  const define = (name: string, get: () => Tensor | Shape) =>
    Object.defineProperty(Reader.prototype, name, { get });
  for (const name of savable(op)) {
    if (op.saves.includes(name)) continue;
    define(name, () => {
      throw new GradError(
        `backward: a rule of ${op.name} reads ${name}, which the op doesn't save; add "${name}" to its saves.`,
      );
    });
  }
  op.saves.forEach((name, i) => {
    const isExtra = op.extras.includes(name);
    define(name, () => {
      if (nodeAtHand?.op !== op) {
        throw new GradError(
          `backward: ${name} of ${op.name} was read after its rule had returned; read saved values inside the rule.`,
        );
      }
      const saved = readSaved(nodeAtHand, i);
      if (isExtra && saved instanceof Tensor && isFloat(saved.dtype) && isGradEnabled()) {
        throw new GradError(
          `backward: a rule of ${op.name} reads the extra ${name} (${saved.dtype}), a constant to the tape, so a second derivative would miss what depends on it; name it in outputs instead.`,
        );
      }
      return saved;
    });
  });
  return new Reader();
}

function readSaved(node: Node, i: number): Tensor | Shape {
  const { detail, op } = node;
  if (detail === null) {
    const { saved0, saved1 } = node as SavingNode;
    const number = i === 0 ? saved0 : saved1;
    if (number === null) throw freedError(op);
    const version = (node as SavingNode).versionOf(i);
    if (number.version !== version) throw changedError(op, i, number, version);
    return number;
  }
  const saved = detail.saved[i]!;
  if (saved === null) throw freedError(op);
  if (saved instanceof Packed) return saved.read(op, op.saves[i]!);
  if (saved instanceof Tensor && saved.version !== detail.versions[i]) {
    throw changedError(op, i, saved, detail.versions[i]!);
  }
  return saved;
}

function freedError(op: Op): GradError {
  return new GradError(
    `backward: ${op.name} was already differentiated and its saved values are freed; ` +
      "call the first backward with { retainGraph: true }, or run the forward pass again.",
  );
}

function changedError(op: Op, i: number, saved: Tensor, version: number): GradError {
  const by = saved.changedBy;
  return new GradError(
    `backward: ${op.name} saved ${op.saves[i]} (${saved.dtype} ${formatShape(saved.shape)}) at version ${version}, ` +
      `but ${by} has changed it since, to version ${saved.version}; use ${by.replace(/_$/, "")} without the underscore, or a clone().`,
  );
}
