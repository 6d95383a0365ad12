#!/usr/bin/env node
/**
 * Side by side with peers, in interleaved rounds: `npm run bench`. See README.md.
 *
 *   node bench/run.mjs [--quick] [--only w1,w6,formula,memory,start] [--json FILE]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { contest, findContenders } from "./contest.mjs";
import { formulaFigures, formulaText, measureFormulas } from "./formula.mjs";
import { measureMemory, memoryFigures, memoryText } from "./memory.mjs";
import { atMost, contestText, figuresText, lossSpread, summarize } from "./report.mjs";
import { measureStart, startFigures, startText } from "./start.mjs";
import { workloads } from "./workloads.mjs";

const known = [...Object.keys(workloads), "formula", "memory", "start"];

const usage = `npm run bench -- [--quick] [--only w1,w6,formula,memory,start] [--json FILE]

  --quick      fewer rounds and steps, no start; its figures are only a hint
  --only LIST  some of ${known.join(", ")}
  --json FILE  write the results here too; a full run writes bench/results/latest.json and
               the end of bench/README.md`;

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        json: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const all = values.quick ? known.filter((name) => name !== "start") : known;
    const only = values.only?.split(",") ?? all;
    const unknown = only.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new Error(`--only names "${unknown}"; known are ${known.join(", ")}.`);
    }
    return { ...values, only, full: !values.quick && known.every((name) => only.includes(name)) };
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
const pace = options.quick
  ? { rounds: 5, warmUp: 2, ms: 100, lossSteps: 10 }
  : { rounds: 25, warmUp: 3, ms: 300, lossSteps: 10 };

const contenders = findContenders();
const results = { machine: machine(contenders), pace, workloads: {}, figures: [] };
const { figures } = results;
const { cpu, cores, node, load } = results.machine;
say(
  `${cpu}, ${cores} cores, Node ${node}; one thread each, ${pace.rounds} rounds; load at the start ${load.toFixed(1)}`,
);

for (const [name, workload] of Object.entries(workloads)) {
  if (!options.only.includes(name)) continue;
  const raw = await contest(name, workload, contenders, pace);
  const summaries = Object.fromEntries(
    Object.entries(raw).map(([who, { losses, times }]) => [who, { losses, ...summarize(times) }]),
  );
  results.workloads[name] = { title: workload.title, unit: workload.unit, results: summaries };
  say(contestText(workload, summaries, contenders));
  figures.push(...workload.figures(summaries).filter(Boolean));
  const spread = lossSpread(summaries);
  const what = `${name.toUpperCase()}, spread of the losses at step ${pace.lossSteps}`;
  figures.push(atMost(what, spread, 1e-5));
}
if (options.only.includes("formula")) {
  const rows = measureFormulas({ rounds: pace.rounds });
  results.formula = rows;
  say(formulaText(rows));
  figures.push(...formulaFigures(rows));
}
if (options.only.includes("memory")) {
  const runs = measureMemory({ steps: options.quick ? 2000 : 10000 });
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
  write(fileURLToPath(new URL("results/latest.json", import.meta.url)), text);
  writeReadme();
}
if (options.json !== undefined) write(options.json, text);
