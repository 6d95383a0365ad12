/** What the page and the worker of a live cell tell each other. */
export interface Job {
  code: string;
  /** Runs after the code, in its scope; empty for none. */
  check: string;
}

export type Report =
  | { type: "ready" }
  | { type: "print"; level: "log" | "warn" | "error"; text: string }
  /** A picture as the text of an SVG. */
  | { type: "picture"; svg: string }
  | { type: "check"; name: string; passed: boolean; text: string }
  /** `line` counts from 1 in the cell; null when the error is not of a line of it. */
  | { type: "error"; text: string; line: number | null }
  | { type: "done"; ms: number };
