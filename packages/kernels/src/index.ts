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
export { type MemoryReport, Storage } from "./storage.ts";
export {
  adopt,
  alloc,
  copyOut,
  defaultKernels,
  getElement,
  memory,
  plainKernels,
  release,
  setElement,
  setMemoryLimit,
  touch,
  wasmKernels,
} from "./engine.ts";
