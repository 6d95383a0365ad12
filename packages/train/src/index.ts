export { checkAccuracy } from "./accuracy.ts";
export {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  loadCheckpoint,
  type RunProgress,
  saveCheckpoint,
} from "./checkpoint.ts";
export type {
  CheckpointOptions,
  EarlyStopping,
  Example,
  Metric,
  Monitor,
  ProgressMode,
  SolverOptions,
  Source,
  Updates,
} from "./options.ts";
export type { Output } from "./progress.ts";
export type { RatesState } from "./rates.ts";
export {
  type EpochLine,
  listRuns,
  type MetricsLine,
  type RunConfig,
  RunFolder,
  type RunSummary,
  type StepLine,
} from "./run-folder.ts";
export { type Listener, Solver, type TrainingEvent } from "./solver.ts";
export type { Ending, MetricValue, TrainingResult, TrainingState } from "./state.ts";
export { DivergedError } from "./update.ts";
