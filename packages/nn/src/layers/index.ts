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
export type { RecurrentInput, RecurrentOptions, RecurrentResult } from "./recurrent.ts";
export {
  GRU,
  gru,
  LSTM,
  type LSTMInput,
  type LSTMOptions,
  type LSTMResult,
  lstm,
  RNN,
  type RNNOptions,
  rnn,
} from "./rnn.ts";
export {
  type CellOptions,
  GRUCell,
  gruCell,
  LSTMCell,
  type LSTMState,
  lstmCell,
  RNNCell,
  type RNNCellOptions,
  rnnCell,
} from "./rnn-cells.ts";
export { Sequential, sequential } from "./sequential.ts";
export { Flatten, flatten, Identity, identity } from "./shape.ts";
