/** Inputs that can be changed, as texts and as numbers. */
import type { GraphNode } from "../schema.ts";

/** Whether the node is an input of which the JSON lists every element. */
export function isEditable({ kind, outputs }: GraphNode): boolean {
  return (kind === "leaf" || kind === "parameter") && outputs[0]!.value?.values !== undefined;
}

/** A field for its elements as one writes them: "2", "0.5, 3". */
export function inputField({ kind, name, outputs }: GraphNode, key: string): HTMLElement {
  const values = outputs[0]!.value!.values!;
  const field = document.createElement("input");
  field.type = values.length === 1 ? "number" : "text";
  field.step = "any";
  field.dataset.key = key;
  field.value = values.join(", ");
  const label = document.createElement("label");
  label.append(name ?? kind, field);
  return label;
}

/** The elements in a text, or what is wrong with it. */
export function elementsIn(text: string, count: number): number[] | string {
  const words = text
    .replaceAll("−", "-")
    .split(/[\s,;]+/)
    .filter((word) => word !== "");
  const numbers = words.map(Number);
  const wrong = words.find((_, i) => Number.isNaN(numbers[i]));
  if (wrong !== undefined) return `“${wrong}” is not a number.`;
  if (numbers.length === count) return numbers;
  return count === 1
    ? "One number, please."
    : `${numbers.length} numbers; ${count} are needed, separated by commas.`;
}
