/** A moment in words, for screen readers and below the picture. */
import { describeSummary } from "../format.ts";
import type { Graph, GraphEdge, GraphNode, Summary } from "../schema.ts";
import { groupLabel } from "../view.ts";
import type { Moment } from "./timeline.ts";

const digits = 4;
/** A sentence with more names than this is none. */
const mostListed = 12;

const number = (summary: Summary | null): string =>
  summary === null ? "unknown" : describeSummary(summary, digits);

/** What has happened in the step that led to this moment. */
export function wordsOf(graph: Graph, { phase, active }: Moment): string {
  if (phase === "inputs") return inputsText(graph);
  if (phase === "turn") return turnText(graph);
  const group = graph.groups.find(({ id }) => id === active);
  if (group !== undefined) {
    const label = groupLabel(group);
    return phase === "forward"
      ? `Forward: ${label} has computed its result.`
      : `Backward: gradients have flowed back through ${label}.`;
  }
  const node = graph.nodes.find(({ id }) => id === active)!;
  return phase === "forward" ? forwardText(graph, node) : backwardText(graph, node);
}

function inputsText({ nodes }: Graph): string {
  const inputs = nodes.filter(({ kind }) => kind === "leaf" || kind === "parameter");
  const listed = inputs.slice(0, mostListed).map((node) => {
    return `${node.name ?? node.kind} = ${number(node.outputs[0]!.value)}`;
  });
  const more = inputs.length > mostListed ? [`${inputs.length - mostListed} more`] : [];
  return `Inputs: ${[...listed, ...more].join(", ") || "constants alone"}.`;
}

function turnText(graph: Graph): string {
  const ends = graph.nodes.filter(({ kind }) => kind === "output").map(({ id }) => id);
  const gradients = graph.edges
    .filter(({ to, gradient }) => ends.includes(to) && gradient !== null)
    .map(({ gradient }) => number(gradient));
  return gradients.length === 1 && gradients[0] === "1"
    ? "The turn: the gradient of the result by itself is 1. From here it flows back."
    : `The turn: backward starts from the gradient ${gradients.join(", ")}.`;
}

function forwardText(graph: Graph, node: GraphNode): string {
  const inputs = inputsOf(graph, node).map((edge) => {
    const { name, value } = sourceOf(graph, edge);
    return name === null ? number(value) : `${name} = ${number(value)}`;
  });
  const results = node.outputs.map(({ value }) => number(value)).join("; ");
  return `Forward: ${node.op} of ${inputs.join(" and ")} is ${results}.`;
}

function backwardText(graph: Graph, node: GraphNode): string {
  const upstream = node.outputs.length === 1 ? node.outputs[0]!.gradient : null;
  const flows = inputsOf(graph, node).flatMap((edge) => {
    if (edge.gradient === null) return [];
    const name = sourceOf(graph, edge).name ?? edge.input;
    const down = number(edge.gradient);
    const isProduct = upstream?.values?.length === 1 && edge.local?.values?.length === 1;
    return [
      isProduct
        ? `to ${name} flows ${number(upstream)} × ${number(edge.local)} = ${down}${total(graph, edge)}`
        : `to ${name} flows ${down}${total(graph, edge)}`,
    ];
  });
  return `Backward through ${node.op}: upstream × local = downstream; ${flows.join("; ")}.`;
}

/** What all uses of a value add up to, where the edge is the last of several to bring its share. */
function total({ nodes, edges }: Graph, edge: GraphEdge): string {
  const uses = edges.filter((e) => e.from === edge.from && e.output === edge.output);
  const flowing = uses.filter(({ gradient }) => gradient !== null);
  const place = (id: string) => nodes.findIndex((node) => node.id === id);
  const isLast = flowing.every(({ to, index }) => {
    return to === edge.to ? index <= edge.index : place(to) > place(edge.to);
  });
  if (flowing.length < 2 || !isLast) return "";
  const sum = nodes.find(({ id }) => id === edge.from)!.outputs[edge.output]!.gradient;
  return `, ${number(sum)} with all ${flowing.length} uses added up`;
}

function inputsOf({ edges }: Graph, { id }: GraphNode): GraphEdge[] {
  return edges.filter(({ to }) => to === id).sort((a, b) => a.index - b.index);
}

function sourceOf({ nodes }: Graph, { from, output }: GraphEdge) {
  const { name, outputs } = nodes.find(({ id }) => id === from)!;
  return { name, value: outputs[output]!.value };
}
