import { type DType, noGrad, peekGrad, show, Tensor, ValueError } from "@tapegrad/core";
import { spend } from "./budget.ts";

/**
 * A tensor that a {@link Module} trains: assigned to a field of a module, it appears in `parameters()`.
 * It shares the storage of the tensor it is made from, off that one's tape.
 *
 * @throws ValueError unless `data` is a Tensor, GradError unless its dtype is a float
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, { requiresGrad = true }: { requiresGrad?: boolean } = {}) {
    if (!(data instanceof Tensor)) {
      throw new ValueError(
        `Parameter: got ${show(data)}; it must be a Tensor, such as randn([3, 4]).`,
      );
    }
    spend("maxParameters", data.size);
    super(data.storage, data.value, data.form);
    if (requiresGrad) this.requiresGrad_();
  }
}

/**
 * Gives x another float dtype in place, and its gradient too, so that whoever holds x (an optimizer, a
 * layer that shares it) sees the change. Graphs recorded before notice it as a change in place.
 */
export function convert_(x: Tensor, dtype: DType): void {
  if (x.dtype === dtype) return;
  const { version } = x;
  const grad = peekGrad(x);
  const { storage, value, form } = noGrad(() => x.to(dtype));
  Object.assign(x, { storage, value, form });
  if (storage === null) {
    noGrad(() => x.copy_(x));
  } else {
    storage.version = version + 1;
    storage.changedBy = "to";
  }
  if (grad !== null) x.grad = noGrad(() => grad.to(dtype));
}
