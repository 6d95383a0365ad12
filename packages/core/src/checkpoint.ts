/** Activation checkpointing: less memory for a second forward pass. */
import { describe } from "./apply.ts";
import { currentLevels, mapBottom, withLevels } from "./batched.ts";
import { GradError, ValueError } from "./errors.ts";
import { defaultGenerator } from "./random.ts";
import { offTape, savedTensorHooks } from "./saved-hooks.ts";
import { formatShape, sameShape } from "./shape.ts";
import { enableGrad, isGradEnabled, needsGrad } from "./tape.ts";
import { setRequiresGrad, Tensor } from "./tensor.ts";

/**
 * f(...inputs), of which backward keeps nothing but the inputs: when it needs the values in between, it runs
 * f again, from the same state of the default generator (dropout draws the same masks). Gradients flow to
 * the inputs and to whatever else f uses, parameters included, and differentiate again.
 *
 * f must do the same both times (no own generators, no counters), and not differentiate inside itself.
 *
 * @throws GradError if f differentiates; in backward, if an input was changed in place since or f did
 *   something else
 * @see T. Chen et al., Training deep nets with sublinear memory cost, 2016
 */
export function checkpoint<Inputs extends readonly unknown[], T>(
  f: (...inputs: Inputs) => T,
  ...inputs: Inputs
): T {
  if (typeof f !== "function") {
    throw new ValueError(`checkpoint: f is ${describe(f)}; it must be a function of the inputs.`);
  }
  if (!isGradEnabled()) return f(...inputs);
  const versions = inputs.map((x) => (x instanceof Tensor ? x.version : 0));
  const generator = defaultGenerator().state;
  const levels = currentLevels();
  /** What f saved, in order; the values are thrown away. */
  const saved: { shape: readonly number[]; dtype: string }[] = [];
  /** Values of the second run with their versions, each until it is read. */
  const left = new Map<number, { x: Tensor; version: number }>();
  let isRunning = true;

  const recompute = () => {
    checkVersions(inputs, versions);
    const again: { x: Tensor; version: number }[] = [];
    const leaves = inputs.map((x) =>
      x instanceof Tensor ? mapBottom(x, leafOf) : x,
    ) as unknown as Inputs;
    const before = defaultGenerator().state;
    defaultGenerator().state = generator;
    try {
      const pack = (x: Tensor) => again.push({ x, version: x.version });
      const hooks = { pack, unpack: refuseInside };
      withLevels(levels, () => enableGrad(() => savedTensorHooks(hooks, () => void f(...leaves))));
    } finally {
      defaultGenerator().state = before;
    }
    if (again.length !== saved.length) {
      throw new GradError(
        `checkpoint: the second run of f saved ${again.length} values, the first one ${saved.length}; f must do the same both times.`,
      );
    }
    again.forEach((value, i) => {
      const { x } = value;
      const { shape, dtype } = saved[i]!;
      if (!sameShape(x.shape, shape) || x.dtype !== dtype) {
        throw new GradError(
          `checkpoint: value ${i} is ${x.dtype} ${formatShape(x.shape)} in the second run of f, and was ${dtype} ${formatShape(shape)}; f must do the same both times.`,
        );
      }
      left.set(i, value);
    });
  };

  return savedTensorHooks(
    {
      keeps: false,
      pack: ({ shape, dtype }) => saved.push({ shape, dtype }) - 1,
      unpack: (i) => {
        if (isRunning) refuseInside();
        if (!left.has(i)) recompute();
        const { x, version } = left.get(i)!;
        left.delete(i);
        if (x.version !== version) {
          throw new GradError(
            `checkpoint: f changed a value (${x.dtype} ${formatShape(x.shape)}) by ${x.changedBy} after an op had saved it for backward; use ${x.changedBy.replace(/_$/, "")} without the underscore, or a clone().`,
          );
        }
        return x;
      },
    },
    () => {
      const result = f(...inputs);
      isRunning = false;
      return result;
    },
  );
}

/** The same values as a leaf, if the tape follows x: the second run has a tape of its own. */
function leafOf(x: Tensor): Tensor {
  const leaf = offTape(x);
  setRequiresGrad(leaf, needsGrad(x));
  return leaf;
}

function checkVersions(inputs: readonly unknown[], versions: readonly number[]): void {
  inputs.forEach((x, i) => {
    if (x instanceof Tensor && x.version !== versions[i]) {
      throw new GradError(
        `checkpoint: input ${i} (shape ${formatShape(x.shape)}) was changed by ${x.changedBy} since the forward pass, so f can't run again; pass a clone().`,
      );
    }
  });
}

function refuseInside(): never {
  throw new GradError(
    "checkpoint: f differentiates inside itself, before its values could be recomputed; call it without checkpoint.",
  );
}
