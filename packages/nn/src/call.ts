/** Calls of modules: where they are in the model, for the tape's nodes and for messages. */
import { currentModulePath, scope, setModulePath, TapegradError, unscoped } from "@tapegrad/core";
import { typeOf } from "./layer.ts";
import type { AnyModule } from "./module.ts";

/** "encoder" and "weight" as "encoder.weight"; "" is the model itself. */
export function joinPath(prefix: string, name: string): string {
  return prefix === "" || name === "" ? prefix + name : `${prefix}.${name}`;
}

let running: AnyModule | null = null;

/**
 * Runs f as the forward pass of a module: nodes carry the module's path, and errors tell it.
 *
 * @param args    what f uses
 * @param isOurs  whether no code of the user's runs in it and keeps what it sees, but in modules inside
 */
export function inModule<T>(
  module: AnyModule,
  args: readonly unknown[],
  isOurs: boolean,
  f: () => T,
): T {
  const caller = running;
  const outerPath = currentModulePath();
  const path = caller === null ? outerPath : joinPath(outerPath, nameWithin(caller, module));
  running = module;
  setModulePath(path);
  try {
    return isOurs ? scope(f) : unscoped(args, f);
  } catch (error) {
    if (error instanceof TapegradError) locate(error, module, path);
    throw error;
  } finally {
    running = caller;
    setModulePath(outerPath);
  }
}

/** The names of all modules below a module; made at its first call, and again when one is not in it. */
const namesBelow = new WeakMap<AnyModule, Map<AnyModule, string>>();

/** The name of `module` inside the one that calls it; "" for a module that is no part of it. */
function nameWithin(caller: AnyModule, module: AnyModule): string {
  let names = namesBelow.get(caller);
  if (names === undefined || !names.has(module)) {
    names = new Map(caller.namedModules().map(([name, below]) => [below, name]));
    namesBelow.set(caller, names);
  }
  return names.get(module) ?? "";
}

const located = new WeakSet<TapegradError>();

/** Adds the innermost module's place to the message, once. */
function locate(error: TapegradError, module: AnyModule, path: string): void {
  if (path === "" || located.has(error)) return;
  located.add(error);
  const { message } = error;
  error.message = `${message} (in module "${path}", ${typeOf(module)})`;
  // Engines write the message into the stack when the error is made.
  if (error.stack !== undefined) error.stack = error.stack.replace(message, () => error.message);
}
