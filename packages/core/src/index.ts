import "./methods.ts";

export { type MemoryReport, memory, setMemoryLimit } from "@tapegrad/kernels";
export { applyInPlace } from "./apply.ts";
export { type BackwardOptions, backward, type GradOptions, grad } from "./backward.ts";
export {
  arange,
  equal,
  eye,
  full,
  linspace,
  ones,
  onesLike,
  type TensorOptions,
  tensor,
  zeros,
  zerosLike,
} from "./create.ts";
export { type DType, dtypes, isFloat, type TypedArray } from "./dtype.ts";
export {
  DTypeError,
  GradError,
  IndexError,
  ShapeError,
  TapegradError,
  ValueError,
} from "./errors.ts";
export { currentModulePath, type Node, setModulePath } from "./node.ts";
export {
  type Domain,
  defineOp,
  type GradRule,
  type Layout,
  type Op,
  type OpFunction,
  registeredOps,
  type TensorLike,
} from "./op.ts";
export {
  type AdaptiveMaxOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  type OutputSize,
} from "./ops/adaptive-pool.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./ops/attention.ts";
export {
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type LpPoolOptions,
  lpPool1d,
  lpPool2d,
  lpPool3d,
} from "./ops/avg-pool.ts";
export {
  type CrossEntropyOptions,
  crossEntropy,
  multiclassSvmLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  type NllOptions,
  nllLoss,
} from "./ops/class-losses.ts";
export { eq, ge, gt, le, lt, ne, where } from "./ops/compare.ts";
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from "./ops/conv.ts";
export { ctcLoss, type Lengths } from "./ops/ctc.ts";
export {
  alphaDropout,
  type DropoutOptions,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
  featureDropout,
} from "./ops/dropout.ts";
export {
  abs,
  add,
  cos,
  div,
  exp,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  sigmoid,
  sign,
  sin,
  sqrt,
  square,
  sub,
  tanh,
} from "./ops/elementwise.ts";
export { type GridSampleOptions, gridSample } from "./ops/grid-sample.ts";
export { gather, type Index, index, indexSelect, Slice, slice } from "./ops/indexing.ts";
export {
  type InterpolateOptions,
  type InterpolationMode,
  interpolate,
} from "./ops/interpolate.ts";
export {
  clone,
  concat,
  contiguous,
  detach,
  expand,
  flatten,
  narrow,
  permute,
  reshape,
  squeeze,
  stack,
  to,
  transpose,
  unsqueeze,
} from "./ops/layout.ts";
export {
  type BinaryOptions,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  gaussianNllLoss,
  huberLoss,
  klDiv,
  l1Loss,
  mseLoss,
  poissonNllLoss,
  smoothL1Loss,
  softMarginLoss,
} from "./ops/losses.ts";
export { linear, matmul } from "./ops/matmul.ts";
export {
  type MaxPoolOptions,
  type MaxUnpoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
} from "./ops/max-pool.ts";
export {
  type Affine,
  type BatchNormOptions,
  batchNorm,
  groupNorm,
  type InstanceNormOptions,
  instanceNorm,
  layerNorm,
  localResponseNorm,
  type RunningStatistics,
  rmsNorm,
} from "./ops/normalize.ts";
export {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  marginRankingLoss,
  tripletMarginLoss,
} from "./ops/pair-losses.ts";
export type { PoolOptions } from "./ops/pool-windows.ts";
export {
  amax,
  amin,
  argmax,
  argmin,
  max,
  mean,
  min,
  type ReduceOptions,
  sum,
  sumTo,
  type ValuesAndIndices,
} from "./ops/reduce.ts";
export type { LossOptions, Reduction } from "./ops/reduction.ts";
export { logSoftmax, softmax } from "./ops/softmax.ts";
export type { PerAxis } from "./ops/windows.ts";
export {
  bernoulli,
  defaultGenerator,
  Generator,
  type GeneratorState,
  manualSeed,
  type RandomOptions,
  rand,
  randint,
  randn,
  randperm,
} from "./random.ts";
export { broadcastShapes, formatShape, type Shape, sizeOf } from "./shape.ts";
export {
  enableGrad,
  isGradEnabled,
  noGrad,
  registerHook,
  retainGrad,
} from "./tape.ts";
export { type NestedArray, peekGrad, Tensor } from "./tensor.ts";
export {
  type CheckOpOptions,
  checkedOps,
  checkOp,
  normal,
  scalar,
  uniform,
  values,
  whole,
} from "./testing/check-op.ts";
export {
  GradcheckError,
  type GradcheckOptions,
  gradcheck,
  gradgradcheck,
  numericalGradient,
  relativeError,
} from "./testing/gradcheck.ts";
export { updateInPlace } from "./update.ts";
