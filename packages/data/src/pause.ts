/** Letting the event loop turn: pages repaint, Ctrl-C arrives, the collector's finalizers run. */

/** Resolves in a later turn of the event loop (a promise alone stays in the same turn). */
export function nextTurn(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  // Pages delay nested timers by 4 ms; messages arrive at once.
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Says when a long synchronous loop should let the event loop turn: about every 50 ms. */
export class Pacer {
  private readonly everyMs: number;
  private last = performance.now();

  constructor(everyMs = 50) {
    this.everyMs = everyMs;
  }

  /** A promise to await if it is time for a turn, else null: most steps cost one look at the clock. */
  pause(): Promise<void> | null {
    if (performance.now() - this.last < this.everyMs) return null;
    return nextTurn().then(() => {
      this.last = performance.now();
    });
  }
}
