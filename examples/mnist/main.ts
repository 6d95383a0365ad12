/** `npm start`: trains a network on MNIST. `npm start -- --help` lists the options. */
import { run } from "./cli.ts";

const controller = new AbortController();
// Once: a second Ctrl-C finds no listener and ends the program as usual.
process.once("SIGINT", () => controller.abort());
process.exitCode = await run(process.argv.slice(2), {
  output: process.stdout,
  errors: process.stderr,
  signal: controller.signal,
});
