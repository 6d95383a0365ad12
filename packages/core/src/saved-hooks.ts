/** Saved-tensor hooks: what the tape keeps for backward, put away elsewhere (compressed, recomputed, …). */
import { describe } from "./apply.ts";
import { GradError, ValueError } from "./errors.ts";
import type { Node } from "./node.ts";
import type { Op } from "./op.ts";
import { formatShape, type Shape, sameShape } from "./shape.ts";
import { edgeOf, needsGrad, scoped, setGradEnabled, slotOf } from "./tape.ts";
import { gradState, numberTensor, recordStorages, Tensor, viewTensor } from "./tensor.ts";

/** A pair of hooks for {@link savedTensorHooks}. */
export interface SavedTensorHooks<P> {
  /**
   * What to keep in place of x. It sees x off the tape and must not change it. If it keeps x itself, later
   * in-place changes of x go unnoticed; a clone() is safe.
   */
  pack: (x: Tensor) => P;
  /** The values again, in the shape and dtype that x had. Called when backward reaches the op. */
  unpack: (packed: P) => Tensor;
  /** @internal Whether `pack` may keep x itself. Default true. */
  keeps?: boolean;
}

/** @internal The hooks in force; null outside of {@link savedTensorHooks}. */
export let currentHooks: SavedTensorHooks<unknown> | null = null;

function setHooks(hooks: SavedTensorHooks<unknown> | null): SavedTensorHooks<unknown> | null {
  const previous = currentHooks;
  currentHooks = hooks;
  return previous;
}

/**
 * Runs f; what ops in it save for backward goes through `pack`, and comes back through `unpack`. Inner
 * hooks replace outer ones.
 *
 * ```ts
 * // Half the memory for saved float64 values, at float32 accuracy.
 * savedTensorHooks({ pack: (x) => x.to("float32"), unpack: (x) => x.to("float64") }, () => model(x));
 * ```
 *
 * @throws GradError if pack changes its argument, or unpack returns another shape or dtype
 */
export function savedTensorHooks<P, T>(hooks: SavedTensorHooks<P>, f: () => T): T {
  if (typeof hooks?.pack !== "function" || typeof hooks.unpack !== "function") {
    throw new ValueError("savedTensorHooks: the hooks must be { pack, unpack }, two functions.");
  }
  const previous = setHooks(hooks as unknown as SavedTensorHooks<unknown>);
  return scoped("savedTensorHooks", f, () => setHooks(previous));
}

/** @internal x's values off the tape; a lone number stays one. */
export function offTape(x: Tensor): Tensor {
  return x.storage === null
    ? numberTensor(x.value, x.dtype)
    : viewTensor(x, x.shape, x.strides, x.offset);
}

/** @internal A saved value that hooks put away, and its place on the tape. */
export class Packed {
  private node: Node | null;
  private slot: number;
  private readonly dtype: string;
  private readonly shape: Shape;
  private readonly value: unknown;
  private readonly hooks: SavedTensorHooks<unknown>;
  /** Unpacked while its node is being differentiated: rules read values several times. */
  private unpacked: Tensor | null = null;

  constructor(op: Op, name: string, x: Tensor, hooks: SavedTensorHooks<unknown>) {
    this.node = needsGrad(x) ? edgeOf(x) : null;
    this.slot = slotOf(x);
    this.dtype = x.dtype;
    this.shape = x.shape;
    this.hooks = hooks;
    const { version } = x;
    this.value = aside(() => hooks.pack(offTape(x)));
    if (x.version !== version) {
      throw new GradError(
        `savedTensorHooks: pack changed ${name} of ${op.name} in place; it must leave its argument as it is: clone() it.`,
      );
    }
  }

  /** x is an output of the node, which didn't exist yet when x was packed. */
  isOutput(node: Node, slot: number): void {
    this.node = node;
    this.slot = slot;
  }

  /** The values, at the place on the tape that the saved tensor has. */
  read(op: Op, name: string): Tensor {
    if (this.unpacked !== null) return this.unpacked;
    const x = aside(() => this.hooks.unpack(this.value));
    if (!(x instanceof Tensor) || x.dtype !== this.dtype || !sameShape(x.shape, this.shape)) {
      const got = x instanceof Tensor ? `${x.dtype} ${formatShape(x.shape)}` : describe(x);
      throw new GradError(
        `savedTensorHooks: unpack returned ${got} for ${name} of ${op.name}, which was ${this.dtype} ${formatShape(this.shape)}; it must give shape and dtype back.`,
      );
    }
    const y = offTape(x);
    if (this.node !== null) {
      y.node = this.node;
      if (this.slot !== 0) gradState(y).slot = this.slot;
    }
    this.unpacked = y;
    return y;
  }

  forget(): void {
    this.unpacked = null;
  }
}

/** Hooks run off the tape, and nothing that they make is a temporary of the running backward pass. */
function aside<T>(f: () => T): T {
  const mode = setGradEnabled(false);
  const recorder = recordStorages(null);
  const hooks = setHooks(null);
  try {
    return f();
  } finally {
    setGradEnabled(mode);
    recordStorages(recorder);
    setHooks(hooks);
  }
}
