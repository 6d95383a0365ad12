/** `plot` of live cells: lines, points, paths over a surface, and 2-D tensors as pictures, as SVG text. */
import type { Tensor } from "tapegrad";

export type Point = readonly [x: number, y: number];
/** A line: heights at 0, 1, 2, …, or points. */
export type Line = readonly number[] | readonly Point[];

export interface PlotOptions {
  title?: string;
  /** Labels of the axes. */
  x?: string;
  y?: string;
  /** Height on a logarithmic scale. */
  log?: boolean;
  /** Dots instead of lines for the series of these names. */
  dots?: readonly string[];
  /** Shades the area behind by the height of a function. */
  surface?: (x: number, y: number) => number;
  /** The area to show; by default what the series need. */
  area?: { x: Point; y: Point };
}

const colours = ["#3b82f6", "#ef4444", "#10b981", "#f59e0b", "#8b5cf6", "#ec4899", "#14b8a6"];
const [width, height] = [560, 320];
const frame = { left: 56, right: 16, top: 34, bottom: 40 };
const ink = "#808894";

const escapeText = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

export function plot(series: Line | Record<string, Line>, options: PlotOptions = {}): string {
  const named = Array.isArray(series) ? { "": series as Line } : (series as Record<string, Line>);
  const lines = Object.entries(named).map(([name, line], i) => ({
    name,
    colour: colours[i % colours.length]!,
    dots: options.dots?.includes(name) ?? false,
    points: line.map((p, k): Point => (typeof p === "number" ? [k, p] : p)),
  }));
  const up = options.log === true ? Math.log10 : (v: number) => v;
  const finite = lines.flatMap(({ points }) =>
    points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(up(y))),
  );
  if (finite.length === 0) throw new RangeError("plot: there is no finite point to show.");
  const { area } = options;
  const xs = area?.x ?? extent(finite.map(([x]) => x));
  const ys: Point =
    area !== undefined ? [up(area.y[0]), up(area.y[1])] : extent(finite.map(([, y]) => up(y)));
  const toX = scale(xs[0], xs[1], frame.left, width - frame.right);
  const toY = scale(ys[0], ys[1], height - frame.bottom, frame.top);

  const parts: string[] = [];
  if (options.surface !== undefined) parts.push(shade(options.surface, xs, ys));
  for (const x of ticks(xs[0], xs[1]))
    parts.push(text(toX(x), height - frame.bottom + 16, label(x), "middle"));
  for (const y of ticks(ys[0], ys[1])) {
    parts.push(text(frame.left - 6, toY(y) + 4, label(options.log === true ? 10 ** y : y), "end"));
    parts.push(
      `<line x1="${frame.left}" x2="${width - frame.right}" y1="${toY(y)}" y2="${toY(y)}" stroke="${ink}" stroke-opacity=".2"/>`,
    );
  }
  for (const { colour, dots, points } of lines) {
    const shown = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(up(y)));
    const at = shown.map(([x, y]) => `${toX(x).toFixed(1)},${toY(up(y)).toFixed(1)}`);
    parts.push(
      dots
        ? at
            .map(
              (p) =>
                `<circle cx="${p.split(",")[0]}" cy="${p.split(",")[1]}" r="3" fill="${colour}"/>`,
            )
            .join("")
        : `<polyline points="${at.join(" ")}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round" clip-path="url(#area)"/>`,
    );
  }
  let at = frame.left;
  for (const { name, colour } of lines.filter(({ name }) => name !== "")) {
    parts.push(
      `<circle cx="${at + 4}" cy="22" r="4" fill="${colour}"/>`,
      text(at + 13, 26, name, "start"),
    );
    at += 28 + name.length * 7;
  }
  if (options.title !== undefined) parts.push(text(width - frame.right, 26, options.title, "end"));
  if (options.x !== undefined) parts.push(text(width / 2, height - 6, options.x, "middle"));
  if (options.y !== undefined) parts.push(text(6, 14, options.y, "start"));
  const clip = `<clipPath id="area"><rect x="${frame.left}" y="${frame.top}" width="${width - frame.left - frame.right}" height="${height - frame.top - frame.bottom}"/></clipPath>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12">${clip}${parts.join("")}</svg>`;

  function shade(
    surface: (x: number, y: number) => number,
    [x0, x1]: Point,
    [y0, y1]: Point,
  ): string {
    const [columns, rows] = [70, 40];
    const at = (i: number, from: number, to: number, n: number) =>
      from + ((i + 0.5) / n) * (to - from);
    const values = Array.from({ length: columns * rows }, (_, k) =>
      surface(at(k % columns, x0, x1, columns), at(Math.floor(k / columns), y0, y1, rows)),
    );
    const [least, greatest] = extent(values);
    const [w, h] = [(toX(x1) - toX(x0)) / columns, (toY(y0) - toY(y1)) / rows];
    return values
      .map((value, k) => {
        // Bands, so that level lines can be seen.
        const level = Math.round(12 * Math.sqrt((value - least) / (greatest - least))) / 12;
        const [x, y] = [toX(x0) + (k % columns) * w, toY(y0) - (Math.floor(k / columns) + 1) * h];
        return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${(w + 0.3).toFixed(1)}" height="${(h + 0.3).toFixed(1)}" fill="#64748b" fill-opacity="${(0.45 * level).toFixed(2)}"/>`;
      })
      .join("");
  }
}

/** A 2-D tensor as a picture: dark is the least value, bright the greatest. */
export function picture(x: Tensor): string {
  const [rows, columns] = x.shape as [number, number];
  if (x.rank !== 2)
    throw new RangeError(
      `show: the tensor is [${x.shape.join(", ")}]; pictures are [height, width].`,
    );
  const cell = Math.max(2, Math.min(24, Math.floor(280 / Math.max(rows, columns))));
  const values = [...x.detach().data()].map(Number);
  const [least, greatest] = extent(values);
  const squares = values.map((value, i) => {
    const grey = Math.round((255 * (value - least)) / (greatest - least));
    return `<rect x="${(i % columns) * cell}" y="${Math.floor(i / columns) * cell}" width="${cell}" height="${cell}" fill="rgb(${grey},${grey},${grey})"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${columns * cell} ${rows * cell}" width="${columns * cell}" height="${rows * cell}" shape-rendering="crispEdges">${squares.join("")}</svg>`;
}

function extent(values: readonly number[]): [number, number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  return least === greatest ? [least - 0.5, greatest + 0.5] : [least, greatest];
}

const scale = (from: number, to: number, low: number, high: number) => (value: number) =>
  low + ((value - from) / (to - from)) * (high - low);

const text = (x: number, y: number, content: string, anchor: string) =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${ink}">${escapeText(content)}</text>`;

const label = (value: number) => String(Number(value.toPrecision(3)));

/** Round numbers between two limits, about five of them. */
function ticks(from: number, to: number): number[] {
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough)!;
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first;
  return Array.from({ length: count + 1 }, (_, i) => (first + i) * step);
}
