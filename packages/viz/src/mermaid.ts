/** Graphs for Mermaid, which renders them in Markdown. */
import { formatShape, shortValues } from "./format.ts";
import type { Graph } from "./schema.ts";
import { checked, type PictureOptions } from "./svg.ts";
import { type Atom, groupLabel, viewOf, type Wire } from "./view.ts";

/**
 * The graph as a Mermaid flowchart: modules as subgraphs, folded ones as boxes; on the arrows shape, value and,
 * behind "∇", gradient.
 *
 * @throws ValueError for what is no graph, or options that don't fit it
 * @see https://mermaid.js.org/syntax/flowchart.html
 */
export function toMermaid(graph: Graph, options: PictureOptions = {}): string {
  const { digits, folded } = checked("toMermaid", graph, options);
  const { atoms, wires, clusters } = viewOf(graph, folded);
  const content = (group: string | null, indent: string): string[] => [
    ...atoms.filter(({ parent }) => parent === group).map((atom) => indent + mermaidAtom(atom)),
    ...clusters
      .filter(({ parent }) => parent === group)
      .flatMap((cluster) => {
        const inside = content(cluster.id, `${indent}  `);
        return [
          `${indent}subgraph ${cluster.id}[${quoted(groupLabel(cluster))}]`,
          ...inside,
          `${indent}end`,
        ];
      }),
  ];
  return [
    "flowchart LR",
    ...content(null, "  "),
    ...wires.map((wire) => `  ${mermaidWire(wire, digits)}`),
    "",
  ].join("\n");
}

/** Ids of copies have an "@", which begins a shape in Mermaid. */
const plainId = (id: string): string => id.replace("@", "_");

/** A quoted text in which nothing is markup: what could be is written as a character's number. */
function quoted(text: string): string {
  const safe = text.replace(
    /[^\p{L}\p{N} .,:+−×÷√σΣΠ∇∞·()/[\]_-]/gu,
    (letter) => `#${letter.codePointAt(0)};`,
  );
  // Markdown would make a list of "1. x" and "- x".
  return `"${safe.replace(/^(\d+)\. /, "$1#46; ").replace(/^([-+]) /, (_, sign: string) => `#${sign.codePointAt(0)}; `)}"`;
}

function mermaidAtom({ id, label, group, node }: Atom): string {
  const text = quoted(label === "" ? " " : label);
  if (group !== null) return `${plainId(id)}[${text}]`;
  if (node.kind === "op") return `${plainId(id)}((${text}))`;
  return `${plainId(id)}([${text}])`;
}

function mermaidWire({ from, to, output, gradient }: Wire, digits: number): string {
  const value = output.value === null ? null : shortValues(output.value, digits);
  const back = gradient === null ? null : shortValues(gradient, digits);
  const parts = [formatShape(output.shape), value ?? "", back === null ? "" : `∇ ${back}`].filter(
    (part) => part !== "",
  );
  const label = parts.length === 0 ? "" : `|${quoted(parts.join(" "))}|`;
  return `${plainId(from)} -->${label} ${plainId(to)}`;
}
