/**
 * Trains a workload's model without any dispose and prints the most resident memory of every so many steps: at one
 * moment it says little, since the collector gives back and takes tens of MiB.
 *
 *   node bench/children/training-loop.mjs WORKLOAD sync|async STEPS EVERY
 *
 * "sync" never turns the event loop; "async" awaits a turn of it after each step.
 */
import { memory } from "@tapegrad/core";
import { trainings } from "../training.mjs";
import { workloads } from "../workloads.mjs";

const [name, mode, ...counts] = process.argv.slice(2);
const [steps, every] = counts.map(Number);
const { data, options } = workloads[name];
const { train } = trainings[name](data(), options);

const points = [];
let rss = 0;
const started = performance.now();
for (let i = 1; i <= steps; i++) {
  train();
  if (mode === "async") await new Promise((resolve) => setImmediate(resolve));
  rss = Math.max(rss, process.memoryUsage.rss());
  if (i % every === 0) {
    points.push({ step: i, rss });
    rss = 0;
  }
}
const msPerStep = (performance.now() - started) / steps;
console.log(JSON.stringify({ name, mode, points, msPerStep, memory: memory() }));
