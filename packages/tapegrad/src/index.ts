/**
 * Everything of Tapegrad. Tensors, ops and the tape are at the top; layers, optimizers, data, training and
 * pictures are in `nn`, `optim`, `data`, `train` and `viz`, since some share names with ops (`nn.relu()`
 * makes a layer, `relu(x)` computes). The names that most programs need are at the top, too.
 */
export * from "@tapegrad/core";
export * as data from "@tapegrad/data";
export {
  DataLoader,
  loadMnist,
  loadSafetensors,
  saveSafetensors,
  TensorDataset,
} from "@tapegrad/data";
export {
  type Formula,
  FormulaError,
  type FormulaOptions,
  type FunctionDefinition,
  formula,
  registerFunction,
} from "@tapegrad/formula";
export * as nn from "@tapegrad/nn";
export { Module, Parameter, sequential } from "@tapegrad/nn";
export * as optim from "@tapegrad/optim";
export { Adam, AdamW, RMSProp, SGD } from "@tapegrad/optim";
export * as train from "@tapegrad/train";
export { checkAccuracy, Solver } from "@tapegrad/train";
export * as viz from "@tapegrad/viz";
