/** The latest full run of `npm run bench`, for the benchmarks page. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const file = join(dirname(fileURLToPath(import.meta.url)), "../../bench/results/latest.json");

export interface Bench {
  machine: {
    date: string;
    cpu: string;
    cores: number;
    node: string;
    contenders: Record<string, string>;
  };
  workloads: Record<
    string,
    {
      title: string;
      unit: string;
      results: Record<string, { mean: number; median: number; lower: number; upper: number }>;
    }
  >;
  figures: { name: string; value: number; wanted: string; met: boolean }[];
  memory: { mode: string; points: { step: number; rss: number }[] }[];
  start: { seconds: number; peakBytes: number; testAccuracy: number };
}

declare const data: Bench;

export { data };

export default {
  watch: [file],
  load: (): Bench => JSON.parse(readFileSync(file, "utf8")),
};
