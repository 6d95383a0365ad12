export {
  type CrossEntropyOptions,
  crossEntropy,
  mseLoss,
  type Reduction,
} from "@tapegrad/core";
export {
  choice,
  flag,
  floatType,
  integer,
  modules,
  number,
  probability,
  size,
} from "./fields.ts";
export { declareLayer, type Field, type Json, type Layer, type Spec } from "./layer.ts";
export * from "./layers/index.ts";
export { type AnyModule, Module, type StateDict, type StateSource } from "./module.ts";
export { Parameter } from "./parameter.ts";
export { fromSpec, type LayerClass, registerLayer } from "./spec.ts";
