/** Comparing a state that is to be loaded with the model's own, readably. */
import { formatShape, isFloat, show, Tensor } from "@tapegrad/core";
import { nearest } from "./nearest.ts";

export interface StateDifference {
  /** Names of the model that the state lacks. */
  missing: string[];
  /** Names of the state that the model lacks. */
  unexpected: string[];
  /** Names of both whose values can't be loaded, and why. */
  mismatched: string[];
}

export function compareStates(
  own: ReadonlyMap<string, Tensor>,
  given: ReadonlyMap<string, unknown>,
): StateDifference {
  return {
    missing: [...own.keys()].filter((name) => !given.has(name)),
    unexpected: [...given.keys()].filter((name) => !own.has(name)),
    mismatched: [...own].flatMap(([name, x]) => {
      const problem = given.has(name) ? mismatch(given.get(name), x) : null;
      return problem === null ? [] : [`${name} is ${problem}`];
    }),
  };
}

/** What keeps a value from being loaded into x; null if nothing does. */
function mismatch(value: unknown, x: Tensor): string | null {
  if (!(value instanceof Tensor)) return `${show(value)} in the state and must be a Tensor`;
  const [theirs, ours] = [formatShape(value.shape), formatShape(x.shape)];
  if (theirs !== ours) return `${theirs} in the state and ${ours} in the model`;
  return isFloat(value.dtype) && !isFloat(x.dtype)
    ? `${value.dtype} in the state and ${x.dtype} in the model`
    : null;
}

/** So many lines of a kind are written out. */
const shown = 20;

/** The difference as lines, one per name; [] if there is none that matters. */
export function differenceLines(
  { missing, unexpected, mismatched }: StateDifference,
  own: ReadonlyMap<string, Tensor>,
  given: ReadonlyMap<string, unknown>,
  { strict = true } = {},
): string[] {
  const block = (title: string, lines: readonly string[]) => [
    ...lines.slice(0, shown).map((line) => `${title}: ${line}`),
    ...(lines.length > shown ? [`${title}: and ${lines.length - shown} more`] : []),
  ];
  const named = (name: string, value: unknown) =>
    value instanceof Tensor ? `${name} ${formatShape(value.shape)}` : name;
  const lines: string[] = [];
  if (strict) {
    lines.push(
      ...block(
        "missing",
        missing.map((name) => named(name, own.get(name))),
      ),
    );
    const prefix = commonPrefix(missing, unexpected);
    const meant = (name: string) => {
      if (prefix !== null) return "";
      const near = nearest(name, missing);
      return near.length === 0 ? "" : `; did you mean ${near.join(", ")}?`;
    };
    lines.push(
      ...block(
        "unexpected",
        unexpected.map((name) => named(name, given.get(name)) + meant(name)),
      ),
    );
    if (prefix !== null) lines.push(prefix);
  }
  return [...lines, ...block("mismatched", mismatched)];
}

/** A remark if the unexpected names are missing ones under another prefix, as wrappers leave it. */
function commonPrefix(missing: readonly string[], unexpected: readonly string[]): string | null {
  const explains = (longer: readonly string[], shorter: readonly string[]): string | null => {
    const wanted = new Set(shorter);
    const first = longer[0];
    const short =
      first === undefined ? undefined : shorter.find((name) => first.endsWith(`.${name}`));
    if (short === undefined) return null;
    const prefix = first!.slice(0, -short.length);
    const fits = longer.every(
      (name) => name.startsWith(prefix) && wanted.has(name.slice(prefix.length)),
    );
    return fits ? prefix : null;
  };
  const extra = explains(unexpected, missing);
  if (extra !== null) return `the unexpected names fit without their prefix "${extra}"`;
  const lacking = explains(missing, unexpected);
  return lacking === null ? null : `the unexpected names fit with the prefix "${lacking}"`;
}
