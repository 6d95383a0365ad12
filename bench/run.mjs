#!/usr/bin/env node
/** Side by side with peers, in interleaved rounds: `npm run bench`. See README.md. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { check, checkText } from "./check.mjs";
import { contest, findContenders } from "./contest.mjs";
import { dispatchFigures, dispatchText, measureDispatch } from "./dispatch.mjs";
import { formulaFigures, formulaText, measureFormulas } from "./formula.mjs";
import { gemmFigures, gemmText, measureGemm } from "./gemm.mjs";
import {
  measureMemory,
  measurePeaks,
  memoryFigures,
  memoryText,
  peakFigures,
  peakText,
} from "./memory.mjs";
import { measureOps, opsText } from "./ops.mjs";
import { contestText, figuresText, lossFigures, summarize } from "./report.mjs";
import { measureStart, startFigures, startText } from "./start.mjs";
import { workloads } from "./workloads.mjs";

const known = [
  ...Object.keys(workloads),
  "gemm",
  "dispatch",
  "ops",
  "formula",
  "peak",
  "memory",
  "start",
];
const latest = fileURLToPath(new URL("results/latest.json", import.meta.url));

const usage = `npm run bench -- [options]

  --quick          two minutes: the fast peers only, fewer rounds, no start; its figures are only a hint
  --only LIST      some of ${known.join(",")}
  --json FILE      writes the results here too; a full run writes bench/results/latest.json and
                   the end of bench/README.md
  --check          compares the ratios with those of bench/results/latest.json and fails where one has
                   grown by more than the tolerance; runs what is stored there, without the slow peers
  --tolerance 0.25 of --check
  --baseline FILE  instead of bench/results/latest.json, for --check`;

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        json: { type: "string" },
        check: { type: "boolean", default: false },
        tolerance: { type: "string", default: "0.25" },
        baseline: { type: "string", default: latest },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const tolerance = Number(values.tolerance);
    if (!(tolerance > 0)) {
      throw new Error(`--tolerance is "${values.tolerance}"; it must be a number above 0.`);
    }
    const stored = values.check ? JSON.parse(readFileSync(values.baseline, "utf8")) : null;
    const isStored = (name) => stored?.workloads[name] ?? stored?.[name];
    const all = known.filter((name) =>
      values.check
        ? isStored(name) && !["peak", "memory", "start"].includes(name)
        : name !== "start",
    );
    const fallback = values.quick || values.check ? all : known;
    const only = values.only?.split(",") ?? fallback;
    const unknown = only.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new Error(`--only names "${unknown}"; known are ${known.join(", ")}.`);
    }
    const full = !values.quick && !values.check && known.every((name) => only.includes(name));
    return { ...values, tolerance, stored, only, full };
  } catch (error) {
    console.error(`bench: ${error.message}\n\n${usage}`);
    return process.exit(2);
  }
}

function machine(contenders) {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    node: process.versions.node,
    load: loadavg()[0], // above 0, others were at work: ratios suffer too
    contenders: Object.fromEntries(
      Object.entries(contenders).map(([who, { version }]) => [who, version ?? null]),
    ),
  };
}

const said = [];

function say(text) {
  said.push(text);
  console.log(`${text}\n`);
}

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(`written: ${file}`);
}

/** What a full run printed, as the last part of the README. */
function writeReadme() {
  const file = fileURLToPath(new URL("README.md", import.meta.url));
  const [before] = readFileSync(file, "utf8").split("## Latest full run\n");
  const day = results.machine.date.slice(0, 10);
  const block = ["```", said.join("\n\n"), "```", ""].join("\n");
  write(file, `${before}## Latest full run\n\n\`npm run bench\`, ${day}:\n\n${block}`);
}

const options = readOptions();
if (options.help) {
  console.log(usage);
  process.exit(0);
}
// Three seconds of warm-up: V8 compiles in the background that long, on the core that a second thread wants.
const pace = options.quick
  ? { rounds: 5, warmUp: 1, ms: 100, lossSteps: 10, lossMs: 3000, budgetMs: 1000 }
  : { rounds: 25, warmUp: 10, ms: 300, lossSteps: 10, lossMs: 30_000, budgetMs: 15_000 };
const onlyFast = options.quick || options.check;

const contenders = findContenders();
const results = { machine: machine(contenders), pace, workloads: {}, figures: [] };
const { figures } = results;
const { cpu, cores, node, load } = results.machine;
say(
  `${cpu}, ${cores} cores, Node ${node}; one thread each unless said otherwise, up to ${pace.rounds} rounds; load at the start ${load.toFixed(1)}`,
);

/** Who takes part, and of the others why not. */
function cast({ contenders: names, slow, absent }) {
  const skipped = { ...absent };
  const taking = names.filter((who) => {
    if (contenders[who].missing !== undefined) skipped[who] = contenders[who].missing;
    else if (onlyFast && slow.includes(who)) skipped[who] = "too slow for --quick and --check";
    return !(who in skipped);
  });
  return { taking, skipped };
}

for (const [name, workload] of Object.entries(workloads)) {
  if (!options.only.includes(name)) continue;
  const { taking, skipped } = cast(workload);
  const raw = await contest(name, workload, contenders, taking, pace);
  const summaries = Object.fromEntries(
    Object.entries(raw).map(([who, { losses, times }]) => [who, { losses, ...summarize(times) }]),
  );
  results.workloads[name] = { title: workload.title, unit: workload.unit, results: summaries };
  say(contestText(workload, summaries, contenders, skipped));
  figures.push(...workload.figures(summaries), ...lossFigures(name.toUpperCase(), summaries));
}
if (options.only.includes("gemm")) {
  results.gemm = measureGemm({ rounds: pace.rounds });
  say(gemmText(results.gemm));
  figures.push(...gemmFigures(results.gemm));
}
if (options.only.includes("dispatch")) {
  results.dispatch = measureDispatch({ rounds: pace.rounds });
  say(dispatchText(results.dispatch));
  figures.push(...dispatchFigures(results.dispatch));
}
if (options.only.includes("ops")) {
  results.ops = measureOps({ ms: options.quick ? 10 : 100 });
  say(opsText(results.ops));
}
if (options.only.includes("formula")) {
  const rows = measureFormulas({ rounds: pace.rounds });
  results.formula = rows;
  say(formulaText(rows));
  figures.push(...formulaFigures(rows));
}
if (options.only.includes("peak")) {
  results.peak = await measurePeaks(contenders);
  say(peakText(results.peak));
  figures.push(...peakFigures(results.peak));
}
if (options.only.includes("memory")) {
  const runs = measureMemory({ part: options.quick ? 1 / 20 : 1 });
  results.memory = runs;
  say(memoryText(runs));
  figures.push(...memoryFigures(runs));
}
if (options.only.includes("start")) {
  results.start = measureStart();
  say(startText(results.start));
  figures.push(...startFigures(results.start));
}
say(figuresText(figures));

const text = `${JSON.stringify(results, null, 2)}\n`;
if (options.full) {
  write(latest, text);
  writeReadme();
}
if (options.json !== undefined) write(options.json, text);
if (options.check) {
  const outcome = check(options.stored, results, options.tolerance);
  say(checkText(outcome, options.tolerance));
  if (!outcome.passed) process.exitCode = 1;
}
