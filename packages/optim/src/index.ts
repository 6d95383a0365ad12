export { Adadelta, type AdadeltaOptions } from "./adadelta.ts";
export { Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions } from "./adam.ts";
export { Adamax, type AdamaxOptions } from "./adamax.ts";
export { AdamW, type AdamWOptions } from "./adamw.ts";
export { ASGD, type ASGDOptions } from "./asgd.ts";
export {
  type AveragedState,
  AveragedWeights,
  type AveragingOptions,
  type WeightSource,
} from "./averaging.ts";
export {
  clipGradNorm_,
  clipGradValue_,
  gradNorm,
  type NormOptions,
  type Parameters,
} from "./clip.ts";
export { type CyclicOptions, cyclic, type OneCycleOptions, oneCycle } from "./cycles.ts";
export * as hyper from "./hyper.ts";
export { LBFGS, type LBFGSOptions } from "./lbfgs.ts";
export { Lion, type LionOptions } from "./lion.ts";
export { Momentum, type MomentumOptions } from "./momentum.ts";
export { Muon, type MuonOptions } from "./muon.ts";
export { NAdam, type NAdamOptions } from "./nadam.ts";
export {
  FirstOrderOptimizer,
  type Group,
  type GroupOptions,
  type GroupRules,
  nextStep,
  Optimizer,
  type OptimizerState,
  type State,
  stateNumber,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";
export {
  type PlateauState,
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
} from "./plateau.ts";
export { RAdam, type RAdamOptions } from "./radam.ts";
export { RMSProp, type RMSPropOptions } from "./rmsprop.ts";
export { Rprop, type RpropOptions } from "./rprop.ts";
export { type HasRates, type Schedule, Scheduler, type SchedulerState } from "./schedule.ts";
export {
  chained,
  constantFactor,
  cosineAnnealing,
  cosineWarmRestarts,
  exponentialDecay,
  lambda,
  linearFactor,
  multiStepDecay,
  polynomialDecay,
  sequence,
  stepDecay,
  swaAnnealing,
  warmup,
} from "./schedules.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
