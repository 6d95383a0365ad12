/** What the player's shadow tree starts from. */

/** Drawn, since fonts have these signs in different sizes, and some as emoji. */
const icons = {
  first: "M4 4h2v12H4zM16 4v12l-9-6z",
  back: "M14 4v12l-9-6z",
  play: "M5 3v14l11-7z",
  pause: "M5 3h4v14H5zM11 3h4v14h-4z",
  forward: "M6 4v12l9-6z",
  last: "M14 4h2v12h-2zM4 4v12l9-6z",
};

export const icon = (name: keyof typeof icons): string =>
  `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${icons[name]}"/></svg>`;

const button = (name: keyof typeof icons, label: string): string =>
  `<button type="button" data-do="${name}" aria-label="${label}" title="${label}">${icon(name)}</button>`;

const plain = (action: string, label: string, text: string): string =>
  `<button type="button" data-do="${action}" aria-label="${label}" title="${label}">${text}</button>`;

export const markup = `<slot></slot>
<div class="player" part="player" tabindex="0" role="group" hidden>
<div class="bar" role="toolbar" aria-label="Steps">
${button("first", "To the start")}${button("back", "Step back")}${button("play", "Play")}${button("forward", "Step forward")}${button("last", "To the end")}
<input type="range" min="0" step="1" aria-label="Moment">
<span class="count" aria-hidden="true"></span>
</div>
<div class="picture"></div>
<div class="zoom" hidden>${plain("out", "Zoom out", "−")}${plain("in", "Zoom in", "+")}${plain("fit", "All in sight", "⤢")}</div>
<div class="panel"></div>
<div class="inputs" role="group" aria-label="Inputs"></div>
</div>
<p class="problem" role="alert" hidden></p>
<p class="hidden" aria-live="polite"></p>`;
