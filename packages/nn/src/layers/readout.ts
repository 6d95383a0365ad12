/** One tensor of what a layer returns, for layers that stand in a chain. */
import { concat, narrow, type Tensor, unbind, ValueError } from "@tapegrad/core";
import { choice, module } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";

/** What recurrent layers and attention return, as far as it is read here. */
export interface Readable {
  output: Tensor;
  hidden?: Tensor;
}

/**
 * Makes a recurrent layer, or attention to itself, a part of a `sequential`: y is the layer's output at all steps,
 * or for "last" the last layer's hidden state at the end, [B, directions·H].
 *
 * State: layer.….
 */
export class Readout extends Module {
  static override readonly layer = declareLayer(
    "readout",
    { layer: module(), part: choice(["output", "last"], { fallback: "output" }) },
    ({ layer, part }) => new Readout(layer as unknown as Module<[x: Tensor], Readable>, part),
  );

  layer: Module<[x: Tensor], Readable>;
  readonly part: "output" | "last";

  constructor(layer: Module<[x: Tensor], Readable>, part: "output" | "last" = "output") {
    super({ layer, part });
    this.layer = layer;
    this.part = part;
  }

  forward(x: Tensor): Tensor {
    const { output, hidden } = this.layer(x);
    if (this.part === "output") return output;
    if (hidden === undefined) {
      throw new ValueError(
        `readout: ${this.layer.constructor.name} returns no hidden state; "last" needs a recurrent layer.`,
      );
    }
    const directions = output.shape.at(-1)! / hidden.shape.at(-1)!;
    return concat(unbind(narrow(hidden, 0, -directions, directions)), -1);
  }
}

/** `sequential([readout(lstm(8, 16), "last"), linear(16, 2)])`; see {@link Readout}. */
export function readout(layer: Module<[x: Tensor], Readable>, part?: "output" | "last"): Readout {
  return new Readout(layer, part);
}
