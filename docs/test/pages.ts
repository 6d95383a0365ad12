/** The live cells of the pages, as the tests find them. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execute } from "../.vitepress/live/execute.ts";
import type { Job, Report } from "../.vitepress/live/protocol.ts";

export const docs = join(dirname(fileURLToPath(import.meta.url)), "..");

export interface PageCell extends Job {
  page: string;
  line: number;
  /** What solves the exercise; null for cells that are none. */
  solution: string | null;
}

const block =
  /^```ts live( exercise)?\n([\s\S]*?)^```\n(?:\n<!-- check\n([\s\S]*?)-->\n)?(?:\n<details>\n<summary>Solution<\/summary>\n\n```ts\n([\s\S]*?)^```\n)?/gm;

export function cellsOf(page: string): PageCell[] {
  const text = readFileSync(join(docs, page), "utf8");
  return [...text.matchAll(block)].map((match) => ({
    page,
    line: text.slice(0, match.index).split("\n").length,
    code: match[2]!.trimEnd(),
    check: match[3]?.trimEnd() ?? "",
    solution: match[1] === undefined ? null : (match[4]?.trimEnd() ?? ""),
  }));
}

export const pages = readdirSync(docs, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith(".md") && !name.includes("node_modules") && !name.startsWith("."))
  .sort();

export const liveCells = pages.flatMap(cellsOf);

/** Runs a cell here; what it printed, and how its checks went. */
export async function runHere(job: Job) {
  const reports: Report[] = [];
  await execute(job, (report) => reports.push(report));
  return summary(reports);
}

export function summary(reports: readonly Report[]) {
  return {
    printed: reports.flatMap((report) => (report.type === "print" ? [report.text] : [])),
    errors: reports.flatMap((report) => (report.type === "error" ? [report.text] : [])),
    checks: reports.flatMap((report) =>
      report.type === "check" ? [`${report.passed ? "✓" : "✗"} ${report.name} ${report.text}`] : [],
    ),
  };
}
