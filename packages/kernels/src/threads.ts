/**
 * Threads that share the arena's memory and run parts of a kernel's units. Which thread runs which part
 * is left to chance; since a unit's result does not depend on the split, results are not.
 *
 * The control block, in words of 32 bits; those that several threads write lie 64 bytes apart:
 *
 *   STATE    (number of the job << 10) | next chunk to take; CLOSED chunks while a job is being written
 *   DONE     chunks of this job that are finished
 *   PARKED   threads that wait for STATE to change, instead of looking at it
 *   EPOCH    grows when threads are dismissed: those of an earlier one end
 *   FAILED   1 after a kernel threw in a thread
 *   KERNEL … the job: which export, its units, units in a chunk, chunks, how many arguments follow the
 *            range, and what thread i adds to the last of them, i·STEP (scratch of its own)
 *   CODE     bytes of the code behind the control block, for a kernel that was made at run time: a thread compiles
 *            it when it meets it first
 *   READY+i  the epoch in which thread i has started
 *
 * A thread that dies between chunks is not missed: the one that calls takes chunks too, until none is left. One
 * that dies within a chunk may have written a part of it, in place perhaps: that is an error, after a while.
 */

import { theArena } from "./memory.ts";
import { isShared, type Kernel, type KernelModule } from "./module.ts";
import { CONTROL_ADDRESS } from "./scratch.ts";
import { availableThreads, startThread, type Thread } from "./start-thread.ts";

const CONTROL_BYTES = 8192;
/** What is left of the page behind the control block. */
const CODE_BYTES = 24576;

const STATE = 0;
const DONE = 16;
const PARKED = 32;
const EPOCH = 48;
const FAILED = 49;
const KERNEL = 64;
const UNITS = 65;
const GRAIN = 66;
const CHUNKS = 67;
const COUNT = 68;
const STEP = 69;
const CODE = 70;
const ARGUMENTS = 80 / 2; // in units of 8 bytes
const RESULTS = 1024;
const READY = 512;

const CHUNK_BITS = 10;
const CLOSED = 2 ** CHUNK_BITS - 1;
/** Chunks per thread: enough that one which comes late leaves little undone, */
const CHUNKS_PER_THREAD = 8;
/** but none with less work, about 3 µs. */
const CHUNK_WORK = 2 ** 14;
/** Ranges of many units are cut at multiples of this: whole vectors, whole cache lines. */
const UNIT_ALIGNMENT = 64;
/** If threads finish no chunk for so long, one is taken for dead. */
const PATIENCE_MS = 30_000;
/** Of one look at DONE no more than this counts: the whole program may have been stopped in between. */
const LONGEST_LOOK_MS = 100;
/** Looks at DONE before the caller lets others have its core. */
const SPINS = 20_000;
/** CHUNKS_PER_THREAD times this stays below CLOSED. */
const MOST_THREADS = 64;
/**
 * On a machine whose cores others want, too, a thread may lose its core in the middle of a chunk, and the caller
 * waits for longer than the threads have saved it. Savings and waits are added up; when more than the debt was lost,
 * the caller goes on alone for a while, each time for twice as long. Savings above the credit don't count.
 */
const CREDIT_MS = 2;
const DEBT_MS = 1;
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 1000;
/** Work from where on threads are woken: elements, moved or added once, that take about 50 µs, as waking may. */
const SLEEPING_WORK = 2 ** 18;
/** And from where on they take part while they are awake. */
const AWAKE_WORK = 2 ** 16;
/** More than this gain little for nets of a size that fits into 4 GiB. */
const DEFAULT_MOST = 8;

/** What runs a kernel over its units: one thread, or several. */
export interface Crew {
  /**
   * kernel(begin, end, ...args) over all units, cut anywhere. Thread i gets its last argument raised by
   * i·step. `work`, in elements that are moved or added once, says how finely to cut.
   *
   * @returns the first result that is not negative, in the order of the units, or −1
   */
  run(kernel: Kernel, units: number, work: number, step: number, args: readonly number[]): number;
  /** Lets `run` know a kernel that is no export of the module, by its code. */
  adopt(kernel: Kernel, code: Uint8Array): void;
  /** Whether threads gain anything for so much work. */
  helps(work: number): boolean;
  /** How many threads `run` may use, the caller included; i is below this. */
  size(): number;
}

/** Where only one thread can work on the memory. */
const alone: Crew = {
  run: (kernel, units, _, __, args) => kernel(0, units, ...args),
  adopt: () => {},
  helps: () => false,
  size: () => 1,
};

/** How many threads the user wants; null until it is asked. */
let wanted: number | null = null;

/** As many as the machine runs at once, until the user says; asking the system takes longer than a small kernel. */
function wantedThreads(): number {
  wanted ??= Math.min(availableThreads(), DEFAULT_MOST);
  return wanted;
}

/** Threads that kernels may use, the caller's included. */
export function threads(): number {
  const arena = theArena();
  if (arena === null || !isShared(arena.memory)) return 1;
  return wantedThreads();
}

/**
 * Sets how many threads kernels may use, the caller's included: 1 for none besides it. By default as many
 * as the machine runs at once, up to 8. Results are the same bits for any number. Where memory can't be
 * shared (a page that is not cross-origin isolated) it stays at one.
 *
 * @throws RangeError unless count is a whole number from 1 to 64
 */
export function setThreads(count: number): void {
  if (!(Number.isInteger(count) && count >= 1 && count <= MOST_THREADS)) {
    throw new RangeError(
      `setThreads: count is ${count}; it must be a whole number from 1 to ${MOST_THREADS}.`,
    );
  }
  wanted = count;
}

/** The threads that share `memory`, for which the module was compiled. They start when first needed. */
export function openCrew(
  memory: WebAssembly.Memory,
  module: KernelModule,
  patienceMs = PATIENCE_MS,
): Crew {
  return isShared(memory) ? new ThreadPool(memory, module, CONTROL_ADDRESS, patienceMs) : alone;
}

class ThreadPool implements Crew {
  private readonly memory: WebAssembly.Memory;
  private readonly modules: readonly WebAssembly.Module[];
  private readonly control: number;
  private readonly patienceMs: number;
  private readonly words: Int32Array;
  private readonly numbers: Float64Array;
  private readonly code: Uint8Array;
  private readonly numberOf: WeakMap<Kernel, number>;
  private readonly codeOf = new WeakMap<Kernel, Uint8Array>();
  /** Of the next kernel that is adopted: above those of the exports. */
  private nextNumber: number;
  /** Those that were asked for: all but the caller. */
  private readonly started: Thread[] = [];
  private allReady = true;
  private epoch = 0;
  private job = 0;
  private savedMs = 0;
  private pauseMs = SHORTEST_PAUSE_MS;
  private pausedUntil = 0;

  /**
   * @param control  address of {@link CONTROL_BYTES} bytes of zeros in the shared memory, and then {@link CODE_BYTES} more
   */
  constructor(
    memory: WebAssembly.Memory,
    { modules, exports }: KernelModule,
    control: number,
    patienceMs: number,
  ) {
    this.memory = memory;
    this.modules = modules;
    this.control = control;
    this.patienceMs = patienceMs;
    this.words = new Int32Array(memory.buffer, control, CONTROL_BYTES / 4);
    this.numbers = new Float64Array(memory.buffer, control, CONTROL_BYTES / 8);
    this.code = new Uint8Array(memory.buffer, control + CONTROL_BYTES, CODE_BYTES);
    this.numberOf = new WeakMap(Object.values(exports).map((kernel, i) => [kernel!, i]));
    this.nextNumber = Object.keys(exports).length;
  }

  adopt(kernel: Kernel, code: Uint8Array): void {
    if (code.length > CODE_BYTES) return;
    this.numberOf.set(kernel, this.nextNumber++);
    this.codeOf.set(kernel, code);
  }

  helps(work: number): boolean {
    if (work < AWAKE_WORK || this.size() === 1) return false;
    return work >= SLEEPING_WORK || Atomics.load(this.words, PARKED) === 0;
  }

  size(): number {
    const count = wantedThreads();
    if (count - 1 !== this.started.length) this.resize(count);
    return this.started.length + 1;
  }

  /** Makes it `count` threads, the caller included. They start by themselves; nobody waits for them. */
  private resize(count: number): void {
    if (this.started.length > 0) this.dismiss();
    const { memory, modules, control, epoch } = this;
    for (let index = 1; index < count; index++) {
      const thread = startThread({ memory, modules, control, index, epoch });
      if (thread === null) {
        wanted = index; // not to be tried at every call
        break;
      }
      this.started.push(thread);
    }
    this.allReady = false;
  }

  /** Threads that can help now, the caller included: those that were asked for may still be starting. */
  private ready(): number {
    const size = this.size();
    if (this.allReady) return size;
    let count = 1;
    for (let index = 1; index < size; index++) {
      if (Atomics.load(this.words, READY + index) === this.epoch) count++;
    }
    this.allReady = count === size;
    return count;
  }

  /** Ends all threads but the caller's, between jobs. */
  private dismiss(): void {
    const { words } = this;
    this.started.length = 0;
    Atomics.store(words, EPOCH, ++this.epoch);
    Atomics.store(words, STATE, this.nextJob() + CLOSED);
    Atomics.notify(words, STATE);
  }

  private nextJob(): number {
    this.job = (this.job + 1) % 2 ** (31 - CHUNK_BITS);
    return this.job * 2 ** CHUNK_BITS;
  }

  run(kernel: Kernel, units: number, work: number, step: number, args: readonly number[]): number {
    const ready = this.ready();
    const started = performance.now();
    const number = this.numberOf.get(kernel);
    if (ready === 1 || started < this.pausedUntil || number === undefined)
      return kernel(0, units, ...args);
    const { words, numbers } = this;
    const wanted = ready * Math.min(CHUNKS_PER_THREAD, Math.ceil(work / CHUNK_WORK / ready));
    const align = units >= wanted * UNIT_ALIGNMENT ? UNIT_ALIGNMENT : 1;
    const grain = Math.ceil(units / wanted / align) * align;
    const chunks = Math.ceil(units / grain);

    const opened = this.nextJob();
    Atomics.store(words, STATE, opened + CLOSED);
    words[KERNEL] = number;
    const code = this.codeOf.get(kernel);
    words[CODE] = code?.length ?? 0;
    if (code !== undefined) this.code.set(code);
    words[UNITS] = units;
    words[GRAIN] = grain;
    words[CHUNKS] = chunks;
    words[COUNT] = args.length;
    words[STEP] = step;
    for (let i = 0; i < args.length; i++) numbers[ARGUMENTS + i] = args[i];
    Atomics.store(words, DONE, 0);
    Atomics.store(words, STATE, opened);
    if (Atomics.load(words, PARKED) > 0) Atomics.notify(words, STATE);

    let failure: unknown;
    let own = 0;
    for (; ; own++) {
      const chunk = Atomics.add(words, STATE, 1) - opened;
      if (chunk >= chunks) break;
      try {
        const end = Math.min(units, (chunk + 1) * grain);
        words[RESULTS + chunk] = kernel(chunk * grain, end, ...args);
      } catch (error) {
        failure = error; // thrown when the others have finished: they know this job alone
      }
      Atomics.add(words, DONE, 1);
    }
    const worked = performance.now();
    this.finish(chunks);
    if (failure !== undefined) throw failure;
    const finished = performance.now();
    // What the others did would have taken the caller as long as its own chunks did.
    const saved = own === 0 ? 0 : (worked - started) * (chunks / own - 1);
    this.consider(saved - (finished - worked), finished);
    for (let chunk = 0; chunk < chunks; chunk++) {
      if (words[RESULTS + chunk] >= 0) return words[RESULTS + chunk];
    }
    return -1;
  }

  /** Whether the threads are any help: what they saved in a job, less the wait for them. */
  private consider(savedMs: number, now: number): void {
    this.savedMs = Math.min(this.savedMs + savedMs, CREDIT_MS);
    if (this.savedMs === CREDIT_MS) this.pauseMs = SHORTEST_PAUSE_MS;
    if (this.savedMs >= -DEBT_MS) return;
    this.savedMs = 0;
    this.pausedUntil = now + this.pauseMs;
    this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
  }

  /** Waits for the chunks that others have taken. */
  private finish(chunks: number): void {
    const { words } = this;
    let done = Atomics.load(words, DONE);
    let waitedMs = 0;
    let last = 0;
    for (let spins = 0; done < chunks; spins++) {
      if (spins >= SPINS) {
        rest(words);
        const now = performance.now();
        if (spins > SPINS) waitedMs += Math.min(now - last, LONGEST_LOOK_MS);
        last = now;
        if (waitedMs > this.patienceMs) this.giveUp();
      }
      const seen = Atomics.load(words, DONE);
      if (seen !== done) waitedMs = 0;
      done = seen;
    }
    if (Atomics.load(words, FAILED) !== 0) {
      Atomics.store(words, FAILED, 0);
      throw new Error("A kernel failed in a thread; setThreads(1) shows where.");
    }
  }

  /** Ends the threads, one of which died within a chunk: one that is only slow must write no more. */
  private giveUp(): never {
    for (const thread of this.started) thread.terminate();
    this.dismiss();
    wanted = 1;
    throw new Error(
      `A thread has not finished its part of a kernel within ${this.patienceMs / 1000} s; the result is incomplete. ` +
        "What follows runs on one thread.",
    );
  }
}

/** Lets another thread have this core, where the caller may wait: a page's main thread may not. */
function rest(words: Int32Array): void {
  try {
    Atomics.wait(words, STATE, words[STATE], 0.05);
  } catch {
    // A page's main thread goes on looking.
  }
}
