/** What of a graph is to be seen: its nodes where groups are unfolded, one box where they are folded. */
import { formatNumber } from "./format.ts";
import type { Graph, GraphEdge, GraphGroup, GraphNode, GraphOutput, Summary } from "./schema.ts";

/** A node, or a folded group. */
export type Atom = {
  /** The node's or group's id; a copy's has "@" and the wire's behind it. */
  id: string;
  /** The unfolded group around it; null at the top. */
  parent: string | null;
} & (
  | { node: GraphNode; group: null; label: string }
  | { node: null; group: GraphGroup; label: string }
);

/** What is drawn as one line: an edge, or all edges from one output into a folded group. */
export interface Wire {
  id: string;
  from: string;
  to: string;
  edges: GraphEdge[];
  /** The node and the output that it comes from, perhaps inside a folded group. */
  source: GraphNode;
  output: GraphOutput;
  /** What flows back along it; null if not known. */
  gradient: Summary | null;
}

export interface View {
  atoms: Atom[];
  wires: Wire[];
  /** Unfolded groups with something inside, parents first. */
  clusters: GraphGroup[];
}

/** Folded at which groups: see `PictureOptions.fold`. */
export type Folded = ReadonlySet<string>;

/** @param folded  ids of groups that are drawn as one box */
export function viewOf(graph: Graph, folded: Folded): View {
  const boxes = boxesOf(graph, folded);
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const groups = new Map(graph.groups.map((group) => [group.id, group]));
  const boxOf = (node: GraphNode) => (node.group === null ? null : boxes.get(node.group)!);
  const absorbed = absorbedConstants(graph, nodes, boxOf);
  const atoms = new Map<string, Atom>();
  for (const node of graph.nodes) {
    if (absorbed.constants.has(node.id)) continue;
    const box = boxOf(node);
    if (box === null) {
      const around = node.group === null ? "" : groups.get(node.group)!.path;
      const label = nodeLabel(graph, node, around, absorbed);
      atoms.set(node.id, { id: node.id, parent: node.group, node, group: null, label });
    } else if (!atoms.has(box)) {
      const group = groups.get(box)!;
      const label = groupLabel(group);
      atoms.set(box, { id: box, parent: group.parent, node: null, group, label });
    }
  }
  const wires = copySources(atoms, wiresOf(graph, nodes, groups, boxOf, absorbed));
  const clusters = new Set<string>();
  for (const { parent } of atoms.values())
    for (let id = parent; id !== null; id = groups.get(id)!.parent) clusters.add(id);
  return {
    atoms: [...atoms.values()],
    wires,
    clusters: graph.groups.filter(({ id }) => clusters.has(id)),
  };
}

/**
 * What is used more often is drawn once for each use, as a name beside it, and not at all beside folded runs:
 * wires to everywhere say nothing.
 */
const mostWires = 6;

function copySources(atoms: Map<string, Atom>, wires: readonly Wire[]): Wire[] {
  const uses = new Map<GraphNode, number>();
  for (const { source } of wires) uses.set(source, (uses.get(source) ?? 0) + 1);
  return wires.filter((wire) => {
    const { source: node, to } = wire;
    if (node.kind === "op" || uses.get(node)! <= mostWires) return true;
    atoms.delete(node.id);
    const target = atoms.get(to)!;
    if (target.group?.kind === "run") return false;
    const id = `${node.id}@${wire.id}`;
    const label = node.name ?? node.kind;
    atoms.set(id, { id, parent: target.parent, node, group: null, label });
    wire.from = id;
    return true;
  });
}

/** For each group the outermost folded one around it, itself included; null if all are unfolded. */
function boxesOf(graph: Graph, folded: Folded): Map<string, string | null> {
  const boxes = new Map<string, string | null>();
  for (const { id, parent } of graph.groups) {
    const above = parent === null ? null : boxes.get(parent)!;
    boxes.set(id, above ?? (folded.has(id) ? id : null));
  }
  return boxes;
}

type BoxOf = (node: GraphNode) => string | null;

/** Numbers beside one gate, which are written into it: "+ 1", "× 2". */
interface Absorbed {
  /** Ids of the constants. */
  constants: Set<string>;
  /** What is written into a gate, by its id. */
  labels: Map<string, string>;
}

function absorbedConstants(
  graph: Graph,
  nodes: ReadonlyMap<string, GraphNode>,
  boxOf: BoxOf,
): Absorbed {
  const uses = new Map<string, GraphEdge[]>();
  for (const edge of graph.edges) {
    const node = nodes.get(edge.from)!;
    if (node.kind !== "constant" || node.name !== null) continue;
    const list = uses.get(edge.from) ?? [];
    list.push(edge);
    uses.set(edge.from, list);
  }
  const absorbed: Absorbed = { constants: new Set(), labels: new Map() };
  for (const [id, [edge, ...others]] of uses) {
    const constant = nodes.get(id)!;
    const gate = nodes.get(edge!.to)!;
    const op = gate.op === null ? undefined : graph.ops[gate.op];
    const { shape, value } = constant.outputs[0]!;
    if (shape?.length !== 0 || value?.values === undefined || others.length > 0) continue;
    if (op?.inputs.length !== 2 || absorbed.labels.has(gate.id)) continue;
    if (boxOf(gate) !== boxOf(constant)) continue;
    const number = formatNumber(value.values[0]!, 4);
    const label = edge!.index === 0 ? `${number} ${op.symbol}` : `${op.symbol} ${number}`;
    absorbed.constants.add(id);
    absorbed.labels.set(gate.id, label);
  }
  return absorbed;
}

/** @param around  path of the module whose box it is drawn in: "0.weight" is "weight" there */
function nodeLabel(graph: Graph, node: GraphNode, around: string, absorbed: Absorbed): string {
  if (node.kind === "op") return absorbed.labels.get(node.id) ?? graph.ops[node.op!]!.symbol;
  if (node.name !== null) {
    const isInner = around !== "" && node.name.startsWith(`${around}.`);
    return isInner ? node.name.slice(around.length + 1) : node.name;
  }
  if (node.kind === "output") return "";
  const { shape, value } = node.outputs[0]!;
  if (shape?.length === 0 && value?.values) return formatNumber(value.values[0]!, 4);
  return node.kind;
}

/** "layers.0 · Linear", "cell (2)" for the second call, "part 3" for a run. */
export function groupLabel({ kind, path, call, type }: GraphGroup): string {
  if (kind === "run") return `part ${call}`;
  const name = call === 1 ? path : `${path} (${call})`;
  return type === null ? name : `${name} · ${type}`;
}

function wiresOf(
  graph: Graph,
  nodes: ReadonlyMap<string, GraphNode>,
  groups: ReadonlyMap<string, GraphGroup>,
  boxOf: BoxOf,
  absorbed: Absorbed,
): Wire[] {
  const wires = new Map<string, Wire>();
  const uses = new Map<string, number>();
  for (const edge of graph.edges) {
    const output = `${edge.from}:${edge.output}`;
    uses.set(output, (uses.get(output) ?? 0) + 1);
    if (absorbed.constants.has(edge.from)) continue;
    const [source, target] = [nodes.get(edge.from)!, nodes.get(edge.to)!];
    const [inside, into] = [boxOf(source), boxOf(target)];
    const [from, to] = [inside ?? source.id, into ?? target.id];
    if (from === to || isShared(source, groups.get(from), groups.get(to))) continue;
    const key = into === null ? edge.id : `${output} ${to}`;
    const known = wires.get(key);
    if (known !== undefined) known.edges.push(edge);
    else {
      const { outputs } = source;
      wires.set(key, {
        id: edge.id,
        from,
        to,
        edges: [edge],
        source,
        output: outputs[edge.output]!,
        gradient: edge.gradient,
      });
    }
  }
  for (const wire of wires.values()) {
    if (wire.edges.length === 1) continue;
    // Several contributions add up to the whole only if they are all.
    const isAll = wire.edges.length === uses.get(`${wire.source.id}:${wire.edges[0]!.output}`);
    wire.gradient = isAll ? wire.output.gradient : null;
  }
  return [...wires.values()];
}

/** The parameters of a module that is called again lie in its first call; a wire from there says nothing. */
function isShared(source: GraphNode, from?: GraphGroup, to?: GraphGroup): boolean {
  const isInner = source.kind === "parameter" || source.kind === "constant";
  return isInner && from !== undefined && from.path === to?.path;
}

// ---------------------------------------------------------------------------------------------
// What to fold

/** Up to how many nodes a graph is drawn without folding. */
const mostNodes = 100;
/** How many boxes and gates a folded picture has, if its modules allow. */
const mostAtoms = 60;

/** How deep each group lies: 1 at the top. `counts` says which kinds count. */
function levelsOf(graph: Graph, counts: (group: GraphGroup) => boolean): Map<string, number> {
  const levels = new Map<string, number>();
  for (const group of graph.groups) {
    const above = group.parent === null ? 0 : levels.get(group.parent)!;
    levels.set(group.id, above + Number(counts(group)));
  }
  return levels;
}

/** Nothing if the graph is small; else all but as many levels of groups as leave a picture to look at. */
export function foldedByDefault(graph: Graph): Set<string> {
  if (graph.nodes.length <= mostNodes) return new Set();
  const levels = levelsOf(graph, () => true);
  let level = Math.max(1, ...levels.values());
  let folded = foldedFrom(level);
  while (level > 1 && atomCount(graph, folded) > mostAtoms) folded = foldedFrom(--level);
  return folded;

  function foldedFrom(first: number): Set<string> {
    return idsOf(graph, ({ id }) => levels.get(id)! >= first);
  }
}

function atomCount(graph: Graph, folded: Folded): number {
  const boxes = boxesOf(graph, folded);
  const atoms = new Set(
    graph.nodes.map(({ id, group }) => (group === null ? id : (boxes.get(group) ?? id))),
  );
  return atoms.size;
}

/** Modules nested n deep, and runs. */
export function foldedAt(graph: Graph, n: number): Set<string> {
  const levels = levelsOf(graph, ({ kind }) => kind === "module");
  return idsOf(graph, ({ id, kind }) => kind === "run" || levels.get(id)! >= n);
}

/** The modules of these paths, in every call, and runs. */
export function foldedPaths(graph: Graph, paths: ReadonlySet<string>): Set<string> {
  return idsOf(graph, ({ kind, path }) => kind === "run" || paths.has(path));
}

function idsOf(graph: Graph, includes: (group: GraphGroup) => boolean): Set<string> {
  return new Set(graph.groups.filter(includes).map(({ id }) => id));
}
