export { Adadelta, type AdadeltaOptions } from "./adadelta.ts";
export { Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions } from "./adam.ts";
export { Adamax, type AdamaxOptions } from "./adamax.ts";
export { AdamW, type AdamWOptions } from "./adamw.ts";
export { ASGD, type ASGDOptions } from "./asgd.ts";
export * as hyper from "./hyper.ts";
export { Lion, type LionOptions } from "./lion.ts";
export { Momentum, type MomentumOptions } from "./momentum.ts";
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
export { RAdam, type RAdamOptions } from "./radam.ts";
export { RMSProp, type RMSPropOptions } from "./rmsprop.ts";
export { Rprop, type RpropOptions } from "./rprop.ts";
export {
  exponentialDecay,
  type Schedule,
  Scheduler,
  type SchedulerState,
  stepDecay,
} from "./schedule.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
