export { Adam, type AdamOptions } from "./adam.ts";
export { AdamW, type AdamWOptions } from "./adamw.ts";
export * as hyper from "./hyper.ts";
export {
  type Group,
  type GroupOptions,
  nextStep,
  Optimizer,
  type OptimizerState,
  type State,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";
export { RMSProp, type RMSPropOptions } from "./rmsprop.ts";
export {
  exponentialDecay,
  type Schedule,
  Scheduler,
  type SchedulerState,
  stepDecay,
} from "./schedule.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
