/** The plots of runs as one HTML file. */
import { show, ValueError } from "@tapegrad/core";
import type { Theme } from "../colours.ts";
import { checked, listed, type Runs } from "./index.ts";
import { pageOf } from "./page-frame.ts";
import { bodyOf } from "./sections.ts";

export interface ReportOptions {
  /** Default "Training report". */
  title?: string;
  /** Default "auto": the reader's system says. */
  theme?: Theme;
  /** More figures under a heading of their own: SVG text, as of `decisionBoundary`; it is put there as it is. */
  figures?: readonly string[];
}

/**
 * Loss, accuracy, metrics, learning rate, layers, activations, confusion matrix and filters of runs side by side, as far
 * as they were recorded: a page in one file without scripts, which asks for nothing from anywhere.
 *
 * ```ts
 * writeFileSync("report.html", await report(solver.record));
 * ```
 *
 * @throws ValueError for what is no run, or options that make no sense
 */
export async function report(runs: Runs, options: ReportOptions = {}): Promise<string> {
  const { title = "Training report", theme = "auto", figures = [] } = options;
  checked("report", { theme });
  if (!Array.isArray(figures) || !figures.every((one) => String(one).startsWith("<svg"))) {
    throw new ValueError(
      `report: figures is ${show(figures)}; it must be an array of SVG texts, as of decisionBoundary.`,
    );
  }
  const more =
    figures.length === 0
      ? ""
      : `<section id="figures"><h2>Figures</h2><div class="figures">${figures.map((svg) => `<figure>${svg}</figure>`).join("\n")}</div></section>`;
  const body = await bodyOf(listed("report", runs), { theme });
  return pageOf({ title, theme, main: `${body}\n${more}` });
}
