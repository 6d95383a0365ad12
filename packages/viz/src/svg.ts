/** Pictures for files and pages without scripts. */
import { show, ValueError } from "@tapegrad/core";
import type { Theme } from "./colours.ts";
import { drawSvg } from "./draw.ts";
import { type Graph, schemaVersion } from "./schema.ts";
import { foldedAt, foldedByDefault, foldedPaths, viewOf } from "./view.ts";

/** Options that all pictures share. */
export interface PictureOptions {
  /**
   * Which modules are drawn as one box. "auto": none in a graph of up to 100 nodes, else all but as many levels
   * as leave up to 60 boxes. A number n: those nested n deep, so 1 shows the outermost modules. Paths, such as
   * `["layers.0"]`: these, in every call. false: none. Runs of more than a hundred ops without modules fold with
   * all but false.
   */
  fold?: "auto" | number | readonly string[] | false;
  /** Digits behind the point. Default 2. */
  digits?: number;
}

export interface SvgOptions extends PictureOptions {
  /** Default "auto": the reader's system says. */
  theme?: Theme;
  /** Id of the svg element, to which its style sheet is bound. Default: "g-" and the graph's id. */
  id?: string;
}

/**
 * A picture as SVG text: wires from left to right, values in green above, gradients in red below.
 *
 * ```ts
 * writeFileSync("neuron.svg", toSVG(graph(f, { gradients: true })));
 * ```
 *
 * @throws ValueError for what is no graph, or options that don't fit it
 */
export function toSVG(graph: Graph, options: SvgOptions = {}): string {
  const { digits, folded } = checked("toSVG", graph, options);
  const { theme = "auto", id = `g-${graph.id}` } = options;
  if (!["auto", "light", "dark"].includes(theme)) {
    throw new ValueError(`toSVG: theme is ${show(theme)}; it must be "auto", "light" or "dark".`);
  }
  if (!/^[A-Za-z][\w-]*$/.test(id)) {
    throw new ValueError(
      `toSVG: id is ${show(id)}; it must be a letter, then letters, digits, "-" and "_".`,
    );
  }
  return drawSvg(graph, viewOf(graph, folded), { digits, theme, id, interactive: false });
}

/** @internal The options with their defaults, and the ids of the groups to fold. @throws ValueError */
export function checked(
  where: string,
  graph: Graph,
  { fold = "auto", digits = 2 }: PictureOptions,
): { digits: number; folded: Set<string> } {
  if (graph?.schema !== "tapegrad.graph") {
    throw new ValueError(`${where}: got ${show(graph)}; it must be the JSON that graph() makes.`);
  }
  if (graph.version !== schemaVersion) {
    throw new ValueError(
      `${where}: the graph has version ${show(graph.version)} of the format; this release reads version ${schemaVersion}.`,
    );
  }
  if (!Number.isInteger(digits) || digits < 0 || digits > 10) {
    throw new ValueError(
      `${where}: digits is ${show(digits)}; it must be a whole number from 0 to 10.`,
    );
  }
  return { digits, folded: foldedBy(where, graph, fold) };
}

function foldedBy(where: string, graph: Graph, fold: PictureOptions["fold"]): Set<string> {
  if (fold === "auto") return foldedByDefault(graph);
  if (fold === false) return new Set();
  if (typeof fold === "number" && Number.isInteger(fold) && fold >= 1) return foldedAt(graph, fold);
  if (!Array.isArray(fold)) {
    throw new ValueError(
      `${where}: fold is ${show(fold)}; it must be "auto", a depth from 1 on, an array of module paths, or false.`,
    );
  }
  const known = new Set(
    graph.groups.filter(({ kind }) => kind === "module").map(({ path }) => path),
  );
  const unknown = fold.find((path) => !known.has(path));
  if (unknown !== undefined) {
    throw new ValueError(
      `${where}: fold names ${show(unknown)}, which is no module of the graph; it has ${[...known].slice(0, 20).join(", ") || "none"}.`,
    );
  }
  return foldedPaths(graph, new Set(fold));
}
