/** The web component `<tapegrad-graph>`. */
import type { Theme } from "../colours.ts";
import { escapeXml } from "../format.ts";
import { Camera } from "../page/camera.ts";
import { detailsOf, type Math as MathTexts, stepDetails } from "../page/details.ts";
import { Stage } from "../page/stage.ts";
import type { Graph, GraphNode } from "../schema.ts";
import { foldedByDefault } from "../view.ts";
import { elementsIn, inputField, isEditable } from "./inputs.ts";
import { listen } from "./listen.ts";
import { icon, markup } from "./markup.ts";
import type { Build, Inputs } from "./recompute.ts";
import { showMoment } from "./show-moment.ts";
import { checkGraph, graphAt, graphInside } from "./sources.ts";
import { playerStyle } from "./style.ts";
import { type Moment, type Phase, Timeline } from "./timeline.ts";
import { wordsOf } from "./words.ts";

/** What the event `step` tells. */
export interface StepDetail {
  /** How many steps have been taken, of how many. */
  readonly index: number;
  readonly last: number;
  readonly phase: Phase;
  /** Id of the node or folded group that has just worked; null at the start and at the turn. */
  readonly active: string | null;
  /** The step in words, as screen readers hear it. */
  readonly text: string;
}

/** Digits behind the point, in the picture. */
const digits = 2;
/** Pictures shrink down to this scale to fit, then they move. */
const smallest = 0.7;
const defaultIntervalMs = 1200;

/** What is known of the graph at hand; all of it changes with the graph. */
interface Shown {
  graph: Graph;
  stage: Stage;
  timeline: Timeline;
}

// Where there is no DOM (a server that renders pages), the class is there but can't be used.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/**
 * Plays a graph gate by gate: forward, then backward, and back in time. It takes what `graph()` makes (as the property
 * `graph`, a file at `src`, or JSON in a script element inside), or `build`, a function of the named `inputs`.
 */
export class GraphPlayer extends Base {
  static readonly observedAttributes: readonly string[] = ["src", "theme"];

  private readonly root: ShadowRoot;
  private readonly sheet: CSSStyleSheet;
  private shown: Shown | null = null;
  /** Before any input was changed. */
  private original: Graph | null = null;
  private builder: Build | null = null;
  private given: Inputs | null = null;
  private readonly changed = new Map<string, readonly number[]>();
  private position = 0;
  private chosen: string | null = null;
  private math: MathTexts | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;
  private camera: Camera | null = null;
  private listening: AbortController | null = null;

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.innerHTML = markup;
    // A sheet of its own, which policies against inline styles allow.
    this.sheet = new CSSStyleSheet();
    this.root.adoptedStyleSheets = [this.sheet];
  }

  // -------------------------------------------------------------------------------------------
  // What to show

  /** The graph that is shown, with the inputs as they are now. */
  get graph(): Graph | null {
    return this.shown?.graph ?? null;
  }

  set graph(graph: Graph | null) {
    this.builder = null;
    if (graph !== null) this.open(graph);
  }

  /** A function of tensors, named as in `inputs`: its circuit is shown, and follows when an input is changed. */
  get build(): Build | null {
    return this.builder;
  }

  set build(build: Build | null) {
    this.builder = build;
    this.rebuild();
  }

  /** What `build` gets: a number or an array for each name. */
  get inputs(): Inputs | null {
    return this.given;
  }

  set inputs(inputs: Inputs | null) {
    this.given = inputs;
    this.rebuild();
  }

  private rebuild(): void {
    if (this.builder === null || this.given === null) return;
    this.changed.clear();
    void this.compute((graph) => this.open(graph));
  }

  private open(graph: Graph): void {
    try {
      checkGraph(graph);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.pause();
    this.changed.clear();
    this.original = graph;
    this.position = 0;
    this.chosen = null;
    this.shown = null;
    this.math = null;
    if (this.isConnected) this.present(graph);
  }

  connectedCallback(): void {
    // Properties that were set before the element was defined hide those of the class.
    for (const name of ["graph", "inputs", "build"] as const) {
      const own = Object.getOwnPropertyDescriptor(this, name);
      if (own === undefined) continue;
      delete this[name];
      Object.assign(this, { [name]: own.value });
    }
    this.listen();
    this.restyle();
    if (this.original !== null) this.present(this.shown?.graph ?? this.original);
    // While the page is parsed, what is inside isn't there yet.
    else if (document.readyState === "loading" && !this.hasAttribute("src"))
      document.addEventListener("DOMContentLoaded", () => this.load(), { once: true });
    else void this.load();
  }

  disconnectedCallback(): void {
    this.pause();
    this.listening?.abort();
  }

  attributeChangedCallback(name: string): void {
    if (!this.isConnected) return;
    if (name === "theme") this.restyle();
    else void this.load();
  }

  private restyle(): void {
    const theme = this.getAttribute("theme") ?? "auto";
    this.sheet.replaceSync(
      playerStyle((theme === "light" || theme === "dark" ? theme : "auto") as Theme),
    );
  }

  /** From `src`, or from inside, unless there is another graph by then. */
  private async load(): Promise<void> {
    const src = this.getAttribute("src");
    const { original } = this;
    try {
      const graph = src === null ? graphInside(this) : await graphAt(src);
      const isLatest = src === this.getAttribute("src") && original === this.original;
      if (graph !== null && isLatest) this.graph = graph;
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    const { message } = error as Error;
    this.say(message);
    this.dispatchEvent(new ErrorEvent("error", { message }));
  }

  /** Shows what is wrong; "" for nothing. */
  private say(text: string): void {
    const place = this.find(".problem");
    place.textContent = text;
    place.hidden = text === "";
  }

  private find<T extends HTMLElement = HTMLElement>(selector: string): T {
    return this.root.querySelector<T>(selector)!;
  }

  // -------------------------------------------------------------------------------------------
  // Time

  /** How many steps have been taken. */
  get index(): number {
    return this.position;
  }

  /** How many steps there are. */
  get last(): number {
    return this.shown?.timeline.last ?? 0;
  }

  get playing(): boolean {
    return this.timer !== null;
  }

  /** Goes to the moment after so many steps, from 0 to `last`. */
  goTo(index: number): void {
    const next = Math.min(this.last, Math.max(0, Math.round(index)));
    if (this.shown === null || next === this.position) return;
    this.position = next;
    this.chosen = null;
    this.update(true);
    if (next === this.last) this.pause();
    const { phase, active } = this.moment;
    const text = this.find("[aria-live]").textContent ?? "";
    const detail: StepDetail = { index: next, last: this.last, phase, active, text };
    this.dispatchEvent(new CustomEvent("step", { detail, bubbles: true }));
  }

  /** So many steps on, or back. */
  step(count = 1): void {
    this.goTo(this.position + count);
  }

  /** A step every `interval` milliseconds (an attribute; 1200 without), from the start if this is the end. */
  play(): void {
    if (this.shown === null || this.playing) return;
    if (this.position === this.last) this.goTo(0);
    const ms = Number(this.getAttribute("interval") ?? defaultIntervalMs);
    this.timer = setInterval(() => this.step(), ms > 0 ? ms : defaultIntervalMs);
    this.controls();
  }

  pause(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.controls();
  }

  private get moment(): Moment {
    return this.shown!.timeline.at(this.position);
  }

  // -------------------------------------------------------------------------------------------
  // The picture

  private present(graph: Graph): void {
    this.say("");
    this.find("slot").hidden = true;
    const player = this.find(".player");
    player.hidden = false;
    player.ariaLabel = `${graph.title ?? "Circuit"}, step by step`;
    const stage = new Stage(this.find(".picture"), this.camera!, graph, foldedByDefault(graph), {
      digits,
      theme: null,
    });
    const timeline = new Timeline(stage.view);
    this.position = Math.min(this.position, timeline.last);
    this.shown = { graph, stage, timeline };
    this.resize();
    this.fields();
    this.update(false);
    this.dispatchEvent(new Event("load"));
  }

  /** Formulas become MathML once the typesetter is there, which the first step loads; until then they are TeX. */
  private async typeset(): Promise<void> {
    this.math = {};
    const { original } = this;
    const { mathOf } = await import("../math.ts");
    if (original !== this.original) return;
    const math = Object.entries(mathOf(original!)).map(([tex, text]) => [
      tex,
      // Spaces between columns are not worth a policy that allows inline styles.
      text.replaceAll(/ style="[^"]*"/g, ""),
    ]);
    this.math = Object.fromEntries(math);
    this.explain();
  }

  /** As wide as the page lets it be, and as high as it then needs. */
  private resize(): void {
    const picture = this.find(".picture");
    const { clientWidth } = picture;
    if (this.shown === null || clientWidth === 0) return;
    const [width, height] = this.camera!.full;
    const scale = Math.max(smallest, Math.min(1, clientWidth / width));
    const most = 0.8 * window.innerHeight;
    picture.style.height = `${Math.round(Math.min(height * scale, most))}px`;
    picture.toggleAttribute("data-tall", height * scale > most);
    this.find(".zoom").hidden = width <= clientWidth && height <= most;
    this.camera!.fit(smallest);
  }

  private update(announces: boolean): void {
    const { graph, stage } = this.shown!;
    const { moment } = this;
    showMoment(this.find(".picture"), stage, moment);
    stage.mark("chosen", this.chosen);
    if (moment.active !== null) this.camera!.reveal(stage.elementOf(moment.active)!);
    this.controls();
    this.explain();
    if (announces) this.find("[aria-live]").textContent = wordsOf(graph, moment);
  }

  private explain(): void {
    const { graph, stage } = this.shown!;
    const { phase, active } = this.moment;
    const node = graph.nodes.find(({ id }) => id === active);
    const panel = this.find(".panel");
    if (this.math === null && (node !== undefined || this.chosen !== null)) void this.typeset();
    const math = this.math ?? {};
    const words = wordsOf(graph, this.moment);
    if (this.chosen !== null)
      panel.innerHTML = detailsOf(graph, this.chosen, math, stage.folded.has(this.chosen));
    else if (node !== undefined)
      panel.innerHTML = stepDetails(graph, node, phase === "forward" ? words : null, math);
    else panel.innerHTML = `<p>${escapeXml(words)}</p>`;
  }

  private controls(): void {
    const { position, last } = this;
    const slider = this.find<HTMLInputElement>("input[type=range]");
    slider.max = String(last);
    slider.value = String(position);
    slider.ariaValueText = `step ${position} of ${last}, ${this.moment.phase}`;
    this.find(".count").textContent = `${position} / ${last}`;
    const button = (name: string) => this.find<HTMLButtonElement>(`[data-do=${name}]`);
    button("first").disabled = button("back").disabled = position === 0;
    button("last").disabled = button("forward").disabled = position === last;
    const label = this.playing ? "Pause" : "Play";
    const play = button("play");
    if (play.title === label) return;
    play.ariaLabel = play.title = label;
    play.innerHTML = icon(this.playing ? "pause" : "play");
  }

  private toggle(id: string): void {
    const { stage } = this.shown!;
    const before = this.moment;
    stage.toggle(id);
    this.shown!.timeline = new Timeline(stage.view);
    const meets = (a: string, b: string) => stage.isIn(a, b) || stage.isIn(b, a);
    this.position = this.shown!.timeline.sameAs(before, meets);
    this.update(false);
  }

  // -------------------------------------------------------------------------------------------
  // Inputs

  /** A field for each input whose elements are known. */
  private fields(): void {
    const nodes = this.shown!.graph.nodes.filter(isEditable);
    const place = this.find(".inputs");
    place.hidden = nodes.length === 0;
    place.replaceChildren(...nodes.map((node) => inputField(node, this.keyOf(node))));
    if (nodes.length === 0) return;
    place.insertAdjacentHTML("beforeend", '<button type="button" data-do="reset">Reset</button>');
    this.find<HTMLButtonElement>("[data-do=reset]").disabled = this.changed.size === 0;
  }

  private edit(field: HTMLInputElement): void {
    const key = field.dataset.key!;
    const node = this.shown!.graph.nodes.find((input) => this.keyOf(input) === key)!;
    const elements = elementsIn(field.value, node.outputs[0]!.value!.values!.length);
    field.setCustomValidity(typeof elements === "string" ? elements : "");
    this.say(typeof elements === "string" ? `${node.name ?? node.kind}: ${elements}` : "");
    if (typeof elements === "string") return;
    this.changed.set(key, elements);
    this.find<HTMLButtonElement>("[data-do=reset]").disabled = false;
    void this.compute((graph) => this.follow(graph));
  }

  /** `build` knows inputs by their names, and may use them in another order; the JSON knows them by ids. */
  private keyOf({ id, name }: GraphNode): string {
    return this.builder === null ? id : (name ?? "");
  }

  private fieldOf(id: string): HTMLInputElement | undefined {
    const node = this.shown!.graph.nodes.find((other) => other.id === id);
    const fields = [...this.find(".inputs").querySelectorAll("input")];
    return fields.find(({ dataset }) => node !== undefined && dataset.key === this.keyOf(node));
  }

  /** Loads the engine, if it isn't there yet, and computes everything anew. */
  private async compute(then: (graph: Graph) => void): Promise<void> {
    try {
      const { built, replayed } = await import("./recompute.ts");
      const graph =
        this.builder === null
          ? replayed(this.original!, this.changed)
          : built(this.builder, this.given!, this.changed);
      this.say("");
      then(graph);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The same moment of the circuit with other numbers. */
  private follow(graph: Graph): void {
    const { stage } = this.shown!;
    stage.graph = graph;
    stage.draw();
    const timeline = new Timeline(stage.view);
    this.position = Math.min(this.position, timeline.last);
    this.shown = { graph, stage, timeline };
    this.update(true);
  }

  private reset(): void {
    this.changed.clear();
    this.follow(this.original!);
    this.fields();
    this.say("");
  }

  // -------------------------------------------------------------------------------------------
  // Pointer and keys

  private listen(): void {
    this.listening = new AbortController();
    const { signal } = this.listening;
    const [player, picture] = [this.find(".player"), this.find(".picture")];
    this.camera = new Camera(picture, {
      // The wheel alone scrolls the page; a pinch on a touchpad counts as one with Ctrl.
      zooms: (event) => event.ctrlKey || event.metaKey,
      signal,
    });
    let width = 0;
    const resized = new ResizeObserver(() => {
      // Of its own height it decides itself.
      if (picture.clientWidth === width) return;
      width = picture.clientWidth;
      this.resize();
    });
    resized.observe(picture);
    signal.addEventListener("abort", () => resized.disconnect());

    const actions: Record<string, () => void> = {
      first: () => this.goTo(0),
      back: () => this.step(-1),
      play: () => (this.playing ? this.pause() : this.play()),
      forward: () => this.step(),
      last: () => this.goTo(this.last),
      in: () => this.camera!.zoom(0.8),
      out: () => this.camera!.zoom(1.25),
      fit: () => this.camera!.fit(0),
      reset: () => this.reset(),
    };
    const keys: Record<string, () => void> = {
      ArrowLeft: actions.back!,
      ArrowRight: actions.forward!,
      " ": actions.play!,
      Home: actions.first!,
      End: actions.last!,
      Escape: () => this.choose(null),
    };
    listen(
      player,
      picture,
      this.camera,
      {
        actions,
        keys,
        goTo: (index) => this.goTo(index),
        edit: (field) => this.edit(field),
        isGroup: (id) => this.shown!.stage.isGroup(id),
        toggle: (id) => this.toggle(id),
        choose: (id) => this.choose(id),
        activate: (id) => this.activate(id),
      },
      signal,
    );
  }

  private choose(id: string | null): void {
    this.chosen = id;
    this.shown!.stage.mark("chosen", id);
    this.explain();
  }

  private activate(id: string): void {
    this.choose(id);
    const field = this.fieldOf(id);
    field?.focus();
    field?.select();
  }
}
