/** Values as text, much as Node's console shows them. */
const custom = Symbol.for("nodejs.util.inspect.custom");
const lineWidth = 72;
const most = 100;
const maxDepth = 3;

export function inspect(value: unknown, depth = 0, above: readonly object[] = []): string {
  if (typeof value === "string") return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  if (!isObject) return String(value);
  const object = value as object;
  if (above.includes(object)) return "[Circular]";
  const own = (object as Record<symbol, unknown>)[custom];
  if (typeof own === "function") return String(own.call(object, maxDepth - depth, {}));
  if (object instanceof Error)
    return depth === 0 ? `${object.name}: ${object.message}` : `[${object}]`;
  if (object instanceof Date || object instanceof RegExp) return String(object);
  if (typeof object === "function") return `[Function: ${object.name || "(anonymous)"}]`;

  const name = object.constructor?.name ?? "Object";
  if (depth >= maxDepth) return Array.isArray(object) ? "[Array]" : `[${name}]`;
  const inner = (item: unknown) => inspect(item, depth + 1, [...above, object]);
  if (Array.isArray(object)) return list("", "[", object, inner, "]");
  if (ArrayBuffer.isView(object) && !(object instanceof DataView)) {
    const numbers = [...(object as unknown as Iterable<number>)];
    return list(`${name}(${numbers.length}) `, "[", numbers, inner, "]");
  }
  if (object instanceof Map)
    return list(
      `Map(${object.size}) `,
      "{",
      [...object],
      ([k, v]) => `${inner(k)} => ${inner(v)}`,
      "}",
    );
  if (object instanceof Set) return list(`Set(${object.size}) `, "{", [...object], inner, "}");
  const key = (text: string) => (/^[\w$]+$/.test(text) ? text : JSON.stringify(text));
  const fields = Object.entries(object);
  return list(
    name === "Object" ? "" : `${name} `,
    "{",
    fields,
    ([k, v]) => `${key(k)}: ${inner(v)}`,
    "}",
  );
}

function list<T>(
  label: string,
  open: string,
  items: readonly T[],
  text: (item: T) => string,
  close: string,
): string {
  const parts = items.slice(0, most).map(text);
  if (items.length > most) parts.push(`... ${items.length - most} more`);
  if (parts.length === 0) return `${label}${open}${close}`;
  const line = parts.join(", ");
  if (line.length <= lineWidth && !line.includes("\n")) return `${label}${open} ${line} ${close}`;
  return `${label}${open}\n${parts.map((part) => `  ${part.replaceAll("\n", "\n  ")}`).join(",\n")}\n${close}`;
}
