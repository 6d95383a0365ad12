/**
 * What must give the same bits in every engine and with any number of threads: 50 steps of the benchmarks'
 * W1–W5, in small batches, and of a net with everything that draws or rounds.
 */
import { setThreads, threads } from "@tapegrad/core";
import { charGptData, convNetData, mlpData } from "../../bench/data.mjs";
import { trainings } from "../../bench/training.mjs";
import { workloads } from "../../bench/workloads.mjs";
import { train } from "../../packages/tapegrad/test/browser/program.ts";

const STEPS = 50;

const { w1, w2, w3, w4, w5 } = workloads;
const programs = {
  w1,
  w2,
  w3: { ...w3, data: () => mlpData(w3.options.widths, 16) },
  w4: { ...w4, data: () => convNetData(2) },
  w5: { ...w5, data: () => charGptData({ ...w5.options, batch: 1 }) },
};

/** SHA-256 over the model's parameters and buffers. */
async function hashOf(model) {
  const arrays = Array.from(model.stateDict().values(), (state) => state.data());
  const bytes = await new Blob(arrays).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @returns how many threads there were, and a hash for each program */
export async function run(count) {
  setThreads(count);
  const hashes = {};
  for (const [name, { data, options }] of Object.entries(programs)) {
    const { train, model } = trainings[name](data(), options);
    for (let step = 0; step < STEPS; step++) {
      train();
      // A page starts its threads when the event loop turns.
      await new Promise((done) => setTimeout(done));
    }
    hashes[name] = await hashOf(model);
  }
  hashes.draws = train().hash;
  return { threads: threads(), hashes };
}
