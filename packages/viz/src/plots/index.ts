/** Training plots: what there is to draw, and what is checked before. */
import { show, Tensor, ValueError } from "@tapegrad/core";
import {
  accuracyFigure,
  activationNames,
  deadUnitsFigure,
  learningRateFigure,
  lossFigure,
  metricFigure,
  parametersFigure,
} from "./curves.ts";
import { drawFigure, type Figure } from "./figure.ts";
import { activationsFigure, confusionFigure, filtersFigure } from "./images.ts";
import type { PlotOptions } from "./options.ts";
import { type ConfusionCounts, type Filters, metricNames, type RunRecord } from "./record.ts";

export type Runs = RunRecord | readonly RunRecord[];

export interface LossCurveOptions extends PlotOptions {
  /** Of the loss. Default "linear". */
  scale?: "linear" | "log";
}

/**
 * Loss over the updates: every update faintly, means of epochs and the validation loss in bold, runs side by side.
 *
 * @returns SVG text
 * @throws ValueError for what is no run, options that make no sense, and runs without a loss
 */
export async function lossCurve(
  runs: Runs,
  { scale = "linear", ...options }: LossCurveOptions = {},
): Promise<string> {
  const where = "lossCurve";
  if (scale !== "linear" && scale !== "log") {
    throw new ValueError(`${where}: scale is ${show(scale)}; it must be "linear" or "log".`);
  }
  return drawn(where, (list) => lossFigure(list, scale), "lines of steps or epochs", runs, options);
}

/** Accuracy on training and validation examples after each epoch, in percent. @throws as {@link lossCurve} */
export async function accuracyCurve(runs: Runs, options: PlotOptions = {}): Promise<string> {
  return drawn("accuracyCurve", accuracyFigure, "trainAcc or valAcc", runs, options);
}

/**
 * A metric after each epoch.
 *
 * @param name  in the epochs' metrics: "f1", or "report.macro.f1" for a number in one
 * @throws as {@link lossCurve}
 */
export async function metricCurve(
  runs: Runs,
  name: string,
  options: PlotOptions = {},
): Promise<string> {
  const known = [...new Set(listed("metricCurve", runs).flatMap(metricNames))];
  const wanted = `metric ${show(name)}; it has ${known.join(", ") || "none"}`;
  return drawn("metricCurve", (list) => metricFigure(list, name), wanted, runs, options);
}

/** The learning rate over the updates. @throws as {@link lossCurve} */
export async function learningRateCurve(runs: Runs, options: PlotOptions = {}): Promise<string> {
  return drawn("learningRateCurve", learningRateFigure, "learningRate", runs, options);
}

const layers = "lines of layers; train with watch: true";

/** Norms of the parameters, first layer to last. @throws as {@link lossCurve} */
export async function weightNorms(run: RunRecord, options: PlotOptions = {}): Promise<string> {
  return drawn("weightNorms", ([one]) => parametersFigure(one!, "norm"), layers, run, options);
}

/** Norms of the parameters' gradients. @throws as {@link lossCurve} */
export async function gradientNorms(run: RunRecord, options: PlotOptions = {}): Promise<string> {
  return drawn(
    "gradientNorms",
    ([one]) => parametersFigure(one!, "gradNorm"),
    layers,
    run,
    options,
  );
}

/**
 * ‖Δw‖ / ‖w‖ of updates, with a line at 1e-3: much more is a learning rate too high, much less one too low
 * (CS231n, https://cs231n.github.io/neural-networks-3/#ratio).
 *
 * @throws as {@link lossCurve}
 */
export async function updateRatios(run: RunRecord, options: PlotOptions = {}): Promise<string> {
  return drawn(
    "updateRatios",
    ([one]) => parametersFigure(one!, "updateRatio"),
    layers,
    run,
    options,
  );
}

/** Share of each layer's units that are 0 for a whole batch. @throws as {@link lossCurve} */
export async function deadUnits(run: RunRecord, options: PlotOptions = {}): Promise<string> {
  return drawn("deadUnits", ([one]) => deadUnitsFigure(one!), "dead units", run, options);
}

/**
 * Histograms of a layer's activations over the updates, with their mean and standard deviation.
 *
 * @param layer  path of the module: "0"
 * @throws as {@link lossCurve}
 */
export async function activationHistograms(
  run: RunRecord,
  layer: string,
  options: PlotOptions = {},
): Promise<string> {
  const where = "activationHistograms";
  const known = listed(where, run).flatMap(activationNames);
  const wanted =
    known.length === 0 ? layers : `layer ${show(layer)}; it has ${known.map(show).join(", ")}`;
  return drawn(where, ([one]) => activationsFigure(one!, layer), wanted, run, options);
}

/**
 * A row for each actual class, a column for each predicted one; colours are shares of the row.
 *
 * @param matrix  as the metric `confusionMatrix` of `train` gives it
 * @throws ValueError unless the counts are square and have a name for each class
 */
export async function confusionMatrix(
  matrix: ConfusionCounts,
  options: PlotOptions = {},
): Promise<string> {
  const where = "confusionMatrix";
  const { classNames, counts } = matrix ?? {};
  const isRight =
    Array.isArray(classNames) &&
    Array.isArray(counts) &&
    classNames.length > 0 &&
    counts.length === classNames.length &&
    counts.every((row) => Array.isArray(row) && row.length === counts.length);
  if (!isRight) {
    throw new ValueError(
      `${where}: got ${show(matrix)}; it must be { classNames, counts } with counts[actual][predicted] for every pair of classes.`,
    );
  }
  return drawFigure(confusionFigure(matrix), checked(where, options));
}

/**
 * Weights as images, each from its least value (black) to its largest (white).
 *
 * @param filters  a weight [filters, 1 or 3, height, width], as of a first Conv2d; `record.filters`, or
 *   `firstLayerFilters(model)` of `train`, which knows linear layers, too
 * @throws ValueError for other shapes
 */
export async function filterImages(
  filters: Tensor | Filters,
  options: PlotOptions = {},
): Promise<string> {
  const where = "filterImages";
  const { shape } = (filters ?? {}) as Filters;
  const isRight =
    Array.isArray(shape) &&
    shape.length === 4 &&
    (shape[1] === 1 || shape[1] === 3) &&
    shape.every((n) => n > 0);
  if (!isRight) {
    throw new ValueError(
      `${where}: got ${Array.isArray(shape) ? `[${shape.join(", ")}]` : show(filters)}; it must be a weight [filters, channels, height, width] of 1 or 3 channels.`,
    );
  }
  const given = filters instanceof Tensor ? { shape, values: filters.data() } : filters;
  return drawFigure(filtersFigure(given), checked(where, options));
}

// ---- Checks

async function drawn(
  where: string,
  figureOf: (runs: readonly RunRecord[]) => Figure | null,
  wanted: string,
  runs: Runs,
  options: PlotOptions,
): Promise<string> {
  const list = listed(where, runs);
  const figure = figureOf(list);
  if (figure !== null) return drawFigure(figure, checked(where, options));
  const names = list.map(({ name }) => show(name)).join(", ");
  throw new ValueError(
    `${where}: the run${list.length === 1 ? "" : "s"} ${names} ha${list.length === 1 ? "s" : "ve"} no ${wanted}.`,
  );
}

/** @internal @throws ValueError for what is no run */
export function listed(where: string, runs: Runs): readonly RunRecord[] {
  const list: readonly RunRecord[] = Array.isArray(runs) ? runs : [runs];
  const wrong = list.find((run) => typeof run?.name !== "string" || !Array.isArray(run.lines));
  if (list.length > 0 && wrong === undefined) return list;
  throw new ValueError(
    `${where}: got ${show(wrong ?? runs)}; it must be a run's record, such as solver.record, or an array of these.`,
  );
}

const sizes = { width: [160, 4000], height: [80, 4000] } as const;

/** @internal @throws ValueError for options that make no sense */
export function checked<O extends PlotOptions>(where: string, options: O): O {
  const { theme = "auto", id = "plot" } = options;
  if (!["auto", "light", "dark"].includes(theme)) {
    throw new ValueError(
      `${where}: theme is ${show(theme)}; it must be "auto", "light" or "dark".`,
    );
  }
  if (!/^[A-Za-z][\w-]*$/.test(id)) {
    throw new ValueError(
      `${where}: id is ${show(id)}; it must be a letter, then letters, digits, "-" and "_".`,
    );
  }
  for (const name of ["width", "height"] as const) {
    const value = options[name];
    const [least, most] = sizes[name];
    if (value !== undefined && !(value >= least && value <= most)) {
      throw new ValueError(
        `${where}: ${name} is ${show(value)}; it must be a number of pixels from ${least} to ${most}.`,
      );
    }
  }
  return options;
}
