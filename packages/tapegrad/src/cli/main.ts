/** The process of `tapegrad`. */
import { runProgram } from "./program.ts";

// Whoever reads the output may have seen enough: `tapegrad runs list | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

process.exitCode = await runProgram(process.argv.slice(2), {
  output: process.stdout,
  errors: process.stderr,
});
