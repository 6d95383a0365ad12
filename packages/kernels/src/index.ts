export { defaultKernels, plainKernels, wasmKernels } from "./engine.ts";
export type {
  ArgReduceName,
  BinaryName,
  CompareName,
  DType,
  Kernels,
  Operand,
  RandomName,
  ReduceName,
  TypedArray,
  UnaryName,
  UpdateName,
} from "./interface.ts";
export {
  adopt,
  alloc,
  copyOut,
  getElement,
  memory,
  release,
  setElement,
  setMemoryLimit,
} from "./memory.ts";
export { type MemoryReport, OutOfMemoryError, ReleasedError, Storage } from "./storage.ts";
