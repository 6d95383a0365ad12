/** A value that doesn't fit, for messages: short, and telling a "784" from a 784. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) {
    return value.length <= 4 ? `[${value.map(show).join(", ")}]` : "an array";
  }
  // Modules are functions with methods.
  const isThing =
    (typeof value === "object" && value !== null) ||
    (typeof value === "function" && "forward" in value);
  if (!isThing) return typeof value === "function" ? "a function" : String(value);
  const name = value.constructor?.name ?? "Object";
  if (name === "Object") return "an object";
  return `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`;
}
