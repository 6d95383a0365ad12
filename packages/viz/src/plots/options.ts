/** Apart from figures: users' type checks need no types of Observable Plot's. */
import type { Theme } from "../colours.ts";

/** Options that all plots share. */
export interface PlotOptions {
  /** Above the picture, and what screen readers call it. */
  title?: string;
  /** In pixels. Default 600, unless the picture has a shape of its own. */
  width?: number;
  /** Of axes and marks, title and legend not counted. Default 260, unless the picture has a shape of its own. */
  height?: number;
  /** Default "auto": the reader's system says. */
  theme?: Theme;
  /** Id of the svg element, to which its style sheet is bound. Default: by the plot. */
  id?: string;
}
