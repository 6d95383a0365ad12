/**
 * Live cells: code blocks marked "ts live" become editors that run. A comment behind one,
 *
 *     <!-- check
 *     check("dx", x.grad, 12);
 *     -->
 *
 * runs after the cell's code, in its scope. "ts live exercise" is a cell whose checks fail until the reader
 * has solved it; the details behind it hold the solution.
 */
import type { Renderer } from "./renderer.ts";

export interface Cell {
  code: string;
  check: string;
  exercise: boolean;
}

const checkComment = /^<!-- check\n([\s\S]*?)-->\s*$/;

export function cells(md: Renderer): void {
  md.core.ruler.push("live-cells", (state) => {
    state.tokens.forEach((token, i) => {
      if (token.type !== "fence" || !/^ts live\b/.test(token.info)) return;
      const next = state.tokens[i + 1];
      const comment = next?.type === "html_block" ? checkComment.exec(next.content) : null;
      if (comment !== null) next!.content = "";
      const cell: Cell = {
        code: token.content.trimEnd(),
        check: comment === null ? "" : comment[1]!.trimEnd(),
        exercise: /\bexercise\b/.test(token.info),
      };
      if (cell.exercise && cell.check === "")
        throw new Error(`An exercise has no check:\n${cell.code}`);
      token.meta = cell;
      token.info = "ts";
    });
  });
  const fence = md.renderer.rules.fence!;
  md.renderer.rules.fence = (tokens, i, options, env, self) => {
    const cell = tokens[i]!.meta as Cell | null;
    const html = fence(tokens, i, options, env, self);
    if (cell === null) return html;
    const { code, check, exercise } = cell;
    const encode = (text: string) => encodeURIComponent(text).replace(/'/g, "%27");
    return `<LiveCell code="${encode(code)}" check="${encode(check)}"${exercise ? " exercise" : ""}>${html}</LiveCell>`;
  };
}
