/** Where everything goes: ranks from left to right, by dagre. */
import { Graph as Dagre, layout as dagreLayout } from "@dagrejs/dagre";
import { formatCount, formatShape, shorten, shortValues, textWidth } from "./format.ts";
import type { GraphGroup, Summary } from "./schema.ts";
import { type Atom, groupLabel, type View, type Wire } from "./view.ts";

export interface Point {
  x: number;
  y: number;
}

export interface Box extends Point {
  /** x and y are the middle's. */
  width: number;
  height: number;
}

/** How an atom is drawn: a circle, a rounded box, bare text at a wire's end, or a folded group. */
export type Form = "gate" | "pill" | "text" | "group";

export interface PlacedAtom extends Box {
  atom: Atom;
  form: Form;
  /** The first line of text, as short as it must be. */
  text: string;
  /** A second, smaller line; "" for none. */
  note: string;
}

export interface PlacedWire {
  wire: Wire;
  /** From the border of one atom to that of the other. */
  points: Point[];
  label: Box & WireLabel;
}

/** What stands above and below a wire: short numbers, or null for a small chart of the summary. */
export interface WireLabel {
  /** A line of text above all; "" for none. */
  shape: string;
  value: string | null;
  gradient: string | null;
  hasValueChart: boolean;
  hasGradientChart: boolean;
}

export interface Layout {
  width: number;
  height: number;
  atoms: PlacedAtom[];
  wires: PlacedWire[];
  clusters: (Box & { group: GraphGroup; text: string })[];
  /** The same atoms, by id. */
  forms: ReadonlyMap<string, PlacedAtom>;
  /** Those from which several wires go: gradients add up there. */
  fanOut: ReadonlySet<string>;
}

export const fontSize = 13;
export const noteSize = 10;
export const lineHeight = 15;
/** Charts on wires. */
export const chart = { width: 52, height: 16 };
/** Longest text in a box. */
const mostLetters = 28;
const gateRadius = 17;
const margin = 16;

/** Places everything that the view shows. */
export function layoutOf(view: View, digits: number): Layout {
  const connected = new Set(view.wires.flatMap(({ from, to }) => [from, to]));
  const sized: Sized = {
    atoms: new Map(view.atoms.map((atom) => [atom.id, sizedAtom(atom, connected.has(atom.id))])),
    labels: new Map(view.wires.map((wire) => [wire.id, wireLabel(wire, digits)])),
  };
  const layout = arranged(view, sized, false);
  // The order of the program takes no care that what is in a module stays together.
  if (view.atoms.length > mostInOrder || view.clusters.length > 0) return layout;
  // Readers expect the first input on top, and that order often has no more crossings.
  const inOrder = arranged(view, sized, true);
  return crossings(inOrder) <= crossings(layout) ? inOrder : layout;
}

/** Up to how many atoms a second layout is tried. */
const mostInOrder = 60;

interface Sized {
  atoms: ReadonlyMap<string, Omit<PlacedAtom, "x" | "y">>;
  labels: ReadonlyMap<string, Omit<PlacedWire["label"], "x" | "y">>;
}

/** @param keepsOrder  whether neighbours stay in the order of the program, rather than that of fewest crossings */
function arranged(view: View, { atoms, labels }: Sized, keepsOrder: boolean): Layout {
  const g = new Dagre({ directed: true, multigraph: true, compound: true });
  g.setGraph({
    rankdir: "LR",
    nodesep: 22,
    edgesep: 12,
    ranksep: 18,
    marginx: margin,
    // Names above boxes inside boxes.
    marginy: margin + Math.max(0, depthOf(view) - 1) * lineHeight,
  });
  for (const group of view.clusters) {
    g.setNode(group.id, { width: 0, height: 0 });
    if (group.parent !== null) g.setParent(group.id, group.parent);
  }
  for (const { id, parent } of view.atoms) {
    const { width, height } = atoms.get(id)!;
    g.setNode(id, { width, height });
    if (parent !== null) g.setParent(id, parent);
  }
  for (const wire of view.wires) {
    const { width, height } = labels.get(wire.id)!;
    // What gradients flow along is what the picture is about: keep it short and straight.
    const weight = wire.output.requiresGrad ? 2 : 1;
    g.setEdge(wire.from, wire.to, { width, height, labelpos: "c", weight }, wire.id);
  }
  for (const [from, to] of precedences(view))
    g.setEdge(from, to, { weight: 0, minlen: 1 }, "first");
  dagreLayout(g, { disableOptimalOrderHeuristic: keepsOrder });
  const { width = 0, height = 0 } = g.graph();
  const placed = view.atoms.map(({ id }) => ({ ...atoms.get(id)!, ...middle(g.node(id)) }));
  const forms = new Map(placed.map((atom) => [atom.atom.id, atom]));
  const starts = view.wires.map(({ from }) => from);
  return {
    width: Math.max(width, 2 * margin),
    height: Math.max(height, 2 * margin),
    atoms: placed,
    forms,
    fanOut: new Set(starts.filter((id, i) => starts.indexOf(id) !== i)),
    wires: view.wires.map((wire) => {
      const edge = g.edge(wire.from, wire.to, wire.id);
      const label = { ...labels.get(wire.id)!, ...middle(edge) };
      const route = levelled(edge.points!, label);
      return { wire, points: docked(route, forms.get(wire.from)!, forms.get(wire.to)!), label };
    }),
    clusters: headed(
      view.clusters.map((group) => {
        const node = g.node(group.id);
        const { width: w, height: h } = node;
        return { group, text: clusterText(group, w), width: w, height: h, ...middle(node) };
      }),
    ),
  };
}

/** How deep boxes are inside boxes. */
function depthOf({ clusters }: View): number {
  const depths = new Map<string | null, number>([[null, 0]]);
  for (const { id, parent } of clusters) depths.set(id, depths.get(parent)! + 1);
  return Math.max(...depths.values());
}

/** Raises the top of boxes that hold others, so that each name has a line of its own. */
function headed(clusters: Layout["clusters"]): Layout["clusters"] {
  const top = ({ y, height }: Box) => y - height / 2;
  const byId = new Map(clusters.map((cluster) => [cluster.group.id, cluster]));
  // Parents come first, so this goes from the innermost outwards.
  for (const inner of [...clusters].reverse()) {
    const outer = inner.group.parent === null ? undefined : byId.get(inner.group.parent);
    const rise = outer === undefined ? 0 : top(outer) - (top(inner) - lineHeight);
    if (outer === undefined || rise <= 0) continue;
    outer.y -= rise / 2;
    outer.height += rise;
  }
  return clusters;
}

/**
 * What feeds an unfolded module stands left of the module's own parameters and constants, so that modules one
 * after the other are boxes one beside the other.
 */
function precedences(view: View): [from: string, to: string][] {
  const parents = new Map<string, string | null>([
    ...view.clusters.map(({ id, parent }) => [id, parent] as const),
    ...view.atoms.map(({ id, parent }) => [id, parent] as const),
  ]);
  const around = (id: string) => {
    const chain: string[] = [];
    for (let at = parents.get(id)!; at !== null; at = parents.get(at)!) chain.push(at);
    return chain;
  };
  const fed = new Set(view.wires.map(({ to }) => to));
  const sources = new Map<string, string[]>();
  for (const { id, parent } of view.atoms) {
    if (parent === null || fed.has(id)) continue;
    for (const cluster of around(id)) sources.set(cluster, [...(sources.get(cluster) ?? []), id]);
  }
  const pairs = new Map<string, [string, string]>();
  for (const { from, to } of view.wires) {
    const outside = new Set(around(from));
    for (const cluster of around(to)) {
      if (outside.has(cluster)) continue;
      for (const id of sources.get(cluster) ?? []) pairs.set(`${from} ${id}`, [from, id]);
    }
  }
  return [...pairs.values()];
}

/** How often wires cross, straightened from point to point. */
function crossings({ wires }: Layout): number {
  const segments = wires.flatMap(({ points, wire }) =>
    points.slice(1).map((b, i) => ({ a: points[i]!, b, wire })),
  );
  const side = (a: Point, b: Point, c: Point) =>
    Math.sign((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x));
  let count = 0;
  segments.forEach((s, i) => {
    for (const t of segments.slice(i + 1)) {
      if (s.wire === t.wire || s.b.x <= t.a.x || t.b.x <= s.a.x) continue;
      const parts = side(s.a, s.b, t.a) * side(s.a, s.b, t.b) < 0;
      if (parts && side(t.a, t.b, s.a) * side(t.a, t.b, s.b) < 0) count++;
    }
  });
  return count;
}

const middle = ({ x, y }: { x?: number; y?: number }): Point => ({ x: x!, y: y! });

function sizedAtom(atom: Atom, isConnected: boolean): Omit<PlacedAtom, "x" | "y"> {
  const text = shorten(atom.label, mostLetters);
  if (atom.group !== null) {
    const note = groupNote(atom.group);
    const width = Math.max(textWidth(text, fontSize), textWidth(note, noteSize)) + 28;
    return { atom, form: "group", text, note, width, height: 46 };
  }
  const { node } = atom;
  const width = textWidth(text, fontSize);
  if (node.kind === "op") {
    const isRound = width <= 2 * gateRadius - 8;
    const form: Form = isRound ? "gate" : "pill";
    return {
      atom,
      form,
      text,
      note: "",
      width: isRound ? 2 * gateRadius : width + 22,
      height: isRound ? 2 * gateRadius : 28,
    };
  }
  // A source without wires (a graph of one leaf) has nowhere else to say its shape.
  const note = isConnected ? "" : formatShape(node.outputs[0]!.shape);
  const wide = Math.max(width, textWidth(note, noteSize));
  return { atom, form: "text", text, note, width: wide + 6, height: note === "" ? 20 : 34 };
}

/** "1 op · 7,850 parameters". */
export function groupNote({ ops, parameters }: GraphGroup): string {
  const count = `${formatCount(ops)} ${ops === 1 ? "op" : "ops"}`;
  return parameters === 0 ? count : `${count} · ${formatCount(parameters)} parameters`;
}

/** As much of a module's name as its box is wide. */
function clusterText(group: GraphGroup, width: number): string {
  const text = groupLabel(group);
  let most = text.length;
  while (most > 4 && textWidth(shorten(text, most), noteSize) > width) most--;
  return shorten(text, most);
}

function wireLabel(
  { output, gradient }: Wire,
  digits: number,
): Omit<PlacedWire["label"], "x" | "y"> {
  const value = output.value === null ? null : shortValues(output.value, digits);
  const back = gradient === null ? null : shortValues(gradient, digits);
  const shape = formatShape(output.shape);
  const hasValueChart = value === null && isDrawable(output.value);
  const hasGradientChart = back === null && isDrawable(gradient);
  const above = (shape === "" ? 0 : noteSize + 3) + chartOrText(value, hasValueChart);
  const below = chartOrText(back, hasGradientChart);
  const width = Math.max(
    14,
    textWidth(shape, noteSize),
    textWidth(value ?? "", fontSize),
    textWidth(back ?? "", fontSize),
    hasValueChart || hasGradientChart ? chart.width : 0,
  );
  // The wire runs through the middle, so both halves get the room of the larger.
  const height = 2 * Math.max(above, below) + 4;
  return {
    width: width + 10,
    height,
    shape,
    value,
    gradient: back,
    hasValueChart,
    hasGradientChart,
  };
}

const chartOrText = (text: string | null, hasChart: boolean): number =>
  text !== null ? lineHeight : hasChart ? chart.height + 4 : 0;

/** Whether there is a histogram to draw. */
function isDrawable(summary: Summary | null): boolean {
  return summary?.histogram !== undefined;
}

/** The route, level as far as its label reaches. */
function levelled(points: readonly Point[], { x, y, width }: Box): Point[] {
  const at = points.findIndex((p) => Math.abs(p.x - x) < 1 && Math.abs(p.y - y) < 1);
  if (at < 0) return [...points];
  const reach = width / 2 - 4;
  const level = [
    { x: x - reach, y },
    { x: x + reach, y },
  ];
  return [...points.slice(0, at), ...level, ...points.slice(at + 1)];
}

/** The route with its ends on circles, and on the left and right sides of boxes. */
function docked(points: readonly Point[], from: PlacedAtom, to: PlacedAtom): Point[] {
  const route = points.map(({ x, y }) => ({ x, y }));
  route[0] = from.form === "gate" ? onCircle(from, route[1]!) : onSide(from, route[1]!, 1);
  const before = route.at(-2)!;
  route[route.length - 1] = to.form === "gate" ? onCircle(to, before) : onSide(to, before, -1);
  return route;
}

/** On the right (1) or left (−1) side of a box, a little towards where the wire goes. */
function onSide({ x, y, width, height }: Box, towards: Point, side: number): Point {
  const reach = height / 4;
  const lean = Math.max(-reach, Math.min(reach, (towards.y - y) / 4));
  return { x: x + (side * width) / 2, y: y + lean };
}

function onCircle({ x, y, width }: Box, towards: Point): Point {
  const [dx, dy] = [towards.x - x, towards.y - y];
  const scale = width / 2 / Math.max(1e-9, Math.hypot(dx, dy));
  return { x: x + dx * scale, y: y + dy * scale };
}
