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
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
} from "./adaptive-pool.ts";
export { Affine, type AffineOptions, affine } from "./affine.ts";
export {
  type AttentionInput,
  type AttentionResult,
  KeyValueCache,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
  multiHeadAttention,
} from "./attention.ts";
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  batchNorm1d,
  batchNorm2d,
  batchNorm3d,
  type ChannelNormOptions,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  instanceNorm1d,
  instanceNorm2d,
  instanceNorm3d,
} from "./batch-norm.ts";
export { Bilinear, type BilinearOptions, bilinear } from "./bilinear.ts";
export {
  type Merge,
  Parallel,
  type ParallelOptions,
  parallel,
  Residual,
  residual,
} from "./branches.ts";
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type PaddingMode,
} from "./conv.ts";
export { Dropout, type DropoutOptions, dropout } from "./dropout.ts";
export { Embedding, type EmbeddingOptions, embedding } from "./embedding.ts";
export { Lambda, lambda } from "./lambda.ts";
export { Linear, type LinearOptions, linear } from "./linear.ts";
export { CrossEntropyLoss, MSELoss } from "./losses.ts";
export { ModuleDict, ModuleList, moduleDict, moduleList } from "./module-list.ts";
export {
  GroupNorm,
  type GroupNormOptions,
  groupNorm,
  LayerNorm,
  type LayerNormOptions,
  LocalResponseNorm,
  type LocalResponseNormOptions,
  layerNorm,
  localResponseNorm,
  type NormalizedShape,
  RMSNorm,
  type RMSNormOptions,
  rmsNorm,
} from "./norm.ts";
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  LpPool1d,
  LpPool2d,
  LpPool3d,
  type LpPoolOptions,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  type MaxPoolOptions,
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
  type MaxUnpoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
} from "./pool.ts";
export {
  LearnedPositions,
  type LearnedPositionsOptions,
  learnedPositions,
  type PositionsInput,
  type RotaryOptions,
  RotaryPositions,
  rotaryPositions,
  SinusoidalPositions,
  sinusoidalPositions,
} from "./positions.ts";
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
export { Sequential, type SequentialOptions, sequential } from "./sequential.ts";
export { Flatten, flatten, Identity, identity } from "./shape.ts";
export {
  Transformer,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerInput,
  type TransformerOptions,
  type TransformerStackOptions,
  transformer,
  transformerDecoder,
  transformerEncoder,
} from "./transformer.ts";
export {
  type DecoderLayerInput,
  type EncoderLayerInput,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
  transformerDecoderLayer,
  transformerEncoderLayer,
} from "./transformer-layers.ts";
