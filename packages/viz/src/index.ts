export type { Theme } from "./colours.ts";
export { toDOT } from "./dot.ts";
export { type Drawable, type GraphOptions, graph, type ModelLike, type Names } from "./graph.ts";
export { type HtmlOptions, toHTML } from "./html.ts";
export { toMermaid } from "./mermaid.ts";
export {
  type Classifier,
  type DecisionBoundaryOptions,
  decisionBoundary,
  type LabelledPoints,
} from "./plots/decision-boundary.ts";
export {
  accuracyCurve,
  activationHistograms,
  confusionMatrix,
  deadUnits,
  filterImages,
  gradientNorms,
  type LossCurveOptions,
  learningRateCurve,
  lossCurve,
  metricCurve,
  updateRatios,
  weightNorms,
} from "./plots/index.ts";
export type { PlotOptions } from "./plots/options.ts";
export type {
  Activation,
  ConfusionCounts,
  EpochLine,
  Filters,
  LayersLine,
  RunLine,
  RunRecord,
  StepLine,
} from "./plots/record.ts";
export { type ReportOptions, report } from "./plots/report.ts";
export { type Dashboard, type LiveRun, type ServeOptions, serve } from "./plots/server.ts";
export { type PngOptions, toPng } from "./png.ts";
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
