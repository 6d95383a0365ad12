/** `tapegrad runs`: what was trained, side by side. */
import { basename } from "node:path";
import type { Json } from "@tapegrad/nn";
import {
  type EpochLine,
  formatNumber,
  formatTable,
  listRuns,
  RunFolder,
  type RunSummary,
  sparkline,
} from "@tapegrad/train";
import { exitCodes, type Io, report, UsageError } from "../io.ts";

interface Shown {
  readonly json: boolean;
}

export async function list(folder: string, { json }: Shown, io: Io): Promise<number> {
  const runs = await listRuns(folder);
  const curves = io.output.isTTY === true;
  const rows = runs.map(({ path, config, last, losses }) => [
    path,
    config.created.slice(0, 16).replace("T", " "),
    `${last?.epoch ?? 0}/${config.epochs}`,
    ...scoresOf(last),
    ...(curves ? [sparkline(losses)] : []),
  ]);
  const header = ["run", "created (UTC)", "epochs", ...scoreNames, ...(curves ? ["losses"] : [])];
  const text =
    runs.length === 0
      ? `There are no runs in ${folder}.`
      : formatTable([header, ...rows], { left: 2 });
  report(io, json, runs.map(documentOf), text);
  return exitCodes.done;
}

const scoreNames = ["loss", "trainAcc", "valLoss", "valAcc"] as const;

/** Of the last epoch; "–" for what was not measured. */
function scoresOf(line: EpochLine | null): string[] {
  return scoreNames.map((name) => numberText(line?.[name]));
}

const numberText = (value: number | null | undefined) =>
  value === undefined || value === null ? "–" : formatNumber(value);

const documentOf = ({ path, config, last }: RunSummary) => ({
  path,
  runId: config.runId,
  created: config.created,
  epochs: config.epochs,
  last,
});

/** A run with everything in its folder. */
interface Whole {
  readonly folder: RunFolder;
  readonly summary: RunSummary;
  readonly epochs: readonly EpochLine[];
}

/** @throws UsageError for a folder without a run */
async function readRun(path: string): Promise<Whole> {
  const folder = new RunFolder(path);
  if (!(await folder.exists())) throw new UsageError(`there is no run in "${path}".`);
  const epochs = (await folder.metrics()).filter((line) => line.type === "epoch");
  const summary = {
    path: folder.path,
    config: await folder.config(),
    last: epochs.at(-1) ?? null,
    losses: epochs.map(({ loss }) => loss),
  };
  return { folder, summary, epochs };
}

export async function show(path: string, { json }: Shown, io: Io): Promise<number> {
  const { folder, summary, epochs } = await readRun(path);
  const checkpoints = (await folder.checkpoints()).map(({ path }) => path);
  const { runId, created, model, optimizer, config } = summary.config;
  const lines = epochs.map((line) => [
    String(line.epoch),
    String(line.step),
    ...scoresOf(line),
    numberText(line.learningRate),
    line.seconds.toFixed(1),
  ]);
  const table = formatTable([["epoch", "step", ...scoreNames, "rate", "seconds"], ...lines], {
    left: 0,
  });
  const text = [
    `${path} · ${runId} · begun ${created} · ${optimizer}`,
    table,
    "Settings:",
    ...[...settingsOf(config)].map(([name, value]) => `  ${name} = ${JSON.stringify(value)}`),
    `Checkpoints: ${checkpoints.map((one) => basename(one)).join(", ") || "none"}`,
  ];
  report(
    io,
    json,
    { ...documentOf(summary), model, optimizer, config, checkpoints, metrics: epochs },
    text.join("\n"),
  );
  return exitCodes.done;
}

/** Settings that differ, then the best of what was measured; a column for each run. */
export async function compare(paths: readonly string[], { json }: Shown, io: Io): Promise<number> {
  if (paths.length < 2) throw new UsageError("compare needs at least two runs.");
  const runs: Whole[] = [];
  for (const path of paths) runs.push(await readRun(path));
  const settings = runs.map(({ summary }) => settingsOf(summary.config.config));
  const names = [...new Set(settings.flatMap((own) => [...own.keys()]))];
  const written = (own: ReadonlyMap<string, Json>, name: string) =>
    own.has(name) ? JSON.stringify(own.get(name)) : "–";
  const differing = names.filter(
    (name) => new Set(settings.map((own) => written(own, name))).size > 1,
  );
  const results: [name: string, of: (epochs: readonly EpochLine[]) => number | undefined][] = [
    ["epochs", (epochs) => epochs.length],
    ["lowest loss", (epochs) => least(epochs.map(({ loss }) => loss))],
    ["lowest valLoss", (epochs) => least(epochs.map(({ valLoss }) => valLoss))],
    ["highest valAcc", (epochs) => most(epochs.map(({ valAcc }) => valAcc))],
    ["seconds", (epochs) => epochs.at(-1)?.seconds],
  ];
  const text = formatTable(
    [
      ["", ...paths],
      ...differing.map((name) => [name, ...settings.map((own) => shortened(written(own, name)))]),
      ...results.map(([name, of]) => [name, ...runs.map(({ epochs }) => numberText(of(epochs)))]),
    ],
    { left: 1 },
  );
  const document = runs.map(({ summary, epochs }, i) => ({
    ...documentOf(summary),
    settings: Object.fromEntries(differing.map((name) => [name, settings[i].get(name) ?? null])),
    results: Object.fromEntries(results.map(([name, of]) => [name, of(epochs) ?? null])),
  }));
  report(io, json, document, text);
  return exitCodes.done;
}

const widest = 32;
const shortened = (text: string) =>
  text.length <= widest ? text : `${text.slice(0, widest - 1)}…`;

const measured = (values: readonly (number | null | undefined)[]) =>
  values.filter((value): value is number => typeof value === "number");
const least = (values: readonly (number | null | undefined)[]) =>
  measured(values).reduce<number | undefined>((a, b) => Math.min(a ?? b, b), undefined);
const most = (values: readonly (number | null | undefined)[]) =>
  measured(values).reduce<number | undefined>((a, b) => Math.max(a ?? b, b), undefined);

/** "optimizer.lr" → 0.01, for every value of a config that `tapegrad train` kept; of other programs, all. */
function settingsOf(kept: Json): Map<string, Json> {
  const config = (kept as { config?: Json } | null)?.config ?? kept;
  return new Map(flatten(config, ""));
}

function* flatten(json: Json, place: string): Iterable<[string, Json]> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    yield [place, json];
    return;
  }
  for (const [key, value] of Object.entries(json)) {
    yield* flatten(value, place === "" ? key : `${place}.${key}`);
  }
}
