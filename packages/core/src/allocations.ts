/** Finding what holds memory: which line of the program made the tensors that are still alive. */
import { bytesPerElement, type Storage } from "@tapegrad/kernels";
import { sourceLine } from "./anomaly.ts";
import { ValueError } from "./errors.ts";
import { currentModulePath } from "./node.ts";
import { allocationListener, listenToAllocations } from "./tensor.ts";

/** Tensors alive that were made at one place. */
export interface AllocationGroup {
  /** The op that made them; "" where none did, as with `tensor()` or `zeros()`. */
  readonly op: string;
  /** Path of the module in whose forward pass they were made, "" outside. */
  readonly module: string;
  /** The line of the program, not of Tapegrad, that made them: "file:line:column". */
  readonly source: string;
  /** How many there are; views of one storage count as one. */
  readonly count: number;
  readonly bytes: number;
}

/** What is alive of what was made while an {@link AllocationTracker} looked. Prints as a table. */
export class AllocationReport {
  readonly count: number;
  readonly bytes: number;
  /** The largest first. */
  readonly groups: readonly AllocationGroup[];

  /** @internal */
  constructor(groups: readonly AllocationGroup[]) {
    this.groups = [...groups].sort((a, b) => b.bytes - a.bytes || b.count - a.count);
    this.count = groups.reduce((sum, { count }) => sum + count, 0);
    this.bytes = groups.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  toString(): string {
    const lines = this.groups.map(({ op, module, source, count, bytes }) => {
      const by = [...(op === "" ? [] : [`by ${op}`]), ...(module === "" ? [] : [`in "${module}"`])];
      return [`  ${amount(count, bytes)}, made`, ...by, `at ${source}`].join(" ");
    });
    return [`${amount(this.count, this.bytes)} alive`, ...lines].join("\n");
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function amount(count: number, bytes: number): string {
  return `${count} ${count === 1 ? "tensor" : "tensors"}, ${bytes} bytes`;
}

type Origin = Omit<AllocationGroup, "count">;

/** Remembers who made which memory; see {@link trackAllocations}. */
export class AllocationTracker {
  readonly #alive = new Set<Origin>();
  // It holds no storage, so that what is tracked dies as it would otherwise.
  readonly #registry = new FinalizationRegistry<Origin>((origin) => this.#alive.delete(origin));

  /** @internal */
  constructor() {
    listenToAllocations(this.#note);
  }

  readonly #note = (storage: Storage, op: string): void => {
    const bytes = storage.length * bytesPerElement[storage.dtype];
    const origin = { op, module: currentModulePath(), source: sourceLine(), bytes };
    this.#alive.add(origin);
    this.#registry.register(storage, origin);
    storage.onRelease = () => this.#alive.delete(origin);
  };

  /** Notes nothing new from here on; reports go on to tell what is alive. */
  stop(): void {
    if (allocationListener === this.#note) listenToAllocations(null);
  }

  /**
   * What is alive now. That a tensor was collected is known when the collector has run and the event loop has
   * turned: await something first, and start Node with --expose-gc to call gc() before that.
   */
  report(): AllocationReport {
    const groups = new Map<string, AllocationGroup>();
    for (const { op, module, source, bytes } of this.#alive) {
      const key = JSON.stringify([op, module, source]);
      const before = groups.get(key) ?? { count: 0, bytes: 0 };
      groups.set(key, {
        op,
        module,
        source,
        count: before.count + 1,
        bytes: before.bytes + bytes,
      });
    }
    return new AllocationReport([...groups.values()]);
  }
}

/**
 * From here on, until `stop()`, notes for every tensor the op, the module and the line of the program that
 * made it. The report tells what of it is alive: a leak is a line whose count grows from step to step. Costs
 * some 50 µs a tensor while it is on and nothing otherwise. Lone numbers have no memory, and are not counted.
 *
 * ```ts
 * const tracker = trackAllocations();
 * const losses = [];
 * for (let step = 0; step < 10; step++) losses.push(rand([100]).exp());
 * tracker.stop();
 * await new Promise((resolve) => setTimeout(resolve)); // what was collected is known now
 * console.log(String(tracker.report())); // "… 10 tensors, 4000 bytes, made by exp at …"
 * ```
 *
 * @throws ValueError if a tracker is on already
 */
export function trackAllocations(): AllocationTracker {
  if (allocationListener !== null) {
    throw new ValueError(
      "trackAllocations: allocations are tracked already; call stop() of the other tracker first.",
    );
  }
  return new AllocationTracker();
}
