import { type DType, type Shape, show, spend, type Tensor, ValueError } from "@tapegrad/core";
import { type Blocks, modules, type NamedModules } from "../fields.ts";
import { type Arguments, declareLayer } from "../layer.ts";
import { Container } from "./container.ts";

export interface SequentialOptions {
  /** Shape of the input without its batch axis, for layers whose sizes were left open. */
  inputShape?: Shape;
  /** dtype of that input. Default: that of the model. */
  inputType?: DType;
}

/** Layers one after the other, whatever else a model of them can do. */
export abstract class Chain extends Container<[Tensor], Tensor> {
  /**
   * @param blocks  modules, pairs of name and module, or an object of modules by name
   * @param others  further arguments of the layer
   */
  constructor(blocks: Blocks, others: Arguments = {}) {
    super(blocks, "layers", others);
  }

  get layers(): NamedModules {
    return this.entries();
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this) {
      const next = layer(y);
      spend(y, next);
      y = next;
    }
    return y;
  }
}

/** Feeds its input through the layers, each taking what the one before returned. */
export class Sequential extends Chain {
  static override readonly layer = declareLayer(
    "sequential",
    { layers: modules },
    ({ layers }) => new Sequential(layers),
  );

  constructor(blocks: Blocks, { inputShape, inputType }: SequentialOptions = {}) {
    super(blocks);
    if (inputShape === undefined) return;
    if (!Array.isArray(inputShape)) {
      throw new ValueError(
        `sequential: inputShape is ${show(inputShape)}; it must be the input's shape without the batch axis, such as [3, 32, 32].`,
      );
    }
    this.initialize([1, ...inputShape], inputType === undefined ? {} : { dtype: inputType });
  }
}

/**
 * A model as data: `sequential([linear(784, 256), relu(), linear(256, 10)])`, or with names,
 * `sequential({ hidden: linear(784, 256), act: relu(), output: linear(256, 10) })`.
 */
export function sequential(blocks: Blocks, options?: SequentialOptions): Sequential {
  return new Sequential(blocks, options);
}
