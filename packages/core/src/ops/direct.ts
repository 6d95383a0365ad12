/** Rules by one kernel, for first derivatives: nothing records them, so they need no rule of their own. */
import { defaultKernels, type Kernels } from "@tapegrad/kernels";
import { isBatched, openLevels } from "../batched.ts";
import type { Form } from "../form.ts";
import { isGradEnabled } from "../tape.ts";
import { emptyTensor, type Tensor } from "../tensor.ts";
import { withScratch } from "./windows.ts";

/**
 * @internal Whether a rule may call kernels itself. Where the pass is recorded for further derivatives, or
 * `vmap` runs it for many samples, it must be written in tensor ops.
 */
export function runsDirectly(...inputs: readonly Tensor[]): boolean {
  return !isGradEnabled() && (openLevels === 0 || !inputs.some(isBatched));
}

/** @internal A tensor that `fill` fills, off the tape. */
export function directly(form: Form, fill: (y: Tensor, kernels: Kernels) => void): Tensor {
  const y = emptyTensor(form);
  fill(y, defaultKernels());
  return y;
}

/** @internal Calls `use` with the tensors, those that do not lie as wanted (contiguous) as temporary copies. */
export function withPacked<R>(
  tensors: readonly Tensor[],
  use: (packed: readonly Tensor[]) => R,
  fits: (x: Tensor) => boolean = (x) => x.isContiguous,
): R {
  const i = tensors.findIndex((x) => !fits(x));
  if (i < 0) return use(tensors);
  const x = tensors[i]!;
  return withScratch(x.shape, x.dtype, (copy) => {
    defaultKernels().copy(x, copy);
    return withPacked(tensors.with(i, copy), use, fits);
  });
}
