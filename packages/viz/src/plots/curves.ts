/** Figures with lines over the updates of runs. A figure is null where its runs recorded nothing for it. */
import { colourOf, dashed, dashOf, type Figure, type LegendEntry, sequence } from "./figure.ts";
import {
  epochsOf,
  type LayersLine,
  layersOf,
  metricOf,
  type RunRecord,
  stepsOf,
} from "./record.ts";

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Series {
  readonly label: string;
  readonly colour: string;
  readonly dash?: string | undefined;
  readonly points: readonly Point[];
  /** What is behind the others, without a place in the legend. */
  readonly faint?: boolean;
}

interface Chart {
  readonly id: string;
  readonly title: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  readonly scale?: "linear" | "log";
  readonly percent?: boolean;
  /** A horizontal line with a meaning. */
  readonly rule?: LegendEntry & { readonly y: number };
  /** Behind "… over the updates". */
  readonly remark?: string;
}

/** More points than that are not seen, and make files long. */
const mostPoints = 400;
/** More lines than that are not told apart. */
const mostLines = 16;

function chart({ id, title, yLabel, series, scale, percent, rule, remark }: Chart): Figure | null {
  const isLog = scale === "log";
  const shown = series
    .map((one) => ({ ...one, points: thinned(one.points.filter(({ y }) => !isLog || y > 0)) }))
    .filter(({ points }) => points.length > 0);
  if (shown.length === 0) return null;
  const named = shown.filter(({ faint }) => faint !== true);
  const main = named.length > 0 ? named : shown;
  const legend = main.map(
    ({ label, colour, dash }): LegendEntry => ({ label, colour, ...(dash && { dash }) }),
  );
  if (rule !== undefined) legend.push(rule);
  return {
    id,
    title,
    description: `${yLabel} over the updates${remark ?? ""}. ${main.map(inWords).join(" ")}`,
    // The title says what a lone line is.
    legend: legend.length > 1 ? legend : [],
    draw: (marks) => ({
      marginLeft: 56,
      marginRight: 24,
      x: { label: "updates", ...updatesAxis(shown) },
      y: {
        label: yLabel,
        grid: true,
        type: isLog ? "log" : "linear",
        ...(percent && { percent: true }),
        ...(isLog && { tickFormat: scientific, ticks: logTicks(shown) }),
        nice: true,
        ...constantAxis(shown),
      },
      marks: [
        ...(rule === undefined
          ? []
          : [marks.ruleY([rule.y], { stroke: rule.colour, strokeDasharray: "1 5" })]),
        ...shown.map(({ points, colour, dash, faint }) =>
          points.length === 1
            ? // No line, and yet all that there is.
              marks.dot(points, { x: "x", y: "y", fill: colour, r: 3.5 })
            : marks.line(points, {
                x: "x",
                y: "y",
                stroke: colour,
                strokeWidth: faint ? 1 : 2,
                strokeOpacity: faint ? 0.4 : 1,
                ...(dash !== undefined && { strokeDasharray: dash }),
              }),
        ),
      ],
    }),
  };
}

/** From the start, with whole numbers only: there are no updates in between. */
function updatesAxis(series: readonly Series[]): object {
  const last = series.flatMap(({ points }) => points).reduce((most, { x }) => Math.max(most, x), 1);
  const ticks = { ticks: Array.from({ length: last + 1 }, (_, i) => i), tickFormat: "d" };
  return { domain: [0, last], ...(last < 10 && ticks) };
}

/** Room around a value that never changes. */
function constantAxis(series: readonly Series[]): object {
  const values = new Set(series.flatMap(({ points }) => points.map(({ y }) => y)));
  const [value] = values;
  if (values.size > 1 || value === 0) return {};
  return { domain: [value! / 2, value! * 1.5].sort((a, b) => a - b) };
}

/** Powers of ten; where these are few, 2 and 5 times them, too. */
function logTicks(series: readonly Series[]): number[] {
  const values = series.flatMap(({ points }) => points.map(({ y }) => y));
  const low = Math.floor(Math.log10(values.reduce((a, b) => Math.min(a, b))));
  const high = Math.ceil(Math.log10(values.reduce((a, b) => Math.max(a, b))));
  const factors = high - low <= 2 ? [1, 2, 5] : [1];
  return Array.from({ length: high - low + 1 }, (_, i) => factors.map((f) => f * 10 ** (low + i)))
    .flat()
    .filter((tick) => tick <= 10 ** high);
}

/** 1e-3, 0.1, 1, 20, 1e4. */
function scientific(value: number): string {
  const isShort = value >= 0.01 && value < 1e4;
  return isShort ? short(value) : value.toExponential(0).replace("+", "");
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

function inWords({ label, points }: Series): string {
  const [first, last] = [points[0]!, points.at(-1)!];
  return `${label}: from ${short(first.y)} to ${short(last.y)}.`;
}

const isNumber = (y: unknown): y is number => typeof y === "number" && Number.isFinite(y);

/** The points of lines that have a number. */
function pointsOf<L extends { readonly step: number }>(
  lines: readonly L[],
  y: (line: L) => number | null | undefined,
): Point[] {
  return lines.flatMap((line) => {
    const value = y(line);
    return isNumber(value) ? [{ x: line.step, y: value }] : [];
  });
}

/** The lowest and the highest of neighbours, in their order: peaks stay. */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= mostPoints) return points;
  const groups = mostPoints / 2;
  return Array.from({ length: groups }, (_, i) => {
    const group = points.slice(
      Math.floor((i * points.length) / groups),
      Math.floor(((i + 1) * points.length) / groups),
    );
    const low = group.reduce((a, b) => (b.y < a.y ? b : a));
    const high = group.reduce((a, b) => (b.y > a.y ? b : a));
    return [low, high].sort((a, b) => a.x - b.x);
  }).flat();
}

// ---- Curves that compare runs

/** Training and validation of each run: by colour for one run, by dash where colours tell runs apart. */
function pairs(
  runs: readonly RunRecord[],
  training: (run: RunRecord) => Point[],
  validation: (run: RunRecord) => Point[],
): Series[] {
  if (runs.length === 1) {
    return [
      { label: "training", colour: colourOf(0), points: training(runs[0]!) },
      { label: "validation", colour: colourOf(1), points: validation(runs[0]!) },
    ];
  }
  return runs.flatMap((run, i) => [
    { label: `${run.name}, training`, colour: colourOf(i), points: training(run) },
    {
      label: `${run.name}, validation`,
      colour: colourOf(i),
      dash: dashed,
      points: validation(run),
    },
  ]);
}

export function lossFigure(runs: readonly RunRecord[], scale?: "linear" | "log"): Figure | null {
  const everyUpdate = runs.map((run, i): Series => {
    const points = pointsOf(stepsOf(run), ({ loss }) => loss);
    return { label: run.name, colour: colourOf(i), points, faint: true };
  });
  const epochs = pairs(
    runs,
    (run) => pointsOf(epochsOf(run), ({ loss }) => loss),
    (run) => pointsOf(epochsOf(run), ({ valLoss }) => valLoss),
  );
  return chart({
    id: "loss",
    title: "Loss",
    yLabel: "loss",
    series: [...everyUpdate, ...epochs],
    ...(scale && { scale }),
    remark: "; faint: each update, bold: means of epochs",
  });
}

export function accuracyFigure(runs: readonly RunRecord[]): Figure | null {
  return chart({
    id: "accuracy",
    title: "Accuracy",
    yLabel: "accuracy (%)",
    percent: true,
    series: pairs(
      runs,
      (run) => pointsOf(epochsOf(run), ({ trainAcc }) => trainAcc),
      (run) => pointsOf(epochsOf(run), ({ valAcc }) => valAcc),
    ),
  });
}

/** One line for each run. */
function perRun(runs: readonly RunRecord[], pointsFor: (run: RunRecord) => Point[]): Series[] {
  return runs.map((run, i) => ({
    label: run.name,
    colour: colourOf(i),
    dash: dashOf(i),
    points: pointsFor(run),
  }));
}

export function metricFigure(runs: readonly RunRecord[], name: string): Figure | null {
  return chart({
    id: `metric-${name.replace(/[^\w-]/g, "-")}`,
    title: name,
    yLabel: name,
    series: perRun(runs, (run) =>
      pointsOf(epochsOf(run), ({ metrics }) => metricOf(metrics, name)),
    ),
    remark: ", on the validation examples",
  });
}

export function learningRateFigure(runs: readonly RunRecord[]): Figure | null {
  return chart({
    id: "learning-rate",
    title: "Learning rate",
    yLabel: "learning rate",
    series: perRun(runs, (run) => {
      const steps = pointsOf(stepsOf(run), ({ learningRate }) => learningRate);
      return steps.length > 0 ? steps : pointsOf(epochsOf(run), ({ learningRate }) => learningRate);
    }),
  });
}

// ---- Curves of one run's layers

type ParameterNumber = "norm" | "gradNorm" | "updateRatio";

const parameterCharts = {
  updateRatio: {
    id: "update-ratios",
    title: "Update / weight ratio",
    yLabel: "‖Δw‖ / ‖w‖",
    rule: { y: 1e-3, label: "1e-3, healthy", colour: "currentColor", dash: "1 5" },
    remark: ". About 1e-3 is healthy; much more is a learning rate too high, much less one too low",
  },
  gradNorm: { id: "gradient-norms", title: "Gradient norms", yLabel: "‖∂loss/∂w‖" },
  norm: { id: "weight-norms", title: "Weight norms", yLabel: "‖w‖" },
} as const;

export function parametersFigure(run: RunRecord, what: ParameterNumber): Figure | null {
  const lines = layersOf(run);
  const all = [...new Set(lines.flatMap(({ parameters }) => parameters.map(({ name }) => name)))];
  return chart({
    ...parameterCharts[what],
    scale: "log",
    series: lineForEach(chosen(all), (name) =>
      pointsOf(lines, ({ parameters }) => parameters.find((one) => one.name === name)?.[what]),
    ),
  });
}

/** Of many parameters the weights; of many weights some, equally spaced. */
function chosen(names: readonly string[]): readonly string[] {
  if (names.length <= mostLines / 2) return names;
  const weights = names.filter((name) => /(^|[._])weight/.test(name));
  return spread(weights.length > 0 ? weights : names, mostLines);
}

/** Up to `most`, equally spaced, the first and the last among them. */
export function spread<T>(list: readonly T[], most: number): readonly T[] {
  if (list.length <= most) return list;
  return Array.from(
    { length: most },
    (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))]!,
  );
}

/** Parameters of a layer share its colour; all but its weight are dashed. */
function lineForEach(names: readonly string[], pointsFor: (name: string) => Point[]): Series[] {
  const layerOf = (name: string) => name.replace(/\.?[^.]*$/, "");
  const layers = [...new Set(names.map(layerOf))];
  const shades = sequence(layers.length);
  return names.map((name) => ({
    label: name,
    colour: shades[layers.indexOf(layerOf(name))]!,
    dash: /weight[^.]*$/.test(name) ? undefined : dashed,
    points: pointsFor(name),
  }));
}

const activationIn = ({ activations }: LayersLine, name: string) =>
  activations.find((one) => one.name === name);

/** null unless some unit was dead at some time. */
export function deadUnitsFigure(run: RunRecord): Figure | null {
  const lines = layersOf(run);
  const names = activationNames(run).filter((name) =>
    lines.some((line) => (activationIn(line, name)?.dead ?? 0) > 0),
  );
  return chart({
    id: "dead-units",
    title: "Dead units",
    yLabel: "units that are 0 for the whole batch (%)",
    percent: true,
    series: spread(names, mostLines).map((name, i, { length }) => ({
      label: name === "" ? "model" : name,
      colour: sequence(length)[i]!,
      points: pointsOf(lines, (line) => activationIn(line, name)?.dead),
    })),
  });
}

/** In the order in which the layers ran. */
export function activationNames(run: RunRecord): string[] {
  return [
    ...new Set(layersOf(run).flatMap(({ activations }) => activations.map(({ name }) => name))),
  ];
}
