/** From a figure to SVG text: Observable Plot draws axes and marks; frame, title, legend and colours are ours. */
import type { PlotOptions as Chart } from "@observablehq/plot";
import { dark, font, light, type Theme } from "../colours.ts";
import { escapeXml, shorten, textWidth } from "../format.ts";
import type { PlotOptions } from "./options.ts";

export type Marks = typeof import("./marks.ts");

export interface LegendEntry {
  readonly label: string;
  readonly colour: string;
  readonly dash?: string;
  /** SVG path of a symbol around the origin, in place of a line. */
  readonly symbol?: string;
}

/** A picture that is yet to be drawn. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  /** What it shows, in words. */
  readonly description: string;
  readonly legend?: readonly LegendEntry[];
  /** Of what `draw` makes; by default that of the options. */
  readonly size?: { readonly width?: number; readonly height: number };
  /** Options for Plot; or SVG text, where Plot has no such picture. */
  draw(marks: Marks, size: { width: number; height: number }): Chart | string;
}

/**
 * Colours that readers with any colour vision tell apart (Okabe & Ito, https://jfly.uni-koeln.de/color/), those
 * with a contrast of 3 : 1 on white and on dark paper; then grey.
 */
export const colours = ["#0072b2", "#d55e00", "#009e73", "#c0609a", "#8f7a2f", "#7a7f85"];
export const colourOf = (i: number): string => colours[i % colours.length]!;
/** Gaps are wide, since ends of strokes are round. */
export const dashed = "6 5";
/** Where colours come again, dashes tell the lines apart. */
export const dashOf = (i: number): string | undefined =>
  [undefined, dashed, "1 5", "9 5 1 5"][Math.floor(i / colours.length) % 4];

/** n colours from blue over purple to orange: the first layer to the last. */
export function sequence(n: number): string[] {
  const stops = [
    [0x00, 0x72, 0xb2],
    [0xb0, 0x5f, 0xa6],
    [0xd9, 0x6a, 0x0a],
  ];
  return Array.from({ length: n }, (_, i) => {
    const at = n === 1 ? 0 : (2 * i) / (n - 1);
    const from = Math.min(1, Math.floor(at));
    const mixed = stops[from]!.map((low, c) => low + (at - from) * (stops[from + 1]![c]! - low));
    return `#${mixed.map((v) => Math.round(v).toString(16).padStart(2, "0")).join("")}`;
  });
}

const standard = { width: 600, height: 260 };
const [titleHeight, legendHeight, legendMark, legendGap, titleSize, textSize] = [
  30, 20, 22, 16, 15, 12,
];
const margin = 12;
const mostLetters = 40;

/** The figure as an SVG text of its own. */
export async function drawFigure(figure: Figure, options: PlotOptions = {}): Promise<string> {
  const marks = await import("./marks.ts");
  const document = await documentOf();
  const { title = figure.title, theme = "auto", id = `plot-${figure.id}` } = options;
  const width = options.width ?? figure.size?.width ?? standard.width;
  const size = { width, height: options.height ?? figure.size?.height ?? standard.height };
  const legend = placed(figure.legend ?? [], width);
  const top = titleHeight + legend.height;
  const drawn = figure.draw(marks, size);
  const body =
    typeof drawn === "string"
      ? drawn
      : textOf(
          marks.plot({ ...size, ...drawn, document, className: "plot" }) as unknown as Element,
        );
  const height = top + size.height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" id="${id}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-title ${id}-desc">`,
    `<title id="${id}-title">${escapeXml(title)}</title>`,
    `<desc id="${id}-desc">${escapeXml(figure.description)}</desc>`,
    `<style>${styleSheet(id, theme)}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text class="title" x="${margin}" y="20">${escapeXml(shorten(title, Math.floor(width / 9)))}</text>`,
    legend.svg,
    `<g class="body" transform="translate(0,${top})">${rounded(body)}</g>`,
    "</svg>",
  ]
    .filter((part) => part !== "")
    .join("\n")
    .concat("\n");
}

/** The page's document; in Node that of linkedom. */
async function documentOf(): Promise<Document> {
  if (typeof document === "object") return document;
  // No literal, so that bundlers for pages don't look for it.
  const name = "linkedom";
  const { parseHTML } = (await import(name)) as { parseHTML(html: string): { document: Document } };
  return parseHTML("<html><body></body></html>").document;
}

/** What is inside of Plot's svg element, without its style sheet. */
function textOf(svg: Element): string {
  const text =
    typeof XMLSerializer === "function"
      ? new XMLSerializer().serializeToString(svg)
      : svg.outerHTML;
  return text
    .replace(/^<svg[^>]*>/, "")
    .replace(/<\/svg>$/, "")
    .replace(/<style>[\s\S]*?<\/style>/, "");
}

/** Coordinates with two digits behind the point: enough for the eye, and the same in every engine. */
function rounded(svg: string): string {
  return svg.replace(/<[a-z][^>]*>/g, (tag) =>
    tag.replace(/-?\d+\.\d{3,}(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(2)))),
  );
}

function placed(legend: readonly LegendEntry[], width: number): { svg: string; height: number } {
  let [x, row] = [margin, 0];
  const entries = legend.map(({ label, colour, dash, symbol }) => {
    const text = shorten(label, mostLetters);
    const needed = legendMark + textWidth(text, textSize);
    if (x > margin && x + needed > width - margin) [x, row] = [margin, row + 1];
    const y = titleHeight + row * legendHeight + legendHeight / 2;
    const mark =
      symbol === undefined
        ? `<path d="M0,0H16" fill="none" stroke="${colour}" stroke-width="2.5"${dash === undefined ? "" : ` stroke-dasharray="${dash}"`}/>`
        : `<path d="${symbol}" transform="translate(8,0)" fill="${colour}"/>`;
    const entry = `<g transform="translate(${Math.round(x)},${y})">${mark}<text x="${legendMark}" y="4">${escapeXml(text)}</text></g>`;
    x += needed + legendGap;
    return entry;
  });
  return { svg: entries.join(""), height: legend.length === 0 ? 0 : (row + 1) * legendHeight };
}

function styleSheet(id: string, theme: Theme): string {
  const at = `#${id}`;
  const { paper, ink } = theme === "dark" ? dark : light;
  const night = `\n@media (prefers-color-scheme: dark) {\n  ${at} { color: ${dark.ink}; }\n  ${at} .paper { fill: ${dark.paper}; }\n}`;
  return `
${at} { color: ${ink}; }
${at} .paper { fill: ${paper}; }
${at} text { fill: currentColor; font-family: ${font}; font-size: ${textSize}px; white-space: pre; }
${at} .title { font-size: ${titleSize}px; font-weight: 600; }
${at} .body { fill: currentColor; text-anchor: middle; }
${at} .body text { font-size: 11px; }
${at} .body .on-colour text { fill: #ffffff; }${theme === "auto" ? night : ""}
`;
}
