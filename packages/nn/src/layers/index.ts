export {
  LogSoftmax,
  logSoftmax,
  ReLU,
  relu,
  Sigmoid,
  Softmax,
  sigmoid,
  softmax,
  Tanh,
  tanh,
} from "./activations.ts";
export { Dropout, type DropoutOptions, dropout } from "./dropout.ts";
export { Linear, type LinearOptions, linear } from "./linear.ts";
export { CrossEntropyLoss, MSELoss } from "./losses.ts";
export { Sequential, sequential } from "./sequential.ts";
export { Flatten, flatten, Identity, identity } from "./shape.ts";
