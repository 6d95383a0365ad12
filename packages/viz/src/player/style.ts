/** The style sheet of the player's shadow tree. */
import { coloursAround, styleSheet, type Theme } from "../colours.ts";

/** Id of the svg element inside the shadow tree, where it meets no other. */
const picture = "#graph";

const shapes = `
:host{display:block;margin:1rem 0}
:host([hidden]),[hidden]{display:none!important}
*{box-sizing:border-box}
.player{font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);border:1px solid var(--line);border-radius:8px;overflow:hidden}
.bar{display:flex;flex-wrap:wrap;gap:.35rem;align-items:center;padding:.5rem;border-bottom:1px solid var(--line)}
button{font:inherit;color:inherit;background:var(--button);border:1px solid var(--line);border-radius:6px;min-width:44px;min-height:44px;padding:.2rem .6rem;cursor:pointer}
button:disabled{opacity:.45;cursor:default}
button svg{display:block;width:20px;height:20px;margin:auto;fill:currentColor}
:focus-visible{outline:2px solid var(--chosen);outline-offset:1px}
input[type=range]{flex:1 1 8rem;min-width:6rem;height:44px;margin:0 .4rem;accent-color:var(--chosen)}
.count{min-width:5.5em;text-align:right;font-variant-numeric:tabular-nums;color:var(--muted)}
.picture{overflow:hidden;touch-action:pan-y;cursor:grab}
.picture svg{display:block}
[data-tall]{touch-action:none}
.zoom{display:flex;justify-content:flex-end;gap:.25rem;padding:0 .4rem .4rem}
.zoom button{min-width:32px;min-height:32px;padding:0}
.panel{padding:.5rem .75rem;border-top:1px solid var(--line);min-height:8rem;overflow-wrap:anywhere}
.panel h2{display:inline;font-size:1rem;margin:0}
.panel p{margin:.3rem 0}
.panel ul{display:flex;flex-wrap:wrap;gap:.3rem 2rem;margin:.4rem 0 0;padding:0;list-style:none}
.panel dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .75rem;margin:.4rem 0}.panel dt{color:var(--muted)}.panel dd{margin:0;min-width:0}
.panel pre{margin:.2rem 0;max-height:9rem;overflow:auto;font-size:12px}
.muted{color:var(--muted)}.value{color:var(--value)}.gradient{color:var(--gradient)}.name{font-weight:600}
.inputs{display:flex;flex-wrap:wrap;gap:.4rem .9rem;align-items:center;padding:.5rem .75rem;border-top:1px solid var(--line);max-height:11rem;overflow:auto}
.inputs label{display:inline-flex;gap:.35rem;align-items:center;font-weight:600}
.inputs input{font:inherit;color:inherit;background:var(--button);border:1px solid var(--line);border-radius:6px;min-height:36px;width:5em;padding:.1rem .4rem}
.inputs input[type=text]{width:16em}
.inputs input:invalid{border-color:var(--gradient)}
.problem{margin:0;padding:.4rem .75rem;color:var(--gradient)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
${picture} .waiting{visibility:hidden}
[data-phase=forward] ${picture} .active>:is(.gate,.group){stroke:var(--value);stroke-width:3.5}
[data-phase=backward] ${picture} .active>:is(.gate,.group){stroke:var(--gradient);stroke-width:3.5}
[data-phase=forward] ${picture} .line.flow{stroke:var(--value);stroke-width:2.6}
:is([data-phase=turn],[data-phase=backward]) ${picture} .line.flow{stroke:var(--gradient);stroke-width:2.6}
${picture} .tip{fill:context-stroke}
@media (prefers-reduced-motion:no-preference){
${picture} .line{transition:stroke .25s,stroke-width .25s}
${picture} .fresh{animation:appear .45s ease-out}
@keyframes appear{from{opacity:0;transform:translateY(6px)}}
}
`;

export function playerStyle(theme: Theme): string {
  const scheme = `:host{color-scheme:${theme === "auto" ? "light dark" : theme}}`;
  return styleSheet(picture.slice(1), theme) + coloursAround(":host", theme) + scheme + shapes;
}
