/**
 * Memory that only the library can reach. A JavaScript program can't say what it still holds, so what users
 * were given is left to the collector. What nobody was given goes back at once:
 *
 * - A storage counts its holders: nodes that saved it, and gradients that wait in a backward pass.
 * - A {@link scope} around code of the library's own knows what that code made and did not return. Such a
 *   storage is internal: it goes back when its last holder lets go, which is now if it has none.
 * - What is shown to code of the user's on the way (a module, a hook) gets a holder that never lets go.
 */
import { release, type Storage } from "@tapegrad/kernels";
import { openLevels } from "./batched.ts";
import { observer } from "./observe.ts";
import { recordedStorages, recordStorages, Tensor } from "./tensor.ts";

/** @internal One holder more. */
export function hold(storage: Storage): void {
  storage.holders++;
}

/** @internal One holder fewer: the last one gives internal memory back. */
export function drop(storage: Storage): void {
  if (--storage.holders === 0 && storage.isInternal) release(storage);
}

/** @internal From here on, only holders can reach the storage. */
export function disown(storage: Storage): void {
  storage.isInternal = true;
  if (storage.holders === 0) release(storage);
}

/**
 * @internal Runs f, code of the library's own that keeps nothing of what it makes beside what it returns
 * (tensors, also in arrays and plain objects) and what it gives to {@link retain}.
 */
export function scope<T>(f: () => T): T {
  // Inside vmap memory is behind the tensors, and an observer may keep what it sees.
  if (openLevels !== 0 || observer !== null) return f();
  const made: Storage[] = [];
  const outer = recordStorages(made);
  let result: T;
  try {
    result = f();
  } finally {
    recordStorages(outer);
  }
  const returned: Storage[] = [];
  if (!collectStorages(result, returned)) return result;
  for (const storage of made) {
    if (!returned.includes(storage)) disown(storage);
    else if (outer !== null) outer.push(storage);
  }
  return result;
}

/** @internal Says that x, which the running scope has made or got, is not used any more now that there is y. */
export function spend(x: Tensor, y: Tensor): void {
  const { storage } = x;
  if (storage === null || storage === y.storage) return;
  if (recordedStorages()?.includes(storage)) disown(storage);
}

/** @internal Takes tensors (in arrays and plain objects) out of the scopes that run: somebody keeps them. */
export function retain<T>(value: T): T {
  const storages: Storage[] = [];
  collectStorages(value, storages);
  storages.forEach(hold);
  return value;
}

/** @internal Runs code that may keep what it is given, and what it makes: the user's, or a layer's set-up. */
export function unscoped<T>(given: unknown, f: () => T): T {
  if (recordedStorages() === null) return f();
  retain(given);
  const outer = recordStorages(null);
  try {
    return f();
  } finally {
    recordStorages(outer);
  }
}

/** Adds the storages of the tensors in a value; false if there may be others, in an object of unknown kind. */
function collectStorages(value: unknown, found: Storage[]): boolean {
  if (value instanceof Tensor) {
    if (value.storage !== null) found.push(value.storage);
    return true;
  }
  if (typeof value === "function") return false;
  if (typeof value !== "object" || value === null) return true;
  const isKnown = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  return isKnown && Object.values(value).every((part) => collectStorages(part, found));
}
