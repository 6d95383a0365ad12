/** The script of the dashboard's page: gets lines of runs, draws. Bundled into `generated/dashboard.ts`. */
import type { RunLine, RunRecord } from "./record.ts";
import { bodyOf } from "./sections.ts";

/** A run's state as the server sends it: with all lines so far at first, then with new ones. */
export interface RunUpdate {
  readonly index: number;
  readonly isEnded: boolean;
  readonly name: string;
  /** Whether the lines are all; otherwise they follow those before. */
  readonly isWhole: boolean;
  readonly lines: readonly RunLine[];
  /** Absent where they are as before. */
  readonly filters?: RunRecord["filters"];
}

/** Drawing takes at most this share of the time. */
const share = 0.2;
const leastPauseMs = 250;

type Shown = RunRecord & { isEnded: boolean; lines: RunLine[] };
const runs: Shown[] = [];
const main = document.querySelector("main")!;
const status = document.getElementById("status")!;
let isDrawing = false;
let isStale = false;

function tell(text: string): void {
  if (status.textContent !== text) status.textContent = text;
}

function take({ index, name, isEnded, isWhole, lines, filters }: RunUpdate): void {
  const before = runs[index];
  runs[index] = {
    name,
    isEnded,
    lines: isWhole || before === undefined ? [...lines] : before.lines.concat(lines),
    filters: filters === undefined ? (before?.filters ?? null) : filters,
  };
}

async function draw(): Promise<void> {
  isStale = true;
  if (isDrawing) return;
  isDrawing = true;
  while (isStale) {
    isStale = false;
    const started = performance.now();
    show(await bodyOf(runs));
    const took = performance.now() - started;
    await new Promise((done) => setTimeout(done, Math.max(leastPauseMs, took * (1 / share - 1))));
  }
  isDrawing = false;
}

/** Only what changed is replaced, so that what is read or scrolled stays. */
function show(html: string): void {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const fresh of template.content.querySelectorAll("section")) {
    const old = document.getElementById(fresh.id);
    if (old === null) main.append(fresh);
    else if (old.outerHTML !== fresh.outerHTML) replace(old, fresh);
  }
}

function replace(old: Element, fresh: Element): void {
  const [before, after] = [old, fresh].map((one) => [...one.querySelectorAll("figure")]);
  const isAlike = after!.length > 0 && before!.length === after!.length;
  if (!isAlike) {
    old.replaceWith(fresh);
    return;
  }
  after!.forEach((figure, i) => {
    if (before![i]!.innerHTML !== figure.innerHTML) before![i]!.replaceWith(figure);
  });
}

const source = new EventSource("events");
source.addEventListener("runs", ({ data }: MessageEvent<string>) => {
  for (const update of JSON.parse(data) as RunUpdate[]) take(update);
  tell(runs.every(({ isEnded }) => isEnded) ? "training has ended" : "running");
  void draw();
});
source.onerror = () => tell("the program has ended, or doesn't answer");
