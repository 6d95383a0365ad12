import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { afterAll, describe, expect, it } from "@jest/globals";
import { buildSync } from "esbuild";
import { Arena } from "../src/arena.ts";
import {
  alloc,
  type Chain,
  copyOut,
  fuse,
  type Operand,
  setThreads,
  threads,
  wasmKernels,
} from "../src/index.ts";
import { theArena } from "../src/memory.ts";
import { isShared, loadModule } from "../src/module.ts";
import { CONTROL_ADDRESS } from "../src/scratch.ts";
import { openCrew } from "../src/threads.ts";
import { stridesOf } from "./support.ts";

const kernels = wasmKernels();
// Words of the control block; see threads.ts.
const PARKED = 32;
const EPOCH = 48;
const READY = 512;
const NOBODY_WAKES = 2047;

afterAll(() => setThreads(1));

function fresh(shape: readonly number[], dtype: "float32" | "float64" = "float32"): Operand {
  const storage = alloc(
    dtype,
    shape.reduce((product, size) => product * size, 1),
  );
  return { storage, value: 0, dtype, shape, strides: stridesOf(shape), offset: 0 };
}

function uniform(shape: readonly number[], dtype?: "float32" | "float64"): Operand {
  const x = fresh(shape, dtype);
  kernels.random("uniform", x, [shape.length, 7], 0, -2, 2);
  return x;
}

/** Asks for threads, gives them work, and sleeps until all of them have started. */
function startThreads(count: number, memory = theArena()!.memory): void {
  setThreads(count);
  const x = uniform([512, 512]);
  kernels.matmul(x, x, fresh([512, 512]));
  sleepUntilStarted(count, memory);
}

function sleepUntilStarted(count: number, memory: WebAssembly.Memory): void {
  const words = new Int32Array(memory.buffer, CONTROL_ADDRESS);
  const deadline = performance.now() + 20_000;
  const started = () => words.subarray(READY + 1, READY + count).every((e) => e === words[EPOCH]);
  while (!started()) {
    if (performance.now() > deadline) throw new Error("The threads did not start.");
    Atomics.wait(words, NOBODY_WAKES, 0, 5);
  }
}

function bits(x: Operand): string {
  const array = copyOut(x.storage!);
  return createHash("sha256")
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest("hex");
}

/** Its kernel is made at run time, in every thread. */
const chain: Chain = {
  inputs: 2,
  constants: [0.5],
  steps: [
    { name: "mul", args: [0, 1] },
    { name: "add", args: [3, 2] },
    { name: "cos", args: [4] },
    { name: "tanh", args: [5] },
  ],
  outputs: [6],
};

/** Everything that threads may share, with sizes that leave remainders. */
function everything(): string[] {
  const found: string[] = [];
  const keep = (out: Operand, f: (out: Operand) => unknown) => {
    f(out);
    found.push(bits(out));
  };
  for (const dtype of ["float32", "float64"] as const) {
    const x = uniform([611, 1003], dtype);
    const y = uniform([611, 1003], dtype);
    const bias: Operand = { ...x, shape: [1003], strides: [1] };
    const turned: Operand = { ...x, shape: [1003, 611], strides: [1, 1003] };
    keep(fresh([611, 1003], dtype), (out) => kernels.binary("add", x, y, out));
    keep(fresh([611, 1003], dtype), (out) => kernels.binary("pow", x, y, out));
    keep(fresh([611, 1003], dtype), (out) => kernels.unary("tanh", x, out));
    keep(fresh([1003, 611], dtype), (out) => kernels.copy(turned, out));
    keep(fresh([611, 1003], dtype), (out) =>
      expect(fuse(kernels, chain, [x, y], [out])).toBe(true),
    );
    keep(fresh([611, 1003], dtype), (out) =>
      expect(fuse(kernels, chain, [x, bias], [out])).toBe(true),
    );
    keep(fresh([1, 1003], dtype), (out) => kernels.reduce("sum", x, out));
    keep(fresh([611, 1], dtype), (out) => kernels.reduce("max", x, out));
    keep(fresh([1, 1], dtype), (out) => kernels.reduce("sum", x, out));
    keep(fresh([611, 1003], dtype), (out) => kernels.softmax("logSoftmax", x, 1, out));
    keep(fresh([611, 1003], dtype), (out) => kernels.scan("cumsum", x, 0, out));
    keep({ ...fresh([611, 1003]), dtype: "int32" }, (out) => kernels.argsort(x, 1, false, out));
    keep({ ...fresh([611, 9]), dtype: "int32" }, (out) => kernels.argsort(x, 1, true, out, 500));
    keep(fresh([611, 1003], dtype), (out) => kernels.random("normal", out, [1, 2], 3, 0, 1));
    keep(fresh([611, 611], dtype), (out) => kernels.matmul(x, turned, out));
    keep(fresh([1003, 1003], dtype), (out) => kernels.matmul(turned, x, out));
    const row = uniform([1, 1003], dtype);
    keep(fresh([1, 611], dtype), (out) => kernels.matmul(row, turned, out));
    const weights = uniform([611, 1003], dtype);
    kernels.update("sgd", [[weights, x]], [0.1, 0.01]);
    found.push(bits(weights));
  }
  return found;
}

describe("threads", () => {
  it("change no bit of any result", () => {
    setThreads(1);
    const alone = everything();
    expect(new Set(alone).size).toBe(alone.length);
    for (const count of [2, 3, 4]) {
      startThreads(count);
      expect(threads()).toBe(count);
      expect(everything()).toEqual(alone);
    }
  });

  it("really take part", () => {
    const memory = new WebAssembly.Memory({ initial: 300, maximum: 65536, shared: true });
    const module = loadModule(memory);
    const crew = openCrew(memory, module);
    setThreads(3);
    expect(crew.size()).toBe(3);
    sleepUntilStarted(3, memory);
    // out[j] += x·b[j], where thread i finds `out` i·STEP further on.
    const [ONE, ROW, OUT, STEP] = [2 ** 21, 2 ** 22, 2 ** 23, 2 ** 16];
    const floats = new Float32Array(memory.buffer);
    floats.fill(1, ONE / 4, OUT / 4);
    const seen = () => [0, 1, 2].filter((i) => floats.subarray((OUT + i * STEP) / 4).at(0)! > 0);
    const sums = () => [0, 1, 2].map((i) => floats[(OUT + i * STEP) / 4]);
    let jobs = 0;
    const deadline = performance.now() + 20_000;
    for (; performance.now() < deadline && (jobs < 100 || seen().length < 3); jobs++) {
      crew.run(module.exports.gemv_f32!, 1, 1, STEP, [1, ONE, ROW, 1000, 1, OUT]);
    }
    expect(seen()).toEqual([0, 1, 2]);
    expect(sums().reduce((a, b) => a! + b!, 0)).toBe(jobs);
  });

  it("are woken for much work only, and share less of it while they are awake", () => {
    const memory = new WebAssembly.Memory({ initial: 300, maximum: 65536, shared: true });
    const crew = openCrew(memory, loadModule(memory));
    setThreads(2);
    crew.size();
    sleepUntilStarted(2, memory);
    const words = new Int32Array(memory.buffer, CONTROL_ADDRESS);
    const deadline = performance.now() + 20_000;
    while (words[PARKED] === 0 && performance.now() < deadline) {
      Atomics.wait(words, NOBODY_WAKES, 0, 5);
    }
    const helped = () => [0, 2 ** 16 - 1, 2 ** 16, 2 ** 18].map((work) => crew.helps(work));
    expect(helped()).toEqual([false, false, false, true]);
    words[PARKED] = 0;
    expect(helped()).toEqual([false, false, true, true]);
    words[PARKED] = 1;
    setThreads(1);
    expect(helped()).toEqual([false, false, false, false]);
  });

  it("give the first result that is not negative, in the order of the units", () => {
    startThreads(2);
    const table = uniform([10, 400_000]);
    const index: Operand = {
      ...fresh([1, 400_000]),
      dtype: "int32",
      storage: alloc("int32", 400_000),
    };
    kernels.fill(3, index);
    const out = fresh([1, 400_000]);
    expect(kernels.gather(table, 0, index, out)).toBe(-1);
    for (const at of [17, 250_000, 399_999]) {
      kernels.fill(99, { ...index, shape: [1, 1], strides: [1, 1], offset: at });
    }
    expect(kernels.gather(table, 0, index, out)).toBe(17);
  });

  it("are at least one and at most 64", () => {
    for (const count of [0, -1, 1.5, 65, Number.NaN]) {
      expect(() => setThreads(count)).toThrow(
        `setThreads: count is ${count}; it must be a whole number from 1 to 64.`,
      );
    }
  });

  it("come and go without leaving anything undone", () => {
    setThreads(1);
    const x = uniform([300, 1000]);
    const expected = fresh([300, 300]);
    const turned: Operand = { ...x, shape: [1000, 300], strides: [1, 1000] };
    kernels.matmul(x, turned, expected);
    const wanted = bits(expected);
    for (let turn = 0; turn < 40; turn++) {
      setThreads(1 + (turn % 4));
      const out = fresh([300, 300]);
      kernels.matmul(x, turned, out);
      expect(bits(out)).toBe(wanted);
    }
  });
});

/** A crew of three on a memory of its own, started while `Worker` is `replaced`; copies a million numbers. */
function crewOf3(replaced: typeof Worker, patienceMs?: number) {
  const [FROM, TO, N] = [2 ** 20, 8 * 2 ** 20, 1_000_000];
  const memory = new WebAssembly.Memory({ initial: 300, maximum: 65536, shared: true });
  const module = loadModule(memory);
  const crew = openCrew(memory, module, patienceMs);
  const floats = new Float32Array(memory.buffer);
  const source = floats.subarray(FROM / 4, FROM / 4 + N).map((_, i) => i);
  floats.set(source, FROM / 4);
  const nodeThreads = process.getBuiltinModule("node:worker_threads");
  const original = nodeThreads.Worker;
  nodeThreads.Worker = replaced;
  setThreads(3);
  try {
    crew.size();
  } finally {
    nodeThreads.Worker = original;
  }
  return {
    memory,
    crew,
    exports: module.exports,
    /** Whether a copy is right. */
    works(): boolean {
      const target = floats.subarray(TO / 4, TO / 4 + N).fill(0);
      crew.run(module.exports.gemmCopy_f32!, N, N, 0, [FROM, 1, TO, 1]);
      return target.every((value, i) => value === i);
    },
  };
}

describe("threads that fail", () => {
  it("killed while they had nothing to do: the others and the caller go on", async () => {
    const workers: Worker[] = [];
    class Watched extends Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        workers.push(this);
      }
    }
    const { memory, works } = crewOf3(Watched);
    sleepUntilStarted(3, memory);
    expect(works()).toBe(true);
    for (const worker of workers) {
      await worker.terminate();
      for (let i = 0; i < 20; i++) expect(works()).toBe(true);
    }
    expect(workers.length).toBe(2);
  });

  it("killed in the middle of a job: an error, then one thread", () => {
    class Dying extends Worker {
      constructor(source: string | URL, options?: WorkerOptions) {
        // Ends the thread with the chunk that it has just taken.
        super(String(source).replace("const chunk =", "process.exit(); $&"), options);
      }
    }
    const { memory, crew, works } = crewOf3(Dying, 200);
    sleepUntilStarted(3, memory);
    expect(() => {
      for (let i = 0; i < 10_000; i++) works();
    }).toThrow(
      "A thread has not finished its part of a kernel within 0.2 s; the result is incomplete. What follows runs on one thread.",
    );
    expect([crew.size(), threads()]).toEqual([1, 1]);
    expect(works()).toBe(true);
    setThreads(3); // asked for again, they come again
    crew.size();
    sleepUntilStarted(3, memory);
    for (let i = 0; i < 20; i++) expect(works()).toBe(true);
  });

  it("a kernel that fails in a thread, or in the caller, leaves nothing behind", () => {
    const { memory, crew, exports, works } = crewOf3(Worker);
    sleepUntilStarted(3, memory);
    const outside = [2 ** 32 - 64, 1, 2 ** 32 - 64, 1]; // a trap wherever it runs
    for (let i = 0; i < 20; i++) {
      expect(() => crew.run(exports.gemmCopy_f32!, 1_000_000, 1_000_000, 0, outside)).toThrow();
      expect(works()).toBe(true);
    }
  });

  it("that never answer are not waited for", () => {
    class Mute extends Worker {
      constructor() {
        super("", { eval: true });
      }
    }
    const { works } = crewOf3(Mute);
    for (let i = 0; i < 5; i++) expect(works()).toBe(true);
  });

  it("that can't be had leave the caller alone", () => {
    class Refused extends Worker {
      constructor() {
        super("", { eval: true, execArgv: ["--none"] });
      }
    }
    expect(() => new Refused()).toThrow();
    const { crew, works } = crewOf3(Refused);
    expect([crew.size(), threads()]).toEqual([1, 1]);
    expect(works()).toBe(true);
  });
});

describe("memory that can't be shared", () => {
  function onItsOwn(): void {
    const arena = new Arena();
    const module = loadModule(arena.memory);
    expect(isShared(arena.memory)).toBe(false);
    const crew = openCrew(arena.memory, module);
    setThreads(3);
    expect(crew.size()).toBe(1);
    const [from, to] = [arena.allocate(4_000_000).address, arena.allocate(4_000_000).address];
    arena.f32.fill(7, from / 4, from / 4 + 1_000_000);
    crew.run(module.exports.gemmCopy_f32!, 1_000_000, 1_000_000, 0, [from, 1, to, 1]);
    expect(arena.f32.subarray(to / 4, to / 4 + 1_000_000).every((value) => value === 7)).toBe(true);
  }

  it("for want of SharedArrayBuffer", () => {
    const original = globalThis.SharedArrayBuffer;
    Reflect.deleteProperty(globalThis, "SharedArrayBuffer");
    try {
      onItsOwn();
    } finally {
      globalThis.SharedArrayBuffer = original;
    }
  });

  it("since the engine refuses it, whatever the size", () => {
    const { Memory } = WebAssembly;
    WebAssembly.Memory = new Proxy(Memory, {
      construct: (target, [options]: [WebAssembly.MemoryDescriptor]) => {
        if (options.shared) throw new RangeError("could not allocate memory");
        return Reflect.construct(target, [options]);
      },
    });
    try {
      onItsOwn();
    } finally {
      WebAssembly.Memory = Memory;
    }
  });

  it("and where there is none at all the message says so", () => {
    const { Memory } = WebAssembly;
    WebAssembly.Memory = new Proxy(Memory, {
      construct: () => {
        throw new RangeError("could not allocate memory");
      },
    });
    try {
      expect(() => new Arena()).toThrow(
        "Out of memory: this engine grants no WebAssembly memory of 16.0 MiB.",
      );
    } finally {
      WebAssembly.Memory = Memory;
    }
  });
});

describe("a program with threads", () => {
  it("ends by itself, whether they work, look or sleep", () => {
    const source = `
      import { alloc, setThreads, wasmKernels } from "./packages/kernels/src/index.ts";
      setThreads(3);
      const operand = () =>
        ({ storage: alloc("float32", 250000), value: 0, dtype: "float32", shape: [500, 500], strides: [500, 1], offset: 0 });
      const [x, y] = [operand(), operand()];
      wasmKernels().fill(1, x);
      const end = Date.now() + 300;
      while (Date.now() < end) wasmKernels().matmul(x, x, y);
      console.log("done");
    `;
    const { outputFiles } = buildSync({
      stdin: { contents: source, resolveDir: process.cwd(), loader: "ts" },
      bundle: true,
      format: "esm",
      platform: "node",
      write: false,
    });
    const printed = execFileSync(process.execPath, ["--input-type=module"], {
      input: outputFiles[0]!.text,
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(printed).toBe("done\n");
  });
});
