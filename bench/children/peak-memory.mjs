/** Loaded before a program with --import: leaves the process's peak resident memory in a file. */
import { writeFileSync } from "node:fs";

process.on("exit", () => {
  const { maxRSS } = process.resourceUsage(); // KiB
  writeFileSync(process.env.TAPEGRAD_BENCH_PEAK, String(maxRSS * 1024));
});
