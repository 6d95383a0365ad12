/** A search's file: a line that says which search it is, and one for each trial that is over. */
import { show, ValueError } from "@tapegrad/core";
import { FormatError, readBytes, writeFileAtomic } from "@tapegrad/data";
import type { Json } from "@tapegrad/nn";
import * as v from "valibot";
import { readJson, writeJson } from "./json.ts";

const number = v.custom<number>((value) => typeof value === "number", "it must be a number");

const trialSchema = v.object({
  number: v.pipe(v.number("it must be a number"), v.safeInteger("it must be whole"), v.minValue(0)),
  params: v.record(v.string(), v.any()),
  status: v.picklist(["finished", "pruned", "diverged"], "it must be finished, pruned or diverged"),
  value: number,
  reports: v.array(number, "it must be an array"),
  seconds: number,
});

/** A trial as its line says it. */
export type TrialRecord = v.InferOutput<typeof trialSchema>;

/** Which search a file is of: what must be equal for it to be resumed. */
export type SearchHeader = Record<string, Json>;

/**
 * The trials in the file; none if there is no such file.
 *
 * @throws FileError if it can't be read, FormatError naming the first line that is wrong, ValueError if it
 *   is of another search
 */
export async function readLog(path: string, header: SearchHeader): Promise<TrialRecord[]> {
  const bytes = await readBytes("search", path).catch((error: Error) => {
    if ((error.cause as { code?: string } | undefined)?.code === "ENOENT") return null;
    throw error;
  });
  if (bytes === null) return [];
  const lines = new TextDecoder().decode(bytes).split("\n");
  // A line is whole once its end is written.
  lines.pop();
  const values = lines.map((line, i) => {
    try {
      return readJson(line);
    } catch (error) {
      throw new FormatError(`search: ${path}, line ${i + 1}: ${(error as Error).message}.`);
    }
  });
  checkHeader(path, values.shift(), header);
  return values.map((value, i) => {
    const { success, output, issues } = v.safeParse(trialSchema, value);
    const fail = (message: string): never => {
      throw new FormatError(`search: ${path}, line ${i + 2}: ${message}.`);
    };
    if (!success) return fail(`${v.getDotPath(issues[0]) ?? "it"}: ${issues[0].message}`);
    if (output.number !== i) return fail(`number: it is ${output.number}, and should be ${i}`);
    return output;
  });
}

function checkHeader(path: string, found: Json | undefined, wanted: SearchHeader): void {
  if (typeof found !== "object" || found === null || !("search" in found)) {
    throw new FormatError(`search: ${path}, line 1: it is no search's file; name another file.`);
  }
  for (const [name, value] of Object.entries(wanted)) {
    const there = (found as Record<string, Json>)[name];
    if (writeJson(there) === writeJson(value)) continue;
    throw new ValueError(
      `search: ${path} is of another search: its ${name} is ${text(there)} and this one's ${text(value)}; name another file, or make them equal.`,
    );
  }
}

const text = (value: Json | undefined) => (value === undefined ? show(value) : writeJson(value));

/** Writes the whole file anew: a kill at any moment leaves this one or the one before. */
export async function writeLog(
  path: string,
  header: SearchHeader,
  trials: readonly TrialRecord[],
): Promise<void> {
  const lines = [header, ...trials].map((line) => `${writeJson(line)}\n`);
  await writeFileAtomic("search", path, new TextEncoder().encode(lines.join("")));
}
