import { show, Tensor, ValueError } from "@tapegrad/core";

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
    const { storage, value, dtype, shape, strides, offset } = data;
    super(storage, value, dtype, shape, strides, offset);
    if (requiresGrad) this.requiresGrad_();
  }
}
