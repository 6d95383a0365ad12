/** Calling a module with other parameters than its own. */
import { checkTensor, describe } from "../apply.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { formatShape, sameShape } from "../shape.ts";
import { scoped } from "../tape.ts";
import { Tensor } from "../tensor.ts";

/** What {@link functionalCall} needs of a module: those of the package `nn` have it. */
export interface ModuleLike<Args extends readonly unknown[], R> {
  (...inputs: Args): R;
  namedParameters(): Iterable<readonly [name: string, parameter: Tensor]>;
  namedBuffers?(): Iterable<readonly [name: string, buffer: Tensor]>;
}

type Fields = Record<string, unknown>;

/**
 * What the module gives for the inputs if its parameters (and buffers) of these names were these tensors. The
 * others are its own. A parameter that the module has at several places changes at all of them. The module is as
 * it was afterwards, also after an error; buffers that it changes in place (running statistics) stay changed,
 * so give clones of them where that matters.
 *
 * ```ts
 * const loss = (p: Record<string, Tensor>, x: Tensor, y: Tensor) => mseLoss(functionalCall(model, p, x), y);
 * const dp = grad(loss)(Object.fromEntries(model.namedParameters()), x, y);
 * ```
 *
 * @throws ValueError for a name that the module doesn't have, listing those it has; ShapeError for another shape
 */
export function functionalCall<Args extends readonly unknown[], R>(
  module: ModuleLike<Args, R>,
  parameters: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>,
  ...inputs: Args
): R {
  if (typeof module !== "function" || typeof module.namedParameters !== "function") {
    throw new ValueError(
      `functionalCall: the module is ${describe(module)}; it must be callable and have namedParameters().`,
    );
  }
  const own = new Map([...module.namedParameters(), ...(module.namedBuffers?.() ?? [])]);
  const given = parameters instanceof Map ? parameters : Object.entries(parameters);
  const swaps = new Map<Tensor, Tensor>();
  for (const [name, x] of given as Iterable<readonly [string, Tensor]>) {
    const old = own.get(name);
    if (old === undefined) {
      throw new ValueError(
        `functionalCall: the module has no parameter "${name}"; it has ${[...own.keys()].join(", ") || "none"}.`,
      );
    }
    checkTensor("functionalCall", name, x);
    if (!sameShape(x.shape, old.shape)) {
      throw new ShapeError(
        `functionalCall: ${name} has shape ${formatShape(x.shape)}; the module's has ${formatShape(old.shape)}, and it must be equal.`,
      );
    }
    swaps.set(old, x);
  }
  const places: { fields: Fields; name: string; old: Tensor }[] = [];
  findPlaces(module as unknown as Fields, swaps, places, new Set());
  for (const [name, old] of own) {
    if (!swaps.has(old) || places.some((place) => place.old === old)) continue;
    throw new ValueError(
      `functionalCall: "${name}" is in no public field of the module, nor of modules and arrays in its fields, so it can't be exchanged.`,
    );
  }
  for (const { fields, name, old } of places) fields[name] = swaps.get(old);
  return scoped(
    "functionalCall",
    () => module(...inputs),
    () => {
      for (const { fields, name, old } of places) fields[name] = old;
    },
  );
}

/** Every field of the module, and of modules and arrays in its fields, that holds one of the tensors. */
function findPlaces(
  fields: Fields,
  swaps: ReadonlyMap<Tensor, Tensor>,
  places: { fields: Fields; name: string; old: Tensor }[],
  seen: Set<unknown>,
): void {
  if (seen.has(fields)) return;
  seen.add(fields);
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Tensor) {
      if (swaps.has(value)) places.push({ fields, name, old: value });
    } else if (Array.isArray(value) || isModule(value)) {
      findPlaces(value as unknown as Fields, swaps, places, seen);
    }
  }
}

function isModule(value: unknown): boolean {
  return (
    (typeof value === "function" || (typeof value === "object" && value !== null)) &&
    typeof (value as { namedParameters?: unknown }).namedParameters === "function"
  );
}
