/** Looking over the tape's shoulder: what ops read and make, and which gradients flow. Pictures are made of it. */
import type { Node } from "./node.ts";
import type { Op } from "./op.ts";
import { scoped } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/** @internal What is told while {@link observe} runs. Gradients may be temporaries: read them at once. */
export interface Observer {
  /**
   * An op has run. An in-place op has the same tensor as first input and output, which is changed already.
   *
   * @param node  what was recorded; null if nothing was
   */
  applied?(
    op: Op,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    attrs: unknown,
    node: Node | null,
  ): void;
  /** The gradient of a node's output is complete. Passes told about leave retained gradients alone. */
  arrived?(node: Node, slot: number, dy: Tensor): void;
  /** The rule for input i of the node has made its contribution to the gradient of that input. */
  flowed?(node: Node, i: number, dx: Tensor): void;
}

/** @internal Who is told; null outside of {@link observe}, where an op pays one comparison. */
export let observer: Observer | null = null;

/** @internal Runs f and tells the observer, in place of an outer one. */
export function observe<T>(next: Observer, f: () => T): T {
  const previous = observer;
  observer = next;
  return scoped("observe", f, () => {
    observer = previous;
  });
}
