/** `tapegrad eval`: loss and metrics of a trained model. */
import { type Config, parseValue, settle } from "../config.ts";
import {
  type Learner,
  makeMetrics,
  measure,
  openParts,
  type PartName,
  withAccuracy,
} from "../experiment.ts";
import { exitCodes, type Io, report, UsageError } from "../io.ts";
import { openTrained } from "../runs.ts";
import { taskOf } from "../task.ts";
import { measuredText } from "../text.ts";

export interface EvalOptions {
  readonly run?: string;
  /** By default the test examples; without these, those for validation. */
  readonly part?: PartName;
  /** In place of the config's. */
  readonly metric: readonly string[];
  readonly json: boolean;
}

export async function evaluate(path: string, options: EvalOptions, io: Io): Promise<number> {
  const warn = (message: string) => io.errors.write(`warning: ${message}\n`);
  const trained = await openTrained(path, { ...options, warn });
  const { model, facts, fitted, folder } = trained;
  const config = withMetrics(trained.config, options.metric);
  const parts = await openParts(config, { facts, fitted });
  const part = options.part ?? (parts.test !== null ? "test" : "validation");
  const examples = parts[part];
  if (examples === null) {
    throw new UsageError(
      options.part === undefined
        ? "the run has neither test nor validation examples; measure the training examples with --part train."
        : `the run has no ${part} examples; choose another --part.`,
    );
  }
  const task = taskOf(model, config.loss, facts);
  const own: Learner = { model, task, metrics: makeMetrics(config, facts, task) };
  const asked = options.metric.length > 0;
  const learner = asked ? own : { ...own, metrics: withAccuracy(own, facts) };
  const measured = await measure(learner, examples, config);
  report(
    io,
    options.json,
    { run: folder.path, checkpoint: trained.path, part, ...measured },
    `${trained.path}, ${part}: ${measuredText(measured, learner)}`,
  );
  return exitCodes.done;
}

/** Other metrics: "accuracy", or with options '{ "type": "topK", "k": 5 }'. */
function withMetrics(config: Config, names: readonly string[]): Config {
  if (names.length === 0) return config;
  // What was monitored may not be among them.
  const { monitor: _, earlyStopping: __, ...rest } = config;
  return settle({ ...rest, metrics: names.map(parseValue) });
}
