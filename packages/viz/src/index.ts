export type { Theme } from "./colours.ts";
export { toDOT } from "./dot.ts";
export { type Drawable, type GraphOptions, graph, type ModelLike, type Names } from "./graph.ts";
export { type HtmlOptions, toHTML } from "./html.ts";
export { toMermaid } from "./mermaid.ts";
export {
  type Graph,
  type GraphEdge,
  type GraphGroup,
  type GraphNode,
  type GraphOp,
  type GraphOutput,
  type JsonNumber,
  type NodeKind,
  type Summary,
  schemaVersion,
} from "./schema.ts";
export { type PictureOptions, type SvgOptions, toSVG } from "./svg.ts";
