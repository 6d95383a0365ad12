/** What a classifier of points in the plane says everywhere around them. */
import { noGrad, show, Tensor, tensor, ValueError } from "@tapegrad/core";
import { cleanXml } from "../format.ts";
import { colourOf, drawFigure, type Figure } from "./figure.ts";
import type { PlotOptions } from "./options.ts";
import { type Pixels, pngUrl } from "./png-data.ts";

/** Points and their classes; a `TensorDataset` is such data. */
export interface LabelledPoints {
  /** [N, 2]. */
  readonly x: Tensor;
  /** [N], whole numbers from 0. */
  readonly y: Tensor;
}

/** A model, or a function like one. */
export interface Classifier {
  (x: Tensor): unknown;
  modules?(): readonly { training: boolean }[];
  eval?(): unknown;
}

export interface DecisionBoundaryOptions extends PlotOptions {
  /** By class. Default "class 0", "class 1", … */
  classNames?: readonly string[];
  /** The model is asked at so many points across and down. Default 100. */
  resolution?: number;
}

const where = "decisionBoundary";
/** Room around the points, as a share of their extent. */
const room = 0.1;

/**
 * The plane in the colours of the classes that the model decides for, the stronger the surer it is, and the points.
 * The model runs in evaluation mode, off the tape, and is as before afterwards.
 *
 * @param model  points [M, 2] → scores [M, C]; or of two classes the score of class 1, [M] or [M, 1], 0 is undecided
 * @throws ValueError for data that are no points with classes, and scores of another shape
 */
export async function decisionBoundary(
  model: Classifier,
  data: LabelledPoints,
  { classNames, resolution = 100, ...options }: DecisionBoundaryOptions = {},
): Promise<string> {
  checkPoints(data);
  if (!Number.isSafeInteger(resolution) || resolution < 2 || resolution > 1000) {
    throw new ValueError(
      `${where}: resolution is ${show(resolution)}; it must be a whole number from 2 to 1000.`,
    );
  }
  const flat = data.x.data();
  const labels = data.y.data();
  const points = Array.from(labels, (label, i) => ({
    x: flat[2 * i]!,
    y: flat[2 * i + 1]!,
    label: Number(label),
  }));
  const [across, down] = [extent(points.map(({ x }) => x)), extent(points.map(({ y }) => y))];
  const decisions = decide(model, { across, down, resolution, dtype: data.x.dtype });
  const classes = Math.max(decisions.classes, ...points.map(({ label }) => label + 1));
  const names = Array.from({ length: classes }, (_, c) => classNames?.[c] ?? `class ${c}`);
  const figure = boundaryFigure({ points, across, down, names, image: pngUrl(decisions.pixels) });
  return drawFigure(figure, options);
}

function checkPoints(data: LabelledPoints): void {
  const { x, y } = data ?? {};
  const isRight =
    x instanceof Tensor &&
    y instanceof Tensor &&
    x.rank === 2 &&
    x.shape[1] === 2 &&
    y.rank === 1 &&
    y.shape[0] === x.shape[0] &&
    x.shape[0]! > 0;
  if (isRight) return;
  const shapes = [x, y].map((one) =>
    one instanceof Tensor ? `[${one.shape.join(", ")}]` : show(one),
  );
  throw new ValueError(
    `${where}: the data have x ${shapes[0]} and y ${shapes[1]}; they must be tensors, [N, 2] and the classes [N].`,
  );
}

type Extent = readonly [low: number, high: number];

function extent(values: readonly number[]): Extent {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = (high - low) * room || 1;
  return [low - margin, high + margin];
}

interface Plane {
  readonly across: Extent;
  readonly down: Extent;
  readonly resolution: number;
  readonly dtype: Tensor["dtype"];
}

function decide(
  model: Classifier,
  { across, down, resolution, dtype }: Plane,
): { pixels: Pixels; classes: number } {
  const place = ([low, high]: Extent, i: number) => low + ((i + 0.5) / resolution) * (high - low);
  const grid = new Float64Array(2 * resolution ** 2);
  for (let row = 0; row < resolution; row++) {
    for (let column = 0; column < resolution; column++) {
      const at = 2 * (row * resolution + column);
      grid[at] = place(across, column);
      // The first row of a picture is the upper one.
      grid[at + 1] = place(down, resolution - 1 - row);
    }
  }
  const scores = evaluated(model, tensor(grid, { dtype: "float64" }).reshape([-1, 2]).to(dtype));
  const [count, columns = 1] = scores.shape;
  if (count !== resolution ** 2 || scores.rank > 2 || columns < 1) {
    throw new ValueError(
      `${where}: for ${resolution ** 2} points the model gave [${scores.shape.join(", ")}]; it must give scores [${resolution ** 2}, C].`,
    );
  }
  const classes = Math.max(2, columns);
  const all = scores.data();
  const data = new Uint8Array(count * 4);
  for (let i = 0; i < count; i++) {
    const own = columns === 1 ? [0, all[i]!] : all.subarray(i * columns, (i + 1) * columns);
    data.set(shade(own), 4 * i);
  }
  return { pixels: { width: resolution, height: resolution, channels: 4, data }, classes };
}

/** The colour of the class with the highest score; its opacity grows with its softmax probability. */
function shade(scores: ArrayLike<number>): number[] {
  let best = 0;
  for (let c = 1; c < scores.length; c++) if (scores[c]! > scores[best]!) best = c;
  let sum = 0;
  for (let c = 0; c < scores.length; c++) sum += Math.exp(scores[c]! - scores[best]!);
  const colour = colourOf(best);
  const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return [...channels, Math.round(40 + 110 / sum)];
}

/** In evaluation mode; every module's mode is as before afterwards. */
function evaluated(model: Classifier, x: Tensor): Tensor {
  const modes = (model.modules?.() ?? []).map((module) => ({ module, training: module.training }));
  model.eval?.();
  try {
    const scores = noGrad(() => model(x));
    if (scores instanceof Tensor && scores.rank > 0) return scores;
    throw new ValueError(
      `${where}: the model gave ${show(scores)}; it must give a tensor of scores.`,
    );
  } finally {
    for (const { module, training } of modes) module.training = training;
  }
}

/** Symbols by class, for those who don't tell the colours apart: the paths are around the origin. */
const symbols = ["circle", "square", "triangle", "diamond2", "star", "cross"] as const;

interface Boundary {
  readonly points: readonly { x: number; y: number; label: number }[];
  readonly across: Extent;
  readonly down: Extent;
  readonly names: readonly string[];
  readonly image: string;
}

function boundaryFigure({ points, across, down, names, image }: Boundary): Figure {
  return {
    id: "decision-boundary",
    title: "Decision boundary",
    description: `The plane in the colours of the classes that the model decides for, and ${points.length} points of ${names.length} classes: ${names.map(cleanXml).join(", ")}.`,
    legend: names.map((label, c) => ({
      label,
      colour: colourOf(c),
      symbol: legendSymbols[c % symbols.length]!,
    })),
    size: { width: 480, height: 420 },
    draw: (marks, { width, height }) => {
      const frame = { marginLeft: 44, marginRight: 16, marginTop: 20, marginBottom: 36 };
      return {
        ...frame,
        x: { domain: across, label: "x1" },
        y: { domain: down, label: "x2" },
        marks: [
          marks.image([0], {
            src: () => image,
            x: (across[0] + across[1]) / 2,
            y: (down[0] + down[1]) / 2,
            width: width - frame.marginLeft - frame.marginRight,
            height: height - frame.marginTop - frame.marginBottom,
            preserveAspectRatio: "none",
            imageRendering: "pixelated",
          }),
          ...names.map((_, c) =>
            marks.dot(
              points.filter(({ label }) => label === c),
              {
                x: "x",
                y: "y",
                r: 3.5,
                symbol: symbols[c % symbols.length]!,
                fill: colourOf(c),
                stroke: "#ffffff",
                strokeWidth: 1,
              },
            ),
          ),
        ],
      };
    },
  };
}

/** The same in the legend. */
const legendSymbols = [
  "M5,0A5,5,0,1,1,-5,0A5,5,0,1,1,5,0Z",
  "M-4.5,-4.5H4.5V4.5H-4.5Z",
  "M0,-5.5L5,4H-5Z",
  "M0,-6L6,0L0,6L-6,0Z",
  "M0,-6L1.5,-2H6L2.3,0.7L3.7,5L0,2.4L-3.7,5L-2.3,0.7L-6,-2H-1.5Z",
  "M-1.8,-5H1.8V-1.8H5V1.8H1.8V5H-1.8V1.8H-5V-1.8H-1.8Z",
];
