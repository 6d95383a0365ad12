import "./methods/index.ts";

/** What {@link installMethod} adds to tensors: `declare module` of this package extends it, and so `Tensor`. */
// biome-ignore lint/suspicious/noEmptyInterface: users fill it
export interface TensorMethods {}

export {
  type MemoryReport,
  memory,
  type Numerics,
  numerics,
  setMemoryLimit,
  setNumerics,
  setThreads,
  threads,
} from "@tapegrad/kernels";
export {
  type AllocationGroup,
  AllocationReport,
  AllocationTracker,
  trackAllocations,
} from "./allocations.ts";
export { AnomalyError, detectAnomaly, sourceLine } from "./anomaly.ts";
export { apply, applyInPlace } from "./apply.ts";
export type { Attribute, Attributes } from "./attributes.ts";
export { type BackwardOptions, backward, type GradOptions } from "./backward.ts";
export type { Randomness } from "./batched.ts";
export { checkpoint } from "./checkpoint.ts";
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
export type { BatchCall, BatchRule, Domain, GradRule, Layout } from "./definition.ts";
export { type DType, dtypes, isFloat, type TypedArray } from "./dtype.ts";
export {
  DTypeError,
  GradError,
  IndexError,
  ShapeError,
  TapegradError,
  ValueError,
  VmapError,
} from "./errors.ts";
export { Form } from "./form.ts";
export {
  inspectNode,
  leafAt,
  localGradient,
  type NodeRecord,
  type Place,
  placeOf,
  retainedTensor,
  type SavedValue,
} from "./inspect.ts";
export { installMethod } from "./methods/install.ts";
export { currentModulePath, type Node, setModulePath } from "./node.ts";
export { type Observer, observe } from "./observe.ts";
export {
  defineOp,
  type Op,
  type OpFunction,
  registeredOps,
  type TensorLike,
} from "./op.ts";
export {
  celu,
  elu,
  type GeluOptions,
  gelu,
  glu,
  type HardtanhOptions,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  mish,
  prelu,
  relu6,
  type SoftplusOptions,
  selu,
  silu,
  softplus,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from "./ops/activations.ts";
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
export {
  all,
  aminmax,
  any,
  countNonzero,
  logsumexp,
  nanmean,
  nansum,
  prod,
} from "./ops/aggregate.ts";
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
export * as batchRules from "./ops/batch-rules.ts";
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
  cholesky,
  type EighResult,
  eigh,
  eigvalsh,
  qr,
  type SVDResult,
  type SymmetricOptions,
  svd,
  svdvals,
} from "./ops/decompositions.ts";
export { type DiagonalOptions, diag, diagEmbed, diagonal, tril, triu } from "./ops/diagonal.ts";
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
export { einsum } from "./ops/einsum.ts";
export {
  type AlphaOptions,
  abs,
  add,
  cos,
  type DivideOptions,
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
  cat,
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
  det,
  type LstsqResult,
  lstsq,
  matrixExp,
  matrixPower,
  matrixRank,
  nuclearNorm,
  pinv,
  slogdet,
  spectralNorm,
  type ToleranceOptions,
  trace,
} from "./ops/linalg.ts";
export {
  allclose,
  bitwiseAnd,
  bitwiseLeftShift,
  bitwiseNot,
  bitwiseOr,
  bitwiseRightShift,
  bitwiseXor,
  type CloseOptions,
  isclose,
  isfinite,
  isinf,
  isnan,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
} from "./ops/logic.ts";
export { type EmbeddingOptions, embedding, oneHot, take, takeAlongAxis } from "./ops/lookup.ts";
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
export { maskedFill, maskedScatter, maskedSelect } from "./ops/masked.ts";
export {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atan2,
  atanh,
  cbrt,
  cosh,
  exp2,
  expm1,
  hypot,
  log1p,
  log2,
  log10,
  rsqrt,
  sinc,
  sinh,
  tan,
} from "./ops/math.ts";
export { type LinearActivation, linear, matmul } from "./ops/matmul.ts";
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
  cosineSimilarity,
  type NormalizeOptions,
  type NormOptions,
  norm,
  normalize,
} from "./ops/norm.ts";
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
  fold,
  type PadMode,
  type PadOptions,
  type Pair,
  pad,
  pixelShuffle,
  pixelUnshuffle,
  type UnfoldOptions,
  unfold,
  unfoldAxis,
} from "./ops/pad.ts";
export {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  marginRankingLoss,
  tripletMarginLoss,
} from "./ops/pair-losses.ts";
export type { PoolOptions } from "./ops/pool-windows.ts";
export {
  type AddProductOptions,
  addmm,
  addmv,
  baddbmm,
  bilinear,
  bmm,
  cdist,
  cross,
  dot,
  inner,
  kron,
  multiDot,
  mv,
  outer,
  tensordot,
} from "./ops/products.ts";
export {
  median,
  mode,
  nanmedian,
  nanquantile,
  type QuantileOptions,
  quantile,
} from "./ops/quantile.ts";
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
export {
  asStrided,
  broadcastTo,
  flip,
  movedim,
  repeat,
  repeatInterleave,
  roll,
  rot90,
  swapaxes,
  tile,
  unflatten,
  view,
} from "./ops/reorder.ts";
export {
  addcdiv,
  addcmul,
  ceil,
  clamp,
  copysign,
  floor,
  floorDivide,
  fmax,
  fmin,
  fmod,
  frac,
  heaviside,
  lerp,
  type NanToNumOptions,
  nanToNum,
  type RoundingMode,
  type RoundOptions,
  remainder,
  round,
  trunc,
  type ValueOptions,
} from "./ops/rounding.ts";
export {
  cummax,
  cummin,
  cumprod,
  cumsum,
  type DiffOptions,
  diff,
  logcumsumexp,
  type TrapezoidOptions,
  trapezoid,
} from "./ops/scan.ts";
export {
  type IndexPutOptions,
  indexAdd,
  indexCopy,
  indexFill,
  indexPut,
  type ScatterReduceOptions,
  scatter,
  scatterAdd,
  scatterReduce,
} from "./ops/scatter.ts";
export {
  bincount,
  bucketize,
  histc,
  nonzero,
  type SearchOptions,
  searchsorted,
  type Unique,
  unique,
} from "./ops/search.ts";
export { logSoftmax, softmax, softmin } from "./ops/softmax.ts";
export { inv, solve, type TriangularSolveOptions, triangularSolve } from "./ops/solve.ts";
export { argsort, kthvalue, type SortOptions, sort, topk } from "./ops/sort.ts";
export {
  digamma,
  erf,
  erfc,
  erfinv,
  type LogitOptions,
  lgamma,
  logaddexp,
  logaddexp2,
  logit,
  polygamma,
  xlogy,
} from "./ops/special.ts";
export {
  chunk,
  dstack,
  hstack,
  meshgrid,
  select,
  split,
  tensorSplit,
  unbind,
  vstack,
} from "./ops/split.ts";
export {
  std,
  stdMean,
  type VarianceOptions,
  variance,
  variance as var,
  varMean,
} from "./ops/statistics.ts";
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
export { type SavedTensorHooks, savedTensorHooks } from "./saved-hooks.ts";
export { retain, scope, spend, unscoped } from "./scope.ts";
export { broadcastShapes, formatShape, type Shape, sizeOf } from "./shape.ts";
export { show } from "./show.ts";
export {
  detach_,
  enableGrad,
  inferenceMode,
  isGradEnabled,
  noGrad,
  registerHook,
  registerPostAccumulateHook,
  retainGrad,
} from "./tape.ts";
export { isInference, type NestedArray, peekGrad, Tensor } from "./tensor.ts";
export {
  type Case,
  type Checked,
  CheckOpError,
  type CheckOpOptions,
  checkedOps,
  checkOp,
  type InputSpec,
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
export { functionalCall, type ModuleLike } from "./transforms/functional-call.ts";
export {
  type Argnums,
  type Gradients,
  type GradTransformOptions,
  grad,
  valueAndGrad,
} from "./transforms/grad.ts";
export { hessian, type JacobianOf, type JacobianOptions, jacobian } from "./transforms/jacobian.ts";
export { hvp, jvp, vhp, vjp } from "./transforms/products.ts";
export {
  type GivenTree,
  type TensorTree,
  treeLeaves,
  treeMap,
} from "./transforms/tree.ts";
export { type Axes, type VmapOptions, vmap } from "./transforms/vmap.ts";
export { updateAllInPlace, updateInPlace } from "./update.ts";
