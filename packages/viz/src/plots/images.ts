/** Figures that are no curves: activations over time, filters, the confusion matrix. */
import { cleanXml, shorten } from "../format.ts";
import { colourOf, type Figure } from "./figure.ts";
import { type Pixels, pngUrl } from "./png-data.ts";
import {
  type Activation,
  type ConfusionCounts,
  type Filters,
  layersOf,
  type RunRecord,
} from "./record.ts";

const [columns, rows] = [80, 40];
/** #0072b2, the first of the colours. */
const blue = [0x00, 0x72, 0xb2] as const;

interface Moment extends Activation {
  readonly step: number;
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
}

/** Histograms of a layer's activations side by side, the darker the more of them; the mean, and it ± std. */
export function activationsFigure(run: RunRecord, layer: string): Figure | null {
  const moments = layersOf(run).flatMap(({ step, activations }): Moment[] => {
    const found = activations.find(({ name }) => name === layer);
    const { min, max, mean, std } = found ?? {};
    const isWhole = [min, max, mean, std].every(Number.isFinite);
    return found !== undefined && isWhole ? [{ ...(found as Moment), step }] : [];
  });
  if (moments.length === 0) return null;
  const last = moments.at(-1)!;
  const bottom = Math.min(...moments.map(({ min }) => min));
  const top = Math.max(...moments.map(({ max }) => max));
  const [low, high] = top > bottom ? [bottom, top] : [bottom - 0.5, top + 0.5];
  const steps = [moments[0]!.step, Math.max(last.step, moments[0]!.step + 1)] as const;
  const image = pngUrl(raster(moments, steps, [low, high]));
  const number = (value: number) => String(Number(value.toPrecision(3)));
  const dead = last.dead === null ? "" : `, ${number(100 * last.dead)} % of the units dead`;
  return {
    id: `activations-${layer.replace(/[^\w-]/g, "-")}`,
    title: layer === "" ? last.kind : `${layer} · ${last.kind}`,
    description: `Activations over the updates, the darker the more; the line is their mean, dashes are mean ± standard deviation. At the end: mean ${number(last.mean)}, standard deviation ${number(last.std)}${dead}.`,
    size: { width: 320, height: 180 },
    draw: (marks, { width, height }) => {
      const frame = { marginLeft: 48, marginRight: 14, marginTop: 12, marginBottom: 32 };
      const line = { x: "step", stroke: "currentColor", strokeWidth: 1.25 };
      const dashed = { ...line, strokeOpacity: 0.7, strokeDasharray: "3 3" };
      return {
        ...frame,
        x: { domain: steps, label: "updates", ticks: 4 },
        y: { domain: [low, high], label: "activation", ticks: 5 },
        marks: [
          marks.image([0], {
            src: () => image,
            x: (steps[0] + steps[1]) / 2,
            y: (low + high) / 2,
            width: width - frame.marginLeft - frame.marginRight,
            height: height - frame.marginTop - frame.marginBottom,
            preserveAspectRatio: "none",
            imageRendering: "pixelated",
          }),
          marks.line(moments, { ...line, y: "mean" }),
          marks.line(moments, {
            ...dashed,
            y: ({ mean, std }: Moment) => Math.min(high, mean + std),
          }),
          marks.line(moments, {
            ...dashed,
            y: ({ mean, std }: Moment) => Math.max(low, mean - std),
          }),
        ],
      };
    },
  };
}

/** A column for each part of time, with the density of the nearest moment's values. */
function raster(
  moments: readonly Moment[],
  [first, last]: readonly [number, number],
  [low, high]: readonly [number, number],
): Pixels {
  const data = new Uint8Array(columns * rows * 4);
  for (let column = 0; column < columns; column++) {
    const step = first + ((column + 0.5) / columns) * (last - first);
    const moment = moments.reduce((a, b) =>
      Math.abs(b.step - step) < Math.abs(a.step - step) ? b : a,
    );
    const densities = Array.from({ length: rows }, (_, row) => {
      const value = high - ((row + 0.5) / rows) * (high - low);
      return countAt(moment, value, (high - low) / rows);
    });
    // A root, since histograms have peaks.
    const most = Math.sqrt(Math.max(...densities)) || 1;
    densities.forEach((density, row) => {
      const opacity = Math.round(230 * (Math.sqrt(density) / most));
      data.set([...blue, opacity], (row * columns + column) * 4);
    });
  }
  return { width: columns, height: rows, channels: 4, data };
}

/** Of the bin that the value is in; equal values are in the pixel around them. */
function countAt({ min, max, histogram }: Moment, value: number, pixel: number): number {
  if (max === min) return Math.abs(value - min) <= pixel / 2 ? 1 : 0;
  const bin = Math.floor(((value - min) / (max - min)) * histogram.length);
  return histogram[bin] ?? 0;
}

const filterGap = 2;

/** Each filter as an image from its least weight (black) to its largest (white). */
export function filtersFigure(filters: Filters): Figure {
  const [count, channels, height, width] = filters.shape as [number, number, number, number];
  const across = Math.ceil(Math.sqrt(count * 2));
  const scale = Math.max(1, Math.min(8, Math.floor(600 / (across * width))));
  const cell = { width: width * scale + filterGap, height: height * scale + filterGap };
  const padding = 12;
  return {
    id: "filters",
    title: `Filters of ${filters.name ?? "the first layer"}`,
    description: `${count} filters of ${height} × ${width} ${channels === 3 ? "coloured" : "grey"} pixels, each from its least weight, black, to its largest, white.`,
    size: {
      width: Math.max(240, across * cell.width + 2 * padding),
      height: Math.ceil(count / across) * cell.height + padding,
    },
    draw: () =>
      Array.from({ length: count }, (_, i) => {
        const [x, y] = [padding + (i % across) * cell.width, Math.floor(i / across) * cell.height];
        const url = pngUrl(filterPixels(filters, i));
        return `<image x="${x}" y="${y}" width="${width * scale}" height="${height * scale}" preserveAspectRatio="none" image-rendering="pixelated" href="${url}"/>`;
      }).join("\n"),
  };
}

function filterPixels({ shape, values }: Filters, i: number): Pixels {
  const [, channels, height, width] = shape as [number, 1 | 3, number, number];
  const area = height * width;
  const own = Array.from({ length: channels * area }, (_, j) => values[i * channels * area + j]!);
  const low = own.reduce((a, b) => Math.min(a, b));
  const high = own.reduce((a, b) => Math.max(a, b));
  const data = new Uint8Array(own.length);
  own.forEach((v, j) => {
    // From [channels, pixels] to the channels of a pixel side by side.
    const at = (j % area) * channels + Math.floor(j / area);
    data[at] = high > low ? Math.round((255 * (v - low)) / (high - low)) : 128;
  });
  return { width, height, channels, data };
}

/** More numbers than that don't fit. */
const mostClassesWithCounts = 16;
const mostTicks = 32;

export function confusionFigure({ classNames, counts }: ConfusionCounts): Figure {
  const classes = classNames.map((_, i) => i);
  const cells = counts.flatMap((row, actual) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.map((count, predicted) => ({
      actual,
      predicted,
      count,
      share: total === 0 ? 0 : count / total,
    }));
  });
  const right = counts.reduce((sum, row, c) => sum + row[c]!, 0);
  const all = counts.flat().reduce((sum, n) => sum + n, 0);
  const name = (c: number) => shorten(cleanXml(String(classNames[c])), 14);
  const ticks = classes.filter((c) => c % Math.ceil(classes.length / mostTicks) === 0);
  const longest = Math.max(...classes.map((c) => [...name(c)].length));
  const isWide = longest > 4;
  const side = Math.max(200, Math.min(440, classes.length * 44));
  const margins = {
    marginLeft: 40 + 7 * longest,
    marginBottom: isWide ? 30 + 6 * longest : 44,
    marginTop: 10,
  };
  return {
    id: "confusion",
    title: "Confusion matrix",
    description: `Rows are actual classes, columns predicted ones; the darker, the larger the share of the row. ${right} of ${all} examples are right.`,
    size: {
      width: Math.max(280, margins.marginLeft + side + 24),
      height: margins.marginTop + side + margins.marginBottom,
    },
    draw: (marks) => ({
      ...margins,
      marginRight: 24,
      padding: 0.04,
      x: {
        domain: classes,
        ticks,
        tickFormat: name,
        label: "predicted",
        ...(isWide && { tickRotate: -45 }),
      },
      y: { domain: classes, ticks, tickFormat: name, label: "actual" },
      marks: [
        marks.cell(cells, {
          x: "predicted",
          y: "actual",
          fill: colourOf(0),
          fillOpacity: ({ share }: { share: number }) => 0.06 + 0.94 * share,
        }),
        ...(classes.length > mostClassesWithCounts
          ? []
          : [false, true].map((onColour) =>
              marks.text(
                cells.filter(({ share }) => share > 0.5 === onColour),
                {
                  x: "predicted",
                  y: "actual",
                  text: "count",
                  ...(onColour && { className: "on-colour" }),
                },
              ),
            )),
      ],
    }),
  };
}
