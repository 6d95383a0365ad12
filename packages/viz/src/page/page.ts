/** The script of a page with a graph: folds, shows details, pans and zooms. Bundled into `generated/page.ts`. */

import type { Theme } from "../colours.ts";
import { drawSvg } from "../draw.ts";
import type { Graph } from "../schema.ts";
import { type View, viewOf } from "../view.ts";
import { detailsOf, type Math as MathTexts } from "./details.ts";

/** What `toHTML` puts beside the graph. */
export interface PageData {
  graph: Graph;
  math: MathTexts;
  folded: string[];
  digits: number;
  theme: Theme;
}

const {
  graph,
  math,
  folded: foldedAtFirst,
  digits,
  theme,
} = JSON.parse(document.getElementById("data")!.textContent!) as PageData;

const picture = document.getElementById("picture")!;
const details = document.getElementById("details")!;
const hint = details.innerHTML;

const folded = new Set(foldedAtFirst);
const parents = new Map(graph.groups.map(({ id, parent }) => [id, parent]));
let view: View;
/** What was clicked; details stay with it until something else is. */
let chosen: string | null = null;
/** The part of the picture that is seen: left, top, width, height. */
let box = [0, 0, 1, 1] as [number, number, number, number];
let full: [number, number] = [1, 1];

const svg = (): SVGSVGElement => picture.querySelector("svg")!;
const idOf = (target: EventTarget | null): string | null => {
  const found = (target as Element | null)?.closest?.("[data-id]");
  return found?.getAttribute("data-id")?.split("@")[0] ?? null;
};

function draw(): void {
  view = viewOf(graph, folded);
  picture.innerHTML = drawSvg(graph, view, { digits, theme, id: "graph", interactive: true });
  const { width, height } = svg().viewBox.baseVal;
  full = [width, height];
  svg().setAttribute("width", "100%");
  svg().setAttribute("height", "100%");
  mark();
}

function look(next: [number, number, number, number]): void {
  box = next;
  svg().setAttribute("viewBox", box.join(" "));
}

/** Everything in sight, but no larger than life. */
function fit(smallest: number): void {
  const { clientWidth: w, clientHeight: h } = picture;
  const scale = Math.max(smallest, Math.min(1, w / full[0], h / full[1]));
  const [width, height] = [w / scale, h / scale];
  const left = width > full[0] ? (full[0] - width) / 2 : 0;
  look([left, (full[1] - height) / 2, width, height]);
}

/** @param factor  above 1 shows more; (x, y) in pixels of the window stays where it is */
function zoom(factor: number, x?: number, y?: number): void {
  const area = picture.getBoundingClientRect();
  const across = x === undefined ? 0.5 : (x - area.left) / area.width;
  const down = y === undefined ? 0.5 : (y - area.top) / area.height;
  const width = Math.min(Math.max(box[2] * factor, 40), full[0] * 20 + area.width);
  const height = (width * area.height) / area.width;
  look([box[0] + (box[2] - width) * across, box[1] + (box[3] - height) * down, width, height]);
}

function pan(dx: number, dy: number): void {
  const scale = box[2] / picture.clientWidth;
  look([box[0] - dx * scale, box[1] - dy * scale, box[2], box[3]]);
}

// ---------------------------------------------------------------------------------------------
// Details and folding

function show(id: string | null): void {
  details.innerHTML = id === null ? hint : detailsOf(graph, id, math, folded.has(id));
}

function choose(id: string | null): void {
  chosen = id;
  mark();
  show(id);
}

function mark(): void {
  for (const element of picture.querySelectorAll(".chosen")) element.classList.remove("chosen");
  if (chosen === null) return;
  for (const element of picture.querySelectorAll("[data-id]"))
    if (idOf(element) === chosen) element.classList.add("chosen");
}

/** Folds or unfolds a group, and keeps it where it was on the screen. */
function toggle(id: string): void {
  const before = placeOf(id);
  if (!folded.delete(id)) folded.add(id);
  draw();
  look(box);
  const after = placeOf(id);
  if (before !== null && after !== null) pan(before.left - after.left, before.top - after.top);
  choose(id);
  focusOn(id);
}

function placeOf(id: string): DOMRect | null {
  return elementOf(id)?.getBoundingClientRect() ?? null;
}

function elementOf(id: string): SVGGElement | null {
  return picture.querySelector<SVGGElement>(`[data-id="${id}"], [data-id^="${id}@"]`);
}

function focusOn(id: string): void {
  elementOf(id)?.focus({ preventScroll: true });
}

/** Brings the element into sight, if it isn't. */
function reveal(element: Element): void {
  const [it, area] = [element.getBoundingClientRect(), picture.getBoundingClientRect()];
  const short = (start: number, end: number, from: number, to: number) =>
    start < from ? from - start + 20 : end > to ? to - end - 20 : 0;
  pan(
    short(it.left, it.right, area.left, area.right),
    short(it.top, it.bottom, area.top, area.bottom),
  );
}

// ---------------------------------------------------------------------------------------------
// Pointer and keys

const pointers = new Map<number, { x: number; y: number }>();
/** How far the pointer has gone since it went down: a drag is no click. */
let travelled = 0;

picture.addEventListener("pointerdown", (event) => {
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  travelled = 0;
});
window.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (before === undefined) return;
  const now = { x: event.clientX, y: event.clientY };
  travelled += Math.hypot(now.x - before.x, now.y - before.y);
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  if (other === undefined) pan(now.x - before.x, now.y - before.y);
  else {
    const gap = (p: { x: number; y: number }) =>
      Math.max(1, Math.hypot(p.x - other.x, p.y - other.y));
    zoom(gap(before) / gap(now), (now.x + other.x) / 2, (now.y + other.y) / 2);
  }
  pointers.set(event.pointerId, now);
});
for (const end of ["pointerup", "pointercancel"] as const)
  window.addEventListener(end, (event) => pointers.delete(event.pointerId));

const stillClick = 5;
picture.addEventListener("click", (event) => {
  if (travelled <= stillClick) choose(idOf(event.target));
});
picture.addEventListener("dblclick", (event) => {
  const id = idOf(event.target);
  if (id !== null && parents.has(id)) toggle(id);
});
picture.addEventListener("pointerover", (event) => {
  if (chosen === null && pointers.size === 0) show(idOf(event.target));
});
picture.addEventListener("focusin", (event) => {
  const id = idOf(event.target);
  if (id === null) return;
  reveal(event.target as Element);
  choose(id);
});
picture.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const pixels = event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY;
    zoom(Math.exp(pixels / 500), event.clientX, event.clientY);
  },
  { passive: false },
);

/** Along the wires: to what feeds the chosen one, or to what it feeds. */
function follow(back: boolean): void {
  const isChosen = (id: string) => id.split("@")[0] === chosen;
  const wire = view.wires.find(({ from, to }) => isChosen(back ? to : from));
  if (wire !== undefined) focusOn((back ? wire.from : wire.to).split("@")[0]!);
}

const keys: Record<string, () => void> = {
  "+": () => zoom(0.8),
  "=": () => zoom(0.8),
  "-": () => zoom(1.25),
  "0": () => fit(0),
  ArrowLeft: () => follow(true),
  ArrowRight: () => follow(false),
  Escape: () => choose(null),
};

picture.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const id = idOf(event.target);
  const key = keys[event.key];
  if (key !== undefined) key();
  else if ((event.key === "Enter" || event.key === " ") && id !== null) {
    if (parents.has(id)) toggle(id);
    else choose(id);
  } else return;
  event.preventDefault();
});

details.addEventListener("click", (event) => {
  const id = (event.target as Element).closest("[data-fold]")?.getAttribute("data-fold");
  if (id) toggle(id);
});

const setAll = (ids: Iterable<string>) => {
  folded.clear();
  for (const id of ids) folded.add(id);
  draw();
  choose(null);
  fit(0);
};
const tools: Record<string, () => void> = {
  in: () => zoom(0.8),
  out: () => zoom(1.25),
  fit: () => fit(0),
  fold: () => setAll(graph.groups.map(({ id }) => id)),
  reset: () => setAll(foldedAtFirst),
};
for (const button of document.querySelectorAll<HTMLElement>("[data-tool]"))
  button.addEventListener("click", () => tools[button.dataset.tool!]!());

const smallestAtFirst = 0.6;
draw();
fit(smallestAtFirst);
window.addEventListener("resize", () => fit(smallestAtFirst));
