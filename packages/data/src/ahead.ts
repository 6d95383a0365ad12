/** Work done ahead of its use: bounded, in order, and given up cleanly. */

/** Begins a piece of work. */
export type Task<T> = () => Promise<T>;

/** Lets an AbortSignal end whatever is being waited for. */
export interface Abortion {
  readonly aborted: boolean;
  /** The promise's outcome, or the signal's reason if that comes first. One wait at a time. */
  or<T>(promise: Promise<T>): Promise<T>;
  /** Takes the listener off the signal. */
  forget(): void;
}

/** One listener for the whole loop, and no promise that lives as long as the signal. */
export function abortionBy(signal: AbortSignal | undefined): Abortion {
  let interrupt = (_reason: unknown): void => {};
  const onAbort = () => interrupt(signal!.reason);
  signal?.addEventListener("abort", onAbort);
  return {
    get aborted() {
      return signal?.aborted ?? false;
    },
    or: (promise) =>
      new Promise((resolve, reject) => {
        interrupt = reject;
        if (signal?.aborted) reject(signal.reason);
        promise.then(resolve, reject);
      }),
    forget: () => signal?.removeEventListener("abort", onAbort),
  };
}

/**
 * The results of the tasks, in order, with `count` of them begun beyond the one in use.
 * The first error in that order ends it; later ones are dropped with their results.
 */
export async function* ahead<T>(
  tasks: AsyncIterable<Task<T>>,
  count: number,
  abortion: Abortion,
): AsyncIterable<T> {
  const begun: Promise<T>[] = [];
  const source = tasks[Symbol.asyncIterator]();
  let exhausted = false;
  try {
    for (;;) {
      while (!exhausted && begun.length <= count) {
        const next = await abortion.or(source.next());
        if (next.done) {
          exhausted = true;
        } else {
          const result = next.value();
          // It may fail before anybody waits for it; whoever does gets the error all the same.
          result.catch(() => {});
          begun.push(result);
        }
      }
      const first = begun.shift();
      if (first === undefined) return;
      yield await abortion.or(first);
    }
  } finally {
    const closing = Promise.resolve(source.return?.()).catch(() => {});
    // A stream that hangs can't be closed; an aborted loop doesn't wait for it.
    if (!abortion.aborted) await closing;
  }
}
