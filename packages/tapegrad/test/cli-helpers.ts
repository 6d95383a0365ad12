/** The command line in this process: arguments in, text out. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "@jest/globals";
import { runProgram } from "../src/cli/program.ts";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

class Text {
  text = "";
  write(more: string): void {
    this.text += more;
  }
}

export interface Ended {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

/** @param args  one text, cut at spaces, or the arguments themselves */
export async function tapegrad(
  args: string | readonly string[],
  signal?: AbortSignal,
): Promise<Ended> {
  const [output, errors] = [new Text(), new Text()];
  const list = typeof args === "string" ? args.split(" ") : args;
  const exitCode = await runProgram(list, {
    output,
    errors,
    ...(signal === undefined ? {} : { signal }),
  });
  return { exitCode, output: output.text, errors: errors.text };
}

/** The document of a command that must succeed with --json. */
export async function document<T>(args: string | readonly string[]): Promise<T> {
  const list = typeof args === "string" ? args.split(" ") : args;
  const { exitCode, output, errors } = await tapegrad([...list, "--json"]);
  if (exitCode !== 0) throw new Error(`tapegrad ${list.join(" ")}: ${exitCode}, ${errors}`);
  return JSON.parse(output) as T;
}

/** A folder for the tests of a file: `path("name")` is a path in it. */
export function temporary(): (name: string) => string {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tapegrad-cli-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  return (name) => join(folder, name);
}
