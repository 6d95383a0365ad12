export {
  defaultKernels,
  type Numerics,
  numerics,
  plainKernels,
  setNumerics,
  wasmKernels,
} from "./engine.ts";
export type { Chain, Step, StepName } from "./fusion/chain.ts";
export { DEFERRED_FROM, defer } from "./fusion/defer.ts";
export { fuse } from "./fusion/fuse.ts";
export type {
  ArgReduceName,
  ArgScanName,
  AttentionInputs,
  AttentionScores,
  BinaryName,
  Boxes,
  Channels,
  CompareName,
  ConvGeometry,
  DType,
  Kernels,
  Operand,
  RandomName,
  ReduceName,
  ScanName,
  Slices,
  TypedArray,
  UnaryName,
  UpdateName,
} from "./interface.ts";
export {
  adopt,
  alloc,
  copyOut,
  dematerialize,
  getElement,
  materialize,
  memory,
  own,
  peek,
  release,
  setElement,
  setMemoryLimit,
} from "./memory.ts";
export {
  bytesPerElement,
  type MemoryReport,
  OutOfMemoryError,
  ReleasedError,
  Storage,
} from "./storage.ts";
export { setThreads, threads } from "./threads.ts";
