/** TypeScript of a cell → the body of an asynchronous function, line for line. */
import { transform } from "sucrase";
import type { Job } from "./protocol.ts";

/** The name that stack traces give to a cell. */
export const cellName = "cell.ts";

/** Lines that engines put before the body of a function made from text. */
const preamble = 2;

export function compile({ code, check }: Job): string {
  // Types are dropped and imports become calls of `require`; no line moves.
  const source = check === "" ? code : `${code}\n${check}`;
  return `${transform(source, { transforms: ["typescript", "imports"], disableESTransforms: true }).code}\n//# sourceURL=${cellName}`;
}

/**
 * The line of the cell where an error comes from, if any: the parser's own for mistakes of syntax, else the
 * first frame of the stack that is in the cell.
 */
export function lineOf(error: unknown, job: Job): number | null {
  const count = job.code.split("\n").length;
  const inCell = (line: number) => (line >= 1 && line <= count ? line : null);
  if (!(error instanceof Error)) return null;
  const syntax = (error as { loc?: { line: number } }).loc;
  if (syntax !== undefined) return inCell(syntax.line);
  const frame = new RegExp(`${cellName.replace(".", "\\.")}:(\\d+)`).exec(error.stack ?? "");
  return frame === null ? null : inCell(Number(frame[1]) - preamble);
}
