/** JSON that brings every number back, to the bit: NaN, the infinities and −0 go as { "$number": "NaN" }. */
import type { Json } from "@tapegrad/nn";

const key = "$number";
const special = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["-0", -0],
]);

export function writeJson(value: unknown): string {
  return JSON.stringify(value, (_, part) => {
    if (typeof part !== "number" || (Number.isFinite(part) && !Object.is(part, -0))) return part;
    return { [key]: Object.is(part, -0) ? "-0" : String(part) };
  });
}

/** @throws SyntaxError for anything but JSON */
export function readJson(text: string): Json {
  return JSON.parse(text, (_, part) => {
    const name = typeof part === "object" && part !== null ? part[key] : undefined;
    return special.get(name) ?? part;
  });
}
