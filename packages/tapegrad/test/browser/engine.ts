/** The core engine as a page uses it: tensors with every method, the tape, generators, a loss, kernels and threads. */
export {
  crossEntropy,
  grad,
  manualSeed,
  noGrad,
  ones,
  rand,
  randn,
  setThreads,
  tensor,
  zeros,
} from "@tapegrad/core";
