/** `tapegrad report`: the plots of runs in one HTML file. */
import { writeFileAtomic } from "@tapegrad/data";
import { RunFolder, readRecord } from "@tapegrad/train";
import { report as reportOf } from "@tapegrad/viz";
import { exitCodes, type Io, report as print, UsageError } from "../io.ts";
import type { RunRecord } from "../runs.ts";

export interface ReportCommandOptions {
  readonly output: string;
  readonly title?: string;
  readonly json: boolean;
}

export async function report(
  paths: readonly string[],
  { output, title, json }: ReportCommandOptions,
  io: Io,
): Promise<number> {
  if (!/\.html?$/i.test(output)) {
    throw new UsageError(`-o ${output}: a report is a page; let the file end in .html.`);
  }
  const runs = [];
  for (const path of paths) {
    const folder = new RunFolder(path);
    if (!(await folder.exists())) throw new UsageError(`there is no run in "${path}".`);
    // Other programs keep what they like there.
    const kept = (await folder.config()).config as Partial<RunRecord> | null;
    const inputShape = kept?.facts?.shape;
    runs.push(await readRecord(path, inputShape === undefined ? {} : { inputShape }));
  }
  const html = await reportOf(runs, title === undefined ? {} : { title });
  const bytes = new TextEncoder().encode(html);
  await writeFileAtomic("tapegrad report", output, bytes);
  const names = runs.map(({ name }) => name);
  print(
    io,
    json,
    { file: output, bytes: bytes.length, runs: names },
    `${output}: ${names.join(", ")}`,
  );
  return exitCodes.done;
}
