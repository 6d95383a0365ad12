import { defaultKernels, release, type UpdateName } from "@tapegrad/kernels";
import { isFloat } from "./dtype.ts";
import { DTypeError, ShapeError } from "./errors.ts";
import { formatShape, sameShape } from "./shape.ts";
import { changeAllInPlace, emptyTensor, type Tensor } from "./tensor.ts";

/**
 * One fused optimizer step, in place and off the tape: `tensors` are the parameter, its gradient, and
 * what the optimizer remembers, all of one shape and dtype; `hyper` are the numbers that the kernel
 * lists (see `Kernels.update`). All but the gradient are written, and their versions move.
 *
 * @param changedBy  who to name when a rule finds its saved value changed, such as "SGD.step"
 * @throws ShapeError, DTypeError if the tensors don't match; nothing is written then
 */
export function updateInPlace(
  name: UpdateName,
  tensors: readonly Tensor[],
  hyper: readonly number[],
  changedBy: string,
): void {
  updateAllInPlace(name, [tensors], hyper, changedBy);
}

/** {@link updateInPlace} for many parameters with the same hyper-parameters, in one kernel call for each dtype. */
export function updateAllInPlace(
  name: UpdateName,
  lists: readonly (readonly Tensor[])[],
  hyper: readonly number[],
  changedBy: string,
): void {
  for (const tensors of lists) checkOperands(changedBy, tensors);
  const written = lists.flatMap((tensors) => tensors.filter((_, i) => i !== 1));
  const kernels = defaultKernels();
  const run = () => {
    // The kernel walks plain arrays; a strided operand takes part as a packed copy.
    const packed = lists.map((list) => list.map((x) => (x.isContiguous ? x : packedCopy(x))));
    for (const dtype of ["float32", "float64"]) {
      const alike = packed.filter(([parameter]) => parameter!.dtype === dtype);
      if (alike.length > 0) kernels.update(name, alike, hyper);
    }
    lists.forEach((tensors, k) => {
      tensors.forEach((x, i) => {
        const copy = packed[k]![i]!;
        if (copy === x) return;
        if (i !== 1) kernels.copy(copy, x);
        release(copy.storage!);
      });
    });
  };
  changeAllInPlace(written, changedBy, run);
}

function checkOperands(by: string, tensors: readonly Tensor[]): void {
  const parameter = tensors[0]!;
  if (!isFloat(parameter.dtype)) {
    throw new DTypeError(
      `${by}: the parameter is ${parameter.dtype}; it must be float32 or float64.`,
    );
  }
  tensors.forEach((x, i) => {
    checkOperand(by, x, parameter, i === 1 ? "the gradient" : "the optimizer's state");
  });
}

function packedCopy(x: Tensor): Tensor {
  const copy = emptyTensor(x.form.fresh);
  defaultKernels().copy(x, copy);
  return copy;
}

function checkOperand(by: string, x: Tensor, parameter: Tensor, what: string): void {
  if (!sameShape(x.shape, parameter.shape)) {
    throw new ShapeError(
      `${by}: ${what} has shape ${formatShape(x.shape)} and the parameter ${formatShape(parameter.shape)}; they must be equal.`,
    );
  }
  if (x.dtype !== parameter.dtype) {
    throw new DTypeError(
      `${by}: ${what} is ${x.dtype} and the parameter ${parameter.dtype}; they must be equal.`,
    );
  }
  if (x === parameter && x.shape.some((size, i) => size > 1 && x.strides[i] === 0)) {
    throw new ShapeError(
      `${by}: the parameter, an expanded tensor of shape ${formatShape(x.shape)}, shows the same element at several places; make it of a clone().`,
    );
  }
}
