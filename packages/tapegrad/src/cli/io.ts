/** What every command has in common: where text goes, how it ends, what is wrong with its arguments. */
import type { Output } from "@tapegrad/train";

export const exitCodes = {
  done: 0,
  failed: 1,
  wrongUsage: 2,
  interrupted: 128 + 2, // as shells count a program ended by signal 2, SIGINT
} as const;

export interface Io {
  /** Results: text, or one JSON document. */
  readonly output: Output;
  /** Progress, warnings and errors. */
  readonly errors: Output;
  /** Ends training as Ctrl-C does. */
  readonly signal?: AbortSignal;
}

/** The command line or a config can't be used; nothing was begun. */
export class UsageError extends Error {}

/** Writes a result: as one JSON document, or as text for people. */
export function report(io: Io, json: boolean, document: unknown, text: string): void {
  io.output.write(`${json ? JSON.stringify(document) : text}\n`);
}
