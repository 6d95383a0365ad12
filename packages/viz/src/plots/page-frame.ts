/** The HTML around figures: reports and dashboards. */
import { coloursAround, type Theme } from "../colours.ts";
import { escapeXml } from "../format.ts";

interface PageParts {
  readonly title: string;
  readonly theme: Theme;
  readonly main: string;
  /** Of a dashboard. */
  readonly script?: string;
}

/** What the page may do: nothing but show itself, and for a dashboard, ask the server that it came from. */
export const policyOf = (hasScript: boolean): string =>
  [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    "img-src data:",
    ...(hasScript ? ["script-src 'unsafe-inline'", "connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");

export function pageOf({ title, theme, main, script }: PageParts): string {
  const isLive = script !== undefined;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf(isLive)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${theme === "auto" ? "light dark" : theme}">
<link rel="icon" href="data:,">
<title>${escapeXml(title)}</title>
<style>${pageStyle(theme)}</style>
</head>
<body>
<header><h1>${escapeXml(title)}</h1>${isLive ? '<p id="status" role="status">connecting …</p>' : ""}</header>
<main>
${main}
</main>
${isLive ? `<script>${script.replaceAll("</script", "<\\/script")}</script>\n` : ""}</body>
</html>
`;
}

function pageStyle(theme: Theme): string {
  return `${coloursAround(":root", theme)}
*{box-sizing:border-box}
body{margin:0 auto;max-width:84rem;padding:0 1rem 3rem;font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
header{display:flex;flex-wrap:wrap;gap:0 1rem;align-items:baseline;border-bottom:1px solid var(--line)}
h1{font-size:1.25rem;margin:.8rem 0}h2{font-size:1.05rem;margin:2rem 0 .5rem}
#status{margin:0;color:var(--muted)}
#runs{overflow-x:auto;margin-top:1rem}
table{border-collapse:collapse}
th,td{text-align:right;padding:.3rem .8rem;border-bottom:1px solid var(--line);white-space:nowrap;font-variant-numeric:tabular-nums}
th:first-child{text-align:left}thead th{color:var(--muted);font-weight:500}
.figures{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}
figure{margin:0;border:1px solid var(--line);border-radius:8px;overflow:auto hidden;max-width:100%}
figure svg{display:block;max-width:100%;height:auto}.wide svg{min-width:30rem}`;
}
