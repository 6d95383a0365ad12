import { isFloat } from "./dtype.ts";
import { GradError } from "./errors.ts";
import type { Node, SavingNode } from "./node.ts";
import { type Op, savable } from "./op.ts";
import { Packed } from "./saved-hooks.ts";
import { formatShape, type Shape } from "./shape.ts";
import { isGradEnabled } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/** @internal The node whose values are read; a symbol, since inputs may have any name. */
export const nodeAtHand = Symbol("node");

/** What rules destructure: the values that a node saved, by name. One per op, pointed at the node at hand. */
export class SavedValues {
  [nodeAtHand]: Node | null = null;
}

/** Getters by name, on a prototype of the op's own: a rule pays for, and is checked on, just what it reads. */
export function savedReader(op: Op): SavedValues {
  class Reader extends SavedValues {}
  const define = (name: string, get: (this: SavedValues) => Tensor | Shape) =>
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
    define(name, function () {
      if (this[nodeAtHand] === null) {
        throw new GradError(
          `backward: ${name} of ${op.name} was read after its rule had returned; read saved values inside the rule.`,
        );
      }
      const saved = readSaved(this[nodeAtHand], i);
      if (
        saved instanceof Tensor &&
        isFloat(saved.dtype) &&
        op.extras.includes(name) &&
        isGradEnabled()
      ) {
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
    const { saved0, saved1, version0, version1 } = node as SavingNode;
    const number = i === 0 ? saved0 : saved1;
    if (number === null) throw freedError(op);
    const version = i === 0 ? version0 : version1;
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
