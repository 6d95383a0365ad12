/** The random numbers that a run draws. */
import { defaultGenerator, Generator, type GeneratorState, ValueError } from "@tapegrad/core";
import type { AnyModule } from "@tapegrad/nn";

/** Every generator once, by place: the shared one, those in fields of layers, and the user's own. */
export function generatorsOf(model: AnyModule, own: readonly Generator[]): Map<string, Generator> {
  const found = new Map<string, Generator>([["default", defaultGenerator()]]);
  const seen = new Set(found.values());
  const add = (name: string, generator: Generator) => {
    if (seen.has(generator)) return;
    seen.add(generator);
    found.set(name, generator);
  };
  for (const [path, module] of model.namedModules()) {
    for (const [field, value] of Object.entries(module)) {
      if (value instanceof Generator) add(path === "" ? field : `${path}.${field}`, value);
    }
  }
  own.forEach((generator, i) => {
    add(`generators.${i}`, generator);
  });
  return found;
}

export function statesOf(
  generators: ReadonlyMap<string, Generator>,
): Record<string, GeneratorState> {
  return Object.fromEntries([...generators].map(([name, { state }]) => [name, state]));
}

/** @throws ValueError unless there are states for just these generators */
export function checkStates(
  generators: ReadonlyMap<string, Generator>,
  states: Readonly<Record<string, GeneratorState>>,
): void {
  const [ours, theirs] = [[...generators.keys()], Object.keys(states)];
  if (ours.length === theirs.length && ours.every((name) => Object.hasOwn(states, name))) return;
  throw new ValueError(
    `Solver: the checkpoint has the generators ${theirs.join(", ")} and this run ${ours.join(", ")}; build the model the same way.`,
  );
}

export function setStates(
  generators: ReadonlyMap<string, Generator>,
  states: Readonly<Record<string, GeneratorState>>,
): void {
  for (const [name, generator] of generators) generator.state = states[name];
}
