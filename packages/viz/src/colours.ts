/** Colours of pictures, light and dark: values green, gradients red, as CS231n draws them. */

/** "auto" follows the reader's system. */
export type Theme = "auto" | "light" | "dark";

interface Palette {
  paper: string;
  ink: string;
  muted: string;
  line: string;
  gate: string;
  edge: string;
  group: string;
  groupEdge: string;
  cluster: string;
  value: string;
  gradient: string;
  chosen: string;
}

export const light: Palette = {
  paper: "#ffffff",
  ink: "#1b1f24",
  muted: "#5b6570",
  line: "#8b96a2",
  gate: "#ffffff",
  edge: "#39424c",
  group: "#e8f0fd",
  groupEdge: "#5d86cc",
  cluster: "#f6f8fa",
  value: "#0b7a2d",
  gradient: "#c4122f",
  chosen: "#0b63ce",
};

export const dark: Palette = {
  paper: "#14181d",
  ink: "#e8ebee",
  muted: "#9fabb7",
  line: "#6b7783",
  gate: "#20272e",
  edge: "#aab5c0",
  group: "#1d2c45",
  groupEdge: "#6f9be6",
  cluster: "#191f26",
  value: "#56cf79",
  gradient: "#ff7b84",
  chosen: "#6cb0ff",
};

export const font = `system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`;

/** Rules without colours. */
const shapes = (at: string): string => `
${at} text { font: 13px ${font}; text-anchor: middle; }
${at} .small { font-size: 10px; }
${at} .name { font-weight: 600; }
${at} .start { text-anchor: start; }
${at} .name-room { fill: transparent; }
${at} .line { fill: none; stroke-width: 1.4; }
${at} .off { stroke-dasharray: 4 3; }
${at} .gate, ${at} .group { stroke-width: 1.5; }
${at} .cluster { stroke-width: 1; stroke-dasharray: 5 4; }
${at} .halo { paint-order: stroke; stroke-width: 3px; stroke-linejoin: round; }
${at} .l1 { fill-opacity: 0.12; } ${at} .l2 { fill-opacity: 0.34; } ${at} .l3 { fill-opacity: 0.56; } ${at} .l4 { fill-opacity: 0.78; }
${at} [tabindex] { cursor: pointer; outline: none; }`;

const colours = (at: string, p: Palette): string => `
${at} .paper { fill: ${p.paper}; }
${at} text { fill: ${p.ink}; }
${at} .halo { stroke: ${p.paper}; }
${at} .muted { fill: ${p.muted}; }
${at} .line { stroke: ${p.line}; }
${at} .tip { fill: ${p.line}; }
${at} .gate { fill: ${p.gate}; stroke: ${p.edge}; }
${at} .group { fill: ${p.group}; stroke: ${p.groupEdge}; }
${at} .cluster { fill: ${p.cluster}; stroke: ${p.line}; }
${at} .value { fill: ${p.value}; }
${at} .gradient { fill: ${p.gradient}; }
${at} :focus-visible > :is(.gate, .group, .cluster), ${at} .chosen > :is(.gate, .group, .cluster) { stroke: ${p.chosen}; stroke-width: 3; }
${at} :focus-visible > .name, ${at} .chosen > .name { fill: ${p.chosen}; }`;

/** The style sheet of the picture with this id, which touches nothing else on a page. */
export function styleSheet(id: string, theme: Theme): string {
  const at = `#${id}`;
  const base = shapes(at) + colours(at, theme === "dark" ? dark : light);
  if (theme !== "auto") return `${base}\n`;
  const night = colours(at, dark).trimStart().replaceAll("\n", "\n  ");
  return `${base}\n@media (prefers-color-scheme: dark) {\n  ${night}\n}\n`;
}

/** Colours of what stands around a picture, as custom properties. */
const around = {
  light:
    "--paper:#fff;--ink:#1b1f24;--muted:#5b6570;--line:#d5dbe1;--button:#f1f4f7;--value:#0b7a2d;--gradient:#c4122f;--chosen:#0b63ce",
  dark: "--paper:#14181d;--ink:#e8ebee;--muted:#9fabb7;--line:#343d46;--button:#222a32;--value:#56cf79;--gradient:#ff7b84;--chosen:#6cb0ff",
};

/** @param at  selector of the element that gets the properties */
export function coloursAround(at: string, theme: Theme): string {
  const night = `@media (prefers-color-scheme:dark){${at}{${around.dark}}}`;
  return `${at}{${around[theme === "dark" ? "dark" : "light"]}}${theme === "auto" ? night : ""}`;
}
