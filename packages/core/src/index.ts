import "./methods.ts";
import "./methods/activations.ts";
import "./methods/math.ts";
import "./methods/rounding.ts";

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
export { eq, ge, gt, le, lt, ne, where } from "./ops/compare.ts";
export {
  type AlphaOptions,
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
export { gather, type Index, index, indexSelect, Slice, slice } from "./ops/indexing.ts";
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
export { linear, matmul } from "./ops/matmul.ts";
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
  type RoundOptions,
  remainder,
  round,
  trunc,
  type ValueOptions,
} from "./ops/rounding.ts";
export {
  type CrossEntropyOptions,
  crossEntropy,
  logSoftmax,
  mseLoss,
  type Reduction,
  softmax,
} from "./ops/softmax.ts";
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
