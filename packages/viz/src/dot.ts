/** Graphs for Graphviz. */
import { escapeXml, formatShape, shortValues } from "./format.ts";
import type { Graph } from "./schema.ts";
import { checked, type PictureOptions } from "./svg.ts";
import { type Atom, groupLabel, viewOf, type Wire } from "./view.ts";

/**
 * The graph in Graphviz' language, for `dot -Tsvg` and its like: modules as clusters, folded ones as boxes,
 * values green and gradients red beside the edges.
 *
 * @throws ValueError for what is no graph, or options that don't fit it
 * @see https://graphviz.org/doc/info/lang.html
 */
export function toDOT(graph: Graph, options: PictureOptions = {}): string {
  const { digits, folded } = checked("toDOT", graph, options);
  const { atoms, wires, clusters } = viewOf(graph, folded);
  const content = (group: string | null, indent: string): string[] => [
    ...atoms.filter(({ parent }) => parent === group).map((atom) => indent + dotAtom(atom)),
    ...clusters
      .filter(({ parent }) => parent === group)
      .flatMap((cluster) => [
        `${indent}subgraph ${quoted(`cluster_${cluster.id}`)} {`,
        `${indent}  label=${quoted(groupLabel(cluster))}; style="rounded,dashed"; fontsize=10;`,
        ...content(cluster.id, `${indent}  `),
        `${indent}}`,
      ]),
  ];
  return [
    `digraph ${quoted(graph.title ?? "graph")} {`,
    '  rankdir=LR; node [fontname="Helvetica", fontsize=12]; edge [fontname="Helvetica", fontsize=10];',
    ...content(null, "  "),
    ...wires.map((wire) => `  ${dotWire(wire, digits)}`),
    "}",
    "",
  ].join("\n");
}

/** A quoted text: in it, only quotes and backslashes mean something. */
const quoted = (text: string): string =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\0", "\ufffd")}"`;

function dotAtom({ id, label, group, node }: Atom): string {
  if (group !== null)
    return `${quoted(id)} [label=${quoted(label)}, shape=box, style="rounded,filled", fillcolor="#e8f0fd"];`;
  const shape = node.kind === "op" ? (label.length <= 3 ? "circle" : "ellipse") : "plaintext";
  return `${quoted(id)} [label=${quoted(label)}, shape=${shape}];`;
}

function dotWire({ from, to, output, gradient }: Wire, digits: number): string {
  const value = output.value === null ? null : shortValues(output.value, digits);
  const back = gradient === null ? null : shortValues(gradient, digits);
  const coloured = (text: string, colour: string) =>
    `<font color="${colour}">${escapeXml(text)}</font>`;
  const lines = [
    ...(output.shape?.length ? [escapeXml(formatShape(output.shape))] : []),
    ...(value === null ? [] : [coloured(value, "#0b7a2d")]),
    ...(back === null ? [] : [coloured(back, "#c4122f")]),
  ];
  const label = lines.length === 0 ? "" : ` [label=<${lines.join("<br/>")}>]`;
  return `${quoted(from)} -> ${quoted(to)}${label};`;
}
