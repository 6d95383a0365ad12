export {
  type CrossEntropyOptions,
  crossEntropy,
  mseLoss,
  type Reduction,
} from "@tapegrad/core";
export * as fields from "./fields.ts";
export * as init from "./init.ts";
export { declareLayer, type Field, type Json, type Layer, type Spec } from "./layer.ts";
export {
  CrossEntropyLoss,
  Dropout,
  type DropoutOptions,
  dropout,
  Flatten,
  flatten,
  Identity,
  identity,
  Linear,
  type LinearOptions,
  LogSoftmax,
  linear,
  logSoftmax,
  MSELoss,
  ReLU,
  relu,
  Sequential,
  Sigmoid,
  Softmax,
  sequential,
  sigmoid,
  softmax,
  Tanh,
  tanh,
} from "./layers/index.ts";
export { type AnyModule, Module, type StateDict, type StateSource } from "./module.ts";
export { Parameter } from "./parameter.ts";
export { fromSpec, type LayerClass, registerLayer } from "./spec.ts";
