import { ValueError } from "@tapegrad/core";

/** How much of a long formula an error shows on either side of the caret. */
const MARGIN = 30;

/** A formula that can't be read, or grows too large; the message shows where. */
export class FormulaError extends ValueError {
  override get name(): string {
    return "FormulaError";
  }

  /** Where in the text the trouble is, counted from 0; null if it is nowhere in particular. */
  readonly position: number | null;

  constructor(message: string, text?: string, position?: number) {
    super(
      text === undefined || position === undefined
        ? message
        : `${message}\n${pointed(text, position)}`,
    );
    this.position = position ?? null;
  }
}

/** The text around the position, and a caret under it. */
function pointed(text: string, position: number): string {
  const start = Math.max(0, position - MARGIN);
  const end = Math.min(text.length, position + MARGIN);
  const before = start > 0 ? "…" : "";
  const after = end < text.length ? "…" : "";
  const line = text.slice(start, end).replace(/\s/g, " ");
  return `  ${before}${line}${after}\n  ${" ".repeat(before.length + position - start)}^`;
}
