/** TeX as MathML, which browsers typeset by themselves. */
import temml from "temml";
import { escapeXml } from "./format.ts";
import type { Graph } from "./schema.ts";

/** Every formula of the graph's ops, by its TeX. */
export function mathOf(graph: Graph): Record<string, string> {
  const texts = new Set(Object.values(graph.ops).flatMap(({ tex }) => Object.values(tex)));
  return Object.fromEntries([...texts].map((tex) => [tex, mathML(tex)]));
}

function mathML(tex: string): string {
  try {
    return temml.renderToString(tex, { throwOnError: true, trust: false, maxExpand: 100 });
  } catch {
    // A user's formula that is no TeX is shown as it stands.
    return `<code>${escapeXml(tex)}</code>`;
  }
}
