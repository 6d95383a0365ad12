/** One file for a browser: the picture, its details, and the script that folds, pans and zooms. */
import { show, ValueError } from "@tapegrad/core";
import { coloursAround, type Theme } from "./colours.ts";
import { drawSvg } from "./draw.ts";
import { escapeXml } from "./format.ts";
import { pageScript } from "./generated/page.ts";
import { mathOf } from "./math.ts";
import type { PageData } from "./page/page.ts";
import type { Graph } from "./schema.ts";
import { checked, type PictureOptions } from "./svg.ts";
import { viewOf } from "./view.ts";

export interface HtmlOptions extends PictureOptions {
  /** Default "auto": the reader's system says. */
  theme?: Theme;
}

/**
 * A page that needs nothing but itself: no request leaves it, which its content security policy enforces. Click
 * or focus a gate for its values, formula, local gradients and upstream × local = downstream; double-click a
 * module to fold or unfold it; drag, wheel and pinch move the picture.
 *
 * @throws ValueError for what is no graph, or options that don't fit it
 */
export function toHTML(graph: Graph, options: HtmlOptions = {}): string {
  const { digits, folded } = checked("toHTML", graph, options);
  const { theme = "auto" } = options;
  if (!["auto", "light", "dark"].includes(theme)) {
    throw new ValueError(`toHTML: theme is ${show(theme)}; it must be "auto", "light" or "dark".`);
  }
  const title = escapeXml(graph.title ?? "Computational graph");
  const data: PageData = { graph, math: mathOf(graph), folded: [...folded], digits, theme };
  const svg = drawSvg(graph, viewOf(graph, folded), {
    digits,
    theme,
    id: "graph",
    interactive: false,
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${theme === "auto" ? "light dark" : theme}">
<title>${title}</title>
<style>${pageStyle(theme)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<div role="toolbar" aria-label="Picture">
<button type="button" data-tool="out" aria-label="Zoom out">−</button>
<button type="button" data-tool="in" aria-label="Zoom in">+</button>
<button type="button" data-tool="fit">Fit</button>
${graph.groups.length === 0 ? "" : `<button type="button" data-tool="fold">Fold all</button>\n<button type="button" data-tool="reset">Reset</button>`}
</div>
</header>
<main id="picture" aria-label="Graph">${svg}</main>
<aside id="details" aria-live="polite">
<p>Values are <span class="value">green</span>, gradients <span class="gradient">red</span>.</p>
<p class="muted">Point at a gate or choose one for its details. Double-click or Enter folds and unfolds a module. Tab goes from box to box, ← and → along the wires; + − 0 zoom.</p>
</aside>
<script type="application/json" id="data">${forScript(JSON.stringify(data))}</script>
<script>${pageScript.replaceAll("</script", "<\\/script")}</script>
</body>
</html>
`;
}

/** JSON inside a script element: nothing in it ends the element or starts a comment. */
const forScript = (json: string): string => json.replaceAll("<", "\\u003c");

function pageStyle(theme: Theme): string {
  return `${coloursAround(":root", theme)}
*{box-sizing:border-box}
body{margin:0;height:100vh;height:100dvh;display:grid;grid-template:auto 1fr/1fr 22rem;font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
header{grid-column:1/-1;display:flex;gap:1rem;align-items:center;padding:.5rem 1rem;border-bottom:1px solid var(--line)}
h1{font-size:1rem;margin:0;flex:1;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
[role=toolbar]{display:flex;gap:.35rem}
button{font:inherit;color:inherit;background:var(--button);border:1px solid var(--line);border-radius:6px;padding:.2rem .6rem;min-width:2rem;cursor:pointer}
main{overflow:hidden;touch-action:none;cursor:grab;min-height:0;min-width:0}
main svg{display:block}
aside{overflow:auto;padding:.75rem 1rem;border-left:1px solid var(--line);overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:.2rem 0}h3{font-size:.9rem;margin:.9rem 0 .3rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .75rem;margin:.4rem 0}dt{color:var(--muted)}dd{margin:0;min-width:0}
pre{margin:.2rem 0;max-height:14rem;overflow:auto;font-size:12px}ul{margin:0;padding-left:1.1rem}li{margin:.35rem 0}
p{margin:.4rem 0}.muted{color:var(--muted)}.value{color:var(--value)}.gradient{color:var(--gradient)}.name{font-weight:600}.formula{font-size:1.1em}
@media (max-width:45rem){body{grid-template:auto 1fr 40%/1fr}aside{border-left:0;border-top:1px solid var(--line)}}`;
}
