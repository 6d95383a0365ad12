export { checkAccuracy, evaluate } from "./accuracy.ts";
export {
  type CheckModelOptions,
  checkModel,
  formatModelCheck,
  type ModelCheck,
  type ParameterCheck,
} from "./check-model.ts";
export {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  loadCheckpoint,
  type RunProgress,
  saveCheckpoint,
} from "./checkpoint.ts";
export {
  type Average,
  type AverageOptions,
  type ClassificationReport,
  type ClassScores,
  type ConfusionMatrix,
  classificationReport,
  confusionMatrix,
  f1Score,
  formatConfusionMatrix,
  formatReport,
  type NamedClassOptions,
  precision,
  recall,
} from "./class-metrics.ts";
export { type Filters, firstLayerFilters } from "./filters.ts";
export {
  type CrossValidation,
  crossValidate,
  type Fold,
  type FoldData,
  type FoldScore,
  type KFoldOptions,
  kFold,
} from "./k-fold.ts";
export {
  formatLearningRates,
  type LearningRateCurve,
  type LearningRateFinderOptions,
  learningRateFinder,
} from "./learning-rate-finder.ts";
export {
  LinearClassifier,
  type LinearLoss,
  LinearSVM,
  type LinearTrainOptions,
  type LossAndGradient,
  type RegOptions,
  SoftmaxClassifier,
  softmaxLossNaive,
  softmaxLossVectorized,
  svmLossNaive,
  svmLossVectorized,
} from "./linear-classifier.ts";
export type { EpochLine, MetricsLine, RunRecord, StepLine } from "./lines.ts";
export {
  accuracy,
  type ClassOptions,
  type MetricOf,
  meanAbsoluteError,
  meanLoss,
  meanSquaredError,
  type NameOptions,
  perplexity,
  topKAccuracy,
} from "./metrics.ts";
export { type DistanceLoops, KNearestNeighbor, type Neighbors } from "./nearest-neighbours.ts";
export type {
  CheckpointOptions,
  EarlyStopping,
  Example,
  Metric,
  MetricFunction,
  Monitor,
  ProgressMode,
  SolverOptions,
  Source,
  Updates,
} from "./options.ts";
export { type OverfitOptions, type OverfitResult, overfitSmall } from "./overfit.ts";
export type { Output } from "./progress.ts";
export { medianRule, type Pruner, successiveHalving } from "./pruning.ts";
export type { RatesState } from "./rates.ts";
export { listRuns, type RunConfig, RunFolder, type RunSummary, readRecord } from "./run-folder.ts";
export {
  PrunedError,
  type SearchOptions,
  SearchResult,
  search,
  type Trial,
  type TrialContext,
} from "./search.ts";
export {
  choice,
  type Dimension,
  integer,
  logUniform,
  type Params,
  type Space,
  uniform,
} from "./search-space.ts";
export { type Listener, Solver, type TrainingEvent } from "./solver.ts";
export { sparkline } from "./sparkline.ts";
export type { Ending, MetricValue, TrainingResult, TrainingState } from "./state.ts";
export { formatNumber, formatTable } from "./table.ts";
export { DivergedError } from "./update.ts";
export type { ActivationFacts, LayersLine, ParameterFacts, WatchOptions } from "./watch.ts";
export { type Port, WorkerSolver, type WorkerSolverOptions } from "./worker.ts";
