/** All figures of some runs as HTML: what reports and dashboards show. Runs in pages, too. */
import { escapeXml } from "../format.ts";
import {
  accuracyFigure,
  activationNames,
  deadUnitsFigure,
  learningRateFigure,
  lossFigure,
  metricFigure,
  parametersFigure,
  spread,
} from "./curves.ts";
import { drawFigure, type Figure } from "./figure.ts";
import { activationsFigure, confusionFigure, filtersFigure } from "./images.ts";
import type { PlotOptions } from "./options.ts";
import { confusionOf, epochsOf, metricNames, type RunRecord } from "./record.ts";

/** So many metrics and layers are drawn; more would bury the rest. */
const [mostMetrics, mostLayers] = [12, 12];
/** Pixels. */
const mostOnPhone = 480;

interface Section {
  readonly id: string;
  readonly heading: string;
  readonly figures: readonly (Figure | null)[];
}

function sectionsOf(runs: readonly RunRecord[]): Section[] {
  const metrics = [...new Set(runs.flatMap(metricNames))].slice(0, mostMetrics);
  return [
    {
      id: "progress",
      heading: "Progress",
      figures: [
        lossFigure(runs),
        accuracyFigure(runs),
        learningRateFigure(runs),
        ...metrics.map((name) => metricFigure(runs, name)),
      ],
    },
    ...runs.flatMap((run, i): Section[] => {
      const confusion = confusionOf(run);
      const of = (heading: string) => (runs.length === 1 ? heading : `${run.name}: ${heading}`);
      return [
        {
          id: `layers-${i}`,
          heading: of("Layers"),
          figures: [
            parametersFigure(run, "updateRatio"),
            parametersFigure(run, "gradNorm"),
            parametersFigure(run, "norm"),
            deadUnitsFigure(run),
          ],
        },
        {
          id: `activations-${i}`,
          heading: of("Activations"),
          figures: spread(activationNames(run), mostLayers).map((name) =>
            activationsFigure(run, name),
          ),
        },
        {
          id: `classes-${i}`,
          heading: of("Classes and filters"),
          figures: [
            confusion && confusionFigure(confusion),
            run.filters ? filtersFigure(run.filters) : null,
          ],
        },
      ];
    }),
  ];
}

/** A table of the runs, then section after section; ids of elements stay when runs grow. */
export async function bodyOf(
  given: readonly RunRecord[],
  options: Pick<PlotOptions, "theme"> = {},
): Promise<string> {
  const runs = distinct(given);
  const parts = [overview(runs)];
  for (const { id, heading, figures } of sectionsOf(runs)) {
    const there = figures.filter((figure) => figure !== null);
    if (there.length === 0) continue;
    const drawn: string[] = [];
    for (const [i, figure] of there.entries()) {
      const svg = await drawFigure(figure, { ...options, id: `${id}-${figure.id}-${i}` });
      // On a phone, a wide one is scrolled rather than shrunk until nobody can read it.
      const isWide = (figure.size?.width ?? mostOnPhone + 1) > mostOnPhone;
      drawn.push(`<figure${isWide ? ' class="wide"' : ""}>${svg}</figure>`);
    }
    parts.push(
      `<section id="${id}"><h2>${escapeXml(heading)}</h2><div class="figures">${drawn.join("\n")}</div></section>`,
    );
  }
  return parts.join("\n");
}

/** Runs in folders of the same name get numbers. */
function distinct(runs: readonly RunRecord[]): RunRecord[] {
  const seen = new Map<string, number>();
  return runs.map((run) => {
    const count = (seen.get(run.name) ?? 0) + 1;
    seen.set(run.name, count);
    return count === 1 ? run : { ...run, name: `${run.name} (${count})` };
  });
}

const columns = ["run", "epochs", "updates", "loss", "validation loss", "best accuracy", "time"];

function overview(runs: readonly RunRecord[]): string {
  const rows = runs.map((run) => {
    const epochs = epochsOf(run);
    const last = epochs.at(-1);
    const best = epochs.map(({ valAcc }) => valAcc ?? Number.NaN).filter(Number.isFinite);
    const cells = [
      run.name,
      String(last?.epoch ?? 0),
      String(run.lines.at(-1)?.step ?? 0),
      number(last?.loss ?? lastLoss(run)),
      number(last?.valLoss),
      best.length === 0 ? "–" : `${(100 * Math.max(...best)).toFixed(2)} %`,
      last?.seconds === undefined ? "–" : `${last.seconds.toFixed(1)} s`,
    ];
    return cells.map(escapeXml);
  });
  const head = columns.map((name) => `<th scope="col">${name}</th>`).join("");
  const body = rows.map(
    ([name, ...cells]) =>
      `<tr><th scope="row">${name}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`,
  );
  return `<section id="runs"><table><thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table></section>`;
}

/** Of the last update, before the first epoch is over. */
function lastLoss({ lines }: RunRecord): number | null {
  const last = lines.findLast((line) => line.type === "step");
  return last?.loss ?? null;
}

const number = (value: number | null | undefined) =>
  value === null || value === undefined ? "–" : String(Number(value.toPrecision(4)));
