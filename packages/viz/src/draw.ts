/** A view as an SVG text: no DOM, so that it is the same in Node and in a page. */
import { styleSheet, type Theme } from "./colours.ts";
import { describeSummary, escapeXml, formatNumber, formatShape } from "./format.ts";
import {
  chart,
  fontSize,
  type Layout,
  layoutOf,
  lineHeight,
  noteSize,
  type PlacedAtom,
  type PlacedWire,
  type Point,
} from "./layout.ts";
import type { Graph, JsonNumber, Summary } from "./schema.ts";
import type { View } from "./view.ts";

export interface DrawOptions {
  /** Digits behind the point. */
  digits: number;
  /** null where the page has the style sheet already. */
  theme: Theme | null;
  /** Id of the svg element; others begin with it. */
  id: string;
  /** Whether atoms can be focused, for a page that answers. */
  interactive: boolean;
}

/** Draws what the view shows. */
export function drawSvg(graph: Graph, view: View, options: DrawOptions): string {
  const layout = layoutOf(view, options.digits);
  const { id, theme, interactive } = options;
  const [width, height] = [Math.ceil(layout.width), Math.ceil(layout.height)];
  const title = escapeXml(graph.title ?? "Computational graph");
  const ops = graph.nodes.filter(({ kind }) => kind === "op").length;
  const what = `${ops} operations in ${view.atoms.length} boxes, from inputs on the left to results on the right; values in green above the wires, gradients in red below.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" id="${id}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="${interactive ? "group" : "img"}" aria-labelledby="${id}-title ${id}-desc">`,
    `<title id="${id}-title">${title}</title>`,
    `<desc id="${id}-desc">${what}</desc>`,
    ...(theme === null ? [] : [`<style>${styleSheet(id, theme)}</style>`]),
    `<defs><marker id="${id}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9.8" markerHeight="9.8" orient="auto-start-reverse"><path class="tip" d="M0 0.8L8 4L0 7.2Z"/></marker></defs>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...layout.clusters.map((cluster) => drawCluster(cluster, interactive)),
    ...layout.wires.map((wire) => drawWire(wire, layout, id)),
    ...layout.wires.map((wire) => drawWireLabel(wire)),
    ...layout.atoms.map((atom) => drawAtom(graph, atom, layout, options)),
    "</svg>",
    "",
  ].join("\n");
}

/** Tenths of a pixel are enough, and the same on every machine. */
const px = (value: number): number => Math.round(value * 10) / 10 + 0;

const at = ({ x, y }: Point): string => `${px(x)} ${px(y)}`;

function text(content: string, { x, y }: Point, classes: string): string {
  return `<text class="${classes}" x="${px(x)}" y="${px(y)}">${escapeXml(content)}</text>`;
}

function drawCluster(
  { group, text: label, x, y, width, height }: Layout["clusters"][number],
  interactive: boolean,
): string {
  const [left, top] = [x - width / 2, y - height / 2];
  return [
    `<g class="unfolded" data-id="${group.id}"${reachable(interactive, label, true)}>`,
    `<rect class="cluster" x="${px(left)}" y="${px(top)}" width="${px(width)}" height="${px(height)}" rx="10"/>`,
    `<text class="small muted start" x="${px(left + 4)}" y="${px(top - 4)}">${escapeXml(label)}</text>`,
    "</g>",
  ].join("");
}

/** What makes an element of the picture reachable by keyboard and told by screen readers. */
function reachable(interactive: boolean, label: string, isUnfolded: boolean | null): string {
  if (!interactive) return "";
  const state = isUnfolded === null ? "" : ` aria-expanded="${isUnfolded}"`;
  return ` tabindex="0" role="button" aria-label="${escapeXml(label)}"${state}`;
}

// ---------------------------------------------------------------------------------------------
// Wires

function drawWire({ wire, points }: PlacedWire, layout: Layout, id: string): string {
  const form = (end: string) => layout.forms.get(end)!;
  const route = curve(points, form(wire.from), form(wire.to));
  const off = wire.output.requiresGrad ? "" : " off";
  return `<path class="line${off}" d="${route}" marker-end="url(#${id}-tip)"/>`;
}

/** Level where it passes a point, so that what is written there stands above and below it. */
function curve(points: readonly Point[], from: PlacedAtom, to: PlacedAtom): string {
  let path = `M${at(points[0]!)}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!, points[i]!];
    const reach = Math.abs(b.x - a.x) / 2;
    const out = i === 1 ? heading(from, a, reach) : { x: a.x + reach, y: a.y };
    const into = i === points.length - 1 ? heading(to, b, reach) : { x: b.x - reach, y: b.y };
    path += `C${at(out)} ${at(into)} ${at(b)}`;
  }
  return path;
}

/** Where a wire that leaves the atom at p heads: straight away from a circle, level from a box. */
function heading(atom: PlacedAtom, p: Point, reach: number): Point {
  const side = Math.sign(p.x - atom.x);
  if (atom.form !== "gate") return { x: p.x + side * reach, y: p.y };
  const [dx, dy] = [p.x - atom.x, p.y - atom.y];
  const scale = reach / Math.max(1e-9, Math.hypot(dx, dy));
  return { x: p.x + dx * scale, y: p.y + dy * scale };
}

function drawWireLabel({ wire, label }: PlacedWire): string {
  const { x, y } = label;
  const parts: string[] = [];
  let top = y - 5;
  if (label.value !== null) {
    parts.push(text(label.value, { x, y: top }, "value halo"));
    top -= lineHeight;
  } else if (label.hasValueChart) {
    parts.push(drawChart(wire.output.value!, { x, y: top }, "value"));
    top -= chart.height + 4;
  }
  if (label.shape !== "") parts.push(text(label.shape, { x, y: top }, "small muted halo"));
  if (label.gradient !== null) {
    parts.push(text(label.gradient, { x, y: y + lineHeight }, "gradient halo"));
  } else if (label.hasGradientChart) {
    parts.push(drawChart(wire.gradient!, { x, y: y + chart.height + 5 }, "gradient"));
  }
  const value = wire.output.value === null ? [] : [`value ${describeSummary(wire.output.value)}`];
  const back = wire.gradient === null ? [] : [`gradient ${describeSummary(wire.gradient)}`];
  const facts = [wire.output.dtype ?? "", formatShape(wire.output.shape), ...value, ...back];
  const title = escapeXml(facts.filter((fact) => fact !== "").join("\n"));
  return `<g data-wire="${wire.id}"><title>${title}</title>${parts.join("")}</g>`;
}

/** A heat-map of what is small enough to list, the distribution of the rest; p is the middle of its foot. */
function drawChart(summary: Summary, { x, y }: Point, colour: string): string {
  const [left, top] = [x - chart.width / 2, y - chart.height];
  return summary.heatmap !== undefined && summary.values !== undefined
    ? drawHeatmap(summary.heatmap, left, top, colour)
    : drawHistogram(summary.histogram!, left, y, colour);
}

function drawHistogram(counts: readonly number[], left: number, foot: number, colour: string) {
  const step = chart.width / counts.length;
  const highest = Math.max(...counts);
  const bars = counts.map((count, i) => {
    // A bin that holds anything is seen.
    const height = count === 0 ? 0.5 : Math.max(1, (count / highest) * chart.height);
    return `M${at({ x: left + i * step, y: foot })}v${px(-height)}h${px(step - 0.5)}v${px(height)}z`;
  });
  return `<path class="${colour}" d="${bars.join("")}"/>`;
}

/** Darkness in five steps of |value| over the largest. */
const shades = 5;

function drawHeatmap(
  { rows, columns, values }: NonNullable<Summary["heatmap"]>,
  left: number,
  top: number,
  colour: string,
): string {
  const size = (value: JsonNumber) => (typeof value === "number" ? Math.abs(value) : Infinity);
  const largest = Math.max(0, ...values.map(size).filter(Number.isFinite));
  const [w, h] = [chart.width / columns, chart.height / rows];
  const paths = new Array<string>(shades).fill("");
  values.forEach((value, i) => {
    const share = largest === 0 ? 0 : Math.min(1, size(value) / largest);
    const shade = Math.min(shades - 1, Math.floor(share * shades));
    const corner = { x: left + (i % columns) * w, y: top + Math.floor(i / columns) * h };
    paths[shade] += `M${at(corner)}h${px(w - 0.4)}v${px(h - 0.4)}h${px(0.4 - w)}z`;
  });
  return paths
    .map((d, i) => (d === "" ? "" : `<path class="${colour} l${i + 1}" d="${d}"/>`))
    .join("");
}

// ---------------------------------------------------------------------------------------------
// Atoms

function drawAtom(
  graph: Graph,
  placed: PlacedAtom,
  layout: Layout,
  { digits, interactive }: DrawOptions,
): string {
  const { atom, form, x, y, width, height, note } = placed;
  const label = placed.text;
  const title = describeAtom(graph, placed);
  const rect = (classes: string, radius: number) =>
    `<rect class="${classes}" x="${px(x - width / 2)}" y="${px(y - height / 2)}" width="${px(width)}" height="${px(height)}" rx="${radius}"/>`;
  const frame = {
    gate: () => `<circle class="gate" cx="${px(x)}" cy="${px(y)}" r="${width / 2}"/>`,
    pill: () => rect("gate", height / 2),
    group: () => rect("group", 8),
    // Invisible, so that a name is as easy to point at as a gate.
    text: () => rect("name-room", 4),
  }[form]();
  const first = { x, y: y + fontSize * 0.35 - (note === "" ? 0 : noteSize * 0.7) };
  const parts = [frame];
  if (label !== "")
    parts.push(text(label, first, form === "gate" || form === "pill" ? "" : "name"));
  if (note !== "") parts.push(text(note, { x, y: first.y + lineHeight }, "small muted"));
  const total = layout.fanOut.has(atom.id) ? atom.node?.outputs[0]?.gradient?.values : undefined;
  if (total?.length === 1) {
    const sum = `Σ ${formatNumber(total[0]!, digits)}`;
    parts.push(text(sum, { x, y: y + height / 2 + noteSize + 1 }, "small gradient halo"));
  }
  const isUnfolded = atom.group === null ? null : false;
  const reach = reachable(interactive, title.replaceAll("\n", ", "), isUnfolded);
  return `<g class="atom" data-id="${atom.id}"${reach}><title>${escapeXml(title)}</title>${parts.join("")}</g>`;
}

function describeAtom(graph: Graph, { atom, note }: PlacedAtom): string {
  if (atom.group !== null) return `${atom.label}\n${note}\nfolded`;
  const { node } = atom;
  const output = node.outputs[0]!;
  const lines = [[node.op ?? node.kind, node.name ?? ""].filter((s) => s !== "").join(" ")];
  if (node.module !== "") lines.push(`module ${node.module}`);
  const type = [output.dtype ?? "", formatShape(output.shape)].filter((s) => s !== "").join(" ");
  if (type !== "") lines.push(type);
  const formula = node.op === null ? undefined : graph.ops[node.op]?.tex.y;
  if (formula !== undefined) lines.push(`y = ${formula}`);
  if (output.value !== null) lines.push(`value ${describeSummary(output.value)}`);
  if (output.gradient !== null) lines.push(`gradient ${describeSummary(output.gradient)}`);
  return lines.join("\n");
}
