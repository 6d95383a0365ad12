export { checkAccuracy } from "./accuracy.ts";
export type { ProgressMode, SolverOptions, Updates } from "./options.ts";
export type { Output } from "./progress.ts";
export { DivergedError, Solver } from "./solver.ts";
export type { TrainingResult, TrainingState } from "./state.ts";
