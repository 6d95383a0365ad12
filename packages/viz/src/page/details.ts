/** What a page says about a node or a module: all that the JSON knows. HTML text, everything escaped. */
import { describeSummary, escapeXml, formatBytes, formatNumber, formatShape } from "../format.ts";
import { groupNote } from "../layout.ts";
import type { Graph, GraphEdge, GraphNode, Summary } from "../schema.ts";
import { groupLabel } from "../view.ts";

/** MathML of TeX texts; made beforehand, so that a page needs no typesetter. */
export type Math = Readonly<Record<string, string>>;

const digits = 4;

/** Details of the node or group with this id. */
export function detailsOf(graph: Graph, id: string, math: Math, folded: boolean): string {
  const group = graph.groups.find((other) => other.id === id);
  if (group !== undefined) {
    return [
      `<h2>${escapeXml(groupLabel(group))}</h2>`,
      `<p>${escapeXml(groupNote(group))}</p>`,
      foldButton(id, folded ? "Unfold" : "Fold"),
    ].join("");
  }
  const node = graph.nodes.find((other) => other.id === id);
  if (node === undefined) return "";
  return [
    heading(graph, node),
    facts(graph, node),
    formula(graph, node, math),
    values(node),
    flows(graph, node, math),
  ].join("");
}

/**
 * What the gate has done in a step of the player: its formula and value forward, what it passes to its inputs
 * backward.
 *
 * @param words  the step forward in words
 */
export function stepDetails(
  graph: Graph,
  node: GraphNode,
  words: string | null,
  math: Math,
): string {
  if (words === null) return heading(graph, node) + inputFlows(graph, node, math, true);
  const lists = node.outputs.map(({ value }) =>
    value?.values?.length === 1 ? "" : summaryHtml(value, "value"),
  );
  return [
    heading(graph, node),
    formula(graph, node, math),
    `<p>${escapeXml(words)}</p>`,
    ...lists,
  ].join("");
}

const foldButton = (id: string, label: string): string =>
  `<button type="button" data-fold="${id}">${label}</button>`;

function heading(graph: Graph, node: GraphNode): string {
  const what = node.op ?? node.kind;
  const symbol = node.op === null ? undefined : graph.ops[node.op]?.symbol;
  const name = node.name === null ? "" : ` <span class="name">${escapeXml(node.name)}</span>`;
  const sign =
    symbol === undefined || symbol === what
      ? ""
      : ` <span class="symbol">${escapeXml(symbol)}</span>`;
  return `<h2>${escapeXml(what)}${sign}${name}</h2>`;
}

function row(term: string, content: string): string {
  return content === "" ? "" : `<dt>${term}</dt><dd>${content}</dd>`;
}

function facts(graph: Graph, node: GraphNode): string {
  const saved =
    node.savedBytes > 0 ? `${node.saves.join(", ")} (${formatBytes(node.savedBytes)})` : "";
  const attributes = node.attributes === null ? "" : JSON.stringify(node.attributes);
  const list = [
    row("module", escapeXml(node.module)),
    row("called at", escapeXml(node.source ?? "")),
    row("options", attributes === "" ? "" : `<code>${escapeXml(attributes)}</code>`),
    row("keeps for backward", escapeXml(saved)),
    ...graph.groups
      .filter(({ id }) => id === node.group)
      .map((group) => row("part of", foldButton(group.id, `Fold ${escapeXml(groupLabel(group))}`))),
  ].join("");
  return list === "" ? "" : `<dl>${list}</dl>`;
}

function typeset(tex: string, math: Math): string {
  return Object.hasOwn(math, tex) ? math[tex]! : `<code>${escapeXml(tex)}</code>`;
}

function formula(graph: Graph, node: GraphNode, math: Math): string {
  const op = node.op === null ? undefined : graph.ops[node.op];
  if (op?.tex.y === undefined) return "";
  const kinks = op.kinks === "" ? "" : `<p class="muted">${escapeXml(op.kinks)}</p>`;
  return `<p class="formula">y = ${typeset(op.tex.y, math)}</p>${kinks}`;
}

function values(node: GraphNode): string {
  return node.outputs
    .map((output) => {
      const label = node.outputs.length > 1 ? `${escapeXml(output.name)}: ` : "";
      const type = [output.dtype ?? "", formatShape(output.shape)]
        .filter((s) => s !== "")
        .join(" ");
      return [
        `<p>${label}${escapeXml(type)}</p><dl>`,
        row("value", summaryHtml(output.value, "value")),
        row("gradient", summaryHtml(output.gradient, "gradient")),
        "</dl>",
      ].join("");
    })
    .join("");
}

/** One line, and below it all elements that are known. */
function summaryHtml(summary: Summary | null, colour: string): string {
  if (summary === null) return "";
  const line = `<span class="${colour}">${escapeXml(describeSummary(summary, digits))}</span>`;
  const { values: list, shape } = summary;
  if (list === undefined || list.length < 2) return line;
  const width = shape.at(-1) ?? 1;
  const rows: string[] = [];
  for (let i = 0; i < list.length; i += width) {
    const numbers = list.slice(i, i + width).map((v) => formatNumber(v, digits));
    rows.push(numbers.join("  "));
  }
  return `${line}<pre>${escapeXml(rows.join("\n"))}</pre>`;
}

/** What flows back into each input, and what comes from each use. */
function flows(graph: Graph, node: GraphNode, math: Math): string {
  const inputs = inputFlows(graph, node, math, false);
  const out = graph.edges.filter(({ from }) => from === node.id);
  const uses = out.length < 2 ? [] : out.flatMap((edge) => useFlow(graph, edge));
  return [
    inputs === "" ? "" : `<h3>Back to the inputs</h3>${inputs}`,
    uses.length === 0 ? "" : `<h3>Added up from ${out.length} uses</h3><ul>${uses.join("")}</ul>`,
  ].join("");
}

/** Upstream × local = downstream, for each input; or only for those to which something flows. */
function inputFlows(graph: Graph, node: GraphNode, math: Math, onlyFlowing: boolean): string {
  const op = node.op === null ? undefined : graph.ops[node.op];
  if (op === undefined) return "";
  const upstream = node.outputs.length === 1 ? node.outputs[0]!.gradient : null;
  const list = graph.edges
    .filter(({ to, gradient }) => to === node.id && !(onlyFlowing && gradient === null))
    .map((edge) =>
      inputFlow(graph, edge, op.tex[op.variadic ? op.inputs[0]! : edge.input], upstream, math),
    );
  return list.length === 0 ? "" : `<ul>${list.join("")}</ul>`;
}

function inputFlow(
  graph: Graph,
  edge: GraphEdge,
  tex: string | undefined,
  upstream: Summary | null,
  math: Math,
): string {
  const name = escapeXml(edge.input);
  const local = tex === undefined ? "" : `<div>∂y/∂${name} = ${typeset(tex, math)}</div>`;
  const source = graph.nodes.find(({ id }) => id === edge.from)?.name ?? null;
  const of = source === null ? "" : ` (<span class="name">${escapeXml(source)}</span>)`;
  return `<li><b>${name}</b>${of}${local}${product(upstream, edge)}</li>`;
}

function product(upstream: Summary | null, { local, gradient }: GraphEdge): string {
  if (gradient === null) return "";
  const number = (summary: Summary | null): string | null =>
    summary?.values?.length === 1 ? formatNumber(summary.values[0]!, digits) : null;
  const [up, by, down] = [number(upstream), number(local), number(gradient)];
  if (up !== null && by !== null && down !== null) {
    return `<div>upstream × local = downstream<br><span class="gradient">${up} × ${by} = <b>${down}</b></span></div>`;
  }
  const factor =
    local === null ? "" : `<div>local: ${escapeXml(describeSummary(local, digits))}</div>`;
  return `${factor}<div>downstream: ${summaryHtml(gradient, "gradient")}</div>`;
}

function useFlow(graph: Graph, edge: GraphEdge): string[] {
  if (edge.gradient === null) return [];
  const user = graph.nodes.find(({ id }) => id === edge.to)!;
  const what = escapeXml(user.op ?? user.kind);
  return [
    `<li>${what}, ${escapeXml(edge.input)}: <span class="gradient">${escapeXml(describeSummary(edge.gradient, digits))}</span></li>`,
  ];
}
