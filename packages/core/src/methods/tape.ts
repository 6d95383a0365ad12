/** The method form of what concerns a tensor's place on the tape. */
import { detach_, registerPostAccumulateHook } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";

class TapeMethods {
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
