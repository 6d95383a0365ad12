/** A tensor's place on the tape, and the way back, as methods; see the functions of the same names. */
import { type BackwardOptions, backward } from "../backward.ts";
import { detach } from "../ops/layout.ts";
import { detach_, registerHook, registerPostAccumulateHook, retainGrad } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";

class TapeMethods {
  detach(this: Tensor): Tensor {
    return detach(this);
  }

  backward(this: Tensor, dy?: Tensor | null, options?: BackwardOptions): void {
    backward(this, dy, options);
  }

  registerHook(this: Tensor, hook: (grad: Tensor) => Tensor | undefined): () => void {
    return registerHook(this, hook);
  }

  retainGrad(this: Tensor): Tensor {
    return retainGrad(this);
  }

  detach_(this: Tensor): Tensor {
    return detach_(this);
  }

  registerPostAccumulateHook(this: Tensor, hook: (x: Tensor) => void): () => void {
    return registerPostAccumulateHook(this, hook);
  }
}

declare module "../tensor.ts" {
  interface Tensor extends TapeMethods {}
}

install(TapeMethods);
