/** A picture in a page: what of it is folded, and its elements. */
import type { Theme } from "../colours.ts";
import { drawSvg } from "../draw.ts";
import type { Graph } from "../schema.ts";
import { type View, viewOf } from "../view.ts";
import type { Camera } from "./camera.ts";

interface StageOptions {
  digits: number;
  theme: Theme | null;
}

/** The node or group whose element this is in. */
export function idOf(target: EventTarget | null): string | null {
  const found = (target as Element | null)?.closest?.("[data-id]");
  return found?.getAttribute("data-id")?.split("@")[0] ?? null;
}

export class Stage {
  graph: Graph;
  /** What is seen of the graph. */
  view: View;
  /** Ids of the groups that are drawn as one box. */
  readonly folded: Set<string>;
  private readonly picture: HTMLElement;
  private readonly camera: Camera;
  private readonly options: StageOptions;

  constructor(
    picture: HTMLElement,
    camera: Camera,
    graph: Graph,
    folded: Iterable<string>,
    options: StageOptions,
  ) {
    this.graph = graph;
    this.folded = new Set(folded);
    this.picture = picture;
    this.camera = camera;
    this.options = options;
    this.view = this.draw();
  }

  draw(): View {
    this.view = viewOf(this.graph, this.folded);
    const options = { ...this.options, id: "graph", interactive: true };
    this.picture.innerHTML = drawSvg(this.graph, this.view, options);
    this.camera.film();
    return this.view;
  }

  isGroup(id: string): boolean {
    return this.graph.groups.some((group) => group.id === id);
  }

  /** Whether the node or group is the other one, or in it. */
  isIn(id: string, outer: string): boolean {
    const { nodes, groups } = this.graph;
    const around = (inner: string) =>
      nodes.find((node) => node.id === inner)?.group ??
      groups.find((group) => group.id === inner)?.parent ??
      null;
    let at: string | null = id;
    while (at !== null && at !== outer) at = around(at);
    return at === outer;
  }

  /** Folds or unfolds a group, and keeps it where it was on the screen. */
  toggle(id: string): void {
    const before = this.elementOf(id)?.getBoundingClientRect();
    if (!this.folded.delete(id)) this.folded.add(id);
    this.draw();
    const after = this.elementOf(id)?.getBoundingClientRect();
    if (before !== undefined && after !== undefined)
      this.camera.pan(before.left - after.left, before.top - after.top);
    this.focusOn(id);
  }

  elementOf(id: string): SVGGElement | null {
    return this.picture.querySelector(`[data-id="${id}"], [data-id^="${id}@"]`);
  }

  focusOn(id: string): void {
    this.elementOf(id)?.focus({ preventScroll: true });
  }

  /** Gives the class to the elements of this node or group, and to no others. */
  mark(name: string, id: string | null): void {
    for (const element of this.picture.querySelectorAll("[data-id]"))
      element.classList.toggle(name, id !== null && idOf(element) === id);
  }
}
