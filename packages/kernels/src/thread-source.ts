/**
 * What a thread of the pool runs, as text: without a file of its own, no bundler and no page needs a
 * path to one. It gets { modules, memory, control, index, epoch } and ends when EPOCH moves on.
 *
 * The control block is described in threads.ts. A thread takes chunks while there are any, looks at STATE
 * for a while, then parks. It reads the job, and whether it is still wanted, before the exchange that
 * takes a chunk: if that succeeds, STATE had not changed, so what was read belongs to the chunk.
 */
export const threadSource = `"use strict";
function run({ modules, memory, control, index, epoch }) {
  const main = {};
  for (const module of modules)
    Object.assign(main, new WebAssembly.Instance(module, { env: { memory } }).exports);
  const kernels = Object.values(main);
  const made = new Map();
  const compile = (code) =>
    new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory }, main }).exports.run;
  const words = new Int32Array(memory.buffer, control);
  const numbers = new Float64Array(memory.buffer, control);
  const STATE = 0, DONE = 16, PARKED = 32, EPOCH = 48, FAILED = 49;
  const KERNEL = 64, UNITS = 65, GRAIN = 66, CHUNKS = 67, COUNT = 68, STEP = 69, CODE = 70, CODE_START = control + 8192;
  const ARGUMENTS = 40, RESULTS = 1024, READY = 512;
  // Longer than a training step is busy elsewhere between two kernels: waking up would take some 40 µs.
  const AWAKE_MS = 2, LOOKS = 1000, MOST_MADE = 256;
  Atomics.store(words, READY + index, epoch);
  for (;;) {
    let state = Atomics.load(words, STATE);
    for (let looks = 1, until = Infinity; (state & 1023) >= words[CHUNKS]; looks++) {
      if (Atomics.load(words, EPOCH) !== epoch) return;
      if (looks % LOOKS === 0) {
        const now = performance.now();
        if (until === Infinity) until = now + AWAKE_MS;
        else if (now > until) {
          Atomics.add(words, PARKED, 1);
          Atomics.wait(words, STATE, state);
          Atomics.sub(words, PARKED, 1);
          until = Infinity;
        }
      }
      state = Atomics.load(words, STATE);
    }
    const number = words[KERNEL];
    let kernel = kernels[number] ?? made.get(number);
    const code = kernel ? null : new Uint8Array(memory.buffer, CODE_START, words[CODE]).slice();
    const units = words[UNITS], grain = words[GRAIN], chunks = words[CHUNKS];
    const args = [];
    for (let i = 0; i < words[COUNT]; i++) args.push(numbers[ARGUMENTS + i]);
    if (args.length > 0) args[args.length - 1] += index * words[STEP];
    if (Atomics.load(words, EPOCH) !== epoch) return;
    const job = state >>> 10;
    while (state >>> 10 === job && (state & 1023) < chunks) {
      const seen = Atomics.compareExchange(words, STATE, state, state + 1);
      if (seen !== state) {
        state = seen;
        continue;
      }
      const chunk = state & 1023;
      try {
        if (kernel === undefined) {
          kernel = compile(code);
          if (made.size === MOST_MADE) made.clear();
          made.set(number, kernel);
        }
        words[RESULTS + chunk] = kernel(chunk * grain, Math.min(units, (chunk + 1) * grain), ...args);
      } catch {
        Atomics.store(words, FAILED, 1);
      }
      Atomics.add(words, DONE, 1);
      state = Atomics.load(words, STATE);
    }
  }
}
`;
