/** Formulas, set by KaTeX when the site is built: GitHub's `$…$`, $`…`$, `$$…$$` and ```math blocks. */
import katex from "katex";
import type { Renderer } from "./renderer.ts";

function render(tex: string, displayMode: boolean): string {
  const html = katex.renderToString(tex, { displayMode, throwOnError: true, strict: "ignore" });
  // Braces of TeX are no expressions of Vue.
  return displayMode ? `<div v-pre class="formula">${html}</div>` : `<span v-pre>${html}</span>`;
}

const dollar = 0x24;

export function math(md: Renderer): void {
  md.inline.ruler.before("escape", "math", (state, silent) => {
    if (state.src.charCodeAt(state.pos) !== dollar) return false;
    const rest = state.src.slice(state.pos, state.posMax);
    // As on GitHub: no space inside the dollars, no digit after them, so that prices stay prices.
    const match =
      /^\$\$([^$]+)\$\$/.exec(rest) ??
      /^\$`([^`]+)`\$/.exec(rest) ??
      /^\$(\S(?:[^$]*\S)?)\$(?!\d)/.exec(rest);
    if (match === null) return false;
    if (!silent) {
      const token = state.push("math_inline", "", 0);
      token.content = match[1]!;
      token.info = match[0].startsWith("$$") ? "display" : "inline";
    }
    state.pos += match[0].length;
    return true;
  });
  md.block.ruler.before(
    "fence",
    "math",
    (state, start, end, silent) => {
      const lineOf = (line: number) =>
        state.src.slice(state.bMarks[line]! + state.tShift[line]!, state.eMarks[line]);
      if (lineOf(start).trim() !== "$$") return false;
      let last = start + 1;
      while (last < end && lineOf(last).trim() !== "$$") last += 1;
      if (last === end) return false;
      if (silent) return true;
      const token = state.push("math", "", 0);
      token.content = state.getLines(start + 1, last, 0, false);
      token.info = "display";
      state.line = last + 1;
      return true;
    },
    { alt: ["paragraph"] },
  );
  // By this name the plugin for attributes, as in `{.class}`, knows to leave the braces of TeX alone.
  md.renderer.rules.math_inline = md.renderer.rules.math = (tokens, i) =>
    render(tokens[i]!.content, tokens[i]!.info === "display");
  const fence = md.renderer.rules.fence!;
  md.renderer.rules.fence = (tokens, i, options, env, self) =>
    tokens[i]!.info.trim() === "math"
      ? render(tokens[i]!.content, true)
      : fence(tokens, i, options, env, self);
}
