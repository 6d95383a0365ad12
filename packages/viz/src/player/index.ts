/** The player: `<tapegrad-graph>`, a web component. Nothing happens before {@link definePlayer} is called. */
import { GraphPlayer } from "./element.ts";

export { GraphPlayer, type StepDetail } from "./element.ts";
export type { Build, Inputs } from "./recompute.ts";
export type { Phase } from "./timeline.ts";

declare global {
  interface HTMLElementTagNameMap {
    "tapegrad-graph": GraphPlayer;
  }
}

/** Makes `<tapegrad-graph>` known to the page; calling it again changes nothing. */
export function definePlayer(): void {
  if (customElements.get("tapegrad-graph") === undefined)
    customElements.define("tapegrad-graph", GraphPlayer);
}
