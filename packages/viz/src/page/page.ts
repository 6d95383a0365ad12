/** The script of a page with a graph: folds and shows details. Bundled into `generated/page.ts`. */

import type { Theme } from "../colours.ts";
import type { Graph } from "../schema.ts";
import { Camera } from "./camera.ts";
import { detailsOf, type Math as MathTexts } from "./details.ts";
import { idOf, Stage } from "./stage.ts";

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

/** What was clicked; details stay with it until something else is. */
let chosen: string | null = null;
const camera = new Camera(picture, { zooms: () => true });
const stage = new Stage(picture, camera, graph, foldedAtFirst, { digits, theme });

// ---------------------------------------------------------------------------------------------
// Details and folding

function show(id: string | null): void {
  details.innerHTML = id === null ? hint : detailsOf(graph, id, math, stage.folded.has(id));
}

function choose(id: string | null): void {
  chosen = id;
  stage.mark("chosen", id);
  show(id);
}

function toggle(id: string): void {
  stage.toggle(id);
  choose(id);
}

// ---------------------------------------------------------------------------------------------
// Pointer and keys

picture.addEventListener("click", (event) => {
  if (camera.isClick) choose(idOf(event.target));
});
picture.addEventListener("dblclick", (event) => {
  const id = idOf(event.target);
  if (id !== null && stage.isGroup(id)) toggle(id);
});
picture.addEventListener("pointerover", (event) => {
  if (chosen === null && !camera.isHeld) show(idOf(event.target));
});
picture.addEventListener("focusin", (event) => {
  const id = idOf(event.target);
  if (id === null) return;
  camera.reveal(event.target as Element);
  choose(id);
});

/** Along the wires: to what feeds the chosen one, or to what it feeds. */
function follow(back: boolean): void {
  const isChosen = (id: string) => id.split("@")[0] === chosen;
  const wire = stage.view.wires.find(({ from, to }) => isChosen(back ? to : from));
  if (wire !== undefined) stage.focusOn((back ? wire.from : wire.to).split("@")[0]!);
}

const keys: Record<string, () => void> = {
  "+": () => camera.zoom(0.8),
  "=": () => camera.zoom(0.8),
  "-": () => camera.zoom(1.25),
  "0": () => camera.fit(0),
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
    if (stage.isGroup(id)) toggle(id);
    else choose(id);
  } else return;
  event.preventDefault();
});

details.addEventListener("click", (event) => {
  const id = (event.target as Element).closest("[data-fold]")?.getAttribute("data-fold");
  if (id) toggle(id);
});

const setAll = (ids: Iterable<string>) => {
  stage.folded.clear();
  for (const id of ids) stage.folded.add(id);
  stage.draw();
  choose(null);
  camera.fit(0);
};
const tools: Record<string, () => void> = {
  in: () => camera.zoom(0.8),
  out: () => camera.zoom(1.25),
  fit: () => camera.fit(0),
  fold: () => setAll(graph.groups.map(({ id }) => id)),
  reset: () => setAll(foldedAtFirst),
};
for (const button of document.querySelectorAll<HTMLElement>("[data-tool]"))
  button.addEventListener("click", () => tools[button.dataset.tool!]!());

const smallestAtFirst = 0.6;
camera.fit(smallestAtFirst);
window.addEventListener("resize", () => camera.fit(smallestAtFirst));
